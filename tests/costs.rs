//! What operations cost on a medium that is paid by request: how many there are, and how many bytes go each way.
//!
//! `cargo test --test costs -- --nocapture` prints the table of docs/COSTS.md. The bounds here are what that page promises.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

mod scene;

use larder::backend::{Call, MemBackend, Operation, RecordBackend};
use larder::chunker::Sizes;
use larder::compress::{Algorithm, Compression};
use larder::crypto::seal::Scheme;
use larder::crypto::slot::{KdfCost, Secret};
use larder::id::Id;
use larder::monitor::Silent;
use larder::repo::{InitOptions, Local, Repo};
use larder::sync::sync;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the large files, and how many small ones there are of 2,000 bytes.
const LARGE: [usize; 3] = [20_000_000, 10_000_000, 10_000_000];
const SMALL: u64 = 2_000;

/// What was asked for, as it is paid: writes and listings dear, reads cheap, deletes for nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    puts: u64,
    lists: u64,
    gets: u64,
    heads: u64,
    deletes: u64,
    up: u64,
    down: u64,
}

impl Cost {
    fn of(calls: &[Call]) -> Cost {
        let mut cost = Cost::default();
        for call in calls {
            match call.operation {
                Operation::Put | Operation::PutNew | Operation::PutSpool => {
                    cost.puts += 1;
                    cost.up += call.bytes;
                }
                Operation::Get | Operation::GetRange => {
                    cost.gets += 1;
                    cost.down += call.bytes;
                }
                Operation::List => cost.lists += 1,
                Operation::Stat => cost.heads += 1,
                Operation::Delete => cost.deletes += 1,
                Operation::Spool => {}
            }
        }
        cost
    }

    fn row(&self, what: &str) {
        println!(
            "| {what} | {} | {} | {} | {} | {} | {} | {} |",
            self.puts, self.lists, self.gets, self.heads, self.deletes, self.up, self.down
        );
    }
}

struct Medium {
    record: Arc<RecordBackend>,
    dir: tempfile::TempDir,
}

impl Medium {
    fn spent(&self, what: &str) -> (Cost, Vec<Call>) {
        let calls = self.record.take();
        let cost = Cost::of(&calls);
        cost.row(what);
        (cost, calls)
    }

    fn open(&self) -> Repo {
        scene::open_over(self.record.clone(), self.dir.path()).unwrap()
    }
}

fn source(dir: &Path) -> PathBuf {
    let source = dir.join("source");
    for (at, len) in LARGE.iter().enumerate() {
        write(&source.join(format!("large/{at}")), &scene::noise(*len, at as u64));
    }
    for at in 0..SMALL {
        write(&source.join(format!("small/{}/{at}", at / 100)), &scene::noise(2_000, 100 + at));
    }
    source
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn written<'a>(calls: &'a [Call], prefix: &str) -> Vec<&'a Call> {
    let is_write = |call: &&Call| call.operation.is_write() && call.operation != Operation::Delete;
    calls.iter().filter(is_write).filter(|call| call.name.starts_with(prefix)).collect()
}

