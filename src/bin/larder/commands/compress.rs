//! `larder compress`: a stream, smaller.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{git_quoted, json_path};
use larder::compress::{Algorithm, Compression, compress_stream, estimate_file_saving};
use larder::error::IoContext;
use std::fs::File;
use std::path::PathBuf;

/// Arguments of `larder compress`.
#[derive(clap::Args)]
pub struct Compress {
    /// The algorithm: none, zlib, gzip, lz4 or zstd
    #[arg(short = 'a', long, value_name = "NAME", default_value = "zstd", value_parser = Algorithm::parse)]
    algorithm: Algorithm,

    /// How hard to try: 1 to 9 for zlib and gzip, 1 to 12 for lz4, 1 to 19 for zstd
    #[arg(short = 'l', short_alias = 'L', long, value_name = "NUMBER", allow_negative_numbers = true)]
    level: Option<i32>,

    /// Compress nothing: print what it would save, in percent
    #[arg(long)]
    estimate: bool,

    /// The file; none or `-` is standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath, default_value = "-", hide_default_value = true)]
    file: PathBuf,
}

impl Subcommand for Compress {
    const NAME: &'static str = "compress";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Compress a file to standard output";
    const MANUAL: Manual = Manual {
        description: "The output is in the algorithm's own format, which gzip, lz4 and zstd read too; none is gzip \
            with stored blocks, so that any bytes come back and a missing end is noticed. Memory does not grow with the input.\n\n\
            With --estimate, one line: the share that would be saved in percent with one decimal, a tab, and the name \
            of the file. It is taken from samples.",
        examples: &[
            ("larder compress -a gzip -l 9 < notes.txt > notes.txt.gz", "Compresses as gzip -9 does."),
            ("larder compress --estimate disk.img", "Prints for example 41.7 and the name."),
        ],
        exits: &[(5, "The algorithm has no such level.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let compression = Compression::new(self.algorithm, self.level)?;
        if self.estimate {
            let path = if self.file.as_os_str() == "-" { PathBuf::from("/dev/stdin") } else { self.file.clone() };
            let saving = estimate_file_saving(&File::open(&path).at("open", &path)?, &path, compression)?;
            let name = self.file.as_os_str().as_encoded_bytes();
            if session.ui.is_json() {
                let mut value = json_path("path", name);
                value["type"] = "estimate".into();
                value["saved_percent"] = (saving * 100.0).into();
                session.ui.json(&value)?;
            } else {
                let percent = format!("{:.1}\t", saving * 100.0);
                session.ui.bytes(&[percent.as_bytes(), &git_quoted(name), b"\n"].concat())?;
            }
        } else {
            compress_stream(super::open(&self.file)?, session.ui.writer(), compression)?;
        }
        Ok(Exit::DONE)
    }
}
