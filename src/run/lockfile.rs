//! One run at a time works in a project: the lock in the file `run.lock`.
//!
//! The truth is the kernel's flock. Commands of tasks inherit the open file, so that what a killed larder left running
//! still holds the project; a larder that ends in an orderly way unlocks it for all of them. A run that is started by a
//! task of a run is told a token by which it takes part in the lock of the outer one.

use crate::clock;
use crate::error::{IoContext, Result};
use crate::fs::{PRIVATE_DIR, create_dir_durable, host_name, open_private};
use crate::id::hex;
use crate::object::hash;
use crate::run::process::let_inherit;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// The variable that tells nested runs the token.
pub const TOKEN_VARIABLE: &str = "LARDER_RUN_TOKEN";
/// The name of the lock file.
pub const RUN_LOCK: &str = "run.lock";

/// The first pause of a waiter; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// The most that is read of what a holder says.
const SAYS_BYTES_MAX: usize = 512;

/// The right to work in a project, until it is dropped.
#[derive(Debug)]
pub struct RunLock {
    /// None when an outer run holds it.
    file: Option<File>,
    token: String,
    waited: bool,
}

impl RunLock {
    /// Takes the lock in this directory, and waits for it. `token` is what the environment says of an outer run.
    /// `on_wait` is called once with who holds it, `is_cancelled` while waiting; when that says yes, the answer is none.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED; SYSTEM_ERROR without random bytes.
    pub fn take(
        dir: &Path,
        token: Option<&str>,
        on_wait: &mut dyn FnMut(&str),
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<RunLock>> {
        create_dir_durable(dir, PRIVATE_DIR)?;
        let path = dir.join(RUN_LOCK);
        let file = open_private(&path)?;
        let (mut pause, mut waited) = (PAUSE_MIN, false);
        while !try_lock(&file, &path)? {
            let says = read(&file);
            if let Some(token) = token.filter(|token| says.contains(&token_mark(token))) {
                return Ok(Some(RunLock { file: None, token: token.to_string(), waited: false }));
            }
            if !waited {
                on_wait(says.split(" token=").next().unwrap_or_default());
                waited = true;
            }
            if is_cancelled() {
                return Ok(None);
            }
            sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
        let token = hex(&crate::crypto::seal::random::<16>()?);
        let says = format!(
            "process {} on {} since {} token={}\n",
            std::process::id(),
            host_name(),
            jiff::Timestamp::from_second(clock::now().seconds).unwrap_or_default(),
            &token_mark(&token)
        );
        // What the file says helps people and nested runs; the lock does not stand on it.
        let _ = file.set_len(0).and_then(|()| file.write_all_at(says.as_bytes(), 0));
        let_inherit(&file)?;
        Ok(Some(RunLock { file: Some(file), token, waited }))
    }

    /// What commands are told, so that a run in them takes part in this lock.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether it is that of an outer run.
    pub fn is_within(&self) -> bool {
        self.file.is_none()
    }

    /// Whether another run worked here in the meantime.
    pub fn has_waited(&self) -> bool {
        self.waited
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.set_len(0);
            let _ = flock(file, FlockOperation::Unlock);
        }
    }
}

/// Where the lock of a project is: beside its repository, or what larder keeps for it.
pub fn lock_dir(root: &Path) -> PathBuf {
    root.join(".larder")
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error).at("lock", path),
    }
}

/// The token itself stands nowhere.
fn token_mark(token: &str) -> String {
    hash(token.as_bytes()).to_hex()
}

fn read(file: &File) -> String {
    let mut says = vec![0; SAYS_BYTES_MAX];
    let len = file.read_at(&mut says, 0).unwrap_or(0);
    says.truncate(len);
    String::from_utf8_lossy(&says).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(dir: &Path, token: Option<&str>) -> Option<RunLock> {
        RunLock::take(dir, token, &mut |_| {}, &|| true).expect("locks")
    }

    #[test]
    fn one_at_a_time_and_those_within() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = take(dir.path(), None).expect("free");
        let mut says = String::new();
        let second = RunLock::take(dir.path(), Some("other"), &mut |text| says = text.to_string(), &|| true);
        assert!(second.expect("locks").is_none());
        assert!(says.starts_with(&format!("process {}", std::process::id())) && !says.contains("token"), "{says}");
        let within = take(dir.path(), Some(first.token())).expect("within");
        assert_eq!(within.token(), first.token());
        drop(within);
        assert!(take(dir.path(), None).is_none(), "the outer one still holds it");
        drop(first);
        assert!(take(dir.path(), None).is_some());
    }
}
