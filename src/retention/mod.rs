//! Which snapshots a policy keeps, and why.
//!
//! Floor 4; DESIGN section 7. The rules are those of restic: the newest snapshot of each hour, day, week ... is kept for
//! so many of them, within so long of the newest. What is added here: 0 is refused, the last snapshot of a source
//! stays, partial snapshots take no place from whole ones, and what an untrusted device wrote none from a trusted.

mod period;
#[cfg(test)]
mod tests;

pub use period::Period;

use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::snapshot::{Filter, Snapshot};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// How many, or how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many periods that have a snapshot, from the newest back.
    Count(u32),
    /// All of them.
    Unlimited,
    /// Those less than so many seconds older than the newest snapshot of the group.
    WithinSeconds(u64),
}

impl Limit {
    /// Reads a count: a number, or `unlimited`.
    ///
    /// # Errors
    /// INVALID_ARG for anything else, and for 0.
    pub fn parse_count(text: &str) -> Result<Limit> {
        match text {
            "unlimited" | "all" => Ok(Limit::Unlimited),
            "0" => Err(zero()),
            number => number.parse().map(Limit::Count).map_err(|_| {
                Error::new(Code::InvalidArg, format!("`{text}` is not a number of snapshots"))
                    .with_hint("write a number from 1 on, or `unlimited`")
            }),
        }
    }
}

/// What to keep. What no rule keeps is to be forgotten.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<(Period, Limit)>,
    tags: Vec<Vec<String>>,
    younger_than_seconds: Option<u64>,
}

impl Policy {
    /// Keeps the newest snapshot of each of these periods.
    ///
    /// # Errors
    /// INVALID_ARG for 0, which would keep nothing: to keep nothing is never meant.
    pub fn keep(&mut self, period: Period, limit: Limit) -> Result<()> {
        if matches!(limit, Limit::Count(0) | Limit::WithinSeconds(0)) {
            return Err(zero());
        }
        self.rules.push((period, limit));
        Ok(())
    }

    /// Keeps snapshots that have all of these tags.
    ///
    /// # Errors
    /// INVALID_ARG for no tag.
    pub fn keep_tags(&mut self, tags: Vec<String>) -> Result<()> {
        if tags.is_empty() || tags.iter().any(String::is_empty) {
            return fail(Code::InvalidArg, "an empty tag keeps nothing");
        }
        self.tags.push(tags);
        Ok(())
    }

    /// Keeps snapshots that are younger than this now, in seconds: unlike [`Limit::WithinSeconds`], a source that is
    /// backed up no longer loses all but its last.
    ///
    /// # Errors
    /// INVALID_ARG for 0.
    pub fn keep_younger(&mut self, seconds: u64) -> Result<()> {
        if seconds == 0 {
            return Err(zero());
        }
        self.younger_than_seconds = Some(seconds);
        Ok(())
    }

    /// Whether it has no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.tags.is_empty() && self.younger_than_seconds.is_none()
    }
}

/// What snapshots have in common that a policy counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupBy {
    /// The machine.
    pub host: bool,
    /// The sources.
    pub paths: bool,
    /// The tags.
    pub tags: bool,
}

impl Default for GroupBy {
    fn default() -> Self {
        GroupBy { host: true, paths: true, tags: false }
    }
}

impl GroupBy {
    /// Reads `host,paths,tags` or a part of it; the empty text puts all in one group.
    ///
    /// # Errors
    /// INVALID_ARG for another word.
    pub fn parse(text: &str) -> Result<GroupBy> {
        let mut by = GroupBy { host: false, paths: false, tags: false };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "host" | "hosts" => by.host = true,
                "path" | "paths" => by.paths = true,
                "tag" | "tags" => by.tags = true,
                _ => {
                    let message = format!("snapshots cannot be grouped by `{word}`");
                    return Err(Error::new(Code::InvalidArg, message).with_hint("host, paths and tags can be given"));
                }
            }
        }
        Ok(by)
    }

    /// What a snapshot's group has in common.
    pub fn key(&self, snapshot: &Snapshot) -> GroupKey {
        let body = &snapshot.body;
        GroupKey {
            host: self.host.then(|| body.host.clone()),
            paths: self.paths.then(|| body.paths.iter().cloned().collect()),
            tags: self.tags.then(|| snapshot.tags.clone()),
            is_trusted: snapshot.is_trusted,
        }
    }
}

