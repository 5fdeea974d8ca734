//! The damage matrix: a flipped byte, a truncation, a deletion, in every kind of file of a repository. Verify names
//! what is hurt and nothing else; restore gives everything else; no wrong byte is ever written (promises 6 and 10).

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod scene;

use larder::backend::FsBackend;
use larder::error::{Class, Code};
use larder::id::Id;
use larder::monitor::Silent;
use larder::verify::{Damage, scrub};
use scene::{
    back_up, bring_back, compare, copy_files, files, gc_all, init, noise, open, open_accepting_rollback, open_over,
    repository, verify_all,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A harm that is done to one file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// One byte is changed, so many thousandths into the file.
    Flip(usize),
    /// Only so many thousandths of the file stay.
    Truncate(usize),
    Delete,
}

const HARMS: [Harm; 11] = [
    Harm::Flip(0),
    Harm::Flip(40),
    Harm::Flip(200),
    Harm::Flip(500),
    Harm::Flip(800),
    Harm::Flip(960),
    Harm::Flip(1000),
    Harm::Truncate(0),
    Harm::Truncate(500),
    Harm::Truncate(1000),
    Harm::Delete,
];

impl Harm {
    fn is_done_to(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        let place = |part: usize| (bytes.len().saturating_sub(1) * part) / 1000;
        match self {
            Harm::Flip(part) => {
                let at = place(part);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x10);
            }
            Harm::Truncate(part) => bytes.truncate(place(part)),
            Harm::Delete => return std::fs::remove_file(path).unwrap(),
        }
        std::fs::write(path, bytes).unwrap();
    }
}

struct Scene {
    dir: tempfile::TempDir,
    /// Sources and their snapshots: the second is large enough for packs of data and of metadata apart.
    snapshots: Vec<(PathBuf, Id)>,
}

impl Scene {
    fn new() -> Scene {
        let dir = scene::quick_dir();
        let repo = init(dir.path());
        let make = |name: &str, files: usize, file_bytes: usize| {
            let source = dir.path().join(name);
            for file in 0..files {
                let path = source.join(format!("dir{}/{file}", file % 5));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, noise(file_bytes * (file + 1) / files, (files * 1000 + file) as u64)).unwrap();
            }
            let snapshot = back_up(&repo, &source).unwrap().snapshot.unwrap();
            (source, snapshot)
        };
        let snapshots = vec![make("small", 20, 30_000), make("large", 60, 160_000)];
        Scene { dir, snapshots }
    }

    /// A copy of the repository and what is local, with one file harmed; without its index if it is to be read anew.
    fn harmed(&self, file: &str, harm: Harm, has_index: bool) -> tempfile::TempDir {
        let again = scene::quick_dir();
        for place in ["repository", "device"] {
            copy_files(&self.dir.path().join(place), &again.path().join(place));
        }
        if has_index {
            // A copied index is made anew when it is first opened; so it is opened before the harm is done.
            drop(open(again.path()));
        }
        harm.is_done_to(&repository(again.path()).join(file));
        again
    }

    /// The files of the repository that travel, by name.
    fn files_of(&self, place: &str) -> Vec<String> {
        let named = files(&repository(self.dir.path())).into_iter();
        named.filter(|name| name.starts_with(place)).collect()
    }
}

/// Does every harm to every file of this place, with and without an index, and hands the results on.
fn every_harm(place: &str, look: impl Fn(&Scene, &Path, &str, Harm, &str)) {
    these_harms(&HARMS, place, look);
}

fn these_harms(harms: &[Harm], place: &str, look: impl Fn(&Scene, &Path, &str, Harm, &str)) {
    let scene = Scene::new();
    let harmed_files = scene.files_of(place);
    assert!(!harmed_files.is_empty(), "there is nothing in {place}");
    for file in &harmed_files {
        for harm in harms.iter().copied() {
            for has_index in [true, false] {
                let dir = scene.harmed(file, harm, has_index);
                let when = format!("{harm:?} of {file}, {} index", if has_index { "with" } else { "without" });
                look(&scene, dir.path(), file, harm, &when);
            }
        }
    }
}

/// Verify names this file and no other; scrub too, unless it is gone.
fn verify_names_it(dir: &Path, file: &str, harm: Harm, when: &str) -> Vec<Damage> {
    let report = verify_all(&open(dir));
    let named: BTreeSet<&str> = report.damage.iter().filter_map(|damage| damage.file.as_deref()).collect();
    assert!(named.iter().all(|name| *name == file), "{when}: verify blames {named:?}");
    let found = scrub(&FsBackend::new(repository(dir)), 1, &Silent).unwrap();
    let scrubbed: Vec<&str> = found.damage.iter().filter_map(|damage| damage.file.as_deref()).collect();
    match harm {
        Harm::Delete => assert_eq!(scrubbed, Vec::<&str>::new(), "{when}"),
        _ => assert_eq!(scrubbed, [file], "{when}"),
    }
    // Padding is random bytes that nobody reads: a flip in it is no damage to anything, and only scrub sees it.
    let may_be_padding = matches!(harm, Harm::Flip(_));
    assert!(may_be_padding || !report.damage.is_empty(), "{when}: verify sees nothing");
    report.damage
}

