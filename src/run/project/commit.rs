//! What is remembered for the next invocation.

use super::keyer::Seen;
use super::{CLOCK_STEP_NS, Known, Project, plan_row};
use crate::error::{IoContext, Result};
use crate::id::Id;
use crate::object::hash;
use crate::record::Observed;
use crate::run::manifest::TaskNo;
use crate::run::portable::{ResultKind, ResultTree};
use crate::run::state::files::{Content, FileNo, Files};
use crate::run::state::rows::{Digest, RowNo, TaskRow, UNKNOWN, UNSTORED};
use crate::run::state::stamp::{Stamp, look, stamp_now_ns};
use crate::run::state::{Change, State};
use crate::walk::Stat;
use std::collections::HashMap;
use std::path::Path;

/// How long a stamp is waited for to settle: that of a file system without fractions is not.
const SETTLE_NS_MAX: i64 = 100_000_000;

/// What a task came to, by running or by a hit.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// What its action was made from.
    pub seen: &'a Seen,
    /// Its action, the record of the run, and the result.
    pub known: Known,
    /// The entries of the result, which are in place.
    pub result: &'a ResultTree,
    /// What the run was seen to read.
    pub observed: &'a [Observed],
    /// How each entry of the result looked when it was hashed or placed.
    pub stats: &'a [Stat],
}

/// What waits for the next commit.
#[derive(Debug, Default)]
pub(super) struct Staged {
    rows: Vec<(RowNo, TaskRow)>,
    /// Files whose stamps may not show a change.
    racy: Vec<FileNo>,
    plan_is_written: bool,
    highest_epoch: u32,
}

impl Project {
    /// Notes what a task came to; it is remembered by the next [`Project::commit`].
    pub fn done(&self, survey: &super::Survey, done: &Done<'_>) {
        let task = done.seen.task;
        let before = survey.row(task).map(|row| (row.ids().2, row.result_changed));
        let mut row = self.row_for(done.seen);
        row.result_changed = match before {
            Some((result, changed)) if result == done.known.result => changed,
            _ => row.keyed,
        };
        (row.action, row.record, row.result) = (done.known.action, done.known.record, done.known.result);
        for observed in done.observed {
            // What other tasks made shows in their results.
            if self.area().is_ok_and(|area| area.owner(&observed.path).is_none()) {
                row.files.push(self.sources.files().number(&observed.path, true));
            }
        }
        row.outputs = self.outputs(done.result, done.stats);
        self.stage(task, row);
    }

    /// Notes that the outputs of a task that was only displaced are in place again.
    pub fn placed(&self, survey: &super::Survey, task: TaskNo, result: &ResultTree, stats: &[Stat]) {
        let Some(view) = survey.row(task) else { return };
        let Some(lists) = view.lists() else { return };
        let (action, record, tree) = view.ids();
        let keyed = self.sources.files().epoch;
        let row = TaskRow {
            definition: view.definition,
            surroundings: view.surroundings,
            keyed,
            result_changed: view.result_changed,
            action,
            record,
            result: tree,
            files: lists.files.map(FileNo).collect(),
            tools: lists.tools.map(FileNo).collect(),
            patterns: lists.patterns.collect(),
            outputs: self.outputs(result, stats),
        };
        self.stage(task, row);
    }

    /// Notes what a task left whose result stands for nothing: it runs again next time, and what stands at its outputs
    /// then is larder's and not the user's.
    pub fn left(&self, task: TaskNo, known: &Known, result: &ResultTree, stats: &[Stat]) {
        let epoch = self.sources.files().epoch;
        let row = TaskRow {
            action: known.action,
            record: known.record,
            result: known.result,
            outputs: self.outputs(result, stats),
            ..Self::row_of_nothing(UNSTORED, epoch)
        };
        self.stage(task, row);
    }

    /// Notes that a task was keyed anew and its action and outputs are what they were: something it names was changed
    /// and changed back.
    pub fn confirmed(&self, survey: &super::Survey, seen: &Seen) {
        let Some(view) = survey.row(seen.task) else { return };
        let Some(lists) = view.lists() else { return };
        let mut row = self.row_for(seen);
        row.result_changed = view.result_changed;
        (row.action, row.record, row.result) = view.ids();
        // Observed files are among them.
        let mut files: Vec<FileNo> =
            lists.files.map(FileNo).filter(|file| self.sources.files().follows(*file)).collect();
        row.files.append(&mut files);
        row.files.sort_unstable();
        row.files.dedup();
        row.outputs = lists.outputs.map(FileNo).collect();
        self.stage(seen.task, row);
    }

    fn row_for(&self, seen: &Seen) -> TaskRow {
        let definition = self.light.definitions.get(seen.task.index()).copied().unwrap_or_default();
        TaskRow {
            surroundings: seen.surroundings,
            files: seen.files.clone(),
            tools: seen.tools.clone(),
            patterns: seen.patterns.clone(),
            ..Self::row_of_nothing(definition, self.sources.files().epoch)
        }
    }

