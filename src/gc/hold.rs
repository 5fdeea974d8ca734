//! What a gc holds while it works: locks, and a lease like any writer's; and what it knows of the others.
//!
//! On one machine two gcs exclude each other by a lock. Between machines they do by their leases, which need no name to be
//! created once: each says that it wants to, looks, says that it does, and looks again. Whoever finds another that does
//! gives way, and of two that look at the same time the lower name stays.

use super::GcOptions;
use crate::clock::{self, Stopwatch, Time};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::fs::remove_if_there;
use crate::id::{Id, ShortId};
use crate::repo::doom::{Doom, Dooms};
use crate::repo::lease::{GcPhase, Held, LeaseView, Life, Liveness, fence, list_leases, remove_lease};
use crate::repo::lock::{Lock, Mode};
use crate::repo::session::take_lock;
use crate::repo::{GC_LOCK, LOCK, Repo};
use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// What writers name their temporary files by.
const LITTER: [&[u8]; 2] = [b"spool-", b"lease-"];
/// Younger files may be of a writer that has no lease yet.
const LITTER_AGE_SECONDS: i64 = 3_600;

/// The clock of a medium is believed if it went as far as ours, give or take so much, while this gc was at work.
const CLOCK_DRIFT_SECONDS: i64 = 300;

/// Locks, lease, and the dooms that were there when it began.
pub(super) struct Hold<'a> {
    repo: &'a Repo,
    held: Held,
    /// When the lease began, by the clock of the medium.
    began: Option<Time>,
    watch: Stopwatch,
    /// Dooms of earlier gcs, not swept yet.
    pub(super) dooms: Vec<Doom>,
    _gc_lock: Lock,
    _lock: Lock,
}

/// The other writers of a moment.
#[derive(Default)]
pub(super) struct Others {
    /// Those who are not taken for dead: no doom that one of them may not know of is swept.
    pub(super) alive: Vec<LeaseView>,
    /// Those who are, and may live all the same. What they publish from now on counts for nobody who deletes, and what
    /// they list no writer takes on trust.
    pub(super) fenced: Vec<LeaseView>,
}

impl<'a> Hold<'a> {
    /// Takes the locks and a lease, then lists `gc/`, as every writer does.
    pub(super) fn take(repo: &'a Repo, options: &GcOptions) -> Result<Self> {
        let (core, cache) = (repo.core(), &repo.local().cache);
        let command = &options.writer.command;
        let gc_lock = Lock::acquire(&cache.join(GC_LOCK), Mode::Exclusive, options.writer.lock_wait, command)?;
        let lock = take_lock(&cache.join(LOCK), Mode::Shared, &options.writer)?;
        let held = Held::create(repo, command, Some(GcPhase::Wants))?;
        let (began, watch) = (held.modified()?, Stopwatch::start());
        let mut hold = Hold { repo, held, began, watch, dooms: Vec::new(), _gc_lock: gc_lock, _lock: lock };
        if options.no_writers {
            hold.remove_others()?;
        }
        hold.give_way(&|theirs, is_lower| theirs == GcPhase::Holds || is_lower)?;
        let backend = core.backend.as_ref();
        let listed = Dooms::list(backend, &core.keyring, repo.id())?;
        if let Some((name, error)) = listed.damaged.first() {
            // Nothing can be swept by it, so all it names is still there, and will be doomed again if it should be.
            return fail(Code::StorageCorrupted, format!("doom record gc/{name} cannot be read: {error}"))
                .map_err(|error| error.with_hint(format!("remove the file gc/{name}; nothing is lost by that")));
        }
        hold.dooms = listed.dooms;
        hold.held.see(hold.dooms.iter().map(|doom| doom.name).collect(), Some(GcPhase::Holds))?;
        hold.give_way(&|_, is_lower| is_lower)?;
        Ok(hold)
    }

    /// Fails if there is another gc that comes first, by how far it is and whether its name is lower.
    fn give_way(&self, comes_first: &dyn Fn(GcPhase, bool) -> bool) -> Result<()> {
        for lease in self.others()?.alive {
            let is_lower = lease.writer < *self.held.writer();
            let (phase, who) = match &lease.record {
                Some(record) => (record.gc, format!("process {} at {}", record.pid, record.host_id)),
                // What cannot be read may be one.
                None => (lease.newest.map(|_| GcPhase::Holds), "a lease that cannot be read".to_string()),
            };
            if phase.is_some_and(|phase| comes_first(phase, is_lower)) {
                let hint =
                    "one that was killed is taken for dead after an hour; `larder gc --no-writers` says that nobody is";
                return Err(Error::new(Code::LockHeld, format!("another gc is at work: {who}")).with_hint(hint));
            }
        }
        Ok(())
    }

