//! Packs: files of many frames, and the directory that says what each frame holds.
//!
//! FORMAT section 6. A pack is spooled to a temporary file, because its name is the hash of the whole; it is never
//! resumed after a crash. Each frame is sealed under a fresh ordinal.

use super::Core;
use crate::backend::{Backend, Spool};
use crate::compress::Decompressor;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{Domain, FileCipher, FileType, HEADER_BYTES, Header, Trailer, padme, random_fill};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::{Id, ShortId};
use crate::object::{Class, Hasher, Key, Kind};
use crate::wire::{Cursor, put_varint};
use std::io::{BufWriter, Write};

/// Version of the directory's layout.
const DIRECTORY_VERSION: u8 = 1;
/// A pack has at most so many frames: 64 MiB of the smallest frames that a flush can leave, many times over.
const FRAMES_MAX: usize = 1 << 20;
/// A frame has at most so many entries: one byte each in the largest frame.
const ENTRIES_MAX: usize = 16 << 20;
/// No raw frame is longer: the largest chunk of the largest profile, and room.
pub(crate) const RAW_FRAME_BYTES_MAX: usize = 16 << 20;

/// What a pack is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PackKind {
    /// Bytes of files.
    Data = 1,
    /// Trees, nodes, records.
    Meta = 2,
    /// Both: what a small flush leaves.
    Mixed = 3,
}

impl PackKind {
    /// From the byte in a directory or segment.
    pub(crate) fn from_code(code: u8) -> Result<Self> {
        match code {
            1 => Ok(PackKind::Data),
            2 => Ok(PackKind::Meta),
            3 => Ok(PackKind::Mixed),
            _ => fail(Code::StorageCorrupted, format!("a pack has the unknown kind {code}")),
        }
    }
}

/// Where a frame lies in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramePlace {
    /// From the start of the file, bytes.
    pub(crate) offset: u64,
    /// Sealed length, bytes.
    pub(crate) sealed_bytes: u32,
    /// The ordinal it was sealed under.
    pub(crate) ordinal: u64,
}

/// One entry of a frame. Its bytes begin where those of the entry before it end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameEntry {
    /// Class and id.
    pub(crate) key: Key,
    /// Kind of the object, a hint.
    pub(crate) kind: Kind,
    /// Length in the raw frame, bytes.
    pub(crate) len: u32,
}

/// What leads from a large object to its recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    /// The object.
    pub(crate) id: Id,
    /// Its kind, a hint.
    pub(crate) kind: Kind,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// The root node of its recipe.
    pub(crate) root: Id,
}

/// What a pack holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    /// What the pack is for.
    pub(crate) kind: PackKind,
    /// Its frames in file order, each with its entries in order.
    pub(crate) frames: Vec<(FramePlace, Vec<FrameEntry>)>,
    /// Aliases that live in it.
    pub(crate) aliases: Vec<Alias>,
}

impl Directory {
    /// The raw bytes of FORMAT section 6.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let entries: usize = self.frames.iter().map(|(_, entries)| entries.len()).sum();
        let mut out = Vec::with_capacity(16 + self.frames.len() * 12 + entries * 38 + self.aliases.len() * 70);
        out.extend([DIRECTORY_VERSION, self.kind as u8]);
        put_varint(&mut out, self.frames.len() as u64);
        for (place, entries) in &self.frames {
            put_place(&mut out, place);
            put_varint(&mut out, entries.len() as u64);
            for entry in entries {
                out.extend([entry.key.class.code(), entry.kind.code()]);
                put_varint(&mut out, u64::from(entry.len));
                out.extend(entry.key.id.as_bytes());
            }
        }
        put_varint(&mut out, self.aliases.len() as u64);
        for alias in &self.aliases {
            out.extend(alias.id.as_bytes());
            out.push(alias.kind.code());
            put_varint(&mut out, alias.len);
            out.extend(alias.root.as_bytes());
        }
        out
    }

    /// Its inverse.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes, "pack directory");
        if cursor.u8()? != DIRECTORY_VERSION {
            return Err(cursor.broken("has an unknown version"));
        }
        let kind = PackKind::from_code(cursor.u8()?)?;
        let frame_count = cursor.count(FRAMES_MAX)?;
        let mut frames = Vec::with_capacity(frame_count.min(cursor.remaining()));
        for _ in 0..frame_count {
            let place = get_place(&mut cursor)?;
            let count = cursor.count(ENTRIES_MAX)?;
            let mut entries = Vec::with_capacity(count.min(cursor.remaining() / 35));
            let mut raw_bytes = 0usize;
            for _ in 0..count {
                let class = Class::from_code(cursor.u8()?).ok_or_else(|| cursor.broken("has an unknown class"))?;
                let kind = Kind::from_code(cursor.u8()?);
                let len = cursor.count(RAW_FRAME_BYTES_MAX)?;
                raw_bytes += len;
                entries.push(FrameEntry { key: Key { class, id: cursor.id()? }, kind, len: len as u32 });
            }
            if raw_bytes > RAW_FRAME_BYTES_MAX {
                return Err(cursor.broken("has a frame that is too large"));
            }
            frames.push((place, entries));
        }
        let alias_count = cursor.count(ENTRIES_MAX)?;
        let mut aliases = Vec::with_capacity(alias_count.min(cursor.remaining() / 66));
        for _ in 0..alias_count {
            let id = cursor.id()?;
            let kind = Kind::from_code(cursor.u8()?);
            aliases.push(Alias { id, kind, len: cursor.varint()?, root: cursor.id()? });
        }
        if !cursor.is_empty() {
            return Err(cursor.broken("has bytes after its end"));
        }
        Ok(Directory { kind, frames, aliases })
    }
}

