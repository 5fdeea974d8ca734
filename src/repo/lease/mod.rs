//! Leases: a writer's sign of life, which gc respects.
//!
//! Floor 3; FORMAT section 10, STORAGE section 8. `leases/<writer>/<n>` says which dooms the writer has seen. On a disk of this
//! machine the writer also holds an flock on `leases/<writer>/alive`: the directory appears by one rename, with the
//! lock already held, so a free lock always means that its writer ended or died (promise 9). A writer whose lease is
//! fenced, or gone without its doing, was declared dead.

mod liveness;
#[cfg(test)]
mod tests;

pub use liveness::{FlockLiveness, Liveness};

use crate::backend::Backend;
use crate::cbor::Fields;
use crate::clock;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{FileType, open_small, random, seal_small};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::fs::{PRIVATE_DIR, boot_id, create_dir_durable, host_id, open_private};
use crate::id::{Id, ShortId};
use fs2::FileExt;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const WHAT: &str = "lease";
const VERSION: u64 = 1;
/// How often a writer shows that it lives, at least.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// So often is a listing repeated when refreshes replace one another while it is read.
const ATTEMPTS: usize = 3;
/// Names of files beside the refreshes.
const ALIVE: &str = "alive";
const FENCE: &str = "fence";

/// How it shows that a writer is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseClass {
    /// Its flock is free.
    Flock,
    /// Its refreshes stop: for media without locks, where nobody is declared dead yet.
    Timed,
}

/// What the newest refresh of a lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The writer.
    pub writer: ShortId,
    /// Which refresh it is, from 0.
    pub number: u64,
    /// How it shows that the writer is dead.
    pub class: LeaseClass,
    /// The boot in which the writer runs.
    pub boot_id: String,
    /// The machine on which it runs.
    pub host_id: String,
    /// Its process.
    pub pid: u32,
    /// The dooms that it has seen.
    pub dooms_seen: Vec<Id>,
    /// When it was written, by the writer's clock; for people.
    pub time_seconds: i64,
    /// What the writer does.
    pub command: String,
}

impl LeaseRecord {
    fn encode(&self) -> Vec<u8> {
        let mut fields = Fields::new();
        fields.put(0, VERSION);
        fields.put(1, self.writer);
        fields.put(2, self.number);
        fields.put(3, if self.class == LeaseClass::Flock { 1u8 } else { 2 });
        fields.put(4, &self.boot_id);
        fields.put(5, &self.host_id);
        fields.put(6, self.pid);
        fields.put(7, &self.dooms_seen);
        fields.put(8, self.time_seconds);
        fields.put(9, &self.command);
        fields.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::decode(bytes, WHAT)?;
        if fields.need::<u64>(0, WHAT)? != VERSION {
            return fail(Code::StorageCorrupted, "a lease has a version that this program does not know");
        }
        Ok(LeaseRecord {
            writer: fields.need(1, WHAT)?,
            number: fields.need(2, WHAT)?,
            // A class of a later version is one that shows no death here.
            class: if fields.need::<u64>(3, WHAT)? == 1 { LeaseClass::Flock } else { LeaseClass::Timed },
            boot_id: fields.need(4, WHAT)?,
            host_id: fields.need(5, WHAT)?,
            pid: fields.need(6, WHAT)?,
            dooms_seen: fields.need(7, WHAT)?,
            time_seconds: fields.need(8, WHAT)?,
            command: fields.need(9, WHAT)?,
        })
    }
}

/// A lease as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// The writer.
    pub writer: ShortId,
    /// What it says; `None` when that cannot be read, and then it has seen nothing.
    pub record: Option<LeaseRecord>,
    /// Whether it was declared dead.
    pub is_fenced: bool,
    /// False when it is certainly dead.
    pub is_alive: bool,
}

impl LeaseView {
    /// Whether the writer has seen this doom.
    pub fn has_seen(&self, doom: &Id) -> bool {
        self.record.as_ref().is_some_and(|record| record.dooms_seen.contains(doom))
    }
}

/// This writer's lease. End it with [`Lease::end`]; on a disk of this machine dropping it ends it as well.
#[derive(Debug)]
pub struct Lease {
    record: LeaseRecord,
    refreshed: Instant,
    local: Option<Local>,
}

/// What holds a lease on a disk of this machine.
#[derive(Debug)]
struct Local {
    root: PathBuf,
    dir: PathBuf,
    _alive: File,
}

