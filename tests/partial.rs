//! Partial repositories: history and index are here, packs are read where they were promised, and nothing takes what is
//! absent on purpose for lost or for garbage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod scene;

use larder::backend::{
    Backend, Fault, FaultBackend, FsBackend, MemBackend, Operation, PartialBackend, Plan, RecordBackend,
};
use larder::clock;
use larder::error::{Class, Code};
use larder::gc::GcStats;
use larder::id::Id;
use larder::monitor::Silent;
use larder::repo::promise::Promise;
use larder::repo::{Local, Repo};
use larder::snapshot::Snapshots;
use larder::sync::{Moved, SyncOptions, SyncStats, mirror, sync};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ADDRESS: &str = "mem:remote";
/// All ways are gone from the first question on.
const OFFLINE: Plan = Plan { fault: Fault::Forever, at: 1, writes_only: false, code: Code::ConnectionFailed };

fn options(index_only: bool) -> SyncOptions {
    SyncOptions { push: false, index_only: index_only.then(|| ADDRESS.to_string()), jobs: 1, ..scene::syncing() }
}

/// A remote with two snapshots, and the way to it.
struct World {
    dir: tempfile::TempDir,
    medium: Arc<RecordBackend>,
    way: Arc<FaultBackend>,
    remote: Repo,
}

impl World {
    fn new() -> World {
        let dir = scene::quick_dir();
        let medium = Arc::new(RecordBackend::new(Arc::new(MemBackend::new())));
        let way = Arc::new(FaultBackend::new(medium.clone(), Plan::NONE));
        let remote = scene::init_over(medium.clone(), dir.path()).unwrap();
        for seed in 1..=2 {
            scene::back_up(&remote, &source(dir.path(), seed)).unwrap();
        }
        World { dir, medium, way, remote }
    }

    fn here(&self) -> PathBuf {
        self.dir.path().join("here")
    }

    fn local(&self) -> Local {
        Local { cache: self.here(), device: self.dir.path().join("here-device") }
    }

    /// The directory as `larder` opens it: partial as long as something is promised.
    fn open(&self) -> Repo {
        self.open_over(Arc::new(FsBackend::new(self.here())))
    }

    fn open_over(&self, here: Arc<dyn Backend>) -> Repo {
        let medium: Arc<dyn Backend> = match Promise::load(&self.here()).unwrap() {
            None => here,
            Some(promise) => {
                assert_eq!(promise.address, ADDRESS);
                Arc::new(PartialBackend::new(here, self.way.clone()))
            }
        };
        self.remote.open_replica(medium, self.local()).unwrap()
    }

    fn make_empty(&self) {
        std::fs::create_dir_all(self.here()).unwrap();
        self.remote.make_replica(Arc::new(FsBackend::new(self.here())), self.local()).unwrap();
    }

    fn take_index(&self) -> SyncStats {
        sync(&self.open(), &self.remote, &options(true), &Silent).unwrap()
    }

    /// A partial repository of everything.
    fn make(&self) -> Repo {
        self.make_empty();
        self.take_index();
        self.open()
    }

    fn packs_here(&self) -> usize {
        scene::files(&self.here()).into_iter().filter(|name| name.starts_with("packs/")).count()
    }
}

fn source(dir: &Path, seed: u64) -> PathBuf {
    let source = dir.join(format!("source{seed}"));
    for number in 0..6 {
        let path = source.join(format!("d{}/f{number}", number % 3));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, scene::noise(3_000 + 20_000 * number, seed * 100 + number as u64)).unwrap();
    }
    source
}

fn ids(repo: &Repo) -> Vec<Id> {
    let snapshots = Snapshots::load(&repo.roots().unwrap(), clock::now());
    let mut ids: Vec<Id> = snapshots.all().iter().map(|snapshot| snapshot.id).collect();
    ids.sort();
    ids
}

/// Everything that is kept is there, here or where it was promised. Answers how many packs are promised.
fn assert_whole(repo: &Repo) -> u64 {
    let report = scene::verify_all(repo);
    assert!(report.is_clean(), "{:?}", report.damage);
    report.packs_promised
}

