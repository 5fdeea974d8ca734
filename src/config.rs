//! The environment and the user's settings: the only module that reads either.
//!
//! Floor 6. A setting is looked for in the options, then in the environment, then in the user's file
//! `$XDG_CONFIG_HOME/larder/config.toml`. A key that does not exist is refused with its place in the file.

mod remotes;

pub use remotes::{REMOTES_FILE, Remotes, check_remote_name};

use crate::error::{Code, Error, IoContext, Result};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the passphrase itself may stand; never given to a child.
pub const PASSPHRASE: &str = "LARDER_PASSPHRASE";
/// A file whose first line is the passphrase.
pub const PASSPHRASE_FILE: &str = "LARDER_PASSPHRASE_FILE";
/// A command whose first line of output is the passphrase.
pub const PASSPHRASE_COMMAND: &str = "LARDER_PASSPHRASE_COMMAND";
/// A key file.
pub const KEY_FILE: &str = "LARDER_KEY_FILE";
/// The token by which commands inside `larder lock` inherit the lock.
pub const LOCK_TOKEN: &str = "LARDER_LOCK_TOKEN";
/// The repository.
pub const REPOSITORY: &str = "LARDER_REPOSITORY";
/// The command that reaches other machines, in the place of `ssh`.
pub const SSH: &str = "LARDER_SSH";
/// The token for servers that speak larder's own protocol; never given to a child.
pub const TOKEN: &str = "LARDER_TOKEN";
/// A file with tokens for such servers.
pub const TOKEN_FILE: &str = "LARDER_TOKEN_FILE";
/// Variables that no child process of ours needs to know.
pub const SECRET_VARIABLES: [&str; 5] = [PASSPHRASE, PASSPHRASE_FILE, PASSPHRASE_COMMAND, TOKEN, TOKEN_FILE];

/// A variable of the environment; an empty one counts as absent.
pub fn variable(name: &str) -> Option<OsString> {
    #[allow(clippy::disallowed_methods)]
    let value = std::env::var_os(name);
    value.filter(|value| !value.is_empty())
}

/// The environment of this process, without the passphrase: what tasks may be given of it.
pub fn environment() -> BTreeMap<OsString, OsString> {
    #[allow(clippy::disallowed_methods)]
    let variables = std::env::vars_os();
    variables.filter(|(name, _)| name != PASSPHRASE).collect()
}

/// The name of the user this process runs for, or the number where there is no name.
pub fn user_name() -> String {
    let uid = nix::unistd::geteuid();
    nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// A child process that inherits neither the passphrase nor the token.
pub fn child(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove(PASSPHRASE).env_remove(TOKEN);
    command
}

/// The user's directory for what must be kept: device keys, highest heads seen.
///
/// # Errors
/// CONFIG_MISSING when neither XDG_STATE_HOME nor HOME is set.
pub fn state_dir() -> Result<PathBuf> {
    home_dir("XDG_STATE_HOME", ".local/state")
}

/// The user's directory for what can be made again: indexes of repositories that are not on this machine.
///
/// # Errors
/// CONFIG_MISSING when neither XDG_CACHE_HOME nor HOME is set.
pub fn cache_dir() -> Result<PathBuf> {
    home_dir("XDG_CACHE_HOME", ".cache")
}

/// The user's file of settings.
///
/// # Errors
/// CONFIG_MISSING when neither XDG_CONFIG_HOME nor HOME is set.
pub fn settings_file() -> Result<PathBuf> {
    Ok(home_dir("XDG_CONFIG_HOME", ".config")?.join("config.toml"))
}

fn home_dir(variable_name: &str, below_home: &str) -> Result<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable_name)
        .or_else(|| absolute("HOME").or_else(passwd_home).map(|home| home.join(below_home)))
        .map(|dir| dir.join("larder"))
        .ok_or_else(|| {
            Error::new(Code::ConfigMissing, format!("neither {variable_name} nor HOME says where files of yours go"))
                .with_hint("set HOME to an absolute path")
        })
}

