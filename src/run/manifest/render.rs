//! A loaded manifest as JSON and as TOML: everything expanded, every task with its full name.

use super::substitute::escape;
use super::{Command, Manifest, Task, TaskNo};
use crate::run::pattern::Pattern;
use serde_json::{Value, json};

/// What stands before the tasks.
pub fn json_head(manifest: &Manifest) -> Value {
    let pools: Vec<Value> =
        manifest.pools.iter().map(|pool| json!({ "name": pool.name, "depth": pool.depth })).collect();
    json!({
        "type": "manifest",
        "version": 1,
        "id": manifest.id.to_hex(),
        "project": manifest.project,
        "salt": manifest.salt,
        "default": names(manifest, &manifest.default),
        "pools": pools,
    })
}

/// One task, with every key.
pub fn json_task(manifest: &Manifest, task: &Task) -> Value {
    let secrets: Vec<Value> =
        task.secrets.iter().map(|secret| json!({ "name": secret.name, "label": secret.label })).collect();
    let env: Vec<Value> = task.env.iter().map(|var| json!({ "name": var.name, "value": var.value })).collect();
    let matrix: serde_json::Map<String, Value> =
        task.matrix.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "name": task.name,
        "line": task.at.line,
        "column": task.at.column,
        "description": task.description,
        "cmd": match &task.command {
            Command::Group => Value::Null,
            Command::Shell(text) => text.clone().into(),
            Command::Words(words) => words.iter().collect::<Vec<&str>>().into(),
        },
        "inputs": texts(&task.inputs),
        "outputs": texts(&task.outputs),
        "deps": names(manifest, &task.deps),
        "makers": names(manifest, &task.makers),
        "after": names(manifest, &task.after),
        "env": env,
        "pass-env": task.pass_env,
        "secret": secrets,
        "tools": task.tools,
        "key-from": task.key_from,
        "cwd": String::from_utf8_lossy(&task.cwd),
        "timeout-ms": task.timeout_ms,
        "retries": task.retries,
        "retry-delay-ms": task.retry_delay_ms,
        "pool": task.pool.and_then(|pool| manifest.pools.get(usize::from(pool))).map(|pool| &pool.name),
        "weight": task.weight,
        "cache": task.cache,
        "depfile": task.depfile.as_ref().map(|path| String::from_utf8_lossy(path).into_owned()),
        "keep-outputs": task.keep_outputs,
        "external-links": task.external_links,
        "interactive": task.interactive,
        "color": task.color,
        "rooted": task.rooted,
        "args": task.takes_args,
        "matrix": matrix,
        "sandbox": "none",
    })
}

/// What stands before the tasks.
pub fn toml_head(manifest: &Manifest) -> String {
    let mut text = String::new();
    if let Some(project) = &manifest.project {
        text.push_str(&format!("project = {}\n", quoted(project)));
    }
    if !manifest.salt.is_empty() {
        text.push_str(&format!("salt = {}\n", quoted(&manifest.salt)));
    }
    line(&mut text, "default", &names(manifest, &manifest.default));
    if !manifest.pools.is_empty() {
        text.push_str("\n[pools]\n");
        for pool in &manifest.pools {
            text.push_str(&format!("{} = {}\n", quoted(&pool.name), pool.depth));
        }
    }
    text
}

/// One task, with what is not as it would be unsaid.
pub fn toml_task(manifest: &Manifest, task: &Task) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name = if task.name.chars().all(is_plain) { task.name.clone() } else { quoted(&task.name) };
    let mut text = format!("\n[task.{name}]\n");
    if let Some(description) = &task.description {
        text.push_str(&format!("description = {}\n", quoted(&escape(description))));
    }
    match &task.command {
        Command::Group => {}
        Command::Shell(command) => text.push_str(&format!("cmd = {}\n", quoted(&escape(command)))),
        Command::Words(words) => {
            let words: Vec<String> = words.iter().map(escape).collect();
            line(&mut text, "cmd", &words);
        }
    }
    let escaped = |patterns: &[Pattern]| texts(patterns).iter().map(|text| escape(text)).collect::<Vec<_>>();
    line(&mut text, "inputs", &escaped(&task.inputs));
    line(&mut text, "outputs", &escaped(&task.outputs));
    line(&mut text, "deps", &names(manifest, &task.deps));
    line(&mut text, "after", &names(manifest, &task.after));
    if !task.is_group() {
        settings(&mut text, manifest, task);
    }
    text
}

fn settings(text: &mut String, manifest: &Manifest, task: &Task) {
    let pair = |name: &str, value: Option<&str>| match value {
        Some(value) => format!("{name}={}", escape(value)),
        None => name.to_string(),
    };
    line(text, "env", &task.env.iter().map(|var| pair(&var.name, var.value.as_deref())).collect::<Vec<_>>());
    line(text, "pass-env", &task.pass_env);
    line(text, "secret", &task.secrets.iter().map(|one| pair(&one.name, Some(&one.label))).collect::<Vec<_>>());
    line(text, "tools", &task.tools);
    line(text, "key-from", &task.key_from.iter().map(|one| escape(one)).collect::<Vec<_>>());
    let path = |path: &[u8]| quoted(&escape(&String::from_utf8_lossy(path)));
    let mut say = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
    if !task.cwd.is_empty() {
        say("cwd", path(&task.cwd));
    }
    if let Some(ms) = task.timeout_ms {
        say("timeout", format!("\"{ms}ms\""));
    }
    if task.retries > 0 {
        say("retries", task.retries.to_string());
    }
    if task.retry_delay_ms != 1_000 {
        say("retry-delay", format!("\"{}ms\"", task.retry_delay_ms));
    }
    if let Some(pool) = task.pool.and_then(|pool| manifest.pools.get(usize::from(pool))) {
        say("pool", quoted(&pool.name));
    }
    if task.weight != 1 {
        say("weight", task.weight.to_string());
    }
    if let Some(depfile) = &task.depfile {
        say("depfile", path(depfile));
    }
    if !task.cache && !task.interactive && !task.keep_outputs {
        say("cache", "false".to_string());
    }
    for (key, flag) in [
        ("keep-outputs", task.keep_outputs),
        ("external-links", task.external_links),
        ("interactive", task.interactive),
        ("color", task.color),
        ("rooted", task.rooted),
        ("args", task.takes_args),
    ] {
        if flag {
            say(key, "true".to_string());
        }
    }
}

fn line<T: AsRef<str>>(text: &mut String, key: &str, items: &[T]) {
    if !items.is_empty() {
        let items: Vec<String> = items.iter().map(|item| quoted(item.as_ref())).collect();
        text.push_str(&format!("{key} = [{}]\n", items.join(", ")));
    }
}

/// A basic string of TOML, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn names(manifest: &Manifest, tasks: &[TaskNo]) -> Vec<String> {
    tasks.iter().map(|task| manifest.task(*task).name.clone()).collect()
}

fn texts(patterns: &[Pattern]) -> Vec<String> {
    patterns.iter().map(|pattern| String::from_utf8_lossy(&pattern.text()).into_owned()).collect()
}
