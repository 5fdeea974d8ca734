//! A project with a miniature engine: commands run in order, results kept in memory.

mod keys;
mod states;

use super::*;
use crate::id::Id;
use crate::object::hash;
use crate::record::Observed;
use crate::run::manifest::{Command, EnvVar, Place, Settings, Task};
use crate::run::portable::{ResultEntry, ResultKind, ResultTree, encode};
use crate::walk::stat_at;
use std::collections::{BTreeSet, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

/// A directory with a manifest, and what was ever made in it.
pub(super) struct Scene {
    pub(super) dir: tempfile::TempDir,
    pub(super) tasks: Vec<Task>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) salt: String,
    records: HashMap<Id, (Id, ResultTree, Vec<Observed>)>,
    contents: HashMap<Id, Vec<u8>>,
}

/// What one invocation did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) ran: Vec<String>,
    pub(super) hit: Vec<String>,
    pub(super) current: Vec<String>,
    pub(super) failed: Vec<String>,
}

pub(super) fn patterns(texts: &[&str]) -> Box<[Pattern]> {
    texts.iter().map(|text| Pattern::parse(text, b"").expect("a pattern")).collect()
}

pub(super) fn task(name: &str, command: &str, inputs: &[&str], outputs: &[&str]) -> Task {
    Task {
        name: name.into(),
        at: Place::default(),
        description: None,
        command: if command.is_empty() { Command::Group } else { Command::Shell(command.into()) },
        inputs: patterns(inputs),
        outputs: patterns(outputs),
        deps: Box::default(),
        makers: Box::default(),
        after: Box::default(),
        depfile: None,
        matrix: Box::default(),
        settings: Arc::new(Settings::default()),
    }
}

impl Scene {
    pub(super) fn new(tasks: Vec<Task>) -> Scene {
        let environment = [("PATH", "/usr/local/bin:/usr/bin:/bin")].map(|(name, value)| (name.into(), value.into()));
        let scene = Scene {
            dir: tempfile::tempdir().expect("temporary directory"),
            tasks,
            environment: environment.into(),
            salt: String::new(),
            records: HashMap::new(),
            contents: HashMap::new(),
        };
        scene.write("larder.toml", "the manifest of a test\n");
        scene
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("p").join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("read")
    }

    pub(super) fn depend(&mut self, task: &str, on: &str) {
        let number = |name: &str| self.tasks.iter().position(|task| task.name == name).expect("a task");
        let (task, on) = (number(task), TaskNo(number(on) as u32));
        let deps = &mut self.tasks[task].deps;
        *deps = deps.iter().copied().chain([on]).collect();
    }

    pub(super) fn set(&mut self, task: &str, change: impl Fn(&mut Settings)) {
        let task = self.tasks.iter_mut().find(|one| one.name == task).expect("a task");
        change(Arc::make_mut(&mut task.settings));
    }

    pub(super) fn env(&mut self, task: &str, name: &str, value: Option<&str>) {
        let variable = EnvVar { name: name.into(), value: value.map(str::to_string) };
        self.set(task, |settings| settings.env.push(variable.clone()));
    }

    /// The manifest changes when its tasks do.
    pub(super) fn touch_manifest(&self) {
        let text = self.read("larder.toml") + "x";
        self.write("larder.toml", &text);
    }

    fn manifest(&self) -> Manifest {
        let mut tasks = self.tasks.clone();
        let area = OutputArea::new(&tasks);
        for (number, task) in tasks.iter_mut().enumerate() {
            let literal = task.inputs.iter().filter_map(|input| area.owner(input.as_path()?));
            let makers = literal.filter(|maker| maker.index() != number && !task.deps.contains(maker));
            task.makers = makers.collect::<BTreeSet<TaskNo>>().into_iter().collect();
        }
        Manifest {
            root: self.path(""),
            files: vec![self.path("larder.toml")],
            manifests: 1,
            project: None,
            salt: self.salt.clone(),
            default: Vec::new(),
            pools: Vec::new(),
            tasks,
            dotenv: Vec::new(),
            id: Id::EMPTY,
            warnings: Vec::new(),
        }
    }

