//! From the start of a command to the end of its group, in one thread.

use super::signals::{Target, ceil_timeout};
use super::spawn::{self, Refused};
use super::{Ended, Exit, Job, Stop, Survivors, group};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::run::logs::{Recorder, Stream};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, waitid};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// From the wish that it ends to its killing.
const GRACE: Duration = Duration::from_secs(2);
/// After so long a group that ignores the signal that larder got is told by TERM.
const TERM_AFTER: Duration = Duration::from_secs(1);
/// How often to look at a process that cannot be waited for together with pipes: kernels before 5.3.
const LOOK: Duration = Duration::from_millis(5);
/// Read so much at a time: as much as a pipe holds.
const PIECE_BYTES: usize = 64 << 10;
/// So many reads at most, when nobody should have more to say.
const LAST_READS_MAX: usize = 64;
const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// See [`super::run`].
pub(super) fn run(job: &Job<'_>, stop: &Stop, on_output: &dyn Fn(Stream, &[u8])) -> Result<Ended> {
    let (start, clock) = (clock::now(), Instant::now());
    let mut recorder = Recorder::new(job.log);
    let mut ended = Ended {
        exit: Exit::None,
        timed_out: false,
        cancelled: stop.is_asked(),
        survivors: Survivors::None,
        user_ms: 0,
        system_ms: 0,
        memory_peak_bytes: 0,
        wall_ms: 0,
        start,
        logs: Recorder::new(job.log).finish(on_output),
    };
    if ended.cancelled {
        return Ok(ended);
    }
    let started = match spawn::spawn(job) {
        Ok(started) => started,
        Err(Refused::System(error)) => return Err(error),
        Err(Refused::Task(status, why)) => {
            recorder.push(Stream::Stderr, format!("larder: {why}\n").as_bytes(), on_output);
            (ended.exit, ended.logs) = (Exit::Code(status), recorder.finish(on_output));
            return Ok(ended);
        }
    };
    let mut running = Running::new(started, job.interactive, stop, recorder, on_output);
    running.wait_for_leader(job.timeout_ms.map(Duration::from_millis), &mut ended)?;
    running.read_what_is_there();
    running.reap(&mut ended)?;
    ended.wall_ms = clock.elapsed().as_millis() as u64;
    if !job.interactive {
        ended.survivors = running.end_group();
    }
    if let Some(recorder) = running.recorder.take() {
        ended.logs = recorder.finish(on_output);
    }
    Ok(ended)
}

/// A command and what watches it. Dropped before its end is known, it is killed with its group.
struct Running<'a> {
    child: Option<Child>,
    pid: Pid,
    /// Readable when the first process has ended.
    handle: Option<OwnedFd>,
    pipes: [Option<OwnedFd>; 2],
    target: Target,
    stop: &'a Stop,
    recorder: Option<Recorder<'a>>,
    on_output: &'a dyn Fn(Stream, &[u8]),
    buffer: Vec<u8>,
}

/// When it is told to end once more, and when it is killed.
struct Ending {
    term_at: Option<Duration>,
    kill_at: Option<Duration>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.stop.remove(self.target);
        self.target.send(Signal::KILL);
        let _ = child.wait();
    }
}

impl<'a> Running<'a> {
    fn new(
        started: spawn::Started,
        interactive: bool,
        stop: &'a Stop,
        recorder: Recorder<'a>,
        on_output: &'a dyn Fn(Stream, &[u8]),
    ) -> Self {
        let pid = started.pid;
        let target = if interactive { Target::Process(pid) } else { Target::Group(pid) };
        stop.add(target);
        Running {
            child: Some(started.child),
            pid,
            handle: pidfd_open(pid, PidfdFlags::empty()).ok(),
            pipes: started.pipes,
            target,
            stop,
            recorder: Some(recorder),
            on_output,
            buffer: Vec::new(),
        }
    }

    /// Reads until the first process has ended, and sees to it that it does: when its time is over, or when it should.
    fn wait_for_leader(&mut self, timeout: Option<Duration>, ended: &mut Ended) -> Result<()> {
        let deadline = timeout.map(|timeout| self.stop.elapsed().saturating_add(timeout));
        let mut ending: Option<Ending> = None;
        loop {
            let needs_time = deadline.is_some() || ending.is_some() || self.stop.is_asked();
            let now = if needs_time { self.stop.elapsed() } else { Duration::ZERO };
            if let Some(ending) = &mut ending {
                self.go_on_ending(ending, now);
            } else if self.stop.is_asked() {
                // The signal itself has been passed on.
                ended.cancelled = true;
                ending = Some(Ending { term_at: Some(now + TERM_AFTER), kill_at: Some(now + GRACE) });
            } else if deadline.is_some_and(|deadline| now >= deadline) {
                ended.timed_out = true;
                self.target.end(Signal::TERM);
                ending = Some(Ending { term_at: None, kill_at: Some(now + GRACE) });
            }
            let next = match &ending {
                Some(ending) => ending.term_at.or(ending.kill_at),
                None => deadline,
            };
            if self.watch(next.map(|next| next.saturating_sub(now)), ending.is_none())? {
                return Ok(());
            }
        }
    }

