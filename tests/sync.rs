//! Sync between replicas, copy and mirror: what arrives is whole, nothing moves twice, and what is forgotten stays so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod scene;

use larder::backend::{Backend, Fault, FaultBackend, FsBackend, MemBackend, Operation, Plan, RecordBackend, Spool};
use larder::clock;
use larder::crypto::slot::Secret;
use larder::error::{Class, Code, Result};
use larder::id::Id;
use larder::monitor::{Event, Monitor, Silent};
use larder::repo::records::{TAG, Tag};
use larder::repo::{Local, OpenOptions, Repo};
use larder::snapshot::{Filter, Snapshot, Snapshots};
use larder::sync::{
    CopyOptions, Moved, RepairStats, Selection, SyncOptions, SyncStats, Wounds, copy, mirror, repair, sync,
};
use larder::verify::{Item, Report};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What this client keeps of a further replica.
fn replica_local(dir: &Path, name: &str) -> Local {
    Local { cache: dir.join(name).join("cache"), device: dir.join(name).join("device") }
}

fn both_ways(here: &Repo, there: &Repo) -> SyncStats {
    sync(here, there, &scene::syncing(), &Silent).unwrap()
}

fn snapshots(repo: &Repo) -> Vec<Snapshot> {
    Snapshots::load(&repo.roots().unwrap(), clock::now()).all().to_vec()
}

fn ids(repo: &Repo) -> Vec<Id> {
    let mut ids: Vec<Id> = snapshots(repo).iter().map(|snapshot| snapshot.id).collect();
    ids.sort();
    ids
}

fn source(dir: &Path, seed: u64) -> std::path::PathBuf {
    let source = dir.join(format!("source{seed}"));
    for number in 0..12 {
        let path = source.join(format!("d{}/f{number}", number % 3));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, scene::noise(3_000 + 20_000 * number, seed * 100 + number as u64)).unwrap();
    }
    source
}

fn assert_whole(repo: &Repo) {
    let report = scene::verify_all(repo);
    assert!(report.is_clean() && report.remarks.is_empty(), "{:?} {:?}", report.damage, report.remarks);
}

#[test]
fn a_replica_is_made_whole_and_a_second_sync_moves_nothing() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let files = source(dir.path(), 1);
    let first = scene::back_up(&here, &files).unwrap().snapshot.unwrap();
    let medium = Arc::new(RecordBackend::new(Arc::new(MemBackend::new())));
    let there = here.make_replica(medium.clone(), replica_local(dir.path(), "there")).unwrap();
    let dry = sync(&here, &there, &SyncOptions { dry_run: true, ..scene::syncing() }, &Silent).unwrap();
    let stats = both_ways(&here, &there);
    assert_eq!((stats.pushed.snapshots, stats.pushed.roots, stats.pulled), (1, 1, Moved::default()));
    assert!(stats.pushed.packs > 0 && stats.pushed.packs == dry.pushed.packs && dry.is_dry_run);
    assert_whole(&there);
    let (restored, failed) = scene::bring_back(&there, &first, &files, &dir.path().join("out"));
    assert!(restored.is_ok() && failed.is_empty());
    assert_eq!(scene::compare(&files, &dir.path().join("out")).equal.len(), 12);

    medium.take();
    assert_eq!(both_ways(&here, &there), SyncStats::default());
    let calls: Vec<_> = medium.take().into_iter().map(|call| (call.operation, call.name)).collect();
    assert_eq!(calls, [(Operation::List, "roots".to_string())], "one listing and nothing else");

    // A second client, with nothing but the key, opens it and takes all into a directory of its own.
    let secret = Secret::KeyFile(&scene::KEY);
    let remote = Repo::open(medium.clone(), replica_local(dir.path(), "other"), Some(secret), OpenOptions::default());
    let remote = remote.unwrap();
    let elsewhere = Arc::new(FsBackend::new(dir.path().join("elsewhere")));
    let local = Local { cache: dir.path().join("elsewhere"), device: dir.path().join("other-device") };
    let pulled = remote.make_replica(elsewhere, local).unwrap();
    assert_eq!(both_ways(&pulled, &remote).pulled.snapshots, 1);
    assert_whole(&pulled);
    assert_eq!(ids(&pulled), ids(&here));
}

