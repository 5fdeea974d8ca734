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
