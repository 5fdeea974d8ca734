//! Items of a window into entries of its tree and of the stat cache.
//!
//! What was stored comes with its metadata. What is as it was has kept its metadata too, and what of it does not stand
//! in `stat` is asked for again, but only here, where a tree is written anew because something else has changed.

use super::directory::{Directory, Done, FileDone, Finished, Item, Window, fingerprint};
use super::engine::Engine;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::object::Kind;
use crate::repo::Putter;
use crate::state::{Known, RowBuilder};
use crate::tree::{Entry, EntryKind, Extents, Meta, Profile, Summary, TreeWriter, Xattrs};
use crate::walk::{Stat, Xattr, data_extents, link_target, open_file, xattrs_at};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Writes the entries of one window.
pub(super) struct EntryEncoder<'e, 'a, 'p, 'w> {
    engine: &'e Engine<'a>,
    putter: &'p mut Putter<'w>,
    directory: &'e Directory,
    start: Time,
    /// Used again for each, so that most entries cost no allocation.
    entry: Entry,
    owner: Option<(u32, u32)>,
    tree: TreeWriter,
    row: RowBuilder,
}

/// What an entry has beside what `stat` says.
#[derive(Default)]
struct Beyond {
    content: Option<Id>,
    size: u64,
    summary: Option<Summary>,
    xattrs: Vec<Xattr>,
    extents: Extents,
    target: Vec<u8>,
    is_racy: bool,
}

impl<'e, 'a, 'p, 'w> EntryEncoder<'e, 'a, 'p, 'w> {
    /// Begins. Only the first window of a directory has the tree's header.
    pub fn new(engine: &'e Engine<'a>, putter: &'p mut Putter<'w>, window: &'e Window) -> Self {
        let mut tree = TreeWriter::new(Profile::Full);
        if window.number > 0 {
            tree.clear();
        }
        let mut entry = Entry::new("", EntryKind::File);
        entry.meta = Some(Meta::default());
        let (directory, start) = (&*window.directory, window.start);
        EntryEncoder { engine, putter, directory, start, entry, owner: None, tree, row: RowBuilder::new() }
    }

    /// The encoded entries, their row, and what they sum up to.
    pub fn finish(self) -> (Vec<u8>, RowBuilder, Summary) {
        let summary = self.tree.summary();
        (self.tree.finish(), self.row, summary)
    }

    /// Appends an item, unless it is left out.
    pub fn push(&mut self, item: &Item, done: Option<Done>) -> Result<()> {
        let (stat, beyond) = match (item.stat.kind, done) {
            (_, Some(Done::LeftOut)) => return Ok(()),
            (_, Some(Done::File(file))) => self.stored_file(*file),
            (_, Some(Done::Directory(finished, xattrs))) => (item.stat, self.directory(item, &finished, xattrs)),
            (EntryKind::File, None) if item.is_same => (item.stat, self.same_file(item)),
            // Neither stored nor known: its job was dropped when the backup was interrupted.
            (EntryKind::File | EntryKind::Directory, None) => return Ok(()),
            (_, None) => match self.other(item) {
                Ok(beyond) => (item.stat, beyond),
                Err(error) => {
                    self.engine.report(&self.directory.path_of(item.name), &error);
                    return Ok(());
                }
            },
        };
        self.write(item, &stat, beyond)
    }

    fn stored_file(&self, file: FileDone) -> (Stat, Beyond) {
        let FileDone { stat, content, size, xattrs, extents, is_racy } = file;
        (stat, Beyond { content, size, xattrs, extents, is_racy, ..Beyond::default() })
    }

    fn same_file(&self, item: &Item) -> Beyond {
        let mut beyond = Beyond { content: item.known, size: item.stat.size, ..Beyond::default() };
        if item.has_xattrs {
            beyond.xattrs = self.xattrs_again(item);
        }
        if item.stat.may_be_sparse() {
            beyond.extents = self.extents_again(item);
        }
        beyond
    }

    fn directory(&self, item: &Item, finished: &Finished, xattrs: Vec<Xattr>) -> Beyond {
        Beyond {
            content: Some(finished.tree),
            summary: Some(finished.summary),
            xattrs: if item.is_same && item.has_xattrs { self.xattrs_again(item) } else { xattrs },
            is_racy: item.stat.is_racy(self.start),
            ..Beyond::default()
        }
    }

