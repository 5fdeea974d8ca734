//! What is restored is what was stored, and nothing else is touched. A restored directory is stored again: equal tree
//! ids mean that names, contents, holes, owners, modes, times, attributes and links are all equal.

use super::*;
use crate::error::Code;
use crate::monitor::{Change, Event, Silent};
use crate::repo::tests::{reopen, repo_in};
use crate::stored::tests::{Stored, TOP, store, store_with};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// A repository, a directory to store, and one to restore into.
struct Bench {
    temp: TempDir,
    repo: Repo,
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("a directory");
        let repo = repo_in(temp.path());
        fs::create_dir(temp.path().join("in")).expect("create");
        Bench { repo, temp }
    }

    fn source(&self) -> PathBuf {
        self.temp.path().join("in")
    }

    fn target(&self) -> PathBuf {
        self.temp.path().join("out")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("create");
        fs::write(path, content).expect("write");
    }

    fn restore(&self, stored: Stored, options: &RestoreOptions) -> RestoreStats {
        self.restore_with(stored, TOP, options, &Silent)
    }

    fn restore_with(
        &self,
        stored: Stored,
        path: &[u8],
        options: &RestoreOptions,
        monitor: &dyn Monitor,
    ) -> RestoreStats {
        let source = RestoreSource { tree: stored.tree, links: stored.links, path, sources: &[] };
        restore(&self.repo, &source, &self.target(), options, monitor).expect("restore")
    }

    /// The target, stored again, is the same tree; else says where it differs.
    fn assert_equal(&self, stored: Stored) {
        let again = store(&self.repo, &self.target());
        if (again.tree, again.links) == (stored.tree, stored.links) {
            return;
        }
        let list = |tree: &Id| {
            let mut lines = Vec::new();
            let each = &mut |path: &[u8], entry: &Entry| {
                lines.push(format!("{} {entry:?}", path.escape_ascii()));
                Ok(crate::stored::Descend::Into)
            };
            crate::stored::walk_tree(&self.repo, tree, each).expect("walk");
            lines
        };
        let (was, is) = (list(&stored.tree), list(&again.tree));
        let lost: Vec<_> = was.iter().filter(|line| !is.contains(line)).collect();
        let found: Vec<_> = is.iter().filter(|line| !was.contains(line)).collect();
        panic!("lost {lost:#?}\nfound {found:#?}\nlinks {:?} {:?}", stored.links, again.links);
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.target().join(name)).expect("read")
    }
}

/// Notes what happened to each path.
#[derive(Default)]
struct Notes(Mutex<(BTreeMap<String, Change>, BTreeMap<String, String>)>);

impl Monitor for Notes {
    fn event(&self, event: &Event<'_>) {
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let mut notes = self.0.lock().expect("unpoisoned");
        match event {
            Event::Item { path, change, .. } => drop(notes.0.insert(text(path), *change)),
            Event::Failed { path, error } => {
                let mut chain = error.to_string();
                let mut next = std::error::Error::source(error);
                while let Some(cause) = next {
                    chain = format!("{chain}: {cause}");
                    next = cause.source();
                }
                notes.1.insert(text(path), chain);
            }
            _ => {}
        }
    }
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2) | 1;
    let step = |_| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    (0..len).map(step).collect()
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED: this test needs root");
    }
    root
}

fn set_mtime(path: &Path, nanoseconds: u64) {
    let file = File::open(path).expect("open");
    file.set_modified(UNIX_EPOCH + Duration::from_nanos(nanoseconds)).expect("set times");
}

