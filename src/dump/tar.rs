//! tar in the pax format of POSIX.1-2001: what the old header cannot say stands in records before it.
//!
//! Attributes are `SCHILY.xattr.NAME` and access lists `SCHILY.acl.*`, as star, GNU tar and libarchive write them.

use super::{Archive, DumpFormat, Item, OUTPUT, put};
use crate::clock::Time;
use crate::error::{IoContext, Result};
use crate::tree::{Entry, EntryKind};
use ::tar::{EntryType, Header};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

/// Everything in a tar is a multiple of this.
const BLOCK_BYTES: u64 = 512;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;
/// Largest size and id that the old header's octal digits hold.
const OLD_SIZE_MAX: u64 = 0o77_777_777_777;
const OLD_ID_MAX: u32 = 0o7_777_777;

type Out<'w> = BufWriter<&'w mut dyn Write>;

/// Where the blocks go.
enum Sink<'w> {
    Plain(Out<'w>),
    Gzip(GzEncoder<Out<'w>>),
    Zstd(zstd::stream::write::Encoder<'static, Out<'w>>),
    Finished,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(out) => out.write(bytes),
            Sink::Gzip(out) => out.write(bytes),
            Sink::Zstd(out) => out.write(bytes),
            Sink::Finished => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A tar being written.
pub(super) struct Tar<'w> {
    sink: Sink<'w>,
    /// Bytes of the current file so far.
    written: u64,
}

impl<'w> Tar<'w> {
    pub(super) fn new(format: DumpFormat, out: Out<'w>) -> Result<Self> {
        let sink = match format {
            DumpFormat::TarGz => Sink::Gzip(GzEncoder::new(out, Compression::default())),
            DumpFormat::TarZst => Sink::Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).at("write", OUTPUT)?),
            _ => Sink::Plain(out),
        };
        Ok(Tar { sink, written: 0 })
    }

    fn pad(&mut self, len: u64) -> Result<()> {
        let rest = (BLOCK_BYTES - len % BLOCK_BYTES) % BLOCK_BYTES;
        put(&mut self.sink, &[0; BLOCK_BYTES as usize][..rest as usize])
    }

    /// Writes the records as an entry of their own.
    fn records(&mut self, records: &[u8]) -> Result<()> {
        let mut header = Header::new_ustar();
        copy_into(&mut header.as_old_mut().name, b"./PaxHeaders/x");
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_size(records.len() as u64);
        header.set_cksum();
        put(&mut self.sink, header.as_bytes())?;
        put(&mut self.sink, records)?;
        self.pad(records.len() as u64)
    }
}

impl Archive for Tar<'_> {
    fn has_links(&self) -> bool {
        true
    }

    fn begin(&mut self, item: &Item<'_>) -> Result<bool> {
        let Some(kind) = entry_type(item) else { return Ok(false) };
        let (entry, mut header, mut records) = (item.entry, Header::new_ustar(), Vec::new());
        let mut name = if item.name.is_empty() { b".".to_vec() } else { item.name.to_vec() };
        if entry.is_directory() {
            name.push(b'/');
        }
        let link = item.same_as.unwrap_or(&entry.target);
        if name.len() > 100 || link.len() > 100 {
            if std::str::from_utf8(&name).is_err() || std::str::from_utf8(link).is_err() {
                record(&mut records, b"hdrcharset", b"BINARY");
            }
            [(&b"path"[..], &name[..]), (b"linkpath", link)]
                .iter()
                .filter(|(_, value)| value.len() > 100)
                .for_each(|(key, value)| record(&mut records, key, value));
        }
        copy_into(&mut header.as_old_mut().name, &name);
        copy_into(&mut header.as_old_mut().linkname, link);
        header.set_entry_type(kind);
        let size = if kind == EntryType::Regular { entry.size } else { 0 };
        header.set_size(size);
        if size > OLD_SIZE_MAX {
            record(&mut records, b"size", size.to_string().as_bytes());
        }
        if let Some((major, minor)) = entry.device {
            header.set_device_major(major).and_then(|()| header.set_device_minor(minor)).at("write", OUTPUT)?;
        }
        describe(entry, &mut header, &mut records);
        item.xattrs.iter().for_each(|(name, value)| attribute(&mut records, name, value));
        if !records.is_empty() {
            self.records(&records)?;
        }
        header.set_cksum();
        put(&mut self.sink, header.as_bytes())?;
        self.written = 0;
        Ok(true)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        put(&mut self.sink, bytes)
    }

    fn end(&mut self) -> Result<()> {
        self.pad(self.written)
    }

    fn finish(&mut self) -> Result<()> {
        put(&mut self.sink, &[0; 2 * BLOCK_BYTES as usize])?;
        let done = match std::mem::replace(&mut self.sink, Sink::Finished) {
            Sink::Plain(mut out) => out.flush(),
            Sink::Gzip(out) => out.finish().and_then(|mut out| out.flush()),
            Sink::Zstd(out) => out.finish().and_then(|mut out| out.flush()),
            Sink::Finished => Ok(()),
        };
        done.at("write", OUTPUT)
    }
}

