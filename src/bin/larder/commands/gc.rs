//! `larder gc`: frees what nothing needs.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::escaped;
use larder::clock;
use larder::config::Settings;
use larder::context::{SETS_BYTES, reach_options};
use larder::error::{Code, Error, Result};
use larder::gc::{GcOptions, GcStats, MAX_UNUSED_PERCENT, gc};
use larder::keep::{KeepOptions, KeepStats, Measured, Policy, is_above, keep};
use larder::repo::Repo;
use larder::state::State;
use larder::units::parse_size;
use serde_json::json;

/// Where the day is noted on which [`daily`] looked last.
const DAY_NOTE: &str = "run-keep day";
/// Where it is noted that what runs needed that were let go is not freed yet.
const OWED_NOTE: &str = "run-keep owed";
/// What runs needed when that was last measured: the day, how many they were, the bytes.
const MEASURED_NOTE: &str = "run-keep measured";
/// It is measured anew, where it may matter, after so many days.
const MEASURED_DAYS: u64 = 7;

/// Arguments of `larder gc`.
#[derive(clap::Args)]
pub struct Gc {
    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Write at most so much of half-empty packs anew; what is left stays for the next time
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_repack: Option<u64>,

    /// Nobody else is at work in this repository, on any machine: take away what others left there to say that they are
    #[arg(long)]
    no_writers: bool,

    /// Write a pack anew when so many percent of it are not needed: 20 if nothing is said, 0 to free every byte
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_UNUSED_PERCENT, hide_default_value = true, value_parser = clap::value_parser!(u8).range(..=100))]
    max_unused: u8,

    /// Which runs stay: those used within an AGE, a COUNT of them (1000), or a SIZE; given several times, what all of them
    /// keep; otherwise the setting run-keep, otherwise 30d and 20GiB. `all` lets go of none
    #[arg(long, value_name = "AGE|COUNT|SIZE")]
    keep_runs: Vec<String>,
}

impl Subcommand for Gc {
    const NAME: &'static str = "gc";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Append;
    const ASKS: bool = true;
    const ABOUT: &'static str = "Free the space of what no snapshot and no run needs";
    const MANUAL: Manual = Manual {
        description: "Deletes packs that nothing needs, writes what is needed of half-empty ones anew, and merges small \
            packs and segments. Backups and restores go on beside it. What a backup that began before may rely on stays \
            until it has ended: a later gc deletes it. A gc can be interrupted or killed at any moment.\n\n\
            Killed commands leave files named spool-* in tmp/ of the repository, or of the user's cache directory for a \
            repository elsewhere. No other command needs them, and a gc deletes those that are older than an hour.\n\n\
            On a disk of this machine a killed backup is known to be dead at once. Elsewhere it is taken for dead when it showed \
            no sign of life for an hour, by the clock of the medium; if it goes on all the same, it fails and has to be run \
            again. Where the medium has no clock, and to be rid of what killed ones left, say --no-writers when you know that \
            nobody is at work.\n\n\
            A pack of which less than 20 percent would be freed stays as it is, and so does what is not needed in a frame \
            that is at least half needed: bytes_dead is what a gc frees, bytes_dead_kept what it leaves for that. With \
            --max-unused 0 nothing is left.\n\n\
            Runs that were not used lately or are too many go first, see --keep-runs; pinned ones stay. Their actions are \
            executed again when they are wanted. `larder run` does the same by itself, at most once a day, and only where \
            runs are to go.\n\n\
            Prints a name, a tab and a number a line: snapshots, objects, objects_missing, packs, packs_dropped, \
            packs_rewritten, packs_written, bytes_written, bytes_dead, bytes_dead_kept, packs_deleted, bytes_freed, \
            packs_revived, packs_adopted, segments_merged, roots_deleted, dooms_waiting, runs, runs_removed, \
            runs_held.",
        examples: &[
            ("larder gc", "Frees space."),
            ("larder gc --dry-run", "Says what would be freed."),
            ("larder gc --max-unused 0", "Frees every byte that nothing needs, however much has to be written anew."),
            ("larder gc --keep-runs 7d --keep-runs 5GiB", "Keeps fewer runs."),
            ("larder forget -q --keep-daily 7 && larder gc -q --max-repack 10GiB", "From cron, within a time."),
        ],
        exits: &[
            (3, "Something is damaged or missing and was left alone."),
            (11, "Another gc is at work."),
            (13, "A root or tree cannot be read. Nothing is deleted then."),
            (130, "Ended by signal n, 130 by Ctrl-C. The next gc goes on."),
        ],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        if self.dry_run { Need::Shared } else { Need::Append }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let policy = policy(&self.keep_runs)?;
        let repo = session.repo()?;
        // Before any run is let go.
        repo.refuse_partial("gc would not know what is needed there")?;
        let kept = match policy.is_empty() {
            true => KeepStats::default(),
            false => keep_runs(session, &repo, policy, None, self.dry_run)?,
        };
        let options = GcOptions {
            dry_run: self.dry_run,
            max_repack_bytes: self.max_repack,
            max_unused_percent: self.max_unused,
            no_writers: self.no_writers,
            ..usual(session)?
        };
        let stats = gc(&repo, &options, &session.ui.progress("collecting"))?;
        for (pack, why) in &stats.damaged {
            session.ui.warn(&format!("pack {pack} is damaged and stays: {}", escaped(why.as_bytes())));
        }
        if stats.objects_missing > 0 {
            session.ui.warn(&format!("{} objects are missing; `larder verify` names them", stats.objects_missing));
        }
        for (pid, command) in &stats.waits_for {
            let command = escaped(command.as_bytes());
            session
                .ui
                .status(&format!("process {pid} ({command}) began before: what it may need is freed by the next gc"));
        }
        print(session, &stats, &kept)?;
        let is_whole = stats.damaged.is_empty() && stats.objects_missing == 0 && !stats.is_stopped;
        Ok(if is_whole { Exit::DONE } else { Exit::PARTIAL })
    }
}

