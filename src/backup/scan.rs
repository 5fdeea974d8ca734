//! The walk over the sources: one thread lists directories, compares what it sees with the stat cache, and hands
//! what has to be read to the workers.
//!
//! Names go in bytewise order, a directory's files before its subdirectories. The stack of open directories is a
//! list, not recursion, because directories can be nested deeper than the stack.

use super::before::{Before, known_rows};
use super::directory::{
    Directory, Done, Finished, IfEmpty, Item, Place, WINDOW_NAMES, Window, fingerprint, release, settle,
};
use super::engine::{Counters, Engine};
use super::files::{Job, Part, WHOLE_BYTES};
use super::prune::Seen;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::monitor::{Change, Event};
use crate::object::Kind;
use crate::repo::Putter;
use crate::state::{DirectoryRow, Known, RowHeader};
use crate::tree::{EntryKind, Profile, Summary, TreeWriter};
use crate::walk::{
    Listing, Rules, Scope, Scratch, SourceKind, SourceNode, Sources, Standing, Stat, has_true_ctime, open_dir,
    open_path, stamp_now, stat_at, stat_fd, stat_follow, xattrs_of,
};
use crossbeam_channel::Sender;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::CWD;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// A job is sent when it has so many bytes, files, or directories.
const JOB_BYTES: u64 = 512 << 10;
const JOB_FILES: usize = 512;
const JOB_PARTS: usize = 32;
/// Of directories open one within another, so many keep their handles.
const HANDLES: usize = 128;
/// How the stat cache calls the part of the tree that only leads to sources.
const VIRTUAL_ROOT: &[u8] = b"*";

/// Where a directory lies among the sources, and what rules hold in it.
#[derive(Clone)]
struct Territory<'e> {
    node: Option<&'e SourceNode>,
    rules: Option<Arc<Rules>>,
    scope: Scope,
    /// How the directory stands with its rules.
    standing: Standing,
    /// The directory's path as its rules know it: empty, or ends with `/`.
    rule_path: Vec<u8>,
    /// The source, as the stat cache names it.
    root: Arc<[u8]>,
    /// The source's file system.
    dev: u64,
}

struct Frame<'e> {
    directory: Arc<Directory>,
    window: Arc<Window>,
    subdirectories: std::vec::IntoIter<u32>,
    territory: Territory<'e>,
}

/// What a window was found to hold.
#[derive(Default)]
struct Found {
    items: Vec<Item>,
    to_read: Vec<u32>,
    subdirectories: Vec<u32>,
    is_same: bool,
    bytes: u64,
    same_files: u64,
    same_bytes: u64,
}

/// Where work goes; nowhere in a dry run.
pub(super) struct Sink<'e> {
    pub putter: Putter<'e>,
    pub jobs: Sender<Job>,
}

/// The walking thread.
pub(super) struct Walker<'e, 'a> {
    engine: &'e Engine<'a>,
    sources: &'e Sources,
    sink: Option<Sink<'e>>,
    job: Job,
    scratch: Scratch,
    stack: Vec<Frame<'e>>,
    /// The last device that was asked about, and whether its change times can be trusted.
    ctime: Option<(u64, bool)>,
    before: Option<Id>,
    seen: Seen,
}

impl<'e, 'a> Walker<'e, 'a> {
    /// `before` is the tree of an earlier snapshot of the same sources.
    pub fn new(engine: &'e Engine<'a>, sources: &'e Sources, sink: Option<Sink<'e>>, before: Option<Id>) -> Self {
        let (job, scratch, stack, seen) = (Job::default(), Scratch::default(), Vec::new(), Seen::default());
        Walker { engine, sources, sink, job, scratch, stack, ctime: None, before, seen }
    }

    /// Walks everything. Answers the directories that it saw.
    ///
    /// # Errors
    /// What ends a backup: SNAPSHOT_INVALID for an empty source, failures of storing.
    pub fn run(mut self) -> Result<Seen> {
        self.begin()?;
        while !self.engine.is_stopped() {
            let is_cancelled = self.engine.is_cancelled();
            let Some(frame) = self.stack.last_mut() else { break };
            match frame.subdirectories.next() {
                Some(index) if is_cancelled => {
                    frame.directory.set_partial();
                    let window = frame.window.clone();
                    self.settle(&window, index, Done::LeftOut)?;
                }
                Some(index) => self.enter(index)?,
                None => self.leave(is_cancelled)?,
            }
        }
        self.send()?;
        Ok(self.seen)
    }