/// What the snapshots of a group have in common; `None` where they need not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey {
    /// The machine.
    pub host: Option<String>,
    /// The sources.
    pub paths: Option<BTreeSet<Vec<u8>>>,
    /// The tags.
    pub tags: Option<BTreeSet<String>>,
    /// Whether their devices are trusted.
    pub is_trusted: bool,
}

/// Why a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the newest of a period that counts.
    Newest(Period),
    /// It is the oldest of all, and fewer periods than asked for have a snapshot.
    Oldest(Period),
    /// It is the newest of a period, within the time that counts for it.
    Within(Period),
    /// It is young enough.
    Young,
    /// It has these tags.
    Tags(Vec<String>),
    /// A pin record names it.
    Pinned,
    /// It is partial, and nothing came after it.
    NewestPartial,
    /// It is the last of its source.
    LastOfSource,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Newest(period) => f.write_str(period.name()),
            Reason::Oldest(period) => write!(f, "oldest {}", period.name()),
            Reason::Within(Period::Each) => f.write_str("within"),
            Reason::Within(period) => write!(f, "within {}", period.name()),
            Reason::Young => f.write_str("young"),
            Reason::Tags(tags) => write!(f, "tag {}", tags.join(",")),
            Reason::Pinned => f.write_str("pinned"),
            Reason::NewestPartial => f.write_str("newest, partial"),
            Reason::LastOfSource => f.write_str("last of its source"),
        }
    }
}

/// What becomes of a snapshot: it is kept if there is a reason.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Why it is kept; none means it is to be forgotten.
    pub reasons: Vec<Reason>,
}

impl Decision<'_> {
    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// The snapshots that were counted together.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// What they have in common.
    pub key: GroupKey,
    /// What becomes of each, newest first.
    pub decisions: Vec<Decision<'a>>,
}

/// How a policy is applied.
#[derive(Clone, Debug)]
pub struct RetentionOptions {
    /// Which snapshots it is about; others are not touched.
    pub filter: Filter,
    /// What is counted together.
    pub group_by: GroupBy,
    /// Where days begin.
    pub time_zone: TimeZone,
    /// The time, for [`Policy::keep_younger`].
    pub now: Time,
    /// Lets the last snapshot of a source go.
    pub allow_empty: bool,
}

/// Decides about snapshots (`all` that live, oldest first, as `Snapshots::all` answers them).
///
/// # Errors
/// INVALID_ARG for a policy without a rule.
pub fn apply<'a>(all: &'a [Snapshot], policy: &Policy, options: &RetentionOptions) -> Result<Vec<Group<'a>>> {
    if policy.is_empty() {
        return Err(Error::new(Code::InvalidArg, "no rule says which snapshots to keep")
            .with_hint("say for instance `--keep-daily 7 --keep-weekly 4`, or name the snapshots to forget"));
    }
    let mut members: BTreeMap<GroupKey, Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in all.iter().rev().filter(|snapshot| options.filter.matches(snapshot)) {
        members.entry(options.group_by.key(snapshot)).or_default().push(snapshot);
    }
    let mut groups: Vec<Group<'_>> =
        members.into_iter().map(|(key, members)| Group { key, decisions: decide(&members, policy, options) }).collect();
    if !options.allow_empty {
        keep_last_of_sources(all, &mut groups);
    }
    Ok(groups)
}

/// Those of `forgotten` that are the last of their source, which only `--allow-empty` lets go: the newest of each source
/// that would have none left.
pub fn last_of_sources<'a>(all: &'a [Snapshot], forgotten: &HashSet<Id>) -> Vec<&'a Snapshot> {
    /// Whether its device is trusted, its machine, its paths.
    type Source<'s> = (bool, &'s str, BTreeSet<&'s [u8]>);
    let mut last: BTreeMap<Source<'_>, (&Snapshot, bool)> = BTreeMap::new();
    for snapshot in all {
        let paths = snapshot.body.paths.iter().map(Vec::as_slice).collect();
        let entry = last.entry((snapshot.is_trusted, &snapshot.body.host, paths)).or_insert((snapshot, false));
        // A whole one counts before a partial one, else the newer.
        if !snapshot.body.is_partial || entry.0.body.is_partial {
            entry.0 = snapshot;
        }
        let is_kept = !forgotten.contains(&snapshot.id);
        entry.1 |= is_kept;
    }
    last.into_values().filter(|(_, is_any_kept)| !is_any_kept).map(|(snapshot, _)| snapshot).collect()
}

