//! The store as a whole: what is put comes back, after reopening, without the index, and never wrong.

mod agree;
pub(crate) mod faults;
mod fold;
mod orphans;
mod sharing;

use super::lock::Wait;
use super::*;

use crate::backend::{Fault, FaultBackend, FsBackend, MemBackend, Plan};
use crate::object::{Class, Key, Kind, hash};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// A fresh repository in a directory of its own, encrypted with a key file, with small chunks.
pub(crate) fn repo_in(dir: &Path) -> Repo {
    let (backend, local) = place(dir);
    Repo::init(backend, local, &init_options(), Some(Secret::KeyFile(&KEY))).expect("init")
}

pub(crate) fn init_options() -> InitOptions {
    InitOptions {
        scheme: Scheme::Aes256Gcm,
        sizes: Sizes::new(256, 1024, 4096).expect("sound sizes"),
        compression: Compression::new(crate::compress::Algorithm::Zstd, None).expect("zstd"),
        kdf: KdfCost::FLOOR,
        label: "test".to_string(),
    }
}

/// The same repository opened again.
pub(crate) fn reopen(dir: &Path) -> Repo {
    let (backend, local) = place(dir);
    Repo::open(backend, local, Some(Secret::KeyFile(&KEY)), OpenOptions::default()).expect("open")
}

/// Options of a writer in tests.
pub(crate) fn writer_options() -> WriterOptions {
    WriterOptions {
        jobs: 2,
        verify_writes: true,
        compression: None,
        command: "test".to_string(),
        lock_wait: Wait::No,
        lock_token: None,
    }
}

pub(crate) const KEY: [u8; 32] = [7; 32];

/// A repository over any medium, its local files in a directory.
pub(crate) fn repo_over(backend: Arc<dyn Backend>, dir: &Path) -> Result<Repo> {
    let local = Local { cache: dir.join("cache"), device: dir.join("device") };
    Repo::open(backend, local, Some(Secret::KeyFile(&KEY)), OpenOptions::default())
}

fn place(dir: &Path) -> (Arc<dyn Backend>, Local) {
    let repo = dir.join("repo");
    (Arc::new(FsBackend::new(&repo)), Local { cache: repo, device: dir.join("device") })
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed | 1;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x as u8
        })
        .collect()
}

#[test]
fn what_is_put_comes_back_after_reopening_and_without_the_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let objects: Vec<Vec<u8>> =
        [0, 1, 100, 1024, 1025, 5_000, 300_000].iter().map(|len| noise(*len, *len as u64)).collect();
    {
        let repo = repo_in(dir.path());
        let writer = repo.writer(&writer_options()).expect("writer");
        let mut putter = writer.putter();
        for bytes in &objects {
            let put = putter.put(Kind::Blob, bytes).expect("put");
            assert_eq!((put.id, put.len), (hash(bytes), bytes.len() as u64));
            assert!(!putter.put(Kind::Blob, bytes).expect("put again").is_new);
        }
        drop(putter);
        writer.finish().expect("finish");
        objects.iter().for_each(|bytes| assert_eq!(&repo.read(&hash(bytes)).expect("read"), bytes));
    }
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.path().join(format!("repo/index.sqlite{suffix}")));
    }
    let repo = reopen(dir.path());
    for bytes in &objects {
        let id = hash(bytes);
        assert_eq!(&repo.read(&id).expect("read"), bytes);
        assert_eq!(repo.find(&id).expect("find").expect("there").len, bytes.len() as u64);
        let (from, len) = (bytes.len() / 3, bytes.len() / 2);
        assert_eq!(repo.read_range(&id, from as u64, len).expect("range"), bytes[from..(from + len).min(bytes.len())]);
    }
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    objects.iter().for_each(|bytes| assert!(!putter.put(Kind::Blob, bytes).expect("put").is_new));
    assert_eq!(repo.check_index().expect("checked"), "ok");
}

