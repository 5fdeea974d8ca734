//! Segments: sealed lists of what some packs hold, sorted by (class, id).
//!
//! FORMAT section 7. A segment holds facts only; it supersedes only as a merge. Reading streams frame by frame, so
//! that a k-way merge over any number of segments needs one frame of each.

use super::Core;
use super::pack::{
    Alias, FinishedPack, FramePlace, PackKind, SealedFileWriter, check_name, get_place, put_place, read_directory,
    wrap_plain,
};
use crate::backend::{Backend, MemBackend};
use crate::compress::Decompressor;
use crate::crypto::seal::{Domain, FileCipher, FileType, Scheme};
use crate::error::Result;
use crate::id::{Id, ShortId};
use crate::object::{Class, Key, Kind};
use crate::wire::{Cursor, put_varint};

const SEGMENT_VERSION: u8 = 1;
/// Raw bytes of records in one frame: what one reader of a merge holds.
const SEGMENT_FRAME_BYTES: usize = 256 << 10;
/// A segment of a medium elsewhere up to this is read in one request; a merge holds many.
const HELD_BYTES_MAX: u64 = 1 << 20;
/// Lists in a segment are bounded by this, far above what a merge makes.
const LIST_MAX: usize = 1 << 24;

/// A pack as a segment describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackFacts {
    pub(crate) name: Id,
    pub(crate) kind: PackKind,
    pub(crate) file_bytes: u64,
    pub(crate) salt: [u8; 32],
    pub(crate) key_id: ShortId,
    pub(crate) frames: Vec<FramePlace>,
}

impl PackFacts {
    /// What a segment says of a pack just finished.
    pub(crate) fn of(pack: &FinishedPack) -> Self {
        PackFacts {
            name: pack.name,
            kind: pack.directory.kind,
            file_bytes: pack.file_bytes,
            salt: pack.salt,
            key_id: pack.key_id,
            frames: pack.directory.frames.iter().map(|(place, _)| *place).collect(),
        }
    }
}

/// One entry of some pack: `pack` counts into the segment's packs, or is a number of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) pack: u32,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// Where an entry's bytes are; ordered as they stand in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// So many bytes from `offset` of the raw bytes of a frame.
    Frame { frame: u32, offset: u32, len: u32 },
    /// Nowhere: an alias of an object so long, with this root node.
    Alias { len: u64, root: Id },
}

/// Every entry of a finished pack, in directory order.
pub(crate) fn records_of(pack: &FinishedPack, number: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for (frame, (_, entries)) in pack.directory.frames.iter().enumerate() {
        let mut offset = 0;
        for entry in entries {
            let place = Place::Frame { frame: frame as u32, offset, len: entry.len };
            records.push(Record { key: entry.key, pack: number, place, kind: entry.kind });
            offset += entry.len;
        }
    }
    records.extend(pack.directory.aliases.iter().map(|alias| alias_record(alias, number)));
    records
}

fn alias_record(alias: &Alias, pack: u32) -> Record {
    let key = Key { class: Class::Alias, id: alias.id };
    Record { key, pack, place: Place::Alias { len: alias.len, root: alias.root }, kind: alias.kind }
}

pub(super) fn put_record(out: &mut Vec<u8>, record: &Record) {
    out.push(record.key.class.code());
    out.extend(record.key.id.as_bytes());
    put_varint(out, u64::from(record.pack));
    match record.place {
        Place::Frame { frame, offset, len } => {
            put_varint(out, u64::from(frame));
            put_varint(out, u64::from(offset));
            put_varint(out, u64::from(len));
            out.push(record.kind.code());
        }
        Place::Alias { len, root } => {
            put_varint(out, len);
            out.push(record.kind.code());
            out.extend(root.as_bytes());
        }
    }
}

