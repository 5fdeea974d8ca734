//! The lock between processes: children are this test binary again.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Not a test of its own: what a child runs. It holds the lock named in its environment until it is killed.
#[test]
fn hold_for_a_parent() {
    let Ok(order) = std::env::var("LARDER_TEST_LOCK") else { return };
    let (mode, path) = order.split_once(':').unwrap();
    let mode = if mode == "shared" { Mode::Shared } else { Mode::Exclusive };
    let _lock = Lock::acquire(Path::new(path), mode, Wait::No, "child of a test").unwrap();
    println!("\nHELD");
    loop {
        sleep(Duration::from_secs(3_600));
    }
}

struct Holding(Child);

impl Holding {
    fn spawn(path: &Path, mode: Mode) -> Holding {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "repo::lock::tests::hold_for_a_parent", "--nocapture"])
            .env("LARDER_TEST_LOCK", format!("{}:{}", mode.name(), path.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "HELD"));
        Holding(child)
    }

    fn kill(mut self) -> u32 {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        self.0.id()
    }
}

fn dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    (dir, path)
}

#[test]
fn a_killed_holder_frees_it_at_once() {
    let (_dir, path) = dir();
    let child = Holding::spawn(&path, Mode::Exclusive);
    let error = Lock::acquire(&path, Mode::Shared, Wait::No, "test").unwrap_err();
    assert_eq!(error.code(), Code::LockHeld);
    let told = error.to_string();
    assert!(told.contains(&format!("process {} on ", child.0.id())) && told.contains("(child of a test)"), "{told}");
    assert!(told.contains(", exclusive, since 20"), "{told}");
    child.kill();
    assert_eq!(Lock::holders(&path).unwrap(), []);
    Lock::acquire(&path, Mode::Exclusive, Wait::No, "test").unwrap();
}

#[test]
fn shared_holders_are_all_listed_and_stale_lines_are_not() {
    let (_dir, path) = dir();
    let (one, two) = (Holding::spawn(&path, Mode::Shared), Holding::spawn(&path, Mode::Shared));
    let ours = Lock::acquire(&path, Mode::Shared, Wait::No, "ours").unwrap();
    let mut pids: Vec<u32> = Lock::holders(&path).unwrap().iter().map(|holder| holder.pid).collect();
    pids.sort_unstable();
    let mut expected = vec![one.0.id(), two.0.id(), std::process::id()];
    expected.sort_unstable();
    assert_eq!(pids, expected);
    let killed = one.kill();
    assert!(Lock::holders(&path).unwrap().iter().all(|holder| holder.pid != killed));
    assert!(Lock::acquire(&path, Mode::Exclusive, Wait::For(Duration::from_millis(5)), "test").is_err());
    drop(ours);
    two.kill();
    drop(Lock::acquire(&path, Mode::Exclusive, Wait::No, "test").unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_waiter_gets_it_when_it_is_free() {
    let (_dir, path) = dir();
    let held = Lock::acquire(&path, Mode::Exclusive, Wait::No, "first").unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| Lock::acquire(&path, Mode::Shared, Wait::Forever, "second").unwrap());
        while !held_error(&path).to_string().contains("first") {}
        drop(held);
        let second = waiter.join().unwrap();
        assert_eq!(second.mode(), Mode::Shared);
    });
}

#[test]
fn only_the_right_token_inherits() {
    let (_dir, path) = dir();
    let mut outer = Lock::acquire(&path, Mode::Exclusive, Wait::No, "lock").unwrap();
    let token = outer.token().unwrap();
    assert!(Lock::inherited(&path, &token, Mode::Exclusive).unwrap().unwrap().is_inherited());
    assert!(Lock::inherited(&path, "0123", Mode::Shared).unwrap().is_none());
    assert!(Lock::inherited(&path, &hex(&[0; 32]), Mode::Shared).unwrap().is_none());
    assert!(!std::fs::read_to_string(&path).unwrap().contains(&token));
    drop(outer);
    assert!(Lock::inherited(&path, &token, Mode::Shared).unwrap().is_none());

    let mut outer = Lock::acquire(&path, Mode::Shared, Wait::No, "lock --shared").unwrap();
    let token = outer.token().unwrap();
    assert!(Lock::inherited(&path, &token, Mode::Shared).unwrap().is_some());
    assert_eq!(Lock::inherited(&path, &token, Mode::Exclusive).unwrap_err().code(), Code::LockHeld);
}

#[test]
fn any_bytes_in_the_file_are_no_holder() {
    let (_dir, path) = dir();
    std::fs::write(&path, [0xff; 5_000]).unwrap();
    assert_eq!(Lock::holders(&path).unwrap(), []);
    let lock = Lock::acquire(&path, Mode::Exclusive, Wait::No, &"long\ncommand ".repeat(100)).unwrap();
    let holders = Lock::holders(&path).unwrap();
    assert_eq!(holders.len(), 1);
    assert!(holders[0].command.starts_with("long command long"));
    drop(lock);
}

#[test]
fn the_file_does_not_grow_without_bound() {
    let (_dir, path) = dir();
    let _first = Lock::acquire(&path, Mode::Shared, Wait::No, "first").unwrap();
    for _ in 0..600 {
        drop(Lock::acquire(&path, Mode::Shared, Wait::No, "more").unwrap());
    }
    assert!(std::fs::metadata(&path).unwrap().len() <= 256 * 512);
    assert_eq!(Lock::holders(&path).unwrap().len(), 1);
}

#[test]
fn a_lock_file_that_was_replaced_is_not_the_lock() {
    let (_dir, path) = dir();
    let old = Lock::acquire(&path, Mode::Exclusive, Wait::No, "old").unwrap();
    std::fs::remove_file(&path).unwrap();
    let _new = Lock::acquire(&path, Mode::Exclusive, Wait::No, "new").unwrap();
    assert!(!is_named(&old.held.as_ref().unwrap().file, &path));
}

#[test]
fn a_holder_without_a_name_is_looked_for_again_and_not_for_ever() {
    let mut looks = 0;
    let named = look_often(&mut || {
        looks += 1;
        if looks < 3 { Vec::new() } else { vec![Holder::this_process(Mode::Exclusive, "late")] }
    });
    assert_eq!((looks, named.len()), (3, 1));
    let mut looks = 0;
    let nobody = look_often(&mut || {
        looks += 1;
        Vec::new()
    });
    assert_eq!((looks, nobody), (6, Vec::new()));
}