    fn begin(&mut self) -> Result<()> {
        let node = self.sources.root();
        let mut territory = Territory {
            node: Some(node),
            rules: None,
            scope: Scope::default(),
            standing: Standing::Plain,
            rule_path: Vec::new(),
            root: Arc::from(VIRTUAL_ROOT),
            dev: 0,
        };
        let handle = match node.source {
            Some(_) => open_dir(CWD, c"/", true).at("open", "/")?,
            None => open_path(CWD, c"/").at("open", "/")?,
        };
        let stat = stat_fd(&handle).at("look at", "/")?;
        if node.source.is_some() {
            self.begin_source(&mut territory, b"", &stat)?;
        }
        let (root, is_virtual) = (territory.root.clone(), node.source.is_none());
        let place =
            Place { parent: None, path: Vec::new(), root, before: self.before, is_virtual, if_empty: IfEmpty::Keep };
        self.open(place, handle, stat, false, territory)
    }

    /// A source begins here: its own rules hold, and its own rows of the stat cache.
    fn begin_source(&mut self, territory: &mut Territory<'e>, path: &[u8], stat: &Stat) -> Result<()> {
        let absolute = if path.is_empty() { b"/" } else { path };
        let rules = Rules::new(&self.engine.options.excludes, absolute, self.sources.paths())?;
        let (scope, rule_path) = rules.start();
        *territory = Territory {
            node: territory.node,
            rules: Some(Arc::new(rules)),
            scope,
            standing: Standing::Plain,
            rule_path,
            root: Arc::from(path),
            dev: stat.dev,
        };
        Ok(())
    }

    /// Lists an open directory and looks at its first window.
    fn open(
        &mut self,
        mut place: Place,
        handle: OwnedFd,
        stat: Stat,
        is_same: bool,
        mut territory: Territory<'e>,
    ) -> Result<()> {
        let path = place.path.clone();
        let shown = || if path.is_empty() { OsStr::new("/") } else { OsStr::from_bytes(&path) };
        let listing = match place.is_virtual {
            true => Listing::of(territory.node.iter().flat_map(|node| node.children.keys().map(Vec::as_slice))),
            false => Listing::read(&handle, &mut self.scratch),
        };
        let mut listing = match listing {
            Ok(listing) => listing,
            Err(error) => return self.give_up(&place, &Error::io("list", shown(), error)),
        };
        self.filter(&place, &handle, &mut listing, &mut territory)?;
        place.if_empty = self.if_empty(&territory);
        let xattrs = if is_same || place.is_virtual { Ok(Vec::new()) } else { xattrs_of(&handle) };
        let xattrs = xattrs.unwrap_or_else(|error| {
            self.engine.report(&path, &Error::io("read the attributes of", shown(), error));
            Vec::new()
        });
        if !place.is_virtual {
            Counters::add(&self.engine.counters.directories, 1);
        }
        let directory = Directory::new(place, handle, listing, stat, xattrs);
        self.seen.note(&directory);
        let (window, subdirectories) = self.look_at_window(&directory, 0, &territory)?;
        self.stack.push(Frame { directory, window, subdirectories, territory });
        if let Some(far) = self.stack.len().checked_sub(HANDLES) {
            self.stack[far].directory.release();
        }
        Ok(())
    }

    /// A directory cannot be stored: reported and left out of the one above.
    fn give_up(&mut self, place: &Place, error: &Error) -> Result<()> {
        self.engine.report(&place.path, error);
        match place.parent.clone() {
            Some((window, index)) => self.settle(&window, index, Done::LeftOut),
            None => fail(error.code(), "the root directory cannot be read"),
        }
    }

