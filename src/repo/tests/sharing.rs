//! The index beside other processes, on damaged, full and read-only media: never in the way, never wrong.

use super::faults::{HookBackend, repo_over_new};
use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stores blobs, each in a segment of its own.
fn store(repo: &Repo, blobs: &[Vec<u8>]) {
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    for bytes in blobs {
        putter.put(Kind::Blob, bytes).expect("put");
        writer.flush().expect("flush");
    }
    drop(putter);
    writer.finish().expect("finish");
}

fn blobs(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| noise(700, 2 * n + 31)).collect()
}

fn assert_readable(repo: &Repo, blobs: &[Vec<u8>]) {
    blobs.iter().for_each(|bytes| assert_eq!(&repo.read(&hash(bytes)).expect("there"), bytes));
}

#[test]
fn a_second_connection_leaves_the_locks_of_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    let index = dir.path().join("repo/index.sqlite").canonicalize().expect("there");
    // Every descriptor of a file names the locks its process holds on it. The list of the whole machine would do
    // as well, were it read in one piece: it is not, and lines are missed while others lock.
    let locks = || {
        let open = fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
        let of_index = open.filter(|fd| fs::read_link(fd.path()).is_ok_and(|path| path == index));
        let held = |fd: fs::DirEntry| {
            let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(fd.file_name())).expect("open");
            info.lines().filter(|line| line.starts_with("lock:") && line.contains(" POSIX ")).count()
        };
        of_index.map(held).max().unwrap_or(0)
    };
    let _first = repo.index().view().expect("view");
    let held = locks();
    let _second = repo.index().view().expect("view");
    assert!(held > 0);
    assert_eq!(locks(), held, "without it, another process takes the log away when it ends");
}

#[test]
fn who_has_the_old_index_open_does_not_harm_the_new_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let blobs = blobs(6);
    let (one, two) = (repo_in(dir.path()), reopen(dir.path()));
    store(&one, &blobs[..2]);
    two.rebuild_index().expect("rebuilt");
    store(&two, &blobs[2..4]);
    // Knows nothing of the new file, and goes on.
    store(&one, &blobs[4..]);
    assert_readable(&one, &blobs);
    let log = dir.path().join("repo/index.sqlite-wal");
    let inode = log.metadata().expect("a log").ino();
    drop(one);
    assert_eq!(log.metadata().expect("still there").ino(), inode);
    let three = reopen(dir.path());
    for repo in [&two, &three] {
        repo.refresh().expect("refreshed");
        assert_readable(repo, &blobs);
        assert_eq!(repo.check_index().expect("checked"), "ok");
        assert_eq!(repo.index_stats().expect("stats").entries, 6);
    }
}

#[test]
fn an_index_that_is_damaged_anywhere_is_made_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let blobs = blobs(20);
    store(&repo_in(dir.path()), &blobs);
    let path = dir.path().join("repo/index.sqlite");
    let _ = fs::remove_file(dir.path().join("repo/index.sqlite-wal"));
    reopen(dir.path()).rebuild_index().expect("rebuilt");
    let _ = fs::remove_file(dir.path().join("repo/index.sqlite-wal"));
    let sound = fs::read(&path).expect("read");
    for page in 0..sound.len() / 4096 {
        let mut bytes = sound.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, bytes).expect("write");
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(dir.path().join(format!("repo/index.sqlite{suffix}")));
        }
        let repo = reopen(dir.path());
        // A page that opening does not look at is found later, and the hint says what to do.
        if blobs.iter().any(|bytes| repo.read(&hash(bytes)).is_err()) {
            repo.rebuild_index().expect("rebuilt");
        }
        assert_readable(&repo, &blobs);
    }
}

