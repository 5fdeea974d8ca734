//! Dump: a stored file, or a stored directory as an archive, to any writer.
//!
//! Floor 5. Everything streams: an archive is written while the trees are walked, and a file of any size passes
//! through in pieces that were checked (promise 6). Names in an archive are relative to the directory that is dumped.
//!
//! A file that cannot be read is named and left out, and the rest follows (promise 10). No archive can take back what it
//! began, so each file is read to its end before the archive hears of it: small ones are held meanwhile, large ones are
//! read twice. Only what is damaged between the two ends the dump, and then the archive has no proper end.

mod tar;
#[cfg(test)]
mod tests;
mod zip;

use crate::clock::Stopwatch;
use crate::error::{Class, Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::repo::Repo;
use crate::repo::lease::ReadLease;
use crate::stored::{Descend, HardLinks, Visitor, require, walk};
use crate::tree::{Entry, EntryKind, Xattrs, decode_xattrs};
use crate::walk::Xattr;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::str::FromStr;

/// Files up to this size are held in memory while they are checked.
const WHOLE_BYTES_MAX: u64 = 8 << 20;
/// What is gathered before it is written.
const BUFFER_BYTES: usize = 256 << 10;

/// How a dump looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// The bytes of one file.
    Raw,
    /// tar with pax headers (POSIX.1-2001): names of any length, nanoseconds, attributes, access lists.
    Tar,
    /// The same, gzipped.
    TarGz,
    /// The same, through zstd.
    TarZst,
    /// zip with Unix modes.
    Zip,
}

impl FromStr for DumpFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "raw" => Ok(DumpFormat::Raw),
            "tar" => Ok(DumpFormat::Tar),
            "tar.gz" | "tgz" => Ok(DumpFormat::TarGz),
            "tar.zst" | "tzst" => Ok(DumpFormat::TarZst),
            "zip" => Ok(DumpFormat::Zip),
            _ => fail(Code::InvalidArg, format!("`{text}` is none of raw, tar, tar.gz, tar.zst, zip")),
        }
    }
}

/// What is dumped.
#[derive(Clone, Copy, Debug)]
pub struct DumpSource<'a> {
    /// The root tree of a snapshot, or any tree.
    pub tree: Id,
    /// The snapshot's links object.
    pub links: Option<Id>,
    /// A path in the tree; empty for all of it.
    pub path: &'a [u8],
}

/// What a dump did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpStats {
    /// Entries written.
    pub entries: u64,
    /// Bytes of files written, before compression.
    pub bytes: u64,
    /// Entries that the format cannot hold.
    pub skipped: u64,
    /// Entries that failed, damaged ones among them.
    pub errors: u64,
    /// Entries that failed because the repository is damaged.
    pub damaged: u64,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// One entry on its way into an archive.
struct Item<'a> {
    /// Relative, without a slash at either end; empty for the directory that is dumped.
    name: &'a [u8],
    entry: &'a Entry,
    xattrs: &'a [Xattr],
    /// The name under which this very file is in the archive already.
    same_as: Option<&'a [u8]>,
}

