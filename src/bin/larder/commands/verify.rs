//! `larder verify`: whether everything is here and is what it says.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{counted, escaped, utc_time};
use larder::context::{Names, SETS_BYTES, jobs};
use larder::error::{Code, Error};
use larder::id::Id;
use larder::verify::{Damage, Fault, Item, Level, Report, Subset, VerifyOptions, scrub, verify};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `larder verify`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("level").multiple(false))]
pub struct Verify {
    /// Only ask whether everything is indexed and its packs are there and long enough
    #[arg(long, group = "level")]
    quick: bool,

    /// Also read the data: all of it, or a part: 1/7, 5% or 20GiB. Percents and sizes move on from time to time
    #[arg(long, group = "level", value_name = "PART", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    read_data: Option<Subset>,

    /// Without a key: compare every file with the SHA-256 that is its name
    #[arg(long, group = "level", conflicts_with = "snapshots")]
    scrub: bool,

    /// Everything, which is what is checked where no snapshot is named
    #[arg(long, conflicts_with = "snapshots")]
    all: bool,

    /// Fetch what is missing or damaged from the remotes that have it, and look again. Reads all data, unless another level
    /// is given
    #[arg(long, conflicts_with = "scrub")]
    repair: bool,

    /// Repair from this replica instead of from all remotes: a remote, an address or a directory; may be given several times
    #[arg(long, value_name = "NAME", requires = "repair", value_hint = clap::ValueHint::AnyPath)]
    from: Vec<std::path::PathBuf>,

    /// Answer with one JSON object, the totals, and nothing else
    #[arg(long)]
    report: bool,

    /// Only what these snapshots reach
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<OsString>,
}

impl Subcommand for Verify {
    const NAME: &'static str = "verify";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ASKS: bool = true;
    const ABOUT: &'static str = "Check that a repository is whole and unchanged";
    const MANUAL: Manual = Manual {
        description: "Without an option, reads all metadata: roots, signatures, trees, segments, keys, directories of \
            packs. All damage is listed, not the first. Nothing is deleted.\n\n\
            With --repair the replicas that `larder remote` knows are asked for what is missing or damaged: for whole \
            files of the same name first, then for objects one by one. What arrives is compared with its name before it \
            is stored. Then everything is looked at again, and what is printed is what is left.\n\n\
            Lines are fields with tabs between them. One line for each thing that is wrong: missing, damaged or \
            invalid-signature; file, object, chunk or node; its id or path; the file it is in or `-`; why. Below it, \
            `path` lines say what in which snapshots is hurt. At the end, `total` lines: a name and a number, among \
            them health_percentage.",
        examples: &[
            ("larder verify --quick", "Checks in moments that nothing is missing."),
            ("larder verify --read-data", "Reads every byte."),
            ("larder verify -q --read-data=5%", "From cron, every day: reads everything in twenty days."),
            ("larder verify --report | jq .health_percentage", "Prints one number."),
            ("larder verify --repair", "Mends from the remotes what is damaged here."),
            ("larder -r /mnt/copy verify --scrub", "Checks a copy where there is no key."),
        ],
        exits: &[(0, "Nothing is wrong."), (13, "Something is missing or damaged.")],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        match (self.scrub, self.repair) {
            (true, _) => Need::Config,
            (_, true) => Need::Append,
            _ => Need::Shared,
        }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let mut none_asked = false;
        let report = if self.scrub {
            scrub(session.place()?.backend().as_ref(), jobs(), &session.ui.progress("verifying"))?
        } else {
            let repo = session.repo()?;
            let names = Names::new(&repo);
            let snapshots: larder::error::Result<Vec<Id>> = self
                .snapshots
                .iter()
                .map(|name| Ok(names.snapshots()?.resolve(name.as_bytes())?.snapshot.id))
                .collect();
            let level = match (self.quick, self.read_data) {
                (true, _) => Level::Quick,
                (_, Some(subset)) => Level::ReadData(subset),
                _ if self.repair => Level::ReadData(Subset::All),
                _ => Level::Metadata,
            };
            let options = VerifyOptions { level, snapshots: snapshots?, jobs: jobs(), budget_bytes: SETS_BYTES };
            drop(names);
            let report = verify(&repo, &options, &session.ui.progress("verifying"))?;
            match self.repair && !report.is_clean() {
                true => {
                    let (mended, was_any_asked) = super::mend::mend(session, repo, &options, report, &self.from)?;
                    none_asked = !was_any_asked;
                    mended
                }
                false => report,
            }
        };
        if self.report {
            session.ui.json(&summary(&report))?
        } else {
            print(session, &report)?
        }
        if report.is_clean() {
            return Ok(if report.is_stopped { Exit::PARTIAL } else { Exit::DONE });
        }
        let wrong = report.damage.len();
        let things = if wrong == 1 { "1 thing is wrong".to_string() } else { format!("{wrong} things are wrong") };
        let objects = counted(report.objects_lost, "object is", "objects are");
        let message = format!("{things}, {objects} lost");
        let hint = match (report.objects_lost, report.damage.iter().any(|damage| damage.item == Item::File)) {
            (0, false) => "every damaged copy has a sound one beside it, which is what is read",
            _ if none_asked => "what is named above is hurt, and no replica could be asked for it",
            _ if self.repair => "what is named above is hurt, and no replica that was asked has it",
            _ if report.roots_unread > 0 => {
                "what is named above is hurt, and what those root records keep cannot be restored before they can be \
                 read; --repair asks the remotes for them"
            }
            _ => "what is named above is hurt; everything else can be restored; --repair asks the remotes for it",
        };
        Err(Error::new(Code::StorageCorrupted, message).with_hint(hint).into())
    }
}

