//! `larder hash-object`: the id of content.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::json_path;
use larder::digest::{Algorithm, digest};
use larder::object::Kind;
use larder::objects::put_stream;
use larder::repo::{Putter, Writer};
use std::io::Read;
use std::path::{Path, PathBuf};

/// With -w, ids are printed after so many files,
const FLUSH_FILES: u64 = 10_000;
/// or so many bytes.
const FLUSH_BYTES: u64 = 256 << 20;

/// Arguments of `larder hash-object`.
#[derive(clap::Args)]
pub struct HashObject {
    /// Store the content in the repository
    #[arg(short = 'w')]
    write: bool,

    /// The kind to store it as: blob, tree, action, run, manifest or links
    #[arg(short = 't', value_name = "KIND", default_value = "blob", value_parser = Kind::parse, requires = "write")]
    kind: Kind,

    /// Read one object from standard input
    #[arg(long)]
    stdin: bool,

    /// Read the names of files from standard input, one a line
    #[arg(long, conflicts_with_all = ["stdin", "files"])]
    stdin_paths: bool,

    /// With --stdin-paths: names end with a NUL byte instead of a newline
    #[arg(short = 'z', requires = "stdin_paths")]
    nul: bool,

    /// The files
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath, required_unless_present_any = ["stdin", "stdin_paths"])]
    files: Vec<PathBuf>,
}

impl Subcommand for HashObject {
    const NAME: &'static str = "hash-object";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Print the id of content";
    const MANUAL: Manual = Manual {
        description: "The id of an object is the SHA-256 of its bytes: it is what sha256sum prints, whatever the size. \
            One line for each file, in the order given. No repository is needed, unless -w stores the content.\n\n\
            With -w a line is printed when the content is durable: at the end, or after every so many files. Nothing \
            refers to what is stored so; gc removes it, unless a tree that a snapshot reaches comes to refer to it.\n\n\
            A file that cannot be read is reported and the rest is done.",
        examples: &[
            ("larder hash-object notes.txt", "Prints the id that notes.txt has, or would have, in a repository."),
            (
                "find . -type f -print0 | larder hash-object -z --stdin-paths -w | larder cat-object --batch-check",
                "Stores every file below this directory, and prints what the repository has of it.",
            ),
        ],
        exits: &[(3, "Some files could not be read.")],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        if self.write { Need::Append } else { Need::Nothing }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if !self.write {
            return self.each_file(session, &mut |path, stream| {
                session.ui.text(&answer(session, path, &digest(stream, path, Algorithm::Sha256)?))
            });
        }
        let repo = session.repo()?;
        let writer = session.writer(&repo)?;
        let mut stored = Stored { session, writer: &writer, putter: writer.putter(), lines: String::new(), files: 0 };
        let exit = self.each_file(session, &mut |path, stream| stored.add(self.kind, path, stream));
        stored.print()?;
        drop(stored);
        writer.finish()?;
        exit
    }
}

/// The line for one file.
fn answer(session: &Session, path: &Path, id: &str) -> String {
    if !session.ui.is_json() {
        return format!("{id}\n");
    }
    let mut value = json_path("path", path.as_os_str().as_encoded_bytes());
    value["type"] = "object".into();
    value["id"] = id.into();
    format!("{value}\n")
}

/// What is done with one file.
type Each<'a> = dyn FnMut(&Path, &mut dyn Read) -> anyhow::Result<()> + 'a;

impl HashObject {
    fn each_file(&self, session: &Session, each: &mut Each<'_>) -> anyhow::Result<Exit> {
        if self.stdin {
            each("standard input".as_ref(), &mut std::io::stdin())?;
        }
        if !self.stdin_paths {
            return super::each_file(session, &self.files, each);
        }
        let mut exit = Exit::DONE;
        super::each_entry(self.nul, |path| {
            let path = PathBuf::from(path);
            let outcome =
                super::open(&path).map_err(anyhow::Error::from).and_then(|mut stream| each(&path, &mut stream));
            if let Err(error) = outcome {
                session.ui.item_failed(path.as_os_str().as_encoded_bytes(), &super::about_a_file(error)?);
                exit = Exit::PARTIAL;
            }
            Ok(())
        })?;
        Ok(exit)
    }
}

/// Ids of what was stored, held back until it is durable (promise 4).
struct Stored<'a> {
    session: &'a Session,
    writer: &'a Writer,
    putter: Putter<'a>,
    lines: String,
    files: u64,
}

impl Stored<'_> {
    fn add(&mut self, kind: Kind, path: &Path, stream: &mut dyn Read) -> anyhow::Result<()> {
        let put = put_stream(&mut self.putter, kind, stream, path)?;
        self.lines.push_str(&answer(self.session, path, &put.id.to_hex()));
        self.files += 1;
        if self.files >= FLUSH_FILES || self.writer.bytes_since_flush() >= FLUSH_BYTES { self.print() } else { Ok(()) }
    }

    fn print(&mut self) -> anyhow::Result<()> {
        self.writer.flush()?;
        self.session.ui.text(&std::mem::take(&mut self.lines))?;
        self.files = 0;
        self.session.ui.flush()
    }
}
