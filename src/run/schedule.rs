//! What is done next: order, limits and failure policy of a run, as a state machine without threads or clocks.
//!
//! Part of floor 5 `run`. A task passes through three kinds of work: it is *resolved* (its key is made once the results
//! of what it needs are known, and looked up), and then either *placed* (a stored result is put into the work tree) or
//! *run*. A task may run when everything it needs is there: resolved results may still be waiting to be placed. Among
//! what may run, the head of the longest chain of remembered durations goes first. Without a failure, and with
//! `keep_going` in spite of one, which tasks are resolved and run does not depend on how many may run at once.

mod placing;
mod slots;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::time::Instant;

/// With so many tasks waiting for a slot, running goes before resolving, and nothing is resolved while all slots are
/// taken: what was resolved is held in memory.
const READY_ENOUGH: usize = 256;
/// So many results are placed together: what is known of each meanwhile is held in memory, and each thread's part of it
/// is kept by the allocator for that thread.
const PLACED_TOGETHER: usize = 1024;

/// A task as the schedule sees it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Tasks whose results it is keyed by, and which must be there before it runs.
    pub needs: Vec<u32>,
    /// Tasks that must have ended, well or not, before it runs.
    pub waits: Vec<u32>,
    /// Slots it takes; more than there are means all of them.
    pub weight: u32,
    /// The pool it runs in.
    pub pool: Option<u16>,
    /// Nothing else runs beside it.
    pub is_alone: bool,
    /// How long it took when it last ran, or a guess.
    pub duration_ms: u64,
}

/// How much may run at once, and what a failure means.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Slots for running tasks, at least 1.
    pub slots: u32,
    /// Depth of each pool.
    pub pools: Vec<u32>,
    /// After a failure, go on with all that does not need what failed.
    pub keep_going: bool,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Results of what it needs are not all known.
    Waiting,
    /// Its key is being made and looked up.
    Resolving,
    /// Its result is known and waits to be placed.
    Known,
    /// Its result is being placed.
    Placing,
    /// It must run, and waits for what it needs or for a slot.
    ToRun,
    /// It runs.
    Running,
    /// It failed and is tried again later.
    Delayed,
    /// Another process runs the same action.
    Elsewhere,
    /// Another task of this run has the same action.
    Twin,
    /// It is done, and its result is in the work tree.
    Done,
    /// It failed.
    Failed,
    /// Something that it needs failed.
    Skipped,
}

impl Phase {
    /// Whether its result is known.
    fn is_known(self) -> bool {
        matches!(self, Phase::Known | Phase::Placing | Phase::Done)
    }

    fn is_final(self) -> bool {
        matches!(self, Phase::Done | Phase::Failed | Phase::Skipped)
    }
}

/// A piece of work for one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Make its key and look it up; answer with [`Schedule::resolved`].
    Resolve(u32),
    /// Put these results into the work tree; answer each with [`Schedule::placed`], then [`Schedule::placed_all`].
    Place(Vec<u32>),
    /// Run it; answer with [`Schedule::ran`].
    Run(u32),
}

/// What a thread that asks for work gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Do this.
    Unit(Unit),
    /// Wait until something has changed, or until then.
    Wait(Option<Instant>),
    /// There is no more to do.
    Finished,
}

/// What resolving found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its result is known and already in the work tree, or there is none.
    There,
    /// A stored result is to be placed.
    Hit,
    /// It must run.
    Miss,
    /// This other task has the same action and goes first.
    Twin(u32),
    /// It cannot run.
    Failed,
}

/// What became of a result that was to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// It is in the work tree.
    Done,
    /// It cannot be read, so the task must run.
    Damaged,
    /// It cannot be written.
    Failed,
}

/// How a run of a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Success,
    /// Not well, for good.
    Failed,
    /// Not well; it is tried again at that moment.
    Again(Instant),
    /// Not begun: another process runs the same action.
    Elsewhere,
}

/// The state of a run.
#[derive(Debug)]
pub struct Schedule {
    loads: Vec<Load>,
    /// Whom each needs, and whom it only waits for, ascending.
    needs: Lists,
    waits: Lists,
    dependents: Lists,
    followers: Lists,
    phases: Vec<Phase>,
    /// How many of what it needs are not known.
    unknown: Vec<u32>,
    /// How many of what it needs are not there, or of what it waits for have not ended.
    blocked: Vec<u32>,
    /// Done, with all that it needs, and its dependents told.
    is_there: Vec<bool>,
    /// What it was resolved from has changed while somebody worked on it.
    is_stale: Vec<bool>,
    priorities_ms: Vec<u64>,
    limits: Limits,
    used_slots: u32,
    used_pools: Vec<u32>,
    to_resolve: BinaryHeap<(u64, Reverse<u32>)>,
    to_place: Vec<u32>,
    /// By pool, the last is none.
    ready: Vec<BinaryHeap<(u64, Reverse<u32>)>>,
    delayed: BTreeSet<(Instant, u32)>,
    /// Tried again: begun before whatever has failed since.
    again: Vec<u32>,
    twins: HashMap<u32, Vec<u32>>,
    resolving: usize,
    placing: usize,
    running: usize,
    elsewhere: usize,
    left: usize,
    is_halted: bool,
    is_stopped: bool,
}

