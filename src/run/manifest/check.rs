//! The rules about names, about who makes what, and about who may read it.

use super::expand::{FileScope, Pending};
use super::raw::Text;
use super::source::Complaints;
use super::{Place, Task, TaskNo};
use crate::error::{Code, Error, Result};
use crate::run::graph::area::Claim;
use crate::run::graph::select::nearest;
use crate::run::graph::{Graph, OutputArea};
use crate::run::pattern::{Pattern, is_at_or_beneath};
use std::collections::HashMap;
use std::path::Path;

/// Everything that the rules look at.
pub(super) struct Checker<'a> {
    pub tasks: &'a mut Vec<Task>,
    pub pending: &'a [Pending],
    pub places: &'a [Place],
    pub scopes: &'a [FileScope],
    /// Manifests and files of variables, relative to the root.
    pub files: &'a [Vec<u8>],
    pub complaints: &'a mut Complaints,
}

/// The tasks by name; a matrix also by the name that it was given.
struct Names {
    by_name: HashMap<String, Vec<TaskNo>>,
}

impl Checker<'_> {
    /// Resolves names, adds the edges of literal inputs, and applies every rule. Answers the tasks of `default`.
    ///
    /// # Errors
    /// The code of the first thing that is wrong; every line of the message names its place.
    pub fn run(&mut self, default: &[Text]) -> Result<Vec<TaskNo>> {
        let names = self.names();
        self.resolve(&names);
        let default = self.default(default, &names);
        drop(names);
        self.complaints.check()?;
        let area = self.area();
        self.inputs(&area);
        self.depfiles(&area);
        self.complaints.check()?;
        let graph = self.graph()?;
        self.patterns(&area, &graph);
        self.complaints.check()?;
        Ok(default)
    }

    fn names(&mut self) -> Names {
        let mut by_name: HashMap<String, Vec<TaskNo>> = HashMap::with_capacity(self.tasks.len());
        for (number, task) in self.tasks.iter().enumerate() {
            let number = TaskNo(number as u32);
            if let Some((base, _)) = task.name.split_once('@') {
                let of_matrix = by_name.entry(base.to_string()).or_default();
                if of_matrix.first().is_some_and(|first| self.tasks[first.index()].at != task.at) {
                    twice(&self.tasks[of_matrix[0].index()], task, self.complaints);
                }
                of_matrix.push(number);
            }
            let same = by_name.entry(task.name.clone()).or_default();
            if let Some(first) = same.first() {
                twice(&self.tasks[first.index()], task, self.complaints);
            }
            same.push(number);
        }
        Names { by_name }
    }

    fn resolve(&mut self, names: &Names) {
        for (number, pending) in self.pending.iter().enumerate() {
            let mut lists = [Vec::new(), Vec::new()];
            for (list, texts) in lists.iter_mut().zip([&pending.deps, &pending.after]) {
                for text in texts {
                    let Some(found) = names.find(&text.text, &self.scopes[usize::from(pending.scope)]) else {
                        names.unknown(text, self.complaints);
                        continue;
                    };
                    if found.contains(&TaskNo(number as u32)) {
                        let message = format!("the task `{}` depends on itself", self.tasks[number].name);
                        self.complaints.say(text.at, Code::CycleDetected, message);
                    }
                    list.extend(found.iter().filter(|task| task.index() != number));
                }
                list.sort_unstable();
                list.dedup();
            }
            let [deps, mut after] = lists;
            after.retain(|task| deps.binary_search(task).is_err());
            (self.tasks[number].deps, self.tasks[number].after) = (deps.into(), after.into());
        }
    }

    fn default(&mut self, default: &[Text], names: &Names) -> Vec<TaskNo> {
        let mut found = Vec::new();
        for text in default {
            match names.find(&text.text, &self.scopes[0]) {
                Some(tasks) => {
                    found.extend(tasks.iter().filter(|task| !found.contains(*task)).copied().collect::<Vec<_>>())
                }
                None => names.unknown(text, self.complaints),
            }
        }
        found
    }

    /// Who makes what: nothing is made twice, and nothing that was there before the tasks is made.
    fn area(&mut self) -> OutputArea {
        let mut area = OutputArea::default();
        for (number, task) in self.tasks.iter().enumerate() {
            for (output, at) in task.outputs.iter().zip(&self.places[self.pending[number].outputs.clone()]) {
                let text = shown(&output.text());
                let own = TaskNo(number as u32);
                if let Some((other, claim)) = area.claims_meeting(output).find(|(other, _)| *other != own) {
                    let other_task = self.complaints.task(&self.tasks[other.index()]);
                    let (theirs, what) = (shown(&claim.text()), overlap(output, &claim));
                    let message = format!("the output `{text}` of `{}` {what} `{theirs}` of {other_task}", task.name);
                    self.complaints.hinted(*at, Code::ConfigInvalid, message, "what is made belongs to one task");
                }
                if let Some(file) = self.files.iter().find(|file| output.matches(file)) {
                    let message =
                        format!("the output `{text}` would remove `{}`, from which the tasks come", shown(file));
                    self.complaints.say(*at, Code::ConfigInvalid, message);
                }
                if output.matches(&task.cwd) {
                    let message = format!("the output `{text}` holds `{}`, where the command runs", shown(&task.cwd));
                    self.complaints.say(*at, Code::ConfigInvalid, message);
                }
                area.add(own, output);
            }
        }
        area
    }

    /// Inputs that name one path: not one's own output, and an edge to whoever makes it.
    fn inputs(&mut self, area: &OutputArea) {
        for number in 0..self.tasks.len() {
            let own = TaskNo(number as u32);
            let mut makers = Vec::new();
            for (input, at) in self.tasks[number].inputs.iter().zip(&self.places[self.pending[number].inputs.clone()]) {
                let Some(path) = input.as_path() else {
                    if self.tasks[number].outputs.contains(input) {
                        same(&self.tasks[number], input, *at, self.complaints);
                    }
                    continue;
                };
                match area.owner(path) {
                    Some(maker) if maker == own => same(&self.tasks[number], input, *at, self.complaints),
                    Some(maker) => makers.push(maker),
                    None => {}
                }
            }
            makers.sort_unstable();
            makers.dedup();
            let task = &mut self.tasks[number];
            makers.retain(|maker| task.deps.binary_search(maker).is_err());
            let after = std::mem::take(&mut task.after);
            task.after = after.into_iter().filter(|other| makers.binary_search(other).is_err()).collect();
            task.makers = makers.into();
        }
    }

    fn depfiles(&mut self, area: &OutputArea) {
        let mut seen: HashMap<&[u8], usize> = HashMap::new();
        for (number, task) in self.tasks.iter().enumerate() {
            let Some(path) = &task.depfile else { continue };
            if let Some(other) = area.owner(path).filter(|other| other.index() != number) {
                let other = self.complaints.task(&self.tasks[other.index()]);
                let message = format!("the depfile `{}` of `{}` is an output of {other}", shown(path), task.name);
                self.complaints.say(task.at, Code::ConfigInvalid, message);
            }
            if let Some(other) = seen.insert(path, number) {
                let other = self.complaints.task(&self.tasks[other]);
                let message = format!("`{}` has the same depfile `{}` as {other}", task.name, shown(path));
                self.complaints.say(task.at, Code::ConfigInvalid, message);
            }
        }
    }

    fn graph(&self) -> Result<Graph> {
        let circle = match Graph::try_new(self.tasks) {
            Ok(graph) => return Ok(graph),
            Err(circle) => circle,
        };
        let at = circle.first().map_or(Place::default(), |task| self.tasks[task.index()].at);
        let error = crate::run::graph::circle_error(self.tasks, &circle);
        let located = Error::new(error.code(), format!("{}: {error}", self.complaints.place(at)));
        Err(match error.hint() {
            Some(hint) => located.with_hint(hint),
            None => located,
        })
    }

    /// Inputs that name many paths: whatever they can match must be made by a task that they depend on.
    fn patterns(&mut self, area: &OutputArea, graph: &Graph) {
        if area.is_empty() {
            return;
        }
        let mut makers_of: HashMap<&Pattern, Vec<TaskNo>> = HashMap::new();
        for (number, task) in self.tasks.iter().enumerate() {
            let own = TaskNo(number as u32);
            for (input, at) in task.inputs.iter().zip(&self.places[self.pending[number].inputs.clone()]) {
                // A path inside of what a task makes has its edge already.
                if input.as_path().is_some_and(|path| area.owner(path).is_some()) {
                    continue;
                }
                let makers = makers_of.entry(input).or_insert_with(|| {
                    let mut makers: Vec<TaskNo> = area.claims_meeting(input).map(|(task, _)| task).collect();
                    makers.sort_unstable();
                    makers.dedup();
                    makers
                });
                if let Err(maker) = graph.sees_all(own, makers) {
                    let maker = &self.tasks[maker.index()];
                    let text = shown(&input.text());
                    let message = format!(
                        "the input `{text}` of `{}` can match what {} makes, on which it does not depend",
                        task.name,
                        self.complaints.task(maker)
                    );
                    let hint = format!("add `{}` to its `deps`, or name less", maker.name);
                    self.complaints.hinted(*at, Code::ConfigInvalid, message, hint);
                }
                if self.complaints.is_full() {
                    return;
                }
            }
        }
    }

    /// Outputs that would take away what git tracks.
    pub fn tracked(&mut self, root: &Path) {
        let Some(tracked) = Tracked::read(root) else { return };
        for (number, task) in self.tasks.iter().enumerate() {
            for (output, at) in task.outputs.iter().zip(&self.places[self.pending[number].outputs.clone()]) {
                if let Some(path) = tracked.taken_by(output) {
                    let message = format!(
                        "the output `{}` of `{}` holds `{}`, which git tracks",
                        shown(&output.text()),
                        task.name,
                        shown(path)
                    );
                    let hint = "outputs are removed before each run: name only what the task makes";
                    self.complaints.hinted(*at, Code::ConfigInvalid, message, hint);
                }
            }
        }
    }
}

