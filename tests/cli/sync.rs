use super::{World, backup};
use serde_json::Value;

/// Two snapshots of a tree, and a remote `disk` beside it that is not there yet.
fn world() -> World {
    let world = backup::world();
    world.larder(&["backup", "-q", "tree", "--tag", "old", "--host", "mars"]).clean();
    world.write("tree/new", "n".repeat(5_000));
    world.larder(&["backup", "-q", "tree", "--tag", "young", "--host", "venus"]).clean();
    world.larder(&["remote", "add", "-q", "disk", "disk"]).clean();
    world
}

fn summary(world: &World, words: &[&str]) -> Value {
    let said = world.larder(&[words, &["--json"]].concat());
    serde_json::from_str(said.clean().lines().last().unwrap()).unwrap()
}

fn ids(world: &World, repo: &str) -> Vec<String> {
    let said = world.larder(&["-r", repo, "snapshots", "--json"]);
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_string();
    let mut ids: Vec<String> = said.clean().lines().map(id).collect();
    ids.sort();
    ids
}

#[test]
fn a_push_makes_the_remote_and_a_second_one_moves_nothing() {
    let world = world();
    world.larder(&["sync", "--pull", "disk"]).failed(5, "CONFIG_MISSING");
    let dry = summary(&world, &["sync", "--push", "--dry-run", "disk"]);
    assert_eq!((dry["pushed"]["snapshots"].as_u64(), dry["dry_run"].as_bool()), (Some(2), Some(true)));
    assert!(!world.path("disk").exists());
    let first = summary(&world, &["sync", "--push", "disk"]);
    assert_eq!((&first["pushed"]["packs"], &first["made"]), (&dry["pushed"]["packs"], &Value::Bool(true)));
    let again = summary(&world, &["sync", "--sync-to-remote", "disk"]);
    let nothing = serde_json::json!({"snapshots": 0, "records": 0, "packs": 0, "objects": 0, "bytes": 0});
    assert_eq!((&again["pushed"], &again["pulled"], &again["made"]), (&nothing, &nothing, &Value::Bool(false)));
    assert_eq!(world.larder(&["sync"]).clean(), "nothing to carry: both sides have the same records\n");
    assert_eq!(ids(&world, "disk"), ids(&world, ".larder"));
    let listed = world.larder(&["ls-remote", "disk"]);
    let lines: Vec<Vec<&str>> = listed.clean().lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.iter().map(|line| line[..4].to_vec()).collect::<Vec<_>>().len(), 2);
    assert_eq!((lines[0][0], lines[0][3], lines[0][4]), ("snapshot", "mars", "old"));
    assert_eq!(world.larder(&["ls-remote", "--runs"]).clean(), "");
    world.larder(&["-r", "disk", "verify", "-q", "--read-data"]).clean();
}

#[test]
fn a_pull_makes_a_replica_where_there_is_none() {
    let world = world();
    world.larder(&["sync", "-q"]).clean();
    let words = ["-r", "elsewhere", "sync", "--sync-from-remote", "disk"];
    let pulled = summary(&world, &words);
    assert_eq!((pulled["pulled"]["snapshots"].as_u64(), pulled["made"].as_bool()), (Some(2), Some(true)));
    assert_eq!(ids(&world, "elsewhere"), ids(&world, ".larder"));
    let disk = world.path("disk").display().to_string();
    assert_eq!(world.larder(&["-r", "elsewhere", "remote", "list"]).clean(), format!("origin\t{disk}\n"));
    world.larder(&["-r", "elsewhere", "verify", "-q", "--read-data"]).clean();
    let source = world.path("tree").display().to_string();
    world.larder(&["-r", "elsewhere", "restore", "-q", &format!("latest:{source}"), "--target", "out"]).clean();
    world.sh(&format!("{}/scripts/same-tree tree out", env!("CARGO_MANIFEST_DIR"))).ok();
    // Each goes on working, and what both did is at both afterwards.
    world.larder(&["-r", "elsewhere", "backup", "-q", "tree", "--host", "earth"]).clean();
    world.larder(&["backup", "-q", "tree", "--host", "moon"]).clean();
    for repo in ["elsewhere", ".larder", "elsewhere"] {
        world.larder(&["-r", repo, "sync", "-q"]).clean();
    }
    assert_eq!((ids(&world, "elsewhere"), ids(&world, "elsewhere").len()), (ids(&world, ".larder"), 4));
    world.larder(&["-r", "third", "sync", "--pull"]).failed(5, "CONFIG_MISSING");
    world.larder(&["-r", "third", "sync", "disk"]).failed(5, "CONFIG_MISSING");
    world.larder(&["-r", "third", "sync", "--pull", "--dry-run", "disk"]).ok();
    assert!(!world.path("third").exists());
}

