//! Rows of the database, packed: front-coded paths, differences of numbers, a checksum in front.

use super::files::{CHUNK_FILES, Entry, Files, Known, Look};
use super::stamp::Stamp;
use crate::wire::{Cursor, put_varint};
use std::ops::Range;

/// Paths longer than this are not kept.
const PATH_BYTES_MAX: usize = 64 << 10;
/// A gap of more lost rows than this is not kept room for.
const GAP_FILES_MAX: usize = 1 << 20;
/// In front of each row stands a checksum of it.
const CHECK_BYTES: usize = 4;

const FOLLOW: u8 = 1;
const HAS_CONTENT: u8 = 2;
const RACY: u8 = 4;
const IS_LINK: u8 = 8;

impl Files {
    /// Takes a row of the database; rows come in the order of their numbers. False if it is damaged: what is lost is
    /// read again.
    pub fn take_row(&mut self, chunk: u32, row: &[u8]) -> bool {
        let start = chunk as usize * CHUNK_FILES;
        if start < self.entries.len() || start - self.entries.len() > GAP_FILES_MAX {
            return false;
        }
        self.entries.resize_with(start, Entry::default);
        let is_sound = checked(row).is_some_and(|body| self.decode(body).is_some());
        if !is_sound {
            self.entries.truncate(start);
        }
        is_sound
    }

    fn decode(&mut self, body: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(body, "row");
        let (mut last_path, mut last, mut count) = (0..0, Stamp::ABSENT, 0);
        while !cursor.is_empty() {
            count += 1;
            if count > CHUNK_FILES {
                return None;
            }
            let flags = cursor.u8().ok()?;
            let path = self.decode_path(&mut cursor, &last_path)?;
            let mut known = Known { is_racy: flags & RACY != 0, ..Known::default() };
            known.stamp = decode_stamp(&mut cursor, &last)?;
            if known.stamp.mode != 0 {
                last = known.stamp;
            }
            if flags & HAS_CONTENT != 0 {
                known.content = Some(cursor.id().ok()?);
            }
            (known.changed, known.stamped) = (number(&mut cursor)?, number(&mut cursor)?);
            if flags & IS_LINK != 0 {
                let text_len = cursor.count(PATH_BYTES_MAX).ok()?;
                self.links.insert(self.entries.len() as u32, cursor.bytes(text_len).ok()?.to_vec());
            }
            let (at, len) = (u32::try_from(path.start).ok()?, path.len() as u32);
            let dir = self.dir_of(at, len);
            self.entries.push(Entry { at, len, dir, known, follow: flags & FOLLOW != 0, look: Look::NotYet });
            last_path = path;
        }
        Some(())
    }

    fn decode_path(&mut self, cursor: &mut Cursor<'_>, last: &Range<usize>) -> Option<Range<usize>> {
        let shared = cursor.count(last.len()).ok()?;
        let len = cursor.count(PATH_BYTES_MAX).ok()?;
        let start = self.bytes.len();
        self.bytes.extend_from_within(last.start..last.start + shared);
        self.bytes.extend_from_slice(cursor.bytes(len).ok()?);
        Some(start..self.bytes.len())
    }

    /// The rows to be written, by their number; what was given out counts as written.
    pub fn take_dirty(&mut self) -> Vec<(u32, Vec<u8>)> {
        let chunks = std::mem::take(&mut self.dirty);
        chunks.into_iter().map(|chunk| (chunk, self.encode(chunk))).collect()
    }

    /// Whether there is anything to be written.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn encode(&self, chunk: u32) -> Vec<u8> {
        let start = chunk as usize * CHUNK_FILES;
        let end = (start + CHUNK_FILES).min(self.entries.len());
        let mut out = begin();
        let (mut last_path, mut last): (&[u8], _) = (b"", Stamp::ABSENT);
        for (at, entry) in (start..).zip(self.entries.get(start..end).unwrap_or_default()) {
            let (path, known) = (self.slice(entry.at, entry.len), &entry.known);
            let link = self.links.get(&(at as u32));
            let flags = [
                (FOLLOW, entry.follow),
                (HAS_CONTENT, known.content.is_some()),
                (RACY, known.is_racy),
                (IS_LINK, link.is_some()),
            ];
            out.push(flags.iter().map(|(bit, is_set)| if *is_set { *bit } else { 0 }).sum());
            let shared = path.iter().zip(last_path).take_while(|(left, right)| left == right).count();
            put_varint(&mut out, shared as u64);
            put_bytes(&mut out, &path[shared..]);
            encode_stamp(&mut out, &known.stamp, &last);
            if known.stamp.mode != 0 {
                last = known.stamp;
            }
            if let Some(content) = &known.content {
                out.extend_from_slice(content.as_bytes());
            }
            put_varint(&mut out, u64::from(known.changed));
            put_varint(&mut out, u64::from(known.stamped));
            if let Some(text) = link {
                put_bytes(&mut out, text);
            }
            last_path = path;
        }
        finish(out)
    }
}

