//! `larder exec-task`: one command, executed as `run` executes tasks.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{signals, utc_time};
use larder::action::{Action, Command};
use larder::config;
use larder::error::{Code, Error, IoContext, Result};
use larder::id::Id;
use larder::object::hash;
use larder::record;
use larder::run::environment::{Environment, find_program};
use larder::run::logs::{LOG_BYTES_MAX, LogIds, LogOptions, Mask, Screen, Stream};
use larder::run::manifest::{EnvVar, Secret, Settings};
use larder::run::process::{Call, Ended, Job, Retries, Stop, persist, run};
use larder::units::parse_duration_seconds;
use serde_json::json;
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `larder exec-task`.
#[derive(clap::Args)]
pub struct ExecTask {
    /// Execute the command of this action, whose object is stored
    #[arg(long, value_name = "ID", conflicts_with_all = ["shell", "cwd", "command"])]
    action: Option<Id>,

    /// Execute this text by sh -c
    #[arg(long, value_name = "TEXT", conflicts_with = "command")]
    shell: Option<OsString>,

    /// The project's root; otherwise the current directory
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    root: PathBuf,

    /// Where the command runs, relative to the root
    #[arg(long, value_name = "DIR", default_value = ".")]
    cwd: PathBuf,

    /// A variable that the command sees: its value, or as it is
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,

    /// A variable that the command sees as it is, whatever the action says
    #[arg(long, value_name = "NAME")]
    pass_env: Vec<String>,

    /// A variable that the command sees and no log shows
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,

    /// Ask its programs for colour
    #[arg(long)]
    color: bool,

    /// End it after this long
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration_seconds)]
    timeout: Option<u64>,

    /// Try so often again when it fails
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,

    /// The longest wait before the first retry, milliseconds; it doubles with each
    #[arg(long, value_name = "MS", default_value_t = larder::run::process::DELAY_MS)]
    retry_delay: u64,

    /// Store what the last attempt printed, and print the ids
    #[arg(short = 'w')]
    write: bool,

    /// The command and its words, which no shell sees
    #[arg(value_name = "COMMAND", last = true, required_unless_present_any = ["action", "shell"])]
    command: Vec<OsString>,
}

impl Subcommand for ExecTask {
    const NAME: &'static str = "exec-task";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Execute one command as run executes tasks";
    const MANUAL: Manual = Manual {
        description: "The command has a process group of its own, nothing on its input, and of the environment only what \
            tasks see: PATH, HOME, USER, LOGNAME and TMPDIR, with LANG=C.UTF-8 and TZ=UTC, and what the options name. \
            When it ends, what is left of its group is ended: told by TERM, killed two seconds later.\n\n\
            What it prints goes to standard error as it comes, without secrets. The answer has lines of a name, a tab \
            and a value: status (success, failed, timeout, cancelled), exit (a number, or `signal` and a number, or \
            `none`), start, wall-ms, user-ms, system-ms, memory-bytes, attempts, survivors (none, ended, killed), \
            stdout, stderr, interleave (ids with -w, otherwise, and when there is nothing, `-`).\n\n\
            Outputs are neither removed before nor stored after: write-tree and record do the latter. With --action, a \
            variable whose value is another than that of the action is refused; --env NAME=VALUE gives those that the \
            manifest sets. Its inputs are taken as they are.",
        examples: &[
            ("larder exec-task -- cc -c main.c", "Executes the compiler in a clean environment."),
            (
                "larder exec-task -w --timeout 60 --shell 'make test'",
                "Stores what the tests print, and gives them a minute.",
            ),
            ("larder exec-task -w --action \"$action\"", "Executes what an action says, here."),
        ],
        exits: &[(15, "The command took too long."), (20, "The command failed.")],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        match (self.write, self.action) {
            (true, _) => Need::Append,
            (_, Some(_)) => Need::Shared,
            _ => Need::Nothing,
        }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let task = self.task(session)?;
        // A repository that cannot be opened is known before anything runs.
        let repo = if self.write { Some(session.repo()?) } else { None };
        let stop = Arc::new(Stop::new()?);
        let told = signals::hand_to(&stop)?;
        let retries = Retries { count: self.retries, delay_ms: self.retry_delay };
        let mut attempts = persist(&retries, &stop, &mut |_| self.attempt(&task, &stop))?;
        let count = attempts.len();
        let Some(ended) = attempts.pop() else { anyhow::bail!("no attempt") };
        if let Some(fault) = ended.logs.fault() {
            session.ui.warn(&format!("not all that it printed could be kept: {fault}"));
        }
        let mut ids = LogIds::default();
        if let Some(repo) = &repo {
            let writer = session.writer(repo)?;
            ids = ended.logs.store(&mut writer.putter())?;
            writer.finish()?;
        }
        let status = status_of(&ended);
        answer(session, &ended, status, count, &ids)?;
        Ok(match (status, told.signal()) {
            ("cancelled", Some(signal)) => Exit(128 + signal),
            ("success", _) => Exit::DONE,
            ("timeout", _) => Exit(15),
            _ => Exit(20),
        })
    }
}