    fn stage(&self, task: TaskNo, row: TaskRow) {
        let mut staged = self.staged();
        staged.racy.extend_from_slice(&row.outputs);
        staged.racy.extend_from_slice(&row.files);
        staged.rows.push((self.row_of(task), row));
    }

    /// The numbers of a result's files, which are noted as they look.
    fn outputs(&self, result: &ResultTree, stats: &[Stat]) -> Vec<FileNo> {
        let mut files = self.sources.files();
        let mut outputs = Vec::with_capacity(result.entries.len());
        for (index, entry) in result.entries.iter().enumerate() {
            let file = files.number(&entry.path, false);
            let stamp = match stats.get(index) {
                Some(stat) => Stamp::of(stat),
                None => look(self.sources.root(), entry.path.as_slice(), false).unwrap_or(Stamp::ABSENT),
            };
            let (id, link) = match &entry.kind {
                ResultKind::File { content, .. } => (Some(*content), None),
                ResultKind::Symlink(text) => (Some(hash(text)), Some(text.clone())),
                ResultKind::Directory => (None, None),
            };
            let known = files.known(file);
            let is_untouched = known.stamp == stamp && known.content == id && known.stamped != 0 && !known.is_racy;
            // When it was hashed is not told: what was made in this invocation is hashed again before it is relied on.
            let is_racy = !is_untouched && stamp.is_file();
            files.set_made(file, &Content { stamp, id, link, is_racy });
            outputs.push(file);
        }
        outputs
    }
}

impl Project {
    /// Whether something that an action was made from has changed since: the first such path. For many, ask
    /// [`Project::changed_among`].
    pub fn changed_since(&self, seen: &Seen) -> Option<Vec<u8>> {
        self.changed_among(std::iter::once(seen)).pop().map(|(_, path)| path)
    }

