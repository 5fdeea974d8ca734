//! Runs as people and programs see them, the same in every command.

use crate::session::Session;
use crate::ui::{escaped, local_time, utc_time};
use larder::clock;
use larder::error::{Code, Error, Result};
use larder::id::Id;
use larder::record::{Attempt, Exit, Record, Status};
use larder::repo::Repo;
use larder::runs::{Run, Runs};
use larder::units::{format_duration, format_size};
use serde_json::{Value, json};

/// What names a run wherever a snapshot could be meant.
pub const PREFIX: &str = "run:";

/// The runs of a repository; what cannot be read of them is told.
pub fn load(session: &Session, repo: &Repo) -> Result<Runs> {
    let loaded = repo.load_roots()?;
    let runs = Runs::load(&loaded.roots, clock::now());
    for (name, error) in loaded.damaged.iter().chain(runs.damaged()) {
        session.ui.item_failed(format!("roots/{name}").as_bytes(), error);
    }
    Ok(runs)
}

/// The status of this name.
///
/// # Errors
/// INVALID_ARG for another word.
pub fn parse_status(text: &str) -> Result<Status> {
    Status::NAMED.into_iter().find(|status| status.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Status::NAMED.iter().map(|status| status.name()).collect();
        Error::new(Code::InvalidArg, format!("no run ends as `{}`", text.escape_debug()))
            .with_hint(format!("it is one of {}", names.join(", ")))
    })
}

/// What stands out.
pub fn marks_of(run: &Run) -> String {
    let marks = [(run.is_pinned, "pinned"), (!run.is_trusted, "untrusted")];
    marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| *mark).collect::<Vec<_>>().join(",")
}

