//! The part of a plan that is looked at when nothing is to be done.

use crate::run::graph::{Graph, OutputArea};
use crate::run::manifest::{Command, Manifest, Settings, Task, TaskNo};
use crate::run::pattern::{Pattern, resolve};
use crate::run::state::pack::{begin, checked, decode_stamp, encode_stamp, finish, number, put_bytes};
use crate::run::state::rows::{Digest, RowNo};
use crate::run::state::stamp::Stamp;
use crate::wire::{Cursor, put_varint};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// In the flags of a task.
const IS_GROUP: u8 = 1;
const IS_UNCACHED: u8 = 2;
/// Counts in a plan are bounded by its bytes; strings by this.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Room for more items of a list is made as they come: what is read may be damaged.
const LIST_RESERVED_MAX: usize = 1024;

/// What tasks that say the same take from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context {
    /// Variables whose values come from the environment.
    pub variables: Vec<String>,
    /// Commands whose output is in the key.
    pub key_from: Vec<String>,
    /// A task that has this context, to execute them as it would.
    pub example: u32,
}

/// A program as a task names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Where it is looked for, if the task says so itself.
    pub path: Option<String>,
    /// Relative to what, from the root.
    pub cwd: Vec<u8>,
}

/// Columns over all tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Light {
    /// Every file that was read for the manifest, and how it looked.
    pub files: Vec<(PathBuf, Stamp)>,
    /// The project's root.
    pub root: PathBuf,
    /// Of all outputs.
    pub area: Digest,
    /// What tasks made that are none of this manifest any more, or made under an earlier one, and how it looked then:
    /// as long as it looks so, it is a leftover and no source.
    pub lost: Vec<(Vec<u8>, Stamp)>,
    /// What runs when no target is named; empty: everything.
    pub default: Vec<TaskNo>,
    /// What is suspicious about the manifest.
    pub warnings: Vec<String>,
    /// Variables of `dotenv` files.
    pub dotenv: Vec<(String, String)>,
    /// Contexts of tasks.
    pub contexts: Vec<Context>,
    /// Programs of tasks.
    pub programs: Vec<Program>,
    /// Lists of programs.
    pub tools: Vec<Vec<u32>>,
    /// By task: its number in the state.
    pub rows: Vec<RowNo>,
    /// By task: what its key depends on.
    pub definitions: Vec<Digest>,
    flags: Vec<u8>,
    context_of: Vec<u32>,
    tools_of: Vec<u32>,
    /// By task: where its dependencies begin, those that it only runs after last.
    starts: Vec<u32>,
    keyed: Vec<u32>,
    before: Vec<TaskNo>,
    /// Every task after its dependencies; empty where that is the order of the manifest.
    order: Vec<TaskNo>,
}

impl Light {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a task only stands for others.
    pub fn is_group(&self, task: TaskNo) -> bool {
        self.flags.get(task.index()).is_some_and(|flags| flags & IS_GROUP != 0)
    }

    /// Whether a task is executed each time.
    pub fn is_uncached(&self, task: TaskNo) -> bool {
        self.flags.get(task.index()).is_some_and(|flags| flags & IS_UNCACHED != 0)
    }

    /// The number of its context.
    pub fn context_of(&self, task: TaskNo) -> usize {
        self.context_of.get(task.index()).copied().unwrap_or_default() as usize
    }

    /// The number of its list of programs.
    pub fn tools_of(&self, task: TaskNo) -> usize {
        self.tools_of.get(task.index()).copied().unwrap_or_default() as usize
    }

    /// What must be done before a task.
    pub fn dependencies(&self, task: TaskNo) -> &[TaskNo] {
        let bounds = self.starts.get(task.index()..task.index() + 2).unwrap_or_default();
        let [from, to] = bounds else { return &[] };
        self.before.get(*from as usize..*to as usize).unwrap_or_default()
    }

    /// The tasks whose results the key of a task may hold: its dependencies, and who else makes what its inputs name.
    pub fn keyed_dependencies(&self, task: TaskNo) -> &[TaskNo] {
        let count = self.keyed.get(task.index()).copied().unwrap_or_default() as usize;
        self.dependencies(task).get(..count).unwrap_or_default()
    }

