//! What is to be walked, as one tree of absolute paths: directories that only lead to sources, and the sources.

use crate::error::{Code, IoContext, Result, fail};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The sources of a backup. One within another is walked once.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    root: SourceNode,
    paths: Vec<Vec<u8>>,
}

/// A directory on the way to a source, or a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceNode {
    /// Set when this is a source: what is in it is walked, not only the children below.
    pub source: Option<SourceKind>,
    /// Names that lead on. Beneath a source they are sources of their own, which no rule leaves out.
    pub children: BTreeMap<Vec<u8>, SourceNode>,
}

/// How a source was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// By the user: a symlink stands for what it leads to, and it must be there and not be empty.
    Named,
    /// In a list of files: taken as it is, and reported if it is not there.
    Listed,
}

impl Sources {
    /// Adds a path. A relative one begins in the current directory; `.` and `..` are resolved.
    ///
    /// # Errors
    /// INVALID_ARG for an empty path; FILE_IO and FILE_NOT_FOUND when `..` cannot be resolved.
    pub fn add(&mut self, path: &Path, kind: SourceKind) -> Result<()> {
        if path.as_os_str().is_empty() || path.as_os_str().as_bytes().contains(&0) {
            return fail(Code::InvalidArg, "a source has an empty path");
        }
        let mut absolute = std::path::absolute(path).at("resolve", path)?;
        if absolute.components().any(|part| part == Component::ParentDir) {
            absolute = absolute.canonicalize().at("resolve", path)?;
        }
        let mut node = &mut self.root;
        let mut clean = PathBuf::from("/");
        for part in absolute.components() {
            if let Component::Normal(name) = part {
                node = node.children.entry(name.as_bytes().to_vec()).or_default();
                clean.push(name);
            }
        }
        let clean = clean.into_os_string().as_bytes().to_vec();
        if node.source.is_none() {
            self.paths.push(clean);
        }
        if node.source != Some(SourceKind::Named) {
            node.source = Some(kind);
        }
        Ok(())
    }

    /// Absolute paths of all sources, in the order they were added.
    pub fn paths(&self) -> &[Vec<u8>] {
        &self.paths
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The directory `/`.
    pub fn root(&self) -> &SourceNode {
        &self.root
    }

    /// Takes the tree of paths.
    pub fn into_root(self) -> SourceNode {
        self.root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_one_tree() {
        let mut sources = Sources::default();
        for path in ["/home/a/", "/home//a/./deep", "/etc/hosts", "/home/a"] {
            sources.add(Path::new(path), SourceKind::Named).expect("sound");
        }
        assert_eq!(sources.paths(), [&b"/home/a"[..], b"/home/a/deep", b"/etc/hosts"]);
        let home = &sources.root().children[&b"home"[..]];
        assert!(home.source.is_none());
        let a = &home.children[&b"a"[..]];
        assert!(a.source.is_some() && a.children[&b"deep"[..]].source.is_some());
        assert!(sources.add(Path::new(""), SourceKind::Named).is_err());
    }

    #[test]
    fn relative_paths_and_steps_up_are_resolved() {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(dir.path().join("x")).expect("create");
        let mut sources = Sources::default();
        sources.add(&dir.path().join("x/.."), SourceKind::Named).expect("sound");
        let real = dir.path().canonicalize().expect("there");
        assert_eq!(sources.paths(), [real.as_os_str().as_bytes()]);
        sources.add(Path::new("src"), SourceKind::Listed).expect("sound");
        assert!(sources.paths()[1].ends_with(b"/src"));
    }
}