    /// Takes out what rules leave out. A source that comes out empty is refused.
    fn filter(
        &mut self,
        place: &Place,
        handle: &OwnedFd,
        listing: &mut Listing,
        territory: &mut Territory<'e>,
    ) -> Result<()> {
        let Some(rules) = territory.rules.clone().filter(|_| !place.is_virtual) else { return Ok(()) };
        let engine = self.engine;
        rules.keep_only_tag(handle, listing, |name| skipped(engine, &place.path, name));
        match rules.enter(&territory.scope, handle, listing, &territory.rule_path) {
            Ok(scope) => territory.scope = scope,
            Err(error) => engine.report(&place.path, &error),
        }
        if rules.has_patterns(&territory.scope) && territory.standing != Standing::Included {
            let (mut path, scope) = (territory.rule_path.clone(), &territory.scope);
            let is_out = |path: &[u8], is_dir| rules.judge(territory.standing, scope, path, is_dir) == Standing::Out;
            let children = territory.node.map(|node| &node.children).filter(|children| !children.is_empty());
            listing.retain(|name, is_dir| {
                let len = path.len();
                path.extend_from_slice(name);
                // What the directory does not tell the type of is judged when it was looked at.
                let is_out = is_dir.is_some_and(|is_dir| is_out(&path, is_dir));
                path.truncate(len);
                let is_out = is_out && !children.is_some_and(|children| children.contains_key(name));
                if is_out {
                    skipped(engine, &place.path, name);
                }
                !is_out
            });
        }
        if listing.is_empty() && self.must_hold_something(territory) {
            return Err(empty_source(&place.path));
        }
        Ok(())
    }

    fn must_hold_something(&self, territory: &Territory<'e>) -> bool {
        let is_source = territory.node.is_some_and(|node| node.source == Some(SourceKind::Named));
        is_source && !self.engine.options.allow_empty
    }

    /// With includes, directories are entered in which nothing may be found.
    fn if_empty(&self, territory: &Territory<'e>) -> IfEmpty {
        let has_includes = territory.rules.as_ref().is_some_and(|rules| rules.has_includes());
        match territory.standing {
            Standing::Passage => IfEmpty::Drop,
            _ if has_includes && self.must_hold_something(territory) => IfEmpty::Refuse,
            _ => IfEmpty::Keep,
        }
    }

    /// Looks at each name of a window and sends what must be read to the workers.
    fn look_at_window(
        &mut self,
        directory: &Arc<Directory>,
        number: usize,
        territory: &Territory<'e>,
    ) -> Result<(Arc<Window>, std::vec::IntoIter<u32>)> {
        let engine = self.engine;
        let rows = known_rows(engine, directory, number);
        let start = stamp_now();
        let mut found = self.look(directory, number, territory, &rows)?;
        let header = rows.iter().find_map(DirectoryRow::header).filter(|header| {
            let is_current = header.generation == engine.generation && header.tree != Id::EMPTY;
            is_current && directory.windows() == 1 && header.parts == 1
        });
        let same = header.filter(|_| found.is_same);
        let items = found.items.len() as u64;
        engine.found(items, found.bytes);
        let same_items = items - found.to_read.len() as u64;
        if same_items > 0 {
            engine.monitor.event(&Event::Advance { items: same_items, bytes: found.same_bytes });
        }
        Counters::add(&engine.counters.files_unmodified, found.same_files);
        Counters::add(&engine.counters.total_bytes, found.same_bytes);
        let pending = found.to_read.len() + found.subdirectories.len();
        let items = std::mem::take(&mut found.items);
        let window = Window::new(directory.clone(), number as u32, items, same, start, pending);
        self.queue(&window, &found.to_read)?;
        Ok((window, found.subdirectories.into_iter()))
    }

