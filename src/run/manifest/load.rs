//! Files read, one including the next, and everything in them put together.

use super::check::Checker;
use super::expand::{Expander, FileScope};
use super::raw::{Setting, Text, Top, Value};
use super::source::{Complaints, Source};
use super::{Manifest, Place, Pool, TaskNo, dotenv, line, toml};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::object::hash;
use crate::run::pattern::resolve;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Names and values.
type Variables = Vec<(String, String)>;

/// The name that is looked for.
pub const FILE_NAME: &str = "larder.toml";
/// A longer file is no manifest.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// More files are no project.
const FILES_MAX: usize = 1_024;

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// What `{{args}}` stands for.
    pub args: Vec<String>,
    /// Whether outputs that hold files which git tracks are looked for; it reads git's index.
    pub tracked: bool,
}

/// The manifest of the project that `start` lies in: the nearest `larder.toml`, there or above.
///
/// # Errors
/// FILE_NOT_FOUND if there is none.
pub fn find(start: &Path) -> Result<PathBuf> {
    let start = std::path::absolute(start).at("find", start)?;
    let found = start.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::new(Code::FileNotFound, format!("there is no {FILE_NAME} here or above"))
            .with_hint("name a manifest: `-f FILE`")
    })
}

/// Loads a manifest with everything that it includes. The root is `root`, or the directory of a TOML file, or for the
/// line form the current directory.
///
/// # Errors
/// FILE_NOT_FOUND and FILE_IO for the files; PARSE_ERROR, CONFIG_INVALID, CYCLE_DETECTED and PERMISSION_DENIED for what
/// they say, each line with `FILE:LINE:COLUMN`.
pub fn load(path: &Path, root: Option<&Path>, options: &LoadOptions) -> Result<Manifest> {
    let text = read(path)?;
    load_text(text, path, root, options)
}

/// Loads a manifest whose bytes are already there, as if they had been read from `path`.
///
/// # Errors
/// As [`load`].
pub fn load_text(text: Vec<u8>, path: &Path, root: Option<&Path>, options: &LoadOptions) -> Result<Manifest> {
    let mut complaints = Complaints::default();
    complaints.shown.push(path.display().to_string());
    let text = utf8(text, 0, &mut complaints)?;
    let is_line_form = is_line_form(path, &text);
    let above = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let root = root.unwrap_or(if is_line_form { Path::new(".") } else { above });
    let root = normalised(&std::path::absolute(root).at("find", root)?);
    let file = normalised(&std::path::absolute(path).at("find", path)?);
    let base = match file.parent().and_then(|dir| dir.strip_prefix(&root).ok()) {
        Some(inner) if !is_line_form => inner.as_os_str().as_bytes().to_vec(),
        _ => Vec::new(),
    };
    let mut loader = Loader { root, shown_root: shown_root(path, &base), files: Vec::new(), complaints };
    loader.read_all(InFile { path: file, base, text, is_line_form })?;
    loader.finish(options)
}

/// One manifest of several.
struct InFile {
    path: PathBuf,
    /// Its directory, relative to the root.
    base: Vec<u8>,
    text: String,
    is_line_form: bool,
}

struct Loader {
    root: PathBuf,
    /// What stands before the names of included files in messages.
    shown_root: PathBuf,
    files: Vec<(InFile, Top)>,
    complaints: Complaints,
}

impl Loader {
    /// Reads the first file and whatever is included, breadth first, without its tasks.
    fn read_all(&mut self, first: InFile) -> Result<()> {
        let mut todo = vec![first];
        while !todo.is_empty() {
            let mut next = Vec::new();
            for file in todo {
                let number = self.files.len() as u16;
                let source = Source::new(number, &file.text);
                let top =
                    if file.is_line_form { Top::default() } else { toml::read_top(&source, &mut self.complaints) };
                for text in top.list("include") {
                    next.extend(self.include(text, &file));
                    if self.files.len() + next.len() >= FILES_MAX {
                        return fail(Code::ConfigInvalid, format!("over {FILES_MAX} manifests include each other"));
                    }
                }
                check_version(&top, &mut self.complaints);
                self.files.push((file, top));
            }
            todo = next;
        }
        self.complaints.check()
    }