fn assert_comes_back(repo: &Repo, snapshot: &Id, files: &Path) {
    let out = tempfile::tempdir().unwrap();
    let (restored, failed) = scene::bring_back(repo, snapshot, files, &out.path().join("out"));
    assert!(restored.is_ok() && failed.is_empty(), "{failed:?}");
    assert_eq!(scene::compare(files, &out.path().join("out")).equal.len(), 6);
}

#[test]
fn what_is_not_here_is_read_where_it_was_promised() {
    let world = World::new();
    world.make_empty();
    world.medium.take();
    let stats = world.take_index();
    assert_eq!((stats.pulled.snapshots, stats.pulled.packs, stats.pulled.entries), (2, 0, 0));
    assert!(world.medium.calls().iter().all(|call| !call.name.starts_with("packs") && !call.operation.is_write()));
    let here = world.open();
    assert_eq!((ids(&here), world.packs_here()), (ids(&world.remote), 0));
    assert_eq!(stats.packs_promised, here.pack_totals().unwrap().0);
    assert_eq!(assert_whole(&here), stats.packs_promised);
    for (id, seed) in [(ids(&here)[0], [1, 2]), (ids(&here)[1], [1, 2])] {
        let paths = Snapshots::load(&here.roots().unwrap(), clock::now()).get(&id).unwrap().body.paths.clone();
        let seed = seed.into_iter().find(|seed| paths[0].ends_with(format!("source{seed}").as_bytes())).unwrap();
        assert_comes_back(&here, &id, &source(world.dir.path(), seed));
    }
    assert_eq!(world.packs_here(), 0);
    world.medium.take();
    assert_eq!(world.take_index(), SyncStats { packs_promised: stats.packs_promised, ..SyncStats::default() });
    let asked: Vec<_> = world.medium.take().into_iter().map(|call| (call.operation, call.name)).collect();
    assert_eq!(asked, ["roots", "index"].map(|name| (Operation::List, name.to_string())));
}

