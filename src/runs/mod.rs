//! What root records say of runs: which run records are kept, and which of them an action finds.
//!
//! Floor 4, on `snapshot` and `record`; FORMAT section 9. A run is an entry of a batch that no forget record names.
//! Batches are signed, so an entry is signed: it names its record by the hash of its bytes. What a device that is not
//! trusted signed is listed and kept, and never found by an action (RUN section 3).

mod resolve;
#[cfg(test)]
mod tests;

use crate::clock::{SECONDS_A_DAY, Time};
use crate::error::{Error, Result};
use crate::id::{Id, ShortId};
use crate::record::Status;
use crate::repo::Root;
use crate::repo::records::{Forgotten, RUNS, RunEntry, Runs as Batch, TOUCH, Touch};
use crate::snapshot::Statements;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A run that is kept: what its batch says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The action that was run.
    pub action: Id,
    /// The run record. Its id is the run's.
    pub record: Id,
    /// How it ended.
    pub status: Status,
    /// Under which sandbox.
    pub sandbox: u8,
    /// When it ended, Unix seconds: what its batch claims, no later than the batch.
    pub time_seconds: i64,
    /// When it was last used, Unix seconds: then, or the start of the last day on which it made a hit.
    pub used_seconds: i64,
    /// The device that signed it.
    pub device: ShortId,
    /// The place of its batch in the chain of that device: which of two is newer where the seconds do not tell.
    pub sequence: u64,
    /// Its place in that batch, where runs stand in the order in which they ended.
    pub place: u32,
    /// Whether that device is trusted. If not, the run never makes a hit.
    pub is_trusted: bool,
    /// Whether a pin record keeps it, whatever the policies say.
    pub is_pinned: bool,
}

impl Run {
    /// What a batch says of it.
    pub fn entry(&self) -> RunEntry {
        RunEntry {
            action: self.action,
            record: self.record,
            status: self.status.code(),
            sandbox: self.sandbox,
            time_seconds: self.time_seconds,
        }
    }

    /// Smaller for newer ones. Where the seconds do not tell, the chain of a device does, and then the place in a batch.
    pub fn newest_key(&self) -> (Reverse<i64>, ShortId, Reverse<(u64, u32)>, Id) {
        (Reverse(self.time_seconds), self.device, Reverse((self.sequence, self.place)), self.record)
    }
}

/// A batch that was not forgotten.
#[derive(Clone, Debug)]
pub struct RunBatch {
    /// How a forget record names it.
    pub root: Forgotten,
    /// Whether its device is trusted.
    pub is_trusted: bool,
    /// The runs that it names.
    pub entries: Vec<RunEntry>,
}

/// A record of last uses that was not forgotten, of a trusted device.
#[derive(Clone, Debug)]
pub struct Uses {
    /// How a forget record names it.
    pub root: Forgotten,
    /// The day, in days since 1970-01-01 UTC.
    pub day: u64,
    /// The run records that were used.
    pub records: Vec<Id>,
}

/// The runs of a repository.
#[derive(Debug, Default)]
pub struct Runs {
    /// By action; of one action those of trusted devices first, then the newest.
    runs: Vec<Run>,
    batches: Vec<RunBatch>,
    uses: Vec<Uses>,
    pinned: BTreeSet<Id>,
    damaged: Vec<(Id, Error)>,
}

impl Runs {
    /// Takes verified root records for what they say of runs, at the time `now`.
    pub fn load(roots: &[Root], now: Time) -> Runs {
        let statements = Statements::load(roots, now);
        let mut all = Runs { pinned: statements.pinned.clone(), ..Runs::default() };
        roots.iter().for_each(|root| all.take(root, &statements));
        all.sort();
        all.take_uses(now);
        all
    }

    /// The same for who looks for results: without the batches that runs came in, of which only gc speaks. Of all that
    /// the root records say one batch is in memory at a time.
    pub fn load_to_find(roots: Vec<Root>, now: Time) -> Runs {
        let statements = Statements::load(&roots, now);
        let mut all = Runs { pinned: statements.pinned.clone(), ..Runs::default() };
        for root in roots {
            all.take(&root, &statements);
            all.batches.clear();
        }
        all.sort();
        all.take_uses(now);
        all
    }

    /// Takes what a root record says, unless it was forgotten.
    fn take(&mut self, root: &Root, statements: &Statements) {
        let taken = match root.record_type {
            _ if statements.forgotten.contains(&root.name) => Ok(()),
            RUNS => self.take_batch(root, statements.time_of(root).seconds),
            TOUCH if root.is_trusted => self.take_touch(root),
            _ => Ok(()),
        };
        if let Err(error) = taken {
            self.damaged.push((root.name, error));
        }
    }

