//! Walks and lookups; and, for tests of everything that reads stored trees, a way to store a directory: the plainest
//! one, one file after the other.

use super::*;
use crate::object::Kind;
use crate::repo::Putter;
use crate::repo::tests::{repo_in, writer_options};
use crate::tree::{Extents, LinksWriter, Summary, TreeWriter, Xattrs, sort_xattrs};
use crate::walk::{Listing, Scratch, data_extents, link_target, open_dir, open_file, stat_at, xattrs_at};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::CWD;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A stored directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// A root tree in which the directory stands as `/src`.
    pub(crate) tree: Id,
    /// Its hard links.
    pub(crate) links: Option<Id>,
}

/// Where the directory stands in the root tree.
pub(crate) const TOP: &[u8] = b"/src";

struct Storing<'a> {
    putter: Putter<'a>,
    groups: BTreeMap<(u64, u64), Vec<Vec<u8>>>,
    rewrite: &'a dyn Fn(&mut Entry),
}

/// Stores a directory with everything in it.
pub(crate) fn store(repo: &Repo, dir: &Path) -> Stored {
    store_with(repo, dir, &|_| {})
}

/// Stores a directory, changing each entry on the way.
pub(crate) fn store_with(repo: &Repo, dir: &Path, rewrite: &dyn Fn(&mut Entry)) -> Stored {
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut storing = Storing { putter: writer.putter(), groups: BTreeMap::new(), rewrite };
    let parent = open_dir(CWD, dir.parent().expect("a parent"), true).expect("open");
    let name = std::ffi::CString::new(dir.file_name().expect("a name").as_encoded_bytes()).expect("no zero");
    let mut top = storing.entry(parent.as_fd(), &name, TOP).expect("store");
    top.name = TOP[1..].to_vec();
    let mut root = TreeWriter::new(Profile::Full);
    root.push(&top).expect("push");
    let tree = storing.putter.put(Kind::Tree, &root.finish()).expect("put").id;
    let mut groups: Vec<Vec<Vec<u8>>> = std::mem::take(&mut storing.groups).into_values().collect();
    groups.iter_mut().for_each(|group| group.sort());
    groups.retain(|group| group.len() > 1);
    groups.sort();
    let mut links = LinksWriter::new();
    groups.iter().for_each(|group| links.push(group).expect("sorted"));
    let links = storing.putter.put(Kind::Other(128), &links.finish()).expect("put").id;
    drop(storing);
    writer.finish().expect("finish");
    Stored { tree, links: (!groups.is_empty()).then_some(links) }
}

