//! A row of the stat cache: one directory, or a part of a very large one, packed.

use super::RowKey;
use crate::clock::Time;
use crate::id::Id;
use crate::tree::{EntryKind, Summary};
use crate::wire::{Cursor, put_varint};

/// The checksum in front of a row.
const CHECK_BYTES: usize = 16;
/// In the flags of an entry, beside its kind in the lower three bits.
const HAS_CONTENT: u8 = 1 << 3;
const SAME_OWNER: u8 = 1 << 4;
const HAS_XATTRS: u8 = 1 << 5;
const IS_RACY: u8 = 1 << 6;

/// What makes larder take an entry for unchanged: all of it must be equal. No device number, because those change
/// from boot to boot (restic#3041).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// What it is.
    pub kind: EntryKind,
    /// Size of a file; what a device file stands for; 0 for all else.
    pub size: u64,
    /// When its content changed.
    pub mtime: Time,
    /// When its inode changed.
    pub ctime: Time,
    /// Its inode.
    pub ino: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Default for Fingerprint {
    fn default() -> Self {
        let (mtime, ctime) = (Time::default(), Time::default());
        Fingerprint { kind: EntryKind::File, size: 0, mtime, ctime, ino: 0, mode: 0, uid: 0, gid: 0 }
    }
}

/// What is known of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// The name.
    pub name: &'a [u8],
    /// How it looked.
    pub fingerprint: Fingerprint,
    /// What is stored of it: a file's blob, a directory's tree; none for an empty file and all else.
    pub content: Option<Id>,
    /// Whether it has extended attributes, which have to be asked for again when its tree is written anew.
    pub has_xattrs: bool,
    /// Whether it may have changed after it was read without its times showing it: never taken for unchanged.
    pub is_racy: bool,
}

/// What a row says of its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHeader {
    /// The directory's tree.
    pub tree: Id,
    /// The repository's generation in which everything in the row was known present.
    pub generation: u64,
    /// What lies beneath.
    pub summary: Summary,
    /// How many parts the directory's rows have.
    pub parts: u32,
}

impl Default for RowHeader {
    fn default() -> Self {
        RowHeader { tree: Id::EMPTY, generation: 0, summary: Summary::default(), parts: 1 }
    }
}

/// A row as it stands in the file, with a checksum that was found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryRow(Vec<u8>);

impl DirectoryRow {
    /// Takes bytes out of the file: `None` if they are damaged or another key's.
    pub fn open(bytes: Vec<u8>, key: &RowKey) -> Option<Self> {
        let (check, body) = bytes.split_at_checked(CHECK_BYTES)?;
        (checksum(key, body) == check).then_some(DirectoryRow(bytes))
    }

    /// The bytes for the file.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it says of the directory.
    pub fn header(&self) -> Option<RowHeader> {
        self.parse().map(|(header, _)| header)
    }

    /// What it says of each name, in their order.
    pub fn entries(&self) -> RowEntries<'_> {
        RowEntries { rest: self.parse().map(|(_, rest)| rest), last: Fingerprint::default() }
    }

    fn parse(&self) -> Option<(RowHeader, Cursor<'_>)> {
        let mut cursor = Cursor::new(self.0.get(CHECK_BYTES..)?, "row");
        let tree = cursor.id().ok()?;
        let generation = cursor.u64().ok()?;
        let summary = Summary { files: cursor.varint().ok()?, bytes: cursor.varint().ok()? };
        let parts = u32::try_from(cursor.varint().ok()?).ok()?;
        Some((RowHeader { tree, generation, summary, parts }, cursor))
    }
}

/// Reads the names of a row one by one.
#[derive(Clone, Debug)]
pub struct RowEntries<'a> {
    rest: Option<Cursor<'a>>,
    last: Fingerprint,
}

impl<'a> Iterator for RowEntries<'a> {
    type Item = Known<'a>;

    fn next(&mut self) -> Option<Known<'a>> {
        let cursor = self.rest.as_mut().filter(|cursor| !cursor.is_empty())?;
        let known = read_entry(cursor, &self.last);
        match &known {
            Some(known) => self.last = known.fingerprint,
            None => self.rest = None,
        }
        known
    }
}

fn read_entry<'a>(cursor: &mut Cursor<'a>, last: &Fingerprint) -> Option<Known<'a>> {
    let flags = cursor.u8().ok()?;
    let kind = EntryKind::from_code(flags & 7)?;
    let len = cursor.count(usize::from(u16::MAX)).ok()?;
    let name = cursor.bytes(len).ok()?;
    let size = cursor.varint().ok()?;
    let mtime = read_time(cursor, last.mtime.seconds)?;
    let ctime = read_time(cursor, last.ctime.seconds)?;
    let ino = last.ino.wrapping_add_signed(unzigzag(cursor.varint().ok()?));
    let (mode, uid, gid) = match flags & SAME_OWNER != 0 {
        true => (last.mode, last.uid, last.gid),
        false => {
            let mut number = || u32::try_from(cursor.varint().ok()?).ok();
            (number()?, number()?, number()?)
        }
    };
    let content = if flags & HAS_CONTENT != 0 { Some(cursor.id().ok()?) } else { None };
    let fingerprint = Fingerprint { kind, size, mtime, ctime, ino, mode, uid, gid };
    Some(Known { name, fingerprint, content, has_xattrs: flags & HAS_XATTRS != 0, is_racy: flags & IS_RACY != 0 })
}

