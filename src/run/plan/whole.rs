//! A whole manifest, packed.

use super::light::{put_all, put_pairs, put_texts, take_all, take_count, take_list, take_pairs, take_text, take_texts};
use crate::run::manifest::{Command, EnvVar, Manifest, Place, Pool, SandboxLevel, Secret, Settings, Task, TaskNo};
use crate::run::pattern::Pattern;
use crate::run::state::pack::{begin, checked, finish, number, put_bytes};
use crate::wire::{Cursor, put_varint};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A path or pattern is shorter.
const BYTES_MAX: usize = 1 << 20;

/// Its bytes.
pub fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    let mut out = begin();
    put_bytes(&mut out, manifest.root.as_os_str().as_bytes());
    put_varint(&mut out, manifest.files.len() as u64);
    manifest.files.iter().for_each(|file| put_bytes(&mut out, file.as_os_str().as_bytes()));
    put_varint(&mut out, manifest.manifests as u64);
    put_option(&mut out, manifest.project.as_deref().map(str::as_bytes));
    put_bytes(&mut out, manifest.salt.as_bytes());
    put_tasks(&mut out, &manifest.default);
    put_varint(&mut out, manifest.pools.len() as u64);
    for pool in &manifest.pools {
        put_bytes(&mut out, pool.name.as_bytes());
        put_varint(&mut out, u64::from(pool.depth));
    }
    put_pairs(&mut out, &manifest.dotenv);
    out.extend_from_slice(manifest.id.as_bytes());
    put_texts(&mut out, &manifest.warnings);
    let mut numbers: HashMap<&Settings, usize> = HashMap::new();
    let mut all: Vec<&Settings> = Vec::new();
    for task in &manifest.tasks {
        numbers.entry(&task.settings).or_insert_with(|| {
            all.push(&task.settings);
            all.len() - 1
        });
    }
    put_varint(&mut out, all.len() as u64);
    all.iter().for_each(|settings| put_settings(&mut out, settings));
    put_varint(&mut out, manifest.tasks.len() as u64);
    for task in &manifest.tasks {
        put_task(&mut out, task);
        put_varint(&mut out, numbers.get(&*task.settings).copied().unwrap_or_default() as u64);
    }
    finish(out)
}

/// Reads what [`encode_manifest`] wrote; anything else is none.
pub fn decode_manifest(bytes: &[u8]) -> Option<Manifest> {
    let mut whole = Cursor::new(checked(bytes)?, "plan");
    let cursor = &mut whole;
    let root = take_path(cursor)?;
    let files = (0..take_count(cursor)?).map(|_| take_path(cursor)).collect::<Option<Vec<PathBuf>>>()?;
    let manifests = cursor.count(files.len()).ok()?;
    let project = take_option(cursor)?.map(|text| String::from_utf8(text.to_vec())).transpose().ok()?;
    let salt = take_text(cursor)?;
    let default = take_tasks(cursor)?;
    let pool = |cursor: &mut Cursor<'_>| Some(Pool { name: take_text(cursor)?, depth: number(cursor)? });
    let pools = (0..take_count(cursor)?).map(|_| pool(cursor)).collect::<Option<Vec<Pool>>>()?;
    let dotenv = take_pairs(cursor)?;
    let id = cursor.id().ok()?;
    let warnings = take_texts(cursor)?;
    let settings = |cursor: &mut Cursor<'_>| take_settings(cursor).map(Arc::new);
    let settings = (0..take_count(cursor)?).map(|_| settings(cursor)).collect::<Option<Vec<Arc<Settings>>>>()?;
    let count = take_count(cursor)?;
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..count {
        tasks.push(take_task(cursor, &settings)?);
    }
    let manifest = Manifest { root, files, manifests, project, salt, default, pools, tasks, dotenv, id, warnings };
    (cursor.is_empty() && is_sound(&manifest)).then_some(manifest)
}

