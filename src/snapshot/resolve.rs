//! How a snapshot, and a path in it, are named by people.
//!
//! `ID`, a prefix of it of at least four digits, a tag, `latest`, `latest:HOST`; each with `~N` for the Nth before it;
//! each with `:PATH` behind. Paths are bytes. After `latest:` a path begins with `/`, or no machine is called so.

use super::{Snapshot, Snapshots};
use crate::error::{Code, Error, Result, fail};
use crate::id::{Id, hex};
use crate::repo::root_path;

/// Fewer digits than these name nothing, as in git.
const PREFIX_DIGITS_MIN: usize = 4;
/// So many candidates of an ambiguous prefix are listed.
const CANDIDATES_MAX: usize = 10;

/// What a text names.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The path in it, if one was given, without a slash at its ends; empty means the root.
    pub path: Option<Vec<u8>>,
}

impl Snapshots {
    /// Finds what a text names.
    ///
    /// # Errors
    /// SNAPSHOT_NOT_FOUND; INVALID_ARG for an ambiguous or too short prefix.
    pub fn resolve(&self, text: &[u8]) -> Result<Target<'_>> {
        let (name, rest) = match text.iter().position(|byte| *byte == b':') {
            // A tag may hold a colon; the whole text is looked at first.
            Some(at) if !self.is_tag(text) => (&text[..at], text.get(at + 1..)),
            _ => (text, None),
        };
        let name = std::str::from_utf8(name).map_err(|_| not_found(&text.escape_ascii().to_string()))?;
        let (base, back) = steps_back(name);
        if base == "latest"
            && let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with(b"/"))
        {
            return self.latest_of_host(rest, back);
        }
        let snapshot = match base {
            "latest" => self.newest(back, |_| true, "the repository")?,
            tag if self.is_tag(tag.as_bytes()) => {
                self.check_no_id(tag)?;
                self.newest(back, |snapshot| snapshot.tags.contains(tag), &format!("the tag `{tag}`"))?
            }
            // A tag may look like `a~1` itself.
            _ if self.is_tag(name.as_bytes()) => self.newest(0, |snapshot| snapshot.tags.contains(name), name)?,
            id => self.ancestor(self.by_id(id)?, back)?,
        };
        Ok(Target { snapshot, path: rest.map(trimmed) })
    }

    fn latest_of_host(&self, rest: &[u8], back: usize) -> Result<Target<'_>> {
        let (host, path) = match rest.iter().position(|byte| *byte == b':') {
            Some(at) => (&rest[..at], rest.get(at + 1..)),
            None => (rest, None),
        };
        let text = String::from_utf8_lossy(host);
        let is_host = |host: &str| self.live.iter().any(|snapshot| snapshot.body.host == host);
        let (name, more) = if is_host(&text) { (text.as_ref(), 0) } else { steps_back(&text) };
        if is_host(name) {
            let what = format!("the machine `{name}`");
            let snapshot = self.newest(back + more, |snapshot| snapshot.body.host == name, &what)?;
            return Ok(Target { snapshot, path: path.map(trimmed) });
        }
        if rest.contains(&b'/') {
            let snapshot = self.newest(back, |_| true, "the repository")?;
            return Ok(Target { snapshot, path: Some(trimmed(rest)) });
        }
        Err(Error::new(Code::SnapshotNotFound, format!("there is no snapshot of a machine `{name}`"))
            .with_hint(format!("a path begins with a slash: `latest:/{name}`")))
    }

    /// The newest but `back` that `is_meant`, among the whole ones.
    fn newest(&self, back: usize, is_meant: impl Fn(&Snapshot) -> bool, what: &str) -> Result<&Snapshot> {
        self.must_be_whole(&format!("the newest snapshot in {what} is not known"))?;
        let mut count = 0;
        let mut partial = 0;
        for snapshot in self.live.iter().rev().filter(|snapshot| is_meant(snapshot)) {
            if snapshot.body.is_partial {
                partial += 1;
            } else if count == back {
                return Ok(snapshot);
            } else {
                count += 1;
            }
        }
        let beside = if partial > 0 {
            format!(" besides {partial} partial ones, which have to be named by id")
        } else {
            String::new()
        };
        let message = match count {
            0 => format!("there is no snapshot in {what}{beside}"),
            _ => format!("{what} has only {count} snapshots{beside}"),
        };
        fail(Code::SnapshotNotFound, message)
    }

    fn ancestor<'a>(&'a self, mut snapshot: &'a Snapshot, back: usize) -> Result<&'a Snapshot> {
        for _ in 0..back {
            let parent = snapshot.body.parent.and_then(|id| self.get(&id));
            snapshot = parent.ok_or_else(|| {
                Error::new(
                    Code::SnapshotNotFound,
                    format!("the parent of snapshot {} is not there", snapshot.id.short()),
                )
            })?;
        }
        Ok(snapshot)
    }

    fn by_id(&self, text: &str) -> Result<&Snapshot> {
        let digits = text.to_ascii_lowercase();
        if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(not_found(text));
        }
        if digits.len() < PREFIX_DIGITS_MIN {
            return fail(Code::InvalidArg, format!("`{text}` is too short: at least {PREFIX_DIGITS_MIN} digits"));
        }
        let found: Vec<&Snapshot> = self.live.iter().filter(|snapshot| has_prefix(&snapshot.id, &digits)).collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] if self.forgotten.iter().any(|id| has_prefix(id, &digits)) => {
                fail(Code::SnapshotNotFound, format!("snapshot {text} was forgotten"))
            }
            [] => self.must_be_readable(&digits).and(Err(not_found(text))),
            many => Err(ambiguous(text, many)),
        }
    }

    /// Refuses the beginning of an id that is that of a record which cannot be read.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn must_be_readable(&self, digits: &str) -> Result<()> {
        match self.damaged.iter().find(|(name, _)| has_prefix(name, digits)) {
            Some((name, error)) => Err(error.retold().context(format!("{} cannot be read", root_path(name)))),
            None => Ok(()),
        }
    }

    /// A tag that other snapshots' ids begin with may mean either.
    fn check_no_id(&self, tag: &str) -> Result<()> {
        let is_prefix =
            (PREFIX_DIGITS_MIN..=64).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = tag.to_ascii_lowercase();
        let is_other = |one: &&Snapshot| has_prefix(&one.id, &digits) && !one.tags.contains(tag);
        match self.live.iter().find(|one| is_prefix && is_other(one)) {
            Some(other) => {
                let message = format!("`{tag}` is a tag, and the beginning of the id {}", other.id);
                Err(Error::new(Code::InvalidArg, message).with_hint("give more digits of the id that is meant"))
            }
            None => Ok(()),
        }
    }

    fn is_tag(&self, text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| self.live.iter().any(|snapshot| snapshot.tags.contains(text)))
    }
}

