//! Buckets of the clouds, and of whatever speaks as they do: the schemes `s3:`, `gs:` and `az:`.
//!
//! One backend over the `object_store` crate, which makes and signs the requests; a file for each cloud says where it is
//! and finds credentials. Nothing is tried again here: [`super::RetryBackend`] does that for every medium. A whole-object
//! upload that was acknowledged is durable. There are no locks; the time of a file is the store's.

mod address;
mod az;
mod failure;
mod gs;
mod heed;
mod profile;
mod s3;

pub(super) use az::{check as check_az, open as open_az};
pub(super) use gs::{check as check_gs, open as open_gs};
pub(super) use s3::{check as check_s3, open as open_s3};

use super::net::{Net, room};
use super::{Access, Backend, GET_BYTES_MAX, Spool, check_name, spool_in};
use crate::clock::Time;
use crate::error::{Code, Error, IoContext, Result, fail};
use failure::{failed, refusal};
use futures_util::StreamExt;
use futures_util::future::join_all;
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, GetResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, PutPayload, RetryConfig,
};
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longer files go in parts of this length, held in memory.
const PART_BYTES: u64 = 8 << 20;
/// So many parts of one file are under way at once.
const PARTS_AT_ONCE: usize = 3;
/// Files up to this many bytes go in one request: that takes no more memory than parts do, is one put to pay for, and a
/// store has nothing to put together.
const WHOLE_BYTES: u64 = PARTS_AT_ONCE as u64 * PART_BYTES;
/// So often at most we ask a store to throw parts away.
const ABORTS_MAX: usize = 3;
/// A store takes so many parts of a file; the parts of longer files are longer.
const PARTS_MAX: u64 = 9_000;
/// No file of ours reaches as far, and some stores do not count further.
const OFFSET_MAX: u64 = 1 << 50;
/// A host that is there answers a call within this time, seconds.
const CONNECT_SECONDS_MAX: u64 = 20;

/// Answers to the question to create and not to replace, of stores that cannot: not implemented, not allowed.
const CREATES_NEVER: [u16; 2] = [501, 405];

/// The answer of some stores to the same question while another writes that name.
const CONFLICT: u16 = 409;

/// A place in a bucket.
pub struct CloudBackend {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    location: String,
    temp: Option<PathBuf>,
    /// The store said that it cannot create without replacing.
    creates_never: AtomicBool,
    net: Net,
}

impl CloudBackend {
    fn new(store: impl ObjectStore, prefix: Path, location: String, access: &Access) -> Result<CloudBackend> {
        Ok(CloudBackend {
            store: Box::new(store),
            prefix,
            location,
            temp: access.temp.clone(),
            creates_never: AtomicBool::new(false),
            net: Net::new(access.silence_ms_max)?,
        })
    }

    fn path(&self, name: &str) -> Result<Path> {
        check_name(name)?;
        let whole = if self.prefix.as_ref().is_empty() { name.to_string() } else { format!("{}/{name}", self.prefix) };
        Path::parse(whole)
            .or_else(|_| fail(Code::InvalidArg, format!("`{}` is not a name in a bucket", name.escape_debug())))
    }

    fn wait<T>(&self, bytes: u64, step: impl Future<Output = T>) -> Result<T> {
        self.net.wait(&self.location, bytes, step)
    }

    /// Waits for a request, and tells of its failure in our words.
    fn ask<T>(
        &self,
        action: &str,
        name: &str,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        self.wait(bytes, request)?.map_err(|error| self.failed(action, name, &error))
    }

