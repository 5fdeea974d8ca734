//! The engine over real directories and a real repository.

use super::*;
use crate::monitor::{Change, Silent};
use crate::repo::tests::{reopen, repo_in, writer_options};
use crate::tree::{Entry, EntryKind, Extents, Xattrs, decode_xattrs, read_links, read_tree};
use crate::walk::{IfPresent, stamp_now, stat_at};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

struct Place {
    temp: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { temp: tempfile::tempdir().expect("temporary directory") };
        fs::create_dir(place.source()).expect("create");
        repo_in(place.temp.path());
        place
    }

    fn source(&self) -> PathBuf {
        self.temp.path().join("source")
    }

    fn repo(&self) -> Repo {
        reopen(self.temp.path())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("create");
        fs::write(path, bytes).expect("write");
    }

    fn backup(&self) -> BackupStats {
        self.backup_with(&options(), &Silent).expect("backup")
    }

    fn backup_with(&self, options: &BackupOptions, monitor: &dyn Monitor) -> Result<BackupStats> {
        backup(&self.repo(), &[self.source()], options, monitor)
    }

    /// Waits until nothing in the source is so new that it would be read again to be sure.
    fn settle(&self) {
        settle(&self.source());
    }

    /// Everything below the source in a snapshot, by path.
    fn stored(&self, tree: Option<Id>) -> BTreeMap<Vec<u8>, Entry> {
        let repo = self.repo();
        let source = self.source();
        let inner = source.as_os_str().as_bytes();
        let mut all = BTreeMap::new();
        collect(&repo, tree.expect("a tree"), b"", &mut all);
        let below =
            |path: Vec<u8>| path.strip_prefix(inner).map(|path| path.strip_prefix(b"/").unwrap_or(path).to_vec());
        all.into_iter().filter_map(|(path, entry)| Some((below(path)?, entry))).collect()
    }

    /// Fails unless the snapshot is exactly what is in the source.
    fn compare(&self, tree: Option<Id>) {
        let stored = self.stored(tree);
        let repo = self.repo();
        let mut seen = BTreeSet::new();
        for found in walkdir::WalkDir::new(self.source()) {
            let found = found.expect("walk");
            let name = found.path().strip_prefix(self.source()).expect("below").as_os_str().as_bytes().to_vec();
            let entry = stored.get(&name).unwrap_or_else(|| panic!("{} is missing", name.escape_ascii()));
            let meta = found.path().symlink_metadata().expect("there");
            let stored_meta = entry.meta.as_ref().expect("full profile");
            assert_eq!(stored_meta.mode, meta.mode() & 0o7777, "{}", name.escape_ascii());
            assert_eq!((stored_meta.uid, stored_meta.gid), (meta.uid(), meta.gid()));
            let mtime = (stored_meta.mtime.seconds, i64::from(stored_meta.mtime.nanoseconds));
            assert_eq!(mtime, (meta.mtime(), meta.mtime_nsec()), "{}", name.escape_ascii());
            if meta.is_file() {
                let bytes = fs::read(found.path()).expect("read");
                let read = entry.content.map_or_else(Vec::new, |id| repo.read(&id).expect("stored"));
                assert!(bytes == read && entry.size == bytes.len() as u64, "{} differs", name.escape_ascii());
                assert_eq!(entry.linked, meta.nlink() > 1);
            }
            if meta.is_symlink() {
                let target = fs::read_link(found.path()).expect("read");
                assert_eq!(entry.target, target.as_os_str().as_bytes());
            }
            seen.insert(name);
        }
        let extra: Vec<_> = stored.keys().filter(|name| !seen.contains(*name)).collect();
        assert!(extra.is_empty(), "not in the source: {extra:?}");
    }
}

fn settle(dir: &Path) {
    for found in walkdir::WalkDir::new(dir) {
        let path = found.expect("walk").into_path();
        while stat_at(CWD, path.as_path()).expect("stat").is_racy(stamp_now()) {
            std::thread::yield_now();
        }
    }
}