/// Fills a directory with everything there is.
fn fill(bench: &Bench) {
    let dir = bench.source();
    for (name, len) in [("empty", 0), ("one", 1), ("chunk", 1024), ("more", 1025), ("deep/er/big", 300_000)] {
        bench.write(name, noise(len, len as u64));
    }
    bench.write("again", noise(1025, 1025));
    fs::write(dir.join(OsStr::from_bytes(b"not\xfftext\n")), "x").expect("write");
    fs::create_dir_all(dir.join("hollow/inner")).expect("create");
    symlink("../nowhere", dir.join("deep/link")).expect("symlink");
    fs::hard_link(dir.join("more"), dir.join("deep/hard")).expect("link");
    fs::hard_link(dir.join("more"), dir.join("also")).expect("link");
    fs::hard_link(dir.join("deep/link"), dir.join("deep/link2")).expect("link");
    let sparse = File::create(dir.join("sparse")).expect("create");
    sparse.write_all_at(&noise(70_000, 3), 1 << 20).expect("write");
    sparse.set_len(3 << 20).expect("set the length");
    File::create(dir.join("hole")).expect("create").set_len(1 << 20).expect("set the length");
    mknodat(CWD, dir.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).expect("mknod");
    mknodat(CWD, dir.join("deep/socket"), FileType::Socket, Mode::from_raw_mode(0o755), 0).expect("mknod");
    fs::set_permissions(dir.join("one"), fs::Permissions::from_mode(0o400)).expect("chmod");
    fs::set_permissions(dir.join("hollow"), fs::Permissions::from_mode(0o555)).expect("chmod");
    setxattr(dir.join("chunk"), "user.small", b"value", XattrFlags::empty()).expect("setxattr");
    setxattr(dir.join("deep"), "user.large", &noise(2000, 9), XattrFlags::empty()).expect("setxattr");
}

/// What only root can make.
fn fill_as_root(bench: &Bench) {
    let dir = bench.source();
    let device = makedev(1, 3);
    mknodat(CWD, dir.join("null"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), device).expect("mknod");
    mknodat(CWD, dir.join("deep/disk"), FileType::BlockDevice, Mode::from_raw_mode(0o600), makedev(7, 1))
        .expect("mknod");
    std::os::unix::fs::chown(dir.join("chunk"), Some(12), Some(34)).expect("chown");
    std::os::unix::fs::lchown(dir.join("deep/link"), Some(1), Some(2)).expect("chown");
    std::os::unix::fs::chown(dir.join("deep"), Some(5), Some(6)).expect("chown");
    fs::set_permissions(dir.join("chunk"), fs::Permissions::from_mode(0o6755)).expect("chmod");
    fs::set_permissions(dir.join("deep"), fs::Permissions::from_mode(0o3770)).expect("chmod");
    setxattr(dir.join("one"), "trusted.t", b"1", XattrFlags::empty()).expect("setxattr");
    // Version 2, user::rw-, user:7:r--, group::r--, mask::r--, other::---
    let acl = acl(&[(1, 6, u32::MAX), (2, 4, 7), (4, 4, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)]);
    setxattr(dir.join("again"), "system.posix_acl_access", &acl, XattrFlags::empty()).expect("setxattr");
    setxattr(dir.join("deep/er"), "system.posix_acl_default", &acl, XattrFlags::empty()).expect("setxattr");
    // A capability: revision 2, cap_net_raw permitted and effective.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    setxattr(dir.join("empty"), "security.capability", &capability, XattrFlags::empty()).expect("setxattr");
}

fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn everything_comes_back() {
    if !is_root() {
        return;
    }
    let bench = Bench::new();
    fill(&bench);
    fill_as_root(&bench);
    set_mtime(&bench.source().join("chunk"), 1_234_567_890_123_456_789);
    set_mtime(&bench.source().join("deep"), 987_654_321);
    set_mtime(&bench.source(), 5_000_000_001);
    let stored = store(&bench.repo, &bench.source());
    let stats = bench.restore(stored, &RestoreOptions { verify: true, ..RestoreOptions::default() });
    assert_eq!((stats.errors, stats.metadata_missed, stats.hard_links), (0, 0, 3));
    bench.assert_equal(stored);
    let (more, also) = (bench.target().join("more"), bench.target().join("also"));
    assert_eq!(fs::metadata(more).expect("stat").ino(), fs::metadata(also).expect("stat").ino());
    let sparse = fs::metadata(bench.target().join("sparse")).expect("stat");
    assert!(sparse.blocks() * 512 < 200_000, "{} blocks", sparse.blocks());
    assert_eq!(stats.verified, stats.files);
    // A second time there is nothing to do, by time and by content.
    for overwrite in [Overwrite::IfChanged, Overwrite::Always] {
        let stats = bench.restore(stored, &RestoreOptions { overwrite, ..RestoreOptions::default() });
        assert_eq!((stats.files, stats.others, stats.hard_links, stats.bytes_fetched, stats.errors), (0, 0, 0, 0, 0));
        bench.assert_equal(stored);
    }
}

#[test]
fn in_place_only_what_differs_is_fetched() {
    let bench = Bench::new();
    bench.write("big", noise(400_000, 1));
    bench.write("small", noise(500, 2));
    bench.write("same", noise(600, 3));
    let stored = store(&bench.repo, &bench.source());
    bench.restore(stored, &RestoreOptions::default());
    let inode = |name| fs::metadata(bench.target().join(name)).expect("stat").ino();
    let (same, big) = (inode("same"), inode("big"));
    let mut changed = bench.read("big");
    changed[200_000] ^= 1;
    fs::write(bench.target().join("big"), &changed).expect("write");
    fs::write(bench.target().join("small"), "other").expect("write");
    fs::set_permissions(bench.target().join("same"), fs::Permissions::from_mode(0o711)).expect("chmod");
    let notes = Notes::default();
    let stats = bench.restore_with(stored, TOP, &RestoreOptions::default(), &notes);
    assert_eq!((stats.files, stats.errors), (3, 0));
    assert!(stats.bytes_fetched < 10_000, "{} bytes", stats.bytes_fetched);
    assert!(stats.bytes_kept > 390_000, "{} bytes", stats.bytes_kept);
    assert_eq!(inode("same"), same, "metadata is set in place");
    assert_ne!(inode("big"), big, "content is replaced whole");
    bench.assert_equal(stored);
    // Appended to, cut short, and turned into something else.
    fs::write(bench.target().join("big"), [noise(400_000, 1), vec![7; 9]].concat()).expect("write");
    fs::write(bench.target().join("small"), "").expect("write");
    fs::remove_file(bench.target().join("same")).expect("remove");
    symlink("/etc/passwd", bench.target().join("same")).expect("symlink");
    let stats = bench.restore(stored, &RestoreOptions::default());
    assert_eq!((stats.files, stats.errors, stats.bytes_fetched), (3, 0, 1100));
    bench.assert_equal(stored);
}

#[test]
fn overwrite_rules_hold() {
    let bench = Bench::new();
    bench.write("file", "stored");
    set_mtime(&bench.source().join("file"), 2_000_000_000_000_000_000);
    let stored = store(&bench.repo, &bench.source());
    let run = |overwrite, mtime: Option<u64>| {
        let path = bench.target().join("file");
        fs::create_dir_all(bench.target()).expect("create");
        fs::write(&path, "locals").expect("write");
        mtime.into_iter().for_each(|mtime| set_mtime(&path, mtime));
        let stats = bench.restore(stored, &RestoreOptions { overwrite, ..RestoreOptions::default() });
        (bench.read("file") == b"stored", stats.skipped)
    };
    let (older, equal, newer) = (1_000_000_000_000_000_000, 2_000_000_000_000_000_000, 3_000_000_000_000_000_000);
    assert_eq!(run(Overwrite::Never, Some(older)), (false, 1));
    assert_eq!(run(Overwrite::IfNewer, Some(newer)), (false, 1));
    assert_eq!(run(Overwrite::IfNewer, Some(older)), (true, 0));
    assert_eq!(run(Overwrite::IfChanged, Some(newer)), (true, 0));
    assert_eq!(run(Overwrite::IfChanged, Some(equal)), (false, 0), "size and time are believed");
    assert_eq!(run(Overwrite::Always, Some(equal)), (true, 0));
}

