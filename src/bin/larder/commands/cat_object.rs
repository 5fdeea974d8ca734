//! `larder cat-object`: what an object holds.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::json_path;
use larder::context::Names;
use larder::error::{Class, Code, Error, Result};
use larder::id::Id;
use larder::object::Kind;
use larder::repo::{ObjectInfo, Repo};
use serde_json::json;
use std::ffi::OsString;
use std::io::{BufReader, Stdin};
use std::os::unix::ffi::OsStrExt;

/// Objects up to this size are checked whole before their first byte is written.
const WHOLE_BYTES_MAX: u64 = 8 << 20;
/// More than the standard input keeps itself, so that an empty buffer means that reading would wait.
const INPUT_BYTES: usize = 64 << 10;

/// Arguments of `larder cat-object`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("mode").multiple(false))]
pub struct CatObject {
    /// Print the kind
    #[arg(short = 't', group = "mode")]
    kind: bool,

    /// Print the size in bytes
    #[arg(short = 's', group = "mode")]
    size: bool,

    /// Print nothing: exit 1 if it is not there
    #[arg(short = 'e', group = "mode")]
    exists: bool,

    /// Print it for people: a tree as ls-tree lists it, anything else as it is
    #[arg(short = 'p', group = "mode")]
    pretty: bool,

    /// For each name on standard input, print id, kind and size, then the content
    #[arg(long, group = "mode", conflicts_with = "object")]
    batch: bool,

    /// For each name on standard input, print id, kind and size
    #[arg(long, group = "mode", conflicts_with = "object")]
    batch_check: bool,

    /// With --batch and --batch-check: names end with a NUL byte instead of a newline
    #[arg(short = 'z')]
    nul: bool,

    /// An id, or SNAPSHOT:PATH
    #[arg(value_name = "OBJECT", required_unless_present_any = ["batch", "batch_check"])]
    object: Option<OsString>,
}

impl Subcommand for CatObject {
    const NAME: &'static str = "cat-object";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Print an object, its kind or its size";
    const MANUAL: Manual = Manual {
        description: "Without an option, prints the content as it is. Every byte is checked. An object is named by its \
            id, or as resolve names it: latest:etc/passwd. Of a snapshot, its root tree is meant.\n\n\
            --batch and --batch-check answer a line of id, kind and size for each name, with a space between them. \
            With --batch the content and a newline follow. For a name that is not found, the line is the name, a space \
            and `missing`; for an ambiguous one, `ambiguous`.",
        examples: &[
            ("larder cat-object -p latest:etc/passwd", "Prints a file of the latest snapshot."),
            ("larder list-objects | larder cat-object --batch-check", "Prints kind and size of every object."),
            ("larder cat-object -e \"$id\" || echo gone", "Asks whether an object is there."),
        ],
        exits: &[(1, "With -e: the object is not there.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if let Some(Err(error)) = self.object.as_ref().map(|name| check_name(name.as_bytes())) {
            return Err(error.into());
        }
        let repo = session.repo()?;
        let names = Names::new(&repo);
        if self.batch || self.batch_check {
            return self.run_batch(session, &repo, &names);
        }
        let name = self.object.as_deref().unwrap_or_default();
        let found = names.find(name.as_bytes()).and_then(|named| named.object());
        let id = match found {
            Err(error) if self.exists && error.class() == Class::NotFound => return Ok(Exit::NEGATIVE),
            found => found?,
        };
        let Some(info) = repo.find(&id)? else {
            return Err(Error::new(Code::ChunkNotFound, format!("the object {id} is not here")).into());
        };
        if (self.kind || self.size) && session.ui.is_json() {
            session.ui.json(&about(&id, &info))?;
        } else if self.kind {
            session.ui.line(&info.kind.name())?;
        } else if self.size {
            session.ui.line(&info.len.to_string())?;
        } else if self.pretty && info.kind == Kind::Tree {
            super::ls_tree::print_tree(session, &repo, &id)?;
        } else if !self.exists {
            print(session, &repo, &id, info)?;
        }
        Ok(Exit::DONE)
    }
}

impl CatObject {
    fn run_batch(&self, session: &Session, repo: &Repo, names: &Names<'_>) -> anyhow::Result<Exit> {
        let mut input = BufReader::with_capacity(INPUT_BYTES, std::io::stdin());
        while let Some(name) = super::next_entry(&mut input, self.nul)? {
            let name = name.as_bytes();
            match find(repo, names, name) {
                Ok((id, info)) => {
                    match session.ui.is_json() {
                        true => session.ui.json(&about(&id, &info))?,
                        false => session.ui.line(&format!("{id} {} {}", info.kind.name(), info.len))?,
                    }
                    if self.batch {
                        print(session, repo, &id, info)?;
                        session.ui.bytes(b"\n")?;
                    }
                }
                Err(error) => {
                    let word = match error.class() {
                        Class::NotFound => "missing",
                        Class::Usage => "ambiguous",
                        _ => return Err(error.into()),
                    };
                    if session.ui.is_json() {
                        let mut value = json_path("name", name);
                        value["type"] = word.into();
                        session.ui.json(&value)?;
                    } else {
                        session.ui.bytes(&[name, b" ", word.as_bytes(), b"\n"].concat())?;
                    }
                }
            }
            flush_before_waiting(session, &input)?;
        }
        Ok(Exit::DONE)
    }
}

/// Whoever asks one question at a time gets each answer at once; whoever asks many gets them in large writes.
fn flush_before_waiting(session: &Session, input: &BufReader<Stdin>) -> anyhow::Result<()> {
    if input.buffer().is_empty() { session.ui.flush() } else { Ok(()) }
}

fn find(repo: &Repo, names: &Names<'_>, name: &[u8]) -> Result<(Id, ObjectInfo)> {
    if name.is_empty() {
        return Err(Error::new(Code::FileNotFound, "an empty name names nothing"));
    }
    let id = names.find(name)?.object()?;
    let missing = || Error::new(Code::FileNotFound, format!("the object {id} is not here"));
    repo.find(&id)?.map(|info| (id, info)).ok_or_else(missing)
}

/// What programs are told of an object, beside its content.
fn about(id: &Id, info: &ObjectInfo) -> serde_json::Value {
    json!({"type": "object", "id": id.to_hex(), "kind": info.kind.name(), "bytes": info.len})
}

/// A name that cannot be an id nor anything that resolve knows is told apart before a repository is opened.
fn check_name(name: &[u8]) -> Result<()> {
    let is_possible = name.len() >= 4 || name.contains(&b':');
    if is_possible { Ok(()) } else { String::from_utf8_lossy(name).parse::<Id>().map(|_| ()) }
}

fn print(session: &Session, repo: &Repo, id: &Id, info: ObjectInfo) -> anyhow::Result<()> {
    if info.len <= WHOLE_BYTES_MAX {
        return session.ui.bytes(&repo.read(id)?);
    }
    let mut closed = Ok(());
    let outcome = repo.stream(id, &mut |bytes| {
        closed = session.ui.bytes(bytes);
        if closed.is_ok() { Ok(()) } else { Err(Error::new(Code::FileIo, "the output is closed")) }
    });
    closed?;
    Ok(outcome?)
}