/// A format that holds many entries.
trait Archive {
    /// Whether an entry can be another name of an earlier one; if not, its content is repeated.
    fn has_links(&self) -> bool;
    /// Begins an entry; false if the format cannot hold it. For a file with content, [`Archive::data`] follows until
    /// its size is reached, and then [`Archive::end`].
    fn begin(&mut self, item: &Item<'_>) -> Result<bool>;
    fn data(&mut self, bytes: &[u8]) -> Result<()>;
    fn end(&mut self) -> Result<()>;
    /// The end of the archive.
    fn finish(&mut self) -> Result<()>;
}

/// Writes what stands at a path of a stored tree.
///
/// # Errors
/// FILE_NOT_FOUND when nothing stands there; INVALID_ARG when a directory is asked for raw; what reading a file in full
/// or a large file in an archive answers; FILE_IO when `out` fails.
pub fn dump(
    repo: &Repo,
    source: &DumpSource<'_>,
    format: DumpFormat,
    out: &mut dyn Write,
    monitor: &dyn Monitor,
) -> Result<DumpStats> {
    let watch = Stopwatch::start();
    // As in a restore, what is forgotten meanwhile is there to the end.
    let _lease = ReadLease::take(repo, "dump");
    let found = require(repo, &source.tree, source.path)?;
    // Hard links are known by whole paths.
    let mut path = source.path.strip_suffix(b"/").unwrap_or(source.path).to_vec();
    if !path.is_empty() && !path.starts_with(b"/") {
        path.insert(0, b'/');
    }
    let mut stats = match format {
        DumpFormat::Raw => raw(repo, &found, &path, out)?,
        _ => {
            let archive: Box<dyn Archive + '_> = match format {
                DumpFormat::Zip => Box::new(zip::Zip::new(BufWriter::with_capacity(BUFFER_BYTES, out), monitor)),
                _ => Box::new(tar::Tar::new(format, BufWriter::with_capacity(BUFFER_BYTES, out))?),
            };
            let links = HardLinks::read(repo, source.links.as_ref())?;
            let prefix_bytes = if found.is_directory() { path.len() } else { path.len() - found.name.len() };
            let mut dumping = Dumping {
                repo,
                monitor,
                archive,
                links,
                first_names: HashMap::new(),
                prefix_bytes,
                stats: DumpStats::default(),
            };
            dumping.run(&found, &path)?;
            dumping.stats
        }
    };
    stats.elapsed_ms = watch.elapsed_ms();
    Ok(stats)
}

/// The content of one file.
fn raw(repo: &Repo, found: &Entry, path: &[u8], out: &mut dyn Write) -> Result<DumpStats> {
    if found.kind != EntryKind::File {
        let message = format!("`{}` is a {}, not a file", path.escape_ascii(), found.kind.name());
        return Err(Error::new(Code::InvalidArg, message).with_hint("`--format tar` dumps a directory"));
    }
    if let Some(id) = found.content {
        repo.stream(&id, &mut |bytes| put(out, bytes))?;
    }
    out.flush().at("write", OUTPUT)?;
    Ok(DumpStats { entries: 1, bytes: found.size, ..DumpStats::default() })
}

/// How failures name where a dump goes.
const OUTPUT: &str = "the output of the dump";

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).at("write", OUTPUT)
}

struct Dumping<'a> {
    repo: &'a Repo,
    monitor: &'a dyn Monitor,
    archive: Box<dyn Archive + 'a>,
    links: HardLinks,
    /// The first name of each group of hard links.
    first_names: HashMap<u32, Vec<u8>>,
    prefix_bytes: usize,
    stats: DumpStats,
}

