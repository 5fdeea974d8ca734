//! Where to start: what the root records of a repository keep.

use super::Start;
use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::Kind;
use crate::repo::records::{FORGET, PIN, RUNS, Runs, SNAPSHOT, TAG, TOUCH};
use crate::repo::{Repo, Root};
use crate::snapshot::{Snapshot, Snapshots};
use std::collections::HashSet;

/// What the root records say.
pub struct Kept {
    /// Every object that they name and keep.
    pub starts: Vec<Start>,
    /// How many runs are kept.
    pub runs: u64,
    /// The snapshots that live, of devices that are not trusted too: what they reach is not ours to delete.
    pub snapshots: Snapshots,
    /// Records that a forget record names: they keep nothing, and their files may go.
    pub forgotten: Vec<Id>,
}

/// Takes verified root records for what they keep, at the time `now`.
///
/// # Errors
/// STORAGE_CORRUPTED when a record cannot be read, CONFIG_INVALID when it is of a type that this version does not know:
/// nothing may be deleted then, because what it keeps is not known.
pub fn kept(repo: &Repo, roots: &[Root], now: Time) -> Result<Kept> {
    let snapshots = Snapshots::load(roots, now);
    if let Some((name, error)) = snapshots.damaged().first() {
        return fail(Code::StorageCorrupted, format!("root record {name} cannot be read: {error}"));
    }
    let mut starts: Vec<Start> = snapshots.all().iter().flat_map(snapshot_starts).collect();
    let (mut forgotten, mut runs, mut once_runs) = (Vec::new(), HashSet::new(), HashSet::new());
    for root in roots {
        match root.record_type {
            // A tombstone stays: it is what says why others are missing from the chain.
            FORGET => {}
            SNAPSHOT | TAG | PIN | TOUCH | RUNS if snapshots.is_forgotten(&root.name) => {
                if root.record_type == RUNS && !snapshots.pinned().is_empty() {
                    let gone = Runs::decode(&root.body).map(|runs| runs.entries).unwrap_or_default();
                    once_runs.extend(gone.iter().map(|run| run.record));
                }
                forgotten.push(root.name);
            }
            SNAPSHOT | TAG | PIN | TOUCH => {}
            RUNS => {
                for run in Runs::decode(&root.body)?.entries {
                    starts.push(Start { kind: Kind::Action, id: run.action });
                    starts.push(Start { kind: Kind::Run, id: run.record });
                    runs.insert(run.record);
                }
            }
            other => return Err(unknown_type(&root.name, other)),
        }
    }
    // A pin may name a snapshot or a run, which are kept as such.
    for id in snapshots.pinned().iter().filter(|id| !runs.contains(*id)) {
        if let Some(info) = repo.find(id)? {
            // What was stored first as plain bytes is a record all the same if a batch said so.
            let kind = if once_runs.contains(id) { Kind::Run } else { info.kind };
            starts.push(Start { kind, id: *id });
        }
    }
    Ok(Kept { starts, runs: runs.len() as u64, snapshots, forgotten })
}

/// What a snapshot keeps: its tree and its list of hard links.
pub fn snapshot_starts(snapshot: &Snapshot) -> impl Iterator<Item = Start> {
    let links = snapshot.body.links.map(|id| Start { kind: Kind::Links, id });
    std::iter::once(Start { kind: Kind::Tree, id: snapshot.body.tree }).chain(links)
}

fn unknown_type(name: &Id, record_type: u8) -> Error {
    let what = format!("root record {name} is of type {record_type}, and this version does not know what that keeps");
    Error::new(Code::ConfigInvalid, what).with_hint("use a newer larder")
}
