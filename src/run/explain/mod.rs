//! Why a task would run, or need not.
//!
//! Part of floor 5's `run`. What a run would do says [`Seer`]; here it is compared with the last run of the same task:
//! the one whose outputs are in place, else the newest of this project and name that the repository keeps.

mod difference;

pub use difference::{Difference, Part, Value};

use super::engine::{Forecast, Outlook, Seer};
use super::manifest::{Manifest, TaskNo};
use super::project::{Project, Standing, Survey, Why};
use crate::action::Action;
use crate::clock;
use crate::error::{Class, Code, Error, Result};
use crate::id::Id;
use crate::record::{Record, Status};
use crate::repo::Repo;
use crate::runs::Runs;
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// So many of the newest records are looked at for one of the task: further back nobody remembers.
const RECORDS_MAX: usize = 10_000;

/// Why a task would run that has a command, beside what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No run of it is known.
    Never,
    /// The manifest says that nothing of it is kept.
    Uncached,
    /// It has the terminal.
    Interactive,
    /// The newest run of just this action did not end well, or its result was not stored.
    Ended {
        /// Its record.
        record: Id,
        /// How.
        status: Status,
        /// In words.
        why: String,
    },
    /// The run of just this action is not kept any more, or cannot be read.
    Gone,
    /// A run of just this action is known, and the device that signed it is not trusted.
    Untrusted,
    /// It depends on what this task yields.
    After(TaskNo),
    /// Something that is seen without its action.
    Seen(Why),
    /// It cannot start.
    Cannot(String),
}

/// Why a task would run, or need not.
#[derive(Debug)]
pub struct Explanation {
    /// The task.
    pub task: TaskNo,
    /// What would become of it.
    pub what: Forecast,
    /// Its action, if that is known.
    pub action: Option<Id>,
    /// The run that stands for it.
    pub hit: Option<(Id, Record)>,
    /// The run that it is compared with.
    pub since: Option<(Id, Record)>,
    /// What changed since.
    pub changes: Vec<Difference>,
    /// Why else.
    pub reasons: Vec<Reason>,
}

/// Explains tasks of one survey.
pub struct Explainer<'a> {
    project: &'a Project,
    survey: &'a Survey,
    manifest: &'a Manifest,
    seer: &'a Seer<'a>,
    runs: OnceCell<Runs>,
}

impl<'a> Explainer<'a> {
    /// With a seer that has not looked yet.
    ///
    /// # Errors
    /// As [`Project::manifest`].
    pub fn new(project: &'a Project, survey: &'a Survey, seer: &'a Seer<'a>) -> Result<Self> {
        Ok(Explainer { project, survey, manifest: project.manifest()?, seer, runs: OnceCell::new() })
    }

    /// Explains these tasks, each after what it depends on.
    ///
    /// # Errors
    /// What opening and reading the repository answers.
    pub fn explain(&self, tasks: &[TaskNo]) -> Result<Vec<Explanation>> {
        let mut outlooks = Vec::new();
        self.seer.look(&mut |outlook| {
            if tasks.contains(&outlook.task) {
                outlooks.push(outlook);
            }
            Ok(())
        })?;
        outlooks.into_iter().map(|outlook| self.one(outlook)).collect()
    }

    fn one(&self, outlook: Outlook) -> Result<Explanation> {
        let mut all = Explanation {
            task: outlook.task,
            what: outlook.what,
            action: outlook.action_id(),
            hit: None,
            since: None,
            changes: Vec::new(),
            reasons: Vec::new(),
        };
        if let Some(known) = outlook.known {
            all.hit = self.read(&known.record)?.map(|record| (known.record, record));
        }
        match outlook.what {
            Forecast::Group | Forecast::Current => {}
            Forecast::After(other) => {
                all.reasons.push(Reason::After(other));
                all.reasons.extend(self.seen(outlook.task));
                all.since = self.last(outlook.task)?;
            }
            Forecast::Failed => {
                all.reasons.extend(outlook.error.as_ref().map(|error| Reason::Cannot(in_words(error))));
                all.since = self.last(outlook.task)?;
            }
            Forecast::Hit => {
                all.reasons.extend(self.project.why_displaced(self.survey, outlook.task).map(Reason::Seen));
                self.compare(&outlook, &mut all)?;
            }
            Forecast::Run => {
                self.compare(&outlook, &mut all)?;
                self.why_no_hit(&outlook, &mut all)?;
            }
        }
        Ok(all)
    }

    /// Compares its action with that of the last run, unless they are the same.
    fn compare(&self, outlook: &Outlook, all: &mut Explanation) -> Result<()> {
        let Some((id, action)) = &outlook.action else { return Ok(()) };
        let Some((record, last)) = self.last(outlook.task)? else { return Ok(()) };
        if last.action != *id
            && let Some(before) = self.action(&last.action)?
        {
            all.changes = difference::differences(&before, action);
            self.compare_dependencies(outlook.task, &before, action, &mut all.changes);
        }
        if last.action == *id && outlook.what == Forecast::Run {
            self.compare_observed(outlook.task, &last, &mut all.changes)?;
        }
        if last.action != *id || outlook.what == Forecast::Run {
            all.since = Some((record, last));
        }
        Ok(())
    }