#[test]
fn delete_removes_what_is_not_stored_and_only_there() {
    let bench = Bench::new();
    bench.write("keep/file", "x");
    bench.write("was_dir", "now a file");
    let stored = store(&bench.repo, &bench.source());
    let prepare = || {
        fs::create_dir_all(bench.target().join("keep/old/deep")).expect("create");
        fs::create_dir_all(bench.target().join("was_dir/x")).expect("create");
        fs::write(bench.target().join("keep/old/deep/f"), "x").expect("write");
        fs::write(bench.target().join("keep/spare.tmp"), "x").expect("write");
        fs::write(bench.temp.path().join("outside"), "x").expect("write");
        symlink(bench.temp.path(), bench.target().join("keep/out")).expect("symlink");
    };
    prepare();
    let stats = bench.restore(stored, &RestoreOptions::default());
    assert_eq!((stats.deleted, stats.errors), (0, 1), "a full directory stands where a file should be");
    let delete = RestoreOptions { delete: true, exclude: vec![b"*.tmp".to_vec()], ..RestoreOptions::default() };
    let dry = bench.restore(stored, &RestoreOptions { dry_run: true, ..delete.clone() });
    assert_eq!((dry.deleted, dry.errors), (4, 0), "as many as without a dry run");
    assert!(bench.target().join("keep/old/deep/f").exists());
    let stats = bench.restore(stored, &delete);
    assert_eq!((stats.deleted, stats.errors), (4, 0));
    assert_eq!(bench.read("was_dir"), b"now a file");
    assert!(bench.target().join("keep/spare.tmp").exists() && bench.temp.path().join("outside").exists());
    assert!(!bench.target().join("keep/old").exists() && !bench.target().join("keep/out").is_symlink());
    // Above the sources the snapshot knows directories only in part.
    fs::write(bench.target().join("stranger"), "x").expect("write");
    let source = RestoreSource { tree: stored.tree, links: None, path: b"", sources: &[b"/src/keep".to_vec()] };
    fs::create_dir_all(bench.target().join("src/keep/old")).expect("create");
    fs::write(bench.target().join("src/other"), "x").expect("write");
    let options = RestoreOptions { delete: true, ..RestoreOptions::default() };
    let stats = restore(&bench.repo, &source, &bench.target(), &options, &Silent).expect("restore");
    assert_eq!((stats.deleted, stats.errors), (1, 0));
    assert!(bench.target().join("stranger").exists() && bench.target().join("src/other").exists());
}

#[test]
fn rules_choose_and_dry_runs_write_nothing() {
    let bench = Bench::new();
    for name in ["a/x.rs", "a/y.c", "b/z.c", "b/target/o.rs"] {
        bench.write(name, name);
    }
    let stored = store(&bench.repo, &bench.source());
    let options = RestoreOptions {
        include: vec![b"*.rs".to_vec()],
        exclude: vec![b"target".to_vec()],
        dry_run: true,
        ..RestoreOptions::default()
    };
    let notes = Notes::default();
    let stats = bench.restore_with(stored, TOP, &options, &notes);
    assert_eq!((stats.files, stats.errors), (1, 0));
    assert!(!bench.target().exists());
    assert_eq!(notes.0.lock().expect("unpoisoned").0, BTreeMap::from([("/src/a/x.rs".to_string(), Change::New)]));
    bench.restore(stored, &RestoreOptions { dry_run: false, ..options });
    assert!(bench.target().join("a/x.rs").exists() && !bench.target().join("b").exists());
    assert!(!bench.target().join("a/y.c").exists());
}

