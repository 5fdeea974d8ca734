//! Outputs before an attempt, after a failure, and cleaned.

use super::*;
use std::os::unix::fs::symlink;

fn scene() -> (tempfile::TempDir, WorkTree) {
    let dir = tempfile::tempdir().expect("a directory");
    let tree = WorkTree::open(dir.path()).expect("open");
    (dir, tree)
}

fn write(dir: &tempfile::TempDir, path: &str) {
    let path = dir.path().join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("create");
    fs::write(path, "text").expect("write");
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text, b"").expect(text)).collect()
}

fn left(dir: &tempfile::TempDir, below: &str) -> Vec<String> {
    let top = dir.path().join(below);
    let walked = walkdir::WalkDir::new(&top).min_depth(1).sort_by_file_name().into_iter();
    let walked = walked.filter_entry(|entry| entry.file_name() != ".larder").map(|entry| entry.expect("walk"));
    let files = walked.filter(|entry| !entry.file_type().is_dir());
    files.map(|entry| entry.path().strip_prefix(&top).expect("inside").display().to_string()).collect()
}

#[test]
fn before_an_attempt_outputs_are_gone_and_their_parents_there() {
    let (dir, tree) = scene();
    ["a/b/out", "dir/x", "gen/1.o", "gen/1.c", "dir/sub/y"].iter().for_each(|path| write(&dir, path));
    symlink("gen", dir.path().join("link")).expect("link");
    let clearing = Clearing::new(&tree, &|_| true, None);
    clearing
        .prepare(&patterns(&["a/b/out", "dir", "gen/*.o", "new/deep/file", "link", "w/*/x"]), false)
        .expect("prepare");
    assert_eq!(left(&dir, ""), ["gen/1.c"]);
    assert!(dir.path().join("new/deep").is_dir() && dir.path().join("a/b").is_dir() && dir.path().join("w").is_dir());
    assert!(!dir.path().join("dir").exists() && !dir.path().join(".larder").exists());
    write(&dir, "dir/kept");
    clearing.prepare(&patterns(&["dir", "other/x"]), true).expect("prepare");
    assert!(dir.path().join("dir/kept").exists() && dir.path().join("other").is_dir());
}

#[test]
fn a_parent_that_is_a_file_is_said() {
    let (dir, tree) = scene();
    write(&dir, "a");
    let clearing = Clearing::new(&tree, &|_| true, None);
    let error = clearing.prepare(&patterns(&["a/b"]), false).expect_err("a file");
    assert!(error.to_string().contains("a"), "{error}");
    assert_eq!(left(&dir, ""), ["a"], "above an output nothing is removed");
}

#[test]
fn what_failed_is_moved_away_and_replaces_what_failed_before() {
    let (dir, tree) = scene();
    let clearing = Clearing::new(&tree, &|_| false, None);
    let outputs = patterns(&["out", "gen/*.o", "never"]);
    ["out/x", "out/y", "gen/1.o", "gen/1.c"].iter().for_each(|path| write(&dir, path));
    assert_eq!(clearing.fail("lib/dir:task@os=linux", &outputs).expect("fail"), 2);
    assert_eq!(left(&dir, ""), ["gen/1.c"]);
    assert_eq!(left(&dir, ".larder/failed/lib%2Fdir:task@os=linux"), ["gen/1.o", "out/x", "out/y"]);
    write(&dir, "out/z");
    clearing.fail("lib/dir:task@os=linux", &outputs).expect("fail");
    assert_eq!(left(&dir, ".larder/failed/lib%2Fdir:task@os=linux"), ["out/z"]);
    assert_eq!(clearing.fail("lib/dir:task@os=linux", &outputs).expect("fail"), 0);
    assert!(!dir.path().join(".larder/failed/lib%2Fdir:task@os=linux").exists(), "it left nothing");
    assert_eq!(clearing.displaced(), Displaced::default());
}

#[test]
fn task_names_become_names_of_directories() {
    assert_eq!(task_name("a b:c"), b"a b:c");
    assert_eq!(task_name("../x%"), b"%2E.%2Fx%25");
    let long = "ü".repeat(300);
    assert!(task_name(&long).len() < 255 && task_name(&long) != task_name(&format!("{long}x")));
}

#[test]
fn cleaning_takes_what_larder_made_and_no_more() {
    let (dir, tree) = scene();
    ["out/made", "out/sub/made", "out/mine", "deep/er/made", "src/file"].iter().for_each(|path| write(&dir, path));
    let made = |path: &[u8]| path.ends_with(b"made");
    let clearing = Clearing::new(&tree, &made, None);
    let outputs = patterns(&["out", "deep/er/made", "gone"]);
    let told = clearing.clean(&outputs, true).expect("told");
    assert_eq!((told.removed.len(), told.foreign.as_slice()), (3, [b"out/mine".to_vec()].as_slice()));
    let cleaned = clearing.clean(&outputs, false).expect("clean");
    assert_eq!(cleaned, told, "telling touched nothing");
    assert_eq!(left(&dir, ""), ["out/mine", "src/file"]);
    assert!(!dir.path().join("deep").exists() && !dir.path().join("out/sub").exists());
}

#[test]
fn half_an_item_is_none_and_spoils_no_other() {
    let (dir, _) = scene();
    let path = dir.path().join("started");
    fs::write(&path, b"Pout/a\0Psrc/ma").expect("write");
    let started = Started::open(&path, true).expect("open");
    assert!(started.was(b"out/a/b") && !started.was(b"src/ma") && !started.was(b"src/ma/x"));
    started.note(&patterns(&["out/b"])).expect("note");
    // Killed again.
    drop(started);
    let started = Started::open(&path, true).expect("open");
    assert!(started.was(b"out/a") && started.was(b"out/b") && !started.was(b"src/ma/x"));
}

#[test]
fn permissions_are_given_to_what_is_there_and_not_to_where_a_link_leads() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _) = scene();
    ["there", "elsewhere"].iter().for_each(|path| write(&dir, path));
    symlink("elsewhere", dir.path().join("link")).expect("link");
    let above = fs::File::open(dir.path()).expect("open");
    let mode = |name: &str| fs::metadata(dir.path().join(name)).expect("look").permissions().mode() & 0o777;
    let before = mode("elsewhere");
    super::super::portable::allow(above.as_fd(), b"there", 0o600).expect("allowed");
    super::super::portable::allow(above.as_fd(), b"link", 0o601).expect_err("a link");
    assert_eq!((mode("there"), mode("elsewhere")), (0o600, before));
}
