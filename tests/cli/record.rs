//! Runs from outside: record, and what shows and restores them. Golden texts of `record` are promises.

use super::World;
use larder::action::{Action, Command};

/// A repository with an action, a tree and a log in it; their ids.
fn world() -> (World, [String; 3]) {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.sh("mkdir out; echo hi > out/a; chmod 755 out/a; ln -s a out/link").clean();
    let action = Action { command: Command::Shell(b"make".to_vec()), ..Action::default() };
    world.write("action", action.encode());
    let ids = [
        world.larder(&["hash-object", "-w", "-t", "action", "action"]).clean().trim_end().to_string(),
        {
            let path = world.path("out").display().to_string();
            world.larder(&["backup", "-q", &path]).clean();
            world.larder(&["resolve", &format!("latest:{path}")]).clean().trim_end().to_string()
        },
        world.sh("echo made | larder hash-object -w --stdin").clean().trim_end().to_string(),
    ];
    assert_eq!(ids[0], action.id().to_hex());
    (world, ids)
}

fn put(world: &World, [action, tree, log]: &[String; 3]) -> String {
    let words = ["record", "put", "--action", action, "--result", tree, "--stdout", log, "--task", "all", "--project"];
    let more = ["demo", "--start", "2026-11-21T10:00:00Z", "--wall-ms", "1500"];
    world.larder(&[&words[..], &more].concat()).clean().trim_end().to_string()
}

#[test]
fn a_record_is_put_found_listed_shown_pinned_and_removed() {
    let (world, ids) = world();
    let [action, tree, log] = &ids;
    assert_eq!(world.larder(&["record", "get", action]).exit, 1, "nothing made it yet");
    let id = put(&world, &ids);
    assert_eq!(
        world.larder(&["record", "get", action]).clean(),
        format!(
            "record\t{id}\naction\t{action}\nresult\t{tree}\ninputs\t-\nstdout\t{log}\nstderr\t-\ninterleave\t-\nmanifest\t-\n"
        )
    );
    assert_eq!(world.larder(&["record", "get", "--field", "result", action]).clean(), format!("{tree}\n"));
    let line = world.larder(&["record", "list"]).clean().to_string();
    assert!(line.starts_with(&format!("{id} {action} success 20")) && line.ends_with("Z -\n"), "{line}");
    let shown = world.larder(&["record", "show", &id[..8]]).clean().to_string();
    assert!(shown.starts_with(&format!("record\t{id}\naction\t{action}\n")), "{shown}");
    for part in
        ["project\tdemo\ntask\tall\nstatus\tsuccess\nreason\t-\nexit\texit 0\n", "start\t2026-11-21T10:00:00Z\n"]
    {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(shown.contains("output\t100755 file ") && shown.contains("output\t120777 symlink -\tlink\n"), "{shown}");
    let said = world.larder(&["record", "show", "--json", &id]);
    let value: serde_json::Value = serde_json::from_str(said.clean()).unwrap();
    assert_eq!(value["outputs"][0]["mode"], "100755");

    world.sh(&format!("larder record get --raw {id} > raw; [ $(sha256sum < raw | cut -d ' ' -f 1) = {id} ]")).clean();
    world.larder(&["record", "pin", "latest"]).ok();
    assert!(world.larder(&["record", "list"]).clean().ends_with(" pinned\n"));
    world.larder(&["record", "rm", &id]).failed(16, "PERMISSION_DENIED");
    world.larder(&["record", "unpin", &id]).ok();
    world.larder(&["record", "rm", &id]).ok();
    assert_eq!(world.larder(&["record", "list"]).clean(), "");
    assert_eq!(world.larder(&["record", "get", action]).exit, 1);
    // What is still there can be put again as it was.
    assert_eq!(world.larder(&["record", "put", "--raw", "raw"]).clean(), format!("{id}\n"));
    world.larder(&["verify"]).clean();
}

#[test]
fn a_record_keeps_only_what_is_here() {
    let (world, [action, tree, _]) = world();
    let nowhere = "1".repeat(64);
    world.larder(&["record", "put", "--action", &nowhere, "--result", &tree]).failed(13, "CHUNK_NOT_FOUND");
    world.larder(&["record", "put", "--action", &action, "--result", &nowhere]).failed(13, "CHUNK_NOT_FOUND");
    world.larder(&["record", "put", "--action", &action]).failed(2, "INVALID_ARG");
    world.larder(&["record", "show", "latest"]).failed(10, "FILE_NOT_FOUND");
    assert_eq!(world.larder(&["record", "list"]).clean(), "");
}

#[test]
fn runs_are_shown_logged_restored_and_let_go() {
    let (world, ids) = world();
    let id = put(&world, &ids);
    assert!(world.larder(&["log", "--runs"]).clean().starts_with(&format!("run {id}\nTask:     demo: all\n")));
    assert_eq!(world.larder(&["log", "--runs", "--oneline", "--task", "all"]).clean().lines().count(), 1);
    assert_eq!(world.larder(&["log", "--runs", "--status", "failed"]).clean(), "");
    let shown = world.larder(&["show", "run:latest"]).clean().to_string();
    assert!(shown.contains(" link -> a\n") && shown.ends_with("\nmade\n"), "{shown}");
    assert_eq!(world.larder(&["show", &id[..8]]).clean(), shown);
    world.larder(&["restore", "-q", "run:latest", "--target", "back"]).clean();
    world.sh("cmp out/a back/a; [ -x back/a ]; [ $(readlink back/link) = a ]").clean();
    world.larder(&["restore", "-q", &format!("run:{}:a", &id[..6]), "--target", "one"]).clean();
    assert_eq!(world.sh("ls one").clean(), "a\n");
    world.larder(&["restore", "run:latest", "--inputs", "--target", "back"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["restore", "latest", "--inputs", "--target", "back"]).failed(2, "INVALID_ARG");
    // The snapshot goes, and the run keeps what it left.
    world.larder(&["forget", "-q", "--allow-empty", "latest"]).ok();
    world.larder(&["gc", "-q", "--keep-runs", "1"]).ok();
    world.larder(&["verify", "-q", "--read-data"]).clean();
    world.larder(&["restore", "-q", "run:latest", "--target", "later"]).clean();
    world.larder(&["gc", "--keep-runs", "0"]).failed(2, "INVALID_ARG");
    world.larder(&["gc", "-q", "--keep-runs", "1s"]).ok();
    assert_eq!(world.larder(&["record", "list"]).clean(), "");
}
