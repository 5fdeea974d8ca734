//! What is reachable is found whole, once, within any budget; what is lost is named.

use super::*;
use crate::action::{Action, Input, InputKind};
use crate::clock::Time;
use crate::monitor::Silent;
use crate::record::{Observed, Record as RunRecord};
use crate::repo::tests::{reopen, repo_in, writer_options};
use crate::repo::{Putter, Writer};
use crate::tree::{Entry, EntryKind, Meta, Profile, TreeWriter, Xattrs};
use std::collections::BTreeSet;

/// Bytes that do not compress and differ by seed.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 32) as u8
        })
        .collect()
}

fn entry(name: &str, kind: EntryKind, content: Id, size: u64) -> Entry {
    let meta = Meta { mtime: Time::from_seconds(1), ..Meta::default() };
    Entry { content: Some(content), size, meta: Some(meta), ..Entry::new(name, kind) }
}

/// Stores a file of these bytes and answers its entry.
pub(crate) fn file(putter: &mut Putter<'_>, name: &str, bytes: &[u8]) -> Entry {
    let put = putter.put(Kind::Blob, bytes).expect("put");
    entry(name, EntryKind::File, put.id, put.len)
}

/// Stores a directory of these entries and answers its entry.
pub(crate) fn directory(putter: &mut Putter<'_>, name: &str, mut entries: Vec<Entry>) -> Entry {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut tree = TreeWriter::new(Profile::Full);
    entries.iter().for_each(|entry| tree.push(entry).expect("in order"));
    let put = putter.put(Kind::Tree, &tree.finish()).expect("put");
    entry(name, EntryKind::Directory, put.id, 0)
}

/// The id of a directory's tree, as a place to start from.
pub(crate) fn start(entry: &Entry) -> Start {
    Start { kind: Kind::Tree, id: entry.content.expect("a directory") }
}

fn options(repo: &Repo, budget_bytes: usize) -> ReachOptions {
    ReachOptions::new(repo, budget_bytes, 2)
}

fn ids(set: &SortedSet<32>) -> BTreeSet<Id> {
    let (mut reader, mut ids) = (set.reader(), BTreeSet::new());
    while let Some(id) = reader.next().expect("readable") {
        assert!(ids.insert(Id::new(id)), "once");
    }
    ids
}

/// A tree with a shared subtree, a large file, a large directory and long attributes; beside it an unreachable file.
fn sample(writer: &Writer) -> (Start, BTreeSet<Id>) {
    let mut putter = writer.putter();
    let files: Vec<Entry> =
        (0..200).map(|n| file(&mut putter, &format!("f{n:03}"), &noise(50 + n, n as u64))).collect();
    let shared = directory(&mut putter, "shared", vec![file(&mut writer.putter(), "x", b"x")]);
    let wide = directory(&mut putter, "wide", files.clone());
    let large = file(&mut putter, "large", &noise(300_000, 77));
    let mut tagged = file(&mut putter, "tagged", b"tagged");
    let attributes = putter.put(Kind::Blob, &noise(900, 78)).expect("put").id;
    tagged.xattrs = Xattrs::Blob(attributes);
    let empty = entry("empty", EntryKind::File, Id::EMPTY, 0);
    let deep = directory(&mut putter, "deep", vec![shared.clone(), tagged.clone(), empty]);
    let mut expected: BTreeSet<Id> =
        files.iter().chain([&shared, &wide, &large, &tagged, &deep]).filter_map(|e| e.content).collect();
    expected.extend([attributes, crate::object::hash(b"x")]);
    let root = directory(&mut putter, "", vec![shared, wide, large, deep]);
    expected.extend(root.content);
    file(&mut putter, "unreachable", b"nobody knows me");
    (start(&root), expected)
}

#[test]
fn finds_all_that_is_reachable_and_nothing_else() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let (root, expected) = sample(&writer);
    writer.finish().expect("finish");
    let reach = reachable(&repo, &[root, root], &options(&repo, 64 << 20), &Silent).expect("reach");
    assert!(reach.broken.is_empty());
    assert_eq!(ids(&reach.objects), expected);
    assert_eq!((reach.trees, reach.aliases.len()), (4, 2), "a directory of 200 is stored as chunks too");
    assert!(reach.chunks.len() > 70 && reach.nodes.len() >= 2);
    let small = reachable(&repo, &[root], &options(&repo, 0), &Silent).expect("reach");
    assert!(ids(&small.objects) == expected && ids(&small.chunks) == ids(&reach.chunks));

    let (mut dead, mut live) = (0, 0);
    let mut count = |_: &Record, is_live: bool| {
        *if is_live { &mut live } else { &mut dead } += 1;
        Ok(())
    };
    reach.join(&repo, &mut count, &mut |key| panic!("{key:?} is there")).expect("join");
    assert_eq!((live, dead), (reach.len(), 1));
}