#[test]
fn two_that_worked_apart_have_the_same_afterwards() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let shared = source(dir.path(), 1);
    scene::back_up(&here, &shared).unwrap();
    let medium = Arc::new(FsBackend::new(dir.path().join("disk")));
    let local = Local { cache: dir.path().join("disk"), device: dir.path().join("disk-device") };
    let there = here.make_replica(medium, local).unwrap();
    both_ways(&here, &there);
    std::fs::write(shared.join("d0/new"), scene::noise(50_000, 7)).unwrap();
    scene::back_up(&here, &shared).unwrap();
    scene::back_up(&there, &source(dir.path(), 2)).unwrap();
    let stats = both_ways(&here, &there);
    assert_eq!((stats.pushed.snapshots, stats.pulled.snapshots), (1, 1));
    assert!(stats.pushed.bytes < 200_000, "what is there is not carried again: {stats:?}");
    assert_eq!((ids(&here), snapshots(&here).len()), (ids(&there), 3));
    assert_whole(&here);
    assert_whole(&there);
    assert_eq!(both_ways(&here, &there), SyncStats::default());
}

#[test]
fn what_one_side_forgets_or_tags_is_so_on_both() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    for seed in 1..=3 {
        scene::back_up(&here, &source(dir.path(), seed)).unwrap();
    }
    let there = here.make_replica(Arc::new(MemBackend::new()), replica_local(dir.path(), "there")).unwrap();
    both_ways(&here, &there);
    let all = snapshots(&here);
    scene::forget(&here, &all[0].id);
    scene::forget(&there, &all[1].id);
    let writer = there.writer(&scene::writing()).unwrap();
    let tag = Tag { snapshot: all[2].id, added: vec!["kept".into()], removed: vec![], extra: Default::default() };
    writer.publish(TAG, &tag.encode()).unwrap();
    writer.finish().unwrap();
    // What is deleted here does not come back from there.
    scene::gc_all(&here).unwrap();
    both_ways(&here, &there);
    scene::gc_all(&here).unwrap();
    assert_eq!(both_ways(&here, &there), SyncStats::default());
    for side in [&here, &there] {
        let left = snapshots(side);
        assert_eq!(left.iter().map(|snapshot| snapshot.id).collect::<Vec<_>>(), [all[2].id]);
        assert!(left[0].tags.contains("kept"));
        assert_whole(side);
    }
    // A replica that was never there before gets the history without the forgotten.
    let third = here.make_replica(Arc::new(MemBackend::new()), replica_local(dir.path(), "third")).unwrap();
    assert_eq!(both_ways(&here, &third).pushed.snapshots, 1);
    assert_eq!(ids(&third), ids(&here));
    assert_whole(&third);
}

#[test]
fn a_sync_that_fails_anywhere_goes_on_from_there() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    for seed in 1..=2 {
        scene::back_up(&here, &source(dir.path(), seed)).unwrap();
    }
    let packs = here.pack_totals().unwrap().0;
    for fault in [Fault::Once, Fault::Forever, Fault::Unanswered] {
        let mut at = 0;
        loop {
            at += 1;
            let record = Arc::new(RecordBackend::new(Arc::new(MemBackend::new())));
            let medium = Arc::new(FaultBackend::new(record.clone(), Plan::NONE));
            let name = format!("there-{fault:?}-{at}");
            let there = here.make_replica(medium.clone(), replica_local(dir.path(), &name)).unwrap();
            medium.set(Plan { fault, at, writes_only: true, code: Code::StorageFull });
            let failed = sync(&here, &there, &SyncOptions { jobs: 1, ..scene::syncing() }, &Silent);
            let was_hit = medium.has_failed();
            medium.set(Plan::NONE);
            drop(there);
            // Whatever arrived, nothing points at what is not there.
            let there = here.open_replica(medium.clone(), replica_local(dir.path(), &name)).unwrap();
            if let Ok(roots) = there.roots()
                && !roots.is_empty()
            {
                assert_whole(&there);
            }
            let stats = both_ways(&here, &there);
            assert_whole(&there);
            assert_eq!(ids(&there), ids(&here));
            let stored = record
                .calls()
                .iter()
                .filter(|call| call.operation == Operation::PutSpool && call.name.starts_with("packs/"))
                .count() as u64;
            assert!(stored <= packs + 1, "{fault:?} at {at}: {stored} packs were carried, of {packs}; {stats:?}");
            if !was_hit {
                assert!(failed.is_ok());
                break;
            }
        }
        assert!(at > 5, "{fault:?} never hit");
    }
}

