//! The order of tasks: who waits for whom, and what a target takes with it.
//!
//! Floor 5, pure. No recursion and nothing quadratic: a chain of 100,000 tasks is as fast as 100,000 that stand alone.
//!
//! - [`area`]: who makes which path.
//! - [`select`]: targets as users name them.

pub mod area;
pub mod select;

#[cfg(test)]
mod tests;

use super::manifest::{Task, TaskNo};
use crate::error::{Code, Error, Result};
pub use area::OutputArea;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A set of tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskSet {
    bits: Vec<u64>,
    len: usize,
}

impl TaskSet {
    /// An empty set for tasks below this number.
    pub fn new(tasks: usize) -> Self {
        TaskSet { bits: vec![0; tasks.div_ceil(64)], len: 0 }
    }

    /// Whether it holds the task.
    pub fn contains(&self, task: TaskNo) -> bool {
        self.bits.get(task.index() / 64).is_some_and(|word| word >> (task.index() % 64) & 1 == 1)
    }

    /// Adds a task; false if it was there.
    pub fn insert(&mut self, task: TaskNo) -> bool {
        if task.index() / 64 >= self.bits.len() {
            self.bits.resize(task.index() / 64 + 1, 0);
        }
        let is_new = !self.contains(task);
        self.bits[task.index() / 64] |= 1 << (task.index() % 64);
        self.len += usize::from(is_new);
        is_new
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its tasks by number.
    pub fn iter(&self) -> impl Iterator<Item = TaskNo> + '_ {
        let bits = |(at, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| TaskNo((at * 64 + bit) as u32))
        };
        self.bits.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(bits)
    }
}

/// Lists of tasks, one for each task, in one piece of memory.
#[derive(Clone, Debug, Default)]
struct Lists {
    starts: Vec<u32>,
    items: Vec<TaskNo>,
}

impl Lists {
    fn of(&self, task: TaskNo) -> &[TaskNo] {
        &self.items[self.starts[task.index()] as usize..self.starts[task.index() + 1] as usize]
    }
}

/// The tasks of a manifest as a graph without circles.
#[derive(Clone, Debug)]
pub struct Graph {
    /// For each task `deps`, then `makers`, then `after`.
    before: Lists,
    /// How many of `before` are `deps` or `makers`.
    keyed: Vec<u32>,
    behind: Lists,
    order: Vec<TaskNo>,
    ranks: Vec<u32>,
}

impl Graph {
    /// The graph of these tasks.
    ///
    /// # Errors
    /// CYCLE_DETECTED with the whole circle.
    pub fn new(tasks: &[Task]) -> Result<Graph> {
        Graph::try_new(tasks).map_err(|circle| circle_error(tasks, &circle))
    }

    /// The graph, or a circle: each of its tasks waits for the next, the last for the first.
    pub(in crate::run) fn try_new(tasks: &[Task]) -> std::result::Result<Graph, Vec<TaskNo>> {
        let before = lists_before(tasks);
        let behind = turned(&before);
        let order = order(&before, &behind);
        if order.len() < tasks.len() {
            return Err(circle(&before, &order));
        }
        let mut ranks = vec![0; tasks.len()];
        for (rank, task) in order.iter().enumerate() {
            ranks[task.index()] = rank as u32;
        }
        let keyed = tasks.iter().map(|task| (task.deps.len() + task.makers.len()) as u32).collect();
        Ok(Graph { before, keyed, behind, order, ranks })
    }

    /// How many tasks.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What must be done before this task: `deps`, then `makers`, then `after`.
    pub fn dependencies(&self, task: TaskNo) -> &[TaskNo] {
        self.before.of(task)
    }

    /// The dependencies whose results the task may see: `deps`, then `makers`.
    pub fn keyed_dependencies(&self, task: TaskNo) -> &[TaskNo] {
        &self.before.of(task)[..self.keyed[task.index()] as usize]
    }

    /// What waits for this task, by number.
    pub fn dependents(&self, task: TaskNo) -> &[TaskNo] {
        self.behind.of(task)
    }

    /// Every task, each after its dependencies; among those that could stand next the first of the manifest.
    pub fn order(&self) -> &[TaskNo] {
        &self.order
    }

    /// The place of a task in [`Graph::order`].
    pub fn rank(&self, task: TaskNo) -> usize {
        self.ranks[task.index()] as usize
    }

    /// These tasks and everything that must be done before them.
    pub fn closure(&self, tasks: &[TaskNo]) -> TaskSet {
        self.reach(tasks, |task| self.dependencies(task))
    }

    /// These tasks and everything that waits for them.
    pub fn dependents_closure(&self, tasks: &[TaskNo]) -> TaskSet {
        self.reach(tasks, |task| self.dependents(task))
    }

    /// The tasks whose results this one may see: what it depends on, and what they depend on. Not itself, and nothing
    /// that it only runs after.
    pub fn seen_by(&self, task: TaskNo) -> TaskSet {
        self.reach(self.keyed_dependencies(task), |task| self.keyed_dependencies(task))
    }

