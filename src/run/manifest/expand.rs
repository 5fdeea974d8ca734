//! From what stands in a file to tasks: defaults applied, matrices multiplied, names and paths made those of the root.

use super::command;
use super::dotenv::{bad_variable, is_variable};
use super::raw::{RawTask, Setting, Text, Value};
use super::source::Complaints;
use super::substitute::{self, Values};
use super::{Command, EnvVar, Place, Pool, Secret, Settings, Task};
use crate::error::Code;
use crate::run::graph::select::nearest;
use crate::run::pattern::{Pattern, resolve};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A matrix may not make more tasks than this.
const MATRIX_TASKS_MAX: usize = 1_024;
/// A manifest may not hold more tasks than this.
const TASKS_MAX: usize = 1_000_000;
/// A longer name is no name.
const NAME_BYTES_MAX: usize = 256;
/// What a task without a command may say.
const GROUP_KEYS: [&str; 4] = ["deps", "after", "description", "matrix"];

/// What the tasks of one file have in common.
pub(super) struct FileScope {
    /// The directory of the file, relative to the root.
    pub base: Vec<u8>,
    /// What stands before the names of its tasks: empty, or `dir:`.
    pub prefix: String,
    /// Nothing is substituted in the line form.
    pub is_line_form: bool,
    pub defaults: Vec<Setting>,
}

/// What is left to be resolved once all tasks are known.
pub(super) struct Pending {
    pub deps: Vec<Text>,
    pub after: Vec<Text>,
    /// Where among [`Expander::places`] each of the task's `inputs` and `outputs` has its own.
    pub inputs: Range<usize>,
    pub outputs: Range<usize>,
    /// The place of its file among the scopes.
    pub scope: u16,
}

/// Makes tasks, one file after the other.
pub(super) struct Expander<'a> {
    pub root: &'a str,
    pub args: &'a [String],
    pub pools: &'a [Pool],
    pub tasks: Vec<Task>,
    pub pending: Vec<Pending>,
    /// In one piece of memory: when they go, no holes are left between the tasks.
    pub places: Vec<Place>,
    known: HashMap<Settings, Arc<Settings>>,
}

