//! How far an engine is: a bar or a spinner on a terminal, a line per interval in a log, nothing with `-q`.

use super::canvas::{self, Canvas};
use super::{Ui, text};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressState, ProgressStyle};
use larder::clock::Stopwatch;
use larder::config;
use larder::monitor::{Change, Event, Monitor};
use larder::units::{format_duration, format_size};
use serde_json::json;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a log gets a line, unless the user says otherwise.
pub const LOG_INTERVAL_SECONDS: u64 = 60;
/// How often JSON readers get a status, at most.
pub(super) const JSON_INTERVAL_MS: u64 = 1_000;
/// Redraws a second, at most.
pub(super) const REDRAWS_HZ: u8 = 10;
/// Cells of the bar, where the terminal has room for them.
const BAR_CELLS: usize = 40;

/// Listens to one engine.
pub struct Progress<'a> {
    ui: &'a Ui,
    watch: Stopwatch,
    phase: Mutex<String>,
    items: AtomicU64,
    bytes: AtomicU64,
    items_total: AtomicU64,
    bytes_total: AtomicU64,
    next_line_ms: AtomicU64,
    bar: Option<ProgressBar>,
    /// The bar stands for bytes, not for items.
    counts_bytes: AtomicBool,
    names_items: bool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(ui: &'a Ui, what: &'static str, names_items: bool) -> Progress<'a> {
        let bar = (ui.shows_progress && !ui.is_json() && std::io::stderr().is_terminal()).then(|| spinner(what));
        *ui.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar.clone();
        Progress {
            ui,
            watch: Stopwatch::start(),
            phase: Mutex::new(what.to_string()),
            items: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            items_total: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
            next_line_ms: AtomicU64::new(if ui.is_json() {
                JSON_INTERVAL_MS
            } else {
                ui.progress_interval_seconds * 1_000
            }),
            bar,
            counts_bytes: AtomicBool::new(false),
            names_items,
        }
    }

    fn enter(&self, phase: &str) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase.to_string();
        for counter in [&self.items, &self.bytes, &self.items_total, &self.bytes_total] {
            counter.store(0, Relaxed);
        }
        if let Some(bar) = &self.bar {
            // The style first: another thread may draw at any moment.
            bar.set_style(spinner_style());
            bar.set_prefix(phase.to_string());
            bar.set_message("");
            bar.reset();
            bar.unset_length();
        }
    }

    fn set_total(&self, items: u64, bytes: u64) {
        self.items_total.store(items, Relaxed);
        self.bytes_total.store(bytes, Relaxed);
        // Of nothing no share can be shown.
        if let Some(bar) = self.bar.as_ref().filter(|_| items > 0 || bytes > 0) {
            let was_known = bar.length().is_some();
            // What was first found may have been names only: sizes come later.
            let is_other = self.counts_bytes.swap(bytes > 0, Relaxed) != (bytes > 0) || !was_known;
            if is_other {
                let done = if bytes > 0 { &self.bytes } else { &self.items };
                bar.set_style(spinner_style());
                bar.set_position(done.load(Relaxed));
            }
            bar.set_length(if bytes > 0 { bytes } else { items });
            if is_other {
                bar.reset_eta();
                bar.set_style(bar_style(bytes > 0, self.phase()));
            }
        }
    }

    fn phase(&self) -> String {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn advance(&self, items: u64, bytes: u64) {
        let items = self.items.fetch_add(items, Relaxed) + items;
        let bytes = self.bytes.fetch_add(bytes, Relaxed) + bytes;
        match &self.bar {
            Some(bar) => {
                let counts_bytes = self.bytes_total.load(Relaxed) > 0 || bar.length().is_none() && bytes > 0;
                bar.set_position(if counts_bytes { bytes } else { items });
                if bar.length().is_none() {
                    bar.set_message(so_far(items, bytes));
                }
            }
            None => self.line_if_due(items, bytes),
        }
    }

    /// Where there is no bar: a line when the interval is over.
    fn line_if_due(&self, items: u64, bytes: u64) {
        if !self.ui.shows_progress {
            return;
        }
        let (now, due) = (self.watch.elapsed_ms(), self.next_line_ms.load(Relaxed));
        let interval =
            if self.ui.is_json() { JSON_INTERVAL_MS } else { self.ui.progress_interval_seconds.max(1) * 1_000 };
        if now < due || self.next_line_ms.compare_exchange(due, now + interval, Relaxed, Relaxed).is_err() {
            return;
        }
        let phase = self.phase();
        let (items_total, bytes_total) = (self.items_total.load(Relaxed), self.bytes_total.load(Relaxed));
        if self.ui.is_json() {
            let status = json!({"type": "status", "phase": phase, "items": items, "bytes": bytes,
                "items_total": items_total, "bytes_total": bytes_total, "elapsed_ms": now});
            self.ui.json_event(&status);
            return;
        }
        let rate = (bytes as f64 / (now as f64 / 1_000.0)) as u64;
        let of = match (bytes_total, items_total) {
            (0, 0) => String::new(),
            (0, items) => format!(" of {items}"),
            (bytes, _) => format!(" of {}", format_size(bytes)),
        };
        let elapsed = format_duration(now as f64 / 1_000.0);
        self.ui.say(&format!("{phase}: {}{of}, {}/s, {elapsed}\n", so_far(items, bytes), format_size(rate)));
    }

    fn item(&self, path: &[u8], change: Change, bytes: u64) {
        let verbosity = self.ui.verbose + u8::from(self.names_items && !self.ui.quiet);
        if verbosity == 0 || (verbosity == 1 && change == Change::Unmodified) {
            return;
        }
        let word = match change {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Unmodified => "unmodified",
            Change::Removed => "removed",
            Change::Skipped => "skipped",
        };
        if self.ui.is_json() {
            let mut value = text::json_path("path", path);
            value["type"] = "item".into();
            value["change"] = word.into();
            if change != Change::Skipped {
                value["bytes"] = bytes.into();
            }
            self.ui.json_event(&value);
        } else {
            // What is skipped is not looked at.
            let size = if change == Change::Skipped { String::new() } else { format!(" ({})", format_size(bytes)) };
            let line = format!("{word:<10} {}{size}\n", super::escaped(path));
            if self.names_items {
                // That nobody reads it any more is seen by the engine as a wish to stop.
                let _ = self.ui.text(&line);
            } else {
                self.ui.say(&line);
            }
        }
    }
}

