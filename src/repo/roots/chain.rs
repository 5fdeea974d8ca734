//! Whether the history of every device is whole: nothing missing, nothing replaced, nothing taken back.
//!
//! Each device's records carry a sequence number and the name of the one before. What a client has seen once it
//! remembers outside the repository as [`Heads`], so that a medium that plays an old copy is caught (STORAGE
//! section 7). A record may be missing only when a forget record names it.

use super::Root;
use crate::error::{Code, Error, Result};
use crate::id::{Id, ShortId};
use crate::repo::records::{FORGET, Forget};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// The last record of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its sequence number.
    pub sequence: u64,
    /// Its name.
    pub name: Id,
}

/// What a client remembers of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The highest record seen.
    pub head: Head,
    /// Faults up to this sequence number were accepted by the user.
    pub accepted_through: u64,
}

/// The highest record of each device that this client has seen, and what it is about to write itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The device that this client writes as, once it has written.
    pub own: Option<ShortId>,
    /// A record of its own that may or may not have been stored when the program ended.
    pub pending: Option<Head>,
    /// Whether the note about its own last record cannot be read: then the repository has to be asked.
    pub is_last_unknown: bool,
    /// What was seen, by device.
    pub devices: BTreeMap<ShortId, Seen>,
}

/// What is wrong at a place of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Records are missing that no forget record names.
    Missing,
    /// Two records have the same place.
    Forked,
    /// A record does not follow the one before it.
    Relinked,
    /// The record that was seen here once is another now.
    Replaced,
}

/// A place where a device's history is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainFault {
    /// The device.
    pub device: ShortId,
    /// The first sequence number concerned.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The name of the last one, where it is known.
    pub name: Option<Id>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.fault {
            Fault::Missing => "missing, and nothing says they were forgotten",
            Fault::Forked => "there twice",
            Fault::Relinked => "not following the one before",
            Fault::Replaced => "not the one that was seen here before",
        };
        let records =
            if self.first == self.last { self.first.to_string() } else { format!("{} to {}", self.first, self.last) };
        write!(f, "root record {records} of device {} is {how}", self.device)?;
        if let Some(name) = self.name { write!(f, " ({name})") } else { Ok(()) }
    }
}

/// Judges all chains, and answers what to remember from now on.
///
/// `damaged` are the names of root files that are there but cannot be read: they leave gaps that are no rollback.
/// With `accept_rollback` the history is taken as it is, and what is wrong with it now is not told again.
///
/// # Errors
/// ROLLBACK_DETECTED with the first fault.
pub fn check_chains(roots: &[Root], damaged: &HashSet<Id>, heads: &Heads, accept_rollback: bool) -> Result<Heads> {
    let chains = Chains::new(roots, heads);
    let faults = chains.faults(damaged);
    match faults.first() {
        Some(fault) if !accept_rollback => {
            let more = if faults.len() > 1 { format!(", and {} more faults", faults.len() - 1) } else { String::new() };
            Err(Error::new(Code::RollbackDetected, format!("the history has been changed: {fault}{more}")))
        }
        _ => Ok(chains.heads_after(&faults.iter().map(|fault| fault.device).collect())),
    }
}

/// Everything that is wrong with the chains, for a report.
pub fn chain_faults(roots: &[Root], damaged: &HashSet<Id>, heads: &Heads) -> Vec<ChainFault> {
    Chains::new(roots, heads).faults(damaged)
}

/// One place of a chain: what is there, and what a forget record says was there.
#[derive(Default)]
struct Place<'a> {
    present: Vec<&'a Root>,
    forgotten: BTreeSet<Id>,
}

impl Place<'_> {
    fn names(&self) -> BTreeSet<Id> {
        self.present.iter().map(|root| root.name).chain(self.forgotten.iter().copied()).collect()
    }
}

struct Chains<'a> {
    heads: &'a Heads,
    places: BTreeMap<ShortId, BTreeMap<u64, Place<'a>>>,
}

impl<'a> Chains<'a> {
    fn new(roots: &'a [Root], heads: &'a Heads) -> Self {
        let mut places: BTreeMap<ShortId, BTreeMap<u64, Place<'_>>> = BTreeMap::new();
        // Devices that are not trusted prove nothing, neither by what they say nor by what they lack.
        for root in roots.iter().filter(|root| root.is_trusted) {
            places.entry(root.device).or_default().entry(root.sequence).or_default().present.push(root);
            if root.record_type != FORGET {
                continue;
            }
            for one in Forget::decode(&root.body).map(|forget| forget.records).unwrap_or_default() {
                let place = places.entry(one.device).or_default().entry(one.sequence).or_default();
                place.forgotten.insert(one.name);
            }
        }
        for device in heads.devices.keys() {
            places.entry(*device).or_default();
        }
        Chains { heads, places }
    }

