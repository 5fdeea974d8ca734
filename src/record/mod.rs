//! Run records: what one execution of an action did, and what it left.
//!
//! Floor 4, on `snapshot`; FORMAT section 14, RUN section 3. An object of kind `run`. It keeps its action, its trees and
//! its logs alive ([`Record::references`]); it is signed by the root record whose batch lists it, which names it by its
//! id. A record that repeats another names that one and does not keep it.

mod codec;
mod items;
#[cfg(test)]
mod tests;

use crate::cbor::Fields;
use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Kind, hash};
use crate::repo::Repo;
use crate::snapshot::Git;

/// The version of records that this program writes. What a later one keeps is not known, so gc stops at it.
pub const VERSION: u64 = 1;
/// A record longer than this is damage.
pub const RECORD_BYTES_MAX: u64 = 64 << 20;

const WHAT: &str = "run record";

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It did what it should; its result is there.
    #[default]
    Success,
    /// Its command failed, or an output was missing.
    Failed,
    /// It took too long.
    Timeout,
    /// It was told to stop.
    Cancelled,
    /// It succeeded, and its result was not stored: [`Record::reason`] says why.
    Unstored,
    /// A status of a later version, which never makes a hit. Never holds the code of one of the others.
    Other(u8),
}

impl Status {
    /// Those that have a name.
    pub const NAMED: [Status; 5] =
        [Status::Success, Status::Failed, Status::Timeout, Status::Cancelled, Status::Unstored];

    /// Its number in records and batches.
    pub fn code(self) -> u8 {
        match self {
            Status::Success => 1,
            Status::Failed => 2,
            Status::Timeout => 3,
            Status::Cancelled => 4,
            Status::Unstored => 5,
            Status::Other(code) => code,
        }
    }

    /// The status with this number; every number is one.
    pub fn from_code(code: u8) -> Status {
        Status::NAMED.into_iter().find(|status| status.code() == code).unwrap_or(Status::Other(code))
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Timeout => "timeout",
            Status::Cancelled => "cancelled",
            Status::Unstored => "unstored",
            Status::Other(_) => "unknown",
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was never started, or how it ended is not known.
    #[default]
    None,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
            Exit::None => f.write_str("none"),
        }
    }
}

/// One attempt of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub exit: Exit,
    /// When it began.
    pub start: Time,
    /// How long it took.
    pub wall_ms: u64,
    /// What it wrote to standard output; none when nothing.
    pub stdout: Option<Id>,
    /// What it wrote to standard error; none when nothing.
    pub stderr: Option<Id>,
    /// In which order the two arrived, when both were written.
    pub interleave: Option<Id>,
    /// Fields of a later version.
    pub extra: Fields,
}

/// A path that the command looked at without having declared it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observed {
    /// Relative to the project root, or absolute when it lies outside.
    pub path: Vec<u8>,
    /// The content id of the file; none when there was nothing.
    pub content: Option<Id>,
}

/// Something of an output that the portable profile does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// Which output, relative to the project root.
    pub path: Vec<u8>,
    /// What is lost, for people: `mode 0640`, `hard link`.
    pub what: String,
}

/// What one execution did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The action.
    pub action: Id,
    /// The project's name, empty when it has none.
    pub project: String,
    /// The task's name.
    pub task: String,
    /// The manifest as it was run.
    pub manifest: Option<Id>,
    /// How it ended.
    pub status: Status,
    /// Why, when the status does not say: `missing output x`, `input-changed a`.
    pub reason: Option<String>,
    /// How the last attempt's process ended.
    pub exit: Exit,
    /// The attempts before the last, first to last but one. The last one's logs are those of the record.
    pub attempts: Vec<Attempt>,
    /// Which sandbox was asked for: 0 none.
    pub sandbox_asked: u8,
    /// Which one it ran in.
    pub sandbox_used: u8,
    /// What it read beyond its declared inputs, by path.
    pub observed: Vec<Observed>,
    /// The portable tree of its outputs.
    pub result: Option<Id>,
    /// The portable tree of its inputs, where those are kept.
    pub inputs: Option<Id>,
    /// What it wrote to standard output; none when nothing.
    pub stdout: Option<Id>,
    /// What it wrote to standard error; none when nothing.
    pub stderr: Option<Id>,
    /// In which order the two arrived, when both were written.
    pub interleave: Option<Id>,
    /// When it began: the last attempt.
    pub start: Time,
    /// How long that took.
    pub wall_ms: u64,
    /// Processor time of the command and what it waited for.
    pub user_ms: u64,
    /// The same in the kernel.
    pub system_ms: u64,
    /// The most memory that one process of it held.
    pub memory_peak_bytes: u64,
    /// The machine.
    pub host: String,
    /// The program that made the record, with its version.
    pub program: String,
    /// Where the project's git work tree stood.
    pub git: Option<Git>,
    /// What of its outputs is not in the result.
    pub portable_loss: Vec<Loss>,
    /// The record whose result this one made again: named, not kept.
    pub reproduces: Option<Id>,
    /// Fields of a later version.
    pub extra: Fields,
}

impl Record {
    /// The record of this action, of which nothing else is known.
    pub fn new(action: Id) -> Record {
        Record {
            action,
            project: String::new(),
            task: String::new(),
            manifest: None,
            status: Status::Success,
            reason: None,
            exit: Exit::None,
            attempts: Vec::new(),
            sandbox_asked: 0,
            sandbox_used: 0,
            observed: Vec::new(),
            result: None,
            inputs: None,
            stdout: None,
            stderr: None,
            interleave: None,
            start: Time::default(),
            wall_ms: 0,
            user_ms: 0,
            system_ms: 0,
            memory_peak_bytes: 0,
            host: String::new(),
            program: String::new(),
            git: None,
            portable_loss: Vec::new(),
            reproduces: None,
            extra: Fields::new(),
        }
    }

    /// Its id: the SHA-256 of its bytes.
    pub fn id(&self) -> Id {
        hash(&self.encode())
    }

    /// Everything that it keeps alive, with the kind of each reference. The empty object may be among them.
    pub fn references(&self) -> impl Iterator<Item = (Kind, Id)> {
        let logs = [self.stdout, self.stderr, self.interleave];
        let attempts = self.attempts.iter().flat_map(|one| [one.stdout, one.stderr, one.interleave]);
        let blobs = logs.into_iter().chain(attempts).flatten().map(|id| (Kind::Blob, id));
        let trees = [self.result, self.inputs].into_iter().flatten().map(|id| (Kind::Tree, id));
        let manifest = self.manifest.map(|id| (Kind::Manifest, id));
        std::iter::once((Kind::Action, self.action)).chain(manifest).chain(trees).chain(blobs)
    }

    /// Reads the record of this id.
    ///
    /// # Errors
    /// CHUNK_NOT_FOUND and what [`Repo::read`] answers, STORAGE_CORRUPTED when the object is no record.
    pub fn load(repo: &Repo, id: &Id) -> Result<Record> {
        if let Some(info) = repo.find(id)?
            && info.len > RECORD_BYTES_MAX
        {
            return fail(Code::StorageCorrupted, format!("object {id} is too long for a run record"));
        }
        Record::decode(&repo.read(id)?).map_err(|error| error.context(format!("object {id} is no run record")))
    }
}

fn newer() -> Error {
    Error::new(Code::ConfigInvalid, "a run record has a version that this program does not know")
        .with_hint("use a newer larder")
}
