//! `larder forget`: snapshots that need not be kept any longer, by name or by policy.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{Align, Table, counted, escaped, local_time};
use larder::clock;
use larder::context::reach_options;
use larder::error::{Code, Error, Result};
use larder::id::Id;
use larder::reach::kept;
use larder::repo::Repo;
use larder::repo::records::{FORGET, Forget as Record};
use larder::retention::{Decision, Group, GroupBy, Limit, Period, Policy, RetentionOptions, apply, last_of_sources};
use larder::snapshot::{Filter, Snapshot, Snapshots};
use larder::units::{format_size, parse_duration_seconds};
use larder::usage::would_free;
use serde_json::json;
use std::collections::HashSet;
use std::ffi::OsString;

/// Arguments of `larder forget`.
#[derive(clap::Args)]
pub struct Forget {
    /// Snapshots to forget, whatever the rules say
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<OsString>,

    #[command(flatten)]
    filter: FilterArgs,

    #[command(flatten)]
    keep: KeepArgs,

    /// Count snapshots together that have these in common: host, paths, tags; empty for all in one
    #[arg(long, value_name = "KEYS", help_heading = None, default_value = "host,paths", value_parser = GroupBy::parse)]
    group_by: GroupBy,

    /// Let the last snapshot of a source go
    #[arg(long, help_heading = None)]
    allow_empty: bool,

    /// Say what would be forgotten and what gc could free then, and forget nothing
    #[arg(short = 'n', long, help_heading = None)]
    dry_run: bool,
}

/// Which snapshots stay.
#[derive(clap::Args)]
#[command(next_help_heading = "What is kept")]
struct KeepArgs {
    /// The newest N snapshots; N may be `unlimited` here and below
    #[arg(short = 'l', long, value_name = "N", value_parser = Limit::parse_count)]
    keep_last: Option<Limit>,
    /// The newest snapshot of each of N minutes
    #[arg(long, value_name = "N", value_parser = Limit::parse_count)]
    keep_minutely: Option<Limit>,
    /// The newest snapshot of each of N hours
    #[arg(short = 'H', long, value_name = "N", value_parser = Limit::parse_count)]
    keep_hourly: Option<Limit>,
    /// The newest snapshot of each of N days
    #[arg(short = 'd', long, value_name = "N", value_parser = Limit::parse_count)]
    keep_daily: Option<Limit>,
    /// The newest snapshot of each of N weeks
    #[arg(short = 'w', long, value_name = "N", value_parser = Limit::parse_count)]
    keep_weekly: Option<Limit>,
    /// The newest snapshot of each of N months
    #[arg(short = 'm', long, value_name = "N", value_parser = Limit::parse_count)]
    keep_monthly: Option<Limit>,
    /// The newest snapshot of each of N quarters of a year
    #[arg(long, value_name = "N", value_parser = Limit::parse_count)]
    keep_quarterly: Option<Limit>,
    /// The newest snapshot of each of N years
    #[arg(short = 'y', long, value_name = "N", value_parser = Limit::parse_count)]
    keep_yearly: Option<Limit>,
    /// All snapshots less than this older than the newest: 30d, 1y6M
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within: Option<Limit>,
    /// The newest of each hour within this
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within_hourly: Option<Limit>,
    /// The newest of each day within this
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within_daily: Option<Limit>,
    /// The newest of each week within this
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within_weekly: Option<Limit>,
    /// The newest of each month within this
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within_monthly: Option<Limit>,
    /// The newest of each quarter within this
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within_quarterly: Option<Limit>,
    /// The newest of each year within this
    #[arg(long, value_name = "DURATION", value_parser = within)]
    keep_within_yearly: Option<Limit>,
    /// All snapshots younger than this now; a source that is backed up no more keeps only its last
    #[arg(long, value_name = "DURATION", value_parser = parse_duration_seconds)]
    keep_younger: Option<u64>,
    /// Snapshots with all of these tags; may be given several times
    #[arg(long, value_name = "TAG[,TAG...]")]
    keep_tag: Vec<String>,
}

