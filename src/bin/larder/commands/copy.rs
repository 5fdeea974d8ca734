//! `larder copy`: snapshots into a repository with other keys.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::clock::Stopwatch;
use larder::context::{Names, SETS_BYTES, SecretOptions, jobs};
use larder::error::Result;
use larder::id::Id;
use larder::sync::{CopyOptions, copy};
use larder::units::{format_duration, format_size};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Arguments of `larder copy`.
#[derive(clap::Args)]
pub struct Copy {
    /// The other repository: a directory, an address or the name of a remote
    #[arg(long, value_name = "REPO", value_hint = clap::ValueHint::DirPath)]
    to: PathBuf,

    /// Open the other repository with the passphrase in the first line of this file; otherwise as this one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    to_passphrase_file: Option<PathBuf>,

    /// Run this with `sh -c` and read the passphrase of the other repository from its first line of output
    #[arg(long, value_name = "COMMAND", conflicts_with = "to_passphrase_file")]
    to_passphrase_command: Option<OsString>,

    /// Open the other repository with this key file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with_all = ["to_passphrase_file", "to_passphrase_command"])]
    to_key_file: Option<PathBuf>,

    /// Say what would be copied, and copy nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// The snapshots; otherwise all that the filter means
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<OsString>,
}

impl Subcommand for Copy {
    const NAME: &'static str = "copy";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Copy snapshots into a repository with other keys";
    const MANUAL: Manual = Manual {
        description: "Everything is sealed anew with the keys of the other repository, and stored only as far as it has not \
            got it. A copy has an id of its own and notes its origin: what was copied before is passed over. Two \
            repositories know the same content by its chunks if one was made with `larder init --like`; others store it \
            cut anew.\n\n\
            Between replicas of one repository `larder sync` carries everything.",
        examples: &[
            ("larder copy --to /mnt/disk/archive", "Copies all snapshots that are not there."),
            (
                "larder -r /mnt/old copy --to .larder --to-key-file ~/safe/new.key latest",
                "Copies the newest one of another repository here.",
            ),
            ("larder copy --to offsite --tag yearly", "Copies a choice to a remote."),
        ],
        exits: &[
            (5, "The other one is a replica of this one, or there is none."),
            (10, "There is no such snapshot."),
            (13, "Something that should be copied is damaged, or a root record cannot be read."),
            (130, "Ended by signal n, 130 by Ctrl-C. What had been copied stays."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let source = session.repo()?;
        let secrets = SecretOptions {
            passphrase_file: self.to_passphrase_file,
            passphrase_command: self.to_passphrase_command,
            key_file: self.to_key_file,
            ..SecretOptions::default()
        };
        let has_own =
            secrets.passphrase_file.is_some() || secrets.passphrase_command.is_some() || secrets.key_file.is_some();
        let target = session.other(&self.to, has_own.then_some(secrets))?;
        let names = Names::new(&source);
        let snapshots: Result<Vec<Id>> =
            (self.snapshots.iter()).map(|word| Ok(names.snapshots()?.resolve(word.as_bytes())?.snapshot.id)).collect();
        let looks_at_all = self.snapshots.is_empty();
        if looks_at_all {
            view::tell_damaged(session, names.snapshots()?);
        }
        let options = CopyOptions {
            snapshots: snapshots?,
            filter: self.filter.filter(),
            dry_run: self.dry_run,
            budget_bytes: SETS_BYTES,
            jobs: jobs(),
            writer: session.writer_options()?,
        };
        let watch = Stopwatch::start();
        let progress = session.ui.progress("copying");
        let (moved, is_stopped) = copy(&source, &target, &options, &progress)?;
        drop(progress);
        let seconds = watch.elapsed_seconds();
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "summary", "dry_run": self.dry_run, "stopped": is_stopped,
                "snapshots": moved.snapshots, "objects": moved.entries, "bytes": moved.bytes,
                "duration_ms": (seconds * 1_000.0) as u64}))?;
        } else if !session.ui.is_quiet() {
            session.ui.line(&match (moved.snapshots, self.dry_run) {
                (0, _) if !is_stopped => "nothing to copy: every snapshot is there".to_string(),
                (count, true) => format!("would copy {count} snapshots"),
                (count, false) => format!(
                    "copied {count} snapshots, {} objects, {} in {}",
                    moved.entries,
                    format_size(moved.bytes),
                    format_duration(seconds)
                ),
            })?;
        }
        match is_stopped {
            true => Ok(Exit::PARTIAL),
            false if looks_at_all => Ok(view::outcome(names.snapshots()?)),
            false => Ok(Exit::DONE),
        }
    }
}
