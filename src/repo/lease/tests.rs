//! Leases between threads and processes: children are this test binary again.

use super::*;
use crate::backend::{FsBackend, MemBackend};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const REPO: ShortId = ShortId::new([5; 16]);

/// The keyring of a repository without encryption: a child has the same.
fn keyring() -> Keyring {
    Keyring::public(&REPO)
}

/// Not a test of its own: what a child runs. It holds a lease in the directory named in its environment.
#[test]
fn hold_for_a_parent() {
    let Ok(dir) = std::env::var("LARDER_TEST_LEASE") else { return };
    let _lease = Lease::create(&FsBackend::new(dir), &keyring(), &REPO, "child of a test").unwrap();
    println!("\nHELD");
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}

fn spawn(dir: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "repo::lease::tests::hold_for_a_parent", "--nocapture"])
        .env("LARDER_TEST_LEASE", dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "HELD"));
    child
}

struct Dead(Vec<ShortId>);

impl Liveness for Dead {
    fn is_dead(&self, lease: &LeaseView) -> bool {
        self.0.contains(&lease.writer)
    }
}

fn views(backend: &FsBackend) -> Vec<LeaseView> {
    list_leases(backend, &keyring(), &REPO, &FlockLiveness::new(backend)).unwrap()
}

#[test]
fn a_killed_writer_is_dead_at_once_and_leaves_nothing_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FsBackend::new(dir.path());
    let mut child = spawn(dir.path());
    let ours = Lease::create(&backend, &keyring(), &REPO, "test").unwrap();
    let before = views(&backend);
    assert_eq!(before.iter().map(|view| view.is_alive).collect::<Vec<_>>(), [true, true]);
    let theirs = before.iter().find(|view| view.writer != *ours.writer()).unwrap();
    let record = theirs.record.clone().unwrap();
    assert_eq!((record.pid, record.command.as_str(), record.class), (child.id(), "child of a test", LeaseClass::Flock));
    child.kill().unwrap();
    child.wait().unwrap();
    for view in views(&backend) {
        assert_eq!(view.is_alive, view.writer == *ours.writer());
    }
    remove_lease(&backend, &theirs.writer).unwrap();
    assert_eq!(views(&backend).len(), 1);
    ours.end(&backend).unwrap();
    assert_eq!(views(&backend), []);
    for dir in ["leases", "tmp"] {
        assert_eq!(std::fs::read_dir(backend.local_dir().unwrap().join(dir)).unwrap().count(), 0);
    }
}

#[test]
fn refreshes_name_the_dooms_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, mem) = (FsBackend::new(dir.path()), MemBackend::new());
    for backend in [&fs as &dyn Backend, &mem] {
        let mut lease = Lease::create(backend, &keyring(), &REPO, "test").unwrap();
        let doom = Id::new([1; 32]);
        let list = || list_leases(backend, &keyring(), &REPO, &Dead(Vec::new())).unwrap();
        assert!(!list()[0].has_seen(&doom));
        for number in 1..5 {
            lease.refresh(backend, &keyring(), &REPO, &[doom]).unwrap();
            let view = list().remove(0);
            assert!(view.has_seen(&doom));
            assert_eq!(view.record.unwrap().number, number);
        }
        assert!(!lease.is_due());
        let mut files = 0;
        let count = &mut |_: &str, _| {
            files += 1;
            Ok(())
        };
        backend.list("leases", count).unwrap();
        assert!(files <= 3, "old refreshes go");
        lease.end(backend).unwrap();
        assert_eq!(list(), []);
    }
}

#[test]
fn a_fenced_writer_notices() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, mem) = (FsBackend::new(dir.path()), MemBackend::new());
    for backend in [&fs as &dyn Backend, &mem] {
        let create = || Lease::create(backend, &keyring(), &REPO, "test").unwrap();
        let (mut one, mut two, three) = (create(), create(), create());
        assert!(!one.is_fenced(backend).unwrap());
        fence(backend, one.writer()).unwrap();
        fence(backend, one.writer()).unwrap();
        remove_lease(backend, two.writer()).unwrap();
        for lease in [&mut one, &mut two] {
            assert!(lease.is_fenced(backend).unwrap());
            assert_eq!(lease.refresh(backend, &keyring(), &REPO, &[]).unwrap_err().code(), Code::LeaseLost);
        }
        assert!(!three.is_fenced(backend).unwrap());
        let views = list_leases(backend, &keyring(), &REPO, &Dead(vec![*one.writer()])).unwrap();
        let facts: BTreeMap<_, _> = views.iter().map(|view| (view.writer, (view.is_fenced, view.is_alive))).collect();
        assert_eq!(facts, BTreeMap::from([(*one.writer(), (true, false)), (*three.writer(), (false, true))]));
    }
}

#[test]
fn in_doubt_a_writer_lives() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FsBackend::new(dir.path());
    let lease = Lease::create(&backend, &keyring(), &REPO, "test").unwrap();
    let writer = *lease.writer();
    let view = views(&backend).remove(0);
    // The lock is let go, but the files stay, as after a kill.
    let path = dir.path().join("leases").join(writer.to_hex());
    let (aside, record) = (dir.path().join("aside"), view.record.clone().unwrap());
    std::fs::rename(&path, &aside).unwrap();
    drop(lease);
    std::fs::rename(&aside, &path).unwrap();
    let mut liveness = FlockLiveness::new(&backend);
    for (is_local_disk, boot_id, expected) in
        [(true, "another", true), (false, "another", false), (false, record.boot_id.as_str(), true)]
    {
        liveness.is_local_disk = is_local_disk;
        let record = LeaseRecord { boot_id: boot_id.to_string(), ..record.clone() };
        assert_eq!(liveness.is_dead(&LeaseView { record: Some(record), ..view.clone() }), expected);
    }
    // Of another machine, which may have the disk over the network: only after a long silence.
    liveness.is_local_disk = true;
    let elsewhere = LeaseRecord { host_id: "another".to_string(), ..record.clone() };
    let elsewhere = LeaseView { record: Some(elsewhere), ..view.clone() };
    assert!(!liveness.is_dead(&elsewhere));
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(4_000);
    std::fs::File::options().write(true).open(path.join("0")).unwrap().set_modified(long_ago).unwrap();
    assert!(liveness.is_dead(&elsewhere));
    liveness.is_local_disk = false;
    assert!(!liveness.is_dead(&LeaseView { record: None, ..view.clone() }));
    let timed = LeaseRecord { class: LeaseClass::Timed, ..record };
    assert!(!liveness.is_dead(&LeaseView { record: Some(timed), ..view }));
    assert!(!FlockLiveness::new(&MemBackend::new()).is_dead(&views(&backend)[0]));
}

#[test]
fn a_damaged_or_foreign_lease_has_seen_nothing() {
    let (backend, other) = (MemBackend::new(), Keyring::generate().unwrap());
    let lease = Lease::create(&backend, &keyring(), &REPO, "test").unwrap();
    backend.put("leases/not-a-writer/0", b"x").unwrap();
    let list = |keyring: &Keyring| list_leases(&backend, keyring, &REPO, &Dead(Vec::new())).unwrap();
    assert_eq!(list(&other).iter().map(|view| view.record.is_none()).collect::<Vec<_>>(), [true]);
    let path = lease_path(lease.writer(), "0");
    let bytes = backend.get(&path).unwrap();
    backend.put(&lease_path(lease.writer(), "7"), &bytes).unwrap();
    assert!(list(&keyring())[0].record.is_none(), "a refresh under another number");
}
