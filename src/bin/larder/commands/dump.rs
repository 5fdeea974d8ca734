//! `larder dump`: a file or a directory of a snapshot to the standard output.

use super::view;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::dump::{DumpFormat, DumpSource, dump};
use larder::error::{Code, Error, IoContext};
use larder::stored::require;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Arguments of `larder dump`.
#[derive(clap::Args)]
pub struct Dump {
    /// The snapshot, and a path in it
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    snapshot: OsString,

    /// raw, tar, tar.gz, tar.zst or zip; otherwise raw for a file and tar for a directory
    #[arg(short = 'f', long, value_name = "FORMAT")]
    format: Option<DumpFormat>,

    /// Write to this file instead of the standard output
    #[arg(short = 'o', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

impl Subcommand for Dump {
    const NAME: &'static str = "dump";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Write a file or directory of a snapshot to the standard output";
    const MANUAL: Manual = Manual {
        description: "A file is written as it is; every piece is checked before it is written. A directory becomes an \
            archive as it is read.",
        examples: &[
            ("larder dump latest:/etc/fstab", "Prints a file."),
            ("larder dump latest:/home/ann -f tar.zst -o ann.tar.zst", "Makes an archive of a directory."),
            ("larder dump latest:/db.sql | psql shop", "Feeds a dump to a program."),
        ],
        exits: &[
            (3, "Some files are not in the archive."),
            (10, "There is no such snapshot or path."),
            (13, "Stored data is damaged; what was written is not whole."),
        ],
        plumbing: "larder cat-object -p \"$(larder resolve latest:/etc/fstab)\"",
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let snapshots = view::load(session, &repo)?;
        let target = snapshots.resolve(self.snapshot.as_bytes())?;
        let body = &target.snapshot.body;
        let path = target.path.clone().unwrap_or_default();
        let format = match self.format {
            Some(format) => format,
            None if require(&repo, &body.tree, &path)?.is_directory() => DumpFormat::Tar,
            None => DumpFormat::Raw,
        };
        if self.output.is_none() && session.ui.is_terminal() && format != DumpFormat::Raw {
            let error = Error::new(Code::InvalidArg, "an archive is not written to a terminal");
            return Err(error.with_hint("name a file with -o, or pipe it").into());
        }
        let source = DumpSource { tree: body.tree, links: body.links, path: &path };
        let stats = {
            let progress = session.ui.progress("dumping");
            match &self.output {
                Some(file) => {
                    let mut out = File::create(file).at("create", file)?;
                    let stats = dump(&repo, &source, format, &mut out, &progress)?;
                    out.sync_all().at("sync", file)?;
                    stats
                }
                None => dump(&repo, &source, format, &mut session.ui.writer(), &progress)?,
            }
        };
        if stats.damaged > 0 {
            let message = format!("{} files are damaged in the repository", stats.damaged);
            return Err(Error::new(Code::StorageCorrupted, message).into());
        }
        if stats.skipped > 0 {
            session.ui.warn(&format!("{} entries cannot be kept in this format", stats.skipped));
        }
        Ok(if stats.errors + stats.skipped > 0 { Exit::PARTIAL } else { Exit::DONE })
    }
}
