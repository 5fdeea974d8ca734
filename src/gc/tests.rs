//! What is not needed goes, what is needed stays, whatever happens in between.

mod interleave;

use super::*;
use crate::backend::{Backend, Fault, FaultBackend, FsBackend, Plan as FaultPlan};
use crate::crypto::slot::Secret;
use crate::monitor::Silent;
use crate::object::{Class, Key, hash};
use crate::reach::tests::{directory, file, noise};
use crate::repo::lock::{Lock, Mode, Wait};
use crate::repo::records::{FORGET, Forget, SNAPSHOT};
use crate::repo::segment::Place;
use crate::repo::tests::{KEY, init_options, reopen, repo_in, repo_over, writer_options};
use crate::repo::{Local, Putter, Writer};
use crate::snapshot::{SnapshotBody, Snapshots};
use crate::tree::Entry;
use crate::verify::{Level, Subset, VerifyOptions, verify};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub(super) fn options() -> GcOptions {
    GcOptions {
        dry_run: false,
        max_repack_bytes: None,
        no_writers: false,
        max_unused_percent: MAX_UNUSED_PERCENT,
        budget_bytes: 16 << 20,
        writer: writer_options(),
    }
}

/// Files `range`, one directory of them, and a large file that depends on `seed`.
fn fill(putter: &mut Putter<'_>, range: std::ops::Range<u64>, seed: u64) -> Entry {
    let files = range.map(|n| file(putter, &format!("f{n:04}"), &noise(700, n))).collect();
    let dir = directory(putter, "dir", files);
    let large = file(putter, "large", &noise(60_000, 5_000 + seed));
    directory(putter, "", vec![dir, large])
}

fn publish(writer: &Writer, root: &Entry) -> Id {
    let body = SnapshotBody::new(root.content.expect("a tree"));
    writer.publish(SNAPSHOT, &body.encode()).expect("publish")
}

pub(super) fn backup(repo: &Repo, range: std::ops::Range<u64>, seed: u64) -> Id {
    let writer = repo.writer(&writer_options()).expect("writer");
    let root = fill(&mut writer.putter(), range, seed);
    let id = publish(&writer, &root);
    writer.finish().expect("finish");
    id
}

pub(super) fn forget(repo: &Repo, ids: &[Id]) {
    let snapshots = Snapshots::load(&repo.roots().expect("roots"), clock::now());
    let records = ids.iter().map(|id| snapshots.get(id).expect("lives").forgotten()).collect();
    let writer = repo.writer(&writer_options()).expect("writer");
    writer.publish(FORGET, &Forget::new(records).encode()).expect("publish");
    writer.finish().expect("finish");
}

fn read_all() -> VerifyOptions {
    VerifyOptions { level: Level::ReadData(Subset::All), snapshots: Vec::new(), jobs: 2, budget_bytes: 16 << 20 }
}

/// Everything is there and sound; answers how many snapshots.
fn assert_sound(repo: &Repo) -> u64 {
    let report = verify(repo, &read_all(), &Silent).expect("verify");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(repo.check_index().expect("checked"), "ok");
    report.snapshots_total
}

fn names(dir: &Path, kind: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let backend = FsBackend::new(dir.join("repo"));
    backend.list(kind, &mut |name, _| Ok(_ = names.insert(name.to_string()))).expect("list");
    names
}

fn damage_segments(dir: &Path) {
    for name in names(dir, "index") {
        let path = dir.join("repo").join(name);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[120] ^= 1;
        std::fs::write(&path, bytes).expect("damage");
    }
}

fn stored_bytes(repo: &Repo) -> u64 {
    repo.pack_files().expect("packs").values().sum()
}

