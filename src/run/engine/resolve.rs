//! What a task comes to without running it: its key, and a result that stands for it.

use super::known::Hit;
use super::{Engine, locked};
use crate::error::{Class, Code, Error, Result};
use crate::id::Id;
use crate::monitor::TaskEnd;
use crate::run::manifest::TaskNo;
use crate::run::options::Show;
use crate::run::portable::{ResultTree, read_many};
use crate::run::project::{Keyed, Known, Standing};
use crate::run::schedule::Answer;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Who has an action.
enum Taken {
    /// Another task that has not ended.
    ByOther(u32),
    /// This one, after one that has ended, if any.
    After(Option<u32>),
}

impl Engine<'_> {
    pub(super) fn resolve(&self, number: u32) -> Answer {
        match self.look_up(number) {
            Ok(answer) => answer,
            Err(error) => {
                self.fail(error);
                Answer::Failed
            }
        }
    }

    fn look_up(&self, number: u32) -> Result<Answer> {
        let task = self.tasks[number as usize];
        if self.task(number).is_group() {
            return Ok(Answer::There);
        }
        let is_shaken = self.is_shaken.load(Ordering::Acquire);
        if !is_shaken && self.slot(number).is_displaced {
            return Ok(Answer::Hit);
        }
        self.leave_action(number);
        let keyed = match self.with_results(|results| self.desk.keyer.key(task, results)) {
            Ok(keyed) => keyed,
            // No task has failed: the manifest cannot be used.
            Err(error) if error.class() == Class::Unusable => return Err(error),
            Err(error) => {
                self.refuse(number, &error);
                return Ok(Answer::Failed);
            }
        };
        let before = match self.take_action(number, &keyed.id) {
            Taken::ByOther(other) => return Ok(Answer::Twin(other)),
            Taken::After(before) => before,
        };
        let mut found = None;
        let looked_at = self.lookup.generation();
        let is_damaged = self.slot(number).is_damaged;
        if !self.desk.options.force && self.task(number).cache && !self.task(number).interactive && !is_damaged {
            found = self.made_before(task, &keyed, before)?;
            if found.is_none() {
                found = self.with_results(|results| {
                    self.lookup.find(task, &keyed, results, &|error| self.tell_damage(number, error))
                })?;
            }
        }
        let mut slot = self.slot(number);
        slot.is_displaced = false;
        slot.looked_at = looked_at;
        slot.keyed = Some(Arc::new(keyed));
        match found {
            Some(hit) => {
                slot.result = Some(hit.tree.clone());
                slot.hit = Some(Box::new(hit));
                drop(slot);
                self.leave_action(number);
                Ok(Answer::Hit)
            }
            None => Ok(Answer::Miss),
        }
    }

    /// Whether another task may have the same action: not if there are outputs, which are in it and belong to one task.
    pub(super) fn may_have_twins(&self, number: u32) -> bool {
        self.task(number).outputs.is_empty()
    }

    /// Of the tasks of this run that have the same action one goes first.
    fn take_action(&self, number: u32, action: &Id) -> Taken {
        if !self.may_have_twins(number) {
            return Taken::After(None);
        }
        let mut actions = locked(&self.actions);
        let other = actions.get(action).copied().filter(|other| *other != number);
        if let Some(other) = other.filter(|other| self.slot(*other).end.is_none()) {
            return Taken::ByOther(other);
        }
        actions.insert(*action, number);
        Taken::After(other)
    }

    /// The result of a task that ran the same action in this run: the repository need not know it yet.
    fn made_before(&self, task: TaskNo, keyed: &Keyed, before: Option<u32>) -> Result<Option<Hit>> {
        let Some(before) = before else { return Ok(None) };
        let made = self.slot(before).hit.as_deref().filter(|hit| hit.action == keyed.id).cloned();
        let Some(hit) = made else { return Ok(None) };
        let holds = self.with_results(|results| self.desk.keyer.holds(task, &hit.observed, results))?;
        if holds {
            // Who comes next finds it there, too.
            locked(&self.actions).insert(keyed.id, before);
            if hit.logs.is_some() && self.desk.options.show == Show::Full {
                // What it printed is shown from the repository.
                self.desk.writer.flush()?;
            }
        }
        Ok(Some(hit).filter(|_| holds))
    }

    /// A task that is looked up anew may come to another action, and one that is a hit holds nobody back.
    fn leave_action(&self, number: u32) {
        let Some(action) = self.slot(number).keyed.as_ref().map(|keyed| keyed.id) else { return };
        let mut actions = locked(&self.actions);
        if actions.get(&action) == Some(&number) {
            actions.remove(&action);
        }
    }

    /// A task that cannot start.
    pub(super) fn refuse(&self, number: u32, error: &Error) {
        if matches!(error.code(), Code::PermissionDenied | Code::ResourceExhausted) {
            self.refused.store(true, Ordering::Relaxed);
        }
        if self.slot(number).is_damaged {
            self.has_damage_failed.store(true, Ordering::Relaxed);
        }
        let mut why = error.to_string();
        let mut beneath = std::error::Error::source(error);
        while let Some(cause) = beneath {
            why.push_str(&format!(": {cause}"));
            beneath = cause.source();
        }
        if let Some(hint) = error.hint() {
            why.push_str(&format!(" ({hint})"));
        }
        self.tell_end(number, TaskEnd::Failed, &why, 0, None, None);
    }

    /// Marks what is only displaced. Results that other tasks may ask for are read now, together; the others are when
    /// they are placed.
    pub(super) fn mark_displaced(&self) -> Result<()> {
        let known = |number: &u32| self.desk.survey.displaced(self.tasks[*number as usize]);
        let mut displaced: Vec<u32> = (0..self.tasks.len() as u32).filter(|number| known(number).is_some()).collect();
        if displaced.is_empty() {
            return Ok(());
        }
        let runs = self.lookup.runs()?;
        displaced.retain(|number| {
            let candidates = known(number).map(|known| (runs.candidates(&known.action), known.record));
            candidates.is_some_and(|(runs, record)| runs.iter().any(|run| run.record == record))
        });
        displaced.iter().for_each(|number| self.slot(*number).is_displaced = true);
        displaced.retain(|number| self.is_needed(*number));
        for (number, error) in self.read_displaced(&displaced)? {
            // It is looked up by its key like any other.
            self.lose(number, &error);
        }
        Ok(())
    }

    /// Reads the results of tasks that are only displaced, in the order of the packs. Answers what cannot be read.
    pub(super) fn read_displaced(&self, numbers: &[u32]) -> Result<Vec<(u32, Error)>> {
        let known = |number: &u32| Some((*number, self.desk.survey.displaced(self.tasks[*number as usize])?.result));
        let (numbers, trees): (Vec<u32>, Vec<Id>) = numbers.iter().filter_map(known).unzip();
        let mut damaged = Vec::new();
        read_many(self.desk.repo, &trees, self.desk.options.jobs, &mut |at, tree| match tree {
            Ok(tree) => self.slot(numbers[at]).result = Some(Arc::new(tree)),
            Err(error) => damaged.push((numbers[at], error)),
        })?;
        Ok(damaged)
    }

    /// A stored result cannot be read: what is known of others may not hold either.
    pub(super) fn lose(&self, number: u32, error: &Error) {
        self.is_shaken.store(true, Ordering::Release);
        self.tell_damage(number, error);
        let mut slot = self.slot(number);
        (slot.hit, slot.result, slot.is_displaced) = (None, None, false);
    }

    /// What stands for running a task that is only displaced.
    pub(super) fn hit_displaced(&self, number: u32, tree: Arc<ResultTree>) -> Option<Box<Hit>> {
        let known = self.desk.survey.displaced(self.tasks[number as usize])?;
        let logs = self.stored_logs(number, &known.record).unwrap_or_else(|error| {
            self.fail(error);
            None
        });
        let (action, record, observed) = (known.action, known.record, Vec::new());
        Some(Box::new(Hit { action, record, tree, logs, observed, duration_ms: 0 }))
    }

    /// Takes what is current for what it must be looked up, where its stored result cannot be read.
    pub(super) fn verify_current(&self, is_current: &mut [bool]) -> Result<()> {
        for (number, task) in self.tasks.iter().enumerate() {
            let Some(Standing::Current(known)) = self.desk.survey.standing(*task).filter(|_| is_current[number]) else {
                continue;
            };
            if let Err(error) = self.read_whole(&known) {
                is_current[number] = false;
                self.is_shaken.store(true, Ordering::Release);
                self.tell_damage(number as u32, &error);
            }
        }
        // What rests on something that is not current is looked up, too.
        for number in 0..self.tasks.len() {
            let needs = self.desk.keyer.needs(self.tasks[number]);
            let is_open = |task: &crate::run::manifest::TaskNo| {
                self.number_of.get(task.index()).is_some_and(|number| {
                    !is_current.get(*number as usize).copied().unwrap_or(true) && !self.task(*number).is_group()
                })
            };
            if needs.iter().any(is_open) {
                is_current[number] = false;
            }
        }
        Ok(())
    }

    fn read_whole(&self, known: &Known) -> Result<()> {
        let tree = crate::run::portable::read(self.desk.repo, &known.result)?;
        for entry in &tree.entries {
            if let crate::run::portable::ResultKind::File { content, .. } = &entry.kind {
                self.desk.repo.stream(content, &mut |_| Ok(()))?;
            }
        }
        Ok(())
    }

    pub(super) fn row_known(keyed: &Keyed, record: Id, result: Id) -> Known {
        Known { action: keyed.id, record, result }
    }
}
