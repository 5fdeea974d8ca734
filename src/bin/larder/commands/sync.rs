//! `larder sync`: two replicas have the same afterwards.

use super::view::FilterArgs;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::clock::Stopwatch;
use larder::context::{Ends, ORIGIN, Place, SETS_BYTES, jobs};
use larder::error::{Code, Error};
use larder::repo::OpenOptions;
use larder::repo::lock::Mode;
use larder::sync::{Moved, Selection, SyncOptions, SyncStats, mirror, sync};
use larder::units::{format_duration, format_size};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `larder sync`.
#[derive(clap::Args)]
pub struct Sync {
    /// Only from here to there
    #[arg(long, alias = "sync-to-remote")]
    push: bool,

    /// Only from there to here
    #[arg(long, alias = "sync-from-remote", conflicts_with = "push")]
    pull: bool,

    /// Say what would be carried, and carry nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Snapshots, and no results of tasks
    #[arg(long = "snapshots", conflicts_with = "only_runs")]
    only_snapshots: bool,

    /// Results of tasks, and no snapshots
    #[arg(long = "runs", conflicts_with_all = ["host", "tag", "path"])]
    only_runs: bool,

    /// Bring history and index here and no packs: what is needed is read there when it is needed
    #[arg(long, conflicts_with_all = ["push", "only_snapshots", "only_runs", "host", "tag", "path", "mirror"])]
    index_only: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// Without a key: copy all files by name, one way, to the remote unless --pull is given
    #[arg(long, conflicts_with_all = ["only_snapshots", "only_runs", "host", "tag", "path"])]
    mirror: bool,

    /// The remote, an address or a directory; otherwise `origin`, or the only remote there is
    #[arg(value_name = "NAME")]
    name: Option<PathBuf>,
}

impl Subcommand for Sync {
    const NAME: &'static str = "sync";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Carry what one replica has and another lacks, both ways";
    const MANUAL: Manual = Manual {
        description: "Replicas of a repository have the same id and the same keys. What one has and the other lacks comes \
            over: packs first, then what lists them, then snapshots and results of tasks, so that nothing ever points at \
            what is not there. What was forgotten or tagged on one side is so on both afterwards. Everything is compared \
            with its name on arrival. What is interrupted goes on from there, and a second sync moves nothing. \
            Records are compared, and not the packs behind them: `larder -r REMOTE verify` looks at those.\n\n\
            Where there is no repository yet at the remote, one is made with the same keys. With --pull and an address, \
            and no repository here, one is made here, and the address becomes its remote `origin`.\n\n\
            A choice of snapshots or of runs is made anew at the other side, with their origin noted: they have other ids \
            there. A later sync of everything carries the originals, too.\n\n\
            With --index-only a partial repository is made here: everything can be listed, and what is read is fetched from \
            the remote when it is needed, so the remote must be within reach then. What is backed up here is whole all the \
            same: nothing relies on what is only there. gc is refused here. The same again brings it up to date, and a sync \
            without --index-only brings everything.\n\n\
            --mirror needs no key. While it works, no gc may run at the place it copies to. Whether the source's own \
            config.toml was changed is told only by the key, when the copy is opened. A mirror that is behind what this \
            machine has seen is refused as a history that went back, until the same again or a sync brings it up to date.\n\n\
            `--sync-to-remote` and `--sync-from-remote` are other words for --push and --pull.",
        examples: &[
            ("larder sync", "Both ways with the only remote, or with `origin`."),
            ("larder sync --push disk", "Carries to a disk what it lacks."),
            ("larder -r ~/work/.larder sync --pull ssh://me@host/srv/backup", "Makes a replica here."),
            (
                "larder -r ~/look/.larder sync --index-only s3://bucket/backup",
                "Lists and reads what is there without carrying it here.",
            ),
            ("larder sync --dry-run", "Says what would be carried."),
            ("larder sync --push --tag monthly offsite", "Carries a choice."),
            ("larder sync --mirror disk", "Copies files where there is no key."),
        ],
        exits: &[
            (5, "The two are not replicas of one repository, or there is none to pull from."),
            (10, "There is no remote of this name."),
            (13, "Something that should be carried is damaged, or the histories have a gap."),
            (130, "Ended by signal n, 130 by Ctrl-C. What had arrived stays, and the next sync goes on from there."),
        ],
        plumbing: "larder copy --help tells how snapshots get into a repository with other keys.",
    };

