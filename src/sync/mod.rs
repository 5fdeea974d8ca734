//! Sync: what one replica of a repository has and another lacks is carried over, both ways.
//!
//! Floor 5; STORAGE section 8.4. Between replicas of one repository it goes by object: what the wanted roots reach and
//! the target lacks comes over in whole packs where most of a pack is lacking, else entry by entry; then a segment that
//! names only what is there; then the roots (promise 2). Everything is compared with its name on arrival, what arrived
//! stays when the rest fails, and a second sync moves nothing. [`copy`] carries snapshots into another repository with
//! other keys; [`mirror()`] copies files by name where there is no key; [`repair()`] fetches what is damaged here.

mod carry;
mod history;
mod mirror;
mod partial;
mod plan;
mod repair;
mod reseal;
mod select;

pub use mirror::{MirrorStats, mirror};
pub use repair::{RepairStats, Wounds, repair};
pub use select::{CopyOptions, copy};

use crate::clock;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::reach::{ReachOptions, Start};
use crate::repo::doom::Dooms;
use crate::repo::records::{RUNS, SNAPSHOT};
use crate::repo::{Repo, Root, Writer, WriterOptions};
use crate::snapshot::{Filter, Snapshot};
use carry::{Carried, Carrier};
use history::{Histories, Way, starts};
use plan::{Target, plan};
use std::collections::HashSet;

/// So often is looked anew when packs leave the source or this writer is declared dead.
const ATTEMPTS: usize = 3;

/// What shall travel.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Which snapshots; all, if it leaves out nothing.
    pub filter: Filter,
    /// Snapshots and nothing else.
    pub only_snapshots: bool,
    /// Results of tasks and nothing else.
    pub only_runs: bool,
}

impl Selection {
    /// Whether everything shall: then whole histories are united. A part of one cannot travel as it is, since a chain
    /// with gaps would look like a history that was changed: what is selected is published anew, with its origin noted.
    pub fn is_all(&self) -> bool {
        let filter = &self.filter;
        let is_filtered = !(filter.hosts.is_empty() && filter.paths.is_empty() && filter.tags.is_empty());
        !is_filtered && self.only_snapshots == self.only_runs
    }

    fn has_snapshots(&self) -> bool {
        self.only_snapshots || !self.only_runs
    }

    fn has_runs(&self) -> bool {
        let is_filtered = !self.is_all() && self.only_snapshots == self.only_runs;
        !is_filtered && (self.only_runs || !self.only_snapshots)
    }
}

/// How [`sync`] works.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// From here to there.
    pub push: bool,
    /// From there to here.
    pub pull: bool,
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// What shall travel.
    pub selection: Selection,
    /// Only history and index come here, and nothing goes there; the address is noted, and what is needed is read there when
    /// it is needed.
    pub index_only: Option<String>,
    /// Take histories with gaps for the truth.
    pub accept_rollback: bool,
    /// Memory for sorted sets, bytes.
    pub budget_bytes: usize,
    /// Packs under way at once.
    pub jobs: usize,
    /// Threads, locks, and what the locks and leases say is being done.
    pub writer: WriterOptions,
}

/// What went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Snapshots that the target did not have, and has now: none if it was stopped before they were published.
    pub snapshots: u64,
    /// Root records of every kind, snapshots among them; as they.
    pub roots: u64,
    /// Packs carried whole.
    pub packs: u64,
    /// Objects, chunks and recipe nodes carried one by one.
    pub entries: u64,
    /// Bytes on the way.
    pub bytes: u64,
}

impl Moved {
    fn add(&mut self, carried: &Carried) {
        self.packs += carried.packs;
        self.entries += carried.entries;
        self.bytes += carried.bytes;
    }
}

/// What a sync did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncStats {
    /// From here to there.
    pub pushed: Moved,
    /// From there to here.
    pub pulled: Moved,
    /// Packs that are not here, but where they were promised.
    pub packs_promised: u64,
    /// It was a dry run.
    pub is_dry_run: bool,
    /// No snapshot that could be carried is one that the filter means.
    pub is_unmatched: bool,
    /// The monitor said stop: what had arrived stays, and the next sync goes on from there.
    pub is_stopped: bool,
}

/// Makes two replicas of one repository have the same.
///
/// # Errors
/// CONFIG_INVALID when they are not of one repository; ROLLBACK_DETECTED when their histories together have a gap;
/// STORAGE_CORRUPTED when something that should be carried is damaged; PERMISSION_DENIED when only the index of a partial
/// repository is asked for; LEASE_LOST; LOCK_HELD; STORAGE_FULL and what a medium answers.
pub fn sync(here: &Repo, there: &Repo, options: &SyncOptions, monitor: &dyn Monitor) -> Result<SyncStats> {
    if here.id() != there.id() {
        return fail(Code::ConfigInvalid, "these are two repositories, not two replicas of one");
    }
    monitor.event(&Event::Phase("comparing histories"));
    let histories = Histories::load(here, there, options.accept_rollback, clock::now())?;
    if let Some(address) = &options.index_only {
        return Journey { source: there, target: here, options, monitor }.take_index(&histories, address);
    }
    let mut stats = SyncStats { is_dry_run: options.dry_run, ..SyncStats::default() };
    stats.is_unmatched = options.is_unmatched(&histories);
    for (way, is_wanted) in [(Way::Pull, options.pull), (Way::Push, options.push)] {
        if !is_wanted || stats.is_stopped {
            continue;
        }
        let (source, target) = if way == Way::Push { (here, there) } else { (there, here) };
        let journey = Journey { source, target, options, monitor };
        let (moved, is_stopped) = match options.selection.is_all() {
            true => journey.carry_all(&histories, way)?,
            false => select::carry_selected(&journey, &histories, way)?,
        };
        *(if way == Way::Push { &mut stats.pushed } else { &mut stats.pulled }) = moved;
        stats.is_stopped |= is_stopped;
        if way == Way::Pull && here.is_partial() && !options.dry_run && !is_stopped {
            stats.packs_promised = journey.settle()?;
        }
    }
    Ok(stats)
}

