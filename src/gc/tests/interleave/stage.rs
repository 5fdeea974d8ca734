//! The stage: who acts when, what the medium shows each, and what must hold all the time.

use super::actors::starts_of;
use super::{CLOCK_SECONDS, FIRST_GC, READER, SYNC};
use crate::backend::{Backend, MemBackend, Spool};
use crate::clock::{self, Time};
use crate::error::{Code, Error, Result, fail};
use crate::id::{Id, ShortId};
use crate::monitor::Silent;
use crate::reach::{ReachOptions, reachable};
use crate::repo::records::RUNS;
use crate::repo::tests::repo_over;
use crate::repo::{Repo, Root};
use crate::runs::Runs;
use crate::snapshot::Snapshots;
use crate::verify::{Level, VerifyOptions, verify};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// A small random generator (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Running,
    Waiting,
    Ended,
}

/// What an actor is told at an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// It dies, and the operation has no effect.
    CrashBefore,
    /// It has its effect, and then the actor dies.
    CrashAfter,
}

pub(super) struct Stage {
    pub(super) status: Vec<Status>,
    grant: Option<(usize, Verdict)>,
    crashed: BTreeSet<usize>,
    /// Actors that were declared dead, whether they live or not.
    fenced: BTreeSet<usize>,
    writers: HashMap<ShortId, usize>,
    /// Whose roots these are.
    roots: HashMap<Id, usize>,
    /// Roots whose writers were told that they are published.
    reported: BTreeSet<Id>,
    pub(super) story: Vec<String>,
    pub(super) failures: Vec<String>,
}

/// What holds for a whole play.
pub(super) struct Play {
    stage: Mutex<Stage>,
    changed: Condvar,
    pub(super) medium: Arc<MemBackend>,
    pub(super) dir: PathBuf,
    /// Whether the writers run tasks, too, and let go of runs.
    pub(super) has_runs: bool,
}

impl Play {
    pub(super) fn new(medium: Arc<MemBackend>, dir: PathBuf, has_runs: bool, status: Vec<Status>) -> Self {
        let stage = Stage {
            status,
            grant: None,
            crashed: BTreeSet::new(),
            fenced: BTreeSet::new(),
            writers: HashMap::new(),
            roots: HashMap::new(),
            reported: BTreeSet::new(),
            story: Vec::new(),
            failures: Vec::new(),
        };
        Play { stage: Mutex::new(stage), changed: Condvar::new(), medium, dir, has_runs }
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().expect("no panic")
    }

    pub(super) fn set(&self, actor: usize, status: Status) {
        self.stage().status[actor] = status;
        self.changed.notify_all();
    }

    /// Waits for the turn of an actor.
    fn step(&self, actor: usize, what: &str) -> Result<Verdict> {
        let mut stage = self.stage();
        if stage.crashed.contains(&actor) {
            return fail(Code::FileIo, "this process is dead");
        }
        stage.status[actor] = Status::Waiting;
        self.changed.notify_all();
        while stage.grant.is_none_or(|(whose, _)| whose != actor) {
            stage = self.changed.wait(stage).expect("no panic");
        }
        let verdict = stage.grant.take().map_or(Verdict::Go, |(_, verdict)| verdict);
        stage.status[actor] = Status::Running;
        let mark = match verdict {
            Verdict::Go => "",
            Verdict::CrashBefore => " and dies before",
            Verdict::CrashAfter => " and dies after",
        };
        stage.story.push(format!("{} {what}{mark}", name_of(actor)));
        if verdict != Verdict::Go {
            stage.crashed.insert(actor);
        }
        Ok(verdict)
    }

