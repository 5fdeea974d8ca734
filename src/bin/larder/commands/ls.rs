//! `larder ls`: what a snapshot holds, for people.

use super::{Exit, Layer, Manual, Need, Subcommand, ls_tree};
use crate::session::Session;
use crate::ui::{escaped, json_path, local_time, utc_time};
use larder::context::{Named, Names};
use larder::id::Id;
use larder::repo::Repo;
use larder::stored::{Descend, Visitor, walk};
use larder::tree::{Entry, EntryKind};
use larder::units::format_size;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `larder ls`.
#[derive(clap::Args)]
pub struct Ls {
    /// Show mode, owner, size and time
    #[arg(short = 'l', long)]
    long: bool,

    /// List everything below, too
    #[arg(short = 'r', visible_short_alias = 'R', long)]
    recursive: bool,

    /// A snapshot, or SNAPSHOT:PATH
    #[arg(value_name = "SNAPSHOT[:PATH]", default_value = "latest")]
    name: OsString,
}

impl Subcommand for Ls {
    const NAME: &'static str = "ls";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "List the files of a snapshot";
    const MANUAL: Manual = Manual {
        description: "Names in bytewise order. ls-tree has a frozen format for scripts.",
        examples: &[
            ("larder ls latest:/etc", "Lists a directory of the newest snapshot."),
            ("larder ls -lr 4f2a:/home/me", "Lists a directory and all below it, with sizes."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let named = Names::new(&repo).find(self.name.as_bytes())?;
        let listing = Listing { session, repo: &repo, is_long: self.long, is_recursive: self.recursive };
        match &named {
            Named::Entry { path, entry, .. } if !entry.is_directory() => listing.entry(path, entry)?,
            Named::Entry { path, entry, .. } => listing.below(path, entry)?,
            _ => {
                let tree = named.object()?;
                ls_tree::check_tree(&repo, &tree)?;
                listing.tree(&tree)?;
            }
        }
        Ok(Exit::DONE)
    }
}

/// How entries are printed.
pub struct Listing<'a> {
    /// The terminal.
    pub session: &'a Session,
    /// The repository.
    pub repo: &'a Repo,
    /// With mode, owner, size and time.
    pub is_long: bool,
    /// With everything below.
    pub is_recursive: bool,
}

impl Listing<'_> {
    /// Prints one entry.
    pub fn entry(&self, path: &[u8], entry: &Entry) -> anyhow::Result<()> {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        if self.session.ui.is_json() {
            return self.session.ui.json(&json_of(path, entry));
        }
        let name = self.painted(path, entry);
        if !self.is_long {
            return self.session.ui.line(&name);
        }
        self.session.ui.line(&long_line(entry, &name))
    }

    /// Prints what is in a directory.
    pub fn below(&self, path: &[u8], entry: &Entry) -> anyhow::Result<()> {
        let Some(tree) = entry.content.filter(|_| entry.is_directory()) else { return Ok(()) };
        let mut visitor = Printing { listing: self, depth: path.len(), outcome: Ok(()) };
        walk(self.repo, &tree, b"", &mut visitor)?;
        visitor.outcome
    }

    /// Prints what is in a tree.
    pub fn tree(&self, tree: &Id) -> anyhow::Result<()> {
        let mut root = Entry::new(Vec::new(), EntryKind::Directory);
        root.content = Some(*tree);
        self.below(b"", &root)
    }

    fn painted(&self, path: &[u8], entry: &Entry) -> String {
        let (name, paint) = (escaped(path), self.session.ui.paint());
        match entry.kind {
            EntryKind::Directory => format!("{}/", paint.name(&name)),
            EntryKind::Symlink if self.is_long => format!("{name} -> {}", escaped(&entry.target)),
            _ => name,
        }
    }
}

struct Printing<'a, 'l> {
    listing: &'a Listing<'l>,
    depth: usize,
    outcome: anyhow::Result<()>,
}

impl Visitor for Printing<'_, '_> {
    fn entry(&mut self, path: &[u8], entry: &Entry) -> larder::error::Result<Descend> {
        self.outcome = self.listing.entry(path, entry);
        Ok(match (&self.outcome, self.listing.is_recursive) {
            (Err(_), _) => Descend::Stop,
            (_, true) => Descend::Into,
            _ => Descend::Over,
        })
    }

    fn broken(&mut self, path: &[u8], error: larder::error::Error) -> larder::error::Result<()> {
        // What is above a damaged directory and beside it can still be listed; the first directory is all there is.
        if path.len() <= self.depth {
            return Err(error);
        }
        self.listing.session.ui.item_failed(path, &error);
        Ok(())
    }
}

/// Mode, owner, size and time before a name.
pub fn long_line(entry: &Entry, name: &str) -> String {
    let size = match (entry.kind, entry.device) {
        (_, Some((major, minor))) => format!("{major}, {minor}"),
        (EntryKind::File, _) => format_size(entry.size),
        _ => String::new(),
    };
    // What a run left has neither owner nor time.
    let Some(meta) = &entry.meta else { return format!("{} {size:>11} {name}", mode_text(entry)) };
    let owner = meta.owner.as_deref().map_or(meta.uid.to_string(), str::to_string);
    let group = meta.group.as_deref().map_or(meta.gid.to_string(), str::to_string);
    format!("{} {owner:<8} {group:<8} {size:>11} {} {name}", mode_text(entry), local_time(meta.mtime))
}

/// An entry for programs.
pub fn json_of(path: &[u8], entry: &Entry) -> serde_json::Value {
    let mut value = json_path("path", path);
    value["type"] = "entry".into();
    value["kind"] = entry.kind.name().into();
    value["mode"] = format!("{:06o}", ls_tree::mode_of(entry)).into();
    value["id"] = entry.content.map(|id| id.to_hex()).into();
    if entry.kind == EntryKind::File {
        value["bytes"] = entry.size.into();
    }
    if entry.kind == EntryKind::Symlink {
        value["target"] = String::from_utf8_lossy(&entry.target).into();
    }
    if let Some(meta) = &entry.meta {
        value["uid"] = meta.uid.into();
        value["gid"] = meta.gid.into();
        value["owner"] = meta.owner.as_deref().into();
        value["group"] = meta.group.as_deref().into();
        value["mtime"] = utc_time(meta.mtime).into();
    }
    value
}

/// `drwxr-xr-x`, as `ls -l` writes it.
fn mode_text(entry: &Entry) -> String {
    let mode = ls_tree::mode_of(entry);
    let kind = match entry.kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Fifo => 'p',
        EntryKind::Socket => 's',
        EntryKind::CharDevice => 'c',
        EntryKind::BlockDevice => 'b',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}