    /// Every task, each after its dependencies.
    pub fn order(&self) -> impl Iterator<Item = TaskNo> + '_ {
        let count = if self.order.is_empty() { self.len() as u32 } else { 0 };
        self.order.iter().copied().chain((0..count).map(TaskNo))
    }

    /// These tasks and all that must be done before them: a mark for each task.
    pub fn closure(&self, tasks: &[TaskNo]) -> Vec<bool> {
        let mut marks = vec![false; self.len()];
        let mut todo: Vec<TaskNo> = tasks.to_vec();
        while let Some(task) = todo.pop() {
            if let Some(mark) = marks.get_mut(task.index()).filter(|mark| !**mark) {
                *mark = true;
                let open = self.dependencies(task).iter();
                todo.extend(open.filter(|before| !marks.get(before.index()).copied().unwrap_or(true)));
            }
        }
        marks
    }
}

/// Making one from a manifest.
impl Light {
    /// Of a manifest whose files looked so. `row` gives each task its number in the state.
    pub fn of(
        manifest: &Manifest,
        graph: &Graph,
        outputs: &OutputArea,
        args: &[String],
        files: Vec<(PathBuf, Stamp)>,
        row: &mut dyn FnMut(&str) -> RowNo,
    ) -> Light {
        let mut light = Light { files, starts: vec![0], ..Light::default() };
        (light.default, light.warnings) = (manifest.default.clone(), manifest.warnings.clone());
        light.root.clone_from(&manifest.root);
        light.dotenv.clone_from(&manifest.dotenv);
        let mut tables = Tables::default();
        let mut area = blake3::Hasher::new();
        for (task, at) in manifest.tasks.iter().zip(manifest.numbers()) {
            light.rows.push(row(&task.name));
            let suppliers = suppliers(task, at, graph, outputs);
            light.definitions.push(definition(manifest, task, &suppliers, args));
            light.flags.push(flags_of(task));
            light.context_of.push(tables.context(&mut light.contexts, task, at));
            light.tools_of.push(tables.tools(&mut light.programs, &mut light.tools, task));
            let keyed = graph.keyed_dependencies(at);
            light.before.extend(keyed.iter().chain(&suppliers));
            light.keyed.push((keyed.len() + suppliers.len()) as u32);
            light.before.extend_from_slice(graph.dependencies(at).get(keyed.len()..).unwrap_or_default());
            light.starts.push(light.before.len() as u32);
            task.outputs.iter().for_each(|output| update(&mut area, &output.text()));
        }
        light.area = digest(&area);
        let is_in_order = graph.order().iter().zip(manifest.numbers()).all(|(at, task)| *at == task);
        if !is_in_order {
            light.order = graph.order().to_vec();
        }
        light
    }
}

/// The tasks, beside its dependencies, that may make something which an input of this one names.
fn suppliers(task: &Task, at: TaskNo, graph: &Graph, outputs: &OutputArea) -> Vec<TaskNo> {
    let keyed = graph.keyed_dependencies(at);
    let wide = task.inputs.iter().filter(|input| !matches!(input, Pattern::Git(_)));
    let claims = wide.flat_map(|input| outputs.claims_meeting(input)).map(|(maker, _)| maker);
    let programs = program_of(task).into_iter().chain(task.tools.iter().map(String::as_str));
    let made = programs.filter_map(|name| outputs.owner(&program_in_project(name, &task.cwd)?));
    let mut suppliers: Vec<TaskNo> =
        claims.chain(made).filter(|maker| *maker != at && !keyed.contains(maker)).collect();
    suppliers.sort_unstable();
    suppliers.dedup();
    suppliers
}

fn flags_of(task: &Task) -> u8 {
    let is_uncached = !task.cache || task.keep_outputs || task.interactive;
    u8::from(task.is_group()) * IS_GROUP + u8::from(is_uncached) * IS_UNCACHED
}

/// What was given a number already.
#[derive(Default)]
struct Tables {
    contexts: HashMap<Context, u32>,
    context_of: HashMap<*const Settings, u32>,
    programs: HashMap<Program, u32>,
    tools: HashMap<Vec<u32>, u32>,
    settings_tools: HashMap<(*const Settings, Option<u32>), u32>,
}