/// A medium that answers other bytes than it was given, or that a gc goes over while a segment comes, once it is told to.
struct Liar {
    inner: Arc<dyn Backend>,
    lies: AtomicBool,
    is_swept: AtomicBool,
    wrong_config: Mutex<Option<WrongConfig>>,
}

/// The byte of `config.toml` behind these words is another one in the answer, or in what is stored, that comes after so
/// many right ones.
#[derive(Clone, Copy)]
struct WrongConfig {
    behind: &'static str,
    is_stored: bool,
    right: usize,
}

/// Makes the text no configuration, one with other settings, and one of another repository (or none, by chance).
const WRONG: [&str; 3] = ["[chunking]\nalgorithm = \"", "level = ", "\nid = \""];

fn wrong_config(bytes: &[u8], behind: &str) -> Vec<u8> {
    let at = bytes.windows(behind.len()).position(|window| window == behind.as_bytes()).unwrap() + behind.len();
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

fn packs_of(medium: &dyn Backend) -> Vec<String> {
    let mut packs = Vec::new();
    medium
        .list("packs", &mut |name, _| {
            packs.push(name.to_string());
            Ok(())
        })
        .unwrap();
    packs.sort();
    packs
}

impl Liar {
    fn new() -> Liar {
        let (lies, is_swept) = (AtomicBool::new(false), AtomicBool::new(false));
        Liar { inner: Arc::new(MemBackend::new()), lies, is_swept, wrong_config: Mutex::new(None) }
    }

    fn config(&self, name: &str, is_stored: bool, bytes: Vec<u8>) -> Vec<u8> {
        let mut wrong = self.wrong_config.lock().unwrap();
        match wrong.as_mut() {
            Some(lie) if name == "config.toml" && lie.is_stored == is_stored => match lie.right {
                0 => wrong_config(&bytes, wrong.take().unwrap().behind),
                _ => {
                    lie.right -= 1;
                    bytes
                }
            },
            _ => bytes,
        }
    }

    fn changed(&self, name: &str, bytes: Result<Vec<u8>>) -> Result<Vec<u8>> {
        bytes.map(|mut bytes| {
            if self.lies.load(Ordering::SeqCst)
                && name.starts_with("packs/")
                && let Some(byte) = bytes.last_mut()
            {
                *byte ^= 1;
            }
            bytes
        })
    }
}

impl Backend for Liar {
    fn location(&self) -> String {
        "liar".into()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.inner.put(name, &self.config(name, true, bytes.to_vec()))
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.inner.put_new(name, &self.config(name, true, bytes.to_vec()))
    }
    fn spool(&self) -> Result<Spool> {
        self.inner.spool()
    }
    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        if name.starts_with("index/") && self.is_swept.swap(false, Ordering::SeqCst) {
            self.inner.delete(&packs_of(&*self.inner)[0])?;
        }
        self.inner.put_spool(name, spool)
    }
    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.changed(name, self.inner.get(name).map(|bytes| self.config(name, false, bytes)))
    }
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.changed(name, self.inner.get_range(name, offset, len))
    }
    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.inner.stat(name)
    }
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }
}

#[test]
fn altered_bytes_are_never_stored() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let liar = Arc::new(Liar::new());
    let there = here.make_replica(liar.clone(), replica_local(dir.path(), "there")).unwrap();
    both_ways(&here, &there);
    scene::back_up(&there, &source(dir.path(), 2)).unwrap();
    let before = scene::files(&scene::repository(dir.path()));
    liar.lies.store(true, Ordering::SeqCst);
    let fresh = here.open_replica(liar.clone(), replica_local(dir.path(), "again")).unwrap();
    let error = sync(&here, &fresh, &scene::syncing(), &Silent).unwrap_err();
    assert_eq!(error.class(), Class::Damaged, "{error}");
    let stored = |names: Vec<String>| {
        names
            .into_iter()
            .filter(|name| ["packs/", "roots/", "index/"].iter().any(|dir| name.starts_with(dir)))
            .collect::<Vec<_>>()
    };
    assert_eq!(stored(scene::files(&scene::repository(dir.path()))), stored(before));
    assert_whole(&here);
    // Between media without a key too.
    let target = MemBackend::new();
    let error = mirror(&*liar, &target, false, 2, &Silent).unwrap_err();
    assert_eq!(error.code(), Code::StorageCorrupted);
    assert!(
        target.list("packs", &mut |_, _| panic!("stored")).is_ok() && target.stat("config.toml").unwrap().is_none()
    );
    liar.lies.store(false, Ordering::SeqCst);
    assert_eq!(both_ways(&here, &fresh).pulled.snapshots, 1);
    assert_whole(&here);
}

