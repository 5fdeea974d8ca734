//! A backend that asks again where asking again can help.
//!
//! Only failures of the network and of time are tried again: exponential waiting with full jitter ("Exponential Backoff
//! And Jitter", AWS Architecture Blog, 2015) within a budget of time for each request. What was stored by a request
//! whose answer was lost is recognised by its bytes. Who was never reached is not waited for as long as who was there before.

use super::{Backend, Spool};
use crate::clock::{Stopwatch, Time};
use crate::crypto::seal::random;
use crate::error::{Class, Code, Error, IoContext, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So often is a request tried again, however long each try takes.
const RETRIES_MIN: u32 = 2;

/// So often is somebody called again who was never there: a wrong port does not become a right one.
const CALLS_AGAIN_MAX: u32 = 3;

/// How long somebody goes on asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The longest first wait, milliseconds; the longest one doubles from wait to wait.
    pub first_ms: u64,
    /// No wait is longer, milliseconds.
    pub wait_ms_max: u64,
    /// No retry begins later than this, milliseconds after the first try, but for the first two: one try that is
    /// silent may use up all of it.
    pub budget_ms: u64,
    /// So often at most is a request tried again.
    pub retries_max: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { first_ms: 250, wait_ms_max: 20_000, budget_ms: 120_000, retries_max: 12 }
    }
}

impl Patience {
    /// How long to wait before the next retry, `chance` being a random number; `None` when it is enough.
    fn wait_ms(&self, retries: u32, passed_ms: u64, chance: u64) -> Option<u64> {
        let longest = self.first_ms.saturating_mul(1 << retries.min(20)).min(self.wait_ms_max);
        let wait = chance % (longest + 1);
        let is_in_time = retries < RETRIES_MIN || passed_ms + wait <= self.budget_ms;
        (retries < self.retries_max && is_in_time).then_some(wait)
    }
}

/// Asks again.
pub struct RetryBackend {
    inner: Arc<dyn Backend>,
    patience: Patience,
    /// The other side was there once.
    was_reached: AtomicBool,
}

impl RetryBackend {
    /// Asks `inner` as long as there is patience.
    pub fn new(inner: Arc<dyn Backend>, patience: Patience) -> Self {
        RetryBackend { inner, patience, was_reached: AtomicBool::new(false) }
    }

    /// Works until it works or nothing more can be hoped for; `work` hears how often it was tried before.
    fn again<T>(&self, mut work: impl FnMut(u32) -> Result<T>) -> Result<T> {
        let (mut retries, watch) = (0, Stopwatch::start());
        loop {
            let answer = work(retries);
            let is_away = answer.as_ref().is_err_and(|error| error.code() == Code::NetworkUnreachable);
            if !is_away {
                self.was_reached.store(true, Ordering::Relaxed);
            }
            let error = match answer {
                Err(error) if is_transient(&error) => error,
                answer => return answer,
            };
            let chance = u64::from_le_bytes(random()?);
            let is_enough = is_away && retries >= CALLS_AGAIN_MAX && !self.was_reached.load(Ordering::Relaxed);
            let wait = self.patience.wait_ms(retries, watch.elapsed_ms(), chance).filter(|_| !is_enough);
            let Some(wait) = wait else {
                return Err(if retries == 0 { error } else { error.context(format!("failed {} times", retries + 1)) });
            };
            std::thread::sleep(Duration::from_millis(wait));
            retries += 1;
        }
    }
}

/// Whether the same request may work the next time.
pub(super) fn is_transient(error: &Error) -> bool {
    let is_of_the_way = matches!(error.class(), Class::Network | Class::Timeout);
    error.code().is_retryable() && (is_of_the_way || error.code() == Code::RateLimitExceeded)
}

/// Another name for the file of a spool: giving it away is part of each attempt.
fn second_name(spool: &Spool) -> Result<Spool> {
    let path = spool.path();
    let dir = path.parent().unwrap_or(Path::new("."));
    let file = spool.as_file().try_clone().at("open", path)?;
    let linked = tempfile::Builder::new().prefix("spool-").make_in(dir, |name| std::fs::hard_link(path, name));
    Ok(Spool::from_parts(file, linked.at("link to", path)?.into_temp_path()))
}

