//! Batches of a run: root records, then rows of the project's state.

use super::{Engine, locked};
use crate::clock;
use crate::error::Result;
use crate::id::Id;
use crate::monitor::TaskEnd;
use crate::object::{Hasher, Kind};
use crate::record::Observed;
use crate::repo::records::{RUNS, RunEntry, Runs, TOUCH};
use crate::run::manifest::{Manifest, TaskNo, without_mark};
use crate::run::portable::ResultTree;
use crate::run::project::{Done, Known, Seen, Standing};
use crate::run::publish::Shelf;
use crate::walk::Stat;
use std::io::Read;
use std::sync::Arc;

/// So much of a manifest is in memory while it is stored.
const PIECE_BYTES: usize = 64 << 10;

/// What is told to the project's state once it is durable.
pub(super) enum Row {
    /// A task came to a result, by running or by a hit.
    Done(Box<DoneRow>),
    /// A task that was only displaced is in place.
    Placed { task: TaskNo, result: Arc<ResultTree>, stats: Vec<Stat> },
    /// A task left something that stands for nothing.
    Left { task: TaskNo, known: Known, result: Arc<ResultTree>, stats: Vec<Stat> },
}

impl Row {
    fn task(&self) -> TaskNo {
        match self {
            Row::Done(row) => row.seen.task,
            Row::Placed { task, .. } | Row::Left { task, .. } => *task,
        }
    }
}

/// What a task came to.
pub(super) struct DoneRow {
    pub(super) seen: Seen,
    pub(super) known: Known,
    pub(super) result: Arc<ResultTree>,
    pub(super) observed: Vec<Observed>,
    pub(super) stats: Vec<Stat>,
}

impl Shelf<Row> for Engine<'_> {
    fn publish(&self, entries: &[RunEntry]) -> Result<()> {
        let body = Runs { entries: entries.to_vec(), ..Runs::default() }.encode();
        let name = self.desk.writer.publish(RUNS, &body)?;
        self.lookup.pass_over(name);
        if let Some(claims) = &self.claims {
            claims.tell_news();
        }
        Ok(())
    }

    fn after(&self, entries: &[RunEntry], rows: Vec<Row>) {
        if let Some(claims) = &self.claims {
            entries.iter().for_each(|entry| claims.give_back(&entry.action));
        }
        let (project, survey) = (self.desk.project, self.desk.survey);
        for row in &rows {
            match row {
                Row::Done(row) => {
                    let DoneRow { seen, known, result, observed, stats } = &**row;
                    project.done(survey, &Done { seen, known: *known, result, observed, stats });
                }
                Row::Placed { task, result, stats } => project.placed(survey, *task, result, stats),
                Row::Left { task, known, result, stats } => project.left(*task, known, result, stats),
            }
        }
        let outputs = rows.iter().flat_map(|row| &self.desk.manifest.task(row.task()).outputs);
        // From then on the state says what larder made.
        if let Err(error) = project.commit().and_then(|()| self.desk.clearing.forget(outputs)) {
            self.warn(&format!("the project's state could not be written: {error}"));
        }
    }

    fn waiting_bytes(&self) -> u64 {
        self.desk.writer.bytes_since_flush()
    }

    fn is_awaited(&self) -> bool {
        self.claims.as_ref().is_some_and(super::Claims::is_awaited)
    }
}

impl Engine<'_> {
    /// Notes that results were used today, where that is not known: what is used is kept longer.
    pub(super) fn touch(&self) -> Result<()> {
        let survey = self.desk.survey;
        let mut used = locked(&self.used);
        used.extend(self.slots.iter().zip(self.tasks).filter_map(|(slot, task)| {
            match (locked(slot).end, survey.standing(*task)) {
                (Some(TaskEnd::Current), Some(Standing::Current(known))) => Some(known.record),
                _ => None,
            }
        }));
        if used.is_empty() {
            return Ok(());
        }
        match self.lookup.runs()?.touch(&used, clock::now()) {
            Some(touch) => self.desk.writer.publish(TOUCH, &touch.encode()).map(|_| ()),
            None => Ok(()),
        }
    }

    /// The manifest as it is run, stored once. None if its files are others by now: that is said once.
    pub(super) fn manifest_object(&self, putter: &mut crate::repo::Putter<'_>) -> Result<Option<Id>> {
        // Who comes second waits and need not read it, too.
        let mut stored = locked(&self.manifest_object);
        if let Some(known) = *stored {
            return Ok(known);
        }
        let id = self.store_manifest(putter)?;
        if id.is_none() {
            self.warn("the manifest changed while it was run: what it said is not stored with the runs");
        }
        Ok(*stored.insert(id))
    }

    /// What was loaded need not be in memory any more: the files are read again, and must be what was loaded.
    fn store_manifest(&self, putter: &mut crate::repo::Putter<'_>) -> Result<Option<Id>> {
        let manifest = self.desk.manifest;
        let files = manifest.files.get(..manifest.manifests).unwrap_or_default();
        let mut object = putter.object(Kind::Manifest);
        let mut buffer = vec![0; PIECE_BYTES];
        let mut hashes = Vec::with_capacity(files.len());
        for (at, file) in files.iter().enumerate() {
            // One file is stored as it is; of several each begins with a line that names it.
            if at > 0 {
                // From the root, so that it is the same in every clone.
                let inner = file.strip_prefix(&manifest.root).unwrap_or(file);
                object.write(format!("\n# larder: {}\n", inner.display()).as_bytes())?;
            }
            let Ok(mut file) = std::fs::File::open(file) else { return Ok(None) };
            let (mut hasher, mut is_start) = (Hasher::new(), true);
            loop {
                let Ok(len) = file.read(&mut buffer) else { return Ok(None) };
                if len == 0 {
                    break;
                }
                object.write(&buffer[..len])?;
                let text = &buffer[..len];
                hasher.update(if is_start { without_mark(text) } else { text });
                is_start = false;
            }
            hashes.push(hasher.finish());
        }
        if Manifest::id_of(&hashes) != manifest.id {
            return Ok(None);
        }
        object.finish().map(|put| Some(put.id))
    }
}