#[test]
fn a_wrong_configuration_makes_no_replica() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let files = FsBackend::new(scene::repository(dir.path()));
    let right = files.get("config.toml").unwrap();
    let liar = Arc::new(Liar::new());
    mirror(&files, &*liar, false, 2, &Silent).unwrap();
    let there = here.open_replica(liar.clone(), replica_local(dir.path(), "there")).unwrap();
    for (at, behind) in WRONG.into_iter().enumerate() {
        let lie = |is_stored, right| Some(WrongConfig { behind, is_stored, right });
        // What comes is judged before anything is stored, and what was judged is stored.
        *liar.wrong_config.lock().unwrap() = lie(false, 0);
        let target = Arc::new(MemBackend::new());
        let local = || replica_local(dir.path(), &format!("pulled{at}"));
        assert_eq!(there.make_replica(target.clone(), local()).err().unwrap().code(), Code::ConfigInvalid);
        assert!(target.list("keys", &mut |_, _| panic!("stored")).is_ok());
        assert!(liar.wrong_config.lock().unwrap().is_none() && target.stat("config.toml").unwrap().is_none());
        *liar.wrong_config.lock().unwrap() = lie(false, 1);
        there.make_replica(target.clone(), local()).unwrap();
        assert!(liar.wrong_config.lock().unwrap().is_some(), "it was read twice");
        assert_eq!(target.get("config.toml").unwrap(), right);
        *liar.wrong_config.lock().unwrap() = None;

        // What is altered on the way there is told, and the next attempt mends it.
        let target = Arc::new(Liar::new());
        let local = || replica_local(dir.path(), &format!("pushed{at}"));
        *target.wrong_config.lock().unwrap() = lie(true, 0);
        assert_eq!(here.make_replica(target.clone(), local()).err().unwrap().code(), Code::StorageCorrupted);
        assert_eq!(target.get("config.toml").unwrap(), wrong_config(&right, behind));
        assert!(here.is_half_made(&*target).unwrap());
        let made = here.make_replica(target.clone(), local()).unwrap();
        assert_eq!((target.get("config.toml").unwrap(), here.is_half_made(&*target).unwrap()), (right.clone(), false));
        both_ways(&here, &made);
        assert_whole(&made);
        // Where something was backed up nothing is replaced.
        target.put("config.toml", &wrong_config(&right, behind)).unwrap();
        assert!(!here.is_half_made(&*target).unwrap());
        assert_eq!(here.make_replica(target.clone(), local()).err().unwrap().code(), Code::ConfigInvalid);
    }
    // Nor in a new repository of somebody else.
    let other = Arc::new(MemBackend::new());
    scene::init_over(other.clone(), &dir.path().join("other")).unwrap();
    assert!(!here.is_half_made(&*other).unwrap());
    let wrong = wrong_config(&other.get("config.toml").unwrap(), WRONG[0]);
    other.put("config.toml", &wrong).unwrap();
    assert!(!here.is_half_made(&*other).unwrap());
}

#[test]
fn a_damaged_key_slot_is_not_copied() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let name = scene::files(&scene::repository(dir.path())).into_iter().find(|name| name.starts_with("keys/")).unwrap();
    let slot = scene::repository(dir.path()).join(name);
    let sound = std::fs::read(&slot).unwrap();
    harm(&slot, 0);
    let target = Arc::new(MemBackend::new());
    let local = || replica_local(dir.path(), "there");
    assert_eq!(here.make_replica(target.clone(), local()).err().unwrap().code(), Code::StorageCorrupted);
    assert!(target.stat("config.toml").unwrap().is_none() && target.list("keys", &mut |_, _| panic!("stored")).is_ok());
    std::fs::write(&slot, sound).unwrap();
    // Beside one that is sound it is left behind.
    let damaged = format!("keys/{}", "d".repeat(64));
    std::fs::write(scene::repository(dir.path()).join(&damaged), "junk").unwrap();
    here.make_replica(target.clone(), local()).unwrap();
    assert_eq!(target.stat(&damaged).unwrap(), None);
}

