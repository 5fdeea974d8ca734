//! A medium as somebody else may use it: what every server of larder's has between itself and who asks.
//!
//! Only what a repository shares is there (FORMAT section 1): what is local to a machine, such as its index, can neither be
//! seen nor written, though it lies in the same directory. And what is named by the hash of its bytes is taken only with these
//! bytes, so that a name which is there can be relied on, whoever put it there.

use super::{Backend, GET_BYTES_MAX, Spool, check_name};
use crate::clock::Time;
use crate::error::{Code, IoContext, Result, fail};
use crate::id::Id;
use crate::object::{Hasher, hash};
use std::io::{self, Read, Seek};
use std::sync::Arc;

/// Files up to this many bytes are held in memory on their way.
pub const HELD_BYTES_MAX: u64 = 4 << 20;
/// A longer file is not taken, bytes.
pub const TAKEN_BYTES_MAX: u64 = 1 << 30;

/// What a repository shares: a name is one of these, or below one that ends with a slash.
const SHARED: [&str; 8] = ["config.toml", "gc/", "index/", "keys/", "leases/", "packs/", "roots/", "tmp/"];
/// A file below one of these has the hash of its bytes for a name (FORMAT section 1).
const NAMED_BY_HASH: [&str; 4] = ["packs/", "index/", "roots/", "keys/"];
/// But below this one that of a public key.
const NAMED_BY_KEY: &str = "keys/devices/";

/// Bytes of a file that are hashed at once.
const STEP_BYTES: u64 = 1 << 20;

/// What the other side may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grant {
    /// Everything.
    #[default]
    All,
    /// Add, but neither replace nor delete, leases aside.
    Append,
    /// Read.
    Read,
}

/// Grants the other side so much and no more.
pub struct GrantBackend {
    inner: Arc<dyn Backend>,
    grant: Grant,
}

impl GrantBackend {
    /// `inner`, for somebody who may do this.
    pub fn new(inner: Arc<dyn Backend>, grant: Grant) -> Self {
        GrantBackend { inner, grant }
    }

    /// Whether there can be such a file here.
    fn shares(name: &str) -> Result<bool> {
        check_name(name)?;
        // What begins with a dot is being written.
        let is_hidden = name.split('/').any(|part| part.starts_with('.'));
        Ok(!is_hidden && SHARED.iter().any(|shared| name == *shared || (is_dir(shared) && name.starts_with(shared))))
    }

    fn check_write(&self, name: &str) -> Result<()> {
        if !GrantBackend::shares(name)? {
            return fail(Code::PermissionDenied, format!("`{}` is no file that is shared", name.escape_debug()));
        }
        if self.grant == Grant::Read { refused("write") } else { Ok(()) }
    }

    /// Whether the file that is there has these bytes already.
    fn holds(&self, name: &str, len: u64, sum: &Id) -> Result<bool> {
        if self.inner.stat(name)? != Some(len) {
            return Ok(false);
        }
        let (mut hasher, mut offset) = (Hasher::new(), 0);
        while offset < len {
            let step = STEP_BYTES.min(len - offset);
            hasher.update(&self.inner.get_range(name, offset, step as usize)?);
            offset += step;
        }
        Ok(hasher.finish() == *sum)
    }

    fn check_read(name: &str) -> Result<()> {
        if GrantBackend::shares(name)? { Ok(()) } else { fail(Code::FileNotFound, "there is no such file") }
    }
}

fn is_dir(shared: &str) -> bool {
    shared.ends_with('/')
}

fn refused<T>(what: &str) -> Result<T> {
    fail(Code::PermissionDenied, format!("this connection may not {what}"))
}

/// The SHA-256 of its bytes that a file of a repository is named by; `None` where it is not.
pub fn named_sum(name: &str) -> Option<Id> {
    let is_below = NAMED_BY_HASH.iter().any(|dir| name.starts_with(dir)) && !name.starts_with(NAMED_BY_KEY);
    name.rsplit('/').next().filter(|_| is_below)?.parse().ok()
}

/// Whether a name proves what comes under it.
///
/// # Errors
/// CHUNK_INVALID when it says otherwise.
fn proven(name: &str, sum: &Id) -> Result<bool> {
    match named_sum(name) {
        Some(named) if named != *sum => fail(Code::ChunkInvalid, format!("what came for {name} has another hash")),
        named => Ok(named.is_some()),
    }
}