/// The home that the system knows of, for services that run without HOME.
fn passwd_home() -> Option<PathBuf> {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten()?;
    Some(user.dir).filter(|dir| dir.is_absolute())
}

/// What the user's file of settings may say.
#[derive(Clone, Debug, Default, serde::Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The repository to use when no option and no variable names one.
    pub repository: Option<PathBuf>,
    /// A file whose first line is the passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// A command whose first line of output is the passphrase.
    pub passphrase_command: Option<String>,
    /// A key file.
    pub key_file: Option<PathBuf>,
    /// Seconds to wait for a lock.
    pub lock_wait: Option<u64>,
    /// Seconds between lines of progress in a log.
    pub progress_interval: Option<u64>,
    /// The longest file, in bytes, that a task may read.
    pub max_input_size: Option<u64>,
    /// Which runs are kept: ages, numbers, sizes.
    pub run_keep: Option<Vec<String>>,
    /// Whether runs store what their tasks read.
    pub keep_inputs: Option<bool>,
    /// The command that reaches other machines, run by `sh`; otherwise `ssh`.
    pub ssh_command: Option<String>,
    /// How larder is called on other machines; otherwise `larder`.
    pub ssh_program: Option<String>,
    /// How rclone is called, by `sh`; otherwise `rclone`.
    pub rclone_command: Option<String>,
    /// A file with tokens for servers that speak larder's own protocol.
    pub token_file: Option<PathBuf>,
    /// Bytes a second to media that are not of this machine.
    pub limit_upload: Option<u64>,
    /// Bytes a second from media that are not of this machine.
    pub limit_download: Option<u64>,
}

impl Settings {
    /// The user's settings, read once a process; without a file, nothing is set.
    ///
    /// # Errors
    /// CONFIG_ERROR when it cannot be read, PARSE_ERROR with the place when it is not TOML or has an unknown key.
    pub fn load() -> Result<&'static Settings> {
        static LOADED: OnceLock<Settings> = OnceLock::new();
        match LOADED.get() {
            Some(settings) => Ok(settings),
            None => Settings::read().map(|settings| LOADED.get_or_init(|| settings)),
        }
    }

    fn read() -> Result<Settings> {
        let Ok(path) = settings_file() else { return Ok(Settings::default()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Settings::parse(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(error) => {
                let beneath = Err::<(), _>(error).at("read", &path).err();
                let message = format!("the settings in {} cannot be read", path.display());
                let failed = Error::new(Code::ConfigError, message);
                Err(match beneath {
                    Some(source) => failed.with_source(source),
                    None => failed,
                })
            }
        }
    }

    /// Reads settings from a text; `path` stands in messages.
    ///
    /// # Errors
    /// PARSE_ERROR with line and column.
    pub fn parse(path: &Path, text: &str) -> Result<Settings> {
        toml::from_str(text).map_err(|error| parse_error(path, text, &error))
    }
}

/// Where a text is wrong.
fn parse_error(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let head = text.get(..start).unwrap_or_default();
    Error::Parse {
        file: path.display().to_string(),
        line: head.matches('\n').count() + 1,
        column: head.chars().rev().take_while(|c| *c != '\n').count() + 1,
        message: error.message().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_where_they_are_wrong() {
        let path = Path::new("c.toml");
        let settings = Settings::parse(path, "repository = \"/r\"\nlock-wait = 5\n").expect("sound");
        assert_eq!((settings.repository, settings.lock_wait), (Some(PathBuf::from("/r")), Some(5)));
        let error = Settings::parse(path, "lock-wait = 5\n  speed = 3\n").expect_err("unknown");
        assert_eq!(error.code(), Code::ParseError);
        assert!(error.to_string().starts_with("c.toml:2:3: unknown field"), "{error}");
    }
}