#[test]
fn a_single_file_goes_into_the_target() {
    let bench = Bench::new();
    bench.write("a/file", "x");
    bench.write("a/other", "y");
    let stored = store(&bench.repo, &bench.source());
    let stats = bench.restore_with(stored, b"/src/a/file", &RestoreOptions::default(), &Silent);
    assert_eq!((stats.files, stats.errors), (1, 0));
    assert_eq!(fs::read_dir(bench.target()).expect("list").count(), 1);
    let source = RestoreSource { tree: stored.tree, links: None, path: b"/src/none", sources: &[] };
    let absent = restore(&bench.repo, &source, &bench.target(), &RestoreOptions::default(), &Silent);
    assert_eq!(absent.expect_err("absent").code(), Code::FileNotFound);
    fs::write(bench.temp.path().join("plain"), "").expect("write");
    let source = RestoreSource { path: b"/src", ..source };
    let onto = restore(&bench.repo, &source, &bench.temp.path().join("plain"), &RestoreOptions::default(), &Silent);
    assert_eq!(onto.expect_err("a file").code(), Code::InvalidArg);
}

#[test]
fn symlinks_in_the_target_lead_nowhere() {
    let bench = Bench::new();
    bench.write("dir/inner/file", "stored");
    bench.write("file", "stored");
    let stored = store(&bench.repo, &bench.source());
    let outside = bench.temp.path().join("outside");
    fs::create_dir_all(outside.join("inner")).expect("create");
    fs::write(outside.join("victim"), "untouched").expect("write");
    fs::create_dir(bench.target()).expect("create");
    symlink(&outside, bench.target().join("dir")).expect("symlink");
    symlink(outside.join("victim"), bench.target().join("file")).expect("symlink");
    let never = RestoreOptions { overwrite: Overwrite::Never, ..RestoreOptions::default() };
    let stats = bench.restore(stored, &never);
    assert_eq!((stats.files, stats.errors), (0, 0));
    assert!(bench.target().join("dir").is_symlink());
    let stats = bench.restore(stored, &RestoreOptions { delete: true, ..RestoreOptions::default() });
    assert_eq!((stats.files, stats.errors), (2, 0));
    assert_eq!(fs::read(outside.join("victim")).expect("read"), b"untouched");
    assert_eq!(fs::read_dir(outside.join("inner")).expect("list").count(), 0);
    bench.assert_equal(stored);
}

#[test]
fn damage_fails_one_file_and_leaves_no_half() {
    let bench = Bench::new();
    for number in 0..40 {
        bench.write(&format!("d{}/f{number}", number % 3), noise(3_000 + number * 100, number as u64 + 1));
    }
    let stored = store(&bench.repo, &bench.source());
    let victim = crate::stored::require(&bench.repo, &stored.tree, b"/src/d0/f6").expect("there");
    let pack = largest_pack(&bench.temp.path().join("repo/packs"));
    let mut bytes = fs::read(&pack).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&pack, bytes).expect("write");
    let notes = Notes::default();
    let bench = Bench { repo: reopen(bench.temp.path()), temp: bench.temp };
    let stats = bench.restore_with(stored, TOP, &RestoreOptions::default(), &notes);
    assert!(stats.damaged > 0 && stats.damaged == stats.errors, "{stats:?}");
    let notes = notes.0.into_inner().expect("unpoisoned");
    let mut whole = 0;
    for number in 0..40 {
        let name = format!("d{}/f{number}", number % 3);
        match fs::read(bench.target().join(&name)) {
            Ok(content) => {
                assert!(content == noise(3_000 + number * 100, number as u64 + 1), "{name} is whole or absent");
                whole += 1;
            }
            Err(_) => {
                let told = &notes.1[&format!("/src/{name}")];
                let pack = pack.file_name().expect("a name").to_string_lossy();
                assert!(told.contains("object") && told.contains(&*pack), "{told}");
            }
        }
    }
    assert_eq!(whole + stats.errors, 40);
    let left = walkdir::WalkDir::new(bench.target())
        .into_iter()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().as_bytes().starts_with(b".larder")));
    assert_eq!(left.count(), 0);
    assert!(victim.content.is_some());
}