    pub(super) fn open(&self) -> Project {
        self.open_counting(&mut 0)
    }

    /// Opens it, and counts how often the manifest was read.
    pub(super) fn open_counting(&self, reads: &mut u32) -> Project {
        let options = ProjectOptions {
            manifest: self.path("larder.toml"),
            root: None,
            state_dir: self.dir.path().join("state"),
            environment: self.environment.clone(),
            args: Vec::new(),
            declares: Vec::new(),
            jobs: 2,
            input_bytes_max: None,
        };
        let count = std::cell::Cell::new(0);
        let load = |_: &Path, _: Option<&Path>, _: &[String]| {
            count.set(count.get() + 1);
            Ok(self.manifest())
        };
        let project = Project::open_with(&options, &load).expect("opened");
        *reads += count.get();
        project
    }

    pub(super) fn key(&self, name: &str) -> Result<Keyed> {
        self.key_with(name, &|_| None)
    }

    pub(super) fn key_with(&self, name: &str, results: Results<'_>) -> Result<Keyed> {
        let project = self.open();
        let task = project.select(&[name.to_string()]).expect("a task")[0];
        project.keyer().expect("a keyer").key(task, results)
    }

    pub(super) fn id(&self, name: &str) -> Id {
        self.key(name).expect("keyed").id
    }

    /// One invocation.
    pub(super) fn run(&mut self) -> Outcome {
        let project = self.open();
        self.run_in(&project, &project.default_targets())
    }

    /// One invocation that has read what it needs.
    pub(super) fn run_in(&mut self, project: &Project, targets: &[TaskNo]) -> Outcome {
        let survey = project.survey(targets).expect("surveyed");
        let mut results: HashMap<TaskNo, Arc<ResultTree>> = HashMap::new();
        let mut outcome = Outcome::default();
        let mut open: HashSet<TaskNo> = HashSet::new();
        for task in survey.tasks().to_vec() {
            let name = project.manifest().expect("decoded").task(task).name.clone();
            match survey.standing(task).expect("wanted") {
                Standing::Group => {}
                Standing::Current(known) => {
                    let tree = project.known_tree(&survey, task).expect("known");
                    assert_eq!(self.records[&known.action].1, tree);
                    results.insert(task, Arc::new(tree));
                    outcome.current.push(name);
                }
                Standing::Displaced(known) => {
                    let tree = self.records[&known.action].1.clone();
                    let stats = self.place(&tree);
                    project.placed(&survey, task, &tree, &stats);
                    results.insert(task, Arc::new(tree));
                    outcome.hit.push(name);
                }
                Standing::Changed(_) => {
                    let before = project.graph().expect("decoded").keyed_dependencies(task);
                    if before.iter().any(|task| open.contains(task))
                        || self.resolve(project, &survey, task, &mut results, &mut outcome).is_none()
                    {
                        open.insert(task);
                        outcome.failed.push(name);
                    }
                }
            }
        }
        project.finish().expect("committed");
        outcome
    }