#[test]
fn with_nothing_to_delete_nothing_happens() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    assert_eq!(gc(&repo, &options(), &Silent).expect("gc").packs, 0, "an empty repository");
    backup(&repo, 0..50, 1);
    let before = (names(dir.path(), "packs"), names(dir.path(), "index"), names(dir.path(), "roots"));
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((stats.packs_dropped, stats.packs_rewritten, stats.bytes_dead, stats.snapshots), (0, 0, 0, 1));
    assert_eq!(before, (names(dir.path(), "packs"), names(dir.path(), "index"), names(dir.path(), "roots")));
    assert!(names(dir.path(), "gc").is_empty() && names(dir.path(), "leases").is_empty());
    assert_sound(&repo);
}

#[test]
fn what_a_forgotten_snapshot_alone_needed_is_gone() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let old = backup(&repo, 0..200, 1);
    backup(&repo, 150..260, 2);
    let before = stored_bytes(&repo);
    forget(&repo, &[old]);
    let files = names(dir.path(), "packs");
    let dry = gc(&repo, &GcOptions { dry_run: true, ..options() }, &Silent).expect("dry run");
    assert!(dry.bytes_dead > 100_000 && dry.roots_deleted == 1, "{dry:?}");
    assert_eq!(files, names(dir.path(), "packs"));
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((stats.bytes_dead, stats.packs_rewritten), (dry.bytes_dead, dry.packs_rewritten));
    assert_eq!((stats.roots_deleted, stats.dooms_waiting, stats.snapshots), (1, 0, 1));
    assert!(stored_bytes(&repo) < before * 6 / 10, "{before} to {}: {stats:?}", stored_bytes(&repo));
    assert!(!names(dir.path(), "roots").contains(&root_path(&old)));
    assert!(names(dir.path(), "gc").is_empty() && names(dir.path(), "leases").is_empty());
    assert_eq!(assert_sound(&repo), 1);
    assert_eq!(assert_sound(&reopen(dir.path())), 1);
    std::fs::remove_file(dir.path().join("repo/index.sqlite")).expect("remove");
    assert_eq!(assert_sound(&reopen(dir.path())), 1, "the segments alone say the same");
    let again = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((again.packs_dropped, again.packs_rewritten, again.roots_deleted), (0, 0, 0), "{again:?}");
    // What went is stored anew when it comes back.
    backup(&repo, 0..200, 1);
    assert_eq!(assert_sound(&repo), 2);
}

#[test]
fn without_snapshots_everything_goes() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let ids = [backup(&repo, 0..100, 1), backup(&repo, 50..150, 2)];
    forget(&repo, &ids);
    gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((names(dir.path(), "packs").len(), names(dir.path(), "index").len()), (0, 0));
    assert_eq!(repo.index_stats().expect("stats").entries, 0);
    assert_eq!(names(dir.path(), "roots").len(), 1, "the forget record stays");
    assert_eq!(assert_sound(&repo), 0);
}

#[test]
fn an_index_that_lost_rows_dooms_nothing_that_is_needed() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    backup(&repo, 0..100, 1);
    drop(repo);
    let lose = "DELETE FROM entries WHERE class IN (1, 2) AND kind = 1; DELETE FROM roots;";
    let db = rusqlite::Connection::open(dir.path().join("repo/index.sqlite")).expect("open");
    db.execute_batch(lose).expect("rows go");
    drop(db);
    let stats = gc(&reopen(dir.path()), &options(), &Silent).expect("gc");
    assert_eq!((stats.objects_missing, stats.packs_dropped), (0, 0));
    assert_eq!(assert_sound(&reopen(dir.path())), 1);
}

#[test]
fn a_second_gc_is_locked_out() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let _held =
        Lock::acquire(&repo.local().cache.join(crate::repo::GC_LOCK), Mode::Exclusive, Wait::No, "gc").expect("lock");
    assert_eq!(gc(&repo, &options(), &Silent).expect_err("locked").code(), Code::LockHeld);
}