/// What a [`Node`] says beside its lists: there may be hundreds of thousands.
#[derive(Debug)]
struct Load {
    weight: u32,
    pool: Option<u16>,
    is_alone: bool,
    duration_ms: u64,
}

/// Lists of task numbers, one for each task, in two allocations.
#[derive(Debug)]
struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn push(&mut self, list: &[u32]) {
        self.items.extend_from_slice(list);
        self.starts.push(self.items.len() as u32);
    }

    /// Who names whom, the other way round.
    fn inverse(&self) -> Lists {
        let mut starts = vec![0u32; self.starts.len()];
        self.items.iter().for_each(|other| starts[*other as usize + 1] += 1);
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut ends = starts.clone();
        let mut items = vec![0; self.items.len()];
        for task in 0..self.starts.len() as u32 - 1 {
            for other in self.list(task) {
                let end = &mut ends[*other as usize];
                items[*end as usize] = task;
                *end += 1;
            }
        }
        Lists { starts, items }
    }

    fn list(&self, task: u32) -> &[u32] {
        &self.items[self.of(task)]
    }

    fn of(&self, task: u32) -> std::ops::Range<usize> {
        self.starts[task as usize] as usize..self.starts[task as usize + 1] as usize
    }
}

impl Schedule {
    /// A schedule in which nothing has begun. Numbers of tasks are places in `nodes`, which have no cycles.
    pub fn new(nodes: impl IntoIterator<Item = Node>, limits: Limits) -> Schedule {
        let empty = || Lists { starts: vec![0], items: Vec::new() };
        let (mut needs, mut waits, mut loads) = (empty(), empty(), Vec::new());
        for mut node in nodes {
            node.needs.sort_unstable();
            node.needs.dedup();
            node.waits.sort_unstable();
            node.waits.dedup();
            node.waits.retain(|other| node.needs.binary_search(other).is_err());
            needs.push(&node.needs);
            waits.push(&node.waits);
            let Node { weight, pool, is_alone, duration_ms, .. } = node;
            loads.push(Load { weight, pool, is_alone, duration_ms });
        }
        let count = loads.len();
        let numbers = 0..count as u32;
        let mut this = Schedule {
            phases: vec![Phase::Waiting; count],
            unknown: numbers.clone().map(|task| needs.of(task).len() as u32).collect(),
            blocked: numbers.map(|task| (needs.of(task).len() + waits.of(task).len()) as u32).collect(),
            is_there: vec![false; count],
            is_stale: vec![false; count],
            priorities_ms: Vec::new(),
            used_slots: 0,
            used_pools: vec![0; limits.pools.len()],
            to_resolve: BinaryHeap::new(),
            to_place: Vec::new(),
            ready: vec![BinaryHeap::new(); limits.pools.len() + 1],
            delayed: BTreeSet::new(),
            again: Vec::new(),
            twins: HashMap::new(),
            resolving: 0,
            placing: 0,
            running: 0,
            elsewhere: 0,
            left: count,
            is_halted: false,
            is_stopped: false,
            dependents: needs.inverse(),
            followers: waits.inverse(),
            needs,
            waits,
            loads,
            limits,
        };
        this.priorities_ms = this.longest_chains_ms();
        this
    }

    /// For each task how long it and what needs it take at least.
    fn longest_chains_ms(&self) -> Vec<u64> {
        let mut open: Vec<u32> = vec![0; self.loads.len()];
        let mut longest_ms: Vec<u64> = self.loads.iter().map(|load| load.duration_ms).collect();
        for task in 0..self.loads.len() as u32 {
            open[task as usize] = (self.dependents.of(task).len() + self.followers.of(task).len()) as u32;
        }
        let mut last: Vec<u32> = (0..self.loads.len() as u32).filter(|task| open[*task as usize] == 0).collect();
        while let Some(task) = last.pop() {
            let after_ms = longest_ms[task as usize];
            for before in self.needs.list(task).iter().chain(self.waits.list(task)) {
                let at = *before as usize;
                longest_ms[at] = longest_ms[at].max(after_ms.saturating_add(self.loads[at].duration_ms));
                open[at] -= 1;
                if open[at] == 0 {
                    last.push(*before);
                }
            }
        }
        longest_ms
    }

