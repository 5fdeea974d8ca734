//! Targets as users name them: a task, a glob over names, what a task depends on, what depends on it.

use super::{Graph, TaskSet};
use crate::error::{Code, Error, Result};
use crate::run::manifest::{Task, TaskNo};
use gix::bstr::ByteSlice;
use gix::glob::wildmatch;

/// A name this far from all others is no slip of the finger.
const SLIP_EDITS_MAX: usize = 3;

/// The tasks that these selectors name, in the order of the selectors, each once. A selector is a task's name, the name
/// of a task with a matrix (all that the matrix makes), a glob in which `*` also crosses `/` and `:`, or one of these
/// with `^deps` (all that it depends on) or `^dependents` (all that depends on it) behind.
///
/// # Errors
/// FILE_NOT_FOUND for a selector that names nothing, with the nearest name.
pub fn select(tasks: &[Task], graph: &Graph, selectors: &[String]) -> Result<Vec<TaskNo>> {
    let mut seen = TaskSet::new(tasks.len());
    let mut chosen = Vec::new();
    for selector in selectors {
        let mut found = match selector.rsplit_once('^') {
            Some((name, "deps")) => {
                let named = named(tasks, name)?;
                let mut around = Vec::new();
                named.iter().for_each(|task| around.extend(graph.dependencies(*task)));
                graph.closure(&around).iter().filter(|task| !named.contains(task)).collect()
            }
            Some((name, "dependents")) => {
                let named = named(tasks, name)?;
                graph.dependents_closure(&named).iter().filter(|task| !named.contains(task)).collect()
            }
            Some((name, what)) => {
                let message = format!("`{selector}`: `^{what}` is neither `^deps` nor `^dependents`");
                return Err(Error::new(Code::InvalidArg, message)
                    .with_hint(format!("`{name}^deps` is all that `{name}` depends on")));
            }
            None => named(tasks, selector)?,
        };
        found.retain(|task| seen.insert(*task));
        chosen.append(&mut found);
    }
    Ok(chosen)
}

/// The tasks of one name or glob, by number.
fn named(tasks: &[Task], selector: &str) -> Result<Vec<TaskNo>> {
    let is_glob = selector.bytes().any(|byte| matches!(byte, b'*' | b'?' | b'['));
    let fits = |task: &Task| {
        if is_glob {
            wildmatch(selector.as_bytes().as_bstr(), task.name.as_bytes().as_bstr(), wildmatch::Mode::empty())
        } else {
            task.name.strip_prefix(selector).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
        }
    };
    let found: Vec<TaskNo> =
        tasks.iter().enumerate().filter(|(_, task)| fits(task)).map(|(number, _)| TaskNo(number as u32)).collect();
    if found.is_empty() { Err(unknown(tasks, selector)) } else { Ok(found) }
}

fn unknown(tasks: &[Task], selector: &str) -> Error {
    let error = Error::new(Code::FileNotFound, format!("there is no task `{selector}`"));
    match nearest(selector, tasks.iter().map(|task| task.name.as_str())) {
        Some(name) => error.with_hint(format!("did you mean `{name}`?")),
        None => error.with_hint("`larder tasks` lists what there is"),
    }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A difference in length alone is as many edits.
    let near = among.filter(|other| other.len().abs_diff(name.len()) <= SLIP_EDITS_MAX);
    near.map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(edits, other)| *edits <= SLIP_EDITS_MAX && *edits < other.chars().count().max(2))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, other)| other)
}