fn largest_pack(dir: &Path) -> PathBuf {
    let files = walkdir::WalkDir::new(dir).into_iter().filter_map(|entry| entry.ok());
    let files = files.filter(|entry| entry.file_type().is_file());
    files.max_by_key(|entry| entry.metadata().expect("stat").len()).expect("a pack").into_path()
}

#[test]
fn trees_that_lie_are_caught() {
    let bench = Bench::new();
    bench.write("long", noise(5_000, 1));
    bench.write("short", noise(500, 2));
    bench.write("sound", "x");
    let lie = |entry: &mut Entry| match entry.name.as_slice() {
        b"long" => entry.size += 1,
        b"short" => entry.size -= 1,
        _ => {}
    };
    let stored = store_with(&bench.repo, &bench.source(), &lie);
    let stats = bench.restore(stored, &RestoreOptions::default());
    assert_eq!((stats.files, stats.damaged), (1, 2));
    assert_eq!(fs::read_dir(bench.target()).expect("list").count(), 1);
}

#[test]
fn without_nameless_files_and_with_sparse_output() {
    let bench = Bench::new();
    bench.write("zeros", vec![0; 500_000]);
    bench.write("mixed", [noise(5_000, 1), vec![0; 100_000], noise(3, 2)].concat());
    let stored = store(&bench.repo, &bench.source());
    let options = RestoreOptions { sparse: true, verify: true, ..RestoreOptions::default() };
    let stats = bench.restore(stored, &options);
    assert_eq!((stats.files, stats.verified, stats.errors), (2, 2, 0));
    let blocks = |name| fs::metadata(bench.target().join(name)).expect("stat").blocks() * 512;
    assert!(blocks("zeros") == 0 && blocks("mixed") < 30_000, "{} {}", blocks("zeros"), blocks("mixed"));
    fs::remove_dir_all(bench.target()).expect("remove");
    let report = Report::new(&Silent, false, false);
    let options = RestoreOptions::default();
    let target = Target::new(&bench.repo, &bench.target(), b"", &options, report).expect("target");
    target.unnamed.store(false, std::sync::atomic::Ordering::Relaxed);
    let dir = target.open(None, b"").expect("open");
    let half = output::Output::create(&target, &dir, 0o644, b"half").expect("create");
    half.write_at(b"x", 0).expect("write");
    let names =
        || fs::read_dir(bench.target()).expect("list").map(|e| e.expect("entry").file_name()).collect::<Vec<_>>();
    assert!(names().iter().all(|name| name.as_bytes().starts_with(b".larder-")), "{:?}", names());
    drop(half);
    assert!(names().is_empty());
    let mut whole = output::Output::create(&target, &dir, 0o644, b"whole").expect("create");
    whole.publish(&target, b"whole", None).expect("publish");
    assert_eq!(names(), ["whole"]);
}

