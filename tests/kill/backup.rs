//! `kill -9` at all kinds of moments of a backup, each followed by a backup that goes on where the killed one had got to, and
//! by a verification of every byte.

use crate::killer::Killer;
use crate::scene::{self, backing_up, bring_back, compare, files, init, noise, open, open_over, verify_all};
use larder::backup::backup;
use larder::monitor::Silent;
use larder::object::hash;
use larder::repo::Repo;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Kills of each repository that hit a backup at work. The data is new each time.
const KILLS: u64 = 10;
/// Rounds in each, at most: one backup that is let be, to see how often it writes, and those that are killed.
const ROUNDS_MAX: u64 = 1 + 2 * KILLS;
/// How long after a write the kill comes, at most: until then anything may have been done.
const DELAY_MAX: Duration = Duration::from_millis(3);
const DIRECTORIES: u64 = 12;
const FILES: u64 = 15;
const FILE_BYTES: usize = 40_000;
/// After how many stored bytes there is a flush.
const FLUSH_BYTES: u64 = 256 << 10;
/// What is being put together when a flush is due goes with it: a frame of up to this, not yet counted as stored.
const FRAME_BYTES: u64 = 1 << 20;

/// Where the one who is killed works; after which of its writes it dies, and so many microseconds later.
const CHILD_DIR: &str = "LARDER_TEST_KILL_DIR";
const CHILD_POINT: &str = "LARDER_TEST_KILL_POINT";

/// Not a test: what is killed.
#[test]
#[ignore = "started by the tests that kill it"]
fn child() {
    let dir = PathBuf::from(std::env::var(CHILD_DIR).expect("started by another test"));
    let point = std::env::var(CHILD_POINT).expect("started by another test");
    let (write, delay_us) = point.split_once(' ').unwrap();
    let delay = Duration::from_micros(delay_us.parse().unwrap());
    let killer = Killer::new(&dir, "", write.parse().unwrap(), delay);
    back_up_often(&open_over(Arc::new(killer), &dir).unwrap(), &dir.join("source"));
}

