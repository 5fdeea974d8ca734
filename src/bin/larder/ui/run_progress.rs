//! What is seen of a run: a bar and the running tasks on a terminal, a few plain lines in a log, events in JSON
//! (`docs/EVENTS.md`). What fails is told at once, with its output.

use super::canvas::{self, Canvas};
use super::progress::{JSON_INTERVAL_MS, bar_of, is_plain, spinner};
use super::{Ui, escaped};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use larder::clock::Stopwatch;
use larder::id::hex;
use larder::monitor::{Event, Monitor, TaskEnd, TaskEvent};
use larder::run::logs::Screen;
use larder::units::format_duration;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Cells of the bar, where the terminal has room for them.
const BAR_CELLS: usize = 40;
/// So many tasks have a line of their own in a log, unless all output is wanted.
const LINES_MAX: u64 = 500;

/// Listens to one run.
pub struct RunProgress<'a> {
    ui: &'a Ui,
    /// Every task is named, because its output follows.
    names_all: bool,
    watch: Stopwatch,
    bar: Option<ProgressBar>,
    work: Arc<Mutex<Work>>,
}

#[derive(Default)]
struct Work {
    total: u64,
    done: u64,
    lines: u64,
    running: Vec<(String, Instant)>,
    next_line_ms: u64,
    /// Of the task whose output comes: filters for both streams.
    screens: Option<[Screen; 2]>,
}