    fn look(
        &mut self,
        directory: &Arc<Directory>,
        number: usize,
        territory: &Territory<'e>,
        rows: &[DirectoryRow],
    ) -> Result<Found> {
        let handle = directory.handle()?;
        let names = number * WINDOW_NAMES..((number + 1) * WINDOW_NAMES).min(directory.listing.len());
        let mut found = Found { items: Vec::with_capacity(names.len()), is_same: true, ..Found::default() };
        let is_current = |header: RowHeader| header.generation == self.engine.generation;
        let is_current = rows.iter().all(|row| row.header().is_some_and(is_current));
        let mut known = rows.iter().flat_map(DirectoryRow::entries).peekable();
        let mut before = Before::read(self.engine, directory, rows);
        for index in names {
            let name = directory.listing.name(index);
            let (stat, follow) = match self.stat(directory, &handle, index, territory) {
                Ok(Some(stat)) => stat,
                Ok(None) => continue,
                Err(error) => {
                    let path = directory.path_of(index as u32);
                    self.engine.report(&path, &Error::io("look at", OsStr::from_bytes(&path), error));
                    continue;
                }
            };
            while known.next_if(|known| known.name < name).is_some() {
                found.is_same = false;
            }
            let known = known.next_if(|known| known.name == name);
            let mut item = self.compare(&handle, index, stat, follow, known, is_current)?;
            if let Some(entry) = before.entry(name) {
                let meta = entry.meta.as_ref().map(|meta| (meta.mode, meta.uid, meta.gid, meta.mtime));
                item.looks_same = meta == Some((stat.mode, stat.uid, stat.gid, stat.mtime));
                (item.known, item.was_there) = (entry.content, true);
            }
            self.enlist(&mut found, directory, item)?;
        }
        found.is_same &= known.next().is_none() && !rows.is_empty();
        Ok(found)
    }

    /// What a name looks like, and whether a symlink was followed. `None` if a rule leaves it out.
    fn stat(
        &self,
        directory: &Directory,
        handle: &OwnedFd,
        index: usize,
        territory: &Territory<'e>,
    ) -> rustix::io::Result<Option<(Stat, bool)>> {
        let (name, c_name) = (directory.listing.name(index), directory.listing.c_name(index));
        if let Some(child) = territory.node.and_then(|node| node.children.get(name)) {
            // What the user named, and what leads there, may be symlinks.
            let mut follow = child.source != Some(SourceKind::Listed);
            let mut stat = if follow { stat_follow(handle, c_name)? } else { stat_at(handle, c_name)? };
            if !child.children.is_empty() && stat.kind == EntryKind::Symlink {
                (stat, follow) = (stat_follow(handle, c_name)?, true);
            }
            return Ok(Some((stat, follow)));
        }
        let stat = stat_at(handle, c_name)?;
        if stat.kind == EntryKind::Directory && self.engine.is_own(&stat) {
            skipped(self.engine, &directory.path, name);
            return Ok(None);
        }
        let Some(rules) = &territory.rules else { return Ok(Some((stat, false))) };
        let is_out = stat.kind == EntryKind::File && rules.is_too_large(stat.size)
            || directory.listing.is_dir_hint(index).is_none() && rules.has_patterns(&territory.scope) && {
                let path = [&territory.rule_path[..], name].concat();
                let is_dir = stat.kind == EntryKind::Directory;
                rules.judge(territory.standing, &territory.scope, &path, is_dir) == Standing::Out
            };
        if is_out {
            skipped(self.engine, &directory.path, name);
        }
        Ok((!is_out).then_some((stat, false)))
    }

    /// Holds what is seen against what is known.
    fn compare(
        &mut self,
        handle: &OwnedFd,
        index: usize,
        stat: Stat,
        follow: bool,
        known: Option<Known<'_>>,
        is_current: bool,
    ) -> Result<Item> {
        let mut item = Item {
            name: index as u32,
            stat,
            known: known.and_then(|known| known.content),
            is_same: false,
            looks_same: known.is_some_and(|known| known.fingerprint == fingerprint(&stat)),
            was_there: known.is_some(),
            has_xattrs: known.is_some_and(|known| known.has_xattrs),
            follow,
        };
        let Some(known) = known else { return Ok(item) };
        item.is_same = item.looks_same && !known.is_racy && self.has_true_ctime(handle, stat.dev);
        if item.is_same && stat.kind == EntryKind::File {
            item.is_same = match item.known {
                // After a gc, or with an index made anew, what is known must be looked for.
                Some(content) => is_current || self.engine.holds(&content)?,
                None => stat.size == 0,
            };
        }
        Ok(item)
    }

    fn has_true_ctime(&mut self, handle: impl AsFd, dev: u64) -> bool {
        match self.ctime {
            Some((last, answer)) if last == dev => answer,
            _ => {
                let answer = has_true_ctime(handle);
                self.ctime = Some((dev, answer));
                answer
            }
        }
    }

