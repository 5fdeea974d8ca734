//! What a manifest says once everything in it is expanded.

use crate::id::Id;
use crate::object::hash;
use crate::run::pattern::Pattern;
use std::collections::HashMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

/// A task, by its place in [`Manifest::tasks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskNo(pub u32);

impl TaskNo {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where something stands in a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index into [`Manifest::files`].
    pub file: u16,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// Task files, read, expanded and checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The project's root, absolute. Every path of a task is relative to it.
    pub root: PathBuf,
    /// Every file that was read, absolute: manifests (the top one first), then files of variables, also those that
    /// were looked for and are not there.
    pub files: Vec<PathBuf>,
    /// How many of `files` are manifests.
    pub manifests: usize,
    /// The project's name, if it says one.
    pub project: Option<String>,
    /// Goes into every key: another salt means that nothing known counts.
    pub salt: String,
    /// What runs when no target is named. Empty: everything.
    pub default: Vec<TaskNo>,
    /// Named limits.
    pub pools: Vec<Pool>,
    /// In the order in which they stand, files in the order of their inclusion.
    pub tasks: Vec<Task>,
    /// Variables of `dotenv` files, sorted by name. The environment hides them.
    pub dotenv: Vec<(String, String)>,
    /// SHA-256 over the SHA-256 of each manifest, in order. Files of variables are not in it: they may hold secrets.
    pub id: Id,
    /// What is suspicious but no error: each with its place, ready to be shown.
    pub warnings: Vec<String>,
}

impl Manifest {
    /// A task by number.
    pub fn task(&self, task: TaskNo) -> &Task {
        &self.tasks[task.index()]
    }

    /// Its id, from the SHA-256 of each manifest without a mark of its encoding.
    pub fn id_of(hashes: &[Id]) -> Id {
        hash(&hashes.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>())
    }

    /// Where a task stands: `FILE:LINE:COLUMN`, the file from the root.
    pub fn place_of(&self, task: &Task) -> String {
        let file = self.files.get(usize::from(task.at.file)).map(|file| file.strip_prefix(&self.root).unwrap_or(file));
        let file = file.map_or_else(|| "manifest".into(), |file| file.display().to_string());
        format!("{file}:{}:{}", task.at.line, task.at.column)
    }

    /// Lets all tasks declare these variables, as if each said them in its `env`: they see them, and their values are in
    /// the keys.
    pub fn declare(&mut self, names: &[String]) {
        // By address: the old ones are held meanwhile.
        let mut known: HashMap<*const Settings, [Arc<Settings>; 2]> = HashMap::new();
        for task in self.tasks.iter_mut().filter(|_| !names.is_empty()) {
            let old = task.settings.clone();
            let [_, new] = known.entry(Arc::as_ptr(&old)).or_insert_with(|| {
                let is_said = |name: &&String| {
                    old.env.iter().any(|variable| variable.name == **name)
                        || old.pass_env.contains(name)
                        || old.secrets.iter().any(|secret| secret.name == **name)
                };
                let more = names.iter().filter(|name| !is_said(name));
                let mut new = Settings::clone(&old);
                new.env.extend(more.map(|name| EnvVar { name: name.clone(), value: None }));
                [old.clone(), Arc::new(new)]
            });
            task.settings = new.clone();
        }
    }

    /// Every task's number.
    pub fn numbers(&self) -> impl Iterator<Item = TaskNo> + use<> {
        (0..self.tasks.len() as u32).map(TaskNo)
    }

    /// What runs when no target is named.
    pub fn targets(&self) -> Vec<TaskNo> {
        if self.default.is_empty() { self.numbers().collect() } else { self.default.clone() }
    }
}

/// A limit that tasks share: the weights of those that run are at most `depth` together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// As tasks name it.
    pub name: String,
    /// At least 1.
    pub depth: u32,
}