    fn go_on_ending(&self, ending: &mut Ending, now: Duration) {
        if ending.kill_at.is_some_and(|at| now >= at) {
            self.target.send(Signal::KILL);
            *ending = Ending { term_at: None, kill_at: None };
        } else if ending.term_at.is_some_and(|at| now >= at) {
            self.target.end(Signal::TERM);
            ending.term_at = None;
        }
    }

    /// Waits for output, the end, a wish to stop or the time, and reads. True when the first process has ended.
    fn watch(&mut self, left: Option<Duration>, hears_stop: bool) -> Result<bool> {
        let mut left = left;
        let mut polled = Vec::with_capacity(4);
        let wanted = |fd| PollFd::new(fd, PollFlags::POLLIN);
        polled.extend(self.pipes.iter().flatten().map(|pipe| wanted(pipe.as_fd())));
        let pipes = polled.len();
        match &self.handle {
            Some(handle) => polled.push(wanted(handle.as_fd())),
            None => left = Some(left.map_or(LOOK, |left| left.min(LOOK))),
        }
        if hears_stop {
            polled.push(wanted(self.stop.wake()));
        }
        match poll(&mut polled, left.map_or(PollTimeout::NONE, ceil_timeout)) {
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(cannot_wait(error)),
            Ok(_) => {}
        }
        let is_ready = |at: usize| polled.get(at).is_some_and(|one| one.any() == Some(true));
        let mut ready = [is_ready(0) && pipes > 0, is_ready(1) && pipes > 1];
        if self.pipes[0].is_none() {
            ready.swap(0, 1);
        }
        let has_ended = match &self.handle {
            Some(_) => is_ready(pipes),
            None => self.has_ended()?,
        };
        for (which, is_ready) in ready.into_iter().enumerate() {
            if is_ready {
                self.read(which);
            }
        }
        Ok(has_ended)
    }

    fn has_ended(&self) -> Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid), options).map_err(cannot_wait)?.is_some())
    }

    /// One read of a pipe that has something, or has ended.
    fn read(&mut self, which: usize) {
        let Some(pipe) = &self.pipes[which] else { return };
        if self.buffer.is_empty() {
            self.buffer = vec![0; PIECE_BYTES];
        }
        match rustix::io::read(pipe, &mut self.buffer[..]) {
            Ok(0) => self.pipes[which] = None,
            Ok(len) => {
                if let Some(recorder) = &mut self.recorder {
                    recorder.push(STREAMS[which], &self.buffer[..len], self.on_output);
                }
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            // A pipe that cannot be read gives nothing more.
            Err(_) => self.pipes[which] = None,
        }
    }

    /// What the pipes hold now. One who still writes into them is not listened to for ever.
    fn read_what_is_there(&mut self) {
        for _ in 0..LAST_READS_MAX {
            let mut is_idle = true;
            for which in 0..self.pipes.len() {
                let Some(pipe) = &self.pipes[which] else { continue };
                let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
                if poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
                    is_idle = false;
                    self.read(which);
                }
            }
            if is_idle {
                return;
            }
        }
    }

    /// Takes the first process's status and what it used.
    fn reap(&mut self, ended: &mut Ended) -> Result<()> {
        let Some(child) = self.child.take() else { return Ok(()) };
        self.stop.remove(self.target);
        // It may have ended of the signal before this thread heard of it.
        ended.cancelled |= self.stop.is_asked() && !ended.timed_out;
        let used = child.wait4().map_err(cannot_wait)?;
        ended.exit = exit_of(used.status);
        ended.user_ms = used.rusage.utime.as_millis() as u64;
        ended.system_ms = used.rusage.stime.as_millis() as u64;
        ended.memory_peak_bytes = if used.rusage.maxrss > own_peak_bytes() { used.rusage.maxrss } else { 0 };
        Ok(())
    }

    /// Ends what is left of the group, whose number nobody else gets while it has a process.
    fn end_group(&mut self) -> Survivors {
        if !group::is_alive(self.pid) {
            return Survivors::None;
        }
        Target::Group(self.pid).end(Signal::TERM);
        let clock = Instant::now();
        let mut pause_ms = 1;
        let mut killed_at = None;
        while group::is_alive(self.pid) {
            let elapsed = clock.elapsed();
            match killed_at {
                None if elapsed >= GRACE => {
                    Target::Group(self.pid).send(Signal::KILL);
                    killed_at = Some(elapsed);
                }
                // What not even this ends waits for a medium that does not answer.
                Some(at) if elapsed >= at + GRACE => break,
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(pause_ms));
            pause_ms = (pause_ms * 2).min(20);
            self.read_what_is_there();
        }
        if killed_at.is_some() { Survivors::Killed } else { Survivors::Ended }
    }
}

fn cannot_wait(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::SystemError, "a command cannot be waited for").with_source(error)
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (_, Some(signal)) => Exit::Signal(signal),
        _ => Exit::None,
    }
}

/// The most memory that larder had. The kernel counts it for every process that larder starts, since for a moment they
/// share it.
fn own_peak_bytes() -> u64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |used| used.max_rss().max(0) as u64 * 1024)
}
