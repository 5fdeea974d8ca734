//! Trees: what a directory is in the repository. FORMAT section 8.
//!
//! Floor 4, on `id`, `clock` and `error` only: bytes in, bytes out. A tree is a header and a sequence of entries in
//! bytewise order of their names, so a directory of millions of entries is written by [`TreeWriter`] and read by
//! [`TreeReader`] piece by piece. The encoding is deterministic: equal directories have equal trees, and promise 1
//! makes equal trees one object. What a later version of larder adds to an entry survives being rewritten by this one.

mod decode;
mod encode;
mod links;
#[cfg(test)]
mod tests;

pub use decode::{Tree, TreeReader, decode_extents, decode_xattrs, read_tree};
pub use encode::{TreeWriter, encode_extents, encode_xattrs};
pub use links::{LinksReader, LinksWriter, read_links};

use crate::clock::Time;
use crate::error::{Code, Result, fail};
use crate::id::Id;
use std::sync::Arc;

/// Extended attributes up to this many encoded bytes stand in the entry, longer ones in a blob.
pub const XATTRS_INLINE_BYTES: usize = 1024;
/// Up to this many data extents of a sparse file stand in the entry, more of them in a blob.
pub const EXTENTS_INLINE: usize = 16;
/// An entry longer than this is damage: names, link targets and inline lists are far below it.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// How much a tree says of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Owner, times, attributes: backups.
    Full = 1,
    /// Name, type, executable bit, content: results of runs. The same on every machine.
    Portable = 2,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link.
    Symlink = 3,
    /// A named pipe.
    Fifo = 4,
    /// A socket's name.
    Socket = 5,
    /// A character device.
    CharDevice = 6,
    /// A block device.
    BlockDevice = 7,
}

impl EntryKind {
    /// From its number in the format.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => EntryKind::File,
            2 => EntryKind::Directory,
            3 => EntryKind::Symlink,
            4 => EntryKind::Fifo,
            5 => EntryKind::Socket,
            6 => EntryKind::CharDevice,
            7 => EntryKind::BlockDevice,
            _ => return None,
        })
    }

    /// The word for it, as `ls-tree` and `find` say it.
    pub fn name(self) -> &'static str {
        match self {
            EntryKind::File => "file",
            EntryKind::Directory => "dir",
            EntryKind::Symlink => "symlink",
            EntryKind::Fifo => "fifo",
            EntryKind::Socket => "socket",
            EntryKind::CharDevice => "chardev",
            EntryKind::BlockDevice => "blockdev",
        }
    }

    /// Whether it is a character or block device.
    pub fn is_device(self) -> bool {
        matches!(self, EntryKind::CharDevice | EntryKind::BlockDevice)
    }
}

/// What the full profile says of the inode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits, `mode & 0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The owner's name where it was made.
    pub owner: Option<Arc<str>>,
    /// The group's name where it was made.
    pub group: Option<Arc<str>>,
    /// When the content last changed.
    pub mtime: Time,
    /// When the inode was made.
    pub btime: Option<Time>,
    /// `chattr` bits.
    pub flags: Option<u32>,
}

/// Extended attributes: name and value, POSIX ACLs among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Xattrs {
    /// There are none.
    #[default]
    None,
    /// Few: in the entry, in the order that [`sort_xattrs`] gives.
    Inline(Vec<(Vec<u8>, Vec<u8>)>),
    /// Many: the blob that [`encode_xattrs`] made.
    Blob(Id),
}

/// Where a sparse file has data: (offset, length), ascending, apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extents {
    /// It is not sparse.
    #[default]
    None,
    /// A few data extents; an empty list is a file that is one hole.
    Inline(Vec<(u64, u64)>),
    /// Many: the blob that [`encode_extents`] made.
    Blob(Id),
}

/// What lies beneath a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Regular files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Summary {
    /// Counts one more entry, and all beneath it.
    pub fn add(&mut self, entry: &Entry) {
        match (entry.kind, entry.summary) {
            (EntryKind::File, _) => {
                self.files = self.files.saturating_add(1);
                self.bytes = self.bytes.saturating_add(entry.size);
            }
            (_, Some(beneath)) => {
                self.files = self.files.saturating_add(beneath.files);
                self.bytes = self.bytes.saturating_add(beneath.bytes);
            }
            _ => {}
        }
    }
}

