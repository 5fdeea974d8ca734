//! Results captured and put back: nothing lost, nothing written elsewhere, nothing half.

use super::*;
use crate::backend::{Fault, FaultBackend, MemBackend, Plan};
use crate::object::Kind;
use crate::repo::tests::faults::repo_over_new;
use crate::repo::tests::{repo_in, writer_options};
use crate::run::outputs::{Clearing, Started};
use crate::run::pattern::Pattern;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const ALL: &(dyn Fn(&[u8]) -> bool + Sync) = &|_| true;
const NOTHING: &(dyn Fn(&[u8]) -> bool + Sync) = &|_| false;

/// A repository and a project beside it.
struct Scene {
    dir: tempfile::TempDir,
    repo: Repo,
    tree: WorkTree,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("project")).expect("create");
    let repo = repo_in(dir.path());
    scene_of(dir, repo)
}

fn scene_of(dir: tempfile::TempDir, repo: Repo) -> Scene {
    let tree = WorkTree::open(&dir.path().join("project")).expect("open");
    Scene { dir, repo, tree }
}

impl Scene {
    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join("project").join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().expect("a parent")).expect("create");
        fs::write(self.at(path), content).expect("write");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| format!("{path}: {error}"))
    }

    /// Captures and stores.
    fn store(&self, outputs: &[Pattern]) -> Captured {
        self.store_with(outputs, &CaptureOptions::default())
    }

    fn store_with(&self, outputs: &[Pattern], options: &CaptureOptions) -> Captured {
        self.store_by(outputs, options, false)
    }

    fn store_by(&self, outputs: &[Pattern], options: &CaptureOptions, is_wary: bool) -> Captured {
        let writer = self.repo.writer(&writer_options()).expect("writer");
        let mut putter = writer.putter();
        putter.set_wary(is_wary);
        let captured = capture(Some(&mut putter), &self.tree, outputs, options).expect("capture");
        drop(putter);
        writer.finish().expect("finish");
        captured
    }

    fn place(&self, result: &ResultTree, outputs: &[Pattern], made: &(dyn Fn(&[u8]) -> bool + Sync)) -> Result<Placed> {
        self.place_with(result, outputs, &Clearing::new(&self.tree, made, None))
    }

    fn place_with(&self, result: &ResultTree, outputs: &[Pattern], clearing: &Clearing<'_>) -> Result<Placed> {
        let answer = Mutex::new(None);
        let wants = [Wanted { task: 7, tree: result, outputs }];
        place(&self.repo, clearing, &wants, &options(), &|task, placed| {
            assert_eq!(task, 7);
            assert!(answer.lock().expect("lock").replace(placed).is_none(), "told once");
        })?;
        answer.into_inner().expect("lock").expect("told")
    }

    fn clear(&self) {
        for entry in fs::read_dir(self.at("")).expect("list").flatten() {
            match entry.file_type().expect("type").is_dir() {
                true => fs::remove_dir_all(entry.path()).expect("remove"),
                false => fs::remove_file(entry.path()).expect("remove"),
            }
        }
    }
}

fn options() -> PlaceOptions<'static> {
    PlaceOptions { jobs: 2, is_stopped: &|| false }
}

fn paths(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text, b"").expect(text)).collect()
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// Everything in a project but larder's own: paths with type, executable bit, content or text.
fn seen(root: &Path) -> Vec<(PathBuf, String)> {
    let walked = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
    let walked = walked.filter_entry(|entry| entry.file_name() != ".larder");
    let of = |entry: walkdir::DirEntry| {
        let meta = entry.metadata().expect("metadata");
        let what = if meta.is_dir() {
            format!("dir {:o}", meta.mode() & 0o777)
        } else if meta.is_symlink() {
            format!("link {:?}", fs::read_link(entry.path()).expect("link"))
        } else {
            format!("file {:o} {}", meta.mode() & 0o7777, hash(&fs::read(entry.path()).expect("read")))
        };
        (entry.path().strip_prefix(root).expect("inside").to_path_buf(), what)
    };
    walked.map(|entry| of(entry.expect("walk"))).collect()
}

