//! Snapshots: what root records say about them, which of them live, and how they are named.
//!
//! Floor 4; FORMAT section 9. A forget record wins over whatever else is said of a snapshot (a tombstone wins wherever
//! records are united); tags are added and removed in order. What a device claims about time is bounded by the clock
//! of the reader and by the order in which it signed.

mod body;
mod git;
mod resolve;
mod statements;
#[cfg(test)]
mod tests;

pub use body::{Git, SnapshotBody, Stats, check_host, check_tag};
pub use git::{git_at, looks_at_git};
pub use resolve::Target;
pub use statements::Statements;

use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::id::{Id, ShortId};
use crate::repo::records::{Forgotten, SNAPSHOT, Tag};
use crate::repo::{Root, root_path};
use std::collections::{BTreeSet, HashSet};

/// A snapshot that was not forgotten.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The name of its root record.
    pub id: Id,
    /// The device that made it.
    pub device: ShortId,
    /// Its place in that device's chain.
    pub sequence: u64,
    /// Whether that device is trusted.
    pub is_trusted: bool,
    /// When it was begun: what it claims, at most the time of looking. Retention counts by it.
    pub time: Time,
    /// By what snapshots are ordered: the time it was begun, by a clock that never ran backwards on its device.
    pub order: Time,
    /// The tags it has now.
    pub tags: BTreeSet<String>,
    /// Whether a pin record keeps it from being forgotten.
    pub is_pinned: bool,
    /// What it says.
    pub body: SnapshotBody,
}

impl Snapshot {
    /// How a forget record names it.
    pub fn forgotten(&self) -> Forgotten {
        Forgotten { name: self.id, device: self.device, sequence: self.sequence }
    }
}

/// The snapshots of a repository.
#[derive(Debug, Default)]
pub struct Snapshots {
    live: Vec<Snapshot>,
    forgotten: HashSet<Id>,
    pinned: BTreeSet<Id>,
    damaged: Vec<(Id, Error)>,
}

/// Which snapshots are meant. Empty lists leave out nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these machines.
    pub hosts: Vec<String>,
    /// All of these sources.
    pub paths: Vec<Vec<u8>>,
    /// Any of these lists of tags, all tags of the list; the empty tag alone means: without tags.
    pub tags: Vec<Vec<String>>,
}

impl Filter {
    /// What one `--tag a,b` means: both tags.
    pub fn tag_list(text: &str) -> Vec<String> {
        text.split(',').map(|tag| tag.trim().to_string()).collect()
    }

    /// Whether a snapshot is meant.
    pub fn matches(&self, snapshot: &Snapshot) -> bool {
        let has_tags = |list: &Vec<String>| match list.as_slice() {
            [none] if none.is_empty() => snapshot.tags.is_empty(),
            list => list.iter().all(|tag| snapshot.tags.contains(tag)),
        };
        (self.hosts.is_empty() || self.hosts.contains(&snapshot.body.host))
            && self.paths.iter().all(|path| snapshot.body.paths.contains(path))
            && (self.tags.is_empty() || self.tags.iter().any(has_tags))
    }
}

impl Snapshots {
    /// Takes verified root records for what they say, at the time `now`.
    pub fn load(roots: &[Root], now: Time) -> Snapshots {
        let Statements { times: order, forgotten, pinned, tags, damaged } = Statements::load(roots, now);
        let mut all = Snapshots { live: Vec::new(), forgotten, pinned, damaged };
        for root in roots.iter().filter(|root| root.record_type == SNAPSHOT && !all.forgotten.contains(&root.name)) {
            let mut body = match SnapshotBody::decode(&root.body) {
                Ok(body) => body,
                Err(error) => {
                    all.damaged.push((root.name, error));
                    continue;
                }
            };
            body.tags.sort_unstable();
            let signed = order.get(&root.name).copied().unwrap_or(root.time);
            all.live.push(Snapshot {
                id: root.name,
                device: root.device,
                sequence: root.sequence,
                is_trusted: root.is_trusted,
                time: body.start.min(now),
                order: shifted(body.start, root.time, signed),
                tags: tags_now(&body, tags.get(&root.name).map_or(&[], Vec::as_slice)),
                is_pinned: all.pinned.contains(&root.name),
                body,
            });
        }
        all.live.sort_by_key(|snapshot| (snapshot.order, snapshot.device, snapshot.sequence, snapshot.id));
        all
    }

