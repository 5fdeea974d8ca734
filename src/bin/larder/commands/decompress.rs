//! `larder decompress`: a stream as it was.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::compress::{Algorithm, Compression, compress_stream, decompress_stream};
use std::path::PathBuf;

/// Arguments of `larder decompress`.
#[derive(clap::Args)]
pub struct Decompress {
    /// Copy, whatever the input looks like: it was written by `compress -a none`
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
            formats is what `compress -a none` writes: it is copied, and a warning says so. With --none it is copied \
            whatever it looks like.",
        examples: &[("larder compress < notes.txt | larder decompress | cmp - notes.txt", "Prints nothing.")],
        exits: &[(13, "The input is broken or ends too early.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let input = super::open(&self.file)?;
        if self.none {
            compress_stream(input, session.ui.writer(), Compression::NONE)?;
            return Ok(Exit::DONE);
        }
        let streamed = decompress_stream(input, session.ui.writer())?;
        if streamed.algorithm == Algorithm::None && streamed.input_bytes > 0 && !session.ui.is_quiet() {
            session.ui.warn("the input is neither gzip, zlib, lz4 nor zstd: it was copied as it is");
        }
        Ok(Exit::DONE)
    }
}