    fn need(&self) -> Need {
        match (self.mirror, self.dry_run) {
            (true, _) => Need::Config,
            (_, true) => Need::Shared,
            _ => Need::Append,
        }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if self.mirror {
            return self.copy_files(session);
        }
        let (ends, there) = self.ends(session)?;
        let address = self.index_only.then(|| there.address()).transpose()?;
        let index_only = address.map(|address| address.to_string_lossy().into_owned());
        let options = SyncOptions {
            push: !self.is_pull(),
            pull: !self.push,
            dry_run: self.dry_run,
            selection: Selection {
                filter: self.filter.filter(),
                only_snapshots: self.only_snapshots,
                only_runs: self.only_runs,
            },
            index_only,
            accept_rollback: session.globals.accept_rollback,
            budget_bytes: SETS_BYTES,
            jobs: jobs(),
            writer: session.writer_options()?,
        };
        let watch = Stopwatch::start();
        let stats = sync(&ends.here, &ends.there, &options, &session.ui.progress("syncing"))?;
        if !self.dry_run {
            super::view::remember_names(&ends.here);
        }
        report(session, &stats, ends.is_made, watch.elapsed_seconds())?;
        if stats.packs_promised > 0 {
            let packs = stats.packs_promised;
            session.ui.status(&format!(
                "this repository is partial: {packs} packs are at {} and read there",
                there.location()
            ));
        }
        Ok(if stats.is_stopped { Exit::PARTIAL } else { Exit::DONE })
    }
}

impl Sync {
    /// Whether nothing goes to the other side.
    fn is_pull(&self) -> bool {
        self.pull || self.index_only
    }

    /// Both replicas, and where the other one is; one that is lacking is made, if something is to be carried there.
    fn ends(&self, session: &Session) -> anyhow::Result<(Ends, Place)> {
        let found = match session.place() {
            Err(error) if error.code() == Code::ConfigMissing && self.is_pull() => None,
            answer => Some(answer?),
        };
        match (found, &self.name) {
            (Some(here), name) if here.is_there()? || name.is_none() => {
                let repo = match session.repo() {
                    // What a pull leaves to which a wrong configuration came: the same pull makes it anew.
                    Err(error) if self.is_pull() && !self.dry_run && error.code() == Code::ConfigInvalid => {
                        let Some(name) = name else { return Err(error.into()) };
                        let is_invalid = |error: &Error| error.code() == Code::ConfigInvalid;
                        return match self.make_here(session, here, name) {
                            // More than an attempt lies here: what was wrong at first says more.
                            Err(made) if made.downcast_ref().is_some_and(is_invalid) => Err(error.into()),
                            made => made,
                        };
                    }
                    answer => answer?,
                };
                let (_, there) = session.remote(name.as_deref())?;
                let ends = Ends::open(repo, &there, !self.is_pull(), self.dry_run)?;
                Ok((ends, there))
            }
            (Some(here), _) if !self.is_pull() => Err(no_repository(&here).into()),
            (None, None) => {
                Err(Error::new(Code::ConfigMissing, "there is no repository in this directory or above it")
                    .with_hint("`larder sync --pull URL` makes a replica here")
                    .into())
            }
            (found, Some(name)) => {
                let here = match found {
                    Some(here) => here,
                    None => Place::to_be(session.globals.repo.as_deref())?,
                };
                self.make_here(session, here, name)
            }
            (Some(here), None) => Err(no_repository(&here).into()),
        }
    }

    /// A replica here, of what is at `name`.
    fn make_here(&self, session: &Session, here: Place, name: &Path) -> anyhow::Result<(Ends, Place)> {
        let there = Place::remote(None, name)?;
        let options = OpenOptions { accept_rollback: session.globals.accept_rollback, new_device: false };
        let ends = Ends::make_here(&here, &there, &session.secrets(), session, options, self.dry_run)?;
        if !self.dry_run {
            let address = there.address()?;
            here.remotes()?.add(ORIGIN, &address.to_string_lossy())?;
            session.ui.status(&format!("made a replica of {} in {}", there.location(), here.location()));
        }
        Ok((ends, there))
    }