    /// Sorts an item into what is to be done.
    fn enlist(&mut self, found: &mut Found, directory: &Directory, item: Item) -> Result<()> {
        let index = found.items.len() as u32;
        found.is_same &= item.is_same;
        match item.stat.kind {
            EntryKind::Directory => found.subdirectories.push(index),
            EntryKind::File => {
                found.bytes += item.stat.size;
                if item.is_same {
                    found.same_files += 1;
                    found.same_bytes += item.stat.size;
                    if self.engine.options.report_unmodified {
                        let (path, bytes) = (directory.path_of(item.name), item.stat.size);
                        self.engine.monitor.event(&Event::Item { path: &path, change: Change::Unmodified, bytes });
                    }
                } else {
                    found.to_read.push(index);
                }
            }
            _ => Counters::add(&self.engine.counters.others, 1),
        }
        if item.stat.nlink > 1 && item.stat.kind != EntryKind::Directory && !item.must_read() {
            self.engine.note_links(&item.stat, || directory.path_of(item.name))?;
        }
        found.items.push(item);
        Ok(())
    }

    /// Puts files into jobs.
    fn queue(&mut self, window: &Arc<Window>, to_read: &[u32]) -> Result<()> {
        if to_read.is_empty() {
            return Ok(());
        }
        if self.sink.is_none() {
            to_read.iter().for_each(|index| would_read(self.engine, window, &window.items[*index as usize]));
            return Ok(());
        }
        self.engine.open_window(window);
        let handle = window.directory.handle()?;
        for index in to_read {
            let size = window.items[*index as usize].stat.size;
            if size > WHOLE_BYTES {
                self.send()?;
            }
            match self.job.parts.last_mut() {
                Some(part) if Arc::ptr_eq(&part.window, window) => part.items.push(*index),
                _ => {
                    let (window, handle, items) = (window.clone(), handle.clone(), vec![*index]);
                    self.job.parts.push(Part { window, handle, items });
                }
            }
            self.job.files += 1;
            self.job.bytes += size;
            if self.job.bytes >= JOB_BYTES || self.job.files >= JOB_FILES || self.job.parts.len() >= JOB_PARTS {
                self.send()?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        let job = std::mem::take(&mut self.job);
        match &self.sink {
            Some(sink) if job.files > 0 => {
                let sent = sink.jobs.send(job);
                sent.map_err(|_| Error::new(Code::SystemError, "the threads that read files have ended"))
            }
            _ => Ok(()),
        }
    }

    fn settle(&mut self, window: &Arc<Window>, index: u32, done: Done) -> Result<()> {
        match &mut self.sink {
            Some(sink) => settle(self.engine, &mut sink.putter, window, [(index, done)]),
            None => Ok(()),
        }
    }

    /// Goes down into a directory.
    fn enter(&mut self, index: u32) -> Result<()> {
        let Some(frame) = self.stack.last() else { return Ok(()) };
        let (directory, window) = (frame.directory.clone(), frame.window.clone());
        let item = window.items[index as usize].clone();
        let name = directory.listing.name(item.name as usize);
        let mut territory = frame.territory.clone();
        territory.node = frame.territory.node.and_then(|node| node.children.get(name));
        let path = directory.path_of(item.name);
        let is_virtual = self.is_virtual(&directory, &item, &mut territory, name);
        if let Some(node) = territory.node
            && node.source.is_some()
        {
            self.begin_source(&mut territory, &path, &item.stat)?;
        }
        let parent = Some((window.clone(), index));
        let place = Place {
            parent,
            path,
            root: territory.root.clone(),
            before: item.known,
            is_virtual,
            if_empty: IfEmpty::Keep,
        };
        let crosses = item.stat.dev != territory.dev && !is_virtual;
        if crosses && self.engine.options.excludes.one_file_system {
            return self.keep_empty(&window, index);
        }
        let c_name = directory.listing.c_name(item.name as usize);
        let opened = directory.handle().and_then(|above| {
            let opened = if is_virtual { open_path(&*above, c_name) } else { open_dir(&*above, c_name, item.follow) };
            opened.at("open", OsStr::from_bytes(&place.path))
        });
        match opened {
            Ok(handle) => self.open(place, handle, item.stat, item.is_same, territory),
            Err(error) => self.give_up(&place, &error),
        }
    }

    /// Whether a directory only leads to sources: those above all sources, and those within one that a rule leaves
    /// out but for a source that lies deeper. Also makes the path by which its rules know it.
    fn is_virtual(&self, above: &Directory, item: &Item, territory: &mut Territory<'e>, name: &[u8]) -> bool {
        territory.rule_path.extend_from_slice(name);
        let leads_on = territory.node.is_some_and(|node| node.source.is_none());
        // What is listed is not left out, unless it leads on; so only an include makes a difference.
        if let Some(rules) = territory.rules.as_ref().filter(|rules| leads_on || rules.has_includes()) {
            territory.standing = rules.judge(territory.standing, &territory.scope, &territory.rule_path, true);
        }
        territory.rule_path.push(b'/');
        let is_out = territory.standing == Standing::Out;
        leads_on && (above.is_virtual || item.follow && is_symlink(above, item) || is_out)
    }

    /// Keeps a mount point without what is mounted there.
    fn keep_empty(&mut self, window: &Arc<Window>, index: u32) -> Result<()> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let tree = sink.putter.put(Kind::Tree, &TreeWriter::new(Profile::Full).finish())?.id;
        Counters::add(&self.engine.counters.directories, 1);
        let finished = Finished { tree, summary: Summary::default() };
        self.settle(window, index, Done::Directory(finished, Vec::new()))
    }

    /// Done with a window: on to the next, or up.
    fn leave(&mut self, is_cancelled: bool) -> Result<()> {
        let Some(frame) = self.stack.last_mut() else { return Ok(()) };
        let (directory, window) = (frame.directory.clone(), frame.window.clone());
        let territory = frame.territory.clone();
        let next = window.number as usize + 1;
        let left = directory.windows() - next;
        if left == 0 || is_cancelled {
            if left > 0 {
                directory.skip_windows(left);
            }
            self.stack.pop();
            self.release(&window)?;
            return self.engine.flush_if_due();
        }
        self.send()?;
        self.release(&window)?;
        drop(window);
        if self.sink.is_some() {
            directory.wait_for_windows(self.engine, left);
        }
        let (window, subdirectories) = self.look_at_window(&directory, next, &territory)?;
        if let Some(frame) = self.stack.last_mut() {
            (frame.window, frame.subdirectories) = (window, subdirectories);
        }
        Ok(())
    }

    fn release(&mut self, window: &Arc<Window>) -> Result<()> {
        match &mut self.sink {
            Some(sink) => release(self.engine, &mut sink.putter, window, 1),
            None => Ok(()),
        }
    }
}

fn is_symlink(above: &Directory, item: &Item) -> bool {
    let Ok(handle) = above.handle() else { return false };
    let stat = stat_at(&*handle, above.listing.c_name(item.name as usize));
    stat.is_ok_and(|stat| stat.kind == EntryKind::Symlink)
}

fn skipped(engine: &Engine<'_>, directory: &[u8], name: &[u8]) {
    let path = [directory, b"/", name].concat();
    engine.monitor.event(&Event::Item { path: &path, change: Change::Skipped, bytes: 0 });
}

/// Says what a backup would do with a file.
fn would_read(engine: &Engine<'_>, window: &Window, item: &Item) {
    let change = if item.was_there { Change::Changed } else { Change::New };
    let (path, bytes) = (window.directory.path_of(item.name), item.stat.size);
    engine.counters.file(change, bytes);
    Counters::add(&engine.counters.read_bytes, bytes);
    engine.monitor.event(&Event::Item { path: &path, change, bytes });
    engine.monitor.event(&Event::Advance { items: 1, bytes });
}

/// The refusal of a source with nothing in it.
pub(super) fn empty_source(path: &[u8]) -> Error {
    let shown = if path.is_empty() { "/".to_string() } else { path.escape_ascii().to_string() };
    Error::new(Code::SnapshotInvalid, format!("the source {shown} is empty: is it mounted?"))
        .with_hint("`--allow-empty` makes a snapshot of it all the same")
}
