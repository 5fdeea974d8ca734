//! The store as a whole: what is put comes back, after reopening, without the index, and never wrong.

use super::lock::Wait;
use super::*;
use crate::backend::FsBackend;
use crate::object::{Class, Key, Kind, hash};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// A fresh repository in a directory of its own, encrypted with a key file, with small chunks.
pub(crate) fn repo_in(dir: &Path) -> Repo {
    let sizes = Sizes::new(256, 1024, 4096).expect("sound sizes");
    let options = InitOptions {
        scheme: Scheme::Aes256Gcm,
        sizes,
        compression: Compression::new(crate::compress::Algorithm::Zstd, None).expect("zstd"),
        kdf: KdfCost::FLOOR,
        label: "test".to_string(),
    };
    let (backend, local) = place(dir);
    Repo::init(backend, local, &options, Some(Secret::KeyFile(&KEY))).expect("init")
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

const KEY: [u8; 32] = [7; 32];

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