/// Restores every snapshot: what is missing was said, and is what verify said; nothing is wrong.
fn the_rest_comes_back(scene: &Scene, dir: &Path, damage: &[Damage], when: &str) {
    for (number, (source, snapshot)) in scene.snapshots.iter().enumerate() {
        let target = dir.join(format!("target{number}"));
        let (answer, failed) = bring_back(&open(dir), snapshot, source, &target);
        let comparison = compare(source, &target);
        assert_eq!(comparison.wrong, Vec::<String>::new(), "{when}");
        let is_hurt =
            |name: &str| failed.iter().any(|path| source.join(name).to_str().unwrap().starts_with(path.as_str()));
        let unsaid: Vec<&String> = comparison.missing.iter().filter(|name| answer.is_ok() && !is_hurt(name)).collect();
        assert!(unsaid.is_empty(), "{when}: missing without a word: {unsaid:?}, said were {failed:?}");
        if let Ok(stats) = &answer {
            assert_eq!(stats.errors == 0, comparison.missing.is_empty(), "{when}: {stats:?}");
        }
        same_as_verify_says(source, snapshot, &comparison.missing, damage, when);
    }
}

/// The paths that verify gives for a snapshot lead to the files that do not come back, and to all of them.
fn same_as_verify_says(source: &Path, snapshot: &Id, missing: &[String], damage: &[Damage], when: &str) {
    let is_whole = damage.iter().all(|damage| damage.paths_more == 0);
    let lost = damage.iter().filter(|damage| !damage.has_other_copy).flat_map(|damage| &damage.paths);
    let here: Vec<&str> = lost
        .filter_map(|path| path.split_once(':'))
        .filter(|(id, _)| snapshot.to_string().starts_with(id))
        .map(|(_, path)| path)
        .collect();
    let path_of = |name: &String| source.join(name).to_str().unwrap().to_string();
    if is_whole {
        for name in missing {
            let path = path_of(name);
            assert!(
                here.iter().any(|hurt| path.starts_with(hurt)),
                "{when}: verify does not tell of {path}, only of {here:?}"
            );
        }
    }
    for hurt in here {
        let is_missing = missing.iter().any(|name| path_of(name).starts_with(hurt));
        assert!(is_missing, "{when}: verify tells of {hurt}, and it came back");
    }
}

#[test]
fn packs() {
    every_harm("packs/", |scene, dir, file, harm, when| {
        let damage = verify_names_it(dir, file, harm, when);
        the_rest_comes_back(scene, dir, &damage, when);
    });
}

#[test]
fn segments() {
    every_harm("index/", |scene, dir, file, harm, when| {
        let report = verify_all(&open(dir));
        let named = |name: &str| report.damage.iter().any(|damage| damage.file.as_deref() == Some(name));
        // Packs that only this segment lists are named with it; nothing in them is lost.
        let is_of_it =
            |damage: &Damage| damage.file.as_deref().is_some_and(|name| name == file || name.starts_with("packs/"));
        assert!(report.damage.iter().all(is_of_it), "{when}: {:#?}", report.damage);
        assert!(!report.damage.is_empty() && (named(file) || matches!(harm, Harm::Delete)), "{when}: {report:#?}");
        the_rest_comes_back(scene, dir, &report.damage, when);
        // Gc lists the packs again, and what stays is the segment that cannot be read.
        gc_all(&open(dir)).unwrap_or_else(|error| panic!("{when}: {error:?}"));
        let left: Vec<Option<String>> = verify_all(&open(dir)).damage.into_iter().map(|damage| damage.file).collect();
        assert!(left.iter().all(|name| name.as_deref() == Some(file)), "{when}: {left:?}");
        the_rest_comes_back(scene, dir, &[], when);
    });
}