    fn resolve(
        &mut self,
        project: &Project,
        survey: &Survey,
        task: TaskNo,
        results: &mut HashMap<TaskNo, Arc<ResultTree>>,
        outcome: &mut Outcome,
    ) -> Option<()> {
        let keyer = project.keyer().expect("a keyer");
        let known = |task: TaskNo| results.get(&task).cloned();
        let keyed = keyer.key(task, &known).ok()?;
        let name = project.manifest().expect("decoded").task(task).name.clone();
        let found = self.records.get(&keyed.id).cloned();
        let found = found.filter(|(_, _, observed)| keyer.holds(task, observed, &known).expect("known"));
        let (record, tree, observed, stats) = match found {
            Some((record, tree, observed)) => {
                let stats = self.place(&tree);
                outcome.hit.push(name);
                (record, tree, observed, stats)
            }
            None => {
                let started = crate::walk::stamp_now();
                let Command::Shell(text) = &project.manifest().expect("decoded").task(task).command else {
                    return None;
                };
                let mut command = std::process::Command::new("/bin/sh");
                command.args(["-c", text]).current_dir(self.path("")).env_clear();
                command.envs(project.environment().of_task(project.manifest().expect("decoded").task(task)));
                if !command.status().expect("executed").success() {
                    return None;
                }
                let observation = keyer.observe(&keyed, started, &known).expect("observed");
                assert_eq!(project.changed_since(&keyed.seen), None, "{name}");
                let (tree, stats) = self.capture(&project.manifest().expect("decoded").task(task).outputs);
                outcome.ran.push(name.clone());
                (hash(format!("{name}{}", self.records.len()).as_bytes()), tree, observation.read, stats)
            }
        };
        self.records.insert(keyed.id, (record, tree.clone(), observed.clone()));
        let known = Known { action: keyed.id, record, result: tree.id };
        project.done(survey, &Done { seen: &keyed.seen, known, result: &tree, observed: &observed, stats: &stats });
        results.insert(task, Arc::new(tree));
        Some(())
    }

    fn capture(&mut self, outputs: &[Pattern]) -> (ResultTree, Vec<crate::walk::Stat>) {
        let mut entries = Vec::new();
        for found in walkdir::WalkDir::new(self.path("")).sort_by_file_name() {
            let found = found.expect("walked");
            let path = found.path().strip_prefix(self.path("")).expect("inside").as_os_str().as_bytes().to_vec();
            if path.is_empty() || found.file_type().is_dir() || !outputs.iter().any(|output| output.matches(&path)) {
                continue;
            }
            let meta = found.path().symlink_metadata().expect("there");
            let kind = if meta.is_symlink() {
                ResultKind::Symlink(
                    std::fs::read_link(found.path()).expect("a link").into_os_string().into_encoded_bytes(),
                )
            } else {
                let bytes = std::fs::read(found.path()).expect("read");
                let content = hash(&bytes);
                let size = bytes.len() as u64;
                self.contents.insert(content, bytes);
                ResultKind::File { content, size, executable: meta.permissions().mode() & 0o100 != 0 }
            };
            entries.push(ResultEntry { path, kind });
        }
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        let id = encode(&entries, &mut |bytes| Ok(hash(bytes))).expect("a tree");
        let stats = self.stats(&entries);
        (ResultTree { id, entries }, stats)
    }

    fn stats(&self, entries: &[ResultEntry]) -> Vec<crate::walk::Stat> {
        let path = |entry: &ResultEntry| self.path("").join(std::ffi::OsStr::from_bytes(&entry.path));
        entries.iter().map(|entry| stat_at(rustix::fs::CWD, path(entry)).expect("there")).collect()
    }

    fn place(&self, tree: &ResultTree) -> Vec<crate::walk::Stat> {
        for entry in &tree.entries {
            let path = self.path("").join(std::ffi::OsStr::from_bytes(&entry.path));
            let _ = std::fs::remove_file(&path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            match &entry.kind {
                ResultKind::File { content, executable, .. } => {
                    std::fs::write(&path, &self.contents[content]).expect("written");
                    let mode = if *executable { 0o755 } else { 0o644 };
                    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
                }
                ResultKind::Symlink(text) => {
                    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(text), &path).expect("linked");
                }
                ResultKind::Directory => std::fs::create_dir_all(&path).expect("made"),
            }
        }
        self.stats(&tree.entries)
    }
}

impl Outcome {
    pub(super) fn is(&self, ran: &[&str], hit: &[&str], current: &[&str]) -> bool {
        self.ran == ran && self.hit == hit && self.current == current && self.failed.is_empty()
    }
}