    fn faults(&self, damaged: &HashSet<Id>) -> Vec<ChainFault> {
        let mut faults = Vec::new();
        for (device, places) in &self.places {
            let walk = Walk { device: *device, damaged, faults: &mut faults };
            walk.run(places, self.heads.devices.get(device));
        }
        faults
    }

    fn heads_after(&self, accepted: &HashSet<ShortId>) -> Heads {
        let mut heads = self.heads.clone();
        for (device, places) in &self.places {
            let there = places.iter().next_back().and_then(|(sequence, place)| {
                place.names().first().map(|name| Head { sequence: *sequence, name: *name })
            });
            let before = self.heads.devices.get(device);
            let after = match (there, before) {
                (Some(head), _) if accepted.contains(device) => Some(Seen { head, accepted_through: head.sequence }),
                (None, _) if accepted.contains(device) => None,
                (Some(head), Some(seen)) if head.sequence > seen.head.sequence => Some(Seen { head, ..*seen }),
                (Some(head), None) => Some(Seen { head, accepted_through: 0 }),
                (_, seen) => seen.copied(),
            };
            match after {
                Some(seen) => heads.devices.insert(*device, seen),
                None => heads.devices.remove(device),
            };
        }
        heads
    }
}

/// The walk along one chain.
struct Walk<'a> {
    device: ShortId,
    damaged: &'a HashSet<Id>,
    faults: &'a mut Vec<ChainFault>,
}

