//! Where the repository is, and how it is opened as a command needs it.
//!
//! Floor 6. A repository is a directory or an address of a medium elsewhere; what is local to this machine is in the
//! directory itself, or in the user's cache by repository id and address. It is found by the option, else by `LARDER_REPOSITORY`, else as `.larder` in the current
//! directory or above it, else by the user's settings.

mod completion;
mod named;
mod place;
mod remote;
mod secret;

pub use named::{Named, Names, load_snapshots};
pub use place::Place;
pub use remote::{Ends, ORIGIN};
pub use secret::{Asker, OwnedSecret, SecretOptions, make_key_file, take_descriptor};

use crate::config::{self, Settings};
use crate::error::Result;
use crate::reach::ReachOptions;
use crate::repo::lock::Wait;
use crate::repo::{Repo, WriterOptions};
use std::path::PathBuf;
use std::time::Duration;

/// The name of a repository inside a directory that it serves.
pub const REPOSITORY_DIR: &str = ".larder";
/// What sets of ids may hold in memory: a quarter of the whole budget of 256 MiB.
pub const SETS_BYTES: usize = 64 << 20;

/// How a command writes: all cores, the frames decoded again, the lock of an outer `larder lock` inherited.
///
/// # Errors
/// PARSE_ERROR of the settings.
pub fn writer_options(command: &str, lock_wait_seconds: Option<u64>) -> Result<WriterOptions> {
    let lock_wait = lock_wait(lock_wait_seconds)?;
    Ok(WriterOptions {
        jobs: jobs(),
        verify_writes: true,
        compression: None,
        command: command.to_string(),
        lock_wait,
        lock_token: lock_token(),
    })
}

/// What larder of this user stands on beside a repository: its directories of state, settings and cache, and the files
/// that passphrases and keys come from. What writes the user's files leaves these alone.
///
/// # Errors
/// PARSE_ERROR of the settings.
pub fn own_paths(secrets: &SecretOptions) -> Result<Vec<PathBuf>> {
    let mut paths = secrets.files()?;
    // Where no home says where one of them is, there is none.
    paths.extend([config::state_dir(), config::cache_dir()].into_iter().flatten());
    paths.extend(config::settings_file().iter().filter_map(|file| file.parent()).map(PathBuf::from));
    Ok(paths)
}

/// How long to wait for a lock: as the option says, else the settings, else not at all.
///
/// # Errors
/// PARSE_ERROR of the settings.
pub fn lock_wait(seconds: Option<u64>) -> Result<Wait> {
    let seconds = match seconds {
        Some(seconds) => Some(seconds),
        None => Settings::load()?.lock_wait,
    };
    Ok(seconds.map_or(Wait::No, |seconds| Wait::For(Duration::from_secs(seconds))))
}

/// The token of the `larder lock` that this process runs in.
pub fn lock_token() -> Option<String> {
    config::variable(config::LOCK_TOKEN).and_then(|token| token.into_string().ok())
}

/// How what is reachable is found: with all cores, within the memory budget.
pub fn reach_options(repo: &Repo) -> ReachOptions {
    ReachOptions::new(repo, SETS_BYTES, jobs())
}

/// How many threads work: as many as there are cores to run on.
pub fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