    /// Which of these tasks read something that has changed since, and what. Each path is looked at once; a pattern
    /// whose directories changed is evaluated again.
    pub fn changed_among<'a>(&self, all: impl IntoIterator<Item = &'a Seen>) -> Vec<(TaskNo, Vec<u8>)> {
        let all: Vec<&Seen> = all.into_iter().collect();
        let files = all.iter().flat_map(|seen| seen.files.iter().chain(&seen.found).chain(&seen.tools)).copied();
        let differing = self.sources.changed_since(files.collect());
        let mut patterns: HashMap<u32, Option<Vec<u8>>> = HashMap::new();
        for pattern in all.iter().flat_map(|seen| &seen.patterns) {
            patterns.entry(*pattern).or_insert_with(|| self.pattern_differs(*pattern));
        }
        let first = |seen: &Seen| {
            let mut of_it = seen.files.iter().chain(&seen.found).chain(&seen.tools);
            let file = of_it.find(|file| differing.contains(file));
            let path = file.map(|file| self.sources.files().path(*file).to_vec());
            path.or_else(|| seen.patterns.iter().find_map(|pattern| patterns.get(pattern).cloned().flatten()))
        };
        all.iter().filter_map(|seen| Some((seen.task, first(seen)?))).collect()
    }

    /// A path that a pattern finds now and did not, or the other way round.
    fn pattern_differs(&self, pattern: u32) -> Option<Vec<u8>> {
        let text = self.sources.pattern_text(pattern);
        let parsed = super::Pattern::parse(std::str::from_utf8(&text).ok()?, b"").ok()?;
        self.sources.find_again(pattern, &parsed, self.area().ok()?, &self.area_digest)
    }

    /// Writes what was noted, in one transaction. What the records of it rest on must be durable. Files whose stamps
    /// may not show a change are read again first, which takes until the clock has moved on.
    ///
    /// # Errors
    /// CACHE_ERROR, STORAGE_FULL, FILE_IO.
    pub fn commit(&self) -> Result<()> {
        let (rows, racy, plan) = {
            let mut staged = self.staged();
            let plan = self.keeps_plan && !staged.plan_is_written;
            (std::mem::take(&mut staged.rows), std::mem::take(&mut staged.racy), plan)
        };
        self.settle(racy);
        let pattern_rows = self.sources.take_dirty_patterns();
        let (file_rows, files, epoch) = {
            let mut files = self.sources.files();
            (files.take_dirty(), files.len() as u32, files.epoch)
        };
        if rows.is_empty() && file_rows.is_empty() && pattern_rows.is_empty() && !plan {
            return Ok(());
        }
        let change = Change {
            // What was found to have changed meanwhile belongs to the epoch after this one.
            epoch: epoch.saturating_add(1),
            files,
            tasks: self.counters.tasks,
            file_rows,
            task_rows: rows.iter().map(|(number, row)| (*number, row.encode())).collect(),
            pattern_rows,
            plan: if plan { Some(plan_row(self)?) } else { None },
        };
        let is_written = self.state().write(&change)?;
        if !is_written {
            return self.commit_beside(&rows);
        }
        let mut staged = self.staged();
        staged.plan_is_written |= plan;
        staged.highest_epoch = change.epoch;
        Ok(())
    }

    /// Writes what of these rows holds beside what another run has written since this one read the state: which files
    /// tasks of this one made. Numbers and epochs are others there, so the tasks are keyed again next time.
    fn commit_beside(&self, rows: &[(RowNo, TaskRow)]) -> Result<()> {
        let dir = self.state().dir().to_path_buf();
        let is_numbered = |number: &RowNo| number.0 < self.tasks_before || self.staged().plan_is_written;
        let mut is_written = rows.is_empty();
        while !is_written {
            let mut state = State::open(&dir);
            let mut counters = state.counters()?;
            let mut files = state.files(&counters)?;
            let mut task_rows = Vec::with_capacity(rows.len());
            for (number, row) in rows {
                let outputs = self.outputs_among(&mut files, row);
                // A number that the state does not know is by now another task's, perhaps.
                let number = if is_numbered(number) { *number } else { RowNo(counters.tasks) };
                counters.tasks = counters.tasks.max(number.0 + 1);
                let row = TaskRow { outputs, ..Self::row_of_nothing(UNKNOWN, files.epoch) };
                task_rows.push((number, row.encode()));
            }
            let change = Change {
                epoch: files.epoch.saturating_add(1),
                files: files.len() as u32,
                tasks: counters.tasks,
                file_rows: files.take_dirty(),
                task_rows,
                ..Change::default()
            };
            is_written = state.write(&change)?;
            self.staged().highest_epoch = change.epoch;
        }
        Ok(())
    }

    /// The outputs of a row that nobody has changed since, by their numbers among the files of another invocation.
    fn outputs_among(&self, others: &mut Files, row: &TaskRow) -> Vec<FileNo> {
        let files = self.sources.files();
        let made = row.outputs.iter().filter(|file| files.changed(**file) <= row.keyed);
        made.map(|file| {
            let known = files.known(*file);
            let link = files.link_text(*file).map(<[u8]>::to_vec);
            let there = others.number(files.path(*file), false);
            others.set_made(there, &Content { stamp: known.stamp, id: known.content, link, is_racy: known.is_racy });
            there
        })
        .collect()
    }

    fn row_of_nothing(definition: Digest, epoch: u32) -> TaskRow {
        TaskRow {
            definition,
            surroundings: Digest::default(),
            keyed: epoch,
            result_changed: epoch,
            action: Id::EMPTY,
            record: Id::EMPTY,
            result: Id::EMPTY,
            files: Vec::new(),
            tools: Vec::new(),
            patterns: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The last commit of an invocation: directories in which outputs came to stand are looked at again, so that the
    /// next invocation need not list them.
    ///
    /// # Errors
    /// As [`Project::commit`].
    pub fn finish(&self) -> Result<()> {
        if self.staged().rows.is_empty() && self.staged().highest_epoch == 0 && !self.sources.files().is_dirty() {
            return self.commit();
        }
        if let Ok(area) = self.area() {
            for (pattern, text) in self.sources.used_patterns() {
                let parsed = std::str::from_utf8(&text).ok().and_then(|text| super::Pattern::parse(text, b"").ok());
                if let Some(parsed) = parsed {
                    self.sources.find_again(pattern, &parsed, area, &self.area_digest);
                }
            }
        }
        self.commit()
    }

    /// Waits until everything that was written to the file system of the root is on the medium, and remembers it: after
    /// another boot, what was noted later is not trusted.
    ///
    /// # Errors
    /// FILE_IO, CACHE_ERROR.
    pub fn sync(&self) -> Result<()> {
        let epoch = self.staged().highest_epoch;
        let root: &Path = self.root();
        let handle = std::fs::File::open(root).at("open", root)?;
        rustix::fs::syncfs(&handle).at("sync", root)?;
        if epoch > 0 { self.state().set_synced(epoch) } else { Ok(()) }
    }

    /// Reads files again whose stamps may not show a change, once they would.
    fn settle(&self, mut racy: Vec<FileNo>) {
        let settles_at_ns = {
            let files = self.sources.files();
            racy.retain(|file| files.known(*file).is_racy);
            racy.iter().map(|file| files.known(*file).stamp.settles_at_ns()).max().unwrap_or(0)
        };
        if racy.is_empty() {
            return;
        }
        let wait_ns = settles_at_ns.saturating_sub(stamp_now_ns()).clamp(0, SETTLE_NS_MAX) + CLOCK_STEP_NS;
        std::thread::sleep(std::time::Duration::from_nanos(wait_ns as u64));
        racy.sort_unstable();
        racy.dedup();
        self.sources.read_again(&racy);
    }
}
