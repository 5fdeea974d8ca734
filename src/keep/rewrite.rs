//! Which root records have to be published and forgotten so that some runs are kept no longer.

use crate::id::{Id, ShortId};
use crate::repo::records::{Forgotten, RunEntry};
use crate::runs::{RunBatch, Runs};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// A batch of fewer entries is small.
const SMALL_ENTRIES: usize = 1_024;
/// From so many small batches on they are made one.
const SMALL_BATCHES: usize = 16;
/// No batch that is written here has more entries: four megabytes, far below what a root record holds at most.
const ENTRIES_MAX: usize = 50_000;

/// What to publish, in this order, and what to forget then.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rewrite {
    /// The entries that are written anew, in the order in which the runs ended.
    pub(super) entries: Vec<RunEntry>,
    /// Batches that keep nothing that is not kept by another now, and outlived records of uses.
    pub(super) forgotten: Vec<Forgotten>,
    /// Runs that should go and stay, because their batch has others in it and must not be written anew here.
    pub(super) held: HashSet<Id>,
}

impl Rewrite {
    /// The batches to publish.
    pub(super) fn batches(&self) -> impl Iterator<Item = &[RunEntry]> {
        self.entries.chunks(ENTRIES_MAX)
    }
}

/// Plans how the runs in `gone` go. `may_rewrite` says of which batches the entries may be signed by this client.
pub(super) fn rewrite(runs: &Runs, gone: &HashSet<Id>, may_rewrite: &dyn Fn(&RunBatch) -> bool) -> Rewrite {
    let mut plan = Rewrite::default();
    let goes = |entry: &RunEntry| gone.contains(&entry.record);
    let is_small = |batch: &&RunBatch| batch.entries.len() < SMALL_ENTRIES && may_rewrite(batch);
    let folds = runs.batches().iter().filter(is_small).count() > SMALL_BATCHES;
    let (mut written, mut entries) = (HashSet::new(), Vec::new());
    // What an untrusted device keeps is not ours to forget.
    for batch in runs.batches().iter().filter(|batch| batch.is_trusted) {
        let going = batch.entries.iter().filter(|entry| goes(entry)).count();
        if going < batch.entries.len() {
            if !may_rewrite(batch) {
                plan.held.extend(batch.entries.iter().filter(|entry| goes(entry)).map(|entry| entry.record));
                continue;
            }
            if going == 0 && !(folds && is_small(&batch)) {
                continue;
            }
            let stays = batch.entries.iter().filter(|entry| !goes(entry));
            let stays = stays.filter(|entry| written.insert((entry.action, entry.record)));
            entries.extend(stays.map(|entry| (batch.root, *entry)));
        }
        plan.forgotten.push(batch.root);
    }
    // The oldest first, as in a batch, and within a second in the order of `Run::newest_key`; those of one batch as they
    // stand.
    entries.sort_by_key(|(root, entry)| (entry.time_seconds, Reverse(root.device), root.sequence));
    plan.entries = entries.into_iter().map(|(_, entry)| entry).collect();
    forget_uses(runs, gone, &mut plan);
    plan
}

/// A record of uses says nothing any more when each of its runs is gone or was used on a later day.
fn forget_uses(runs: &Runs, gone: &HashSet<Id>, plan: &mut Rewrite) {
    let mut last: HashMap<Id, (u64, &Forgotten)> = HashMap::new();
    for uses in runs.uses() {
        for id in &uses.records {
            let entry = last.entry(*id).or_insert((uses.day, &uses.root));
            if uses.day > entry.0 {
                *entry = (uses.day, &uses.root);
            }
        }
    }
    let kept = runs.records();
    for uses in runs.uses() {
        let counts = |id: &Id| {
            kept.contains(id) && !gone.contains(id) && last.get(id).is_some_and(|(_, root)| **root == uses.root)
        };
        if !uses.records.iter().any(counts) {
            plan.forgotten.push(uses.root);
        }
    }
}

/// Whose batches this client may sign anew: its own, and where the keyring endorses every device, those of all. Where
/// each client trusts by a list of its own, another's word must not become ours.
pub(super) fn may_rewrite(own: Option<ShortId>, is_endorsed: bool) -> impl Fn(&RunBatch) -> bool {
    move |batch| batch.is_trusted && (is_endorsed || Some(batch.root.device) == own)
}
