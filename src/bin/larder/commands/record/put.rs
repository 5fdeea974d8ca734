//! `larder record put`: a run that somebody else executed.

use super::super::{Exit, run_view, version_line};
use crate::session::Session;
use crate::ui::json_path;
use larder::action::Action;
use larder::clock::{self, Time};
use larder::context::reach_options;
use larder::error::{Code, Error, Result};
use larder::id::Id;
use larder::keep::publish;
use larder::record::{Exit as Ended, RECORD_BYTES_MAX, Record, Status};
use larder::run::inputs::observed;
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Store a record, and print its id; what it names must be here
#[derive(clap::Args)]
pub struct Put {
    /// The action: its object must be stored
    #[arg(long, value_name = "ID", required_unless_present = "raw")]
    action: Option<Id>,

    /// The portable tree of its outputs
    #[arg(long, value_name = "ID")]
    result: Option<Id>,

    /// The portable tree of its inputs
    #[arg(long, value_name = "ID")]
    inputs: Option<Id>,

    /// What it wrote to standard output; `-` is nothing, here and below
    #[arg(long, value_name = "ID", value_parser = id_or_none)]
    stdout: Option<IdOrNone>,

    /// What it wrote to standard error
    #[arg(long, value_name = "ID", value_parser = id_or_none)]
    stderr: Option<IdOrNone>,

    /// The order in which both were written
    #[arg(long, value_name = "ID", value_parser = id_or_none)]
    interleave: Option<IdOrNone>,

    /// How it ended: success, failed, timeout, cancelled, unstored
    #[arg(long, value_name = "STATUS", default_value = "success", value_parser = run_view::parse_status)]
    status: Status,

    /// Why it ended so
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// The exit status of the command
    #[arg(long, value_name = "NUMBER", conflicts_with = "signal")]
    exit: Option<i32>,

    /// The signal that ended the command
    #[arg(long, value_name = "NUMBER")]
    signal: Option<i32>,

    /// The name of the task
    #[arg(long, value_name = "NAME", default_value = "")]
    task: String,

    /// The project
    #[arg(long, value_name = "NAME", default_value = "")]
    project: String,

    /// When it began, such as 2026-11-21T10:00:00Z; otherwise now
    #[arg(long, value_name = "TIME", value_parser = super::super::time::parse)]
    start: Option<Time>,

    /// How long it took, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    wall_ms: u64,

    /// The project's root: of an action with a depfile, what it names there is noted as read
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    root: PathBuf,

    /// Store these bytes as the record, as get --raw prints them; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with_all = ["action", "result"])]
    raw: Option<PathBuf>,
}

/// An id, or none.
#[derive(Clone, Copy, Debug)]
struct IdOrNone(Option<Id>);

fn id_or_none(text: &str) -> Result<IdOrNone> {
    if text == "-" { Ok(IdOrNone(None)) } else { text.parse().map(|id| IdOrNone(Some(id))) }
}

impl Put {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let record = match &self.raw {
            Some(path) => Record::decode(&read(path)?)
                .map_err(|error| error.context(format!("{} holds no run record", path.display())))?,
            None => self.record()?,
        };
        let repo = session.repo()?;
        let record = match (&self.raw, record.status) {
            // A result counts only while what was read for it is the same.
            (None, Status::Success) if repo.find(&record.action)?.is_some() => {
                let action = Action::decode(&repo.read(&record.action)?)?;
                Record { observed: observed(&self.root, &action)?, ..record }
            }
            _ => record,
        };
        let id = {
            let progress = session.ui.progress("checking");
            let options = session.writer_options()?;
            publish(&repo, &record, clock::now(), &reach_options(&repo), &options, &progress)?
        };
        if session.ui.is_json() {
            let mut value = json_path("task", record.task.as_bytes());
            value["type"] = "run".into();
            value["id"] = json!(id.to_hex());
            value["action"] = json!(record.action.to_hex());
            session.ui.json(&value)?;
        } else {
            session.ui.line(&id.to_hex())?;
        }
        Ok(Exit::DONE)
    }

    fn record(&self) -> Result<Record> {
        let Some(action) = self.action else {
            return Err(Error::new(Code::InvalidArg, "of which action is not said"));
        };
        if self.status == Status::Success && self.result.is_none() {
            return Err(Error::new(Code::InvalidArg, "a success needs the tree of its outputs")
                .with_hint("`--result \"$(larder write-tree --portable ...)\"`"));
        }
        Ok(Record {
            result: self.result,
            inputs: self.inputs,
            stdout: self.stdout.and_then(|id| id.0),
            stderr: self.stderr.and_then(|id| id.0),
            interleave: self.interleave.and_then(|id| id.0),
            status: self.status,
            reason: self.reason.clone(),
            exit: match (self.exit, self.signal) {
                (_, Some(signal)) => Ended::Signal(signal),
                (Some(code), None) => Ended::Code(code),
                (None, None) if self.status == Status::Success => Ended::Code(0),
                (None, None) => Ended::None,
            },
            task: self.task.clone(),
            project: self.project.clone(),
            start: self.start.unwrap_or_else(clock::now),
            wall_ms: self.wall_ms,
            host: larder::fs::host_name(),
            program: version_line(),
            ..Record::new(action)
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = RECORD_BYTES_MAX + 1;
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 > RECORD_BYTES_MAX {
        return Err(Error::new(Code::InvalidArg, format!("{} is too long for a run record", path.display())));
    }
    Ok(bytes)
}
