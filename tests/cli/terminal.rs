//! What is different at a terminal: questions, colours, progress. `script` plays the terminal.

use super::World;
use super::backup;

/// Runs a line of the shell at a terminal and answers what the terminal showed. Meanwhile that is in the file `shown`.
pub fn at_terminal(world: &World, line: &str, typed: &str) -> String {
    world.write("line.sh", line);
    let said = world.sh(&format!("printf '{typed}' | TERM=xterm script -qefc 'bash line.sh' shown"));
    String::from_utf8(said.out).unwrap()
}

#[test]
fn a_passphrase_is_asked_for_twice_at_init_and_never_shown() {
    let world = World::new();
    let shown = at_terminal(&world, "larder init -q; larder snapshots; echo ended $?", "secret\\nsecret\\nsecret\\n");
    assert!(shown.contains("New passphrase: ") && shown.contains("The same again: "), "{shown}");
    assert!(shown.contains("\nPassphrase: ") && shown.contains("ended 0"), "{shown}");
    world.write("pass", "secret");
    world.larder(&["--passphrase-file", "pass", "snapshots"]).clean();
    world.larder(&["snapshots"]).failed(12, "INVALID_KEY");
}

#[test]
fn passphrases_that_differ_make_nothing() {
    let world = World::new();
    let shown = at_terminal(&world, "larder init; echo ended $?", "one\\ntwo\\n");
    assert!(shown.contains("differ") && shown.contains("ended 12"), "{shown}");
    assert!(!world.path(".larder/config.toml").exists());
}

#[test]
fn plumbing_in_pipelines_does_not_ask() {
    let world = World::new();
    world.write("key", [7; 64]);
    world.larder(&["init", "-q", "--key-file", "key"]).clean();
    let shown = at_terminal(&world, "larder list-objects; echo ended $?", "");
    assert!(shown.contains("plumbing never asks") && shown.contains("ended 12"), "{shown}");
}

#[test]
fn colours_and_progress_are_for_terminals_that_want_them() {
    let world = backup::world();
    let shown = at_terminal(&world, "larder backup tree; larder snapshots", "");
    assert!(shown.contains("\x1b["), "{shown}");
    for line in ["NO_COLOR=1 larder snapshots", "larder --no-color snapshots", "TERM=dumb larder snapshots"] {
        let shown = at_terminal(&world, line, "");
        assert!(!shown.contains("\x1b[2m") && shown.contains("paths"), "{line}: {shown}");
    }
    let shown = at_terminal(&world, "head -c 40000000 /dev/zero > tree/long; TERM=dumb larder backup tree", "");
    assert!(["| ", "/ "].iter().any(|tick| shown.contains(&format!("\r{tick}"))) && !shown.contains('\x1b'), "{shown}");
    let shown = at_terminal(&world, "larder backup -q tree; larder backup --no-progress tree 2>&1 | cat", "");
    assert!(!shown.contains("\x1b["), "{shown}");
}
