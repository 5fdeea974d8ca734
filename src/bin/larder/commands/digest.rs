//! `larder digest`: checksums of files, for pipelines.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{git_quoted, json_path};
use larder::digest::{Algorithm, digest};
use std::path::{Path, PathBuf};

/// Arguments of `larder digest`.
#[derive(clap::Args)]
pub struct Digest {
    /// Print the CRC-32, 8 digits
    #[arg(long, group = "algorithm")]
    crc32: bool,

    /// Print the SHA-256, 64 digits; this is the default and the id of the content
    #[arg(long, group = "algorithm")]
    sha256: bool,

    /// Print the BLAKE3 hash without a key, 64 digits
    #[arg(long, group = "algorithm")]
    blake3: bool,

    /// The files; none or `-` is standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

impl Subcommand for Digest {
    const NAME: &'static str = "digest";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Print a checksum of files or of standard input";
    const MANUAL: Manual = Manual {
        description: "For standard input alone, the line is the checksum. For files, each line is the checksum, two \
            spaces and the name, as sha256sum prints it; a name with control characters is quoted as git does. \
            A file that cannot be read is reported and the rest is done.",
        examples: &[
            ("printf abc | larder digest --crc32", "Prints 352441c2."),
            ("larder digest *.iso", "Prints what sha256sum prints."),
        ],
        exits: &[(3, "Some files could not be read.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let algorithm = match (self.crc32, self.blake3) {
            (true, _) => Algorithm::Crc32,
            (_, true) => Algorithm::Blake3,
            _ => Algorithm::Sha256,
        };
        let print_json = |path: &Path, sum: &str| {
            let mut value = json_path("path", path.as_os_str().as_encoded_bytes());
            value["type"] = "digest".into();
            value["algorithm"] = algorithm.name().into();
            value["digest"] = sum.into();
            session.ui.json(&value)
        };
        if self.files.is_empty() {
            let sum = digest(&mut std::io::stdin(), "standard input".as_ref(), algorithm)?;
            if session.ui.is_json() {
                print_json("-".as_ref(), &sum)?
            } else {
                session.ui.line(&sum)?
            }
            return Ok(Exit::DONE);
        }
        super::each_file(session, &self.files, |path, stream| {
            let sum = digest(stream, path, algorithm)?;
            if session.ui.is_json() {
                return print_json(path, &sum);
            }
            let mut line = format!("{sum}  ").into_bytes();
            line.extend(git_quoted(path.as_os_str().as_encoded_bytes()));
            line.push(b'\n');
            session.ui.bytes(&line)
        })
    }
}