impl Storing<'_> {
    fn entry(&mut self, dir: BorrowedFd<'_>, name: &std::ffi::CStr, path: &[u8]) -> Result<Entry> {
        let stat = stat_at(dir, name).expect("stat");
        let mut entry = Entry::new(name.to_bytes(), stat.kind);
        entry.meta = Some(stat.to_meta());
        entry.device = entry.kind.is_device().then_some(stat.rdev);
        let mut xattrs = xattrs_at(dir, name).expect("attributes");
        sort_xattrs(&mut xattrs);
        if !xattrs.is_empty() {
            entry.xattrs = match Xattrs::place(xattrs) {
                Ok(placed) => placed,
                Err(blob) => Xattrs::Blob(self.putter.put(Kind::Blob, &blob)?.id),
            };
        }
        if stat.nlink > 1 && stat.kind != EntryKind::Directory {
            entry.linked = true;
            self.groups.entry((stat.dev, stat.ino)).or_default().push(path.to_vec());
        }
        match stat.kind {
            EntryKind::Symlink => entry.target = link_target(dir, name).expect("target"),
            EntryKind::File if stat.size > 0 => self.content(dir, name, &mut entry)?,
            EntryKind::Directory => {
                let (tree, summary) = self.directory(dir, name, path)?;
                (entry.content, entry.summary) = (Some(tree), Some(summary));
            }
            _ => {}
        }
        (self.rewrite)(&mut entry);
        Ok(entry)
    }

    fn content(&mut self, dir: BorrowedFd<'_>, name: &std::ffi::CStr, entry: &mut Entry) -> Result<()> {
        let file = File::from(open_file(dir, name, false).expect("open"));
        let len = file.metadata().expect("stat").len();
        let extents = data_extents(&file, len).expect("extents");
        let mut object = self.putter.object(Kind::Blob);
        let mut at = 0;
        for (offset, data) in extents.clone().unwrap_or_else(|| vec![(0, len)]) {
            if offset > at {
                object.hole(offset - at)?;
            }
            let mut bytes = vec![0; data as usize];
            file.read_exact_at(&mut bytes, offset).expect("read");
            object.write(&bytes)?;
            at = offset + data;
        }
        if at < len {
            object.hole(len - at)?;
        }
        let put = object.finish()?;
        (entry.content, entry.size) = (Some(put.id), len);
        if let Some(extents) = extents {
            entry.extents = match Extents::place(extents) {
                Ok(placed) => placed,
                Err(blob) => Extents::Blob(self.putter.put(Kind::Blob, &blob)?.id),
            };
        }
        Ok(())
    }

    fn directory(&mut self, dir: BorrowedFd<'_>, name: &std::ffi::CStr, path: &[u8]) -> Result<(Id, Summary)> {
        let fd = open_dir(dir, name, false).expect("open");
        let listing = Listing::read(&fd, &mut Scratch::default()).expect("list");
        let mut tree = TreeWriter::new(Profile::Full);
        for index in 0..listing.len() {
            let inner = [path, b"/", listing.name(index)].concat();
            tree.push(&self.entry(fd.as_fd(), listing.c_name(index), &inner)?)?;
        }
        let summary = tree.summary();
        Ok((self.putter.put(Kind::Tree, &tree.finish())?.id, summary))
    }
}

#[test]
fn a_walk_is_in_order_and_can_be_steered() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("d");
    for name in ["a/x", "a/y/z", "b", "c/w"] {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("create");
        std::fs::write(path, name).expect("write");
    }
    let repo = repo_in(temp.path());
    let stored = store(&repo, &dir);
    let seen = |answer: &dyn Fn(&[u8]) -> Descend| {
        let mut seen = Vec::new();
        walk_tree(&repo, &stored.tree, &mut |path, _| {
            seen.push(String::from_utf8_lossy(path).into_owned());
            Ok(answer(path))
        })
        .expect("walk");
        seen.join(" ")
    };
    assert_eq!(seen(&|_| Descend::Into), "/src /src/a /src/a/x /src/a/y /src/a/y/z /src/b /src/c /src/c/w");
    let over = |path: &[u8]| if path.ends_with(b"a") { Descend::Over } else { Descend::Into };
    assert_eq!(seen(&over), "/src /src/a /src/b /src/c /src/c/w");
    let stop = |path: &[u8]| if path.ends_with(b"b") { Descend::Stop } else { Descend::Into };
    assert_eq!(seen(&stop), "/src /src/a /src/a/x /src/a/y /src/a/y/z /src/b");
}

#[test]
fn lookups_find_what_is_there_and_nothing_else() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("d");
    std::fs::create_dir_all(dir.join("many")).expect("create");
    for number in 0..3000 {
        std::fs::write(dir.join(format!("many/{number:05}")), "").expect("write");
    }
    let repo = repo_in(temp.path());
    let tree = store(&repo, &dir).tree;
    for number in [0, 1, 1499, 2999] {
        let path = format!("/src/many/{number:05}");
        let found = lookup(&repo, &tree, path.as_bytes()).expect("read").expect("there");
        assert_eq!(found.name, path.as_bytes()[10..]);
    }
    for path in ["/src/many/", "src//many", "/./src/many", "/src/many"] {
        assert!(lookup(&repo, &tree, path.as_bytes()).expect("read").expect("there").is_directory(), "{path}");
    }
    for path in ["/other", "/src/many/03000", "/src/many/00000/x", "/src/.."] {
        assert!(lookup(&repo, &tree, path.as_bytes()).expect("read").is_none(), "{path}");
    }
    assert_eq!(lookup(&repo, &tree, b"/").expect("read").expect("there").content, Some(tree));
    assert_eq!(require(&repo, &tree, b"/x").expect_err("absent").code(), Code::FileNotFound);
}