/// Appends a stamp as its difference from another.
pub(in crate::run) fn encode_stamp(out: &mut Vec<u8>, stamp: &Stamp, last: &Stamp) {
    put_varint(out, u64::from(stamp.mode));
    if stamp.mode != 0 {
        put_varint(out, stamp.size);
        put_varint(out, zigzag(stamp.mtime_ns.wrapping_sub(last.mtime_ns)));
        put_varint(out, zigzag(stamp.ctime_ns.wrapping_sub(stamp.mtime_ns)));
        put_varint(out, zigzag(stamp.ino.wrapping_sub(last.ino) as i64));
    }
}

/// Reads what [`encode_stamp`] wrote.
pub(in crate::run) fn decode_stamp(cursor: &mut Cursor<'_>, last: &Stamp) -> Option<Stamp> {
    let mode = number(cursor)?;
    if mode == 0 {
        return Some(Stamp::ABSENT);
    }
    let size = cursor.varint().ok()?;
    let mtime_ns = last.mtime_ns.wrapping_add(unzigzag(cursor.varint().ok()?));
    let ctime_ns = mtime_ns.wrapping_add(unzigzag(cursor.varint().ok()?));
    let ino = last.ino.wrapping_add_signed(unzigzag(cursor.varint().ok()?));
    Some(Stamp { size, mtime_ns, ctime_ns, ino, mode })
}

/// A row that has room for its checksum.
pub(in crate::run) fn begin() -> Vec<u8> {
    vec![0; CHECK_BYTES]
}

/// A row with its checksum.
pub(in crate::run) fn finish(mut row: Vec<u8>) -> Vec<u8> {
    if let Some((head, body)) = row.split_at_mut_checked(CHECK_BYTES) {
        head.copy_from_slice(&checksum(body));
    }
    row
}

/// What follows a checksum that is right.
pub(in crate::run) fn checked(row: &[u8]) -> Option<&[u8]> {
    let (head, body) = row.split_at_checked(CHECK_BYTES)?;
    (checksum(body) == head).then_some(body)
}

fn checksum(body: &[u8]) -> [u8; CHECK_BYTES] {
    let mut crc = flate2::Crc::new();
    crc.update(body);
    // Inverted, so that zeros are not sound.
    (!crc.sum()).to_le_bytes()
}

/// Appends a byte string with its length.
pub(in crate::run) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends numbers as differences from each to the next.
pub(in crate::run) fn put_numbers(out: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = u32>) {
    put_varint(out, numbers.len() as u64);
    let mut last = 0;
    for number in numbers {
        put_varint(out, zigzag(i64::from(number) - last));
        last = i64::from(number);
    }
}

/// Reads all numbers of a list.
pub(in crate::run) fn take_numbers(cursor: &mut Cursor<'_>) -> Option<Vec<u32>> {
    let count = cursor.count(cursor.remaining()).ok()?;
    let mut numbers = Vec::with_capacity(count);
    let mut last = 0i64;
    for _ in 0..count {
        last = last.wrapping_add(unzigzag(cursor.varint().ok()?));
        numbers.push(u32::try_from(last).ok()?);
    }
    Some(numbers)
}

/// Reads numbers one by one, as [`put_numbers`] wrote them.
#[derive(Clone, Debug)]
pub(in crate::run) struct Numbers<'a> {
    cursor: Cursor<'a>,
    left: usize,
    last: i64,
}

impl<'a> Numbers<'a> {
    /// Reads a list; `cursor` goes past it.
    pub(in crate::run) fn read(cursor: &mut Cursor<'a>) -> Option<Numbers<'a>> {
        let left = cursor.count(cursor.remaining()).ok()?;
        let numbers = Numbers { cursor: cursor.clone(), left, last: 0 };
        let mut rest = numbers.clone();
        if rest.by_ref().count() != left {
            return None;
        }
        *cursor = rest.cursor;
        Some(numbers)
    }
}

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        self.last = self.last.wrapping_add(unzigzag(self.cursor.varint().ok()?));
        u32::try_from(self.last).ok()
    }
}

pub(in crate::run) fn number(cursor: &mut Cursor<'_>) -> Option<u32> {
    u32::try_from(cursor.varint().ok()?).ok()
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
