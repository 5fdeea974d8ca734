use super::World;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A directory that is found as a repository; `lock` needs no more of it.
fn world() -> World {
    let world = World::new();
    world.write(".larder/config.toml", "");
    world
}

/// A holder that has the lock when this returns, and keeps it until it is killed or its stdin ends.
fn hold(world: &World, words: &[&str]) -> Child {
    let mut command = world.command("larder", words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

const HOLD: &str = "echo ready; read x; exit 0";

#[test]
fn a_holder_is_told_and_waited_for() {
    let world = world();
    world.larder(&["lock", "--status"]).failed_quietly(1);
    let mut holder = hold(&world, &["lock", "--", "sh", "-c", HOLD]);
    let said = world.larder(&["lock", "--no-wait", "--", "true"]);
    said.failed(11, "LOCK_HELD");
    assert!(
        said.err.contains(&format!("process {} on ", holder.id())) && said.err.contains("(sh -c echo ready"),
        "{}",
        said.err
    );
    world.larder(&["lock", "--wait", "0", "--shared", "--", "true"]).failed(11, "LOCK_HELD");
    let status = world.larder(&["lock", "--status"]);
    let row: Vec<&str> = status.clean().trim_end().split('\t').collect();
    assert_eq!((row.len(), row[0], row[2]), (5, holder.id().to_string().as_str(), "exclusive"));
    drop(holder.stdin.take());
    world.larder(&["lock", "--", "true"]).clean();
    holder.wait().unwrap();
}

#[test]
fn a_killed_holder_frees_it_at_once() {
    let world = world();
    // The shell becomes the command, so that nothing is left behind when the holder is killed.
    let mut holder = hold(&world, &["lock", "--", "sh", "-c", HOLD]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    world.larder(&["lock", "--no-wait", "--", "true"]).clean();
}

#[test]
fn commands_inside_inherit_it_and_the_repository() {
    let world = world();
    world.sh("mkdir elsewhere").clean();
    let said = world.sh("larder lock -- sh -c 'cd elsewhere && larder lock --no-wait -- echo inside'");
    assert_eq!(said.clean(), "inside\n");
    let said = world.sh("larder lock --shared -- larder lock --no-wait -- true");
    said.failed(11, "LOCK_HELD");
}

#[test]
fn the_exit_status_is_the_command_s() {
    let world = world();
    for (script, exit) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        assert_eq!(world.larder(&["lock", "--", "sh", "-c", script]).exit, exit, "{script}");
    }
    world.larder(&["lock", "--", "no-such-program"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["lock"]).failed(2, "INVALID_ARG");
    World::new().larder(&["lock", "--", "true"]).failed(5, "CONFIG_MISSING");
}

#[test]
fn increments_under_the_lock_are_not_lost() {
    let world = world();
    world.write("n", "0");
    let script = "for w in 1 2 3 4 5; do \
        (for i in 1 2 3 4 5 6 7 8; do larder lock -- sh -c 'echo $(($(cat n) + 1)) > n'; done) & done; wait; cat n";
    assert_eq!(world.sh(script).clean(), "40\n");
}