/// One of everything that a result can have.
fn everything(scene: &Scene) -> Vec<Pattern> {
    scene.write("out/prog", noise(700, 1));
    fs::set_permissions(scene.at("out/prog"), fs::Permissions::from_mode(0o755)).expect("mode");
    scene.write("out/empty", "");
    scene.write("out/large", noise(60_000, 2));
    scene.write("out/a name with\na newline and ünicode", "text");
    fs::write(scene.at("out").join(std::ffi::OsStr::from_bytes(b"not \xff text")), "x").expect("write");
    fs::create_dir_all(scene.at("out/deep/er/none")).expect("create");
    scene.write("out/deep/er/file", "deep");
    symlink("../prog", scene.at("out/deep/link")).expect("link");
    symlink("nowhere", scene.at("out/dangling")).expect("link");
    // `a-b` sorts before `a/b` as text, and after it in a tree.
    scene.write("out/a/b", "1");
    scene.write("out/a-b", "2");
    scene.write("gen/x.o", "x");
    scene.write("gen/y.o", "y");
    scene.write("gen/keep.txt", "not an output");
    paths(&["out", "gen/*.o"])
}

#[test]
fn what_a_hit_leaves_is_what_the_run_left() {
    let scene = scene();
    let outputs = everything(&scene);
    let captured = scene.store(&outputs);
    assert!(captured.missing.is_empty() && captured.unmatched.is_empty() && captured.refused.is_empty());
    assert!(captured.loss.is_empty(), "{:?}", captured.loss);
    assert_eq!(captured.stats.len(), captured.tree.entries.len());
    assert_eq!(read(&scene.repo, &captured.tree.id).expect("read"), captured.tree);
    let (wanted, mut many) = ([captured.tree.id, hash(b"none"), captured.tree.id], Vec::new());
    read_many(&scene.repo, &wanted, 2, &mut |at, tree| many.push((at, tree))).expect("read");
    assert!(many.iter().map(|(at, _)| *at).eq(0..3));
    let many: Vec<_> = many.into_iter().map(|(_, tree)| tree).collect();
    assert_eq!(many[0].as_ref().expect("read"), &captured.tree);
    assert_eq!(many[1].as_ref().expect_err("absent").code(), Code::ChunkNotFound);
    assert_eq!(many[2].as_ref().expect("read"), &captured.tree);
    let before = seen(&scene.at(""));

    fs::remove_dir_all(scene.at("out")).expect("remove");
    fs::remove_file(scene.at("gen/x.o")).expect("remove");
    let placed = scene.place(&captured.tree, &outputs, NOTHING).expect("place");
    assert_eq!(seen(&scene.at("")), before);
    assert_eq!(placed.untouched, 1, "gen/y.o");
    assert_eq!(placed.made + placed.untouched, captured.tree.entries.len() as u64);
    // What was told of each entry is what is there.
    for (entry, stat) in captured.tree.entries.iter().zip(&placed.stats) {
        let meta = fs::symlink_metadata(scene.tree.on_disk(&entry.path)).expect("there");
        assert_eq!(
            (meta.ino(), meta.mtime_nsec() as u32, meta.ctime_nsec() as u32),
            (stat.ino, stat.mtime.nanoseconds, stat.ctime.nanoseconds)
        );
    }
    // Nothing to do: nothing is touched.
    let again = scene.place(&captured.tree, &outputs, NOTHING).expect("place");
    assert_eq!((again.made, again.bytes, again.stats), (0, 0, placed.stats));
    // Hashing alone says the same, and so does another directory.
    let hashed = capture(None, &scene.tree, &outputs, &CaptureOptions::default()).expect("capture");
    assert_eq!(hashed.tree, captured.tree);
    let elsewhere = self::scene();
    assert_eq!(elsewhere.store(&everything(&elsewhere)).tree.id, captured.tree.id);
}

#[test]
fn a_result_without_outputs_is_the_empty_tree() {
    let scene = scene();
    let captured = scene.store(&[]);
    assert_eq!(captured.tree, ResultTree::empty());
    assert_eq!(read(&scene.repo, &empty_id()).expect("read"), ResultTree::empty());
    scene.place(&captured.tree, &[], NOTHING).expect("place");
    assert!(seen(&scene.at("")).is_empty());
}