impl Lease {
    /// Begins a lease. Only what is listed after it returned is safe from a gc.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED, ENCRYPTION_FAILED, SYSTEM_ERROR, and network codes.
    pub fn create(backend: &dyn Backend, keyring: &Keyring, repository: &ShortId, command: &str) -> Result<Lease> {
        static HERE: OnceLock<(String, String)> = OnceLock::new();
        let (boot_id, host_id) = HERE.get_or_init(|| (boot_id(), host_id())).clone();
        let record = LeaseRecord {
            writer: ShortId::new(random()?),
            number: 0,
            class: if backend.local_dir().is_some() { LeaseClass::Flock } else { LeaseClass::Timed },
            boot_id,
            host_id,
            pid: std::process::id(),
            dooms_seen: Vec::new(),
            time_seconds: clock::now().seconds,
            command: command.to_string(),
        };
        let bytes = seal_small(FileType::Lease, keyring, repository, &record.encode())?;
        let local = match backend.local_dir() {
            Some(root) => Some(Local::create(root, &record.writer, &bytes)?),
            None => {
                backend.put_new(&lease_path(&record.writer, "0"), &bytes)?;
                None
            }
        };
        Ok(Lease { record, refreshed: Instant::now(), local })
    }

    /// This writer.
    pub fn writer(&self) -> &ShortId {
        &self.record.writer
    }

    /// Whether it is time to show that it lives.
    pub fn is_due(&self) -> bool {
        self.refreshed.elapsed() >= REFRESH_INTERVAL
    }

    /// Shows that it lives, and which dooms it has seen.
    ///
    /// # Errors
    /// As [`Lease::create`]; LEASE_LOST when it is fenced.
    pub fn refresh(
        &mut self,
        backend: &dyn Backend,
        keyring: &Keyring,
        repository: &ShortId,
        dooms_seen: &[Id],
    ) -> Result<()> {
        if self.is_fenced(backend)? {
            return Err(lost());
        }
        let record = LeaseRecord {
            number: self.record.number + 1,
            dooms_seen: dooms_seen.to_vec(),
            time_seconds: clock::now().seconds,
            ..self.record.clone()
        };
        let bytes = seal_small(FileType::Lease, keyring, repository, &record.encode())?;
        backend.put_new(&self.path(record.number), &bytes)?;
        // The one before stays for whoever has just listed it.
        if let Some(old) = record.number.checked_sub(2) {
            backend.delete(&self.path(old))?;
        }
        (self.record, self.refreshed) = (record, Instant::now());
        Ok(())
    }

    /// Whether this writer was declared dead: there is a fence, or its lease is gone.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn is_fenced(&self, backend: &dyn Backend) -> Result<bool> {
        Ok(backend.stat(&lease_path(&self.record.writer, FENCE))?.is_some()
            || backend.stat(&self.path(self.record.number))?.is_none())
    }

    /// Ends the lease. A fence stays until a gc takes it away.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED and network codes.
    pub fn end(mut self, backend: &dyn Backend) -> Result<()> {
        match self.local.take() {
            Some(local) => local.remove(),
            None => remove_lease(backend, &self.record.writer),
        }
    }

    fn path(&self, number: u64) -> String {
        lease_path(&self.record.writer, &number.to_string())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What cannot be removed is found dead by its free flock.
        if let Some(local) = self.local.take() {
            let _ = local.remove();
        }
    }
}

impl Local {
    /// Makes the whole directory aside, locks it, and gives it its name. Nothing is synced: after a power cut there is
    /// no writer whose life it could show.
    fn create(root: &Path, writer: &ShortId, bytes: &[u8]) -> Result<Local> {
        let (temp, leases) = (root.join("tmp"), root.join("leases"));
        create_dir_durable(&temp, PRIVATE_DIR)?;
        create_dir_durable(&leases, PRIVATE_DIR)?;
        let aside = tempfile::Builder::new().prefix("lease-").tempdir_in(&temp).at("create a directory in", &temp)?;
        let path = aside.path().join(ALIVE);
        let alive = open_private(&path)?;
        alive.lock_exclusive().at("lock", &path)?;
        let path = aside.path().join("0");
        open_private(&path)?.write_all(bytes).at("write", &path)?;
        let dir = leases.join(writer.to_hex());
        std::fs::rename(aside.path(), &dir).at("rename to", &dir)?;
        let _moved = aside.keep();
        Ok(Local { root: root.to_path_buf(), dir, _alive: alive })
    }