impl Tables {
    fn context(&mut self, contexts: &mut Vec<Context>, task: &Task, at: TaskNo) -> u32 {
        if let Some(number) = self.context_of.get(&Arc::as_ptr(&task.settings)) {
            return *number;
        }
        let open = task.env.iter().filter(|variable| variable.value.is_none());
        let mut context = Context {
            variables: open.map(|variable| variable.name.clone()).collect(),
            key_from: task.key_from.clone(),
            example: if task.key_from.is_empty() { 0 } else { at.0 },
        };
        context.variables.sort_unstable();
        let number = *self.contexts.entry(context).or_insert_with_key(|context| {
            contexts.push(context.clone());
            contexts.len() as u32 - 1
        });
        self.context_of.insert(Arc::as_ptr(&task.settings), number);
        number
    }

    fn tools(&mut self, programs: &mut Vec<Program>, lists: &mut Vec<Vec<u32>>, task: &Task) -> u32 {
        let names = program_of(task).into_iter().chain(task.tools.iter().map(String::as_str));
        let path = task.env.iter().find(|variable| variable.name == "PATH").and_then(|path| path.value.clone());
        let mut list = Vec::new();
        let first = program_of(task).map(|name| self.program(programs, name, path.as_ref(), &task.cwd));
        if let Some(number) = self.settings_tools.get(&(Arc::as_ptr(&task.settings), first)) {
            return *number;
        }
        for name in names {
            let number = self.program(programs, name, path.as_ref(), &task.cwd);
            if !list.contains(&number) {
                list.push(number);
            }
        }
        let number = *self.tools.entry(list).or_insert_with_key(|list| {
            lists.push(list.clone());
            lists.len() as u32 - 1
        });
        self.settings_tools.insert((Arc::as_ptr(&task.settings), first), number);
        number
    }

    fn program(&mut self, programs: &mut Vec<Program>, name: &str, path: Option<&String>, cwd: &[u8]) -> u32 {
        let cwd = if name.contains('/') { cwd.to_vec() } else { Vec::new() };
        let program = Program { name: name.to_string(), path: path.cloned(), cwd };
        *self.programs.entry(program).or_insert_with_key(|program| {
            programs.push(program.clone());
            programs.len() as u32 - 1
        })
    }
}

/// The path from the root of a program that is named by its path.
pub fn program_in_project(name: &str, cwd: &[u8]) -> Option<Vec<u8>> {
    if name.contains('/') { resolve(name.as_bytes(), cwd).ok() } else { None }
}

/// The program that a command without a shell executes.
pub fn program_of(task: &Task) -> Option<&str> {
    if let Command::Words(words) = &task.command { words.first() } else { None }
}

/// Of everything a manifest says that the key of a task depends on.
fn definition(manifest: &Manifest, task: &Task, suppliers: &[TaskNo], args: &[String]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let mut texts = |list: &mut dyn Iterator<Item = &[u8]>| {
        let mut count = 0u64;
        for text in list {
            update(&mut hasher, text);
            count += 1;
        }
        hasher.update(&count.to_le_bytes());
    };
    let root = if task.rooted { manifest.root.as_os_str().as_bytes() } else { b"" };
    texts(&mut [manifest.salt.as_bytes(), root, &task.cwd, task.depfile.as_deref().unwrap_or(b"\0")].into_iter());
    match &task.command {
        Command::Group => texts(&mut std::iter::empty()),
        Command::Shell(text) => texts(&mut [b"sh".as_slice(), b"-c", text.as_bytes()].into_iter()),
        Command::Words(words) => texts(&mut words.iter().map(str::as_bytes)),
    }
    texts(&mut task.inputs.iter().map(|input| input.text()).collect::<Vec<_>>().iter().map(Vec::as_slice));
    texts(&mut task.outputs.iter().map(|output| output.text()).collect::<Vec<_>>().iter().map(Vec::as_slice));
    for list in [&task.deps, &task.makers, suppliers] {
        texts(&mut list.iter().filter_map(|task| Some(manifest.tasks.get(task.index())?.name.as_bytes())));
    }
    let variables = task.env.iter().flat_map(|variable| {
        [Some(variable.name.as_bytes()), variable.value.as_ref().map(String::as_bytes)]
            .map(|part| part.unwrap_or(b"\0"))
    });
    texts(&mut variables.collect::<Vec<_>>().into_iter());
    texts(&mut task.secrets.iter().flat_map(|secret| [secret.name.as_bytes(), secret.label.as_bytes()]));
    texts(&mut task.tools.iter().map(String::as_bytes));
    texts(&mut task.key_from.iter().map(String::as_bytes));
    texts(&mut args.iter().filter(|_| task.takes_args).map(String::as_bytes));
    texts(&mut [[flags_of(task), u8::from(task.external_links), u8::from(task.rooted)].as_slice()].into_iter());
    digest(&hasher)
}

