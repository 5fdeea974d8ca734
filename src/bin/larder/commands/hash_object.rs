//! `larder hash-object`: the id of content.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::digest::{Algorithm, digest};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Arguments of `larder hash-object`.
#[derive(clap::Args)]
pub struct HashObject {
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
            One line for each file, in the order given. No repository is needed.\n\n\
            A file that cannot be read is reported and the rest is done.",
        examples: &[
            ("larder hash-object notes.txt", "Prints the id that notes.txt has, or would have, in a repository."),
            (
                "find . -type f -print0 | larder hash-object -z --stdin-paths",
                "Prints the id of every file below this directory.",
            ),
        ],
        exits: &[(3, "Some files could not be read.")],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        Need::Nothing
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let print = |path: &Path, stream: &mut dyn Read| -> anyhow::Result<()> {
            session.ui.line(&digest(stream, path, Algorithm::Sha256)?)
        };
        if self.stdin {
            print("standard input".as_ref(), &mut std::io::stdin())?;
        }
        if !self.stdin_paths {
            return super::each_file(session, &self.files, print);
        }
        let mut exit = Exit::DONE;
        super::each_entry(self.nul, |path| {
            let path = PathBuf::from(path);
            let outcome =
                super::open(&path).map_err(anyhow::Error::from).and_then(|mut stream| print(&path, &mut stream));
            if let Err(error) = outcome {
                session.ui.item_failed(path.as_os_str().as_encoded_bytes(), &error.downcast()?);
                exit = Exit::PARTIAL;
            }
            Ok(())
        })?;
        Ok(exit)
    }
}