#[test]
fn a_writer_at_work_holds_the_doom_back_and_what_it_relied_on_is_revived() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let old = backup(&repo, 0..100, 1);
    forget(&repo, &[old]);
    // It begins before the doom and relies on what is only in the forgotten snapshot.
    let other = reopen(dir.path());
    let writer = other.writer(&writer_options()).expect("writer");
    let root = fill(&mut writer.putter(), 0..100, 1);
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((stats.dooms_waiting, stats.packs_deleted), (1, 0), "{stats:?}");
    assert_eq!(stats.waits_for, [(std::process::id(), "test".to_string())]);
    assert_eq!(names(dir.path(), "gc").len(), 1);
    // One that begins now keeps clear of what is doomed.
    let late = reopen(dir.path());
    let kept_clear = late.writer(&writer_options()).expect("writer");
    assert!(kept_clear.putter().put(crate::object::Kind::Blob, &noise(700, 7)).expect("put").is_new);
    drop(kept_clear);
    publish(&writer, &root);
    writer.finish().expect("finish");
    assert_eq!(assert_sound(&repo), 1, "what is doomed is there until it is swept");
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert!(stats.packs_revived > 0 && stats.dooms_waiting == 0, "{stats:?}");
    assert!(names(dir.path(), "gc").is_empty());
    assert_eq!(assert_sound(&reopen(dir.path())), 1);
}

#[test]
fn a_writer_that_was_killed_holds_nothing_back_and_its_packs_are_taken_in() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    backup(&repo, 0..20, 1);
    // Killed after its pack and before its segment: nobody lists the pack.
    let listed = names(dir.path(), "index");
    let writer = repo.writer(&writer_options()).expect("writer");
    fill(&mut writer.putter(), 300..340, 9);
    writer.finish().expect("finish");
    for segment in names(dir.path(), "index").difference(&listed) {
        std::fs::remove_file(dir.path().join("repo").join(segment)).expect("remove");
    }
    let dead = dir.path().join("repo/leases/00112233445566778899aabbccddeeff");
    std::fs::create_dir_all(&dead).expect("a lease");
    std::fs::write(dead.join("alive"), b"").expect("nobody holds it");
    std::fs::write(dead.join("0"), b"unreadable").expect("nor can read it");
    let repo = reopen(dir.path());
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((stats.packs_adopted, stats.packs_deleted, stats.dooms_waiting), (1, 1, 0), "{stats:?}");
    assert!(!dead.exists());
    assert_eq!(assert_sound(&repo), 1);
}

#[test]
fn of_duplicates_the_copy_in_the_smallest_pack_survives() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    // Two writers at once do not see each other's objects before a flush.
    let (one, two) = (repo.writer(&writer_options()).expect("writer"), repo.writer(&writer_options()).expect("writer"));
    let roots = [fill(&mut one.putter(), 0..60, 1), fill(&mut two.putter(), 0..60, 1)];
    publish(&one, &roots[0]);
    publish(&two, &roots[1]);
    one.finish().expect("finish");
    two.finish().expect("finish");
    let packs = names(dir.path(), "packs");
    assert_eq!(packs.len(), 2);
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!((stats.packs_dropped, stats.packs_deleted), (1, 1), "{stats:?}");
    let survivor = packs.iter().min_by_key(|path| path.rsplit('/').next().map(str::to_string)).expect("two");
    assert_eq!(names(dir.path(), "packs"), BTreeSet::from([survivor.clone()]));
    assert_eq!(assert_sound(&repo), 2);
}

