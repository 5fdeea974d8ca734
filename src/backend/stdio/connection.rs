//! One running program, and the lines that go to and fro.

use super::pipe::Patient;
use super::{LINE_BYTES_MAX, Program, VERSION, ssh_failure};
use crate::error::{Code, Error, IoContext, Result};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So much of what a program says on stderr is kept for the message about its end.
const COMPLAINT_BYTES_MAX: usize = 2 << 10;
/// So long a program has to end by itself after its stdin was closed.
const FAREWELL: Duration = Duration::from_secs(5);
/// So long we wait to hear how a program ended that closed its stdout, and what it said of it.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How ssh ends when it is ssh that failed.
const SSH_FAILED: i32 = 255;
/// Bytes that are handed on at once.
const STEP_BYTES: usize = 256 << 10;

/// The first line of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::backend) enum Reply {
    Ok(Option<u64>),
    Missing,
    Exists,
    Short,
    Item(u64, String),
}

impl Reply {
    /// What a line says; `None` when it is none of these.
    pub(in crate::backend) fn parse(line: &str) -> Option<Result<Reply>> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let reply = match (word, rest) {
            ("ok", "") => Reply::Ok(None),
            ("ok", len) => Reply::Ok(Some(len.parse().ok()?)),
            ("missing", "") => Reply::Missing,
            ("exists", "") => Reply::Exists,
            ("short", "") => Reply::Short,
            ("item", rest) => {
                let (len, name) = rest.split_once(' ')?;
                Reply::Item(len.parse().ok()?, name.to_string())
            }
            ("error", rest) => {
                let (code, message) = rest.split_once(' ').unwrap_or((rest, "no reason was given"));
                let code = Code::ALL.iter().find(|known| known.name() == code).copied().unwrap_or(Code::FileIo);
                return Some(Err(Error::new(code, format!("the other side says: {}", message.escape_debug()))));
            }
            _ => return None,
        };
        Some(Ok(reply))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Reply::Ok(None) => "`ok`",
            Reply::Ok(Some(_)) => "`ok` with another number",
            Reply::Missing => "`missing`",
            Reply::Exists => "`exists`",
            Reply::Short => "`short`",
            Reply::Item(..) => "`item`",
        }
    }
}

/// A program that was started.
pub(super) struct Connection {
    child: Child,
    input: Option<BufWriter<Patient<ChildStdin>>>,
    output: BufReader<Patient<ChildStdout>>,
    complaints: Arc<Mutex<VecDeque<u8>>>,
    /// Ends when the program says nothing more.
    talking: Receiver<()>,
    location: String,
    is_broken: bool,
}

