//! What a task read, kept with its run where that is wanted.

use super::Engine;
use crate::action::{Input, InputKind};
use crate::error::Result;
use crate::id::Id;
use crate::repo::Putter;
use crate::run::pattern::Pattern;
use crate::run::portable::{CaptureOptions, ResultKind, ResultTree, capture};

impl Engine<'_> {
    /// Stores what a task read, as the tree that can be restored. None, and a word on it, if something of it is not what
    /// the action says: somebody saved it since.
    pub(super) fn keep_inputs(&self, number: u32, inputs: &[Input], putter: &mut Putter<'_>) -> Result<Option<Id>> {
        let is_there = |input: &&Input| !matches!(input.kind, InputKind::Absent);
        let paths: Vec<Pattern> =
            inputs.iter().filter(is_there).map(|input| Pattern::Path(input.path.clone())).collect();
        // They are the user's: their modes stay, and so does where links lead.
        let options = CaptureOptions { external_links: true, keep_modes: true };
        let tree = capture(Some(putter), self.desk.tree, &paths, &options)?.tree;
        let Some(other) = differing(&tree, inputs) else { return Ok(Some(tree.id)) };
        let (name, path) = (&self.task(number).name, other.path.escape_ascii());
        self.warn(&format!("what `{name}` read is not kept: {path} has changed since"));
        Ok(None)
    }
}

/// The first input that stands in a tree as another than it was read, or not at all.
fn differing<'i>(tree: &ResultTree, inputs: &'i [Input]) -> Option<&'i Input> {
    let is_same = |input: &&Input| match (&input.kind, tree.find(&input.path).map(|entry| &entry.kind)) {
        (InputKind::Absent, there) => there.is_none(),
        (InputKind::Directory, there) => {
            matches!(there, Some(ResultKind::Directory)) && tree.beneath(&input.path).is_empty()
        }
        (InputKind::Symlink { text, .. }, Some(ResultKind::Symlink(now))) => text == now,
        (InputKind::File { content, executable }, Some(ResultKind::File { content: now, executable: is_now, .. })) => {
            (content, executable) == (now, is_now)
        }
        _ => false,
    };
    inputs.iter().find(|input| !is_same(input))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::hash;
    use crate::run::portable::ResultEntry;

    #[test]
    fn what_was_saved_since_is_found() {
        let input = |path: &str, kind| Input { path: path.into(), kind };
        let entry = |path: &str, kind| ResultEntry { path: path.into(), kind };
        let (content, text) = (hash(b"read"), b"file".to_vec());
        let inputs = [
            input("dir", InputKind::Directory),
            input("file", InputKind::File { content, executable: false }),
            input("gone", InputKind::Absent),
            input("link", InputKind::Symlink { text: text.clone(), target: Some(content) }),
        ];
        let file = |content, executable| entry("file", ResultKind::File { content, size: 4, executable });
        let link = |text| entry("link", ResultKind::Symlink(text));
        let dir = entry("dir", ResultKind::Directory);
        let found = |entries: &[ResultEntry]| {
            let tree = ResultTree { id: Id::EMPTY, entries: entries.to_vec() };
            differing(&tree, &inputs).map(|input| String::from_utf8_lossy(&input.path).into_owned())
        };
        let as_read = [dir.clone(), file(content, false), link(text.clone())];
        assert_eq!(found(&as_read), None);
        let other = |entries: &[ResultEntry], name: &str| assert_eq!(found(entries).as_deref(), Some(name));
        other(&[dir.clone(), file(hash(b"saved"), false), link(text.clone())], "file");
        other(&[dir.clone(), file(content, true), link(text.clone())], "file");
        other(&[dir.clone(), link(text.clone())], "file");
        other(&[dir, file(content, false), link(b"other".to_vec())], "link");
        other(&[entry("dir/new", ResultKind::Directory), file(content, false), link(text)], "dir");
    }
}
