//! What counts of what a fenced writer published.
//!
//! A writer that is taken for dead on a medium without locks may wake up and publish. It finds its fence and takes that
//! back; but it may die before. So a sweep says, before it deletes anything and after it listed the roots that it goes
//! by, which roots of each fenced writer it saw. What such a writer publishes later counts for nobody who deletes: it
//! was never reported as done, because its writer had looked for the fence first. Where two sweeps speak at once,
//! only what both saw counts; what was reported before the fence both saw.

use super::{Code, FENCE, LeaseView, VERDICT, lease_path};
use crate::backend::Backend;
use crate::cbor::Fields;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{FileType, open_small, seal_small};
use crate::error::{Result, fail};
use crate::id::{Id, ShortId};
use crate::repo::Root;
use crate::repo::records::{FORGET, TAG, TOUCH};
use std::collections::{HashMap, HashSet};

const WHAT: &str = "list of what counts of a fenced writer";
const VERSION: u64 = 1;

/// Whether a fenced writer may still be about: then what the index lists is to be looked for on the medium itself.
///
/// # Errors
/// FILE_IO and network codes.
pub(crate) fn has_fences(backend: &dyn Backend) -> Result<bool> {
    let mut found = false;
    backend.list("leases", &mut |path, _| {
        found |= path.rsplit('/').next() == Some(FENCE);
        Ok(())
    })?;
    Ok(found)
}

/// What sweeps said of the fenced writers.
pub(crate) struct Verdicts {
    /// By writer the roots that count, `None` where no sweep has spoken yet: then nothing was deleted since the fence.
    counts: HashMap<ShortId, Option<HashSet<Id>>>,
}

impl Verdicts {
    /// Reads what was said of these writers.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED, DECRYPTION_FAILED when it cannot be read; FILE_IO and network codes.
    pub(crate) fn load(
        backend: &dyn Backend,
        keyring: &Keyring,
        repository: &ShortId,
        fenced: &[LeaseView],
    ) -> Result<Verdicts> {
        let mut counts = HashMap::new();
        for view in fenced {
            match common(backend, keyring, repository, view) {
                Ok(common) => _ = counts.insert(view.writer, common),
                // The writer woke up, took back what it had to, and has ended since it was listed: nothing is in doubt.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Verdicts { counts })
    }

    /// Whether a root was published by a writer after it had been declared dead and swept over.
    pub(crate) fn is_void(&self, root: &Root) -> bool {
        let Some(Some(counting)) = root.lease.and_then(|writer| self.counts.get(&writer)) else { return false };
        !matches!(root.record_type, FORGET | TAG | TOUCH) && !counting.contains(&root.name)
    }

    /// Says, in the name of the gc `own`, of each writer of whom nobody spoke yet that its roots among these count, and no
    /// later ones. Durable on return.
    ///
    /// # Errors
    /// ENCRYPTION_FAILED, FILE_IO, STORAGE_FULL, PERMISSION_DENIED and network codes.
    pub(crate) fn speak(
        &mut self,
        backend: &dyn Backend,
        keyring: &Keyring,
        repository: &ShortId,
        own: &ShortId,
        roots: &[Root],
    ) -> Result<()> {
        for (writer, counts) in self.counts.iter_mut().filter(|(_, counts)| counts.is_none()) {
            let of_writer = roots.iter().filter(|root| root.lease.as_ref() == Some(writer));
            let names: Vec<Id> = of_writer.map(|root| root.name).collect();
            let mut fields = Fields::new();
            fields.put(0, VERSION);
            fields.put(1, writer);
            fields.put(2, &names);
            let bytes = seal_small(FileType::Lease, keyring, repository, &fields.encode())?;
            backend.put_new(&lease_path(writer, &format!("{VERDICT}{own}")), &bytes)?;
            *counts = Some(names.into_iter().collect());
        }
        Ok(())
    }
}

/// The roots of a fenced writer that count by all that was said of it.
fn common(
    backend: &dyn Backend,
    keyring: &Keyring,
    repository: &ShortId,
    view: &LeaseView,
) -> Result<Option<HashSet<Id>>> {
    let mut common: Option<HashSet<Id>> = None;
    for path in &view.verdicts {
        let raw = open_small(FileType::Lease, keyring, repository, &backend.get(path)?)
            .map_err(|error| error.context(format!("{path} cannot be read")))?;
        let mut fields = Fields::decode(&raw, WHAT)?;
        if fields.need::<u64>(0, WHAT)? != VERSION || fields.need::<ShortId>(1, WHAT)? != view.writer {
            return fail(Code::StorageCorrupted, format!("{path} is not what it should be"));
        }
        let roots: HashSet<Id> = fields.need::<Vec<Id>>(2, WHAT)?.into_iter().collect();
        common = Some(match common {
            None => roots,
            Some(common) => common.intersection(&roots).copied().collect(),
        });
    }
    Ok(common)
}
