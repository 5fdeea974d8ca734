//! What is done on wish: inputs kept, the whole environment passed on.

use crate::world::{Said, World, said};

#[test]
fn what_tasks_read_is_kept_on_wish() {
    let world = World::new(
        r#"
        [tasks.make]
        cmd = "cat src/* link > out"
        inputs = ["src/", "link"]
        outputs = ["out"]
        [tasks.use]
        cmd = "tr a-z A-Z < out > end"
        inputs = ["out"]
        outputs = ["end"]
        "#,
    );
    let script = world.write("src/a", "first\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    world.write("src/deep/b", "below\n");
    std::fs::remove_dir_all(world.path("src/deep")).unwrap();
    world.write("src/b", "second\n");
    std::os::unix::fs::symlink("src/b", world.path("link")).unwrap();
    world.run(&["--keep-inputs"]).did(2, 0);
    // What was read stays as it was, to its mode.
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&script).unwrap().permissions());
    assert_eq!(mode & 0o7777, 0o640);
    for name in ["src", "link", "out", "end"] {
        let path = world.path(name);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
    let runs = world.larder(&["log", "--runs", "--json", "--task", "make"]).ok().out;
    let run: serde_json::Value = serde_json::from_str(runs.lines().next().unwrap()).unwrap();
    let name = format!("run:{}", run["id"].as_str().unwrap());
    world.larder(&["gc"]).ok();
    world.larder(&["restore", &name, "--inputs", "--target", "../again"]).ok();
    let read = |name: &str| std::fs::read_to_string(world.top().join("again").join(name)).unwrap();
    assert_eq!([read("src/a"), read("src/b"), read("out")], ["first\n", "second\n", "first\nsecond\nsecond\n"]);
    assert_eq!(std::fs::read_link(world.top().join("again/link")).unwrap().to_str(), Some("src/b"));
    world.larder(&["verify", "--read-data"]).ok();
    // Without the wish nothing is kept of them.
    world.write("src/a", "other\n");
    world.write("src/b", "");
    std::os::unix::fs::symlink("src/b", world.path("link")).unwrap();
    world.run(&["make"]).did(1, 0);
    let said = world.larder(&["restore", "run:latest", "--inputs", "--target", "../none"]).failed(10, "FILE_NOT_FOUND");
    assert!(said.err.contains("--keep-inputs"), "{said:?}");
}

#[test]
fn the_whole_environment_is_passed_and_keyed_on_wish() {
    let world = World::new(
        "[tasks.t]\ncmd = \"echo ${FOO-none} ${LARDER_KEY_FILE-none} > out; echo t >> ../notes/runs\"\noutputs = [\"out\"]\n\
         [tasks.u]\ncmd = \"echo $FOO > own\"\nenv = [\"FOO=fixed\"]\noutputs = [\"own\"]\n",
    );
    let run = |foo: &str, words: &[&str]| -> Said {
        let mut command = world.command(&[&["run"], words].concat());
        said(command.env("FOO", foo).env("SHLVL", foo).output().unwrap())
    };
    run("1", &[]).did(2, 0);
    assert_eq!(world.read("out"), "none none\n");
    run("1", &["--env-passthrough"]).did(1, 1);
    assert_eq!((world.read("out"), world.read("own")), ("1 none\n".into(), "fixed\n".into()));
    run("2", &["--env-passthrough"]).did(1, 1);
    assert_eq!(world.read("out"), "2 none\n");
    // Each is known by its variables, and nothing is taken for another.
    run("1", &["--env-passthrough"]).did(0, 2);
    assert_eq!(world.read("out"), "1 none\n");
    run("1", &[]).did(0, 2);
    assert_eq!((world.read("out"), world.notes("runs").len()), ("none none\n".into(), 3));
}

#[test]
fn a_result_counts_as_used_on_the_day_on_which_it_is_given_back() {
    let world = World::new("[tasks.t]\ncmd = \"echo 1 > out\"\noutputs = [\"out\"]\n");
    world.write("out", "1\n");
    let script = "action=$(larder action-id --raw t | larder hash-object -w -t action --stdin); larder record put --task t \
                  --action $action --result $(larder write-tree --portable out) --start 2026-01-02T03:04:05Z";
    let id = said(world.command_in("work", "sh", &["-ec", script]).output().unwrap()).ok().out;
    let used = || {
        let shown = world.larder(&["show", &format!("run:{}", id.trim()), "--json"]).ok().out;
        serde_json::from_str::<serde_json::Value>(&shown).unwrap()["used"].as_str().unwrap().to_string()
    };
    assert_eq!(used(), "2026-01-02T03:04:05Z");
    std::fs::remove_file(world.path("out")).unwrap();
    world.run(&[]).did(0, 1);
    let first = used();
    assert!(first.as_str() > "2026-01-03", "{first}");
    // Noted once: a second use on one day adds nothing. Midnight may pass between the two.
    let roots = || std::fs::read_dir(world.path(".larder/roots")).unwrap().count();
    let before = roots();
    std::fs::remove_file(world.path("out")).unwrap();
    world.run(&[]).did(0, 1);
    assert!(used() > first || roots() == before);
    // In place it is used, too, when a run has something to do: here what was noted is lost with the run, which comes back.
    world.larder(&["record", "rm", id.trim()]).ok();
    world.larder(&["gc", "-q"]).ok();
    assert_eq!(said(world.command_in("work", "sh", &["-ec", script]).output().unwrap()).ok().out, id);
    assert_eq!(used(), "2026-01-02T03:04:05Z");
    world.run(&[]).did(0, 1);
    assert_eq!(used(), "2026-01-02T03:04:05Z", "nothing to do, and no repository opened");
    let more = "[tasks.u]\ncmd = \"echo 2 > two\"\noutputs = [\"two\"]\n";
    world.write("larder.toml", world.read("larder.toml") + more);
    world.run(&[]).did(1, 1);
    assert!(used().as_str() > "2026-01-03", "{}", used());
}