impl Backend for RetryBackend {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.again(|_| self.inner.put(name, bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.again(|retries| {
            let is_new = self.inner.put_new(name, bytes)?;
            // An attempt before may have worked, and its answer may be lost.
            Ok(is_new || (retries > 0 && self.inner.get(name)? == bytes))
        })
    }

    fn spool(&self) -> Result<Spool> {
        self.inner.spool()
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.again(|_| self.inner.put_spool(name, second_name(&spool)?))
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.again(|_| self.inner.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.again(|_| self.inner.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.again(|_| self.inner.stat(name))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.again(|_| self.inner.modified(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        // A listing that broke off begins anew, and nobody shall hear of a name twice.
        let items = self.again(|_| {
            let mut items = Vec::new();
            self.inner.list(prefix, &mut |name, len| {
                items.push((name.to_string(), len));
                Ok(())
            })?;
            Ok(items)
        })?;
        items.iter().try_for_each(|(name, len)| each(name, *len))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.again(|_| self.inner.delete(name))
    }

    fn creates_exclusively(&self) -> bool {
        self.inner.creates_exclusively()
    }

    fn local_dir(&self) -> Option<&Path> {
        self.inner.local_dir()
    }

    fn beyond(&self) -> Option<&dyn Backend> {
        self.inner.beyond()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Fault, FaultBackend, MemBackend, Plan};
    use std::io::Write;

    const QUICK: Patience = Patience { first_ms: 0, wait_ms_max: 0, budget_ms: 60_000, retries_max: 3 };

    fn failing(fault: Fault, code: Code) -> (Arc<FaultBackend>, RetryBackend) {
        let plan = Plan { fault, at: 1, writes_only: true, code };
        let fault = Arc::new(FaultBackend::new(Arc::new(MemBackend::new()), plan));
        (fault.clone(), RetryBackend::new(fault, QUICK))
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        let (fault, backend) = failing(Fault::Once, Code::NetworkTimeout);
        backend.put("a", b"x").unwrap();
        assert_eq!(fault.counted(), 2);
        for code in [Code::StorageFull, Code::PermissionDenied, Code::FileNotFound, Code::StorageCorrupted] {
            let (fault, backend) = failing(Fault::Once, code);
            assert_eq!(backend.put("a", b"x").unwrap_err().code(), code);
            assert_eq!(fault.counted(), 1);
        }
        let (fault, backend) = failing(Fault::Forever, Code::ConnectionFailed);
        let error = backend.put("a", b"x").unwrap_err();
        assert_eq!((error.code(), fault.counted()), (Code::ConnectionFailed, 4));
        assert!(error.to_string().contains("4 times"));
    }

    #[test]
    fn who_was_never_there_is_soon_given_up() {
        let patience = Patience { retries_max: 9, ..QUICK };
        let plan = Plan { fault: Fault::Forever, at: 1, writes_only: true, code: Code::NetworkUnreachable };
        let fault = Arc::new(FaultBackend::new(Arc::new(MemBackend::new()), plan));
        let backend = RetryBackend::new(fault.clone(), patience);
        assert_eq!(backend.put("a", b"x").unwrap_err().code(), Code::NetworkUnreachable);
        assert_eq!(fault.counted(), u64::from(CALLS_AGAIN_MAX) + 1);
        // Who has answered before may be there again in a moment.
        fault.set(Plan::NONE);
        assert_eq!(backend.stat("a").unwrap(), None);
        fault.set(plan);
        assert!(backend.put("a", b"x").is_err());
        assert_eq!(fault.counted(), 10);
    }

    #[test]
    fn a_lost_answer_is_no_second_writer() {
        let (_, backend) = failing(Fault::Unanswered, Code::NetworkTimeout);
        assert!(backend.put_new("leases/w/0", b"mine").unwrap());
        assert!(!backend.put_new("leases/w/0", b"other").unwrap());
        let (fault, backend) = failing(Fault::Unanswered, Code::NetworkTimeout);
        fault.set(Plan { at: 2, ..Plan { fault: Fault::Unanswered, writes_only: true, code: Code::Timeout, at: 2 } });
        let mut spool = backend.spool().unwrap();
        spool.write_all(b"pack").unwrap();
        let path = spool.path().to_path_buf();
        backend.put_spool("packs/ab/x", spool).unwrap();
        assert_eq!(backend.get("packs/ab/x").unwrap(), b"pack");
        assert!(!path.exists());
    }

    #[test]
    fn waits_double_and_end() {
        let patience = Patience::default();
        assert_eq!(patience.wait_ms(0, 0, 250), Some(250));
        assert_eq!(patience.wait_ms(3, 0, 1_999), Some(1_999));
        assert_eq!(patience.wait_ms(9, 0, 20_000), Some(20_000));
        assert_eq!(patience.wait_ms(9, 110_000, 20_000), None);
        assert_eq!(patience.wait_ms(12, 0, 0), None);
        // Silence that took all the time is not the end at once.
        assert_eq!(patience.wait_ms(1, 240_000, 500), Some(500));
        assert_eq!(patience.wait_ms(2, 240_000, 500), None);
    }
}