fn entry_type(item: &Item<'_>) -> Option<EntryType> {
    if item.same_as.is_some() {
        return Some(EntryType::Link);
    }
    Some(match item.entry.kind {
        EntryKind::File => EntryType::Regular,
        EntryKind::Directory => EntryType::Directory,
        EntryKind::Symlink => EntryType::Symlink,
        EntryKind::Fifo => EntryType::Fifo,
        EntryKind::CharDevice => EntryType::Char,
        EntryKind::BlockDevice => EntryType::Block,
        EntryKind::Socket => return None,
    })
}

/// Owner, mode and times.
fn describe(entry: &Entry, header: &mut Header, records: &mut Vec<u8>) {
    let Some(meta) = &entry.meta else {
        header.set_mode(if entry.executable || entry.is_directory() { 0o755 } else { 0o644 });
        header.set_mtime(0);
        return;
    };
    header.set_mode(meta.mode);
    header.set_uid(u64::from(meta.uid));
    header.set_gid(u64::from(meta.gid));
    for (key, id) in [(&b"uid"[..], meta.uid), (b"gid", meta.gid)] {
        if id > OLD_ID_MAX {
            record(records, key, id.to_string().as_bytes());
        }
    }
    let names = [(&b"uname"[..], &meta.owner), (b"gname", &meta.group)];
    for (key, name) in names.iter().filter_map(|(key, name)| name.as_ref().map(|name| (key, name))) {
        let set = if key[0] == b'u' { header.set_username(name) } else { header.set_groupname(name) };
        if set.is_err() || !name.is_ascii() {
            record(records, key, name.as_bytes());
        }
    }
    let Time { seconds, nanoseconds } = meta.mtime;
    header.set_mtime(u64::try_from(seconds).unwrap_or(0).min(OLD_SIZE_MAX));
    if nanoseconds != 0 || !(0..=OLD_SIZE_MAX as i64).contains(&seconds) {
        record(records, b"mtime", decimal(meta.mtime).as_bytes());
    }
}

/// Seconds with a fraction; before 1970 the fraction counts away from zero as the digits are written.
fn decimal(time: Time) -> String {
    if time.seconds < 0 && time.nanoseconds > 0 {
        return format!("-{}.{:09}", -(time.seconds + 1), 1_000_000_000 - time.nanoseconds);
    }
    format!("{}.{:09}", time.seconds, time.nanoseconds)
}

fn attribute(records: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let acl = match name {
        b"system.posix_acl_access" => Some((&b"SCHILY.acl.access"[..], acl_text(value))),
        b"system.posix_acl_default" => Some((&b"SCHILY.acl.default"[..], acl_text(value))),
        _ => None,
    };
    match acl {
        Some((key, Some(text))) => record(records, key, text.as_bytes()),
        // `=` ends a key, so such a name cannot be said.
        _ if !name.contains(&b'=') => record(records, &[b"SCHILY.xattr.", name].concat(), value),
        _ => {}
    }
}

/// One record: its own length in decimal digits, a space, `key=value`, a newline.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    records.extend_from_slice(len.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// Linux's access list (`linux/posix_acl_xattr.h`) in the short text form of POSIX.1e.
fn acl_text(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 2 || entries.len() % 8 != 0 {
        return None;
    }
    let mut text = String::new();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let bits = u16::from_le_bytes([entry[2], entry[3]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let who = match tag {
            0x01 => "user:".to_string(),
            0x02 => format!("user:{id}"),
            0x04 => "group:".to_string(),
            0x08 => format!("group:{id}"),
            0x10 => "mask:".to_string(),
            0x20 => "other:".to_string(),
            _ => return None,
        };
        let bit = |mask, letter| if bits & mask != 0 { letter } else { '-' };
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}{who}:{}{}{}", bit(4, 'r'), bit(2, 'w'), bit(1, 'x')).ok()?;
    }
    Some(text)
}

fn copy_into(field: &mut [u8], value: &[u8]) {
    let len = value.len().min(field.len());
    field[..len].copy_from_slice(&value[..len]);
}
