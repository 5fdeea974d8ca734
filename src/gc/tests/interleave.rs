//! Writers, readers, a sync and gcs, stepped one operation of the medium at a time, in an order that a seed decides.
//!
//! Each actor is a thread that runs the real code over a `StepBackend`, which stops before every operation until it
//! is its turn. A crash fails an operation, before or after its effect, and everything after it. Now and then hours pass on
//! the clock of the medium: then whoever showed no sign of life since is taken for dead by the gcs that begin, whether
//! it crashed, or sleeps and goes on. After every deleted pack and at the end, promise 5 is checked on what the medium
//! holds: everything that a root reaches is there. A backup and a gc that come after find nothing that is wrong.

mod actors;
mod stage;

use super::forget;
use crate::backend::{Backend, MemBackend};
use crate::crypto::seal::seeded;
use crate::crypto::slot::Secret;
use crate::error::Code;
use crate::repo::records::SNAPSHOT;
use crate::repo::tests::{KEY, init_options};
use crate::repo::{Local, Repo};
use crate::snapshot::SnapshotBody;
use crate::verify::{Level, Subset};
use actors::{collect, come_after, one_job, read, replicate, store, write};
use stage::{Dice, Play, Playing, Status};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

/// Actors of a play: writers, a reader, a sync, and the lives of the gcs of two machines, each one after the other.
const WRITERS: usize = 3;
const READER: usize = WRITERS;
const SYNC: usize = READER + 1;
const FIRST_GC: usize = SYNC + 1;
const GC_LIVES: [usize; 2] = [3, 2];
const ACTORS: usize = FIRST_GC + GC_LIVES[0] + GC_LIVES[1];

/// So long is nobody heard of whom the clock leaves behind: more than a lease stands.
const CLOCK_SECONDS: i64 = 7_200;

/// Who plays beside writers of backups, a reader and a gc.
#[derive(Clone, Copy, Debug, Default)]
struct Cast {
    /// Writers run tasks, too, and let go of runs.
    runs: bool,
    /// Another replica is synced with.
    sync: bool,
    /// A second machine has a gc of its own.
    second_gc: bool,
}

const CASTS: [Cast; 5] = [
    Cast { runs: false, sync: false, second_gc: false },
    Cast { runs: true, sync: false, second_gc: false },
    Cast { runs: false, sync: false, second_gc: true },
    Cast { runs: false, sync: true, second_gc: false },
    Cast { runs: true, sync: true, second_gc: true },
];

/// What every play begins with: two snapshots, one of which is forgotten, made once and copied.
fn beginning() -> &'static BTreeMap<String, Vec<u8>> {
    static FILES: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let (medium, dir) = (Arc::new(MemBackend::new()), tempfile::tempdir().expect("temp"));
        let local = Local { cache: dir.path().join("cache"), device: dir.path().join("device") };
        let repo = Repo::init(medium.clone(), local, &init_options(), Some(Secret::KeyFile(&KEY))).expect("init");
        let mut ids = Vec::new();
        for bits in [0b001_111, 0b111_000] {
            let writer = repo.writer(&one_job()).expect("writer");
            let tree = store(&writer, bits);
            ids.push(writer.publish(SNAPSHOT, &SnapshotBody::new(tree).encode()).expect("publish"));
            writer.finish().expect("finish");
        }
        forget(&repo, &ids[..1]);
        let mut files = BTreeMap::new();
        for prefix in ["packs", "index", "roots", "keys", "config.toml"] {
            let mut names = vec![prefix.to_string()];
            let mut each = |name: &str, _| {
                names.push(name.to_string());
                Ok(())
            };
            medium.list(prefix, &mut each).expect("list");
            files.extend(names.into_iter().filter_map(|name| Some((name.clone(), medium.get(&name).ok()?))));
        }
        files
    })
}

