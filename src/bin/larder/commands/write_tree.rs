//! `larder write-tree`: directories stored, without a snapshot.

use super::excludes::ExcludeArgs;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::backup::{BackupOptions, FLUSH_BYTES, write_tree};
use larder::error::{Code, Error};
use larder::repo::Repo;
use larder::run::pattern::{Pattern, resolve};
use larder::run::portable::{CaptureOptions, WorkTree, capture};
use serde_json::json;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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

    /// Store what a result of a task has: names, types, contents and executable bits, at paths relative to --root
    #[arg(long, help_heading = None, conflicts_with_all = ["links", "allow_empty", "force"])]
    portable: bool,

    /// With --portable: the directory that the tree stands for [default: the current one]
    #[arg(long, value_name = "DIR", help_heading = None, requires = "portable",
        value_hint = clap::ValueHint::DirPath)]
    root: Option<PathBuf>,

    /// With --portable: store links that lead out of the root
    #[arg(long, help_heading = None, requires = "portable")]
    external_links: bool,

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
            An item that cannot be read is reported and the rest is stored.\n\n\
            With --portable the tree is what `larder run` keeps of a task's outputs: the same files make the same id on \
            every machine. Paths are relative to --root, one that is not there is an error, and what a result cannot \
            have (devices, pipes, set-id files, links that lead out) is reported and left out. restore-tree brings it \
            back. Rules that leave things out do not apply and are refused.",
        examples: &[
            ("tree=$(larder write-tree ~/notes)", "Stores a directory."),
            (
                "larder lock -- sh -c 'larder write-snapshot --path ~/notes $(larder write-tree ~/notes)'",
                "Makes a snapshot of it, as backup does.",
            ),
            ("larder write-tree --portable --root . out/prog", "Stores an output as `larder run` does."),
        ],
        exits: &[(3, "Some items could not be read and are not in the tree.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let writer = session.writer_options()?;
        if self.portable {
            return self.store_portable(session, &repo);
        }
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

impl WriteTree {
    /// Stores outputs as `larder run` does, but leaves their modes alone.
    fn store_portable(&self, session: &Session, repo: &Repo) -> anyhow::Result<Exit> {
        if self.excludes.is_given() {
            return Err(Error::new(Code::InvalidArg, "--portable stores what is named, whole")
                .with_hint("leave out the options that exclude, and name what is wanted")
                .into());
        }
        let tree = WorkTree::open(self.root.as_deref().unwrap_or(Path::new(".")))?;
        let outputs = self
            .sources
            .iter()
            .map(|path| resolve(path.as_os_str().as_bytes(), b"").map(Pattern::Path))
            .collect::<Result<Vec<Pattern>, Error>>()?;
        let options = CaptureOptions { external_links: self.external_links, keep_modes: true };
        let writer = repo.writer(&session.writer_options()?)?;
        let captured = capture(Some(&mut writer.putter()), &tree, &outputs, &options)?;
        if let Some(path) = captured.missing.first() {
            let message = format!("{} does not exist", tree.on_disk(path).display());
            return Err(Error::new(Code::FileNotFound, message).into());
        }
        writer.finish()?;
        for (path, why) in &captured.refused {
            session.ui.warn(&format!("{}: {why}", tree.on_disk(path).display()));
        }
        let id = captured.tree.id.to_hex();
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "tree", "id": id, "links": null, "errors": captured.refused.len()}))?;
        } else {
            session.ui.line(&id)?;
        }
        Ok(if captured.refused.is_empty() { Exit::DONE } else { Exit::PARTIAL })
    }
}
