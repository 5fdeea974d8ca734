//! Bytes into entries. Every claim of a length is held against the bytes that are there before anything is allocated.

use super::{
    ENTRY_BYTES_MAX, Entry, EntryKind, Extents, Meta, Profile, Reference, References, Summary, Unknown, Xattrs,
};
use super::{check_extents, xattr_order};
use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use minicbor::decode::{Decoder, Error as Cbor};
use std::sync::Arc;

/// A whole tree in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its profile.
    pub profile: Profile,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

/// Reads a tree that is in memory.
///
/// # Errors
/// STORAGE_CORRUPTED.
pub fn read_tree(bytes: &[u8]) -> Result<Tree> {
    let mut state = State::default();
    let mut decoder = Decoder::new(bytes);
    let mut entries = Vec::new();
    while decoder.position() < bytes.len() {
        match state.item(&mut decoder) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(Stop::Short) => return broken("ends too early"),
            Err(Stop::Broken(error)) => return Err(error),
        }
    }
    match state.profile {
        Some(profile) => Ok(Tree { profile, entries }),
        None => broken("has no header"),
    }
}

/// Reads a tree that arrives in pieces: feed some bytes, take the entries that are whole, feed more.
#[derive(Debug, Default)]
pub struct TreeReader {
    buffer: Buffer,
    state: State,
}

impl TreeReader {
    /// Begins.
    pub fn new() -> Self {
        TreeReader::default()
    }

    /// Takes the next bytes of the tree.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.feed(bytes);
    }

    /// The next entry, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        while let Some(item) = self.buffer.item(|decoder| self.state.item(decoder), "tree")? {
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// What the next entry keeps, or `None` until more bytes are fed. Nothing is allocated for it, and nothing else of the
    /// entry is looked at.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn next_references(&mut self) -> Result<Option<References>> {
        while let Some(item) = self.buffer.item(|decoder| self.state.references(decoder), "tree")? {
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// The profile, once the header was read.
    pub fn profile(&self) -> Option<Profile> {
        self.state.profile
    }

    /// Checks that the tree ended where an entry ends.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn finish(self) -> Result<Profile> {
        if !self.buffer.is_empty() {
            return broken("ends too early");
        }
        self.state.profile.map_or_else(|| broken("has no header"), Ok)
    }
}

/// Bytes that arrived and were not decoded yet.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Decodes one item, or answers `None` until it is there whole.
    pub(super) fn item<T>(
        &mut self,
        decode: impl FnOnce(&mut Decoder<'_>) -> Step<T>,
        what: &str,
    ) -> Result<Option<T>> {
        let rest = &self.bytes[self.start..];
        if rest.is_empty() {
            return Ok(None);
        }
        let mut decoder = Decoder::new(rest);
        match decode(&mut decoder) {
            Ok(item) => {
                self.start += decoder.position();
                Ok(Some(item))
            }
            Err(Stop::Short) if rest.len() <= ENTRY_BYTES_MAX => Ok(None),
            Err(Stop::Short) => fail(Code::StorageCorrupted, format!("a {what} has an item over 1 MiB")),
            Err(Stop::Broken(error)) => Err(error),
        }
    }
}

/// Why an item could not be decoded.
pub(super) enum Stop {
    /// The bytes end within it.
    Short,
    /// It is not what the format says.
    Broken(Error),
}

pub(super) type Step<T> = std::result::Result<T, Stop>;

impl From<Cbor> for Stop {
    fn from(error: Cbor) -> Self {
        if error.is_end_of_input() {
            return Stop::Short;
        }
        Stop::Broken(Error::new(Code::StorageCorrupted, "a tree or links object is not sound CBOR").with_source(error))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Broken(error)
    }
}

/// The header of a tree or links object: the name and version it must have, and its other number.
pub(super) fn header(decoder: &mut Decoder<'_>, name: &str) -> Step<Option<u8>> {
    let mut number = None;
    let mut right = (false, false);
    let fields = decoder.map()?.unwrap_or(0);
    for _ in 0..fields {
        match decoder.u64()? {
            0 => right.0 = decoder.str()? == name,
            1 => right.1 = decoder.u64()? == 1,
            2 => number = Some(decoder.u8()?),
            _ => decoder.skip()?,
        }
    }
    if right != (true, true) {
        return Err(Error::new(Code::StorageCorrupted, format!("this is no {name} of version 1")).into());
    }
    Ok(number)
}

#[derive(Debug, Default)]
struct State {
    profile: Option<Profile>,
    last_name: Vec<u8>,
}

impl State {
    fn header(&mut self, decoder: &mut Decoder<'_>) -> Step<()> {
        self.profile = Some(match header(decoder, "tree")? {
            Some(1) => Profile::Full,
            Some(2) => Profile::Portable,
            _ => return Err(error("has an unknown profile").into()),
        });
        Ok(())
    }