/// One task. Its [`Settings`] are read as if they were its own fields. There may be hundreds of thousands: no list has room
/// for more than it holds.
#[derive(Clone, Debug)]
pub struct Task {
    /// With the directory of an included manifest before (`lib:build`) and what a matrix chose behind
    /// (`build@os=linux`).
    pub name: String,
    /// Where its name stands.
    pub at: Place,
    /// One line for people.
    pub description: Option<Box<str>>,
    /// What runs.
    pub command: Command,
    /// What it reads, in the order of the manifest.
    pub inputs: Box<[Pattern]>,
    /// What it makes, in the order of the manifest. None of them is [`Pattern::Git`].
    pub outputs: Box<[Pattern]>,
    /// The tasks that it names as its dependencies: their results are in its key. Sorted, once each.
    pub deps: Box<[TaskNo]>,
    /// The tasks, not in `deps`, that make an input that it names literally. Sorted, once each.
    pub makers: Box<[TaskNo]>,
    /// The tasks that it only runs after, in neither of the other two. Sorted, once each.
    pub after: Box<[TaskNo]>,
    /// Where the command writes what it read, in the syntax of make.
    pub depfile: Option<Box<[u8]>>,
    /// What a matrix chose for it.
    pub matrix: Box<[(String, String)]>,
    /// The rest, shared among tasks that say the same.
    pub settings: Arc<Settings>,
}

impl Deref for Task {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Task {
    /// Whether it only stands for others.
    pub fn is_group(&self) -> bool {
        self.command == Command::Group
    }
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Nothing: the task stands for its dependencies.
    Group,
    /// A text for `sh -c`.
    Shell(String),
    /// A program and its arguments, without a shell. Not empty.
    Words(Words),
}

/// Behind each of [`Words`].
const END: char = '\0';

/// Texts that hold no NUL, in one piece of memory: there may be hundreds of thousands of commands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Words(Box<str>);

impl Words {
    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator(END)
    }

    /// The program.
    pub fn first(&self) -> Option<&str> {
        self.iter().next()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Words {
    fn from_iter<I: IntoIterator<Item = T>>(words: I) -> Self {
        let mut text = String::new();
        for word in words {
            text.push_str(word.as_ref());
            text.push(END);
        }
        Words(text.into())
    }
}

/// What most tasks of a manifest have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Variables whose values are in the key, sorted by name.
    pub env: Vec<EnvVar>,
    /// Variables that the command sees and the key does not.
    pub pass_env: Vec<String>,
    /// Variables that are keyed by a label and masked in logs.
    pub secrets: Vec<Secret>,
    /// Programs whose content is in the key.
    pub tools: Vec<String>,
    /// Commands (for `sh -c`) whose output is in the key.
    pub key_from: Vec<String>,
    /// Where the command runs.
    pub cwd: Vec<u8>,
    /// After this long it is ended.
    pub timeout_ms: Option<u64>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// How long before the first retry; doubled before each further one.
    pub retry_delay_ms: u64,
    /// Index into [`Manifest::pools`].
    pub pool: Option<u16>,
    /// How much of its pool and of the jobs it takes. At least 1.
    pub weight: u32,
    /// Whether a known result may stand for a run.
    pub cache: bool,
    /// Outputs stay where they are before a run, and are not stored.
    pub keep_outputs: bool,
    /// Links that lead out of the project are stored.
    pub external_links: bool,
    /// It has the terminal, alone.
    pub interactive: bool,
    /// Its programs are asked for colour.
    pub color: bool,
    /// The root's path is in the key.
    pub rooted: bool,
    /// Arguments of the command line are given to it.
    pub takes_args: bool,
    /// What may not be reached. Only [`SandboxLevel::None`] in this version.
    pub sandbox: SandboxLevel,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            env: Vec::new(),
            pass_env: Vec::new(),
            secrets: Vec::new(),
            tools: Vec::new(),
            key_from: Vec::new(),
            cwd: Vec::new(),
            timeout_ms: None,
            retries: 0,
            retry_delay_ms: 1_000,
            pool: None,
            weight: 1,
            cache: true,
            keep_outputs: false,
            external_links: false,
            interactive: false,
            color: false,
            rooted: false,
            takes_args: false,
            sandbox: SandboxLevel::None,
        }
    }
}

/// A variable whose value is in the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value; `None`: what the environment has, if anything.
    pub value: Option<String>,
}

/// A variable that is keyed by a label instead of its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// What to change when the value changes in a way that matters. May be empty.
    pub label: String,
}

/// How much of the machine a task may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SandboxLevel {
    /// Everything.
    None,
}