#[test]
fn nothing_is_made_over_another_repository_whatever_became_of_its_configuration() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let files = FsBackend::new(scene::repository(dir.path()));
    let other = Arc::new(MemBackend::new());
    scene::init_over(other.clone(), &dir.path().join("other")).unwrap();
    let theirs = other.get("config.toml").unwrap();
    let later = String::from_utf8(theirs.clone()).unwrap().replacen("format = 1", "format = 2", 1);
    assert_ne!(later.as_bytes(), theirs);
    for config in [Some(wrong_config(&theirs, WRONG[0])), Some(later.into_bytes()), None] {
        match &config {
            Some(bytes) => other.put("config.toml", bytes).unwrap(),
            None => other.delete("config.toml").unwrap(),
        }
        let refused = mirror(&files, &*other, false, 2, &Silent).unwrap_err();
        assert_eq!(refused.code(), Code::ConfigInvalid, "{refused}");
        let refused = here.make_replica(other.clone(), replica_local(dir.path(), "there")).err().unwrap();
        assert_eq!(refused.code(), Code::ConfigInvalid, "{refused}");
        assert_eq!(other.get("config.toml").ok(), config);
        let nothing = &mut |name: &str, _| panic!("{name} was brought");
        assert!(other.list("packs", nothing).is_ok());
    }
}

#[test]
fn what_was_in_packs_that_the_target_lost_is_carried_again() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let files = source(dir.path(), 1);
    scene::back_up(&here, &files).unwrap();
    let place = dir.path().join("there");
    let there = here
        .make_replica(Arc::new(FsBackend::new(&place)), Local { cache: place.clone(), device: dir.path().join("d") })
        .unwrap();
    both_ways(&here, &there);
    std::fs::remove_dir_all(place.join("packs")).unwrap();
    std::fs::write(files.join("new"), "new").unwrap();
    let newest = scene::back_up(&here, &files).unwrap().snapshot.unwrap();
    both_ways(&here, &there);
    // What the older one alone had, of directories above the source, was not carried and is lost there.
    assert!(!scene::verify_all(&there).snapshots_invalid.contains(&newest));
}

#[test]
fn a_wrong_configuration_is_not_mirrored() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let files = FsBackend::new(scene::repository(dir.path()));
    let right = files.get("config.toml").unwrap();
    for behind in WRONG {
        for (is_stored, after) in [(false, 0), (false, 1), (true, 0)] {
            let (liar, plain) = (Liar::new(), MemBackend::new());
            mirror(&files, &liar, false, 2, &Silent).unwrap();
            let (from, to): (&dyn Backend, &dyn Backend) = match is_stored {
                true => {
                    liar.delete("config.toml").unwrap();
                    (&files, &liar)
                }
                false => (&liar, &plain),
            };
            *liar.wrong_config.lock().unwrap() = Some(WrongConfig { behind, is_stored, right: after });
            mirror(from, to, false, 2, &Silent).unwrap_err();
            assert!(liar.wrong_config.lock().unwrap().is_none() && to.stat("config.toml").unwrap().is_none());
            mirror(from, to, false, 2, &Silent).unwrap();
            assert_eq!(to.get("config.toml").unwrap(), right);
        }
    }
    // One that is there and is none is replaced; one that says something else is told, and which it is is left to the key.
    let to = MemBackend::new();
    mirror(&files, &to, false, 2, &Silent).unwrap();
    to.put("config.toml", &wrong_config(&right, WRONG[0])).unwrap();
    mirror(&files, &to, false, 2, &Silent).unwrap();
    assert_eq!(to.get("config.toml").unwrap(), right);
    to.put("config.toml", &wrong_config(&right, WRONG[1])).unwrap();
    let error = mirror(&files, &to, false, 2, &Silent).unwrap_err();
    assert!(error.code() == Code::ConfigInvalid && error.to_string().contains("is not the same"), "{error}");
    // A source whose own is none gives nothing.
    files.put("config.toml", &wrong_config(&right, WRONG[0])).unwrap();
    assert_eq!(mirror(&files, &MemBackend::new(), false, 2, &Silent).unwrap_err().code(), Code::ConfigInvalid);
}

