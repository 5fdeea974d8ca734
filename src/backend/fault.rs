//! A backend that fails when told to.
//!
//! For tests that let an engine fail at operation 1, 2, ... N and then look whether the repository still verifies
//! (promises 2, 4 and 9).

use super::record::Operation;
use super::{Backend, Spool};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What happens at the operation with the chosen number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect; the ones after it work.
    Once,
    /// It and all after it fail and have no effect: the medium is gone, or the process is dead.
    Forever,
    /// It has its effect, but its answer is lost: what a broken connection looks like.
    Unanswered,
    /// A write leaves the first half of its bytes under the name, which no medium of ours may do, and a power cut
    /// may; all after it fail.
    Torn,
}

/// When to fail: operations are counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How.
    pub fault: Fault,
    /// At which of the counted operations, from 1; 0 is never.
    pub at: u64,
    /// Count only operations that can change the medium.
    pub writes_only: bool,
    /// The code that is answered.
    pub code: Code,
}

impl Plan {
    /// Never fails, and counts.
    pub const NONE: Plan = Plan { fault: Fault::Once, at: 0, writes_only: false, code: Code::FileIo };
}

/// Fails as planned, else passes on.
pub struct FaultBackend {
    inner: Arc<dyn Backend>,
    plan: Mutex<Plan>,
    counted: AtomicU64,
}

/// What to do with one operation.
enum Verdict {
    Work,
    Fail,
    WorkAndFail,
    Tear,
}

impl FaultBackend {
    /// Passes on to `inner` until `plan` says otherwise.
    pub fn new(inner: Arc<dyn Backend>, plan: Plan) -> Self {
        FaultBackend { inner, plan: Mutex::new(plan), counted: AtomicU64::new(0) }
    }

    /// Starts counting again, with a new plan.
    pub fn set(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        self.counted.store(0, Ordering::SeqCst);
    }

    /// How many operations were counted since the plan was set.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::SeqCst)
    }

    /// Whether the plan's operation has come.
    pub fn has_failed(&self) -> bool {
        let at = self.plan().at;
        at > 0 && self.counted() >= at
    }

    fn plan(&self) -> Plan {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, operation: Operation) -> Verdict {
        let plan = self.plan();
        let number = match plan.writes_only && !operation.is_write() {
            true => self.counted(),
            false => self.counted.fetch_add(1, Ordering::SeqCst) + 1,
        };
        let is_counted = !plan.writes_only || operation.is_write();
        let is_it = plan.at > 0 && number == plan.at && is_counted;
        match plan.fault {
            Fault::Once if is_it => Verdict::Fail,
            Fault::Unanswered if is_it => Verdict::WorkAndFail,
            Fault::Torn if is_it => Verdict::Tear,
            Fault::Forever | Fault::Torn if plan.at > 0 && number >= plan.at => Verdict::Fail,
            _ => Verdict::Work,
        }
    }

    fn error<T>(&self, operation: Operation, name: &str) -> Result<T> {
        Err(Error::new(self.plan().code, format!("planned failure of {operation:?} {name}")))
    }

    fn through<T>(&self, operation: Operation, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.judge(operation) {
            Verdict::Work => work(),
            Verdict::WorkAndFail => work().and_then(|_| self.error(operation, name)),
            Verdict::Fail | Verdict::Tear => self.error(operation, name),
        }
    }

    fn write<T>(&self, operation: Operation, name: &str, bytes: &[u8], work: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.judge(operation) {
            Verdict::Work => work(),
            Verdict::WorkAndFail => work().and_then(|_| self.error(operation, name)),
            Verdict::Fail => self.error(operation, name),
            Verdict::Tear => self.inner.put(name, &bytes[..bytes.len() / 2]).and_then(|()| self.error(operation, name)),
        }
    }
}