#[test]
fn missing_outputs_are_named() {
    let scene = scene();
    scene.write("a", "1");
    let captured = scene.store(&paths(&["a", "b", "c/d", "x/*.o"]));
    assert_eq!(captured.missing, [b"b".to_vec(), b"c/d".to_vec()]);
    assert_eq!(captured.unmatched, [b"x/*.o".to_vec()]);
    assert_eq!(captured.tree.entries.len(), 1);
}

#[test]
fn lost_modes_and_hard_links_are_said() {
    let scene = scene();
    scene.write("private", "1");
    scene.write("tool", "2");
    scene.write("first", "3");
    fs::set_permissions(scene.at("private"), fs::Permissions::from_mode(0o600)).expect("mode");
    fs::set_permissions(scene.at("tool"), fs::Permissions::from_mode(0o711)).expect("mode");
    fs::hard_link(scene.at("first"), scene.at("second")).expect("link");
    let captured = scene.store(&paths(&["private", "tool", "second"]));
    let loss: Vec<(&[u8], &str)> =
        captured.loss.iter().map(|loss| (loss.path.as_slice(), loss.what.as_str())).collect();
    assert_eq!(loss, [(&b"private"[..], "mode 0600"), (b"tool", "mode 0711"), (b"second", "hard link")]);
    let modes =
        |scene: &Scene| ["private", "tool"].map(|path| fs::metadata(scene.at(path)).expect("there").mode() & 0o777);
    assert_eq!(modes(&scene), [scene.tree.mode(false), scene.tree.mode(true)], "as a hit would leave them");
    let before = modes(&scene);
    fs::remove_file(scene.at("private")).expect("remove");
    fs::set_permissions(scene.at("tool"), fs::Permissions::from_mode(0o600)).expect("mode");
    scene.place(&captured.tree, &paths(&["private", "tool", "second"]), ALL).expect("place");
    assert_eq!(modes(&scene), before);
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let scene = scene();
    scene.write("out/plain", "1");
    scene.write("out/suid", "2");
    fs::set_permissions(scene.at("out/suid"), fs::Permissions::from_mode(0o4755)).expect("mode");
    nix::unistd::mkfifo(&scene.at("out/fifo"), nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("fifo");
    symlink("../../etc/passwd", scene.at("out/up")).expect("link");
    symlink("/etc/passwd", scene.at("out/absolute")).expect("link");
    symlink("../plain", scene.at("out/inside")).expect("link");
    fs::create_dir(scene.at("out/.git")).expect("create");
    let captured = scene.store(&paths(&["out"]));
    let mut refused: Vec<String> =
        captured.refused.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect();
    refused.sort();
    assert_eq!(refused, ["out/.git", "out/absolute", "out/fifo", "out/suid", "out/up"]);
    assert_eq!(captured.tree.entries.len(), 2);
    fs::remove_dir(scene.at("out/.git")).expect("remove");
    let captured =
        scene.store_with(&paths(&["out"]), &CaptureOptions { external_links: true, ..CaptureOptions::default() });
    assert_eq!(captured.refused.len(), 2);
}

#[test]
fn a_result_that_holds_the_roots_path_is_known() {
    let scene = scene();
    let root = scene.at("").canonicalize().expect("there");
    let root = root.as_os_str().as_bytes();
    let holds = |content: &[u8]| {
        scene.write("out", content);
        scene.store(&paths(&["out"])).holds_root_path
    };
    assert!(holds(&[b"-I", root, b"/include"].concat()));
    assert!(holds(&[b"at ", root].concat()));
    assert!(!holds(&[root, b"s/other"].concat()));
    assert!(!holds(&root[1..]));
    // Across two pieces of a long file.
    for shift in [0, 1, root.len() / 2, root.len()] {
        let mut long = noise((1 << 20) - shift, 3);
        long.extend_from_slice(root);
        long.extend_from_slice(&noise(5000, 4));
        assert!(holds(&long), "{shift}");
    }
    fs::remove_file(scene.at("out")).expect("remove");
    symlink(scene.at("").canonicalize().expect("there").join("x"), scene.at("out")).expect("link");
    let captured = scene.store(&paths(&["out"]));
    assert!(captured.holds_root_path && captured.refused.is_empty());
}

#[test]
fn a_hole_stays_one() {
    let scene = scene();
    scene.write("out", "");
    let file = fs::File::options().write(true).open(scene.at("out")).expect("open");
    file.set_len(3 << 20).expect("set length");
    std::os::unix::fs::FileExt::write_all_at(&file, &noise(9000, 5), 2 << 20).expect("write");
    let captured = scene.store(&paths(&["out"]));
    let content = fs::read(scene.at("out")).expect("read");
    fs::remove_file(scene.at("out")).expect("remove");
    scene.place(&captured.tree, &paths(&["out"]), NOTHING).expect("place");
    assert_eq!(fs::read(scene.at("out")).expect("read"), content);
    assert!(fs::metadata(scene.at("out")).expect("there").blocks() * 512 < 2 << 20);
    assert_eq!(
        capture(None, &scene.tree, &paths(&["out"]), &CaptureOptions::default()).expect("capture").tree,
        captured.tree
    );
}

#[test]
fn no_link_leads_writing_elsewhere() {
    let scene = scene();
    let outputs = paths(&["out", "one/file"]);
    scene.write("out/sub/x", "result");
    scene.write("one/file", "result");
    let captured = scene.store(&outputs);
    let outside = scene.dir.path().join("outside");
    fs::create_dir(&outside).expect("create");
    fs::write(outside.join("x"), "precious").expect("write");
    scene.write("source", "precious");

    // A directory of the result became a link out of the project, a file a link to a source.
    fs::remove_dir_all(scene.at("out/sub")).expect("remove");
    symlink(&outside, scene.at("out/sub")).expect("link");
    fs::remove_file(scene.at("one/file")).expect("remove");
    symlink("../source", scene.at("one/file")).expect("link");
    scene.place(&captured.tree, &outputs, ALL).expect("place");
    assert_eq!(fs::read_to_string(outside.join("x")).expect("read"), "precious");
    assert_eq!(scene.read("source"), "precious");
    assert_eq!((scene.read("out/sub/x").as_str(), scene.read("one/file").as_str()), ("result", "result"));
    assert!(!scene.at("out/sub").is_symlink() && !scene.at("one/file").is_symlink());

    // The directory above a declared output is the user's: inside the project a link is followed, out of it never.
    fs::remove_dir_all(scene.at("one")).expect("remove");
    symlink(&outside, scene.at("one")).expect("link");
    let error = scene.place(&captured.tree, &outputs, ALL).expect_err("leads out");
    assert_eq!(error.code(), Code::PermissionDenied);
    assert!(!outside.join("file").exists());
    fs::remove_file(scene.at("one")).expect("remove");
    fs::create_dir(scene.at("real")).expect("create");
    symlink("real", scene.at("one")).expect("link");
    scene.place(&captured.tree, &outputs, ALL).expect("place");
    assert_eq!(scene.read("real/file"), "result");
    assert!(scene.at("one").is_symlink());
    assert_eq!(scene.store(&outputs).tree, captured.tree, "captured through the link too");
}

#[test]
fn leftovers_go_and_what_is_the_users_is_moved() {
    let scene = scene();
    let outputs = paths(&["out", "gen/*.o", "file"]);
    scene.write("out/new", "result");
    scene.write("gen/a.o", "result");
    scene.write("file", "result");
    let captured = scene.store(&outputs);
    scene.write("out/old", "larder's");
    scene.write("out/notes", "mine");
    scene.write("out/my/own/dir", "mine");
    scene.write("gen/b.o", "larder's");
    scene.write("gen/c.o", "mine");
    scene.write("gen/notes", "mine and no output");
    scene.write("file", "mine");
    fs::create_dir_all(scene.at("out/hollow/er")).expect("create");
    let made = |path: &[u8]| [&b"out/old"[..], b"gen/b.o", b"out/new", b"gen/a.o"].contains(&path);
    let clearing = Clearing::new(&scene.tree, &made, None);
    scene.place_with(&captured.tree, &outputs, &clearing).expect("place");
    let left: Vec<String> = seen(&scene.at("")).into_iter().map(|(path, _)| path.display().to_string()).collect();
    assert_eq!(left, ["file", "gen", "gen/a.o", "gen/notes", "out", "out/new"]);
    assert_eq!(scene.read("file"), "result");
    let displaced = clearing.displaced();
    assert_eq!(displaced.count, 4, "{displaced:?}");
    assert_eq!(displaced.dir, scene.at(".larder/displaced/1"));
    for path in ["file", "gen/c.o", "out/notes", "out/my/own/dir"] {
        assert_eq!(fs::read_to_string(displaced.dir.join(path)).expect("kept"), "mine");
    }
    // The next invocation has a number of its own.
    scene.write("file", "mine again");
    let clearing = Clearing::new(&scene.tree, NOTHING, None);
    clearing.prepare(&outputs[2..], false).expect("prepare");
    scene.write("file", "and again");
    clearing.prepare(&outputs[2..], false).expect("prepare");
    assert_eq!(fs::read_to_string(scene.at(".larder/displaced/2/file")).expect("kept"), "mine again");
    assert_eq!(fs::read_to_string(scene.at(".larder/displaced/2/file.~1~")).expect("kept"), "and again");
}

/// Flips bytes in the middle of every pack.
fn damage(scene: &Scene) {
    for entry in walkdir::WalkDir::new(scene.dir.path().join("repo/packs")) {
        let entry = entry.expect("walk");
        if entry.file_type().is_file() {
            let mut bytes = fs::read(entry.path()).expect("read");
            let middle = bytes.len() / 2;
            bytes[middle - 8..middle + 8].iter_mut().for_each(|byte| *byte ^= 0x55);
            fs::remove_file(entry.path()).expect("remove");
            fs::write(entry.path(), bytes).expect("write");
        }
    }
}

#[test]
fn a_damaged_object_changes_nothing_and_is_stored_anew() {
    let scene = scene();
    let outputs = paths(&["small", "large", "dir"]);
    let run = || {
        scene.write("small", noise(800, 6));
        scene.write("large", noise(30_000, 7));
        scene.write("dir/a", noise(900, 8));
    };
    run();
    let captured = scene.store(&outputs);
    damage(&scene);
    scene.write("small", "changed");
    fs::remove_file(scene.at("large")).expect("remove");
    let before = seen(&scene.at(""));
    let error = scene.place(&captured.tree, &outputs, ALL).expect_err("damaged");
    assert_eq!(error.class(), crate::error::Class::Damaged, "{error}");
    assert_eq!(seen(&scene.at("")), before, "nothing was touched");
    assert!(fs::read_dir(scene.at(".larder/tmp")).is_ok_and(|mut entries| entries.next().is_none()), "nothing waits");
    // The task runs again, in the same process: what was bad is stored anew.
    run();
    assert_eq!(scene.store_by(&outputs, &CaptureOptions::default(), true).tree, captured.tree);
    scene.clear();
    scene.place(&captured.tree, &outputs, ALL).expect("healed");
    assert_eq!(fs::read(scene.at("large")).expect("read"), noise(30_000, 7));
    assert_eq!(read(&scene.repo, &captured.tree.id).expect("read"), captured.tree);
}

#[test]
fn what_a_writer_took_for_present_before_it_was_found_damaged_is_stored_anew() {
    let scene = scene();
    let outputs = paths(&["small"]);
    scene.write("small", noise(800, 6));
    let captured = scene.store(&outputs);
    let writer = scene.repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    assert!(!putter.put(Kind::Blob, &noise(800, 6)).expect("put").is_new);
    damage(&scene);
    fs::remove_file(scene.at("small")).expect("remove");
    scene.place(&captured.tree, &outputs, ALL).expect_err("damaged");
    assert!(putter.put(Kind::Blob, &noise(800, 6)).expect("put").is_new);
    drop(putter);
    writer.finish().expect("finish");
    scene.place(&captured.tree, &outputs, ALL).expect("healed");
}

#[test]
fn a_failing_medium_leaves_each_result_whole_or_untouched() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("project")).expect("create");
    let backend = std::sync::Arc::new(FaultBackend::new(std::sync::Arc::new(MemBackend::new()), Plan::NONE));
    let repo = repo_over_new(backend.clone(), dir.path());
    let scene = scene_of(dir, repo);
    let tasks: Vec<Vec<Pattern>> =
        (0..6).map(|n| paths(&[&format!("t{n}/a"), &format!("t{n}/b"), &format!("t{n}/large")])).collect();
    let make = |version: u64| {
        for n in 0..6 {
            for (file, len) in [("a", 300), ("b", 5000), ("large", 40_000)] {
                scene.write(&format!("t{n}/{file}"), noise(len, version * 100 + n));
            }
        }
        seen(&scene.at(""))
    };
    let wanted = make(1);
    let results: Vec<ResultTree> = tasks.iter().map(|outputs| scene.store(outputs).tree).collect();
    let wants: Vec<Wanted<'_>> = results
        .iter()
        .zip(&tasks)
        .enumerate()
        .map(|(n, (tree, outputs))| Wanted { task: n as u32, tree, outputs })
        .collect();
    let mut failed_once = false;
    for at in 1.. {
        let other = make(2);
        let fresh = repo_fresh(&scene);
        backend.set(Plan { fault: Fault::Forever, at, writes_only: false, code: Code::NetworkError });
        let told = AtomicUsize::new(0);
        let failures = Mutex::new(Vec::new());
        let clearing = Clearing::new(&scene.tree, ALL, None);
        let placed = place(&fresh, &clearing, &wants, &options(), &|task, placed| {
            told.fetch_add(1, Ordering::Relaxed);
            if placed.is_err() {
                failures.lock().expect("lock").push(task);
            }
        });
        let was_reached = backend.has_failed();
        backend.set(Plan::NONE);
        placed.expect("single results fail");
        assert_eq!(told.into_inner(), 6);
        let failures = failures.into_inner().expect("lock");
        let now = seen(&scene.at(""));
        for (n, prefix) in (0..6).map(|n| (n, format!("t{n}"))) {
            let of = |all: &[(PathBuf, String)]| -> Vec<(PathBuf, String)> {
                all.iter().filter(|(path, _)| path.starts_with(&prefix)).cloned().collect()
            };
            let expected = if failures.contains(&n) { of(&other) } else { of(&wanted) };
            assert_eq!(of(&now), expected, "operation {at}, task {n}");
        }
        failed_once |= !failures.is_empty();
        if !was_reached {
            assert!(failures.is_empty() && failed_once);
            break;
        }
    }
}

