//! Every way in which larder can fail, as one enum.
//!
//! Floor 0. A variant holds plain data; what a user reads is made from it here: the message by `Display`, the frozen
//! name by [`Error::code`], the exit class by [`Error::class`], the next thing to type by [`Error::hint`].
//! Codes are never renamed; `docs/ERRORS.md` is generated from [`Code::ALL`].

use std::io;
use std::path::{Path, PathBuf};

/// What every fallible function of the library returns.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($name:ident = $text:literal, $class:ident, $http:literal, $retry:literal, $about:literal;)*) => {
        /// The frozen name of a kind of failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $about] $name,)* }

        impl Code {
            /// Every code, in the order of `docs/ERRORS.md`.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The name as users see it, such as `LOCK_HELD`.
            pub fn name(self) -> &'static str { match self { $(Code::$name => $text,)* } }

            /// The class, which decides the exit status.
            pub fn class(self) -> Class { match self { $(Code::$name => Class::$class,)* } }

            /// The HTTP status that a service answers with.
            pub fn http_status(self) -> u16 { match self { $(Code::$name => $http,)* } }

            /// Whether doing the same again later can help.
            pub fn is_retryable(self) -> bool { match self { $(Code::$name => $retry,)* } }

            /// One line that says when it happens.
            pub fn about(self) -> &'static str { match self { $(Code::$name => $about,)* } }
        }
    };
}

codes! {
    InvalidArg = "INVALID_ARG", Usage, 400, false, "An argument does not fit the command.";
    FileNotFound = "FILE_NOT_FOUND", NotFound, 404, false, "A file, object or name that was asked for does not exist.";
    FileIo = "FILE_IO", Failed, 500, false, "Reading or writing a file failed.";
    MemoryAlloc = "MEMORY_ALLOC", Failed, 500, true, "Memory could not be had.";
    ParseError = "PARSE_ERROR", Unusable, 400, false, "A text could not be parsed.";
    TaskFailed = "TASK_FAILED", Task, 500, false, "A task ended with a failure.";
    CycleDetected = "CYCLE_DETECTED", Unusable, 400, false, "Tasks depend on each other in a circle.";
    CacheError = "CACHE_ERROR", Failed, 500, false, "The index or the action cache could not be used.";
    CasError = "CAS_ERROR", Damaged, 500, false, "Stored bytes are not what their name says.";
    NetworkError = "NETWORK_ERROR", Network, 502, true, "A network operation failed.";
    Timeout = "TIMEOUT", Timeout, 504, true, "Something took longer than it may.";
    PermissionDenied = "PERMISSION_DENIED", Refused, 403, false, "The system or a policy does not allow it.";
    InvalidHash = "INVALID_HASH", Usage, 400, false, "A text is not a hash: 64 hexadecimal digits.";
    ConfigError = "CONFIG_ERROR", Unusable, 500, false, "The configuration could not be read or written.";
    SystemError = "SYSTEM_ERROR", Failed, 500, false, "The operating system refused something.";
    StorageFull = "STORAGE_FULL", Refused, 507, false, "The medium has no space left.";
    StorageCorrupted = "STORAGE_CORRUPTED", Damaged, 500, false, "A file of the repository is damaged.";
    ChunkNotFound = "CHUNK_NOT_FOUND", Damaged, 404, false, "An object that is referred to is missing.";
    ChunkInvalid = "CHUNK_INVALID", Damaged, 400, false, "Stored data does not decode to what its id names.";
    NetworkTimeout = "NETWORK_TIMEOUT", Network, 504, true, "The other side did not answer in time.";
    NetworkUnreachable = "NETWORK_UNREACHABLE", Network, 502, true, "The other side cannot be reached.";
    PeerNotFound = "PEER_NOT_FOUND", NotFound, 404, false, "No such peer is known.";
    ConnectionFailed = "CONNECTION_FAILED", Network, 502, true, "A connection could not be made or broke.";
    EncryptionFailed = "ENCRYPTION_FAILED", Failed, 500, false, "Data could not be sealed.";
    DecryptionFailed = "DECRYPTION_FAILED", Damaged, 500, false, "Sealed data could not be opened.";
    InvalidSignature = "INVALID_SIGNATURE", Damaged, 500, false, "A signature does not match what it signs.";
    InvalidKey = "INVALID_KEY", WrongKey, 401, false, "No slot opens with this passphrase or key file.";
    SnapshotNotFound = "SNAPSHOT_NOT_FOUND", NotFound, 404, false, "No snapshot has this id, tag or name.";
    SnapshotCorrupted = "SNAPSHOT_CORRUPTED", Damaged, 500, false, "A snapshot's record is damaged.";
    SnapshotInvalid = "SNAPSHOT_INVALID", Failed, 400, false, "A snapshot would not be, or is not, sound.";
    ConfigInvalid = "CONFIG_INVALID", Unusable, 400, false, "A setting has a value that it may not have.";
    ConfigMissing = "CONFIG_MISSING", Unusable, 500, false, "There is no repository, or a setting that is needed is absent.";
    Unauthorized = "UNAUTHORIZED", Refused, 403, false, "The caller may not do this.";
    ResourceExhausted = "RESOURCE_EXHAUSTED", Refused, 507, true, "A limit on memory, space or count was reached.";
    RateLimitExceeded = "RATE_LIMIT_EXCEEDED", Refused, 429, true, "Too many requests in too short a time.";
    LockHeld = "LOCK_HELD", Locked, 423, true, "Another process holds the lock.";
    LeaseLost = "LEASE_LOST", Failed, 409, true, "This writer was declared dead while it worked.";
    RollbackDetected = "ROLLBACK_DETECTED", Damaged, 409, false, "The history of a device has gone back or has a gap.";
}

