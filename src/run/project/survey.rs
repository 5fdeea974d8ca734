//! What is current, and why not.

use super::Project;
use super::tools::Tool;
use crate::error::Result;
use crate::id::Id;
use crate::run::manifest::TaskNo;
use crate::run::portable::{ResultEntry, ResultKind, ResultTree};
use crate::run::state::TaskRows;
use crate::run::state::files::{FileNo, Files};
use crate::run::state::rows::{RowNo, RowView, UNKNOWN, UNSTORED};
use std::collections::HashMap;

/// From so many tasks of which one is wanted on, rows are looked up instead of read through.
const SPARSE_FACTOR: usize = 16;

/// What is known of a task from when its outputs were last put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its action id.
    pub action: Id,
    /// The record of the run that made them.
    pub record: Id,
    /// Their tree.
    pub result: Id,
}

/// How a wanted task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It only stands for others.
    Group,
    /// Nothing has changed: its outputs are what its record says.
    Current(Known),
    /// Its action is the same, but an output is not there or not what it was.
    Displaced(Known),
    /// Its action may be another one: it must be keyed.
    Changed(Why),
}

/// Why a task is not current. Paths are from the root, or absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing is known of it.
    New,
    /// It is executed each time.
    Uncached,
    /// What its last run left was not to be stored.
    Unstored,
    /// The manifest says something else of it.
    Definition,
    /// A variable has another value, or a `key-from` command prints something else.
    Surroundings,
    /// A program is another one.
    Tool(String),
    /// A source changed, came or went.
    Input(Vec<u8>),
    /// What it depends on must be looked at first.
    Pending(TaskNo),
    /// What it depends on has another result.
    Result(TaskNo),
    /// An output changed or is not there.
    Output(Vec<u8>),
}

/// How a task stands, in one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    Unwanted,
    Group,
    /// A group of which a task is not current.
    OpenGroup,
    Current,
    Displaced,
    Changed,
}

impl Mark {
    /// Whether the result that is known is the one that the key asks for.
    fn has_result(self) -> bool {
        matches!(self, Mark::Group | Mark::Current | Mark::Displaced)
    }
}

/// How all wanted tasks stand.
#[derive(Debug, Default)]
pub struct Survey {
    marks: Vec<Mark>,
    whys: HashMap<TaskNo, Why>,
    rows: TaskRows,
    row_of: Vec<RowNo>,
    order: Vec<TaskNo>,
}

impl Survey {
    /// The wanted tasks and all that must be done before them, each after its dependencies.
    pub fn tasks(&self) -> &[TaskNo] {
        &self.order
    }

    /// Whether there is nothing to do.
    pub fn is_current(&self) -> bool {
        !self.marks.iter().any(|mark| matches!(mark, Mark::Displaced | Mark::Changed))
    }

    /// How many tasks, without groups, are wanted, and how many of them are current.
    pub fn counts(&self) -> (usize, usize) {
        let count = |is_it: fn(&Mark) -> bool| self.marks.iter().filter(|mark| is_it(mark)).count();
        (count(|mark| *mark as u8 >= Mark::Current as u8), count(|mark| *mark == Mark::Current))
    }

    /// How a task stands; `None` if it is not wanted.
    pub fn standing(&self, task: TaskNo) -> Option<Standing> {
        let why = || self.whys.get(&task).cloned().unwrap_or(Why::New);
        match self.marks.get(task.index())? {
            Mark::Unwanted => None,
            Mark::Group | Mark::OpenGroup => Some(Standing::Group),
            Mark::Current => Some(Standing::Current(self.last(task)?)),
            Mark::Displaced => Some(Standing::Displaced(self.last(task)?)),
            Mark::Changed => Some(Standing::Changed(why())),
        }
    }

    /// What is known of a task of which only outputs must be put in place.
    pub fn displaced(&self, task: TaskNo) -> Option<Known> {
        self.last(task).filter(|_| self.marks.get(task.index()) == Some(&Mark::Displaced))
    }

    /// What is known of a task from last time, whether or not it still holds.
    pub fn last(&self, task: TaskNo) -> Option<Known> {
        let (action, record, result) = self.row(task)?.ids();
        Some(Known { action, record, result })
    }

    pub(super) fn row(&self, task: TaskNo) -> Option<RowView<'_>> {
        self.rows.get(*self.row_of.get(task.index())?)
    }
}