#[test]
fn a_choice_travels() {
    let world = world();
    let chosen = summary(&world, &["sync", "--push", "--tag", "old", "disk"]);
    assert_eq!(chosen["pushed"]["snapshots"], 1);
    assert_eq!(ids(&world, "disk").len(), 1);
    assert_eq!(summary(&world, &["sync", "--push", "--tag", "old"])["pushed"]["snapshots"], 0);
    assert_eq!(summary(&world, &["sync", "--push", "--runs"])["pushed"]["records"], 0);
    assert_eq!(summary(&world, &["sync", "--push", "--tag", "old"])["unmatched"], false);
    for typo in [["--tag", "nosuch"], ["--host", "nosuch"], ["--path", "/nosuch"]] {
        let words = [["sync"].as_slice(), &typo].concat();
        assert_eq!(world.larder(&words).clean(), "nothing to carry: no snapshot matches\n");
        assert_eq!(summary(&world, &words)["unmatched"], true);
    }
    world.larder(&["sync", "--runs", "--tag", "old"]).failed(2, "INVALID_ARG");
    world.larder(&["sync", "--push", "--pull"]).failed(2, "INVALID_ARG");
    world.larder(&["init", "-q", "--encryption", "none", "other"]).clean();
    world.larder(&["sync", "other"]).failed(5, "CONFIG_INVALID");
}

#[test]
fn files_are_mirrored_without_a_key() {
    let world = World::new();
    world.write("secret", "right\n");
    world.write("tree/a", "abc");
    let secret = ["--passphrase-file", "secret"];
    for words in [["init", "-q"].as_slice(), &["backup", "-q", "tree"], &["remote", "add", "-q", "disk", "disk"]] {
        world.larder(&[words, &secret].concat()).clean();
    }
    world.larder(&["sync"]).failed(12, "INVALID_KEY");
    world.larder(&["sync", "-n", "--mirror"]).ok();
    assert!(!world.path("disk").exists());
    let copied = summary(&world, &["sync", "--mirror"]);
    assert!(copied["files"].as_u64() > Some(4), "{copied}");
    assert_eq!(summary(&world, &["sync", "--mirror", "disk"])["files"], 0);
    assert_eq!(summary(&world, &["-r", "third", "sync", "--mirror", "--pull", "disk"])["files"], copied["files"]);
    world.larder(&[["-r", "third", "verify", "-q", "--read-data"].as_slice(), &secret].concat()).clean();
    // The configuration comes last: where a mirror broke off, the next goes on.
    for words in [&["sync", "--mirror", "disk"][..], &["-r", "disk", "sync", "--mirror", "--pull", "third"]] {
        std::fs::remove_file(world.path("disk/config.toml")).unwrap();
        assert_eq!(summary(&world, words)["files"], 1);
    }
    world.larder(&["sync", "--mirror", "--runs"]).failed(2, "INVALID_ARG");
}