impl Walk<'_> {
    fn run(mut self, places: &BTreeMap<u64, Place<'_>>, seen: Option<&Seen>) {
        let accepted = seen.map_or(0, |seen| seen.accepted_through);
        let mut before: Option<(u64, BTreeSet<Id>)> = None;
        let mut expected = accepted.saturating_add(1);
        for (&sequence, place) in places.range(expected..) {
            if sequence > expected {
                self.gap(expected, sequence - 1, place.present.first().and_then(|root| root.previous));
            }
            let names = place.names();
            if names.len() > 1 {
                self.say(sequence, sequence, names.first().copied(), Fault::Forked);
            } else if let (Some(root), Some((previous, earlier))) = (place.present.first(), &before)
                && *previous + 1 == sequence
                && !root.previous.is_some_and(|name| earlier.contains(&name))
            {
                self.say(sequence, sequence, Some(root.name), Fault::Relinked);
            }
            before = Some((sequence, names));
            expected = sequence.saturating_add(1);
        }
        let Some(Seen { head, .. }) = seen else { return };
        match places.get(&head.sequence) {
            Some(place) if place.names().contains(&head.name) => {}
            Some(_) => self.say(head.sequence, head.sequence, Some(head.name), Fault::Replaced),
            // A gap before something later was told above.
            None if head.sequence >= expected => self.gap(expected, head.sequence, Some(head.name)),
            None => {}
        }
    }

    /// Records that are missing, the last of which has this name, unless damaged files account for them.
    fn gap(&mut self, first: u64, last: u64, name: Option<Id>) {
        let is_damage =
            name.is_none_or(|name| self.damaged.contains(&name)) && last - first < self.damaged.len() as u64;
        if !is_damage {
            self.say(first, last, name, Fault::Missing);
        }
    }

    fn say(&mut self, first: u64, last: u64, name: Option<Id>, fault: Fault) {
        self.faults.push(ChainFault { device: self.device, first, last, name, fault });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::repo::records::{Forgotten, SNAPSHOT};

    fn device(n: u8) -> ShortId {
        ShortId::new([n; 16])
    }

    fn name(device: u8, sequence: u64) -> Id {
        let mut bytes = [device; 32];
        bytes[..8].copy_from_slice(&sequence.to_be_bytes());
        Id::new(bytes)
    }

    fn root(of: u8, sequence: u64) -> Root {
        Root {
            name: name(of, sequence),
            record_type: SNAPSHOT,
            device: device(of),
            sequence,
            previous: (sequence > 1).then(|| name(of, sequence - 1)),
            time: Time::default(),
            body: Vec::new(),
            is_trusted: true,
            lease: None,
        }
    }

    fn forget(of: u8, sequence: u64, gone: &[(u8, u64)]) -> Root {
        let records = gone
            .iter()
            .map(|(of, sequence)| Forgotten { name: name(*of, *sequence), device: device(*of), sequence: *sequence })
            .collect();
        Root { record_type: FORGET, body: Forget::new(records).encode(), ..root(of, sequence) }
    }

    fn faults(roots: &[Root], heads: &Heads) -> Vec<(u64, u64, Fault)> {
        chain_faults(roots, &HashSet::new(), heads).iter().map(|f| (f.first, f.last, f.fault)).collect()
    }

    fn seen_after(roots: &[Root]) -> Heads {
        check_chains(roots, &HashSet::new(), &Heads::default(), false).unwrap()
    }

    #[test]
    fn a_whole_history_is_whole_in_any_order() {
        let mut roots: Vec<Root> = (1..=5).map(|n| root(1, n)).chain((1..=3).map(|n| root(2, n))).collect();
        roots.reverse();
        let heads = seen_after(&roots);
        assert_eq!(heads.devices[&device(1)].head, Head { sequence: 5, name: name(1, 5) });
        assert_eq!(check_chains(&roots, &HashSet::new(), &heads, false).unwrap(), heads);
    }

    #[test]
    fn an_old_copy_is_caught_by_who_saw_the_new_one() {
        let roots: Vec<Root> = (1..=5).map(|n| root(1, n)).collect();
        let heads = seen_after(&roots);
        assert_eq!(faults(&roots[..3], &heads), [(4, 5, Fault::Missing)]);
        assert_eq!(faults(&[], &heads), [(1, 5, Fault::Missing)]);
        // A client that comes for the first time cannot know.
        assert_eq!(faults(&roots[..3], &Heads::default()), []);
        let error = check_chains(&roots[..3], &HashSet::new(), &heads, false).unwrap_err();
        assert_eq!(error.code(), Code::RollbackDetected);
        let accepted = check_chains(&roots[..3], &HashSet::new(), &heads, true).unwrap();
        assert_eq!(accepted.devices[&device(1)].head.sequence, 3);
        assert_eq!(check_chains(&roots[..3], &HashSet::new(), &accepted, false).unwrap(), accepted);
        assert_eq!(check_chains(&[], &HashSet::new(), &heads, true).unwrap(), Heads::default());
    }

    #[test]
    fn a_missing_record_needs_a_forget_record() {
        let mut roots: Vec<Root> = [1, 3, 4].map(|n| root(1, n)).to_vec();
        assert_eq!(faults(&roots, &Heads::default()), [(2, 2, Fault::Missing)]);
        roots.push(forget(2, 1, &[(1, 2)]));
        assert_eq!(faults(&roots, &Heads::default()), []);
        // Forgotten at the end of a chain too, and not excused by a stranger.
        roots.push(forget(2, 2, &[(1, 5)]));
        assert_eq!(seen_after(&roots).devices[&device(1)].head, Head { sequence: 5, name: name(1, 5) });
        for one in &mut roots[3..] {
            one.is_trusted = false;
        }
        assert_eq!(faults(&roots, &Heads::default()), [(2, 2, Fault::Missing)]);
    }

    #[test]
    fn forks_false_links_and_replacements_are_faults() {
        let roots: Vec<Root> = (1..=3).map(|n| root(1, n)).collect();
        let heads = seen_after(&roots);
        let other = Id::new([9; 32]);
        let twice = [roots.clone(), vec![Root { name: other, ..root(1, 2) }]].concat();
        assert_eq!(faults(&twice, &heads), [(2, 2, Fault::Forked)]);
        let relinked = [root(1, 1), Root { previous: Some(other), ..root(1, 2) }, root(1, 3)];
        assert_eq!(faults(&relinked, &heads), [(2, 2, Fault::Relinked)]);
        let replaced = [root(1, 1), root(1, 2), Root { name: other, ..root(1, 3) }];
        assert_eq!(faults(&replaced, &heads), [(3, 3, Fault::Replaced)]);
        assert_eq!(faults(&replaced, &Heads::default()), []);
        let accepted = check_chains(&twice, &HashSet::new(), &heads, true).unwrap();
        assert_eq!(faults(&twice, &accepted), []);
        // What goes wrong after an acceptance is told again.
        let later = [twice, vec![root(1, 4), root(1, 6)]].concat();
        assert_eq!(faults(&later, &accepted), [(5, 5, Fault::Missing)]);
    }

    #[test]
    fn damage_is_not_told_as_rollback() {
        let roots: Vec<Root> = (1..=5).map(|n| root(1, n)).collect();
        let heads = seen_after(&roots);
        let damaged = HashSet::from([name(1, 3), name(1, 5)]);
        let left = [roots[0].clone(), roots[1].clone(), roots[3].clone()];
        assert_eq!(chain_faults(&left, &damaged, &heads), []);
        let after = check_chains(&left, &damaged, &heads, false).unwrap();
        assert_eq!(after.devices[&device(1)].head.sequence, 5, "damage is no reason to step back");
        assert_eq!(chain_faults(&left, &HashSet::from([name(1, 3)]), &heads).len(), 1);
    }

    #[test]
    fn a_huge_sequence_costs_nothing() {
        let last = Root { sequence: u64::MAX, ..root(1, 2) };
        assert_eq!(faults(&[root(1, 1), last], &Heads::default()), [(2, u64::MAX - 1, Fault::Missing)]);
    }
}
