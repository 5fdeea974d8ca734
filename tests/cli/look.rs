//! What shows snapshots: snapshots, log, show, ls, ls-tree, resolve, find, diff, dump, tag, status, stats.

use super::World;
use super::backup;

/// Two snapshots of a tree that changed in between; their ids.
pub fn world() -> (World, [String; 2]) {
    let world = backup::world();
    let backup = |tag: &str| {
        let words = ["backup", "tree", "--tag", tag, "--host", "mars"];
        world.larder(&words).ok().trim_end().to_string()
    };
    let first = backup("old");
    world.write("tree/a", "changed");
    world.write("tree/new", "n");
    let second = backup("young");
    (world, [first, second])
}

#[test]
fn snapshots_are_listed_filtered_and_grouped() {
    let (world, [first, second]) = world();
    let ids = |words: &[&str]| {
        let said = world.larder(&[&["snapshots", "--json"], words].concat());
        let ids = said.clean().lines().map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["id"].as_str().unwrap().to_string()
        });
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), [first.clone(), second.clone()]);
    assert_eq!(ids(&["--tag", "old"]), std::slice::from_ref(&first));
    assert_eq!(ids(&["--host", "venus"]), Vec::<String>::new());
    assert_eq!(ids(&["--group-by", "host,paths", "--last", "1"]), std::slice::from_ref(&second));
    assert_eq!(ids(&["old"]), std::slice::from_ref(&first));
    let table = world.larder(&["snapshots"]);
    assert!(table.clean().starts_with("id ") && table.text().contains(&second[..8]), "{}", table.text());
    assert_eq!(world.larder(&["log", "--oneline"]).clean().lines().count(), 2);
    let log = world.larder(&["log", "-n", "1"]);
    assert!(
        log.clean().starts_with(&format!("snapshot {second}\n")) && log.text().contains(&format!("Parent:  {first}"))
    );
    let all = world.larder(&["snapshots", "list", "--json"]);
    let all: serde_json::Value = serde_json::from_str(all.clean()).unwrap();
    let id = all[0]["id"].as_str().unwrap();
    assert_eq!(world.larder(&["snapshots", "show", id]).clean(), world.larder(&["show", id]).clean());
    assert_eq!(world.larder(&["snapshots", "list"]).clean(), world.larder(&["snapshots"]).clean());
    world.larder(&["snapshots", "--last", "1", "list"]).failed(2, "INVALID_ARG");
    world.larder(&["snapshots", "--group-by", "colour"]).failed(2, "INVALID_ARG");
}

#[test]
fn names_are_resolved() {
    let (world, [first, second]) = world();
    for (name, id) in
        [("latest", &second), ("latest~1", &first), ("old", &first), ("latest:mars", &second), (&first[..8], &first)]
    {
        assert_eq!(world.larder(&["resolve", name]).clean().trim_end(), id, "{name}");
    }
    let a = format!("old:{}/a", world.path("tree").display());
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!(world.larder(&["resolve", &a]).clean(), sum);
    world.larder(&["resolve", "nothing"]).failed(10, "SNAPSHOT_NOT_FOUND");
    world.larder(&["resolve", "--verify", "nothing"]).failed_quietly(1);
    assert_eq!(world.larder(&["cat-object", "-p", &a]).clean(), "abc");
}

