//! The tables of the index and their rows: how a record, a pack, a root stand in them.

use super::failure::sql;
use crate::error::Result;
use crate::id::{Id, ShortId};
use crate::object::{Class, Key, Kind, hash};
use crate::repo::adopt::STRAYS;
use crate::repo::pack::PackKind;
use crate::repo::segment::{PackFacts, Place, Record, get_frames, put_frames};
use crate::wire::Cursor;
use rusqlite::{Connection, params};

/// Changes whenever the schema does: another number means a rebuild.
pub(in crate::repo) const SCHEMA_VERSION: i64 = 2;
/// So many packs go from it at once: their numbers stand in one statement.
const DEAD_AT_ONCE: usize = 8_192;
pub(in crate::repo) const SCHEMA: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE segments(no INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);
CREATE TABLE packs(no INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, file_bytes INTEGER NOT NULL,
  salt BLOB NOT NULL, key_id BLOB NOT NULL, frames BLOB NOT NULL);
CREATE TABLE listed(segment INTEGER NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY(segment, pack)) WITHOUT ROWID;
CREATE INDEX listed_pack ON listed(pack);
CREATE TABLE entries(class INTEGER NOT NULL, id BLOB NOT NULL, pack INTEGER NOT NULL, frame INTEGER, offset INTEGER,
  length INTEGER NOT NULL, kind INTEGER NOT NULL, root BLOB, PRIMARY KEY(class, id, pack)) WITHOUT ROWID;
CREATE TABLE bad(class INTEGER NOT NULL, id BLOB NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY(class, id, pack)) WITHOUT ROWID;
CREATE TABLE roots(name BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
";

pub(in crate::repo) const SELECT_COPIES: &str = "SELECT class, id, pack, frame, offset, length, kind, root,
  EXISTS (SELECT 1 FROM bad AS b WHERE b.class = e.class AND b.id = e.id AND b.pack = e.pack)
  FROM entries AS e WHERE class = ?1 AND id = ?2";
pub(in crate::repo) const INSERT_ENTRY: &str = "INSERT OR IGNORE INTO entries VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// Enters a segment and its packs. `None` if the segment is in already; else for each pack its number if it is new to
/// the index, so that its entries are wanted.
pub(in crate::repo) fn insert_packs(
    tx: &Connection,
    name: &Id,
    packs: &[PackFacts],
) -> rusqlite::Result<Option<Vec<Option<u32>>>> {
    if tx.execute("INSERT OR IGNORE INTO segments(name) VALUES(?1)", [name.as_bytes()])? == 0 && *name != STRAYS {
        return Ok(None);
    }
    let segment: i64 = tx.query_row("SELECT no FROM segments WHERE name = ?1", [name.as_bytes()], |row| row.get(0))?;
    let mut numbers = Vec::with_capacity(packs.len());
    for pack in packs {
        let mut frames = Vec::new();
        put_frames(&mut frames, &pack.frames);
        let fresh = tx.prepare_cached("INSERT OR IGNORE INTO packs(name, kind, file_bytes, salt, key_id, frames) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
            pack.name.as_bytes(),
            pack.kind as u8,
            pack.file_bytes as i64,
            pack.salt,
            pack.key_id.as_bytes(),
            frames
        ])? > 0;
        let number: u32 = tx
            .prepare_cached("SELECT no FROM packs WHERE name = ?1")?
            .query_row([pack.name.as_bytes()], |row| row.get(0))?;
        tx.prepare_cached("INSERT OR IGNORE INTO listed VALUES(?1, ?2)")?.execute(params![segment, number])?;
        numbers.push(fresh.then_some(number));
    }
    Ok(Some(numbers))
}

pub(in crate::repo) fn insert_record(
    insert: &mut rusqlite::Statement<'_>,
    record: &Record,
    pack: u32,
) -> rusqlite::Result<()> {
    let (frame, offset, len, root) = match record.place {
        Place::Frame { frame, offset, len } => (Some(frame), Some(offset), i64::from(len), None),
        Place::Alias { len, root } => (None, None, len as i64, Some(root)),
    };
    insert.execute(params![
        record.key.class.code(),
        record.key.id.as_bytes(),
        pack,
        frame,
        offset,
        len,
        record.kind.code(),
        root.as_ref().map(Id::as_bytes)
    ])?;
    Ok(())
}

pub(in crate::repo) fn id_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Id> {
    Ok(Id::new(row.get(column)?))
}

pub(in crate::repo) fn record_at(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let class = Class::from_code(row.get(0)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, 0))?;
    let place = match row.get::<_, Option<u32>>(3)? {
        Some(frame) => Place::Frame { frame, offset: row.get(4)?, len: row.get(5)? },
        None => Place::Alias { len: row.get::<_, i64>(5)? as u64, root: id_at(row, 7)? },
    };
    Ok(Record { key: Key { class, id: id_at(row, 1)? }, pack: row.get(2)?, place, kind: Kind::from_code(row.get(6)?) })
}

pub(in crate::repo) fn pack_at(row: &rusqlite::Row<'_>) -> Result<(u32, PackFacts)> {
    let read = || -> rusqlite::Result<_> {
        Ok((
            row.get(0)?,
            id_at(row, 1)?,
            row.get(2)?,
            row.get::<_, i64>(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get::<_, Vec<u8>>(6)?,
        ))
    };
    let (number, name, kind, file_bytes, salt, key_id, frames) = read().map_err(sql)?;
    let facts = PackFacts {
        name,
        kind: PackKind::from_code(kind)?,
        file_bytes: file_bytes as u64,
        salt,
        key_id: ShortId::new(key_id),
        frames: get_frames(&mut Cursor::new(&frames, "frame table"))?,
    };
    Ok((number, facts))
}
/// Forgets packs that no segment lists.
pub(in crate::repo) fn drop_unlisted(tx: &Connection) -> rusqlite::Result<()> {
    let dead: Vec<i64> = tx
        .prepare("SELECT no FROM packs WHERE no NOT IN (SELECT pack FROM listed)")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // The entries are not ordered by pack: all of them are looked at, so not for nothing.
    if dead.is_empty() {
        return Ok(());
    }
    // Numbers in the text and no query in the query: only so does SQLite delete rows as it passes them, instead of noting
    // all their keys first and looking for each again.
    for part in dead.chunks(DEAD_AT_ONCE) {
        let list = part.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        for (table, column) in [("entries", "pack"), ("bad", "pack"), ("packs", "no")] {
            tx.execute(&format!("DELETE FROM {table} WHERE {column} IN ({list})"), [])?;
        }
    }
    // What was known to be present may not be so any more: see `generation`.
    tx.execute("INSERT INTO meta VALUES('losses', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1", [])?;
    Ok(())
}

/// A root record as it is kept: behind it a sum over its name and itself, since its name is that of its file, which is
/// sealed and signed, and says nothing of these bytes.
pub(super) fn summed_root(name: &Id, record: &[u8]) -> Vec<u8> {
    let sum = hash(&[name.as_bytes().as_slice(), record].concat());
    [record, sum.as_bytes().as_slice()].concat()
}

/// Its inverse; `None` when anything of it has changed.
pub(super) fn unsummed_root(name: &Id, mut kept: Vec<u8>) -> Option<Vec<u8>> {
    kept.len().checked_sub(Id::EMPTY.as_bytes().len()).map(|len| {
        let sum = kept.split_off(len);
        (summed_root(name, &kept)[len..] == sum).then_some(kept)
    })?
}
