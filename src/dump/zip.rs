//! zip with Unix modes, and sizes over 4 GiB where needed. It knows no fifos, devices, sockets, owners or hard links.

use super::{Archive, Item, OUTPUT};
use crate::error::{Code, Error, Result};
use crate::monitor::{Event, Monitor};
use crate::tree::{Entry, EntryKind};
use ::zip::write::{SimpleFileOptions, StreamWriter};
use ::zip::{CompressionMethod, DateTime, ZipWriter};
use jiff::{Timestamp, tz::TimeZone};
use std::io::{BufWriter, Write};

/// Sizes from here on need the wide fields.
const OLD_SIZE_MAX: u64 = u32::MAX as u64;

/// A zip being written.
pub(super) struct Zip<'w> {
    writer: Option<ZipWriter<StreamWriter<BufWriter<&'w mut dyn Write>>>>,
    monitor: &'w dyn Monitor,
    has_warned: bool,
}

impl<'w> Zip<'w> {
    pub(super) fn new(out: BufWriter<&'w mut dyn Write>, monitor: &'w dyn Monitor) -> Self {
        Zip { writer: Some(ZipWriter::new_stream(out)), monitor, has_warned: false }
    }

    fn writer(&mut self) -> Result<&mut ZipWriter<StreamWriter<BufWriter<&'w mut dyn Write>>>> {
        self.writer.as_mut().ok_or_else(|| Error::new(Code::SystemError, "the archive has ended"))
    }

    /// Names in a zip are text.
    fn text(&mut self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        if text.contains(char::REPLACEMENT_CHARACTER) && !self.has_warned {
            self.has_warned = true;
            self.monitor.event(&Event::Warning("names that are not UTF-8 are changed: a zip cannot hold them"));
        }
        text.into_owned()
    }
}

impl Archive for Zip<'_> {
    fn has_links(&self) -> bool {
        false
    }

    fn begin(&mut self, item: &Item<'_>) -> Result<bool> {
        let entry = item.entry;
        if item.name.is_empty() {
            // The directory that is dumped has no name in it, and nothing is lost but its times.
            return Ok(true);
        }
        let options = options(entry);
        let name = self.text(item.name);
        match entry.kind {
            EntryKind::File => self.writer()?.start_file(name, options),
            EntryKind::Directory => self.writer()?.add_directory(name, options),
            EntryKind::Symlink => {
                let target = self.text(&entry.target);
                self.writer()?.add_symlink(name, target, options)
            }
            _ => return Ok(false),
        }
        .map_err(failed)?;
        Ok(true)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer()?.write_all(bytes).map_err(|error| Error::io("write", OUTPUT, error))
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let out = writer.finish().map_err(failed)?;
        out.into_inner().flush().map_err(|error| Error::io("write", OUTPUT, error))
    }
}

fn options(entry: &Entry) -> SimpleFileOptions {
    let mode = match &entry.meta {
        Some(meta) => meta.mode,
        None if entry.executable || entry.is_directory() => 0o755,
        None => 0o644,
    };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(entry.size >= OLD_SIZE_MAX)
        .unix_permissions(mode);
    match entry.meta.as_ref().and_then(|meta| dos_time(meta.mtime.seconds)) {
        Some(time) => options.last_modified_time(time),
        None => options,
    }
}

/// A time as DOS had it, in UTC; `None` before 1980 and after 2107.
fn dos_time(seconds: i64) -> Option<DateTime> {
    let time = Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC);
    let small = |value: i8| u8::try_from(value).ok();
    let year = u16::try_from(time.year()).ok()?;
    let (month, day) = (small(time.month())?, small(time.day())?);
    DateTime::from_date_and_time(year, month, day, small(time.hour())?, small(time.minute())?, small(time.second())?)
        .ok()
}

fn failed(error: ::zip::result::ZipError) -> Error {
    match error {
        ::zip::result::ZipError::Io(error) => Error::io("write", OUTPUT, error),
        other => Error::new(Code::FileIo, "the zip archive cannot be written").with_source(other),
    }
}
