//! How a run is named by people: by the id of its record or a beginning of it of at least four digits, with `run:`
//! before it or not; the newest is `latest`. The name of a task is none, since many runs have it.

use super::{Run, Runs};
use crate::error::{Code, Error, Result, fail};

/// Fewer digits than these name nothing, as in git.
const PREFIX_DIGITS_MIN: usize = 4;
/// So many candidates of an ambiguous prefix are listed.
const CANDIDATES_MAX: usize = 10;

impl Runs {
    /// Finds the run that a text names.
    ///
    /// # Errors
    /// FILE_NOT_FOUND; INVALID_ARG for an ambiguous or too short prefix.
    pub fn resolve(&self, text: &str) -> Result<&Run> {
        let name = text.strip_prefix("run:").unwrap_or(text);
        if name == "latest" {
            let newest = self.runs.iter().min_by_key(|run| run.newest_key());
            return newest.ok_or_else(|| Error::new(Code::FileNotFound, "there is no run in the repository"));
        }
        let digits = name.to_ascii_lowercase();
        if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(not_found(name));
        }
        if digits.len() < PREFIX_DIGITS_MIN {
            return fail(Code::InvalidArg, format!("`{name}` is too short: at least {PREFIX_DIGITS_MIN} digits"));
        }
        let mut found: Vec<&Run> = self.runs.iter().filter(|run| run.record.to_hex().starts_with(&digits)).collect();
        found.sort_by_key(|run| run.record);
        found.dedup_by_key(|run| run.record);
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(not_found(name)),
            many => Err(ambiguous(name, many)),
        }
    }
}

fn not_found(name: &str) -> Error {
    Error::new(Code::FileNotFound, format!("no run is called `{}`", name.escape_debug()))
        .with_hint("`larder log --runs` lists them")
}

fn ambiguous(name: &str, found: &[&Run]) -> Error {
    let mut lines = format!("`{name}` is the beginning of {} runs:", found.len());
    for run in found.iter().take(CANDIDATES_MAX) {
        let time = jiff::Timestamp::from_second(run.time_seconds).unwrap_or_default();
        lines.push_str(&format!("\n  {} {time} {}", run.record, run.status.name()));
    }
    if found.len() > CANDIDATES_MAX {
        lines.push_str("\n  ...");
    }
    Error::new(Code::InvalidArg, lines).with_hint("give more digits")
}