impl<'a> Expander<'a> {
    pub fn new(root: &'a str, args: &'a [String], pools: &'a [Pool]) -> Self {
        Expander {
            root,
            args,
            pools,
            tasks: Vec::new(),
            pending: Vec::new(),
            places: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Adds what a raw task stands for.
    pub fn add(&mut self, raw: &RawTask, number: u16, scope: &FileScope, complaints: &mut Complaints) {
        if !check_name(&raw.name, complaints) {
            return;
        }
        for choice in choices(raw, complaints) {
            if self.tasks.len() >= TASKS_MAX {
                let message = format!("a manifest has at most {TASKS_MAX} tasks");
                return complaints.say(raw.name.at, Code::ResourceExhausted, message);
            }
            let mut one = One { raw, scope, matrix: &choice, complaints };
            let command = one.command_kind();
            let mut settings = Settings::default();
            let mut pending = one.pending(number);
            let mut task = Task {
                name: one.full_name(),
                at: raw.name.at,
                description: one.text("description").map(|text| text.text.into()),
                command: Command::Group,
                inputs: Box::default(),
                outputs: Box::default(),
                deps: Box::default(),
                makers: Box::default(),
                after: Box::default(),
                depfile: None,
                matrix: Box::default(),
                settings: Arc::new(Settings::default()),
            };
            if command != CommandKind::Group {
                let start = self.places.len();
                task.inputs = one.patterns("inputs", &mut self.places).into();
                let end = self.places.len();
                task.outputs = one.outputs(&mut self.places).into();
                (pending.inputs, pending.outputs) = (start..end, end..self.places.len());
                task.depfile = one.text("depfile").and_then(|text| one.path(&text)).map(Vec::into);
                one.settings(&mut settings, self.pools);
                task.command = one.command(command, &task, &settings, self);
                task.settings = self.shared(settings);
            }
            task.matrix = choice.into();
            self.tasks.push(task);
            self.pending.push(pending);
        }
    }

    fn shared(&mut self, settings: Settings) -> Arc<Settings> {
        if let Some(last) = self.tasks.last().map(|task| &task.settings).filter(|last| ***last == settings) {
            return Arc::clone(last);
        }
        Arc::clone(self.known.entry(settings).or_insert_with_key(|settings| Arc::new(settings.clone())))
    }
}

fn check_name(name: &Text, complaints: &mut Complaints) -> bool {
    let text = &name.text;
    let is_made = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let is_good =
        (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_made) && text != "." && text != "..";
    if !is_good {
        let shown: String = text.chars().take(60).collect();
        let message = format!("`{}` is not the name of a task", shown.escape_debug());
        let hint = "names have 1 to 256 of the characters A-Z a-z 0-9 `_` `.` `-`";
        complaints.hinted(name.at, Code::ParseError, message, hint);
    }
    is_good
}

/// Every combination that a matrix makes; a single empty one without a matrix.
fn choices(raw: &RawTask, complaints: &mut Complaints) -> Vec<Vec<(String, String)>> {
    let mut choices = vec![Vec::new()];
    let Some(Setting { value: Value::Matrix(axes), at, .. }) = raw.find("matrix") else { return choices };
    for (axis, values) in axes {
        let mut seen: Vec<&str> = Vec::new();
        for text in std::iter::once(axis).chain(values) {
            let is_made = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+');
            if text.text.is_empty() || !text.text.bytes().all(is_made) {
                let message = format!("`{}` cannot be part of a task's name", text.text.escape_debug());
                let hint = "a matrix has letters, digits and `_` `.` `-` `+`";
                complaints.hinted(text.at, Code::ParseError, message, hint);
                return Vec::new();
            }
        }
        for value in values {
            if seen.contains(&value.text.as_str()) {
                complaints.say(value.at, Code::ParseError, format!("`{}` stands twice in the matrix", value.text));
                return Vec::new();
            }
            seen.push(&value.text);
        }
        if values.is_empty() || choices.len() * values.len() > MATRIX_TASKS_MAX {
            let message = format!("a matrix makes 1 to {MATRIX_TASKS_MAX} tasks");
            complaints.say(*at, Code::ConfigInvalid, message);
            return Vec::new();
        }
        let with = |choice: &Vec<(String, String)>, value: &Text| {
            let mut choice = choice.clone();
            choice.push((axis.text.clone(), value.text.clone()));
            choice
        };
        choices = choices.iter().flat_map(|choice| values.iter().map(|value| with(choice, value))).collect();
    }
    choices
}

impl RawTask {
    fn find(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key.name == name)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CommandKind {
    Group,
    Cmd,
    Script,
}

/// One task being made.
struct One<'t> {
    raw: &'t RawTask,
    scope: &'t FileScope,
    matrix: &'t [(String, String)],
    complaints: &'t mut Complaints,
}

impl<'t> One<'t> {
    fn find(&self, name: &str) -> Option<&'t Setting> {
        self.raw.find(name).or_else(|| self.scope.defaults.iter().find(|setting| setting.key.name == name))
    }

    fn full_name(&self) -> String {
        let mut name = format!("{}{}", self.scope.prefix, self.raw.name.text);
        for (at, (axis, value)) in self.matrix.iter().enumerate() {
            name.push(if at == 0 { '@' } else { ',' });
            name.extend([axis.as_str(), "=", value]);
        }
        name
    }

    /// Whether the task has a command; says so if it should.
    fn command_kind(&mut self) -> CommandKind {
        let name = &self.raw.name;
        match (self.raw.find("cmd"), self.raw.find("script")) {
            (Some(_), None) => CommandKind::Cmd,
            (None, Some(_)) => CommandKind::Script,
            (Some(_), Some(script)) => {
                let message = format!("the task `{}` has both `cmd` and `script`", name.text);
                self.complaints.say(script.at, Code::ParseError, message);
                CommandKind::Cmd
            }
            (None, None) => {
                let other = self.raw.settings.iter().find(|setting| !GROUP_KEYS.contains(&setting.key.name));
                let has_deps = self.raw.settings.iter().any(|setting| matches!(setting.key.name, "deps" | "after"));
                if let Some(other) = other {
                    let message =
                        format!("the task `{}` has no `cmd`, so `{}` means nothing", name.text, other.key.name);
                    let hint = "say what it runs; a task without `cmd` is a group of its `deps`";
                    self.complaints.hinted(other.at, Code::ParseError, message, hint);
                } else if !has_deps {
                    let message = format!("the task `{}` has no `cmd`", name.text);
                    let hint = "say what it runs, or which tasks (`deps`) it stands for";
                    self.complaints.hinted(name.at, Code::ParseError, message, hint);
                }
                CommandKind::Group
            }
        }
    }

    fn pending(&mut self, scope: u16) -> Pending {
        let mut names = |key| self.list(key);
        Pending { deps: names("deps"), after: names("after"), inputs: 0..0, outputs: 0..0, scope }
    }

    /// A text with the matrix filled in.
    fn filled(&mut self, text: &Text) -> Text {
        if self.scope.is_line_form || substitute::is_plain(&text.text) {
            return text.clone();
        }
        let filled = substitute::text(&text.text, self.matrix).unwrap_or_else(|message| {
            self.complaints.say(text.at, Code::ParseError, message);
            String::new()
        });
        Text { text: filled, at: text.at }
    }

    fn text(&mut self, key: &str) -> Option<Text> {
        match &self.find(key)?.value {
            Value::Text(text) => Some(self.filled(text)),
            _ => None,
        }
    }

    fn list(&mut self, key: &str) -> Vec<Text> {
        match self.find(key).map(|setting| &setting.value) {
            Some(Value::List(list)) => list.iter().map(|text| self.filled(text)).collect(),
            _ => Vec::new(),
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.find(key)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        match self.find(key)?.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    fn path(&mut self, text: &Text) -> Option<Vec<u8>> {
        match resolve(text.text.as_bytes(), &self.scope.base) {
            Ok(path) => Some(path),
            Err(error) => {
                self.complaints.error(text.at, &error);
                None
            }
        }
    }

    fn patterns(&mut self, key: &str, places: &mut Vec<Place>) -> Vec<Pattern> {
        let texts = self.list(key);
        let mut patterns = Vec::with_capacity(texts.len());
        for text in texts {
            match Pattern::parse(&text.text, &self.scope.base) {
                Ok(pattern) if patterns.len() < 64 && patterns.contains(&pattern) => {}
                Ok(pattern) => {
                    patterns.push(pattern);
                    places.push(text.at);
                }
                // What could not be filled in was said already.
                Err(_) if text.text.is_empty() => {
                    self.complaints.say(text.at, Code::ParseError, format!("a path of `{key}` is empty"))
                }
                Err(error) => self.complaints.error(text.at, &error),
            }
        }
        patterns
    }

    fn outputs(&mut self, places: &mut Vec<Place>) -> Vec<Pattern> {
        let start = places.len();
        let outputs = self.patterns("outputs", places);
        for (output, at) in outputs.iter().zip(&places[start..]) {
            match output {
                Pattern::Git(_) => {
                    self.complaints.say(*at, Code::ParseError, "an output cannot be `@git(…)`: that names sources");
                }
                Pattern::Path(path) if path.is_empty() => {
                    self.complaints.say(*at, Code::ConfigInvalid, "the whole project cannot be an output");
                }
                _ => {}
            }
        }
        outputs
    }

    fn settings(&mut self, settings: &mut Settings, pools: &[Pool]) {
        settings.env = self.env();
        settings.pass_env = self.names("pass-env");
        settings.secrets = self.secrets();
        self.check_variables(settings);
        settings.tools = self.sorted("tools");
        settings.key_from = self.sorted("key-from");
        settings.cwd = match self.text("cwd") {
            Some(text) => self.path(&text).unwrap_or_default(),
            None => self.scope.base.clone(),
        };
        settings.timeout_ms = self.number("timeout").filter(|ms| *ms > 0);
        settings.retries = self.number("retries").unwrap_or(0) as u32;
        settings.retry_delay_ms = self.number("retry-delay").unwrap_or(settings.retry_delay_ms);
        settings.weight = self.number("weight").unwrap_or(1) as u32;
        settings.pool = self.pool(pools, settings.weight);
        settings.keep_outputs = self.flag("keep-outputs").unwrap_or(false);
        settings.external_links = self.flag("external-links").unwrap_or(false);
        settings.interactive = self.flag("interactive").unwrap_or(false);
        settings.color = self.flag("color").unwrap_or(false);
        settings.rooted = self.flag("rooted").unwrap_or(false);
        settings.takes_args = self.flag("args").unwrap_or(false);
        settings.cache = self.flag("cache").unwrap_or(true);
        if settings.interactive || settings.keep_outputs {
            let asked = self.raw.find("cache").filter(|_| settings.cache);
            if let Some(asked) = asked {
                let message =
                    "`cache = true` cannot be kept: an interactive task, or one that keeps its outputs, is not stored";
                self.complaints.say(asked.at, Code::ConfigInvalid, message);
            }
            settings.cache = false;
        }
    }

    fn pool(&mut self, pools: &[Pool], weight: u32) -> Option<u16> {
        let text = self.text("pool")?;
        let Some(at) = pools.iter().position(|pool| pool.name == text.text) else {
            let message = format!("there is no pool `{}`", text.text.escape_debug());
            let hint = match nearest(&text.text, pools.iter().map(|pool| pool.name.as_str())) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("say its depth: `[pools]` and `{} = 1`", text.text.escape_debug()),
            };
            self.complaints.hinted(text.at, Code::ParseError, message, hint);
            return None;
        };
        if weight > pools[at].depth {
            let message =
                format!("a weight of {weight} never fits into the pool `{}` of depth {}", text.text, pools[at].depth);
            self.complaints.say(text.at, Code::ConfigInvalid, message);
        }
        Some(at as u16)
    }

    fn pairs(&mut self, setting: Option<&'t Setting>) -> Vec<(Text, Option<Text>)> {
        let Some(Setting { value: Value::Pairs(pairs), .. }) = setting else { return Vec::new() };
        let mut found = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let value = value.as_ref().map(|value| self.filled(value));
            if !is_variable(&name.text) {
                bad_variable(name, self.complaints);
            } else if value.as_ref().is_some_and(|value| value.text.contains('\0')) {
                self.complaints.say(name.at, Code::ParseError, format!("the value of `{}` holds a NUL", name.text));
            } else {
                found.push((name.clone(), value));
            }
        }
        found
    }

    /// What the task says, then what the defaults say of other names.
    fn env(&mut self) -> Vec<EnvVar> {
        let own = self.raw.find("env");
        let default = self.scope.defaults.iter().find(|setting| setting.key.name == "env");
        let mut env: Vec<EnvVar> = Vec::new();
        for (is_own, setting) in [(true, own), (false, default)] {
            let known = env.len();
            for (name, value) in self.pairs(setting) {
                let twice = env.iter().position(|other| other.name == name.text);
                match twice {
                    Some(at) if is_own || at >= known => {
                        let message = format!("`{}` stands twice in `env`", name.text);
                        self.complaints.say(name.at, Code::ParseError, message);
                    }
                    Some(_) => {}
                    None => env.push(EnvVar { name: name.text, value: value.map(|value| value.text) }),
                }
            }
        }
        env.sort_unstable();
        env
    }

    fn secrets(&mut self) -> Vec<Secret> {
        let pairs = self.pairs(self.find("secret"));
        let label = |value: Option<Text>| value.map(|value| value.text).unwrap_or_default();
        let mut secrets: Vec<Secret> =
            pairs.into_iter().map(|(name, value)| Secret { name: name.text, label: label(value) }).collect();
        secrets.sort_unstable();
        secrets
    }

    fn names(&mut self, key: &str) -> Vec<String> {
        for text in self.list(key) {
            if !is_variable(&text.text) {
                bad_variable(&text, self.complaints);
            }
        }
        self.sorted(key)
    }

    fn sorted(&mut self, key: &str) -> Vec<String> {
        let mut list = Vec::new();
        for text in self.list(key) {
            if text.text.trim().is_empty() || text.text.contains('\0') {
                self.complaints.say(text.at, Code::ParseError, format!("an item of `{key}` is empty or holds a NUL"));
            }
            list.push(text.text);
        }
        list.sort_unstable();
        list.dedup();
        list
    }

    /// A variable is declared in one way only.
    fn check_variables(&mut self, settings: &Settings) {
        let env = settings.env.iter().map(|var| var.name.as_str());
        let secrets = settings.secrets.iter().map(|secret| secret.name.as_str());
        let mut names: Vec<&str> = env.chain(secrets).chain(settings.pass_env.iter().map(String::as_str)).collect();
        names.sort_unstable();
        for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
            let message = format!("`{}` stands in more than one of `env`, `pass-env` and `secret`", pair[0]);
            self.complaints.say(self.raw.name.at, Code::ParseError, message);
        }
    }

