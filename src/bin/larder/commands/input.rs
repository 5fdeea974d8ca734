//! What several commands do with the files and lists they are given.

use super::Exit;
use crate::session::Session;
use larder::error::{Code, Error, IoContext, Result};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The longest path of a list that is read, in bytes: what the system allows.
const PATH_BYTES_MAX: usize = 4_096;

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
                session.ui.item_failed(path.as_os_str().as_encoded_bytes(), &error.downcast::<Error>()?);
                exit = Exit::PARTIAL;
            }
        }
    }
    Ok(exit)
}

/// Calls `each` with every entry of standard input: lines, or with `ends_with_nul` entries that end with a NUL byte.
///
/// # Errors
/// INVALID_ARG for an empty or overlong entry, FILE_IO, and what `each` answers.
pub fn each_entry(ends_with_nul: bool, mut each: impl FnMut(OsString) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut input = std::io::stdin().lock();
    let end = if ends_with_nul { 0 } else { b'\n' };
    loop {
        let mut entry = Vec::new();
        let limit = PATH_BYTES_MAX as u64 + 1;
        if (&mut input).take(limit).read_until(end, &mut entry).at("read", "standard input")? == 0 {
            return Ok(());
        }
        if entry.last() == Some(&end) {
            entry.pop();
        } else if entry.len() as u64 == limit {
            let message = format!("an entry of standard input is longer than {PATH_BYTES_MAX} bytes");
            return Err(Error::new(Code::InvalidArg, message).into());
        }
        if entry.is_empty() {
            return Err(Error::new(Code::InvalidArg, "an entry of standard input is empty").into());
        }
        each(OsString::from_vec(entry))?;
    }
}