fn update(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Sixteen bytes of what was hashed.
pub fn digest(hasher: &blake3::Hasher) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}

/// The digest of these texts.
pub fn digest_of<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    texts.into_iter().for_each(|text| update(&mut hasher, text));
    digest(&hasher)
}

/// Packing.
impl Light {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = begin();
        put_stamped(&mut out, self.files.iter().map(|(path, stamp)| (path.as_os_str().as_bytes(), stamp)));
        put_bytes(&mut out, self.root.as_os_str().as_bytes());
        out.extend_from_slice(&self.area);
        put_all(&mut out, self.default.iter().map(|task| task.0));
        put_texts(&mut out, &self.warnings);
        put_pairs(&mut out, &self.dotenv);
        put_varint(&mut out, self.contexts.len() as u64);
        for context in &self.contexts {
            put_texts(&mut out, &context.variables);
            put_texts(&mut out, &context.key_from);
            put_varint(&mut out, u64::from(context.example));
        }
        put_varint(&mut out, self.programs.len() as u64);
        for program in &self.programs {
            put_bytes(&mut out, program.name.as_bytes());
            out.push(u8::from(program.path.is_some()));
            put_bytes(&mut out, program.path.as_ref().map_or(b"", |path| path.as_bytes()));
            put_bytes(&mut out, &program.cwd);
        }
        put_varint(&mut out, self.tools.len() as u64);
        self.tools.iter().for_each(|list| put_all(&mut out, list.iter().copied()));
        put_all(&mut out, self.rows.iter().map(|row| row.0));
        self.definitions.iter().for_each(|definition| out.extend_from_slice(definition));
        out.extend_from_slice(&self.flags);
        for column in [&self.context_of, &self.tools_of, &self.starts, &self.keyed] {
            put_all(&mut out, column.iter().copied());
        }
        put_all(&mut out, self.before.iter().map(|task| task.0));
        put_all(&mut out, self.order.iter().map(|task| task.0));
        put_stamped(&mut out, self.lost.iter().map(|(path, stamp)| (path.as_slice(), stamp)));
        finish(out)
    }

    /// Reads what [`Light::encode`] wrote; anything else is none.
    pub fn decode(bytes: &[u8]) -> Option<Light> {
        let mut cursor = Cursor::new(checked(bytes)?, "plan");
        let cursor = &mut cursor;
        let files = take_stamped(cursor, |path| PathBuf::from(std::ffi::OsStr::from_bytes(path)))?;
        let root_len = cursor.count(TEXT_BYTES_MAX).ok()?;
        let root = PathBuf::from(std::ffi::OsStr::from_bytes(cursor.bytes(root_len).ok()?));
        let mut light = Light { files, root, area: cursor.array().ok()?, ..Light::default() };
        light.default = take_all(cursor)?.into_iter().map(TaskNo).collect();
        light.warnings = take_texts(cursor)?;
        light.dotenv = take_pairs(cursor)?;
        for _ in 0..take_count(cursor)? {
            let (variables, key_from) = (take_texts(cursor)?, take_texts(cursor)?);
            light.contexts.push(Context { variables, key_from, example: number(cursor)? });
        }
        for _ in 0..take_count(cursor)? {
            let name = take_text(cursor)?;
            let has_path = cursor.u8().ok()? != 0;
            let path = Some(take_text(cursor)?).filter(|_| has_path);
            let len = cursor.count(TEXT_BYTES_MAX).ok()?;
            light.programs.push(Program { name, path, cwd: cursor.bytes(len).ok()?.to_vec() });
        }
        for _ in 0..take_count(cursor)? {
            light.tools.push(take_all(cursor)?);
        }
        light.rows = take_all(cursor)?.into_iter().map(RowNo).collect();
        let count = light.rows.len();
        let definitions = cursor.bytes(count.checked_mul(16)?).ok()?;
        light.definitions = definitions.chunks_exact(16).filter_map(|chunk| chunk.try_into().ok()).collect();
        light.flags = cursor.bytes(count).ok()?.to_vec();
        light.context_of = take_all(cursor)?;
        light.tools_of = take_all(cursor)?;
        light.starts = take_all(cursor)?;
        light.keyed = take_all(cursor)?;
        light.before = take_all(cursor)?.into_iter().map(TaskNo).collect();
        light.order = take_all(cursor)?.into_iter().map(TaskNo).collect();
        light.lost = take_stamped(cursor, <[u8]>::to_vec)?;
        let is_whole = cursor.is_empty() && light.starts.len() == count + 1 && light.keyed.len() == count;
        let is_whole = is_whole && light.before.iter().chain(&light.order).all(|task| task.index() < count);
        (is_whole && (light.order.is_empty() || light.order.len() == count)).then_some(light)
    }
}

