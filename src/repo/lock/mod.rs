//! The repository lock: shared for writers, exclusive for what must be alone.
//!
//! Floor 3. The truth is the kernel's flock on the file `lock`, so a killed holder frees it at once (promise 9). What
//! the file says is advice for people and for inheritance: one slot a holder, see [`holders`]. The file is never
//! unlinked, or two holders could lock two files of one name.

mod holders;
#[cfg(test)]
mod tests;

pub use holders::Holder;

use crate::error::{Code, Error, IoContext, Result};
use crate::fs::open_private;
use crate::id::hex;
use fs2::FileExt;
use holders::Slot;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The first pause of a waiter; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// The longest pause: what a waiter may come late.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// The longest pause between two looks for the name of a holder that has written none.
const NAME_PAUSE_MAX: Duration = Duration::from_millis(16);

/// With whom a lock is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With all who hold it shared.
    Shared,
    /// With nobody.
    Exclusive,
}

impl Mode {
    /// The mode in one word.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Shared => "shared",
            Mode::Exclusive => "exclusive",
        }
    }
}

/// How long to wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// So long.
    For(Duration),
    /// Until it is free.
    Forever,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    mode: Mode,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    file: File,
    path: PathBuf,
    slot: Option<Slot>,
    holder: Holder,
}

impl Lock {
    /// Takes the lock in the file `path`, which is made if it is not there. `command` is what others are told.
    ///
    /// # Errors
    /// LOCK_HELD with its holders when it is not free in time; FILE_IO, PERMISSION_DENIED.
    pub fn acquire(path: &Path, mode: Mode, wait: Wait, command: &str) -> Result<Lock> {
        let started = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let file = open_private(path)?;
            if try_lock(&file, path, mode)? && is_named(&file, path) {
                let holder = Holder::this_process(mode, command);
                // A full disk takes the advice away, never the lock.
                let slot = holders::write(&file, path, &holder).ok();
                return Ok(Lock { mode, held: Some(Held { file, path: path.to_path_buf(), slot, holder }) });
            }
            let left = match wait {
                Wait::No => Duration::ZERO,
                Wait::For(limit) => limit.saturating_sub(started.elapsed()),
                Wait::Forever => PAUSE_MAX,
            };
            if left.is_zero() {
                return Err(held_error(path));
            }
            sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The lock that `larder lock` holds for this command, if `token` (from [`Lock::token`]) is that of a living
    /// holder. `None` means: take your own.
    ///
    /// # Errors
    /// LOCK_HELD when the holder has it shared and `mode` is exclusive: waiting for it would never end. FILE_IO.
    pub fn inherited(path: &Path, token: &str, mode: Mode) -> Result<Option<Lock>> {
        let hash = token_hash(token);
        let Some(holder) = Lock::holders(path)?.into_iter().find(|holder| holder.token_hash.as_deref() == Some(&hash))
        else {
            return Ok(None);
        };
        if mode == Mode::Exclusive && holder.mode == Mode::Shared {
            return Err(Error::new(
                Code::LockHeld,
                "this command needs the lock for itself, and it runs in a shared one",
            )
            .with_hint("run it inside `larder lock` without `--shared`"));
        }
        Ok(Some(Lock { mode: holder.mode, held: None }))
    }

    /// A secret by which commands started under this lock inherit it: hand it to them, and to nobody else.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL when it cannot be noted in the lock file; SYSTEM_ERROR. INVALID_ARG for an inherited lock.
    pub fn token(&mut self) -> Result<String> {
        let Some(held) = &mut self.held else {
            return Err(Error::new(Code::InvalidArg, "an inherited lock has the token it was inherited by"));
        };
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::new(Code::SystemError, "the system has no random bytes").with_source(error))?;
        let token = hex(&bytes);
        held.holder.token_hash = Some(token_hash(&token));
        let slot = match &held.slot {
            Some(slot) => slot.rewrite(&held.file, &held.holder).at("write", &held.path)?,
            None => holders::write(&held.file, &held.path, &held.holder).at("write", &held.path)?,
        };
        held.slot = Some(slot);
        Ok(token)
    }

    /// With whom this lock is shared.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether an outer command holds it for this one.
    pub fn is_inherited(&self) -> bool {
        self.held.is_none()
    }

    /// Who holds the lock in the file `path`, as far as they could say; empty when nobody does.
    ///
    /// # Errors
    /// FILE_IO.
    pub fn holders(path: &Path) -> Result<Vec<Holder>> {
        match File::open(path) {
            Ok(file) => holders::read(&file).at("read", path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).at("open", path),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file frees the lock; what it says must be gone before.
        if let Some(Held { file, slot: Some(slot), .. }) = &self.held {
            slot.clear(file, self.mode);
        }
    }
}

fn try_lock(file: &File, path: &Path, mode: Mode) -> Result<bool> {
    let tried = match mode {
        Mode::Shared => FileExt::try_lock_shared(file),
        Mode::Exclusive => FileExt::try_lock_exclusive(file),
    };
    match tried {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error).at("lock", path),
    }
}

/// Whether the locked file is still the one of this name: somebody may have removed it by hand.
fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(named)) => (ours.dev(), ours.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn held_error(path: &Path) -> Error {
    let holders = look_often(&mut || Lock::holders(path).unwrap_or_default());
    let mut known: Vec<String> = holders.iter().map(Holder::to_string).collect();
    let more = known.len().saturating_sub(3);
    known.truncate(3);
    let mut holder = if known.is_empty() { "another process".to_string() } else { known.join("; ") };
    if more > 0 {
        holder.push_str(&format!("; and {more} more"));
    }
    Error::LockHeld { holder }
}

/// Looks again for a moment where nobody is named: who got the lock just now has not written the name yet.
fn look_often(look: &mut dyn FnMut() -> Vec<Holder>) -> Vec<Holder> {
    let mut pause = PAUSE_MIN;
    loop {
        let found = look();
        if !found.is_empty() || pause > NAME_PAUSE_MAX {
            return found;
        }
        sleep(pause);
        pause *= 2;
    }
}

fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}