#[test]
fn nothing_is_deleted_and_no_other_medium_is_led_on() {
    let world = World::new();
    let here = world.make();
    let refused =
        |answer: larder::error::Result<GcStats>| assert_eq!(answer.unwrap_err().code(), Code::PermissionDenied);
    world.medium.take();
    scene::forget(&here, &ids(&here)[0]);
    refused(scene::gc_all(&here));
    let to = MemBackend::new();
    assert_eq!(mirror(here.backend().as_ref(), &to, false, 1, &Silent).unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(mirror(&to, here.backend().as_ref(), false, 1, &Silent).unwrap_err().code(), Code::ConfigMissing);
    let second = world.dir.path().join("second");
    let local = Local { cache: second.clone(), device: world.dir.path().join("second-device") };
    std::fs::create_dir_all(&second).unwrap();
    let second = here.make_replica(Arc::new(FsBackend::new(&second)), local).unwrap();
    assert_eq!(sync(&second, &here, &options(true), &Silent).unwrap_err().code(), Code::PermissionDenied);
    // But everything can be carried on, whole, and the tombstone with it.
    assert_eq!(sync(&second, &here, &options(false), &Silent).unwrap().pulled.snapshots, 1);
    assert_eq!((assert_whole(&second), ids(&second)), (0, ids(&here)));
    assert!(world.medium.take().iter().all(|call| !call.operation.is_write()));
    let push = SyncOptions { push: true, pull: false, ..options(false) };
    assert_eq!(sync(&here, &world.remote, &push, &Silent).unwrap().pushed.roots, 1);
    scene::gc_all(&world.remote).unwrap();
    assert_eq!((assert_whole(&world.remote), ids(&world.remote).len()), (0, 1));
}

#[test]
fn what_is_made_here_relies_on_nothing_that_is_not_here() {
    let world = World::new();
    let here = world.make();
    let old = ids(&here);
    // All of this is at the other side already.
    let files = source(world.dir.path(), 1);
    let new = scene::back_up(&here, &files).unwrap().snapshot.unwrap();
    assert!(world.packs_here() > 0);
    drop(here);
    let here = world.open();
    std::fs::remove_dir_all(world.here().join("frames")).unwrap_or_default();
    world.way.set(OFFLINE);
    assert_comes_back(&here, &new, &files);
    for id in &old {
        let (answer, failed) = scene::bring_back(&here, id, &files, &world.dir.path().join("none"));
        assert!(answer.is_err_and(|error| error.class() == Class::Network) || !failed.is_empty());
    }
    let tree = Snapshots::load(&here.roots().unwrap(), clock::now()).get(&old[0]).unwrap().body.tree;
    let error = here.read(&tree).unwrap_err();
    assert_eq!(error.code(), Code::ConnectionFailed, "{error}");
    assert!(error.to_string().contains("is not here but at"), "{error}");
    world.way.set(Plan::NONE);
    // The other side gets what it lacks and nothing else.
    let push = SyncOptions { push: true, pull: false, ..options(false) };
    let stats = sync(&here, &world.remote, &push, &Silent).unwrap();
    assert!(stats.pushed.snapshots == 1 && stats.pushed.bytes < 50_000, "{stats:?}");
    assert_eq!((assert_whole(&world.remote), ids(&world.remote)), (0, ids(&here)));
}

#[test]
fn it_follows_what_the_other_side_lets_go() {
    let world = World::new();
    let here = world.make();
    let (old, new) = (ids(&here)[0], ids(&here)[1]);
    let tree = |id: &Id| Snapshots::load(&here.roots().unwrap(), clock::now()).get(id).unwrap().body.tree;
    let (old_tree, new_tree) = (tree(&old), tree(&new));
    scene::forget(&world.remote, &old);
    scene::gc_all(&world.remote).unwrap();
    std::fs::remove_dir_all(world.here().join("frames")).unwrap_or_default();
    let error = here.read(&old_tree).unwrap_err();
    assert_eq!(error.code(), Code::ChunkNotFound, "{error}");
    assert!(error.hint().unwrap().contains("--index-only"));
    world.take_index();
    let here = world.open();
    assert_eq!(ids(&here), [new]);
    here.read(&new_tree).unwrap();
    assert_whole(&here);
    // And what a later backup there needs is here again.
    scene::back_up(&world.remote, &source(world.dir.path(), 3)).unwrap();
    assert_eq!(world.take_index().pulled.snapshots, 1);
    assert_whole(&world.open());
    assert_eq!(world.packs_here(), 0);
}

#[test]
fn a_sync_of_everything_completes_it() {
    let world = World::new();
    let here = world.make();
    let files = source(world.dir.path(), 5);
    let own = scene::back_up(&here, &files).unwrap().snapshot.unwrap();
    let stats = sync(&here, &world.remote, &options(false), &Silent).unwrap();
    assert!(stats.pulled.packs > 0 && stats.packs_promised == 0 && stats.pulled.roots == 0, "{stats:?}");
    assert_eq!(Promise::load(&world.here()).unwrap(), None);
    drop(here);
    world.way.set(OFFLINE);
    let here = world.open();
    assert!(!here.is_partial());
    assert_eq!((assert_whole(&here), ids(&here).len()), (0, 3));
    assert_comes_back(&here, &own, &files);
    scene::gc_all(&here).unwrap();
    assert_whole(&here);
    assert_eq!(sync(&here, &world.remote, &options(false), &Silent).unwrap().pulled, Moved::default());
    // The index of what is here still says the same when it is made anew.
    here.rebuild_index().unwrap();
    assert_eq!(assert_whole(&here), 0);
}

#[test]
fn wherever_it_fails_nothing_is_taken_for_lost_and_the_next_one_goes_on() {
    for fault in [Fault::Once, Fault::Forever, Fault::Unanswered] {
        for index_only in [true, false] {
            let world = World::new();
            world.make_empty();
            if !index_only {
                world.take_index();
            }
            let mut at = 0;
            loop {
                at += 1;
                let medium = Arc::new(FaultBackend::new(Arc::new(FsBackend::new(world.here())), Plan::NONE));
                let here = world.open_over(medium.clone());
                medium.set(Plan { fault, at, writes_only: true, code: Code::StorageFull });
                let answer = sync(&here, &world.remote, &options(index_only), &Silent);
                let was_hit = medium.has_failed();
                medium.set(Plan::NONE);
                drop(here);
                let here = world.open();
                assert_whole(&here);
                if !was_hit {
                    answer.unwrap();
                    assert_eq!(here.is_partial(), index_only);
                    break;
                }
                assert!(at < 200, "{fault:?} {index_only} does not end");
            }
            assert!(at > 2, "{fault:?} {index_only} never hit");
            assert_eq!(ids(&world.open()), ids(&world.remote));
        }
    }
}