/// Which runs stay: as was said, else as the settings say, else the usual.
fn policy(bounds: &[String]) -> Result<Policy> {
    let settings = Settings::load()?.run_keep.as_deref().unwrap_or_default();
    let bounds = if bounds.is_empty() { settings } else { bounds };
    let mut policy = Policy::default();
    match bounds {
        [] => return Ok(Policy::usual()),
        [all] if all == "all" => {}
        _ => bounds.iter().try_for_each(|bound| policy.bound(bound))?,
    }
    Ok(policy)
}

/// A gc without options.
fn usual(session: &Session) -> Result<GcOptions> {
    Ok(GcOptions {
        dry_run: false,
        max_repack_bytes: None,
        max_unused_percent: MAX_UNUSED_PERCENT,
        budget_bytes: SETS_BYTES,
        no_writers: false,
        writer: session.writer_options()?,
    })
}

/// What `larder run` does once a day after its work: lets go of runs, where some are to go, and frees what they needed.
pub(super) fn daily(session: &Session, repo: &Repo) -> anyhow::Result<()> {
    if repo.is_partial() {
        return Ok(());
    }
    let policy = policy(&[])?;
    let state = State::open(&repo.local().cache, repo.id())?;
    let today = u64::try_from(clock::now().day()).unwrap_or_default();
    if state.note(DAY_NOTE)?.is_some_and(|day| day == today.to_le_bytes()) {
        return Ok(());
    }
    let tidied = tidy(session, repo, policy, &state, today);
    // Where another gc is at work the next run looks again.
    let is_held = |error: &anyhow::Error| error.downcast_ref::<Error>().is_some_and(|one| one.code() == Code::LockHeld);
    if !tidied.as_ref().is_err_and(is_held) {
        state.set_note(DAY_NOTE, &today.to_le_bytes())?;
    }
    tidied
}

