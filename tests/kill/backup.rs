//! `kill -9` at random moments of a backup, each followed by a backup that goes on where the killed one had got to, and
//! by a verification of every byte.

use crate::scene::{self, backing_up, bring_back, compare, files, init, noise, open, verify_all};
use larder::backup::backup;
use larder::monitor::Silent;
use larder::object::hash;
use larder::repo::Repo;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REPOSITORIES: u64 = 10;
/// Kills in each that hit a backup at work. The data is new each time.
const KILLS: u64 = 10;
/// Rounds in each, at most: one backup that is let be, to see how long it takes, and those that are killed, too early and
/// too late ones among them.
const ROUNDS_MAX: u64 = 1 + 4 * KILLS;
const DIRECTORIES: u64 = 12;
const FILES: u64 = 15;
const FILE_BYTES: usize = 40_000;
/// After how many stored bytes there is a flush.
const FLUSH_BYTES: u64 = 256 << 10;
/// What is being put together when a flush is due goes with it: a frame of up to this, not yet counted as stored.
const FRAME_BYTES: u64 = 1 << 20;

const CHILD_DIR: &str = "LARDER_TEST_KILL_DIR";

/// Not a test: what is killed.
#[test]
#[ignore = "started by the test that kills it"]
fn child() {
    let dir = PathBuf::from(std::env::var(CHILD_DIR).expect("started by the other test"));
    back_up_often(&open(&dir), &dir.join("source"));
}

#[test]
fn a_killed_backup_is_gone_on_with() {
    let (mut saved_bytes, mut all_bytes) = (0, 0);
    for repository in 0..REPOSITORIES {
        let dir = scene::quick_dir();
        drop(init(dir.path()));
        let (mut duration, mut hits) = (Duration::ZERO, 0);
        for round in 0..ROUNDS_MAX {
            let seed = repository * ROUNDS_MAX + round;
            make_source(&dir.path().join("source"), seed);
            // Spread over all of a backup, and a little beyond, by a sequence that fills the interval evenly.
            let part = (seed as f64 * 0.618_033_988_75).fract();
            // Files written just now could change again unseen, and would be read again for that.
            std::thread::sleep(Duration::from_millis(30));
            let (leases_before, started) = (leases(dir.path()), Instant::now());
            let was_done = if round == 0 {
                // How long a whole one takes.
                start(dir.path()).wait().unwrap().success()
            } else {
                kill_after(dir.path(), duration.mul_f64(part * 1.1))
            };
            duration = duration.max(started.elapsed());
            // Whoever is killed while he writes leaves his lease behind.
            hits += u64::from(leases(dir.path()) > leases_before);
            saved_bytes += goes_on(dir.path(), was_done);
            all_bytes += DIRECTORIES * FILES * FILE_BYTES as u64;
            if hits == KILLS {
                break;
            }
        }
        assert_eq!(hits, KILLS, "too few of {ROUNDS_MAX} rounds met a backup at work");
        comes_back(dir.path());
    }
    // Whatever the moments were: if nothing were ever saved, the flushes would do nothing.
    assert!(saved_bytes > all_bytes / 5, "of {all_bytes} bytes only {saved_bytes} did not have to be read again");
}

fn leases(dir: &Path) -> usize {
    std::fs::read_dir(scene::repository(dir).join("leases")).map_or(0, Iterator::count)
}

/// Starts a backup and kills it after so long. True if it was done before.
fn kill_after(dir: &Path, moment: Duration) -> bool {
    let mut child = start(dir);
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap().success()
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "backup::child", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
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
