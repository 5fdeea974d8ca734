//! `larder key list`: the slots.

use super::super::Exit;
use crate::session::Session;
use crate::ui::{escaped, utc_time};
use larder::clock::Time;
use larder::repo::keys::{Slot, list_slots};
use serde_json::{Value, json};

/// List the slots: id, kind, when it was made, label, with tabs between them
#[derive(clap::Args)]
pub struct List {}

impl List {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let all = list_slots(session.place()?.backend().as_ref())?;
        for slot in &all.slots {
            if session.ui.is_json() {
                session.ui.json(&json_of(slot))?;
            } else {
                let (kind, created) = (slot.info.kind.name(), utc_time(Time::from_seconds(slot.info.created)));
                session.ui.line(&format!(
                    "{}\t{kind}\t{created}\t{}",
                    slot.name,
                    escaped(slot.info.label.as_bytes())
                ))?;
            }
        }
        for (path, error) in &all.damaged {
            session.ui.item_failed(path.as_bytes(), error);
        }
        Ok(if all.damaged.is_empty() { Exit::DONE } else { Exit::PARTIAL })
    }
}

/// A slot for programs.
pub fn json_of(slot: &Slot) -> Value {
    let kdf = slot.info.kdf.map(|cost| json!({"passes": cost.t, "memory_kib": cost.m_kib, "lanes": cost.p}));
    json!({
        "type": "slot", "id": slot.name.to_hex(), "kind": slot.info.kind.name(), "label": slot.info.label,
        "created": utc_time(Time::from_seconds(slot.info.created)), "argon2id": kdf,
    })
}
