//! Entries into bytes.

use super::{EXTENTS_INLINE, Entry, EntryKind, Extents, Meta, Profile, Summary, Unknown, XATTRS_INLINE_BYTES, Xattrs};
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use minicbor::encode::Encoder;
use std::convert::Infallible;

type Fallible<T> = std::result::Result<T, minicbor::encode::Error<Infallible>>;

/// Writes a tree entry by entry. What has been encoded can be taken away in between.
#[derive(Debug)]
pub struct TreeWriter {
    profile: Profile,
    out: Vec<u8>,
    last_name: Vec<u8>,
    summary: Summary,
}

impl TreeWriter {
    /// Begins a tree.
    pub fn new(profile: Profile) -> Self {
        TreeWriter::with_buffer(profile, Vec::new())
    }

    /// Begins a tree in a buffer that is used again; what it held is dropped.
    pub fn with_buffer(profile: Profile, mut out: Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(&[0xa3, 0, 0x64]);
        out.extend_from_slice(b"tree");
        out.extend_from_slice(&[1, 1, 2, profile as u8]);
        TreeWriter { profile, out, last_name: Vec::new(), summary: Summary::default() }
    }

    /// Appends an entry, whose name must come after the one before it.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when the entry would not be sound or is out of order.
    pub fn push(&mut self, entry: &Entry) -> Result<()> {
        entry.check()?;
        if entry.name <= self.last_name {
            return fail(Code::StorageCorrupted, format!("`{}` is out of order", entry.name.escape_ascii()));
        }
        if self.profile == Profile::Full && entry.meta.is_none() {
            return fail(Code::StorageCorrupted, format!("`{}` has no metadata", entry.name.escape_ascii()));
        }
        put_entry(&mut self.out, self.profile, entry)
            .map_err(|error| Error::new(Code::StorageCorrupted, "an entry does not encode").with_source(error))?;
        self.last_name.clear();
        self.last_name.extend_from_slice(&entry.name);
        self.summary.add(entry);
        Ok(())
    }

    /// What lies beneath this directory so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// What was encoded since the last [`TreeWriter::clear`].
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the bytes that the caller has carried away; the tree goes on.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// The last bytes of the tree.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Attributes as the map that stands in an entry or a blob. Sort them with [`super::sort_xattrs`] first.
pub fn encode_xattrs(xattrs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing into a vector cannot fail.
    let _: Fallible<()> = put_xattrs(&mut Encoder::new(&mut out), xattrs);
    out
}

/// Extents as the array that stands in an entry or a blob.
pub fn encode_extents(extents: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    let _: Fallible<()> = put_extents(&mut Encoder::new(&mut out), extents);
    out
}

impl Xattrs {
    /// Inline when they are short enough; else the bytes to store as a blob whose id makes [`Xattrs::Blob`].
    pub fn place(mut xattrs: Vec<(Vec<u8>, Vec<u8>)>) -> std::result::Result<Xattrs, Vec<u8>> {
        if xattrs.is_empty() {
            return Ok(Xattrs::None);
        }
        super::sort_xattrs(&mut xattrs);
        let bytes = encode_xattrs(&xattrs);
        if bytes.len() <= XATTRS_INLINE_BYTES { Ok(Xattrs::Inline(xattrs)) } else { Err(bytes) }
    }
}

impl Extents {
    /// Inline when they are few; else the bytes to store as a blob whose id makes [`Extents::Blob`].
    pub fn place(extents: Vec<(u64, u64)>) -> std::result::Result<Extents, Vec<u8>> {
        if extents.len() <= EXTENTS_INLINE { Ok(Extents::Inline(extents)) } else { Err(encode_extents(&extents)) }
    }
}

/// The fields of one map: written in order, counted, and the count put before them at the end.
struct Fields<'a> {
    out: Encoder<&'a mut Vec<u8>>,
    count: u8,
}

impl<'a> Fields<'a> {
    fn key(&mut self, key: u8) -> Fallible<&mut Encoder<&'a mut Vec<u8>>> {
        self.count += 1;
        self.out.u8(key)
    }

    fn unknown(&mut self, field: &Unknown) {
        self.count += 1;
        let out: &mut Vec<u8> = self.out.writer_mut();
        out.extend_from_slice(&field.key);
        out.extend_from_slice(&field.value);
    }
}

