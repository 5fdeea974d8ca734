//! What the store asks of its medium: how much, and in which order.
//!
//! Promise 2 is an order of writes; speed on far media is a number of calls. Both are held here by recording.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod scene;

use larder::backend::{Backend, Call, FsBackend, Operation, RecordBackend};
use larder::cbor::Fields;
use larder::object::{Class, Key, Kind, hash};
use larder::repo::{Repo, Want};
use scene::{init_over, noise, open_over, repository, writing};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn recorded(dir: &Path) -> (Arc<RecordBackend>, Repo) {
    let record = Arc::new(RecordBackend::new(Arc::new(FsBackend::new(repository(dir)))));
    let repo = init_over(record.clone(), dir).unwrap();
    record.take();
    (record, repo)
}

/// Small objects that are not alike.
fn small_objects(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|seed| noise(100 + seed as usize % 50, seed)).collect()
}

/// Puts them, publishes a root record of type 5 (pin), and answers what was asked of the medium.
fn store(record: &RecordBackend, repo: &Repo, objects: &[Vec<u8>]) -> Vec<Call> {
    record.take();
    let writer = repo.writer(&writing()).unwrap();
    let mut putter = writer.putter();
    for bytes in objects {
        putter.put(Kind::Blob, bytes).unwrap();
    }
    drop(putter);
    let pin = larder::repo::records::Pin { id: hash(b"x"), is_pinned: true, extra: Fields::new() };
    writer.publish(5, &pin.encode()).unwrap();
    writer.finish().unwrap();
    record.take()
}

fn written(calls: &[Call], prefix: &str) -> Vec<usize> {
    let is_write = |call: &&Call| call.operation.is_write() && call.operation != Operation::Delete;
    let all = calls.iter().filter(is_write).enumerate();
    all.filter(|(_, call)| call.name.starts_with(prefix)).map(|(at, _)| at).collect()
}

#[test]
fn packs_come_before_segments_and_segments_before_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let (record, repo) = recorded(dir.path());
    let calls = store(&record, &repo, &small_objects(2_000));
    let [packs, segments, roots] = ["packs/", "index/", "roots/"].map(|place| written(&calls, place));
    assert!(!packs.is_empty() && segments.len() == 1 && roots.len() == 1, "{calls:?}");
    assert!(packs.iter().all(|pack| *pack < segments[0]) && segments[0] < roots[0]);
    let first = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted).unwrap();
    let spooled = first(&|call| call.operation == Operation::Spool);
    let listed = |place: &str| first(&|call| call.operation == Operation::List && call.name == place);
    assert!(listed("gc") < spooled && listed("index") < spooled, "a writer looks at dooms and the index first");
    let fence = first(&|call| call.operation == Operation::Stat && call.name.ends_with("/fence"));
    assert!(first(&|call| call.name.starts_with("roots/")) < fence, "a writer looks for its fence last");
    let deleted = calls.iter().filter(|call| call.operation == Operation::Delete);
    assert!(deleted.clone().all(|call| call.name.starts_with("leases/")), "a writer deletes {deleted:?}");
}

#[test]
fn thousands_of_small_objects_are_a_handful_of_files() {
    let dir = tempfile::tempdir().unwrap();
    let (record, repo) = recorded(dir.path());
    let calls = store(&record, &repo, &small_objects(5_000));
    assert!(written(&calls, "packs/").len() <= 2, "{} packs", written(&calls, "packs/").len());
    assert!(calls.len() < 25, "{} calls: {calls:#?}", calls.len());
}

#[test]
fn what_is_known_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let (record, repo) = recorded(dir.path());
    let objects = small_objects(1_000);
    store(&record, &repo, &objects);
    for repo in [repo, open_over(record.clone(), dir.path()).unwrap()] {
        let calls = store(&record, &repo, &objects);
        assert_eq!((written(&calls, "packs/").len(), written(&calls, "index/").len()), (0, 0));
        assert!(!calls.iter().any(|call| call.name.starts_with("packs/") && call.operation == Operation::GetRange));
    }
}

#[test]
fn opening_reads_no_pack_and_little_else() {
    let dir = tempfile::tempdir().unwrap();
    let (record, repo) = recorded(dir.path());
    for objects in small_objects(600).chunks(20) {
        store(&record, &repo, objects);
    }
    drop(repo);
    record.take();
    let repo = open_over(record.clone(), dir.path()).unwrap();
    assert!(repo.find(&hash(&small_objects(1)[0])).unwrap().is_some());
    let calls = record.take();
    assert!(calls.iter().all(|call| !call.name.starts_with("packs/")), "{calls:?}");
    assert!(calls.len() <= 12, "{} calls to open a repository that is known: {calls:#?}", calls.len());
}

#[test]
fn a_small_object_is_one_read_and_its_neighbour_none() {
    let dir = tempfile::tempdir().unwrap();
    let (record, repo) = recorded(dir.path());
    let objects = small_objects(50);
    store(&record, &repo, &objects);
    let repo = open_over(record.clone(), dir.path()).unwrap();
    record.take();
    assert_eq!(repo.read(&hash(&objects[0])).unwrap(), objects[0]);
    assert_eq!(record.count(Operation::GetRange).0, 1, "{:?}", record.calls());
    for bytes in &objects {
        assert_eq!(&repo.read(&hash(bytes)).unwrap(), bytes);
    }
    assert_eq!(record.count(Operation::GetRange).0, 1, "fifty small objects lie in one frame");
}

#[test]
fn fetching_opens_each_frame_once() {
    let dir = tempfile::tempdir().unwrap();
    let (record, repo) = recorded(dir.path());
    let objects: Vec<Vec<u8>> = (0..900).map(|seed| noise(4_000, seed)).collect();
    store(&record, &repo, &objects);
    let repo = open_over(record.clone(), dir.path()).unwrap();
    record.take();
    // In an order that jumps between frames.
    let order: Vec<usize> = (0..objects.len()).map(|at| at * 607 % objects.len()).collect();
    let want = |at: &usize| Want { key: Key { class: Class::Whole, id: hash(&objects[*at]) }, len: 4_000 };
    let wants: Vec<Want> = order.iter().map(want).collect();
    let right = AtomicUsize::new(0);
    repo.fetch(&wants, 3, &|at, bytes| {
        if bytes.is_ok_and(|bytes| bytes == objects[order[at]]) {
            right.fetch_add(1, Ordering::Relaxed);
        }
    })
    .unwrap();
    assert_eq!(right.load(Ordering::Relaxed), objects.len());
    let (reads, bytes) = record.count(Operation::GetRange);
    assert!(reads <= 10, "3.6 MB in frames of about 512 KiB took {reads} reads");
    assert!(bytes < 4_000_000, "{bytes} bytes were read");
    assert!(record.list("packs", &mut |_, _| Ok(())).is_ok());
}
