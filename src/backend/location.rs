//! Where a medium is: addresses, and the one table of their schemes.
//!
//! An address is a plain path, or `SCHEME:` and what the scheme makes of the rest. A new scheme is one file beside this
//! one, one row of [`SCHEMES`], and one row of the conformance suite.

use super::stdio::{Program, StdioBackend, ssh_program};
use super::{Backend, FsBackend, Variables, cloud, http, rclone, sftp};
use crate::error::{Code, Error, Result};
use crate::object::hash;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A kind of address.
pub struct Scheme {
    /// What stands before the colon.
    pub name: &'static str,
    /// How such an address looks.
    pub example: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Refuses what is no address of this scheme.
    check: fn(&OsStr) -> Result<()>,
    /// How messages and lists name it: without credentials, and another for another place.
    shown: fn(&OsStr) -> String,
    open: fn(&OsStr, String, &Access) -> Result<Arc<dyn Backend>>,
}

/// Every scheme there is. The first one is also what a plain path means.
pub const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "file",
        example: "/mnt/disk/backup",
        about: "a directory of this machine",
        check: |rest| if rest.is_empty() { Err(empty("the path")) } else { Ok(()) },
        shown: |rest| rest.to_string_lossy().into_owned(),
        open: |rest, _, _| Ok(Arc::new(FsBackend::new(PathBuf::from(rest)))),
    },
    Scheme {
        name: "exec",
        example: "exec:./my-backend --bucket x",
        about: "a program that keeps named bytes, spoken to over its stdin and stdout",
        check: |rest| {
            if rest.as_bytes().iter().all(u8::is_ascii_whitespace) { Err(empty("the command")) } else { Ok(()) }
        },
        shown: shown_command,
        open: |rest, shown, access| {
            let program = Program::shell(rest, access);
            Ok(Arc::new(StdioBackend::new(program, shown, access)))
        },
    },
    Scheme {
        name: "ssh",
        example: "ssh://user@host/srv/backup",
        about: "a directory of another machine that has larder and is reached by ssh",
        check: |rest| ssh_program(rest, &Access::default()).map(|_| ()),
        shown: |rest| format!("ssh:{}", rest.to_string_lossy()),
        open: |rest, shown, access| Ok(Arc::new(StdioBackend::new(ssh_program(rest, access)?, shown, access))),
    },
    Scheme {
        name: "sftp",
        example: "sftp://user@host/srv/backup",
        about: "a directory of another machine that is reached by ssh and has an SFTP server",
        check: sftp::check,
        shown: |rest| format!("sftp:{}", rest.to_string_lossy()),
        open: sftp::open,
    },
    Scheme {
        name: "s3",
        example: "s3://bucket/prefix",
        about: "a bucket of Amazon's storage, or s3:https://host:9000/bucket/prefix of a store that speaks as it does",
        check: cloud::check_s3,
        shown: |rest| format!("s3:{}", rest.to_string_lossy()),
        open: cloud::open_s3,
    },
    Scheme {
        name: "gs",
        example: "gs://bucket/prefix",
        about: "a bucket of Google's storage",
        check: cloud::check_gs,
        shown: |rest| format!("gs:{}", rest.to_string_lossy()),
        open: cloud::open_gs,
    },
    Scheme {
        name: "az",
        example: "az://container/prefix",
        about: "a container of Microsoft's blob storage, also az:https://ACCOUNT.blob.core.windows.net/container",
        check: cloud::check_az,
        shown: |rest| format!("az:{}", rest.to_string_lossy()),
        open: cloud::open_az,
    },
    Scheme {
        name: "rclone",
        example: "rclone:remote:path",
        about: "whatever rclone has a configuration for",
        check: rclone::check,
        shown: rclone::shown,
        open: rclone::open,
    },
    Scheme {
        name: "https",
        example: "https://host/path",
        about: "a `larder serve`, or the files of a repository as any web server gives them, to be read only",
        check: http::check,
        shown: |rest| format!("https:{}", rest.to_string_lossy()),
        open: |_, shown, access| http::open(shown, access),
    },
    Scheme {
        name: "http",
        example: "http://host/path",
        about: "the same, in clear",
        check: http::check,
        shown: |rest| format!("http:{}", rest.to_string_lossy()),
        open: |_, shown, access| http::open(shown, access),
    },
];