/// Says stop once anything was carried.
#[derive(Default)]
struct StopsOnTheWay(AtomicU64);

impl Monitor for StopsOnTheWay {
    fn event(&self, event: &Event<'_>) {
        if let Event::Advance { bytes, .. } = event {
            self.0.fetch_add(*bytes, Ordering::SeqCst);
        }
    }
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

#[test]
fn what_was_stopped_counts_no_snapshot_that_is_not_there() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let chosen = Selection { only_snapshots: true, ..Selection::default() };
    let ways = [SyncOptions { jobs: 1, ..scene::syncing() }, SyncOptions { selection: chosen, ..scene::syncing() }];
    for (at, options) in ways.iter().enumerate() {
        let local = replica_local(dir.path(), &format!("there{at}"));
        let there = here.make_replica(Arc::new(MemBackend::new()), local).unwrap();
        let stopped = sync(&here, &there, options, &StopsOnTheWay::default()).unwrap();
        assert!(stopped.is_stopped && ids(&there).is_empty());
        assert_eq!((stopped.pushed.snapshots, stopped.pushed.roots), (0, 0), "{stopped:?}");
        let dry = sync(&here, &there, &SyncOptions { dry_run: true, ..options.clone() }, &Silent).unwrap();
        let whole = sync(&here, &there, options, &Silent).unwrap();
        assert_eq!((whole.pushed.snapshots, dry.pushed.snapshots, ids(&there).len()), (1, 1, 1));
    }
}

#[test]
fn a_pack_that_was_found_damaged_at_the_target_is_carried_again() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let files = source(dir.path(), 1);
    scene::back_up(&here, &files).unwrap();
    let medium = Arc::new(MemBackend::new());
    let there = here.make_replica(medium.clone(), replica_local(dir.path(), "there")).unwrap();
    both_ways(&here, &there);
    for name in packs_of(&*medium) {
        let mut bytes = medium.get(&name).unwrap();
        // In every frame, and not in the directory behind them.
        (200..bytes.len() * 3 / 4).step_by(2_000).for_each(|at| bytes[at] ^= 1);
        medium.put(&name, &bytes).unwrap();
    }
    // Found, and remembered.
    assert!(!scene::verify_all(&there).is_clean());
    std::fs::write(files.join("d0/new"), scene::noise(9_000, 7)).unwrap();
    scene::back_up(&here, &files).unwrap();
    both_ways(&here, &there);
    assert_whole(&there);
}

#[test]
fn a_mirror_brings_again_what_a_gc_took_meanwhile() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let from = FsBackend::new(scene::repository(dir.path()));
    let liar = Liar::new();
    mirror(&from, &liar, false, 2, &Silent).unwrap();
    scene::back_up(&here, &source(dir.path(), 2)).unwrap();
    liar.is_swept.store(true, Ordering::SeqCst);
    mirror(&from, &liar, false, 2, &Silent).unwrap();
    assert!(!liar.is_swept.load(Ordering::SeqCst));
    assert_eq!(packs_of(&liar), packs_of(&from));
    assert_eq!(mirror(&from, &liar, false, 2, &Silent).unwrap().files, 0);
}

#[test]
fn a_choice_travels_alone_and_once() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let (one, two) = (source(dir.path(), 1), source(dir.path(), 2));
    scene::back_up(&here, &one).unwrap();
    scene::back_up(&here, &two).unwrap();
    let there = here.make_replica(Arc::new(MemBackend::new()), replica_local(dir.path(), "there")).unwrap();
    use std::os::unix::ffi::OsStrExt;
    let filter = Filter { paths: vec![one.as_os_str().as_bytes().to_vec()], ..Filter::default() };
    let chosen = SyncOptions { selection: Selection { filter, ..Selection::default() }, ..scene::syncing() };
    let stats = sync(&here, &there, &chosen, &Silent).unwrap();
    assert_eq!((stats.pushed.snapshots, stats.pulled.snapshots), (1, 0));
    assert_whole(&there);
    let original = snapshots(&here)[0].id;
    assert_eq!(snapshots(&there).iter().map(|snapshot| snapshot.body.original).collect::<Vec<_>>(), [Some(original)]);
    assert_eq!(sync(&here, &there, &chosen, &Silent).unwrap(), SyncStats::default());
    both_ways(&here, &there);
    assert_whole(&here);
    assert_whole(&there);
}

