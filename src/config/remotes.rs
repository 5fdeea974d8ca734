//! The remotes of a repository: names for addresses, in `remotes.toml` beside its other local files.
//!
//! An address may have a secret in it, as the words of a command do: the file is of mode 0600, and what lists and
//! messages show is [`crate::backend::Location`]'s text.

use crate::error::{Code, Error, IoContext, Result, fail};
use crate::fs::{PRIVATE_DIR, PRIVATE_FILE, create_dir_durable, write_durable};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The name of the file.
pub const REMOTES_FILE: &str = "remotes.toml";
/// A name has at most so many letters.
const NAME_BYTES_MAX: usize = 64;

/// Names and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remotes {
    path: PathBuf,
    addresses: BTreeMap<String, String>,
}

#[derive(Default, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    remote: BTreeMap<String, Remote>,
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Remote {
    url: String,
}

impl Remotes {
    /// Reads the file; without one there are none.
    ///
    /// # Errors
    /// PARSE_ERROR with the place when it is not as we write it; FILE_IO.
    pub fn load(path: &Path) -> Result<Remotes> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).at("read", path),
        };
        let file: File = toml::from_str(&text).map_err(|error| super::parse_error(path, &text, &error))?;
        let addresses = file.remote.into_iter().map(|(name, remote)| (name, remote.url)).collect();
        Ok(Remotes { path: path.to_path_buf(), addresses })
    }

    fn save(&self) -> Result<()> {
        let remote = self.addresses.iter().map(|(name, url)| (name.clone(), Remote { url: url.clone() })).collect();
        let text = toml::to_string(&File { remote })
            .map_err(|error| Error::new(Code::ConfigError, "the remotes cannot be written").with_source(error))?;
        if let Some(dir) = self.path.parent() {
            create_dir_durable(dir, PRIVATE_DIR)?;
        }
        write_durable(&self.path, text.as_bytes(), PRIVATE_FILE)
    }

    /// Every name with its address, in order.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.addresses.iter().map(|(name, url)| (name.as_str(), url.as_str()))
    }

    /// The address of a name.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.addresses.get(name).map(String::as_str)
    }

    /// The address of a name that must be there.
    ///
    /// # Errors
    /// FILE_NOT_FOUND.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.find(name).ok_or_else(|| {
            let hint = match self.addresses.len() {
                0 => "`larder remote add NAME URL` adds one".to_string(),
                _ => format!("there are {}", self.addresses.keys().cloned().collect::<Vec<_>>().join(", ")),
            };
            Error::new(Code::FileNotFound, format!("there is no remote `{}`", name.escape_debug())).with_hint(hint)
        })
    }

    /// The remote that is meant where none is named: the only one, or `origin`.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none, or several and none of them is `origin`.
    pub fn usual(&self) -> Result<(&str, &str)> {
        let mut all = self.all();
        match (all.next(), all.next(), self.find("origin")) {
            (_, _, Some(url)) => Ok(("origin", url)),
            (Some(only), None, _) => Ok(only),
            (None, ..) => Err(Error::new(Code::ConfigMissing, "this repository has no remote")
                .with_hint("`larder remote add NAME URL` adds one")),
            _ => {
                Err(Error::new(Code::ConfigMissing, "this repository has several remotes, and none is called `origin`")
                    .with_hint(format!(
                        "name one of {}",
                        self.addresses.keys().cloned().collect::<Vec<_>>().join(", ")
                    )))
            }
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// INVALID_ARG when the name is taken or no name; FILE_IO and its kin.
    pub fn add(&mut self, name: &str, url: &str) -> Result<()> {
        check_remote_name(name)?;
        if self.addresses.contains_key(name) {
            return fail(Code::InvalidArg, format!("there is a remote `{name}` already"));
        }
        self.addresses.insert(name.to_string(), url.to_string());
        self.save()
    }

    /// Removes one; nothing at the other side changes.
    ///
    /// # Errors
    /// FILE_NOT_FOUND; FILE_IO and its kin.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        self.get(name)?;
        self.addresses.remove(name);
        self.save()
    }

    /// Gives one another name.
    ///
    /// # Errors
    /// FILE_NOT_FOUND; INVALID_ARG when the new name is taken or no name; FILE_IO and its kin.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<()> {
        let url = self.get(old)?.to_string();
        check_remote_name(new)?;
        if self.addresses.contains_key(new) {
            return fail(Code::InvalidArg, format!("there is a remote `{new}` already"));
        }
        self.addresses.remove(old);
        self.addresses.insert(new.to_string(), url);
        self.save()
    }
}

/// Refuses what could be taken for a path, an address or an option.
///
/// # Errors
/// INVALID_ARG.
pub fn check_remote_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = name.chars().all(is_plain)
        && name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric())
        && name.len() <= NAME_BYTES_MAX;
    if is_name {
        return Ok(());
    }
    Err(Error::new(Code::InvalidArg, format!("`{}` is no name for a remote", name.escape_debug()))
        .with_hint("a name begins with a letter or digit, and has letters, digits, `.`, `_` and `-`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_stay_and_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/remotes.toml");
        let mut remotes = Remotes::load(&path).unwrap();
        assert_eq!(remotes.usual().unwrap_err().code(), Code::ConfigMissing);
        remotes.add("disk", "/mnt/\"disk\"\n").unwrap();
        assert_eq!(remotes.usual().unwrap(), ("disk", "/mnt/\"disk\"\n"));
        assert_eq!(remotes.add("disk", "/x").unwrap_err().code(), Code::InvalidArg);
        remotes.add("other", "exec:x").unwrap();
        assert_eq!(remotes.usual().unwrap_err().code(), Code::ConfigMissing);
        remotes.rename("other", "origin").unwrap();
        let again = Remotes::load(&path).unwrap();
        assert_eq!((again.clone(), again.usual().unwrap().0), (remotes, "origin"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(again.get("none").unwrap_err().code(), Code::FileNotFound);
        for name in ["", "-x", "a/b", "a:b", ".", "a b"] {
            assert_eq!(check_remote_name(name).unwrap_err().code(), Code::InvalidArg, "{name}");
        }
    }
}
