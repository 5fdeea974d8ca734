//! The command line from outside: one module a command, one environment for all.
//!
//! The environment of a test is empty but for what [`World`] sets. Golden texts stand inline; those of plumbing are
//! promises (promise 11).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod action_id;
mod backup;
mod cat_object;
mod chunk;
mod clean;
mod completions;
mod compress;
mod digest;
mod dispatch;
mod exec_task;
mod explain;
mod golden;
mod hash_object;
mod help;
mod init;
mod key;
mod lock;
mod look;
mod manifest;
mod plumbing;
mod record;
mod remote;
mod restore;
mod run_faces;
mod sync;
mod terminal;
mod unread;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory to work in and a home beside it.
pub struct World {
    dir: tempfile::TempDir,
}

/// What a command said and how it ended.
pub struct Said {
    /// stdout.
    pub out: Vec<u8>,
    /// stderr as text.
    pub err: String,
    /// The exit status; 128+n when a signal ended it.
    pub exit: i32,
}

impl Said {
    /// stdout as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// stdout of a command that must have worked and said nothing else.
    pub fn clean(&self) -> &str {
        let err: String = self.err.chars().take(2_000).collect();
        assert_eq!((self.exit, err.as_str()), (0, ""));
        self.text()
    }

    /// Checks that it worked, whatever it said.
    pub fn ok(&self) -> &str {
        assert_eq!(self.exit, 0, "{}", self.err);
        self.text()
    }

    /// Checks for an exit status without a word.
    pub fn failed_quietly(&self, exit: i32) {
        assert_eq!((self.exit, self.err.as_str(), self.text()), (exit, "", ""));
    }

    /// Checks the exit status and the code in brackets.
    pub fn failed(&self, exit: i32, code: &str) -> &Said {
        assert_eq!(self.exit, exit, "{}", self.err);
        assert!(self.err.contains(&format!("[{code}]")), "{}", self.err);
        self
    }
}

impl World {
    /// A fresh one.
    #[allow(clippy::new_without_default)]
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        World { dir }
    }

    /// A path below the directory to work in.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// Writes a file below the directory to work in.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A command with the environment of tests.
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .env("PATH", self.search_path())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Where commands are looked for: the built larder, files of the test, the system.
    fn search_path(&self) -> String {
        let built = Path::new(env!("CARGO_BIN_EXE_larder")).parent().unwrap();
        format!("{}:{}:/usr/bin:/bin", self.dir.path().join("work/bin").display(), built.display())
    }

    /// Runs larder. What it says of how far it is, is left out: whether it does depends on how slow the machine is.
    pub fn larder(&self, words: &[&str]) -> Said {
        let mut said = said(self.command("larder", words).output().unwrap());
        let is_status = |line: &&[u8]| {
            let value = serde_json::from_slice::<serde_json::Value>(line);
            value.is_ok_and(|value| value["type"] == "status" && !value["phase"].is_null())
        };
        if said.out.windows(8).any(|text| text == b"\"status\"") {
            said.out = said
                .out
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| !is_status(line))
                .flatten()
                .copied()
                .collect();
        }
        said
    }

    /// Runs larder with this as standard input.
    pub fn larder_with(&self, words: &[&str], input: impl AsRef<[u8]>) -> Said {
        let mut command = self.command("larder", words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_ref().to_vec();
        let writer = std::thread::spawn(move || {
            // A command may end before it has read everything.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        said(output)
    }

    /// Runs a script of the shell.
    pub fn sh(&self, script: &str) -> Said {
        said(self.command("bash", &["-c", script]).output().unwrap())
    }
}

fn said(output: Output) -> Said {
    use std::os::unix::process::ExitStatusExt;
    let exit = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap());
    Said { out: output.stdout, err: String::from_utf8(output.stderr).unwrap(), exit }
}
