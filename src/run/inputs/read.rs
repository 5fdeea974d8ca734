//! Reading what stands at a path.

use super::no_file;
use crate::error::{Code, Error, IoContext, Result};
use crate::id::Id;
use crate::object::{Hasher, hash};
use crate::run::state::files::Content;
use crate::run::state::stamp::{Stamp, look, stamp_now_ns};
use crate::units::format_size;
use crate::walk::{Stat, link_target, open_file, stat_fd};
use rustix::fd::BorrowedFd;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

/// Read so much at a time.
const READ_BYTES: usize = 64 << 10;
/// A file that changes while it is read is tried so often.
const TRIES: usize = 3;

/// What stands at a path: looked at before and after, so that what is said of it belongs together.
///
/// # Errors
/// FILE_IO, PERMISSION_DENIED and so on; RESOURCE_EXHAUSTED for a file that keeps changing; INVALID_ARG for what is
/// neither file, directory nor symlink; RESOURCE_EXHAUSTED for a file of more than `bytes_max` bytes.
pub fn read_content(root: BorrowedFd<'_>, path: &[u8], follow: bool, bytes_max: u64) -> Result<Content> {
    let shown = OsStr::from_bytes(path);
    if path.is_empty() && !follow {
        let stamp = look(root, c".", true).at("look at", shown)?;
        return Ok(Content { stamp, is_racy: stamp.is_racy(stamp_now_ns()), ..Content::default() });
    }
    for _ in 0..TRIES {
        let start_ns = stamp_now_ns();
        let stamp = look(root, path, follow).at("look at", shown)?;
        let mut content = Content { stamp, is_racy: stamp.is_racy(start_ns), ..Content::default() };
        if stamp.is_symlink() {
            let text = link_target(root, path).at("read", shown)?;
            content.id = Some(hash(&text));
            content.link = Some(text);
        } else if stamp.is_file() {
            let file = match open_file(root, path, follow) {
                Ok(file) => File::from(file),
                // It went away, or became something else.
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => continue,
                Err(error) => return Err(error).at("read", shown),
            };
            let before = stat_fd(&file).at("look at", shown)?;
            if before.size > bytes_max {
                return Err(too_long(path, before.size, bytes_max));
            }
            content.id = hash_file(&file, &before, path)?;
            let after = stat_fd(&file).at("look at", shown)?;
            if content.id.is_none() || Stamp::of(&before) != stamp || !before.is_same_as(&after) {
                continue;
            }
        } else if stamp.mode != 0 && !stamp.is_directory() {
            return Err(no_file(path, "neither a file nor a directory"));
        }
        return Ok(content);
    }
    Err(Error::new(Code::ResourceExhausted, format!("`{}` changes while it is read", path.escape_ascii()))
        .with_hint("run again when nothing writes to it"))
}

fn too_long(path: &[u8], bytes: u64, bytes_max: u64) -> Error {
    let (size, limit) = (format_size(bytes), format_size(bytes_max));
    let message = format!("the input `{}` has {size}, and the limit is {limit}", path.escape_ascii());
    Error::new(Code::ResourceExhausted, message)
        .with_hint(format!("larder run --max-input-size {bytes}, or max-input-size in the settings"))
}

/// The hash of a file; none if it is longer than it was said to be.
fn hash_file(mut file: &File, stat: &Stat, path: &[u8]) -> Result<Option<Id>> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES.min(stat.size as usize + 1)];
    let mut total = 0u64;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(hasher.finish())),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).at("read", OsStr::from_bytes(path)),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
        total += read as u64;
        if total > stat.size {
            return Ok(None);
        }
    }
}
