//! What is run to reach a medium.

use crate::backend::Access;
use crate::error::{Code, Error, Result};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};

/// A program with its arguments.
#[derive(Clone)]
pub struct Program {
    words: Vec<OsString>,
    hidden_variables: Vec<String>,
}

impl Program {
    /// What `sh` makes of a text.
    pub fn shell(text: &OsStr, access: &Access) -> Program {
        Program::new(vec!["sh".into(), "-c".into(), text.to_os_string()], access)
    }

    fn new(words: Vec<OsString>, access: &Access) -> Program {
        Program { words, hidden_variables: access.hidden_variables.clone() }
    }

    /// The process to start, with all three streams in our hands.
    pub(in crate::backend) fn command(&self) -> Command {
        let mut command = Command::new(self.words.first().map_or(OsStr::new("sh"), OsString::as_os_str));
        command.args(self.words.iter().skip(1));
        self.hidden_variables.iter().for_each(|name| _ = command.env_remove(name));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// `//[USER@]HOST[:PORT]/PATH`.
#[derive(Debug, PartialEq, Eq)]
pub struct SshAddress<'a> {
    user: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    /// Where on the other machine. What began with `/~/` is seen from the user's home there.
    pub path: &'a [u8],
}

impl<'a> SshAddress<'a> {
    /// Understands what stands after a scheme.
    ///
    /// # Errors
    /// INVALID_ARG when it is no such address, or has a password in it.
    pub fn parse(scheme: &str, rest: &'a OsStr) -> Result<SshAddress<'a>> {
        let wrong = |how: &str| {
            Error::new(Code::InvalidArg, format!("an {scheme} address {how}")).with_hint(format!(
                "such an address is {scheme}://user@host:22/path, or {scheme}://host/~/path below the home there"
            ))
        };
        let text = rest.as_bytes().strip_prefix(b"//").ok_or_else(|| wrong(&format!("begins with {scheme}://")))?;
        let slash = text.iter().position(|byte| *byte == b'/').ok_or_else(|| wrong("names a path"))?;
        let (host, path) = text.split_at(slash);
        let host = std::str::from_utf8(host).map_err(|_| wrong("names a host in plain letters"))?;
        let (user, host) = host.rsplit_once('@').map_or((None, host), |(user, host)| (Some(user), host));
        if user.is_some_and(|user| user.contains(':')) {
            return Err(wrong("has no password in it: ssh has keys and an agent for that"));
        }
        let (host, port) = match host.rsplit_once(':') {
            // An address of version 6 stands in brackets.
            Some((host, port)) if !port.contains(']') => {
                let port: u16 = port.parse().map_err(|_| wrong("has a number after the colon"))?;
                (host, Some(port))
            }
            _ => (host, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        // What begins with a dash would be an option to ssh.
        let is_plain = |word: &str| {
            !word.is_empty() && !word.starts_with('-') && !word.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if !is_plain(host) || !user.is_none_or(is_plain) {
            return Err(wrong("names a host"));
        }
        let path = path.strip_prefix(b"/~/").unwrap_or(path);
        if path.is_empty() || path == b"/" || path.contains(&0) {
            return Err(wrong("names a path"));
        }
        Ok(SshAddress { user, host, port, path })
    }

    /// ssh, which is to do there what `there` says after the host, with these options.
    fn program(&self, options: &[&str], there: OsString, access: &Access) -> Program {
        let mut words: Vec<OsString> =
            vec!["sh".into(), "-c".into(), with_arguments(&access.ssh_command), "ssh".into()];
        if let Some(port) = self.port {
            words.extend(["-p".into(), port.to_string().into()]);
        }
        words.extend(options.iter().map(OsString::from));
        words.push(self.user.map_or(self.host.to_string(), |user| format!("{user}@{}", self.host)).into());
        words.push(there);
        Program::new(words, access)
    }
}

/// The program for an ssh address: ssh, and on the other side larder.
///
/// # Errors
/// As [`SshAddress::parse`].
pub fn ssh_program(rest: &OsStr, access: &Access) -> Result<Program> {
    let address = SshAddress::parse("ssh", rest)?;
    let mut there = format!("{} serve-stdio -- ", access.remote_program).into_bytes();
    there.extend(quoted(address.path));
    Ok(address.program(&[], OsString::from_vec(there), access))
}

/// The program for an sftp address: ssh with these options, and on the other side whatever it has for files.
pub fn sftp_program(address: &SshAddress<'_>, options: &[&str], access: &Access) -> Program {
    address.program(&[options, &["-s"]].concat(), OsString::from("sftp"), access)
}

/// What ssh's last words are called, when asking again at once is no use.
pub fn ssh_failure(said: &str) -> Option<Code> {
    const NOT_LET_IN: [&str; 4] = [
        "Permission denied",
        "Host key verification failed",
        "Too many authentication failures",
        "subsystem request failed",
    ];
    const NOT_THERE: [&str; 2] = ["ssh: connect to host", "ssh: Could not resolve hostname"];
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    match said {
        _ if has(&NOT_LET_IN) => Some(Code::Unauthorized),
        _ if has(&NOT_THERE) => Some(Code::NetworkUnreachable),
        _ => None,
    }
}

/// A command of the user's, as `sh` runs it with our words after its own.
fn with_arguments(command: &OsStr) -> OsString {
    let mut text = command.to_os_string();
    text.push(" \"$@\"");
    text
}

/// One word of a shell's line.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => out.extend(b"'\\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(rest: &str) -> Vec<String> {
        let program = ssh_program(OsStr::new(rest), &Access::default()).unwrap();
        program.words.iter().skip(4).map(|word| word.to_str().unwrap().to_string()).collect()
    }

    #[test]
    fn an_address_becomes_words_of_ssh() {
        assert_eq!(words("//host/srv/a"), ["host", "larder serve-stdio -- '/srv/a'"]);
        assert_eq!(words("//me@host:2222/it's"), ["-p", "2222", "me@host", "larder serve-stdio -- '/it'\\''s'"]);
        assert_eq!(words("//[::1]:22/~/a b"), ["-p", "22", "::1", "larder serve-stdio -- 'a b'"]);
        for wrong in ["host/x", "//host", "//host/", "///x", "//host:x/y", "//-x/y", "//-l@h/y", "//a b/c"] {
            assert!(ssh_program(OsStr::new(wrong), &Access::default()).is_err(), "{wrong}");
        }
    }
}