    /// Symlinks, fifos, sockets and devices, none of which is opened.
    fn other(&self, item: &Item) -> Result<Beyond> {
        let mut beyond = Beyond { is_racy: item.stat.is_racy(self.start), ..Beyond::default() };
        if item.stat.kind == EntryKind::Symlink {
            let name = self.directory.listing.c_name(item.name as usize);
            let target = link_target(&*self.directory.handle()?, name);
            beyond.target = target.map_err(|error| self.io("read the link", item, error))?;
        }
        if !item.is_same || item.has_xattrs {
            beyond.xattrs = self.xattrs_again(item);
        }
        Ok(beyond)
    }

    /// Attributes of something that is not open. That they cannot be read is reported; the rest is kept.
    fn xattrs_again(&self, item: &Item) -> Vec<Xattr> {
        let read = || {
            let name = self.directory.listing.c_name(item.name as usize);
            let read = xattrs_at(&*self.directory.handle()?, name);
            read.map_err(|error| self.io("read the attributes of", item, error))
        };
        read().unwrap_or_else(|error| {
            self.engine.report(&self.directory.path_of(item.name), &error);
            Vec::new()
        })
    }

    /// Holes matter little: a file whose extents cannot be asked for is taken for one without.
    fn extents_again(&self, item: &Item) -> Extents {
        let name = self.directory.listing.c_name(item.name as usize);
        let Ok(handle) = self.directory.handle() else { return Extents::None };
        let file = open_file(&*handle, name, item.follow);
        match file.and_then(|file| data_extents(file, item.stat.size)) {
            Ok(Some(extents)) => Extents::Inline(extents),
            _ => Extents::None,
        }
    }

    fn io(&self, action: &'static str, item: &Item, error: rustix::io::Errno) -> Error {
        Error::io(action, OsStr::from_bytes(&self.directory.path_of(item.name)), error)
    }

    fn write(&mut self, item: &Item, stat: &Stat, beyond: Beyond) -> Result<()> {
        let name = self.directory.listing.name(item.name as usize);
        self.row.push(&Known {
            name,
            fingerprint: fingerprint(stat),
            content: beyond.content,
            has_xattrs: !beyond.xattrs.is_empty(),
            is_racy: beyond.is_racy,
        });
        let entry = &mut self.entry;
        entry.name.clear();
        entry.name.extend_from_slice(name);
        entry.kind = stat.kind;
        entry.content = beyond.content;
        entry.size = beyond.size;
        entry.summary = beyond.summary;
        entry.target = beyond.target;
        entry.device = stat.kind.is_device().then_some(stat.rdev);
        entry.linked = stat.nlink > 1 && stat.kind != EntryKind::Directory;
        entry.xattrs = match Xattrs::place(beyond.xattrs) {
            Ok(xattrs) => xattrs,
            Err(bytes) => Xattrs::Blob(self.putter.put(Kind::Blob, &bytes)?.id),
        };
        entry.extents = match beyond.extents {
            Extents::Inline(extents) => match Extents::place(extents) {
                Ok(extents) => extents,
                Err(bytes) => Extents::Blob(self.putter.put(Kind::Blob, &bytes)?.id),
            },
            other => other,
        };
        self.set_meta(stat);
        self.tree.push(&self.entry)
    }

    fn set_meta(&mut self, stat: &Stat) {
        let meta = self.entry.meta.get_or_insert_default();
        let is_same_owner = self.owner == Some((stat.uid, stat.gid));
        if !is_same_owner {
            meta.owner = self.engine.owners.user(stat.uid);
            meta.group = self.engine.owners.group(stat.gid);
            self.owner = Some((stat.uid, stat.gid));
        }
        (meta.mode, meta.uid, meta.gid) = (stat.mode, stat.uid, stat.gid);
        meta.mtime = stat.mtime;
        meta.btime = stat.btime.filter(|_| self.engine.options.birth_times);
        meta.flags = (stat.flags != 0).then_some(stat.flags);
    }
}
