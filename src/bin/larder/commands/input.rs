//! What several commands do with the files and lists they are given.

use super::Exit;
use crate::session::Session;
use larder::error::{Code, Error, IoContext, Result};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The longest entry of a list that is read, in bytes: the system's longest path, and the name of a snapshot before it.
const ENTRY_BYTES_MAX: usize = 4_096 + 256;

/// Opens a file to read, `-` being standard input. A directory is refused here and not at its first read.
///
/// # Errors
/// FILE_NOT_FOUND, PERMISSION_DENIED, FILE_IO.
pub fn open(path: &Path) -> Result<Box<dyn Read>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).at("open", path)?;
    if file.metadata().at("look at", path)?.is_dir() {
        return Err(Error::io("read", path, std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    Ok(Box::new(file))
}

/// Calls `each` with every file; one that fails is reported, the rest is done.
///
/// # Errors
/// The failure itself when there is only one file; what stops the whole, such as a closed pipe.
pub fn each_file(
    session: &Session,
    paths: &[PathBuf],
    mut each: impl FnMut(&Path, &mut dyn Read) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::DONE;
    for path in paths {
        let outcome = open(path).map_err(anyhow::Error::from).and_then(|mut stream| each(path, &mut *stream));
        match outcome {
            Ok(()) => {}
            Err(error) if paths.len() == 1 => return Err(error),
            Err(error) => {
                session.ui.item_failed(path.as_os_str().as_encoded_bytes(), &about_a_file(error)?);
                exit = Exit::PARTIAL;
            }
        }
    }
    Ok(exit)
}

/// A failure that concerns one file only. Any other ends the command: a closed pipe, a full or damaged repository.
pub fn about_a_file(error: anyhow::Error) -> anyhow::Result<Error> {
    let error = error.downcast::<Error>()?;
    match error.code() {
        Code::FileNotFound | Code::FileIo | Code::PermissionDenied => Ok(error),
        _ => Err(error.into()),
    }
}

/// Calls `each` with every entry of standard input: lines, or with `ends_with_nul` entries that end with a NUL byte.
///
/// # Errors
/// As [`next_entry`]; INVALID_ARG for an empty entry; what `each` answers.
pub fn each_entry(ends_with_nul: bool, mut each: impl FnMut(OsString) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut input = std::io::stdin().lock();
    while let Some(entry) = next_entry(&mut input, ends_with_nul)? {
        if entry.is_empty() {
            return Err(Error::new(Code::InvalidArg, "an entry of standard input is empty").into());
        }
        each(entry)?;
    }
    Ok(())
}

/// The next entry of a list, `None` at its end.
///
/// # Errors
/// INVALID_ARG for an overlong entry, FILE_IO.
pub fn next_entry(input: &mut impl BufRead, ends_with_nul: bool) -> Result<Option<OsString>> {
    let end = if ends_with_nul { 0 } else { b'\n' };
    let mut entry = Vec::new();
    let limit = ENTRY_BYTES_MAX as u64 + 1;
    if input.take(limit).read_until(end, &mut entry).at("read", "standard input")? == 0 {
        return Ok(None);
    }
    if entry.last() == Some(&end) {
        entry.pop();
    } else if entry.len() as u64 == limit {
        let message = format!("an entry of standard input is longer than {ENTRY_BYTES_MAX} bytes");
        return Err(Error::new(Code::InvalidArg, message));
    }
    Ok(Some(OsString::from_vec(entry)))
}
