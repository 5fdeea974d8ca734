//! Where a passphrase or a key file comes from. It is never a word of the command line.
//!
//! In order: what the options say, the environment, the user's settings, the person at the terminal. Bytes of secrets
//! are wiped when they are dropped, and a process that has read one leaves no core dump of it. A descriptor that a
//! passphrase comes from is taken before any child is made, so that none inherits it.

use crate::config::{self, PASSPHRASE, PASSPHRASE_COMMAND, PASSPHRASE_FILE, Settings};
use crate::crypto::seal::random;
use crate::crypto::slot::{KdfCost, Secret};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE_DIR, PRIVATE_FILE, create_dir_durable, create_durable};
use crate::id::hex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// A passphrase of more bytes is a mistake.
const PASSPHRASE_BYTES_MAX: usize = 4 << 10;
/// A key file of more bytes is a mistake.
const KEY_FILE_BYTES_MAX: usize = 1 << 20;
/// What most secrets fit into.
const SECRET_BYTES: usize = 4 << 10;
/// Randomness of a key file that we make; it is written as hexadecimal digits, to be copied by hand if need be.
const KEY_FILE_RANDOM_BYTES: usize = 32;
/// What opening with a passphrase shall take on the machine where it was set.
const KDF_TARGET_MS: u64 = 500;
/// Beside the user's state: that the warning about a passphrase in the environment was given.
const WARNED_FILE: &str = "warned-passphrase-in-environment";

/// Descriptors of passphrases, by the numbers that the user knows them by, as files that children do not get.
static TAKEN: Mutex<BTreeMap<u32, File>> = Mutex::new(BTreeMap::new());

/// The person who uses larder, if there is one at a terminal.
pub trait Asker {
    /// Asks for a passphrase without showing it; with `is_new`, twice.
    ///
    /// # Errors
    /// INVALID_KEY when there is no terminal to ask at; SYSTEM_ERROR.
    fn passphrase(&self, is_new: bool) -> Result<Zeroizing<Vec<u8>>>;

    /// Says something that the user should know.
    fn warn(&self, text: &str);
}

/// Where options say that the secret is.
#[derive(Clone, Debug, Default)]
pub struct SecretOptions {
    /// A file whose first line is the passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// A command whose first line of output is the passphrase.
    pub passphrase_command: Option<OsString>,
    /// An open file descriptor from which the passphrase is read.
    pub passphrase_fd: Option<u32>,
    /// A key file.
    pub key_file: Option<PathBuf>,
}

/// A secret in memory.
pub enum OwnedSecret {
    /// What a person would type.
    Passphrase(Zeroizing<Vec<u8>>),
    /// The whole content of a key file.
    KeyFile(Zeroizing<Vec<u8>>),
}

impl OwnedSecret {
    /// The secret as the store takes it.
    pub fn as_secret(&self) -> Secret<'_> {
        match self {
            OwnedSecret::Passphrase(bytes) => Secret::Passphrase(bytes),
            OwnedSecret::KeyFile(bytes) => Secret::KeyFile(bytes),
        }
    }

    /// What a slot for this secret shall cost to open: for a passphrase, as much as this machine can in half a second.
    ///
    /// # Errors
    /// MEMORY_ALLOC.
    pub fn kdf_cost(&self) -> Result<KdfCost> {
        match self {
            OwnedSecret::Passphrase(_) => KdfCost::calibrated(KDF_TARGET_MS),
            OwnedSecret::KeyFile(_) => Ok(KdfCost::FLOOR),
        }
    }
}

impl SecretOptions {
    /// Whether the options name a secret, whatever the environment does.
    pub fn says_something(&self) -> bool {
        self.passphrase_file.is_some()
            || self.passphrase_command.is_some()
            || self.passphrase_fd.is_some()
            || self.key_file.is_some()
    }

    /// Reads the secret from where the options say, if they say anything.
    ///
    /// # Errors
    /// INVALID_ARG if they say several; FILE_NOT_FOUND and FILE_IO of files, CONFIG_ERROR of a command, INVALID_KEY of
    /// an empty passphrase.
    pub fn read(&self) -> Result<Option<OwnedSecret>> {
        let given = [
            self.passphrase_file.is_some(),
            self.passphrase_command.is_some(),
            self.passphrase_fd.is_some(),
            self.key_file.is_some(),
        ];
        if given.into_iter().filter(|is_given| *is_given).count() > 1 {
            return Err(Error::new(Code::InvalidArg, "the options name more than one passphrase or key file")
                .with_hint("a slot opens with one of them: give that one; `larder key add` adds another slot"));
        }
        self.read_first()
    }

    /// Reads the first that there is.
    fn read_first(&self) -> Result<Option<OwnedSecret>> {
        keep_out_of_core_dumps();
        if let Some(path) = &self.passphrase_file {
            return from_file(path).map(Some);
        }
        if let Some(command) = &self.passphrase_command {
            return from_command(command).map(Some);
        }
        if let Some(number) = self.passphrase_fd {
            return from_descriptor(number).map(Some);
        }
        self.key_file.as_deref().map(key_file).transpose()
    }