#[test]
fn each_operation_asks_for_what_it_needs() {
    let dir = scene::quick_dir();
    let record = Arc::new(RecordBackend::new(Arc::new(MemBackend::new())));
    let medium = Medium { record, dir };
    let source = source(medium.dir.path());
    println!("| operation | puts | lists | gets | heads | deletes | bytes up | bytes down |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    // Cut as a user's repository is, not as those of other tests.
    let options = InitOptions {
        scheme: Scheme::Aes256Gcm,
        sizes: Sizes::DEFAULT,
        compression: Compression::new(Algorithm::Zstd, None).unwrap(),
        kdf: KdfCost::FLOOR,
        label: "test".to_string(),
    };
    let local = scene::local(medium.dir.path());
    let repo = Repo::init(medium.record.clone(), local, &options, Some(Secret::KeyFile(&scene::KEY))).unwrap();
    let (cost, calls) = medium.spent("init");
    assert_eq!((cost.puts, cost.lists, cost.gets, cost.deletes), (2, 3, 0, 0), "{calls:?}");
    let first = scene::back_up(&repo, &source).unwrap().snapshot.unwrap();
    let (cost, _) = medium.spent("first backup, 44 MB");
    assert!(cost.puts <= 14 && cost.gets <= 4, "{cost:?}");
    drop(repo);

    // The slot that opens is noted the first time.
    drop(medium.open());
    let (cost, calls) = medium.spent("open for the first time here");
    assert_eq!((cost.puts, cost.lists, cost.deletes), (0, 2, 0), "{calls:?}");
    let repo = medium.open();
    let (cost, calls) = medium.spent("open");
    assert_eq!((cost.puts, cost.lists, cost.deletes), (0, 1, 0), "{calls:?}");
    assert!(cost.gets + cost.heads <= 4, "{calls:?}");

    // The directories above a source are part of a snapshot, and others may make files there at the same moment.
    let calls = (0..50).find_map(|_| {
        medium.record.take();
        scene::back_up(&repo, &source).unwrap();
        let calls = medium.record.take();
        written(&calls, "packs/").is_empty().then_some(calls)
    });
    let calls = calls.unwrap();
    let cost = Cost::of(&calls);
    cost.row("backup, nothing changed");
    // The sign of life comes and goes; what stays is the snapshot.
    let stays: Vec<_> = written(&calls, "").into_iter().filter(|call| !call.name.starts_with("leases/")).collect();
    assert!(matches!(stays.as_slice(), [call] if call.name.starts_with("roots/")), "{stays:?}");
    assert!(cost.puts <= 2 && cost.gets <= 3 && cost.lists <= 6, "{cost:?}");

    write(&source.join("small/0/0"), &scene::noise(2_000, 9));
    scene::back_up(&repo, &source).unwrap();
    let (cost, calls) = medium.spent("backup, one small file changed");
    let counts = ["packs/", "index/", "roots/"].map(|prefix| written(&calls, prefix).len());
    assert_eq!(counts, [1, 1, 1], "{calls:?}");
    assert!(cost.up < 100_000, "{cost:?}");

    another_machine(&medium, &source, &first);
    let (_, mut forgotten) = (medium.record.take(), vec![first]);
    scene::forget(&repo, &forgotten.pop().unwrap());
    let (cost, calls) = medium.spent("forget");
    assert!(cost.puts <= 2 && cost.lists <= 6 && cost.gets <= 4, "{calls:?}");
    scene::gc_all(&repo).unwrap();
    let (cost, _) = medium.spent("gc, nothing to free");
    assert!(cost.puts <= 5 && cost.lists <= 16 && cost.gets <= 30, "{cost:?}");
    std::fs::remove_file(source.join("large/0")).unwrap();
    scene::back_up(&repo, &source).unwrap();
    let all: Vec<Id> = larder::snapshot::Snapshots::load(&repo.roots().unwrap(), larder::clock::now())
        .all()
        .iter()
        .map(|snapshot| snapshot.id)
        .collect();
    all[..all.len() - 1].iter().for_each(|id| scene::forget(&repo, id));
    medium.record.take();
    scene::gc_all(&repo).unwrap();
    let (cost, calls) = medium.spent("gc that frees 20 MB");
    assert!(cost.puts <= 12 && cost.lists <= 18 && cost.gets <= 120, "{calls:?}");
    assert!(cost.up < 25_000_000 && cost.down < 25_000_000, "{cost:?}");
    syncs(&medium, &repo);
}

/// A machine that has never seen the repository.
fn another_machine(medium: &Medium, source: &Path, snapshot: &Id) {
    let elsewhere = medium.dir.path().join("elsewhere");
    let repo = scene::open_over(medium.record.clone(), &elsewhere).unwrap();
    let (cost, _) = medium.spent("open on a new machine, 2 segments");
    assert!(cost.gets + cost.heads <= 12, "{cost:?}");
    let target = medium.dir.path().join("out");
    let (done, failed) = scene::bring_back(&repo, snapshot, source, &target);
    assert!(done.is_ok() && failed.is_empty(), "{failed:?}");
    let (cost, _) = medium.spent("restore of 44 MB");
    assert!(cost.puts <= 1 && cost.gets <= 60, "{cost:?}");
    assert!(cost.down < 50_000_000, "{cost:?}");
    let (done, _) = scene::bring_back(&repo, snapshot, &source.join("small/3"), &medium.dir.path().join("part"));
    assert!(done.is_ok());
    let (cost, _) = medium.spent("restore of one directory of 100 files, trees known");
    assert!(cost.gets <= 6 && cost.down < 2_500_000, "{cost:?}");
    drop(repo);
    let repo = scene::open_over(medium.record.clone(), &elsewhere).unwrap();
    medium.record.take();
    let snapshots = larder::snapshot::Snapshots::load(&repo.roots().unwrap(), larder::clock::now());
    let tree = snapshots.get(snapshot).unwrap().body.tree;
    repo.read(&tree).unwrap();
    let (cost, calls) = medium.spent("look at a tree once seen, in a new process");
    assert_eq!(cost.gets, 0, "frames of trees are kept near: {calls:?}");
}

/// A replica on this machine is synced with the medium.
fn syncs(medium: &Medium, repo: &Repo) {
    let local = Local { cache: medium.dir.path().join("near"), device: medium.dir.path().join("near-device") };
    let near = repo.make_replica(Arc::new(MemBackend::new()), local).unwrap();
    medium.record.take();
    sync(&near, repo, &scene::syncing(), &Silent).unwrap();
    let (cost, calls) = medium.spent("first sync, pulls 24 MB");
    assert!((cost.puts, cost.lists) == (0, 2) && cost.gets <= 25 && cost.down < 28_000_000, "{calls:?}");
    sync(&near, repo, &scene::syncing(), &Silent).unwrap();
    let (cost, calls) = medium.spent("sync, nothing to carry");
    assert_eq!((cost.lists, calls.len()), (1, 1), "{calls:?}");
}
