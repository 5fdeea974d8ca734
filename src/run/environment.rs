//! What a task sees of the environment, and which program a name means.
//!
//! Part of floor 5's `run`. A task sees what it declares, what it asks to be passed on, and a fixed base; nothing else
//! of the environment reaches it, so nothing hidden can change its result. Of the base, `LANG` and `TZ` are constants,
//! and `PATH HOME USER TMPDIR` are visible without being in the key.

use super::manifest::Settings;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::object::hash;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What every task sees with these values.
const CONSTANTS: [(&str, &str); 2] = [("LANG", "C.UTF-8"), ("TZ", "UTC")];
/// What every task sees of the environment.
const VISIBLE: [&str; 5] = ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR"];
/// Where programs are where the environment does not say.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// What asks programs for colour.
const COLOUR: [(&str, &str); 3] = [("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1"), ("TERM", "xterm-256color")];
/// What a `key-from` command may print.
const PRINTED_BYTES_MAX: u64 = 1 << 20;

/// The environment that larder was called in, and the variables of `dotenv` files beneath it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Of these variables; those of files are hidden by those of the process.
    pub fn new(process: &BTreeMap<OsString, OsString>, files: &[(String, String)]) -> Self {
        let mut variables: BTreeMap<OsString, OsString> =
            files.iter().map(|(name, value)| (name.into(), value.into())).collect();
        variables.extend(process.iter().map(|(name, value)| (name.clone(), value.clone())));
        Environment { variables }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// All that a task sees, sorted by name.
    pub fn of_task(&self, settings: &Settings) -> Vec<(OsString, OsString)> {
        let mut seen: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut set = |name: &str, value: &OsStr| _ = seen.insert(name.into(), value.into());
        CONSTANTS.iter().for_each(|(name, value)| set(name, OsStr::new(value)));
        set("PATH", OsStr::new(PATH_DEFAULT));
        let passed = VISIBLE.into_iter().chain(settings.pass_env.iter().map(String::as_str));
        let passed = passed.chain(settings.secrets.iter().map(|secret| secret.name.as_str()));
        for name in passed {
            if let Some(value) = self.get(name) {
                set(name, value);
            }
        }
        if settings.color {
            COLOUR.iter().for_each(|(name, value)| set(name, OsStr::new(value)));
        }
        if settings.interactive
            && let Some(term) = self.get("TERM")
        {
            set("TERM", term);
        }
        for variable in &settings.env {
            match (&variable.value, self.get(&variable.name)) {
                (Some(value), _) => set(&variable.name, OsStr::new(value)),
                (None, Some(value)) => set(&variable.name, value),
                (None, None) => {}
            }
        }
        seen.into_iter().collect()
    }

    /// The declared variables that are set, each with the hash of its value, sorted by name.
    pub fn keyed(&self, settings: &Settings) -> Vec<(String, Id)> {
        let value = |name: &str, fixed: &Option<String>| match fixed {
            Some(value) => Some(hash(value.as_bytes())),
            None => self.get(name).map(|value| hash(value.as_bytes())),
        };
        let keyed = settings
            .env
            .iter()
            .filter_map(|variable| value(&variable.name, &variable.value).map(|id| (variable.name.clone(), id)));
        let mut keyed: Vec<(String, Id)> = keyed.collect();
        keyed.sort_unstable();
        keyed
    }

    /// The values that logs do not show, of secrets that are set.
    pub fn secrets(&self, settings: &Settings) -> Vec<Vec<u8>> {
        let values = settings.secrets.iter().filter_map(|secret| self.get(&secret.name));
        values.map(|value| value.as_bytes().to_vec()).filter(|value| !value.is_empty()).collect()
    }

    /// Where tasks look for programs that do not say so themselves.
    pub fn path(&self) -> OsString {
        self.get("PATH").map_or_else(|| PATH_DEFAULT.into(), OsString::from)
    }

    /// What a `key-from` command prints, as a hash.
    ///
    /// # Errors
    /// TASK_FAILED when it fails, RESOURCE_EXHAUSTED when it prints more than 1 MiB.
    pub fn printed(&self, command: &str, root: &Path, settings: &Settings) -> Result<Id> {
        let failed = |how: String| {
            Error::new(Code::TaskFailed, format!("the `key-from` command `{command}` {how}"))
                .with_hint("it must print the same as long as the task's result shall count")
        };
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .current_dir(root.join(OsStr::from_bytes(&settings.cwd)))
            .env_clear()
            .envs(self.of_task(settings))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .at("execute", "/bin/sh")?;
        let mut text = Vec::new();
        let read = match child.stdout.take() {
            Some(out) => out.take(PRINTED_BYTES_MAX + 1).read_to_end(&mut text),
            None => Ok(0),
        };
        if text.len() as u64 > PRINTED_BYTES_MAX || read.is_err() {
            let _ = child.kill();
        }
        let status = child.wait().at("wait for", "/bin/sh")?;
        read.at("read from", "/bin/sh")?;
        match text.len() as u64 {
            len if len > PRINTED_BYTES_MAX => {
                fail(Code::ResourceExhausted, format!("the `key-from` command `{command}` prints more than 1 MiB"))
            }
            _ if !status.success() => Err(failed(format!("ended with {status}"))),
            _ => Ok(hash(&text)),
        }
    }
}