/// What opening a medium may need of this machine.
#[derive(Clone, Debug)]
pub struct Access {
    /// The command that reaches other machines, run by `sh`: `ssh` unless the user says otherwise.
    pub ssh_command: OsString,
    /// How the other machine's larder is called.
    pub remote_program: String,
    /// How rclone is called, by `sh`.
    pub rclone_command: OsString,
    /// Variables that programs of ours do not inherit.
    pub hidden_variables: Vec<String>,
    /// Variables that say who asks, where a medium wants to know.
    pub variables: Variables,
    /// A file with tokens for servers that speak larder's own protocol.
    pub token_file: Option<PathBuf>,
    /// Where files wait that are not whole yet; the system's place for temporary files if none is named.
    pub temp: Option<PathBuf>,
    /// How long the other side may be silent, milliseconds.
    pub silence_ms_max: u64,
    /// So many requests are under way at once.
    pub connections_max: usize,
}

impl Default for Access {
    fn default() -> Self {
        Access {
            ssh_command: OsString::from("ssh"),
            remote_program: "larder".to_string(),
            rclone_command: OsString::from("rclone"),
            hidden_variables: Vec::new(),
            variables: Variables::default(),
            token_file: None,
            temp: None,
            silence_ms_max: 120_000,
            connections_max: 4,
        }
    }
}

/// An address that was understood.
#[derive(Clone)]
pub struct Location {
    scheme: &'static Scheme,
    rest: OsString,
}

impl Location {
    /// Understands an address. A path that begins like none of the schemes is a path.
    ///
    /// # Errors
    /// INVALID_ARG when it is empty, of a scheme that is not there, or not as its scheme wants it.
    pub fn parse(text: &OsStr) -> Result<Location> {
        if text.is_empty() {
            return Err(empty("the repository's path"));
        }
        let bytes = text.as_bytes();
        let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (name, rest) =
            (String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase(), &bytes[(end + 1).min(bytes.len())..]);
        let is_word = |name: &str| {
            name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let scheme = SCHEMES.iter().find(|scheme| scheme.name == name);
        let is_address = scheme.is_some() || (is_word(&name) && rest.starts_with(b"//"));
        let (scheme, rest) = match scheme {
            _ if !is_address => (&SCHEMES[0], bytes),
            Some(scheme) if scheme.name == "file" => (scheme, file_path(rest)?),
            Some(scheme) => (scheme, rest),
            None => return Err(unknown(&name)),
        };
        let rest = OsString::from_vec(rest.to_vec());
        (scheme.check)(&rest)?;
        Ok(Location { scheme, rest })
    }

    /// The directory, when it is one of this machine.
    pub fn local_path(&self) -> Option<&Path> {
        (self.scheme.name == "file").then(|| Path::new(&self.rest))
    }

    /// The same place, with a path of this machine seen from `dir`.
    pub fn absolute_from(self, dir: &Path) -> Location {
        match self.local_path().map(|path| dir.join(path)) {
            Some(path) => Location { rest: path.into_os_string(), ..self },
            None => self,
        }
    }

    /// The address as it is kept in settings: all of it.
    pub fn address(&self) -> OsString {
        match self.local_path() {
            Some(path) => path.as_os_str().to_os_string(),
            None => {
                let mut text = OsString::from(format!("{}:", self.scheme.name));
                text.push(&self.rest);
                text
            }
        }
    }

    /// The name of its scheme.
    pub fn scheme(&self) -> &'static str {
        self.scheme.name
    }

    /// Sixteen digits that no other place has.
    pub fn digest(&self) -> String {
        hash(self.address().as_bytes()).to_hex()[..16].to_string()
    }

    /// The medium. Nothing is asked of it yet.
    ///
    /// # Errors
    /// INVALID_ARG when the address does not fit its scheme.
    pub fn open(&self, access: &Access) -> Result<Arc<dyn Backend>> {
        (self.scheme.open)(&self.rest, self.to_string(), access)
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&(self.scheme.shown)(&self.rest))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Location) -> bool {
        self.scheme.name == other.scheme.name && self.rest == other.rest
    }
}

