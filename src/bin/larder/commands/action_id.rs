//! `larder action-id`: what would be run, by its id.

use super::project_args::{open_project, project_and_targets};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{git_quoted, json_path};
use larder::action::{Action, Command, Input, InputKind, SCHEME};
use larder::error::{Code, Error, Result};
use larder::id::{Id, hex};
use larder::repo::Repo;
use larder::run::manifest::TaskNo;
use larder::run::{Outlook, Seer};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Arguments of `larder action-id`.
#[derive(clap::Args)]
pub struct ActionId {
    /// The manifest; else the first word if it names one, else the larder.toml here or above
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,

    /// Print what the id is made of, a component a line; of values only what they are equal to
    #[arg(long, conflicts_with = "raw")]
    explain: bool,

    /// Write the bytes of the action, whose SHA-256 is the id
    #[arg(long)]
    raw: bool,

    /// Tasks: names, globs, TASK^deps, TASK^dependents; a manifest may stand first
    #[arg(value_name = "TASK", required = true)]
    words: Vec<String>,
}

impl Subcommand for ActionId {
    const NAME: &'static str = "action-id";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Print the id of what a task would run";
    const MANUAL: Manual = Manual {
        description: "The action of a task is everything that its result can depend on: the command, declared variables, \
            the content of every input, the results of its dependencies, its programs, and what it makes. Equal actions \
            have equal ids, on every machine of a kind and in every directory; nothing is run and nothing is written.\n\n\
            For one task the id is printed, for several each id with two spaces and the name. The results of dependencies \
            must be known: their outputs are in place, or the repository has them.\n\n\
            With --explain a line is a word, a tab, and what belongs to it, with tabs between: scheme; platform; salt; \
            root; shell and a text, or word for each word of a command; cwd; env, name and digest; secret, name and label; \
            input, kind, id or -, path, and of a link what it says; dep and id; tool, name and id; key-from, command and \
            digest; output; arg; depfile. Digests stand for values: they are equal where values are, within one \
            repository, and - where there is none.",
        examples: &[
            ("larder action-id build", "Prints the id of one task's action."),
            ("larder action-id --explain build", "Prints what it is made of."),
            ("larder action-id --raw build | sha256sum", "Prints the id again."),
        ],
        exits: &[
            (5, "The manifest cannot be used."),
            (10, "There is no such task, an input is missing, or what the task depends on has not been run."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (options, words) = project_and_targets(self.file.as_deref(), &self.words)?;
        let project = open_project(&options, &|text| session.ui.warn(text))?;
        if words.is_empty() {
            return Err(Error::new(Code::InvalidArg, "no task is named").with_hint("larder tasks").into());
        }
        let tasks = project.select(&words)?;
        if self.raw && tasks.len() != 1 {
            let message = format!("--raw writes one action, and {} tasks are named", tasks.len());
            return Err(Error::new(Code::InvalidArg, message).into());
        }
        let survey = project.survey(&tasks)?;
        let open = || session.repo();
        let seer = Seer::new(&project, &survey, false, &open)?;
        let graph = project.graph()?;
        let mut needed = vec![false; project.task_count()];
        tasks.iter().for_each(|task| graph.seen_by(*task).iter().for_each(|task| needed[task.index()] = true));
        let is_needed = |task: TaskNo| needed.get(task.index()).copied().unwrap_or_default();
        seer.look_for(&is_needed, &mut |_: Outlook| Ok(()))?;
        for task in &tasks {
            let keyed = seer.key(*task)?;
            let name = &project.manifest()?.task(*task).name;
            if self.raw {
                session.ui.bytes(&keyed.action.encode())?;
            } else if session.ui.is_json() {
                let mut value = json!({"type": "action", "task": name, "id": keyed.id.to_hex()});
                if self.explain {
                    value["components"] = components(&keyed.action, &digests(session, &seer, &keyed.action)?);
                }
                session.ui.json(&value)?;
            } else if self.explain {
                explain(session, &keyed.action, &digests(session, &seer, &keyed.action)?)?;
            } else if tasks.len() == 1 {
                session.ui.line(&keyed.id.to_hex())?;
            } else {
                session.ui.line(&format!("{}  {name}", keyed.id))?;
            }
        }
        Ok(Exit::DONE)
    }
}

/// Makes what is shown of a value: without a repository there is no key to make it with.
struct Digests<'a>(Option<&'a Repo>);

impl Digests<'_> {
    fn of(&self, value: &Id) -> String {
        self.0.map_or_else(|| "-".to_string(), |repo| repo.keyring().digest(value.as_bytes()).to_hex())
    }
}

