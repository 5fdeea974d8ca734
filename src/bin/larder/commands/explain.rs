//! `larder explain`: why a task would run, or need not.

use super::project_args::{open_project, project_and_targets};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{escaped, json_path, local_time, utc_time};
use larder::error::Result;
use larder::id::Id;
use larder::record::Record;
use larder::repo::Repo;
use larder::run::explain::{Difference, Explainer, Explanation, Part, Reason, Value as Held};
use larder::run::manifest::{Manifest, TaskNo};
use larder::run::project::Why;
use larder::run::{Forecast, Seer};
use larder::units::format_duration;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A longer text of a manifest is cut off.
const SHOWN_CHARS_MAX: usize = 120;

/// Arguments of `larder explain`.
#[derive(clap::Args)]
pub struct Explain {
    /// The manifest; else the first word if it names one, else the larder.toml here or above
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,

    /// Tasks: names, globs, TASK^deps, TASK^dependents; otherwise what `larder run` would run
    #[arg(value_name = "TASK")]
    words: Vec<String>,
}

impl Subcommand for Explain {
    const NAME: &'static str = "explain";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Say why tasks would run, or need not";
    const MANUAL: Manual = Manual {
        description: "Compares what each task would run now with its last run: which files, variables, words of the \
            command, programs or results of other tasks are others. Of a task that need not run it says which run made \
            what stands for it. Nothing is run, and nothing is written.\n\n\
            Values of variables are not shown, only that they differ.",
        examples: &[
            ("larder explain build", "Says why `build` would run."),
            ("larder explain --json test | jq .changes", "Prints what changed, for a program."),
        ],
        exits: &[(5, "The manifest cannot be used."), (10, "There is no such task.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (options, words) = project_and_targets(self.file.as_deref(), &self.words)?;
        let project = open_project(&options, &|text| session.ui.warn(text))?;
        let tasks = project.select(&words)?;
        let survey = project.survey(&tasks)?;
        let open = || session.repo();
        let seer = Seer::new(&project, &survey, false, &open)?;
        let explained = Explainer::new(&project, &survey, &seer)?.explain(&tasks)?;
        let teller = Teller { session, manifest: project.manifest()?, seer: &seer };
        for one in &explained {
            if session.ui.is_json() {
                session.ui.json(&teller.json(one)?)?;
            } else {
                teller.text(one)?;
            }
        }
        Ok(Exit::DONE)
    }
}

struct Teller<'a> {
    session: &'a Session,
    manifest: &'a Manifest,
    seer: &'a Seer<'a>,
}

impl Teller<'_> {
    fn text(&self, one: &Explanation) -> anyhow::Result<()> {
        let (ui, paint) = (&self.session.ui, self.session.ui.paint());
        let verdict = match one.what {
            Forecast::Group => "runs nothing: it stands for other tasks".to_string(),
            Forecast::Current => paint.good("current: its outputs are in place"),
            Forecast::Hit => paint.good("hit: a stored result would be put in place"),
            Forecast::Run => paint.doubtful("would run"),
            Forecast::After(_) => paint.doubtful("is not known yet"),
            Forecast::Failed => paint.bad("cannot start"),
        };
        ui.line(&format!("{}: {verdict}", paint.name(&self.name(one.task))))?;
        for reason in &one.reasons {
            ui.line(&format!("  {}", self.reason(reason)))?;
        }
        if let Some((id, record)) = &one.hit {
            ui.line(&format!("  made by {}", of_run(id, record)))?;
        }
        if let Some((id, record)) = &one.since {
            let head = if one.changes.is_empty() { "last run:" } else { "changed since" };
            ui.line(&format!("  {head} {}", of_run(id, record)))?;
        }
        for change in &one.changes {
            ui.line(&format!("    {}", line_of(change)))?;
        }
        Ok(())
    }

    fn name(&self, task: TaskNo) -> String {
        escaped(self.manifest.task(task).name.as_bytes())
    }

    fn reason(&self, reason: &Reason) -> String {
        match reason {
            Reason::Never => "no run of it is known".into(),
            Reason::Uncached => "`cache = false`: it runs each time".into(),
            Reason::Interactive => "it has the terminal: it runs each time".into(),
            Reason::Ended { record, status, why } => {
                let why = if why.is_empty() { String::new() } else { format!(", {}", escaped(why.as_bytes())) };
                format!("the last run of just this ended: {}{why} (run {})", status.name(), record.short())
            }
            Reason::Gone => "the result of its last run is not kept any more".into(),
            Reason::Untrusted => "a result of it is there, and the device that signed it is not trusted".into(),
            Reason::After(other) => {
                let other = self.name(*other);
                format!("it depends on what `{other}` yields, which would run: larder explain {other}")
            }
            Reason::Seen(why) => self.why(why),
            Reason::Cannot(text) => escaped(text.as_bytes()),
        }
    }

    fn why(&self, why: &Why) -> String {
        match why {
            Why::New => "no run of it in this directory is known".into(),
            Why::Uncached => "`cache = false`: it runs each time".into(),
            Why::Unstored => "what its last run left was not stored".into(),
            Why::Definition => "the manifest says something else of it".into(),
            Why::Surroundings => "a variable or what a `key-from` command prints is another".into(),
            Why::Tool(name) => format!("the program {} is another", escaped(name.as_bytes())),
            Why::Input(path) => format!("{} changed, came or went", escaped(path)),
            Why::Pending(task) | Why::Result(task) => format!("`{}` may yield something else", self.name(*task)),
            Why::Output(path) => format!("its output {} changed or is not there", escaped(path)),
        }
    }