impl Backend for GrantBackend {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_write(name)?;
        let sum = hash(bytes);
        let is_proven = proven(name, &sum)?;
        if self.grant != Grant::Append {
            return self.inner.put(name, bytes);
        }
        // What is asked once more because its answer was lost is there. What is damaged is put right by what is proven.
        if self.inner.put_new(name, bytes)? || self.holds(name, bytes.len() as u64, &sum)? {
            return Ok(());
        }
        if is_proven { self.inner.put(name, bytes) } else { refused("replace") }
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.check_write(name)?;
        proven(name, &hash(bytes))?;
        self.inner.put_new(name, bytes)
    }

    fn spool(&self) -> Result<Spool> {
        if self.grant == Grant::Read { refused("write") } else { self.inner.spool() }
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.check_write(name)?;
        let (sum, len) = sum_of(&spool)?;
        if self.grant == Grant::Append && self.holds(name, len, &sum)? {
            return Ok(());
        }
        // Another may put a file there meanwhile: only the same one, if the name proves it.
        if !proven(name, &sum)? && self.grant == Grant::Append && self.inner.stat(name)?.is_some() {
            return refused("replace");
        }
        self.inner.put_spool(name, spool)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        GrantBackend::check_read(name)?;
        self.inner.get(name)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        GrantBackend::check_read(name)?;
        self.inner.get_range(name, offset, len)
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        if GrantBackend::shares(name)? { self.inner.stat(name) } else { Ok(None) }
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        if GrantBackend::shares(name)? { self.inner.modified(name) } else { Ok(None) }
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        check_name(prefix)?;
        if !GrantBackend::shares(&format!("{prefix}/x"))? {
            return Ok(());
        }
        self.inner.list(prefix, &mut |name, len| if GrantBackend::shares(name)? { each(name, len) } else { Ok(()) })
    }

    fn delete(&self, name: &str) -> Result<()> {
        let is_shared = GrantBackend::shares(name)?;
        match self.grant {
            Grant::All => {}
            Grant::Append if name.starts_with("leases/") => {}
            Grant::Append | Grant::Read => return refused("delete"),
        }
        if is_shared { self.inner.delete(name) } else { Ok(()) }
    }

    fn creates_exclusively(&self) -> bool {
        self.inner.creates_exclusively()
    }
}

/// The hash and the length of what lies in a spool.
fn sum_of(spool: &Spool) -> Result<(Id, u64)> {
    let (mut file, path) = (spool.as_file(), spool.path());
    file.rewind().at("read", path)?;
    let (mut hasher, mut len, mut part) = (Hasher::new(), 0, vec![0; STEP_BYTES as usize]);
    loop {
        match file.read(&mut part).at("read", path)? {
            0 => return Ok((hasher.finish(), len)),
            count => {
                hasher.update(&part[..count]);
                len += count as u64;
            }
        }
    }
}

/// Takes a file of `len` bytes as they come, long ones by way of a spool. False, and nothing changed, if it `is_new` and its
/// name is taken.
///
/// # Errors
/// CONNECTION_FAILED when fewer come; RESOURCE_EXHAUSTED when it is too long; what the medium answers.
pub fn take(backend: &dyn Backend, name: &str, len: u64, is_new: bool, bytes: &mut dyn Read) -> Result<bool> {
    let cut = || fail(Code::ConnectionFailed, "the other side sent less than it said");
    let max = if is_new { HELD_BYTES_MAX } else { TAKEN_BYTES_MAX };
    if len > max {
        return fail(Code::ResourceExhausted, format!("{len} bytes are too many"));
    }
    if len > HELD_BYTES_MAX {
        let mut spool = backend.spool()?;
        if io::copy(&mut bytes.take(len), &mut spool).at("write", spool.path())? != len {
            return cut();
        }
        return backend.put_spool(name, spool).map(|()| true);
    }
    let mut held = Vec::with_capacity(len as usize);
    bytes.take(len).read_to_end(&mut held).at("read", "the request")?;
    if held.len() as u64 != len {
        return cut();
    }
    if is_new { backend.put_new(name, &held) } else { backend.put(name, &held).map(|()| true) }
}