#[test]
fn snapshots_are_copied_into_a_repository_with_other_keys() {
    let world = world();
    world.write("secret", "other\n");
    world.larder(&["-r", "safe", "init", "-q", "--passphrase-file", "secret"]).clean();
    world.larder(&["copy", "--to", "safe"]).failed(12, "INVALID_KEY");
    let to_safe = ["copy", "--to", "safe", "--to-passphrase-file", "secret"];
    assert_eq!(world.larder(&[to_safe.as_slice(), &["-n"]].concat()).clean(), "would copy 2 snapshots\n");
    let copied = summary(&world, &[to_safe.as_slice(), &["young"]].concat());
    assert_eq!(copied["snapshots"], 1);
    assert_eq!(summary(&world, &to_safe)["snapshots"], 1);
    assert_eq!(world.larder(&to_safe).clean(), "nothing to copy: every snapshot is there\n");
    let words = ["-r", "safe", "--passphrase-file", "secret", "verify", "-q", "--read-data"];
    world.larder(&words).clean();
    world.larder(&["copy", "--to", "safe", "nothing"]).failed(12, "INVALID_KEY");
    world.larder(&[to_safe.as_slice(), &["nothing"]].concat()).failed(10, "SNAPSHOT_NOT_FOUND");
    world.larder(&["copy", "--to", "nowhere"]).failed(5, "CONFIG_MISSING");
    world.larder(&["copy"]).failed(2, "INVALID_ARG");
}

#[test]
fn an_index_alone_makes_a_partial_repository() {
    let world = world();
    world.larder(&["sync", "-q"]).clean();
    let source = world.path("tree").display().to_string();
    let latest = format!("latest:{source}");
    world.larder(&["-r", "part", "sync", "--index-only", "--push", "disk"]).failed(2, "INVALID_ARG");
    world.larder(&["-r", "part", "sync", "--index-only", "--dry-run", "disk"]).ok();
    assert!(!world.path("part").exists());
    let made = summary(&world, &["-r", "part", "sync", "-q", "--index-only", "disk"]);
    let packs = made["packs_promised"].as_u64().unwrap();
    assert!(packs > 0 && made["pulled"]["snapshots"] == 2 && made["pulled"]["packs"] == 0, "{made}");
    assert_eq!(ids(&world, "part"), ids(&world, ".larder"));
    assert!(!world.path("part/packs").exists());
    let status = world.larder(&["-r", "part", "status"]);
    assert!(status.clean().contains(&format!("partial      {packs} packs are at ")), "{}", status.text());
    let totals = world.larder(&["-r", "part", "verify", "--read-data"]);
    assert!(totals.ok().contains(&format!("total\tpacks_promised\t{packs}\n")), "{}", totals.text());
    world.larder(&["-r", "part", "gc"]).failed(16, "PERMISSION_DENIED");
    world.larder(&["-r", "part", "gc", "--dry-run"]).failed(16, "PERMISSION_DENIED");
    world.larder(&["serve-stdio", "part"]).failed(16, "PERMISSION_DENIED");
    world.larder(&["-r", "part", "sync", "--mirror", "./third"]).failed(16, "PERMISSION_DENIED");
    world
        .larder(&["-r", "part", "sync", "--index-only", &world.path(".larder").display().to_string()])
        .failed(5, "CONFIG_INVALID");
    world.larder(&["-r", "part", "restore", "-q", &latest, "--target", "out"]).clean();
    world.sh(&format!("{}/scripts/same-tree tree out", env!("CARGO_MANIFEST_DIR"))).ok();
    assert!(!world.path("part/packs").exists());
    // Out of reach: what is known here can be listed, and nothing is said to be lost.
    std::fs::rename(world.path("disk"), world.path("away")).unwrap();
    assert_eq!(ids(&world, "part").len(), 2);
    world.larder(&["-r", "part", "restore", "-q", &latest, "--target", "none"]).failed(14, "NETWORK_UNREACHABLE");
    std::fs::rename(world.path("away"), world.path("disk")).unwrap();
    world.larder(&["-r", "part", "verify", "-q", "--read-data"]).clean();
    world.larder(&["-r", "part", "sync", "-q"]).clean();
    std::fs::remove_dir_all(world.path("disk")).unwrap();
    let totals = world.larder(&["-r", "part", "verify", "--read-data"]);
    assert!(!totals.ok().contains("promised"), "{}", totals.text());
    world.larder(&["-r", "part", "gc", "-q"]).clean();
}