    /// The file that an `include` names; `None` if that was wrong, which is said.
    fn include(&mut self, text: &Text, from: &InFile) -> Option<InFile> {
        let read = || -> Result<(PathBuf, Vec<u8>, Vec<u8>)> {
            let mut inner = resolve(text.text.as_bytes(), &from.base)?;
            let mut path = self.root.join(std::ffi::OsStr::from_bytes(&inner));
            if path.is_dir() {
                path.push(FILE_NAME);
                inner = [inner.as_slice(), if inner.is_empty() { b"" } else { b"/" }, FILE_NAME.as_bytes()].concat();
            }
            let bytes = read(&path).map_err(|error| {
                Error::new(Code::ConfigInvalid, format!("cannot include `{}`: {}", text.text, cause(&error)))
            })?;
            Ok((path, inner, bytes))
        };
        let (path, inner, bytes) = match read() {
            Ok(found) => found,
            Err(error) => {
                self.complaints.error(text.at, &error);
                return None;
            }
        };
        let is_known = self.files.iter().any(|(file, _)| file.path == path) || from.path == path;
        if is_known
            || self
                .complaints
                .shown
                .iter()
                .skip(1)
                .any(|shown| Path::new(shown) == self.shown_root.join(to_path(&inner)))
        {
            self.complaints.say(text.at, Code::ConfigInvalid, format!("`{}` is included already", text.text));
            return None;
        }
        let number = self.complaints.shown.len() as u16;
        self.complaints.shown.push(self.shown_root.join(to_path(&inner)).display().to_string());
        let content = match utf8(bytes, number, &mut self.complaints) {
            Ok(content) => content,
            Err(_) => return None,
        };
        let base = inner.iter().rposition(|byte| *byte == b'/').map_or(Vec::new(), |at| inner[..at].to_vec());
        let is_line_form = is_line_form(&path, &content);
        Some(InFile { path, base, text: content, is_line_form })
    }

    fn finish(mut self, options: &LoadOptions) -> Result<Manifest> {
        let pools = self.pools();
        let (dotenv, variable_files) = self.dotenv()?;
        let scopes: Vec<FileScope> = self.files.iter_mut().map(|(file, top)| scope(file, top)).collect();
        let root_text = self.root.to_string_lossy().into_owned();
        let mut all = Expander::new(&root_text, &options.args, &pools);
        for (number, ((file, _), scope)) in self.files.iter().zip(&scopes).enumerate() {
            let source = Source::new(number as u16, &file.text);
            let mut each = |task, complaints: &mut Complaints| all.add(&task, number as u16, scope, complaints);
            match file.is_line_form {
                true => line::read(&source, &mut self.complaints, &mut each),
                false => toml::read_tasks(&source, &mut self.complaints, &mut each),
            }
        }
        let (mut tasks, pending, places) = (all.tasks, all.pending, all.places);
        tasks.shrink_to_fit();
        let id = self.id();
        self.files.iter_mut().for_each(|(file, _)| file.text = String::new());
        let mut files: Vec<PathBuf> = self.files.iter().map(|(file, _)| file.path.clone()).collect();
        let manifests = files.len();
        files.extend(variable_files);
        let inner =
            |path: &PathBuf| path.strip_prefix(&self.root).ok().map(|path| path.as_os_str().as_bytes().to_vec());
        let inner_files: Vec<Vec<u8>> = files.iter().filter_map(inner).collect();
        let default = self.files[0].1.list("default").to_vec();
        let mut checker = Checker {
            tasks: &mut tasks,
            pending: &pending,
            places: &places,
            scopes: &scopes,
            files: &inner_files,
            complaints: &mut self.complaints,
        };
        let default: Vec<TaskNo> = checker.run(&default)?;
        if options.tracked {
            checker.tracked(&self.root);
        }
        self.complaints.check()?;
        let top = &self.files[0].1;
        let (project, salt) = (top.text("project"), top.text("salt").unwrap_or_default());
        let warnings = self.complaints.warnings;
        Ok(Manifest { root: self.root, files, manifests, project, salt, default, pools, tasks, dotenv, id, warnings })
    }

    /// The pools of all files: of one name the first file's counts.
    fn pools(&self) -> Vec<Pool> {
        let mut pools: Vec<Pool> = Vec::new();
        for (name, depth) in self.files.iter().flat_map(|(_, top)| &top.pools) {
            if !pools.iter().any(|pool| pool.name == name.text) {
                pools.push(Pool { name: name.text.clone(), depth: *depth });
            }
        }
        pools
    }

