//! A lease in the hands of its writer: refreshed beside whatever the writer does.
//!
//! Where others go by refreshes (media without locks, and disks of several machines) a thread shows every minute that the writer
//! lives, however long a task or a walk through a tree takes. On a disk of this machine the flock says it.

use super::liveness::is_local_disk;
use super::{GcPhase, Lease, REFRESH_INTERVAL};
use crate::clock::Time;
use crate::error::{IoContext, Result};
use crate::id::{Id, ShortId};
use crate::repo::Repo;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A lease that is held.
pub(crate) struct Held {
    writer: ShortId,
    shared: Arc<Shared>,
}

struct Shared {
    repo: Repo,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    /// `None` when it has ended.
    lease: Option<Lease>,
    dooms_seen: Vec<Id>,
}

impl Held {
    /// As [`Lease::create`].
    pub(crate) fn create(repo: &Repo, command: &str, gc: Option<GcPhase>) -> Result<Held> {
        let core = repo.core();
        let lease = Lease::create(core.backend.as_ref(), &core.keyring, repo.id(), command, gc)?;
        let writer = *lease.writer();
        let state = Mutex::new(State { lease: Some(lease), dooms_seen: Vec::new() });
        let shared = Arc::new(Shared { repo: repo.clone(), state, ended: Condvar::new() });
        let held = Held { writer, shared };
        if !repo.backend().local_dir().is_some_and(is_local_disk) {
            let shared = held.shared.clone();
            let thread = std::thread::Builder::new().name("lease".to_string());
            thread.spawn(move || shared.refresh_until_ended()).at("start", "a thread")?;
        }
        Ok(held)
    }

    /// This writer.
    pub(crate) fn writer(&self) -> &ShortId {
        &self.writer
    }

    /// Names these dooms as seen, at once and in every refresh from here on; for a gc, with how far it is.
    ///
    /// # Errors
    /// As [`Lease::refresh`].
    pub(crate) fn see(&self, dooms: Vec<Id>, phase: Option<GcPhase>) -> Result<()> {
        let mut state = self.shared.state();
        state.dooms_seen = dooms;
        if let Some(lease) = state.lease.as_mut() {
            lease.set_phase(phase);
        }
        self.shared.refresh(&mut state)
    }

    /// Shows a sign of life if it is time to.
    ///
    /// # Errors
    /// As [`Lease::refresh`].
    pub(crate) fn refresh(&self) -> Result<()> {
        let mut state = self.shared.state();
        match state.lease.as_ref().is_some_and(Lease::is_due) {
            true => self.shared.refresh(&mut state),
            false => Ok(()),
        }
    }

    /// The time by the clock of the medium, that of a refresh written now; `None` where it has none.
    ///
    /// # Errors
    /// As [`Lease::refresh`].
    pub(crate) fn probe_clock(&self) -> Result<Option<Time>> {
        let mut state = self.shared.state();
        self.shared.refresh(&mut state)?;
        self.modified_of(&state)
    }

    /// When the last refresh was written, by the clock of the medium.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub(crate) fn modified(&self) -> Result<Option<Time>> {
        self.modified_of(&self.shared.state())
    }

    fn modified_of(&self, state: &State) -> Result<Option<Time>> {
        state.lease.as_ref().map_or(Ok(None), |lease| lease.modified(self.shared.repo.backend().as_ref()))
    }

    /// Whether this writer was declared dead, or has ended.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub(crate) fn is_fenced(&self) -> Result<bool> {
        match &self.shared.state().lease {
            Some(lease) => lease.is_fenced(self.shared.repo.backend().as_ref()),
            None => Ok(true),
        }
    }

    /// Gives the lease back; see [`Lease::end`].
    ///
    /// # Errors
    /// As [`Lease::end`].
    pub(crate) fn end(&self, is_settled: bool) -> Result<()> {
        let lease = self.shared.state().lease.take();
        self.shared.ended.notify_all();
        lease.map_or(Ok(()), |lease| lease.end(self.shared.repo.backend().as_ref(), is_settled))
    }
}

/// A reader's sign of life: nothing that is there now is swept before it ends, as far as its roots kept it when it began.
pub(crate) struct ReadLease(Held);

impl ReadLease {
    /// Takes one, where this reader may write; elsewhere what moves is found by looking again.
    pub(crate) fn take(repo: &Repo, command: &str) -> Option<ReadLease> {
        Held::create(repo, command, None).ok().map(ReadLease)
    }
}

impl Drop for ReadLease {
    fn drop(&mut self) {
        // It published nothing that could be in doubt. One that cannot be removed is found dead as a writer's is.
        let _ = self.0.end(true);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A lease that cannot be removed is found dead by its free flock, or by its silence.
        let _ = self.end(false);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self, state: &mut State) -> Result<()> {
        let core = self.repo.core();
        match state.lease.as_mut() {
            Some(lease) => lease.refresh(core.backend.as_ref(), &core.keyring, self.repo.id(), &state.dooms_seen),
            None => Ok(()),
        }
    }

    fn refresh_until_ended(&self) {
        let mut state = self.state();
        while state.lease.is_some() {
            let waited = self.ended.wait_timeout(state, REFRESH_INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.lease.as_ref().is_some_and(Lease::is_due) {
                // What fails here is tried again in a minute; the writer itself finds out about its fence.
                let _ = self.refresh(&mut state);
            }
        }
    }
}