impl Project {
    /// How the tasks that are wanted, and all that they depend on, stand. Looks at each file of theirs once and reads
    /// those that look different; writes nothing.
    ///
    /// # Errors
    /// CACHE_ERROR; what a manifest that must be decoded for it answers. What is wrong with one task is found when that
    /// one is keyed.
    pub fn survey(&self, targets: &[TaskNo]) -> Result<Survey> {
        let wanted = self.light.closure(targets);
        let order: Vec<TaskNo> =
            self.light.order().filter(|task| wanted.get(task.index()).copied().unwrap_or_default()).collect();
        let is_sparse = order.len() * SPARSE_FACTOR < self.light.len();
        let numbers: Vec<RowNo> = order.iter().map(|task| self.row_of(*task)).collect();
        let rows = self.state().task_rows(is_sparse.then_some(&numbers))?;
        self.look_at_files(&order, &rows)?;
        let mut surveyor = Surveyor {
            project: self,
            rows: &rows,
            marks: vec![Mark::Unwanted; self.light.len()],
            results_changed: vec![0; self.light.len()],
            whys: HashMap::new(),
            patterns_changed: Vec::new(),
        };
        let surroundings = self.surroundings_of(&order);
        let tools = self.tool_files(&order)?;
        let patterns = self.changes_of_patterns(&order, &rows)?;
        {
            let files = self.sources.files();
            for task in &order {
                surveyor.mark(*task, &files, &surroundings, &tools, &patterns);
            }
        }
        let Surveyor { marks, mut whys, patterns_changed, .. } = surveyor;
        for (task, pattern) in patterns_changed {
            let path = self.sources.pattern_newest(pattern).unwrap_or_else(|| self.sources.pattern_text(pattern));
            whys.insert(task, Why::Input(path));
        }
        Ok(Survey { marks, whys, rows, row_of: self.light.rows.clone(), order })
    }

    /// Why outputs of a task must be put in place, as long as nothing was: of a hundred thousand it is not held.
    pub fn why_displaced(&self, survey: &Survey, task: TaskNo) -> Option<Why> {
        survey.displaced(task)?;
        let files = self.sources.files();
        displaced(&survey.row(task)?, &files).map(|file| Why::Output(files.path(file).to_vec()))
    }

    /// Looks at each file that a row names, once.
    fn look_at_files(&self, order: &[TaskNo], rows: &TaskRows) -> Result<()> {
        let mut seen = vec![false; self.sources.files().len()];
        let mut patterns: Vec<bool> = Vec::new();
        let mut files: Vec<FileNo> = Vec::new();
        let mut add = |file: FileNo, files: &mut Vec<FileNo>| {
            if let Some(mark) = seen.get_mut(file.0 as usize).filter(|mark| !**mark) {
                *mark = true;
                files.push(file);
            }
        };
        for task in order {
            let Some(lists) = rows.get(self.row_of(*task)).and_then(|row| row.lists()) else { continue };
            lists.files.chain(lists.tools).chain(lists.outputs).for_each(|file| add(FileNo(file), &mut files));
            for pattern in lists.patterns {
                if pattern as usize >= patterns.len() {
                    patterns.resize(pattern as usize + 1, false);
                }
                if let Some(mark) = patterns.get_mut(pattern as usize) {
                    *mark = true;
                }
            }
        }
        let mut of_patterns = Vec::new();
        for (pattern, _) in patterns.iter().enumerate().filter(|(_, mark)| **mark) {
            self.sources.pattern_files(pattern as u32, &mut of_patterns);
        }
        of_patterns.into_iter().for_each(|file| add(file, &mut files));
        self.sources.check(files);
        Ok(())
    }

    /// By context: its digest, `None` where it cannot be had.
    fn surroundings_of(&self, order: &[TaskNo]) -> Vec<Option<[u8; 16]>> {
        let mut found = vec![None; self.light.contexts.len()];
        let mut is_done = vec![false; found.len()];
        for task in order {
            let number = self.light.context_of(*task);
            let (Some(slot), Some(done)) = (found.get_mut(number), is_done.get_mut(number)) else { continue };
            if !*done && !self.light.is_group(*task) {
                *done = true;
                *slot = self.surroundings(*task).ok().map(|surroundings| surroundings.digest);
            }
        }
        found
    }

    /// By list of programs: their files; `None` where one is missing.
    fn tool_files(&self, order: &[TaskNo]) -> Result<Vec<Option<Vec<FileNo>>>> {
        let mut found = vec![None; self.light.tools.len()];
        let mut is_done = vec![false; found.len()];
        let mut all = Vec::new();
        for task in order {
            let number = self.light.tools_of(*task);
            let (Some(slot), Some(done)) = (found.get_mut(number), is_done.get_mut(number)) else { continue };
            if !std::mem::replace(done, true) {
                *slot = self.files_of_tools(number)?;
                all.extend(slot.iter().flatten());
            }
        }
        self.sources.check(all);
        Ok(found)
    }