/// The paths that git tracks beneath the root, relative to it, sorted.
struct Tracked {
    paths: Vec<Vec<u8>>,
}

impl Tracked {
    /// `None` outside of a work tree, or where git's index cannot be read: then nothing is known to be tracked.
    fn read(root: &Path) -> Option<Tracked> {
        use std::os::unix::ffi::OsStrExt;
        let repo = gix::discover(root).ok()?;
        let top = repo.workdir()?.canonicalize().ok()?;
        let root = root.canonicalize().ok()?;
        let inner = root.strip_prefix(top).ok()?.as_os_str().as_bytes();
        let index = repo.index_or_empty().ok()?;
        let beneath = |path: &[u8]| {
            let rest = path.strip_prefix(inner)?;
            if inner.is_empty() { Some(rest.to_vec()) } else { rest.strip_prefix(b"/").map(<[u8]>::to_vec) }
        };
        let mut paths: Vec<Vec<u8>> = index.entries().iter().filter_map(|entry| beneath(entry.path(&index))).collect();
        paths.sort_unstable();
        Some(Tracked { paths })
    }

    /// A tracked path that this output would remove. A tracked file that is itself the output is meant so.
    fn taken_by(&self, output: &Pattern) -> Option<&[u8]> {
        let prefix = output.literal_prefix();
        let from = self.paths.partition_point(|path| path.as_slice() < prefix);
        let near = self.paths[from..].iter().take_while(|path| path.starts_with(prefix));
        near.map(Vec::as_slice).find(|path| output.matches(path) && output.as_path() != Some(path))
    }
}

