//! Credentials that may create and read, and neither replace nor delete, suffice for backup, restore, verify and sync.
//!
//! Such a client cannot take a lease away: it says by a file that it has ended, and the gc of somebody else goes on.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod scene;

use larder::backend::{Backend, MemBackend, Spool};
use larder::clock::Time;
use larder::error::{Code, Result, fail};
use larder::monitor::Silent;
use larder::repo::{Local, Repo};
use larder::sync::sync;
use std::path::Path;
use std::sync::Arc;

/// A medium seen with credentials that create and read.
struct CreateOnly(Arc<MemBackend>);

impl CreateOnly {
    fn refuse_taken(&self, name: &str) -> Result<()> {
        match self.0.stat(name)? {
            None => Ok(()),
            Some(_) => fail(Code::PermissionDenied, format!("{name} may not be replaced")),
        }
    }
}

impl Backend for CreateOnly {
    fn location(&self) -> String {
        self.0.location()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.refuse_taken(name)?;
        self.0.put(name, bytes)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.0.put_new(name, bytes)
    }
    fn spool(&self) -> Result<Spool> {
        self.0.spool()
    }
    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.refuse_taken(name)?;
        self.0.put_spool(name, spool)
    }
    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.0.get(name)
    }
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.0.get_range(name, offset, len)
    }
    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.0.stat(name)
    }
    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.0.modified(name)
    }
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.0.list(prefix, each)
    }
    fn delete(&self, name: &str) -> Result<()> {
        fail(Code::PermissionDenied, format!("{name} may not be deleted"))
    }
}

fn files_below(medium: &MemBackend, prefix: &str) -> usize {
    let mut count = 0;
    let mut each = |_: &str, _| {
        count += 1;
        Ok(())
    };
    medium.list(prefix, &mut each).unwrap();
    count
}

fn write(dir: &Path, name: &str, seed: u64) {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join(name), scene::noise(100_000, seed)).unwrap();
}

#[test]
fn who_may_only_create_backs_up_restores_verifies_and_syncs() {
    let (dir, medium) = (scene::quick_dir(), Arc::new(MemBackend::new()));
    let source = dir.path().join("source");
    write(&source, "one", 1);
    let repo = scene::init_over(Arc::new(CreateOnly(medium.clone())), dir.path()).unwrap();
    let first = scene::back_up(&repo, &source).unwrap().snapshot.unwrap();
    write(&source, "two", 2);
    let second = scene::back_up(&repo, &source).unwrap().snapshot.unwrap();
    assert!(scene::verify_all(&repo).is_clean());
    let (done, failed) = scene::bring_back(&repo, &second, &source, &dir.path().join("out"));
    assert!(done.is_ok() && failed.is_empty());
    assert_eq!(scene::compare(&source, &dir.path().join("out")).equal.len(), 2);

    let local = Local { cache: dir.path().join("near"), device: dir.path().join("near-device") };
    let near = repo.make_replica(Arc::new(MemBackend::new()), local).unwrap();
    write(&source, "three", 3);
    scene::back_up(&near, &source).unwrap();
    let stats = sync(&near, &repo, &scene::syncing(), &Silent).unwrap();
    assert_eq!((stats.pushed.snapshots, stats.pulled.snapshots), (1, 2));
    assert!(scene::verify_all(&repo).is_clean());

    // Whoever may delete goes on at once: those leases say that they have ended, and nobody waits an hour for them.
    assert!(files_below(&medium, "leases") > 0);
    drop(repo);
    let keeper: Repo = scene::open_over(medium.clone(), &dir.path().join("keeper")).unwrap();
    scene::forget(&keeper, &first);
    let freed = scene::gc_all(&keeper).unwrap();
    assert_eq!((freed.dooms_waiting, freed.roots_deleted, files_below(&medium, "leases")), (0, 1, 0));
    assert!(scene::verify_all(&keeper).is_clean());
}
