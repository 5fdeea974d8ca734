//! Packs that no segment lists: read all the same, taken in by the next writer, never while they may be somebody's.

use super::faults::repo_over_new;
use super::*;
use crate::repo::doom::Doom;

fn store(repo: &Repo, bytes: &[u8]) {
    let writer = repo.writer(&writer_options()).expect("writer");
    writer.putter().put(Kind::Blob, bytes).expect("put");
    writer.finish().expect("finish");
}

fn files(dir: &Path, below: &str) -> Vec<std::path::PathBuf> {
    let walk = walkdir::WalkDir::new(dir.join("repo").join(below)).into_iter().flatten();
    walk.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

/// A repository with one sound object and one, of 9,000 bytes, whose segment `harm` befell.
fn with_harmed_segment(dir: &Path, harm: impl Fn(&Path)) -> (Vec<u8>, Vec<u8>) {
    let repo = repo_in(dir);
    let (sound, hurt) = (noise(700, 3), noise(9_000, 5));
    store(&repo, &sound);
    let before = files(dir, "index");
    store(&repo, &hurt);
    files(dir, "index").iter().filter(|path| !before.contains(path)).for_each(|path| harm(path));
    (sound, hurt)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("read");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("write");
}

fn without_index(dir: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.join(format!("repo/index.sqlite{suffix}")));
    }
}

fn assert_reads(repo: &Repo, bytes: &[u8]) {
    assert_eq!(repo.read(&hash(bytes)).expect("there"), bytes);
}

#[test]
fn a_damaged_segment_is_told_and_its_packs_are_read() {
    // In the header, in a frame, at the end; and cut.
    let harms: [&dyn Fn(&Path); 4] = [
        &|path| flip(path, 30),
        &|path| flip(path, 120),
        &|path| flip(path, fs::metadata(path).expect("there").len() as usize - 5),
        &|path| fs::write(path, &fs::read(path).expect("read")[..60]).expect("write"),
    ];
    for harm in harms {
        let dir = tempfile::tempdir().expect("a directory");
        let (sound, hurt) = with_harmed_segment(dir.path(), harm);
        without_index(dir.path());
        for _ in 0..2 {
            let repo = reopen(dir.path());
            assert_eq!(repo.damaged_segments().len(), 1);
            assert!(repo.find(&hash(&hurt)).expect("find").is_some());
            assert_reads(&repo, &hurt);
            assert_reads(&repo, &sound);
        }
        assert_eq!(files(dir.path(), "index").len(), 2, "who reads writes nothing");
        let repo = reopen(dir.path());
        let writer = repo.writer(&writer_options()).expect("writer");
        assert!(!writer.putter().put(Kind::Blob, &hurt).expect("put").is_new, "taken in, not stored again");
        writer.finish().expect("finish");
        assert_eq!(files(dir.path(), "index").len(), 2, "the damaged one is gone, since others say all it said");
        assert_eq!(files(dir.path(), "packs").len(), 2);
        let repo = reopen(dir.path());
        assert!(repo.damaged_segments().is_empty());
        assert_reads(&repo, &hurt);
    }
}

#[test]
fn what_a_lost_segment_listed_is_found_when_it_is_missed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_, hurt) = with_harmed_segment(dir.path(), |path| fs::remove_file(path).expect("removed"));
    for _ in 0..2 {
        assert_reads(&reopen(dir.path()), &hurt);
        without_index(dir.path());
        assert!(reopen(dir.path()).find(&hash(&hurt)).expect("find").is_some());
    }
    without_index(dir.path());
    let repo = reopen(dir.path());
    assert_eq!(repo.adopt_orphans(&writer_options()).expect("adopted").packs, 1);
    assert_eq!(repo.adopt_orphans(&writer_options()).expect("adopted").packs, 0);
    assert_eq!(files(dir.path(), "index").len(), 2);
    assert_reads(&repo, &hurt);
}

#[test]
fn a_pack_that_no_segment_listed_and_that_is_gone_is_not_known_any_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (sound, hurt) = with_harmed_segment(dir.path(), |path| fs::remove_file(path).expect("removed"));
    let repo = reopen(dir.path());
    assert_reads(&repo, &hurt);
    // The gc of another machine.
    let longest = files(dir.path(), "packs").into_iter().max_by_key(|path| fs::metadata(path).expect("there").len());
    fs::remove_file(longest.expect("a pack")).expect("removed");
    let repo = reopen(dir.path());
    repo.look_for_strays().expect("looked");
    assert!(repo.find(&hash(&hurt)).expect("find").is_none());
    assert_reads(&repo, &sound);
}