/// Whether every number names something.
fn is_sound(manifest: &Manifest) -> bool {
    let is_task = |task: &TaskNo| task.index() < manifest.tasks.len();
    let is_pool = |pool: Option<u16>| pool.is_none_or(|pool| usize::from(pool) < manifest.pools.len());
    manifest.default.iter().all(is_task)
        && manifest
            .tasks
            .iter()
            .all(|task| is_pool(task.pool) && task.deps.iter().chain(&task.makers).chain(&task.after).all(is_task))
}

fn put_task(out: &mut Vec<u8>, task: &Task) {
    put_bytes(out, task.name.as_bytes());
    put_varint(out, u64::from(task.at.file));
    put_varint(out, u64::from(task.at.line));
    put_varint(out, u64::from(task.at.column));
    put_option(out, task.description.as_deref().map(str::as_bytes));
    match &task.command {
        Command::Group => out.push(0),
        Command::Shell(text) => {
            out.push(1);
            put_bytes(out, text.as_bytes());
        }
        Command::Words(words) => {
            out.push(2);
            put_texts(out, &words.iter().collect::<Vec<_>>());
        }
    }
    for patterns in [&task.inputs, &task.outputs] {
        put_varint(out, patterns.len() as u64);
        for pattern in patterns {
            match pattern {
                Pattern::Path(path) => {
                    out.push(0);
                    put_bytes(out, path);
                }
                Pattern::Git(path) => {
                    out.push(1);
                    put_bytes(out, path);
                }
                Pattern::Glob(glob) => {
                    out.push(2);
                    put_bytes(out, glob.text().as_bytes());
                }
            }
        }
    }
    [&task.deps, &task.makers, &task.after].into_iter().for_each(|tasks| put_tasks(out, tasks));
    put_option(out, task.depfile.as_deref());
    put_pairs(out, &task.matrix);
}

fn take_task(cursor: &mut Cursor<'_>, settings: &[Arc<Settings>]) -> Option<Task> {
    let name = take_text(cursor)?;
    let file = u16::try_from(cursor.varint().ok()?).ok()?;
    let at = Place { file, line: number(cursor)?, column: number(cursor)? };
    let description = take_option(cursor)?.map(|text| String::from_utf8(text.to_vec())).transpose().ok()?;
    let command = match cursor.u8().ok()? {
        0 => Command::Group,
        1 => Command::Shell(take_text(cursor)?),
        2 => Command::Words(take_texts(cursor)?.iter().collect()),
        _ => return None,
    };
    let (inputs, outputs) = (take_patterns(cursor)?, take_patterns(cursor)?);
    let (deps, makers, after) = (take_tasks(cursor)?, take_tasks(cursor)?, take_tasks(cursor)?);
    let depfile = take_option(cursor)?.map(<[u8]>::to_vec);
    let matrix = take_pairs(cursor)?;
    let settings = settings.get(usize::try_from(cursor.varint().ok()?).ok()?)?.clone();
    Some(Task {
        name,
        at,
        description: description.map(String::into),
        command,
        inputs: inputs.into(),
        outputs: outputs.into(),
        deps: deps.into(),
        makers: makers.into(),
        after: after.into(),
        depfile: depfile.map(Vec::into),
        matrix: matrix.into(),
        settings,
    })
}

fn take_patterns(cursor: &mut Cursor<'_>) -> Option<Vec<Pattern>> {
    let one = |cursor: &mut Cursor<'_>| {
        let kind = cursor.u8().ok()?;
        let bytes = take_bytes(cursor)?;
        match kind {
            0 => Some(Pattern::Path(bytes.to_vec())),
            1 => Some(Pattern::Git(bytes.to_vec())),
            2 => Pattern::parse(std::str::from_utf8(bytes).ok()?, b"").ok(),
            _ => None,
        }
    };
    take_list(cursor, one)
}

