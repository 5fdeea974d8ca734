//! The one table of what a manifest may say. The readers of both forms, the complaint about an unknown key and the JSON
//! Schema are made from it.

/// One key of a task or of the top level.
#[derive(Debug)]
pub struct Key {
    /// As written in a manifest.
    pub name: &'static str,
    /// What stands behind it.
    pub kind: Kind,
    /// Whether `[defaults]` may have it.
    pub in_defaults: bool,
    /// One line for people.
    pub about: &'static str,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// Texts; one may stand without brackets.
    Texts,
    /// A text for the shell or a list of words.
    Command,
    /// Variables: names, `NAME=value`, or a table in which `true` takes the value of the environment.
    Vars,
    /// Names with a label each.
    Labels,
    /// Names with the values that each may have.
    Matrix,
    /// Seconds, or a text such as `5m`.
    Duration,
    /// A whole number from the first to the second.
    Count(u32, u32),
    /// Yes or no.
    Flag,
    /// The level of isolation.
    Sandbox,
    /// Tables of numbers: pools.
    Depths,
    /// The keys of a task.
    Defaults,
    /// Tables of tasks.
    Tasks,
}

const fn key(name: &'static str, kind: Kind, in_defaults: bool, about: &'static str) -> Key {
    Key { name, kind, in_defaults, about }
}

/// How often a task may be tried again.
pub const RETRIES_MAX: u32 = 100;
/// The deepest pool and the heaviest task.
pub const WEIGHT_MAX: u32 = 65_535;

/// What a task may say.
pub const TASK_KEYS: &[Key] = &[
    key(
        "cmd",
        Kind::Command,
        false,
        "What runs: a text for `sh -c`, or a list of words without a shell. A text without shell syntax is run directly.",
    ),
    key(
        "script",
        Kind::Text,
        false,
        "Several lines for `sh -e`, or for the interpreter that a first line `#!` names. Instead of `cmd`.",
    ),
    key("description", Kind::Text, false, "One line about the task."),
    key(
        "inputs",
        Kind::Texts,
        true,
        "What the command reads: paths, globs, `@git(PATH)`. A directory means everything in it.",
    ),
    key(
        "outputs",
        Kind::Texts,
        false,
        "What the command makes: paths and globs. Removed before it runs, stored after.",
    ),
    key("deps", Kind::Texts, false, "Tasks that must be done before, and whose results are part of the key."),
    key("after", Kind::Texts, false, "Tasks that must be done before, without being part of the key."),
    key(
        "env",
        Kind::Vars,
        true,
        "Variables that the command sees and the key holds: `NAME`, `NAME=value`, or a table.",
    ),
    key("pass-env", Kind::Texts, true, "Variables that the command sees and the key does not hold."),
    key(
        "secret",
        Kind::Labels,
        true,
        "Variables that are masked in logs and keyed by name and label: `NAME`, `NAME=label`, or a table.",
    ),
    key("tools", Kind::Texts, true, "Programs on the PATH whose content is part of the key."),
    key("key-from", Kind::Texts, true, "Commands whose output is part of the key, such as `cc --version`."),
    key("cwd", Kind::Text, true, "Where the command runs, relative to the manifest."),
    key("timeout", Kind::Duration, true, "After this long the command is ended."),
    key("retries", Kind::Count(0, RETRIES_MAX), true, "How often it is tried again after a failure."),
    key(
        "retry-delay",
        Kind::Duration,
        true,
        "How long to wait before the first retry; doubled before each further one.",
    ),
    key("pool", Kind::Text, true, "The pool whose depth limits how many tasks run at once."),
    key("weight", Kind::Count(1, WEIGHT_MAX), true, "How many places of its pool, and how many jobs, it takes."),
    key("cache", Kind::Flag, true, "Whether a known result may stand for a run. Yes unless said."),
    key("depfile", Kind::Text, false, "The file, in make's syntax, in which the command leaves what it read."),
    key("keep-outputs", Kind::Flag, true, "Leave outputs where they are before a run. Such a task is not stored."),
    key("external-links", Kind::Flag, true, "Store links that lead out of the project."),
    key("interactive", Kind::Flag, false, "Give the command the terminal, alone. Such a task is not stored."),
    key("color", Kind::Flag, true, "Ask programs for colour through the environment."),
    key("rooted", Kind::Flag, true, "The result holds the project's path: it counts only there."),
    key("args", Kind::Flag, false, "Give it the arguments that stand behind `--` on the command line."),
    key("matrix", Kind::Matrix, false, "Names and their values: one task for each combination, `NAME@os=linux`."),
    key("sandbox", Kind::Sandbox, true, "What the command may reach. Only `none` in this version."),
];

/// What the top of a manifest may say.
pub const TOP_KEYS: &[Key] = &[
    key("min-version", Kind::Text, false, "The oldest version of larder that understands this manifest."),
    key("project", Kind::Text, false, "The project's name: results of the same project are preferred."),
    key("default", Kind::Texts, false, "What runs when no target is named. Everything unless said."),
    key(
        "defaults",
        Kind::Defaults,
        false,
        "What each task says unless it says something else. `env` is joined name by name.",
    ),
    key(
        "include",
        Kind::Texts,
        false,
        "Further manifests: directories with a `larder.toml`, or files. Their tasks become `dir:task`.",
    ),
    key("salt", Kind::Text, false, "Part of every key: change it, and nothing known counts."),
    key("pools", Kind::Depths, false, "Names and depths of pools."),
    key(
        "dotenv",
        Kind::Texts,
        false,
        "Files of variables, such as `.env`: values for the names in `env`, `pass-env` and `secret` that the environment does not have.",
    ),
    key("task", Kind::Tasks, false, "The tasks by name."),
    key("tasks", Kind::Tasks, false, "The same as `task`."),
];

/// What a later version will understand: refused, never ignored.
pub const LATER_KEYS: &[&str] =
    &["cpu", "cpus", "jobserver", "limits", "memory", "network", "processes", "trace", "watch", "writable"];

/// The key of this name.
pub fn find(table: &'static [Key], name: &str) -> Option<&'static Key> {
    table.iter().find(|key| key.name == name)
}