/// Writes a frame's place: offset, sealed length, ordinal.
pub(crate) fn put_place(out: &mut Vec<u8>, place: &FramePlace) {
    put_varint(out, place.offset);
    put_varint(out, u64::from(place.sealed_bytes));
    put_varint(out, place.ordinal);
}

/// Its inverse.
pub(crate) fn get_place(cursor: &mut Cursor<'_>) -> Result<FramePlace> {
    let offset = cursor.varint()?;
    let sealed_bytes = cursor.count(2 * RAW_FRAME_BYTES_MAX)? as u32;
    Ok(FramePlace { offset, sealed_bytes, ordinal: cursor.varint()? })
}

/// A pack that is whole and has its name.
pub(crate) struct FinishedPack {
    /// SHA-256 of the file.
    pub(crate) name: Id,
    /// Length of the file in bytes.
    pub(crate) file_bytes: u64,
    /// From its header: what its key is derived with.
    pub(crate) salt: [u8; 32],
    /// From its header: which key of the keyring.
    pub(crate) key_id: ShortId,
    /// What it holds.
    pub(crate) directory: Directory,
}

/// A sealed file being written: header, frames, directory, padding, trailer; its name is its hash.
pub(crate) struct SealedFileWriter {
    out: BufWriter<Spool>,
    hasher: Hasher,
    cipher: FileCipher,
    header: Header,
    offset: u64,
    next_ordinal: u64,
}

impl SealedFileWriter {
    /// Begins a file of this type.
    pub(crate) fn create(file_type: FileType, core: &Core) -> Result<Self> {
        let (cipher, header) = FileCipher::create(file_type, &core.keyring, &core.format.id)?;
        let out = BufWriter::with_capacity(256 << 10, core.backend.spool()?);
        let mut file =
            SealedFileWriter { out, hasher: Hasher::new(), cipher, offset: 0, next_ordinal: 0, header: header.clone() };
        file.write(&header.encode())?;
        Ok(file)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes).at("write", self.out.get_ref().path())?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Seals one wrapped frame, checks that it opens again, and appends it.
    pub(crate) fn append(&mut self, wrapped: &[u8], check: bool) -> Result<FramePlace> {
        let ordinal = self.next_ordinal;
        // An ordinal is spent by the attempt, whatever becomes of it: no two pieces share a nonce.
        self.next_ordinal += 1;
        let sealed = self.cipher.seal(Domain::Frame, ordinal, wrapped)?;
        if check && self.cipher.open_bytes(Domain::Frame, ordinal, &sealed)? != wrapped {
            return fail(
                Code::EncryptionFailed,
                "a frame did not open to what was sealed: check this machine's memory",
            );
        }
        let place = FramePlace { offset: self.offset, sealed_bytes: sealed.len() as u32, ordinal };
        self.write(&sealed)?;
        Ok(place)
    }

    /// Length of the file if it ended now with a directory of so many bytes, before padding.
    pub(crate) fn len_with_directory(&self, directory_bytes: usize) -> u64 {
        self.offset + (directory_bytes + 5 + self.cipher.overhead() + self.cipher.trailer_bytes()) as u64
    }

    /// Writes directory, padding and trailer, and gives the file its name below `dir`.
    pub(crate) fn finish(
        mut self,
        backend: &dyn Backend,
        wrapped_directory: &[u8],
        name: fn(&Id) -> String,
    ) -> Result<(Id, u64)> {
        let sealed = self.cipher.seal(Domain::Directory, 0, wrapped_directory)?;
        let trailer = Trailer {
            directory_offset: self.offset,
            directory_sealed_bytes: sealed.len() as u64,
            frames: u32::try_from(self.next_ordinal).unwrap_or(u32::MAX),
            flags: 0,
        };
        self.write(&sealed)?;
        if self.cipher.overhead() > 0 {
            let len = self.offset + self.cipher.trailer_bytes() as u64;
            let mut padding = vec![0; (padme(len) - len) as usize];
            random_fill(&mut padding)?;
            self.write(&padding)?;
        }
        let sealed_trailer = self.cipher.seal(Domain::Trailer, 0, &trailer.encode())?;
        self.write(&sealed_trailer)?;
        let id = self.hasher.finish();
        let spool = self.out.into_inner().map_err(|failed| failed.into_error()).at("write", "a temporary file")?;
        backend.put_spool(&name(&id), spool)?;
        Ok((id, self.offset))
    }
}