fn print(session: &Session, report: &Report) -> anyhow::Result<()> {
    let ui = &session.ui;
    for damage in &report.damage {
        if ui.is_json() { ui.json(&json_of(damage))? } else { ui.text(&lines_of(damage))? }
    }
    for remark in &report.remarks {
        ui.status(&escaped(remark.as_bytes()));
    }
    if ui.is_json() {
        return ui.json(&summary(report));
    }
    if ui.is_quiet() {
        return Ok(());
    }
    for id in &report.snapshots_invalid {
        ui.line(&format!("invalid\tsnapshot\t{id}"))?;
    }
    for id in &report.runs_invalid {
        ui.line(&format!("invalid\trun\t{id}"))?;
    }
    let totals = [
        ("snapshots_total", report.snapshots_total),
        ("snapshots_valid", report.snapshots_valid),
        ("runs_total", report.runs_total),
        ("objects", report.objects),
        ("objects_lost", report.objects_lost),
        ("packs", report.packs),
        ("packs_read", report.packs_read),
        ("bytes_read", report.bytes_read),
        ("damage", report.damage.len() as u64),
    ];
    for (name, number) in totals.into_iter().chain(promised(report)) {
        ui.line(&format!("total\t{name}\t{number}"))?;
    }
    ui.line(&format!("total\thealth_percentage\t{:.2}", report.health_percentage()))
}

/// The totals for programs.
fn summary(report: &Report) -> serde_json::Value {
    let invalid: Vec<_> = report.snapshots_invalid.iter().map(|id| id.to_hex()).collect();
    let count = |fault| report.damage.iter().filter(|damage| damage.fault == fault).count();
    let mut value = json!({
        "type": "summary", "time": utc_time(larder::clock::now()), "snapshots_total": report.snapshots_total,
        "snapshots_valid": report.snapshots_valid, "snapshots_invalid": invalid, "runs_total": report.runs_total,
        "runs_invalid": report.runs_invalid.iter().map(|id| id.to_hex()).collect::<Vec<_>>(), "objects": report.objects,
        "objects_lost": report.objects_lost, "packs": report.packs, "packs_read": report.packs_read,
        "bytes_read": report.bytes_read, "damage": report.damage.len(), "missing": count(Fault::Missing),
        "damaged": count(Fault::Damaged), "invalid_signatures": count(Fault::InvalidSignature),
        "remarks": report.remarks, "stopped": report.is_stopped, "health_percentage": report.health_percentage(),
    });
    promised(report).for_each(|(name, number)| value[name] = number.into());
    value
}

/// What is absent on purpose: said where it is so, and only there, since all other lines are frozen.
fn promised(report: &Report) -> impl Iterator<Item = (&'static str, u64)> {
    let numbers = [("packs_promised", report.packs_promised), ("bytes_promised", report.bytes_promised)];
    numbers.into_iter().filter(|(_, number)| *number > 0)
}

fn name_of(damage: &Damage) -> String {
    match damage.item {
        Item::Entry(key) => key.id.to_hex(),
        Item::File => damage.file.clone().unwrap_or_default(),
    }
}

fn lines_of(damage: &Damage) -> String {
    let plain = |text: &str| escaped(text.as_bytes());
    let name = name_of(damage);
    let file = damage.file.as_deref().map_or("-".to_string(), plain);
    let other = if damage.has_other_copy { "; another copy is sound" } else { "" };
    let (fault, item, why) = (damage.fault.name(), damage.item.name(), plain(&damage.message));
    let mut lines = format!("{fault}\t{item}\t{}\t{file}\t{why}{other}\n", plain(&name));
    for object in damage.objects.iter().filter(|id| id.to_hex() != name) {
        lines.push_str(&format!("object\t{object}\n"));
    }
    for path in &damage.paths {
        lines.push_str(&format!("path\t{}\n", plain(path)));
    }
    if damage.paths_more > 0 {
        lines.push_str(&format!("paths-more\t{}\n", damage.paths_more));
    }
    lines
}

fn json_of(damage: &Damage) -> serde_json::Value {
    json!({
        "type": "damage", "fault": damage.fault.name(), "item": damage.item.name(), "name": name_of(damage),
        "file": damage.file, "message": damage.message, "other_copy": damage.has_other_copy,
        "objects": damage.objects.iter().map(|id| id.to_hex()).collect::<Vec<_>>(),
        "paths": damage.paths, "paths_more": damage.paths_more,
    })
}