impl Eq for Location {}

/// The path of a `file:` address. What stands for a host is not shown: it may have a password in it.
fn file_path(rest: &[u8]) -> Result<&[u8]> {
    let Some(rest) = rest.strip_prefix(b"//") else { return Ok(rest) };
    let (host, path) = rest.split_at(rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()));
    if host.is_empty() || host.eq_ignore_ascii_case(b"localhost") {
        return Ok(path);
    }
    Err(Error::new(Code::InvalidArg, "a `file:` address names a directory of this machine, and no host")
        .with_hint("say file:///path, or the path alone; `ssh://` and `sftp://` name directories of other machines"))
}

fn empty(what: &str) -> Error {
    Error::new(Code::InvalidArg, format!("{what} is empty"))
}

fn unknown(name: &str) -> Error {
    let message = format!("`{}` is not a kind of medium that this larder knows", name.escape_debug());
    let known: Vec<&str> = SCHEMES.iter().map(|scheme| scheme.example).collect();
    Error::new(Code::InvalidArg, message).with_hint(format!("addresses are such as {}", known.join(", ")))
}

/// A command may have a secret among its words: the program is shown, and of the rest a digest.
fn shown_command(command: &OsStr) -> String {
    let text = command.to_string_lossy();
    let mut words = text.split_whitespace();
    let program = words.next().unwrap_or_default();
    match words.next() {
        None => format!("exec:{program}"),
        Some(_) => format!("exec:{program} (words {})", &hash(command.as_bytes()).to_hex()[..8]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location> {
        Location::parse(OsStr::new(text))
    }

    #[test]
    fn addresses_are_understood_or_refused_by_name() {
        for (text, scheme, shown) in [
            ("/a/b", "file", "/a/b"),
            ("a:b", "file", "a:b"),
            ("file:a", "file", "a"),
            ("file:///a", "file", "/a"),
            ("FILE:/a", "file", "/a"),
            ("file://localhost/a", "file", "/a"),
            ("exec:./x", "exec", "exec:./x"),
            ("ssh://me@host:22/a b", "ssh", "ssh://me@host:22/a b"),
            ("s3://bucket/x", "s3", "s3://bucket/x"),
            ("sftp://me@host/x", "sftp", "sftp://me@host/x"),
            ("rclone:disk:x", "rclone", "rclone:disk:x"),
            ("https://host/x", "https", "https://host/x"),
        ] {
            let location = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((location.scheme(), location.to_string().as_str()), (scheme, shown), "{text}");
            assert_eq!(parse(location.address().to_str().unwrap()).unwrap(), location);
        }
        for text in [
            "",
            "file:",
            "file://",
            "file://host/a",
            "exec: ",
            "s3://me:secret@bucket/x",
            "rclone:disk",
            "nonsense://x",
            "ssh://",
            "ssh://host",
        ] {
            assert_eq!(parse(text).map(|_| ()).unwrap_err().code(), Code::InvalidArg, "{text}");
        }
        assert!(parse("ssh://me:secret@host/x").unwrap_err().to_string().contains("password"));
        assert!(parse("ssh://-oProxyCommand=x/y").is_err());
        assert!(!format!("{:?}", parse("file://me:secret@host/x").unwrap_err()).contains("secret"));
    }

    #[test]
    fn words_of_commands_are_not_shown_and_still_tell_places_apart() {
        let (one, two) = (parse("exec:put --token hush").unwrap(), parse("exec:put --token psst").unwrap());
        assert!(!one.to_string().contains("hush") && !format!("{one:?}").contains("hush"));
        assert_ne!(one.to_string(), two.to_string());
        assert_ne!(one.digest(), two.digest());
    }

    #[test]
    fn a_path_is_kept_as_seen_from_where_it_was_said() {
        let there = parse("disk").unwrap().absolute_from(Path::new("/mnt"));
        assert_eq!(there.local_path(), Some(Path::new("/mnt/disk")));
        assert_eq!(parse("exec:x").unwrap().absolute_from(Path::new("/mnt")).address(), "exec:x");
    }
}