/// The repository with nothing in its caches.
fn repo_fresh(scene: &Scene) -> Repo {
    let _ = scene.repo.rebuild_index();
    scene.repo.clone()
}

#[test]
fn more_than_memory_holds_waits_on_disk() {
    let scene = scene();
    let outputs = paths(&["out"]);
    (0..200).for_each(|n| scene.write(&format!("out/{n}"), noise(500 + n, n as u64)));
    let captured = scene.store(&outputs);
    let before = seen(&scene.at(""));
    scene.clear();
    let placed = scene.place(&captured.tree, &outputs, NOTHING).expect("place");
    assert_eq!((seen(&scene.at("")), placed.made), (before, 200));
    assert!(scene.at(".larder/tmp").exists(), "some waited there");
    assert_eq!(fs::read_dir(scene.at(".larder/tmp")).expect("list").count(), 0);
}

#[test]
fn a_result_that_is_none_is_refused() {
    let scene = scene();
    let writer = scene.repo.writer(&writer_options()).expect("writer");
    let mut putter = writer.putter();
    let full = putter.put(Kind::Tree, &TreeWriter::new(Profile::Full).finish()).expect("put").id;
    let mut bytes = TreeWriter::new(Profile::Portable);
    bytes.push(&Entry::new(b"pipe".to_vec(), EntryKind::Fifo)).expect("push");
    let fifo = putter.put(Kind::Tree, &bytes.finish()).expect("put").id;
    // Each directory names the next one twice: two to the thirtieth files.
    let mut bomb = empty_id();
    putter.put(Kind::Tree, &TreeWriter::new(Profile::Portable).finish()).expect("put");
    for _ in 0..30 {
        let mut tree = TreeWriter::new(Profile::Portable);
        for name in [b"a", b"b"] {
            let mut entry = Entry::new(name.to_vec(), EntryKind::Directory);
            entry.content = Some(bomb);
            tree.push(&entry).expect("push");
        }
        bomb = putter.put(Kind::Tree, &tree.finish()).expect("put").id;
    }
    drop(putter);
    writer.finish().expect("finish");
    for (id, what) in [(full, "full"), (fifo, "fifo"), (bomb, "bomb")] {
        assert_eq!(read(&scene.repo, &id).expect_err(what).code(), Code::StorageCorrupted, "{what}");
    }
    assert_eq!(read(&scene.repo, &hash(b"nothing")).expect_err("absent").code(), Code::ChunkNotFound);
}

