//! The start of a command, by `posix_spawn`: no fork of a large process, and no code between fork and exec.

use super::{Call, Job};
use crate::error::{Code, Error, Result};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Resource, prlimit};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The shell of all shell texts.
const SHELL: &str = "/bin/sh";
/// How often a start is tried again when the system says that it cannot now.
const TRIES_MAX: u32 = 20;
/// How long to wait before such a try.
const AGAIN_MS: u64 = 50;

/// A command that runs.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) pid: Pid,
    /// The ends of its pipes that are read: standard output, standard error.
    pub(super) pipes: [Option<OwnedFd>; 2],
}

/// Why a command did not start.
pub(super) enum Refused {
    /// It is not there or may not be run: a failure of the task, with the status that a shell gives.
    Task(i32, String),
    /// The system cannot start anything.
    System(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::System(error)
    }
}

/// Starts a command.
pub(super) fn spawn(job: &Job<'_>) -> std::result::Result<Started, Refused> {
    let mut command = match job.call {
        Call::Shell(text) => {
            let mut command = Command::new(SHELL);
            command.arg0("sh").arg("-c").arg(text);
            command
        }
        Call::Words { program, words } => {
            let mut command = Command::new(program);
            if let Some((name, arguments)) = words.split_first() {
                command.arg0(name).args(arguments);
            }
            command
        }
    };
    command.current_dir(job.cwd).env_clear();
    command.envs(job.environment.iter().map(|(name, value)| (name, value)));
    let mut pipes = [None, None];
    if !job.interactive {
        let (out, out_write) = pipe()?;
        let (err, err_write) = pipe()?;
        command.process_group(0).stdin(nothing()?).stdout(out_write).stderr(err_write);
        pipes = [Some(out), Some(err)];
    }
    let child = start(&mut command).map_err(|error| refused(job, error))?;
    // Without this the reading ends would never see the end of the writing ones.
    drop(command);
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return Err(Refused::System(Error::new(Code::SystemError, "a process without a number")));
    };
    if let Some(limit) = crate::fs::file_limit_before() {
        // Ours was raised; a program that counts up to its limit should not find a million.
        let _ = prlimit(Some(pid), Resource::Nofile, limit);
    }
    Ok(Started { child, pid, pipes })
}

/// Starts it, again where the reason passes: a program that a thread beside us still has open for writing, or too many
/// processes at this moment.
fn start(command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match command.spawn() {
            Err(error) if tries < TRIES_MAX && is_passing(&error) => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(AGAIN_MS));
            }
            other => return other,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::TXTBSY | Errno::AGAIN))
}

fn refused(job: &Job<'_>, error: io::Error) -> Refused {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    let shown = match job.call {
        Call::Shell(_) => Path::new(SHELL).display(),
        Call::Words { program, .. } => program.display(),
    };
    if matches!(errno, Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE)) {
        let failed = Error::new(Code::ResourceExhausted, format!("`{shown}` cannot be started")).with_source(error);
        return Refused::System(failed.with_hint("run fewer tasks at once: `-j 1`"));
    }
    if !job.cwd.is_dir() {
        return Refused::Task(126, format!("its directory {} is not there", job.cwd.display()));
    }
    match errno {
        Some(Errno::NOENT | Errno::NOTDIR) => Refused::Task(127, format!("{shown} is not there")),
        Some(Errno::TOOBIG) => {
            Refused::Task(126, format!("the command line and the environment of {shown} are too long"))
        }
        Some(Errno::NOEXEC) => {
            Refused::Task(126, format!("{shown} is no program: a script begins with a line such as #!/bin/sh"))
        }
        _ => Refused::Task(126, format!("{shown} cannot be started: {error}")),
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe_with(PipeFlags::CLOEXEC)
        .map_err(|error| Error::new(Code::ResourceExhausted, "no more pipes can be opened").with_source(error))
}

/// An input that has ended, opened once.
fn nothing() -> Result<Stdio> {
    static NOTHING: OnceLock<io::Result<File>> = OnceLock::new();
    match NOTHING.get_or_init(|| File::open("/dev/null")).as_ref().map(File::try_clone) {
        Ok(Ok(file)) => Ok(file.into()),
        Ok(Err(error)) => Err(Error::new(Code::ResourceExhausted, "no more files can be opened").with_source(error)),
        Err(error) => Err(Error::new(Code::SystemError, format!("/dev/null cannot be opened: {error}"))),
    }
}

/// Lets every command that is started from now on inherit this file, and with it a lock by `flock`: should larder be
/// killed, the lock stays until the last of its commands is gone. Whoever holds such a lock gives it back by unlocking,
/// not only by closing.
///
/// # Errors
/// SYSTEM_ERROR.
pub fn let_inherit(file: impl AsFd) -> Result<()> {
    let set = fcntl_getfd(&file).and_then(|flags| fcntl_setfd(&file, flags - FdFlags::CLOEXEC));
    set.map_err(|error| Error::new(Code::SystemError, "a lock cannot be passed on").with_source(error))
}
