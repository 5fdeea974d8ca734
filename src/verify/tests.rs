//! What is sound is found sound; each kind of damage is found, named, and blamed on exactly what it hurts.

use super::*;
use crate::backend::FsBackend;
use crate::monitor::Silent;
use crate::reach::tests::{directory, file, noise};
use crate::repo::Putter;
use crate::repo::records::SNAPSHOT;
use crate::repo::tests::{reopen, repo_in, writer_options};
use crate::snapshot::SnapshotBody;
use crate::tree::Entry;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn options(level: Level) -> VerifyOptions {
    VerifyOptions { level, snapshots: Vec::new(), jobs: 2, budget_bytes: 16 << 20 }
}

const ALL: Level = Level::ReadData(Subset::All);

/// What snapshot `seed` has in it.
fn fill(putter: &mut Putter<'_>, seed: u64) -> Entry {
    let shared: Vec<_> = (0..40).map(|n| file(putter, &format!("s{n:02}"), &noise(700, 1_000 + n))).collect();
    let shared = directory(putter, "shared", shared);
    let own = vec![file(putter, "a", &noise(600, seed))];
    let own = directory(putter, "own", own);
    let mut text = noise(200_000, 9);
    text.extend(noise(20_000 * (seed as usize - 1), seed));
    let big = file(putter, "big", &text);
    directory(putter, "", vec![shared, own, big])
}

/// Two snapshots that share `shared/` and most of the large file; each also has a directory of its own.
fn store(dir: &Path) -> Vec<Id> {
    let repo = repo_in(dir);
    [1, 2]
        .map(|seed| {
            let writer = repo.writer(&writer_options()).expect("writer");
            let root = fill(&mut writer.putter(), seed);
            let body = SnapshotBody::new(root.content.expect("a tree"));
            let id = writer.publish(SNAPSHOT, &body.encode()).expect("publish");
            writer.finish().expect("finish");
            id
        })
        .to_vec()
}

fn files(dir: &Path, kind: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(dir.join("repo").join(kind))
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.into_path())
        .collect();
    paths.sort();
    paths
}

fn names(report: &Report) -> BTreeSet<String> {
    report.damage.iter().filter_map(|damage| damage.file.clone()).collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("read");
    let at = if at < bytes.len() { at } else { bytes.len() - 1 };
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("write");
}

fn relative(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir.join("repo")).expect("inside").to_str().expect("text").to_string()
}

#[test]
fn an_empty_repository_is_healthy() {
    let dir = tempfile::tempdir().expect("temp");
    let report = verify(&repo_in(dir.path()), &options(ALL), &Silent).expect("verify");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.health_percentage(), report.snapshots_total), (100.0, 0));
}

#[test]
fn what_is_sound_is_found_sound_at_every_level() {
    let dir = tempfile::tempdir().expect("temp");
    store(dir.path());
    let repo = reopen(dir.path());
    for level in [Level::Quick, Level::Metadata, ALL, Level::ReadData(Subset::Part { part: 1, parts: 1 })] {
        let report = verify(&repo, &options(level), &Silent).expect("verify");
        assert!(report.is_clean() && report.remarks.is_empty(), "{level:?}: {report:?}");
        assert_eq!((report.snapshots_total, report.snapshots_valid, report.packs), (2, 2, 2));
        assert!(report.objects > 100);
        assert_eq!(report.packs_read, if matches!(level, Level::ReadData(_)) { 2 } else { 0 });
    }
    let scrubbed = scrub(repo.backend().as_ref(), 2, &Silent).expect("scrub");
    assert!(scrubbed.is_clean() && scrubbed.packs_read == 2, "{scrubbed:?}");
}

#[test]
fn moving_parts_read_every_pack_in_turn() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    for seed in [1, 2] {
        let writer = repo.writer(&writer_options()).expect("writer");
        file(&mut writer.putter(), "nobody's", &noise(900, seed));
        writer.finish().expect("finish");
    }
    let victim = files(dir.path(), "packs")[1].clone();
    flip(&victim, 200);
    let mut found = 0;
    for _ in 0..2 {
        let report = verify(&repo, &options(Level::ReadData(Subset::Bytes(1))), &Silent).expect("verify");
        assert_eq!(report.packs_read + u64::from(!report.is_clean()), 1, "one pack, and only the other is sound");
        found += u64::from(names(&report).contains(&relative(dir.path(), &victim)));
    }
    assert_eq!(found, 1, "each pack had its turn once");
}

