//! The threads of a run: each takes the next piece of work from the schedule until there is none.

mod execute;
mod forecast;
mod kept;
mod known;
mod place;
mod resolve;
mod shelf;
mod tell;

pub use forecast::{Forecast, Outlook, Seer};

use super::claim::Claims;
use super::durations::Remembered;
use super::manifest::{Manifest, TaskNo};
use super::metrics::RunStats;
use super::options::RunOptions;
use super::outputs::Clearing;
use super::portable::{ResultTree, WorkTree};
use super::process::Stop;
use super::project::{Keyed, Keyer, Project, Results, Standing, Survey};
use super::publish::Publisher;
use super::schedule::{Ended, Limits, Next, Node, Phase, Schedule, Unit};
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{Monitor, TaskEnd};
use crate::record::Attempt;
use crate::repo::{Putter, Repo, Writer};
use crate::snapshot::Git;
use known::{Hit, Lookup};
use shelf::Row;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How often a thread that waits looks whether the user wants an end.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How often it is looked whether another process is done with an action.
const CLAIM_INTERVAL: Duration = Duration::from_millis(20);

/// What is at hand for a run.
pub(super) struct Desk<'a> {
    pub(super) project: &'a Project,
    pub(super) survey: &'a Survey,
    pub(super) manifest: &'a Manifest,
    pub(super) keyer: Keyer<'a>,
    pub(super) repo: &'a Repo,
    pub(super) writer: &'a Writer,
    pub(super) tree: &'a WorkTree,
    pub(super) clearing: &'a Clearing<'a>,
    pub(super) options: &'a RunOptions,
    pub(super) stop: &'a Stop,
    pub(super) monitor: &'a dyn Monitor,
    /// What nested runs are told.
    pub(super) token: &'a str,
}

/// What is known of one task.
#[derive(Default)]
struct Slot {
    keyed: Option<Arc<Keyed>>,
    result: Option<Arc<ResultTree>>,
    hit: Option<Box<Hit>>,
    /// It was only displaced: its row stays as it is but for the outputs.
    is_displaced: bool,
    /// A stored result of it could not be read.
    is_damaged: bool,
    /// Which generation of what is known it was looked up in.
    looked_at: u32,
    end: Option<TaskEnd>,
}

