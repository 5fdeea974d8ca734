//! What forget, tag and pin records say of others, and when each record counts as written.

use crate::clock::Time;
use crate::error::Error;
use crate::id::{Id, ShortId};
use crate::repo::Root;
use crate::repo::records::{FORGET, Forget, PIN, Pin, TAG, Tag};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What trusted devices say about what is kept.
#[derive(Debug, Default)]
pub struct Statements {
    /// When each record counts as written.
    pub times: HashMap<Id, Time>,
    /// The records that count no longer.
    pub forgotten: HashSet<Id>,
    /// The ids that are kept whatever the policies say: snapshots, run records, objects.
    pub pinned: BTreeSet<Id>,
    /// Changes of tags, by snapshot, in their order.
    pub(super) tags: HashMap<Id, Vec<Tag>>,
    /// Records whose seal and signature hold but whose body cannot be read, with why.
    pub damaged: Vec<(Id, Error)>,
}

impl Statements {
    /// Takes verified root records for what they say, at the time `now`.
    pub fn load(roots: &[Root], now: Time) -> Statements {
        let mut all = Statements { times: clamped_times(roots, now), ..Statements::default() };
        let says = |root: &&Root| root.is_trusted && matches!(root.record_type, FORGET | TAG | PIN);
        let mut statements: Vec<&Root> = roots.iter().filter(says).collect();
        statements.sort_by_key(|root| (all.time_of(root), root.device, root.sequence));
        for root in statements {
            // A body that cannot be read is told; it takes nothing away.
            let read = match root.record_type {
                FORGET => Forget::decode(&root.body)
                    .map(|forget| all.forgotten.extend(forget.records.iter().map(|one| one.name))),
                TAG => Tag::decode(&root.body).map(|tag| all.tags.entry(tag.snapshot).or_default().push(tag)),
                _ => Pin::decode(&root.body).map(|pin| {
                    if pin.is_pinned {
                        all.pinned.insert(pin.id)
                    } else {
                        all.pinned.remove(&pin.id)
                    };
                }),
            };
            if let Err(error) = read {
                all.damaged.push((root.name, error));
            }
        }
        all
    }

    /// When a record counts as written.
    pub fn time_of(&self, root: &Root) -> Time {
        self.times.get(&root.name).copied().unwrap_or(root.time)
    }
}

/// The time of each record, bounded by `now` and never before that of an earlier record of its device. A claim that
/// lies in the future binds no later record.
fn clamped_times(roots: &[Root], now: Time) -> HashMap<Id, Time> {
    let mut by_device: BTreeMap<ShortId, Vec<&Root>> = BTreeMap::new();
    for root in roots {
        by_device.entry(root.device).or_default().push(root);
    }
    let mut times = HashMap::with_capacity(roots.len());
    for chain in by_device.values_mut() {
        chain.sort_by_key(|root| root.sequence);
        let mut floor = Time { seconds: i64::MIN, nanoseconds: 0 };
        for root in chain {
            times.insert(root.name, root.time.min(now).max(floor));
            if root.time <= now {
                floor = floor.max(root.time);
            }
        }
    }
    times
}
