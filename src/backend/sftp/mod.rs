//! `sftp://host/path`: a directory of another machine that has an SFTP server, and no larder.
//!
//! The system's ssh makes the connection, so its configuration, keys, agent and known hosts hold (docs/design/0009).
//! The files are those of a plain directory: whoever can reach it otherwise may use it as one. A file is written beside
//! its place, synced where the other side can, and renamed. `rename` of this protocol never replaces, so it creates.

mod pool;
mod session;

use super::net::{Net, room};
use super::stdio::{SshAddress, sftp_program};
use super::{Access, Backend, GET_BYTES_MAX, Spool, check_name, spool_in};
use crate::clock::Time;
use crate::crypto::seal::random;
use crate::error::{Code, IoContext, Result, fail};
use crate::id::hex;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use pool::Pool;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{FileAttributes, OpenFlags};
use session::{Session, is_absent, is_end, text_path};
use std::ffi::OsStr;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;

/// What every server reads or writes in one request, bytes.
const PIECE_BYTES: usize = 32 << 10;
/// So many requests are sent before the first is answered.
const AT_ONCE: usize = 48;
/// No file of ours reaches as far.
const OFFSET_MAX: u64 = 1 << 50;
/// Files that are being written are named so, and not listed.
const NEW: &str = ".new-";

/// A directory behind SFTP.
pub struct SftpBackend {
    root: String,
    location: String,
    temp: Option<PathBuf>,
    net: Net,
    pool: Pool,
}

/// Refuses what is no address of this scheme.
pub(super) fn check(rest: &OsStr) -> Result<()> {
    text_path(SshAddress::parse("sftp", rest)?.path).map(drop)
}

/// The medium at an address; ssh is started when something is asked.
///
/// # Errors
/// INVALID_ARG when it is no such address.
pub(super) fn open(rest: &OsStr, shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    let address = SshAddress::parse("sftp", rest)?;
    Ok(Arc::new(SftpBackend {
        root: text_path(address.path)?,
        pool: Pool::new(
            sftp_program(&address, &[], access),
            sftp_program(&address, &["-o", "BatchMode=yes"], access),
            shown.clone(),
            access.silence_ms_max,
        ),
        location: shown,
        temp: access.temp.clone(),
        net: Net::new(access.silence_ms_max)?,
    }))
}

/// What a mode says of a plain file, and of a directory.
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;

type Answer<T> = std::result::Result<T, SftpError>;

impl SftpBackend {
    fn path(&self, name: &str) -> Result<String> {
        check_name(name).map(|()| format!("{}/{name}", self.root.trim_end_matches('/')))
    }

    fn session(&self, bytes: u64) -> Result<Arc<Session>> {
        self.pool.session(&self.net, bytes)
    }

    /// Asks, and tells of a failure in our words.
    fn ask<T>(
        &self,
        session: &Session,
        what: (&str, &str),
        bytes: u64,
        step: impl Future<Output = Answer<T>>,
    ) -> Result<T> {
        // The session has a time for each request: this is for all of them.
        let answer = self.net.wait(&self.location, bytes, step)?;
        answer.map_err(|error| session.failed(&self.location, what.0, what.1, &error))
    }

    /// Writes a file beside its place, and gives it its name; false when it was to be new and the name is taken.
    fn write(&self, name: &str, len: u64, bytes: &mut dyn Read, is_new: bool) -> Result<bool> {
        let path = self.path(name)?;
        let session = self.session(len)?;
        let (dir, _) = path.rsplit_once('/').unwrap_or((".", ""));
        let temp = format!("{dir}/{NEW}{}", hex(&random::<8>()?));
        let ask = |step| self.ask(&session, ("write", name), 0, step);
        let (handle, parents) = ask(create(&session, dir, &temp))?;
        let written = self.fill(&session, name, &handle, len, bytes);
        let closed = self.ask(&session, ("write", name), 0, session.sync_and_close(&handle));
        let named = written.and(closed).and_then(|_| {
            let step = async {
                if is_new {
                    session.raw.rename(temp.as_str(), path.as_str()).await.map(drop)
                } else {
                    session.replace(&temp, &path).await
                }
            };
            self.net
                .wait(&self.location, 0, step)?
                .map_err(|error| session.failed(&self.location, "write", name, &error))
        });
        if let Err(error) = named {
            _ = self.net.wait(&self.location, 0, session.raw.remove(temp.as_str()));
            let there = if error.code() == Code::FileIo { self.stat(name)? } else { None };
            if is_new && there.is_some() {
                return Ok(false);
            }
            // A server that replaces nothing says no more than that it failed. What has its hash for a name was stored by
            // another, or by us, and the answer was lost.
            let is_stored = !session.can_replace() && there == Some(len) && is_named_by_hash(name);
            return if is_stored { Ok(true) } else { Err(error) };
        }
        self.sync_dirs(&session, parents.into_iter().chain([dir]), name)?;
        Ok(true)
    }