macro_rules! repositories {
    ($($name:ident: $number:literal)*) => {
        $(#[test] fn $name() { a_killed_backup_is_gone_on_with($number); })*
    };
}

// Each takes a while: apart, they go side by side.
repositories! {
    a_killed_backup_is_gone_on_with_0: 0
    a_killed_backup_is_gone_on_with_1: 1
    a_killed_backup_is_gone_on_with_2: 2
    a_killed_backup_is_gone_on_with_3: 3
    a_killed_backup_is_gone_on_with_4: 4
    a_killed_backup_is_gone_on_with_5: 5
    a_killed_backup_is_gone_on_with_6: 6
    a_killed_backup_is_gone_on_with_7: 7
    a_killed_backup_is_gone_on_with_8: 8
    a_killed_backup_is_gone_on_with_9: 9
}

fn a_killed_backup_is_gone_on_with(repository: u64) {
    let dir = scene::quick_dir();
    drop(init(dir.path()));
    let source = dir.path().join("source");
    let (mut saved_bytes, mut hits, mut writes) = (0, 0, 0);
    for round in 0..ROUNDS_MAX {
        let seed = repository * ROUNDS_MAX + round;
        make_source(&source, seed);
        // Files written just now could change again unseen, and would be read again for that.
        std::thread::sleep(Duration::from_millis(30));
        if round == 0 {
            let counter = Arc::new(Killer::new(dir.path(), "", 0, Duration::ZERO));
            back_up_often(&open_over(counter.clone(), dir.path()).unwrap(), &source);
            writes = counter.written();
            continue;
        }
        let leases_before = leases(dir.path());
        // Spread over all of a backup by sequences that fill their intervals evenly. Not a moment of a clock: how much
        // is done by then would depend on what else the machine does.
        let write = 1 + (writes as f64 * (seed as f64 * 0.618_033_988_75).fract()) as u64;
        let was_done = killed(dir.path(), write, DELAY_MAX.mul_f64((seed as f64 * 0.754_877_666_25).fract()));
        let is_hit = leases(dir.path()) > leases_before;
        let saved = goes_on(dir.path(), was_done);
        // Whoever is killed while he writes leaves his lease behind.
        if is_hit {
            (hits, saved_bytes) = (hits + 1, saved_bytes + saved);
        }
        if hits == KILLS {
            break;
        }
    }
    assert_eq!(hits, KILLS, "too few of {ROUNDS_MAX} rounds met a backup at work, which writes {writes} times");
    // Whatever the moments were: if nothing were ever saved, the flushes would do nothing.
    let all_bytes = KILLS * DIRECTORIES * FILES * FILE_BYTES as u64;
    assert!(saved_bytes > all_bytes / 5, "of {all_bytes} bytes only {saved_bytes} did not have to be read again");
    comes_back(dir.path());
}

fn leases(dir: &Path) -> usize {
    std::fs::read_dir(scene::repository(dir).join("leases")).map_or(0, Iterator::count)
}

/// A backup that dies after this write, a little later. True if it was done before.
fn killed(dir: &Path, write: u64, delay: Duration) -> bool {
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "backup::child", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_POINT, format!("{write} {}", delay.as_micros()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success() || ended.signal() == Some(9), "{ended:?}");
    ended.success()
}

/// Backs up again after a kill. Answers how many bytes did not have to be read.
fn goes_on(dir: &Path, was_done: bool) -> u64 {
    let source = dir.join("source");
    let repo = open(dir);
    let total_bytes = DIRECTORIES * FILES * FILE_BYTES as u64;
    let flushed_bytes: u64 = files(&source)
        .iter()
        .map(|name| std::fs::read(source.join(name)).unwrap())
        .filter(|bytes| repo.find(&hash(bytes)).unwrap().is_some())
        .map(|bytes| bytes.len() as u64)
        .sum();
    let read_bytes = back_up_often(&repo, &source);
    // What is found may be more than was flushed. Between a flush and the note of it in the stat cache is a moment; and
    // packs of the flush that was killed are adopted, with what was put while it ran. So much of three flushes may be
    // read again.
    let allowed = total_bytes - flushed_bytes + 3 * FLUSH_BYTES + FRAME_BYTES;
    assert!(
        read_bytes <= allowed,
        "{read_bytes} bytes were read again, though {flushed_bytes} of {total_bytes} were flushed"
    );
    assert!(!was_done || read_bytes == 0, "the backup was done, and {read_bytes} bytes were read again");
    let report = verify_all(&open(dir));
    assert_eq!(report.damage, [], "{report:#?}");
    total_bytes - read_bytes
}

fn comes_back(dir: &Path) {
    let (source, target) = (dir.join("source"), dir.join("target"));
    let repo = open(dir);
    let latest = back_up_snapshot(&repo, &source);
    let (answer, failed) = bring_back(&repo, &latest, &source, &target);
    assert_eq!((answer.unwrap().errors, failed), (0, vec![]));
    let comparison = compare(&source, &target);
    assert_eq!((comparison.equal.len() as u64, comparison.wrong), (DIRECTORIES * FILES, vec![]));
}

/// One thread, so that nothing is stored while a flush runs.
fn back_up_often(repo: &Repo, source: &Path) -> u64 {
    let options = larder::backup::BackupOptions { flush_bytes: FLUSH_BYTES, jobs: 1, ..backing_up() };
    backup(repo, &[source.to_path_buf()], &options, &Silent).unwrap().stats.read_bytes
}

fn back_up_snapshot(repo: &Repo, source: &Path) -> larder::id::Id {
    scene::back_up(repo, source).unwrap().snapshot.unwrap()
}

fn make_source(source: &Path, seed: u64) {
    for directory in 0..DIRECTORIES {
        let dir = source.join(format!("{directory:02}"));
        std::fs::create_dir_all(&dir).unwrap();
        for file in 0..FILES {
            let bytes = noise(FILE_BYTES, seed * 1_000_000 + directory * 1_000 + file);
            std::fs::write(dir.join(format!("{file:02}")), bytes).unwrap();
        }
    }
}