/// What is executed.
struct Task {
    command: Command,
    cwd: PathBuf,
    environment: Vec<(OsString, OsString)>,
    path: OsString,
    log: LogOptions,
}

impl ExecTask {
    fn task(&self, session: &Session) -> anyhow::Result<Task> {
        let process = config::environment();
        let environment = Environment::new(&process, &[]);
        let mut settings = Settings {
            env: self.env.iter().map(|text| variable(text)).collect(),
            pass_env: self.pass_env.clone(),
            secrets: self.secret.iter().map(|name| Secret { name: name.clone(), label: String::new() }).collect(),
            color: self.color,
            ..Settings::default()
        };
        let root = self.root.canonicalize().at("find", &self.root)?;
        let (command, cwd) = match (&self.action, &self.shell) {
            (Some(id), _) => {
                let action = Action::decode(&session.repo()?.read(id)?)?;
                settings.env = of_action(&action, &environment, &settings.env)?;
                let secrets =
                    action.secrets.iter().map(|(name, label)| Secret { name: name.clone(), label: label.clone() });
                settings.secrets.extend(secrets);
                (action.command, root.join(OsStr::from_bytes(&action.cwd)))
            }
            (None, Some(text)) => (Command::Shell(text.as_bytes().to_vec()), root.join(&self.cwd)),
            (None, None) => {
                let words = self.command.iter().map(|word| word.as_bytes().to_vec()).collect();
                (Command::Words(words), root.join(&self.cwd))
            }
        };
        let secrets = environment.secrets(&settings);
        let mask = Mask::new(secrets.iter().map(Vec::as_slice));
        Ok(Task {
            command,
            cwd,
            environment: environment.of_task(&settings),
            path: environment.path(),
            log: LogOptions { bytes_max: LOG_BYTES_MAX, spill: std::env::temp_dir(), mask },
        })
    }

    fn attempt(&self, task: &Task, stop: &Stop) -> Result<Ended> {
        let words: Vec<&OsStr>;
        let program: PathBuf;
        let call = match &task.command {
            Command::Shell(text) => Call::Shell(OsStr::from_bytes(text)),
            Command::Words(all) => {
                words = all.iter().map(|word| OsStr::from_bytes(word)).collect();
                program = program_of(words.first().copied().unwrap_or_default(), &task.path, &task.cwd);
                Call::Words { program: &program, words: &words }
            }
        };
        let to_terminal = std::io::stderr().is_terminal();
        let screens = RefCell::new([Screen::new(true, true), Screen::new(true, true)]);
        let on_output = |stream: Stream, bytes: &[u8]| {
            let mut screens = screens.borrow_mut();
            let screen = &mut screens[usize::from(stream == Stream::Stderr)];
            let passed = if to_terminal { screen.pass(bytes) } else { bytes.into() };
            // Who does not listen does not stop the command.
            let _ = std::io::stderr().lock().write_all(&passed);
        };
        let job = Job {
            call,
            cwd: &task.cwd,
            environment: &task.environment,
            timeout_ms: self.timeout.map(|seconds| seconds.saturating_mul(1000)),
            log: &task.log,
            interactive: false,
        };
        run(&job, stop, &on_output)
    }
}

