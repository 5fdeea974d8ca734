//! How all running commands are told to stop, to pause and to go on.

use crate::error::{Code, Error, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Nobody asked for anything.
const RUNNING: u8 = 0;
/// Commands were passed the signal that larder got.
const ASKED: u8 = 1;
/// Commands were killed.
const KILLED: u8 = 2;

/// What larder itself was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// As by control and C.
    Interrupt,
    /// As by `kill`.
    Terminate,
    /// The terminal went away.
    HangUp,
}

impl StopSignal {
    fn number(self) -> Signal {
        match self {
            StopSignal::Interrupt => Signal::INT,
            StopSignal::Terminate => Signal::TERM,
            StopSignal::HangUp => Signal::HUP,
        }
    }
}

/// Whom a signal goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All of a process group of larder's own making.
    Group(Pid),
    /// One process, which shares the terminal with larder.
    Process(Pid),
}

impl Target {
    /// Sends a signal; one that has ended meanwhile needs none.
    pub(super) fn send(self, signal: Signal) {
        let _ = match self {
            Target::Group(pid) => kill_process_group(pid, signal),
            Target::Process(pid) => kill_process(pid, signal),
        };
    }

    /// Ends it: one that is stopped must go on before it can end.
    pub(super) fn end(self, signal: Signal) {
        self.send(signal);
        self.send(Signal::CONT);
    }
}

/// All running commands, and the wish to stop them. One for a whole run; shared by its threads.
#[derive(Debug)]
pub struct Stop {
    level: AtomicU8,
    state: Mutex<State>,
    /// Readable from the first wish on: its other end is closed.
    wake: OwnedFd,
    born: Instant,
}

#[derive(Debug)]
struct State {
    running: Vec<Target>,
    signal: StopSignal,
    wake: Option<OwnedFd>,
    paused: Duration,
    paused_at: Option<Instant>,
}

impl Stop {
    /// Nothing runs, and nobody wants anything.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when no more files can be opened.
    pub fn new() -> Result<Stop> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)
            .map_err(|error| Error::new(Code::ResourceExhausted, "no more files can be opened").with_source(error))?;
        let state = State {
            running: Vec::new(),
            signal: StopSignal::Interrupt,
            wake: Some(write),
            paused: Duration::ZERO,
            paused_at: None,
        };
        Ok(Stop { level: AtomicU8::new(RUNNING), state: Mutex::new(state), wake: read, born: Instant::now() })
    }

    /// Passes the signal on to all that runs; nothing new starts. What has not ended two seconds later is killed by
    /// the threads that wait for it.
    pub fn ask(&self, signal: StopSignal) {
        let mut state = self.state();
        if self.level.load(Ordering::Relaxed) != RUNNING {
            return;
        }
        state.signal = signal;
        self.level.store(ASKED, Ordering::Release);
        state.wake = None;
        for target in &state.running {
            // The terminal has told its own processes.
            if matches!(target, Target::Group(_)) || signal != StopSignal::Interrupt {
                target.end(signal.number());
            }
        }
    }

    /// Kills all that runs; nothing new starts.
    pub fn kill(&self) {
        let mut state = self.state();
        self.level.store(KILLED, Ordering::Release);
        state.wake = None;
        state.running.iter().for_each(|target| target.send(Signal::KILL));
    }

    /// Whether somebody wants an end.
    pub fn is_asked(&self) -> bool {
        self.level.load(Ordering::Acquire) != RUNNING
    }

    /// Stops all that runs until [`Stop::resume`], as control and Z does. No timeout goes on meanwhile.
    pub fn pause(&self) {
        let mut state = self.state();
        state.paused_at.get_or_insert_with(Instant::now);
        let groups = state.running.iter().filter(|target| matches!(target, Target::Group(_)));
        groups.for_each(|target| target.send(Signal::TSTP));
    }

    /// Lets all that was paused go on.
    pub fn resume(&self) {
        let mut state = self.state();
        if let Some(since) = state.paused_at.take() {
            state.paused += since.elapsed();
        }
        state.running.iter().for_each(|target| target.send(Signal::CONT));
    }

    /// Waits, unless somebody wants an end: then it answers true at once.
    pub fn wait_ms(&self, ms: u64) -> bool {
        let end = self.elapsed() + Duration::from_millis(ms);
        loop {
            let left = end.saturating_sub(self.elapsed());
            if self.is_asked() || left.is_zero() {
                return self.is_asked();
            }
            let mut waiting = [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
            // Interrupted or not, the loop looks again.
            let _ = poll(&mut waiting, ceil_timeout(left));
        }
    }

    /// Becomes readable when somebody wants an end.
    pub(super) fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Time that passed, without that in which all was paused.
    pub(super) fn elapsed(&self) -> Duration {
        let state = self.state();
        let now = state.paused_at.unwrap_or_else(Instant::now);
        now.saturating_duration_since(self.born).saturating_sub(state.paused)
    }

    /// From now on this is told, too. What began just when the wish came is told here.
    pub(super) fn add(&self, target: Target) {
        let mut state = self.state();
        state.running.push(target);
        match self.level.load(Ordering::Relaxed) {
            RUNNING if state.paused_at.is_some() && matches!(target, Target::Group(_)) => target.send(Signal::TSTP),
            RUNNING => {}
            ASKED => target.end(state.signal.number()),
            _ => target.send(Signal::KILL),
        }
    }

    /// No longer told: called before the process is reaped, since its number may then belong to another.
    pub(super) fn remove(&self, target: Target) {
        let mut state = self.state();
        if let Some(at) = state.running.iter().position(|one| *one == target) {
            state.running.swap_remove(at);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A timeout for `poll` that is not shorter than `left`.
pub(super) fn ceil_timeout(left: Duration) -> PollTimeout {
    let ms = left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128);
    PollTimeout::try_from(ms as i32).unwrap_or(PollTimeout::MAX)
}