/// One run at work.
pub(super) struct Engine<'a> {
    desk: &'a Desk<'a>,
    /// In topological order; numbers of the schedule are places in it.
    tasks: &'a [TaskNo],
    number_of: Vec<u32>,
    threads: usize,
    slots: Vec<Mutex<Slot>>,
    schedule: Mutex<Schedule>,
    changed: Condvar,
    lookup: Lookup<'a>,
    claims: Option<Claims>,
    /// Tasks whose action another process runs.
    elsewhere: Mutex<Vec<(u32, Id)>>,
    /// Wakes the thread that waits for them.
    elsewhere_changed: Condvar,
    /// What became of attempts at tasks that are tried again.
    attempts: Mutex<HashMap<u32, Vec<Attempt>>>,
    /// Who is to run which action.
    actions: Mutex<HashMap<Id, u32>>,
    /// Records of runs that made hits.
    used: Mutex<HashSet<Id>>,
    publisher: Publisher<Row>,
    stats: Mutex<RunStats>,
    durations: Mutex<Remembered>,
    output: Mutex<()>,
    /// `Some` once it was looked for.
    manifest_object: Mutex<Option<Option<Id>>>,
    /// Where the project's git work tree stands, once something was executed.
    git: OnceLock<Option<Git>>,
    /// A stored result could not be read: what is known of others may not hold.
    is_shaken: AtomicBool,
    is_over: AtomicBool,
    has_damage_failed: AtomicBool,
    refused: AtomicBool,
    fatal: Mutex<Option<Error>>,
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Engine<'a> {
    pub(super) fn new(desk: &'a Desk<'a>) -> Self {
        let tasks = desk.survey.tasks();
        let mut number_of = vec![u32::MAX; desk.manifest.tasks.len()];
        for (number, task) in tasks.iter().enumerate() {
            number_of[task.index()] = number as u32;
        }
        let durations = Remembered::load(&desk.options.state_dir);
        let limits = limits(desk);
        let slots = limits.slots as usize;
        let average_ms = durations.average_ms();
        let nodes = tasks.iter().map(|task| node(desk, *task, &number_of, &durations, average_ms));
        let schedule = Schedule::new(nodes, limits);
        let project = desk.manifest.project.clone().unwrap_or_default();
        Engine {
            desk,
            tasks,
            // One more looks tasks up while all slots are taken.
            threads: slots + 1,
            slots: tasks.iter().map(|_| Mutex::default()).collect(),
            schedule: Mutex::new(schedule),
            changed: Condvar::new(),
            lookup: Lookup::new(desk.repo, desk.keyer, &project),
            claims: Claims::open(&desk.repo.local().cache).ok().filter(|_| !desk.options.force),
            elsewhere: Mutex::default(),
            elsewhere_changed: Condvar::new(),
            attempts: Mutex::default(),
            actions: Mutex::default(),
            used: Mutex::default(),
            publisher: Publisher::default(),
            stats: Mutex::default(),
            durations: Mutex::new(durations),
            output: Mutex::default(),
            manifest_object: Mutex::default(),
            git: OnceLock::new(),
            is_shaken: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            has_damage_failed: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            fatal: Mutex::default(),
            number_of,
        }
    }

    /// Does all of it.
    ///
    /// # Errors
    /// What storing and looking up answer. That tasks fail is no error but in the numbers.
    pub(super) fn work(&self) -> Result<RunStats> {
        self.prepare()?;
        let published = std::thread::scope(|scope| {
            let publishing = scope.spawn(|| self.publisher.work(self));
            let waiting = scope.spawn(|| self.watch_claims());
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(|| self.take_work())).collect();
            workers.into_iter().for_each(|worker| _ = worker.join());
            self.stop_watching();
            self.settle_rest();
            self.publisher.end();
            let _ = waiting.join();
            publishing.join().unwrap_or_else(|_| Err(Error::new(Code::SystemError, "the publishing thread panicked")))
        });
        self.finish(published)
    }

    /// Begins with what is current, and marks what is only displaced.
    fn prepare(&self) -> Result<()> {
        let mut is_current = vec![false; self.tasks.len()];
        for (number, task) in self.tasks.iter().enumerate() {
            let standing = self.desk.survey.standing(*task);
            is_current[number] = !self.desk.options.force && matches!(standing, Some(Standing::Current(_)));
        }
        if self.desk.options.verify_stored {
            self.verify_current(&mut is_current)?;
        }
        self.tell_totals(&is_current);
        for (_, task) in self.tasks.iter().enumerate().filter(|(number, _)| is_current[*number]) {
            self.tell_current(*task)?;
        }
        if !self.desk.options.force {
            self.mark_displaced()?;
        }
        locked(&self.schedule).begin(&|number| is_current.get(number as usize).copied().unwrap_or_default());
        Ok(())
    }

    /// One thread: the next piece of work, until there is none.
    fn take_work(&self) {
        let mut putter = self.desk.writer.putter();
        let mut schedule = locked(&self.schedule);
        loop {
            if self.desk.stop.is_asked() || self.desk.monitor.is_cancelled() {
                schedule.stop(true);
            }
            let until = match schedule.next(Instant::now()) {
                Next::Finished => break,
                Next::Unit(unit) => {
                    drop(schedule);
                    self.changed.notify_one();
                    self.perform(unit, &mut putter);
                    schedule = locked(&self.schedule);
                    self.changed.notify_all();
                    continue;
                }
                Next::Wait(until) => until,
            };
            let pause = until.map_or(LOOK_INTERVAL, |until| until.saturating_duration_since(Instant::now()));
            let waited = self.changed.wait_timeout(schedule, pause.min(LOOK_INTERVAL));
            schedule = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(schedule);
        self.changed.notify_all();
    }

    fn perform(&self, unit: Unit, putter: &mut Putter<'_>) {
        match unit {
            Unit::Resolve(task) => {
                let answer = self.resolve(task);
                locked(&self.schedule).resolved(task, answer);
            }
            Unit::Place(tasks) => {
                self.place(&tasks);
                locked(&self.schedule).placed_all();
            }
            Unit::Run(task) => {
                let ended = self.execute(task, putter);
                locked(&self.schedule).ran(task, ended);
                if ended == Ended::Elsewhere {
                    self.watch_for(task);
                }
            }
        }
    }

    /// The run cannot go on: nothing new is begun.
    fn fail(&self, error: Error) {
        locked(&self.fatal).get_or_insert(error);
        locked(&self.schedule).stop(false);
    }

    /// The schedule knows that a task's action is run elsewhere: from now on it may come back.
    fn watch_for(&self, task: u32) {
        let Some(action) = self.slot(task).keyed.as_ref().map(|keyed| keyed.id) else { return };
        locked(&self.elsewhere).push((task, action));
        self.elsewhere_changed.notify_one();
    }

    fn stop_watching(&self) {
        // Under the lock, or a thread that is about to wait would not hear of it.
        let waiting = locked(&self.elsewhere);
        self.is_over.store(true, Ordering::Release);
        drop(waiting);
        self.elsewhere_changed.notify_one();
    }

    /// Looks whether other processes are done with what is waited for, as long as anything is.
    fn watch_claims(&self) {
        let Some(claims) = &self.claims else { return };
        let mut waiting = locked(&self.elsewhere);
        while !self.is_over.load(Ordering::Acquire) {
            if waiting.is_empty() {
                waiting = self.elsewhere_changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (back, rest) = waiting.drain(..).partition(|(_, action)| claims.take(action));
            *waiting = rest;
            drop(waiting);
            self.come_back(claims, back);
            waiting = locked(&self.elsewhere);
            if !waiting.is_empty() && !self.is_over.load(Ordering::Acquire) {
                let waited = self.elsewhere_changed.wait_timeout(waiting, CLAIM_INTERVAL);
                waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Nobody else has these actions any more: their tasks are looked up again.
    fn come_back(&self, claims: &Claims, tasks: Vec<(u32, Id)>) {
        if tasks.is_empty() {
            return;
        }
        tasks.iter().for_each(|(_, action)| claims.stop_waiting(action));
        if let Err(error) = self.lookup.refresh(claims) {
            self.fail(error);
        }
        let mut schedule = locked(&self.schedule);
        tasks.iter().for_each(|(task, _)| schedule.back(*task));
        drop(schedule);
        self.changed.notify_all();
    }

    fn task(&self, number: u32) -> &'a super::manifest::Task {
        self.desk.manifest.task(self.tasks[number as usize])
    }

    fn slot(&self, number: u32) -> MutexGuard<'_, Slot> {
        locked(&self.slots[number as usize])
    }

    /// Whether the result of a task may be asked for when it is there: by what depends on it.
    fn is_needed(&self, number: u32) -> bool {
        let graph = self.desk.project.graph();
        graph.map_or(true, |graph| !graph.dependents(self.tasks[number as usize]).is_empty())
    }

    /// The result of a task, if it is known.
    fn result(&self, task: TaskNo) -> Option<Arc<ResultTree>> {
        let number = *self.number_of.get(task.index())?;
        let slot = self.slots.get(number as usize)?;
        if let Some(result) = &locked(slot).result {
            return Some(result.clone());
        }
        let tree = Arc::new(self.desk.project.known_tree(self.desk.survey, task)?);
        Some(locked(slot).result.get_or_insert(tree).clone())
    }

    fn with_results<T>(&self, work: impl FnOnce(Results<'_>) -> T) -> T {
        work(&|task| self.result(task))
    }

    /// What was not begun or not ended is told so.
    fn settle_rest(&self) {
        let is_cancelled = self.desk.stop.is_asked() || self.desk.monitor.is_cancelled();
        for number in 0..self.tasks.len() as u32 {
            if self.task(number).is_group() || self.slot(number).end.is_some() {
                continue;
            }
            let phase = locked(&self.schedule).phase(number);
            let end = match phase {
                Phase::Skipped => TaskEnd::Skipped,
                Phase::Delayed if is_cancelled => TaskEnd::Cancelled,
                Phase::Delayed => TaskEnd::Failed,
                _ => TaskEnd::NotStarted,
            };
            self.tell_end(number, end, "", 0, None, None);
        }
    }

    fn finish(&self, published: Result<()>) -> Result<RunStats> {
        let is_stored = published.is_ok();
        if let Err(error) = published {
            self.warn(&format!("results were not stored: {error} [{}]", error.code().name()));
        }
        if is_stored && let Err(error) = self.touch() {
            self.warn(&format!("last uses could not be noted: {error}"));
        }
        if let Err(error) = self.desk.project.finish() {
            self.warn(&format!("the project's state could not be written: {error}"));
        }
        if let Err(error) = locked(&self.durations).save() {
            self.warn(&format!("durations could not be remembered: {error}"));
        }
        let displaced = self.desk.clearing.displaced();
        if displaced.count > 0 {
            self.warn(&format!(
                "{} files that larder had not made stood where outputs go: they are in {} now, {} among them",
                displaced.count,
                displaced.dir.display(),
                displaced.first.escape_ascii()
            ));
        }
        if let Some(error) = locked(&self.fatal).take() {
            return Err(error);
        }
        let mut stats = locked(&self.stats).clone();
        self.slots.iter().filter_map(|slot| locked(slot).end).for_each(|end| stats.count(end));
        stats.displaced = displaced.count;
        stats.is_lost = !is_stored;
        let written = self.desk.writer.stats();
        (stats.added_bytes, stats.stored_bytes) = (written.raw_bytes, written.stored_bytes);
        stats.is_cancelled = self.desk.stop.is_asked() || self.desk.monitor.is_cancelled();
        stats.failure = self.failure(&stats);
        Ok(stats)
    }

    fn failure(&self, stats: &RunStats) -> Option<Code> {
        if stats.failed == 0 {
            // Nothing failed, and yet something was left: it was stopped, or this is a fault of ours.
            let is_short = stats.not_started + stats.skipped > 0 && !stats.is_cancelled;
            return is_short.then_some(Code::SystemError);
        }
        Some(if self.has_damage_failed.load(Ordering::Relaxed) {
            Code::CasError
        } else if stats.timeouts == stats.failed {
            Code::Timeout
        } else if self.refused.load(Ordering::Relaxed) && stats.failed == 1 {
            Code::PermissionDenied
        } else {
            Code::TaskFailed
        })
    }
}

fn limits(desk: &Desk<'_>) -> Limits {
    let slots = desk.options.max_concurrent.unwrap_or(usize::MAX).min(desk.options.jobs).max(1);
    Limits {
        slots: u32::try_from(slots).unwrap_or(u32::MAX),
        pools: desk.manifest.pools.iter().map(|pool| pool.depth).collect(),
        keep_going: desk.options.keep_going,
    }
}

fn node(desk: &Desk<'_>, task: TaskNo, number_of: &[u32], durations: &Remembered, average_ms: u64) -> Node {
    let numbers = |tasks: &[TaskNo]| {
        let numbers = tasks.iter().filter_map(|task| number_of.get(task.index()).copied());
        numbers.filter(|number| *number != u32::MAX).collect::<Vec<u32>>()
    };
    let task = desk.manifest.task(task);
    let mut needs = numbers(&task.deps);
    needs.extend(numbers(&task.makers));
    Node {
        needs,
        waits: numbers(&task.after),
        weight: task.weight,
        pool: task.pool,
        is_alone: task.interactive,
        duration_ms: if task.is_group() { 0 } else { durations.ms(&task.name).unwrap_or(average_ms) },
    }
}