#[test]
fn a_damaged_pack_stays_and_so_does_the_spare_copy_of_what_is_in_it() {
    // The first pack is rewritten, where damage shows; that of the second a verify has found before.
    for is_first in [true, false] {
        let dir = tempfile::tempdir().expect("temp");
        let repo = repo_in(dir.path());
        let (one, two) =
            (repo.writer(&writer_options()).expect("writer"), repo.writer(&writer_options()).expect("writer"));
        let old = fill(&mut one.putter(), 0..200, 1);
        let (kept_one, kept_two) = (fill(&mut one.putter(), 0..80, 3), fill(&mut two.putter(), 0..80, 3));
        let old = publish(&one, &old);
        publish(&one, &kept_one);
        publish(&two, &kept_two);
        one.finish().expect("finish");
        two.finish().expect("finish");
        forget(&repo, &[old]);
        let mut packs: Vec<(u64, Id)> =
            repo.pack_files().expect("packs").into_iter().map(|(name, bytes)| (bytes, name)).collect();
        packs.sort_unstable();
        assert_eq!(packs.len(), 2);
        let path = dir.path().join("repo").join(pack_path(&packs[usize::from(is_first)].1));
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[300] ^= 1;
        std::fs::write(&path, bytes).expect("damage");
        let repo = reopen(dir.path());
        if !is_first {
            assert!(!verify(&repo, &read_all(), &Silent).expect("verify").is_clean());
        }
        for _ in 0..3 {
            // It may meet the damage or not, and may refuse where a tree is hurt; a sound copy it never deletes.
            let _ = gc(&repo, &options(), &Silent);
            for n in 0..80 {
                let bytes = repo.read(&crate::object::hash(&noise(700, n))).expect("a sound copy");
                assert_eq!(bytes, noise(700, n));
            }
        }
    }
}

#[test]
fn damage_that_was_made_good_goes_with_its_pack() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    backup(&repo, 0..1_000, 1);
    // In the frame of a file's content: damaged trees are another story.
    let content = Key { class: Class::Whole, id: hash(&noise(700, 0)) };
    let record = repo.index().lookup(&content).expect("looked up").remove(0);
    let Place::Frame { frame, .. } = record.place else { panic!("a small file stands in a frame") };
    let pack = repo.index().pack(record.pack).expect("pack");
    let path = dir.path().join("repo").join(pack_path(&pack.name));
    let mut bytes = std::fs::read(&path).expect("read");
    let hurt = &pack.frames[frame as usize];
    bytes[hurt.offset as usize + hurt.sealed_bytes as usize / 2] ^= 1;
    drop(repo);
    std::fs::write(&path, bytes).expect("damage");
    let repo = reopen(dir.path());
    let found = verify(&repo, &read_all(), &Silent).expect("verify");
    assert!(found.objects_lost > 0, "{found:?}");
    // Nothing is known to be sound elsewhere: the pack stays.
    gc(&repo, &options(), &Silent).expect("gc");
    assert!(path.exists());
    // The same files stored again: what was damaged is stored anew.
    backup(&repo, 0..1_000, 1);
    let found = verify(&repo, &read_all(), &Silent).expect("verify");
    assert!(found.objects_lost == 0 && !found.is_clean(), "{found:?}");
    gc(&repo, &options(), &Silent).expect("gc");
    assert!(!path.exists());
    assert_eq!(assert_sound(&reopen(dir.path())), 2);
}

#[test]
fn damaged_metadata_stops_it_before_anything_is_lost() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let ids = [backup(&repo, 0..30, 1), backup(&repo, 40..70, 2)];
    forget(&repo, &ids[..1]);
    let before = names(dir.path(), "packs");
    let root = dir.path().join("repo").join(root_path(&ids[1]));
    let sound = std::fs::read(&root).expect("read");
    std::fs::write(&root, &sound[..50]).expect("damage");
    std::fs::remove_file(dir.path().join("repo/index.sqlite")).expect("forget what it was");
    let error = gc(&reopen(dir.path()), &options(), &Silent).expect_err("a snapshot is not known");
    assert_eq!(error.class(), crate::error::Class::Damaged, "{error}");
    std::fs::write(&root, &sound).expect("mend");
    // A tree that is not there.
    let writer = repo.writer(&writer_options()).expect("writer");
    let lost = crate::object::hash(b"a tree that nobody stored");
    writer.publish(SNAPSHOT, &SnapshotBody::new(lost).encode()).expect("publish");
    writer.finish().expect("finish");
    let error = gc(&repo, &options(), &Silent).expect_err("a tree is not known");
    assert_eq!(error.code(), Code::StorageCorrupted, "{error}");
    assert!(error.to_string().contains(&lost.to_hex()));
    assert!(names(dir.path(), "packs").is_superset(&before) && names(dir.path(), "leases").is_empty());
}