#[test]
fn a_replica_that_was_begun_with_a_wrong_configuration_is_made_again() {
    let world = World::new();
    world.write("secret", "right\n");
    world.write("tree/a", "abc");
    let larder = |words: &[&str]| world.larder(&[words, &["--passphrase-file", "secret"]].concat());
    for words in [["init", "-q"].as_slice(), &["backup", "-q", "tree"], &["remote", "add", "-q", "disk", "disk"]] {
        larder(words).clean();
    }
    larder(&["sync", "-q"]).clean();
    let right = std::fs::read_to_string(world.path("disk/config.toml")).unwrap();
    for (at, wrong) in [right.replace("level = ", "level = 1"), right.replace("gear-1", "cear-1")].iter().enumerate() {
        let (pulled, index, pushed) = (format!("pulled{at}"), format!("index{at}"), format!("./pushed{at}"));
        for begun in [&pulled, &index, &pushed] {
            world.sh(&format!("mkdir {begun} && cp -r disk/keys {begun}/keys && rm -rf {begun}/keys/devices")).ok();
            world.write(&format!("{begun}/config.toml"), wrong);
        }
        larder(&["-r", &pulled, "sync", "--pull"]).failed(5, "CONFIG_INVALID");
        larder(&["-r", &pulled, "sync", "-q", "--pull", "disk"]).clean();
        larder(&["-r", &index, "sync", "-q", "--index-only", "disk"]).ok();
        larder(&["sync", "-q", "--push", &pushed]).clean();
        for made in [&pulled, &index, &pushed] {
            assert_eq!(larder(&["-r", made, "snapshots", "--json"]).clean(), larder(&["snapshots", "--json"]).clean());
            larder(&["-r", made, "verify", "-q", "--read-data"]).clean();
        }
        // Nothing of a repository that holds something is replaced.
        world.write(&format!("{pulled}/config.toml"), wrong);
        larder(&["-r", &pulled, "sync", "--pull", "disk"]).failed(5, "CONFIG_INVALID");
        assert_eq!(&std::fs::read_to_string(world.path(format!("{pulled}/config.toml"))).unwrap(), wrong);
    }
    world.write("pushed0/config.toml", right.replace("level = ", "level = 1"));
    let refused = world.larder(&["sync", "--mirror", "./pushed0"]);
    assert!(refused.err.contains("is not the same"), "{}", refused.err);
    refused.failed(5, "CONFIG_INVALID");
}

#[test]
fn a_mirror_that_is_behind_says_how_it_is_brought_up_to_date() {
    let world = world();
    for again in [["sync", "-q", "disk"].as_slice(), &["sync", "-q", "--mirror", "./mirror"]] {
        let mirror = if again.contains(&"--mirror") { "mirror" } else { "disk" };
        world.larder(&["sync", "-q", "--mirror", &format!("./{mirror}")]).clean();
        assert_eq!(ids(&world, mirror), ids(&world, ".larder"));
        world.larder(&["backup", "-q", "tree"]).clean();
        let behind = world.larder(&["-r", mirror, "snapshots"]);
        assert!(behind.failed(13, "ROLLBACK_DETECTED").err.contains("`larder sync`"), "{}", behind.err);
        world.larder(again).clean();
        assert_eq!(ids(&world, mirror), ids(&world, ".larder"));
    }
}

#[test]
fn damage_is_told_with_the_side_it_came_from() {
    let world = world();
    world.sh("for pack in .larder/packs/*/*; do chmod u+w $pack; printf x | dd of=$pack bs=1 seek=300 conv=notrunc; done").ok();
    let here = world.path(".larder").display().to_string();
    let said = world.larder(&["sync", "--push", "disk"]);
    assert!(said.failed(13, "STORAGE_CORRUPTED").err.contains(&format!("larder -r {here} verify")), "{}", said.err);
    world.larder(&["remote", "add", "-q", "away", "http://127.0.0.1:9"]).clean();
    let said = world.larder(&["verify", "--repair", "--from", "away"]);
    assert!(said.failed(13, "STORAGE_CORRUPTED").err.contains("no replica could be asked"), "{}", said.err);
}