#[test]
fn holes_are_not_stored_but_read_as_zeros() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let (head, tail) = (noise(10_000, 3), noise(7_000, 4));
    let mut plain = head.clone();
    plain.resize(head.len() + 3_000_000, 0);
    plain.extend(&tail);
    let mut putter = writer.putter();
    let mut object = putter.object(Kind::Blob);
    object.write(&head).expect("head");
    object.hole(3_000_000).expect("hole");
    object.write(&tail).expect("tail");
    let put = object.finish().expect("finish");
    drop(putter);
    assert!(writer.stats().raw_bytes < 40_000, "{:?}", writer.stats());
    writer.finish().expect("finish");
    assert_eq!(put.id, hash(&plain));
    assert_eq!(repo.read(&put.id).expect("read"), plain);
    let mut holes = 0;
    repo.pieces(&put.id, &mut |piece| {
        holes += u64::from(piece.key.is_none()) * piece.len;
        Ok(())
    })
    .expect("pieces");
    assert_eq!(holes, 3_000_000);
}

#[test]
fn fetch_answers_every_want_once_from_several_threads() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let blobs: Vec<Vec<u8>> = (0..2_000).map(|n| noise(n % 1_000 + 1, n as u64 + 9)).collect();
    let mut putter = writer.putter();
    blobs.iter().for_each(|bytes| _ = putter.put(Kind::Blob, bytes).expect("put"));
    drop(putter);
    writer.finish().expect("finish");
    let mut wants: Vec<Want> = blobs
        .iter()
        .map(|bytes| Want { key: Key { class: Class::Whole, id: hash(bytes) }, len: bytes.len() as u64 })
        .collect();
    wants.push(Want { key: Key { class: Class::Whole, id: hash(b"absent") }, len: 6 });
    let answers = Mutex::new(vec![0; wants.len()]);
    repo.fetch(&wants, 4, &|at, bytes| {
        answers.lock().expect("no panic")[at] += 1;
        match blobs.get(at) {
            Some(blob) => assert_eq!(bytes.expect("there"), blob),
            None => assert_eq!(bytes.expect_err("absent").code(), Code::ChunkNotFound),
        }
    })
    .expect("fetch");
    assert!(answers.into_inner().expect("no panic").iter().all(|count| *count == 1));
}

#[test]
fn a_damaged_pack_gives_errors_and_never_bytes_and_the_next_put_heals_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let bytes = noise(900, 5);
    let repo = repo_in(dir.path());
    let store = |repo: &Repo| {
        let writer = repo.writer(&writer_options()).expect("writer");
        let is_new = writer.putter().put(Kind::Blob, &bytes).expect("put").is_new;
        writer.finish().expect("finish");
        is_new
    };
    assert!(store(&repo));
    let pack = walkdir::WalkDir::new(dir.path().join("repo/packs"))
        .into_iter()
        .flatten()
        .find(|entry| entry.file_type().is_file());
    let path = pack.expect("a pack").into_path();
    let mut file = fs::read(&path).expect("read");
    file[200] ^= 1;
    fs::write(&path, file).expect("write");
    let repo = reopen(dir.path());
    let error = repo.read(&hash(&bytes)).expect_err("damaged");
    assert_eq!(error.class(), crate::error::Class::Damaged);
    assert!(error.to_string().contains("packs/"), "{error}");
    assert!(store(&repo), "a bad copy is absent to writers");
    assert_eq!(repo.read(&hash(&bytes)).expect("healed"), bytes);
}

#[test]
fn the_log_of_the_index_stays_short() {
    let dir = tempfile::tempdir().expect("temp");
    drop(repo_in(dir.path()));
    for seed in 0..60 {
        // Each as a command of its own: nobody tidies up at the end.
        let repo = reopen(dir.path());
        let writer = repo.writer(&writer_options()).expect("writer");
        writer.putter().put(Kind::Blob, &noise(200, seed)).expect("put");
        writer.finish().expect("finish");
    }
    let log_bytes = std::fs::metadata(dir.path().join("repo/index.sqlite-wal")).map_or(0, |meta| meta.len());
    assert!(log_bytes < 1 << 20, "{log_bytes}: every command begins with reading them");
}