impl Monitor for Progress<'_> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Phase(phase) => self.enter(phase),
            Event::Total { items, bytes } => self.set_total(*items, *bytes),
            Event::Advance { items, bytes } => self.advance(*items, *bytes),
            Event::Item { path, change, bytes } => self.item(path, *change, *bytes),
            Event::Failed { path, error } => self.ui.item_failed(path, error),
            Event::Warning(text) => self.ui.warn(text),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.ui.is_cancelled()
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        *self.ui.bar.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn so_far(items: u64, bytes: u64) -> String {
    match (items, bytes) {
        (items, 0) => items.to_string(),
        (0, bytes) => format_size(bytes),
        (items, bytes) => format!("{items}, {}", format_size(bytes)),
    }
}

pub(super) fn spinner(what: &'static str) -> ProgressBar {
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(Canvas::new()), REDRAWS_HZ);
    let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
    bar.set_style(spinner_style());
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(1_000 / u64::from(REDRAWS_HZ)));
    bar
}

pub(super) fn is_plain() -> bool {
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| config::variable(name)).is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    });
    !utf8 || canvas::is_dumb()
}

fn spinner_style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{spinner} {prefix} {msg} {elapsed_seconds}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("elapsed_seconds", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "({}s)", state.elapsed().as_secs());
        });
    if is_plain() { style.tick_chars("|/-\\ ") } else { style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ") }
}

/// `reading [####----] 60.0% (6/10) 2.5/s ETA: 1m36s`, or the same in bytes. Where the terminal is narrow, with fewer
/// cells, and cut off at its edge.
fn bar_style(counts_bytes: bool, phase: String) -> ProgressStyle {
    ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar()).with_key(
        "line",
        move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let after = after_bar(counts_bytes, state);
            let room = usize::from(canvas::width()).saturating_sub(1);
            let cells = room.saturating_sub(phase.chars().count() + " []".len() + after.chars().count()).min(BAR_CELLS);
            let line = format!("{phase} [{}]{after}", bar_of(cells, f64::from(state.fraction()), is_plain()));
            let _ = out.write_str(&line.chars().take(room).collect::<String>());
        },
    )
}

/// So many cells, filled as far as this share.
pub(super) fn bar_of(cells: usize, share: f64, is_plain: bool) -> String {
    let [full, begun, empty] = if is_plain { ["#", "#", "-"] } else { ["█", "▓", "░"] };
    let filled = ((share * cells as f64) as usize).min(cells);
    let begun = if filled < cells && share > 0.0 { begun } else { "" };
    let left = cells - filled - usize::from(!begun.is_empty());
    format!("{}{begun}{}", full.repeat(filled), empty.repeat(left))
}

fn after_bar(counts_bytes: bool, state: &ProgressState) -> String {
    let (done, all, rate) = (state.pos(), state.len().unwrap_or(0), state.per_sec());
    let (done, all, rate) = if counts_bytes {
        (format_size(done), format_size(all), format_size(rate as u64))
    } else {
        (done.to_string(), all.to_string(), format!("{rate:.1}"))
    };
    let (share, left) = (state.fraction() * 100.0, format_duration(state.eta().as_secs_f64()));
    format!(" {share:.1}% ({done}/{all}) {rate}/s ETA: {left}")
}

#[cfg(test)]
mod tests {
    use super::bar_of;

    #[test]
    fn a_bar_has_as_many_cells_as_asked_for() {
        for (share, bar) in [(0.0, "----------"), (0.04, "#---------"), (0.55, "######----"), (1.0, "##########")] {
            assert_eq!(bar_of(10, share, true), bar);
        }
        assert_eq!(bar_of(4, 0.6, false), "██▓░");
        assert_eq!(bar_of(0, 0.6, false), "");
    }
}
