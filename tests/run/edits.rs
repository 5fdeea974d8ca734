//! What the user writes where outputs go is moved and never lost, whenever that was.

use crate::world::{World, end, wait_for};
use rustix::process::{Pid, Signal, kill_process};

/// A task that is quick, and one after it that waits until it may go on.
const QUICK_AND_SLOW: &str = r#"
[tasks.quick]
cmd = "cat in > one"
inputs = ["in"]
outputs = ["one"]
[tasks.slow]
cmd = "echo half > two; touch ../notes/started; while [ ! -e ../notes/go ]; do sleep 0.02; done"
outputs = ["two"]
after = ["quick"]
"#;

/// Makes `quick` displaced by an edit, lets all go on, and looks where the edit is.
fn edit_is_kept(world: &World) {
    world.write("one", "of the user");
    std::fs::write(world.top().join("notes/go"), "").unwrap();
    world.run(&[]).did(1, 1).warned("stood where outputs go");
    assert_eq!((world.read("one"), world.read("two")), ("a".into(), "half\n".into()));
    assert_eq!(world.read(".larder/displaced/1/one"), "of the user");
    assert!(!world.has(".larder/displaced/1/two") && !world.has(".larder/state/started"));
}

#[test]
fn an_edit_after_an_interrupt_is_kept() {
    let world = World::new(QUICK_AND_SLOW);
    world.write("in", "a");
    let child = world.start(&["run", "-j", "1"]);
    world.await_note("started");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(end(child).exit, 130);
    edit_is_kept(&world);
}

#[test]
fn an_edit_after_a_kill_is_kept_where_the_result_was_known() {
    let world = World::new(QUICK_AND_SLOW);
    world.write("in", "a");
    let mut child = world.start(&["run", "-j", "1"]);
    world.await_note("started");
    wait_for("the result of `quick`", || world.read(".larder/state/started").contains("pone\0"));
    child.kill().unwrap();
    child.wait().unwrap();
    edit_is_kept(&world);
}

#[test]
fn an_edit_while_a_run_is_at_work_is_kept() {
    let world = World::new(
        r#"
        [tasks.first]
        cmd = "touch ../notes/started; while [ ! -e ../notes/go ]; do sleep 0.02; done; cp in between"
        inputs = ["in"]
        outputs = ["between"]
        cache = false
        [tasks.second]
        cmd = "cp between out; echo made >> ../notes/runs"
        inputs = ["between"]
        outputs = ["out"]
        "#,
    );
    let (go, started) = (world.top().join("notes/go"), world.top().join("notes/started"));
    std::fs::write(&go, "").unwrap();
    world.write("in", "first");
    world.run(&[]).did(2, 0);
    // The second task is executed, then found: `in` is what it was at the beginning.
    for (round, text) in [(1, "second"), (2, "first")] {
        std::fs::remove_file(&go).unwrap();
        std::fs::remove_file(&started).unwrap();
        world.write("in", text);
        let child = world.start(&["run"]);
        world.await_note("started");
        world.write("out", format!("of the user, {round}"));
        std::fs::write(&go, "").unwrap();
        let said = end(child).ok();
        assert_eq!((world.read("out"), world.notes("runs").len()), (text.into(), 2), "{said:?}");
        assert_eq!(world.read(format!(".larder/displaced/{round}/out")), format!("of the user, {round}"), "{said:?}");
    }
}
