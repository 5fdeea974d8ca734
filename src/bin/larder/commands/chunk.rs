//! `larder chunk`: where content is cut.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::chunker::{Chunker, Sizes, cut_stream};
use larder::error::{Code, Error, Result};
use larder::object::hash;
use larder::units::parse_size;
use serde_json::json;
use std::path::PathBuf;

/// The key of cuts that belong to no repository.
const NO_KEY: [u8; 32] = [0; 32];

/// Arguments of `larder chunk`.
#[derive(clap::Args)]
pub struct Chunk {
    /// The profile of sizes: default (16/64/256 KiB), fine (4/16/64 KiB) or coarse (256/1024/4096 KiB)
    #[arg(long, alias = "chunk-profile", value_name = "NAME", value_parser = Sizes::profile, conflicts_with = "sizes")]
    profile: Option<Sizes>,

    /// The shortest, average and longest chunk: 4096/32768/131072
    #[arg(long, alias = "chunk-sizes", value_name = "MIN/AVG/MAX", value_parser = parse_sizes)]
    sizes: Option<Sizes>,

    /// The file; none or `-` is standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath, default_value = "-", hide_default_value = true)]
    file: PathBuf,
}

impl Subcommand for Chunk {
    const NAME: &'static str = "chunk";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "List where content is cut into chunks";
    const MANUAL: Manual = Manual {
        description: "One line for each chunk: its offset in bytes, its length in bytes, and the SHA-256 of its bytes, \
            with a space between them. Cuts depend on content, so an insertion moves few of them.\n\n\
            A repository cuts by a secret key of its own. This command has no key, so its cuts are not those of a \
            repository.",
        examples: &[
            ("larder chunk disk.img | awk '{s+=$2} END {print s}'", "Prints the size of disk.img."),
            ("larder chunk --sizes 2048/8192/65536 < notes.txt", "Lists small chunks of standard input."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let chunker = Chunker::new(&NO_KEY, self.sizes.or(self.profile).unwrap_or(Sizes::DEFAULT));
        let mut stream = super::open(&self.file)?;
        let mut closed = Ok(());
        let outcome = cut_stream(&mut *stream, &self.file, &chunker, &mut |offset, bytes| {
            let (len, id) = (bytes.len(), hash(bytes));
            closed = match session.ui.is_json() {
                true => session.ui.json(&json!({"type": "chunk", "offset": offset, "bytes": len, "id": id.to_hex()})),
                false => session.ui.line(&format!("{offset} {len} {id}")),
            };
            if closed.is_ok() { Ok(()) } else { Err(Error::new(Code::FileIo, "the output is closed")) }
        });
        closed?;
        outcome?;
        Ok(Exit::DONE)
    }
}

/// Three sizes with slashes between them.
pub fn parse_sizes(text: &str) -> Result<Sizes> {
    let bytes = |part: &str| parse_size(part).map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [min, avg, max] => Sizes::new(bytes(min)?, bytes(avg)?, bytes(max)?),
        _ => Err(Error::new(Code::InvalidArg, format!("`{}` is not MIN/AVG/MAX", text.escape_debug()))),
    }
}
