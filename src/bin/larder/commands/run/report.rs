//! What a run did, in words and in numbers.

use larder::error::Code;
use larder::run::RunStats;
use larder::units::{format_duration, format_size};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

/// One line.
pub fn summary(stats: &RunStats) -> String {
    let mut text = format!("{} executed, {} cached", stats.executed, stats.cached());
    for (number, what) in [
        (stats.failed, "failed"),
        (stats.skipped, "skipped"),
        (stats.not_started, "not started"),
        (stats.damaged, "damaged in store"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text
}

/// A box with all that --stats tells.
pub fn boxed(stats: &RunStats) -> String {
    let ms = |ms: u64| format_duration(ms as f64 / 1_000.0);
    let times = &stats.durations;
    let rows = [
        ("tasks", format!("{}: {}", stats.tasks, summary(stats))),
        (
            "cache",
            format!(
                "{} hits, {} misses, {:.1} % hits; {} of work saved",
                stats.cached(),
                misses(stats),
                stats.hit_rate() * 100.0,
                ms(stats.saved_ms)
            ),
        ),
        ("stored", format!("{} new, {} written", format_size(stats.added_bytes), format_size(stats.stored_bytes))),
        ("restored", format!("{} files, {}", stats.placed_files, format_size(stats.placed_bytes))),
        (
            "commands",
            format!(
                "{} shortest, {} longest, {} on average, {} in all",
                ms(times.min_ms),
                ms(times.max_ms),
                ms(times.average_ms() as u64),
                ms(times.total_ms)
            ),
        ),
        (
            "time",
            format!("{}; processor {} user, {} system", ms(stats.wall_ms), ms(stats.user_ms), ms(stats.system_ms)),
        ),
        (
            "memory",
            format!(
                "{} at most in a command, {} in larder",
                format_size(stats.memory_peak_bytes),
                format_size(own_bytes())
            ),
        ),
        (
            "errors",
            format!(
                "{} failed, {} retries, {} timeouts, {} warnings",
                stats.failed, stats.retries, stats.timeouts, stats.warnings
            ),
        ),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, text)| format!("{name:<9} {text}")).collect();
    let wide = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let edge = format!("+{}+\n", "-".repeat(wide + 2));
    let inner: String = lines.iter().map(|line| format!("| {line:<wide$} |\n")).collect();
    format!("{edge}{inner}{edge}")
}

/// What --metrics writes, and with a type the last line of JSON. Fields are only ever added.
pub fn metrics(stats: &RunStats) -> Value {
    let processor_ms = stats.user_ms + stats.system_ms;
    let processor = if stats.wall_ms == 0 { 0.0 } else { processor_ms as f64 * 100.0 / stats.wall_ms as f64 };
    json!({
        "tasks": {"total": stats.tasks, "executed": stats.executed, "cached": stats.cached(), "restored": stats.restored,
            "current": stats.current, "failed": stats.failed, "cancelled": stats.cancelled, "skipped": stats.skipped,
            "not_started": stats.not_started},
        "cache": {"hits": stats.cached(), "misses": misses(stats), "hit_rate": stats.hit_rate(),
            "added_bytes": stats.added_bytes, "stored_bytes": stats.stored_bytes, "saved_ms": stats.saved_ms,
            "unstored": stats.unstored, "damaged": stats.damaged, "placed_files": stats.placed_files,
            "placed_bytes": stats.placed_bytes, "displaced": stats.displaced},
        "timing_ms": {"min": stats.durations.min_ms, "max": stats.durations.max_ms,
            "average": stats.durations.average_ms(), "total": stats.durations.total_ms, "wall": stats.wall_ms},
        "resources": {"memory_bytes": own_bytes(), "memory_peak_bytes": stats.memory_peak_bytes,
            "user_ms": stats.user_ms, "system_ms": stats.system_ms, "cpu_percent": processor},
        "errors": {"errors": stats.failed, "retries": stats.retries, "timeouts": stats.timeouts,
            "warnings": stats.warnings, "code": stats.failure.map(Code::name)},
        "cancelled": stats.is_cancelled,
    })
}

fn misses(stats: &RunStats) -> u64 {
    stats.executed + stats.failed
}

/// The most memory that larder itself held.
fn own_bytes() -> u64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |used| u64::try_from(used.max_rss()).unwrap_or(0) * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_has_straight_edges() {
        let stats = RunStats { tasks: 12, executed: 7, failed: 1, skipped: 4, ..RunStats::default() };
        let text = boxed(&stats);
        let lens: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(lens.iter().all(|len| *len == lens[0]) && lens.len() == 10, "{text}");
        assert!(text.contains("| tasks     12: 7 executed, 0 cached, 1 failed, 4 skipped"), "{text}");
    }
}