    /// Where directories can be synced like files, they are; elsewhere the other side keeps its names by itself. A
    /// connection that ended is another matter.
    fn sync_dirs<'a>(&self, session: &Session, dirs: impl Iterator<Item = &'a str>, name: &str) -> Result<()> {
        let synced = self.net.wait(
            &self.location,
            0,
            join_all(dirs.map(async |dir| {
                let handle = session.raw.open(dir, OpenFlags::READ, FileAttributes::empty()).await?.handle;
                session.sync_and_close(&handle).await
            })),
        )?;
        synced.into_iter().try_for_each(|synced| match synced {
            Ok(()) | Err(SftpError::Status(_)) => Ok(()),
            Err(error) => Err(session.failed(&self.location, "write", name, &error)),
        })
    }

    /// Writes all of a file: a piece is read when there is room for one more request.
    fn fill(&self, session: &Session, name: &str, handle: &str, len: u64, bytes: &mut dyn Read) -> Result<()> {
        let writes = stream::iter((0..len).step_by(PIECE_BYTES)).map(|at| {
            let mut piece = vec![0; (len - at).min(PIECE_BYTES as u64) as usize];
            let read = bytes.read_exact(&mut piece).at("read what is to become", name);
            async move {
                read?;
                let written = session.raw.write(handle, at, piece).await;
                written.map_err(|error| session.failed(&self.location, "write", name, &error))
            }
        });
        let mut writes = writes.buffer_unordered(AT_ONCE);
        self.net.wait(&self.location, len, async {
            while let Some(written) = writes.next().await {
                written?;
            }
            Ok(())
        })?
    }

    /// Opens a file of which `bytes` are wanted, hands it with its length to `read`, and closes it.
    fn reading<T>(&self, name: &str, bytes: u64, read: impl FnOnce(&Session, &str, u64) -> Result<T>) -> Result<T> {
        let path = self.path(name)?;
        let session = self.session(bytes)?;
        let handle = self
            .ask(&session, ("read", name), 0, session.raw.open(path, OpenFlags::READ, FileAttributes::empty()))?
            .handle;
        let answer = self.ask(&session, ("read", name), 0, session.raw.fstat(handle.as_str())).and_then(|found| {
            if is_dir(&found.attrs) {
                return fail(Code::FileNotFound, format!("there is no {name} at {}", self.location));
            }
            read(&session, &handle, found.attrs.size.unwrap_or(0))
        });
        _ = self.net.wait(&self.location, 0, session.raw.close(handle))?;
        answer
    }

    fn receive(&self, session: &Session, name: &str, handle: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = room(len);
        while bytes.len() < len {
            let (first, left) = (offset + bytes.len() as u64, len - bytes.len());
            let mut reads = stream::iter((0..left).step_by(PIECE_BYTES))
                .map(|at| {
                    let wanted = (left - at).min(PIECE_BYTES);
                    async move { (wanted, session.raw.read(handle, first + at as u64, wanted as u32).await) }
                })
                .buffered(AT_ONCE);
            let is_short = self.net.wait(&self.location, left as u64, async {
                while let Some((wanted, piece)) = reads.next().await {
                    match piece {
                        // A server that says nothing of the end, and gives nothing.
                        Ok(piece) if piece.data.is_empty() => return Ok(true),
                        Ok(piece) => {
                            bytes.extend_from_slice(&piece.data[..piece.data.len().min(wanted)]);
                            // What follows a piece that came short is asked for anew.
                            if piece.data.len() < wanted {
                                break;
                            }
                        }
                        Err(error) if is_end(&error) => return Ok(true),
                        Err(error) => return Err(session.failed(&self.location, "read", name, &error)),
                    }
                }
                Ok(false)
            })??;
            if is_short {
                return self.short(name);
            }
        }
        Ok(bytes)
    }

    fn short<T>(&self, name: &str) -> Result<T> {
        fail(Code::StorageCorrupted, format!("{name} at {} is shorter than it should be", self.location))
    }

    fn attributes(&self, name: &str) -> Result<Option<FileAttributes>> {
        let path = self.path(name)?;
        let session = self.session(0)?;
        match self.net.wait(&self.location, 0, session.raw.stat(path))? {
            Ok(found) => Ok(Some(found.attrs).filter(|attributes| !is_dir(attributes))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(session.failed(&self.location, "look at", name, &error)),
        }
    }
}