fn has_prefix(id: &Id, digits: &str) -> bool {
    hex(&id.as_bytes()[..digits.len().div_ceil(2)]).starts_with(digits)
}

/// `name~3` is the third before `name`; `name~` the first.
fn steps_back(name: &str) -> (&str, usize) {
    match name.rsplit_once('~') {
        Some((base, "")) => (base, 1),
        Some((base, count)) => count.parse().map_or((name, 0), |count| (base, count)),
        None => (name, 0),
    }
}

fn trimmed(path: &[u8]) -> Vec<u8> {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(start, |last| last + 1);
    path[start..end].to_vec()
}

fn not_found(text: &str) -> Error {
    Error::new(Code::SnapshotNotFound, format!("no snapshot is called `{text}`"))
}

fn ambiguous(text: &str, found: &[&Snapshot]) -> Error {
    let mut lines = format!("`{text}` is the beginning of {} snapshots:", found.len());
    for snapshot in found.iter().take(CANDIDATES_MAX) {
        let time = jiff::Timestamp::from_second(snapshot.body.start.seconds).unwrap_or_default();
        lines.push_str(&format!("\n  {} {time} {}", snapshot.id, snapshot.body.host));
    }
    if found.len() > CANDIDATES_MAX {
        lines.push_str("\n  ...");
    }
    Error::new(Code::InvalidArg, lines).with_hint("give more digits")
}