impl SyncOptions {
    fn is_unmatched(&self, histories: &Histories) -> bool {
        let filter = &self.selection.filter;
        if *filter == Filter::default() {
            return false;
        }
        // Where it is at the side that it would come from.
        let is_meant = |snapshot: &Snapshot| {
            (self.push && histories.has(Way::Pull, &snapshot.id))
                || (self.pull && histories.has(Way::Push, &snapshot.id))
        };
        !histories.snapshots().select(filter).any(is_meant)
    }
}

/// One way, once.
struct Journey<'a> {
    source: &'a Repo,
    target: &'a Repo,
    options: &'a SyncOptions,
    monitor: &'a dyn Monitor,
}

impl Journey<'_> {
    fn reach_options(&self) -> ReachOptions {
        ReachOptions::new(self.source, self.options.budget_bytes, self.options.jobs)
    }

    /// Carries every record that the target lacks, after what it keeps.
    fn carry_all(&self, histories: &Histories, way: Way) -> Result<(Moved, bool)> {
        let roots = histories.lacking(way);
        let mut moved = Moved::default();
        let is_completing = way == Way::Pull && self.target.is_partial();
        if roots.is_empty() && !is_completing {
            return Ok((moved, false));
        }
        // The roots were listed before: whatever they need is in the segments that are there now.
        self.source.refresh()?;
        let starts = match is_completing {
            true => starts(self.source, &histories.at_source(way), clock::now())?,
            false => starts(self.source, &roots, clock::now())?,
        };
        let is_stopped = match self.options.dry_run {
            true => {
                moved.add(&self.estimate(&starts)?);
                false
            }
            false => self.with_writer(&mut moved, &starts, &|_| self.publish(&roots))?,
        };
        if !is_stopped {
            let is_snapshot = |root: &&&Root| root.record_type == SNAPSHOT;
            (moved.roots, moved.snapshots) = (roots.len() as u64, roots.iter().filter(is_snapshot).count() as u64);
        }
        if !is_stopped && !self.options.dry_run {
            self.target.remember_roots();
        }
        Ok((moved, is_stopped))
    }

    /// What would be carried.
    fn estimate(&self, starts: &[Start]) -> Result<Carried> {
        let core = self.target.core();
        let dooms = Dooms::list(core.backend.as_ref(), &core.keyring, self.target.id())?.dooms;
        let doomed: HashSet<Id> = dooms.into_iter().flat_map(|doom| doom.packs).collect();
        let target = Target::new(self.target, &doomed)?;
        let plan = plan(self.source, &target, starts, &self.reach_options(), self.monitor)?;
        Ok(Carried {
            packs: plan.packs.len() as u64,
            entries: plan.entries.len(),
            bytes: plan.bytes(),
            is_stopped: false,
        })
    }

    /// Carries what `starts` reach and then publishes, as a writer of the target (STORAGE section 8.1): one that was
    /// declared dead meanwhile begins anew, and looks again at everything it relied on. Records that are published in
    /// the writer's own name, of a selection, fail with LEASE_LOST instead once they are begun.
    fn with_writer(
        &self,
        moved: &mut Moved,
        starts: &[Start],
        publish: &dyn Fn(&Writer) -> Result<()>,
    ) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            let writer = self.target.writer(&self.options.writer)?;
            if writer.has_lost_packs() {
                let place = self.target.backend().location();
                let message = format!(
                    "packs are lost at {place}: what is carried now does not rely on them; verify says what is"
                );
                self.monitor.event(&Event::Warning(&message));
            }
            let carried = self.carry_reached(&writer, starts)?;
            moved.add(&carried);
            if carried.is_stopped {
                writer.finish()?;
                return Ok(true);
            }
            if !writer.is_fenced()? {
                publish(&writer)?;
                if !writer.is_fenced()? {
                    writer.finish()?;
                    return Ok(false);
                }
            }
        }
        Err(Error::new(Code::LeaseLost, "this writer was declared dead again and again while it worked")
            .with_hint("run the same command again: what was carried stays as far as it is still there"))
    }

    fn carry_reached(&self, writer: &Writer, starts: &[Start]) -> Result<Carried> {
        let carrier = Carrier { source: self.source, target: writer, jobs: self.options.jobs, monitor: self.monitor };
        let mut all = Carried::default();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut target = Target::new(self.target, writer.doomed())?;
            target.absent.extend(writer.gone());
            let plan = plan(self.source, &target, starts, &self.reach_options(), self.monitor)?;
            match carrier.carry(&plan, &mut all) {
                // A gc at the source moved what was to be carried: it is looked for where it is now.
                Err(error) if error.code() == Code::FileNotFound && attempt < ATTEMPTS => self.source.refresh()?,
                answer => return answer.map(|()| all),
            }
        }
    }
}

/// Whether a record speaks of results of tasks.
fn is_of_runs(root: &Root) -> bool {
    root.record_type == RUNS
}