#[test]
fn links_survive_choices() {
    let bench = Bench::new();
    bench.write("a/one", noise(2_000, 5));
    bench.write("b/x", "");
    fs::hard_link(bench.source().join("a/one"), bench.source().join("b/two")).expect("link");
    fs::hard_link(bench.source().join("a/one"), bench.source().join("c")).expect("link");
    let stored = store(&bench.repo, &bench.source());
    // The first name is not restored: the second one carries the content.
    let options = RestoreOptions { exclude: vec![b"/a".to_vec()], ..RestoreOptions::default() };
    let stats = bench.restore(stored, &options);
    assert_eq!((stats.files, stats.hard_links, stats.errors), (2, 1, 0));
    // What is there and stays is nobody's other name.
    fs::remove_file(bench.target().join("c")).expect("remove");
    fs::create_dir_all(bench.target().join("a")).expect("create");
    fs::write(bench.target().join("a/one"), "mine").expect("write");
    let never = RestoreOptions { overwrite: Overwrite::Never, ..RestoreOptions::default() };
    let stats = bench.restore(stored, &never);
    assert_eq!((stats.files, stats.hard_links, stats.errors), (1, 0, 0));
    assert_eq!((bench.read("a/one"), bench.read("c")), (b"mine".to_vec(), noise(2_000, 5)));
    let stats = bench.restore(stored, &RestoreOptions::default());
    assert_eq!((stats.files, stats.hard_links, stats.errors), (1, 2, 0));
    bench.assert_equal(stored);
    // A dry run says the same of other names as of first ones.
    let dry = RestoreOptions { dry_run: true, ..RestoreOptions::default() };
    let stats = bench.restore(stored, &dry);
    assert_eq!((stats.files, stats.hard_links, stats.unmodified), (0, 0, 4));
    fs::write(bench.target().join("c"), noise(3_000, 6)).expect("write");
    let stats = bench.restore(stored, &dry);
    assert_eq!((stats.files, stats.hard_links, stats.unmodified), (1, 2, 1));
    assert_eq!(bench.read("a/one"), noise(3_000, 6));
}

#[test]
fn owners_go_by_name_and_strictness_counts() {
    if !is_root() {
        return;
    }
    let bench = Bench::new();
    bench.write("file", "x");
    let rewrite = |entry: &mut Entry| {
        let Some(meta) = &mut entry.meta else { return };
        (meta.uid, meta.gid) = (4242, 4243);
        (meta.owner, meta.group) = (Some("daemon".into()), Some("no such group here".into()));
        if entry.name == b"file" {
            entry.xattrs = crate::tree::Xattrs::Inline(vec![(b"nonsense.x".to_vec(), b"y".to_vec())]);
        }
    };
    let stored = store_with(&bench.repo, &bench.source(), &rewrite);
    let owners = |owners| {
        let options = RestoreOptions { owners, ..RestoreOptions::default() };
        let stats = bench.restore(stored, &options);
        assert_eq!((stats.errors, stats.metadata_missed), (0, 1));
        let stat = fs::metadata(bench.target().join("file")).expect("stat");
        (stat.uid(), stat.gid())
    };
    assert_eq!(owners(Owners::Nobody), (0, 0));
    assert_eq!(owners(Owners::Numeric), (4242, 4243));
    assert_eq!(owners(Owners::Names), (1, 4243));
    let options = RestoreOptions { strict_metadata: true, ..RestoreOptions::default() };
    let stats = bench.restore(stored, &options);
    assert_eq!((stats.errors, stats.damaged), (1, 0));
}