#[test]
fn a_pack_that_may_be_a_living_writers_is_left_to_him() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let long = repo.writer(&writer_options()).expect("writer");
    // As the pack of a flush that is not done yet.
    let before = files(dir.path(), "index");
    long.putter().put(Kind::Blob, &noise(700, 3)).expect("put");
    long.flush().expect("flush");
    for path in files(dir.path(), "index").iter().filter(|path| !before.contains(path)) {
        fs::remove_file(path).expect("removed");
    }
    let other = reopen(dir.path());
    assert_eq!(other.adopt_orphans(&writer_options()).expect("tried").packs, 0);
    long.finish().expect("finish");
    assert_eq!(other.adopt_orphans(&writer_options()).expect("adopted").packs, 1);
}

#[test]
fn a_doomed_pack_is_not_adopted_nor_relied_on_whoever_makes_the_index_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let (sound, hurt) = with_harmed_segment(dir.path(), |path| fs::remove_file(path).expect("removed"));
    let repo = reopen(dir.path());
    let packs: Vec<Id> = repo.pack_files().expect("packs").into_keys().collect();
    let core = repo.core();
    Doom::publish(core.backend.as_ref(), &core.keyring, repo.id(), packs, vec![], vec![]).expect("doom");
    let writer = repo.writer(&writer_options()).expect("writer");
    assert_eq!(repo.adopt_orphans(&writer_options()).expect("tried").packs, 0);
    reopen(dir.path()).rebuild_index().expect("rebuilt");
    // The connections to the old index are all in use, so the new one is asked.
    let _views: Vec<_> = (0..4).map(|_| repo.index().view().expect("view")).collect();
    for bytes in [&sound, &hurt] {
        assert!(writer.putter().put(Kind::Blob, bytes).expect("put").is_new, "stored in a pack that stays");
    }
}

#[test]
fn a_pack_whose_directory_is_damaged_is_told_and_stops_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (sound, hurt) = with_harmed_segment(dir.path(), |path| fs::remove_file(path).expect("removed"));
    for path in files(dir.path(), "packs") {
        flip(&path, fs::metadata(&path).expect("there").len() as usize - 3);
    }
    let repo = reopen(dir.path());
    let adopted = repo.adopt_orphans(&writer_options()).expect("tried");
    assert_eq!((adopted.packs, adopted.damaged.len()), (0, 1));
    assert_reads(&repo, &sound);
    assert_eq!(repo.read(&hash(&hurt)).expect_err("lost").code(), Code::ChunkNotFound);
    store(&repo, &hurt);
    assert_reads(&repo, &hurt);
}

#[test]
fn without_encryption_a_changed_byte_is_noticed_by_the_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let (backend, local) = place(dir.path());
    let options = InitOptions { scheme: Scheme::None, ..init_options() };
    let repo = Repo::init(backend, local, &options, None).expect("init");
    let bytes = noise(700, 3);
    store(&repo, &bytes);
    drop(repo);
    let open = || {
        let (backend, local) = place(dir.path());
        Repo::open(backend, local, None, OpenOptions::default()).expect("open")
    };
    let segment = files(dir.path(), "index").remove(0);
    let len = fs::read(&segment).expect("read").len();
    for at in (91..len).step_by(7) {
        flip(&segment, at);
        without_index(dir.path());
        let repo = open();
        assert_eq!(repo.damaged_segments().len(), 1, "byte {at}");
        assert_reads(&repo, &bytes);
        flip(&segment, at);
    }
    // An orphan is checked as well before it is believed.
    fs::remove_file(&segment).expect("removed");
    let pack = files(dir.path(), "packs").remove(0);
    let len = fs::read(&pack).expect("read").len();
    for at in (len - 90..len).step_by(7) {
        flip(&pack, at);
        assert_eq!(open().adopt_orphans(&writer_options()).expect("tried").packs, 0, "byte {at}");
        flip(&pack, at);
    }
    assert_eq!(open().adopt_orphans(&writer_options()).expect("adopted").packs, 1);
}