fn locked(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> RunProgress<'a> {
    pub(super) fn new(ui: &'a Ui, names_all: bool) -> RunProgress<'a> {
        let work = Arc::new(Mutex::new(Work { next_line_ms: interval_ms(ui), ..Work::default() }));
        let is_drawn = ui.shows_progress && !ui.is_json() && std::io::stderr().is_terminal();
        let bar = is_drawn.then(|| {
            let bar = spinner("running");
            bar.set_style(style(&work));
            bar
        });
        *ui.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar.clone();
        RunProgress { ui, names_all, watch: Stopwatch::start(), bar, work }
    }

    fn set_total(&self, items: u64) {
        locked(&self.work).total = items;
        if let Some(bar) = &self.bar {
            bar.set_length(items);
        }
    }

    fn advance(&self, items: u64) {
        let (done, line) = {
            let mut work = locked(&self.work);
            work.done += items;
            (work.done, self.line_if_due(&mut work))
        };
        match (&self.bar, line) {
            (Some(bar), _) => bar.set_position(done),
            (None, Some(Line::Json(value))) => self.ui.json_event(&value),
            (None, Some(Line::Text(text))) => self.ui.say(&text),
            (None, None) => {}
        }
    }

    /// Where there is no bar: a line when the interval is over.
    fn line_if_due(&self, work: &mut Work) -> Option<Line> {
        let now_ms = self.watch.elapsed_ms();
        if !self.ui.shows_progress || self.bar.is_some() || now_ms < work.next_line_ms {
            return None;
        }
        work.next_line_ms = now_ms + interval_ms(self.ui);
        if self.ui.is_json() {
            let running: Vec<&str> = work.running.iter().map(|(name, _)| name.as_str()).collect();
            return Some(Line::Json(json!({"type": "status", "phase": "running", "items": work.done,
                "items_total": work.total, "running": running, "elapsed_ms": now_ms})));
        }
        let rate = work.done as f64 * 1_000.0 / now_ms.max(1) as f64;
        let elapsed = format_duration(now_ms as f64 / 1_000.0);
        let running = running_text(&work.running, usize::MAX);
        let running = if running.is_empty() { running } else { format!("; {running}") };
        Some(Line::Text(format!("{} of {} tasks, {rate:.1}/s, {elapsed}{running}\n", work.done, work.total)))
    }

    fn task(&self, name: &str, what: &TaskEvent<'_>) {
        if self.ui.is_json() {
            self.ui.json_event(&json_of(name, what));
        }
        match what {
            TaskEvent::Started { is_interactive, .. } => {
                locked(&self.work).running.push((name.to_string(), Instant::now()));
                // The terminal is the task's now.
                if let Some(bar) = self.bar.as_ref().filter(|_| *is_interactive) {
                    bar.set_draw_target(ProgressDrawTarget::hidden());
                }
            }
            TaskEvent::Again { why, delay_ms } => {
                self.stopped(name);
                let (seconds, why) = (*delay_ms as f64 / 1_000.0, escaped(why.as_bytes()));
                self.ui.status(&format!("{}: {why}, again in {seconds:.1}s", escaped(name.as_bytes())));
            }
            TaskEvent::Elsewhere => {
                self.ui.status(&format!("{}: another process runs just this: waiting", escaped(name.as_bytes())));
            }
            TaskEvent::Ended { end, why, duration_ms, .. } => {
                self.stopped(name);
                self.ended(name, *end, why, *duration_ms);
                self.advance(1);
            }
            TaskEvent::Output { is_error, bytes } => self.output(*is_error, bytes),
            _ => {}
        }
    }

    fn stopped(&self, name: &str) {
        let mut work = locked(&self.work);
        if let Some(at) = work.running.iter().position(|(other, _)| other == name) {
            work.running.remove(at);
        }
        drop(work);
        if let Some(bar) = self.bar.as_ref().filter(|bar| bar.is_hidden()) {
            bar.set_draw_target(target());
        }
    }

    fn ended(&self, name: &str, end: TaskEnd, why: &str, duration_ms: u64) {
        let to_terminal = [self.ui.out_is_terminal, std::io::stderr().is_terminal()];
        let is_line = {
            let mut work = locked(&self.work);
            work.screens = Some(to_terminal.map(|to_terminal| Screen::new(to_terminal, self.ui.paint_err.is_on)));
            let is_plain_line = end == TaskEnd::Executed && self.bar.is_none();
            work.lines += u64::from(is_plain_line);
            is_plain_line && work.lines <= LINES_MAX
        };
        let shown = escaped(name.as_bytes());
        let took = format_duration(duration_ms as f64 / 1_000.0);
        match end {
            TaskEnd::Failed | TaskEnd::TimedOut | TaskEnd::Cancelled => {
                let why = if why.is_empty() { String::new() } else { format!(": {}", escaped(why.as_bytes())) };
                self.ui.say_unless_json(&format!("{shown}: {}{why}\n", self.ui.paint_err.bad(end.name())));
            }
            TaskEnd::Skipped | TaskEnd::NotStarted if self.ui.verbose == 0 => {}
            TaskEnd::Executed if is_line || self.names_all || self.ui.verbose > 0 => {
                self.ui.status(&format!("{shown}: {} ({took})", end.name()));
            }
            _ if self.names_all || self.ui.verbose > 0 => self.ui.status(&format!("{shown}: {}", end.name())),
            _ => {}
        }
        if !is_line && end == TaskEnd::Executed && locked(&self.work).lines == LINES_MAX + 1 && !self.names_all {
            self.ui.status(&format!("{LINES_MAX} tasks were executed; more of them are only counted"));
        }
    }

    /// A piece of what a task wrote, to where it wrote it.
    fn output(&self, is_error: bool, bytes: &[u8]) {
        if self.ui.is_json() {
            return;
        }
        let passed = match &mut locked(&self.work).screens {
            Some(screens) => screens[usize::from(is_error)].pass(bytes).into_owned(),
            None => bytes.to_vec(),
        };
        if is_error {
            self.ui.say_bytes(&passed);
        } else {
            // That nobody reads it any more is seen by the engine as a wish to stop.
            let _ = self.ui.bytes(&passed).and_then(|()| self.ui.flush());
        }
    }
}

enum Line {
    Text(String),
    Json(Value),
}

impl Monitor for RunProgress<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Total { items, .. } => self.set_total(*items),
            Event::Advance { items, .. } => self.advance(*items),
            Event::Failed { path, error } => self.ui.item_failed(path, error),
            Event::Warning(text) => self.ui.warn(text),
            Event::Task { name, what } => self.task(name, what),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.ui.is_cancelled()
    }
}

impl Drop for RunProgress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        *self.ui.bar.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn interval_ms(ui: &Ui) -> u64 {
    if ui.is_json() { JSON_INTERVAL_MS } else { ui.progress_interval_seconds.max(1) * 1_000 }
}

fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Canvas::new()), super::progress::REDRAWS_HZ)
}

/// `running [####----] 60.0% (6/10) 2.5 tasks/s ETA: 1m36s`, and below it what runs and since when.
fn style(work: &Arc<Mutex<Work>>) -> ProgressStyle {
    let work = work.clone();
    ProgressStyle::with_template("{run}").unwrap_or_else(|_| ProgressStyle::default_bar()).with_key(
        "run",
        move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let room = usize::from(canvas::width()).saturating_sub(1);
            let (done, all) = (state.pos(), state.len().unwrap_or(0));
            let left = format_duration(state.eta().as_secs_f64());
            let (share, rate) = (state.fraction() * 100.0, state.per_sec());
            let after = format!(" {share:.1}% ({done}/{all}) {rate:.1} tasks/s ETA: {left}");
            let cells = room.saturating_sub("running []".len() + after.chars().count()).min(BAR_CELLS);
            let line = format!("running [{}]{after}", bar_of(cells, f64::from(state.fraction()), is_plain()));
            let _ = out.write_str(&line.chars().take(room).collect::<String>());
            // A terminal that cannot go up a line has one.
            let running = if canvas::is_dumb() { String::new() } else { running_text(&locked(&work).running, room) };
            if !running.is_empty() {
                let _ = write!(out, "\n{running}");
            }
        },
    )
}

/// `build 12s, test 3s, and 2 more`, the longest first, in so many characters.
fn running_text(running: &[(String, Instant)], room: usize) -> String {
    const SHOWN_MAX: usize = 8;
    let mut text = String::new();
    for (at, (name, since)) in running.iter().enumerate() {
        let one = format!("{} {}s", escaped(name.as_bytes()), since.elapsed().as_secs());
        let more = format!(", and {} more", running.len() - at);
        let is_last = at + 1 == running.len();
        let len = text.chars().count() + one.chars().count() + 2 + if is_last { 0 } else { more.len() };
        if at > 0 && (at == SHOWN_MAX || len > room) {
            text.push_str(&more);
            break;
        }
        text.push_str(if at == 0 { "" } else { ", " });
        text.push_str(&one);
    }
    text.chars().take(room).collect()
}

fn json_of(name: &str, what: &TaskEvent<'_>) -> Value {
    let mut value = json!({"type": "task", "task": name});
    match what {
        TaskEvent::Started { attempt, .. } => {
            (value["event"], value["attempt"]) = ("started".into(), (*attempt).into());
        }
        TaskEvent::Again { why, delay_ms } => {
            (value["event"], value["why"], value["delay_ms"]) = ("again".into(), (*why).into(), (*delay_ms).into());
        }
        TaskEvent::Elsewhere => value["event"] = "elsewhere".into(),
        TaskEvent::Ended { end, why, duration_ms, action, record } => {
            let id = |id: &Option<larder::id::Id>| id.map(|id| id.to_hex());
            (value["event"], value["end"], value["why"]) = ("ended".into(), end.name().into(), (*why).into());
            (value["duration_ms"], value["action"], value["record"]) =
                ((*duration_ms).into(), id(action).into(), id(record).into());
        }
        TaskEvent::Output { is_error, bytes } => {
            (value["type"], value["text"]) = ("output".into(), String::from_utf8_lossy(bytes).into());
            value["stream"] = if *is_error { "stderr" } else { "stdout" }.into();
            if std::str::from_utf8(bytes).is_err() {
                value["text_hex"] = hex(bytes).into();
            }
        }
        _ => value["event"] = "other".into(),
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_fits_into_a_line() {
        let now = Instant::now();
        let all: Vec<(String, Instant)> = (1..=12).map(|n| (format!("task{n}"), now)).collect();
        assert_eq!(running_text(&all[..2], 80), "task1 0s, task2 0s");
        assert_eq!(running_text(&all[..3], 24), "task1 0s, and 2 more");
        assert!(running_text(&all, 500).ends_with("task8 0s, and 4 more"));
        assert_eq!(running_text(&all, 5), "task1");
        assert_eq!(running_text(&[], 80), "");
    }
}
