//! The terminal: the only writer to stdout and stderr.
//!
//! stdout is the answer and nothing else. What goes on, warnings and failures go to stderr. With `--json` both speak
//! JSON lines with a `type`.

mod canvas;
pub mod failure;
mod paint;
mod progress;
mod run_progress;
pub mod signals;
mod table;
pub mod terminal;
mod text;

pub use paint::Paint;
pub use progress::Progress;
pub use run_progress::RunProgress;
pub use table::{Align, Table};
pub use text::{counted, escaped, git_quoted, json_path, local_time, utc_time};

use crate::commands::Exit;
use crate::globals::Globals;
use failure::Failure;
use indicatif::ProgressBar;
use larder::backend::Location;
use larder::config;
use larder::error::{Code, Error};
use larder::run::process::Stop;
use signals::{Cancellation, Told};
use std::backtrace::BacktraceStatus;
use std::io::{self, BufWriter, IsTerminal, StderrLock, Stdout, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How much of an answer is gathered before it is written.
const ANSWER_BUFFER_BYTES: usize = 64 << 10;

/// The way to the user.
pub struct Ui {
    command: Option<&'static str>,
    /// What -r names, where it can be shown as it is typed.
    repo: Option<String>,
    quiet: bool,
    verbose: u8,
    json: AtomicBool,
    shows_progress: bool,
    progress_interval_seconds: u64,
    out: Mutex<BufWriter<Stdout>>,
    out_is_terminal: bool,
    paint_out: Paint,
    paint_err: Paint,
    /// The reader of stdout went away.
    closed: AtomicBool,
    bar: Mutex<Option<ProgressBar>>,
    cancellation: OnceLock<Cancellation>,
    told: OnceLock<Told>,
}

/// The reader of our answer went away: no failure, only an end.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output went away")]
pub struct ClosedPipe;

/// A repository's address as one types it; none, if a part of it is not shown or a shell would take it apart.
fn typed(repo: &Path) -> Option<String> {
    let location = Location::parse(repo.as_os_str()).ok()?;
    let shown = location.to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:.-_@+,".contains(c);
    (location.address() == *shown && shown.chars().all(is_plain)).then_some(shown)
}

impl Ui {
    /// For these options, this terminal, and the command that is run, if one is.
    pub fn new(globals: &Globals, command: Option<&'static str>) -> Ui {
        let dumb = canvas::is_dumb();
        let colour = !globals.no_color && !globals.json && !dumb && config::variable("NO_COLOR").is_none();
        let out_is_terminal = io::stdout().is_terminal();
        Ui {
            command,
            repo: globals.repo.as_deref().and_then(typed),
            quiet: globals.quiet,
            verbose: globals.verbose,
            json: AtomicBool::new(globals.json),
            shows_progress: !globals.quiet && !globals.no_progress,
            progress_interval_seconds: globals.progress_interval.unwrap_or(progress::LOG_INTERVAL_SECONDS),
            out: Mutex::new(BufWriter::with_capacity(ANSWER_BUFFER_BYTES, io::stdout())),
            out_is_terminal,
            paint_out: Paint { is_on: colour && out_is_terminal },
            paint_err: Paint { is_on: colour && io::stderr().is_terminal() },
            closed: AtomicBool::new(false),
            bar: Mutex::new(None),
            cancellation: OnceLock::new(),
            told: OnceLock::new(),
        }
    }

    /// Whether the answer shall be JSON lines.
    pub fn is_json(&self) -> bool {
        self.json.load(Ordering::Relaxed)
    }

    /// From now on it is JSON lines.
    pub fn speak_json(&self) {
        self.json.store(true, Ordering::Relaxed);
    }

    /// Whether only answers and failures are wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How often `-v` was said.
    pub fn verbosity(&self) -> u8 {
        self.verbose
    }

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// The colours of the answer.
    pub fn paint(&self) -> Paint {
        self.paint_out
    }

    /// Writes bytes of the answer.
    pub fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let write = || {
            let mut out = self.out();
            out.write_all(bytes)?;
            if self.out_is_terminal { out.flush() } else { Ok(()) }
        };
        let bar = if self.out_is_terminal { self.current_bar() } else { None };
        let outcome = match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        outcome.map_err(|error| self.output_failed(error))
    }

    /// Writes text of the answer.
    pub fn text(&self, text: &str) -> anyhow::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes one line of the answer.
    pub fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut line = String::with_capacity(text.len() + 1);
        line.push_str(text);
        line.push('\n');
        self.bytes(line.as_bytes())
    }

    /// Writes one JSON line of the answer.
    pub fn json(&self, value: &serde_json::Value) -> anyhow::Result<()> {
        self.line(&value.to_string())
    }

    /// Writes a JSON line from within an engine, which cannot be told that the reader went away: it sees that it is
    /// cancelled, and [`Ui::end`] knows why.
    fn json_event(&self, value: &serde_json::Value) {
        let _ = self.json(value).and_then(|()| self.flush());
    }

    /// Sends what was written on its way, for readers that wait for it.
    pub fn flush(&self) -> anyhow::Result<()> {
        let outcome = self.out().flush();
        outcome.map_err(|error| self.output_failed(error))
    }

    /// A writer of the answer, for engines that stream.
    pub fn writer(&self) -> Answer<'_> {
        Answer(self)
    }

    /// Says what goes on; silent with `-q` and in JSON.
    pub fn status(&self, text: &str) {
        if !self.quiet && !self.is_json() {
            self.say(&format!("{text}\n"));
        }
    }

    /// Says who speaks, at a terminal.
    pub fn banner(&self) {
        if io::stderr().is_terminal() && !self.is_json() {
            let name = self.paint_err.name("larder");
            self.say(&format!("{name} {}: what you have, and how you made it\n", env!("CARGO_PKG_VERSION")));
        }
    }

    /// Says something that the user should know and that is no failure.
    pub fn warn(&self, text: &str) {
        if self.is_json() {
            self.json_event(&serde_json::json!({"type": "warning", "message": text}));
        } else {
            self.say(&format!("{} {}\n", self.paint_err.doubtful("warning:"), text::lines_escaped(text)));
        }
    }

    /// Reports one failed item while the rest goes on (promise 10).
    pub fn item_failed(&self, path: &[u8], error: &Error) {
        if self.is_json() {
            let mut value = text::json_path("path", path);
            value["type"] = "failed".into();
            value["code"] = error.code().name().into();
            value["message"] = text::one_line(error).into();
            self.json_event(&value);
        } else {
            let (head, path, message) = (self.paint_err.bad("larder:"), escaped(path), text::one_line(error));
            let path = if message.contains(&path) { String::new() } else { format!("{path}: ") };
            self.say(&format!("{head} {path}{message} [{}]\n", error.code().name()));
        }
    }

    /// Listens to an engine, shows how far it is, and passes SIGINT on as a wish to stop.
    pub fn progress(&self, what: &'static str) -> Progress<'_> {
        self.progress_of_items(what, false)
    }

    /// The same; with `names_items`, what is done with each item is the answer.
    pub fn progress_of_items(&self, what: &'static str, names_items: bool) -> Progress<'_> {
        self.cancellation.get_or_init(Cancellation::listen);
        Progress::new(self, what, names_items)
    }

    /// Listens to a run of tasks; with `names_all` it names every task, whose output follows. What larder is told goes to
    /// the tasks, too.
    ///
    /// # Errors
    /// SYSTEM_ERROR when signals cannot be caught.
    pub fn run_progress(&self, stop: &Arc<Stop>, names_all: bool) -> larder::error::Result<RunProgress<'_>> {
        let told = signals::hand_to(stop)?;
        self.told.get_or_init(|| told);
        Ok(RunProgress::new(self, names_all))
    }

    /// Ends the command: what is left is written, a failure is printed, the status is chosen.
    pub fn end(&self, outcome: anyhow::Result<Exit>) -> ExitCode {
        let flushed = self.flush();
        let signal = self.cancellation.get().and_then(Cancellation::signal);
        let signal = signal.or_else(|| self.told.get().and_then(Told::signal));
        match outcome.and_then(|exit| flushed.map(|()| exit)) {
            _ if self.closed.load(Ordering::Relaxed) => signals::end_by_closed_pipe(),
            Ok(exit) => ExitCode::from(signal.map_or(exit.0, |signal| 128 + signal)),
            Err(error) => {
                let failure = Failure::of(&error, self.command, self.repo.as_deref());
                self.say(&match (self.is_json(), self.quiet) {
                    (true, _) => format!("{}\n", failure.json()),
                    (false, true) => failure.line(self.paint_err),
                    (false, false) => failure.text(self.paint_err),
                });
                let trace = error.backtrace();
                if trace.status() == BacktraceStatus::Captured && !failure.is_usage() && !self.is_json() {
                    self.say(&format!("{trace}\n"));
                }
                ExitCode::from(signal.map_or(failure.exit_status(), |signal| 128 + signal))
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.told.get().is_some_and(|told| told.signal().is_some())
            || self.closed.load(Ordering::Relaxed)
            || self.cancellation.get().is_some_and(Cancellation::is_asked)
    }

    /// Writes to stderr above a progress bar. A stderr that cannot be written to is nobody's business.
    fn say(&self, text: &str) {
        let write = || {
            let mut err: StderrLock<'_> = io::stderr().lock();
            let _ = err.write_all(text.as_bytes());
        };
        match self.current_bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Says something that programs are told otherwise.
    fn say_unless_json(&self, text: &str) {
        if !self.is_json() {
            self.say(text);
        }
    }

    /// Writes bytes that are not ours to stderr above a progress bar.
    fn say_bytes(&self, bytes: &[u8]) {
        let write = || {
            let _ = io::stderr().lock().write_all(bytes);
        };
        match self.current_bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn current_bar(&self) -> Option<ProgressBar> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn out(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn output_failed(&self, error: io::Error) -> anyhow::Error {
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.closed.store(true, Ordering::Relaxed);
            return ClosedPipe.into();
        }
        // Not STORAGE_FULL, whatever the system says: that would be the repository's medium.
        Error::new(Code::FileIo, "the answer cannot be written").with_source(error).into()
    }
}

/// Writes the answer as a stream.
pub struct Answer<'a>(&'a Ui);

impl Write for Answer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.0.out().write(bytes);
        outcome.inspect_err(|error| self.note(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.0.out().flush();
        outcome.inspect_err(|error| self.note(error))
    }
}

impl Answer<'_> {
    fn note(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.0.closed.store(true, Ordering::Relaxed);
        }
    }
}