/// A key and value that this version does not know, as they were read: both are whole CBOR items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The key's encoding.
    pub key: Vec<u8>,
    /// The value's encoding.
    pub value: Vec<u8>,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: any bytes but `/` and NUL.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Content: the blob of a file that is not empty, the tree of a directory.
    pub content: Option<Id>,
    /// Size of a file in bytes.
    pub size: u64,
    /// Whether a file can be executed; in the full profile this follows from the mode.
    pub executable: bool,
    /// Owner, times and so on; absent in the portable profile.
    pub meta: Option<Meta>,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// Data extents of a sparse file.
    pub extents: Extents,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// What a symlink says.
    pub target: Vec<u8>,
    /// Whether the inode has other names in this snapshot, which its links object lists.
    pub linked: bool,
    /// What lies beneath a directory.
    pub summary: Option<Summary>,
    /// What a later version added.
    pub unknown: Vec<Unknown>,
}

/// An object that an entry refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Content, long attributes or long extent lists.
    Blob(Id),
    /// A directory's tree.
    Tree(Id),
}

/// What one entry keeps: its content, its long attributes, its long list of extents.
pub type References = [Option<Reference>; 3];

impl Entry {
    /// An entry of this name and kind, and nothing more.
    pub fn new(name: impl Into<Vec<u8>>, kind: EntryKind) -> Self {
        Entry {
            name: name.into(),
            kind,
            content: None,
            size: 0,
            executable: false,
            meta: None,
            xattrs: Xattrs::None,
            extents: Extents::None,
            device: None,
            target: Vec::new(),
            linked: false,
            summary: None,
            unknown: Vec::new(),
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == EntryKind::Directory
    }

    /// Every object it refers to.
    pub fn references(&self) -> impl Iterator<Item = Reference> + use<> {
        let content = self.content.map(if self.is_directory() { Reference::Tree } else { Reference::Blob });
        let xattrs = match self.xattrs {
            Xattrs::Blob(id) => Some(Reference::Blob(id)),
            _ => None,
        };
        let extents = match self.extents {
            Extents::Blob(id) => Some(Reference::Blob(id)),
            _ => None,
        };
        let all: References = [content, xattrs, extents];
        all.into_iter().flatten()
    }

    /// Checks what the format demands of an entry, when it is written and when it is read.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        let sound = match self.kind {
            EntryKind::File => self.size == 0 || self.content.is_some(),
            EntryKind::Directory => self.content.is_some(),
            EntryKind::Symlink => !self.target.is_empty() && !self.target.contains(&0),
            EntryKind::CharDevice | EntryKind::BlockDevice => self.device.is_some(),
            EntryKind::Fifo | EntryKind::Socket => true,
        };
        if !sound {
            return fail(
                Code::StorageCorrupted,
                format!("the tree's entry `{}` lacks what a {} needs", self.name.escape_ascii(), self.kind.name()),
            );
        }
        match &self.extents {
            Extents::Inline(extents) => check_extents(extents, Some(self.size)),
            _ => Ok(()),
        }
    }
}

/// Refuses names that could lead out of their directory.
///
/// # Errors
/// STORAGE_CORRUPTED.
pub fn check_name(name: &[u8]) -> Result<()> {
    if name.is_empty() || name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        return fail(Code::StorageCorrupted, format!("a tree has the name `{}`", name.escape_ascii()));
    }
    Ok(())
}

/// Puts attributes into the format's order: that of their encoded names, so shorter names first.
pub fn sort_xattrs(xattrs: &mut [(Vec<u8>, Vec<u8>)]) {
    xattrs.sort_by(|a, b| xattr_order(&a.0).cmp(&xattr_order(&b.0)));
}

/// What deterministic CBOR sorts byte-string keys by.
fn xattr_order(name: &[u8]) -> (usize, &[u8]) {
    (name.len(), name)
}

/// Extents ascend, do not touch the end of the file, and none is empty.
fn check_extents(extents: &[(u64, u64)], size: Option<u64>) -> Result<()> {
    let mut end = 0u64;
    for &(offset, len) in extents {
        let Some(next) = offset.checked_add(len).filter(|_| offset >= end && len > 0) else {
            return fail(Code::StorageCorrupted, "a sparse file's extents are out of order");
        };
        end = next;
    }
    match size {
        Some(size) if end > size => fail(Code::StorageCorrupted, "a sparse file's extents reach beyond its end"),
        _ => Ok(()),
    }
}