impl Subcommand for Forget {
    const NAME: &'static str = "forget";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Let go of snapshots that are no longer needed";
    const MANUAL: Manual = Manual {
        description: "Snapshots are named, or a policy chooses: what no rule keeps is forgotten. Rules count by machine and \
            sources unless --group-by says otherwise. The last snapshot of a source stays, and so do pinned ones. \
            A policy that keeps 0 is refused. Forgetting is a signed record; the space is freed by `larder gc`.",
        examples: &[
            (
                "larder forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run",
                "Shows what a policy would do.",
            ),
            ("larder forget 4fd0a1b2", "Forgets one snapshot."),
            ("larder forget --keep-within 30d -q && larder gc -q", "Forgets and frees space from cron."),
        ],
        exits: &[(10, "There is no such snapshot."), (16, "It is the last snapshot of its source.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let policy = self.keep.policy()?;
        if !self.snapshots.is_empty() && !policy.is_empty() {
            let error = Error::new(Code::InvalidArg, "snapshots are named and a policy is given");
            return Err(error.with_hint("do one after the other").into());
        }
        let repo = session.repo()?;
        let snapshots = view::load(session, &repo)?;
        let gone: Vec<&Snapshot> = if self.snapshots.is_empty() {
            self.by_policy(session, &snapshots, &policy)?
        } else {
            self.by_name(&snapshots)?
        };
        if self.dry_run {
            return self.rehearse(session, &repo, &gone);
        }
        if !gone.is_empty() {
            let record = Record::new(gone.iter().map(|snapshot| snapshot.forgotten()).collect());
            let writer = session.writer(&repo)?;
            writer.publish(FORGET, &record.encode())?;
            writer.finish()?;
            view::remember_names(&repo);
        }
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "summary", "dry_run": false, "forgotten": gone.len()}))?;
        } else {
            session.ui.status(&format!("forgot {}", counted(gone.len() as u64, "snapshot", "snapshots")));
        }
        Ok(Exit::DONE)
    }
}

impl KeepArgs {
    fn policy(&self) -> Result<Policy> {
        let mut policy = Policy::default();
        let rules = [
            (Period::Each, self.keep_last),
            (Period::Minute, self.keep_minutely),
            (Period::Hour, self.keep_hourly),
            (Period::Day, self.keep_daily),
            (Period::Week, self.keep_weekly),
            (Period::Month, self.keep_monthly),
            (Period::Quarter, self.keep_quarterly),
            (Period::Year, self.keep_yearly),
            (Period::Each, self.keep_within),
            (Period::Hour, self.keep_within_hourly),
            (Period::Day, self.keep_within_daily),
            (Period::Week, self.keep_within_weekly),
            (Period::Month, self.keep_within_monthly),
            (Period::Quarter, self.keep_within_quarterly),
            (Period::Year, self.keep_within_yearly),
        ];
        for (period, limit) in rules.into_iter().filter_map(|(period, limit)| Some((period, limit?))) {
            policy.keep(period, limit)?;
        }
        self.keep_tag.iter().try_for_each(|text| policy.keep_tags(Filter::tag_list(text)))?;
        self.keep_younger.map_or(Ok(()), |seconds| policy.keep_younger(seconds))?;
        Ok(policy)
    }
}

fn within(text: &str) -> Result<Limit> {
    parse_duration_seconds(text).map(Limit::WithinSeconds)
}