/// Appends paths and how they looked.
fn put_stamped<'a>(out: &mut Vec<u8>, files: impl ExactSizeIterator<Item = (&'a [u8], &'a Stamp)>) {
    put_varint(out, files.len() as u64);
    let mut last = Stamp::ABSENT;
    for (path, stamp) in files {
        put_bytes(out, path);
        encode_stamp(out, stamp, &last);
        last = *stamp;
    }
}

fn take_stamped<P>(cursor: &mut Cursor<'_>, to_path: impl Fn(&[u8]) -> P) -> Option<Vec<(P, Stamp)>> {
    let mut files = Vec::new();
    let mut last = Stamp::ABSENT;
    for _ in 0..take_count(cursor)? {
        let len = cursor.count(TEXT_BYTES_MAX).ok()?;
        let path = to_path(cursor.bytes(len).ok()?);
        last = decode_stamp(cursor, &last)?;
        files.push((path, last));
    }
    Some(files)
}

/// Appends numbers, each as the difference to the one before: columns ascend more often than not.
pub(super) fn put_all(out: &mut Vec<u8>, numbers: impl ExactSizeIterator<Item = u32>) {
    crate::run::state::pack::put_numbers(out, numbers);
}

pub(super) fn take_all(cursor: &mut Cursor<'_>) -> Option<Vec<u32>> {
    crate::run::state::pack::take_numbers(cursor)
}

pub(super) fn put_texts<T: AsRef<str>>(out: &mut Vec<u8>, texts: &[T]) {
    put_varint(out, texts.len() as u64);
    texts.iter().for_each(|text| put_bytes(out, text.as_ref().as_bytes()));
}

pub(super) fn take_texts(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    take_list(cursor, take_text)
}

/// A list that takes no more memory than it needs: collecting into an option makes room for four.
pub(super) fn take_list<T>(cursor: &mut Cursor<'_>, one: impl Fn(&mut Cursor<'_>) -> Option<T>) -> Option<Vec<T>> {
    let count = take_count(cursor)?;
    let mut list = Vec::with_capacity(count.min(LIST_RESERVED_MAX));
    for _ in 0..count {
        list.push(one(cursor)?);
    }
    Some(list)
}

pub(super) fn take_text(cursor: &mut Cursor<'_>) -> Option<String> {
    let len = cursor.count(TEXT_BYTES_MAX).ok()?;
    std::str::from_utf8(cursor.bytes(len).ok()?).ok().map(str::to_string)
}

pub(super) fn put_pairs(out: &mut Vec<u8>, pairs: &[(String, String)]) {
    put_varint(out, pairs.len() as u64);
    for (left, right) in pairs {
        put_bytes(out, left.as_bytes());
        put_bytes(out, right.as_bytes());
    }
}

pub(super) fn take_pairs(cursor: &mut Cursor<'_>) -> Option<Vec<(String, String)>> {
    take_list(cursor, |cursor| Some((take_text(cursor)?, take_text(cursor)?)))
}

/// A count of things that take at least a byte each.
pub(super) fn take_count(cursor: &mut Cursor<'_>) -> Option<usize> {
    cursor.count(cursor.remaining()).ok()
}