    /// Reads the secret from where the options, the environment or the settings say, if any of them does.
    ///
    /// # Errors
    /// As [`SecretOptions::read`]; PARSE_ERROR of the settings.
    pub fn find(&self, asker: &dyn Asker) -> Result<Option<OwnedSecret>> {
        if let Some(secret) = self.read()? {
            return Ok(Some(secret));
        }
        if let Some(secret) = SecretOptions::of_environment().read_first()? {
            return Ok(Some(secret));
        }
        if let Some(passphrase) = config::variable(PASSPHRASE) {
            warn_once(asker);
            let bytes = Zeroizing::new(passphrase.into_vec());
            return checked(bytes, "the environment").map(Some);
        }
        SecretOptions::of_settings(Settings::load()?).read_first()
    }

    /// What the environment says.
    fn of_environment() -> Self {
        SecretOptions {
            passphrase_file: config::variable(PASSPHRASE_FILE).map(PathBuf::from),
            passphrase_command: config::variable(PASSPHRASE_COMMAND),
            passphrase_fd: None,
            key_file: config::variable(config::KEY_FILE).map(PathBuf::from),
        }
    }

    /// What the user's settings say.
    fn of_settings(settings: &Settings) -> Self {
        SecretOptions {
            passphrase_file: settings.passphrase_file.clone(),
            passphrase_command: settings.passphrase_command.as_ref().map(OsString::from),
            passphrase_fd: None,
            key_file: settings.key_file.clone(),
        }
    }

    /// The files that these options, the environment and the settings name, whichever of them is read.
    ///
    /// # Errors
    /// PARSE_ERROR of the settings.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let others = [SecretOptions::of_environment(), SecretOptions::of_settings(Settings::load()?)];
        let all = std::iter::once(self).chain(&others);
        Ok(all.flat_map(|from| [&from.passphrase_file, &from.key_file]).flatten().cloned().collect())
    }

    /// Reads a new secret from where the options say, or asks for it twice.
    ///
    /// # Errors
    /// As [`SecretOptions::read`]; INVALID_KEY when the options say nothing and nobody is there to ask.
    pub fn read_or_ask(&self, asker: &dyn Asker) -> Result<OwnedSecret> {
        match self.read()? {
            Some(secret) => Ok(secret),
            None => asker.passphrase(true).and_then(|bytes| checked(bytes, "the terminal")),
        }
    }

    /// Finds the secret, or asks for it.
    ///
    /// # Errors
    /// As [`SecretOptions::find`]; INVALID_KEY when nothing says where it is and nobody is there to ask.
    pub fn find_or_ask(&self, asker: &dyn Asker, is_new: bool) -> Result<OwnedSecret> {
        match self.find(asker)? {
            Some(secret) => Ok(secret),
            None => asker.passphrase(is_new).and_then(|bytes| checked(bytes, "the terminal")),
        }
    }
}

/// Makes a key file of random bytes that only its owner can read. False, and nothing changed, if the name is taken.
///
/// # Errors
/// SYSTEM_ERROR without randomness; FILE_IO and its kin.
pub fn make_key_file(path: &Path) -> Result<bool> {
    let mut text = Zeroizing::new(hex(&random::<KEY_FILE_RANDOM_BYTES>()?));
    text.push('\n');
    create_durable(path, text.as_bytes(), PRIVATE_FILE)
}

/// Takes an open descriptor from which a passphrase will be read, so that no child inherits it. To be called before
/// larder opens anything itself: the number must still mean what the user means by it. One that cannot be opened is
/// left alone; reading it says why.
pub fn take_descriptor(number: u32) {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains_key(&number) {
        return;
    }
    let (Ok(descriptor), Ok(file)) = (i32::try_from(number), File::open(descriptor_path(number))) else { return };
    taken.insert(number, file);
    // Children have the three standard streams whatever happens, so those are replaced instead of closed.
    let _ = match descriptor {
        0 => File::open("/dev/null").and_then(|null| Ok(rustix::stdio::dup2_stdin(null)?)),
        1 | 2 => Ok(()),
        _ => nix::unistd::close(descriptor).map_err(std::io::Error::from),
    };
}

/// Says once, ever, that other programs of the user can read the environment.
fn warn_once(asker: &dyn Asker) {
    let is_first = config::state_dir().and_then(|dir| {
        create_dir_durable(&dir, PRIVATE_DIR)?;
        create_durable(&dir.join(WARNED_FILE), b"", PRIVATE_FILE)
    });
    if is_first.unwrap_or(true) {
        asker.warn(
            "LARDER_PASSPHRASE can be read by every program of yours; \
             LARDER_PASSPHRASE_FILE or LARDER_PASSPHRASE_COMMAND is safer (this is said once)",
        );
    }
}

fn from_file(path: &Path) -> Result<OwnedSecret> {
    let bytes = read_limited(&mut File::open(path).at("open", path)?, path, PASSPHRASE_BYTES_MAX)?;
    checked(bytes, &path.display().to_string())
}

