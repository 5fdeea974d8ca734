//! `larder status`: the repository at a glance.

use super::view;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{escaped, local_time};
use larder::crypto::seal::Scheme;
use larder::repo::LOCK;
use larder::repo::lock::Lock;
use larder::units::format_size;
use serde_json::json;

/// Arguments of `larder status`.
#[derive(clap::Args)]
pub struct Status {}

impl Subcommand for Status {
    const NAME: &'static str = "status";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show the state of the repository at a glance";
    const MANUAL: Manual = Manual {
        description: "Where it is, whether it is encrypted, how many snapshots and packs it has, when the last snapshot \
            was made, and who holds its lock.",
        examples: &[("larder status", "Shows the repository that this directory uses.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (place, repo) = (session.place()?, session.repo()?);
        let snapshots = view::load(session, &repo)?;
        let (packs, bytes) = repo.pack_totals()?;
        let holders = Lock::holders(&repo.local().cache.join(LOCK))?;
        let format = repo.config();
        let is_encrypted = format.scheme != Scheme::None;
        let last = snapshots.all().iter().rev().find(|snapshot| !snapshot.body.is_partial);
        let damaged: Vec<String> = repo.damaged_segments().iter().map(|(name, _)| format!("index/{name}")).collect();
        let unread: Vec<String> = snapshots.damaged().iter().map(|(name, _)| format!("roots/{name}")).collect();
        let partial = repo.backend().beyond().map(|beyond| beyond.location());
        let promised = if partial.is_some() { repo.promised_packs()?.len() } else { 0 };
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "status", "partial_of": partial, "packs_promised": promised, "damaged": damaged.iter().chain(&unread).collect::<Vec<_>>(), "location": repo.backend().location(), "id": repo.id().to_hex(),
                "encryption": format.scheme.name(), "snapshots": snapshots.all().len(), "packs": packs, "bytes_stored": bytes,
                "latest": last.map(view::json_of), "locked_by": holders.iter().map(|holder| holder.pid).collect::<Vec<_>>()}))?;
            return Ok(view::outcome(&snapshots));
        }
        let encryption = if is_encrypted {
            format.scheme.name().to_string()
        } else {
            session.ui.paint().doubtful("none: whoever can read its files can read what it keeps")
        };
        let lock = match holders.as_slice() {
            [] => "free".to_string(),
            [one, ..] => format!(
                "held by process {} on {}: {}",
                one.pid,
                escaped(one.host.as_bytes()),
                escaped(one.command.as_bytes())
            ),
        };
        let last = last.map_or_else(
            || "none yet".to_string(),
            |snapshot| format!("{}, {}, {}", local_time(snapshot.time), snapshot.id.short(), view::paths_of(snapshot)),
        );
        for (name, value) in [
            ("repository", escaped(repo.backend().location().as_bytes())),
            ("id", repo.id().to_hex()),
            ("encryption", encryption),
            ("chunks", format!("{} to {} bytes, {} on average", format.sizes.min, format.sizes.max, format.sizes.avg)),
            ("compression", format!("{} level {}", format.compression.algorithm.name(), format.compression.level)),
            ("snapshots", snapshots.all().len().to_string()),
            ("latest", last),
            ("packs", format!("{packs}, {}", format_size(bytes))),
            ("lock", lock),
        ] {
            session.ui.line(&format!("{name:<12} {value}"))?;
        }
        let is_far = place.location().local_path().is_none();
        if let Some(creation) = is_far.then(|| place.noted_creation(place.location())).flatten() {
            session.ui.line(&format!("{:<12} {}", "medium", creation.about()))?;
        }
        if let Some(beyond) = partial {
            let what = format!("{promised} packs are at {}, and read there", escaped(beyond.as_bytes()));
            session.ui.line(&format!("{:<12} {what}", "partial"))?;
        }
        for file in &damaged {
            let what = format!("{file}: its packs are read all the same; the next writer replaces it");
            session.ui.line(&format!("{:<12} {}", "damaged", session.ui.paint().bad(&what)))?;
        }
        for file in &unread {
            let what = format!("{file}: it may be a snapshot, the latest one, or what keeps one");
            session.ui.line(&format!("{:<12} {}", "damaged", session.ui.paint().bad(&what)))?;
        }
        Ok(view::outcome(&snapshots))
    }
}
