use super::World;
use std::io::Read;
use std::process::Stdio;

pub fn world() -> World {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.write("tree/a", "abc");
    world.write("tree/sub/b", "b".repeat(100_000));
    world
}

#[test]
fn a_snapshot_is_made_and_its_id_is_the_answer() {
    let world = world();
    let said =
        world.larder(&["backup", "tree", "--tag", "one,two", "--host", "mars", "--time", "2026-11-21T09:00:00Z"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(said.text().trim_end().len(), 64);
    assert!(said.err.contains("2 files: 2 new, 0 changed, 0 unmodified"), "{}", said.err);
    let shown = world.larder(&["show", "latest"]);
    for line in ["Time:    2026-11-21 09:00:00", "Host:    mars (", "Tags:    one,two", "Files:   2 new"] {
        assert!(shown.clean().contains(line), "{line}: {}", shown.text());
    }
    assert_eq!(world.larder(&["backup", "-q", "tree"]).clean(), "");
    let said = world.larder(&["backup", "tree", "--skip-if-unchanged"]);
    assert_eq!((said.exit, said.text()), (0, ""));
    assert!(said.err.contains("nothing changed"), "{}", said.err);
}

#[test]
fn json_ends_with_a_summary() {
    let world = world();
    let said = world.larder(&["backup", "--json", "-v", "tree"]);
    let lines: Vec<serde_json::Value> = said.clean().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["type"] == "item" && line["change"] == "new"), "{}", said.text());
    let summary = lines.last().unwrap();
    assert_eq!((summary["type"].as_str(), summary["files_new"].as_u64()), (Some("summary"), Some(2)));
    assert!(summary["read_bytes"].as_u64() == Some(100_003) && summary["dedup_ratio"].is_number(), "{summary}");
    world.write("small/c", "d");
    let summary: serde_json::Value =
        serde_json::from_str(world.larder(&["backup", "--json", "small"]).clean()).unwrap();
    assert!(summary["added_bytes"].as_u64() > summary["read_bytes"].as_u64(), "trees are added: {summary}");
    assert_eq!(summary["dedup_ratio"].as_f64(), Some(1.0), "{summary}");
}

#[test]
fn what_is_wrong_with_sources_is_said() {
    let world = world();
    world.sh("mkdir void").clean();
    world.larder(&["backup"]).failed(2, "INVALID_ARG");
    world.larder(&["backup", "missing"]).failed(4, "SNAPSHOT_INVALID");
    world.larder(&["backup", "void"]).failed(4, "SNAPSHOT_INVALID");
    world.larder(&["backup", "-q", "void", "--allow-empty"]).clean();
    world.larder(&["backup", "tree", "--tag", ""]).failed(2, "INVALID_ARG");
    for words in ["-j 0 tree", "-j 100000 tree", "tree --stdin-name x", "tree -e [z", "--stdin -e *.o"] {
        let words: Vec<&str> = std::iter::once("backup").chain(words.split(' ')).collect();
        world.larder(&words).failed(2, "INVALID_ARG");
    }
    world.larder(&["-r", "nowhere", "backup", "tree"]).failed(5, "CONFIG_MISSING");
}

#[test]
fn streams_and_commands_become_files() {
    let world = world();
    world.larder_with(&["backup", "-q", "--stdin", "--stdin-name", "db.sql"], "select 1;").clean();
    assert_eq!(world.larder(&["dump", "latest:/db.sql"]).clean(), "select 1;");
    let words = ["backup", "-q", "--from-command", "out", "--", "sh", "-c", "echo ${LARDER_PASSPHRASE-none}"];
    assert_eq!(world.command("larder", &words).env("LARDER_PASSPHRASE", "x").output().unwrap().status.code(), Some(0));
    assert_eq!(world.larder(&["dump", "latest:/out"]).clean(), "none\n");
    let words = ["backup", "--from-command", "out", "--", "sh", "-c", "echo half; exit 3"];
    world.larder(&words).failed(20, "TASK_FAILED");
    assert_eq!(world.larder(&["snapshots", "--json"]).clean().lines().count(), 2);
}

#[test]
fn an_interrupted_backup_ends_by_the_signal_and_leaves_a_partial_snapshot() {
    let world = world();
    world.sh("mkfifo pipe").clean();
    let mut command = world.command("larder", &["backup", "--stdin", "--no-progress"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // It is reading its input when the lock is taken.
    while world.larder(&["lock", "--status"]).exit != 0 {}
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    drop(child.stdin.take());
    let status = child.wait().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(status.code(), Some(143), "{err}");
    assert_eq!(world.larder(&["snapshots"]).clean().lines().count(), 0, "half a stream is no snapshot");
}

#[test]
fn what_is_unusual_is_said_once() {
    let world = world();
    world.write("list", "nowhere\n");
    let said = world.larder(&["backup", "tree", "--files-from", "list", "--fail-fast"]);
    assert_eq!((said.exit, said.err.matches("could not be stored").count()), (10, 1), "{}", said.err);
    assert_eq!(said.err.matches("larder: ").count(), 1, "{}", said.err);
    let said = world.larder(&["backup", "-q", "tree", "--time", "2999-01-01"]);
    assert!(said.err.contains("in the future"), "{}", said.err);
    said.ok();
    let said = world.larder(&["backup", "-nv", "tree", "-e", "a"]);
    let skipped = format!("skipped    {}\n", world.path("tree/a").display());
    assert!(said.err.contains(&skipped), "{}", said.err);
    let said = world.larder(&["backup", "tree"]);
    assert!(!said.err.contains("dedup"), "nothing was added: {}", said.err);
}

#[test]
fn what_was_in_packs_that_are_gone_is_stored_again() {
    let world = world();
    world.larder(&["backup", "tree"]).ok();
    world.larder(&["gc"]).ok();
    std::fs::remove_dir_all(world.path(".larder/packs")).unwrap();
    // The index and the stat cache know nothing of it.
    let said = world.larder(&["backup", "tree"]);
    said.ok();
    assert!(said.err.contains("packs of the repository are lost"), "{}", said.err);
    world.larder(&["restore", "latest", "out"]).ok();
    for name in ["a", "sub/b"] {
        let kept = std::fs::read(world.path("out").join(name)).unwrap();
        assert_eq!(kept, std::fs::read(world.path("tree").join(name)).unwrap());
    }
    // The directories above the source may have changed since the first: what it alone had of them is lost.
    world.larder(&["forget", "--keep-last", "1"]).ok();
    world.larder(&["gc"]).ok();
    let said = world.larder(&["backup", "tree"]);
    assert!(said.exit == 0 && !said.err.contains("are lost"), "{}", said.err);
    world.larder(&["verify", "--read-data"]).ok();
}
