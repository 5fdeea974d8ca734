//! `larder diff`: two snapshots, or a snapshot and a directory.

use super::ls::json_of as entry_json;
use super::view;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{escaped, json_path};
use larder::diff::{Counts, DiffItem, DiffOptions, DiffStats, Difference, diff_dir, diff_trees};
use larder::error::{Code, Error, IoContext};
use larder::stored::require;
use larder::units::format_size;
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Arguments of `larder diff`.
#[derive(clap::Args)]
pub struct Diff {
    /// The snapshot to compare from, and perhaps a path in it
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    before: OsString,

    /// The snapshot to compare with, or an existing directory (a path with a slash)
    #[arg(value_name = "SNAPSHOT[:PATH]|DIR", default_value = "latest")]
    after: OsString,

    /// Also tell of entries of which only metadata differs
    #[arg(long)]
    metadata: bool,

    /// Against a directory: read files even when size and time are equal
    #[arg(long)]
    content: bool,
}

impl Subcommand for Diff {
    const NAME: &'static str = "diff";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show what differs between snapshots, or from a directory";
    const MANUAL: Manual = Manual {
        description: "One line for each entry: + added, - removed, M modified, U only metadata, T another type. Equal \
            directories are skipped unread. The second name is a directory if it has a slash and no snapshot is \
            called so: write ./NAME for one beside you. If the first one has no path then, the same directory in the \
            snapshot is meant.",
        examples: &[
            ("larder diff latest~1 latest", "Shows what the last backup changed."),
            ("larder diff latest /home/ann", "Shows what changed on disk since."),
        ],
        exits: &[(0, "Nothing differs."), (1, "Something differs."), (3, "Something could not be read.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let snapshots = view::load(session, &repo)?;
        let before = snapshots.resolve(self.before.as_bytes())?;
        let after = snapshots.resolve(self.after.as_bytes());
        let is_dir = after.is_err() && self.after.as_bytes().contains(&b'/');
        let path = match &before.path {
            Some(path) => rooted(path),
            // The same directory in the snapshot.
            None if is_dir => {
                Path::new(&self.after).canonicalize().at("find", &self.after)?.into_os_string().into_vec()
            }
            None => Vec::new(),
        };
        let path = path.strip_suffix(b"/").unwrap_or(&path);
        let old = require(&repo, &before.snapshot.body.tree, path)?;
        let mut options = DiffOptions { metadata: self.metadata, content: self.content, sources: Vec::new() };
        let mut failed = None;
        let stats = {
            let progress = session.ui.progress("comparing");
            let mut each = |item: &DiffItem<'_>| show(session, item).map_err(|error| stop(error, &mut failed));
            match after {
                Ok(after) => {
                    let other = after.path.clone().unwrap_or_default();
                    let new = require(&repo, &after.snapshot.body.tree, &other)?;
                    diff_trees(&repo, &old, &new, path, &options, &progress, &mut each)
                }
                Err(_) if is_dir => {
                    options.sources = before.snapshot.body.paths.clone();
                    let dir = PathBuf::from(&self.after);
                    diff_dir(&repo, &old, path, &dir, &options, &progress, &mut each)
                }
                Err(error) if Path::new(&self.after).exists() => {
                    let hint = format!("`./{}` is the one on disk", Path::new(&self.after).display());
                    Err(error.with_hint(hint))
                }
                Err(error) => Err(error),
            }
        };
        if let Some(error) = failed {
            return Err(error);
        }
        let stats = stats?;
        report(session, &stats)?;
        Ok(match (stats.errors, stats.is_empty()) {
            (0, true) => Exit::DONE,
            (0, false) => Exit::NEGATIVE,
            _ => Exit::PARTIAL,
        })
    }
}

fn rooted(path: &[u8]) -> Vec<u8> {
    if path.is_empty() || path.starts_with(b"/") { path.to_vec() } else { [b"/", path].concat() }
}

/// Keeps why the answer could not be written; the engine only learns that it has to end.
fn stop(error: anyhow::Error, failed: &mut Option<anyhow::Error>) -> Error {
    *failed = Some(error);
    Error::new(Code::FileIo, "the answer could not be written")
}

fn show(session: &Session, item: &DiffItem<'_>) -> anyhow::Result<()> {
    if session.ui.is_json() {
        let mut value = json_path("path", item.path);
        value["type"] = json!("difference");
        value["difference"] = json!(item.difference.letter().to_string());
        for (key, entry) in [("before", item.before), ("after", item.after)] {
            if let Some(entry) = entry {
                value[key] = entry_json(item.path, entry);
            }
        }
        return session.ui.json(&value);
    }
    let letter = item.difference.letter().to_string();
    let paint = session.ui.paint();
    let letter = match item.difference {
        Difference::Added => paint.good(&letter),
        Difference::Removed => paint.bad(&letter),
        _ => paint.doubtful(&letter),
    };
    session.ui.line(&format!("{letter} {}", escaped(item.path)))
}

fn report(session: &Session, stats: &DiffStats) -> anyhow::Result<()> {
    if session.ui.is_json() {
        let counts = |counts: &Counts| json!({"files": counts.files, "directories": counts.directories, "others": counts.others, "bytes": counts.bytes});
        return session.ui.json(
            &json!({"type": "summary", "added": counts(&stats.added), "removed": counts(&stats.removed),
            "modified": counts(&stats.modified), "metadata": counts(&stats.metadata), "types": stats.types,
            "errors": stats.errors}),
        );
    }
    for (name, counts) in [("added", stats.added), ("removed", stats.removed), ("modified", stats.modified)] {
        let others = counts.directories + counts.others;
        if counts.files + others > 0 {
            let size = format_size(counts.bytes);
            session.ui.status(&format!("{name:<9}{} files, {others} others, {size}", counts.files));
        }
    }
    Ok(())
}