#[test]
fn many_small_packs_and_segments_become_few() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    for n in 0..20 {
        backup(&repo, n * 10..n * 10 + 10, n);
    }
    let count = names(dir.path(), "packs").len();
    assert!(count >= 16);
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert_eq!(stats.packs_deleted, count as u64, "{stats:?}");
    assert!(names(dir.path(), "packs").len() <= 2 && names(dir.path(), "index").len() <= 3);
    assert_eq!(assert_sound(&reopen(dir.path())), 20);
}

#[test]
fn rewriting_keeps_within_its_limit() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let old = [backup(&repo, 0..100, 1), backup(&repo, 100..200, 2)];
    backup(&repo, 50..150, 3);
    forget(&repo, &old);
    let stats = gc(&repo, &GcOptions { max_repack_bytes: Some(0), ..options() }, &Silent).expect("gc");
    assert_eq!((stats.packs_rewritten, stats.bytes_written), (0, 0), "{stats:?}");
    assert!(stats.bytes_dead_kept > 50_000, "{stats:?}");
    assert_eq!(assert_sound(&repo), 1);
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert!(stats.packs_rewritten > 0 && stats.bytes_dead_kept < 20_000, "{stats:?}");
    assert_eq!(assert_sound(&repo), 1);
}

#[test]
fn asked_for_it_leaves_no_byte_that_nothing_needs() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let old = backup(&repo, 0..200, 1);
    backup(&repo, 10..200, 2);
    forget(&repo, &[old]);
    let stats = gc(&repo, &options(), &Silent).expect("gc");
    assert!(stats.packs_rewritten == 0 && stats.bytes_dead_kept > 5_000, "under 20 % are left: {stats:?}");
    let none = GcOptions { max_unused_percent: 0, ..options() };
    let stats = gc(&repo, &none, &Silent).expect("gc");
    assert!(stats.packs_rewritten > 0 && stats.bytes_dead > 5_000, "{stats:?}");
    let dry = gc(&repo, &GcOptions { dry_run: true, ..none }, &Silent).expect("dry run");
    assert_eq!((dry.bytes_dead, dry.bytes_dead_kept), (0, 0), "{dry:?}");
    assert_eq!(repo.index_stats().expect("stats").entries, dry.objects, "what is listed is needed");
    assert_eq!(assert_sound(&reopen(dir.path())), 1);
}

#[test]
fn a_segment_that_was_damaged_since_is_not_needed() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    backup(&repo, 0..100, 1);
    drop(repo);
    damage_segments(dir.path());
    // The index was made before, and says the same.
    let stats = gc(&reopen(dir.path()), &options(), &Silent).expect("gc");
    assert_eq!((stats.objects_missing, stats.packs_dropped, stats.packs_rewritten), (0, 0, 0), "{stats:?}");
    assert!(stats.objects > 100, "{stats:?}");
}

#[test]
fn what_damaged_segments_said_of_packs_that_stay_is_said_again() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let old = backup(&repo, 0..60, 1);
    backup(&repo, 50..100, 2);
    forget(&repo, &[old]);
    drop(repo);
    damage_segments(dir.path());
    let stats = gc(&reopen(dir.path()), &options(), &Silent).expect("gc");
    assert!(stats.bytes_freed > 0 && stats.dooms_waiting == 0, "{stats:?}");
    // A damaged segment that lists nothing that went is left to the next writer that comes upon it.
    let repo = reopen(dir.path());
    repo.rebuild_index().expect("made anew");
    backup(&repo, 0..10, 3);
    assert_eq!(assert_sound(&reopen(dir.path())), 2);
}