/// What kind of failure it is to a script: each class has one exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The command was called wrongly.
    Usage,
    /// It failed, and no other class says how.
    Failed,
    /// A manifest or configuration that cannot be used.
    Unusable,
    /// What was asked for does not exist.
    NotFound,
    /// Somebody else holds a lock.
    Locked,
    /// The passphrase or key is not right.
    WrongKey,
    /// Stored data is damaged.
    Damaged,
    /// The network failed.
    Network,
    /// Time ran out.
    Timeout,
    /// Refused by policy or limit.
    Refused,
    /// A task failed.
    Task,
}

impl Class {
    /// The exit status of this class (DESIGN section 6).
    pub fn exit_status(self) -> u8 {
        match self {
            Class::Usage => 2,
            Class::Failed => 4,
            Class::Unusable => 5,
            Class::NotFound => 10,
            Class::Locked => 11,
            Class::WrongKey => 12,
            Class::Damaged => 13,
            Class::Network => 14,
            Class::Timeout => 15,
            Class::Refused => 16,
            Class::Task => 20,
        }
    }

    /// The class in one word, for `docs/ERRORS.md`.
    pub fn name(self) -> &'static str {
        match self {
            Class::Usage => "usage",
            Class::Failed => "failed",
            Class::Unusable => "unusable",
            Class::NotFound => "not-found",
            Class::Locked => "locked",
            Class::WrongKey => "wrong-key",
            Class::Damaged => "damaged",
            Class::Network => "network",
            Class::Timeout => "timeout",
            Class::Refused => "refused",
            Class::Task => "task",
        }
    }
}