fn descriptor_path(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/fd/{number}"))
}

fn from_descriptor(number: u32) -> Result<OwnedSecret> {
    let path = descriptor_path(number);
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(mut file) = taken.get(&number) else { return from_file(&path) };
    // Read again for a second repository. A pipe cannot go back, and is at its end then.
    let _ = file.rewind();
    checked(read_limited(&mut file, &path, PASSPHRASE_BYTES_MAX)?, &path.display().to_string())
}

fn key_file(path: &Path) -> Result<OwnedSecret> {
    let bytes = read_limited(&mut File::open(path).at("open", path)?, path, KEY_FILE_BYTES_MAX)?;
    Ok(OwnedSecret::KeyFile(bytes))
}

fn from_command(command: &OsString) -> Result<OwnedSecret> {
    let what = || Error::new(Code::ConfigError, "the command that should print the passphrase failed");
    let mut child = config::child("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| what().with_source(error))?;
    let path = Path::new("the output of the passphrase command");
    let bytes = match child.stdout.take() {
        Some(mut stdout) => read_limited(&mut stdout, path, PASSPHRASE_BYTES_MAX),
        None => Err(what()),
    };
    let status = child.wait().map_err(|error| what().with_source(error))?;
    let bytes = bytes?;
    // One that prints too much is cut off, and may end by that: how it ended says nothing then.
    if !status.success() && bytes.len() <= PASSPHRASE_BYTES_MAX {
        return Err(what().with_source(std::io::Error::other(format!("it ended with {status}"))));
    }
    checked(bytes, "the passphrase command")
}

/// Reads to the end. Memory that a secret outgrows is wiped before it is given back, so that no copies are left behind.
fn read_limited(stream: &mut dyn Read, path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    // Wiping takes its time, byte by byte: not a megabyte for what is short nearly always.
    let mut bytes = Zeroizing::new(vec![0; limit.min(SECRET_BYTES) + 1]);
    let mut filled = 0;
    loop {
        if filled == bytes.len() && filled <= limit {
            let mut longer = Zeroizing::new(vec![0; limit + 1]);
            longer[..filled].copy_from_slice(&bytes);
            bytes = longer;
        }
        let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).at("read", path),
        }
    }
    if filled > limit {
        let message = format!("{} is longer than a secret may be ({limit} bytes)", path.display());
        return Err(Error::new(Code::InvalidKey, message));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The first line, which must not be empty.
fn checked(mut bytes: Zeroizing<Vec<u8>>, from: &str) -> Result<OwnedSecret> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    bytes.truncate(end);
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes.is_empty() {
        let message = format!("the passphrase from {from} is empty");
        return Err(Error::new(Code::InvalidKey, message).with_hint("its first line is the passphrase"));
    }
    if bytes.len() > PASSPHRASE_BYTES_MAX {
        return Err(Error::new(Code::InvalidKey, format!("the passphrase from {from} is too long")));
    }
    Ok(OwnedSecret::Passphrase(bytes))
}

/// Sees to it that no core dump of this process holds keys. What the system refuses here it does not need: the limit
/// is for dumps to files, the filter for those that a program takes over a pipe.
fn keep_out_of_core_dumps() {
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
    let _ =
        OpenOptions::new().write(true).open("/proc/self/coredump_filter").and_then(|mut filter| filter.write_all(b"0"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secret: OwnedSecret) -> String {
        match secret.as_secret() {
            Secret::Passphrase(bytes) | Secret::KeyFile(bytes) => String::from_utf8(bytes.to_vec()).expect("text"),
        }
    }

    #[test]
    fn the_first_line_counts() {
        for (bytes, line) in [("one", "one"), ("one\n", "one"), ("one\r\ntwo", "one"), (" a b ", " a b ")] {
            assert_eq!(text(checked(Zeroizing::new(bytes.into()), "a test").expect("sound")), line);
        }
        for bytes in [String::new(), "\nx".into(), "\r\n".into(), "x".repeat(5_000)] {
            let refused = checked(Zeroizing::new(bytes.into()), "a test").err().map(|error| error.code());
            assert_eq!(refused, Some(Code::InvalidKey));
        }
    }

    #[test]
    fn commands_and_files() {
        let options = |command: &str| SecretOptions { passphrase_command: Some(command.into()), ..Default::default() };
        assert_eq!(text(options("echo one; echo two").read().expect("runs").expect("says")), "one");
        assert_eq!(options("exit 3").read().err().map(|error| error.code()), Some(Code::ConfigError));
        assert_eq!(options("yes | head -c 9999").read().err().map(|error| error.code()), Some(Code::InvalidKey));
        let two = SecretOptions { key_file: Some("/no/such".into()), ..options("echo one") };
        assert_eq!(two.read().err().map(|error| error.code()), Some(Code::InvalidArg));
        let missing = SecretOptions { key_file: Some("/no/such".into()), ..Default::default() };
        assert_eq!(missing.read().err().map(|error| error.code()), Some(Code::FileNotFound));
    }
}