    fn remove(self) -> Result<()> {
        remove_dir(&self.root, &self.dir)
    }
}

/// Every lease there is, dead ones too.
///
/// # Errors
/// FILE_IO and network codes; a lease that cannot be read is listed without its record.
pub fn list_leases(
    backend: &dyn Backend,
    keyring: &Keyring,
    repository: &ShortId,
    liveness: &dyn Liveness,
) -> Result<Vec<LeaseView>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        // By writer: its newest refresh, and whether it is fenced.
        let mut found: BTreeMap<ShortId, (Option<u64>, bool)> = BTreeMap::new();
        backend.list("leases", &mut |path, _| {
            let parts = path.strip_prefix("leases/").and_then(|rest| rest.split_once('/'));
            if let Some((writer, file)) = parts
                && let Ok(writer) = writer.parse()
            {
                let (newest, is_fenced) = found.entry(writer).or_default();
                *is_fenced |= file == FENCE;
                *newest = (*newest).max(file.parse().ok());
            }
            Ok(())
        })?;
        let (mut views, mut vanished) = (Vec::new(), false);
        for (writer, (newest, is_fenced)) in found {
            let read = newest.map(|number| read_record(backend, keyring, repository, &writer, number));
            let record = match read.transpose() {
                Ok(record) => record,
                Err(error) if error.code() == Code::FileNotFound => {
                    vanished = true;
                    None
                }
                Err(error) if is_damage(&error) => None,
                Err(error) => return Err(error),
            };
            let mut view = LeaseView { writer, record, is_fenced, is_alive: true };
            view.is_alive = !liveness.is_dead(&view);
            views.push(view);
        }
        if !vanished || attempt == ATTEMPTS {
            return Ok(views);
        }
    }
}

/// Declares a writer dead, for good: it will not publish any more. Durable on return.
///
/// # Errors
/// FILE_IO, STORAGE_FULL, PERMISSION_DENIED and network codes.
pub fn fence(backend: &dyn Backend, writer: &ShortId) -> Result<()> {
    backend.put_new(&lease_path(writer, FENCE), b"").map(|_| ())
}

/// Takes away what a dead writer left. A writer that was not dead after all finds its lease gone, which is a fence.
///
/// # Errors
/// FILE_IO, PERMISSION_DENIED and network codes.
pub fn remove_lease(backend: &dyn Backend, writer: &ShortId) -> Result<()> {
    if let Some(root) = backend.local_dir() {
        return remove_dir(root, &root.join("leases").join(writer.to_hex()));
    }
    let mut names = Vec::new();
    backend.list(&format!("leases/{writer}"), &mut |name, _| {
        names.push(name.to_string());
        Ok(())
    })?;
    names.iter().try_for_each(|name| backend.delete(name))
}

fn read_record(
    backend: &dyn Backend,
    keyring: &Keyring,
    repository: &ShortId,
    writer: &ShortId,
    number: u64,
) -> Result<LeaseRecord> {
    let bytes = backend.get(&lease_path(writer, &number.to_string()))?;
    let record = LeaseRecord::decode(&open_small(FileType::Lease, keyring, repository, &bytes)?)?;
    if record.writer == *writer && record.number == number {
        return Ok(record);
    }
    fail(Code::StorageCorrupted, "a lease stands under another writer's name")
}

/// Moves a lease away in one step, then deletes it: nobody sees half of it.
fn remove_dir(root: &Path, dir: &Path) -> Result<()> {
    let temp = root.join("tmp");
    create_dir_durable(&temp, PRIVATE_DIR)?;
    let aside = tempfile::Builder::new().prefix("lease-").tempdir_in(&temp).at("create a directory in", &temp)?;
    match std::fs::rename(dir, aside.path()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).at("rename", dir),
    }
}

fn lease_path(writer: &ShortId, file: &str) -> String {
    format!("leases/{writer}/{file}")
}

fn is_damage(error: &Error) -> bool {
    use crate::error::Class;
    matches!(error.class(), Class::Damaged | Class::WrongKey)
}

fn lost() -> Error {
    Error::new(Code::LeaseLost, "this writer was declared dead while it worked")
        .with_hint("run the same command again: what was flushed is kept as far as it is still there")
}