    /// Begins: those tasks are as they should be already, the others go their way.
    pub fn begin(&mut self, is_current: &dyn Fn(u32) -> bool) {
        let count = self.loads.len() as u32;
        for task in (0..count).filter(|task| is_current(*task)) {
            self.finish(task, Phase::Done);
        }
        for task in (0..count).filter(|task| !is_current(*task)) {
            if self.unknown[task as usize] == 0 {
                self.queue_resolve(task);
            }
        }
    }

    /// Where a task is.
    pub fn phase(&self, task: u32) -> Phase {
        self.phases[task as usize]
    }

    /// Nothing new is begun any more; `at_once` also gives up what would be tried again later.
    pub fn stop(&mut self, at_once: bool) {
        self.is_halted = true;
        self.is_stopped |= at_once;
    }

    /// The next piece of work for a thread that is free.
    pub fn next(&mut self, now: Instant) -> Next {
        self.wake_delayed(now);
        if let Some(unit) = self.pick() {
            return Next::Unit(unit);
        }
        let busy = self.resolving + self.placing + self.running;
        let is_later = !self.delayed.is_empty() && !self.is_stopped;
        let is_elsewhere = self.elsewhere > 0 && !self.is_halted;
        if busy == 0 && !is_later && !is_elsewhere {
            return Next::Finished;
        }
        Next::Wait(self.delayed.first().map(|(at, _)| *at).filter(|_| is_later))
    }

    fn pick(&mut self) -> Option<Unit> {
        if self.is_stopped {
            return None;
        }
        if let Some(place) = self.again.iter().position(|task| self.has_slots(*task) && self.has_pool(*task)) {
            let task = self.again.remove(place);
            self.set_running(task);
            return Some(Unit::Run(task));
        }
        if self.is_halted {
            return None;
        }
        // What lost a result that it needs stands here still, and must not hide what may run.
        while let Some((_, Reverse(task))) = self.to_resolve.peek()
            && (self.phases[*task as usize] != Phase::Waiting || self.unknown[*task as usize] > 0)
        {
            self.to_resolve.pop();
        }
        let waiting: usize = self.ready.iter().map(BinaryHeap::len).sum();
        let resolves = !self.to_resolve.is_empty();
        if (!resolves || self.resolving > 0 || waiting >= READY_ENOUGH)
            && let Some(task) = self.pick_ready()
        {
            return Some(Unit::Run(task));
        }
        // Whoever ends takes one of them, and looks again.
        if waiting >= READY_ENOUGH && self.used_slots >= self.limits.slots {
            return None;
        }
        if let Some((_, Reverse(task))) = self.to_resolve.pop() {
            self.phases[task as usize] = Phase::Resolving;
            self.resolving += 1;
            return Some(Unit::Resolve(task));
        }
        if self.resolving == 0 && !self.to_place.is_empty() {
            let mut tasks = std::mem::take(&mut self.to_place);
            tasks.retain(|task| self.phases[*task as usize] == Phase::Known);
            tasks.sort_unstable();
            tasks.dedup();
            self.to_place = tasks.split_off(tasks.len().min(PLACED_TOGETHER));
            tasks.iter().for_each(|task| self.phases[*task as usize] = Phase::Placing);
            if !tasks.is_empty() {
                self.placing += 1;
                return Some(Unit::Place(tasks));
            }
        }
        None
    }

    /// The most urgent task that may run and for which there is room.
    fn pick_ready(&mut self) -> Option<u32> {
        for heap in &mut self.ready {
            while let Some((_, Reverse(task))) = heap.peek()
                && (self.phases[*task as usize] != Phase::ToRun || self.blocked[*task as usize] > 0)
            {
                heap.pop();
            }
        }
        let open = self.ready.iter().filter_map(|heap| heap.peek().copied());
        let (_, Reverse(task)) = open.filter(|(_, Reverse(task))| self.has_pool(*task)).max()?;
        // What waits for many slots is not overtaken, or it might wait for ever.
        if !self.has_slots(task) {
            return None;
        }
        let pool = self.pool_of(task).unwrap_or(self.limits.pools.len());
        self.ready[pool].pop();
        self.set_running(task);
        Some(task)
    }

    fn wake_delayed(&mut self, now: Instant) {
        while let Some((at, task)) = self.delayed.first().copied()
            && at <= now
        {
            self.delayed.pop_first();
            self.phases[task as usize] = Phase::ToRun;
            self.again.push(task);
        }
    }

    fn queue_resolve(&mut self, task: u32) {
        self.to_resolve.push((self.priorities_ms[task as usize], Reverse(task)));
    }

    fn queue_run(&mut self, task: u32) {
        let at = task as usize;
        if self.phases[at] == Phase::ToRun && self.blocked[at] == 0 {
            let pool = self.pool_of(task).unwrap_or(self.limits.pools.len());
            self.ready[pool].push((self.priorities_ms[at], Reverse(task)));
        }
    }

