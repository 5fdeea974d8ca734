//! What the repository knows of actions: candidates, and whether they hold.

use super::super::manifest::TaskNo;
use super::super::portable::{self, ResultTree};
use super::super::project::{Keyed, Keyer, Results};
use crate::clock;
use crate::error::{Class, Error, Result};
use crate::id::Id;
use crate::record::{Record, Status};
use crate::repo::Repo;
use crate::repo::records::FORGET;
use crate::run::claim::Claims;
use crate::run::logs::LogIds;
use crate::runs::{Run, Runs};
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// So many candidates of one action are looked at.
const CANDIDATES_MAX: usize = 64;

/// A result that stands for a run.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    /// The action it was recorded under.
    pub(super) action: Id,
    pub(super) record: Id,
    pub(super) tree: Arc<ResultTree>,
    /// `None` if it printed nothing, as most do.
    pub(super) logs: Option<Box<LogIds>>,
    pub(super) observed: Vec<crate::record::Observed>,
    pub(super) duration_ms: u64,
}

/// Finds results.
pub(super) struct Lookup<'a> {
    repo: &'a Repo,
    keyer: Keyer<'a>,
    project: String,
    runs: RwLock<Option<Loaded>>,
    /// Held while news are read, so that who asks meanwhile knows them, too.
    reading: Mutex<()>,
    /// How often there were news.
    generation: AtomicU32,
}

/// Runs, and the names of the root records that they come from.
struct Loaded {
    runs: Arc<Runs>,
    roots: HashSet<Id>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(repo: &'a Repo, keyer: Keyer<'a>, project: &str) -> Self {
        Lookup {
            repo,
            keyer,
            project: project.to_string(),
            runs: RwLock::default(),
            reading: Mutex::default(),
            generation: AtomicU32::default(),
        }
    }

    /// The runs that are kept, as they were when they were first asked for or news were read.
    pub(super) fn runs(&self) -> Result<Arc<Runs>> {
        if let Some(loaded) = &*self.runs.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(loaded.runs.clone());
        }
        let mut slot = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*slot {
            return Ok(loaded.runs.clone());
        }
        Ok(slot.insert(self.load()?).runs.clone())
    }

    fn load(&self) -> Result<Loaded> {
        let roots = self.repo.roots()?;
        let names = roots.iter().map(|root| root.name).collect();
        Ok(Loaded { runs: Arc::new(Runs::load_to_find(roots, clock::now())), roots: names })
    }

    /// Changes whenever what [`Lookup::find`] answers may have.
    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reads what other processes published since this was last called, if anything.
    pub(super) fn refresh(&self, claims: &Claims) -> Result<()> {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if !claims.has_news() {
            return Ok(());
        }
        self.repo.refresh()?;
        let mut slot = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        let Some(loaded) = &mut *slot else { return Ok(()) };
        self.generation.fetch_add(1, Ordering::AcqRel);
        let new = self.repo.roots_beside(&loaded.roots)?;
        if new.is_empty() {
            return Ok(());
        }
        // What was forgotten shows only where all are read.
        if new.iter().any(|root| root.record_type == FORGET) {
            *loaded = self.load()?;
            return Ok(());
        }
        loaded.runs = Arc::new(loaded.runs.with(&new, clock::now()));
        loaded.roots.extend(new.iter().map(|root| root.name));
        Ok(())
    }

    /// A root record of this run's own need not be read: of what it names, this process knows all that counts.
    pub(super) fn pass_over(&self, root: Id) {
        if let Some(loaded) = &mut *self.runs.write().unwrap_or_else(PoisonError::into_inner) {
            loaded.roots.insert(root);
        }
    }

    /// The result that stands for running an action. What is damaged goes to `damaged` and does not count.
    pub(super) fn find(
        &self,
        task: TaskNo,
        keyed: &Keyed,
        results: Results<'_>,
        damaged: &dyn Fn(&Error),
    ) -> Result<Option<Hit>> {
        let runs = self.runs()?;
        let mut candidates: Vec<&Run> = runs.candidates(&keyed.id).iter().collect();
        if keyed.action.root.is_none() && !runs.all().is_empty() {
            candidates.extend(runs.candidates(&self.rooted(keyed)));
        }
        candidates.retain(|run| run.status == Status::Success);
        candidates.sort_by_key(|run| run.newest_key());
        // Those of this project go first, and each is read only where no newer one is a hit.
        let mut others = Vec::new();
        for run in candidates.into_iter().take(CANDIDATES_MAX) {
            match Record::load(self.repo, &run.record) {
                Ok(record) if record.project != self.project => others.push((run, record)),
                Ok(record) => {
                    if let Some(hit) = self.hit(task, (run, &record), results, damaged)? {
                        return Ok(Some(hit));
                    }
                }
                Err(error) => tell(error, damaged)?,
            }
        }
        for (run, record) in &others {
            if let Some(hit) = self.hit(task, (run, record), results, damaged)? {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    /// The id of the same action where its root counts: what holds the root's path was recorded so.
    pub(super) fn rooted(&self, keyed: &Keyed) -> Id {
        let mut action = keyed.action.clone();
        action.root = Some(self.keyer.root().as_os_str().as_bytes().to_vec());
        action.id()
    }

    /// A run as a hit, if what it was seen to read holds and its result can be read.
    fn hit(
        &self,
        task: TaskNo,
        (run, record): (&Run, &Record),
        results: Results<'_>,
        damaged: &dyn Fn(&Error),
    ) -> Result<Option<Hit>> {
        if record.status != Status::Success || !self.keyer.holds(task, &record.observed, results)? {
            return Ok(None);
        }
        let tree = match record.result.as_ref().map(|tree| portable::read(self.repo, tree)) {
            Some(Err(error)) => return tell(error, damaged).map(|()| None),
            Some(Ok(tree)) => tree,
            None => ResultTree::empty(),
        };
        Ok(Some(Hit {
            action: run.action,
            record: run.record,
            tree: Arc::new(tree),
            logs: logs_of(record),
            observed: record.observed.clone(),
            duration_ms: record.wall_ms,
        }))
    }

    /// The logs of a record.
    pub(super) fn logs(&self, record: &Id) -> Result<Option<Box<LogIds>>> {
        Ok(logs_of(&Record::load(self.repo, record)?))
    }
}

fn logs_of(record: &Record) -> Option<Box<LogIds>> {
    boxed(LogIds { stdout: record.stdout, stderr: record.stderr, interleave: record.interleave })
}

/// Logs, if there is anything in them.
pub(super) fn boxed(logs: LogIds) -> Option<Box<LogIds>> {
    let has_some = logs.stdout.is_some() || logs.stderr.is_some() || logs.interleave.is_some();
    has_some.then(|| Box::new(logs))
}

/// What is damaged is told and passed over; anything else is a failure.
fn tell(error: Error, damaged: &dyn Fn(&Error)) -> Result<()> {
    match error.class() {
        Class::Damaged => {
            damaged(&error);
            Ok(())
        }
        _ => Err(error),
    }
}