    /// Runs all actors to their end, one operation of one of them at a time.
    pub(super) fn direct(&self, dice: &mut Dice) {
        let (mut story_seen, mut actor, mut burst) = (0, 0, 0);
        loop {
            let mut stage = self.stage();
            while stage.grant.is_some() || stage.status.contains(&Status::Running) {
                stage = self.changed.wait(stage).expect("no panic");
            }
            let deleted = stage.story[story_seen..].iter().any(|line| line.contains("delete packs/"));
            story_seen = stage.story.len();
            if deleted {
                drop(stage);
                self.check(Level::Quick);
                stage = self.stage();
            }
            let waiting: Vec<usize> =
                (0..stage.status.len()).filter(|actor| stage.status[*actor] == Status::Waiting).collect();
            if waiting.is_empty() {
                return;
            }
            // Whoever shows no sign of life from here on has been silent for long: as a laptop that sleeps.
            if dice.one_in(150) {
                self.medium.advance(CLOCK_SECONDS);
                stage.story.push("hours pass".to_string());
            }
            // Now one step each, now one actor far ahead of the others: both find what the other does not.
            if burst == 0 || !waiting.contains(&actor) {
                actor = waiting[dice.below(waiting.len() as u64) as usize];
                burst = [1, 2, 5, 20, 100][dice.below(5) as usize];
            }
            burst -= 1;
            let verdict = match dice.below(240) {
                0 => Verdict::CrashBefore,
                1 => Verdict::CrashAfter,
                _ => Verdict::Go,
            };
            stage.grant = Some((actor, verdict));
            self.changed.notify_all();
        }
    }

    /// Notes that an actor was told that all it published is published.
    pub(super) fn report(&self, actor: usize) {
        let mut stage = self.stage();
        let of_actor: Vec<Id> =
            stage.roots.iter().filter(|(_, whose)| **whose == actor).map(|(name, _)| *name).collect();
        stage.reported.extend(of_actor);
    }

    /// Every root that counts has all it reaches. One that a writer taken for dead has just published does not count: it
    /// looks for its fence next, and takes it back; and if it dies before, the next gc does.
    pub(super) fn check(&self, level: Level) {
        let counts = |stage: &Stage, id: &Id| stage.counts(id);
        self.check_roots(level, &counts);
    }

    /// At the end every root counts: what was void is gone. Not what a sync carried that was broken off.
    pub(super) fn check_end(&self, level: Level) {
        let counts = |stage: &Stage, id: &Id| stage.counts(id) || stage.roots.get(id) != Some(&SYNC);
        self.check_roots(level, &counts);
    }

    fn check_roots(&self, level: Level, counts: &dyn Fn(&Stage, &Id) -> bool) {
        let dir = tempfile::tempdir_in(&self.dir).expect("temp");
        let repo = repo_over(self.medium.clone(), dir.path()).expect("opens");
        let roots = match repo.load_roots() {
            Ok(roots) => roots,
            Err(error) => return self.stage().failures.push(format!("roots: {error:?}")),
        };
        assert!(roots.damaged.is_empty());
        self.check_runs(&repo, &roots.roots, counts);
        let live = Snapshots::load(&roots.roots, clock::now());
        let mut stage = self.stage();
        let snapshots: Vec<Id> =
            live.all().iter().map(|snapshot| snapshot.id).filter(|id| counts(&stage, id)).collect();
        if snapshots.is_empty() {
            return;
        }
        let options = VerifyOptions { level, snapshots, jobs: 1, budget_bytes: 1 << 20 };
        let report = verify(&repo, &options, &Silent).expect("verify");
        if report.objects_lost > 0 || !report.snapshots_invalid.is_empty() {
            stage.failures.push(format!("promise 5: {report:?}"));
        }
    }

    /// Every run that counts has its record, its action, its tree and its log.
    fn check_runs(&self, repo: &Repo, roots: &[Root], counts: &dyn Fn(&Stage, &Id) -> bool) {
        let mut stage = self.stage();
        let counts = |root: &&Root| root.record_type != RUNS || counts(&stage, &root.name);
        let roots: Vec<Root> = roots.iter().filter(counts).cloned().collect();
        let starts = starts_of(Runs::load(&roots, clock::now()).all());
        let reach = reachable(repo, &starts, &ReachOptions::new(repo, 1 << 20, 1), &Silent).expect("reach");
        let mut lost: Vec<Id> = reach.broken.iter().map(|broken| broken.key.id).collect();
        reach
            .join(repo, &mut |_, _| Ok(()), &mut |key| {
                lost.push(key.id);
                Ok(())
            })
            .expect("join");
        if !lost.is_empty() {
            stage.failures.push(format!("promise 5, runs: {lost:?}"));
        }
    }