fn collect(repo: &Repo, tree: Id, path: &[u8], all: &mut BTreeMap<Vec<u8>, Entry>) {
    for entry in read_tree(&repo.read(&tree).expect("tree")).expect("sound").entries {
        let path = [path, b"/", &entry.name].concat();
        if entry.is_directory() {
            collect(repo, entry.content.expect("a tree"), &path, all);
        }
        all.insert(path, entry);
    }
}

fn options() -> BackupOptions {
    BackupOptions {
        excludes: ExcludeOptions::default(),
        listed: Vec::new(),
        host: "host".to_string(),
        user: "user".to_string(),
        time: None,
        tags: Vec::new(),
        allow_empty: false,
        fail_fast: false,
        dry_run: false,
        skip_if_unchanged: false,
        ignore_state: false,
        report_unmodified: false,
        birth_times: false,
        git: false,
        jobs: 2,
        flush_bytes: FLUSH_BYTES,
        writer: writer_options(),
    }
}

/// Remembers what failed and what changed; may do something at each event.
#[derive(Default)]
struct Notes {
    failed: Mutex<Vec<(String, Code)>>,
    items: Mutex<Vec<(String, Change)>>,
    cancel: AtomicBool,
    cancel_after: Option<u64>,
    streamed: AtomicU64,
    at_stream: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Monitor for Notes {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Failed { path, error } => {
                self.failed.lock().expect("lock").push((path.escape_ascii().to_string(), error.code()));
            }
            Event::Item { path, change, .. } => {
                let mut items = self.items.lock().expect("lock");
                items.push((path.escape_ascii().to_string(), *change));
                if self.cancel_after.is_some_and(|count| items.len() as u64 >= count) {
                    self.cancel.store(true, Ordering::Relaxed);
                }
            }
            Event::Advance { items: 0, .. } if self.streamed.fetch_add(1, Ordering::Relaxed) == 0 => {
                self.at_stream.iter().for_each(|act| act());
            }
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed * 2 + 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..len).map(|_| next()).collect()
}

/// One of everything that a user without rights can make, and what root can.
fn everything(place: &Place) {
    let source = place.source();
    place.write("empty", "");
    place.write("small", "some text\n");
    place.write("deep/er/and/deeper", noise(3_000, 1));
    place.write("large", noise(3 << 20, 2));
    place.write("just over", noise((1 << 20) + 1, 3));
    for n in 0..100 {
        place.write(&format!("many/{n:03}"), noise(n * 7, n as u64));
    }
    fs::create_dir(source.join("empty directory")).expect("create");
    symlink("../nowhere", source.join("link")).expect("link");
    fs::hard_link(source.join("small"), source.join("deep/twin")).expect("link");
    fs::write(source.join(OsStr::from_bytes(b"\xff not text \n")), "x").expect("write");
    let sparse = File::create(source.join("sparse")).expect("create");
    sparse.set_len(5 << 20).expect("set length");
    sparse.write_all_at(&noise(8192, 4), 1 << 20).expect("write");
    rustix::fs::mknodat(CWD, source.join("fifo"), rustix::fs::FileType::Fifo, 0o640.into(), 0).expect("fifo");
    drop(std::os::unix::net::UnixListener::bind(source.join("socket")).expect("socket"));
    fs::set_permissions(source.join("small"), fs::Permissions::from_mode(0o4755)).expect("chmod");
    let file = File::open(source.join("deep/er/and/deeper")).expect("open");
    let long = [7; 3_000];
    for (name, value) in [(c"user.short", &b"v"[..]), (c"user.long", &long)] {
        let _ = rustix::fs::fsetxattr(&file, name, value, rustix::fs::XattrFlags::empty());
    }
}