impl Names {
    /// The tasks of this name, as a file of this scope says it: one of its own, or `dir:task` from the root, or `:task`.
    fn find(&self, name: &str, scope: &FileScope) -> Option<&[TaskNo]> {
        let is_far = name.split('@').next().is_some_and(|base| base.contains(':'));
        if let Some(name) = name.strip_prefix(':') {
            return self.by_name.get(name).map(Vec::as_slice);
        }
        let own = match scope.prefix.strip_suffix(':') {
            Some(dir) if is_far => format!("{dir}/{name}"),
            _ => format!("{}{name}", scope.prefix),
        };
        self.by_name.get(&own).or_else(|| self.by_name.get(name).filter(|_| is_far)).map(Vec::as_slice)
    }

    fn unknown(&self, text: &Text, complaints: &mut Complaints) {
        let message = format!("there is no task `{}`", text.text.escape_debug());
        match nearest(&text.text, self.by_name.keys().map(String::as_str)) {
            Some(name) => complaints.hinted(text.at, Code::ParseError, message, format!("did you mean `{name}`?")),
            None => complaints.say(text.at, Code::ParseError, message),
        }
    }
}

fn twice(first: &Task, second: &Task, complaints: &mut Complaints) {
    let message = format!("the task `{}` is there twice; the first is at {}", second.name, complaints.place(first.at));
    complaints.say(second.at, Code::ParseError, message);
}

fn same(task: &Task, input: &Pattern, at: Place, complaints: &mut Complaints) {
    let message = format!("`{}` is input and output of the task `{}`", shown(&input.text()), task.name);
    complaints.hinted(at, Code::ConfigInvalid, message, "write the result under another name");
}

fn overlap(output: &Pattern, claim: &Claim<'_>) -> &'static str {
    match (output.as_path(), claim) {
        (Some(own), Claim::Path(other)) if own == *other => "is also the output",
        (Some(own), Claim::Path(other)) if is_at_or_beneath(own, other) => "lies within the output",
        (Some(_), Claim::Path(_)) => "holds the output",
        _ => "can be the same as the output",
    }
}

fn shown(path: &[u8]) -> String {
    match path {
        b"" => ".".to_string(),
        path => path
            .utf8_chunks()
            .flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().map(|_| '\u{fffd}')))
            .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
            .collect(),
    }
}