    /// Reads the header (`None`) or what an entry keeps.
    fn references(&mut self, decoder: &mut Decoder<'_>) -> Step<Option<References>> {
        match self.profile {
            Some(_) => references(decoder).map(Some),
            None => self.header(decoder).map(|()| None),
        }
    }

    /// Reads the header (`None`) or an entry.
    fn item(&mut self, decoder: &mut Decoder<'_>) -> Step<Option<Entry>> {
        if self.profile.is_none() {
            return self.header(decoder).map(|()| None);
        }
        let entry = entry(decoder)?;
        entry.check()?;
        if entry.name <= self.last_name {
            return Err(error(&format!("has `{}` out of order", entry.name.escape_ascii())).into());
        }
        if self.profile == Some(Profile::Full) && entry.meta.is_none() {
            return Err(error(&format!("lacks the metadata of `{}`", entry.name.escape_ascii())).into());
        }
        self.last_name.clear();
        self.last_name.extend_from_slice(&entry.name);
        Ok(Some(entry))
    }
}

fn entry(decoder: &mut Decoder<'_>) -> Step<Entry> {
    let fields = decoder.map()?.ok_or_else(|| error("has an entry of indefinite length"))?;
    let mut parts = Parts::default();
    let mut last_key: &[u8] = &[];
    for _ in 0..fields {
        let start = decoder.position();
        decoder.skip()?;
        let key = &decoder.input()[start..decoder.position()];
        if key <= last_key {
            return Err(error("has keys out of order").into());
        }
        last_key = key;
        match key {
            [number @ 0..=23] if !matches!(number, 22 | 23) => parts.field(*number, decoder)?,
            [0x18, number @ (24 | 25)] => parts.field(*number, decoder)?,
            _ => parts.unknown(key, decoder)?,
        }
    }
    Ok(parts.entry()?)
}

/// What an entry keeps, as [`Entry::references`] answers it.
fn references(decoder: &mut Decoder<'_>) -> Step<References> {
    let fields = decoder.map()?.ok_or_else(|| error("has an entry of indefinite length"))?;
    let (mut kind, mut content, mut size, mut blobs) = (None, None, 0, [None, None]);
    for _ in 0..fields {
        let start = decoder.position();
        decoder.skip()?;
        match &decoder.input()[start..decoder.position()] {
            [1] => kind = Some(EntryKind::from_code(decoder.u8()?).ok_or_else(|| error("has an unknown type"))?),
            [2] => content = Some(id(decoder)?),
            [3] => size = decoder.u64()?,
            [16] => blobs[0] = Some(Reference::Blob(id(decoder)?)),
            [18] => blobs[1] = Some(Reference::Blob(id(decoder)?)),
            _ => decoder.skip()?,
        }
    }
    let content = match (kind, content) {
        (None, _) => return Err(error("has an entry without type").into()),
        (Some(EntryKind::Directory), None) => return Err(error("has a directory without content").into()),
        (Some(EntryKind::File), None) if size > 0 => return Err(error("has a file without content").into()),
        (Some(EntryKind::Directory), content) => content.map(Reference::Tree),
        (Some(_), content) => content.map(Reference::Blob),
    };
    Ok([content, blobs[0], blobs[1]])
}

/// What was read of an entry so far.
#[derive(Default)]
struct Parts {
    name: Option<Vec<u8>>,
    kind: Option<EntryKind>,
    content: Option<Id>,
    size: u64,
    executable: bool,
    has_meta: bool,
    meta: Meta,
    xattrs: Xattrs,
    extents: Extents,
    major: Option<u32>,
    minor: Option<u32>,
    target: Vec<u8>,
    linked: bool,
    summary: Option<Summary>,
    unknown: Vec<Unknown>,
}

