//! Reading back what was restored, and comparing it with the ids.

use super::batch::Job;
use super::report::count;
use super::target::Target;
use crate::error::{Code, IoContext, Result, fail};
use crate::id::Id;
use crate::object::Hasher;
use rustix::fs::{Mode, OFlags, openat};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Reads a restored file again and checks its whole content; a file that was not restored is left alone.
pub(super) fn read_back(target: &Target<'_>, job: &Job<'_>) {
    if !job.is_done.load(Relaxed) || target.report.is_stopped() {
        return;
    }
    match check(target, job) {
        Ok(()) => count(&target.report.counters.verified, 1),
        Err(error) => target.report.failed(&job.path(), error),
    }
}

fn check(target: &Target<'_>, job: &Job<'_>) -> Result<()> {
    let at = || target.on_disk(&job.path());
    let mut file = open(job).at("open", at())?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES.min(job.entry.size as usize + 1)];
    let mut total = 0;
    loop {
        let len = file.read(&mut buffer).at("read", at())?;
        if len == 0 {
            break;
        }
        hasher.update(&buffer[..len]);
        total += len as u64;
    }
    if total != job.entry.size || hasher.finish() != job.entry.content.unwrap_or(Id::EMPTY) {
        let message = format!("{} does not read back as it was stored", at().display());
        return fail(Code::CasError, message);
    }
    Ok(())
}

/// The regular file of a job as it is on disk.
pub(super) fn open(job: &Job<'_>) -> std::io::Result<File> {
    let above = job.dir.fd().ok_or(std::io::ErrorKind::NotFound)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(openat(above, job.entry.name.as_slice(), flags, Mode::empty())?))
}