#[test]
fn everything_comes_back() {
    let place = Place::new();
    everything(&place);
    let stats = place.backup();
    assert_eq!((stats.stats.errors, stats.is_partial), (0, false));
    place.compare(stats.tree);
    let stored = place.stored(stats.tree);
    let kind = |name: &str| stored[name.as_bytes()].kind;
    assert_eq!((kind("fifo"), kind("socket"), kind("link")), (EntryKind::Fifo, EntryKind::Socket, EntryKind::Symlink));
    assert_eq!(stored[&b"sparse"[..]].extents, Extents::Inline(vec![(1 << 20, 8192)]));
    assert_eq!(stored[&b"many"[..]].summary.map(|summary| summary.files), Some(100));

    let xattrs = &stored[&b"deep/er/and/deeper"[..]].xattrs;
    let Xattrs::Blob(id) = xattrs else { panic!("not in a blob: {xattrs:?}") };
    let xattrs = decode_xattrs(&place.repo().read(id).expect("stored")).expect("sound");
    assert!(xattrs.iter().any(|(name, value)| name == b"user.short" && value == b"v"));

    let snapshots = Snapshots::load(&place.repo().roots().expect("roots"), clock::now());
    let body = &snapshots.all().first().expect("one").body;
    let links = read_links(&place.repo().read(&body.links.expect("links")).expect("stored")).expect("sound");
    let twin = |name: &str| place.source().join(name).as_os_str().as_bytes().to_vec();
    assert_eq!(links, vec![vec![twin("deep/twin"), twin("small")]]);
    assert_eq!(body.stats.files_new, 100 + 8);
    assert_eq!(body.stats.others, 3);
}

#[test]
fn what_is_as_it_was_is_not_read_again() {
    let place = Place::new();
    everything(&place);
    place.settle();
    let first = place.backup();
    let second = place.backup();
    // The directories above the source belong to others, who may change them.
    let tree_of_source = |stats: &BackupStats| place.stored(stats.tree)[&b""[..]].clone();
    assert_eq!((second.stats.read_bytes, second.parent), (0, first.snapshot));
    assert_eq!(tree_of_source(&second), tree_of_source(&first));
    assert_eq!(second.stats.files_unmodified, first.stats.files_new);
    assert_eq!(second.stats.total_bytes, first.stats.total_bytes);
    assert_eq!(second.stats.directories, first.stats.directories);
    let snapshots = Snapshots::load(&place.repo().roots().expect("roots"), clock::now());
    let links: BTreeSet<_> = snapshots.all().iter().map(|snapshot| snapshot.body.links).collect();
    assert_eq!((snapshots.all().len(), links.len()), (2, 1));

    // With an index made anew nothing is taken for granted, but nothing is read either.
    ["", "-wal", "-shm"].iter().for_each(|suffix| {
        let _ = fs::remove_file(place.temp.path().join(format!("repo/index.sqlite{suffix}")));
    });
    let third = place.backup();
    assert_eq!(third.stats.read_bytes, 0);
    assert_eq!(tree_of_source(&third), tree_of_source(&first));

    // Without the stat cache everything is read and nothing stored.
    fs::remove_file(place.temp.path().join("repo/state.sqlite")).expect("remove");
    let fourth = place.backup();
    assert_eq!(tree_of_source(&fourth), tree_of_source(&first));
    assert_eq!((fourth.stats.files_unmodified, fourth.stats.files_new), (first.stats.files_new, 0));
    assert!(fourth.stats.read_bytes >= 4 << 20);
}

#[test]
fn changes_are_found_and_only_they_are_read() {
    let place = Place::new();
    everything(&place);
    place.settle();
    place.backup();
    let source = place.source();
    place.write("many/050", "changed");
    place.write("many/new", "new file");
    fs::remove_file(source.join("many/060")).expect("remove");
    fs::rename(source.join("many/070"), source.join("moved")).expect("rename");
    fs::set_permissions(source.join("empty"), fs::Permissions::from_mode(0o600)).expect("chmod");
    fs::remove_file(source.join("link")).expect("remove");
    symlink("elsewhere", source.join("link")).expect("link");
    let second = place.backup();
    place.compare(second.tree);
    let (stats, moved) = (&second.stats, 70 * 7);
    assert_eq!((stats.files_new, stats.files_changed, stats.files_unmodified), (2, 2, 104));
    assert_eq!(stats.read_bytes, 7 + 8 + moved);
}