#[test]
fn an_output_that_cannot_be_written_is_not_blamed_on_a_pack() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let backup_of = |seeds: &mut dyn Iterator<Item = u64>| {
        let writer = repo.writer(&writer_options()).expect("writer");
        let mut putter = writer.putter();
        let files = seeds.map(|seed| file(&mut putter, &format!("f{seed:04}"), &noise(30_000, seed))).collect();
        let root = directory(&mut putter, "", files);
        drop(putter);
        let id = publish(&writer, &root);
        writer.finish().expect("finish");
        id
    };
    // Of each pack a fifth stays: what one frame is filled with comes from three of them.
    let old: Vec<Id> = (0..6).map(|pack| backup_of(&mut (pack * 40..(pack + 1) * 40))).collect();
    backup_of(&mut (0..240).step_by(5));
    forget(&repo, &old);
    drop(repo);
    for at in 1.. {
        // As a bucket answers when the parts of a transfer were taken away.
        let plan = FaultPlan { fault: Fault::Once, at, writes_only: true, code: Code::FileNotFound };
        let medium = Arc::new(FaultBackend::new(Arc::new(FsBackend::new(dir.path().join("repo"))), plan));
        let repo = repo_over(medium.clone(), dir.path()).expect("open");
        let answer = gc(&repo, &options(), &Silent);
        drop(repo);
        let report = verify(&reopen(dir.path()), &read_all(), &Silent).expect("verify");
        assert_eq!((report.objects_lost, report.snapshots_valid), (0, 1), "{at}: {answer:?}");
        if !medium.has_failed() {
            break;
        }
    }
}

#[test]
fn a_writer_trusts_its_stat_cache_by_the_dooms_that_it_saw_itself() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let old = backup(&repo, 0..60, 1);
    forget(&repo, &[old]);
    let open = || repo.writer(&writer_options()).expect("writer");
    let before = open();
    let relied_on = before.generation();
    assert_eq!(gc(&repo, &options(), &Silent).expect("gc").dooms_waiting, 1);
    assert_eq!(before.generation(), relied_on, "a doom that came later is not known to have been minded");
    let beside = open();
    assert_ne!(beside.generation(), relied_on, "what was relied on before the doom is looked at again");
    assert_eq!(beside.generation(), open().generation());
    let under_doom = beside.generation();
    drop((before, beside));
    assert_eq!(gc(&repo, &options(), &Silent).expect("gc").packs_deleted, 1);
    let after = open().generation();
    assert!(after != relied_on && after != under_doom, "what is gone is looked at again");
    // Another doom is another generation, though numbers begin anew when all dooms are swept.
    let old = backup(&repo, 100..160, 2);
    forget(&repo, &[old]);
    let _holds_it_back = open();
    gc(&repo, &options(), &Silent).expect("gc");
    assert_ne!(open().generation(), under_doom);
}