#[test]
fn what_was_in_a_lost_pack_is_stored_again_at_once() {
    // Gone, or cut anywhere.
    let harms: [&dyn Fn(&Path); 2] = [&|path| fs::remove_file(path).expect("lost"), &|path| {
        fs::write(path, &fs::read(path).expect("read")[..200]).expect("cut")
    }];
    for harm in harms {
        let dir = tempfile::tempdir().expect("a directory");
        let repo = repo_in(dir.path());
        let bytes = noise(700, 3);
        store(&repo, &bytes);
        harm(&files(dir.path(), "packs")[0]);
        // Nobody has read it since, and the index knows it well.
        let repo = reopen(dir.path());
        let writer = repo.writer(&writer_options()).expect("writer");
        assert!(writer.has_lost_packs());
        assert_ne!(writer.generation(), repo.generation().expect("generation"), "the stat cache is not believed");
        assert!(writer.putter().put(Kind::Blob, &bytes).expect("put").is_new);
        writer.finish().expect("finish");
        assert_reads(&repo, &bytes);
    }
}

#[test]
fn far_away_packs_are_looked_for_once_something_was_missed() {
    let medium = Arc::new(crate::backend::MemBackend::new());
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_over_new(medium.clone(), dir.path());
    let [one, two] = [noise(700, 3), noise(800, 5)];
    let writer = repo.writer(&writer_options()).expect("writer");
    [&one, &two].iter().for_each(|bytes| _ = writer.putter().put(Kind::Blob, bytes).expect("put"));
    writer.finish().expect("finish");
    let packs: Vec<Id> = repo.pack_files().expect("packs").into_keys().collect();
    packs.iter().for_each(|name| medium.delete(&pack_path(name)).expect("lost"));
    assert!(!repo.writer(&writer_options()).expect("writer").has_lost_packs());
    assert_eq!(repo.read(&hash(&one)).expect_err("lost").code(), Code::ChunkNotFound);
    let writer = repo.writer(&writer_options()).expect("writer");
    assert!(writer.has_lost_packs());
    // Also what nobody missed yet.
    assert!(writer.putter().put(Kind::Blob, &two).expect("put").is_new);
    writer.finish().expect("finish");
    assert_reads(&repo, &two);
}

#[test]
fn with_one_copy_all_that_is_in_its_frame_is_known_to_be_damaged() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let [one, two] = [noise(700, 3), noise(800, 5)];
    let store = |repo: &Repo| {
        let writer = repo.writer(&writer_options()).expect("writer");
        let mut putter = writer.putter();
        let are_new = [&one, &two].map(|bytes| putter.put(Kind::Blob, bytes).expect("put").is_new);
        drop(putter);
        writer.finish().expect("finish");
        are_new
    };
    store(&repo);
    flip(&files(dir.path(), "packs")[0], 200);
    let repo = reopen(dir.path());
    assert!(repo.read(&hash(&one)).is_err());
    assert_eq!(store(&repo), [true, true]);
    assert_reads(&repo, &two);
}

#[test]
fn a_recipe_that_lies_about_lengths_is_an_error_and_no_panic() {
    use crate::recipe::{Entry, Node};
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    let bytes = noise(900, 3);
    let chunk = Key { class: Class::Chunk, id: repo.core().chunk_ids.chunk(&bytes) };
    putter.entry(chunk, Kind::Blob, &bytes).expect("put");
    let lies = [(2_000, 2_000), (2_000, 900), (u64::MAX, 900)];
    let ids = lies.map(|(len, says)| {
        let leaf = Node { level: 0, total: len, entries: vec![Entry::Piece { id: chunk.id, len: len.min(8 << 20) }] };
        let mut put = |node: &Node| {
            let bytes = node.encode();
            let id = repo.core().chunk_ids.node(&bytes);
            putter.entry(Key { class: Class::Node, id }, Kind::None, &bytes).expect("put");
            id
        };
        let leaf = put(&leaf);
        let root = put(&Node { level: 1, total: says, entries: vec![Entry::Piece { id: leaf, len: says }] });
        let id = hash(&len.wrapping_add(says).to_le_bytes());
        putter.alias(super::super::pack::Alias { id, kind: Kind::Blob, len: says, root }).expect("alias");
        id
    });
    drop(putter);
    writer.finish().expect("finish");
    for id in ids {
        assert!(repo.read_range(&id, 0, 1_500).is_err());
        assert!(repo.stream(&id, &mut |_| Ok(())).is_err());
    }
    let answered = Mutex::new(0);
    repo.fetch(&[Want { key: chunk, len: 2_000 }], 1, &|_, bytes| {
        assert_eq!(bytes.expect_err("not so long").code(), Code::ChunkInvalid);
        *answered.lock().expect("no panic") += 1;
    })
    .expect("fetch");
    assert_eq!(answered.into_inner().expect("no panic"), 1);
}