    /// Everybody else who may still write. Those who are dead are fenced first: whatever such a writer publishes later
    /// does not count. Where death is certain nothing is left of them.
    pub(super) fn others(&self) -> Result<Others> {
        let core = self.repo.core();
        let backend = core.backend.as_ref();
        let mut others = Others::default();
        let mut leases = list_leases(backend, &core.keyring, self.repo.id())?;
        leases.retain(|lease| lease.writer != *self.held.writer());
        let mut liveness = Liveness::new(backend, None);
        if leases.iter().any(|lease| liveness.needs_clock(lease)) {
            liveness = Liveness::new(backend, self.time()?);
        }
        for lease in leases {
            match liveness.life(&lease)? {
                Life::Ended => remove_lease(backend, &lease.writer)?,
                _ if lease.is_fenced => others.fenced.push(lease),
                Life::Alive => others.alive.push(lease),
                Life::Silent => {
                    fence(backend, &lease.writer)?;
                    others.fenced.push(lease);
                }
            }
        }
        Ok(others)
    }

    /// The time by the clock of the medium, if it has one that runs as ours does.
    fn time(&self) -> Result<Option<Time>> {
        let (Some(began), Some(now)) = (self.began, self.held.probe_clock()?) else { return Ok(None) };
        let passed = now.seconds.saturating_sub(began.seconds);
        let drift = passed.saturating_sub(self.watch.elapsed_ms() as i64 / 1_000);
        Ok((drift.abs() <= CLOCK_DRIFT_SECONDS).then_some(now))
    }

    /// Takes away all other leases, at the word of somebody who knows that none of their writers is at work.
    fn remove_others(&self) -> Result<()> {
        let core = self.repo.core();
        let backend = core.backend.as_ref();
        for lease in list_leases(backend, &core.keyring, self.repo.id())? {
            if lease.writer != *self.held.writer() {
                remove_lease(backend, &lease.writer)?;
            }
        }
        Ok(())
    }

    /// This gc.
    pub(super) fn writer(&self) -> &ShortId {
        self.held.writer()
    }

    /// Shows a sign of life.
    ///
    /// # Errors
    /// LEASE_LOST when this gc was declared dead: it must not delete anything any more.
    pub(super) fn refresh(&self) -> Result<()> {
        self.held.refresh()
    }

    /// Whether this gc was declared dead.
    pub(super) fn is_fenced(&self) -> Result<bool> {
        self.held.is_fenced()
    }

    /// Gives the lease back, then the locks. If there is a fence, it stays: a segment that was published may list what
    /// another gc has deleted.
    pub(super) fn end(self) -> Result<()> {
        self.held.end(false)
    }
}

/// Removes what killed writers left in the `tmp/` of a medium that is a directory of this machine. Nobody else writes, and
/// what is old was not begun since.
pub(super) fn remove_litter(repo: &Repo) -> Result<u64> {
    repo.backend().local_dir().map_or(Ok(0), |root| remove_old_litter(root, LITTER_AGE_SECONDS))
}

/// Removes what killed writers left in the `tmp/` of a medium, if nothing was written to it for so long.
///
/// # Errors
/// FILE_IO, PERMISSION_DENIED.
pub fn remove_old_litter(root: &Path, age_seconds: i64) -> Result<u64> {
    let temp = root.join("tmp");
    let Ok(entries) = std::fs::read_dir(&temp) else { return Ok(0) };
    let mut removed = 0;
    for entry in entries.flatten() {
        let is_ours = LITTER.iter().any(|start| entry.file_name().as_encoded_bytes().starts_with(start));
        let Ok(meta) = entry.metadata() else { continue };
        let is_old = meta.mtime() < clock::now().seconds - age_seconds;
        if is_ours && is_old {
            let path = entry.path();
            if meta.is_dir() {
                std::fs::remove_dir_all(&path).at("remove", &path)?
            } else {
                remove_if_there(&path)?
            }
            removed += 1;
        }
    }
    Ok(removed)
}

/// Packs that may be the work of a writer that goes on: made since the oldest of `others` began. To doom them would be
/// safe, and would hold that doom back until the writer has ended and then revive them. Known only on a disk of this
/// machine; elsewhere none.
pub(super) fn fresh_packs(repo: &Repo, packs: &HashSet<Id>, others: &[LeaseView]) -> HashSet<Id> {
    let Some(root) = repo.backend().local_dir() else { return HashSet::new() };
    let modified = |path: &str| std::fs::metadata(root.join(path)).and_then(|meta| meta.modified()).ok();
    // Where the time of a lease is not known, every pack may be its writer's.
    let began =
        |lease: &LeaseView| modified(&format!("leases/{}/alive", lease.writer)).unwrap_or(SystemTime::UNIX_EPOCH);
    let Some(oldest) = others.iter().map(began).min() else { return HashSet::new() };
    let is_fresh = |name: &&Id| modified(&crate::repo::pack_path(name)).is_some_and(|time| time >= oldest);
    packs.iter().filter(is_fresh).copied().collect()
}