    /// The files of a list of programs, without those that tasks make; `None` where one is missing.
    pub(super) fn files_of_tools(&self, list: usize) -> Result<Option<Vec<FileNo>>> {
        let mut files = Vec::new();
        for program in self.light.tools.get(list).into_iter().flatten() {
            match self.tool(*program)? {
                Tool::File(file) => files.push(file),
                Tool::Made(_) => {}
                Tool::Missing => return Ok(None),
            }
        }
        Ok(Some(files))
    }

    /// By pattern: the epoch in which what it finds last changed. Those whose directories changed are walked.
    fn changes_of_patterns(&self, order: &[TaskNo], rows: &TaskRows) -> Result<HashMap<u32, u32>> {
        let mut changes = HashMap::new();
        for task in order {
            let Some(lists) = rows.get(self.row_of(*task)).and_then(|row| row.lists()) else { continue };
            for pattern in lists.patterns {
                if let std::collections::hash_map::Entry::Vacant(slot) = changes.entry(pattern) {
                    let area = &self.area_digest;
                    let changed = match self.sources.pattern_changed(pattern, area) {
                        Some(changed) => changed,
                        None => self.walk_again(pattern)?,
                    };
                    slot.insert(changed);
                }
            }
        }
        Ok(changes)
    }

    fn walk_again(&self, pattern: u32) -> Result<u32> {
        let text = self.sources.pattern_text(pattern);
        let parsed = std::str::from_utf8(&text).ok().and_then(|text| super::Pattern::parse(text, b"").ok());
        let Some(parsed) = parsed else { return Ok(u32::MAX) };
        // What cannot be walked is a matter of the task that reads it.
        let found = self.sources.find(&parsed, self.area()?, &self.area_digest);
        let changed = found.ok().and_then(|found| self.sources.pattern_changed(found.pattern, &self.area_digest));
        Ok(changed.unwrap_or(u32::MAX))
    }

    /// The files that larder has put where they are, as far as the state knows, each with the epoch of that.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn made(&self) -> Result<HashMap<FileNo, u32>> {
        let mut made = HashMap::new();
        self.state().each_task(&mut |number, row| {
            let lists = row.lists().filter(|_| number.0 < self.counters.tasks);
            for file in lists.into_iter().flat_map(|lists| lists.outputs.map(FileNo)) {
                let keyed: &mut u32 = made.entry(file).or_default();
                *keyed = row.keyed.max(*keyed);
            }
        })?;
        Ok(made)
    }

    /// Whether what stands at a path is what larder has put there. It is looked at now, even if it was before: whoever
    /// asks is about to remove it.
    pub fn is_as_made(&self, made: &HashMap<FileNo, u32>, path: &[u8]) -> bool {
        let file = self.sources.files().find(path, false);
        let Some((file, keyed)) = file.and_then(|file| Some((file, *made.get(&file)?))) else { return false };
        self.sources.check(vec![file]);
        self.sources.changed_since(vec![file]).is_empty() && self.sources.files().changed(file) <= keyed
    }

    /// What a current task left behind, from what the state knows of its outputs.
    pub fn known_tree(&self, survey: &Survey, task: TaskNo) -> Option<ResultTree> {
        if survey.marks.get(task.index()) != Some(&Mark::Current) {
            return None;
        }
        let row = survey.row(task)?;
        let files = self.sources.files();
        let mut entries = Vec::new();
        for file in row.lists()?.outputs.map(FileNo) {
            let known = files.known(file);
            let kind = match known.content {
                Some(content) if known.stamp.is_file() => {
                    ResultKind::File { content, size: known.stamp.size, executable: known.stamp.is_executable() }
                }
                Some(_) => ResultKind::Symlink(files.link_text(file)?.to_vec()),
                None if known.stamp.is_directory() => ResultKind::Directory,
                None => return None,
            };
            entries.push(ResultEntry { path: files.path(file).to_vec(), kind });
        }
        Some(ResultTree { id: row.ids().2, entries })
    }
}

struct Surveyor<'a> {
    project: &'a Project,
    rows: &'a TaskRows,
    marks: Vec<Mark>,
    /// By task: the epoch in which its result last changed.
    results_changed: Vec<u32>,
    whys: HashMap<TaskNo, Why>,
    /// Tasks that are to be keyed because of a pattern: the path to name is looked for afterwards.
    patterns_changed: Vec<(TaskNo, u32)>,
}

