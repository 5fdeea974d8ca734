//! `larder write-tree`: directories stored, without a snapshot.

use super::excludes::ExcludeArgs;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::backup::{BackupOptions, FLUSH_BYTES, write_tree};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `larder write-tree`.
#[derive(clap::Args)]
pub struct WriteTree {
    #[command(flatten)]
    excludes: ExcludeArgs,

    /// Print the id of the object that lists hard links on a second line, or `-` if there are none
    #[arg(long, help_heading = None)]
    links: bool,

    /// Store sources even if one is missing or empty
    #[arg(long, help_heading = None)]
    allow_empty: bool,

    /// Read every file, even those that look unchanged
    #[arg(short = 'f', long, help_heading = None)]
    force: bool,

    /// Directories and files to store
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath, required = true)]
    sources: Vec<PathBuf>,
}

impl Subcommand for WriteTree {
    const NAME: &'static str = "write-tree";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Store directories and files as a tree";
    const MANUAL: Manual = Manual {
        description: "Prints the id of the root tree, which mirrors the absolute paths of what was stored: it is the \
            tree that backup makes. Nothing keeps it until a snapshot does; gc removes it. To be safe from a gc in \
            between, hold the lock around both steps.\n\n\
            An item that cannot be read is reported and the rest is stored.",
        examples: &[
            ("tree=$(larder write-tree ~/notes)", "Stores a directory."),
            (
                "larder lock -- sh -c 'larder write-snapshot --path ~/notes $(larder write-tree ~/notes)'",
                "Makes a snapshot of it, as backup does.",
            ),
        ],
        exits: &[(3, "Some items could not be read and are not in the tree.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let writer = session.writer_options()?;
        let options = BackupOptions {
            excludes: self.excludes.options(),
            listed: Vec::new(),
            host: String::new(),
            user: String::new(),
            time: None,
            tags: Vec::new(),
            allow_empty: self.allow_empty,
            fail_fast: false,
            dry_run: false,
            skip_if_unchanged: false,
            ignore_state: self.force,
            report_unmodified: false,
            birth_times: false,
            git: false,
            jobs: writer.jobs,
            flush_bytes: FLUSH_BYTES,
            writer,
        };
        let stored = write_tree(&repo, &self.sources, &options, &session.ui.progress("storing"))?;
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "tree", "id": stored.tree.to_hex(),
                "links": stored.links.map(|id| id.to_hex()), "errors": stored.stats.errors}))?;
        } else {
            session.ui.line(&stored.tree.to_hex())?;
        }
        if self.links && !session.ui.is_json() {
            session.ui.line(&stored.links.map_or("-".to_string(), |id| id.to_hex()))?;
        }
        Ok(if stored.stats.errors > 0 { Exit::PARTIAL } else { Exit::DONE })
    }
}
