//! What a command was seen to read beyond its inputs.

use super::keyer::{Keyed, Keyer, Results};
use crate::error::Result;
use crate::id::Id;
use crate::record::Observed;
use crate::run::inputs::read_depfile;
use crate::run::manifest::TaskNo;
use crate::run::portable::ResultKind;

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
        let started_ns = started.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(started.nanoseconds));
        let paths = read_depfile(self.project.root(), &task.cwd, depfile)?;
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
}
