//! Packs that no segment lists: left by a writer that was killed before it could, or by a segment that was lost or is
//! damaged. They are read through their own directories.
//!
//! FORMAT section 7, STORAGE section 5. Whoever writes gives them a segment again, if they are older than every other
//! writer that lives: what is younger may be one's whose flush is not done. Whoever only reads takes them into the
//! index of this machine, under a segment that no file has; no writer relies on that.

use super::index::Index;
use super::index::failure::is_damage;
use super::index::rows::id_at;
use super::lease::{LeaseView, Life, Liveness, list_leases};
use super::pack::{Directory, FinishedPack, check_name, read_directory};
use super::segment::{PackFacts, Record, records_of};
use super::session::Session;
use super::write::write_segment;
use super::{Core, Repo, Use, WriterOptions, pack_path};
use crate::crypto::seal::{FileType, Scheme};
use crate::error::{Code, Error, Result};
use crate::id::{Id, ShortId};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// The name in the index under which packs stand that no segment lists. No file has it.
pub(super) const STRAYS: Id = Id::new([0; 32]);
/// So many packs come into one segment: their directories are held in memory.
const SEGMENT_PACKS: usize = 64;

/// What [`Repo::adopt_orphans`] did.
#[derive(Debug, Default)]
pub struct Adopted {
    /// Packs that stand in a segment again.
    pub packs: u64,
    /// Packs whose directories cannot be read, with why.
    pub damaged: Vec<(Id, Error)>,
}

impl Repo {
    /// Gives packs a segment that are in none. Every writer does it when it begins, where the medium is a directory of
    /// this machine; elsewhere, and after a rebuild of the index, it is asked for.
    ///
    /// # Errors
    /// As [`Repo::writer`]. What is wrong with a single pack is answered and stops nothing.
    pub fn adopt_orphans(&self, options: &WriterOptions) -> Result<Adopted> {
        self.config().allow(Use::Write)?;
        let session = Session::open(self, options)?;
        let adopted = session.adopt()?;
        session.end().map(|()| adopted)
    }

    /// As [`Repo::adopt_orphans`], for whoever holds the lease `own` and knows what is doomed: such packs are in no
    /// segment because they are about to go. `files` were listed before: who is not seen in the listing of leases has written
    /// none of them.
    pub(super) fn adopt_beside(&self, own: &ShortId, files: &HashSet<Id>, doomed: &HashSet<Id>) -> Result<Adopted> {
        let core = self.core();
        let liveness = Liveness::new(core.backend.as_ref(), None);
        let mut others = Vec::new();
        for lease in list_leases(core.backend.as_ref(), &core.keyring, self.id())? {
            // What a fenced writer lists of its own later, nobody takes on trust.
            if lease.writer != *own && !lease.is_fenced && liveness.life(&lease)? != Life::Ended {
                others.push(lease);
            }
        }
        self.adopt_from(files, &others, doomed)
    }

    /// Gives those of `files` a segment that are in none, are not doomed, and are older than all `others`.
    pub(crate) fn adopt_from(
        &self,
        files: &HashSet<Id>,
        others: &[LeaseView],
        doomed: &HashSet<Id>,
    ) -> Result<Adopted> {
        let listed = self.index().pack_names(true)?;
        let mut adopted = Adopted::default();
        let is_free = |name: &&Id| !listed.contains(name) && !doomed.contains(name);
        let orphans: Vec<&Id> = files.iter().filter(is_free).collect();
        if orphans.is_empty() {
            return Ok(adopted);
        }
        let is_older = self.is_older_than(others);
        let old: Vec<&Id> = orphans.into_iter().filter(|name| is_older(name)).collect();
        for names in old.chunks(SEGMENT_PACKS) {
            let mut packs = Vec::with_capacity(names.len());
            for name in names {
                match finished_pack(self.core(), name) {
                    Ok(pack) => packs.push(pack),
                    Err(error) if error.is_not_found() => {}
                    Err(error) if is_damage(&error) => adopted.damaged.push((**name, error)),
                    Err(error) => return Err(error),
                }
            }
            if !packs.is_empty() {
                write_segment(self, &packs, &[])?;
                adopted.packs += packs.len() as u64;
            }
        }
        Ok(adopted)
    }