pub(super) fn get_record(cursor: &mut Cursor<'_>) -> Result<Record> {
    let class = Class::from_code(cursor.u8()?).ok_or_else(|| cursor.broken("has an unknown class"))?;
    let key = Key { class, id: cursor.id()? };
    let pack = cursor.count(LIST_MAX)? as u32;
    if class == Class::Alias {
        let len = cursor.varint()?;
        let kind = Kind::from_code(cursor.u8()?);
        return Ok(Record { key, pack, place: Place::Alias { len, root: cursor.id()? }, kind });
    }
    let (frame, offset) = (cursor.count(LIST_MAX)? as u32, cursor.count(1 << 30)? as u32);
    let len = cursor.count(1 << 30)? as u32;
    Ok(Record { key, pack, place: Place::Frame { frame, offset, len }, kind: Kind::from_code(cursor.u8()?) })
}

/// Writes a segment from records that come sorted by key.
pub(crate) struct SegmentWriter {
    file: SealedFileWriter,
    buffer: Vec<u8>,
    buffered: u64,
    frames: Vec<(FramePlace, u64)>,
}

impl SegmentWriter {
    /// Begins a segment.
    pub(crate) fn create(core: &Core) -> Result<Self> {
        let file = SealedFileWriter::create(FileType::Segment, core)?;
        Ok(SegmentWriter { file, buffer: Vec::new(), buffered: 0, frames: Vec::new() })
    }

    /// Appends the next record; `record.pack` counts into the packs given at the end.
    pub(crate) fn push(&mut self, record: &Record) -> Result<()> {
        put_record(&mut self.buffer, record);
        self.buffered += 1;
        if self.buffer.len() >= SEGMENT_FRAME_BYTES { self.close_frame() } else { Ok(()) }
    }

    fn close_frame(&mut self) -> Result<()> {
        if self.buffered > 0 {
            let place = self.file.append(&wrap_plain(&self.buffer), true)?;
            self.frames.push((place, self.buffered));
            self.buffer.clear();
            self.buffered = 0;
        }
        Ok(())
    }

    /// Ends the segment: durable under its name on return.
    pub(crate) fn finish(mut self, core: &Core, packs: &[PackFacts], supersedes: &[Id]) -> Result<Id> {
        self.close_frame()?;
        let mut out = vec![SEGMENT_VERSION];
        put_varint(&mut out, supersedes.len() as u64);
        supersedes.iter().for_each(|name| out.extend(name.as_bytes()));
        put_varint(&mut out, packs.len() as u64);
        for pack in packs {
            out.extend(pack.name.as_bytes());
            out.push(pack.kind as u8);
            put_varint(&mut out, pack.file_bytes);
            out.extend(pack.salt);
            out.extend(pack.key_id.as_bytes());
            put_frames(&mut out, &pack.frames);
        }
        put_varint(&mut out, self.frames.len() as u64);
        for (place, count) in &self.frames {
            put_place(&mut out, place);
            put_varint(&mut out, *count);
        }
        let (name, _) = self.file.finish(core.backend.as_ref(), &wrap_plain(&out), super::segment_path)?;
        Ok(name)
    }
}

/// Writes a pack's table of frames.
pub(crate) fn put_frames(out: &mut Vec<u8>, frames: &[FramePlace]) {
    put_varint(out, frames.len() as u64);
    frames.iter().for_each(|place| put_place(out, place));
}

/// Its inverse.
pub(crate) fn get_frames(cursor: &mut Cursor<'_>) -> Result<Vec<FramePlace>> {
    let count = cursor.count(LIST_MAX)?;
    let mut frames = Vec::with_capacity(count.min(cursor.remaining() / 3));
    for _ in 0..count {
        frames.push(get_place(cursor)?);
    }
    Ok(frames)
}

/// A segment being read, in key order.
pub(crate) struct SegmentReader<'a> {
    core: &'a Core,
    /// A small segment of a medium elsewhere, read in one request.
    held: Option<MemBackend>,
    name: Id,
    path: String,
    cipher: FileCipher,
    /// The packs it speaks of; may be taken out.
    pub(crate) packs: Vec<PackFacts>,
    pack_count: usize,
    frames: Vec<(FramePlace, u64)>,
    next_frame: usize,
    /// The frame that is read, and how much of it was: a merge reads many segments at once.
    frame: Vec<u8>,
    frame_read_bytes: usize,
}