    /// These runs and those of further batches, for who looks for results: without batches, last uses and pins.
    #[must_use]
    pub fn with(&self, batches: &[Root], now: Time) -> Runs {
        let mut all = Runs { runs: self.runs.clone(), ..Runs::default() };
        for root in batches.iter().filter(|root| root.record_type == RUNS) {
            if let Err(error) = all.take_batch(root, root.time.seconds.min(now.seconds)) {
                all.damaged.push((root.name, error));
            }
        }
        all.sort();
        all.batches.clear();
        all
    }

    fn sort(&mut self) {
        let key = |run: &Run| (run.action, run.record, !run.is_trusted, run.time_seconds, run.device, run.sequence);
        self.runs.sort_unstable_by_key(key);
        // Two batches may name one record while one takes the place of the other.
        self.runs.dedup_by_key(|run| (run.action, run.record));
        self.runs.sort_unstable_by_key(|run| (run.action, !run.is_trusted, run.newest_key()));
    }

    fn take_batch(&mut self, root: &Root, written_seconds: i64) -> Result<()> {
        let entries = Batch::decode(&root.body)?.entries;
        let pinned = &self.pinned;
        self.runs.extend((0..).zip(&entries).map(|(place, entry)| {
            let time_seconds = entry.time_seconds.min(written_seconds);
            Run {
                action: entry.action,
                record: entry.record,
                status: Status::from_code(entry.status),
                sandbox: entry.sandbox,
                time_seconds,
                used_seconds: time_seconds,
                device: root.device,
                sequence: root.sequence,
                place,
                is_trusted: root.is_trusted,
                is_pinned: pinned.contains(&entry.record),
            }
        }));
        self.batches.push(RunBatch { root: forgotten(root), is_trusted: root.is_trusted, entries });
        Ok(())
    }

    fn take_touch(&mut self, root: &Root) -> Result<()> {
        let touch = Touch::decode(&root.body)?;
        self.uses.push(Uses { root: forgotten(root), day: touch.day, records: touch.ids });
        Ok(())
    }

    fn take_uses(&mut self, now: Time) {
        let mut days: HashMap<Id, u64> = HashMap::new();
        for uses in &self.uses {
            for id in &uses.records {
                let last = days.entry(*id).or_default();
                *last = (*last).max(uses.day);
            }
        }
        for run in self.runs.iter_mut().filter(|_| !days.is_empty()) {
            if let Some(day) = days.get(&run.record) {
                run.used_seconds = run.used_seconds.max(start_of_day(*day).min(now.seconds));
            }
        }
    }

    /// What has to be published so that these records count as used today; nothing if they do already.
    pub fn touch(&self, records: &HashSet<Id>, now: Time) -> Option<Touch> {
        let day = u64::try_from(now.day()).ok()?;
        let today = start_of_day(day);
        let mut ids: Vec<Id> = self
            .runs
            .iter()
            .filter(|run| run.used_seconds < today && records.contains(&run.record))
            .map(|run| run.record)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        (!ids.is_empty()).then(|| Touch { ids, day, ..Touch::default() })
    }

    /// The runs of an action that trusted devices signed, of every status, the newest first.
    pub fn candidates(&self, action: &Id) -> &[Run] {
        let first = self.runs.partition_point(|run| run.action < *action);
        let of = &self.runs[first..];
        &of[..of.partition_point(|run| run.action == *action && run.is_trusted)]
    }

    /// All runs, by action.
    pub fn all(&self) -> &[Run] {
        &self.runs
    }

    /// All runs, the newest first.
    pub fn newest_first(&self) -> Vec<&Run> {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by_key(|run| (run.newest_key(), run.action));
        runs
    }

    /// The run with this record.
    pub fn get(&self, record: &Id) -> Option<&Run> {
        self.runs.iter().find(|run| run.record == *record)
    }

    /// The batches that name them.
    pub fn batches(&self) -> &[RunBatch] {
        &self.batches
    }

    /// The records of last uses.
    pub fn uses(&self) -> &[Uses] {
        &self.uses
    }

    /// The names of the root records that say something of runs.
    pub fn roots(&self) -> impl Iterator<Item = Id> {
        let batches = self.batches.iter().map(|batch| batch.root.name);
        batches.chain(self.uses.iter().map(|uses| uses.root.name))
    }

    /// The ids of the run records, each once.
    pub fn records(&self) -> HashSet<Id> {
        self.runs.iter().map(|run| run.record).collect()
    }

    /// Root records whose seal and signature hold but whose body cannot be read, with why.
    pub fn damaged(&self) -> &[(Id, Error)] {
        &self.damaged
    }
}

fn forgotten(root: &Root) -> Forgotten {
    Forgotten { name: root.name, device: root.device, sequence: root.sequence }
}

fn start_of_day(day: u64) -> i64 {
    i64::try_from(day).unwrap_or(i64::MAX).saturating_mul(SECONDS_A_DAY)
}
