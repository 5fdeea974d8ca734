//! Engines over a medium that fails at operation 1, 2, ... N: whatever the moment and the manner, what was there before
//! verifies and comes back, and the same command then does what it should.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod scene;

use larder::backend::{Fault, FaultBackend, FsBackend, Plan};
use larder::error::Code;
use larder::id::Id;
use scene::{back_up, bring_back, compare, copy_files, files, init, noise, open, open_over, repository, verify_all};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A backup does more than this many operations, or the test looks at nothing.
const OPERATIONS_MIN: u64 = 10;
const FAULTS: [Fault; 3] = [Fault::Once, Fault::Forever, Fault::Unanswered];

struct Scene {
    dir: tempfile::TempDir,
    source: PathBuf,
    first: Id,
}

/// A repository with one snapshot, and a source that has changed since.
fn scene() -> Scene {
    let dir = scene::quick_dir();
    let source = dir.path().join("source");
    for file in 0..12 {
        write(&source.join(format!("{file}")), 3_000 * file, file as u64);
    }
    let first = back_up(&init(dir.path()), &source).unwrap().snapshot.unwrap();
    let target = dir.path().join("as it was");
    copy_files(&source, &target);
    for file in 6..18 {
        write(&source.join(format!("{file}")), 2_500 * file, 100 + file as u64);
    }
    Scene { dir, source, first }
}

fn write(path: &Path, len: usize, seed: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, noise(len, seed)).unwrap();
}

impl Scene {
    /// A copy of the whole scene, to be spoilt.
    fn again(&self) -> tempfile::TempDir {
        let again = scene::quick_dir();
        for place in ["repository", "device"] {
            copy_files(&self.dir.path().join(place), &again.path().join(place));
        }
        again
    }

    /// The first snapshot is what it was, and nothing is damaged.
    fn is_sound(&self, dir: &Path, when: &str) {
        let report = verify_all(&open(dir));
        assert_eq!(report.damage, [], "{when}: {report:#?}");
        let target = dir.join("restored");
        let (answer, failed) = bring_back(&open(dir), &self.first, &self.source, &target);
        assert!(answer.is_ok() && failed.is_empty(), "{when}: {answer:?} {failed:?}");
        let comparison = compare(&self.dir.path().join("as it was"), &target);
        assert!(comparison.missing.is_empty() && comparison.wrong.is_empty(), "{when}: {comparison:?}");
    }
}

fn failing(dir: &Path, fault: Fault, at: u64) -> Arc<FaultBackend> {
    let plan = Plan { fault, at, writes_only: false, code: Code::FileIo };
    Arc::new(FaultBackend::new(Arc::new(FsBackend::new(repository(dir))), plan))
}

#[test]
fn a_backup_that_fails_anywhere_harms_nothing() {
    let scene = scene();
    for fault in FAULTS {
        for at in 1.. {
            let dir = scene.again();
            let backend = failing(dir.path(), fault, at);
            let answer = open_over(backend.clone(), dir.path()).and_then(|repo| back_up(&repo, &scene.source));
            let when = format!("{fault:?} at operation {at}");
            if !backend.has_failed() {
                assert!(answer.is_ok() && at > OPERATIONS_MIN, "{when}: {answer:?}");
                break;
            }
            scene.is_sound(dir.path(), &when);
            let snapshot = back_up(&open(dir.path()), &scene.source).unwrap().snapshot.unwrap();
            let target = dir.path().join("second");
            let (answer, failed) = bring_back(&open(dir.path()), &snapshot, &scene.source, &target);
            assert!(answer.is_ok() && failed.is_empty(), "{when}, then again: {answer:?} {failed:?}");
            assert_eq!(compare(&scene.source, &target).equal.len(), files(&scene.source).len(), "{when}, then again");
        }
    }
}

#[test]
fn a_restore_that_fails_anywhere_writes_nothing_wrong() {
    let scene = scene();
    for fault in [Fault::Once, Fault::Forever] {
        for at in 1.. {
            let dir = scene.again();
            let backend = failing(dir.path(), fault, at);
            let target = dir.path().join("restored");
            let answer = open_over(backend.clone(), dir.path())
                .map(|repo| bring_back(&repo, &scene.first, &scene.source, &target));
            if !backend.has_failed() {
                assert!(at > 3);
                break;
            }
            let comparison = compare(&scene.dir.path().join("as it was"), &target);
            assert_eq!(comparison.wrong, Vec::<String>::new(), "{fault:?} at operation {at}");
            // What is missing was said.
            let was_said = answer.is_ok_and(|(answer, failed)| answer.is_ok() && failed.is_empty());
            assert!(!was_said || comparison.missing.is_empty(), "{fault:?} at operation {at}: {comparison:?}");
        }
    }
}