    /// For each task how many stand before it in the longest line: 0 without dependencies.
    pub fn levels(&self) -> Vec<u32> {
        let mut levels = vec![0; self.len()];
        for task in &self.order {
            let deepest = self.dependencies(*task).iter().map(|before| levels[before.index()] + 1).max();
            levels[task.index()] = deepest.unwrap_or(0);
        }
        levels
    }

    /// Whether `task` can see all results of `wanted` (sorted by number). Cheap where they are near.
    pub(in crate::run) fn sees_all(&self, task: TaskNo, wanted: &[TaskNo]) -> std::result::Result<(), TaskNo> {
        let near = self.keyed_dependencies(task);
        let mut missing: Vec<TaskNo> =
            wanted.iter().copied().filter(|other| *other != task && !near.contains(other)).collect();
        let Some(first) = missing.iter().map(|task| self.rank(*task)).min() else { return Ok(()) };
        // Nothing that stands before the first of the missing can depend on one.
        let mut seen = TaskSet::new(self.len());
        let mut todo: BinaryHeap<(usize, TaskNo)> = near.iter().map(|task| (self.rank(*task), *task)).collect();
        missing.sort_unstable_by_key(|task| self.rank(*task));
        while let Some((rank, next)) = todo.pop() {
            if !seen.insert(next) {
                continue;
            }
            // Taken from the last in order to the first: what is missing must come by exactly when its turn is.
            let Some(last) = missing.last() else { return Ok(()) };
            if next == *last {
                missing.pop();
            } else if rank < self.rank(*last) {
                return Err(*last);
            }
            let above = self.keyed_dependencies(next).iter();
            todo.extend(above.map(|task| (self.rank(*task), *task)).filter(|(rank, _)| *rank >= first));
        }
        missing.last().map_or(Ok(()), |task| Err(*task))
    }

    fn reach<'a>(&'a self, from: &[TaskNo], next: impl Fn(TaskNo) -> &'a [TaskNo]) -> TaskSet {
        let mut seen = TaskSet::new(self.len());
        let mut todo: Vec<TaskNo> = from.to_vec();
        while let Some(task) = todo.pop() {
            if seen.insert(task) {
                todo.extend(next(task));
            }
        }
        seen
    }
}

fn lists_before(tasks: &[Task]) -> Lists {
    let count = |task: &Task| task.deps.len() + task.makers.len() + task.after.len();
    let mut lists = Lists { starts: vec![0], items: Vec::with_capacity(tasks.iter().map(count).sum()) };
    for task in tasks {
        lists.items.extend(task.deps.iter().chain(&task.makers).chain(&task.after));
        lists.starts.push(lists.items.len() as u32);
    }
    lists
}

fn turned(lists: &Lists) -> Lists {
    let mut starts = vec![0u32; lists.starts.len()];
    for item in &lists.items {
        starts[item.index() + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut items = vec![TaskNo(0); lists.items.len()];
    for task in (0..lists.starts.len() as u32 - 1).map(TaskNo) {
        for item in lists.of(task) {
            items[next[item.index()] as usize] = task;
            next[item.index()] += 1;
        }
    }
    Lists { starts, items }
}

/// Every task after its dependencies; those in or behind a circle are missing.
fn order(before: &Lists, behind: &Lists) -> Vec<TaskNo> {
    let count = before.starts.len() - 1;
    let mut waits: Vec<u32> = before.starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut ready: BinaryHeap<Reverse<TaskNo>> = BinaryHeap::new();
    ready.extend((0..count as u32).map(TaskNo).filter(|task| waits[task.index()] == 0).map(Reverse));
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(task)) = ready.pop() {
        order.push(task);
        for dependent in behind.of(task) {
            waits[dependent.index()] -= 1;
            if waits[dependent.index()] == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    order
}

fn circle(before: &Lists, order: &[TaskNo]) -> Vec<TaskNo> {
    let count = before.starts.len() - 1;
    let mut is_done = TaskSet::new(count);
    order.iter().for_each(|task| _ = is_done.insert(*task));
    // Each task that is left waits for another one that is left, so whoever follows them comes by twice.
    let mut way: Vec<TaskNo> = Vec::new();
    let mut seen = TaskSet::new(count);
    let mut next = (0..count as u32).map(TaskNo).find(|task| !is_done.contains(*task));
    while let Some(task) = next.filter(|task| seen.insert(*task)) {
        way.push(task);
        next = before.of(task).iter().copied().find(|other| !is_done.contains(*other));
    }
    let start = way.iter().position(|task| Some(*task) == next).unwrap_or(0);
    let mut circle = way.split_off(start);
    // From the one that stands first in the manifest.
    let first = circle.iter().enumerate().min_by_key(|(_, task)| **task).map_or(0, |(at, _)| at);
    circle.rotate_left(first);
    circle
}

/// What to say of a circle: all of it.
pub(in crate::run) fn circle_error(tasks: &[Task], circle: &[TaskNo]) -> Error {
    let around = circle.iter().chain(circle.first());
    let names: Vec<&str> = around.map(|task| tasks[task.index()].name.as_str()).collect();
    Error::new(Code::CycleDetected, format!("tasks depend on each other in a circle: {}", names.join(" -> ")))
        .with_hint("take one of these out of the `deps`, `after` or `inputs` of the one before it")
}