impl Connection {
    pub(super) fn open(program: &Program, location: &str, silence_ms_max: u64) -> Result<Connection> {
        let cannot = |error: io::Error| {
            Error::new(Code::SystemError, format!("the program for {location} cannot be started")).with_source(error)
        };
        let mut child = program.command().spawn().map_err(cannot)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(cannot(ErrorKind::BrokenPipe.into()));
        };
        let (complaints, talking) = listen(stderr);
        let mut connection = Connection {
            input: Some(BufWriter::new(Patient::new(stdin, silence_ms_max).map_err(cannot)?)),
            output: BufReader::with_capacity(STEP_BYTES, Patient::new(stdout, silence_ms_max).map_err(cannot)?),
            child,
            complaints,
            talking,
            location: location.to_string(),
            is_broken: false,
        };
        connection.say(&format!("hello {VERSION}"))?;
        let line = connection.line()?;
        if line.split(' ').take(2).eq(["ok", VERSION]) {
            return Ok(connection);
        }
        match Reply::parse(&line) {
            Some(Err(error)) => Err(error.context(format!("{location} refuses"))),
            _ => Err(connection.no_protocol(&line)),
        }
    }

    /// Whether it must not be used again.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub(super) fn say(&mut self, line: &str) -> Result<()> {
        self.say_with(line, 0, &mut io::empty())
    }

    /// Sends a line, and so many bytes after it.
    pub(super) fn say_with(&mut self, line: &str, len: u64, bytes: &mut dyn Read) -> Result<()> {
        match self.send(line, len, bytes) {
            Ok(Ok(())) => Ok(()),
            // What was promised must be sent, so a file that cannot be read ends the connection.
            Ok(Err(error)) => {
                self.is_broken = true;
                Err(error)
            }
            // Why it went away it may have said before.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_broken = true;
                match Reply::parse(&self.line()?) {
                    Some(Err(said)) => Err(said),
                    _ => Err(self.lost(error)),
                }
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn send(&mut self, line: &str, len: u64, bytes: &mut dyn Read) -> io::Result<Result<()>> {
        let input = self.input.as_mut().ok_or(ErrorKind::BrokenPipe)?;
        input.write_all(line.as_bytes())?;
        input.write_all(b"\n")?;
        let mut step = vec![0; len.min(STEP_BYTES as u64) as usize];
        let mut left = len;
        while left > 0 {
            let part = &mut step[..left.min(STEP_BYTES as u64) as usize];
            if let Err(error) = bytes.read_exact(part) {
                return Ok(Err(error).at("read", "a temporary file"));
            }
            input.write_all(part)?;
            left -= part.len() as u64;
        }
        input.flush().map(Ok)
    }

    pub(super) fn reply(&mut self) -> Result<Reply> {
        let line = self.line()?;
        match Reply::parse(&line) {
            Some(reply) => reply,
            None => Err(self.no_protocol(&line)),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        if let Err(error) = (&mut self.output).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line) {
            return Err(self.lost(error));
        }
        if line.last() != Some(&b'\n') && line.len() < LINE_BYTES_MAX {
            return Err(self.lost(ErrorKind::UnexpectedEof.into()));
        }
        let line = String::from_utf8_lossy(&line);
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_string()),
            None => Err(self.no_protocol(&line)),
        }
    }

    /// So many bytes after a line.
    pub(super) fn bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len.min(64 << 20) as usize);
        match (&mut self.output).take(len).read_to_end(&mut bytes) {
            Ok(read) if read as u64 == len => Ok(bytes),
            Ok(_) => Err(self.lost(ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.lost(error)),
        }
    }

    /// An answer that no such request has.
    pub(super) fn astray(&mut self, reply: &Reply) -> Error {
        self.is_broken = true;
        let message = format!("{} answered {}, which fits no such request", self.location, reply.name());
        Error::new(Code::NetworkError, message)
    }

    fn no_protocol(&mut self, line: &str) -> Error {
        self.is_broken = true;
        let start: String = line.trim_end().chars().take(80).collect();
        let message =
            format!("{} does not speak the object protocol: it says `{}`", self.location, start.escape_debug());
        Error::new(Code::ConfigError, message)
            .with_hint("a login shell there must print nothing of its own; docs/EXEC-BACKEND.md describes the protocol")
    }

    /// The program has gone, or is silent.
    fn lost(&mut self, error: io::Error) -> Error {
        self.is_broken = true;
        if error.kind() == ErrorKind::TimedOut {
            return Error::new(Code::NetworkTimeout, format!("{} does not answer", self.location));
        }
        let status = wait_for(&mut self.child, LAST_WORDS);
        // Nothing is ever sent: it ends, or the time is over.
        let _ = self.talking.recv_timeout(LAST_WORDS);
        let kept: Vec<u8> = self.complaints.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let kept = String::from_utf8_lossy(&kept);
        let last = kept.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().escape_debug().to_string();
        let (code, how) = match status.and_then(|status| status.code()) {
            // What `sh` says of a program that is not there, and of one that must not be run.
            Some(126 | 127) => (Code::SystemError, "the program cannot be run"),
            Some(SSH_FAILED) => (ssh_failure(&last).unwrap_or(Code::ConnectionFailed), "the connection broke"),
            _ => (Code::ConnectionFailed, "the connection broke"),
        };
        let why = if last.is_empty() { String::new() } else { format!(": {last}") };
        Error::new(code, format!("{}: {how}{why}", self.location)).with_source(error)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Its stdin ends, and so does it.
        drop(self.input.take());
        let patience = if self.is_broken { Duration::ZERO } else { FAREWELL };
        if wait_for(&mut self.child, patience).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Keeps the end of what a program says on stderr, and tells by an end when that is all.
fn listen(mut stderr: impl Read + Send + 'static) -> (Arc<Mutex<VecDeque<u8>>>, Receiver<()>) {
    let (talks, talking) = mpsc::channel();
    let complaints = Arc::new(Mutex::new(VecDeque::new()));
    let kept = complaints.clone();
    std::thread::spawn(move || {
        let mut part = [0; 512];
        while let Ok(read @ 1..) = stderr.read(&mut part) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(part.iter().take(read));
            let surplus = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
            kept.drain(..surplus);
        }
        drop(talks);
    });
    (complaints, talking)
}

fn wait_for(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < patience => std::thread::sleep(Duration::from_millis(1)),
            _ => return None,
        }
    }
}
