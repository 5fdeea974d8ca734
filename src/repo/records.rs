//! The bodies of the small root records: forget, tag, pin, touch, runs.
//!
//! Floor 3; FORMAT section 9. A snapshot's body is larger and stands in `crate::snapshot`. Keys that a later version
//! adds are kept in `extra`.

use crate::cbor::Fields;
use crate::error::Result;
use crate::id::{Id, ShortId};

/// A root record of this type holds a snapshot.
pub const SNAPSHOT: u8 = 1;
/// A batch of run records: [`Runs`].
pub const RUNS: u8 = 2;
/// Records that count no longer: [`Forget`].
pub const FORGET: u8 = 3;
/// Tags of a snapshot, added and removed: [`Tag`].
pub const TAG: u8 = 4;
/// An id that is kept, whatever the policies say: [`Pin`].
pub const PIN: u8 = 5;
/// Ids that were used on a day: [`Touch`].
pub const TOUCH: u8 = 6;

/// What a type of record is called.
pub fn type_name(record_type: u8) -> &'static str {
    match record_type {
        SNAPSHOT => "snapshot",
        RUNS => "runs",
        FORGET => "forget",
        TAG => "tag",
        PIN => "pin",
        TOUCH => "touch",
        _ => "unknown",
    }
}

/// A record that a forget record names: its place in its device's chain says which, even after it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Forgotten {
    /// The name of its root record.
    pub name: Id,
    /// The device that wrote it.
    pub device: ShortId,
    /// Its sequence number.
    pub sequence: u64,
}

/// The body of a forget record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forget {
    /// The records that count no longer and may be deleted.
    pub records: Vec<Forgotten>,
    /// Fields of a later version.
    pub extra: Fields,
}

impl Forget {
    /// The body of a record that forgets these.
    pub fn new(records: Vec<Forgotten>) -> Self {
        Forget { records, extra: Fields::new() }
    }

    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        let list: Vec<_> = self.records.iter().map(|one| (one.name, one.device, one.sequence)).collect();
        fields.put(0, list);
        fields.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not one.
    pub fn decode(body: &[u8]) -> Result<Self> {
        let what = "forget record";
        let mut extra = Fields::decode(body, what)?;
        let list: Vec<(Id, ShortId, u64)> = extra.need(0, what)?;
        let records = list.into_iter().map(|(name, device, sequence)| Forgotten { name, device, sequence }).collect();
        Ok(Forget { records, extra })
    }
}

/// The body of a tag record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The snapshot.
    pub snapshot: Id,
    /// Tags it gets.
    pub added: Vec<String>,
    /// Tags it loses.
    pub removed: Vec<String>,
    /// Fields of a later version.
    pub extra: Fields,
}

impl Tag {
    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, self.snapshot);
        fields.put(1, &self.added);
        fields.put(2, &self.removed);
        fields.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not one.
    pub fn decode(body: &[u8]) -> Result<Self> {
        let what = "tag record";
        let mut extra = Fields::decode(body, what)?;
        let snapshot = extra.need(0, what)?;
        let added = extra.take(1, what)?.unwrap_or_default();
        let removed = extra.take(2, what)?.unwrap_or_default();
        Ok(Tag { snapshot, added, removed, extra })
    }
}

/// The body of a pin record: of all that name an id, the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// A snapshot, or an object.
    pub id: Id,
    /// Whether it is kept from now on, or no longer.
    pub is_pinned: bool,
    /// Fields of a later version.
    pub extra: Fields,
}

impl Pin {
    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, self.id);
        fields.put(1, self.is_pinned);
        fields.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not one.
    pub fn decode(body: &[u8]) -> Result<Self> {
        let what = "pin record";
        let mut extra = Fields::decode(body, what)?;
        Ok(Pin { id: extra.need(0, what)?, is_pinned: extra.need(1, what)?, extra })
    }
}

/// The body of a touch record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// What was used.
    pub ids: Vec<Id>,
    /// On which day, in days since 1970-01-01 UTC.
    pub day: u64,
    /// Fields of a later version.
    pub extra: Fields,
}

impl Touch {
    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, &self.ids);
        fields.put(1, self.day);
        fields.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not one.
    pub fn decode(body: &[u8]) -> Result<Self> {
        let what = "touch record";
        let mut extra = Fields::decode(body, what)?;
        Ok(Touch { ids: extra.need(0, what)?, day: extra.need(1, what)?, extra })
    }
}

/// One run of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// The action that was run.
    pub action: Id,
    /// The run record.
    pub record: Id,
    /// How it ended, as the run record counts it.
    pub status: u8,
    /// Under which sandbox.
    pub sandbox: u8,
    /// When it ended, Unix seconds.
    pub time_seconds: i64,
}

/// The body of a runs record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// The runs, in the order in which they ended.
    pub entries: Vec<RunEntry>,
    /// Fields of a later version.
    pub extra: Fields,
}

impl Runs {
    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        let list: Vec<_> = self
            .entries
            .iter()
            .map(|run| (run.action, run.record, run.status, run.sandbox, run.time_seconds))
            .collect();
        fields.put(0, list);
        fields.encode()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not one.
    pub fn decode(body: &[u8]) -> Result<Self> {
        let what = "runs record";
        let mut extra = Fields::decode(body, what)?;
        let list: Vec<(Id, Id, u8, u8, i64)> = extra.need(0, what)?;
        let entries = list
            .into_iter()
            .map(|(action, record, status, sandbox, time_seconds)| RunEntry {
                action,
                record,
                status,
                sandbox,
                time_seconds,
            })
            .collect();
        Ok(Runs { entries, extra })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn later() -> Fields {
        let mut extra = Fields::new();
        extra.put(77, "later");
        extra
    }

    #[test]
    fn bodies_come_back_with_fields_of_later_versions() {
        let (id, device) = (Id::new([3; 32]), ShortId::new([4; 16]));
        let forget = Forget { records: vec![Forgotten { name: id, device, sequence: 9 }], extra: later() };
        assert_eq!(Forget::decode(&forget.encode()).unwrap(), forget);
        let tag = Tag { snapshot: id, added: vec!["a".into()], removed: vec![], extra: later() };
        assert_eq!(Tag::decode(&tag.encode()).unwrap(), tag);
        let pin = Pin { id, is_pinned: true, extra: later() };
        assert_eq!(Pin::decode(&pin.encode()).unwrap(), pin);
        let touch = Touch { ids: vec![id; 3], day: 20_000, extra: later() };
        assert_eq!(Touch::decode(&touch.encode()).unwrap(), touch);
        let run = RunEntry { action: id, record: Id::EMPTY, status: 1, sandbox: 2, time_seconds: -1 };
        let runs = Runs { entries: vec![run; 3], extra: later() };
        assert_eq!(Runs::decode(&runs.encode()).unwrap(), runs);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (Forget::decode(&bytes), Tag::decode(&bytes), Pin::decode(&bytes));
            let _ = (Touch::decode(&bytes), Runs::decode(&bytes));
        }
    }
}
