//! How engines tell what they are doing, without knowing who listens.
//!
//! Floor 0. Progress bars, JSON lines, logs and tests are faces of [`Monitor`]; an engine never writes to a terminal.

use crate::error::Error;
use crate::id::Id;

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
    /// Something happened to a task of a run.
    Task {
        /// Its name.
        name: &'a str,
        /// What.
        what: TaskEvent<'a>,
    },
}

/// What happened to a task.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TaskEvent<'a> {
    /// Its command was started: the first attempt is 1.
    Started {
        /// Which attempt this is.
        attempt: u32,
        /// It has the terminal.
        is_interactive: bool,
    },
    /// An attempt failed, and there will be another.
    Again {
        /// How it ended: `exit status 3`.
        why: &'a str,
        /// The pause before the next attempt.
        delay_ms: u64,
    },
    /// It waits for another process that runs the same action.
    Elsewhere,
    /// It is over. Its output follows as [`TaskEvent::Output`], if it is wanted.
    Ended {
        /// How.
        end: TaskEnd,
        /// In words, where there is more to say: `exit status 3`, `missing output x`.
        why: &'a str,
        /// How long its command took; of a hit, when it was run.
        duration_ms: u64,
        /// Its action and its run record, where there are any.
        action: Option<Id>,
        /// The record of what was executed, or of what made the hit.
        record: Option<Id>,
    },
    /// A piece of what it wrote, between its end and the next event of any task.
    Output {
        /// Standard error, not standard output.
        is_error: bool,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskEnd {
    /// It was executed, and went well.
    Executed,
    /// A stored result was put into the work tree.
    Restored,
    /// Its outputs were as they should be.
    Current,
    /// Its command failed, or left out an output.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// It was stopped by the user.
    Cancelled,
    /// Something that it needs failed.
    Skipped,
    /// It was not begun any more.
    NotStarted,
}

impl TaskEnd {
    /// The end in a word.
    pub fn name(self) -> &'static str {
        match self {
            TaskEnd::Executed => "executed",
            TaskEnd::Restored => "restored",
            TaskEnd::Current => "current",
            TaskEnd::Failed => "failed",
            TaskEnd::TimedOut => "timeout",
            TaskEnd::Cancelled => "cancelled",
            TaskEnd::Skipped => "skipped",
            TaskEnd::NotStarted => "not started",
        }
    }
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