/// A pack being written.
pub(crate) struct PackWriter {
    file: SealedFileWriter,
    directory: Directory,
    directory_bytes: usize,
}

impl PackWriter {
    /// Begins a pack.
    pub(crate) fn create(core: &Core, kind: PackKind) -> Result<Self> {
        let file = SealedFileWriter::create(FileType::Pack, core)?;
        Ok(PackWriter {
            file,
            directory: Directory { kind, frames: Vec::new(), aliases: Vec::new() },
            directory_bytes: 16,
        })
    }

    /// Whether a frame of so many wrapped bytes still fits below `target_bytes`. The first always does.
    pub(crate) fn fits(&self, wrapped_bytes: usize, entries: usize, target_bytes: u64) -> bool {
        let more = wrapped_bytes + entries * 39 + 32;
        self.directory.frames.is_empty() || self.file.len_with_directory(self.directory_bytes + more) <= target_bytes
    }

    /// Appends a wrapped frame with its entries.
    pub(crate) fn append(&mut self, wrapped: &[u8], entries: Vec<FrameEntry>, check: bool) -> Result<()> {
        let place = self.file.append(wrapped, check)?;
        self.directory_bytes += 32 + entries.len() * 39;
        self.directory.frames.push((place, entries));
        Ok(())
    }

    /// Lets an alias live in this pack.
    pub(crate) fn push_alias(&mut self, alias: Alias) {
        self.directory_bytes += 75;
        self.directory.aliases.push(alias);
    }

    /// Ends the pack: durable under its name on return.
    pub(crate) fn finish(self, backend: &dyn Backend) -> Result<FinishedPack> {
        let header = self.file.header.clone();
        let wrapped = wrap_plain(&self.directory.encode());
        let (name, file_bytes) = self.file.finish(backend, &wrapped, super::pack_path)?;
        Ok(FinishedPack { name, file_bytes, salt: header.salt, key_id: header.key_id, directory: self.directory })
    }
}

/// Reads a whole file and compares it with its name.
///
/// # Errors
/// FILE_NOT_FOUND; STORAGE_CORRUPTED when it has other bytes.
pub(crate) fn check_name(backend: &dyn Backend, path: &str, name: &Id, file_bytes: u64) -> Result<()> {
    const STEP_BYTES: u64 = 1 << 20;
    let (mut hasher, mut offset) = (Hasher::new(), 0);
    while offset < file_bytes {
        let step = STEP_BYTES.min(file_bytes - offset);
        hasher.update(&backend.get_range(path, offset, step as usize)?);
        offset += step;
    }
    match hasher.finish() {
        found if found == *name => Ok(()),
        found => {
            fail(Code::StorageCorrupted, format!("{path} has other bytes than its name says: their SHA-256 is {found}"))
        }
    }
}

/// Wraps bytes that do not compress, ids for the most part, as a frame's plaintext.
pub(crate) fn wrap_plain(raw: &[u8]) -> Vec<u8> {
    let mut wrapped = Vec::with_capacity(raw.len() + 5);
    wrapped.push(0);
    wrapped.extend((raw.len() as u32).to_le_bytes());
    wrapped.extend(raw);
    wrapped
}

/// Reads the directory of any sealed file with ranged reads, and the cipher to open its frames with.
///
/// # Errors
/// FILE_NOT_FOUND, STORAGE_CORRUPTED, DECRYPTION_FAILED, INVALID_KEY.
pub(crate) fn read_directory(
    backend: &dyn Backend,
    name: &str,
    file_type: FileType,
    keyring: &Keyring,
    repo: &ShortId,
) -> Result<(Header, FileCipher, Vec<u8>)> {
    let file_bytes =
        backend.stat(name)?.ok_or_else(|| Error::new(Code::FileNotFound, format!("{name} is not there")))?;
    let broken = || Error::new(Code::StorageCorrupted, format!("{name} is damaged"));
    let header = Header::decode(&backend.get_range(name, 0, HEADER_BYTES)?)?;
    let cipher = FileCipher::open(&header, file_type, keyring, repo)?;
    let trailer_bytes = cipher.trailer_bytes();
    let trailer_at = file_bytes.checked_sub(trailer_bytes as u64).ok_or_else(broken)?;
    let trailer =
        Trailer::decode(&cipher.open_vec(Domain::Trailer, 0, backend.get_range(name, trailer_at, trailer_bytes)?)?)?;
    let end = trailer.directory_offset.checked_add(trailer.directory_sealed_bytes).ok_or_else(broken)?;
    if end > trailer_at {
        return Err(broken());
    }
    let sealed = backend.get_range(name, trailer.directory_offset, trailer.directory_sealed_bytes as usize)?;
    let wrapped = cipher.open_vec(Domain::Directory, 0, sealed)?;
    let raw = Decompressor::new().unwrap_frame(&wrapped, wrapped.len().saturating_mul(64).max(1 << 20))?;
    Ok((header, cipher, raw))
}
