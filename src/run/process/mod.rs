//! One command from its start to the end of everything it started.
//!
//! A part of `run` (RUN.md section 4). It runs in a process group of its own, with the environment it is given and nothing
//! else, with nothing on its input and two pipes as its outputs. It ends when its first process ends; what is left of the
//! group is then told to end, and killed if it does not. The calling thread does all of it: no thread is made.

mod group;
mod retry;
mod signals;
mod spawn;
#[cfg(test)]
mod tests;
mod wait;

pub use crate::record::Exit;
pub use retry::{DELAY_MS, Retries, persist};
pub use signals::{Stop, StopSignal};
pub use spawn::let_inherit;

use crate::clock::Time;
use crate::error::Result;
use crate::run::logs::{LogOptions, Logs, Stream};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What is started.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// A text for `/bin/sh -c`.
    Shell(&'a OsStr),
    /// A program without a shell.
    Words {
        /// The file, as [`find_program`](super::environment::find_program) finds it.
        program: &'a Path,
        /// The arguments; the first is the name that the program sees of itself.
        words: &'a [&'a OsStr],
    },
}

/// A command and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What is started.
    pub call: Call<'a>,
    /// Where; absolute.
    pub cwd: &'a Path,
    /// The whole environment: nothing of larder's own is added.
    pub environment: &'a [(OsString, OsString)],
    /// After so many milliseconds the group is ended. The time in which larder itself was stopped does not count.
    pub timeout_ms: Option<u64>,
    /// How its output is kept.
    pub log: &'a LogOptions,
    /// It has the terminal and the input of larder, stays in its process group, and nothing of its output is kept.
    pub interactive: bool,
}

/// What was left of the group when its first process ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Survivors {
    /// Nothing.
    #[default]
    None,
    /// Something that ended when it was told to.
    Ended,
    /// Something that had to be killed: its outputs may be half written, and are not stored.
    Killed,
}

/// What became of a command.
#[derive(Debug)]
pub struct Ended {
    /// How its first process ended. 127 and 126 also stand for a program that is not there or could not be started.
    pub exit: Exit,
    /// It took too long.
    pub timed_out: bool,
    /// larder was told to stop; it was ended, or not started at all.
    pub cancelled: bool,
    /// What outlived its first process.
    pub survivors: Survivors,
    /// CPU time in programs, of the first process and all that it waited for.
    pub user_ms: u64,
    /// CPU time in the kernel, of the same.
    pub system_ms: u64,
    /// The most memory that one of these processes had; 0 when that was less than larder itself had, which the kernel
    /// does not tell apart.
    pub memory_peak_bytes: u64,
    /// From start to end.
    pub wall_ms: u64,
    /// When it began.
    pub start: Time,
    /// What it printed.
    pub logs: Logs,
}

impl Ended {
    /// Whether it did what it should: status 0, in time, and nothing stopped it.
    pub fn is_success(&self) -> bool {
        self.exit == Exit::Code(0) && !self.timed_out && !self.cancelled
    }
}

/// Runs a command to its end. `on_output` sees what it prints as it comes, with secrets masked.
///
/// That the command fails, is not there, takes too long or is stopped is no error of this function but in [`Ended`].
///
/// # Errors
/// RESOURCE_EXHAUSTED when the system has no more processes or files, SYSTEM_ERROR when it cannot be waited for. Then
/// nothing of the group is left running.
pub fn run(job: &Job<'_>, stop: &Stop, on_output: &dyn Fn(Stream, &[u8])) -> Result<Ended> {
    wait::run(job, stop, on_output)
}
