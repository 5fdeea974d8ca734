//! `larder decompress`: a stream as it was.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::compress::{Compression, compress_stream, decompress_stream};
use std::path::PathBuf;

/// Arguments of `larder decompress`.
#[derive(clap::Args)]
pub struct Decompress {
    /// Copy: the input was written by `compress -a none`
    #[arg(long)]
    none: bool,

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
        description: "The format is recognised by its first bytes: gzip, zlib, lz4 or zstd. Input in none of these \
            formats is refused; with --none it is copied.",
        examples: &[("larder compress < notes.txt | larder decompress | cmp - notes.txt", "Prints nothing.")],
        exits: &[(13, "The input is broken or ends too early.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let input = super::open(&self.file)?;
        match self.none {
            true => compress_stream(input, session.ui.writer(), Compression::NONE)?,
            false => decompress_stream(input, session.ui.writer())?,
        };
        Ok(Exit::DONE)
    }
}
