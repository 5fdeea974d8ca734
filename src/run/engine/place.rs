//! Stored results into the work tree.

use super::shelf::{DoneRow, Row};
use super::{Engine, locked};
use crate::error::{Class, Error};
use crate::monitor::TaskEnd;
use crate::run::portable::{PlaceOptions, Placed, ResultTree, Wanted, place};
use crate::run::schedule::Placing;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

impl Engine<'_> {
    pub(super) fn place(&self, tasks: &[u32]) {
        self.publisher.wait_for_room();
        let told: Mutex<HashSet<u32>> = Mutex::default();
        let tell = |task, what| {
            locked(&told).insert(task);
            locked(&self.schedule).placed(task, what);
            self.changed.notify_all();
        };
        let is_unread = |task: &u32| {
            let slot = self.slot(*task);
            slot.is_displaced && slot.result.is_none()
        };
        let unread: Vec<u32> = tasks.iter().copied().filter(is_unread).collect();
        match self.read_displaced(&unread) {
            Ok(damaged) => damaged.into_iter().for_each(|(task, error)| {
                self.lose(task, &error);
                tell(task, Placing::Damaged);
            }),
            Err(error) => self.fail(error),
        }
        let results: Vec<(u32, Arc<ResultTree>)> =
            tasks.iter().filter_map(|task| Some((*task, self.slot(*task).result.clone()?))).collect();
        let wants: Vec<Wanted<'_>> = (results.iter())
            .map(|(task, tree)| Wanted { task: *task, tree, outputs: &self.task(*task).outputs })
            .collect();
        let is_stopped = || self.desk.stop.is_asked() || self.desk.monitor.is_cancelled();
        let options = PlaceOptions { jobs: self.desk.options.jobs, is_stopped: &is_stopped };
        let outcome = place(self.desk.repo, self.desk.clearing, &wants, &options, &|task, placed| {
            tell(task, self.placed(task, placed));
        });
        if let Err(error) = outcome {
            self.fail(error);
        }
        // What was not begun because of a stop stays as it was; anything else that was not told of is a failure.
        let told = locked(&told);
        for task in tasks.iter().filter(|task| !told.contains(task)) {
            if !is_stopped() {
                let error = Error::new(crate::error::Code::SystemError, "its result was not put into the work tree");
                self.refuse(*task, &error);
            }
            locked(&self.schedule).placed(*task, Placing::Failed);
        }
    }

    fn placed(&self, number: u32, placed: crate::error::Result<Placed>) -> Placing {
        match placed {
            Ok(placed) => {
                self.note(number, placed);
                Placing::Done
            }
            Err(error) if error.class() == Class::Damaged => {
                self.lose(number, &error);
                Placing::Damaged
            }
            Err(error) => {
                // Nobody knows how much of it is there.
                if let Err(error) = self.desk.clearing.forget(&self.task(number).outputs) {
                    self.fail(error);
                }
                self.refuse(number, &error);
                Placing::Failed
            }
        }
    }

    fn note(&self, number: u32, placed: Placed) {
        {
            let mut stats = locked(&self.stats);
            stats.placed_files += placed.made;
            stats.placed_bytes += placed.bytes;
        }
        let (hit, keyed, result, is_displaced) = {
            let mut slot = self.slot(number);
            let hit = if self.may_have_twins(number) { slot.hit.clone() } else { slot.hit.take() };
            let result = if self.is_needed(number) { slot.result.clone() } else { slot.result.take() };
            (hit, slot.keyed.take(), result, slot.is_displaced)
        };
        let Some(result) = result else { return };
        let Some(hit) = hit.or_else(|| self.hit_displaced(number, result.clone())) else { return };
        let end = if placed.made == 0 && !is_displaced { TaskEnd::Current } else { TaskEnd::Restored };
        self.tell_hit(number, &hit, end);
        let row = match keyed {
            Some(keyed) => {
                let known = Self::row_known(&keyed, hit.record, result.id);
                let (seen, observed) = (keyed.seen.clone(), hit.observed);
                Some(Row::Done(Box::new(DoneRow { seen, known, result, observed, stats: placed.stats })))
            }
            None if is_displaced => {
                Some(Row::Placed { task: self.tasks[number as usize], result, stats: placed.stats })
            }
            None => None,
        };
        self.publisher.add(None, row);
        if let Some(claims) = &self.claims {
            claims.give_back(&hit.action);
        }
    }
}
