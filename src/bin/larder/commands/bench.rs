//! `larder bench`: how fast the pieces are on this machine.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{Align, Table};
use larder::backend::FsBackend;
use larder::chunker::Sizes;
use larder::compress::{Algorithm, Compression};
use larder::crypto::seal::Scheme;
use larder::crypto::slot::KdfCost;
use larder::error::{Code, IoContext, Result, fail};
use larder::measure::measure;
use larder::repo::{IndexMeasure, InitOptions, Local, Repo};
use larder::units::{format_size, parse_size};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Arguments of `larder bench`.
#[derive(clap::Args)]
pub struct Bench {
    /// Data to measure each piece with
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "64MiB")]
    size: u64,

    /// Made-up entries of the index that is measured, in a directory that is removed afterwards; 0 for none
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    index: u64,

    /// Where that directory is made; otherwise where temporary files are
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl Subcommand for Bench {
    const NAME: &'static str = "bench";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Measure how fast the pieces of larder are here";
    const MANUAL: Manual = Manual {
        description: "Each piece works on made-up data on one thread. Its CPU time counts, so other work on the machine \
            changes little. Whole backups are measured by `make bench` in the sources.",
        examples: &[
            ("larder bench", "Measures cutting, hashing, sealing, each compression, and lookups in an index."),
            ("larder bench --index 10000000", "Asks an index of ten million entries."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let dir = (self.index > 0).then(|| self.make_dir()).transpose()?;
        let rows = measure(usize::try_from(self.size).unwrap_or(usize::MAX))?;
        let mut table = Table::new(&[("Piece", Align::Left), ("MB/s", Align::Right), ("Ratio", Align::Right)]);
        for row in &rows {
            if session.ui.is_json() {
                session.ui.json(
                    &json!({"type": "piece", "name": row.name, "mb_per_second": row.mb_per_second, "ratio": row.ratio}),
                )?;
            }
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            table.row(vec![row.name.clone(), format!("{:.0}", row.mb_per_second), ratio]);
        }
        if !session.ui.is_json() {
            session.ui.text(&table.render(session.ui.paint()))?;
        }
        if let Some(dir) = dir {
            measure_index(session, &dir, self.index)?;
        }
        Ok(Exit::DONE)
    }
}

impl Bench {
    fn make_dir(&self) -> Result<TempDir> {
        let above = self.dir.clone().unwrap_or_else(tempfile::env::temp_dir);
        tempfile::Builder::new().prefix("larder-bench-").tempdir_in(&above).at("make a directory in", &above)
    }
}

/// A size of which something can be measured.
fn size(text: &str) -> Result<u64> {
    match parse_size(text)? {
        0 => fail(Code::InvalidArg, "with no data nothing can be measured"),
        bytes => Ok(bytes),
    }
}

fn measure_index(session: &Session, dir: &TempDir, entries: u64) -> anyhow::Result<()> {
    let local = Local { cache: dir.path().join("repo"), device: dir.path().join("device") };
    let options = InitOptions {
        scheme: Scheme::None,
        sizes: Sizes::DEFAULT,
        compression: Compression::new(Algorithm::Zstd, None)?,
        kdf: KdfCost::FLOOR,
        label: String::new(),
    };
    let repo = Repo::init(Arc::new(FsBackend::new(dir.path().join("repo"))), local, &options, None)?;
    let measured = repo.measure_index(entries)?;
    let IndexMeasure { rebuild_seconds, filter_seconds, hit_seconds, miss_seconds, index_bytes, .. } = measured;
    if session.ui.is_json() {
        return session.ui.json(&json!({"type": "index", "entries": entries, "rebuild_seconds": rebuild_seconds,
                "filter_seconds": filter_seconds, "hit_seconds": hit_seconds, "miss_seconds": miss_seconds,
                "index_bytes": index_bytes}));
    }
    let bytes_each = index_bytes as f64 / entries.max(1) as f64;
    session
        .ui
        .line(&format!("index of {entries} entries: {}, {bytes_each:.0} bytes each", format_size(index_bytes)))?;
    session
        .ui
        .line(&format!("  made from its segments in {rebuild_seconds:.1} s, its filter in {filter_seconds:.1} s"))?;
    session.ui.line(&format!("  a lookup takes {:.1} µs, a miss {:.2} µs", hit_seconds * 1e6, miss_seconds * 1e6))
}
