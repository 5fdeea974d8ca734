//! Objects of one repository, stored anew in another one with other keys.

use super::carry::{Carried, kind_of};
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key};
use crate::reach::{ReachOptions, Start, reachable};
use crate::repo::{Putter, Repo, Want, Writer};
use std::sync::{Mutex, PoisonError};

/// Objects that are asked for at once, and their bytes.
const BATCH: usize = 8_192;
const BATCH_BYTES: u64 = 32 << 20;
/// After so many new bytes they are made durable: what is interrupted then goes on from there.
const FLUSH_BYTES: u64 = 256 << 20;

/// Stores everything that `starts` reach in `source` and the target lacks.
pub(super) fn reseal(
    source: &Repo,
    target: &Writer,
    starts: &[Start],
    budget_bytes: usize,
    jobs: usize,
    monitor: &dyn Monitor,
) -> Result<Carried> {
    let reach = reachable(source, starts, &ReachOptions::new(source, budget_bytes, jobs), monitor)?;
    if let Some(broken) = reach.broken.first() {
        let what =
            format!("{} objects that should be copied are damaged or missing: {}", reach.broken.len(), broken.error);
        return Err(Error::new(Code::StorageCorrupted, what).with_hint("`larder verify` names them"));
    }
    monitor.event(&Event::Phase("copying"));
    monitor.event(&Event::Total { items: reach.objects.len(), bytes: 0 });
    let mut copier = Copier { source, target, jobs, monitor, wants: Vec::new(), bytes: 0, carried: Carried::default() };
    let (mut objects, mut large) = (reach.objects.reader(), reach.aliases.reader());
    while let Some(id) = objects.next()? {
        let is_large = large.contains(&id)?;
        if monitor.is_cancelled() {
            copier.carried.is_stopped = true;
            break;
        }
        copier.object(&Id::new(id), is_large)?;
    }
    copier.batch()?;
    Ok(copier.carried)
}

struct Copier<'a> {
    source: &'a Repo,
    target: &'a Writer,
    jobs: usize,
    monitor: &'a dyn Monitor,
    wants: Vec<Want>,
    bytes: u64,
    carried: Carried,
}

impl Copier<'_> {
    fn object(&mut self, id: &Id, is_large: bool) -> Result<()> {
        if self.target.holds(id)? {
            self.monitor.event(&Event::Advance { items: 1, bytes: 0 });
            return Ok(());
        }
        let len = self.source.find(id)?.map_or(0, |info| info.len);
        if is_large {
            return self.large(id, len);
        }
        self.wants.push(Want { key: Key { class: Class::Whole, id: *id }, len });
        self.bytes += len;
        if self.wants.len() >= BATCH || self.bytes >= BATCH_BYTES { self.batch() } else { Ok(()) }
    }

    /// Small objects, in the order in which they lie.
    fn batch(&mut self) -> Result<()> {
        let (putter, failed) = (Mutex::new(self.target.putter()), Mutex::new(None));
        let (source, wants) = (self.source, &self.wants);
        source.fetch(wants, self.jobs, &|at, bytes| {
            let put = bytes.and_then(|bytes| put_small(source, &putter, &wants[at].key, bytes));
            if let Err(error) = put {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        })?;
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        self.done(self.wants.len() as u64, self.bytes);
        self.wants.clear();
        self.bytes = 0;
        self.flush_if_due()
    }

    fn large(&mut self, id: &Id, len: u64) -> Result<()> {
        put_large(self.source, &mut self.target.putter(), id)?;
        self.done(1, len);
        self.flush_if_due()
    }

    fn done(&mut self, items: u64, bytes: u64) {
        self.carried.entries += items;
        self.carried.bytes += bytes;
        self.monitor.event(&Event::Advance { items, bytes });
    }

    fn flush_if_due(&self) -> Result<()> {
        if self.target.bytes_since_flush() >= FLUSH_BYTES { self.target.flush() } else { Ok(()) }
    }
}

/// Stores a large object again, as far as its pieces are not there.
pub(super) fn put_large(source: &Repo, putter: &mut Putter<'_>, id: &Id) -> Result<()> {
    let kind = kind_of(source, &Key { class: Class::Alias, id: *id })?;
    let mut object = putter.object(kind);
    source.pieces(id, &mut |piece| match piece.key {
        None => object.hole(piece.len),
        Some(key) => object.write(&source.entry(&key)?),
    })?;
    let put = object.finish()?;
    if put.id == *id {
        Ok(())
    } else {
        fail(Code::CasError, format!("object {id} does not have the bytes its name says"))
    }
}

fn put_small(source: &Repo, putter: &Mutex<Putter<'_>>, key: &Key, bytes: &[u8]) -> Result<()> {
    let kind = kind_of(source, key)?;
    putter.lock().unwrap_or_else(PoisonError::into_inner).put(kind, bytes).map(|_| ())
}
