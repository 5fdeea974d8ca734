//! Snapshots as people and programs see them, the same in every command.

use crate::commands::Exit;
use crate::session::Session;
use crate::ui::{escaped, git_quoted, local_time, utc_time};
use larder::context::{Names, load_snapshots};
use larder::error::{Code, Error, Result};
use larder::repo::Repo;
use larder::snapshot::{Filter, Snapshot, Snapshots, Stats};
use larder::units::format_size;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Which snapshots are meant.
#[derive(clap::Args, Clone, Debug, Default, PartialEq)]
pub struct FilterArgs {
    /// Only snapshots of this machine; may be given several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// Only snapshots with all of these tags; given several times, any of the lists
    #[arg(long, value_name = "TAG[,TAG]")]
    tag: Vec<String>,

    /// Only snapshots of this source; given several times, of all of them
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    path: Vec<OsString>,
}

impl FilterArgs {
    /// The same in the library's words.
    pub fn filter(&self) -> Filter {
        Filter {
            hosts: self.host.clone(),
            paths: self.path.iter().map(|path| absolute(path)).collect(),
            tags: self.tag.iter().map(|tags| Filter::tag_list(tags)).collect(),
        }
    }
}

/// A source as snapshots name it: `backup` makes it absolute, too.
fn absolute(path: &OsStr) -> Vec<u8> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let bytes = whole.as_os_str().as_bytes();
    // A slash at its end says nothing here.
    bytes.strip_suffix(b"/").filter(|bytes| !bytes.is_empty()).unwrap_or(bytes).to_vec()
}

/// The snapshots of a repository; what cannot be read of them is told.
pub fn load(session: &Session, repo: &Repo) -> Result<Snapshots> {
    let snapshots = load_snapshots(repo)?;
    tell_damaged(session, &snapshots);
    Ok(snapshots)
}

/// Remembers the names that there are now for completions, after a snapshot came or went.
pub fn remember_names(repo: &Repo) {
    // Completions lag behind if it cannot be done; nothing else does.
    let _ = load_snapshots(repo);
}

/// Warns of records that cannot be read.
pub fn tell_damaged(session: &Session, snapshots: &Snapshots) {
    for (name, error) in snapshots.damaged() {
        session.ui.item_failed(format!("roots/{name}").as_bytes(), error);
    }
}

/// How a command ends that looked at all snapshots: those that cannot be read are missing from what it said.
pub fn outcome(snapshots: &Snapshots) -> Exit {
    match snapshots.damaged().is_empty() {
        true => Exit::DONE,
        false => Exit(Code::StorageCorrupted.class().exit_status()),
    }
}

/// The snapshots that names mean, or that a filter means where there is no name; oldest first without names.
pub fn chosen<'a>(names: &'a Names<'_>, words: &[OsString], filter: &'a Filter) -> Result<Vec<&'a Snapshot>> {
    let snapshots = names.snapshots()?;
    if words.is_empty() {
        return Ok(snapshots.select(filter).collect());
    }
    words.iter().map(|word| whole(snapshots, word)).collect()
}

/// The snapshot that a name means, where no path in it can be meant.
pub fn whole<'a>(snapshots: &'a Snapshots, word: &OsStr) -> Result<&'a Snapshot> {
    let target = snapshots.resolve(word.as_bytes())?;
    match target.path {
        Some(path) if !path.is_empty() => {
            let message = format!("`{}` is a path in a snapshot", word.as_bytes().escape_ascii());
            let hint = format!("this is done with whole snapshots: name {}", target.snapshot.id.short());
            Err(Error::new(Code::InvalidArg, message).with_hint(hint))
        }
        _ => Ok(target.snapshot),
    }
}