#[test]
fn trees_are_listed() {
    let (world, _) = world();
    world.sh("ln -s 'to here' tree/link; printf x > \"$(printf 'tree/odd\\nname')\"; chmod 640 tree/a").clean();
    world.larder(&["backup", "-q", "tree"]).clean();
    let tree = format!("latest:{}", world.path("tree").display());
    insta::assert_snapshot!(world.larder(&["ls-tree", &tree, "--format", "%(objectmode) %(objecttype) %(objectsize) %(path) %(target)"]).clean(), @r#"
    100640 file 7 a 
    120777 symlink - link to here
    100644 file 1 new 
    100644 file 1 "odd\nname" 
    040755 dir - sub 
    "#);
    let b = "100644 file 0b2d3a4f4ab1aa5aadc7b9bd9a8d6f3d";
    let said = world.larder(&["ls-tree", "-r", "-l", &tree]);
    assert!(said.clean().contains(" 100000\tsub/b\n"), "{b}: {}", said.text());
    assert_eq!(world.larder(&["ls-tree", "-d", "--name-only", &tree]).clean(), "sub\n");
    assert!(world.larder(&["ls-tree", "-z", "--name-only", &tree]).clean().contains("\0odd\nname\0"));
    assert_eq!(world.larder(&["ls", &tree]).clean(), "a\nlink\nnew\nodd\\nname\nsub/\n");
    assert!(world.larder(&["ls", "-lr", &tree]).clean().contains("97.66 KiB"));
    assert!(world.larder(&["show", &tree]).clean().contains("link -> to here"));
    world.larder(&["ls-tree", &format!("{tree}/a")]).failed(2, "INVALID_ARG");
    world.larder(&["ls", "latest:/nowhere"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn differences_are_answered_by_the_exit_too() {
    let (world, _) = world();
    let tree = world.path("tree").display().to_string();
    let said = world.larder(&["diff", "latest~1", "latest"]);
    assert_eq!((said.exit, said.text()), (1, format!("M {tree}/a\n+ {tree}/new\n").as_str()), "{}", said.err);
    assert_eq!(world.larder(&["diff", "latest", "latest"]).clean(), "");
    assert_eq!(world.larder(&["diff", "latest", &tree]).clean(), "");
    world.sh("rm tree/new").clean();
    let said = world.larder(&["diff", "latest", "./tree"]);
    assert_eq!((said.exit, said.text()), (1, format!("- {tree}/new\n").as_str()), "{}", said.err);
    world.larder(&["diff", "latest", "nothing"]).failed(10, "SNAPSHOT_NOT_FOUND");
    let beside = world.larder(&["diff", "latest", "tree"]);
    assert!(beside.exit == 10 && beside.err.contains("`./tree` is the one on disk"), "{}", beside.err);
}

#[test]
fn files_are_found_across_snapshots() {
    let (world, [first, _]) = world();
    let said = world.larder(&["find", "a"]);
    assert_eq!(said.clean().lines().count(), 2, "{}", said.text());
    assert!(said.text().contains(&first[..8]), "{}", said.text());
    assert_eq!(world.larder(&["find", "--larger", "50k", "--json"]).clean().lines().count(), 1);
    world.larder(&["find", "nothing"]).failed_quietly(1);
    world.larder(&["find", "--newer", "yesterday", "a"]).failed(2, "INVALID_ARG");
    assert_eq!(world.larder(&["find", "--newer", "1h", "-s", "latest", "new"]).clean().lines().count(), 1);
}

#[test]
fn archives_are_dumped() {
    let (world, _) = world();
    let tree = format!("latest:{}", world.path("tree").display());
    assert_eq!(world.larder(&["dump", &format!("{tree}/a")]).clean(), "changed");
    for (format, list) in [("tar", "tar t"), ("tar.gz", "tar tz"), ("tar.zst", "larder decompress | tar t")] {
        let said = world.sh(&format!("larder dump -f {format} {tree} | {list} | grep -c ."));
        assert_eq!(said.clean(), "5\n", "{format}");
    }
    world.larder(&["dump", "-f", "rar", &tree]).failed(2, "INVALID_ARG");
}

#[test]
fn tags_come_and_go() {
    let (world, [first, _]) = world();
    world.larder(&["tag", "latest~1", "--add", "kept", "--remove", "old"]).ok();
    assert_eq!(world.larder(&["resolve", "kept"]).clean().trim_end(), first);
    world.larder(&["resolve", "old"]).failed(10, "SNAPSHOT_NOT_FOUND");
    world.larder(&["tag", "latest", "--set", "only"]).ok();
    assert!(world.larder(&["snapshots", "latest"]).clean().contains("  only  "));
    world.larder(&["tag", "latest", "--add", ""]).failed(2, "INVALID_ARG");
}

#[test]
fn the_whole_at_a_glance() {
    let (world, _) = world();
    let status = world.larder(&["status"]);
    assert!(status.clean().contains("encryption   none: whoever") && status.text().contains("snapshots    2\n"));
    let value: serde_json::Value = serde_json::from_str(world.larder(&["stats", "--json"]).clean()).unwrap();
    assert_eq!((value["type"].as_str(), value["snapshots"].as_u64()), (Some("stats"), Some(2)));
    let small = World::new();
    small.larder(&["init", "-q", "--encryption", "none"]).clean();
    small.write("tree/a", "a");
    small.larder(&["backup", "-q", "tree"]).clean();
    let value: serde_json::Value = serde_json::from_str(small.larder(&["stats", "--json"]).clean()).unwrap();
    assert!(value["bytes_unique"].as_u64() > value["bytes_logical"].as_u64(), "a small file and its trees: {value}");
    assert_eq!(value["dedup_ratio"].as_f64(), Some(1.0));
    assert!(world.larder(&["stats", "--each"]).clean().contains("dedup ratio"));
}

#[test]
fn policies_forget_and_gc_frees() {
    let (world, [first, second]) = world();
    let said = world.larder(&["forget", "--keep-last", "1", "--dry-run"]);
    assert!(said.clean().contains("would forget 1 snapshot;"), "{}", said.text());
    world.larder(&["forget", "--keep-last", "0"]).failed(2, "INVALID_ARG");
    world.larder(&["forget"]).failed(2, "INVALID_ARG");
    world.larder(&["forget", "--keep-last", "1", "latest"]).failed(2, "INVALID_ARG");
    world.larder(&["forget", &first, &second]).failed(16, "PERMISSION_DENIED");
    assert_eq!(world.larder(&["forget", "-q", "--keep-last", "1"]).clean(), "");
    assert_eq!(world.larder(&["resolve", "latest"]).clean().trim_end(), second);
    world.larder(&["resolve", &first]).failed(10, "FILE_NOT_FOUND");
    let said = world.larder(&["gc"]);
    assert!(said.clean().starts_with("snapshots\t1\n"), "{}", said.text());
    assert_eq!(world.larder(&["verify", "-q", "--read-data"]).clean(), "");
    world.larder(&["forget", "-q", "latest", "--allow-empty"]).clean();
    assert_eq!(world.larder(&["gc", "-q"]).clean(), "");
    assert_eq!(world.larder(&["list-objects"]).clean(), "");
}

#[test]
fn plumbing_speaks_json_when_asked() {
    let (world, _) = world();
    let tree = format!("latest:{}", world.path("tree").display());
    for (words, kind) in [
        (&["list-objects"][..], "object"),
        (&["ls-tree", "-r", &tree], "entry"),
        (&["resolve", "latest"], "name"),
        (&["chunk", "tree/a"], "chunk"),
        (&["digest", "tree/a"], "digest"),
        (&["hash-object", "tree/a"], "object"),
        (&["write-tree", "tree"], "tree"),
        (&["write-snapshot", "latest:"], "snapshot"),
        (&["index", "stats"], "index"),
        (&["gc", "--dry-run"], "summary"),
        (&["verify", "--quick"], "summary"),
    ] {
        let said = world.larder(&[&["--json"], words].concat());
        for line in said.clean().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["type"], kind, "{words:?}: {line}");
        }
        assert!(!said.text().is_empty(), "{words:?}");
    }
}

#[test]
fn snapshots_can_be_forgotten_by_the_other_word() {
    let (world, ..) = world();
    let count = || world.larder(&["snapshots", "--json"]).clean().lines().count();
    let before = count();
    world.larder(&["snapshots", "forget", "latest~1"]).ok();
    assert_eq!(count(), before - 1);
}

#[test]
fn whole_snapshots_are_not_named_by_a_path() {
    let (world, _) = world();
    for words in [["forget", "old:/tree"], ["snapshots", "old:/tree"]] {
        world.larder(&words).failed(2, "INVALID_ARG");
    }
    world.larder(&["tag", "old:/tree", "--add", "x"]).failed(2, "INVALID_ARG");
    assert_eq!(world.larder(&["snapshots", "--json"]).clean().lines().count(), 2);
}

#[test]
fn a_tag_that_may_be_an_id_is_no_trap() {
    let (world, [first, second]) = world();
    world.larder(&["tag", &second, "--add", "e36eec3f"]).failed(2, "INVALID_ARG");
    // A short one can be given; it is refused where it would mean another snapshot.
    world.larder(&["tag", "-q", &second, "--add", &first[..7]]).ok();
    let said = world.larder(&["resolve", &first[..7]]);
    said.failed(2, "INVALID_ARG");
    assert!(said.err.contains("is a tag, and the beginning of the id"), "{}", said.err);
    assert_eq!(world.larder(&["resolve", &first[..12]]).clean().trim_end(), first);
    world.larder(&["backup", "tree", "--host", ""]).failed(2, "INVALID_ARG");
}

#[test]
fn what_finds_nothing_says_so_and_sources_may_be_relative() {
    let (world, [_, second]) = world();
    let said = world.larder(&["snapshots", "--path", "tree/"]);
    assert!(said.clean().contains(&second[..8]), "{}", said.text());
    let said = world.larder(&["snapshots", "--path", "elsewhere"]);
    assert_eq!((said.ok(), said.err.as_str()), ("", "no snapshot matches\n"));
    world.larder(&["snapshots", "-q", "--path", "elsewhere"]).clean();
    let found = world.larder(&["find", "new", "--json"]);
    let value: serde_json::Value = serde_json::from_str(found.clean()).unwrap();
    assert_eq!(value["snapshots"], serde_json::json!([second]));
}

#[test]
fn digits_that_may_mean_an_object_are_explained() {
    let (world, [first, _]) = world();
    let tree = world.larder(&["resolve", &format!("{first}:")]).clean().trim_end().to_string();
    let said = world.larder(&["cat-object", "00000000"]);
    said.failed(10, "SNAPSHOT_NOT_FOUND");
    assert!(said.err.contains("all 64 digits"), "{}", said.err);
    let said = world.larder(&["resolve", &format!("{tree}:/x")]);
    said.failed(10, "SNAPSHOT_NOT_FOUND");
    assert!(said.err.contains("is an object"), "{}", said.err);
}