    /// With root records that could not be read: any of them may be a snapshot, the newest one, or say what became of one.
    #[must_use]
    pub fn with_unread(mut self, damaged: Vec<(Id, Error)>) -> Snapshots {
        self.damaged.extend(damaged.into_iter().filter(|(name, _)| !self.forgotten.contains(name)));
        self
    }

    /// Refuses where the answer hangs on all records.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED or INVALID_SIGNATURE when one cannot be read.
    pub fn must_be_whole(&self, what: &str) -> Result<()> {
        let Some((name, error)) = self.damaged.first() else { return Ok(()) };
        let more =
            if self.damaged.len() > 1 { format!(", nor can {} more", self.damaged.len() - 1) } else { String::new() };
        let message = format!("{what}: {} cannot be read{more}: {error}", root_path(name));
        Err(Error::new(Code::StorageCorrupted, message).with_hint(error.hint().unwrap_or_default()))
    }

    /// All that live, oldest first.
    pub fn all(&self) -> &[Snapshot] {
        &self.live
    }

    /// Those that a filter means, oldest first.
    pub fn select<'a>(&'a self, filter: &'a Filter) -> impl DoubleEndedIterator<Item = &'a Snapshot> {
        self.live.iter().filter(|snapshot| filter.matches(snapshot))
    }

    /// A snapshot by its id.
    pub fn get(&self, id: &Id) -> Option<&Snapshot> {
        self.live.iter().find(|snapshot| snapshot.id == *id)
    }

    /// What a backup of these sources on this machine is compared with: the newest whole one of the same, from a
    /// device that is trusted.
    pub fn parent_for(&self, host: &str, paths: &[Vec<u8>]) -> Option<&Snapshot> {
        let wanted: BTreeSet<&Vec<u8>> = paths.iter().collect();
        self.live.iter().rev().find(|snapshot| {
            let body = &snapshot.body;
            snapshot.is_trusted
                && !body.is_partial
                && body.host == host
                && body.paths.iter().collect::<BTreeSet<_>>() == wanted
        })
    }

    /// Whether a forget record names this snapshot or record.
    pub fn is_forgotten(&self, name: &Id) -> bool {
        self.forgotten.contains(name)
    }

    /// The ids that pin records keep, snapshots and objects.
    pub fn pinned(&self) -> &BTreeSet<Id> {
        &self.pinned
    }

    /// Root records that cannot be read, with why.
    pub fn damaged(&self) -> &[(Id, Error)] {
        &self.damaged
    }
}

/// `start`, moved by as much as the time of signing was moved by clamping; a start after it counts as it.
fn shifted(start: Time, claimed: Time, clamped: Time) -> Time {
    let nanoseconds = |time: Time| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
    let moved = nanoseconds(clamped) - (nanoseconds(claimed) - nanoseconds(start)).max(0);
    Time {
        seconds: i64::try_from(moved.div_euclid(1_000_000_000)).unwrap_or(i64::MIN),
        nanoseconds: moved.rem_euclid(1_000_000_000) as u32,
    }
}

fn tags_now(body: &SnapshotBody, changes: &[Tag]) -> BTreeSet<String> {
    let mut tags: BTreeSet<String> = body.tags.iter().cloned().collect();
    for change in changes {
        tags.retain(|tag| !change.removed.contains(tag));
        tags.extend(change.added.iter().cloned());
    }
    tags
}