/// The file that a program's name means: the first that can be executed in the directories of `path`. A name with a
/// slash is relative to `cwd`.
pub fn find_program(name: &str, path: &OsStr, cwd: &Path) -> Option<PathBuf> {
    let is_program =
        |file: &PathBuf| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    if name.contains('/') {
        return Some(cwd.join(name)).filter(is_program);
    }
    let dirs = path.as_bytes().split(|byte| *byte == b':').map(|dir| cwd.join(OsStr::from_bytes(dir)));
    dirs.map(|dir| dir.join(name)).find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::manifest::{EnvVar, Secret};

    fn environment() -> Environment {
        let process = [("PATH", "/bin"), ("A", "process"), ("TOKEN", "s3cret"), ("HIDDEN", "x"), ("TZ", "Mars")];
        let process = process.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Environment::new(&process, &[("A".into(), "file".into()), ("B".into(), "file".into())])
    }

    fn settings() -> Settings {
        let env = |name: &str, value: Option<&str>| EnvVar { name: name.into(), value: value.map(str::to_string) };
        Settings {
            env: vec![env("A", None), env("B", None), env("C", Some("fixed")), env("D", None)],
            secrets: vec![Secret { name: "TOKEN".into(), label: "1".into() }],
            ..Settings::default()
        }
    }

    #[test]
    fn a_task_sees_what_it_declares_and_nothing_hidden() {
        let seen = environment().of_task(&settings());
        let get = |name: &str| seen.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.to_str());
        assert_eq!((get("A"), get("B"), get("C"), get("D")), (Some("process"), Some("file"), Some("fixed"), None));
        assert_eq!((get("HIDDEN"), get("TZ"), get("LANG")), (None, Some("UTC"), Some("C.UTF-8")));
        assert_eq!((get("TOKEN"), get("PATH")), (Some("s3cret"), Some("/bin")));
    }

    #[test]
    fn what_is_not_set_is_not_in_the_key_and_secrets_never_are() {
        let keyed = environment().keyed(&settings());
        let names: Vec<&str> = keyed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "B", "C"]);
        assert_eq!(keyed[0].1, hash(b"process"));
        assert_eq!(environment().secrets(&settings()), [b"s3cret"]);
    }

    #[test]
    fn programs_are_looked_for_as_the_shell_does() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let tool = |name: &str, mode: u32| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(&path, "").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        tool("a/cc", 0o644);
        tool("b/cc", 0o755);
        tool("x.sh", 0o755);
        let path = OsString::from(format!("{0}/none:{0}/a:{0}/b", dir.path().display()));
        assert_eq!(find_program("cc", &path, dir.path()), Some(dir.path().join("b/cc")));
        assert_eq!(find_program("./x.sh", &path, dir.path()), Some(dir.path().join("./x.sh")));
        assert_eq!(find_program("ld", &path, dir.path()), None);
    }

    #[test]
    fn what_a_command_prints_counts() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let print = |command: &str| environment().printed(command, dir.path(), &settings());
        assert_eq!(print("printf $A$HIDDEN").expect("printed"), hash(b"process"));
        assert_eq!(print("exit 3").expect_err("failed").code(), Code::TaskFailed);
        assert_eq!(print("yes").expect_err("endless").code(), Code::ResourceExhausted);
    }
}