#[test]
fn what_is_lost_is_named_and_the_rest_is_found() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    let (lost_file, lost_tree) = (crate::object::hash(b"never stored"), crate::object::hash(b"nor this"));
    let kept = file(&mut putter, "kept", b"kept");
    let entries = vec![
        kept.clone(),
        entry("lost", EntryKind::File, lost_file, 12),
        entry("lost-dir", EntryKind::Directory, lost_tree, 0),
    ];
    let root = directory(&mut putter, "", entries);
    drop(putter);
    writer.finish().expect("finish");
    let repo = reopen(dir.path());
    let reach = reachable(&repo, &[start(&root)], &options(&repo, 1 << 20), &Silent).expect("reach");
    assert_eq!(reach.broken.len(), 1);
    assert_eq!((reach.broken[0].key.id, reach.broken[0].error.code()), (lost_tree, Code::ChunkNotFound));
    let mut missing = BTreeSet::new();
    reach.join(&repo, &mut |_, _| Ok(()), &mut |key| Ok(_ = missing.insert(key.id))).expect("join");
    assert_eq!(missing, BTreeSet::from([lost_file, lost_tree]));
}

#[test]
fn a_kind_that_may_keep_others_and_is_not_known_is_refused() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    for (kind, is_refused) in
        [(Kind::Other(77), true), (Kind::Action, false), (Kind::Other(200), false), (Kind::Links, false)]
    {
        let start = Start { kind, id: crate::object::hash(b"some") };
        let answer = reachable(&repo, &[start], &options(&repo, 1 << 20), &Silent);
        assert_eq!(answer.err().map(|error| error.code()), is_refused.then_some(Code::ConfigInvalid));
    }
}

#[test]
fn a_run_keeps_its_trees_and_logs_and_an_action_nothing() {
    let dir = tempfile::tempdir().expect("temp");
    let repo = repo_in(dir.path());
    let writer = repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    let output = file(&mut putter, "out", &noise(5_000, 3));
    let result = directory(&mut putter, "", vec![output.clone()]).content;
    let log = putter.put(Kind::Blob, b"log").expect("put").id;
    let input = crate::object::hash(b"an input that is not stored");
    let action = Action {
        inputs: vec![Input { path: b"in".to_vec(), kind: InputKind::File { content: input, executable: false } }],
        ..Action::default()
    };
    let action = putter.put(Kind::Action, &action.encode()).expect("put").id;
    // So many observed files make a record that is stored as chunks.
    let observed = (0..200u8).map(|n| Observed { path: vec![n; 20], content: Some(input) }).collect::<Vec<_>>();
    let small = RunRecord { result, stderr: Some(log), stdout: Some(Id::EMPTY), ..RunRecord::new(action) };
    let large = RunRecord { observed, ..small.clone() };
    let mut newer = crate::cbor::Fields::decode(&small.encode(), "test").expect("fields");
    newer.put(0, crate::record::VERSION + 1);
    let newer = putter.put(Kind::Run, &newer.encode()).expect("put").id;
    let runs = [&small, &large].map(|record| putter.put(Kind::Run, &record.encode()).expect("put").id);
    drop(putter);
    writer.finish().expect("finish");
    let start = |id| Start { kind: Kind::Run, id };
    for run in runs {
        let reach = reachable(&repo, &[start(run)], &options(&repo, 1 << 20), &Silent).expect("reach");
        assert!(reach.broken.is_empty());
        let expected = [Some(run), Some(action), result, Some(log), output.content];
        assert_eq!(ids(&reach.objects), expected.into_iter().flatten().collect());
        reach.join(&repo, &mut |_, _| Ok(()), &mut |key| panic!("{key:?} is there")).expect("join");
    }
    let refused = reachable(&repo, &[start(newer)], &options(&repo, 1 << 20), &Silent).err().expect("refused");
    assert_eq!(refused.code(), Code::ConfigInvalid, "what a later version's record keeps is not known");
    let lost = reachable(&repo, &[start(input)], &options(&repo, 1 << 20), &Silent).expect("reach");
    assert_eq!((lost.broken.len(), lost.broken[0].error.code()), (1, Code::ChunkNotFound));
}