    /// The variables of all files, and the files.
    fn dotenv(&mut self) -> Result<(Variables, Vec<PathBuf>)> {
        let (mut variables, mut paths): (Variables, Vec<PathBuf>) = Default::default();
        for (file, top) in &self.files {
            for text in top.list("dotenv") {
                let inner = match resolve(text.text.as_bytes(), &file.base) {
                    Ok(inner) => inner,
                    Err(error) => {
                        self.complaints.error(text.at, &error);
                        continue;
                    }
                };
                let path = self.root.join(to_path(&inner));
                paths.push(path.clone());
                let bytes = match read(&path) {
                    Ok(bytes) => bytes,
                    // One that is not there has no variables; that it may appear is why it is among the files.
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                };
                let number = self.complaints.shown.len() as u16;
                self.complaints.shown.push(self.shown_root.join(to_path(&inner)).display().to_string());
                let content = utf8(bytes, number, &mut self.complaints)?;
                for (name, value) in dotenv::read(&Source::new(number, &content), &mut self.complaints) {
                    if !variables.iter().any(|(other, _)| *other == name) {
                        variables.push((name, value));
                    }
                }
            }
        }
        variables.sort_unstable();
        Ok((variables, paths))
    }

    fn id(&self) -> Id {
        let hashes = self.files.iter().map(|(file, _)| hash(file.text.as_bytes()));
        Manifest::id_of(&hashes.collect::<Vec<Id>>())
    }
}

impl Top {
    fn find(&self, name: &str) -> Option<&Value> {
        self.settings.iter().find(|setting| setting.key.name == name).map(|setting| &setting.value)
    }

    fn list(&self, name: &str) -> &[Text] {
        if let Some(Value::List(list)) = self.find(name) { list } else { &[] }
    }

    fn text(&self, name: &str) -> Option<String> {
        if let Some(Value::Text(text)) = self.find(name) { Some(text.text.clone()) } else { None }
    }
}

fn scope(file: &InFile, top: &mut Top) -> FileScope {
    let dir = String::from_utf8_lossy(&file.base);
    let defaults: Vec<Setting> = std::mem::take(&mut top.defaults);
    FileScope {
        base: file.base.clone(),
        prefix: if dir.is_empty() { String::new() } else { format!("{dir}:") },
        is_line_form: file.is_line_form,
        defaults,
    }
}

fn check_version(top: &Top, complaints: &mut Complaints) {
    let Some(Value::Text(text)) = top.find("min-version") else { return };
    let parse = |text: &str| -> Option<Vec<u64>> {
        let numbers: Option<Vec<u64>> = text.split('.').map(|part| part.parse().ok()).collect();
        numbers.filter(|numbers| (1..=3).contains(&numbers.len()))
    };
    let ours = env!("CARGO_PKG_VERSION");
    match (parse(&text.text), parse(ours.split('-').next().unwrap_or(ours))) {
        (Some(wanted), Some(have)) if wanted > have => {
            let message = format!("this manifest needs larder {}; this is {ours}", text.text);
            complaints.say(text.at, Code::ConfigInvalid, message);
        }
        (Some(_), _) => {}
        (None, _) => {
            let message = format!("`{}` is not a version", text.text.escape_debug());
            complaints.hinted(text.at, Code::ParseError, message, "write it like 1.2 or 1.2.3");
        }
    }
}

/// Which form a file has: TOML if its name says so; else what its first line looks like.
fn is_line_form(path: &Path, text: &str) -> bool {
    path.extension().is_none_or(|extension| extension != "toml") && line::is_line_form(text)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).at("read", path)?;
    let metadata = file.metadata().at("read", path)?;
    if metadata.is_dir() {
        return fail(Code::FileIo, format!("{} is a directory, not a manifest", path.display()));
    }
    // Growing as it comes would take up to twice as much.
    let mut bytes = Vec::with_capacity(metadata.len().min(FILE_BYTES_MAX) as usize + 1);
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return fail(Code::ResourceExhausted, format!("{} has over {} MiB", path.display(), FILE_BYTES_MAX >> 20));
    }
    Ok(bytes)
}

fn utf8(bytes: Vec<u8>, file: u16, complaints: &mut Complaints) -> Result<String> {
    let text = without_mark(&bytes);
    let bytes = if text.len() < bytes.len() { text.to_vec() } else { bytes };
    String::from_utf8(bytes).or_else(|error| {
        let valid = error.utf8_error().valid_up_to();
        let start = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let at: Place = Source::new(file, &start).place(valid);
        complaints.say(at, Code::ParseError, "this is not UTF-8");
        complaints.check().map(|()| String::new())
    })
}

/// A text without the mark of its encoding that some editors put before it.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn cause(error: &Error) -> String {
    match error {
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

fn to_path(inner: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(inner.to_vec()))
}

/// The root as the user would write it: the path of the manifest without what lies between.
fn shown_root(path: &Path, base: &[u8]) -> PathBuf {
    let depth = base.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).count();
    path.ancestors().nth(depth + 1).map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Without `.` and `..`, by name: a link is not followed.
fn normalised(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => _ = out.pop(),
            std::path::Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}