    /// Names the dependencies whose results the last run did not have.
    fn compare_dependencies(&self, task: TaskNo, before: &Action, after: &Action, changes: &mut Vec<Difference>) {
        let mut known = BTreeSet::new();
        let mut todo = self.manifest.task(task).deps.to_vec();
        while let Some(other) = todo.pop() {
            let of = self.manifest.task(other);
            if of.is_group() {
                todo.extend_from_slice(&of.deps);
            } else if let Some(tree) = self.seer.result(other)
                && before.deps.binary_search(&tree.id).is_err()
            {
                known.insert((of.name.clone(), tree.id));
            }
        }
        let gone = before.deps.iter().filter(|id| after.deps.binary_search(id).is_err());
        // One result for one: which was which is only known where there is one of each.
        let gone: Vec<Id> = gone.copied().collect();
        let is_pair = known.len() == 1 && gone.len() == 1;
        let more = gone.len().saturating_sub(known.len());
        for (name, id) in known {
            let before = gone.first().filter(|_| is_pair).map(|id| Value::Content(*id));
            let before = before.or(if more == 0 { Some(Value::Kind("not known")) } else { None });
            changes.push(Difference {
                part: Part::Dependency,
                name: name.into_bytes(),
                before,
                after: Some(Value::Content(id)),
            });
        }
        if more > 0 {
            changes.extend(gone.iter().map(|id| Difference {
                part: Part::Dependency,
                name: Vec::new(),
                before: Some(Value::Content(*id)),
                after: None,
            }));
        }
    }

    /// Of a run of the same action: what it was seen to read and is another now.
    fn compare_observed(&self, task: TaskNo, last: &Record, changes: &mut Vec<Difference>) -> Result<()> {
        for seen in &last.observed {
            if !self.seer.holds(task, std::slice::from_ref(seen))? {
                changes.push(Difference {
                    part: Part::Observed,
                    name: seen.path.clone(),
                    before: seen.content.map(Value::Content).or(Some(Value::Kind("absent"))),
                    after: Some(Value::Kind("not known")),
                });
            }
        }
        Ok(())
    }

    /// Why nothing that is stored stands for running it.
    fn why_no_hit(&self, outlook: &Outlook, all: &mut Explanation) -> Result<()> {
        let task = self.manifest.task(outlook.task);
        if task.interactive || !task.cache {
            all.reasons.push(if task.interactive { Reason::Interactive } else { Reason::Uncached });
            return Ok(());
        }
        let Some((id, _)) = &outlook.action else {
            // The result that is known of it could not be read.
            all.reasons.push(Reason::Gone);
            return Ok(());
        };
        let runs = self.runs()?;
        match runs.candidates(id).first() {
            Some(newest) if newest.status != Status::Success => {
                let record = self.read(&newest.record)?;
                let why = record.and_then(|record| record.reason).unwrap_or_default();
                all.reasons.push(Reason::Ended { record: newest.record, status: newest.status, why });
            }
            Some(_) if all.changes.is_empty() => all.reasons.push(Reason::Gone),
            Some(_) => {}
            None if runs.all().iter().any(|run| run.action == *id) => all.reasons.push(Reason::Untrusted),
            None if all.since.as_ref().is_some_and(|(_, since)| since.action == *id) => all.reasons.push(Reason::Gone),
            None if all.since.is_none() => all.reasons.push(Reason::Never),
            None => {}
        }
        Ok(())
    }

    fn seen(&self, task: TaskNo) -> Option<Reason> {
        match self.survey.standing(task) {
            Some(Standing::Changed(Why::Pending(_) | Why::Result(_))) => None,
            Some(Standing::Changed(why)) => Some(Reason::Seen(why)),
            _ => self.project.why_displaced(self.survey, task).map(Reason::Seen),
        }
    }

    /// The last run of a task: of its outputs in this directory, else the newest of its name.
    fn last(&self, task: TaskNo) -> Result<Option<(Id, Record)>> {
        if let Some(known) = self.survey.last(task)
            && let Some(record) = self.read(&known.record)?
        {
            return Ok(Some((known.record, record)));
        }
        let name = &self.manifest.task(task).name;
        let project = self.manifest.project.as_deref().unwrap_or_default();
        for run in self.runs()?.newest_first().into_iter().take(RECORDS_MAX) {
            if let Some(record) = self.read(&run.record)?
                && record.task == *name
                && record.project == project
            {
                return Ok(Some((run.record, record)));
            }
        }
        Ok(None)
    }

    fn runs(&self) -> Result<&Runs> {
        if let Some(runs) = self.runs.get() {
            return Ok(runs);
        }
        let runs = Runs::load(&self.repo()?.roots()?, clock::now());
        Ok(self.runs.get_or_init(|| runs))
    }

    fn repo(&self) -> Result<&Repo> {
        self.seer.repo()
    }

    /// What is gone or damaged is not there to be compared with.
    fn read(&self, record: &Id) -> Result<Option<Record>> {
        there(Record::load(self.repo()?, record))
    }

    fn action(&self, id: &Id) -> Result<Option<Action>> {
        there(self.repo()?.read(id).and_then(|bytes| Action::decode(&bytes)))
    }
}

fn there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class() == Class::Damaged || error.code() == Code::ChunkNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error with its causes.
fn in_words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut beneath = std::error::Error::source(error);
    while let Some(cause) = beneath {
        text.push_str(&format!(": {cause}"));
        beneath = cause.source();
    }
    text
}