#[test]
fn roots() {
    every_harm("roots/", |scene, dir, file, harm, when| {
        let repo = open(dir);
        if matches!(harm, Harm::Delete) {
            // What this client has seen is not there: somebody turned the history back.
            assert_eq!(repo.roots().err().map(|error| error.code()), Some(Code::RollbackDetected), "{when}");
        }
        let report = verify_all(&repo);
        let named: BTreeSet<&str> = report.damage.iter().filter_map(|damage| damage.file.as_deref()).collect();
        assert!(!named.is_empty() && named.iter().all(|name| name.starts_with("roots/")), "{when}: {named:?}");
        // The other snapshot comes back, and this one is not given as if nothing were.
        for (number, (source, snapshot)) in scene.snapshots.iter().enumerate() {
            let target = dir.join(format!("target{number}"));
            let (answer, failed) = bring_back(&open_accepting_rollback(dir), snapshot, source, &target);
            let is_harmed = file.ends_with(&snapshot.to_string());
            assert_eq!(is_harmed, answer.is_err(), "{when}: {answer:?}");
            let comparison = compare(source, &target);
            assert!(comparison.wrong.is_empty() && failed.is_empty(), "{when}: {comparison:?} {failed:?}");
            assert!(is_harmed || comparison.missing.is_empty(), "{when}: {comparison:?}");
        }
    });
}

#[test]
fn the_configuration() {
    every_harm("config.toml", |_, dir, _, _, when| refuses_to_open(dir, &[Class::Unusable, Class::Damaged], when));
}

#[test]
fn the_only_slot() {
    let scene = Scene::new();
    let slots: Vec<String> = scene.files_of("keys/").into_iter().filter(|name| !name.contains("devices")).collect();
    assert_eq!(slots.len(), 1);
    for harm in HARMS {
        let dir = scene.harmed(&slots[0], harm, false);
        let when = format!("{harm:?} of {}", slots[0]);
        refuses_to_open(dir.path(), &[Class::WrongKey, Class::Damaged, Class::Unusable], &when);
    }
}

#[test]
fn the_device() {
    every_harm("keys/devices/", |scene, dir, file, _, when| {
        // What it signed cannot be checked without it, so its root records are named with it.
        let damage = verify_all(&open(dir)).damage;
        let is_of_it = |name: &str| name == file || name.starts_with("roots/");
        let tells = |damage: &Damage| damage.file.as_deref().is_some_and(is_of_it);
        assert!(!damage.is_empty() && damage.iter().all(tells), "{when}: {damage:#?}");
        // The device itself knows its key, and puts it right when it writes next.
        back_up(&open(dir), &scene.snapshots[0].0).unwrap_or_else(|error| panic!("{when}: {error:?}"));
        assert_eq!(verify_all(&open(dir)).damage, [], "{when}");
    });
}

fn refuses_to_open(dir: &Path, classes: &[Class], when: &str) {
    match open_over(Arc::new(FsBackend::new(repository(dir))), dir) {
        Ok(_) => panic!("{when}: it opens"),
        Err(error) => assert!(classes.contains(&error.class()), "{when}: {error:?}"),
    }
}

#[test]
fn local_databases() {
    let harms = [Harm::Flip(0), Harm::Flip(500), Harm::Truncate(500), Harm::Delete];
    for database in ["index.sqlite", "state.sqlite"] {
        these_harms(&harms, database, |scene, dir, file, _, when| {
            // Whatever is believed of a harmed index: nothing wrong is written, and what fails is said.
            if let Ok(repo) = open_over(Arc::new(FsBackend::new(repository(dir))), dir) {
                let (source, snapshot) = &scene.snapshots[0];
                let target = dir.join("believed");
                let (answer, failed) = bring_back(&repo, snapshot, source, &target);
                let comparison = compare(source, &target);
                assert_eq!(comparison.wrong, Vec::<String>::new(), "{when}");
                let is_silent = answer.is_ok() && failed.is_empty();
                assert!(!is_silent || comparison.missing.is_empty(), "{when}: {comparison:?}");
            }
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(repository(dir).join(format!("{file}{suffix}")));
            }
            everything_comes_back(scene, dir, when);
        });
    }
}

/// What is derived may be deleted at will (promise 3).
fn everything_comes_back(scene: &Scene, dir: &Path, when: &str) {
    let opened = open_over(Arc::new(FsBackend::new(repository(dir))), dir);
    let repo = opened.unwrap_or_else(|error| panic!("{when}: {error:?}"));
    for (number, (source, snapshot)) in scene.snapshots.iter().enumerate() {
        let target = dir.join(format!("target{number}"));
        let (answer, failed) = bring_back(&repo, snapshot, source, &target);
        assert!(answer.is_ok() && failed.is_empty(), "{when}: {answer:?} {failed:?}");
        assert_eq!(compare(source, &target).equal.len(), files(source).len(), "{when}");
    }
    let (source, _) = &scene.snapshots[1];
    let stats = back_up(&repo, source).unwrap_or_else(|error| panic!("{when}: {error:?}")).stats;
    assert_eq!((stats.errors, stats.added_bytes < 10_000), (0, true), "{when}: {stats:?}");
    assert_eq!(verify_all(&open(dir)).damage, [], "{when}");
}