#[test]
fn a_file_without_a_new_time_but_too_young_is_read_again() {
    let place = Place::new();
    place.write("young", "one");
    let first = place.backup();
    // The same size, and perhaps within the same tick of the clock.
    fs::write(place.source().join("young"), "two").expect("write");
    let second = place.backup();
    assert_ne!(first.tree, second.tree);
    place.compare(second.tree);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_reported_and_kept() {
    let place = Place::new();
    place.write("a log", noise(3 << 20, 5));
    place.write("other", "x");
    let path = place.source().join("a log");
    let append = move || {
        let file = File::options().append(true).open(&path).expect("open");
        std::io::Write::write_all(&mut &file, b"one more line").expect("append");
    };
    let notes = Notes { at_stream: Some(Box::new(append)), ..Notes::default() };
    let stats = place.backup_with(&options(), &notes).expect("backup");
    assert_eq!(stats.stats.errors, 1);
    let failed = notes.failed.lock().expect("lock");
    assert!(failed[0].0.ends_with("a log") && failed[0].1 == Code::FileIo, "{failed:?}");
    let stored = place.stored(stats.tree);
    assert_eq!(stored[&b"a log"[..]].size, 3 << 20);
    assert!(stored.contains_key(&b"other"[..]));
}

#[test]
fn an_interrupted_backup_leaves_a_partial_snapshot() {
    let place = Place::new();
    for n in 0..200 {
        place.write(&format!("{}/{n}", n % 7), noise(20_000, n));
    }
    let notes = Notes { cancel_after: Some(40), ..Notes::default() };
    let stats = place.backup_with(&options(), &notes).expect("backup");
    assert!(stats.is_partial && stats.snapshot.is_some());
    let stored = place.stored(stats.tree);
    let files = stored.values().filter(|entry| entry.kind == EntryKind::File).count();
    assert!((1..200).contains(&files), "{files} files");
    for entry in stored.values().filter(|entry| entry.kind == EntryKind::File) {
        assert_eq!(place.repo().read(&entry.content.expect("content")).expect("stored").len(), 20_000);
    }
    place.settle();
    let whole = place.backup();
    assert!(!whole.is_partial && whole.parent.is_none(), "a partial snapshot is no parent");
    place.compare(whole.tree);
}

#[test]
fn what_was_flushed_before_a_failure_is_not_read_again() {
    let place = Place::new();
    for n in 0..300 {
        place.write(&format!("f{n:03}"), noise(30_000, n));
    }
    place.settle();
    let notes = Notes { cancel_after: Some(250), ..Notes::default() };
    // Stands for a kill: whatever comes after the last flush is lost.
    let frequent = BackupOptions { flush_bytes: 1 << 20, jobs: 1, ..options() };
    let repo = place.repo();
    let sources = gather(&[place.source()], &frequent).expect("sources");
    {
        let writer = repo.writer(&frequent.writer).expect("writer");
        let state = State::open(&repo.local().cache, repo.id()).expect("state");
        let engine = Engine::new(&repo, Some(&writer), Some(state), &frequent, &notes).expect("engine");
        store_all(&engine, &writer, &sources, None).expect("store");
    }
    let second = place.backup();
    let total = 300 * 30_000;
    assert!(second.stats.read_bytes < total / 2, "{} of {total} read again", second.stats.read_bytes);
    place.compare(second.tree);
}

#[test]
fn missing_and_empty_sources_are_refused() {
    let place = Place::new();
    let code = |options: &BackupOptions, path: &str| {
        let made = backup(&place.repo(), &[place.source().join(path)], options, &Silent);
        made.map(|stats| stats.snapshot.is_some()).map_err(|error| error.code())
    };
    assert_eq!(code(&options(), ""), Err(Code::SnapshotInvalid));
    assert_eq!(code(&options(), "missing"), Err(Code::SnapshotInvalid));
    let allowing = BackupOptions { allow_empty: true, ..options() };
    assert_eq!(code(&allowing, ""), Ok(true));
    place.write("x.o", "1");
    let mut excluding = options();
    excluding.excludes.exclude = vec![b"*.o".to_vec()];
    assert_eq!(code(&excluding, ""), Err(Code::SnapshotInvalid));
    assert_eq!(code(&options(), ""), Ok(true));
    let none = backup(&place.repo(), &[], &options(), &Silent).map_err(|error| error.code());
    assert_eq!(none, Err(Code::InvalidArg));
}

#[test]
fn rules_reach_the_walk() {
    let place = Place::new();
    for name in
        ["a.o", "a.c", "big", "cache/x", "cache/CACHEDIR.TAG", "skip/tag", "skip/y", "sub/b.o", "sub/.larderignore"]
    {
        place.write(name, "x");
    }
    place.write("big", noise(5_000, 1));
    place.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    place.write("sub/.larderignore", "!*.o\nhidden\n");
    place.write("sub/hidden", "x");
    let mut options = options();
    options.excludes = ExcludeOptions {
        exclude: vec![b"*.o".to_vec()],
        include: vec![b"/sub/*.o".to_vec()],
        caches: true,
        if_present: vec![IfPresent::parse(b"tag").expect("sound")],
        larger_than_bytes: Some(4_000),
        ..ExcludeOptions::default()
    };
    let notes = Notes::default();
    let stats = place.backup_with(&options, &notes).expect("backup");
    let stored: Vec<_> =
        place.stored(stats.tree).into_keys().map(|name| String::from_utf8(name).expect("text")).collect();
    let expected =
        ["", "a.c", "cache", "cache/CACHEDIR.TAG", "skip", "skip/tag", "sub", "sub/.larderignore", "sub/b.o"];
    assert_eq!(stored, expected);
    let skipped = notes.items.lock().expect("lock").iter().filter(|(_, change)| *change == Change::Skipped).count();
    assert_eq!(skipped, 5);
}

#[test]
fn what_is_included_is_stored_from_beneath_what_is_left_out() {
    let place = Place::new();
    for name in ["node/keep/k.txt", "node/keep/other", "node/not/x", "node/wide/deep/x.o", "x/y", "k.txt"] {
        place.write(name, "x");
    }
    fs::create_dir_all(place.source().join("node/hollow")).expect("a directory");
    let stored = |exclude: &[&str], include: &[&str]| {
        let bytes = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect();
        let mut options = options();
        options.excludes =
            ExcludeOptions { exclude: bytes(exclude), include: bytes(include), ..ExcludeOptions::default() };
        let stats = place.backup_with(&options, &Silent)?;
        let names = place.stored(stats.tree).into_keys();
        Ok::<_, crate::error::Error>(names.map(|name| String::from_utf8(name).expect("text")).collect::<Vec<_>>())
    };
    let with_keep = ["", "k.txt", "node", "node/keep", "node/keep/k.txt", "x", "x/y"];
    assert_eq!(stored(&["node"], &["k.txt"]).expect("backup"), with_keep);
    // Again, with what the stat cache now knows.
    assert_eq!(stored(&["node"], &["k.txt"]).expect("backup"), with_keep);
    assert_eq!(stored(&["/node"], &["/node/keep/k.txt"]).expect("backup"), with_keep);
    let only = ["", "k.txt", "node", "node/keep", "node/keep/k.txt"];
    assert_eq!(stored(&["*"], &["k.txt"]).expect("backup"), only);
    let wide = ["", "node", "node/wide", "node/wide/deep", "node/wide/deep/x.o"];
    assert_eq!(stored(&["*"], &["wide/"]).expect("backup"), wide);
    assert_eq!(stored(&["*"], &["hollow"]).expect("backup"), ["", "node", "node/hollow"]);
    // Nothing is found though directories were entered: the source is empty, as without an include.
    let refused = stored(&["*"], &["nothing"]).map_err(|error| error.code());
    assert_eq!(refused, Err(Code::SnapshotInvalid));
    // Where something could not be read, that is told, and what there is gets its snapshot.
    let include = ExcludeOptions {
        exclude: vec![b"*".to_vec()],
        include: vec![b"nothing".to_vec()],
        ..ExcludeOptions::default()
    };
    let listed = vec![place.temp.path().join("not-there")];
    let stats = place.backup_with(&BackupOptions { excludes: include, listed, ..options() }, &Silent).expect("backup");
    assert!(stats.stats.errors == 1 && stats.snapshot.is_some());
}

#[test]
fn sources_may_be_files_overlap_and_be_reached_by_symlinks() {
    let place = Place::new();
    place.write("a/deep/file", "1");
    place.write("a/excluded/wanted/file", "2");
    place.write("a/excluded/other", "3");
    place.write("b/only", "4");
    place.write("b/not", "5");
    symlink("a", place.source().join("by link")).expect("link");
    let source = place.source();
    let paths = ["a", "a/excluded/wanted", "b/only", "by link"].map(|name| source.join(name));
    let mut options = options();
    options.excludes.exclude = vec![b"excluded".to_vec()];
    options.listed = vec![source.join("nothing here")];
    let notes = Notes::default();
    let stats = backup(&place.repo(), &paths, &options, &notes).expect("backup");
    assert_eq!(stats.stats.errors, 1, "the listed path that is missing");
    let stored: Vec<_> = place.stored(stats.tree).into_iter().collect();
    let names: Vec<_> = stored.iter().map(|(name, _)| std::str::from_utf8(name).expect("text")).collect();
    let expected = [
        "",
        "a",
        "a/deep",
        "a/deep/file",
        "a/excluded",
        "a/excluded/wanted",
        "a/excluded/wanted/file",
        "b",
        "b/only",
        "by link",
        "by link/deep",
        "by link/deep/file",
    ];
    assert_eq!(names, expected);
    assert_eq!(read_list(b"a\n\nb c\n", false), [Path::new("a"), Path::new("b c")]);
    assert_eq!(read_list(b"a\nb\0c", true), [Path::new("a\nb"), Path::new("c")]);
}

#[test]
fn an_unchanged_source_makes_no_snapshot_if_none_is_wanted() {
    let place = Place::new();
    place.write("x", "1");
    let skipping = BackupOptions { skip_if_unchanged: true, ..options() };
    let first = place.backup_with(&skipping, &Silent).expect("backup");
    // What leads to the source changes its time.
    fs::write(place.temp.path().join("beside"), "").expect("write");
    let second = place.backup_with(&skipping, &Silent).expect("backup");
    assert!(first.snapshot.is_some() && second.snapshot.is_none() && second.is_unchanged);
    place.write("x", "2");
    assert!(place.backup_with(&skipping, &Silent).expect("backup").snapshot.is_some());
}

#[test]
fn a_repository_is_not_backed_up_into_itself() {
    let temp = tempfile::tempdir().expect("temporary directory");
    let repo = repo_in(temp.path());
    fs::write(temp.path().join("file"), "x").expect("write");
    let notes = Notes::default();
    backup(&repo, &[temp.path().to_path_buf()], &options(), &notes).expect("backup");
    let items = notes.items.lock().expect("lock");
    assert!(items.iter().any(|(path, change)| path.ends_with("/repo") && *change == Change::Skipped), "{items:?}");
}

#[test]
fn rows_of_directories_that_are_gone_are_dropped() {
    let place = Place::new();
    place.write("keep/x", "1");
    let rows = || {
        let db = rusqlite::Connection::open(place.temp.path().join("repo/state.sqlite")).expect("open");
        db.query_row("SELECT count(*) FROM directories", [], |row| row.get::<_, i64>(0)).expect("count")
    };
    for n in 0..4 {
        (0..300).for_each(|m| place.write(&format!("gone/{n}.{m}/x"), ""));
        place.backup();
        fs::remove_dir_all(place.source().join("gone")).expect("remove");
    }
    place.backup();
    assert!(rows() < 400, "{} rows", rows());
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    everything(&place);
    place.settle();
    let dry = BackupOptions { dry_run: true, ..options() };
    let before = place.backup_with(&dry, &Silent).expect("dry run");
    assert_eq!((before.snapshot, before.tree), (None, None));
    assert!(place.repo().roots().expect("roots").is_empty());
    let real = place.backup();
    assert_eq!(before.stats.files_new, real.stats.files_new);
    place.write("small", "other");
    let notes = Notes::default();
    let after = place.backup_with(&dry, &notes).expect("dry run");
    assert_eq!((after.stats.files_changed, after.stats.files_new), (2, 0), "the file and its other name");
    assert_eq!(after.stats.files_unmodified, real.stats.files_new - 2);
}

#[test]
fn streams_and_commands_become_files() {
    let place = Place::new();
    let repo = place.repo();
    let bytes = noise(2 << 20, 9);
    let first = backup_stream(&repo, b"dump/db.sql", &mut &bytes[..], &options(), &Silent).expect("backup");
    let mut all = BTreeMap::new();
    collect(&repo, first.tree.expect("a tree"), b"", &mut all);
    assert_eq!(repo.read(&all[&b"/dump/db.sql"[..]].content.expect("content")).expect("stored"), bytes);
    let skipping = BackupOptions { skip_if_unchanged: true, ..options() };
    let again = backup_stream(&repo, b"/dump/db.sql", &mut &bytes[..], &skipping, &Silent).expect("backup");
    assert!(again.is_unchanged && again.parent == first.snapshot);

    let command = |words: &[&str]| {
        let mut command = std::process::Command::new(words[0]);
        command.args(&words[1..]);
        let made = backup_command(&repo, b"out", command, &options(), &Silent);
        made.map(|stats| stats.stats.read_bytes).map_err(|error| error.code())
    };
    assert_eq!(command(&["printf", "hello"]), Ok(5));
    assert_eq!(command(&["sh", "-c", "printf half; exit 3"]), Err(Code::TaskFailed));
    assert_eq!(command(&["/no/such/program"]), Err(Code::TaskFailed));
    assert_eq!(command(&["true"]), Err(Code::SnapshotInvalid));
    let bad = backup_stream(&repo, b"a/../b", &mut &bytes[..], &options(), &Silent).map_err(|error| error.code());
    assert_eq!(bad, Err(Code::InvalidArg));
}

#[test]
fn where_git_stood_is_noted() {
    let place = Place::new();
    place.write("tracked", "1");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=trunk"];
        let run = std::process::Command::new("git").args(identity).args(arguments).current_dir(place.source()).output();
        run.is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "-q"]) || !git(&["add", "tracked"]) || !git(&["commit", "-qm", "one"]) {
        return;
    }
    let path = place.source().join("sub");
    fs::create_dir(&path).expect("create");
    let clean = git_at(path.as_os_str().as_bytes()).expect("a work tree");
    assert_eq!((clean.branch.as_str(), clean.commit.len(), clean.is_dirty), ("trunk", 40, false));
    place.write("tracked", "2 and longer");
    assert!(git_at(path.as_os_str().as_bytes()).expect("a work tree").is_dirty);
}