#[test]
fn a_restore_that_is_stopped_leaves_nothing_half() {
    struct Stopping(std::sync::atomic::AtomicU64);
    impl Monitor for Stopping {
        fn event(&self, event: &Event<'_>) {
            if let Event::Advance { .. } = event {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }

        fn is_cancelled(&self) -> bool {
            self.0.load(std::sync::atomic::Ordering::Relaxed) > 5
        }
    }
    let bench = Bench::new();
    for number in 0..30 {
        bench.write(&format!("f{number}"), noise(200 * number, number as u64));
    }
    let stored = store(&bench.repo, &bench.source());
    let stats = bench.restore_with(stored, TOP, &RestoreOptions::default(), &Stopping(0.into()));
    assert!(stats.cancelled && stats.files < 30 && stats.errors == 0, "{stats:?}");
    for entry in fs::read_dir(bench.target()).expect("list") {
        let name = entry.expect("entry").file_name();
        let number: usize = name.to_str().and_then(|name| name[1..].parse().ok()).expect("f and a number");
        assert!(bench.read(&format!("f{number}")) == noise(200 * number, number as u64), "f{number}");
    }
    bench.restore(stored, &RestoreOptions::default());
    bench.assert_equal(stored);
}

#[test]
fn what_larder_stands_on_stays_as_it_is() {
    let bench = Bench::new();
    bench.write("keep/file", "x");
    bench.write("key", "of yesterday");
    let stored = store(&bench.repo, &bench.source());
    // The target has the repository of the bench far beneath it, found by a symlink, and a key that is in use.
    let temp = bench.temp.path();
    let write = |name: &str| {
        fs::create_dir_all(temp.join(name).parent().expect("a parent")).expect("create");
        fs::write(temp.join(name), "x").expect("write");
    };
    ["new", "out/other/x", "out/way/y", "out/way/z/f", "out/key"].iter().for_each(|name| write(name));
    fs::create_dir(temp.join("out/way/to")).expect("create");
    fs::rename(temp.join("repo"), temp.join("out/way/to/repo")).expect("rename");
    symlink("out/way/to/repo", temp.join("repo")).expect("symlink");
    let listing = || {
        let mut all = Vec::new();
        let mut todo = vec![temp.join("out/way/to/repo")];
        while let Some(dir) = todo.pop() {
            for entry in fs::read_dir(dir).expect("list").map(|entry| entry.expect("entry")) {
                let is_dir = entry.file_type().expect("type").is_dir();
                if is_dir { todo.push(entry.path()) } else { all.push(entry.path()) }
            }
        }
        // What reading alone makes is left out.
        all.retain(|path| {
            ["/packs/", "/keys/", "/index/", "/config.toml"].iter().any(|part| path.to_string_lossy().contains(part))
        });
        all.sort();
        all
    };
    let before = listing();
    let own = vec![temp.join("out/key"), temp.join("nowhere")];
    let delete = RestoreOptions { delete: true, own, ..RestoreOptions::default() };
    for (dry_run, deleted) in [(true, 5), (false, 5), (false, 0)] {
        let stats = bench.restore(stored, &RestoreOptions { dry_run, ..delete.clone() });
        assert_eq!((stats.deleted, stats.skipped, stats.errors), (deleted, 1, 0), "dry run: {dry_run}");
    }
    assert_eq!((bench.read("key"), bench.read("keep/file")), (b"x".to_vec(), b"x".to_vec()));
    assert!(!temp.join("out/other").exists() && !temp.join("out/way/y").exists());
    assert_eq!(listing(), before);
    // Neither it nor a directory on the way to it is replaced by something else.
    bench.write("way", "a file");
    let stored = store(&bench.repo, &bench.source());
    let before = listing();
    let notes = Notes::default();
    let stats = bench.restore_with(stored, TOP, &delete, &notes);
    assert_eq!((stats.deleted, stats.errors, stats.unmodified), (0, 1, 1));
    assert!(notes.0.lock().expect("unpoisoned").1.keys().any(|path| path.ends_with("/way")));
    assert_eq!(listing(), before);
}

#[test]
fn nothing_is_restored_into_the_repository() {
    let bench = Bench::new();
    bench.write("repo/file", "x");
    let stored = store(&bench.repo, &bench.source());
    let temp = bench.temp.path();
    symlink("repo/packs", temp.join("link")).expect("symlink");
    let source = RestoreSource { tree: stored.tree, links: stored.links, path: TOP, sources: &[] };
    let into = |name: &str| restore(&bench.repo, &source, &temp.join(name), &RestoreOptions::default(), &Silent);
    for name in ["repo", "repo/new/er", "repo/packs", "link", "link/new", "in/../repo", "new/../repo"] {
        let refused = into(name).map_err(|error| error.code());
        assert_eq!(refused, Err(Code::InvalidArg), "{name}");
    }
    assert!(!temp.join("repo/new").exists() && !temp.join("repo/repo").exists() && !temp.join("repo/file").exists());
    // A directory of the snapshot that would be the repository is passed over.
    let stats = into(".").expect("restore");
    assert_eq!((stats.files, stats.skipped, stats.errors), (0, 1, 0));
    assert!(!temp.join("repo/file").exists());
}
