//! What differs is told, and nothing else.

use super::*;
use crate::error::Code;
use crate::monitor::Silent;
use crate::repo::tests::repo_in;
use crate::stored::require;
use crate::stored::tests::{TOP, store};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

fn write(dir: &Path, name: &str, content: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("create");
    fs::write(&path, content).expect("write");
    set_mtime(&path, 1_000);
}

fn set_mtime(path: &Path, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(path).expect("open").set_modified(time).expect("set times");
}

/// Two states of a directory: makes the first, and then changes it into the second.
fn first(dir: &Path) {
    for name in ["same/deep/file", "same/x", "gone/a", "gone/b", "changed", "mode", "kind/inner", "touched"] {
        write(dir, name, name);
    }
    symlink("one", dir.join("link")).expect("symlink");
}

fn second(dir: &Path) {
    fs::remove_dir_all(dir.join("gone")).expect("remove");
    write(dir, "changed", "was changed");
    write(dir, "new/file", "12345");
    fs::set_permissions(dir.join("mode"), fs::Permissions::from_mode(0o600)).expect("chmod");
    fs::remove_dir_all(dir.join("kind")).expect("remove");
    write(dir, "kind", "now a file");
    set_mtime(&dir.join("touched"), 2_000);
    fs::remove_file(dir.join("link")).expect("remove");
    symlink("two", dir.join("link")).expect("symlink");
}

const DIFFERENCES: &str = "M changed|- gone|- gone/a|- gone/b|T kind|- kind/inner|M link|+ new|+ new/file";

#[test]
fn trees_are_compared() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    let repo = repo_in(temp.path());
    first(&dir);
    let before = require(&repo, &store(&repo, &dir).tree, TOP).expect("there");
    second(&dir);
    let after = require(&repo, &store(&repo, &dir).tree, TOP).expect("there");
    let run = |before: &Entry, after: &Entry, metadata| {
        let mut lines = Vec::new();
        let options = DiffOptions { metadata, ..DiffOptions::default() };
        let stats = diff_trees(&repo, before, after, TOP, &options, &Silent, &mut |item| {
            let path = String::from_utf8_lossy(item.path).trim_start_matches("/src/").to_string();
            lines.push(format!("{} {path}", item.difference.letter()));
            Ok(())
        });
        (lines.join("|"), stats.expect("diff"))
    };
    let (lines, stats) = run(&before, &after, false);
    assert_eq!(lines, DIFFERENCES);
    assert_eq!((stats.added, stats.types), (Counts { files: 1, directories: 1, others: 0, bytes: 5 }, 1));
    assert_eq!((stats.removed.files, stats.modified.files, stats.modified.others, stats.equal_trees), (3, 1, 1, 1));
    let (lines, stats) = run(&before, &after, true);
    assert!(lines.contains("U mode") && lines.contains("U touched") && lines.contains("U /src"), "{lines}");
    assert!(!lines.contains("same") && stats.metadata.files == 2);
    let (lines, stats) = run(&before, &before, true);
    assert!(lines.is_empty() && stats.is_empty());
    assert_eq!(run(&after, &before, false).0.matches('+').count(), DIFFERENCES.matches('-').count());
}

#[test]
fn a_directory_is_compared() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    let repo = repo_in(temp.path());
    first(&dir);
    let stored = store(&repo, &dir);
    let before = require(&repo, &stored.tree, TOP).expect("there");
    let run = |entry: &Entry, path: &[u8], against: &Path, options: DiffOptions| {
        let mut lines = Vec::new();
        let stats = diff_dir(&repo, entry, path, against, &options, &Silent, &mut |item| {
            let path = String::from_utf8_lossy(item.path).trim_start_matches("/src/").to_string();
            lines.push(format!("{} {path}", item.difference.letter()));
            Ok(())
        });
        (lines.join("|"), stats.expect("diff"))
    };
    let all = DiffOptions { metadata: true, content: true, ..DiffOptions::default() };
    assert_eq!(run(&before, TOP, &dir, all.clone()).0, "");
    // Other bytes, but the size and time of before.
    write(&dir, "same/x", "SAME/X");
    assert_eq!(run(&before, TOP, &dir, DiffOptions::default()).0, "");
    assert_eq!(run(&before, TOP, &dir, all.clone()).0, "M same/x");
    write(&dir, "same/x", "same/x");
    second(&dir);
    let (lines, stats) = run(&before, TOP, &dir, DiffOptions::default());
    assert_eq!((lines.as_str(), stats.errors), (DIFFERENCES, 0));
    assert!(run(&before, TOP, &dir, all).0.contains("U touched"));
    // The root is known in part only: what stands beside the sources is no addition.
    let root = require(&repo, &stored.tree, b"").expect("there");
    fs::create_dir_all(temp.path().join("root/other")).expect("create");
    fs::rename(&dir, temp.path().join("root/src")).expect("rename");
    let options = DiffOptions { sources: vec![TOP.to_vec()], ..DiffOptions::default() };
    assert_eq!(run(&root, b"", &temp.path().join("root"), options).0, DIFFERENCES);
    let lines = run(&root, b"", &temp.path().join("root"), DiffOptions::default()).0;
    assert!(lines.starts_with("+ /other|"), "{lines}");
    let absent = diff_dir(&repo, &before, TOP, &dir, &DiffOptions::default(), &Silent, &mut |_| Ok(()));
    assert_eq!(absent.expect_err("absent").code(), Code::FileNotFound);
}
