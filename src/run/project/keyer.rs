//! Actions: what would be run, made from what is there.

use super::tools::Tool;
use super::{Project, of_task};
use crate::action::{self, Action, Input, InputKind};
use crate::error::{Class, Code, Error, Result, fail};
use crate::id::Id;
use crate::run::graph::{Graph, OutputArea};
use crate::run::manifest::{Command, Manifest, Task, TaskNo};
use crate::run::pattern::Pattern;
use crate::run::plan::program_of;
use crate::run::portable::{ResultKind, ResultTree};
use crate::run::state::files::{Content, FileNo};
use crate::run::state::rows::Digest;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// What the results of other tasks are, as far as they are known.
pub type Results<'a> = &'a dyn Fn(TaskNo) -> Option<Arc<ResultTree>>;

/// Makes actions. Used from any thread.
#[derive(Clone, Copy, Debug)]
pub struct Keyer<'p> {
    pub(super) project: &'p Project,
    pub(super) manifest: &'p Manifest,
    pub(super) graph: &'p Graph,
    pub(super) area: &'p OutputArea,
}

/// An action, and what it was made from.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// What would be run.
    pub action: Action,
    /// Its id.
    pub id: Id,
    /// What it was made from.
    pub seen: Seen,
}

/// What an action was made from.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The task.
    pub task: TaskNo,
    pub(super) files: Vec<FileNo>,
    pub(super) tools: Vec<FileNo>,
    pub(super) patterns: Vec<u32>,
    /// What the patterns found.
    pub(super) found: Vec<FileNo>,
    pub(super) surroundings: Digest,
}

impl Project {
    /// A maker of actions.
    ///
    /// # Errors
    /// As [`Project::manifest`].
    pub fn keyer(&self) -> Result<Keyer<'_>> {
        Ok(Keyer { project: self, manifest: self.manifest()?, graph: self.graph()?, area: self.area()? })
    }
}

/// An action in the making.
struct Draft<'k> {
    keyer: Keyer<'k>,
    task: &'k Task,
    results: Results<'k>,
    inputs: BTreeMap<Vec<u8>, InputKind>,
    seen: Seen,
}