impl Dumping<'_> {
    fn run(&mut self, found: &Entry, path: &[u8]) -> Result<()> {
        if found.meta.is_some() {
            self.one(path, found)?;
        }
        if let Some(tree) = found.content.filter(|_| found.is_directory()) {
            let repo = self.repo;
            walk(repo, &tree, path, self)?;
        }
        if self.monitor.is_cancelled() {
            return fail(Code::SystemError, "the dump was stopped before its end");
        }
        self.archive.finish()
    }

    /// Adds one entry; what is wrong with it alone is told and does not end the dump.
    fn one(&mut self, path: &[u8], entry: &Entry) -> Result<()> {
        let name = path.get(self.prefix_bytes..).unwrap_or_default();
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let group = self.links.group(path, entry).filter(|_| self.archive.has_links());
        let first = group.and_then(|group| self.first_names.get(&group));
        let whole = match first.map_or_else(|| self.read_whole(entry), |_| Ok(None)) {
            Ok(whole) => whole,
            Err(_) if self.monitor.is_cancelled() => return Ok(()),
            Err(error) => return self.failed(path, error),
        };
        let xattrs = match self.attributes(entry) {
            Ok(xattrs) => xattrs,
            Err(error) => return self.failed(path, error),
        };
        let item = Item { name, entry, xattrs: &xattrs, same_as: first.map(Vec::as_slice) };
        if !self.archive.begin(&item)? {
            self.stats.skipped += 1;
            let message = format!("`{}` is left out: the format has no {}s", path.escape_ascii(), entry.kind.name());
            self.monitor.event(&Event::Warning(&message));
            return Ok(());
        }
        let has_content = entry.kind == EntryKind::File && first.is_none();
        if let Some(group) = group.filter(|_| first.is_none()) {
            self.first_names.insert(group, name.to_vec());
        }
        if has_content {
            self.content(path, entry, whole.as_deref())?;
        }
        self.stats.entries += 1;
        self.monitor.event(&Event::Advance { items: 1, bytes: if has_content { entry.size } else { 0 } });
        Ok(())
    }

    fn content(&mut self, path: &[u8], entry: &Entry, whole: Option<&[u8]>) -> Result<()> {
        let archive = &mut self.archive;
        match (whole, entry.content) {
            (Some(bytes), _) => archive.data(bytes)?,
            (None, Some(id)) => {
                let mut left = entry.size;
                self.repo
                    .stream(&id, &mut |bytes| {
                        left = left.checked_sub(bytes.len() as u64).ok_or_else(wrong_size)?;
                        archive.data(bytes)
                    })
                    .and_then(|()| if left == 0 { Ok(()) } else { Err(wrong_size()) })
                    .map_err(|error| error.context(format!("the archive ends within `{}`", path.escape_ascii())))?;
            }
            (None, None) => {}
        }
        self.stats.bytes += entry.size;
        self.archive.end()
    }

    /// Reads a file's content, so that damage shows before the archive hears of it; answers it if it is small.
    fn read_whole(&self, entry: &Entry) -> Result<Option<Vec<u8>>> {
        let Some(id) = entry.content.filter(|_| entry.kind == EntryKind::File) else { return Ok(None) };
        let (whole, bytes) = if entry.size <= WHOLE_BYTES_MAX {
            let whole = self.repo.read(&id)?;
            let bytes = whole.len() as u64;
            (Some(whole), bytes)
        } else {
            let mut bytes = 0;
            self.repo.stream(&id, &mut |piece| {
                bytes += piece.len() as u64;
                if self.monitor.is_cancelled() { fail(Code::SystemError, "the dump was stopped") } else { Ok(()) }
            })?;
            (None, bytes)
        };
        if bytes == entry.size { Ok(whole) } else { Err(wrong_size()) }
    }

    fn attributes<'e>(&self, entry: &'e Entry) -> Result<Cow<'e, [Xattr]>> {
        match &entry.xattrs {
            Xattrs::None => Ok(Cow::Borrowed(&[])),
            Xattrs::Inline(list) => Ok(Cow::Borrowed(list)),
            Xattrs::Blob(id) => Ok(Cow::Owned(decode_xattrs(&self.repo.read(id)?)?)),
        }
    }

    fn failed(&mut self, path: &[u8], error: Error) -> Result<()> {
        self.stats.errors += 1;
        self.stats.damaged += u64::from(error.class() == Class::Damaged);
        self.monitor.event(&Event::Failed { path, error: &error });
        Ok(())
    }
}

fn wrong_size() -> Error {
    Error::new(Code::ChunkInvalid, "the content has another size than the tree says")
}

impl Visitor for Dumping<'_> {
    fn entry(&mut self, path: &[u8], entry: &Entry) -> Result<Descend> {
        if self.monitor.is_cancelled() {
            return Ok(Descend::Stop);
        }
        self.one(path, entry)?;
        Ok(Descend::Into)
    }

    fn broken(&mut self, path: &[u8], error: Error) -> Result<()> {
        self.failed(path, error)
    }
}