fn read_time(cursor: &mut Cursor<'_>, base: i64) -> Option<Time> {
    let seconds = base.wrapping_add(unzigzag(cursor.varint().ok()?));
    Some(Time { seconds, nanoseconds: u32::try_from(cursor.varint().ok()?).ok()? })
}

/// Packs the names of a directory, in their order.
#[derive(Debug, Default)]
pub struct RowBuilder {
    entries: Vec<u8>,
    last: Fingerprint,
}

impl RowBuilder {
    /// Begins.
    pub fn new() -> Self {
        RowBuilder::default()
    }

    /// Appends what is known of a name.
    pub fn push(&mut self, known: &Known<'_>) {
        let (now, last) = (&known.fingerprint, &self.last);
        let is_same_owner = (now.mode, now.uid, now.gid) == (last.mode, last.uid, last.gid);
        let mut flags = now.kind as u8;
        for (flag, is_set) in [
            (HAS_CONTENT, known.content.is_some()),
            (SAME_OWNER, is_same_owner),
            (HAS_XATTRS, known.has_xattrs),
            (IS_RACY, known.is_racy),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        let out = &mut self.entries;
        out.push(flags);
        put_varint(out, known.name.len() as u64);
        out.extend_from_slice(known.name);
        put_varint(out, now.size);
        for (time, base) in [(now.mtime, last.mtime), (now.ctime, last.ctime)] {
            put_varint(out, zigzag(time.seconds.wrapping_sub(base.seconds)));
            put_varint(out, u64::from(time.nanoseconds));
        }
        put_varint(out, zigzag(now.ino.wrapping_sub(last.ino) as i64));
        if !is_same_owner {
            [now.mode, now.uid, now.gid].iter().for_each(|number| put_varint(out, u64::from(*number)));
        }
        if let Some(content) = &known.content {
            out.extend_from_slice(content.as_bytes());
        }
        self.last = *now;
    }

    /// The row.
    pub fn finish(self, header: &RowHeader, key: &RowKey) -> DirectoryRow {
        let mut bytes = Vec::with_capacity(CHECK_BYTES + 64 + self.entries.len());
        bytes.resize(CHECK_BYTES, 0);
        bytes.extend_from_slice(header.tree.as_bytes());
        bytes.extend_from_slice(&header.generation.to_le_bytes());
        put_varint(&mut bytes, header.summary.files);
        put_varint(&mut bytes, header.summary.bytes);
        put_varint(&mut bytes, u64::from(header.parts));
        bytes.extend_from_slice(&self.entries);
        let check = checksum(key, &bytes[CHECK_BYTES..]);
        bytes[..CHECK_BYTES].copy_from_slice(&check);
        DirectoryRow(bytes)
    }
}

/// Over the key too, so that a row is never taken for another directory's.
fn checksum(key: &RowKey, body: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    for part in [&key.root[..], &key.dir, &key.part.to_le_bytes(), body] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK_BYTES]);
    check
}

/// Small numbers of either sign as small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known() -> impl Strategy<Value = (Vec<u8>, Fingerprint, Option<Id>, bool, bool)> {
        let time = || (any::<i64>(), 0u32..1_000_000_000).prop_map(|(s, n)| Time { seconds: s, nanoseconds: n });
        let times = (time(), time());
        let owner = (0u32..3, 0u32..3, any::<u32>());
        let content = prop::option::of(any::<[u8; 32]>().prop_map(Id::new));
        let name = prop::collection::vec(any::<u8>(), 1..20);
        (1u8..8, name, any::<u64>(), any::<u64>(), times, owner, content, any::<(bool, bool)>()).prop_map(
            |(code, name, size, ino, (mtime, ctime), (mode, uid, gid), content, (has_xattrs, is_racy))| {
                let kind = EntryKind::from_code(code).expect("a code of the format");
                (name, Fingerprint { kind, size, mtime, ctime, ino, mode, uid, gid }, content, has_xattrs, is_racy)
            },
        )
    }

    proptest! {
        #[test]
        fn rows_come_back(entries in prop::collection::vec(known(), 0..20), generation: u64, at in any::<prop::sample::Index>()) {
            let key = RowKey { root: b"/r".to_vec(), dir: b"d".to_vec(), part: 0 };
            let header = RowHeader { generation, parts: 3, ..RowHeader::default() };
            let mut builder = RowBuilder::new();
            let known: Vec<Known<'_>> = entries
                .iter()
                .map(|(name, fingerprint, content, has_xattrs, is_racy)| Known {
                    name, fingerprint: *fingerprint, content: *content, has_xattrs: *has_xattrs, is_racy: *is_racy,
                })
                .collect();
            known.iter().for_each(|known| builder.push(known));
            let row = builder.finish(&header, &key);
            let read = DirectoryRow::open(row.bytes().to_vec(), &key).expect("whole");
            prop_assert_eq!(read.header(), Some(header));
            prop_assert_eq!(read.entries().collect::<Vec<_>>(), known);
            let mut damaged = row.bytes().to_vec();
            let at = at.index(damaged.len());
            damaged[at] ^= 1;
            prop_assert!(DirectoryRow::open(damaged, &key).is_none());
        }
    }
}
