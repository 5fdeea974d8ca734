//! Claims: of the processes that want the same action at once, one executes it and the others take its result.
//!
//! One byte of the file `state/claims` stands for an action; who holds the lock on it (of the open file, so that a killed
//! process lets go) executes the action, and keeps it until the result is published. Who waits holds another byte for
//! sharing, so that the holder knows to publish at once. The first bytes of the file change with each publication. Claims are advice: where the file system has no such locks,
//! everyone executes for himself.

use crate::error::Result;
use crate::fs::{PRIVATE_DIR, create_dir_durable, open_private};
use crate::id::Id;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes from here on say who waits.
const WAITING: i64 = 1 << 61;
const FILE: &str = "claims";

/// The claims of this process.
#[derive(Debug)]
pub struct Claims {
    file: File,
    /// What the file said of publications when this process last looked.
    news: AtomicU64,
}

impl Claims {
    /// Opens the file of claims in a repository's local directory.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED.
    pub fn open(cache: &Path) -> Result<Claims> {
        let dir = cache.join("state");
        create_dir_durable(&dir, PRIVATE_DIR)?;
        let claims = Claims { file: open_private(&dir.join(FILE))?, news: AtomicU64::new(0) };
        claims.has_news();
        Ok(claims)
    }

    /// The file of claims to look at, if there is one. Nothing is written, and nothing can be claimed by it.
    pub fn look(cache: &Path) -> Option<Claims> {
        let file = File::open(cache.join("state").join(FILE)).ok()?;
        Some(Claims { file, news: AtomicU64::new(0) })
    }

    /// Whether another process executes an action now, or is about to publish what came of it.
    pub fn is_taken(&self, action: &Id) -> bool {
        self.is_held(place_of(action), 1)
    }

    /// Says that something was published. It is news to this process, too: what another one said meanwhile and is
    /// overwritten here would be lost otherwise.
    pub fn tell_news(&self) {
        let _ = self.file.write_all_at(&getrandom::u64().unwrap_or_default().to_le_bytes(), 0);
    }

    /// Whether something was published since this process last asked.
    pub fn has_news(&self) -> bool {
        let mut bytes = [0; 8];
        let read = self.file.read_exact_at(&mut bytes, 0);
        read.is_ok() && self.news.swap(u64::from_le_bytes(bytes), Ordering::AcqRel) != u64::from_le_bytes(bytes)
    }

    /// Takes the claim on an action; false when another process has it.
    pub fn take(&self, action: &Id) -> bool {
        self.lock(libc::F_WRLCK, place_of(action)) != Err(nix::errno::Errno::EAGAIN)
    }

    /// Gives a claim back.
    pub fn give_back(&self, action: &Id) {
        let _ = self.lock(libc::F_UNLCK, place_of(action));
    }

    /// Says that this process waits for an action.
    pub fn wait(&self, action: &Id) {
        let _ = self.lock(libc::F_RDLCK, WAITING + place_of(action));
    }

    /// Says that it waits no longer.
    pub fn stop_waiting(&self, action: &Id) {
        let _ = self.lock(libc::F_UNLCK, WAITING + place_of(action));
    }

    /// Whether another process waits for any action.
    pub fn is_awaited(&self) -> bool {
        self.is_held(WAITING, 0)
    }

    fn is_held(&self, start: i64, len: i64) -> bool {
        let mut range = range(libc::F_WRLCK, start, len);
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut range)).is_ok() && range.l_type != libc::F_UNLCK as libc::c_short
    }

    fn lock(&self, kind: libc::c_int, place: i64) -> nix::Result<()> {
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&range(kind, place, 1))) {
            Err(nix::errno::Errno::EACCES) => Err(nix::errno::Errno::EAGAIN),
            other => other.map(|_| ()),
        }
    }
}

fn range(kind: libc::c_int, start: i64, len: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: len,
        l_pid: 0,
    }
}

/// Two actions that share a place wait for each other in vain, never wrongly.
fn place_of(action: &Id) -> i64 {
    let bytes = action.as_bytes().first_chunk().copied().unwrap_or_default();
    i64::from_le_bytes(bytes) & (WAITING - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_knows_who_waits() {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, two) = (Claims::open(dir.path()).expect("open"), Claims::open(dir.path()).expect("open"));
        let (a, b) = (Id::new([7; 32]), Id::new([0xff; 32]));
        assert!(one.take(&a) && one.take(&a), "it is ours already");
        assert!(!two.take(&a) && two.take(&b));
        let looker = Claims::look(dir.path()).expect("a file of claims");
        assert!(looker.is_taken(&a) && looker.is_taken(&b) && two.is_taken(&a) && !two.is_taken(&b));
        assert!(!one.is_awaited());
        two.wait(&a);
        assert!(one.is_awaited() && !two.is_awaited());
        one.give_back(&a);
        assert!(two.take(&a));
        two.stop_waiting(&a);
        assert!(!one.is_awaited());
        two.give_back(&a);
        assert!(!looker.is_taken(&a) && looker.is_taken(&b));
        assert!(two.take(&a));
        assert!(!one.has_news());
        two.tell_news();
        assert!(one.has_news() && !one.has_news());
        one.tell_news();
        two.tell_news();
        assert!(two.has_news() && !two.has_news(), "what the other said before is not lost");
        drop(two);
        assert!(one.take(&a) && one.take(&b), "who is gone holds nothing");
    }
}
