//! `larder snapshots`: what there is; and by other words what `show` and `forget` do.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand, forget, show};
use crate::session::Session;
use crate::ui::{Align, Table, escaped, local_time};
use larder::context::Names;
use larder::error::{Code, Error};
use larder::retention::{GroupBy, GroupKey};
use larder::snapshot::Snapshot;
use larder::units::format_size;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// Arguments of `larder snapshots`.
#[derive(clap::Args)]
pub struct Snapshots {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    list: List,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List snapshots; with --json as one array
    List(List),
    /// Show snapshots, as `larder show`
    Show(show::Show),
    /// Let go of snapshots, as `larder forget`
    Forget(Box<forget::Forget>),
}

/// Which snapshots are listed, and how.
#[derive(clap::Args, PartialEq)]
struct List {
    #[command(flatten)]
    filter: FilterArgs,

    /// Only the newest so many of each group
    #[arg(short = 'n', long, value_name = "COUNT")]
    last: Option<usize>,

    /// Group by these: host, paths, tags
    #[arg(short = 'g', long, value_name = "LIST", default_value = "", hide_default_value = true, value_parser = GroupBy::parse)]
    group_by: GroupBy,

    /// The snapshots; otherwise all that the filter means
    #[arg(value_name = "SNAPSHOT")]
    names: Vec<OsString>,
}

/// What the snapshots of a group have in common, as its heading.
fn heading(key: &GroupKey) -> String {
    let paths = |paths: &BTreeSet<Vec<u8>>| paths.iter().map(|path| escaped(path)).collect::<Vec<_>>().join(" ");
    let tags = |tags: &BTreeSet<String>| tags.iter().cloned().collect::<Vec<_>>().join(",");
    let parts = [
        key.host.as_ref().map(|host| format!("host {}", escaped(host.as_bytes()))),
        key.paths.as_ref().map(|set| format!("paths {}", paths(set))),
        key.tags.as_ref().map(|set| format!("tags {}", tags(set))),
        (!key.is_trusted).then(|| "of untrusted devices".to_string()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Subcommand for Snapshots {
    const NAME: &'static str = "snapshots";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "List snapshots";
    const MANUAL: Manual = Manual {
        description: "Oldest first: the beginning of the id, the time it was begun, the machine, the size of all files, \
            tags, and the sources. With --json one line for each snapshot, and `snapshots list --json` one array of all.",
        examples: &[
            ("larder snapshots --host mail --tag monthly", "Lists the monthly ones of one machine."),
            ("larder snapshots --group-by host,paths --last 1", "Lists the newest of every machine and source."),
            ("larder snapshots --json | jq -r .id", "Prints the ids."),
            ("larder snapshots list --json | jq length", "Counts them."),
        ],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        match &self.action {
            Some(Action::Forget(forget)) => forget.need(),
            _ => Self::NEED,
        }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let Some(action) = self.action else { return self.list.run(session, false) };
        if self.list != List::default() {
            let error = Error::new(Code::InvalidArg, "options and names of snapshots stand after the action");
            return Err(error.with_hint("`larder snapshots list --host NAME`").into());
        }
        match action {
            Action::List(list) => list.run(session, true),
            Action::Show(show) => show.run(session),
            Action::Forget(forget) => forget.run(session),
        }
    }
}

impl Default for List {
    fn default() -> Self {
        let group_by = GroupBy { host: false, paths: false, tags: false };
        List { filter: FilterArgs::default(), last: None, group_by, names: Vec::new() }
    }
}

impl List {
    /// `as_array`: in JSON as one array instead of lines.
    fn run(self, session: &Session, as_array: bool) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let names = Names::new(&repo);
        let filter = self.filter.filter();
        let chosen = view::chosen(&names, &self.names, &filter)?;
        view::tell_damaged(session, names.snapshots()?);
        if chosen.is_empty() && self.filter != FilterArgs::default() {
            session.ui.status("no snapshot matches");
        }
        let mut groups: BTreeMap<GroupKey, Vec<&Snapshot>> = BTreeMap::new();
        for snapshot in chosen {
            groups.entry(self.group_by.key(snapshot)).or_default().push(snapshot);
        }
        let (mut is_first, mut array) = (true, Vec::new());
        for (key, mut members) in groups {
            let group = heading(&key);
            let surplus = self.last.map_or(0, |last| members.len().saturating_sub(last));
            members.drain(..surplus);
            if session.ui.is_json() {
                let mut values = members.into_iter().map(view::json_of);
                if as_array {
                    array.extend(values)
                } else {
                    values.try_for_each(|value| session.ui.json(&value))?
                }
                continue;
            }
            if !group.is_empty() {
                let space = if is_first { "" } else { "\n" };
                session.ui.line(&format!("{space}{}", session.ui.paint().name(&group)))?;
            }
            is_first = false;
            session.ui.text(&table(&members).render(session.ui.paint()))?;
        }
        if session.ui.is_json() && as_array {
            session.ui.json(&serde_json::Value::Array(array))?;
        }
        Ok(view::outcome(names.snapshots()?))
    }
}

fn table(snapshots: &[&Snapshot]) -> Table {
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("time", Align::Left),
        ("host", Align::Left),
        ("size", Align::Right),
        ("tags", Align::Left),
        ("paths", Align::Left),
    ]);
    for snapshot in snapshots {
        table.row(vec![
            snapshot.id.short(),
            local_time(snapshot.time),
            escaped(snapshot.body.host.as_bytes()),
            format_size(snapshot.body.stats.total_bytes),
            view::marks_of(snapshot),
            view::paths_of(snapshot),
        ]);
    }
    table
}
