//! How many bytes of packs runs need.

use crate::error::{Code, Result, fail};
use crate::monitor::Monitor;
use crate::object::Kind;
use crate::reach::{ReachOptions, Start, reachable};
use crate::repo::Repo;
use crate::repo::segment::{Place, Record};
use crate::runs::Run;
use std::collections::HashMap;

/// So often is what some of the runs need measured; the last measure is that fine a part of them.
const MEASURES_MAX: u32 = 8;

/// Cuts `runs` to those of the first that need no more than `bytes`, pinned ones in any case. Answers what they need.
pub(super) fn cut(
    repo: &Repo,
    runs: &mut Vec<&Run>,
    bytes: u64,
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let all = needed(repo, runs, options, monitor)?;
    if all <= bytes {
        return Ok(all);
    }
    let pinned = runs.iter().take_while(|run| run.is_pinned).count();
    // `fits` of them are known to fit, or are kept in any case; `over` are known not to.
    let (mut fits, mut over, mut needed_bytes) = (pinned, runs.len(), None);
    for _ in 0..MEASURES_MAX {
        let middle = fits + (over - fits) / 2;
        if middle == fits {
            break;
        }
        let measured = needed(repo, &runs[..middle], options, monitor)?;
        if measured <= bytes {
            (fits, needed_bytes) = (middle, Some(measured));
        } else {
            over = middle;
        }
    }
    runs.truncate(fits);
    needed_bytes.map_or_else(|| needed(repo, runs, options, monitor), Ok)
}

/// Bytes of packs that these runs need: of each pack the share that is theirs.
fn needed(repo: &Repo, runs: &[&Run], options: &ReachOptions, monitor: &dyn Monitor) -> Result<u64> {
    let starts: Vec<Start> = runs
        .iter()
        .flat_map(|run| [Start { kind: Kind::Action, id: run.action }, Start { kind: Kind::Run, id: run.record }])
        .collect();
    let reach = reachable(repo, &starts, options, monitor)?;
    if let Some(broken) = reach.broken.first() {
        let what = format!("{} cannot be read, so what runs need cannot be measured: {}", broken.key.id, broken.error);
        return fail(Code::StorageCorrupted, what);
    }
    // Raw bytes in all and needed, by pack.
    let mut packs: HashMap<u32, (u64, u64)> = HashMap::new();
    let mut last = None;
    let mut count = |record: &Record, is_reachable: bool| {
        let Place::Frame { len, .. } = record.place else { return Ok(()) };
        let is_copy = last.replace(record.key) == Some(record.key);
        let (all, needed) = packs.entry(record.pack).or_default();
        *all += u64::from(len);
        *needed += if is_reachable && !is_copy { u64::from(len) } else { 0 };
        Ok(())
    };
    reach.join(repo, &mut count, &mut |_| Ok(()))?;
    let mut bytes = 0;
    for (number, (all, needed)) in packs {
        let file_bytes = repo.index().pack(number)?.file_bytes;
        bytes += (u128::from(file_bytes) * u128::from(needed) / u128::from(all.max(1))) as u64;
    }
    Ok(bytes)
}
