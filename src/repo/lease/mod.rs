//! Leases: a writer's sign of life, which gc respects.
//!
//! Floor 3; FORMAT section 10, STORAGE section 8. `leases/<writer>/<n>` says which dooms the writer has seen. On a disk of this
//! machine the writer also holds an flock on `leases/<writer>/alive`: the directory appears by one rename, with the
//! lock already held, so a free lock always means that its writer ended or died (promise 9). Elsewhere a writer is taken for
//! dead when it was silent for an hour by the clock of the medium, and may wake up all the same. A writer whose lease
//! is fenced, or gone without its doing, was declared dead.
//!
//! Nothing here rests on a name being created once: the names are of random writers. Whoever may create and not delete leaves
//! a file that says it has ended.

mod held;
mod liveness;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use held::{Held, ReadLease};
pub use liveness::{Life, Liveness};
pub(crate) use verdict::{Verdicts, has_fences};

use crate::backend::Backend;
use crate::cbor::Fields;
use crate::clock::{self, Time};
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
const ENDED: &str = "ended";
/// What files begin with that say which roots of a fenced writer count.
const VERDICT: &str = "kept-";

/// How it shows that a writer is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseClass {
    /// Its flock is free.
    Flock,
    /// Its refreshes stop, on media without locks.
    Timed,
}

/// How far a gc is on its way to be the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GcPhase {
    /// It means to be.
    Wants = 1,
    /// It found nobody who was there before.
    Holds = 2,
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
    /// For a gc, how far it is.
    pub gc: Option<GcPhase>,
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
        if let Some(phase) = self.gc {
            fields.put(10, phase as u8);
        }
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
            // A phase of a later version is one that is not ours to pass.
            gc: fields.take::<u8>(10, WHAT)?.map(|phase| if phase == 1 { GcPhase::Wants } else { GcPhase::Holds }),
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
    /// Whether it says itself that it has ended.
    pub has_ended: bool,
    /// The newest refresh that is there.
    pub newest: Option<u64>,
    /// Files that say which of its roots count, by name.
    pub verdicts: Vec<String>,
}

impl LeaseView {
    /// Whether the writer has seen this doom.
    pub fn has_seen(&self, doom: &Id) -> bool {
        self.record.as_ref().is_some_and(|record| record.dooms_seen.contains(doom))
    }

    /// Whether it is a gc, or may be one.
    pub fn may_be_gc(&self) -> bool {
        self.record.as_ref().is_none_or(|record| record.gc.is_some())
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
    pub fn create(
        backend: &dyn Backend,
        keyring: &Keyring,
        repository: &ShortId,
        command: &str,
        gc: Option<GcPhase>,
    ) -> Result<Lease> {
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
            gc,
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

    /// Says with the next refresh how far this gc is.
    pub fn set_phase(&mut self, phase: Option<GcPhase>) {
        self.record.gc = phase;
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
            forgive(backend.delete(&self.path(old)))?;
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

    /// When the last refresh was written, by the clock of the medium, if it has one.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn modified(&self, backend: &dyn Backend) -> Result<Option<Time>> {
        backend.modified(&self.path(self.record.number))
    }

    /// Ends the lease. With `is_settled` nothing that it published is in doubt; else a fence stays.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn end(mut self, backend: &dyn Backend, is_settled: bool) -> Result<()> {
        if let Some(local) = self.local.take() {
            return local.remove();
        }
        let writer = &self.record.writer;
        if !is_settled && backend.stat(&lease_path(writer, FENCE))?.is_some() {
            return Ok(());
        }
        match remove_lease(backend, writer) {
            Err(error) if error.code() == Code::PermissionDenied => {
                backend.put_new(&lease_path(writer, ENDED), b"").map(|_| ())
            }
            answer => answer,
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
pub fn list_leases(backend: &dyn Backend, keyring: &Keyring, repository: &ShortId) -> Result<Vec<LeaseView>> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (mut views, mut vanished) = (list_files(backend)?, false);
        for view in &mut views {
            let read = view.newest.map(|number| read_record(backend, keyring, repository, &view.writer, number));
            view.record = match read.transpose() {
                Ok(record) => record,
                Err(error) if error.code() == Code::FileNotFound => {
                    vanished = true;
                    None
                }
                Err(error) if is_damage(&error) => None,
                Err(error) => return Err(error),
            };
        }
        if !vanished || attempt == ATTEMPTS {
            return Ok(views);
        }
    }
}

/// Who has files below `leases/`; their records are not read.
fn list_files(backend: &dyn Backend) -> Result<Vec<LeaseView>> {
    let mut found: BTreeMap<ShortId, LeaseView> = BTreeMap::new();
    backend.list("leases", &mut |path, _| {
        let parts = path.strip_prefix("leases/").and_then(|rest| rest.split_once('/'));
        let Some((writer, file)) = parts else { return Ok(()) };
        let Ok(writer) = writer.parse() else { return Ok(()) };
        let view = found.entry(writer).or_insert_with(|| LeaseView {
            writer,
            record: None,
            is_fenced: false,
            has_ended: false,
            newest: None,
            verdicts: Vec::new(),
        });
        view.is_fenced |= file == FENCE;
        view.has_ended |= file == ENDED;
        view.newest = view.newest.max(file.parse().ok());
        view.verdicts.extend(file.starts_with(VERDICT).then(|| path.to_string()));
        Ok(())
    })?;
    Ok(found.into_values().collect())
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

/// Who may not delete leaves what is of no more use where it is.
fn forgive(deleted: Result<()>) -> Result<()> {
    match deleted {
        Err(error) if error.code() == Code::PermissionDenied => Ok(()),
        answer => answer,
    }
}

fn is_damage(error: &Error) -> bool {
    use crate::error::Class;
    matches!(error.class(), Class::Damaged | Class::WrongKey)
}

fn lost() -> Error {
    Error::new(Code::LeaseLost, "this writer was declared dead while it worked")
        .with_hint("run the same command again: what was flushed is kept as far as it is still there")
}
