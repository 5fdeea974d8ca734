//! Reading every file and comparing it with its name: needs no key (promise 1).

use super::report::{Damage, Report};
use crate::backend::Backend;
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::Hasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The directories whose files are named by their SHA-256.
const NAMED_BY_HASH: [&str; 4] = ["packs", "index", "roots", "keys"];
/// What is read at once.
const STEP_BYTES: u64 = 1 << 20;

/// Compares every file that is named by its hash with its name. What is not there at all cannot be known here.
///
/// # Errors
/// What listing the medium can answer; a file that cannot be read is damage.
pub fn scrub(backend: &dyn Backend, jobs: usize, monitor: &dyn Monitor) -> Result<Report> {
    let mut report = Report::default();
    let mut files: Vec<(String, u64)> = Vec::new();
    for dir in NAMED_BY_HASH {
        backend.list(dir, &mut |path, bytes| {
            // A device's file is named by its public key.
            if !path.starts_with("keys/devices/") {
                files.push((path.to_string(), bytes));
            }
            Ok(())
        })?;
    }
    files.sort_unstable();
    report.packs = files.iter().filter(|(path, _)| path.starts_with("packs/")).count() as u64;
    monitor.event(&Event::Phase("reading files"));
    monitor.event(&Event::Total { items: files.len() as u64, bytes: files.iter().map(|(_, bytes)| bytes).sum() });
    let (next, out) = (AtomicUsize::new(0), Mutex::new(&mut report));
    let work = || {
        while let Some((path, bytes)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if monitor.is_cancelled() {
                out.lock().unwrap_or_else(PoisonError::into_inner).is_stopped = true;
                return;
            }
            let checked = check_name(backend, path, *bytes);
            let mut report = out.lock().unwrap_or_else(PoisonError::into_inner);
            report.bytes_read += bytes;
            report.packs_read += u64::from(path.starts_with("packs/"));
            match checked {
                Ok(()) => {}
                // Superseded or swept since it was listed.
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    monitor.event(&Event::Failed { path: path.as_bytes(), error: &error });
                    report.damage.push(Damage::file(path, &error));
                }
            }
            monitor.event(&Event::Advance { items: 1, bytes: *bytes });
        }
    };
    std::thread::scope(|scope| (0..jobs.clamp(1, files.len().max(1))).for_each(|_| _ = scope.spawn(work)));
    report.damage.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(report)
}

pub(super) fn check_name(backend: &dyn Backend, path: &str, bytes: u64) -> Result<()> {
    let name: Id = path.rsplit('/').next().unwrap_or_default().parse().map_err(|_| {
        Error::new(Code::StorageCorrupted, format!("{path} does not belong here: its name is not a SHA-256"))
    })?;
    if path.starts_with("packs/") && path != crate::repo::pack_path(&name) {
        return Err(Error::new(Code::StorageCorrupted, format!("{path} is in the wrong directory")));
    }
    let (mut hasher, mut offset) = (Hasher::new(), 0);
    while offset < bytes {
        let step = STEP_BYTES.min(bytes - offset);
        hasher.update(&backend.get_range(path, offset, step as usize)?);
        offset += step;
    }
    let found = hasher.finish();
    if found == name {
        return Ok(());
    }
    Err(Error::new(
        Code::StorageCorrupted,
        format!("{path} has other bytes than its name says: their SHA-256 is {found}"),
    ))
}
