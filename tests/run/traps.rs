//! The traps that tools which remember results fall into, one test each.

use crate::world::World;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// A task that copies `in` to `out` and writes down that it was executed.
const COPY: &str = r#"
[tasks.copy]
cmd = "cp in out; echo copied >> ../notes/runs"
inputs = ["in"]
outputs = ["out"]
"#;

#[test]
fn a_dry_run_makes_nothing_stale() {
    let world = World::new(COPY);
    world.write("in", "one");
    world.run(&[]).did(1, 0);
    world.write("in", "two");
    assert_eq!(world.run(&["-n"]).ok().out, "copy: run\n");
    assert_eq!(world.read("out"), "one");
    world.run(&[]).did(1, 0);
    assert_eq!(world.read("out"), "two");
    assert_eq!(world.run(&["-n"]).ok().out, "copy: hit\n");
    assert_eq!(world.notes("runs").len(), 2);
}

#[test]
fn the_environment_is_declared_or_hidden() {
    let world = World::new(
        r#"
        [tasks.hidden]
        cmd = "echo ${SECRET_OF_MINE-none} > hidden; echo hidden >> ../notes/runs"
        outputs = ["hidden"]
        [tasks.declared]
        cmd = "echo ${MODE-none} > declared; echo declared >> ../notes/runs"
        env = ["MODE"]
        outputs = ["declared"]
        [tasks.passed]
        cmd = "echo ${VISIBLE-none} > passed; echo passed >> ../notes/runs"
        pass-env = ["VISIBLE"]
        outputs = ["passed"]
        "#,
    );
    let run = |mode: &str| {
        let mut command = world.command(&["run"]);
        command.envs([("SECRET_OF_MINE", mode), ("MODE", mode), ("VISIBLE", mode)]);
        crate::world::said(command.output().unwrap())
    };
    run("a").did(3, 0);
    assert_eq!([world.read("hidden"), world.read("declared"), world.read("passed")], ["none\n", "a\n", "a\n"]);
    run("b").did(1, 2);
    assert_eq!([world.read("hidden"), world.read("declared"), world.read("passed")], ["none\n", "b\n", "a\n"]);
    run("a").did(0, 3);
    assert_eq!(world.read("declared"), "a\n");
    assert_eq!(world.notes("runs").len(), 4);
}

#[test]
fn equal_commands_with_other_inputs_or_outputs_are_other_actions() {
    let world = World::new(
        r#"
        [tasks.one]
        cmd = "./work.sh"
        inputs = ["work.sh", "a"]
        outputs = ["out/a"]
        [tasks.two]
        cmd = "./work.sh"
        inputs = ["work.sh", "b"]
        outputs = ["out/b"]
        [tasks.here]
        cmd = "pwd > where; echo here >> ../notes/runs"
        outputs = ["where"]
        [tasks.there]
        cmd = "pwd > where; echo there >> ../../notes/runs"
        cwd = "sub"
        outputs = ["sub/where"]
        [tasks.words]
        cmd = ["sh", "-c", "echo a b > words"]
        outputs = ["words"]
        [tasks.others]
        cmd = ["sh", "-c", "echo a b > words", "a b"]
        deps = ["words"]
        outputs = ["others"]
        "#,
    );
    let script = world.write("work.sh", "#!/bin/sh\nfor f in a b; do [ ! -f $f ] || cp $f out/$f; done\n");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.write("a", "first");
    world.write("b", "second");
    world.write("sub/kept", "");
    world.run(&["one", "here", "there", "words"]).did(4, 0);
    world.run(&["one", "two", "here", "there", "words"]).did(1, 4);
    assert_eq!([world.read("out/a"), world.read("out/b")], ["first", "second"]);
    assert!(world.read("sub/where").ends_with("work/sub\n"), "{}", world.read("sub/where"));
    // The same words, and one more: another action, which does not make its output.
    world.run(&["others"]).failed(20, "TASK_FAILED").warned("missing output others");
}

#[test]
fn modes_are_kept_as_far_as_promised_and_said_where_not() {
    let world = World::new(
        r#"
        [tasks.make]
        cmd = "printf '#!/bin/sh\necho hi\n' > tool; chmod 755 tool; echo text > text; chmod 600 text"
        outputs = ["tool", "text"]
        "#,
    );
    world.run(&[]).did(1, 0).warned("a stored result does not keep mode 0600 of text");
    let mode = |name: &str| std::fs::metadata(world.path(name)).unwrap().mode() & 0o7777;
    // What the run left and what a hit leaves are the same.
    let first = (mode("tool"), mode("text"));
    for name in ["tool", "text"] {
        std::fs::remove_file(world.path(name)).unwrap();
    }
    world.run(&[]).did(0, 1);
    assert_eq!((mode("tool"), mode("text")), first);
    assert_eq!((first.0 & 0o111 != 0, first.1 & 0o111), (true, 0));
    // A lost executable bit is a change like any other.
    std::fs::set_permissions(world.path("tool"), std::fs::Permissions::from_mode(0o644)).unwrap();
    world.run(&[]).did(0, 1);
    assert_eq!((mode("tool"), mode("text")), first);
}

