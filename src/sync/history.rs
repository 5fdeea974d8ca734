//! Two histories made one: which root records each side lacks, and what they keep.
//!
//! Records are united whole, since each device's chain must stay without gaps. What a forget record of either side names
//! is carried no more, and a tombstone wins wherever records are united.

use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::id::{Id, ShortId};
use crate::reach::{Start, kept};
use crate::repo::records::FORGET;
use crate::repo::roots::{Heads, Seen, check_chains};
use crate::repo::{Repo, Root};
use crate::snapshot::Snapshots;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What both sides say.
pub(super) struct Histories {
    /// Every record of either side, each once.
    pub(super) union: Vec<Root>,
    here: HashSet<Id>,
    there: HashSet<Id>,
    forgotten: Snapshots,
}

/// One way of carrying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From here to there.
    Push,
    /// From there to here.
    Pull,
}

impl Histories {
    /// Reads both sides and judges the history that they make together.
    pub(super) fn load(here: &Repo, there: &Repo, accept_rollback: bool, now: Time) -> Result<Histories> {
        let (loaded_here, heads_here) = here.unjudged_roots(&[])?;
        // A record is the same on both sides: what was verified here is not read there.
        let (loaded_there, heads_there) = there.unjudged_roots(&loaded_here.roots)?;
        let names = |roots: &[Root]| roots.iter().map(|root| root.name).collect::<HashSet<Id>>();
        let (names_here, names_there) = (names(&loaded_here.roots), names(&loaded_there.roots));
        let mut union = loaded_here.roots;
        union.extend(loaded_there.roots.into_iter().filter(|root| !names_here.contains(&root.name)));
        // Damaged on one side and sound on the other is no damage of both.
        let damaged: HashSet<Id> = loaded_here
            .damaged
            .iter()
            .chain(&loaded_there.damaged)
            .map(|(name, _)| *name)
            .filter(|name| !names_here.contains(name) && !names_there.contains(name))
            .collect();
        check_chains(&union, &damaged, &both(heads_here, heads_there), accept_rollback)?;
        if let Some(name) = damaged.iter().next() {
            let what =
                format!("root record {name} is damaged on every side that has it, and what it says is not known");
            return Err(Error::new(Code::StorageCorrupted, what)
                .with_hint("`larder verify` tells more; move the file away if it is lost"));
        }
        let forgotten = Snapshots::load(&union, now);
        Ok(Histories { union, here: names_here, there: names_there, forgotten })
    }

    /// The records that the target of a way lacks and shall have, in the order in which they were signed.
    pub(super) fn lacking(&self, way: Way) -> Vec<&Root> {
        let target = match way {
            Way::Push => &self.there,
            Way::Pull => &self.here,
        };
        let is_tombstone = |root: &Root| root.record_type == FORGET;
        let mut lacking: Vec<&Root> = self
            .union
            .iter()
            .filter(|root| !target.contains(&root.name))
            .filter(|root| is_tombstone(root) || !self.forgotten.is_forgotten(&root.name))
            .collect();
        lacking.sort_by_key(|root| (root.device, root.sequence));
        lacking
    }

    /// The records that the source of a way has, without the forgotten.
    pub(super) fn at_source(&self, way: Way) -> Vec<&Root> {
        let source = match way {
            Way::Push => &self.here,
            Way::Pull => &self.there,
        };
        let lives = |root: &&Root| source.contains(&root.name) && !self.forgotten.is_forgotten(&root.name);
        self.union.iter().filter(lives).collect()
    }

    /// The snapshots of both sides that live.
    pub(super) fn snapshots(&self) -> &Snapshots {
        &self.forgotten
    }

    /// Whether a side has a record.
    pub(super) fn has(&self, way: Way, name: &Id) -> bool {
        match way {
            Way::Push => self.there.contains(name),
            Way::Pull => self.here.contains(name),
        }
    }
}

/// What records keep alive, as the source of a way has it.
pub(super) fn starts(source: &Repo, roots: &[&Root], now: Time) -> Result<Vec<Start>> {
    let roots: Vec<Root> = roots.iter().map(|root| (*root).clone()).collect();
    Ok(kept(source, &roots, now)?.starts)
}

/// The devices that signed records.
pub(super) fn signers(roots: &[&Root]) -> BTreeSet<ShortId> {
    roots.iter().map(|root| root.device).collect()
}

/// The furthest that was seen of each chain on either side.
fn both(here: Heads, there: Heads) -> Heads {
    let mut devices: HashMap<ShortId, Seen> = here.devices.into_iter().collect();
    for (device, seen) in there.devices {
        let merged = match devices.get(&device) {
            None => seen,
            Some(other) => Seen {
                head: if other.head.sequence >= seen.head.sequence { other.head } else { seen.head },
                accepted_through: other.accepted_through.max(seen.accepted_through),
            },
        };
        devices.insert(device, merged);
    }
    Heads { devices: devices.into_iter().collect(), ..Heads::default() }
}
