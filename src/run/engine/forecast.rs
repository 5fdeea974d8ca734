//! What a run would do, without doing it.

use super::known::Lookup;
use crate::error::Result;
use crate::repo::Repo;
use crate::run::manifest::TaskNo;
use crate::run::portable::{self, ResultTree};
use crate::run::project::{Project, Standing, Survey};
use std::collections::HashMap;
use std::sync::Arc;

/// What would become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forecast {
    /// It only stands for others.
    Group,
    /// Nothing: its outputs are as they should be.
    Current,
    /// A stored result would be put into the work tree.
    Hit,
    /// It would run.
    Run,
    /// That depends on what this one yields.
    After(TaskNo),
    /// It cannot run.
    Failed,
}

/// What would become of all that is wanted, each after what it depends on. Writes nothing; the repository is opened only
/// if something is not current.
///
/// # Errors
/// What opening the repository and reading its roots answer.
pub fn forecast(
    project: &Project,
    survey: &Survey,
    force: bool,
    open: &dyn Fn() -> Result<Repo>,
) -> Result<Vec<(TaskNo, Forecast)>> {
    if survey.is_current() && !force {
        let of = |task: &TaskNo| match survey.standing(*task) {
            Some(Standing::Group) => (*task, Forecast::Group),
            _ => (*task, Forecast::Current),
        };
        return Ok(survey.tasks().iter().map(of).collect());
    }
    let repo = open()?;
    let keyer = project.keyer()?;
    let manifest = project.manifest()?;
    let lookup = Lookup::new(&repo, keyer, manifest.project.as_deref().unwrap_or_default());
    let mut trees: HashMap<TaskNo, Arc<ResultTree>> = HashMap::new();
    let mut all: HashMap<TaskNo, Forecast> = HashMap::new();
    let mut order = Vec::with_capacity(survey.tasks().len());
    for task in survey.tasks() {
        let is_open = |before: &TaskNo| match all.get(before) {
            Some(Forecast::Run | Forecast::Failed) => Some(*before),
            Some(Forecast::After(other)) => Some(*other),
            _ => None,
        };
        let waits_for = keyer.needs(*task).iter().find_map(is_open);
        let result =
            |task: TaskNo| trees.get(&task).cloned().or_else(|| project.known_tree(survey, task).map(Arc::new));
        let (what, tree) = match (survey.standing(*task), waits_for) {
            (Some(Standing::Group), Some(other)) => (Forecast::After(other), None),
            (Some(Standing::Group), None) => (Forecast::Group, None),
            (_, _) if force => (Forecast::Run, None),
            (_, Some(other)) => (Forecast::After(other), None),
            (Some(Standing::Current(_)), None) => (Forecast::Current, None),
            (Some(Standing::Displaced(known, _)), None) => match portable::read(&repo, &known.result) {
                Ok(tree) => (Forecast::Hit, Some(Arc::new(tree))),
                Err(_) => (Forecast::Run, None),
            },
            _ => match keyer.key(*task, &result) {
                Err(_) => (Forecast::Failed, None),
                Ok(_) if !manifest.task(*task).cache || manifest.task(*task).interactive => (Forecast::Run, None),
                Ok(keyed) => match lookup.find(*task, &keyed, &result, &|_| {})? {
                    Some(hit) => (Forecast::Hit, Some(hit.tree)),
                    None => (Forecast::Run, None),
                },
            },
        };
        if let Some(tree) = tree {
            trees.insert(*task, tree);
        }
        // A group that waits is told by what it waits for, and is none itself.
        all.insert(*task, what);
        let is_group = manifest.task(*task).is_group();
        order.push((*task, if is_group { Forecast::Group } else { what }));
    }
    Ok(order)
}
