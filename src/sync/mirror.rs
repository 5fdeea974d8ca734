//! Files of a repository copied by name, one way, where there is no key.
//!
//! What is named by its SHA-256 is compared with it on arrival. Roots are listed before segments before packs, and
//! written in the other order, so that nothing there ever points at what is not there (promise 2). Nothing is deleted
//! but a configuration that did not arrive as it was sent.

use crate::backend::{Backend, askers};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::Hasher;
use crate::repo::Format;
use crate::repo::format::refuse_others;
use crate::repo::promise::refuse_partial;
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The configuration, by which a repository is known.
const CONFIG: &str = "config.toml";
/// In the order in which they are written; they are listed in the other.
const DIRS: [&str; 4] = ["keys", "packs", "index", "roots"];
/// So often is listed anew when files vanish while they are copied.
const ATTEMPTS: usize = 3;
/// Bytes that are asked for at once.
const STEP_BYTES: u64 = 8 << 20;

/// What a mirror did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorStats {
    /// Files copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were there already.
    pub present: u64,
    /// The monitor said stop.
    pub is_stopped: bool,
}

/// Copies every file of `from` that `to` lacks.
///
/// # Errors
/// CONFIG_MISSING when `from` holds no repository; CONFIG_INVALID when `to` holds another, or a configuration was changed
/// on either side; PERMISSION_DENIED when a gc is not done there; STORAGE_CORRUPTED when a file does not have the bytes that its name says; STORAGE_FULL and what a
/// medium answers.
pub fn mirror(
    from: &dyn Backend,
    to: &dyn Backend,
    dry_run: bool,
    jobs: usize,
    monitor: &dyn Monitor,
) -> Result<MirrorStats> {
    let config = match from.get(CONFIG) {
        Err(error) if error.is_not_found() => {
            return fail(Code::ConfigMissing, format!("there is no repository at {}", from.location()));
        }
        answer => answer?,
    };
    for side in [from, to] {
        refuse_partial(side, "files alone would leave that behind")?;
    }
    let has_config = is_there(from, to, &config)?;
    refuse_dooms(to)?;
    let mut stats = MirrorStats::default();
    for attempt in 1.. {
        let vanished = copy_all(from, to, dry_run, jobs, &mut stats, monitor)?;
        if !vanished || stats.is_stopped {
            break;
        }
        if attempt == ATTEMPTS {
            let places = format!("{} or {}", from.location(), to.location());
            return fail(Code::FileNotFound, format!("files vanish again and again at {places}"));
        }
    }
    // A gc that began meanwhile may take what was found to be there already: then the next mirror copies it.
    refuse_dooms(to)?;
    if !dry_run && !stats.is_stopped && !has_config {
        put_config(from, to, &config)?;
        stats.files += 1;
    }
    Ok(stats)
}

/// Whether `to` has the configuration already. One that is none is as good as absent where the one of `from` is sound as
/// far as can be told without the key, and all else there is of the same repository.
fn is_there(from: &dyn Backend, to: &dyn Backend, config: &[u8]) -> Result<bool> {
    let format = Format::parse(config)
        .map_err(|error| Error::new(error.code(), format!("{}: {error}", from.location())).with_source(error))?;
    let there = match to.get(CONFIG) {
        Err(error) if error.is_not_found() => Vec::new(),
        answer => answer?,
    };
    if there == config {
        return Ok(true);
    }
    match Format::parse(&there) {
        Err(_) => refuse_others(from, to).map(|()| false),
        Ok(other) if other.id != format.id => {
            fail(Code::ConfigInvalid, format!("{} holds another repository", to.location()))
        }
        Ok(_) => {
            let places = format!("{} and {}", from.location(), to.location());
            let message = format!("config.toml is not the same at {places}: one of the two was changed");
            Err(Error::new(Code::ConfigInvalid, message).with_hint(
                "the key tells which: a command that opens the repository refuses the changed one. \
                 If it is the copy's, delete that file there and run this again",
            ))
        }
    }
}

/// Stores the configuration. Nothing names its bytes, and without the key nothing else tells that they are right: they
/// are stored if two answers agree, and read again where they are then.
fn put_config(from: &dyn Backend, to: &dyn Backend, config: &[u8]) -> Result<()> {
    let altered = |side: &dyn Backend| {
        let message = format!("config.toml came from {} with other bytes than before", side.location());
        Error::new(Code::StorageCorrupted, message)
            .with_hint("the medium or the way to it alters what it carries: run the same command again")
    };
    if from.get(CONFIG)? != config {
        return Err(altered(from));
    }
    to.put(CONFIG, config)?;
    if to.get(CONFIG)? == config {
        return Ok(());
    }
    // Nothing may be opened by what arrived; without it the next mirror brings it.
    to.delete(CONFIG)?;
    Err(altered(to))
}

/// PERMISSION_DENIED while a gc is under way at `to`.
fn refuse_dooms(to: &dyn Backend) -> Result<()> {
    let mut is_doomed = false;
    to.list("gc", &mut |_, _| {
        is_doomed = true;
        Ok(())
    })?;
    if !is_doomed {
        return Ok(());
    }
    // What a doom names is sealed: without the key it is not known what is about to go.
    let message =
        format!("a gc is not done yet at {}: what it is about to delete is not known without the key", to.location());
    Err(Error::new(Code::PermissionDenied, message)
        .with_hint("run `larder gc` there, then this again; or `larder sync` with the key"))
}

