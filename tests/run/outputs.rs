//! What is never lost of outputs, and what is never taken for one.

use crate::world::World;

#[test]
fn an_output_that_somebody_edited_is_moved_aside_and_made_anew() {
    let world = World::new(
        r#"
        [tasks.make]
        cmd = "cat in > one; echo made >> ../notes/runs"
        inputs = ["in"]
        outputs = ["one"]
        "#,
    );
    world.write("in", "first");
    world.run(&[]).did(1, 0);
    // Put back from what is stored.
    world.write("one", "by hand");
    world.run(&[]).did(0, 1).warned("that larder had not made");
    assert_eq!((world.read("one"), world.read(".larder/displaced/1/one")), ("first".into(), "by hand".into()));
    // Made again by the task.
    world.write("one", "by hand again");
    world.write("in", "second");
    world.run(&[]).did(1, 0).warned("that larder had not made");
    assert_eq!((world.read("one"), world.read(".larder/displaced/2/one")), ("second".into(), "by hand again".into()));
    // What nobody changed is larder's to replace.
    world.write("in", "third");
    let said = world.run(&[]).did(1, 0);
    assert!(!said.err.contains("warning") && !world.has(".larder/displaced/3"), "{said:?}");
}

#[test]
fn what_is_kept_from_run_to_run_stays_when_the_task_fails() {
    let world = World::new(
        r#"
        [tasks.grow]
        cmd = "echo line >> log; exit 3"
        keep-outputs = true
        outputs = ["log"]
        "#,
    );
    world.write("log", "mine\n");
    for round in 1..4 {
        world.run(&[]).failed(20, "TASK_FAILED");
        assert_eq!(world.read("log"), format!("mine\n{}", "line\n".repeat(round)));
    }
    assert!(!world.has(".larder/failed/grow"));
}

#[test]
fn a_link_out_of_the_project_is_found_however_it_is_written() {
    let world = World::new(
        r#"
        [tasks.up]
        cmd = "ln -s $(pwd)/../notes link"
        outputs = ["link"]
        [tasks.down]
        cmd = "mkdir -p d && ln -s $(pwd)/d/../in d/link"
        outputs = ["d/"]
        "#,
    );
    world.write("in", "text");
    world.run(&["up"]).did(1, 0).warned("leads out of the project");
    let said = world.run(&["down"]).did(1, 0);
    assert!(!said.err.contains("warning"), "{said:?}");
    world.run(&["up"]).did(1, 0);
    world.run(&["down"]).did(0, 1);
}

#[test]
fn equal_tasks_run_once_and_all_have_the_result() {
    let mut manifest = String::new();
    for task in 0..5 {
        manifest.push_str(&format!("[tasks.t{task}]\ncmd = \"echo same; echo x >> ../notes/runs\"\n"));
    }
    let world = World::new(&manifest);
    let said = world.run(&["-j", "1", "--output", "full"]).did(1, 4);
    assert_eq!((world.notes("runs").len(), said.out.matches("same\n").count()), (1, 5), "{said:?}");
}

#[test]
fn a_long_run_prints_little_to_a_log() {
    // A fifth of the 10,000 tasks of which at most 100 KB may be said.
    let manifest: String = (0..2_000).map(|n| format!("[tasks.t{n}]\ncmd = \"true {n}\"\n")).collect();
    let world = World::new(&manifest);
    let said = world.run(&[]).did(2_000, 0);
    assert!(said.out.len() + said.err.len() < 20_000, "{} bytes", said.out.len() + said.err.len());
    let said = world.run(&[]).did(0, 2_000);
    assert!(said.out.len() + said.err.len() < 1_000, "{} bytes", said.out.len() + said.err.len());
}

#[test]
fn an_output_never_covers_the_repository_or_the_key_in_use() {
    let task =
        |output: &str| format!("[task.make]\ncmd = \"mkdir -p out; echo 1 > out/f.o\"\noutputs = [\"{output}\"]\n");
    let world = World::bare();
    world.write("larder.toml", task("out"));
    world.larder(&["-r", "out/repo", "init", "-q"]).ok();
    for output in ["out", "o*", "out/*", "out/repo/**", "out/**/*.toml"] {
        world.write("larder.toml", task(output));
        let said = world.larder(&["-r", "out/repo", "run"]).failed(5, "CONFIG_INVALID").warned("out/repo");
        assert!(world.has("out/repo/config.toml") && !world.has("out/f.o"), "{output}: {said:?}");
    }
    world.write("larder.toml", task("out/f.o"));
    world.write("out/key", "0123456789abcdef");
    world.larder(&["-r", "out/repo", "run"]).did(1, 0);
    world.larder(&["-r", "out/repo", "clean"]).ok();
    world.larder(&["-r", "out/repo", "verify", "--all", "-q"]).ok();
    world.larder(&["--key-file", "out/key", "init", "-q"]).ok();
    world.write("larder.toml", task("out"));
    world.larder(&["--key-file", "out/key", "run"]).failed(5, "CONFIG_INVALID").warned("out/key");
    assert!(world.has("out/key"));
}
