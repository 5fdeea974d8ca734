//! Root records: signed, chained statements about what a repository keeps.
//!
//! Floor 3; FORMAT section 9, STORAGE section 7. [`Root`] is a record that was verified, [`check_chains`] judges
//! the history of all of them, [`RootStore`] reads and appends them. Nothing here trusts a name, a seal or a signature alone: a
//! record counts when all three hold and its device is endorsed.

mod chain;
mod store;
#[cfg(test)]
mod tests;

pub use chain::{ChainFault, Fault, Head, Heads, Seen, chain_faults, check_chains};
pub use store::{Loaded, RootSignature, RootStore};

use crate::cbor::Fields;
use crate::clock::Time;
use crate::error::{Code, Result, fail};
use crate::id::{Id, ShortId};

const VERSION: u64 = 1;

/// A root record whose name, seal and signature were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The SHA-256 of its file: its id, and that of the snapshot in it.
    pub name: Id,
    /// What its body is, one of [`super::records`].
    pub record_type: u8,
    /// Who signed it.
    pub device: ShortId,
    /// Its place in that device's chain, from 1.
    pub sequence: u64,
    /// The name of the one before it, `None` in the first.
    pub previous: Option<Id>,
    /// When the device says it wrote it.
    pub time: Time,
    /// The statement, a CBOR map.
    pub body: Vec<u8>,
    /// Whether its device is trusted: endorsed by the keyring, or on this client's list where nothing is encrypted.
    pub is_trusted: bool,
    /// The lease of the writer that published it: see [`super::lease`].
    pub lease: Option<ShortId>,
}

impl Root {
    /// What is signed (FORMAT section 9): also how an index may keep a verified record.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = Fields::new();
        fields.put(0, VERSION);
        fields.put(1, self.record_type);
        fields.put(2, self.device);
        fields.put(3, self.sequence);
        if let Some(previous) = self.previous {
            fields.put(4, previous);
        }
        fields.put(5, self.time);
        fields.put_encoded(6, self.body.clone());
        if let Some(lease) = self.lease {
            fields.put(7, lease);
        }
        fields.encode()
    }

    /// Reads what was signed. It is not trusted before its signature and device were looked at.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is no root record of a version known here.
    pub fn decode(name: Id, signed: &[u8]) -> Result<Root> {
        let what = "root record";
        let mut fields = Fields::decode(signed, what)?;
        if fields.need::<u64>(0, what)? != VERSION {
            return fail(Code::StorageCorrupted, "a root record has a version that this program does not know");
        }
        let root = Root {
            name,
            record_type: fields.need(1, what)?,
            device: fields.need(2, what)?,
            sequence: fields.need(3, what)?,
            previous: fields.take(4, what)?,
            time: fields.need(5, what)?,
            body: fields.take_encoded(6).unwrap_or_else(|| Fields::new().encode()),
            is_trusted: false,
            lease: fields.take(7, what)?,
        };
        let is_first = root.sequence == 1;
        if root.sequence == 0 || is_first != root.previous.is_none() {
            return fail(Code::StorageCorrupted, "a root record does not say what comes before it");
        }
        Ok(root)
    }
}
