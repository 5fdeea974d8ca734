//! `larder find`: files by name, size, time and type, in all snapshots at once.

use super::ls::{json_of as entry_json, long_line};
use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::escaped;
use larder::clock::Time;
use larder::error::{Code, Error};
use larder::find::{FindMatch, FindOptions, find};
use larder::id::Id;
use larder::snapshot::Snapshot;
use larder::tree::EntryKind;
use larder::units::parse_size;
use serde_json::json;
use std::ffi::OsString;

/// Arguments of `larder find`.
#[derive(clap::Args)]
pub struct Find {
    /// Globs; one with a slash is matched against the whole path, others against the name
    #[arg(value_name = "PATTERN")]
    patterns: Vec<OsString>,

    #[command(flatten)]
    filter: FilterArgs,

    /// Look only in this snapshot; may be given several times
    #[arg(short = 's', long, value_name = "SNAPSHOT")]
    snapshot: Vec<OsString>,

    /// Letters match in either case
    #[arg(short = 'i', long)]
    ignore_case: bool,

    /// Only entries of this type: file, dir, symlink, fifo, socket, chardev, blockdev
    #[arg(long, value_name = "TYPE", value_parser = parse_kind)]
    kind: Vec<EntryKind>,

    /// Modified after this time
    #[arg(long, value_name = "TIME", value_parser = super::time::parse)]
    newer: Option<Time>,

    /// Modified before this time
    #[arg(long, value_name = "TIME", value_parser = super::time::parse)]
    older: Option<Time>,

    /// Larger than this
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    larger: Option<u64>,

    /// Smaller than this
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    smaller: Option<u64>,

    /// Whose content is this object
    #[arg(long, value_name = "ID")]
    object: Vec<Id>,

    /// Mode, owner, size and time too
    #[arg(short = 'l', long)]
    long: bool,
}

impl Subcommand for Find {
    const NAME: &'static str = "find";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Find files in snapshots";
    const MANUAL: Manual = Manual {
        description: "Looks in all snapshots, or in those that the options choose. A path is told once for each state it \
            had, with the newest snapshot that has it so. Directories that snapshots share are read once.",
        examples: &[
            ("larder find '*.rs' --newer 2026-11-01T00:00:00Z", "Finds sources by time."),
            ("larder find --larger 1GiB -l", "Finds large files."),
            ("larder find '/etc/**/passwd' -s latest", "Finds by path in one snapshot."),
        ],
        exits: &[(1, "Nothing was found."), (3, "Some directories could not be read.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let snapshots = view::load(session, &repo)?;
        let filter = self.filter.filter();
        let chosen: Vec<&Snapshot> = if self.snapshot.is_empty() {
            snapshots.select(&filter).collect()
        } else {
            let names = self.snapshot.iter();
            names.map(|name| view::whole(&snapshots, name)).collect::<Result<_, Error>>()?
        };
        let trees: Vec<Id> = chosen.iter().map(|snapshot| snapshot.body.tree).collect();
        let mut failed = None;
        let outcome = {
            let progress = session.ui.progress("searching");
            find(&repo, &trees, &self.options(), &progress, &mut |found| {
                self.show(session, found, &chosen).map_err(|error| {
                    failed = Some(error);
                    Error::new(Code::FileIo, "the answer could not be written")
                })
            })
        };
        if let Some(error) = failed {
            return Err(error);
        }
        let stats = outcome?;
        Ok(match (stats.errors, stats.matches) {
            (0, _) if self.snapshot.is_empty() && !snapshots.damaged().is_empty() => view::outcome(&snapshots),
            (0, 0) => Exit::NEGATIVE,
            (0, _) => Exit::DONE,
            _ => Exit::PARTIAL,
        })
    }
}

impl Find {
    fn options(&self) -> FindOptions {
        FindOptions {
            patterns: view::patterns(&self.patterns),
            ignore_case: self.ignore_case,
            kinds: self.kind.clone(),
            newer: self.newer,
            older: self.older,
            larger: self.larger,
            smaller: self.smaller,
            objects: self.object.clone(),
        }
    }

    fn show(&self, session: &Session, found: &FindMatch<'_>, chosen: &[&Snapshot]) -> anyhow::Result<()> {
        let in_snapshots = || found.trees.iter().filter_map(|at| chosen.get(*at));
        if session.ui.is_json() {
            let mut value = entry_json(found.path, found.entry);
            value["type"] = json!("match");
            value["snapshots"] = json!(in_snapshots().map(|one| one.id.to_hex()).collect::<Vec<_>>());
            return session.ui.json(&value);
        }
        let newest = in_snapshots().next_back().map(|one| one.id.short()).unwrap_or_default();
        let path = escaped(found.path);
        let line = if self.long { long_line(found.entry, &path) } else { path };
        session.ui.line(&format!("{newest}  {line}"))
    }
}

fn parse_kind(text: &str) -> Result<EntryKind, String> {
    let kinds = (1..=7).filter_map(EntryKind::from_code);
    let names: Vec<EntryKind> = kinds.collect();
    let known = || names.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    names.iter().find(|kind| kind.name() == text).copied().ok_or_else(|| format!("it is none of {}", known()))
}
