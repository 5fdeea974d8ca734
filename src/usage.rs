//! Who uses the space: what snapshots hold, what only one of them holds, what a forget would let gc free.
//!
//! Floor 5. Everything is counted from the index by what is reachable; memory stays within the budget of
//! [`ReachOptions`], counts for each snapshot lie in a mapped file.

use crate::error::{IoContext, Result};
use crate::fs::MappedFile;
use crate::id::Id;
use crate::monitor::Monitor;
use crate::object::Kind;
use crate::reach::{ReachOptions, Start, reachable};
use crate::repo::Repo;
use crate::repo::segment::{Place, Record};
use crate::snapshot::Snapshot;
use std::collections::HashMap;

/// Nobody, and several: what a count says beside the number of the one snapshot.
const SEVERAL: u64 = u64::MAX;

/// Sizes of a repository, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Live snapshots.
    pub snapshots: u64,
    /// Bytes of all files of all snapshots, as a restore of each would write them.
    pub logical_bytes: u64,
    /// Bytes of what the snapshots reach, each object and chunk once, before compression.
    pub unique_bytes: u64,
    /// Bytes that nothing among the snapshots reaches, before compression; copies count here too.
    pub other_bytes: u64,
    /// Bytes of all packs.
    pub stored_bytes: u64,
    /// For each snapshot asked about, bytes that only it reaches, before compression.
    pub only_in: Vec<(Id, u64)>,
}

impl Usage {
    /// How many times smaller deduplication makes it. Trees are in what is unique and no part of what files hold: where
    /// they outweigh what is shared, nothing was gained, and nothing lost.
    pub fn dedup_ratio(&self) -> f64 {
        ratio(self.logical_bytes, self.unique_bytes).max(1.0)
    }

    /// How many times smaller compression makes what is left.
    pub fn compression_ratio(&self) -> f64 {
        ratio(self.unique_bytes + self.other_bytes, self.stored_bytes)
    }
}

fn ratio(before: u64, after: u64) -> f64 {
    if after == 0 { 1.0 } else { before as f64 / after as f64 }
}

/// What a snapshot keeps alive.
pub fn starts_of(snapshot: &Snapshot) -> Vec<Start> {
    let tree = Start { kind: Kind::Tree, id: snapshot.body.tree };
    let links = snapshot.body.links.map(|id| Start { kind: Kind::Links, id });
    std::iter::once(tree).chain(links).collect()
}

/// Measures the repository; with `each_alone`, also what only one snapshot reaches.
///
/// # Errors
/// CACHE_ERROR, FILE_IO, STORAGE_FULL for sets on disk.
pub fn usage(
    repo: &Repo,
    snapshots: &[&Snapshot],
    each_alone: bool,
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<Usage> {
    let mut usage = Usage {
        snapshots: snapshots.len() as u64,
        logical_bytes: snapshots.iter().map(|snapshot| snapshot.body.stats.total_bytes).sum(),
        stored_bytes: repo.index().pack_totals()?.1,
        ..Usage::default()
    };
    let all: Vec<Start> = snapshots.iter().flat_map(|snapshot| starts_of(snapshot)).collect();
    let reach = reachable(repo, &all, options, monitor)?;
    let mut last = None;
    reach.join(
        repo,
        &mut |record, is_reachable| {
            let is_copy = last.replace(record.key) == Some(record.key);
            match is_reachable && !is_copy {
                true => usage.unique_bytes += raw_bytes(record),
                false => usage.other_bytes += raw_bytes(record),
            }
            Ok(())
        },
        &mut |_| Ok(()),
    )?;
    if each_alone {
        usage.only_in = only_in(repo, snapshots, options, monitor)?;
    }
    Ok(usage)
}

/// Counts for each snapshot what only it reaches: one number an entry says who reaches it.
fn only_in(
    repo: &Repo,
    snapshots: &[&Snapshot],
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<Vec<(Id, u64)>> {
    let entries = repo.index().stats()?.entries.max(1);
    crate::fs::create_dir_durable(&options.temp, crate::fs::PRIVATE_DIR)?;
    let file = tempfile::tempfile_in(&options.temp).at("create a file in", &options.temp)?;
    let mut owner = MappedFile::open(&file, &options.temp, entries * 8)?;
    for (number, snapshot) in snapshots.iter().enumerate() {
        let reach = reachable(repo, &starts_of(snapshot), options, monitor)?;
        let mut at = 0;
        let mut note = |_: &Record, is_reachable: bool| {
            if is_reachable {
                owner.set(at, if owner.get(at) == 0 { number as u64 + 1 } else { SEVERAL });
            }
            at += 1;
            Ok(())
        };
        reach.join(repo, &mut note, &mut |_| Ok(()))?;
    }
    let mut only = vec![0; snapshots.len()];
    let (mut at, mut last) = (0, None);
    repo.index().for_each(&mut |record| {
        let is_copy = last.replace(record.key) == Some(record.key);
        if let Some(bytes) = owner.get(at).checked_sub(1).and_then(|number| only.get_mut(number as usize))
            && !is_copy
        {
            *bytes += raw_bytes(record);
        }
        at += 1;
        Ok(true)
    })?;
    Ok(snapshots.iter().map(|snapshot| snapshot.id).zip(only).collect())
}

/// About how many bytes of packs gc could free if only `kept` were left: what else the packs hold, at each pack's own
/// compression.
///
/// # Errors
/// CACHE_ERROR, FILE_IO, STORAGE_FULL for sets on disk.
pub fn would_free(repo: &Repo, kept: &[Start], options: &ReachOptions, monitor: &dyn Monitor) -> Result<u64> {
    let reach = reachable(repo, kept, options, monitor)?;
    // Raw bytes in all and dead, by pack.
    let mut packs: HashMap<u32, (u64, u64)> = HashMap::new();
    let mut count = |record: &Record, is_reachable: bool| {
        let (all, dead) = packs.entry(record.pack).or_default();
        *all += raw_bytes(record);
        *dead += if is_reachable { 0 } else { raw_bytes(record) };
        Ok(())
    };
    reach.join(repo, &mut count, &mut |_| Ok(()))?;
    let mut freed_bytes = 0;
    for (number, (all, dead)) in packs {
        let file_bytes = repo.index().pack(number)?.file_bytes;
        freed_bytes += (u128::from(file_bytes) * u128::from(dead) / u128::from(all.max(1))) as u64;
    }
    Ok(freed_bytes)
}

fn raw_bytes(record: &Record) -> u64 {
    match record.place {
        Place::Frame { len, .. } => u64::from(len),
        Place::Alias { .. } => 0,
    }
}
