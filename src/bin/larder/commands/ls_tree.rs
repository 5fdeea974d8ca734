//! `larder ls-tree`: the entries of a stored directory.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::git_quoted;
use larder::context::Names;
use larder::error::{Code, Error, Result};
use larder::id::{Id, unhex};
use larder::object::Kind;
use larder::repo::Repo;
use larder::stored::{Descend, walk_tree};
use larder::tree::{Entry, EntryKind};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `larder ls-tree`.
#[derive(clap::Args)]
pub struct LsTree {
    /// Go into directories, and list what is not a directory
    #[arg(short = 'r')]
    recursive: bool,

    /// With -r: list the directories too, each before what is in it
    #[arg(short = 't')]
    trees: bool,

    /// List directories only
    #[arg(short = 'd', conflicts_with = "trees")]
    only_trees: bool,

    /// Print the size before the name, `-` for what has none
    #[arg(short = 'l', long = "long")]
    long: bool,

    /// End lines with a NUL byte, and quote no names
    #[arg(short = 'z')]
    nul: bool,

    /// Print names only
    #[arg(long, conflicts_with_all = ["long", "format"])]
    name_only: bool,

    /// Print this for each entry: %(objectmode) %(objecttype) %(objectname) %(objectsize) %(path), and more
    #[arg(long, value_name = "FORMAT", value_parser = Format::parse, conflicts_with = "long")]
    format: Option<Format>,

    /// A tree's id, a snapshot, or SNAPSHOT:PATH
    #[arg(value_name = "TREE")]
    tree: OsString,
}

/// What a line is when the user does not say.
const FORMAT: &str = "%(objectmode) %(objecttype) %(objectname)\t%(path)";
/// The same with -l.
const FORMAT_LONG: &str = "%(objectmode) %(objecttype) %(objectname) %(objectsize)\t%(path)";

