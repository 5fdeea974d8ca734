//! The line form: `task NAME {`, lines of `key = value`, `}`.
//!
//! A value is everything after the first `=`; lists are separated by commas, trimmed, empty items dropped; a line that
//! begins with `#` is a comment. Nothing is substituted and nothing is quoted: what an old file says is what it meant.

use super::keys::{self, Kind, LATER_KEYS, TASK_KEYS};
use super::raw::{RawTask, Setting, Text, Value, from_text, pair, wrong_kind};
use super::source::{Complaints, Source};
use crate::error::Code;
use crate::run::graph::select::nearest;

/// Reads every task. What is wrong is said, and reading goes on with the next line.
pub(super) fn read(source: &Source<'_>, complaints: &mut Complaints, each: &mut dyn FnMut(RawTask, &mut Complaints)) {
    let mut open: Option<RawTask> = None;
    let mut offset = 0;
    for line in source.text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let begin = start + (line.len() - line.trim_start().len());
        let at = source.place(begin);
        if trimmed == "}" {
            match open.take() {
                Some(task) => each(task, complaints),
                None => complaints.say(at, Code::ParseError, "`}` without a task"),
            }
        } else if let Some(name) = header(trimmed) {
            if let Some(task) = open.take() {
                unclosed(&task, complaints);
                each(task, complaints);
            }
            let at = source.place(begin + (name.as_ptr() as usize - trimmed.as_ptr() as usize));
            open = Some(RawTask { name: Text { text: name.to_string(), at }, settings: Vec::new() });
        } else if let Some(task) = open.as_mut() {
            setting(source, begin, trimmed, task, complaints);
        } else {
            complaints.hinted(at, Code::ParseError, "this stands in no task", "a task begins with `task NAME {`");
        }
        if complaints.is_full() {
            return;
        }
    }
    if let Some(task) = open {
        unclosed(&task, complaints);
        each(task, complaints);
    }
}

/// Whether a text looks like the line form.
pub(super) fn is_line_form(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(first) = lines.next() else { return false };
    let is_toml = first.starts_with('[') || first.contains('=');
    header(first).is_some() || !is_toml || (!first.starts_with('[') && lines.any(|line| header(line).is_some()))
}

fn header(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("task")?;
    if !rest.starts_with([' ', '\t']) || !rest.ends_with('{') {
        return None;
    }
    Some(rest[..rest.len() - 1].trim())
}

fn unclosed(task: &RawTask, complaints: &mut Complaints) {
    let message = format!("the task `{}` is not closed", task.name.text);
    complaints.hinted(task.name.at, Code::ParseError, message, "put a line with `}` behind its last one");
}

fn setting(source: &Source<'_>, begin: usize, line: &str, task: &mut RawTask, complaints: &mut Complaints) {
    let at = source.place(begin);
    let Some((name, value)) = line.split_once('=') else {
        complaints.hinted(at, Code::ParseError, "neither `key = value` nor `}`", "write `cmd = …` or close the task");
        return;
    };
    let name = name.trim();
    let Some(key) = keys::find(TASK_KEYS, name).filter(|key| key.kind != Kind::Matrix && key.name != "script") else {
        unknown(name, at, complaints);
        return;
    };
    if task.settings.iter().any(|other| other.key.name == key.name) {
        complaints.say(at, Code::ParseError, format!("`{name}` stands twice in the task `{}`", task.name.text));
        return;
    }
    let from = begin + line.len() - value.len();
    let text = Text { text: value.trim().to_string(), at: source.place(from + value.len() - value.trim_start().len()) };
    if text.text.is_empty() && !matches!(key.kind, Kind::Texts | Kind::Vars | Kind::Labels) {
        complaints.say(at, Code::ParseError, format!("`{name}` has no value"));
        return;
    }
    let value = match key.kind {
        Kind::Texts => Some(Value::List(items(source, from, value, key.name, complaints))),
        Kind::Vars | Kind::Labels => {
            Some(Value::Pairs(items(source, from, value, key.name, complaints).into_iter().map(pair).collect()))
        }
        Kind::Matrix => wrong_kind(key, at, complaints),
        _ => from_text(key, text, complaints),
    };
    task.settings.extend(value.map(|value| Setting { key, at, value }));
}

/// The items of a comma list with their places.
fn items(source: &Source<'_>, from: usize, list: &str, key: &str, complaints: &mut Complaints) -> Vec<Text> {
    let mut found = Vec::new();
    let mut offset = from;
    for item in list.split(',') {
        let at = source.place(offset + item.len() - item.trim_start().len());
        offset += item.len() + 1;
        let item = item.trim();
        if item.is_empty() {
            continue;
        }
        if item.contains(char::is_whitespace) && key != "key-from" {
            complaints.warn(at, &format!("`{item}` holds a space: items of `{key}` are separated by commas"));
        }
        found.push(Text { text: item.to_string(), at });
    }
    found
}

/// Complains about a key that there is not.
pub(super) fn unknown(name: &str, at: super::Place, complaints: &mut Complaints) {
    if matches!(name, "matrix" | "script") {
        let message = format!("`{name}` is not part of the line form");
        return complaints.hinted(
            at,
            Code::ParseError,
            message,
            "`larder parse-manifest --to toml` turns it into TOML",
        );
    }
    if LATER_KEYS.contains(&name) {
        let message = format!("`{name}` is not in this version of larder");
        return complaints.hinted(at, Code::ConfigInvalid, message, "take the line out: it would have no effect");
    }
    let message = format!("no task has a key `{}`", name.escape_debug());
    match nearest(name, TASK_KEYS.iter().map(|key| key.name)) {
        Some(near) => complaints.hinted(at, Code::ParseError, message, format!("did you mean `{near}`?")),
        None => complaints.say(at, Code::ParseError, message),
    }
}
