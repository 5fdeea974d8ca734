//! A directory of this machine from which packs are absent on purpose: they are read where they were promised.
//!
//! Everything that is written, listed or deleted is of the directory alone. Only whoever reads a pack by its name is led on
//! to the other medium, and only if it is not here.

use super::{Backend, Spool};
use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use std::path::Path;
use std::sync::Arc;

/// What is named so may be somewhere else.
const PROMISED: &str = "packs/";
/// Every repository has a file of this name.
const REPOSITORY: &str = "config.toml";

/// Reads through to another medium.
pub struct PartialBackend {
    here: Arc<dyn Backend>,
    beyond: Arc<dyn Backend>,
}

impl PartialBackend {
    /// What is not `here` is read from `beyond`.
    pub fn new(here: Arc<dyn Backend>, beyond: Arc<dyn Backend>) -> Self {
        PartialBackend { here, beyond }
    }

    fn or_beyond<T>(
        &self,
        name: &str,
        answer: Result<T>,
        is_absent: impl Fn(&Result<T>) -> bool,
        ask: impl Fn(&dyn Backend) -> Result<T>,
    ) -> Result<T> {
        if !name.starts_with(PROMISED) || !is_absent(&answer) {
            return answer;
        }
        let there = ask(self.beyond.as_ref());
        if is_absent(&there) {
            self.reach_beyond(name)?;
        }
        there.map_err(|error| match error.is_not_found() {
            true => error,
            false => error.context(format!("{name} is not here but at {}", self.beyond.location())),
        })
    }

    /// Nothing is said to be lost while the other side is away: a disk that is not mounted has no files at all.
    fn reach_beyond(&self, name: &str) -> Result<()> {
        let there = self.beyond.location();
        match self.beyond.stat(REPOSITORY) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => fail(
                Code::NetworkUnreachable,
                format!("{name} is not here but at {there}, and there is no repository there"),
            ),
            Err(error) => Err(error.context(format!("{name} is not here but at {there}"))),
        }
    }
}

fn is_not_found<T>(answer: &Result<T>) -> bool {
    answer.as_ref().is_err_and(Error::is_not_found)
}

impl Backend for PartialBackend {
    fn location(&self) -> String {
        self.here.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.here.put(name, bytes)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.here.put_new(name, bytes)
    }

    fn spool(&self) -> Result<Spool> {
        self.here.spool()
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.here.put_spool(name, spool)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.or_beyond(name, self.here.get(name), is_not_found, |beyond| beyond.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let answer = self.here.get_range(name, offset, len);
        self.or_beyond(name, answer, is_not_found, |beyond| beyond.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.or_beyond(name, self.here.stat(name), |answer| matches!(answer, Ok(None)), |beyond| beyond.stat(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.here.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.here.delete(name)
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.here.modified(name)
    }

    fn creates_exclusively(&self) -> bool {
        self.here.creates_exclusively()
    }

    fn local_dir(&self) -> Option<&Path> {
        self.here.local_dir()
    }

    fn beyond(&self) -> Option<&dyn Backend> {
        Some(self.beyond.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemBackend;

    #[test]
    fn packs_are_read_where_they_are_and_nothing_else_is() {
        let (here, there) = (Arc::new(MemBackend::new()), Arc::new(MemBackend::new()));
        let partial = PartialBackend::new(here.clone(), there.clone());
        // Nothing is there yet: it is out of reach, and not lost.
        let unreachable = partial.get("packs/ab/1").unwrap_err().code();
        assert_eq!(
            (unreachable, partial.stat("packs/ab/1").unwrap_err().code()),
            (Code::NetworkUnreachable, unreachable)
        );
        for name in ["packs/ab/1", "roots/a", REPOSITORY] {
            there.put(name, b"there").unwrap();
        }
        assert_eq!(partial.get("packs/ab/1").unwrap(), b"there");
        assert_eq!(partial.get_range("packs/ab/1", 1, 2).unwrap(), b"he");
        assert_eq!(partial.stat("packs/ab/1").unwrap(), Some(5));
        assert!(partial.get("roots/a").unwrap_err().is_not_found() && partial.get("packs/ab/2").is_err());
        assert_eq!((partial.stat("roots/a").unwrap(), partial.stat("packs/ab/2").unwrap()), (None, None));
        partial.list("packs", &mut |name, _| panic!("{name} is not here")).unwrap();
        partial.delete("packs/ab/1").unwrap();
        assert_eq!(there.get("packs/ab/1").unwrap(), b"there");
        partial.put("packs/ab/1", b"here!").unwrap();
        assert_eq!(
            (partial.get("packs/ab/1").unwrap(), there.get("packs/ab/1").unwrap()),
            (b"here!".into(), b"there".into())
        );
    }
}