const _: () = assert!(HELD_BYTES_MAX <= GET_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{FsBackend, MemBackend};

    fn code<T>(answer: Result<T>) -> Option<Code> {
        answer.err().map(|error| error.code())
    }

    #[test]
    fn what_is_local_is_not_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = Arc::new(FsBackend::new(dir.path()));
        for name in ["index.sqlite", "state.sqlite", "remotes.toml", "lock", "state/filter", "packs/ab/.new-x"] {
            disk.put(name, b"mine").expect("put");
            let shared = GrantBackend::new(disk.clone(), Grant::All);
            assert_eq!(code(shared.get(name)), Some(Code::FileNotFound), "{name}");
            assert_eq!(code(shared.get_range(name, 0, 1)), Some(Code::FileNotFound), "{name}");
            assert_eq!(
                (shared.stat(name).expect("none"), shared.modified(name).expect("none")),
                (None, None),
                "{name}"
            );
            assert_eq!(code(shared.put(name, b"other")), Some(Code::PermissionDenied), "{name}");
            assert_eq!(code(shared.put_new(name, b"other")), Some(Code::PermissionDenied), "{name}");
            assert_eq!(
                code(shared.put_spool(name, shared.spool().expect("a spool"))),
                Some(Code::PermissionDenied),
                "{name}"
            );
            shared.delete(name).expect("it is not there");
            for prefix in ["state", "packs"] {
                shared.list(prefix, &mut |name, _| panic!("{name} is listed")).expect("empty");
            }
            assert_eq!(disk.get(name).expect("still there"), b"mine", "{name}");
        }
    }

    #[test]
    fn a_grant_is_kept_to() {
        let medium = Arc::new(MemBackend::new());
        medium.put("roots/a", b"first").expect("put");
        medium.put("keys/a", b"first").expect("put");
        let [append, read] = [Grant::Append, Grant::Read].map(|grant| GrantBackend::new(medium.clone(), grant));
        append.put("roots/b", b"new").expect("added");
        assert!(!append.put_new("roots/b", b"other").expect("taken"));
        append.put("roots/a", b"first").expect("it is there");
        let denied = Some(Code::PermissionDenied);
        assert_eq!((code(append.put("keys/a", b"other")), code(append.delete("roots/a"))), (denied, denied));
        assert!(append.put_new("leases/w/0", b"alive").expect("new") && append.delete("leases/w/0").is_ok());
        assert_eq!((code(read.put("roots/c", b"x")), code(read.put_new("roots/c", b"x"))), (denied, denied));
        assert_eq!((code(read.spool()), code(read.delete("leases/w/0"))), (denied, denied));
        assert_eq!(
            (read.get("roots/a").expect("there"), read.get("keys/a").expect("there")),
            (b"first".into(), b"first".into())
        );
    }

    #[test]
    fn a_name_that_is_a_hash_is_believed_and_nothing_else() {
        let medium = Arc::new(MemBackend::new());
        let sound = vec![7; 100_000];
        let name = format!("packs/ab/{}", hash(&sound));
        for grant in [Grant::All, Grant::Append] {
            let shared = GrantBackend::new(medium.clone(), grant);
            let spool = |bytes: &[u8]| {
                let mut spool = shared.spool().expect("a spool");
                io::Write::write_all(&mut spool, bytes).expect("written");
                spool
            };
            let invalid = Some(Code::ChunkInvalid);
            assert_eq!((code(shared.put(&name, b"junk")), code(shared.put_new(&name, b"junk"))), (invalid, invalid));
            assert_eq!(code(shared.put_spool(&name, spool(b"junk"))), invalid);
            assert_eq!(medium.stat(&name).expect("asked"), None);
            // What was there before and is not what its name says gives way.
            for by_spool in [false, true] {
                medium.put(&name, b"junk").expect("put");
                match by_spool {
                    true => shared.put_spool(&name, spool(&sound)).expect("mended"),
                    false => shared.put(&name, &sound).expect("mended"),
                }
                assert_eq!(medium.get(&name).expect("there"), sound, "{grant:?} {by_spool}");
                shared.put(&name, &sound).expect("it is there");
                shared.put_spool(&name, spool(&sound)).expect("it is there");
            }
            medium.delete(&name).expect("deleted");
        }
        let append = GrantBackend::new(medium.clone(), Grant::Append);
        append.put("keys/a", b"mine").expect("new");
        append.put("keys/a", b"mine").expect("asked once more");
        assert_eq!(code(append.put("keys/a", b"other")), Some(Code::PermissionDenied));
    }

    #[test]
    fn what_comes_short_is_not_stored() {
        let medium = MemBackend::new();
        for len in [10, HELD_BYTES_MAX + 10] {
            let answer = take(&medium, "packs/ab/x", len, false, &mut &b"123456789"[..]);
            assert_eq!((code(answer), medium.stat("packs/ab/x").expect("asked")), (Some(Code::ConnectionFailed), None));
        }
        assert!(take(&medium, "packs/ab/x", 9, true, &mut &b"123456789 and more"[..]).expect("new"));
        assert_eq!(medium.get("packs/ab/x").expect("there"), b"123456789");
    }
}