fn tidy(session: &Session, repo: &Repo, policy: Policy, state: &State, today: u64) -> anyhow::Result<()> {
    let mut is_owed = state.note(OWED_NOTE)?.is_some();
    let measured = state.note(MEASURED_NOTE)?.and_then(|note| measured_lately(&note, today));
    if !policy.is_empty() && is_above(repo, &policy, clock::now(), measured)? {
        // Whatever ends this process from here on, the next one frees what is let go.
        state.set_note(OWED_NOTE, b"1")?;
        let kept = keep_runs(session, repo, policy, measured, false)?;
        if let Some(bytes) = kept.bytes_kept {
            let numbers = [today, kept.kept, bytes].map(u64::to_le_bytes);
            state.set_note(MEASURED_NOTE, numbers.as_flattened())?;
        }
        if kept.removed > 0 {
            session.ui.status(&format!("let go of {} runs that were not used lately or are too many", kept.removed));
            is_owed = true;
        }
    }
    if is_owed {
        let stats = gc(repo, &usual(session)?, &session.ui.progress("collecting"))?;
        is_owed = stats.dooms_waiting > 0 || stats.is_stopped;
    }
    Ok(state.set_note(OWED_NOTE, if is_owed { b"1" } else { b"" })?)
}

/// What is noted of the last measure; none if it was too long ago, for later runs may need more than earlier ones.
fn measured_lately(note: &[u8], today: u64) -> Option<Measured> {
    let (numbers, _) = note.as_chunks::<8>();
    let [day, runs, bytes] = *numbers else { return None };
    let [day, runs, bytes] = [day, runs, bytes].map(u64::from_le_bytes);
    let is_new = today.checked_sub(day).is_some_and(|days| days < MEASURED_DAYS);
    is_new.then_some(Measured { runs, bytes })
}

/// Lets go of what the policy does not keep.
fn keep_runs(
    session: &Session,
    repo: &Repo,
    policy: Policy,
    measured: Option<Measured>,
    dry_run: bool,
) -> anyhow::Result<KeepStats> {
    let options = KeepOptions {
        policy,
        dry_run,
        now: clock::now(),
        measured,
        reach: reach_options(repo),
        writer: session.writer_options()?,
    };
    let stats = keep(repo, &options, &session.ui.progress("choosing"))?;
    if stats.held > 0 {
        let what = "share a record with others that cannot be written anew while a gc has not ended, or here at all";
        session.ui.status(&format!("{} runs stay: they {what}", stats.held));
    }
    Ok(stats)
}

fn print(session: &Session, stats: &GcStats, kept: &KeepStats) -> anyhow::Result<()> {
    let numbers = [
        ("snapshots", stats.snapshots),
        ("objects", stats.objects),
        ("objects_missing", stats.objects_missing),
        ("packs", stats.packs),
        ("packs_dropped", stats.packs_dropped),
        ("packs_rewritten", stats.packs_rewritten),
        ("packs_written", stats.packs_written),
        ("bytes_written", stats.bytes_written),
        ("bytes_dead", stats.bytes_dead),
        ("bytes_dead_kept", stats.bytes_dead_kept),
        ("packs_deleted", stats.packs_deleted),
        ("bytes_freed", stats.bytes_freed),
        ("packs_revived", stats.packs_revived),
        ("packs_adopted", stats.packs_adopted),
        ("segments_merged", stats.segments_merged),
        ("roots_deleted", stats.roots_deleted),
        ("dooms_waiting", stats.dooms_waiting),
        ("runs", stats.runs),
        ("runs_removed", kept.removed),
        ("runs_held", kept.held),
    ];
    if session.ui.is_json() {
        let mut value = json!({"type": "summary", "dry_run": stats.is_dry_run, "stopped": stats.is_stopped,
            "damaged": stats.damaged.iter().map(|(id, _)| id.to_hex()).collect::<Vec<_>>(),
            "waits_for": stats.waits_for.iter().map(|(pid, _)| *pid).collect::<Vec<_>>()});
        numbers.iter().for_each(|(name, number)| value[*name] = (*number).into());
        return session.ui.json(&value);
    }
    if session.ui.is_quiet() {
        return Ok(());
    }
    numbers.iter().try_for_each(|(name, number)| session.ui.line(&format!("{name}\t{number}")))
}