/// A program that is not found is started by its name all the same, which fails with the words for that.
fn program_of(name: &OsStr, path: &OsStr, cwd: &Path) -> PathBuf {
    let found = name.to_str().and_then(|name| find_program(name, path, cwd));
    found.unwrap_or_else(|| if name.as_bytes().contains(&b'/') { cwd.join(name) } else { name.into() })
}

fn variable(text: &str) -> EnvVar {
    match text.split_once('=') {
        Some((name, value)) => EnvVar { name: name.into(), value: Some(value.into()) },
        None => EnvVar { name: text.into(), value: None },
    }
}

/// The variables of an action, whose values must be those that it was made with: given here, or of the environment.
fn of_action(action: &Action, environment: &Environment, given: &[EnvVar]) -> Result<Vec<EnvVar>> {
    if let Some(other) = given.iter().find(|given| !action.env.iter().any(|(name, _)| *name == given.name)) {
        return Err(Error::new(Code::InvalidArg, format!("the action has no variable {}", other.name)));
    }
    let mut variables = Vec::new();
    for (name, hashed) in &action.env {
        let value = given.iter().find(|given| given.name == *name).and_then(|given| given.value.clone());
        let found = match &value {
            Some(value) => Some(hash(value.as_bytes())),
            None => environment.get(name).map(|value| hash(value.as_bytes())),
        };
        if found != Some(*hashed) {
            let message = format!("the variable {name} does not have the value that the action was made with");
            return Err(Error::new(Code::InvalidArg, message)
                .with_hint(format!("larder exec-task --env {name}=... , or set it in the environment")));
        }
        variables.push(EnvVar { name: name.clone(), value });
    }
    Ok(variables)
}

fn status_of(ended: &Ended) -> &'static str {
    let status = match ended {
        ended if ended.cancelled => record::Status::Cancelled,
        ended if ended.timed_out => record::Status::Timeout,
        ended if ended.is_success() => record::Status::Success,
        _ => record::Status::Failed,
    };
    status.name()
}

fn answer(session: &Session, ended: &Ended, status: &str, attempts: usize, ids: &LogIds) -> anyhow::Result<()> {
    let start = utc_time(ended.start);
    let survivors = format!("{:?}", ended.survivors).to_lowercase();
    let [stdout, stderr, interleave] = [ids.stdout, ids.stderr, ids.interleave].map(|id| id.map(|id| id.to_hex()));
    let (code, signal) = match ended.exit {
        record::Exit::Code(code) => (Some(code), None),
        record::Exit::Signal(signal) => (None, Some(signal)),
        record::Exit::None => (None, None),
    };
    if session.ui.is_json() {
        return session.ui.json(
            &json!({"type": "run", "status": status, "exit": code, "signal": signal, "start": start,
            "wall-ms": ended.wall_ms, "user-ms": ended.user_ms, "system-ms": ended.system_ms,
            "memory-bytes": ended.memory_peak_bytes, "attempts": attempts, "survivors": survivors,
            "stdout": stdout, "stderr": stderr, "interleave": interleave}),
        );
    }
    let exit = match (code, signal) {
        (Some(code), _) => code.to_string(),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "none".to_string(),
    };
    let or_none = |id: Option<String>| id.unwrap_or_else(|| "-".into());
    let lines = [
        ("status", status.to_string()),
        ("exit", exit),
        ("start", start),
        ("wall-ms", ended.wall_ms.to_string()),
        ("user-ms", ended.user_ms.to_string()),
        ("system-ms", ended.system_ms.to_string()),
        ("memory-bytes", ended.memory_peak_bytes.to_string()),
        ("attempts", attempts.to_string()),
        ("survivors", survivors),
        ("stdout", or_none(stdout)),
        ("stderr", or_none(stderr)),
        ("interleave", or_none(interleave)),
    ];
    lines.into_iter().try_for_each(|(name, value)| session.ui.line(&format!("{name}\t{value}")))
}