    /// Takes the answer to [`Unit::Resolve`].
    pub fn resolved(&mut self, task: u32, answer: Answer) {
        self.resolving -= 1;
        let at = task as usize;
        if std::mem::take(&mut self.is_stale[at]) {
            return self.wait_again(task);
        }
        if answer != Answer::Miss {
            // Those that let it go first wait in vain: it does not run, or runs something else.
            self.wake_twins(task);
        }
        match answer {
            Answer::There => self.finish(task, Phase::Done),
            Answer::Hit => {
                self.phases[at] = Phase::Known;
                self.to_place.push(task);
                self.tell_known(task);
            }
            Answer::Miss => {
                self.phases[at] = Phase::ToRun;
                self.queue_run(task);
            }
            Answer::Twin(other) if !self.phases[other as usize].is_final() => {
                self.phases[at] = Phase::Twin;
                self.twins.entry(other).or_default().push(task);
            }
            Answer::Twin(_) => {
                self.phases[at] = Phase::Waiting;
                self.queue_resolve(task);
            }
            Answer::Failed => self.fail(task),
        }
    }

    /// Takes the answer to [`Unit::Run`].
    pub fn ran(&mut self, task: u32, ended: Ended) {
        self.free(task);
        match ended {
            Ended::Success => self.finish(task, Phase::Done),
            Ended::Failed => self.fail(task),
            Ended::Again(at) => {
                self.phases[task as usize] = Phase::Delayed;
                self.delayed.insert((at, task));
            }
            Ended::Elsewhere => {
                self.phases[task as usize] = Phase::Elsewhere;
                self.elsewhere += 1;
            }
        }
    }

    /// A task that another process ran, or gave up, is looked up again.
    pub fn back(&mut self, task: u32) {
        if self.phases[task as usize] == Phase::Elsewhere {
            self.elsewhere -= 1;
            self.phases[task as usize] = Phase::Waiting;
            self.queue_resolve(task);
        }
    }

    fn finish(&mut self, task: u32, phase: Phase) {
        let was_known = self.phases[task as usize].is_known();
        self.phases[task as usize] = phase;
        self.left -= 1;
        if phase.is_known() && !was_known {
            self.tell_known(task);
        }
        self.wake_twins(task);
        self.after_end(task);
    }

    /// The result of a task is known: what needs it may be resolved.
    fn tell_known(&mut self, task: u32) {
        for place in self.dependents.of(task) {
            let other = self.dependents.items[place];
            self.unknown[other as usize] -= 1;
            if self.unknown[other as usize] == 0 && self.phases[other as usize] == Phase::Waiting {
                self.queue_resolve(other);
            }
        }
    }

    fn wake_twins(&mut self, task: u32) {
        for twin in self.twins.remove(&task).unwrap_or_default() {
            if self.phases[twin as usize] == Phase::Twin {
                self.phases[twin as usize] = Phase::Waiting;
                self.queue_resolve(twin);
            }
        }
    }

    /// A task has ended: if all it needs is there, so is it, and those that wait for it may go on.
    fn after_end(&mut self, task: u32) {
        let mut ended = vec![task];
        while let Some(task) = ended.pop() {
            let at = task as usize;
            let is_gone = matches!(self.phases[at], Phase::Failed | Phase::Skipped);
            if self.is_there[at] || !(is_gone || self.phases[at] == Phase::Done && self.blocked[at] == 0) {
                continue;
            }
            self.is_there[at] = true;
            let needed_by = if is_gone { 0..0 } else { self.dependents.of(task) };
            let next: Vec<u32> = (self.dependents.items[needed_by].iter())
                .chain(&self.followers.items[self.followers.of(task)])
                .copied()
                .collect();
            for other in next {
                self.blocked[other as usize] -= 1;
                if self.blocked[other as usize] == 0 {
                    self.queue_run(other);
                    ended.push(other);
                }
            }
        }
    }

    fn fail(&mut self, task: u32) {
        self.is_halted |= !self.limits.keep_going;
        self.finish(task, Phase::Failed);
        self.skip_dependents(task);
    }

    fn skip_dependents(&mut self, task: u32) {
        let mut failed = vec![task];
        while let Some(task) = failed.pop() {
            for place in self.dependents.of(task) {
                let other = self.dependents.items[place];
                // What needs it was not resolved, for its result was not known.
                if matches!(self.phases[other as usize], Phase::Waiting) {
                    self.finish(other, Phase::Skipped);
                    failed.push(other);
                }
            }
        }
    }

    /// How many tasks have not ended.
    pub fn left(&self) -> usize {
        self.left
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running
    }
}

#[cfg(test)]
mod tests;