impl Parts {
    fn field(&mut self, key: u8, decoder: &mut Decoder<'_>) -> Step<()> {
        match key {
            0 => self.name = Some(decoder.bytes()?.to_vec()),
            1 => self.kind = Some(EntryKind::from_code(decoder.u8()?).ok_or_else(|| error("has an unknown type"))?),
            2 => self.content = Some(id(decoder)?),
            3 => self.size = decoder.u64()?,
            4 => self.executable = decoder.bool()?,
            5 => (self.meta.mode, self.has_meta) = (decoder.u32()? & 0o7777, true),
            6 => self.meta.uid = decoder.u32()?,
            7 => self.meta.gid = decoder.u32()?,
            8 => self.meta.owner = Some(Arc::from(decoder.str()?)),
            9 => self.meta.group = Some(Arc::from(decoder.str()?)),
            10 => self.meta.mtime.seconds = decoder.i64()?,
            11 => self.meta.mtime.nanoseconds = nanoseconds(decoder)?,
            12 => self.meta.btime = Some(Time::from_seconds(decoder.i64()?)),
            13 => self.meta.btime.get_or_insert_default().nanoseconds = nanoseconds(decoder)?,
            14 => self.meta.flags = Some(decoder.u32()?),
            15 => self.xattrs = Xattrs::Inline(xattrs(decoder)?),
            16 => self.xattrs = Xattrs::Blob(id(decoder)?),
            17 => self.extents = Extents::Inline(extents(decoder)?),
            18 => self.extents = Extents::Blob(id(decoder)?),
            19 => self.major = Some(decoder.u32()?),
            20 => self.minor = Some(decoder.u32()?),
            21 => self.target = decoder.bytes()?.to_vec(),
            24 => self.linked = decoder.bool()?,
            _ => {
                if decoder.array()? != Some(2) {
                    return Err(error("has a summary that is not a pair").into());
                }
                self.summary = Some(Summary { files: decoder.u64()?, bytes: decoder.u64()? });
            }
        }
        Ok(())
    }

    fn unknown(&mut self, key: &[u8], decoder: &mut Decoder<'_>) -> Step<()> {
        let start = decoder.position();
        decoder.skip()?;
        let value = decoder.input()[start..decoder.position()].to_vec();
        self.unknown.push(Unknown { key: key.to_vec(), value });
        Ok(())
    }

    fn entry(self) -> Result<Entry> {
        let (Some(name), Some(kind)) = (self.name, self.kind) else {
            return broken("has an entry without name or type");
        };
        let executable = self.executable || (kind == EntryKind::File && self.has_meta && self.meta.mode & 0o100 != 0);
        Ok(Entry {
            name,
            kind,
            content: self.content,
            size: self.size,
            executable,
            meta: self.has_meta.then_some(self.meta),
            xattrs: self.xattrs,
            extents: self.extents,
            device: self.major.zip(self.minor),
            target: self.target,
            linked: self.linked,
            summary: self.summary,
            unknown: self.unknown,
        })
    }
}

/// Reads attributes from a blob.
///
/// # Errors
/// STORAGE_CORRUPTED.
pub fn decode_xattrs(bytes: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    whole(bytes, xattrs)
}

/// Reads extents from a blob; `size` is that of the file.
///
/// # Errors
/// STORAGE_CORRUPTED.
pub fn decode_extents(bytes: &[u8], size: u64) -> Result<Vec<(u64, u64)>> {
    let extents = whole(bytes, extents)?;
    check_extents(&extents, Some(size))?;
    Ok(extents)
}

fn whole<T>(bytes: &[u8], decode: impl FnOnce(&mut Decoder<'_>) -> Step<T>) -> Result<T> {
    let mut decoder = Decoder::new(bytes);
    match decode(&mut decoder) {
        Ok(value) if decoder.position() == bytes.len() => Ok(value),
        Ok(_) => broken("has a list with bytes after its end"),
        Err(Stop::Short) => broken("has a list that ends too early"),
        Err(Stop::Broken(error)) => Err(error),
    }
}

fn xattrs(decoder: &mut Decoder<'_>) -> Step<Vec<(Vec<u8>, Vec<u8>)>> {
    let count = decoder.map()?.ok_or_else(|| error("has attributes of indefinite length"))?;
    let mut xattrs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for _ in 0..count {
        let (name, value) = (decoder.bytes()?, decoder.bytes()?);
        let follows = xattrs.last().is_none_or(|(last, _)| xattr_order(last) < xattr_order(name));
        if !follows || name.is_empty() || name.contains(&0) {
            return Err(error("has attributes out of order").into());
        }
        xattrs.push((name.to_vec(), value.to_vec()));
    }
    Ok(xattrs)
}

fn extents(decoder: &mut Decoder<'_>) -> Step<Vec<(u64, u64)>> {
    let count = decoder.array()?.filter(|count| count % 2 == 0);
    let count = count.ok_or_else(|| error("has extents that are not pairs"))?;
    let mut extents = Vec::new();
    for _ in 0..count / 2 {
        extents.push((decoder.u64()?, decoder.u64()?));
    }
    Ok(extents)
}

fn id(decoder: &mut Decoder<'_>) -> Step<Id> {
    Ok(Id::from_slice(decoder.bytes()?).ok_or_else(|| error("has an id that is not 32 bytes"))?)
}

fn nanoseconds(decoder: &mut Decoder<'_>) -> Step<u32> {
    let value = decoder.u32()?;
    if value < 1_000_000_000 { Ok(value) } else { Err(error("has a time that is none").into()) }
}

fn error(how: &str) -> Error {
    Error::new(Code::StorageCorrupted, format!("a tree {how}"))
}

fn broken<T>(how: &str) -> Result<T> {
    Err(error(how))
}
