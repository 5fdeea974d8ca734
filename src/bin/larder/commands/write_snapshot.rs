//! `larder write-snapshot`: a tree becomes a snapshot.

use super::{Exit, Layer, Manual, Need, Subcommand, ls_tree};
use crate::session::Session;
use larder::clock::{self, Time};
use larder::config;
use larder::context::Names;
use larder::error::{Code, Error, Result};
use larder::id::Id;
use larder::object::Kind;
use larder::repo::records::SNAPSHOT;
use larder::snapshot::{SnapshotBody, check_host, check_tag};
use larder::stored::summary;
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Arguments of `larder write-snapshot`.
#[derive(clap::Args)]
pub struct WriteSnapshot {
    /// A source that the tree holds: an absolute path; may be given several times
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    path: Vec<PathBuf>,

    /// The object that lists hard links, as write-tree --links prints it; `-` is none
    #[arg(long, value_name = "ID", value_parser = links)]
    links: Option<Links>,

    /// The snapshot that this one follows
    #[arg(long, value_name = "SNAPSHOT")]
    parent: Option<OsString>,

    /// A tag; may be given several times
    #[arg(long, value_name = "TAG[,TAG]", value_delimiter = ',')]
    tag: Vec<String>,

    /// The machine's name; otherwise this machine's
    #[arg(long, value_name = "NAME")]
    host: Option<String>,

    /// The time that the snapshot claims, such as 2026-11-21T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = super::time::parse)]
    time: Option<Time>,

    /// The root tree: an id, or SNAPSHOT: for that of another snapshot
    #[arg(value_name = "TREE")]
    tree: OsString,
}

impl Subcommand for WriteSnapshot {
    const NAME: &'static str = "write-snapshot";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Make a snapshot of a stored tree";
    const MANUAL: Manual = Manual {
        description: "Prints the id of the snapshot, which keeps the tree and all that it reaches. The tree mirrors \
            absolute paths, as write-tree makes it.",
        examples: &[
            ("larder write-snapshot --path ~/notes --tag daily \"$tree\"", "Makes a snapshot of a tree."),
            ("larder write-snapshot --tag keep latest:", "Makes another snapshot of what the newest one holds."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        self.tag.iter().try_for_each(|tag| check_tag(tag))?;
        self.host.iter().try_for_each(|host| check_host(host))?;
        super::time::warn_of_future(session, self.time);
        let repo = session.repo()?;
        let names = Names::new(&repo);
        let tree = names.find(self.tree.as_bytes())?.object()?;
        ls_tree::check_tree(&repo, &tree)?;
        let links = self.links.and_then(|links| links.0);
        if let Some(id) = links.filter(|id| !matches!(repo.find(id), Ok(Some(info)) if info.kind == Kind::Links)) {
            return Err(Error::new(Code::InvalidArg, format!("{id} is not a list of hard links that is here")).into());
        }
        let mut body = SnapshotBody::new(tree);
        body.parent = match &self.parent {
            Some(name) => Some(names.snapshots()?.resolve(name.as_bytes())?.snapshot.id),
            None => None,
        };
        let now = clock::now();
        body.paths = self.path.iter().map(|path| absolute(path)).collect::<Result<_>>()?;
        body.links = links;
        body.host = self.host.unwrap_or_else(larder::fs::host_name);
        body.user = config::user_name();
        body.start = self.time.unwrap_or(now);
        body.end = self.time.unwrap_or(now);
        body.tags = self.tag;
        body.tags.sort();
        body.tags.dedup();
        body.program = super::version_line();
        body.stats.total_bytes = summary(&repo, &tree)?.bytes;
        let writer = session.writer(&repo)?;
        let id = writer.publish(SNAPSHOT, &body.encode())?;
        writer.finish()?;
        super::view::remember_names(&repo);
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "snapshot", "id": id.to_hex(), "tree": tree.to_hex()}))?;
        } else {
            session.ui.line(&id.to_hex())?;
        }
        Ok(Exit::DONE)
    }
}

/// An id, or none.
#[derive(Clone, Copy, Debug)]
struct Links(Option<Id>);

fn links(text: &str) -> Result<Links> {
    if text == "-" { Ok(Links(None)) } else { text.parse().map(|id| Links(Some(id))) }
}

/// Snapshots name their sources by absolute paths, without a slash at the end.
fn absolute(path: &Path) -> Result<Vec<u8>> {
    if !path.is_absolute() {
        return Err(Error::new(Code::InvalidArg, format!("{} is not an absolute path", path.display())));
    }
    let path: PathBuf = path.components().collect();
    Ok(path.as_os_str().as_bytes().to_vec())
}
