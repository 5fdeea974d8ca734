//! A backend that remembers what was asked of the one beneath it.
//!
//! For tests that say how many reads and writes an operation may make, and in which order (promise 2).

use super::{Backend, Spool};
use crate::clock::Time;
use crate::error::Result;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A kind of operation: one for each fallible method of [`Backend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// [`Backend::put`].
    Put,
    /// [`Backend::put_new`].
    PutNew,
    /// [`Backend::spool`].
    Spool,
    /// [`Backend::put_spool`].
    PutSpool,
    /// [`Backend::get`].
    Get,
    /// [`Backend::get_range`].
    GetRange,
    /// [`Backend::stat`].
    Stat,
    /// [`Backend::list`].
    List,
    /// [`Backend::delete`].
    Delete,
}

impl Operation {
    /// Whether it can change what the medium holds.
    pub fn is_write(self) -> bool {
        matches!(self, Operation::Put | Operation::PutNew | Operation::Spool | Operation::PutSpool | Operation::Delete)
    }
}

/// One operation that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What.
    pub operation: Operation,
    /// Of which file, or below which directory; empty for a spool.
    pub name: String,
    /// Bytes that were given or answered; 0 for operations that move none, and for those that failed.
    pub bytes: u64,
}

/// Records every operation on its way to another backend.
pub struct RecordBackend {
    inner: Arc<dyn Backend>,
    calls: Mutex<Vec<Call>>,
}

impl RecordBackend {
    /// Records what is asked of `inner`.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        RecordBackend { inner, calls: Mutex::new(Vec::new()) }
    }

    /// Everything asked since the start or the last [`RecordBackend::take`], in order of completion.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// The same, and forgets it.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.lock())
    }

    /// How many operations of this kind, and how many bytes they moved.
    pub fn count(&self, operation: Operation) -> (u64, u64) {
        let calls = self.lock();
        let of_kind = calls.iter().filter(|call| call.operation == operation);
        of_kind.fold((0, 0), |(count, bytes), call| (count + 1, bytes + call.bytes))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, operation: Operation, name: &str, bytes: impl Fn(&T) -> u64, answer: Result<T>) -> Result<T> {
        let bytes = answer.as_ref().map_or(0, bytes);
        self.lock().push(Call { operation, name: name.to_string(), bytes });
        answer
    }
}

impl Backend for RecordBackend {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.note(Operation::Put, name, |()| bytes.len() as u64, self.inner.put(name, bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.note(Operation::PutNew, name, |_| bytes.len() as u64, self.inner.put_new(name, bytes))
    }

    fn spool(&self) -> Result<Spool> {
        self.note(Operation::Spool, "", |_| 0, self.inner.spool())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let len = spool.as_file().metadata().map_or(0, |meta| meta.len());
        self.note(Operation::PutSpool, name, |()| len, self.inner.put_spool(name, spool))
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.note(Operation::Get, name, |bytes| bytes.len() as u64, self.inner.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.note(Operation::GetRange, name, |bytes| bytes.len() as u64, self.inner.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.note(Operation::Stat, name, |_| 0, self.inner.stat(name))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.note(Operation::Stat, name, |_| 0, self.inner.modified(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.note(Operation::List, prefix, |()| 0, self.inner.list(prefix, each))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.note(Operation::Delete, name, |()| 0, self.inner.delete(name))
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

    #[test]
    fn calls_are_listed_and_counted() {
        let record = RecordBackend::new(Arc::new(MemBackend::new()));
        record.put("a/b", b"four").unwrap();
        assert!(record.get("a/c").is_err());
        assert_eq!(record.get_range("a/b", 1, 2).unwrap(), b"ou");
        let seen: Vec<_> = record.calls().into_iter().map(|call| (call.operation, call.name, call.bytes)).collect();
        let expected = [(Operation::Put, "a/b", 4), (Operation::Get, "a/c", 0), (Operation::GetRange, "a/b", 2)];
        assert_eq!(seen, expected.map(|(operation, name, bytes)| (operation, name.to_string(), bytes)));
        assert_eq!(record.count(Operation::Put), (1, 4));
        assert_eq!(record.take().len(), 3);
        assert_eq!(record.count(Operation::Put), (0, 0));
    }
}