impl Subcommand for LsTree {
    const NAME: &'static str = "ls-tree";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "List the entries of a stored directory";
    const MANUAL: Manual = Manual {
        description: "One line for each entry, in bytewise order of names: the mode in octal with the bits of the type, \
            the type, the id of the content, a tab, and the path below TREE. What has no content has `-` for its id. \
            Types are file, dir, symlink, fifo, socket, chardev and blockdev. A name with control \
            characters, a quote, a backslash or bytes that are no UTF-8 is quoted as git does.\n\n\
            --format knows %(objectmode), %(objecttype), %(objectname), %(objectsize), %(path), %(uid), %(gid), \
            %(owner), %(group), %(mtime) in Unix seconds, %(mtimens), %(target) of a symlink, %(device), %(linked), \
            %xNN for a byte in hexadecimal, %n for a newline and %% for a percent sign.",
        examples: &[
            ("larder ls-tree latest:", "Lists the root of the latest snapshot."),
            ("larder ls-tree -r -l latest:home", "Lists every file below /home with its size."),
            (
                "larder ls-tree -r --format '%(objectname)' latest: | sort | uniq -d",
                "Prints content that occurs twice.",
            ),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let format = match self.format {
            Some(format) => format,
            None if self.name_only => Format::parse("%(path)")?,
            None => Format::parse(if self.long { FORMAT_LONG } else { FORMAT })?,
        };
        let repo = session.repo()?;
        let named = Names::new(&repo).find(self.tree.as_bytes())?;
        let tree = named.object()?;
        check_tree(&repo, &tree)?;
        let printer = Printer { format, nul: self.nul };
        let mut closed = Ok(());
        walk_tree(&repo, &tree, &mut |path, entry| {
            let is_listed = match (entry.is_directory(), self.recursive) {
                (true, true) => self.trees || self.only_trees,
                (true, false) => true,
                (false, _) => !self.only_trees,
            };
            if is_listed {
                closed = match session.ui.is_json() {
                    true => session.ui.json(&super::ls::json_of(path.strip_prefix(b"/").unwrap_or(path), entry)),
                    false => session.ui.bytes(&printer.line(path, entry)),
                };
            }
            Ok(match (&closed, self.recursive) {
                (Err(_), _) => Descend::Stop,
                (_, true) => Descend::Into,
                _ => Descend::Over,
            })
        })?;
        closed?;
        Ok(Exit::DONE)
    }
}

/// Lists a tree as `ls-tree` without options does.
pub fn print_tree(session: &Session, repo: &Repo, tree: &Id) -> anyhow::Result<()> {
    let printer = Printer { format: Format::parse(FORMAT)?, nul: false };
    let mut closed = Ok(());
    walk_tree(repo, tree, &mut |path, entry| {
        closed = session.ui.bytes(&printer.line(path, entry));
        Ok(if closed.is_ok() { Descend::Over } else { Descend::Stop })
    })?;
    closed
}

/// The line that `ls-tree` without options prints of an entry.
pub fn plain_line(path: &[u8], entry: &Entry) -> Result<Vec<u8>> {
    Ok(Printer { format: Format::parse(FORMAT)?, nul: false }.line(path, entry))
}

/// That an object is a tree. What it was stored as is a hint only, but one that names the mistake.
pub fn check_tree(repo: &Repo, id: &Id) -> Result<()> {
    match repo.find(id)? {
        Some(info) if matches!(info.kind, Kind::Tree | Kind::None) => Ok(()),
        Some(info) => {
            Err(Error::new(Code::InvalidArg, format!("{id} is a {}, not the tree of a directory", info.kind.name())))
        }
        None => Err(Error::new(Code::ChunkNotFound, format!("the tree {id} is not here"))),
    }
}

struct Printer {
    format: Format,
    nul: bool,
}

impl Printer {
    /// `path` begins with a slash, which is not printed.
    fn line(&self, path: &[u8], entry: &Entry) -> Vec<u8> {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let mut line = Vec::with_capacity(path.len() + 96);
        for part in &self.format.0 {
            match part {
                Part::Text(text) => line.extend_from_slice(text),
                Part::Field(field) => field.write(&mut line, path, entry, self.nul),
            }
        }
        line.push(if self.nul { 0 } else { b'\n' });
        line
    }
}

/// What a line is made of.
#[derive(Clone, Debug)]
struct Format(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(Vec<u8>),
    Field(Field),
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Mode,
    Type,
    Name,
    Size,
    Path,
    Uid,
    Gid,
    Owner,
    Group,
    Mtime,
    MtimeNanoseconds,
    Target,
    Device,
    Linked,
}

/// Every field under its name.
const FIELDS: [(&str, Field); 14] = [
    ("objectmode", Field::Mode),
    ("objecttype", Field::Type),
    ("objectname", Field::Name),
    ("objectsize", Field::Size),
    ("path", Field::Path),
    ("uid", Field::Uid),
    ("gid", Field::Gid),
    ("owner", Field::Owner),
    ("group", Field::Group),
    ("mtime", Field::Mtime),
    ("mtimens", Field::MtimeNanoseconds),
    ("target", Field::Target),
    ("device", Field::Device),
    ("linked", Field::Linked),
];

impl Format {
    fn parse(text: &str) -> Result<Format> {
        let bad =
            |what: &str| Error::new(Code::InvalidArg, format!("`{}` in the format means nothing", what.escape_debug()));
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find('%') {
            let (before, after) = rest.split_at(at);
            parts.push(Part::Text(before.into()));
            let after = &after[1..];
            rest = if let Some(named) = after.strip_prefix('(') {
                let (name, rest) = named.split_once(')').ok_or_else(|| bad(after))?;
                let field = FIELDS.iter().find(|(known, _)| *known == name).ok_or_else(|| bad(name))?;
                parts.push(Part::Field(field.1));
                rest
            } else if let Some(hex) = after.strip_prefix('x') {
                let mut byte = [0];
                let digits = hex.get(..2).filter(|digits| unhex(digits, &mut byte)).ok_or_else(|| bad(after))?;
                parts.push(Part::Text(byte.to_vec()));
                &hex[digits.len()..]
            } else if let Some(rest) = after.strip_prefix('n') {
                parts.push(Part::Text(b"\n".to_vec()));
                rest
            } else {
                parts.push(Part::Text(b"%".to_vec()));
                after.strip_prefix('%').ok_or_else(|| bad("%"))?
            };
        }
        parts.push(Part::Text(rest.into()));
        Ok(Format(parts))
    }
}

impl Field {
    fn write(self, line: &mut Vec<u8>, path: &[u8], entry: &Entry, is_raw: bool) {
        let meta = entry.meta.as_ref();
        let number = |value: Option<u64>| value.map_or("-".to_string(), |value| value.to_string());
        let text = match self {
            Field::Path | Field::Target => {
                let bytes = if matches!(self, Field::Path) { path } else { &entry.target };
                return line.extend(if is_raw { bytes.to_vec() } else { git_quoted(bytes) });
            }
            Field::Mode => format!("{:06o}", mode_of(entry)),
            Field::Type => entry.kind.name().to_string(),
            Field::Name => match (entry.content, entry.kind) {
                (Some(id), _) => id.to_hex(),
                (None, EntryKind::File) => Id::EMPTY.to_hex(),
                _ => "-".to_string(),
            },
            Field::Size => number((entry.kind == EntryKind::File).then_some(entry.size)),
            Field::Uid => number(meta.map(|meta| meta.uid.into())),
            Field::Gid => number(meta.map(|meta| meta.gid.into())),
            Field::Owner => meta.and_then(|meta| meta.owner.as_deref()).unwrap_or("-").to_string(),
            Field::Group => meta.and_then(|meta| meta.group.as_deref()).unwrap_or("-").to_string(),
            Field::Mtime => meta.map_or("-".to_string(), |meta| meta.mtime.seconds.to_string()),
            Field::MtimeNanoseconds => number(meta.map(|meta| meta.mtime.nanoseconds.into())),
            Field::Device => entry.device.map_or("-".to_string(), |(major, minor)| format!("{major},{minor}")),
            Field::Linked => u8::from(entry.linked).to_string(),
        };
        line.extend_from_slice(text.as_bytes());
    }
}

/// Type and permissions as the system has them; of the portable profile, those that git would say.
pub fn mode_of(entry: &Entry) -> u32 {
    let (kind, portable) = match entry.kind {
        EntryKind::File => (0o100_000, if entry.executable { 0o755 } else { 0o644 }),
        EntryKind::Directory => (0o040_000, 0),
        EntryKind::Symlink => (0o120_000, 0),
        EntryKind::Fifo => (0o010_000, 0o644),
        EntryKind::Socket => (0o140_000, 0o644),
        EntryKind::CharDevice => (0o020_000, 0o644),
        EntryKind::BlockDevice => (0o060_000, 0o644),
    };
    kind | entry.meta.as_ref().map_or(portable, |meta| meta.mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let mut entry = Entry::new(b"n".to_vec(), EntryKind::File);
        entry.executable = true;
        let line = |format: &str| {
            let printer = Printer { format: Format::parse(format).expect(format), nul: false };
            String::from_utf8(printer.line(b"/d/a\nb", &entry)).expect("text")
        };
        assert_eq!(line("%(objectmode)%%%x41%(path)%n|"), "100755%A\"d/a\\nb\"\n|\n");
        assert_eq!(line("%(uid) %(objectsize)"), "- 0\n");
        for bad in ["%", "%(path", "%(nothing)", "%x4", "%xzz", "%q"] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
    }
}
