//! `larder stats`: who uses the space.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{Align, Table, local_time};
use larder::context::reach_options;
use larder::snapshot::Snapshot;
use larder::units::format_size;
use larder::usage::usage;
use serde_json::json;

/// Arguments of `larder stats`.
#[derive(clap::Args)]
pub struct StatsArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// Also what each snapshot holds that no other one has
    #[arg(long)]
    each: bool,
}

impl Subcommand for StatsArgs {
    const NAME: &'static str = "stats";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show how much space snapshots take";
    const MANUAL: Manual = Manual {
        description: "Logical size is what restoring every snapshot would write. Unique size counts each piece of data \
            once, before compression. Stored size is that of the packs. The ratios are logical to unique, and all \
            data in packs to their size.",
        examples: &[
            ("larder stats", "Shows sizes and ratios of the repository."),
            ("larder stats --each", "Also shows what forgetting one snapshot alone could free."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let snapshots = view::load(session, &repo)?;
        let filter = self.filter.filter();
        let chosen: Vec<&Snapshot> = snapshots.select(&filter).collect();
        let usage = {
            let progress = session.ui.progress("measuring");
            usage(&repo, &chosen, self.each, &reach_options(&repo), &progress)?
        };
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "stats", "snapshots": usage.snapshots, "bytes_logical": usage.logical_bytes,
                "bytes_unique": usage.unique_bytes, "bytes_other": usage.other_bytes, "bytes_stored": usage.stored_bytes,
                "dedup_ratio": usage.dedup_ratio(), "compression_ratio": usage.compression_ratio()}))?;
            for (id, bytes) in &usage.only_in {
                session.ui.json(&json!({"type": "snapshot", "id": id.to_hex(), "bytes_only_here": bytes}))?;
            }
            return Ok(view::outcome(&snapshots));
        }
        let mut text = String::new();
        for (name, value) in [
            ("snapshots", usage.snapshots.to_string()),
            ("logical size", format_size(usage.logical_bytes)),
            ("unique size", format_size(usage.unique_bytes)),
            ("other data", format_size(usage.other_bytes)),
            ("stored size", format_size(usage.stored_bytes)),
            ("dedup ratio", format!("{:.2}", usage.dedup_ratio())),
            ("compression", format!("{:.2}", usage.compression_ratio())),
        ] {
            text.push_str(&format!("{name:<13} {value}\n"));
        }
        session.ui.text(&text)?;
        if self.each {
            let mut table = Table::new(&[("ID", Align::Left), ("Time", Align::Left), ("Only here", Align::Right)]);
            for (snapshot, (id, bytes)) in chosen.iter().zip(&usage.only_in) {
                table.row(vec![id.short(), local_time(snapshot.time), format_size(*bytes)]);
            }
            session.ui.text(&table.render(session.ui.paint()))?;
        }
        Ok(view::outcome(&snapshots))
    }
}
