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
    let _lease = Lease::create(&FsBackend::new(dir), &keyring(), &REPO, "child of a test", None).unwrap();
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

fn views(backend: &dyn Backend) -> Vec<LeaseView> {
    list_leases(backend, &keyring(), &REPO).unwrap()
}

fn lives(backend: &dyn Backend) -> Vec<Life> {
    views(backend).iter().map(|view| Liveness::new(backend, None).life(view).unwrap()).collect()
}

#[test]
fn a_killed_writer_is_dead_at_once_and_leaves_nothing_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FsBackend::new(dir.path());
    let mut child = spawn(dir.path());
    let ours = Lease::create(&backend, &keyring(), &REPO, "test", None).unwrap();
    let before = views(&backend);
    assert_eq!(lives(&backend), [Life::Alive, Life::Alive]);
    let theirs = before.iter().find(|view| view.writer != *ours.writer()).unwrap();
    let record = theirs.record.clone().unwrap();
    assert_eq!((record.pid, record.command.as_str(), record.class), (child.id(), "child of a test", LeaseClass::Flock));
    child.kill().unwrap();
    child.wait().unwrap();
    let liveness = Liveness::new(&backend, None);
    for view in views(&backend) {
        assert_eq!(liveness.life(&view).unwrap() == Life::Alive, view.writer == *ours.writer());
    }
    remove_lease(&backend, &theirs.writer).unwrap();
    assert_eq!(views(&backend).len(), 1);
    ours.end(&backend, true).unwrap();
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
        let mut lease = Lease::create(backend, &keyring(), &REPO, "test", None).unwrap();
        let doom = Id::new([1; 32]);
        let list = || views(backend);
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
        lease.end(backend, true).unwrap();
        assert_eq!(list(), []);
    }
}

#[test]
fn a_fenced_writer_notices() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, mem) = (FsBackend::new(dir.path()), MemBackend::new());
    for backend in [&fs as &dyn Backend, &mem] {
        let create = || Lease::create(backend, &keyring(), &REPO, "test", None).unwrap();
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
        let facts: BTreeMap<_, _> = views(backend).iter().map(|view| (view.writer, view.is_fenced)).collect();
        assert_eq!(facts, BTreeMap::from([(*one.writer(), true), (*three.writer(), false)]));
    }
}

#[test]
fn in_doubt_a_writer_lives() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FsBackend::new(dir.path());
    let lease = Lease::create(&backend, &keyring(), &REPO, "test", None).unwrap();
    let writer = *lease.writer();
    let view = views(&backend).remove(0);
    // The lock is let go, but the files stay, as after a kill.
    let path = dir.path().join("leases").join(writer.to_hex());
    let (aside, record) = (dir.path().join("aside"), view.record.clone().unwrap());
    std::fs::rename(&path, &aside).unwrap();
    drop(lease);
    std::fs::rename(&aside, &path).unwrap();
    let mut liveness = Liveness::new(&backend, Some(clock::now()));
    for (is_local_disk, boot_id, expected) in
        [(true, "another", Life::Ended), (false, "another", Life::Alive), (false, record.boot_id.as_str(), Life::Ended)]
    {
        liveness.is_local_disk = is_local_disk;
        let record = LeaseRecord { boot_id: boot_id.to_string(), ..record.clone() };
        assert_eq!(liveness.life(&LeaseView { record: Some(record), ..view.clone() }).unwrap(), expected);
    }
    // Of another machine, which may have the disk over the network, and of a medium without locks: only after a long silence.
    liveness.is_local_disk = true;
    let elsewhere = LeaseRecord { host_id: "another".to_string(), ..record.clone() };
    let timed = LeaseRecord { class: LeaseClass::Timed, ..record };
    let by_silence = [elsewhere, timed].map(|record| LeaseView { record: Some(record), ..view.clone() });
    for lease in &by_silence {
        assert_eq!(liveness.life(lease).unwrap(), Life::Alive);
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(4_000);
    std::fs::File::options().write(true).open(path.join("0")).unwrap().set_modified(long_ago).unwrap();
    for lease in &by_silence {
        assert_eq!(liveness.life(lease).unwrap(), Life::Silent);
        assert_eq!(Liveness::new(&backend, None).life(lease).unwrap(), Life::Alive, "without a clock nobody is silent");
    }
    liveness.is_local_disk = false;
    assert_ne!(liveness.life(&LeaseView { record: None, ..view }).unwrap(), Life::Ended);
}

#[test]
fn on_a_medium_without_locks_an_hour_of_silence_is_taken_for_death() {
    let backend = MemBackend::new();
    let (silent, mut lives) = (create_on(&backend), create_on(&backend));
    backend.advance(3_000);
    lives.refresh(&backend, &keyring(), &REPO, &[]).unwrap();
    backend.advance(1_000);
    backend.put("tmp/probe", b"").unwrap();
    let liveness = Liveness::new(&backend, backend.modified("tmp/probe").unwrap());
    for view in views(&backend) {
        let expected = if view.writer == *silent.writer() { Life::Silent } else { Life::Alive };
        assert_eq!(liveness.life(&view).unwrap(), expected);
    }
}

#[test]
fn who_may_not_delete_can_still_end() {
    let backend = CreateOnly(MemBackend::new());
    let mut lease = create_on(&backend);
    (1..5).for_each(|_| lease.refresh(&backend, &keyring(), &REPO, &[]).unwrap());
    assert_eq!(lives(&backend), [Life::Alive]);
    lease.end(&backend, true).unwrap();
    assert_eq!(lives(&backend), [Life::Ended]);
}

fn create_on(backend: &dyn Backend) -> Lease {
    Lease::create(backend, &keyring(), &REPO, "test", None).unwrap()
}

/// A medium whose credentials create and read.
struct CreateOnly(MemBackend);

impl Backend for CreateOnly {
    fn location(&self) -> String {
        self.0.location()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.0.put(name, bytes)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.0.put_new(name, bytes)
    }
    fn spool(&self) -> Result<crate::backend::Spool> {
        self.0.spool()
    }
    fn put_spool(&self, name: &str, spool: crate::backend::Spool) -> Result<()> {
        self.0.put_spool(name, spool)
    }
    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.0.get(name)
    }
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.0.get_range(name, offset, len)
    }
    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.0.stat(name)
    }
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.0.list(prefix, each)
    }
    fn delete(&self, name: &str) -> Result<()> {
        fail(Code::PermissionDenied, format!("{name} may not be deleted"))
    }
}

#[test]
fn a_damaged_or_foreign_lease_has_seen_nothing() {
    let (backend, other) = (MemBackend::new(), Keyring::generate().unwrap());
    let lease = Lease::create(&backend, &keyring(), &REPO, "test", None).unwrap();
    backend.put("leases/not-a-writer/0", b"x").unwrap();
    let list = |keyring: &Keyring| list_leases(&backend, keyring, &REPO).unwrap();
    assert_eq!(list(&other).iter().map(|view| view.record.is_none()).collect::<Vec<_>>(), [true]);
    let path = lease_path(lease.writer(), "0");
    let bytes = backend.get(&path).unwrap();
    backend.put(&lease_path(lease.writer(), "7"), &bytes).unwrap();
    assert!(list(&keyring())[0].record.is_none(), "a refresh under another number");
}
