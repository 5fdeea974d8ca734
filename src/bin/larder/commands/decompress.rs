//! `larder decompress`: a stream as it was.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::compress::decompress_stream;
use std::path::PathBuf;

/// Arguments of `larder decompress`.
#[derive(clap::Args)]
pub struct Decompress {
    /// The file; none or `-` is standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath, default_value = "-", hide_default_value = true)]
    file: PathBuf,
}

impl Subcommand for Decompress {
    const NAME: &'static str = "decompress";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Decompress a file to standard output";
    const MANUAL: Manual = Manual {
        description: "The format is recognised by its first bytes: gzip, zlib, lz4 or zstd, as `larder compress` and \
            other tools write them. Input in none of these formats is refused.",
        examples: &[("larder compress < notes.txt | larder decompress | cmp - notes.txt", "Prints nothing.")],
        exits: &[(2, "The input is in none of the formats."), (13, "The input is broken or ends too early.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let input = super::open(&self.file)?;
        decompress_stream(input, session.ui.writer())?;
        Ok(Exit::DONE)
    }
}