#[test]
fn a_copy_has_other_keys_and_is_made_once() {
    let dir = scene::quick_dir();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let from = scene::init(&one);
    let files = source(dir.path(), 1);
    let first = scene::back_up(&from, &files).unwrap().snapshot.unwrap();
    let to = scene::init(&other);
    let copying = CopyOptions {
        snapshots: Vec::new(),
        filter: Filter::default(),
        dry_run: false,
        budget_bytes: 16 << 20,
        jobs: 2,
        writer: scene::writing(),
    };
    assert_eq!(copy(&from, &from, &copying, &Silent).unwrap_err().code(), Code::ConfigInvalid);
    let (moved, is_stopped) = copy(&from, &to, &copying, &Silent).unwrap();
    assert!(moved.snapshots == 1 && moved.entries > 0 && !is_stopped);
    assert_whole(&to);
    let there = snapshots(&to);
    assert_eq!((there[0].body.original, there[0].body.tree), (Some(first), snapshots(&from)[0].body.tree));
    let (restored, failed) = scene::bring_back(&to, &there[0].id, &files, &dir.path().join("out"));
    assert!(restored.is_ok() && failed.is_empty());
    assert_eq!(scene::compare(&files, &dir.path().join("out")).equal.len(), 12);
    assert_eq!(copy(&from, &to, &copying, &Silent).unwrap().0, Moved::default());
    // And not back to where it came from.
    assert_eq!(copy(&to, &from, &copying, &Silent).unwrap().0, Moved::default());
}

#[test]
fn a_mirror_needs_no_key_and_is_a_repository() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let target = Arc::new(MemBackend::new());
    let from = FsBackend::new(scene::repository(dir.path()));
    let stats = mirror(&from, &*target, false, 2, &Silent).unwrap();
    assert!(stats.files > 4 && stats.present == 0);
    assert_eq!(mirror(&from, &*target, false, 2, &Silent).unwrap().files, 0);
    let there = here.open_replica(target.clone(), replica_local(dir.path(), "there")).unwrap();
    assert_whole(&there);
    assert_eq!(both_ways(&here, &there), SyncStats::default());
    assert!(target.list("leases", &mut |_, _| panic!("a lease was copied")).is_ok());
    target.put("gc/x", b"").unwrap();
    assert_eq!(mirror(&from, &*target, false, 2, &Silent).unwrap_err().code(), Code::PermissionDenied);
}

/// A gc that begins at a medium once the copying begins.
struct GcBegins<'a>(&'a MemBackend);

impl Monitor for GcBegins<'_> {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Phase("copying")) {
            self.0.put("gc/x", b"").unwrap();
        }
    }
}

#[test]
fn a_mirror_says_when_a_gc_begins_beside_it() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let (from, target) = (FsBackend::new(scene::repository(dir.path())), MemBackend::new());
    let error = mirror(&from, &target, false, 2, &GcBegins(&target)).unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(target.stat("config.toml").unwrap(), None);
    target.delete("gc/x").unwrap();
    mirror(&from, &target, false, 2, &Silent).unwrap();
    assert!(target.stat("config.toml").unwrap().is_some());
}

/// Looks, fetches from `there` what is wrong, and looks again with a fresh handle.
fn mend(dir: &Path, there: &Repo) -> (Vec<RepairStats>, Report) {
    let mut rounds = Vec::new();
    loop {
        let here = scene::open(dir);
        let report = scene::verify_all(&here);
        let mut wounds = Wounds::default();
        for damage in &report.damage {
            wounds.files.extend(damage.file.clone());
            if let (Item::Entry(key), false) = (damage.item, damage.has_other_copy) {
                wounds.entries.push((key, damage.file.clone()));
            }
        }
        if wounds.is_empty() || rounds.len() == 32 {
            return (rounds, report);
        }
        let stats = repair(&here, there, &mut wounds, &scene::writing(), &Silent).unwrap();
        rounds.push(stats);
        if stats.is_nothing() && rounds.len() > 1 {
            return (rounds, scene::verify_all(&scene::open(dir)));
        }
    }
}

