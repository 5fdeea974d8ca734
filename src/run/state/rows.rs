//! What is known of each task, and of each pattern.

use super::files::FileNo;
use super::pack::{Numbers, begin, checked, finish, number, put_numbers};
use crate::id::Id;
use crate::wire::{Cursor, put_varint};

/// Sixteen bytes of a hash, for what is compared and never shown.
pub type Digest = [u8; 16];

/// In place of a task's definition: what it left stands for no run. No text has this digest.
pub const UNSTORED: Digest = [0; 16];

/// The same of a task of which only what it made is known.
pub const UNKNOWN: Digest = [0xff; 16];

/// The number by which the state knows a task. It stays when the manifest changes, as long as the name does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowNo(pub u32);

/// What is known of a task: that it was keyed so, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// Of all that the manifest says of the task and that its key depends on.
    pub definition: Digest,
    /// Of the variables it takes from the environment, and of what its `key-from` commands print.
    pub surroundings: Digest,
    /// The epoch in which it was keyed.
    pub keyed: u32,
    /// The epoch in which its result was last another one.
    pub result_changed: u32,
    /// Its action id.
    pub action: Id,
    /// The record of the run that made its outputs.
    pub record: Id,
    /// The tree of its outputs.
    pub result: Id,
    /// Files of its key that no pattern found: literal inputs, and what its command was seen to read.
    pub files: Vec<FileNo>,
    /// Its programs, in the order of the plan.
    pub tools: Vec<FileNo>,
    /// Its patterns.
    pub patterns: Vec<u32>,
    /// What it makes.
    pub outputs: Vec<FileNo>,
}

impl TaskRow {
    /// The row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = begin();
        out.extend_from_slice(&self.definition);
        out.extend_from_slice(&self.surroundings);
        out.extend_from_slice(&self.keyed.to_le_bytes());
        out.extend_from_slice(&self.result_changed.to_le_bytes());
        for id in [&self.action, &self.record, &self.result] {
            out.extend_from_slice(id.as_bytes());
        }
        put_numbers(&mut out, self.files.iter().map(|file| file.0));
        put_numbers(&mut out, self.tools.iter().map(|file| file.0));
        put_numbers(&mut out, self.patterns.iter().copied());
        put_numbers(&mut out, self.outputs.iter().map(|file| file.0));
        finish(out)
    }
}

/// A row as it stands in the database, with its numbers still packed.
#[derive(Clone, Debug)]
pub struct RowView<'a> {
    pub(in crate::run) definition: Digest,
    pub(in crate::run) surroundings: Digest,
    pub(in crate::run) keyed: u32,
    pub(in crate::run) result_changed: u32,
    ids: &'a [u8],
    lists: Cursor<'a>,
}

/// The lists of a row.
#[derive(Clone, Debug)]
pub(in crate::run) struct Lists<'a> {
    pub(in crate::run) files: Numbers<'a>,
    pub(in crate::run) tools: Numbers<'a>,
    pub(in crate::run) patterns: Numbers<'a>,
    pub(in crate::run) outputs: Numbers<'a>,
}

impl<'a> RowView<'a> {
    /// Reads a row; what is damaged is none.
    pub fn open(row: &'a [u8]) -> Option<Self> {
        Self::read(checked(row)?)
    }

    /// Reads a row whose checksum was found right.
    pub(in crate::run) fn read(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body, "row");
        let definition = cursor.array().ok()?;
        let surroundings = cursor.array().ok()?;
        let (keyed, result_changed) = (cursor.u32().ok()?, cursor.u32().ok()?);
        Some(RowView { definition, surroundings, keyed, result_changed, ids: cursor.bytes(96).ok()?, lists: cursor })
    }

    /// The action, the record and the result.
    pub fn ids(&self) -> (Id, Id, Id) {
        let id = |at: usize| self.ids.get(at..at + 32).and_then(Id::from_slice).unwrap_or(Id::EMPTY);
        (id(0), id(32), id(64))
    }

    pub(in crate::run) fn lists(&self) -> Option<Lists<'a>> {
        let mut cursor = self.lists.clone();
        Some(Lists {
            files: Numbers::read(&mut cursor)?,
            tools: Numbers::read(&mut cursor)?,
            patterns: Numbers::read(&mut cursor)?,
            outputs: Numbers::read(&mut cursor)?,
        })
    }
}

/// What a pattern of sources found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternRow {
    /// Of everything that is the work of tasks, and so no source.
    pub area: Digest,
    /// The epoch in which it was evaluated.
    pub evaluated: u32,
    /// The epoch in which it last found other paths.
    pub changed: u32,
    /// Directories that it listed, and files that decide what it finds.
    pub looked_in: Vec<FileNo>,
    /// What it found, sorted by path.
    pub found: Vec<FileNo>,
}

impl PatternRow {
    /// The row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = begin();
        out.extend_from_slice(&self.area);
        put_varint(&mut out, u64::from(self.evaluated));
        put_varint(&mut out, u64::from(self.changed));
        put_numbers(&mut out, self.looked_in.iter().map(|file| file.0));
        put_numbers(&mut out, self.found.iter().map(|file| file.0));
        finish(out)
    }

    /// Reads a row; what is damaged is none.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(checked(row)?, "row");
        let area = cursor.array().ok()?;
        let (evaluated, changed) = (number(&mut cursor)?, number(&mut cursor)?);
        let looked_in = Numbers::read(&mut cursor)?.map(FileNo).collect();
        let found = Numbers::read(&mut cursor)?.map(FileNo).collect();
        Some(PatternRow { area, evaluated, changed, looked_in, found })
    }
}
