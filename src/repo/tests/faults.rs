//! What fails stays failed: nothing is taken for stored that is not, and nobody waits for what will not come.

use super::*;
use crate::backend::Spool;

/// A repository over a medium, and the index's file.
pub(crate) fn repo_over_new(backend: Arc<dyn Backend>, dir: &Path) -> Repo {
    let local = Local { cache: dir.join("cache"), device: dir.join("device") };
    Repo::init(backend, local, &init_options(), Some(Secret::KeyFile(&KEY))).expect("init")
}

#[test]
fn after_a_failed_flush_nothing_is_published() {
    let dir = tempfile::tempdir().expect("a directory");
    let backend = Arc::new(FaultBackend::new(Arc::new(MemBackend::new()), Plan::NONE));
    let repo = repo_over_new(backend.clone(), dir.path());
    let bytes = noise(900, 5);
    for at in 1.. {
        let writer = repo.writer(&writer_options()).expect("writer");
        writer.putter().put(Kind::Blob, &bytes).expect("put");
        backend.set(Plan { fault: Fault::Once, at, writes_only: true, code: Code::StorageFull });
        let failed = writer.flush();
        let was_reached = backend.has_failed();
        backend.set(Plan::NONE);
        if !was_reached {
            failed.expect("nothing fails");
            assert!(at > 2, "a pack and a segment are written");
            break;
        }
        assert_eq!(failed.expect_err("planned").code(), Code::StorageFull);
        assert_eq!(writer.putter().put(Kind::Blob, &bytes).expect_err("failed before").code(), Code::StorageFull);
        let published = writer.publish(1, &crate::cbor::Fields::new().encode());
        assert_eq!(published.expect_err("the frames are gone").code(), Code::StorageFull, "operation {at}");
    }
}

#[test]
fn a_put_that_could_not_ask_the_index_is_not_taken_for_stored() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    let db = rusqlite::Connection::open(dir.path().join("repo/index.sqlite")).expect("open");
    db.execute_batch("ALTER TABLE entries RENAME TO away").expect("renamed");
    let bytes = noise(900, 5);
    putter.put(Kind::Blob, &bytes).expect_err("the index cannot be asked");
    db.execute_batch("ALTER TABLE away RENAME TO entries").expect("renamed back");
    let again = putter.put(Kind::Blob, &bytes).and_then(|_| writer.flush());
    assert!(again.is_err() || repo.read(&hash(&bytes)).is_ok(), "said to be stored, and is not");
}

/// Passes on, and lets a test step in: called with `spool` before a spool is made, with the prefix after a listing.
pub(super) struct HookBackend<F>(pub(super) Arc<dyn Backend>, pub(super) F);

impl<F: Fn(&str) + Send + Sync> Backend for HookBackend<F> {
    fn location(&self) -> String {
        self.0.location()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.0.put(name, bytes)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.0.put_new(name, bytes)
    }
    fn spool(&self) -> Result<Spool> {
        self.1("spool");
        self.0.spool()
    }
    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
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
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.0.list(prefix, each)?;
        self.1(prefix);
        Ok(())
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.0.delete(name)
    }
    fn local_dir(&self) -> Option<&Path> {
        self.0.local_dir()
    }
}

#[test]
fn a_panic_in_the_pool_fails_the_flush_instead_of_hanging_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_over_new(
        Arc::new(HookBackend(Arc::new(MemBackend::new()), |at: &str| assert!(at != "spool", "planned"))),
        dir.path(),
    );
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    // Enough for a pack to be begun in the pool.
    let failed = (0..200).find_map(|n| putter.put(Kind::Blob, &noise(64 << 10, n)).err());
    drop(putter);
    let error = failed.unwrap_or_else(|| writer.flush().expect_err("a thread of the pool panicked"));
    assert_eq!(error.code(), Code::SystemError);
    assert!(writer.publish(1, &crate::cbor::Fields::new().encode()).is_err());
}

#[test]
fn a_putter_that_is_gone_leaves_its_frame_to_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    (0..100).for_each(|n| _ = writer.putter().put(Kind::Blob, &noise(500, 2 * n)).expect("put"));
    writer.finish().expect("finish");
    let view = repo.index().view().expect("view");
    let number = view.packs().expect("packs")[0].number;
    assert_eq!(view.facts(number).expect("facts").frames.len(), 1, "neighbours share a frame");
}