#[test]
fn backups_gc_and_verify_beside_one_another() {
    let dir = tempfile::tempdir().expect("temp");
    backup(&repo_in(dir.path()), 0..60, 1);
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let load = |flag: &std::sync::atomic::AtomicBool| flag.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3u64)
            .map(|actor| {
                let dir = dir.path();
                scope.spawn(move || {
                    for round in 0..5 {
                        let repo = reopen(dir);
                        let first = (actor * 37 + round * 20) % 100;
                        let id = backup(&repo, first..first + 60, actor * 10 + round);
                        if round % 2 == 1 {
                            forget(&repo, &[id]);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !load(&is_done) {
                gc(&reopen(dir.path()), &options(), &Silent).expect("gc");
            }
        });
        scope.spawn(|| {
            let quick = VerifyOptions { level: Level::Quick, ..read_all() };
            for options in [quick, read_all()].iter().cycle().take_while(|_| !load(&is_done)) {
                let report = verify(&reopen(dir.path()), options, &Silent).expect("verify");
                assert!(report.is_clean(), "{report:?}");
            }
        });
        writers.into_iter().for_each(|writer| writer.join().expect("no writer fails"));
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let repo = reopen(dir.path());
    gc(&repo, &options(), &Silent).expect("gc");
    assert!(names(dir.path(), "gc").is_empty());
    assert_eq!(assert_sound(&repo), 10);
}

#[test]
fn broken_off_at_any_operation_it_leaves_all_sound_and_the_next_ends_the_work() {
    let dir = tempfile::tempdir().expect("temp");
    for at in 1.. {
        let dir = dir.path().join(at.to_string());
        std::fs::create_dir(&dir).expect("a directory");
        let repo = repo_in(&dir);
        let old = backup(&repo, 0..40, 1);
        backup(&repo, 30..60, 2);
        forget(&repo, &[old]);
        drop(repo);
        let plan = FaultPlan { fault: Fault::Forever, at, writes_only: true, code: Code::FileIo };
        let backend = Arc::new(FaultBackend::new(Arc::new(FsBackend::new(dir.join("repo"))), FaultPlan::NONE));
        let repo = repo_over(backend.clone(), &dir).expect("open");
        backend.set(plan);
        let broken = gc(&repo, &options(), &Silent);
        drop(repo);
        if !backend.has_failed() {
            assert!(broken.is_ok() && at > 5, "{at}: {broken:?}");
            return;
        }
        let repo = reopen(&dir);
        assert_eq!(assert_sound(&repo), 1, "broken off at write {at}");
        backup(&repo, 20..50, 3);
        let stats = gc(&repo, &options(), &Silent).expect("gc");
        assert_eq!(stats.dooms_waiting, 0, "{stats:?}");
        assert_eq!(assert_sound(&repo), 2, "and gone on from there");
        assert!(names(&dir, "gc").is_empty() && names(&dir, "leases").is_empty());
    }
}

#[test]
fn without_locks_a_silent_writer_is_waited_for_an_hour_and_not_when_nobody_is_at_work() {
    let (dir, medium) = (tempfile::tempdir().expect("temp"), Arc::new(crate::backend::MemBackend::new()));
    let there = tempfile::tempdir().expect("temp");
    let local = Local { cache: there.path().join("cache"), device: there.path().join("device") };
    let key = Some(Secret::KeyFile(&KEY));
    let repo = Repo::init(medium.clone(), local, &init_options(), key).expect("init");
    let collect = |no_writers| gc(&repo, &GcOptions { no_writers, ..options() }, &Silent).expect("gc");
    for (hours, no_writers) in [(0, true), (2, false)] {
        let old = backup(&repo, 0..50, 1);
        backup(&repo, 30..80, 2);
        forget(&repo, &[old]);
        // On another machine, and silent from here on.
        let silent = repo_over(medium.clone(), &dir.path().join(hours.to_string())).expect("opens");
        let writer = silent.writer(&writer_options()).expect("writer");
        let root = fill(&mut writer.putter(), 0..10, 3);
        assert_eq!(collect(false).dooms_waiting, 1, "it may be at work");
        medium.advance(hours * 3_600);
        let stats = collect(no_writers);
        assert_eq!((stats.dooms_waiting, stats.roots_deleted), (0, 1), "{stats:?}");
        // It wakes up, and is told.
        let body = SnapshotBody::new(root.content.expect("a tree"));
        let told = writer.publish(SNAPSHOT, &body.encode()).expect_err("declared dead");
        assert_eq!(told.code(), Code::LeaseLost);
        drop(writer);
        assert_sound(&repo);
    }
    collect(true);
    medium.list("leases", &mut |name, _| panic!("{name} is left")).expect("list");
}
