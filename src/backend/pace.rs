//! A backend that asks of its medium as much at once as it takes gladly.
//!
//! How many requests may be under way is found out as networks do it: additive increase, multiplicative decrease (D.-M. Chiu
//! and R. Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer Networks", 1989;
//! V. Jacobson, "Congestion Avoidance and Control", 1988). After each round of as many answers as the window is wide it
//! grows by one, if it was full (as RFC 7661 wants); a step that does not bring at least half of its share is taken back: on a
//! line that is full, more at once only makes each of them slower. When the medium asks for less (429, 503), is
//! silent or cannot be reached, it is halved: once for all requests that were under way.
//!
//! Leases do not stand in line: a sign of life that waits behind packs is none. Nor do listings: who hears of a name
//! may ask for the file.

use super::retry::is_transient;
use super::{Backend, Spool};
use crate::clock::{Stopwatch, Time};
use crate::error::Result;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// So many requests are under way at once at most.
const AT_ONCE_MAX: usize = 8;
/// What is tried first; rclone carries as many files at once.
const AT_ONCE_FIRST: usize = 4;
/// Bodies of requests that are under way have so many bytes together at most, as they may be held in memory; one of them
/// may always go.
const BODY_BYTES_MAX: u64 = 64 << 20;
/// Of one file no more is in memory: longer ones go in parts.
const BODY_BYTES: u64 = 24 << 20;
/// A request costs as much as so many bytes more, whatever it moves.
const REQUEST_BYTES: u64 = 256 << 10;
/// Of what one more of so many would bring if nothing else were in the way, a step is to bring this share.
const SHARE_OF_STEP: f64 = 0.5;
/// So many rounds nothing is tried after a step that was taken back.
const ROUNDS_STILL: u32 = 8;

/// How many threads are to ask media where `jobs` would do on this machine: of a medium elsewhere so many as it may take
/// requests, because they wait for it. Who wants one gets one.
pub(crate) fn askers(jobs: usize, is_far: bool) -> usize {
    if is_far && jobs > 1 { jobs.max(AT_ONCE_MAX) } else { jobs }
}

/// How many requests may be under way, by what became of those before.
#[derive(Clone, Debug)]
struct Window {
    width: usize,
    /// How often it was halved: who began before has nothing to say any more.
    halvings: u64,
    round: Round,
    /// Bytes a second of the round before the last step up.
    before_step: Option<f64>,
    still: u32,
}

/// Answers since the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    answers: usize,
    bytes: u64,
    was_full: bool,
    start_us: u64,
}

impl Window {
    fn new() -> Window {
        Window { width: AT_ONCE_FIRST, halvings: 0, round: Round::default(), before_step: None, still: 0 }
    }

    /// An answer of so many bytes came, while so many requests were under way.
    fn answered(&mut self, bytes: u64, under_way: usize, now_us: u64) {
        self.round.answers += 1;
        self.round.bytes += bytes + REQUEST_BYTES;
        self.round.was_full |= under_way >= self.width;
        if self.round.answers < self.width {
            return;
        }
        let round = std::mem::replace(&mut self.round, Round { start_us: now_us, ..Round::default() });
        // Who does not ask for more learns nothing of more.
        if !round.was_full {
            return;
        }
        let rate = round.bytes as f64 / now_us.saturating_sub(round.start_us).max(1) as f64;
        let wanted = |before: f64| before * (1.0 + SHARE_OF_STEP / (self.width - 1) as f64);
        if self.before_step.take().is_some_and(|before| rate < wanted(before)) {
            (self.width, self.still) = (self.width - 1, ROUNDS_STILL);
        } else if self.still > 0 {
            self.still -= 1;
        } else if self.width < AT_ONCE_MAX {
            (self.width, self.before_step) = (self.width + 1, Some(rate));
        }
    }