#[test]
fn a_symlink_stays_a_symlink_and_is_not_written_through() {
    let world = World::new(
        r#"
        [tasks.link]
        cmd = "mkdir -p d; echo text > d/file; ln -s file d/link; ln -s nowhere d/dangling"
        outputs = ["d/"]
        [tasks.file]
        cmd = "cp in out"
        inputs = ["in"]
        outputs = ["out"]
        "#,
    );
    world.write("in", "of the task");
    world.write("mine", "of the user");
    world.run(&[]).did(2, 0);
    let text = |name: &str| std::fs::read_link(world.path(name)).unwrap().into_os_string();
    std::fs::remove_dir_all(world.path("d")).unwrap();
    // A link of the user's where an output goes: it is replaced, and what it leads to is left alone.
    std::fs::remove_file(world.path("out")).unwrap();
    symlink("mine", world.path("out")).unwrap();
    world.run(&[]).did(0, 2);
    assert_eq!((text("d/link").as_bytes(), text("d/dangling").as_bytes()), (&b"file"[..], &b"nowhere"[..]));
    assert_eq!((world.read("out"), world.read("mine")), ("of the task".into(), "of the user".into()));
    assert!(std::fs::symlink_metadata(world.path("out")).unwrap().is_file());
    // A link that became a file is a link again.
    std::fs::remove_file(world.path("d/link")).unwrap();
    world.write("d/link", "text\n");
    world.run(&[]).did(0, 2);
    assert_eq!(text("d/link").as_bytes(), b"file");
}

#[test]
fn an_input_link_counts_by_its_text_and_by_what_it_leads_to() {
    let world = World::new(COPY);
    world.write("a", "same");
    world.write("b", "same");
    symlink("a", world.path("in")).unwrap();
    world.run(&[]).did(1, 0);
    world.write("a", "other");
    world.run(&[]).did(1, 0);
    assert_eq!(world.read("out"), "other");
    std::fs::remove_file(world.path("in")).unwrap();
    symlink("b", world.path("in")).unwrap();
    world.run(&[]).did(1, 0);
    assert_eq!(world.read("out"), "same");
}

#[test]
fn a_deleted_output_of_an_unchanged_task_comes_back() {
    let world = World::new(
        r#"
        [tasks.make]
        cmd = "mkdir -p d/e; echo 1 > one; echo 2 > d/e/two; mkdir d/empty; echo made >> ../notes/runs"
        outputs = ["one", "d/"]
        "#,
    );
    world.run(&[]).did(1, 0);
    std::fs::remove_file(world.path("one")).unwrap();
    std::fs::remove_dir_all(world.path("d")).unwrap();
    world.run(&[]).did(0, 1);
    assert_eq!((world.read("one"), world.read("d/e/two")), ("1\n".into(), "2\n".into()));
    assert!(world.path("d/empty").is_dir());
    // An output that somebody edited is as it was made, and what was written is not lost.
    world.write("one", "edited");
    world.run(&[]).did(0, 1);
    assert_eq!(world.read("one"), "1\n");
    assert_eq!(world.notes("runs").len(), 1);
}

#[test]
fn what_is_appended_to_begins_empty() {
    let world = World::new(
        r#"
        [tasks.log]
        cmd = "cat in >> out"
        inputs = ["in"]
        outputs = ["out"]
        "#,
    );
    for text in ["one\n", "two\n"] {
        world.write("in", text);
        world.run(&[]).did(1, 0);
        assert_eq!(world.read("out"), text);
    }
    world.run(&["--force"]).did(1, 0);
    assert_eq!(world.read("out"), "two\n");
}

#[test]
fn an_input_that_changes_while_its_task_runs_is_not_taken_for_what_was_read() {
    let world = World::new(
        r#"
        [tasks.slow]
        cmd = "cat in > out; touch ../notes/reads; while [ ! -e ../notes/go ]; do sleep 0.01; done; echo slow >> ../notes/runs"
        inputs = ["in"]
        outputs = ["out"]
        [tasks.after]
        cmd = "cat out > end"
        inputs = ["out"]
        outputs = ["end"]
        "#,
    );
    world.write("in", "one");
    let child = world.start(&["run"]);
    world.await_note("reads");
    world.write("in", "two, and longer");
    std::fs::write(world.top().join("notes/go"), "").unwrap();
    crate::world::end(child).did(2, 0).warned("input-changed in");
    assert_eq!(world.read("end"), "one");
    world.run(&[]).did(2, 0);
    assert_eq!((world.read("end"), world.notes("runs").len()), ("two, and longer".into(), 2));
    // The result of the disturbed run stands for nothing; what was made of it is what it would be.
    world.write("in", "one");
    world.run(&[]).did(1, 1);
    assert_eq!((world.read("end"), world.notes("runs").len()), ("one".into(), 3));
}
