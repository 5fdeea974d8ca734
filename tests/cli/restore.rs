use super::World;
use super::backup::world;

#[test]
fn everything_or_a_part_comes_back() {
    let world = world();
    world.larder(&["backup", "-q", "tree"]).clean();
    let tree = world.path("tree").display().to_string();
    let said = world.larder(&["restore", &format!("latest:{tree}"), "--target", "out"]);
    assert!(said.clean().starts_with("restored 2 files, 1 directory: 97.66 KiB, "), "{}", said.text());
    assert_eq!(world.sh("diff -r tree out").clean(), "");
    let said = world.larder(&["restore", &format!("latest:{tree}"), "--target", "out", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(said.clean().lines().last().unwrap()).unwrap();
    assert_eq!((summary["files"].as_u64(), summary["unmodified"].as_u64()), (Some(0), Some(2)), "{summary}");
    assert_eq!(world.larder(&["restore", "-q", &format!("latest:{tree}/a"), "-t", "one"]).clean(), "");
    assert_eq!(world.sh("cat one/a").clean(), "abc");
    world.larder(&["restore", "-q", "latest", "--target", "part", "--include", "b"]).clean();
    assert_eq!(world.sh("find part -type f -printf '%f\\n'").clean(), "b\n");
}

#[test]
fn a_directory_instead_of_a_target_becomes_what_the_source_was() {
    let world = world();
    world.larder(&["backup", "-q", "tree"]).clean();
    world.larder(&["restore", "-q", "latest", "out"]).clean();
    assert_eq!(world.sh("diff -r tree out").clean(), "");
    let tree = world.path("tree").display().to_string();
    world.larder(&["restore", "-q", "latest", "--path", &format!("{tree}/a"), "--target", "one"]).clean();
    assert_eq!(world.sh("ls one").clean(), "a\n");
    world.write("more/x", "x");
    world.larder(&["backup", "-q", "tree", "more"]).clean();
    world.larder(&["restore", "-q", "latest", "both"]).clean();
    assert_eq!(world.sh("ls both && diff -r tree both/tree").clean(), "more\ntree\n");
    world.larder(&["restore", "latest", "out", "--target", "out"]).failed(2, "INVALID_ARG");
    world.larder(&["restore", "latest:/x", "--path", "y", "out"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["restore", &format!("latest:{tree}"), "--path", "a", "out"]).failed(2, "INVALID_ARG");
}

#[test]
fn the_first_failure_may_end_it() {
    let world = world();
    // The files are in a pack of their own.
    world.larder(&["hash-object", "-w", "tree/a", "tree/sub/b"]).clean();
    let pack = world.sh("ls .larder/packs/*/*").clean().trim_end().to_string();
    world.larder(&["backup", "-q", "tree"]).clean();
    world.sh(&format!("chmod u+w {pack}; truncate -s 95 {pack}")).clean();
    let going = world.larder(&["restore", "latest", "out", "--keep-going"]);
    assert!(going.exit == 13 && going.err.contains("2 items could not be restored"), "{}", going.err);
    let first = world.larder(&["restore", "latest", "out", "--keep-going", "--fail-fast"]);
    assert!(first.exit == 13 && !first.err.contains("items could not"), "{}", first.err);
}

#[test]
fn a_dry_run_says_what_would_be_done() {
    let world = world();
    world.larder(&["backup", "-q", "tree"]).clean();
    let source = format!("latest:{}", world.path("tree").display());
    world.write("out/extra", "x");
    let said = world.larder(&["restore", &source, "-t", "out", "--delete", "-n"]);
    let removed = "removed    out/extra (";
    assert!(said.clean().contains(removed) && said.text().contains("new"), "{}", said.text());
    assert_eq!(world.sh("ls out").clean(), "extra\n");
    world.larder(&["restore", &source, "-q", "-t", "out", "--delete"]).clean();
    assert_eq!(world.sh("diff -r tree out").clean(), "");
}

#[test]
fn what_is_wrong_is_said() {
    let world = world();
    world.larder(&["restore", "latest", "-t", "out"]).failed(10, "SNAPSHOT_NOT_FOUND");
    world.larder(&["backup", "-q", "tree"]).clean();
    world.larder(&["restore", "latest:/nowhere", "-t", "out"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["restore", "latest"]).failed(2, "INVALID_ARG");
    world.larder(&["restore", "latest", "-t", "out", "--overwrite", "maybe"]).failed(2, "INVALID_ARG");
    world.sh("chmod u+w .larder/packs/*/*; truncate -s 95 .larder/packs/*/*").clean();
    let said = world.larder(&["restore", "latest", "-t", "out"]);
    assert_eq!(said.exit, 13, "{}", said.err);
    assert_eq!(world.sh("find . -path ./.larder -prune -o -type f -path './out/*' -print").clean(), "");
}

#[test]
fn the_repository_and_the_key_outlive_a_restore_in_place() {
    let world = World::new();
    world.write("p/src/a", "1");
    world.write("p/key", "0123456789abcdef");
    let here = |words: &str| world.sh(&format!("cd p && {words}"));
    here("larder --key-file key init -q && larder --key-file key backup -q . -e key").clean();
    world.write("p/src/b", "2");
    world.write("p/more/c", "3");
    for options in ["--delete --dry-run", "--delete", "--delete"] {
        let said = here(&format!("larder --key-file key --no-progress restore latest . {options}"));
        assert_eq!(said.exit, 0, "{}", said.err);
        let kept = "warning: left as it is, because larder itself uses it: ./.larder, ./key\n";
        assert!(said.err.ends_with(kept), "{options}: {}", said.err);
    }
    assert_eq!(here("ls -A . src").clean(), ".:\n.larder\nkey\nsrc\n\nsrc:\na\n");
    here("larder --key-file key verify --all -q").clean();
    for command in ["restore latest .larder", "restore latest -t .larder/packs/x", "restore-tree latest .larder/x"] {
        here(&format!("larder --key-file key {command}")).failed(2, "INVALID_ARG");
    }
    assert_eq!(here("find .larder -name src -o -name x").clean(), "");
}

#[test]
fn what_larder_remembers_outlives_a_restore_of_the_home() {
    let world = World::new();
    world.write("home/doc", "1");
    let home = |words: &str| world.sh(&format!("HOME=$PWD/home larder -r repo {words}"));
    home("init -q --encryption none").clean();
    world.sh("mkdir -p home/.config/larder && touch home/.config/larder/config.toml home/extra").clean();
    home("backup -q home -e .config -e .local").clean();
    let before = world.sh("find home/.local home/.config | sort").clean().to_string();
    home("restore -q latest home --delete").ok();
    assert_eq!(world.sh("find home/.local home/.config | sort").clean(), before);
}

#[test]
fn rot_under_the_same_size_and_time_is_mended() {
    let world = world();
    world.larder(&["backup", "-q", "tree"]).clean();
    world.sh("touch -r tree/a time; printf abd >tree/a; touch -r time tree/a").clean();
    let believing = world.larder(&["restore", "latest", "tree", "--overwrite", "if-changed"]);
    assert!(believing.clean().contains("2 already right"), "{}", believing.text());
    let said = world.larder(&["restore", "latest", "tree"]);
    assert!(said.clean().starts_with("restored 1 file, 1 directory, 1 already right: "), "{}", said.text());
    assert_eq!(world.sh("cat tree/a").clean(), "abc");
}

#[test]
fn what_a_backup_could_not_read_is_not_deleted_for_that() {
    let world = world();
    world.write("list", "tree\nnowhere\n");
    assert_eq!(world.larder(&["backup", "--files-from", "list"]).exit, 3);
    world.write("tree/kept", "unread");
    let source = format!("latest:{}", world.path("tree").display());
    let words = ["restore", &source, "-t", "tree", "--delete"];
    let said = world.larder(&words);
    said.failed(4, "SNAPSHOT_INVALID");
    assert!(said.err.contains("lacks 1 item that could not be read"), "{}", said.err);
    world.larder(&[&words[..], &["-n"]].concat()).failed(4, "SNAPSHOT_INVALID");
    assert!(world.path("tree/kept").exists());
    world.larder(&words[..4]).ok();
    world.larder(&[&words[..], &["--allow-partial"]].concat()).ok();
    assert!(!world.path("tree/kept").exists());
    world.larder(&["restore", "latest", "tree", "--allow-partial"]).failed(2, "INVALID_ARG");
}