fn keep_last_of_sources(all: &[Snapshot], groups: &mut [Group<'_>]) {
    let forgotten: HashSet<Id> = groups
        .iter()
        .flat_map(|group| &group.decisions)
        .filter(|decision| !decision.is_kept())
        .map(|decision| decision.snapshot.id)
        .collect();
    let last: HashSet<Id> = last_of_sources(all, &forgotten).iter().map(|snapshot| snapshot.id).collect();
    for decision in groups.iter_mut().flat_map(|group| &mut group.decisions) {
        if last.contains(&decision.snapshot.id) {
            decision.reasons.push(Reason::LastOfSource);
        }
    }
}

/// Decides about one group, newest first.
fn decide<'a>(members: &[&'a Snapshot], policy: &Policy, options: &RetentionOptions) -> Vec<Decision<'a>> {
    let whole: Vec<&Snapshot> = members.iter().copied().filter(|snapshot| !snapshot.body.is_partial).collect();
    let newest = whole.iter().map(|snapshot| snapshot.time).max().unwrap_or_default();
    let mut by_period: BTreeMap<Id, Vec<Reason>> = BTreeMap::new();
    for (period, limit) in &policy.rules {
        for (snapshot, reason) in kept_by(&whole, *period, *limit, newest, &options.time_zone) {
            by_period.entry(snapshot.id).or_default().push(reason);
        }
    }
    let decisions = members.iter().enumerate().map(|(index, snapshot)| {
        let mut reasons = by_period.remove(&snapshot.id).unwrap_or_default();
        if policy.younger_than_seconds.is_some_and(|seconds| is_after(snapshot.time, options.now, seconds)) {
            reasons.push(Reason::Young);
        }
        if snapshot.is_pinned {
            reasons.push(Reason::Pinned);
        }
        let has = |tags: &&Vec<String>| tags.iter().all(|tag| snapshot.tags.contains(tag));
        reasons.extend(policy.tags.iter().filter(has).cloned().map(Reason::Tags));
        if index == 0 && snapshot.body.is_partial {
            reasons.push(Reason::NewestPartial);
        }
        Decision { snapshot, reasons }
    });
    decisions.collect()
}

/// What one rule keeps of snapshots, newest first.
fn kept_by<'a>(
    members: &[&'a Snapshot],
    period: Period,
    limit: Limit,
    newest: Time,
    time_zone: &TimeZone,
) -> Vec<(&'a Snapshot, Reason)> {
    let mut left = match limit {
        Limit::Count(count) => u64::from(count),
        Limit::Unlimited | Limit::WithinSeconds(_) => u64::MAX,
    };
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (index, snapshot) in members.iter().copied().enumerate() {
        if left == 0 {
            break;
        }
        let is_new = seen.insert(period.bucket(snapshot.time, index, time_zone));
        let reason = match limit {
            Limit::WithinSeconds(seconds) if !is_after(snapshot.time, newest, seconds) => continue,
            Limit::WithinSeconds(_) if is_new => Reason::Within(period),
            Limit::WithinSeconds(_) => continue,
            _ if is_new => Reason::Newest(period),
            _ if index + 1 == members.len() => Reason::Oldest(period),
            _ => continue,
        };
        kept.push((snapshot, reason));
        left -= 1;
    }
    kept
}

/// Whether `time` is less than `seconds` before `reference`.
fn is_after(time: Time, reference: Time, seconds: u64) -> bool {
    let border = reference.seconds.saturating_sub(i64::try_from(seconds).unwrap_or(i64::MAX));
    time > Time { seconds: border, ..reference }
}

fn zero() -> Error {
    Error::new(Code::InvalidArg, "a retention of 0 would keep nothing, which is never meant")
        .with_hint("leave the rule out, or say `unlimited` to keep all; single snapshots are forgotten by id")
}