/// A snapshot for programs.
pub fn json_of(snapshot: &Snapshot) -> Value {
    let body = &snapshot.body;
    let mut value = json!({
        "type": "snapshot",
        "id": snapshot.id.to_hex(),
        "tree": body.tree.to_hex(),
        "time": utc_time(snapshot.time),
        "end": utc_time(body.end),
        "host": body.host,
        "user": body.user,
        "paths": body.paths.iter().map(|path| String::from_utf8_lossy(path)).collect::<Vec<_>>(),
        "tags": snapshot.tags.iter().collect::<Vec<_>>(),
        "parent": body.parent.map(|id| id.to_hex()),
        "links": body.links.map(|id| id.to_hex()),
        "original": body.original.map(|id| id.to_hex()),
        "partial": body.is_partial,
        "pinned": snapshot.is_pinned,
        "trusted": snapshot.is_trusted,
        "device": snapshot.device.to_hex(),
        "sequence": snapshot.sequence,
        "program": body.program,
        "stats": stats_json(&body.stats),
    });
    if let Some(git) = &body.git {
        value["git"] = json!({"commit": git.commit, "branch": git.branch, "dirty": git.is_dirty});
    }
    value
}

/// Statistics of a backup for programs.
pub fn stats_json(stats: &Stats) -> Value {
    json!({
        "files_new": stats.files_new, "files_changed": stats.files_changed,
        "files_unmodified": stats.files_unmodified, "directories": stats.directories, "others": stats.others,
        "total_bytes": stats.total_bytes, "read_bytes": stats.read_bytes, "added_bytes": stats.added_bytes,
        "stored_bytes": stats.stored_bytes, "errors": stats.errors, "duration_ms": stats.duration_ms,
    })
}

/// The sources of a snapshot on one line.
pub fn paths_of(snapshot: &Snapshot) -> String {
    snapshot.body.paths.iter().map(|path| escaped(path)).collect::<Vec<_>>().join(" ")
}

/// What stands out: tags, and what is unusual about it.
pub fn marks_of(snapshot: &Snapshot) -> String {
    let mut marks: Vec<String> = snapshot.tags.iter().cloned().collect();
    let unusual = [
        (snapshot.body.is_partial, "(partial)"),
        (snapshot.is_pinned, "(pinned)"),
        (!snapshot.is_trusted, "(untrusted device)"),
        (snapshot.body.stats.errors > 0, "(with errors)"),
    ];
    marks.extend(unusual.iter().filter(|(is_so, _)| *is_so).map(|(_, what)| (*what).to_string()));
    marks.join(",")
}

/// A snapshot with everything about it, as `log` and `show` print it.
pub fn describe(session: &Session, snapshot: &Snapshot) -> String {
    let paint = session.ui.paint();
    let (body, stats) = (&snapshot.body, &snapshot.body.stats);
    let mut lines = vec![paint.name(&format!("snapshot {}", snapshot.id))];
    let mut say = |what: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("{what:<9}{text}"));
        }
    };
    say("Time:", local_time(snapshot.time));
    say("Host:", format!("{} ({})", body.host, body.user));
    for path in &body.paths {
        say("Path:", String::from_utf8_lossy(&git_quoted(path)).into_owned());
    }
    say("Tags:", marks_of(snapshot));
    say("Tree:", body.tree.to_hex());
    say("Links:", body.links.map(|id| id.to_hex()).unwrap_or_default());
    say("Parent:", body.parent.map(|id| id.to_hex()).unwrap_or_default());
    say("Original:", body.original.map(|id| format!(" {id}")).unwrap_or_default());
    if let Some(git) = &body.git {
        let dirty = if git.is_dirty { ", with changes" } else { "" };
        say("Git:", format!("{} {}{dirty}", git.commit, git.branch));
    }
    say(
        "Files:",
        format!("{} new, {} changed, {} unmodified", stats.files_new, stats.files_changed, stats.files_unmodified),
    );
    say("Size:", format!("{}, {} stored", format_size(stats.total_bytes), format_size(stats.stored_bytes)));
    if stats.errors > 0 {
        say("Errors:", stats.errors.to_string());
    }
    lines.join("\n") + "\n"
}

/// Patterns of the command line as bytes.
pub fn patterns(words: &[OsString]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