    /// Whether a pack was there before the first of `others` began, by the clock of the medium. Where there is none to
    /// ask, nothing is older than anybody.
    fn is_older_than(&self, others: &[LeaseView]) -> impl Fn(&Id) -> bool {
        let root = self.backend().local_dir().map(std::path::Path::to_path_buf);
        let modified = move |path: &str| {
            let root = root.as_ref()?;
            std::fs::metadata(root.join(path)).and_then(|meta| meta.modified()).ok()
        };
        let began = |lease: &LeaseView| modified(&format!("leases/{}/alive", lease.writer));
        // A lease whose time is not known may be as old as anything.
        let first = others.iter().map(|lease| began(lease).unwrap_or(SystemTime::UNIX_EPOCH)).min();
        move |name: &Id| match first {
            None => true,
            Some(first) => modified(&pack_path(name)).is_some_and(|time| time < first),
        }
    }

    /// Takes packs that no segment lists into the index, once in the life of a repository handle. Answers whether this
    /// was the time.
    pub(crate) fn look_for_strays(&self) -> Result<bool> {
        self.index().take_in_strays_once(self.core())
    }
}

impl Index {
    pub(super) fn take_in_strays_once(&self, core: &Core) -> Result<bool> {
        if self.looked_for_strays.swap(true, Ordering::AcqRel) {
            return Ok(false);
        }
        let mut files = HashSet::new();
        core.backend.list("packs", &mut |path, _| {
            files.extend(super::gc_access::id_of(path).filter(|name| pack_path(name) == path));
            Ok(())
        })?;
        self.forget_vanished_strays(&files)?;
        let known = self.pack_names(false)?;
        for name in files.iter().filter(|name| !known.contains(name)) {
            let pack = match finished_pack(core, name) {
                Ok(pack) => pack,
                Err(error) if error.is_not_found() || is_damage(&error) => continue,
                Err(error) => return Err(error),
            };
            let mut records: Vec<Record> = records_of(&pack, 0);
            records.sort_unstable_by_key(|record| record.key);
            self.add_segment(&STRAYS, &[PackFacts::of(&pack)], &records)?;
        }
        Ok(true)
    }

    /// Forgets packs that no segment lists and that a gc has deleted since they were taken in: no segment goes with them,
    /// by which others are forgotten.
    fn forget_vanished_strays(&self, there: &HashSet<Id>) -> Result<()> {
        let text =
            "SELECT p.name FROM packs AS p JOIN listed AS l ON l.pack = p.no JOIN segments AS s ON s.no = l.segment
                    WHERE s.name = ?1";
        let strays: HashSet<Id> =
            self.with(|db| db.prepare_cached(text)?.query_map([STRAYS.as_bytes()], |row| id_at(row, 0))?.collect())?;
        if !strays.is_subset(there) {
            // Those that are there come back at once.
            self.forget_strays()?;
        }
        Ok(())
    }

    /// Forgets packs that no segment lists, so that nothing new relies on them.
    pub(super) fn forget_strays(&self) -> Result<()> {
        let names = self.with(|db| {
            db.prepare_cached("SELECT name FROM segments WHERE name = ?1")?
                .query_map([STRAYS.as_bytes()], |row| id_at(row, 0))?
                .collect::<rusqlite::Result<Vec<Id>>>()
        })?;
        if names.is_empty() { Ok(()) } else { self.drop_segments(&names) }
    }

    /// The names of all packs, or of those that a segment lists.
    pub(crate) fn pack_names(&self, only_listed: bool) -> Result<HashSet<Id>> {
        let text = match only_listed {
            true => {
                "SELECT name FROM packs WHERE no IN
                 (SELECT l.pack FROM listed AS l JOIN segments AS s ON s.no = l.segment WHERE s.name <> ?1)"
            }
            false => "SELECT name FROM packs WHERE name <> ?1",
        };
        self.with(|db| db.prepare_cached(text)?.query_map([STRAYS.as_bytes()], |row| id_at(row, 0))?.collect())
    }
}

/// A pack as its writer knew it when it had written it.
pub(super) fn finished_pack(core: &Core, name: &Id) -> Result<FinishedPack> {
    let (path, backend) = (pack_path(name), core.backend.as_ref());
    let file_bytes =
        backend.stat(&path)?.ok_or_else(|| Error::new(Code::FileNotFound, format!("{path} is not there")))?;
    // Without a seal only the name says whether the directory is as it was.
    if core.format.scheme == Scheme::None {
        check_name(backend, &path, name, file_bytes)?;
    }
    let (header, _, raw) = read_directory(backend, &path, FileType::Pack, &core.keyring, &core.format.id)?;
    let directory = Directory::decode(&raw)?;
    Ok(FinishedPack { name: *name, file_bytes, salt: header.salt, key_id: header.key_id, directory })
}