#[test]
fn directories_nest_deeper_than_paths_are_long() {
    let place = Place::new();
    place.write("file", "x");
    let mut above = crate::walk::open_dir(CWD, place.source().as_path(), false).expect("open");
    for _ in 0..600 {
        rustix::fs::mkdirat(&above, c"directory", 0o755.into()).expect("create");
        above = crate::walk::open_dir(&above, c"directory", false).expect("open");
    }
    rustix::fs::symlinkat(c"target", &above, c"link").expect("link");
    let first = place.backup();
    assert_eq!((first.stats.errors, first.stats.others), (0, 1));
    let deepest = place.stored(first.tree).into_iter().find(|(path, _)| path.ends_with(b"directory/link"));
    assert_eq!(deepest.map(|(_, entry)| entry.target), Some(b"target".to_vec()));
    assert_eq!(place.backup().stats.errors, 0);
}

#[test]
fn fail_fast_ends_at_the_first_item_that_cannot_be_read() {
    let place = Place::new();
    place.write("small", "content");
    place.settle();
    let missing = vec![place.temp.path().join("not-there")];
    let slow = place.backup_with(&BackupOptions { listed: missing.clone(), ..options() }, &Silent).expect("goes on");
    assert_eq!(slow.stats.errors, 1);
    assert!(slow.snapshot.is_some());
    let fast = BackupOptions { listed: missing, fail_fast: true, ..options() };
    assert_eq!(place.backup_with(&fast, &Silent).expect_err("ends").code(), Code::FileNotFound);
    assert_eq!(place.repo().roots().expect("roots").len(), 1);
}