    fn copy_files(self, session: &Session) -> anyhow::Result<Exit> {
        let (here, there) = session.remote(self.name.as_deref())?;
        let here = match here {
            Some(here) => here,
            None if self.pull => Place::to_be(session.globals.repo.as_deref())?,
            None => return Err(Error::new(Code::ConfigMissing, "there is no repository here to mirror").into()),
        };
        let (from, to) = if self.pull { (&there, &here) } else { (&here, &there) };
        // Who deletes there would not know of what arrives.
        let _alone = match to.location().local_path() {
            Some(dir) if dir.is_dir() && !self.dry_run => Some(session.lock(to, Mode::Exclusive)?),
            _ => None,
        };
        let watch = Stopwatch::start();
        let progress = session.ui.progress("mirroring");
        let stats = mirror(from.backend().as_ref(), to.backend().as_ref(), self.dry_run, jobs(), &progress)?;
        drop(progress);
        let seconds = watch.elapsed_seconds();
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "summary", "dry_run": self.dry_run, "stopped": stats.is_stopped,
                "files": stats.files, "bytes": stats.bytes, "present": stats.present,
                "duration_ms": (seconds * 1_000.0) as u64}))?;
        } else if !session.ui.is_quiet() {
            let verb = if self.dry_run { "would copy" } else { "copied" };
            session.ui.line(&format!(
                "{verb} {} files, {}",
                stats.files,
                amount(stats.bytes, seconds, self.dry_run)
            ))?;
        }
        Ok(if stats.is_stopped { Exit::PARTIAL } else { Exit::DONE })
    }
}

fn no_repository(here: &Place) -> Error {
    Error::new(Code::ConfigMissing, format!("there is no repository at {}", here.location()))
        .with_hint("`larder sync --pull URL` makes a replica here")
}

/// Bytes, and how fast they went.
fn amount(bytes: u64, seconds: f64, dry_run: bool) -> String {
    match dry_run || bytes == 0 {
        true => format_size(bytes),
        false => {
            let rate = format_size((bytes as f64 / seconds.max(0.001)) as u64);
            format!("{} in {} ({rate}/s)", format_size(bytes), format_duration(seconds))
        }
    }
}

fn report(session: &Session, stats: &SyncStats, is_made: bool, seconds: f64) -> anyhow::Result<()> {
    let ways = [("pulled", stats.pulled), ("pushed", stats.pushed)];
    if session.ui.is_json() {
        let mut value = json!({"type": "summary", "dry_run": stats.is_dry_run, "stopped": stats.is_stopped,
            "unmatched": stats.is_unmatched, "made": is_made, "packs_promised": stats.packs_promised, "duration_ms": (seconds * 1_000.0) as u64});
        ways.iter().for_each(|(name, moved)| value[*name] = json_of(moved));
        return session.ui.json(&value);
    }
    if session.ui.is_quiet() {
        return Ok(());
    }
    let mut is_nothing = true;
    for (verb, moved) in ways {
        if moved == Moved::default() {
            continue;
        }
        is_nothing = false;
        let head = if stats.is_dry_run { format!("would have {verb}") } else { verb.to_string() };
        session.ui.line(&format!(
            "{head} {} snapshots, {} records, {} packs and {} objects, {}",
            moved.snapshots,
            moved.roots,
            moved.packs,
            moved.entries,
            amount(moved.bytes, seconds, stats.is_dry_run)
        ))?;
    }
    if is_nothing && !stats.is_stopped {
        session.ui.line(match stats.is_unmatched {
            true => "nothing to carry: no snapshot matches",
            false => "nothing to carry: both sides have the same records",
        })?;
    }
    Ok(())
}

/// What went one way, for programs.
fn json_of(moved: &Moved) -> Value {
    json!({"snapshots": moved.snapshots, "records": moved.roots, "packs": moved.packs, "objects": moved.entries,
        "bytes": moved.bytes})
}