    pub(super) fn failed(&self, actor: usize, what: &str, error: &Error) {
        let mut stage = self.stage();
        if !stage.crashed.contains(&actor) {
            stage.failures.push(format!("{} {what}: {error:?}", name_of(actor)));
        }
    }
}

impl Stage {
    /// Whether what a root reaches must be there.
    pub(super) fn counts(&self, root: &Id) -> bool {
        self.reported.contains(root) || self.roots.get(root).is_none_or(|actor| !self.fenced.contains(actor))
    }

    /// Whether a sync that was declared dead may have left roots that reach nothing.
    pub(super) fn has_broken_sync(&self) -> bool {
        self.fenced.contains(&SYNC)
    }
}

fn name_of(actor: usize) -> String {
    match actor {
        READER => "reader".to_string(),
        SYNC => "sync".to_string(),
        actor if actor < READER => format!("writer {actor}"),
        actor => format!("gc {}", actor - FIRST_GC),
    }
}

/// A medium that an actor sees: every operation waits for its turn.
pub(super) struct StepBackend {
    pub(super) play: Arc<Play>,
    pub(super) actor: usize,
}

impl StepBackend {
    fn at<T>(&self, what: &str, work: impl FnOnce(&MemBackend) -> Result<T>) -> Result<T> {
        let verdict = self.play.step(self.actor, what)?;
        if verdict == Verdict::CrashBefore {
            return fail(Code::FileIo, "this process died");
        }
        let answer = work(&self.play.medium)?;
        if verdict == Verdict::CrashAfter { fail(Code::FileIo, "this process died") } else { Ok(answer) }
    }

    /// Remembers whose leases and roots these are.
    fn note(&self, name: &str) {
        let mut stage = self.play.stage();
        if let Some(writer) = name.strip_prefix("leases/").and_then(|rest| rest.strip_suffix("/0")) {
            stage.writers.insert(writer.parse().expect("an id"), self.actor);
        }
        let fenced = name.strip_prefix("leases/").and_then(|rest| rest.strip_suffix("/fence"));
        if let Some(actor) = fenced.and_then(|writer| stage.writers.get(&writer.parse().expect("an id")).copied()) {
            stage.fenced.insert(actor);
        }
        if let Some(root) = name.strip_prefix("roots/") {
            stage.roots.insert(root.parse().expect("an id"), self.actor);
        }
    }
}

impl Backend for StepBackend {
    fn location(&self) -> String {
        self.play.medium.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.note(name);
        self.at(&format!("put {name}"), |medium| medium.put(name, bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.note(name);
        self.at(&format!("put {name}"), |medium| medium.put_new(name, bytes))
    }

    fn spool(&self) -> Result<Spool> {
        self.play.medium.spool()
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.at(&format!("put {name}"), |medium| medium.put_spool(name, spool))
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.at(&format!("get {name}"), |medium| medium.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.at(&format!("get {name} {offset}+{len}"), |medium| medium.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.at(&format!("stat {name}"), |medium| medium.stat(name))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.at(&format!("time {name}"), |medium| medium.modified(name))
    }

    /// A directory is read in two goes: what is made and deleted in between is seen or not, as it falls.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        let all = |what: &str| {
            self.at(what, |medium| {
                let mut names = BTreeMap::new();
                medium.list(prefix, &mut |name, bytes| Ok(_ = names.insert(name.to_string(), bytes)))?;
                Ok(names)
            })
        };
        let first = all(&format!("list {prefix}"))?;
        let Some(middle) = first.keys().nth(first.len() / 2).cloned() else { return Ok(()) };
        first.range(..middle.clone()).try_for_each(|(name, bytes)| each(name, *bytes))?;
        let second = all(&format!("list {prefix} on"))?;
        second.range(middle..).try_for_each(|(name, bytes)| each(name, *bytes))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.at(&format!("delete {name}"), |medium| medium.delete(name))
    }
}

/// Ends an actor whatever becomes of its thread.
pub(super) struct Playing<'a>(pub(super) &'a Play, pub(super) usize);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        self.0.set(self.1, Status::Ended);
    }
}