impl Backend for FaultBackend {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write(Operation::Put, name, bytes, || self.inner.put(name, bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.write(Operation::PutNew, name, bytes, || self.inner.put_new(name, bytes))
    }

    fn spool(&self) -> Result<Spool> {
        self.through(Operation::Spool, "", || self.inner.spool())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        match self.judge(Operation::PutSpool) {
            Verdict::Work => self.inner.put_spool(name, spool),
            Verdict::WorkAndFail => {
                self.inner.put_spool(name, spool).and_then(|()| self.error(Operation::PutSpool, name))
            }
            Verdict::Fail => self.error(Operation::PutSpool, name),
            Verdict::Tear => {
                let half = spool.as_file().metadata().map_or(0, |meta| meta.len() / 2);
                let cut = spool.as_file().set_len(half).map_err(|error| Error::io("cut", spool.path(), error));
                cut.and_then(|()| self.inner.put_spool(name, spool))?;
                self.error(Operation::PutSpool, name)
            }
        }
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.through(Operation::Get, name, || self.inner.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.through(Operation::GetRange, name, || self.inner.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.through(Operation::Stat, name, || self.inner.stat(name))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.through(Operation::Stat, name, || self.inner.modified(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.through(Operation::List, prefix, || self.inner.list(prefix, each))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.through(Operation::Delete, name, || self.inner.delete(name))
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
    use crate::backend::MemBackend;

    /// Three puts and what is there afterwards: which of the puts failed, and the bytes under each name.
    fn three_puts(fault: Fault, writes_only: bool) -> (Vec<bool>, Vec<usize>) {
        let mem = Arc::new(MemBackend::new());
        let backend = FaultBackend::new(mem.clone(), Plan { fault, at: 2, writes_only, code: Code::StorageFull });
        if writes_only {
            backend.stat("a").unwrap();
        }
        let failed = ["a", "b", "c"].map(|name| match backend.put(name, b"four") {
            Ok(()) => false,
            Err(error) => error.code() == Code::StorageFull,
        });
        assert!(backend.has_failed());
        (failed.to_vec(), ["a", "b", "c"].map(|name| mem.get(name).map_or(0, |bytes| bytes.len())).to_vec())
    }

    #[test]
    fn each_fault_does_what_it_says() {
        for writes_only in [false, true] {
            assert_eq!(three_puts(Fault::Once, writes_only), (vec![false, true, false], vec![4, 0, 4]));
            assert_eq!(three_puts(Fault::Forever, writes_only), (vec![false, true, true], vec![4, 0, 0]));
            assert_eq!(three_puts(Fault::Unanswered, writes_only), (vec![false, true, false], vec![4, 4, 4]));
            assert_eq!(three_puts(Fault::Torn, writes_only), (vec![false, true, true], vec![4, 2, 0]));
        }
    }

    #[test]
    fn a_plan_of_writes_lets_reads_pass_until_it_is_dead() {
        let plan = Plan { fault: Fault::Forever, at: 1, writes_only: true, code: Code::NetworkError };
        let backend = FaultBackend::new(Arc::new(MemBackend::new()), plan);
        assert_eq!(backend.stat("a").unwrap(), None);
        assert!(backend.put("a", b"x").is_err());
        assert!(backend.stat("a").is_err());
        backend.set(Plan::NONE);
        assert!(backend.put("a", b"x").is_ok() && !backend.has_failed());
        assert_eq!(backend.counted(), 1);
    }

    #[test]
    fn a_torn_spool_is_half_there() {
        let mem = Arc::new(MemBackend::new());
        let plan = Plan { fault: Fault::Torn, at: 2, writes_only: true, code: Code::FileIo };
        let backend = FaultBackend::new(mem.clone(), plan);
        let mut spool = backend.spool().unwrap();
        std::io::Write::write_all(&mut spool, b"sixsix").unwrap();
        assert!(backend.put_spool("p", spool).is_err());
        assert_eq!(mem.get("p").unwrap().len(), 3);
    }
}
