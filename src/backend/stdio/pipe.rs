//! Pipes to a process that may fall silent: every wait has an end.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// A pipe end that waits for the other side so long and no longer.
pub(super) struct Patient<T> {
    end: T,
    silence_ms_max: u64,
}

impl<T: AsFd> Patient<T> {
    /// Takes the end of a pipe.
    pub(super) fn new(end: T, silence_ms_max: u64) -> io::Result<Self> {
        // A write that fits only in part must not wait where nobody counts the time.
        rustix::fs::fcntl_setfl(&end, rustix::fs::OFlags::NONBLOCK)?;
        Ok(Patient { end, silence_ms_max })
    }

    fn wait(&self, for_what: PollFlags) -> io::Result<()> {
        let until = Instant::now() + Duration::from_millis(self.silence_ms_max);
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_millis();
            let timeout = PollTimeout::try_from(left.min(i32::MAX as u128) as i32).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.end.as_fd(), for_what)], timeout) {
                Ok(0) => return Err(ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<T: AsFd + Read> Read for Patient<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.end.read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(PollFlags::POLLIN)?,
                answer => return answer,
            }
        }
    }
}

impl<T: AsFd + Write> Write for Patient<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.end.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(PollFlags::POLLOUT)?,
                answer => return answer,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end.flush()
    }
}