impl Backend for SftpBackend {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write(name, bytes.len() as u64, &mut &*bytes, false).map(drop)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.write(name, bytes.len() as u64, &mut &*bytes, true)
    }

    fn spool(&self) -> Result<Spool> {
        spool_in(self.temp.as_deref())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let mut file = spool.as_file();
        let len = file.metadata().at("look at", spool.path())?.len();
        file.rewind().at("read", spool.path())?;
        self.write(name, len, &mut file, false).map(drop)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.reading(name, 0, |session, handle, len| {
            if len > GET_BYTES_MAX {
                let message = format!("{name} at {} is longer than a file of its kind can be", self.location);
                return fail(Code::StorageCorrupted, message);
            }
            self.receive(session, name, handle, 0, len as usize)
        })
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.reading(name, len as u64, |session, handle, size| {
            let end = offset.saturating_add(len as u64);
            if end > size.min(OFFSET_MAX) {
                return self.short(name);
            }
            self.receive(session, name, handle, offset, len)
        })
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.attributes(name)?.map(|found| found.size.unwrap_or(0)))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        Ok(self.attributes(name)?.and_then(|found| found.mtime).map(|seconds| Time::from_seconds(i64::from(seconds))))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        let top = self.path(prefix)?;
        let session = self.session(0)?;
        let mut dirs = vec![prefix.to_string()];
        while !dirs.is_empty() {
            let some: Vec<String> = dirs.drain(..dirs.len().min(AT_ONCE)).collect();
            let root = self.root.trim_end_matches('/');
            let answers = some.iter().map(|dir| listing(&session, format!("{root}/{dir}")));
            // Each request has a time of its own; a directory of very many files has many requests.
            let answers = self.net.wait(&self.location, u64::from(u32::MAX), join_all(answers))?;
            for (dir, answer) in some.into_iter().zip(answers) {
                let entries = match answer {
                    Ok(entries) => entries,
                    // A directory below that went meanwhile is gone.
                    Err(error) if is_absent(&error) && dir != prefix => continue,
                    // Only what is certainly not there is empty; and it may have come between the two questions.
                    Err(error) if is_absent(&error) => match self.is_nothing(&session, &top)? {
                        true => continue,
                        false => self.ask(&session, ("list", prefix), 0, listing(&session, top.clone()))?,
                    },
                    Err(error) => return Err(session.failed(&self.location, "list", &dir, &error)),
                };
                for (name, attributes) in entries {
                    let name = format!("{dir}/{name}");
                    match is_dir(&attributes) {
                        true => dirs.push(name),
                        false if kind(&attributes) == REGULAR => each(&name, attributes.size.unwrap_or(0))?,
                        false => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        let session = self.session(0)?;
        match self.net.wait(&self.location, 0, session.raw.remove(path))? {
            Err(error) if !is_absent(&error) => Err(session.failed(&self.location, "delete", name, &error)),
            _ => Ok(()),
        }
    }
}

impl SftpBackend {
    /// Whether there is nothing at all of this name, not even what cannot be followed.
    fn is_nothing(&self, session: &Session, path: &str) -> Result<bool> {
        Ok(self.net.wait(&self.location, 0, session.raw.lstat(path))?.is_err_and(|error| is_absent(&error)))
    }
}

/// The bits of a mode that say what it is; of a server that tells no modes, a file.
fn kind(attributes: &FileAttributes) -> u32 {
    attributes.permissions.map_or(REGULAR, |mode| mode & 0o170_000)
}

fn is_dir(attributes: &FileAttributes) -> bool {
    kind(attributes) == DIRECTORY
}

/// Whether equal names mean equal bytes.
fn is_named_by_hash(name: &str) -> bool {
    ["packs/", "index/", "roots/"].iter().any(|dir| name.starts_with(dir))
}

/// Creates a file, and the directories it stands in. Answers its handle, and which directories got a new one.
async fn create<'a>(session: &Session, dir: &'a str, temp: &str) -> Answer<(String, Vec<&'a str>)> {
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
    let private = |mode| FileAttributes { permissions: Some(mode), ..FileAttributes::empty() };
    match session.raw.open(temp, flags, private(0o600)).await {
        Err(error) if is_absent(&error) => {}
        answer => return answer.map(|opened| (opened.handle, Vec::new())),
    }
    let above = |dir: &'a str| match dir.rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((above, _)) => above,
    };
    let (mut parents, whole) = (Vec::new(), dir.len());
    // Most times it is only the last one that is not there.
    let ends = dir.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    let below = |end: usize| &dir[..end];
    for dir in [dir].into_iter().chain(ends.map(below)).chain([dir]) {
        // It may be there, or be made by somebody else meanwhile: what counts is whether the file can be opened.
        if session.raw.mkdir(dir, private(0o700)).await.is_ok() {
            parents.push(above(dir));
            if dir.len() == whole {
                break;
            }
        }
    }
    session.raw.open(temp, flags, private(0o600)).await.map(|opened| (opened.handle, parents))
}

/// Everything in a directory that is not being written.
async fn listing(session: &Session, path: String) -> Answer<Vec<(String, FileAttributes)>> {
    let handle = session.raw.opendir(path).await?.handle;
    let mut entries = Vec::new();
    let end = loop {
        match session.raw.readdir(handle.as_str()).await {
            Ok(names) => entries.extend(names.files.into_iter().map(|file| (file.filename, file.attrs))),
            Err(error) => break error,
        }
    };
    session.raw.close(handle).await?;
    entries.retain(|(name, _)| name != "." && name != ".." && !name.starts_with(NEW) && !name.contains('/'));
    if is_end(&end) { Ok(entries) } else { Err(end) }
}