#[test]
fn a_pack_that_is_gone_hurts_what_was_in_it_and_nothing_else() {
    let dir = tempfile::tempdir().expect("temp");
    let snapshots = store(dir.path());
    let newest = files(dir.path(), "packs")
        .into_iter()
        .max_by_key(|path| fs::metadata(path).and_then(|m| m.modified()).expect("time"));
    let newest = newest.expect("a pack");
    fs::remove_file(&newest).expect("remove");
    for level in [Level::Quick, Level::Metadata, ALL] {
        let report = verify(&reopen(dir.path()), &options(level), &Silent).expect("verify");
        assert_eq!(report.snapshots_invalid, [snapshots[1]], "{report:?}");
        assert_eq!(names(&report), BTreeSet::from([relative(dir.path(), &newest)]));
        assert!(report.with(Fault::Missing).count() >= 2 && report.with(Fault::Damaged).count() == 0, "{report:?}");
        assert!(report.health_percentage() < 100.0);
        let only_first = VerifyOptions { snapshots: vec![snapshots[0]], ..options(level) };
        let report = verify(&reopen(dir.path()), &only_first, &Silent).expect("verify");
        assert_eq!((report.snapshots_valid, report.objects_lost), (1, 0), "{report:?}");
    }
}

#[test]
fn a_flipped_byte_in_any_frame_is_found_and_named() {
    let dir = tempfile::tempdir().expect("temp");
    let snapshots = store(dir.path());
    let packs = files(dir.path(), "packs");
    let kept: Vec<Vec<u8>> = packs.iter().map(|path| fs::read(path).expect("read")).collect();
    let repo = reopen(dir.path());
    let view = repo.index().view().expect("view");
    for brief in view.packs().expect("packs") {
        let path = packs.iter().position(|path| path.ends_with(brief.name.to_hex())).expect("its file");
        for place in view.facts(brief.number).expect("facts").frames {
            flip(&packs[path], place.offset as usize + place.sealed_bytes as usize / 2);
            // With an index of its own: what the last turn marked as bad is not known.
            fs::remove_file(dir.path().join("repo/index.sqlite")).expect("remove");
            let report = verify(&reopen(dir.path()), &options(ALL), &Silent).expect("verify");
            fs::write(&packs[path], &kept[path]).expect("mend");
            assert_eq!(names(&report), BTreeSet::from([relative(dir.path(), &packs[path])]), "{report:?}");
            assert!(report.objects_lost > 0 && !report.snapshots_invalid.is_empty());
            let blamed = report.damage.iter().any(|damage| damage.paths.iter().any(|path| path.contains(":/")));
            assert!(blamed, "{report:?}");
            for invalid in &report.snapshots_invalid {
                assert!(report.damage.iter().any(|d| d.paths.iter().any(|p| p.starts_with(&invalid.short()))));
            }
        }
    }
    drop(view);
    fs::remove_file(dir.path().join("repo/index.sqlite")).expect("remove");
    let report = verify(&reopen(dir.path()), &options(ALL), &Silent).expect("verify");
    assert!(report.is_clean() && report.snapshots_total == snapshots.len() as u64, "{report:?}");
}

#[test]
fn headers_directories_and_ends_of_packs_are_looked_at() {
    let dir = tempfile::tempdir().expect("temp");
    store(dir.path());
    let repo = reopen(dir.path());
    for path in files(dir.path(), "packs") {
        let kept = fs::read(&path).expect("read");
        for at in [0, 30, kept.len() - 3] {
            flip(&path, at);
            let report = verify(&repo, &options(Level::Metadata), &Silent).expect("verify");
            assert_eq!(names(&report), BTreeSet::from([relative(dir.path(), &path)]), "byte {at}: {report:?}");
            assert_eq!(report.objects_lost, 0, "segments say where the frames are");
            fs::write(&path, &kept).expect("mend");
        }
        fs::write(&path, &kept[..kept.len() / 2]).expect("cut");
        let report = verify(&repo, &options(Level::Quick), &Silent).expect("verify");
        assert!(report.objects_lost > 0 && names(&report).len() == 1, "{report:?}");
        fs::write(&path, &kept).expect("mend");
    }
}