    fn command(&mut self, kind: CommandKind, task: &Task, settings: &Settings, all: &Expander<'_>) -> Command {
        let key = if kind == CommandKind::Script { "script" } else { "cmd" };
        let Some(setting) = self.raw.find(key) else { return Command::Group };
        let values = Values {
            inputs: literal(&task.inputs, &settings.cwd, "in"),
            outputs: literal(&task.outputs, &settings.cwd, "out"),
            root: all.root,
            args: settings.takes_args.then_some(all.args),
            matrix: self.matrix,
        };
        let made = match &setting.value {
            Value::Text(text) if kind == CommandKind::Script => command::from_script(&text.text, &values),
            value => command::from_cmd(value, &values, self.scope.is_line_form),
        };
        made.unwrap_or_else(|message| {
            let at = match &setting.value {
                Value::Text(text) => text.at,
                Value::List(list) => list.first().map_or(setting.at, |text| text.at),
                _ => setting.at,
            };
            self.complaints.say(at, Code::ParseError, format!("the task `{}`: {message}", self.raw.name.text));
            Command::Group
        })
    }
}

/// Paths as the command sees them, or why they cannot be written out.
fn literal(patterns: &[Pattern], cwd: &[u8], name: &str) -> Result<Vec<String>, String> {
    let mut paths = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let Some(path) = pattern.as_path() else {
            let text = String::from_utf8_lossy(&pattern.text()).into_owned();
            return Err(format!(
                "`{{{{{name}}}}}` cannot stand for the pattern `{text}`, only for paths: write it out"
            ));
        };
        paths.push(String::from_utf8_lossy(&relative(path, cwd)).into_owned());
    }
    Ok(paths)
}

/// A path of the root as seen from a directory of it.
fn relative(path: &[u8], dir: &[u8]) -> Vec<u8> {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (path, dir) = (names(path), names(dir));
    let shared = path.iter().zip(&dir).take_while(|(a, b)| a == b).count();
    let mut parts = vec![b"..".to_vec(); dir.len() - shared];
    parts.extend_from_slice(&path[shared..]);
    match parts.first() {
        None => b".".to_vec(),
        // Not to be taken for an option.
        Some(first) if first.starts_with(b"-") => [b"./".to_vec(), parts.join(&b'/')].concat(),
        Some(_) => parts.join(&b'/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_where_the_command_runs() {
        for (path, dir, expected) in [
            ("a/b", "", "a/b"),
            ("a/b", "a", "b"),
            ("a/b", "c/d", "../../a/b"),
            ("a", "a", "."),
            ("", "a", ".."),
            ("-x", "", "./-x"),
        ] {
            assert_eq!(relative(path.as_bytes(), dir.as_bytes()), expected.as_bytes(), "{path} {dir}");
        }
    }
}