fn put_settings(out: &mut Vec<u8>, settings: &Settings) {
    put_varint(out, settings.env.len() as u64);
    for variable in &settings.env {
        put_bytes(out, variable.name.as_bytes());
        put_option(out, variable.value.as_deref().map(str::as_bytes));
    }
    put_texts(out, &settings.pass_env);
    let secrets: Vec<_> = settings.secrets.iter().map(|one| (one.name.clone(), one.label.clone())).collect();
    put_pairs(out, &secrets);
    put_texts(out, &settings.tools);
    put_texts(out, &settings.key_from);
    put_bytes(out, &settings.cwd);
    let numbers = [
        settings.timeout_ms.map_or(0, |ms| ms.saturating_add(1)),
        u64::from(settings.retries),
        settings.retry_delay_ms,
        settings.pool.map_or(0, |pool| u64::from(pool) + 1),
        u64::from(settings.weight),
    ];
    numbers.into_iter().for_each(|number| put_varint(out, number));
    let flags = flags(settings);
    put_varint(out, (0..).zip(flags).map(|(bit, is_set)| u64::from(is_set) << bit).sum());
}

fn flags(settings: &Settings) -> [bool; 8] {
    [
        settings.cache,
        settings.keep_outputs,
        settings.external_links,
        settings.interactive,
        settings.color,
        settings.rooted,
        settings.takes_args,
        settings.sandbox != SandboxLevel::None,
    ]
}

fn take_settings(cursor: &mut Cursor<'_>) -> Option<Settings> {
    let mut env = Vec::new();
    for _ in 0..take_count(cursor)? {
        let name = take_text(cursor)?;
        let value = take_option(cursor)?.map(|text| String::from_utf8(text.to_vec())).transpose().ok()?;
        env.push(EnvVar { name, value });
    }
    let pass_env = take_texts(cursor)?;
    let secrets = take_pairs(cursor)?.into_iter().map(|(name, label)| Secret { name, label }).collect();
    let (tools, key_from) = (take_texts(cursor)?, take_texts(cursor)?);
    let cwd = take_bytes(cursor)?.to_vec();
    let timeout_ms = cursor.varint().ok()?.checked_sub(1);
    let (retries, retry_delay_ms) = (number(cursor)?, cursor.varint().ok()?);
    let pool = cursor.varint().ok()?.checked_sub(1).map(u16::try_from).transpose().ok()?;
    let weight = number(cursor)?;
    let bits = cursor.varint().ok()?;
    let flag = |bit: u32| bits >> bit & 1 == 1;
    // A level of a later version: not for this one to run.
    if flag(7) {
        return None;
    }
    let (cache, keep_outputs, external_links, interactive) = (flag(0), flag(1), flag(2), flag(3));
    let (color, rooted, takes_args, sandbox) = (flag(4), flag(5), flag(6), SandboxLevel::None);
    Some(Settings {
        env,
        pass_env,
        secrets,
        tools,
        key_from,
        cwd,
        timeout_ms,
        retries,
        retry_delay_ms,
        pool,
        weight,
        cache,
        keep_outputs,
        external_links,
        interactive,
        color,
        rooted,
        takes_args,
        sandbox,
    })
}

fn put_tasks(out: &mut Vec<u8>, tasks: &[TaskNo]) {
    put_all(out, tasks.iter().map(|task| task.0));
}

fn take_tasks(cursor: &mut Cursor<'_>) -> Option<Vec<TaskNo>> {
    Some(take_all(cursor)?.into_iter().map(TaskNo).collect())
}

fn put_option(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put_bytes(out, bytes);
    }
}

fn take_option<'a>(cursor: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    if cursor.u8().ok()? == 0 { Some(None) } else { take_bytes(cursor).map(Some) }
}

fn take_bytes<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = cursor.count(BYTES_MAX).ok()?;
    cursor.bytes(len).ok()
}

fn take_path(cursor: &mut Cursor<'_>) -> Option<PathBuf> {
    Some(PathBuf::from(OsStr::from_bytes(take_bytes(cursor)?)))
}