/// A failure, with what is needed to explain it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed; the source says how.
    #[error("cannot {action} {}", shown(path))]
    Io {
        /// What was tried, as a verb: `read`, `write`, `rename`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A place in a text that does not parse.
    #[error("{file}:{line}:{column}: {message}")]
    Parse {
        /// The file, as the user named it.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The lock is held by somebody else.
    #[error("the repository is locked by {holder}")]
    LockHeld {
        /// Who: process id, host, command, since when.
        holder: String,
    },
    /// Any other failure: its code, what happened, and perhaps why and what to do.
    #[error("{message}")]
    Other {
        /// The code.
        code: Code,
        /// What happened, in one line.
        message: String,
        /// What to type next.
        hint: Option<String>,
        /// What lies beneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl Error {
    /// A failure with this code and message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error::Other { code, message: message.into(), hint: None, source: None }
    }

    /// A failed file operation. A full medium and a missing right keep their own codes.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        Error::Io { action, path: path.as_ref().to_path_buf(), source: source.into() }
    }

    /// The same failure with the next thing to type.
    pub fn with_hint(self, text: impl Into<String>) -> Self {
        let text = text.into();
        match self {
            Error::Other { code, message, source, .. } => Error::Other { code, message, hint: Some(text), source },
            other => {
                let (code, message) = (other.code(), other.to_string());
                Error::Other { code, message, hint: Some(text), source: Some(Box::new(other)) }
            }
        }
    }

    /// The same failure with what lies beneath it.
    pub fn with_source(self, beneath: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        match self {
            Error::Other { code, message, hint, .. } => {
                Error::Other { code, message, hint, source: Some(beneath.into()) }
            }
            other => other,
        }
    }

    /// A failure of the same code that says `message` first and has this one as its cause.
    pub fn context(self, message: impl Into<String>) -> Self {
        Error::Other { code: self.code(), message: message.into(), hint: self.hint(), source: Some(Box::new(self)) }
    }

    /// The same failure for somebody else, without what lies beneath it.
    pub fn retold(&self) -> Error {
        Error::Other { code: self.code(), message: self.to_string(), hint: self.hint(), source: None }
    }

    /// The frozen name of this failure.
    pub fn code(&self) -> Code {
        match self {
            Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Code::FileNotFound,
                io::ErrorKind::PermissionDenied => Code::PermissionDenied,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::StorageFull,
                io::ErrorKind::OutOfMemory => Code::MemoryAlloc,
                io::ErrorKind::TimedOut => Code::Timeout,
                _ => Code::FileIo,
            },
            Error::Parse { .. } => Code::ParseError,
            Error::LockHeld { .. } => Code::LockHeld,
            Error::Other { code, .. } => *code,
        }
    }

    /// The class of its code.
    pub fn class(&self) -> Class {
        self.code().class()
    }

    /// The next thing to type, where there is one.
    pub fn hint(&self) -> Option<String> {
        if let Error::Other { hint: Some(text), .. } = self {
            return Some(text.clone());
        }
        let text = match self.code() {
            Code::StorageFull => "make space on the medium, then run the same command again: what was stored is kept",
            Code::InvalidKey => "check the passphrase; `larder key list` shows the slots",
            Code::LockHeld => "wait for it with `--lock-wait SECONDS`, or look with `larder lock --status`",
            Code::StorageCorrupted | Code::CasError | Code::ChunkInvalid | Code::ChunkNotFound => {
                "`larder verify --read-data` lists all damage"
            }
            Code::SnapshotNotFound => "`larder snapshots` lists what there is",
            Code::ConfigMissing => "`larder init` makes a repository; `-r PATH` names one elsewhere",
            Code::RollbackDetected => {
                "a mirror, a copy or an interrupted sync that is behind is brought up to date by `larder sync` (or `--mirror` \
                 again); an old copy that was brought back on purpose is taken with `--accept-rollback`, once, and is a fork \
                 from then on; else the medium is not to be trusted"
            }
            _ => return None,
        };
        Some(text.to_string())
    }

    /// Whether something stored is damaged or absent, so that another copy of it may do: neither the machine nor the way to
    /// the medium is to blame.
    pub fn is_loss(&self) -> bool {
        self.class() == Class::Damaged || self.is_not_found()
    }

    /// Whether it is the absence of something.
    pub fn is_not_found(&self) -> bool {
        self.class() == Class::NotFound
    }
}

/// A path in a message: one line, whatever characters its names hold.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

/// Shorthand for `Error::new` inside the library: `fail(Code::X, format!(...))`.
pub fn fail<T>(code: Code, message: impl Into<String>) -> Result<T> {
    Err(Error::new(code, message))
}

/// Adds the file and the verb to an `io::Error`.
pub trait IoContext<T> {
    /// Says what was tried on which file.
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<io::Error>> IoContext<T> for std::result::Result<T, E> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::io(action, path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_shouted() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn a_name_cannot_break_or_paint_a_message() {
        let error = Error::io("open", "a\nb\x1b[31m", io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(error.to_string(), "cannot open a\\nb\\u{1b}[31m");
    }

    #[test]
    fn a_full_medium_is_refused_not_failed() {
        let error = Error::io("write", "/x", io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((error.code(), error.class().exit_status()), (Code::StorageFull, 16));
        assert!(error.with_hint("h").hint().is_some_and(|hint| hint == "h"));
    }
}