impl<'a> SegmentReader<'a> {
    /// Opens a segment and reads its directory.
    ///
    /// # Errors
    /// FILE_NOT_FOUND when it was superseded and deleted meanwhile; STORAGE_CORRUPTED, DECRYPTION_FAILED.
    pub(crate) fn open(core: &'a Core, name: &Id) -> Result<Self> {
        let path = super::segment_path(name);
        let held = hold_small(core, &path)?;
        let medium = held.as_ref().map_or(core.backend.as_ref(), |held| held as &dyn Backend);
        // Without a seal only the name says whether its bytes are as they were.
        if core.format.scheme == Scheme::None {
            let bytes = medium.stat(&path)?.unwrap_or(0);
            check_name(medium, &path, name, bytes)?;
        }
        let (_, cipher, raw) = read_directory(medium, &path, FileType::Segment, &core.keyring, &core.format.id)?;
        let mut cursor = Cursor::new(&raw, "segment directory");
        if cursor.u8()? != SEGMENT_VERSION {
            return Err(cursor.broken("has an unknown version"));
        }
        let count = cursor.count(LIST_MAX)?;
        // Which segments it replaces matters to nobody who reads: both may be there, and say the same.
        (0..count).try_for_each(|_| cursor.id().map(|_| ()))?;
        let count = cursor.count(LIST_MAX)?;
        let packs: Vec<PackFacts> = (0..count).map(|_| get_pack(&mut cursor)).collect::<Result<_>>()?;
        let count = cursor.count(LIST_MAX)?;
        let frames = (0..count).map(|_| Ok((get_place(&mut cursor)?, cursor.varint()?))).collect::<Result<Vec<_>>>()?;
        if !cursor.is_empty() {
            return Err(cursor.broken("has bytes after its end"));
        }
        Ok(SegmentReader {
            core,
            held,
            name: *name,
            path,
            cipher,
            pack_count: packs.len(),
            packs,
            frames,
            next_frame: 0,
            frame: Vec::new(),
            frame_read_bytes: 0,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> Id {
        self.name
    }

    /// How many records it has.
    pub(crate) fn len(&self) -> u64 {
        self.frames.iter().map(|(_, count)| count).sum()
    }

    /// The next record in key order.
    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        loop {
            let rest = self.frame.get(self.frame_read_bytes..).unwrap_or_default();
            if !rest.is_empty() {
                let mut cursor = Cursor::new(rest, "segment frame");
                let record = get_record(&mut cursor)?;
                if record.pack as usize >= self.pack_count {
                    return Err(cursor.broken("names a pack it does not list"));
                }
                self.frame_read_bytes = self.frame.len() - cursor.remaining();
                return Ok(Some(record));
            }
            let Some((place, _)) = self.frames.get(self.next_frame) else { return Ok(None) };
            self.next_frame += 1;
            let medium = self.held.as_ref().map_or(self.core.backend.as_ref(), |held| held as &dyn Backend);
            let sealed = medium.get_range(&self.path, place.offset, place.sealed_bytes as usize)?;
            let wrapped = self.cipher.open_vec(Domain::Frame, place.ordinal, sealed)?;
            self.frame = Decompressor::new().unwrap_frame(&wrapped, 2 * SEGMENT_FRAME_BYTES)?;
            self.frame_read_bytes = 0;
        }
    }
}

/// Reads a small segment whole where every request waits for a medium elsewhere.
fn hold_small(core: &Core, path: &str) -> Result<Option<MemBackend>> {
    if core.backend.local_dir().is_some() || core.backend.stat(path)?.is_none_or(|bytes| bytes > HELD_BYTES_MAX) {
        return Ok(None);
    }
    let held = MemBackend::new();
    held.put(path, &core.backend.get(path)?)?;
    Ok(Some(held))
}

fn get_pack(cursor: &mut Cursor<'_>) -> Result<PackFacts> {
    Ok(PackFacts {
        name: cursor.id()?,
        kind: PackKind::from_code(cursor.u8()?)?,
        file_bytes: cursor.varint()?,
        salt: cursor.array()?,
        key_id: ShortId::new(cursor.array()?),
        frames: get_frames(cursor)?,
    })
}