/// A file to copy.
struct Lacking {
    path: String,
    bytes: u64,
}

/// Copies once what is listed. Answers whether something vanished meanwhile, on either side.
fn copy_all(
    from: &dyn Backend,
    to: &dyn Backend,
    dry_run: bool,
    jobs: usize,
    stats: &mut MirrorStats,
    monitor: &dyn Monitor,
) -> Result<bool> {
    monitor.event(&Event::Phase("comparing"));
    let (mut lacking, mut packs): (Vec<Vec<Lacking>>, Vec<String>) = Default::default();
    stats.present = 0;
    for dir in DIRS.iter().rev() {
        let mut files = Vec::new();
        from.list(dir, &mut |path, bytes| {
            files.push(Lacking { path: path.to_string(), bytes });
            Ok(())
        })?;
        let there = listed(to, dir)?;
        let all = files.len() as u64;
        if *dir == "packs" {
            packs = files.iter().map(|file| file.path.clone()).collect();
        }
        files.retain(|file| there.get(&file.path) != Some(&file.bytes));
        stats.present += all - files.len() as u64;
        lacking.insert(0, files);
    }
    let items = lacking.iter().map(|files| files.len() as u64).sum();
    let bytes = lacking.iter().flatten().map(|file| file.bytes).sum();
    monitor.event(&Event::Phase("copying"));
    monitor.event(&Event::Total { items, bytes });
    if dry_run {
        (stats.files, stats.bytes) = (items, bytes);
        return Ok(false);
    }
    if items == 0 {
        return Ok(false);
    }
    for (dir, files) in DIRS.iter().zip(&lacking) {
        // Of a gc that began and ended meanwhile nothing is left to be seen but that packs are gone.
        let vanished = *dir == "roots" && !are_there(to, &packs)?;
        if vanished || copy_files(from, to, files, jobs, stats, monitor)? {
            return Ok(true);
        }
        if stats.is_stopped {
            return Ok(false);
        }
    }
    Ok(!are_there(to, &packs)?)
}

fn are_there(to: &dyn Backend, packs: &[String]) -> Result<bool> {
    let there = listed(to, "packs")?;
    Ok(packs.iter().all(|path| there.contains_key(path)))
}

fn listed(backend: &dyn Backend, dir: &str) -> Result<HashMap<String, u64>> {
    let mut files = HashMap::new();
    backend.list(dir, &mut |path, bytes| {
        files.insert(path.to_string(), bytes);
        Ok(())
    })?;
    Ok(files)
}

fn copy_files(
    from: &dyn Backend,
    to: &dyn Backend,
    files: &[Lacking],
    jobs: usize,
    stats: &mut MirrorStats,
    monitor: &dyn Monitor,
) -> Result<bool> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new((stats, false, None)));
    let jobs = askers(jobs, [from, to].iter().any(|side| side.local_dir().is_none()));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let copied =
                if monitor.is_cancelled() { Ok(false) } else { copy_file(from, to, &file.path, file.bytes, monitor) };
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            let goes_on = match copied {
                Ok(true) => {
                    done.0.files += 1;
                    done.0.bytes += file.bytes;
                    true
                }
                Ok(false) => {
                    done.0.is_stopped = true;
                    false
                }
                Err(error) if error.code() == Code::FileNotFound => {
                    done.1 = true;
                    true
                }
                Err(error) => {
                    done.2.get_or_insert(error);
                    false
                }
            };
            if !goes_on {
                next.store(files.len(), Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| (0..jobs.clamp(1, files.len().max(1))).for_each(|_| _ = scope.spawn(work)));
    let (_, vanished, failure) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(vanished), Err)
}

/// Copies one file and compares it with its name; false when the monitor says stop.
pub(super) fn copy_file(
    from: &dyn Backend,
    to: &dyn Backend,
    path: &str,
    bytes: u64,
    monitor: &dyn Monitor,
) -> Result<bool> {
    let (mut spool, mut hasher, mut offset) = (to.spool()?, Hasher::new(), 0);
    while offset < bytes {
        if monitor.is_cancelled() {
            return Ok(false);
        }
        let step = STEP_BYTES.min(bytes - offset);
        let part = from.get_range(path, offset, step as usize)?;
        hasher.update(&part);
        spool.write_all(&part).at("write", spool.path())?;
        offset += step;
        monitor.event(&Event::Advance { items: 0, bytes: step });
    }
    let name = path.rsplit('/').next().and_then(|name| name.parse::<Id>().ok());
    // A device's file is named by its public key, and read only with its endorsement.
    let is_named_by_hash = !path.starts_with("keys/devices/");
    if is_named_by_hash && name != Some(hasher.finish()) {
        let message = format!("{path} at {} has other bytes than its name says: it was not copied", from.location());
        return Err(
            Error::new(Code::StorageCorrupted, message).with_hint("`larder verify --scrub` names all such files")
        );
    }
    to.put_spool(path, spool)?;
    monitor.event(&Event::Advance { items: 1, bytes: 0 });
    Ok(true)
}
