//! What a verification found: totals, and every piece of damage by name.

use crate::error::{Code, Error};
use crate::id::Id;
use crate::object::{Class, Key};

/// So many paths are named for one damaged object; the rest are counted.
pub const PATHS_MAX: usize = 16;

/// What is wrong with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is referred to and is not there.
    Missing,
    /// It is there and is not what it should be.
    Damaged,
    /// It is signed, and not by whom it says, or not over what it says.
    InvalidSignature,
}

impl Fault {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Missing => "missing",
            Fault::Damaged => "damaged",
            Fault::InvalidSignature => "invalid-signature",
        }
    }

    /// How an error that was met is counted.
    pub fn of(error: &Error) -> Fault {
        match error.code() {
            Code::ChunkNotFound | Code::FileNotFound => Fault::Missing,
            Code::InvalidSignature | Code::RollbackDetected => Fault::InvalidSignature,
            _ => Fault::Damaged,
        }
    }
}

/// What something wrong is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A file of the repository, by its path.
    File,
    /// An object, chunk or recipe node.
    Entry(Key),
}

impl Item {
    /// The word for it in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Item::File => "file",
            Item::Entry(key) => match key.class {
                Class::Whole | Class::Alias => "object",
                Class::Chunk => "chunk",
                Class::Node => "node",
            },
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// How it is wrong.
    pub fault: Fault,
    /// What it is.
    pub item: Item,
    /// The file of the repository in which it is, where one is known.
    pub file: Option<String>,
    /// Why it is thought wrong.
    pub message: String,
    /// Whether another sound copy is here, so that nothing is lost.
    pub has_other_copy: bool,
    /// Objects that need it: for a chunk or node, those whose bytes it is part of.
    pub objects: Vec<Id>,
    /// Where snapshots and runs show it: `SNAPSHOT:/path`, `run:ID:/path`, at most [`PATHS_MAX`].
    pub paths: Vec<String>,
    /// How many more paths there are.
    pub paths_more: u64,
}

impl Damage {
    /// A file of the repository that is wrong.
    pub fn file(path: impl Into<String>, error: &Error) -> Self {
        Damage::new(Item::File, Some(path.into()), error)
    }

    /// An entry that is wrong, in this pack if it is in one.
    pub fn entry(key: Key, file: Option<String>, error: &Error) -> Self {
        Damage::new(Item::Entry(key), file, error)
    }

    fn new(item: Item, file: Option<String>, error: &Error) -> Self {
        let mut message = error.to_string();
        let mut beneath = std::error::Error::source(error);
        while let Some(cause) = beneath {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            beneath = cause.source();
        }
        Damage {
            fault: Fault::of(error),
            item,
            file,
            message,
            has_other_copy: false,
            objects: Vec::new(),
            paths: Vec::new(),
            paths_more: 0,
        }
    }

    /// Appends a path, or counts it.
    pub(super) fn push_path(&mut self, path: String) {
        if self.paths.len() < PATHS_MAX { self.paths.push(path) } else { self.paths_more += 1 }
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Snapshots that were looked at, and root records that cannot be read.
    pub snapshots_total: u64,
    /// Root records that cannot be read: what they keep is not known, and cannot be restored.
    pub roots_unread: u64,
    /// Those that are sound, as far as this level looks.
    pub snapshots_valid: u64,
    /// Names of the others.
    pub snapshots_invalid: Vec<Id>,
    /// Run records that were looked at.
    pub runs_total: u64,
    /// Those of them of which something is lost.
    pub runs_invalid: Vec<Id>,
    /// Reachable objects, chunks and recipe nodes.
    pub objects: u64,
    /// Those of them that are not there, or damaged in every copy.
    pub objects_lost: u64,
    /// Packs that are there.
    pub packs: u64,
    /// Of those, packs that are not here but where they were promised to a partial repository.
    pub packs_promised: u64,
    /// Their bytes.
    pub bytes_promised: u64,
    /// Of those, packs whose every byte was read this time.
    pub packs_read: u64,
    /// Bytes that were read and checked.
    pub bytes_read: u64,
    /// Everything that is wrong, each thing once.
    pub damage: Vec<Damage>,
    /// What is odd and harms nothing, such as a pack that no segment lists.
    pub remarks: Vec<String>,
    /// The monitor said stop: what is said here is true, and not all.
    pub is_stopped: bool,
}

impl Report {
    /// Everything with this fault.
    pub fn with(&self, fault: Fault) -> impl Iterator<Item = &Damage> {
        self.damage.iter().filter(move |damage| damage.fault == fault)
    }

    /// Whether nothing at all is wrong.
    pub fn is_clean(&self) -> bool {
        self.damage.is_empty() && self.snapshots_invalid.is_empty() && self.runs_invalid.is_empty()
    }

    /// How much of what should be here is sound, 0 to 100. An empty repository is at 100; any damage takes it below.
    pub fn health_percentage(&self) -> f64 {
        if self.is_clean() {
            return 100.0;
        }
        let objects = self.objects.max(self.objects_lost).max(1);
        let objects_share = (objects - self.objects_lost) as f64 / objects as f64;
        // Damage that loses no object (a spare copy, a segment, a signature) must show all the same.
        // What a record keeps that nobody can read is not among the objects.
        let roots = self.snapshots_total.max(1);
        let roots_share = (roots - self.roots_unread) as f64 / roots as f64;
        (objects_share.min(roots_share) * 100.0).min(99.99)
    }
}