impl Forget {
    fn by_name<'a>(&self, snapshots: &'a Snapshots) -> Result<Vec<&'a Snapshot>> {
        let mut gone: Vec<&Snapshot> = Vec::new();
        for name in &self.snapshots {
            let snapshot = view::whole(snapshots, name)?;
            if gone.iter().all(|one| one.id != snapshot.id) {
                gone.push(snapshot);
            }
        }
        if let Some(pinned) = gone.iter().find(|snapshot| snapshot.is_pinned) {
            return Err(Error::new(Code::PermissionDenied, format!("snapshot {} is pinned", pinned.id.short())));
        }
        let ids: HashSet<Id> = gone.iter().map(|snapshot| snapshot.id).collect();
        match last_of_sources(snapshots.all(), &ids).first() {
            Some(last) if !self.allow_empty => {
                let message = format!("{} is the last snapshot of {}", last.id.short(), view::paths_of(last));
                Err(Error::new(Code::PermissionDenied, message).with_hint("`--allow-empty` lets it go all the same"))
            }
            _ => Ok(gone),
        }
    }

    fn by_policy<'a>(
        &self,
        session: &Session,
        snapshots: &'a Snapshots,
        policy: &Policy,
    ) -> anyhow::Result<Vec<&'a Snapshot>> {
        snapshots.must_be_whole("what a policy keeps is not known")?;
        let options = RetentionOptions {
            filter: self.filter.filter(),
            group_by: self.group_by,
            time_zone: jiff::tz::TimeZone::system(),
            now: clock::now(),
            allow_empty: self.allow_empty,
        };
        let groups = apply(snapshots.all(), policy, &options)?;
        groups.iter().try_for_each(|group| show_group(session, group))?;
        let decisions = groups.into_iter().flat_map(|group| group.decisions);
        Ok(decisions.filter(|decision| !decision.is_kept()).map(|decision| decision.snapshot).collect())
    }

    fn rehearse(&self, session: &Session, repo: &Repo, gone: &[&Snapshot]) -> anyhow::Result<Exit> {
        let ids: HashSet<Id> = gone.iter().map(|snapshot| snapshot.id).collect();
        let mut roots = repo.roots()?;
        roots.retain(|root| !ids.contains(&root.name));
        let kept = kept(repo, &roots, clock::now())?;
        let bytes = {
            let progress = session.ui.progress("measuring");
            would_free(repo, &kept.starts, &reach_options(repo), &progress)?
        };
        if session.ui.is_json() {
            session
                .ui
                .json(&json!({"type": "summary", "dry_run": true, "forgotten": gone.len(), "bytes_freed": bytes}))?;
        } else {
            let text = format!(
                "would forget {}; gc could free about {} then",
                counted(gone.len() as u64, "snapshot", "snapshots"),
                format_size(bytes)
            );
            session.ui.line(&text)?;
        }
        Ok(Exit::DONE)
    }
}

fn show_group(session: &Session, group: &Group<'_>) -> anyhow::Result<()> {
    if session.ui.is_quiet() {
        return Ok(());
    }
    if session.ui.is_json() {
        for decision in &group.decisions {
            let mut value = view::json_of(decision.snapshot);
            value["type"] = json!("decision");
            value["keep"] = json!(decision.is_kept());
            value["reasons"] = json!(decision.reasons.iter().map(ToString::to_string).collect::<Vec<_>>());
            session.ui.json(&value)?;
        }
        return Ok(());
    }
    let columns = [
        ("", Align::Left),
        ("ID", Align::Left),
        ("Time", Align::Left),
        ("Host", Align::Left),
        ("Reasons", Align::Left),
        ("Paths", Align::Left),
    ];
    let mut table = Table::new(&columns);
    group.decisions.iter().for_each(|decision| table.row(cells(decision)));
    session.ui.text(&table.render(session.ui.paint()))
}

fn cells(decision: &Decision<'_>) -> Vec<String> {
    let snapshot = decision.snapshot;
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    vec![
        if decision.is_kept() { "keep" } else { "forget" }.to_string(),
        snapshot.id.short(),
        local_time(snapshot.time),
        escaped(snapshot.body.host.as_bytes()),
        reasons.join(", "),
        view::paths_of(snapshot),
    ]
}