fn harm(path: &Path, how: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    match how {
        0 => bytes[middle] ^= 1,
        1 => bytes.truncate(middle),
        _ => return std::fs::remove_file(path).unwrap(),
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn every_damaged_file_is_mended_by_a_replica() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    let one = source(dir.path(), 1);
    let first = scene::back_up(&here, &one).unwrap().snapshot.unwrap();
    scene::back_up(&here, &source(dir.path(), 2)).unwrap();
    let there = here.make_replica(Arc::new(MemBackend::new()), replica_local(dir.path(), "there")).unwrap();
    both_ways(&here, &there);
    drop(here);
    let top = scene::repository(dir.path());
    for below in ["packs/", "roots/", "index/"] {
        // A segment is not brought back by name: others list its packs then.
        let files = || scene::files(&top).into_iter().filter(|name| name.starts_with(below)).collect::<Vec<String>>();
        assert!(files().len() >= 2, "{below}");
        for at in 0..files().len() {
            for how in 0..3 {
                let Some(name) = files().get(at).cloned() else { break };
                harm(&top.join(&name), how);
                let is_index = below == "index/";
                assert!(is_index || !scene::verify_all(&scene::open(dir.path())).is_clean(), "{name} {how}");
                let (rounds, report) = mend(dir.path(), &there);
                assert!(report.is_clean(), "{name} {how}: {rounds:?} {:?}", report.damage);
            }
        }
    }
    let (restored, failed) = scene::bring_back(&scene::open(dir.path()), &first, &one, &dir.path().join("out"));
    assert!(restored.is_ok() && failed.is_empty());
}

#[test]
fn what_lies_in_other_packs_there_comes_back_object_by_object() {
    for how in 0..3 {
        let dir = scene::quick_dir();
        let here = scene::init(dir.path());
        let files = source(dir.path(), 1);
        // The same content, stored by each side for itself.
        let there = here.make_replica(Arc::new(MemBackend::new()), replica_local(dir.path(), "there")).unwrap();
        scene::back_up(&there, &files).unwrap();
        let first = scene::back_up(&here, &files).unwrap().snapshot.unwrap();
        // Directories above the files may have changed between the two: what that made goes over one by one.
        sync(&here, &there, &SyncOptions { pull: false, ..scene::syncing() }, &Silent).unwrap();
        drop(here);
        let top = scene::repository(dir.path());
        for name in scene::files(&top).into_iter().filter(|name| name.starts_with("packs/")) {
            harm(&top.join(name), how);
        }
        let (rounds, report) = mend(dir.path(), &there);
        assert!(rounds.iter().any(|stats| stats.entries > 0) && report.objects_lost == 0, "{how}: {rounds:?}");
        let out = dir.path().join("out");
        let (restored, failed) = scene::bring_back(&scene::open(dir.path()), &first, &files, &out);
        assert!(restored.is_ok() && failed.is_empty(), "{how}: {failed:?}");
        assert_eq!(scene::compare(&files, &out).equal.len(), 12);
    }
}

#[test]
fn a_replica_that_is_damaged_itself_gives_nothing_wrong() {
    let dir = scene::quick_dir();
    let here = scene::init(dir.path());
    scene::back_up(&here, &source(dir.path(), 1)).unwrap();
    let liar = Arc::new(Liar::new());
    let there = here.make_replica(liar.clone(), replica_local(dir.path(), "there")).unwrap();
    both_ways(&here, &there);
    drop(here);
    let top = scene::repository(dir.path());
    let packs: Vec<String> = scene::files(&top).into_iter().filter(|name| name.starts_with("packs/")).collect();
    packs.iter().for_each(|name| harm(&top.join(name), 2));
    liar.lies.store(true, Ordering::SeqCst);
    let (rounds, report) = mend(dir.path(), &there);
    assert!(rounds.iter().all(|stats| stats.files == 0) && report.objects_lost > 0, "{rounds:?}");
    assert!(packs.iter().all(|name| !top.join(name).exists()), "altered bytes were stored");
    liar.lies.store(false, Ordering::SeqCst);
    assert!(mend(dir.path(), &there).1.is_clean());
}