/// Plays one schedule to its end and answers what went wrong, with the story.
fn play(seed: u64, cast: Cast) -> Option<String> {
    let dir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).expect("temp");
    let medium = Arc::new(MemBackend::new());
    beginning().iter().for_each(|(name, bytes)| medium.put(name, bytes).expect("put"));
    let machines = if cast.second_gc { 2 } else { 1 };
    let mut status = vec![Status::Ended; ACTORS];
    status[..=READER].fill(Status::Running);
    if cast.sync {
        status[SYNC] = Status::Running;
    }
    let first_life = |machine: usize| FIRST_GC + GC_LIVES[..machine].iter().sum::<usize>();
    (0..machines).for_each(|machine| status[first_life(machine)] = Status::Running);
    let play = Arc::new(Play::new(medium, dir.path().to_path_buf(), cast.runs, status));
    std::thread::scope(|scope| {
        for actor in 0..=(if cast.sync { SYNC } else { READER }) {
            let play = play.clone();
            scope.spawn(move || {
                let _playing = Playing(&play, actor);
                let mut dice = Dice(seed.wrapping_mul(31).wrapping_add(actor as u64));
                seeded::seed(dice.next());
                let ended = match actor {
                    READER => read(&play, &mut dice),
                    SYNC => replicate(&play, &mut dice),
                    _ => write(&play, actor, &mut dice),
                };
                match ended {
                    Err(error) if error.code() != Code::LeaseLost => play.failed(actor, "ends", &error),
                    _ => {}
                }
            });
        }
        for machine in 0..machines {
            let play = play.clone();
            scope.spawn(move || live(&play, machine, first_life(machine), seed));
        }
        play.direct(&mut Dice(seed));
    });
    play.check(Level::ReadData(Subset::All));
    come_after(&play);
    let stage = play.stage();
    if stage.failures.is_empty() {
        return None;
    }
    Some(format!("seed {seed}, {cast:?}\n{}\n\n{}", stage.story.join("\n"), stage.failures.join("\n")))
}

/// The gcs of one machine.
fn live(play: &Arc<Play>, machine: usize, first: usize, seed: u64) {
    let lives = first..first + GC_LIVES[machine];
    // In whatever life it may panic, the last one must end.
    let _playing: Vec<_> = lives.clone().map(|actor| Playing(play, actor)).collect();
    for actor in lives {
        play.set(actor, Status::Running);
        if actor > first {
            play.set(actor - 1, Status::Ended);
        }
        let mut dice = Dice(seed.wrapping_mul(37).wrapping_add(actor as u64));
        seeded::seed(dice.next());
        if let Err(error) = collect(play, actor, &format!("gc-{machine}"), &mut dice) {
            // A sync that was taken for dead and died may leave roots that reach nothing: then nothing is deleted.
            let is_excused = error.code() == Code::StorageCorrupted && play.stage().has_broken_sync();
            if !is_excused {
                play.failed(actor, "ends", &error);
            }
        }
    }
}

/// Plays these seeds on two threads; the first that fails tells its story.
fn play_all(seeds: std::ops::Range<u64>, cast: Cast) {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let failed = Mutex::new(None);
    let work = || {
        while failed.lock().expect("no panic").is_none() {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if let Some(story) = play(seed, cast) {
                failed.lock().expect("no panic").get_or_insert(story);
            }
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(work)));
    if let Some(story) = failed.into_inner().expect("no panic") {
        panic!("{story}");
    }
}

/// Seeds that once found something, by the number of the cast and by what they found.
const FOUND: [(u64, usize, &str); 7] = [
    (0, 0, "a gc deleted the roots that a forget named which a fenced writer then withdrew"),
    (1002, 0, "a segment was superseded and deleted while another client made its index from it"),
    (1980, 0, "a stat cache row was trusted under a doom that its writer had not seen"),
    (5638, 0, "a small object moved between two looks of a reader, and was not looked for again"),
    (11713, 0, "a writer wrongly taken for dead listed a pack that a gc had adopted and deleted meanwhile"),
    (22, 3, "a fenced writer that had published a segment took its fence away, and the next relied on the segment"),
    (20387, 0, "a fenced writer woke up and ended while a gc read what counts of it, and the gc failed"),
];

#[test]
fn what_was_found_once_is_mended() {
    for (seed, cast, what) in FOUND {
        if let Some(story) = play(seed, CASTS[cast]) {
            panic!("{what}\n{story}");
        }
    }
}

#[test]
fn promise_5_holds_in_every_schedule() {
    play_all(0..40, CASTS[0]);
    play_all(0..40, CASTS[1]);
}

#[test]
fn promise_5_holds_beside_two_gcs_and_a_sync() {
    CASTS[2..].iter().for_each(|cast| play_all(0..40, *cast));
}

/// `cargo test --release --lib gc::tests::interleave -- --ignored`: thousands in a minute.
#[test]
#[ignore = "a minute long; the plays of the other tests begin it"]
fn promise_5_holds_in_thousands_of_schedules() {
    let many = std::env::var("LARDER_TEST_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    CASTS.iter().for_each(|cast| play_all(20_000..20_000 + many, *cast));
}