    fn failed(&self, action: &str, name: &str, error: &object_store::Error) -> Error {
        failed(&self.location, action, name, error)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectMeta>> {
        let path = self.path(name)?;
        match self.wait(0, self.store.head(&path))? {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", name, &error)),
        }
    }

    /// The bytes of an answer, as many as it says.
    fn receive(&self, name: &str, answer: GetResult) -> Result<Vec<u8>> {
        let len = answer.range.end.saturating_sub(answer.range.start);
        let bytes = self.net.gather(&self.location, len, len, answer.into_stream())?;
        let bytes = bytes.map_err(|error| self.failed("read", name, &error))?;
        if bytes.len() as u64 > len {
            return fail(Code::NetworkError, format!("{} sends more of {name} than there is", self.location));
        }
        if bytes.len() as u64 != len {
            return fail(Code::ConnectionFailed, format!("{} broke off in the middle of {name}", self.location));
        }
        Ok(bytes)
    }

    fn short<T>(&self, name: &str) -> Result<T> {
        fail(Code::StorageCorrupted, format!("{name} at {} is shorter than it should be", self.location))
    }

    /// Sends a long file in parts, which become a file all at once.
    fn put_parts(&self, name: &str, path: &Path, len: u64, file: &mut dyn Read) -> Result<()> {
        let mut upload = self.ask("write", name, 0, self.store.put_multipart(path))?;
        let sent = self.send_parts(name, len, file, upload.as_mut());
        let done = sent.and_then(|()| self.ask("write", name, 0, upload.complete()).map(drop));
        if done.is_err() {
            // What was sent costs money until it is thrown away; stores can be told to do that by themselves.
            let mut thrown = (0..ABORTS_MAX).map(|_| self.wait(0, upload.abort()));
            thrown.any(|answer| matches!(answer, Ok(Ok(()))));
        }
        done
    }

    fn send_parts(&self, name: &str, len: u64, file: &mut dyn Read, upload: &mut dyn MultipartUpload) -> Result<()> {
        let part_bytes = PART_BYTES.max(len.div_ceil(PARTS_MAX));
        let mut left = len;
        while left > 0 {
            let mut parts = Vec::new();
            while left > 0 && parts.len() < PARTS_AT_ONCE {
                let bytes = exactly(file, left.min(part_bytes), name)?;
                left -= bytes.len() as u64;
                parts.push(upload.put_part(PutPayload::from(bytes)));
            }
            let many = parts.len() as u64;
            for sent in self.wait(many * part_bytes, join_all(parts))? {
                sent.map_err(|error| self.failed("write", name, &error))?;
            }
        }
        Ok(())
    }

    fn put_whole(&self, name: &str, path: &Path, bytes: Vec<u8>, mode: PutMode) -> Result<object_store::Result<()>> {
        let len = bytes.len() as u64;
        let options = PutOptions { mode, ..PutOptions::default() };
        let request = self.store.put_opts(path, PutPayload::from(bytes), options);
        let answer = self.wait(len, request)?;
        Ok(match answer {
            Err(object_store::Error::NotFound { .. }) => {
                return fail(Code::ConfigMissing, format!("cannot write {name}: {} is not there", self.location));
            }
            other => other.map(drop),
        })
    }
}

impl Backend for CloudBackend {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        if bytes.len() as u64 > WHOLE_BYTES {
            return self.put_parts(name, &path, bytes.len() as u64, &mut &*bytes);
        }
        let answer = self.put_whole(name, &path, bytes.to_vec(), PutMode::Overwrite)?;
        answer.map_err(|error| self.failed("write", name, &error))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        let path = self.path(name)?;
        if !self.creates_never.load(Ordering::Relaxed) {
            match self.put_whole(name, &path, bytes.to_vec(), PutMode::Create)? {
                Ok(()) => return Ok(true),
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                    return Ok(false);
                }
                Err(error) if refusal(&error).is_some_and(|refusal| CREATES_NEVER.contains(&refusal.status)) => {}
                // Another writes the same name, or has.
                Err(error) if refusal(&error).is_some_and(|refusal| refusal.status == CONFLICT) => {
                    return if self.stat(name)?.is_some() {
                        Ok(false)
                    } else {
                        Err(self.failed("write", name, &error))
                    };
                }
                Err(error) => return Err(self.failed("write", name, &error)),
            }
            self.creates_never.store(true, Ordering::Relaxed);
        }
        // Of two that look at once, both find the name free: nothing rests on there being one.
        if self.stat(name)?.is_some() {
            return Ok(false);
        }
        self.put(name, bytes).map(|()| true)
    }

    fn creates_exclusively(&self) -> bool {
        !self.creates_never.load(Ordering::Relaxed)
    }

    fn spool(&self) -> Result<Spool> {
        spool_in(self.temp.as_deref())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let path = self.path(name)?;
        let mut file = spool.as_file();
        let len = file.metadata().at("look at", spool.path())?.len();
        file.rewind().at("read", spool.path())?;
        if len > WHOLE_BYTES {
            return self.put_parts(name, &path, len, &mut file);
        }
        let bytes = exactly(&mut file, len, name)?;
        let answer = self.put_whole(name, &path, bytes, PutMode::Overwrite)?;
        answer.map_err(|error| self.failed("write", name, &error))
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let answer = self.ask("read", name, 0, self.store.get(&path))?;
        if answer.meta.size > GET_BYTES_MAX {
            let message = format!("{name} at {} is longer than a file of its kind can be", self.location);
            return fail(Code::StorageCorrupted, message);
        }
        self.receive(name, answer)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let is_there = |end: u64| match self.stat(name)? {
            None => fail(Code::FileNotFound, format!("there is no {name} at {}", self.location)),
            Some(size) if size < end => self.short(name),
            Some(_) => Ok(()),
        };
        let end = offset.saturating_add(len as u64);
        if len == 0 || end > OFFSET_MAX || len as u64 > GET_BYTES_MAX {
            is_there(end)?;
            if len == 0 {
                return Ok(Vec::new());
            }
        }
        let options = GetOptions { range: Some(GetRange::Bounded(offset..end)), ..GetOptions::default() };
        let bytes = match self.wait(0, self.store.get_opts(&path, options))? {
            Ok(answer) if answer.range == (offset..end) => self.receive(name, answer)?,
            Ok(_) => return self.short(name),
            Err(error) => {
                let error = self.failed("read", name, &error);
                // An answer that does not fit may come from a file that is too short for the question.
                if matches!(error.code(), Code::NetworkError | Code::StorageCorrupted) {
                    is_there(end)?;
                }
                return Err(error);
            }
        };
        Ok(bytes)
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.head(name)?.map(|meta| meta.size))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        Ok(self.head(name)?.map(|meta| Time::from_seconds(meta.last_modified.timestamp())))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        let top = self.path(prefix)?;
        let root_len = if self.prefix.as_ref().is_empty() { 0 } else { self.prefix.as_ref().len() + 1 };
        let below = format!("{prefix}/");
        let mut stream = self.store.list(Some(&top));
        while let Some(item) = self.wait(0, stream.next())? {
            let item = item.map_err(|error| match error {
                object_store::Error::NotFound { .. } => {
                    Error::new(Code::ConfigMissing, format!("cannot list {prefix}: {} is not there", self.location))
                }
                error => self.failed("list", prefix, &error),
            })?;
            let name = item.location.as_ref().get(root_len..).unwrap_or_default();
            if name.starts_with(&below) && check_name(name).is_ok() {
                each(name, item.size)?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match self.wait(0, self.store.delete(&path))? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", name, &error)),
        }
    }
}

/// So many bytes of a file of ours.
fn exactly(file: &mut dyn Read, len: u64, name: &str) -> Result<Vec<u8>> {
    let mut bytes = room(len as usize);
    file.take(len).read_to_end(&mut bytes).at("read what is to become", name)?;
    if bytes.len() as u64 == len {
        return Ok(bytes);
    }
    fail(Code::FileIo, format!("what was to become {name} is shorter than it was"))
}

/// How requests are made for every cloud. The library waits for its own time and tries again: both is done here.
fn client_options(is_clear: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(is_clear)
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
}

fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// What is wrong with the settings, without the value that is: it may be a secret.
fn unusable(cloud: &str, error: &object_store::Error) -> Error {
    let why = match error {
        object_store::Error::UnknownConfigurationKey { key, .. } => format!("`{key}` is not known"),
        error => error.to_string().split(':').next().unwrap_or_default().to_string(),
    };
    Error::new(Code::ConfigInvalid, format!("the settings for {cloud} cannot be used: {why}"))
}

/// A store behind the two things that every cloud needs.
fn over(store: impl ObjectStore, prefix: Path, shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(CloudBackend::new(store, prefix, shown, access)?))
}
