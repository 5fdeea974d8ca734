//! Segments stay few; what the index keeps of roots is believed only as it was kept.

use super::super::records::{TOUCH, Touch};
use super::*;
use crate::repo::lock::{Lock, Mode};

fn segments(dir: &Path) -> usize {
    fs::read_dir(dir.join("repo/index")).map_or(0, Iterator::count)
}

fn store(repo: &Repo, number: u64) -> Vec<u8> {
    let bytes = noise(300, number * 2 + 1);
    let writer = repo.writer(&writer_options()).expect("writer");
    writer.putter().put(Kind::Blob, &bytes).expect("put");
    writer.finish().expect("finish");
    bytes
}

#[test]
fn many_small_segments_are_made_one_and_say_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let other = reopen(dir.path());
    let gc = Lock::acquire(&repo.local().cache.join(GC_LOCK), Mode::Exclusive, Wait::No, "gc").expect("free");
    let mut all: Vec<Vec<u8>> = (0..70).map(|number| store(&repo, number)).collect();
    assert_eq!(segments(dir.path()), 70, "a gc is at work");
    drop(gc);
    all.push(store(&repo, 70));
    assert_eq!(segments(dir.path()), 8);
    // For who had the old segments, and for who makes the index anew.
    for repo in [&other, &reopen(dir.path())] {
        repo.refresh().expect("refreshed");
        for bytes in &all {
            assert_eq!(&repo.read(&hash(bytes)).expect("read"), bytes);
        }
    }
    let before = repo.index_stats().expect("stats");
    repo.rebuild_index().expect("rebuilt");
    assert_eq!(repo.index_stats().expect("stats"), before);
    let writer = other.writer(&writer_options()).expect("writer");
    assert!(all.iter().all(|bytes| !writer.putter().put(Kind::Blob, bytes).expect("put").is_new));
}

#[test]
fn a_segment_of_a_key_that_is_not_here_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let bytes = store(&repo, 1);
    // Whole by its name, and nothing that this keyring opens.
    let foreign = noise(900, 9);
    let path = dir.path().join("repo").join(segment_path(&hash(&foreign)));
    fs::write(&path, &foreign).expect("write");
    assert_eq!(reopen(dir.path()).damaged_segments().len(), 1);
    store(&reopen(dir.path()), 2);
    assert!(path.exists());
    assert_eq!(reopen(dir.path()).read(&hash(&bytes)).expect("read"), bytes);
}

#[test]
fn a_flipped_byte_of_a_remembered_root_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    writer
        .publish(TOUCH, &Touch { ids: vec![Id::new([7; 32])], day: 3, ..Touch::default() }.encode())
        .expect("publish");
    writer.finish().expect("finish");
    let truth = repo.roots().expect("roots");
    let kept = repo.index().cached_roots().expect("kept");
    let len = kept[0].1.as_ref().expect("sound").encode().len() + 32;
    for at in 0..len {
        repo.index()
            .with(|db| {
                let mut record: Vec<u8> = db.query_row("SELECT record FROM roots", [], |row| row.get(0))?;
                record[at] ^= 1;
                db.execute("UPDATE roots SET record = ?1", [record])
            })
            .expect("flipped");
        assert!(repo.index().cached_roots().expect("kept")[0].1.is_none(), "byte {at}");
        assert_eq!(repo.roots().expect("roots"), truth);
        assert_eq!(repo.index().cached_roots().expect("kept"), kept, "it is kept anew");
    }
}

#[test]
fn a_repository_like_another_names_chunks_alike_and_nothing_else() {
    let (dir, beside) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let one = repo_in(dir.path());
    let (backend, local) = place(beside.path());
    let secret = Some(Secret::KeyFile(&KEY));
    let other = Repo::init_like(backend, local, &init_options(), secret, Some(&one)).expect("init");
    let chunk = |repo: &Repo| repo.core().chunk_ids.chunk(b"chunk");
    assert_eq!(chunk(&one), chunk(&other));
    assert_eq!(one.keyring().chunking_key(), other.keyring().chunking_key());
    assert_ne!(one.keyring().seal_key().expect("a key").1, other.keyring().seal_key().expect("a key").1);
    assert_ne!(one.keyring().endorse_seed().expect("a key").1, other.keyring().endorse_seed().expect("a key").1);
    let third = tempfile::tempdir().expect("a directory");
    let (backend, local) = place(third.path());
    let plain = InitOptions { scheme: Scheme::None, ..init_options() };
    let refused = Repo::init_like(backend, local, &plain, None, Some(&one));
    assert_eq!(refused.err().expect("no secret to share").code(), Code::ConfigInvalid);
}
