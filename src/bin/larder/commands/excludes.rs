//! What is left out of a backup or a tree.

use super::view;
use larder::units::parse_size;
use larder::walk::{ExcludeOptions, IfPresent};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What is left out.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is left out")]
pub struct ExcludeArgs {
    /// Leave out what matches this pattern (gitignore syntax); may be given several times
    #[arg(short = 'e', long, value_name = "PATTERN")]
    exclude: Vec<OsString>,

    /// Leave out what matches the patterns in this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    exclude_file: Vec<PathBuf>,

    /// Store what matches this pattern and all beneath it, whatever the other patterns say, also in directories that
    /// they leave out
    #[arg(short = 'i', long, value_name = "PATTERN")]
    include: Vec<OsString>,

    /// Leave out what .gitignore files name
    #[arg(long)]
    git_ignore: bool,

    /// Do not read .larderignore files
    #[arg(long)]
    no_larderignore: bool,

    /// Leave out what is in directories with a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,

    /// Leave out what is in directories that hold a file of this name, beginning with HEADER if one is given
    #[arg(long, value_name = "NAME[:HEADER]")]
    exclude_if_present: Vec<OsString>,

    /// Leave out files larger than this, such as 100MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    exclude_larger_than: Option<u64>,

    /// Stay on the file system of each source
    #[arg(short = 'x', long)]
    one_file_system: bool,
}

impl ExcludeArgs {
    /// Whether the user asked for any rule.
    pub fn is_given(&self) -> bool {
        let has_patterns = !self.exclude.is_empty() || !self.exclude_file.is_empty() || !self.include.is_empty();
        let has_files = !self.exclude_if_present.is_empty() || self.exclude_larger_than.is_some();
        let has_flags = self.git_ignore || self.no_larderignore || self.exclude_caches || self.one_file_system;
        has_patterns || has_files || has_flags
    }

    /// The same in the library's words.
    pub fn options(&self) -> ExcludeOptions {
        ExcludeOptions {
            exclude: view::patterns(&self.exclude),
            exclude_files: self.exclude_file.clone(),
            include: view::patterns(&self.include),
            larder_ignore: !self.no_larderignore,
            git_ignore: self.git_ignore,
            caches: self.exclude_caches,
            if_present: self.exclude_if_present.iter().map(|text| if_present(text)).collect(),
            larger_than_bytes: self.exclude_larger_than,
            one_file_system: self.one_file_system,
        }
    }
}

/// `NAME` or `NAME:HEADER`.
fn if_present(text: &OsStr) -> IfPresent {
    let bytes = text.as_bytes();
    match bytes.iter().position(|byte| *byte == b':') {
        Some(at) => IfPresent { name: bytes[..at].to_vec(), header: bytes[at + 1..].to_vec() },
        None => IfPresent { name: bytes.to_vec(), header: Vec::new() },
    }
}