fn put_entry(out: &mut Vec<u8>, profile: Profile, entry: &Entry) -> Fallible<()> {
    let start = out.len();
    out.push(0);
    let mut fields = Fields { out: Encoder::new(out), count: 0 };
    fields.key(0)?.bytes(&entry.name)?;
    fields.key(1)?.u8(entry.kind as u8)?;
    put_content(&mut fields, profile, entry)?;
    if let (Profile::Full, Some(meta)) = (profile, &entry.meta) {
        put_meta(&mut fields, meta)?;
        put_attributes(&mut fields, entry)?;
    }
    if let Some((major, minor)) = entry.device.filter(|_| entry.kind.is_device()) {
        fields.key(19)?.u32(major)?;
        fields.key(20)?.u32(minor)?;
    }
    if entry.kind == EntryKind::Symlink {
        fields.key(21)?.bytes(&entry.target)?;
    }
    // Keys of one byte (22 and 23 are reserved) sort before key 24, all others after key 25.
    let early = entry.unknown.iter().take_while(|field| field.key.len() == 1 && field.key[0] < 24);
    early.for_each(|field| fields.unknown(field));
    if entry.linked && profile == Profile::Full {
        fields.key(24)?.bool(true)?;
    }
    if let Some(summary) = &entry.summary {
        fields.key(25)?.array(2)?.u64(summary.files)?.u64(summary.bytes)?;
    }
    let late = entry.unknown.iter().skip_while(|field| field.key.len() == 1 && field.key[0] < 24);
    late.for_each(|field| fields.unknown(field));
    let count = fields.count;
    if count < 24 {
        out[start] = 0xa0 | count;
    } else {
        out[start] = 0xb8;
        out.insert(start + 1, count);
    }
    Ok(())
}

fn put_content(fields: &mut Fields<'_>, profile: Profile, entry: &Entry) -> Fallible<()> {
    if let Some(id) = entry.content.filter(|id| entry.is_directory() || *id != Id::EMPTY) {
        fields.key(2)?.bytes(id.as_bytes())?;
    }
    if entry.kind == EntryKind::File {
        if entry.size > 0 {
            fields.key(3)?.u64(entry.size)?;
        }
        let executable = entry.executable || entry.meta.as_ref().is_some_and(|meta| meta.mode & 0o100 != 0);
        if executable && profile == Profile::Portable {
            fields.key(4)?.bool(true)?;
        }
    }
    Ok(())
}

fn put_meta(fields: &mut Fields<'_>, meta: &Meta) -> Fallible<()> {
    fields.key(5)?.u32(meta.mode)?;
    fields.key(6)?.u32(meta.uid)?;
    fields.key(7)?.u32(meta.gid)?;
    if let Some(owner) = &meta.owner {
        fields.key(8)?.str(owner)?;
    }
    if let Some(group) = &meta.group {
        fields.key(9)?.str(group)?;
    }
    fields.key(10)?.i64(meta.mtime.seconds)?;
    if meta.mtime.nanoseconds != 0 {
        fields.key(11)?.u32(meta.mtime.nanoseconds)?;
    }
    if let Some(btime) = &meta.btime {
        fields.key(12)?.i64(btime.seconds)?;
        if btime.nanoseconds != 0 {
            fields.key(13)?.u32(btime.nanoseconds)?;
        }
    }
    if let Some(flags) = meta.flags {
        fields.key(14)?.u32(flags)?;
    }
    Ok(())
}

fn put_attributes(fields: &mut Fields<'_>, entry: &Entry) -> Fallible<()> {
    match &entry.xattrs {
        Xattrs::None => {}
        Xattrs::Inline(xattrs) => put_xattrs(fields.key(15)?, xattrs)?,
        Xattrs::Blob(id) => {
            fields.key(16)?.bytes(id.as_bytes())?;
        }
    }
    match &entry.extents {
        Extents::None => {}
        Extents::Inline(extents) => put_extents(fields.key(17)?, extents)?,
        Extents::Blob(id) => {
            fields.key(18)?.bytes(id.as_bytes())?;
        }
    }
    Ok(())
}

fn put_xattrs(out: &mut Encoder<&mut Vec<u8>>, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Fallible<()> {
    out.map(xattrs.len() as u64)?;
    for (name, value) in xattrs {
        out.bytes(name)?.bytes(value)?;
    }
    Ok(())
}

fn put_extents(out: &mut Encoder<&mut Vec<u8>>, extents: &[(u64, u64)]) -> Fallible<()> {
    out.array(extents.len() as u64 * 2)?;
    for (offset, len) in extents {
        out.u64(*offset)?.u64(*len)?;
    }
    Ok(())
}
