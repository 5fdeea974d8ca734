//! What a command was seen to read beyond its inputs.

use super::keyer::{Keyed, Keyer, Results};
use crate::error::{Code, Error, IoContext, Result};
use crate::id::Id;
use crate::record::Observed;
use crate::run::inputs::parse_depfile;
use crate::run::manifest::TaskNo;
use crate::run::portable::ResultKind;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A depfile longer than this is none.
const DEPFILE_BYTES_MAX: u64 = 64 << 20;

/// What a command was seen to read.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Each path beyond its inputs, with its content, sorted. For the record.
    pub read: Vec<Observed>,
    /// What it read although another task makes it on which it does not depend: its result cannot be stored.
    pub undeclared: Vec<(Vec<u8>, TaskNo)>,
    /// What changed after it began.
    pub changed: Vec<Vec<u8>>,
}

impl Keyer<'_> {
    /// What the depfile of a task that just ended says that it read. `started` is when it was started, by the clock
    /// of the file system ([`stamp_now`](crate::walk::stamp_now)).
    ///
    /// # Errors
    /// FILE_NOT_FOUND without a depfile; FILE_IO and so on.
    pub fn observe(&self, keyed: &Keyed, started: crate::clock::Time, results: Results<'_>) -> Result<Observation> {
        let mut observation = Observation::default();
        let task = self.manifest.task(keyed.seen.task);
        let Some(depfile) = &task.depfile else { return Ok(observation) };
        let path = self.project.root().join(OsStr::from_bytes(depfile));
        let size = path.metadata().at("look at the depfile", &path)?.len();
        if size > DEPFILE_BYTES_MAX {
            return Err(Error::new(Code::ResourceExhausted, format!("the depfile {} is over 64 MiB", path.display())));
        }
        let text = std::fs::read(&path).at("read the depfile", &path)?;
        let started_ns = started.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(started.nanoseconds));
        let mut paths: Vec<Vec<u8>> =
            parse_depfile(&text).iter().map(|path| self.named_path(&task.cwd, path)).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            let is_input = keyed.action.inputs.binary_search_by(|input| input.path.cmp(&path)).is_ok();
            if is_input || self.area.owner(&path) == Some(keyed.seen.task) {
                continue;
            }
            match self.area.owner(&path) {
                Some(maker) if self.may_see(keyed.seen.task, maker) => {
                    let content = self.made_content(maker, &path, results)?;
                    observation.read.push(Observed { path, content });
                }
                Some(maker) => observation.undeclared.push((path, maker)),
                None => {
                    let file = self.project.sources.files().number(&path, true);
                    let content = self.project.sources.content(file)?;
                    if content.stamp.mtime_ns.max(content.stamp.ctime_ns) >= started_ns {
                        observation.changed.push(path.clone());
                    }
                    observation.read.push(Observed { path, content: content.id });
                }
            }
        }
        Ok(observation)
    }

    /// Whether what a run was seen to read is what it would read now.
    ///
    /// # Errors
    /// SYSTEM_ERROR when a result that is asked for is not known.
    pub fn holds(&self, task: TaskNo, observed: &[Observed], results: Results<'_>) -> Result<bool> {
        for seen in observed {
            let content = match self.area.owner(&seen.path) {
                Some(maker) if self.may_see(task, maker) => self.made_content(maker, &seen.path, results)?,
                Some(_) => return Ok(false),
                None => {
                    let file = self.project.sources.files().number(&seen.path, true);
                    match self.project.sources.content(file) {
                        Ok(content) => content.id,
                        // What cannot be read is not what was read.
                        Err(_) => return Ok(false),
                    }
                }
            };
            if content != seen.content {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn made_content(&self, maker: TaskNo, path: &[u8], results: Results<'_>) -> Result<Option<Id>> {
        let tree = self.result(maker, results)?;
        Ok(tree.find(path).and_then(|entry| match &entry.kind {
            ResultKind::File { content, .. } => Some(*content),
            ResultKind::Directory | ResultKind::Symlink(_) => None,
        }))
    }

    /// A path that a command names, from the root if it lies below it, else absolute.
    fn named_path(&self, cwd: &[u8], path: &[u8]) -> Vec<u8> {
        let root = self.project.root();
        let whole = root.join(OsStr::from_bytes(cwd)).join(OsStr::from_bytes(path));
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in whole.as_os_str().as_bytes().split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => _ = parts.pop(),
                part => parts.push(part),
            }
        }
        let absolute = [b"/", parts.join(&b'/').as_slice()].concat();
        let inner = absolute.strip_prefix(root.as_os_str().as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
        inner.map(<[u8]>::to_vec).unwrap_or(absolute)
    }
}
