//! What a restore is asked for, and what it answers.

use crate::error::{Code, Error, Result, fail};
use std::path::PathBuf;
use std::str::FromStr;

/// What becomes of files that are already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// They are compared with the snapshot byte by byte, and what differs is replaced.
    #[default]
    Always,
    /// As `Always`, but equal size and modification time are taken for equal content.
    IfChanged,
    /// Only what is newer in the snapshot replaces what is there.
    IfNewer,
    /// Whatever is there stays as it is.
    Never,
}

impl FromStr for Overwrite {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "always" => Ok(Overwrite::Always),
            "if-changed" => Ok(Overwrite::IfChanged),
            "if-newer" => Ok(Overwrite::IfNewer),
            "never" => Ok(Overwrite::Never),
            _ => fail(Code::InvalidArg, format!("`{text}` is none of always, if-changed, if-newer, never")),
        }
    }
}

/// Whose the restored files are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// The stored numbers.
    #[default]
    Numeric,
    /// The stored names where this machine knows them, else the numbers.
    Names,
    /// Whoever restores.
    Nobody,
}

impl FromStr for Owners {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "numeric" => Ok(Owners::Numeric),
            "names" => Ok(Owners::Names),
            "none" => Ok(Owners::Nobody),
            _ => fail(Code::InvalidArg, format!("`{text}` is none of numeric, names, none")),
        }
    }
}

/// How to restore.
#[derive(Clone, Debug, Default)]
pub struct RestoreOptions {
    /// What becomes of files that are already there.
    pub overwrite: Overwrite,
    /// Only what matches one of these (gitignore syntax, against paths in the snapshot); empty means everything.
    pub include: Vec<Vec<u8>>,
    /// Nothing that matches these (gitignore syntax).
    pub exclude: Vec<Vec<u8>>,
    /// Removes what the snapshot does not have from directories that it has whole.
    pub delete: bool,
    /// Says what would be done and writes nothing.
    pub dry_run: bool,
    /// Reads everything back afterwards and compares it with the ids.
    pub verify: bool,
    /// Leaves out zeros that fill blocks even of files that were not sparse.
    pub sparse: bool,
    /// Whose the files are.
    pub owners: Owners,
    /// Metadata that cannot be set is a failure of its file instead of one warning.
    pub strict_metadata: bool,
    /// The first item that fails ends it, with its error.
    pub fail_fast: bool,
    /// What larder itself stands on beside the repository, such as the key file: it is left as it is.
    pub own: Vec<PathBuf>,
    /// Threads that write; 0 is one for each processor.
    pub jobs: usize,
}

/// What a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreStats {
    /// Regular files written.
    pub files: u64,
    /// Directories made or already there.
    pub directories: u64,
    /// Symlinks, fifos, sockets and devices made.
    pub others: u64,
    /// Names given to files that were already restored under another one.
    pub hard_links: u64,
    /// Files and others that were already as the snapshot has them.
    pub unmodified: u64,
    /// Left alone because of the overwrite rule.
    pub skipped: u64,
    /// Removed by `delete`, whole directories counted entry by entry.
    pub deleted: u64,
    /// Bytes of all files that were restored or found right.
    pub bytes: u64,
    /// Bytes that came out of the repository.
    pub bytes_fetched: u64,
    /// Bytes found right on disk and kept.
    pub bytes_kept: u64,
    /// Files read back and found right.
    pub verified: u64,
    /// Items whose owner, attributes or flags the system did not let us set.
    pub metadata_missed: u64,
    /// Items that failed, damaged ones among them.
    pub errors: u64,
    /// Items that failed because the repository is damaged.
    pub damaged: u64,
    /// Whether it was asked to stop before the end.
    pub cancelled: bool,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl RestoreStats {
    /// Adds what a restore of something else into the same place did.
    pub fn add(&mut self, other: &RestoreStats) {
        let sums = [
            (&mut self.files, other.files),
            (&mut self.directories, other.directories),
            (&mut self.others, other.others),
            (&mut self.hard_links, other.hard_links),
            (&mut self.unmodified, other.unmodified),
            (&mut self.skipped, other.skipped),
            (&mut self.deleted, other.deleted),
            (&mut self.bytes, other.bytes),
            (&mut self.bytes_fetched, other.bytes_fetched),
            (&mut self.bytes_kept, other.bytes_kept),
            (&mut self.verified, other.verified),
            (&mut self.metadata_missed, other.metadata_missed),
            (&mut self.errors, other.errors),
            (&mut self.damaged, other.damaged),
            (&mut self.elapsed_ms, other.elapsed_ms),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.cancelled |= other.cancelled;
    }
}
