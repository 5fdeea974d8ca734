//! A project of its own for each test, with its repository, and larder run in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// No test waits for anything longer than this.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A project `work`, a home beside it, and a directory `notes` for what tasks write down outside of the project.
pub struct World {
    dir: tempfile::TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// stdout and stderr as text.
    pub out: String,
    pub err: String,
    /// The exit status; 128+n when a signal ended it.
    pub exit: i32,
}

impl Said {
    /// Checks that it worked, whatever it said.
    pub fn ok(self) -> Said {
        assert_eq!(self.exit, 0, "{self:?}");
        self
    }

    /// Checks the exit status and, where one is given, the code in brackets.
    pub fn failed(self, exit: i32, code: &str) -> Said {
        assert_eq!(self.exit, exit, "{self:?}");
        assert!(self.err.contains(&format!("[{code}]")), "{self:?}");
        self
    }

    /// Checks that it ran so many tasks, took so many as they were known, and nothing else happened.
    pub fn did(self, executed: u64, cached: u64) -> Said {
        let said = self.ok();
        let expected = format!("{executed} executed, {cached} cached");
        assert!(said.out.lines().any(|line| line == expected), "not {expected}: {said:?}");
        said
    }

    /// Checks that this was said as a warning or an error.
    pub fn warned(self, text: &str) -> Said {
        assert!(self.err.contains(text), "not a word of {text}: {self:?}");
        self
    }
}

impl World {
    /// A project with this manifest and a repository of its own in `.larder`.
    pub fn new(manifest: &str) -> World {
        let world = World::bare();
        world.write("larder.toml", manifest);
        world.larder(&["init", "-q"]).ok();
        world
    }

    /// An empty directory to work in.
    pub fn bare() -> World {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "work", "notes"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("home/key"), [b'7'; 64]).unwrap();
        World { dir }
    }

    /// The directory of everything.
    pub fn top(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the project.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// Writes a file in the project.
    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A file of the project as text.
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
    }

    /// Whether something stands there, be it a link that leads nowhere.
    pub fn has(&self, name: impl AsRef<Path>) -> bool {
        std::fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// What tasks wrote down: the lines of `notes/NAME`.
    pub fn notes(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("notes").join(name)).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }

    /// A command in a directory below the top, with the environment of tests.
    pub fn command_in(&self, dir: &str, program: impl AsRef<OsStr>, words: &[&str]) -> Command {
        let built = Path::new(env!("CARGO_BIN_EXE_larder")).parent().unwrap();
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.dir.path().join(dir))
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .env("PATH", format!("{}:/usr/bin:/bin", built.display()))
            .env("LARDER_KEY_FILE", self.dir.path().join("home/key"))
            .stdin(Stdio::null());
        command
    }

    /// larder in the project, not yet started.
    pub fn command(&self, words: &[&str]) -> Command {
        self.command_in("work", "larder", words)
    }

    /// Runs larder in the project.
    pub fn larder(&self, words: &[&str]) -> Said {
        said(self.command(words).output().unwrap())
    }

    /// `larder run` with these words.
    pub fn run(&self, words: &[&str]) -> Said {
        self.larder(&[&["run"], words].concat())
    }

    /// Starts larder in the project; [`end`] takes what it said.
    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until something stands in the directory of notes.
    pub fn await_note(&self, name: &str) {
        let path = self.dir.path().join("notes").join(name);
        wait_for(&format!("notes/{name}"), || path.exists());
    }
}

/// What a command that was started said, once it has ended.
pub fn end(child: Child) -> Said {
    said(child.wait_with_output().unwrap())
}

/// Waits until something is so.
pub fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tries with more and more time, milliseconds: a machine that does much else may be too slow for little. None of these
/// times has to pass where all is well.
pub fn with_more_time<T>(attempt: impl Fn(u64) -> Option<T>) -> T {
    [300, 1_500, 7_500, 30_000].into_iter().find_map(attempt).expect("not even with much time")
}

/// Whether a process has ended, be it that nobody has asked for its status yet.
pub fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

/// What a command said.
pub fn said(output: Output) -> Said {
    use std::os::unix::process::ExitStatusExt;
    let exit = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { out: text(output.stdout), err: text(output.stderr), exit }
}