    /// A request that began after so many halvings failed as those do of which there are too many.
    fn failed(&mut self, halvings: u64, now_us: u64) {
        if halvings == self.halvings {
            self.width = (self.width / 2).max(1);
            self.halvings += 1;
            self.round = Round { start_us: now_us, ..Round::default() };
            self.before_step = None;
        }
    }
}

struct State {
    window: Window,
    under_way: usize,
    body_bytes: u64,
}

impl State {
    /// Whether a request with so long a body has to wait.
    fn is_full(&self, bytes: u64) -> bool {
        let is_long = bytes > 0 && self.body_bytes > 0 && self.body_bytes + bytes > BODY_BYTES_MAX;
        self.under_way >= self.window.width || is_long
    }
}

/// Keeps pace with a medium.
pub struct PaceBackend {
    inner: Arc<dyn Backend>,
    state: Mutex<State>,
    freed: Condvar,
    watch: Stopwatch,
}

/// The permission for one request, given back when it is dropped.
struct Pass<'a> {
    pace: &'a PaceBackend,
    halvings: u64,
    bytes: u64,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.lock();
        state.under_way -= 1;
        state.body_bytes -= self.bytes;
        drop(state);
        // A window that grew has room for a second one.
        self.pace.freed.notify_all();
    }
}

impl PaceBackend {
    /// Asks `inner` no more at once than it takes.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        let state = Mutex::new(State { window: Window::new(), under_way: 0, body_bytes: 0 });
        PaceBackend { inner, state, freed: Condvar::new(), watch: Stopwatch::start() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn with a body of so many bytes. Each request before it ends: a medium bounds how long it is silent.
    fn enter(&self, bytes: u64) -> Pass<'_> {
        let bytes = bytes.min(BODY_BYTES);
        let state = self.freed.wait_while(self.lock(), |state| state.is_full(bytes));
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.under_way += 1;
        state.body_bytes += bytes;
        Pass { pace: self, halvings: state.window.halvings, bytes }
    }

    /// Does one request in its turn, with a body of so many bytes; `bytes` is how many an answer moved.
    fn ask<T>(
        &self,
        name: &str,
        body_bytes: u64,
        bytes: impl Fn(&T) -> u64,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        if name.starts_with("leases/") {
            return work();
        }
        let pass = self.enter(body_bytes);
        let answer = work();
        let now_us = (self.watch.elapsed_seconds() * 1e6) as u64;
        let state = &mut *self.lock();
        match &answer {
            Err(error) if is_transient(error) => state.window.failed(pass.halvings, now_us),
            Ok(answer) => state.window.answered(bytes(answer), state.under_way, now_us),
            // That there is no such file says nothing of how much is asked.
            Err(_) => {}
        }
        answer
    }
}

impl Backend for PaceBackend {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.ask(name, bytes.len() as u64, |()| bytes.len() as u64, || self.inner.put(name, bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.ask(name, bytes.len() as u64, |_| bytes.len() as u64, || self.inner.put_new(name, bytes))
    }

    fn spool(&self) -> Result<Spool> {
        self.inner.spool()
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let len = spool.as_file().metadata().map_or(0, |meta| meta.len());
        self.ask(name, len, |()| len, || self.inner.put_spool(name, spool))
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.ask(name, 0, |bytes: &Vec<u8>| bytes.len() as u64, || self.inner.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.ask(name, len as u64, |bytes: &Vec<u8>| bytes.len() as u64, || self.inner.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.ask(name, 0, |_| 0, || self.inner.stat(name))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.ask(name, 0, |_| 0, || self.inner.modified(name))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.ask(name, 0, |()| 0, || self.inner.delete(name))
    }

    fn creates_exclusively(&self) -> bool {
        self.inner.creates_exclusively()
    }

    fn local_dir(&self) -> Option<&Path> {
        self.inner.local_dir()
    }

    fn beyond(&self) -> Option<&dyn Backend> {
        self.inner.beyond()
    }
}

#[cfg(test)]
mod tests;