impl<'p> Keyer<'p> {
    /// The project's root.
    pub fn root(&self) -> &'p std::path::Path {
        self.project.root()
    }

    /// The tasks whose results a task may see by itself: its dependencies.
    pub fn needs(&self, task: TaskNo) -> &'p [TaskNo] {
        self.graph.keyed_dependencies(task)
    }

    /// The action of a task. The results of all that it depends on must be known.
    ///
    /// # Errors
    /// FILE_NOT_FOUND when a literal input or a program is missing, FILE_IO and so on when a source cannot be read,
    /// TASK_FAILED when a `key-from` command fails, CONFIG_INVALID for `@git` outside a git work tree.
    pub fn key(&self, task: TaskNo, results: Results<'_>) -> Result<Keyed> {
        self.draft(task, results).map_err(|error| {
            let task = self.manifest.task(task);
            match error.class() {
                // It is the manifest that is wrong.
                Class::Unusable => {
                    error.context(format!("{}: task `{}` cannot start", self.manifest.place_of(task), task.name))
                }
                _ => of_task(error, &task.name),
            }
        })
    }

    fn draft(&self, number: TaskNo, results: Results<'_>) -> Result<Keyed> {
        let task = self.manifest.task(number);
        let surroundings = self.project.surroundings(number)?;
        let seen = Seen {
            task: number,
            files: Vec::new(),
            tools: Vec::new(),
            patterns: Vec::new(),
            found: Vec::new(),
            surroundings: surroundings.digest,
        };
        let mut draft = Draft { keyer: *self, task, results, inputs: BTreeMap::new(), seen };
        for input in &task.inputs {
            draft.input(input)?;
        }
        let tools = draft.tools()?;
        let Draft { inputs, seen, .. } = draft;
        let action = Action {
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            salt: self.manifest.salt.clone(),
            root: task.rooted.then(|| self.project.root().as_os_str().as_bytes().to_vec()),
            command: command_of(task),
            cwd: task.cwd.clone(),
            env: self.project.environment().keyed(task),
            secrets: task.secrets.iter().map(|secret| (secret.name.clone(), secret.label.clone())).collect(),
            inputs: inputs.into_iter().map(|(path, kind)| Input { path, kind }).collect(),
            deps: self.results_of(&task.deps, results)?,
            tools,
            key_from: surroundings.printed,
            outputs: task.outputs.iter().map(Pattern::text).collect(),
            args: if task.takes_args {
                self.project.args().iter().map(|arg| arg.clone().into()).collect()
            } else {
                Vec::new()
            },
            depfile: task.depfile.as_deref().map(<[u8]>::to_vec),
            ..Action::default()
        };
        let id = action.id();
        Ok(Keyed { action, id, seen })
    }

    /// The trees of these tasks; of a group those of what it stands for. Ascending, each once.
    fn results_of(&self, tasks: &[TaskNo], results: Results<'_>) -> Result<Vec<Id>> {
        let mut ids = Vec::with_capacity(tasks.len());
        let mut seen: Vec<TaskNo> = Vec::new();
        let mut todo = tasks.to_vec();
        while let Some(number) = todo.pop() {
            let task = self.manifest.task(number);
            if !task.is_group() {
                ids.push(self.result(number, results)?.id);
            } else if !seen.contains(&number) {
                seen.push(number);
                todo.extend_from_slice(&task.deps);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    pub(super) fn result(&self, task: TaskNo, results: Results<'_>) -> Result<Arc<ResultTree>> {
        results(task).ok_or_else(|| {
            let name = &self.manifest.task(task).name;
            Error::new(Code::SystemError, format!("the result of `{name}` is not known yet"))
        })
    }

    /// Whether a task may see the result of another one.
    pub(super) fn may_see(&self, task: TaskNo, other: TaskNo) -> bool {
        self.graph.keyed_dependencies(task).contains(&other) || self.graph.seen_by(task).contains(other)
    }
}

impl Draft<'_> {
    fn input(&mut self, input: &Pattern) -> Result<()> {
        let made = self.made(input)?;
        if let Pattern::Path(path) = input {
            if self.keyer.area.owner(path).is_some() {
                return if made { Ok(()) } else { self.missing(path) };
            }
            let file = self.keyer.project.sources.files().number(path, false);
            let content = self.keyer.project.sources.content(file)?;
            if !content.stamp.is_directory() {
                if content.stamp.mode == 0 {
                    return if made { Ok(()) } else { self.missing(path) };
                }
                self.seen.files.push(file);
                let target = self.target(path, &content)?;
                self.inputs.insert(path.clone(), kind_of(path, content, target)?);
                // What a link leads to is read through it.
                return if self.is_link_to_directory(path) { self.find(input) } else { Ok(()) };
            }
        }
        self.find(input)
    }

    /// The content of what a symlink leads to.
    fn target(&mut self, path: &[u8], content: &Content) -> Result<Option<Id>> {
        if !content.stamp.is_symlink() {
            return Ok(None);
        }
        let target = self.keyer.project.sources.files().number(path, true);
        self.seen.files.push(target);
        let content = self.keyer.project.sources.content(target)?;
        Ok(content.id.filter(|_| content.stamp.is_file()))
    }

    fn is_link_to_directory(&self, path: &[u8]) -> bool {
        let mut files = self.keyer.project.sources.files();
        let link = files.number(path, false);
        // Only what is a link gets a number for what it leads to: there is an entry for each number.
        files.known(link).stamp.is_symlink() && {
            let target = files.number(path, true);
            files.known(target).stamp.is_directory()
        }
    }

    fn missing(&self, path: &[u8]) -> Result<()> {
        let shown = path.escape_ascii();
        match self.keyer.area.owner(path) {
            Some(maker) => {
                let maker = &self.keyer.manifest.task(maker).name;
                fail(Code::FileNotFound, format!("its input `{shown}` was not made by `{maker}`, whose output it is"))
            }
            None => {
                Err(Error::new(Code::FileNotFound, format!("its input `{shown}` is missing, and no task makes it"))
                    .with_hint("a glob may match nothing; a path must be there"))
            }
        }
    }

    /// Takes what tasks made that this input names. Whether there was anything.
    fn made(&mut self, input: &Pattern) -> Result<bool> {
        if matches!(input, Pattern::Git(_)) {
            return Ok(false);
        }
        let mut makers: Vec<TaskNo> = self.keyer.area.claims_meeting(input).map(|(maker, _)| maker).collect();
        makers.sort_unstable();
        makers.dedup();
        let mut is_any = false;
        for maker in makers.into_iter().filter(|maker| *maker != self.seen.task) {
            let tree = self.keyer.result(maker, self.results)?;
            let entries = match input {
                Pattern::Path(path) if !path.is_empty() => {
                    let exact = tree.find(path).map(std::slice::from_ref).unwrap_or_default();
                    if exact.is_empty() { tree.beneath(path) } else { exact }
                }
                _ => tree.entries.as_slice(),
            };
            for entry in entries.iter().filter(|entry| input.matches(&entry.path)) {
                is_any = true;
                let kind = match &entry.kind {
                    ResultKind::File { content, executable, .. } => {
                        InputKind::File { content: *content, executable: *executable }
                    }
                    ResultKind::Directory => InputKind::Directory,
                    ResultKind::Symlink(text) => InputKind::Symlink { text: text.clone(), target: None },
                };
                self.inputs.insert(entry.path.clone(), kind);
            }
        }
        Ok(is_any)
    }

    /// Takes the sources that a pattern finds.
    fn find(&mut self, input: &Pattern) -> Result<()> {
        let sources = &self.keyer.project.sources;
        let found = sources.find(input, self.keyer.area, &self.keyer.project.area_digest)?;
        self.seen.patterns.push(found.pattern);
        self.seen.found.extend_from_slice(&found.files);
        let mut files = found.files.iter().peekable();
        while let Some(file) = files.next() {
            let path = sources.files().path(*file).to_vec();
            let content = sources.content(*file)?;
            let mut target = None;
            if let Some(next) = files.next_if(|next| content.stamp.is_symlink() && sources.files().follows(**next)) {
                let led_to = sources.content(*next)?;
                target = led_to.id.filter(|_| led_to.stamp.is_file());
            }
            self.inputs.insert(path.clone(), kind_of(&path, content, target)?);
        }
        Ok(())
    }

    /// The programs that the task names, with their contents.
    fn tools(&mut self) -> Result<Vec<(String, Id)>> {
        let project = self.keyer.project;
        let mut tools = Vec::new();
        let numbers = project.light.tools.get(project.light.tools_of(self.seen.task));
        for number in numbers.into_iter().flatten() {
            let name = project.light.programs.get(*number as usize).map(|one| one.name.clone()).unwrap_or_default();
            let content = match project.tool(*number)? {
                Tool::File(file) => {
                    self.seen.tools.push(file);
                    project.sources.content(file)?.id
                }
                Tool::Made(path) => Some(self.made_program(&path)?),
                Tool::Missing => None,
            };
            let Some(content) = content else {
                let what = if program_of(self.task) == Some(&name) { "its program" } else { "its tool" };
                return Err(Error::new(Code::FileNotFound, format!("{what} `{name}` is not there"))
                    .with_hint("it is looked for in the directories of PATH"));
            };
            tools.push((name, content));
        }
        tools.sort_unstable();
        Ok(tools)
    }

    /// The content of a program that a task makes.
    fn made_program(&self, path: &[u8]) -> Result<Id> {
        let shown = path.escape_ascii();
        let maker = self.keyer.area.owner(path).filter(|maker| self.keyer.may_see(self.seen.task, *maker));
        let Some(maker) = maker else {
            let message = format!("its program `{shown}` is made by a task that it does not depend on");
            return Err(Error::new(Code::ConfigInvalid, message).with_hint("add that task to its `deps`"));
        };
        let tree = self.keyer.result(maker, self.results)?;
        match tree.find(path).map(|entry| &entry.kind) {
            Some(ResultKind::File { content, .. }) => Ok(*content),
            _ => {
                let maker = &self.keyer.manifest.task(maker).name;
                fail(Code::FileNotFound, format!("its program `{shown}` was not made by `{maker}`, whose output it is"))
            }
        }
    }
}

/// What stands at the path of a source.
fn kind_of(path: &[u8], content: Content, target: Option<Id>) -> Result<InputKind> {
    match (content.id, content.link) {
        (_, Some(text)) => Ok(InputKind::Symlink { text, target }),
        (Some(id), None) => Ok(InputKind::File { content: id, executable: content.stamp.is_executable() }),
        (None, None) if content.stamp.is_directory() => Ok(InputKind::Directory),
        (None, None) => {
            let message = format!("its input `{}` went away while it was looked at", path.escape_ascii());
            Err(Error::new(Code::FileNotFound, message).with_hint("run again when nothing changes it"))
        }
    }
}

fn command_of(task: &Task) -> action::Command {
    match &task.command {
        Command::Group => action::Command::default(),
        Command::Shell(text) => action::Command::Shell(text.clone().into_bytes()),
        Command::Words(words) => action::Command::Words(words.iter().map(|word| word.as_bytes().to_vec()).collect()),
    }
}