/// The objects that a record names, it itself first.
pub fn ids_of(id: &Id, record: &Record) -> [(&'static str, Option<Id>); 8] {
    [
        ("record", Some(*id)),
        ("action", Some(record.action)),
        ("result", record.result),
        ("inputs", record.inputs),
        ("stdout", record.stdout),
        ("stderr", record.stderr),
        ("interleave", record.interleave),
        ("manifest", record.manifest),
    ]
}

/// A record for plumbing: name and value, each name always there, `-` where there is nothing.
pub fn fields_of(run: &Run, record: &Record) -> Vec<(&'static str, Vec<u8>)> {
    let text = |value: &str| if value.is_empty() { b"-".to_vec() } else { value.as_bytes().to_vec() };
    let mut fields: Vec<(&'static str, Vec<u8>)> = ids_of(&run.record, record)
        .into_iter()
        .map(|(name, id)| (name, id.map_or("-".to_string(), |id| id.to_hex()).into_bytes()))
        .collect();
    let git = record.git.as_ref().map(|git| format!("{}{}", git.commit, if git.is_dirty { " dirty" } else { "" }));
    fields.extend([
        ("project", text(&record.project)),
        ("task", text(&record.task)),
        ("status", text(record.status.name())),
        ("reason", text(record.reason.as_deref().unwrap_or_default())),
        ("exit", text(&record.exit.to_string())),
        ("attempts", text(&(record.attempts.len() + 1).to_string())),
        ("sandbox", text(&record.sandbox_used.to_string())),
        ("start", text(&utc_time(record.start))),
        ("wall_ms", text(&record.wall_ms.to_string())),
        ("user_ms", text(&record.user_ms.to_string())),
        ("system_ms", text(&record.system_ms.to_string())),
        ("memory_peak_bytes", text(&record.memory_peak_bytes.to_string())),
        ("host", text(&record.host)),
        ("git", text(&git.unwrap_or_default())),
        ("reproduces", text(&record.reproduces.map(|id| id.to_hex()).unwrap_or_default())),
        ("program", text(&record.program)),
        ("device", text(&run.device.to_hex())),
        ("marks", text(&marks_of(run))),
    ]);
    fields
}

/// A record for programs; `run` is what its batch says.
pub fn json_of(id: &Id, run: Option<&Run>, record: &Record) -> Value {
    let hex = |id: Option<Id>| id.map(|id| id.to_hex());
    let bytes = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let mut value = json!({
        "type": "run", "id": id.to_hex(), "action": record.action.to_hex(), "project": record.project,
        "task": record.task, "manifest": hex(record.manifest), "status": record.status.name(),
        "reason": record.reason, "sandbox_asked": record.sandbox_asked, "sandbox": record.sandbox_used,
        "result": hex(record.result), "inputs": hex(record.inputs), "stdout": hex(record.stdout),
        "stderr": hex(record.stderr), "interleave": hex(record.interleave), "start": utc_time(record.start),
        "wall_ms": record.wall_ms, "user_ms": record.user_ms, "system_ms": record.system_ms,
        "memory_peak_bytes": record.memory_peak_bytes, "host": record.host, "program": record.program,
        "reproduces": hex(record.reproduces),
        "attempts": record.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
        "observed": record.observed.iter().map(|one| json!({"path": bytes(&one.path), "id": hex(one.content)})).collect::<Vec<_>>(),
        "portable_loss": record.portable_loss.iter().map(|one| json!({"path": bytes(&one.path), "what": one.what})).collect::<Vec<_>>(),
    });
    put_exit(&mut value, record.exit);
    if let Some(git) = &record.git {
        value["git"] = json!({"commit": git.commit, "branch": git.branch, "dirty": git.is_dirty});
    }
    if let Some(run) = run {
        value["pinned"] = run.is_pinned.into();
        value["trusted"] = run.is_trusted.into();
        value["device"] = run.device.to_hex().into();
        value["used"] = utc_time(clock::Time::from_seconds(run.used_seconds)).into();
    }
    value
}

fn attempt_json(attempt: &Attempt) -> Value {
    let hex = |id: Option<Id>| id.map(|id| id.to_hex());
    let mut value = json!({"start": utc_time(attempt.start), "wall_ms": attempt.wall_ms, "stdout": hex(attempt.stdout),
        "stderr": hex(attempt.stderr), "interleave": hex(attempt.interleave)});
    put_exit(&mut value, attempt.exit);
    value
}

fn put_exit(value: &mut Value, exit: Exit) {
    value["exit"] = if let Exit::Code(code) = exit { code.into() } else { Value::Null };
    value["signal"] = if let Exit::Signal(signal) = exit { signal.into() } else { Value::Null };
}

/// Project and task on one line.
pub fn task_of(record: &Record) -> String {
    let task = if record.task.is_empty() { "(no name)" } else { &record.task };
    let text = if record.project.is_empty() { task.to_string() } else { format!("{}: {task}", record.project) };
    escaped(text.as_bytes())
}

/// A record on one line, as `log --runs --oneline` prints it.
pub fn line_of(session: &Session, run: &Run, record: &Record) -> String {
    let id = session.ui.paint().name(&run.record.short());
    let took = format_duration(record.wall_ms as f64 / 1_000.0);
    let marks = marks_of(run);
    let marks = if marks.is_empty() { marks } else { format!(" ({marks})") };
    format!("{id} {} {:<9} {took:>7} {}{marks}", local_time(record.start), record.status.name(), task_of(record))
}

/// A record with everything about it, as `log --runs` and `show` print it.
pub fn describe(session: &Session, run: &Run, record: &Record) -> String {
    let paint = session.ui.paint();
    let mut lines = vec![paint.name(&format!("run {}", run.record))];
    let mut say = |what: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("{what:<10}{text}"));
        }
    };
    let hex = |id: Option<Id>| id.map(|id| id.to_hex()).unwrap_or_default();
    let reason = record.reason.as_ref().map(|reason| format!(": {}", escaped(reason.as_bytes()))).unwrap_or_default();
    say("Task:", task_of(record));
    say("Status:", format!("{}{reason} ({})", record.status.name(), record.exit));
    say("Time:", local_time(record.start));
    let took = format_duration(record.wall_ms as f64 / 1_000.0);
    let busy = format_duration((record.user_ms + record.system_ms) as f64 / 1_000.0);
    // Little memory is not told from that of larder itself.
    let memory = match record.memory_peak_bytes {
        0 => String::new(),
        bytes => format!(", {}", format_size(bytes)),
    };
    say("Took:", format!("{took}, {busy} of processor{memory}"));
    if !record.attempts.is_empty() {
        say("Attempts:", (record.attempts.len() + 1).to_string());
    }
    say("Host:", escaped(record.host.as_bytes()));
    say("Marks:", marks_of(run));
    say("Action:", record.action.to_hex());
    say("Result:", hex(record.result));
    say("Inputs:", hex(record.inputs));
    say("Stdout:", hex(record.stdout));
    say("Stderr:", hex(record.stderr));
    if let Some(git) = &record.git {
        let dirty = if git.is_dirty { ", with changes" } else { "" };
        say("Git:", escaped(format!("{} {}{dirty}", git.commit, git.branch).as_bytes()));
    }
    say("Repeats:", hex(record.reproduces));
    for loss in &record.portable_loss {
        say("Not kept:", format!("{} of {}", escaped(loss.what.as_bytes()), escaped(&loss.path)));
    }
    lines.join("\n") + "\n"
}