#[test]
fn what_another_takes_in_while_we_list_is_no_segment_that_vanished() {
    let dir = tempfile::tempdir().expect("a directory");
    let blobs = blobs(2);
    let one = repo_in(dir.path());
    store(&one, &blobs[..1]);
    let (medium, local) = place(dir.path());
    let (other, bytes) = (reopen(dir.path()), blobs[1..].to_vec());
    let armed = Arc::new(AtomicBool::new(false));
    let armed_too = armed.clone();
    let backend = HookBackend(medium, move |at: &str| {
        if at == "index" && armed_too.swap(false, Ordering::SeqCst) {
            store(&other, &bytes);
        }
    });
    let two = Repo::open(Arc::new(backend), local, Some(Secret::KeyFile(&KEY)), OpenOptions::default()).expect("open");
    let before = two.index().epoch().expect("epoch");
    armed.store(true, Ordering::SeqCst);
    two.refresh().expect("refreshed");
    assert!(!armed.load(Ordering::SeqCst));
    assert_eq!(two.index().epoch().expect("epoch"), before, "nothing was lost");
    assert_eq!(two.index_stats().expect("stats").entries, 2);
}

#[test]
fn what_another_machine_stored_is_known_and_not_stored_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let blobs = blobs(8);
    let medium: Arc<dyn Backend> = Arc::new(MemBackend::new());
    let here = repo_over_new(medium.clone(), dir.path());
    store(&here, &blobs[..4]);
    drop(here);
    store(&repo_over(medium.clone(), &dir.path().join("elsewhere")).expect("open"), &blobs[4..]);
    let here = repo_over(medium, dir.path()).expect("open");
    let writer = here.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    blobs.iter().for_each(|bytes| assert!(!putter.put(Kind::Blob, bytes).expect("put").is_new));
}

#[test]
fn many_segments_are_merged_in_groups() {
    let dir = tempfile::tempdir().expect("a directory");
    let blobs = blobs(150);
    let repo = repo_in(dir.path());
    // As while a gc is at work: writers fold nothing.
    let gc = repo.local().cache.join(GC_LOCK);
    let _gc = lock::Lock::acquire(&gc, lock::Mode::Exclusive, Wait::No, "gc").expect("free");
    store(&repo, &blobs);
    store(&repo, &[noise(9_000, 3)]);
    let before = repo.index_stats().expect("stats");
    assert!(before.segments > 150);
    repo.rebuild_index().expect("rebuilt");
    assert_eq!(repo.index_stats().expect("stats"), before);
    assert_readable(&repo, &blobs);
    assert_eq!(repo.read(&hash(&noise(9_000, 3))).expect("there"), noise(9_000, 3));
}

#[test]
fn a_pack_that_left_the_index_is_looked_for_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = repo_in(dir.path()).index().pack(3).expect_err("no such number");
    assert_eq!(error.code(), Code::ChunkNotFound);
}

/// Not a test of its own: what a child without rights runs.
#[test]
fn read_for_a_parent() {
    let Ok(dir) = std::env::var("LARDER_TEST_READ") else { return };
    let repo = reopen(Path::new(&dir));
    assert_readable(&repo, &blobs(3));
    assert!(repo.writer(&writer_options()).is_err());
    println!("\nREAD");
}

#[test]
fn a_repository_that_must_not_be_written_to_is_read() {
    let dir = tempfile::tempdir().expect("a directory");
    store(&repo_in(dir.path()), &blobs(3));
    let walk = || walkdir::WalkDir::new(dir.path()).into_iter().map(|entry| entry.expect("listed"));
    let set = |dirs: u32, files: u32| {
        for entry in walk().collect::<Vec<_>>() {
            let mode = if entry.file_type().is_dir() { dirs } else { files };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).expect("set");
        }
    };
    for without_index in [false, true] {
        if without_index {
            fs::remove_file(dir.path().join("repo/index.sqlite")).expect("removed");
        }
        set(0o555, 0o444);
        let mut child = std::process::Command::new(std::env::current_exe().expect("this"));
        child.args(["--exact", "repo::tests::sharing::read_for_a_parent", "--nocapture"]);
        child.env("LARDER_TEST_READ", dir.path()).current_dir("/");
        if rustix::process::geteuid().is_root() {
            child.uid(65_534).gid(65_534);
        }
        let output = child.output().expect("ran");
        set(0o755, 0o644);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("\nREAD"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}