impl Surveyor<'_> {
    fn mark(
        &mut self,
        task: TaskNo,
        files: &Files,
        surroundings: &[Option<[u8; 16]>],
        tools: &[Option<Vec<FileNo>>],
        patterns: &HashMap<u32, u32>,
    ) {
        let light = &self.project.light;
        let (mark, why, changed) = if light.is_group(task) {
            let before = light.dependencies(task);
            let is_open = before.iter().any(|task| !self.mark_of(*task).has_result());
            let changed = before.iter().map(|task| self.changed_of(*task)).max().unwrap_or(0);
            (if is_open { Mark::OpenGroup } else { Mark::Group }, None, changed)
        } else {
            let row = self.rows.get(self.project.row_of(task));
            let changed = row.as_ref().map_or(0, |row| row.result_changed);
            match row.map(|row| {
                self.why_changed(task, &row, files, surroundings, tools, patterns).map_or_else(
                    || (displaced(&row, files).map_or(Mark::Current, |_| Mark::Displaced), None),
                    |why| (Mark::Changed, Some(why)),
                )
            }) {
                Some((mark, why)) => (mark, why, changed),
                None => (Mark::Changed, Some(if light.is_uncached(task) { Why::Uncached } else { Why::New }), 0),
            }
        };
        if let (Some(slot), Some(result)) =
            (self.marks.get_mut(task.index()), self.results_changed.get_mut(task.index()))
        {
            (*slot, *result) = (mark, changed);
        }
        // Of what has none it is new: at the first run that is all of them.
        if let Some(why) = why.filter(|why| *why != Why::New) {
            self.whys.insert(task, why);
        }
    }

    fn mark_of(&self, task: TaskNo) -> Mark {
        self.marks.get(task.index()).copied().unwrap_or_default()
    }

    fn changed_of(&self, task: TaskNo) -> u32 {
        self.results_changed.get(task.index()).copied().unwrap_or(u32::MAX)
    }

    /// Why the key of a task may be another one.
    fn why_changed(
        &mut self,
        task: TaskNo,
        row: &RowView<'_>,
        files: &Files,
        surroundings: &[Option<[u8; 16]>],
        tools: &[Option<Vec<FileNo>>],
        patterns: &HashMap<u32, u32>,
    ) -> Option<Why> {
        let light = &self.project.light;
        if light.is_uncached(task) {
            return Some(Why::Uncached);
        }
        let lists = match (row.lists(), row.definition) {
            (None, _) | (_, UNKNOWN) => return Some(Why::New),
            (_, UNSTORED) => return Some(Why::Unstored),
            (Some(lists), _) => lists,
        };
        if light.definitions.get(task.index()) != Some(&row.definition) {
            return Some(Why::Definition);
        }
        if surroundings.get(light.context_of(task)).copied().flatten() != Some(row.surroundings) {
            return Some(Why::Surroundings);
        }
        let tools = tools.get(light.tools_of(task)).and_then(Option::as_ref);
        let is_seen = |file: &FileNo| files.changed(*file) <= row.keyed;
        let is_same_tool = |(now, then): (&FileNo, u32)| now.0 == then && is_seen(now);
        match tools {
            Some(now) if now.len() == lists.tools.clone().count() && now.iter().zip(lists.tools).all(is_same_tool) => {}
            _ => return Some(Why::Tool(self.changed_tool(task, row.keyed, files))),
        }
        if let Some(file) = lists.files.map(FileNo).find(|file| !is_seen(file)) {
            return Some(Why::Input(files.path(file).to_vec()));
        }
        for pattern in lists.patterns {
            if patterns.get(&pattern).is_none_or(|changed| *changed > row.keyed) {
                self.patterns_changed.push((task, pattern));
                return Some(Why::Input(Vec::new()));
            }
        }
        for before in light.keyed_dependencies(task) {
            if !self.mark_of(*before).has_result() {
                return Some(Why::Pending(*before));
            }
            if self.changed_of(*before) > row.keyed {
                return Some(Why::Result(*before));
            }
        }
        None
    }

    /// The name of a program that is another one than it was.
    fn changed_tool(&self, task: TaskNo, keyed: u32, files: &Files) -> String {
        let light = &self.project.light;
        let programs = light.tools.get(light.tools_of(task)).into_iter().flatten();
        let is_changed = |number: &&u32| match self.project.tool(**number) {
            Ok(Tool::File(file)) => files.changed(file) > keyed,
            Ok(Tool::Made(_)) => false,
            Ok(Tool::Missing) | Err(_) => true,
        };
        let mut all = programs.clone();
        let changed = all.find(is_changed).or_else(|| programs.clone().next());
        changed.and_then(|number| light.programs.get(*number as usize)).map(|one| one.name.clone()).unwrap_or_default()
    }
}

/// The first output that must be put in place.
fn displaced(row: &RowView<'_>, files: &Files) -> Option<FileNo> {
    row.lists()?.outputs.map(FileNo).find(|file| files.changed(*file) > row.keyed)
}
