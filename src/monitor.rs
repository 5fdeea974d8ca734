//! How engines tell what they are doing, without knowing who listens.
//!
//! Floor 0. Progress bars, JSON lines, logs and tests are faces of [`Monitor`]; an engine never writes to a terminal.

use crate::error::Error;

/// What became of one item of a source, a target or a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not there before.
    New,
    /// There before, with other content or metadata.
    Changed,
    /// As it was.
    Unmodified,
    /// Removed.
    Removed,
    /// Left out by a rule.
    Skipped,
}

/// Something that happened. Paths are bytes, as file systems have them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A new stage of the work began, in one or two words: `reading`, `checking packs`.
    Phase(&'a str),
    /// So much there is to do in this stage; later values replace earlier ones.
    Total {
        /// Items, such as files or packs.
        items: u64,
        /// Bytes.
        bytes: u64,
    },
    /// So much more was done.
    Advance {
        /// Items.
        items: u64,
        /// Bytes.
        bytes: u64,
    },
    /// One item is done.
    Item {
        /// Its path or name.
        path: &'a [u8],
        /// What became of it.
        change: Change,
        /// Its size in bytes.
        bytes: u64,
    },
    /// One item failed; the rest goes on (promise 10).
    Failed {
        /// Its path or name.
        path: &'a [u8],
        /// Why.
        error: &'a Error,
    },
    /// Something the user should know, which is no failure.
    Warning(&'a str),
}

/// Listens to an engine, and may ask it to stop. Called from many threads.
pub trait Monitor: Send + Sync {
    /// Takes one event. Must return soon.
    fn event(&self, event: &Event<'_>);

    /// Whether the user wants it to stop: an engine looks between items and ends in an orderly way.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn event(&self, _event: &Event<'_>) {}
}