#[test]
fn many_threads_put_the_same_and_all_is_stored_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let blobs: Vec<Vec<u8>> = (0..500).map(|n| noise(800, 2 * n + 77)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut putter = writer.putter();
                for (n, bytes) in blobs.iter().enumerate() {
                    putter.put(Kind::Blob, bytes).expect("put");
                    if n % 100 == 99 {
                        writer.flush().expect("flush");
                    }
                }
            });
        }
    });
    assert_eq!(writer.stats().objects, 500);
    writer.finish().expect("finish");
    blobs.iter().for_each(|bytes| assert_eq!(&repo.read(&hash(bytes)).expect("read"), bytes));
    assert_eq!(repo.index_stats().expect("stats").entries, 500);
}

/// Puts 40 blobs in 4 flushes and publishes a record; answers the ids that a flush had confirmed.
fn write_some(repo: &Repo, seed: u64) -> (Vec<Id>, Result<Id>) {
    let mut confirmed = Vec::new();
    let written = (|| {
        let writer = repo.writer(&writer_options())?;
        let mut putter = writer.putter();
        for round in 0..4 {
            let ids = (0..10)
                .map(|n| Ok(putter.put(Kind::Blob, &noise(1_500, seed + 100 * round + 2 * n))?.id))
                .collect::<Result<Vec<Id>>>()?;
            writer.flush()?;
            confirmed.extend(ids);
        }
        drop(putter);
        let name = writer.publish(1, &crate::cbor::Fields::new().encode())?;
        writer.finish()?;
        Ok(name)
    })();
    (confirmed, written)
}

#[test]
fn after_a_failure_at_any_operation_what_was_confirmed_is_there() {
    let plain = Plan { fault: Fault::Forever, at: 0, writes_only: true, code: Code::StorageFull };
    let dir = tempfile::tempdir().expect("a directory");
    let operations = {
        let backend = Arc::new(FaultBackend::new(Arc::new(MemBackend::new()), Plan::NONE));
        let local = Local { cache: dir.path().join("count"), device: dir.path().join("count-device") };
        let repo = Repo::init(backend.clone(), local, &init_options(), Some(Secret::KeyFile(&KEY))).expect("init");
        backend.set(plain);
        write_some(&repo, 1).1.expect("nothing fails");
        backend.counted()
    };
    assert!(operations > 9, "a pack and a segment for each of four flushes, and a root: {operations}");
    for fault in [Fault::Forever, Fault::Once, Fault::Unanswered] {
        for at in 1..=operations {
            let home = dir.path().join(format!("{fault:?}-{at}"));
            let medium: Arc<dyn Backend> = Arc::new(MemBackend::new());
            let backend = Arc::new(FaultBackend::new(medium.clone(), Plan::NONE));
            let local = Local { cache: home.join("cache"), device: home.join("device") };
            let repo = Repo::init(backend.clone(), local, &init_options(), Some(Secret::KeyFile(&KEY))).expect("init");
            backend.set(Plan { fault, at, ..plain });
            let (confirmed, _) = write_some(&repo, 1);
            drop(repo);
            // Another process on another machine: no index of its own yet.
            let repo = repo_over(medium, &home.join("other")).expect("opens");
            for id in &confirmed {
                assert_eq!(hash(&repo.read(id).expect("confirmed is there")), *id, "{fault:?} at {at}");
            }
            let (all, published) = write_some(&repo, 1);
            let name = published.expect("the next writer goes on");
            all.iter().for_each(|id| assert_eq!(hash(&repo.read(id).expect("there")), *id));
            assert!(repo.roots().expect("roots").iter().any(|root| root.name == name));
        }
    }
}
