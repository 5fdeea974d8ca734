//! The names in a directory, sorted bytewise.

use rustix::fd::AsFd;
use rustix::fs::{FileType, RawDir};
use rustix::io::{Errno, Result};
use std::ffi::CStr;

/// Read so many bytes of a directory at a time: the kernel hands out at most this much per call anyway.
const READ_BYTES: usize = 64 << 10;

/// A buffer for reading directories, used again for each.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

/// The names in one directory, sorted bytewise, in one piece of memory.
#[derive(Debug, Default)]
pub struct Listing {
    /// Each name followed by a NUL, as system calls take them.
    bytes: Vec<u8>,
    names: Vec<Name>,
}

/// One name. Sixteen bytes, because a directory can have millions.
#[derive(Clone, Copy, Debug)]
struct Name {
    /// Its first eight bytes, so that most comparisons look no further.
    prefix: u64,
    at: u32,
    len: u16,
    hint: Hint,
}

/// What the directory says of the entry's type: on some file systems nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hint {
    Unknown,
    Directory,
    Other,
}

impl Listing {
    /// Reads all names of an open directory but `.` and `..`.
    pub fn read(dir: impl AsFd, scratch: &mut Scratch) -> Result<Self> {
        scratch.0.clear();
        scratch.0.reserve(READ_BYTES);
        let mut listing = Listing::default();
        let mut entries = RawDir::new(dir, scratch.0.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let hint = match entry.file_type() {
                FileType::Directory => Hint::Directory,
                FileType::Unknown => Hint::Unknown,
                _ => Hint::Other,
            };
            let name = entry.file_name();
            if name != c"." && name != c".." {
                listing.push(name.to_bytes(), hint)?;
            }
        }
        listing.sort();
        Ok(listing)
    }

    /// A listing of these names.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let mut listing = Listing::default();
        names.into_iter().try_for_each(|name| listing.push(name, Hint::Unknown))?;
        listing.sort();
        Ok(listing)
    }

    fn push(&mut self, name: &[u8], hint: Hint) -> Result<()> {
        let (Ok(at), Ok(len)) = (u32::try_from(self.bytes.len()), u16::try_from(name.len())) else {
            return Err(Errno::OVERFLOW);
        };
        let mut prefix = [0; 8];
        let head = name.len().min(8);
        prefix[..head].copy_from_slice(&name[..head]);
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.names.push(Name { prefix: u64::from_be_bytes(prefix), at, len, hint });
        Ok(())
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.names.sort_unstable_by(|a, b| a.prefix.cmp(&b.prefix).then_with(|| slice(bytes, a).cmp(slice(bytes, b))));
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the directory is empty.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name at a place; empty past the end.
    pub fn name(&self, index: usize) -> &[u8] {
        self.names.get(index).map_or(&[], |name| slice(&self.bytes, name))
    }

    /// The same for system calls.
    pub fn c_name(&self, index: usize) -> &CStr {
        let with_nul = self.names.get(index).and_then(|name| {
            let at = name.at as usize;
            CStr::from_bytes_with_nul(self.bytes.get(at..=at + usize::from(name.len))?).ok()
        });
        with_nul.unwrap_or(c"")
    }

    /// Whether the entry is a directory, where the listing tells.
    pub fn is_dir_hint(&self, index: usize) -> Option<bool> {
        match self.names.get(index)?.hint {
            Hint::Unknown => None,
            hint => Some(hint == Hint::Directory),
        }
    }

    /// The place of a name.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.names.binary_search_by(|entry| slice(&self.bytes, entry).cmp(name)).ok()
    }

    /// Keeps the names for which `keep` answers true.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], Option<bool>) -> bool) {
        let bytes = &self.bytes;
        self.names.retain(|name| {
            let hint = (name.hint != Hint::Unknown).then_some(name.hint == Hint::Directory);
            keep(slice(bytes, name), hint)
        });
    }
}

fn slice<'a>(bytes: &'a [u8], name: &Name) -> &'a [u8] {
    let at = name.at as usize;
    &bytes[at..at + usize::from(name.len)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_come_sorted_bytewise(names in prop::collection::btree_set(prop::collection::vec(1u8.., 1..12), 0..40)) {
            let listing = Listing::of(names.iter().rev().map(Vec::as_slice)).expect("short names");
            let read: Vec<&[u8]> = (0..listing.len()).map(|index| listing.name(index)).collect();
            prop_assert_eq!(&read, &names.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for (index, name) in read.iter().enumerate() {
                prop_assert_eq!(listing.find(name), Some(index));
                prop_assert_eq!(listing.c_name(index).to_bytes(), *name);
            }
        }
    }

    #[test]
    fn a_directory_is_read_whole() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let names: Vec<String> = (0..3_000).map(|n| format!("file with a longer name {n:04}")).collect();
        names.iter().for_each(|name| drop(std::fs::File::create(dir.path().join(name)).expect("create")));
        std::fs::create_dir(dir.path().join("sub")).expect("create");
        let fd = super::super::open_dir(rustix::fs::CWD, dir.path(), false).expect("open");
        let listing = Listing::read(&fd, &mut Scratch::default()).expect("read");
        assert_eq!(listing.len(), 3_001);
        assert_eq!(listing.name(17), names[17].as_bytes());
        assert_eq!(listing.is_dir_hint(3_000), Some(true));
        assert_eq!(listing.c_name(99_999), c"");
    }
}