#[test]
fn without_openat2_the_same_holds() {
    let scene = scene();
    scene.tree.resolves.store(false, Ordering::Relaxed);
    let outputs = everything(&scene);
    let captured = scene.store(&outputs);
    let before = seen(&scene.at(""));
    fs::remove_dir_all(scene.at("out")).expect("remove");
    symlink("/", scene.at("out")).expect("link");
    scene.place(&captured.tree, &outputs, ALL).expect("place");
    assert_eq!(seen(&scene.at("")), before);
}

#[test]
fn what_was_begun_before_a_kill_is_not_taken_for_the_users() {
    let scene = scene();
    let journal = scene.dir.path().join("started");
    let outputs = paths(&["out", "gen/*.o"]);
    scene.write("out/mine", "mine");
    {
        let started = Started::open(&journal, true).expect("open");
        Clearing::new(&scene.tree, NOTHING, Some(&started)).prepare(&outputs, false).expect("prepare");
        // Killed here: what the task had made by then.
    }
    scene.write("out/half", "half");
    scene.write("gen/a.o", "half");
    let started = Started::open(&journal, true).expect("open");
    assert!(started.was(b"out/half") && started.was(b"gen/a.o") && !started.was(b"gen/a.c") && !started.was(b"other"));
    let clearing = Clearing::new(&scene.tree, NOTHING, Some(&started));
    clearing.prepare(&outputs[..1], false).expect("prepare");
    clearing.forget(&outputs[..1]).expect("known");
    assert_eq!(clearing.displaced().count, 0, "half a result is nobody's");
    assert!(!scene.at("out/half").exists());
    assert_eq!(fs::read_to_string(scene.at(".larder/displaced/1/out/mine")).expect("kept"), "mine");
    started.end().expect("end");
    // What this run did not do again is still known.
    let started = Started::open(&journal, true).expect("open");
    assert!(!started.was(b"out/half") && started.was(b"gen/a.o"));
    let clearing = Clearing::new(&scene.tree, NOTHING, Some(&started));
    clearing.prepare(&outputs[1..], false).expect("prepare");
    clearing.forget(&outputs[1..]).expect("known");
    started.end().expect("end");
    assert!(!journal.exists());
}

#[test]
fn a_whole_project_can_be_captured_without_changing_it() {
    let scene = scene();
    scene.write("a/b", "1");
    scene.write(".git/config", "no");
    scene.write(".larder/x", "no");
    fs::set_permissions(scene.at("a/b"), fs::Permissions::from_mode(0o600)).expect("mode");
    let options = CaptureOptions { keep_modes: true, ..CaptureOptions::default() };
    let captured = scene.store_with(&paths(&["."]), &options);
    assert!(captured.refused.is_empty());
    assert_eq!(captured.tree.entries.iter().map(|entry| &entry.path[..]).collect::<Vec<_>>(), [b"a/b"]);
    assert_eq!(fs::metadata(scene.at("a/b")).expect("there").mode() & 0o777, 0o600);
}
