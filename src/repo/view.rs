//! The index as it is at one moment: what gc and verify judge by.
//!
//! Numbers of packs mean something within one view only: another process may add to the index, or make it anew, while
//! an engine works. A view is one connection in one read transaction, so everything it answers fits together.

use super::adopt::STRAYS;
use super::connections::Borrowed;
use super::index::Index;
use super::index::failure::sql;
use super::index::rows::{id_at, pack_at, record_at};
use super::pack::PackKind;
use super::segment::{PackFacts, Record};
use crate::error::Result;
use crate::id::Id;
use crate::object::{Class, Key};
use crate::wire::Cursor;
use rusqlite::Connection;

/// What a view says of a pack without its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackBrief {
    /// Its number in this view.
    pub(crate) number: u32,
    /// Its name.
    pub(crate) name: Id,
    /// What it is for.
    pub(crate) kind: PackKind,
    /// Length of its file in bytes.
    pub(crate) file_bytes: u64,
    /// How many frames it has.
    pub(crate) frames: u32,
}

/// The index at one moment.
pub(crate) struct View<'a> {
    index: &'a Index,
    borrowed: Option<Borrowed>,
}

impl Index {
    /// The index as it is now.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn view(&self) -> Result<View<'_>> {
        let borrowed = self.take()?;
        borrowed.connection.execute_batch("BEGIN").map_err(sql)?;
        Ok(View { index: self, borrowed: Some(borrowed) })
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        if let Some(borrowed) = self.borrowed.take()
            && borrowed.connection.execute_batch("COMMIT").is_ok()
        {
            self.index.connections.give(borrowed);
        }
    }
}

impl View<'_> {
    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        match &self.borrowed {
            Some(borrowed) => work(&borrowed.connection).map_err(sql),
            None => Err(sql(rusqlite::Error::InvalidQuery)),
        }
    }

    /// Every pack, by name.
    ///
    /// # Errors
    /// CACHE_ERROR; STORAGE_CORRUPTED when a row is not as it was written.
    pub(crate) fn packs(&self) -> Result<Vec<PackBrief>> {
        // The count of frames is the varint that the table of frames begins with.
        let rows: Vec<(u32, Id, u8, i64, Vec<u8>)> = self.with(|db| {
            db.prepare_cached("SELECT no, name, kind, file_bytes, substr(frames, 1, 10) FROM packs ORDER BY name")?
                .query_map([], |row| Ok((row.get(0)?, id_at(row, 1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
                .collect()
        })?;
        rows.into_iter()
            .map(|(number, name, kind, file_bytes, start)| {
                let frames = Cursor::new(&start, "frame table").count(u32::MAX as usize)? as u32;
                Ok(PackBrief { number, name, kind: PackKind::from_code(kind)?, file_bytes: file_bytes as u64, frames })
            })
            .collect()
    }

    /// What is known of a pack.
    ///
    /// # Errors
    /// As [`View::packs`].
    pub(crate) fn facts(&self, number: u32) -> Result<PackFacts> {
        let row = self.with(|db| {
            db.prepare_cached("SELECT no, name, kind, file_bytes, salt, key_id, frames FROM packs WHERE no = ?1")?
                .query_row([number], |row| Ok(pack_at(row)))
        })?;
        Ok(row?.1)
    }

    /// Every segment with the names of the packs it lists. Segments of nothing are among them.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn segments(&self) -> Result<Vec<(Id, Vec<Id>)>> {
        let rows: Vec<(Id, Option<Vec<u8>>)> = self.with(|db| {
            db.prepare_cached(
                "SELECT s.name, p.name FROM segments AS s LEFT JOIN listed AS l ON l.segment = s.no \
                 LEFT JOIN packs AS p ON p.no = l.pack WHERE s.name <> ?1 ORDER BY s.no, p.name",
            )?
            .query_map([STRAYS.as_bytes()], |row| Ok((id_at(row, 0)?, row.get(1)?)))?
            .collect()
        })?;
        let mut segments: Vec<(Id, Vec<Id>)> = Vec::new();
        for (segment, pack) in rows {
            if segments.last().is_none_or(|(last, _)| *last != segment) {
                segments.push((segment, Vec::new()));
            }
            if let (Some((_, packs)), Some(pack)) = (segments.last_mut(), pack.and_then(|name| Id::from_slice(&name))) {
                packs.push(pack);
            }
        }
        Ok(segments)
    }

    /// Numbers of the packs that no segment lists.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn strays(&self) -> Result<Vec<u32>> {
        self.with(|db| {
            let stray = "(SELECT no FROM segments WHERE name = ?1)";
            let listed = format!("SELECT pack FROM listed WHERE segment <> {stray}");
            db.prepare_cached(&format!("SELECT pack FROM listed WHERE segment = {stray} AND pack NOT IN ({listed})"))?
                .query_map([STRAYS.as_bytes()], |row| row.get(0))?
                .collect()
        })
    }

    /// Copies that were found damaged: the key, and the number of the pack.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn bad(&self) -> Result<Vec<(Key, u32)>> {
        self.with(|db| {
            db.prepare_cached("SELECT class, id, pack FROM bad")?
                .query_map([], |row| {
                    let class = Class::from_code(row.get(0)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, 0))?;
                    Ok((Key { class, id: id_at(row, 1)? }, row.get(2)?))
                })?
                .collect()
        })
    }

    /// How many copies of entries there are.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn count(&self) -> Result<u64> {
        let count: i64 = self.with(|db| db.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)))?;
        Ok(count as u64)
    }

    /// Every entry in key order, each copy once.
    ///
    /// # Errors
    /// CACHE_ERROR, and what `each` answers.
    pub(crate) fn for_each(&self, each: &mut dyn FnMut(&Record) -> Result<()>) -> Result<()> {
        self.for_each_from(Class::Whole, &mut |record| each(record).map(|()| true))
    }

    /// Every entry of this class and those after it in key order, each copy once. `each` answers false to stop.
    ///
    /// # Errors
    /// CACHE_ERROR, and what `each` answers.
    pub(crate) fn for_each_from(&self, first: Class, each: &mut dyn FnMut(&Record) -> Result<bool>) -> Result<()> {
        let mut failed = None;
        self.with(|db| {
            let mut statement = db.prepare_cached(
                "SELECT class, id, pack, frame, offset, length, kind, root FROM entries WHERE class >= ?1 ORDER BY class, id, pack",
            )?;
            let mut rows = statement.query([first.code()])?;
            while let Some(row) = rows.next()? {
                match each(&record_at(row)?) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(()), Err)
    }
}
