//! One connection of ssh with its `sftp` subsystem at the other end.

use crate::backend::Program;
use crate::backend::stdio::ssh_failure;
use crate::error::{Code, Error, Result, fail};
use futures_util::future::join;
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{Packet, Status, StatusCode};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// So much of what ssh says is kept for the message about its end, bytes.
const COMPLAINT_BYTES_MAX: usize = 2 << 10;
/// So long we wait to hear why ssh ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection, over which requests of many threads go at once.
pub(super) struct Session {
    pub(super) raw: RawSftpSession,
    _ssh: Child,
    complaints: Arc<Mutex<Vec<u8>>>,
    is_broken: AtomicBool,
    can_sync: bool,
    can_replace: bool,
}

impl Session {
    /// Starts ssh and greets the other side. Called on the threads of the network.
    ///
    /// # Errors
    /// SYSTEM_ERROR when there is no ssh; UNAUTHORIZED when it is not let in; the codes of the network.
    pub(super) async fn open(program: &Program, location: &str, silence_ms_max: u64) -> Result<Session> {
        let cannot = |why: &str| Error::new(Code::SystemError, format!("ssh for {location} cannot be started{why}"));
        let mut command = Command::from(program.command());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut ssh = command.spawn().map_err(|error| cannot("").with_source(error))?;
        let (Some(input), Some(output), Some(mut said)) = (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take())
        else {
            return Err(cannot(": it has no streams"));
        };
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let kept = complaints.clone();
        let talking = tokio::spawn(async move {
            let mut piece = [0; 512];
            while let Ok(len @ 1..) = said.read(&mut piece).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&piece[..len]);
                let surplus = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
                kept.drain(..surplus);
            }
        });
        let raw = RawSftpSession::new(tokio::io::join(output, input));
        raw.set_timeout(silence_ms_max.div_ceil(1000).max(1));
        let mut session = Session {
            raw,
            _ssh: ssh,
            complaints,
            is_broken: AtomicBool::new(false),
            can_sync: false,
            can_replace: false,
        };
        match session.raw.init().await {
            Ok(version) => {
                session.can_sync = version.extensions.contains_key("fsync@openssh.com");
                session.can_replace = version.extensions.contains_key("posix-rename@openssh.com");
                Ok(session)
            }
            Err(error) => {
                // Until it says nothing more, or the time is over.
                let _ = tokio::time::timeout(LAST_WORDS, talking).await;
                Err(session.failed(location, "reach", "", &error))
            }
        }
    }

    /// Whether it must not be used again.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Makes what was written to a handle durable, where the other side can, and closes it. Both go at once: what is about
    /// one file is done in the order in which it comes (draft-ietf-secsh-filexfer-02, section 4.1).
    pub(super) async fn sync_and_close(&self, handle: &str) -> std::result::Result<(), SftpError> {
        let sync = async { if self.can_sync { self.raw.fsync(handle).await.map(drop) } else { Ok(()) } };
        let (synced, closed) = join(sync, self.raw.close(handle)).await;
        synced.and(closed.map(drop))
    }

    /// Whether a name that is taken can be given to another file.
    pub(super) fn can_replace(&self) -> bool {
        self.can_replace
    }

    /// Gives a file another name, in one step, whatever has that name.
    pub(super) async fn replace(&self, from: &str, to: &str) -> std::result::Result<(), SftpError> {
        if !self.can_replace {
            return self.raw.rename(from, to).await.map(drop);
        }
        let mut data = Vec::new();
        for path in [from, to] {
            data.extend_from_slice(&u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend_from_slice(path.as_bytes());
        }
        match self.raw.extended("posix-rename@openssh.com", data).await? {
            Packet::Status(Status { status_code: StatusCode::Ok, .. }) => Ok(()),
            Packet::Status(status) => Err(status.into()),
            _ => Err(SftpError::UnexpectedPacket),
        }
    }

    /// A request that failed, in our words; what ended the session is noted.
    pub(super) fn failed(&self, location: &str, action: &str, name: &str, error: &SftpError) -> Error {
        let what =
            if name.is_empty() { format!("{action} {location}") } else { format!("{action} {name} at {location}") };
        let say = |code, why: &str| Error::new(code, format!("cannot {what}: {why}"));
        let status = match error {
            SftpError::Status(status) => status,
            _ => {
                self.is_broken.store(true, Ordering::Relaxed);
                if let SftpError::Timeout = error {
                    return say(Code::NetworkTimeout, "there was no answer in time");
                }
                let said = self.complaint();
                let code = ssh_failure(&said).unwrap_or(Code::ConnectionFailed);
                let why = if said.is_empty() { "the connection ended" } else { &said };
                return say(code, why);
            }
        };
        match status.status_code {
            StatusCode::NoSuchFile => Error::new(Code::FileNotFound, format!("there is no {name} at {location}")),
            StatusCode::PermissionDenied => say(Code::PermissionDenied, "the other side does not allow it"),
            StatusCode::OpUnsupported => say(Code::SystemError, "the other side cannot do it"),
            StatusCode::NoConnection | StatusCode::ConnectionLost => {
                say(Code::ConnectionFailed, "the connection ended")
            }
            StatusCode::BadMessage => say(Code::NetworkError, "the other side did not understand"),
            // This is all that the protocol has for a full disk and its like.
            _ => say(Code::FileIo, "the other side says that it failed"),
        }
    }

    /// The last line that ssh said.
    fn complaint(&self) -> String {
        let said = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().escape_debug().to_string()
    }
}

/// Whether an answer says that there is no such file.
pub(super) fn is_absent(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

/// Whether an answer says that a file ends here.
pub(super) fn is_end(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::Eof)
}

/// Paths go over as text.
pub(super) fn text_path(path: &[u8]) -> Result<String> {
    match std::str::from_utf8(path) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => fail(Code::InvalidArg, "an sftp address names a path in plain text"),
    }
}
