//! Segments, key slots and devices: each read whole and compared with its name, and decoded.

use super::findings::Findings;
use super::frames::FrameMap;
use super::report::Report;
use super::scrub::check_name;
use crate::crypto::sign::read_device;
use crate::crypto::slot::slot_info;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::repo::gc_access::id_of;
use crate::repo::segment::SegmentReader;
use crate::repo::view::View;
use crate::repo::{Repo, pack_path};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A key file is smaller than this by far.
const KEY_BYTES_MAX: u64 = 1 << 20;

/// Checks everything that is neither root nor pack, and remarks on packs that no segment lists.
pub(super) fn check(
    repo: &Repo,
    view: &View<'_>,
    frames: &FrameMap,
    findings: &Findings,
    report: &mut Report,
    jobs: usize,
    monitor: &dyn Monitor,
) -> Result<()> {
    monitor.event(&Event::Phase("checking segments"));
    check_keys(repo, findings)?;
    let mut segments: Vec<(String, u64)> = Vec::new();
    repo.backend().list("index", &mut |path, bytes| {
        segments.push((path.to_string(), bytes));
        Ok(())
    })?;
    let (next, read) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        while let Some((path, bytes)) = segments.get(next.fetch_add(1, Ordering::Relaxed)) {
            match check_segment(repo, path, *bytes) {
                Ok(()) => _ = read.fetch_add(*bytes, Ordering::Relaxed),
                // Superseded and swept since it was listed.
                Err(error) if error.is_not_found() => {}
                Err(error) => findings.file(path.clone(), &error),
            }
        }
    };
    std::thread::scope(|scope| (0..jobs.clamp(1, segments.len().max(1))).for_each(|_| _ = scope.spawn(work)));
    report.bytes_read += read.into_inner();
    // A segment that the index was made from, and that is gone: its packs would be known by nothing but the index.
    let there: HashSet<Id> = segments.iter().filter_map(|(path, _)| id_of(path)).collect();
    for (segment, _) in view.segments()?.iter().filter(|(segment, _)| !there.contains(segment)) {
        report.remarks.push(format!("segment {segment} was superseded while this ran"));
    }
    let listed: HashSet<Id> = frames.packs.iter().map(|pack| pack.name).collect();
    for name in repo.pack_files()?.keys().filter(|name| !listed.contains(name)) {
        report.remarks.push(format!("{} is in no segment: its writer has not flushed, or was killed", pack_path(name)));
    }
    Ok(())
}

fn check_segment(repo: &Repo, path: &str, bytes: u64) -> Result<()> {
    check_name(repo.backend().as_ref(), path, bytes)?;
    let Some(name) = id_of(path) else { return Ok(()) };
    let mut segment = SegmentReader::open(repo.core(), &name)?;
    let (listed, mut count) = (segment.len(), 0);
    while segment.next()?.is_some() {
        count += 1;
    }
    if count == listed {
        return Ok(());
    }
    let what = format!("{path} has {count} records and says {listed}");
    Err(Error::new(crate::error::Code::StorageCorrupted, what))
}

fn check_keys(repo: &Repo, findings: &Findings) -> Result<()> {
    let mut files: Vec<(String, u64)> = Vec::new();
    repo.backend().list("keys", &mut |path, bytes| {
        files.push((path.to_string(), bytes));
        Ok(())
    })?;
    for (path, bytes) in files {
        let check = || -> Result<()> {
            if path.starts_with("keys/devices/") {
                let file = repo.backend().get_range(&path, 0, bytes.min(KEY_BYTES_MAX) as usize)?;
                return read_device(&file, repo.keyring(), repo.id()).map(|_| ());
            }
            check_name(repo.backend().as_ref(), &path, bytes)?;
            slot_info(&repo.backend().get_range(&path, 0, bytes.min(KEY_BYTES_MAX) as usize)?).map(|_| ())
        };
        match check() {
            Err(error) if !error.is_not_found() => findings.file(path.clone(), &error),
            _ => {}
        }
    }
    Ok(())
}