    fn json(&self, one: &Explanation) -> Result<Value> {
        let verdict = match one.what {
            Forecast::Group => "group",
            Forecast::Current => "current",
            Forecast::Hit => "hit",
            Forecast::Run => "run",
            Forecast::After(_) => "after",
            Forecast::Failed => "failed",
        };
        let after = match one.what {
            Forecast::After(other) => Some(&self.manifest.task(other).name),
            _ => None,
        };
        let run = |run: &Option<(Id, Record)>| {
            run.as_ref().map(|(id, record)| {
                json!({"record": id.to_hex(), "action": record.action.to_hex(), "task": record.task,
                    "status": record.status.name(), "reason": record.reason, "time": utc_time(record.start),
                    "host": record.host, "duration_ms": record.wall_ms})
            })
        };
        let needs_repo =
            one.changes.iter().any(|change| [&change.before, &change.after].iter().any(|value| is_hidden(value)));
        let repo = if needs_repo { Some(self.seer.repo()?) } else { None };
        Ok(json!({
            "type": "explanation",
            "task": self.manifest.task(one.task).name,
            "verdict": verdict,
            "after": after,
            "action": one.action.map(|id| id.to_hex()),
            "hit": run(&one.hit),
            "since": run(&one.since),
            "changes": one.changes.iter().map(|change| json_of(change, repo)).collect::<Vec<_>>(),
            "reasons": one.reasons.iter().map(|reason| self.json_reason(reason)).collect::<Vec<_>>(),
        }))
    }

    fn json_reason(&self, reason: &Reason) -> Value {
        let code = match reason {
            Reason::Never => "never",
            Reason::Uncached => "uncached",
            Reason::Interactive => "interactive",
            Reason::Ended { .. } => "ended",
            Reason::Gone => "gone",
            Reason::Untrusted => "untrusted",
            Reason::After(_) => "after",
            Reason::Seen(Why::Output(_)) => "output",
            Reason::Seen(_) => "seen",
            Reason::Cannot(_) => "cannot",
        };
        let mut value = json!({"reason": code, "text": self.reason(reason)});
        match reason {
            Reason::Ended { record, status, .. } => {
                (value["record"], value["status"]) = (record.to_hex().into(), status.name().into());
            }
            Reason::Seen(Why::Output(path) | Why::Input(path)) => {
                value["path"] = json_path("path", path)["path"].take()
            }
            _ => {}
        }
        value
    }
}

fn of_run(id: &Id, record: &Record) -> String {
    let took = format_duration(record.wall_ms as f64 / 1_000.0);
    let (time, host) = (local_time(record.start), escaped(record.host.as_bytes()));
    format!("run {} of {time} on {host} ({}, {took})", id.short(), record.status.name())
}

fn line_of(change: &Difference) -> String {
    let name = if change.name.is_empty() { String::new() } else { format!(" {}", cut(&escaped(&change.name))) };
    let head = format!("{}{name}", change.part.name());
    match (&change.before, &change.after) {
        (None, _) => match (&change.part, &change.after) {
            (Part::Word | Part::Line | Part::Argument, Some(Held::Text(text))) => {
                format!("{head}: new: {}", cut(&escaped(text)))
            }
            _ => format!("{head}: new"),
        },
        (_, None) => format!("{head}: gone"),
        (Some(Held::Text(before)), Some(Held::Text(after))) => {
            format!("{head}: {} -> {}", cut(&escaped(before)), cut(&escaped(after)))
        }
        (Some(Held::File(before, was)), Some(Held::File(after, is))) if before == after => {
            let word = |executable: bool| if executable { "executable" } else { "not executable" };
            format!("{head}: {} -> {}", word(*was), word(*is))
        }
        (Some(Held::Hidden(_)), Some(Held::Hidden(_))) => format!("{head}: another value"),
        (Some(before), Some(after)) => match (content(before), content(after)) {
            (Some(before), Some(after)) => format!("{head}: {} -> {}", before.short(), after.short()),
            _ => format!(
                "{head}: {}",
                if change.part == Part::Dependency { "another result" } else { "another content" }
            ),
        },
    }
}

fn content(value: &Held) -> Option<&Id> {
    match value {
        Held::Content(id) | Held::File(id, _) => Some(id),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_string(),
    }
}

fn is_hidden(value: &Option<Held>) -> bool {
    matches!(value, Some(Held::Hidden(_)))
}

fn json_of(change: &Difference, repo: Option<&Repo>) -> Value {
    let of = |value: &Option<Held>| match value {
        None => Value::Null,
        Some(Held::Text(text)) => String::from_utf8_lossy(text).into(),
        Some(Held::Content(id)) => id.to_hex().into(),
        Some(Held::File(id, false)) => id.to_hex().into(),
        Some(Held::File(id, true)) => json!(format!("{id} executable")),
        Some(Held::Hidden(id)) => repo.map(|repo| repo.keyring().digest(id.as_bytes()).to_hex()).into(),
        Some(Held::Kind(kind)) => (*kind).into(),
    };
    let mut value = json_path("name", &change.name);
    value["what"] = change.part.name().into();
    value["change"] = match (&change.before, &change.after) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    }
    .into();
    (value["before"], value["after"]) = (of(&change.before), of(&change.after));
    value
}
