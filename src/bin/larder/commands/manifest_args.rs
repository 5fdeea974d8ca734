//! Which manifest is meant: one rule for every command that works on tasks.

use larder::error::Result;
use larder::run::manifest;
use std::path::{Path, PathBuf};

/// The manifest and the targets that the words of a command line mean: `-f FILE`; or the first word, if it is a file
/// that ends in `.toml` or `.txt` or is named by a path; or the `larder.toml` here or above; or, where there is none,
/// the first word if it is a file at all.
///
/// # Errors
/// FILE_NOT_FOUND when there is no manifest.
pub fn manifest_and_targets(file: Option<&Path>, words: &[String]) -> Result<(PathBuf, Vec<String>)> {
    if let Some(file) = file {
        return Ok((file.to_path_buf(), words.to_vec()));
    }
    let first = words.first().map(Path::new).filter(|path| path.is_file());
    let is_named = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("toml" | "txt")) || path.as_os_str().as_encoded_bytes().contains(&b'/')
    };
    if let Some(path) = first.filter(|path| is_named(path)) {
        return Ok((path.to_path_buf(), words[1..].to_vec()));
    }
    match (manifest::find(Path::new(".")), first) {
        (Ok(found), _) => Ok((found, words.to_vec())),
        (Err(_), Some(path)) => Ok((path.to_path_buf(), words[1..].to_vec())),
        (Err(error), None) => Err(error),
    }
}