fn digests<'s>(session: &Session, seer: &'s Seer<'_>, action: &Action) -> Result<Digests<'s>> {
    let has_values = !action.env.is_empty() || !action.key_from.is_empty();
    Ok(Digests(if has_values && !session.has_no_repo() { Some(seer.repo()?) } else { None }))
}

/// What stands beside the path of an input: kind, content, and what a link says.
fn of_input(input: &Input) -> (&'static str, Option<Id>, Option<&[u8]>) {
    match &input.kind {
        InputKind::File { content, .. } => (input.kind.name(), Some(*content), None),
        InputKind::Symlink { text, target } => (input.kind.name(), *target, Some(text)),
        InputKind::Directory | InputKind::Absent => (input.kind.name(), None, None),
    }
}

fn explain(session: &Session, action: &Action, digests: &Digests<'_>) -> anyhow::Result<()> {
    let line = |fields: &[&[u8]]| {
        let mut line: Vec<u8> = fields.join(&b'\t');
        line.push(b'\n');
        session.ui.bytes(&line)
    };
    let one = |what: &str, value: &[u8]| line(&[what.as_bytes(), &git_quoted(value)]);
    let two =
        |what: &str, name: &str, value: &str| line(&[what.as_bytes(), &git_quoted(name.as_bytes()), value.as_bytes()]);
    one("scheme", SCHEME.to_string().as_bytes())?;
    one("platform", action.platform.as_bytes())?;
    if !action.salt.is_empty() {
        one("salt", action.salt.as_bytes())?;
    }
    action.root.iter().try_for_each(|root| one("root", root))?;
    match &action.command {
        Command::Shell(text) => one("shell", text)?,
        Command::Words(words) => words.iter().try_for_each(|word| one("word", word))?,
    }
    one("cwd", if action.cwd.is_empty() { b"." } else { &action.cwd })?;
    action.env.iter().try_for_each(|(name, value)| two("env", name, &digests.of(value)))?;
    action.secrets.iter().try_for_each(|(name, label)| {
        line(&[b"secret", &git_quoted(name.as_bytes()), &git_quoted(label.as_bytes())])
    })?;
    for input in &action.inputs {
        let (kind, id, text) = of_input(input);
        let id = id.map_or_else(|| "-".to_string(), |id| id.to_hex());
        let (path, text) = (git_quoted(&input.path), text.map(git_quoted));
        let mut fields = vec![&b"input"[..], kind.as_bytes(), id.as_bytes(), &path];
        fields.extend(text.as_deref());
        line(&fields)?;
    }
    action.deps.iter().try_for_each(|id| one("dep", id.to_hex().as_bytes()))?;
    action.tools.iter().try_for_each(|(name, id)| two("tool", name, &id.to_hex()))?;
    action.key_from.iter().try_for_each(|(command, value)| two("key-from", command, &digests.of(value)))?;
    action.outputs.iter().try_for_each(|output| one("output", output))?;
    action.args.iter().try_for_each(|arg| one("arg", arg))?;
    action.depfile.iter().try_for_each(|path| one("depfile", path))
}

fn components(action: &Action, digests: &Digests<'_>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let texts = |all: &[Vec<u8>]| all.iter().map(|bytes| text(bytes)).collect::<Vec<_>>();
    let valued = |all: &[(String, Id)]| {
        all.iter().map(|(name, value)| (name.clone(), digests.of(value).into())).collect::<Map<String, Value>>()
    };
    let inputs = action.inputs.iter().map(|input| {
        let (kind, id, link) = of_input(input);
        let mut value = json_path("path", &input.path);
        (value["kind"], value["id"]) = (kind.into(), json!(id.map(|id| id.to_hex())));
        if let Some(link) = link {
            value["link"] = text(link).into();
            if std::str::from_utf8(link).is_err() {
                value["link_hex"] = hex(link).into();
            }
        }
        value
    });
    let (shell, words) = match &action.command {
        Command::Shell(shell) => (Some(text(shell)), None),
        Command::Words(words) => (None, Some(texts(words))),
    };
    json!({
        "scheme": SCHEME,
        "platform": action.platform,
        "salt": action.salt,
        "root": action.root.as_deref().map(text),
        "shell": shell,
        "words": words,
        "cwd": text(&action.cwd),
        "env": valued(&action.env),
        "secrets": action.secrets.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "inputs": inputs.collect::<Vec<_>>(),
        "deps": action.deps.iter().map(|id| id.to_hex()).collect::<Vec<_>>(),
        "tools": action.tools.iter().map(|(name, id)| (name.clone(), id.to_hex().into())).collect::<Map<String, Value>>(),
        "key_from": valued(&action.key_from),
        "outputs": texts(&action.outputs),
        "args": texts(&action.args),
        "depfile": action.depfile.as_deref().map(text),
    })
}