#[test]
fn roots_keys_and_segments_are_looked_at() {
    let dir = tempfile::tempdir().expect("temp");
    let snapshots = store(dir.path());
    let root = dir.path().join("repo").join(root_path(&snapshots[0]));
    let kept = fs::read(&root).expect("read");
    flip(&root, kept.len() / 2);
    let report = verify(&reopen(dir.path()), &options(Level::Quick), &Silent).expect("verify");
    assert_eq!(names(&report), BTreeSet::from([root_path(&snapshots[0])]), "{report:?}");
    assert_eq!((report.snapshots_total, report.snapshots_valid), (2, 1));
    fs::write(&root, &kept).expect("mend");

    let repo = reopen(dir.path());
    let slot = files(dir.path(), "keys").into_iter().find(|path| !path.to_string_lossy().contains("devices"));
    for path in [slot.expect("a slot"), files(dir.path(), "index")[0].clone()] {
        let kept = fs::read(&path).expect("read");
        flip(&path, kept.len() / 2);
        let report = verify(&repo, &options(Level::Metadata), &Silent).expect("verify");
        assert_eq!(names(&report), BTreeSet::from([relative(dir.path(), &path)]), "{report:?}");
        fs::write(&path, &kept).expect("mend");
    }
    assert!(verify(&repo, &options(ALL), &Silent).expect("verify").is_clean());
}

#[test]
fn scrub_finds_every_flipped_byte_without_a_key() {
    let dir = tempfile::tempdir().expect("temp");
    store(dir.path());
    let backend = FsBackend::new(dir.path().join("repo"));
    for kind in ["packs", "index", "roots", "keys"] {
        let path = files(dir.path(), kind).into_iter().find(|path| !path.to_string_lossy().contains("devices"));
        let path = path.expect("a file");
        for at in [0, usize::MAX] {
            flip(&path, at);
            let report = scrub(&backend, 2, &Silent).expect("scrub");
            assert_eq!(names(&report), BTreeSet::from([relative(dir.path(), &path)]));
            flip(&path, at);
        }
    }
}

#[test]
fn a_sound_spare_copy_saves_the_snapshot() {
    let dir = tempfile::tempdir().expect("temp");
    store(dir.path());
    let pack = files(dir.path(), "packs")
        .into_iter()
        .min_by_key(|path| fs::metadata(path).and_then(|m| m.modified()).expect("time"));
    let pack = pack.expect("a pack");
    flip(&pack, 300);
    let repo = reopen(dir.path());
    let before = verify(&repo, &options(ALL), &Silent).expect("verify");
    assert!(!before.snapshots_invalid.is_empty());
    // A bad copy is absent to writers: the same files stored again heal it.
    let writer = repo.writer(&writer_options()).expect("writer");
    for seed in [1, 2] {
        fill(&mut writer.putter(), seed);
    }
    writer.finish().expect("finish");
    let after = verify(&repo, &options(ALL), &Silent).expect("verify");
    let lost = after.damage.iter().filter(|damage| !damage.has_other_copy).count();
    assert_eq!((lost, after.snapshots_invalid.len()), (0, 0), "{after:?}");
    assert!(!after.is_clean() && after.health_percentage() < 100.0);
}

#[test]
fn what_is_wrong_with_the_index_alone_is_no_damage() {
    let dir = tempfile::tempdir().expect("temp");
    store(dir.path());
    let (mut found, mut cured) = (0, 0);
    for class in 0..4 {
        let db = rusqlite::Connection::open(dir.path().join("repo/index.sqlite")).expect("opened");
        let sql = "DELETE FROM entries WHERE class = ?1 AND id = (SELECT min(id) FROM entries WHERE class = ?1)";
        found += db.execute(sql, [class]).expect("changed");
        drop(db);
        let report = verify(&reopen(dir.path()), &options(ALL), &Silent).expect("verify");
        assert!(report.is_clean(), "{report:?}");
        cured += report.remarks.len();
        assert_eq!(reopen(dir.path()).check_index().expect("checked"), "ok");
    }
    assert!(found >= 3 && cured >= 3, "{found} {cured}");
    // What was found damaged before is known as damaged afterwards.
    let repo = reopen(dir.path());
    let (key, pack) = {
        let view = repo.index().view().expect("view");
        let mut first = None;
        view.for_each(&mut |record| {
            first.get_or_insert((record.key, record.pack));
            Ok(())
        })
        .expect("entries");
        first.expect("an entry")
    };
    repo.index().mark_bad(&[key], pack).expect("marked");
    repo.rebuild_index_with_marks().expect("rebuilt");
    assert!(repo.index().lookup_good(&key).expect("looked up").is_empty());
    drop(repo);
    // Damage that is damage stays so, and what was said of the index does not come with it.
    flip(&files(dir.path(), "packs")[0], 300);
    let report = verify(&reopen(dir.path()), &options(ALL), &Silent).expect("verify");
    assert!(!report.is_clean() && report.remarks.is_empty(), "{report:?}");
}
