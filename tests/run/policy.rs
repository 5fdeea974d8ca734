//! What is run after what, how often, how long, and with which status it ends.

use crate::world::{World, end, is_gone, said, wait_for, with_more_time};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;

#[test]
fn after_a_failure_nothing_new_is_begun_and_what_runs_may_end() {
    // Between what is said of a failure and the end of what runs the schedule must have heard of it.
    let world = with_more_time(|ms| {
        let manifest = r#"
            [tasks.bad]
            cmd = "touch ../notes/bad; while [ ! -e ../notes/running ]; do sleep 0.01; done; echo half > half; exit 7"
            outputs = ["half"]
            [tasks.running]
            cmd = "touch ../notes/running; while ! grep -q 'bad: failed' ../notes/says; do sleep 0.01; done; sleep SECONDS; echo whole > whole"
            outputs = ["whole"]
            [tasks.later]
            cmd = "touch ../notes/later"
            after = ["running"]
            [tasks.downstream]
            cmd = "touch ../notes/downstream"
            deps = ["bad"]
            "#;
        let world = World::new(&manifest.replace("SECONDS", &(ms as f64 / 1_000.0).to_string()));
        let says = world.top().join("notes/says");
        let mut command = world.command(&["run", "-j", "2"]);
        let said = said(command.stderr(std::fs::File::create(&says).unwrap()).output().unwrap());
        let err = std::fs::read_to_string(&says).unwrap();
        assert!(said.exit == 20 && err.contains("[TASK_FAILED]") && err.contains("exit status 7"), "{said:?} {err}");
        (!world.top().join("notes/later").exists()).then(|| {
            assert!(said.out.contains("1 executed, 0 cached, 1 failed, 1 skipped, 1 not started"), "{said:?}");
            world
        })
    });
    assert_eq!((world.read("whole"), world.has("half")), ("whole\n".into(), false));
    assert_eq!(world.read(".larder/failed/bad/half"), "half\n");
    // With -k all goes on that does not need what failed.
    let said = world.run(&["-j", "2", "-k"]).failed(20, "TASK_FAILED");
    assert!(said.out.contains("1 executed, 1 cached, 1 failed, 1 skipped"), "{said:?}");
    assert!(world.top().join("notes/later").exists() && !world.top().join("notes/downstream").exists());
}

#[test]
fn the_same_is_done_for_every_number_of_jobs() {
    let mut manifest = String::new();
    for task in 0..24 {
        let deps = if task > 2 { format!("deps = [\"t{}\", \"t{}\"]\n", task / 2, task / 3) } else { String::new() };
        let end = if task % 7 == 5 { "exit 3" } else { "true" };
        manifest.push_str(&format!(
            "[tasks.t{task}]\ncmd = \"echo {task} > o{task}; echo t{task} >> ../notes/JOBS; {end}\"\noutputs = [\"o{task}\"]\n{deps}"
        ));
    }
    let mut all = Vec::new();
    for jobs in ["1", "2", "8"] {
        let world = World::new(&manifest.replace("JOBS", "runs"));
        let said = world.run(&["-k", "-j", jobs]).failed(20, "TASK_FAILED");
        let mut ran = world.notes("runs");
        ran.sort();
        let log = world.larder(&["log", "--runs", "--json"]).ok();
        let mut runs: Vec<(String, String, String)> = Vec::new();
        for line in log.out.lines() {
            let run: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| run[name].to_string();
            runs.push((field("task"), field("action"), field("status")));
        }
        runs.sort();
        all.push((said.out, ran, runs));
    }
    assert!(!all[0].1.is_empty() && all[0].2.len() >= all[0].1.len(), "{all:?}");
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:#?}");
}

#[test]
fn retries_begin_with_clean_outputs_and_every_attempt_is_kept() {
    let world = World::new(
        r#"
        [tasks.shaky]
        cmd = "[ ! -e out ] || exit 9; echo x >> ../notes/tries; echo try $(wc -l < ../notes/tries); echo x > out; [ $(wc -l < ../notes/tries) -ge 3 ]"
        outputs = ["out"]
        retries = 3
        retry-delay = "1ms"
        [tasks.hopeless]
        cmd = "echo x >> ../notes/hopeless; exit 4"
        retries = 2
        retry-delay = "1ms"
        "#,
    );
    world.run(&["shaky"]).did(1, 0);
    assert_eq!(world.notes("tries").len(), 3);
    let again = world.run(&["shaky", "--output", "full"]).did(0, 1);
    assert!(again.out.contains("try 3") && !again.out.contains("try 1"), "{again:?}");
    let said = world.run(&["hopeless"]).failed(20, "TASK_FAILED");
    assert!(said.err.contains("exit status 4"), "{said:?}");
    assert_eq!(world.notes("hopeless").len(), 3);
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let (world, child) = with_more_time(|ms| {
        let manifest = r#"
            [tasks.slow]
            cmd = "echo half > out; sleep 600 & echo $! > ../notes/child; sleep 600"
            outputs = ["out"]
            timeout = "MSms"
            "#;
        let world = World::new(&manifest.replace("MS", &ms.to_string()));
        let said = world.run(&[]).failed(15, "TIMEOUT");
        assert!(said.err.contains(&format!("longer than {ms} ms")), "{said:?}");
        let child = world.notes("child").pop()?;
        Some((world, child))
    });
    wait_for("the end of the child", || is_gone(&child));
    assert!(!world.has("out") && world.has(".larder/failed/slow/out"));
    // Beside another failure it is a failure like any other.
    let bad = "[tasks.bad]\ncmd = \"exit 1\"\n";
    world.write("larder.toml", [&world.read("larder.toml"), bad].concat());
    world.run(&["-k"]).failed(20, "TASK_FAILED");
    // The option holds for tasks that do not say how long they may take.
    world.write("larder.toml", "[tasks.long]\ncmd = \"sleep 600\"\n");
    world.run(&["-t", "1s"]).failed(15, "TIMEOUT");
}

#[test]
fn pools_and_weights_bound_what_runs_beside() {
    let body = "echo in >> ../notes/NAME; n=$(($(grep -c in ../notes/NAME) - $(grep -c out ../notes/NAME))); echo most $n >> ../notes/NAME; sleep 0.05; echo out >> ../notes/NAME";
    let mut manifest = String::from("[pools]\nlink = 2\n");
    for task in 0..6 {
        // Equal commands without outputs would be one action.
        let body = format!(": {task}; {body}");
        let pooled = body.replace("NAME", "link");
        manifest.push_str(&format!("[tasks.link{task}]\ncmd = \"{pooled}\"\npool = \"link\"\n"));
        let heavy = body.replace("NAME", "heavy");
        manifest.push_str(&format!("[tasks.heavy{task}]\ncmd = \"{heavy}\"\nweight = 4\n"));
    }
    let world = World::new(&manifest);
    let most = |name: &str| {
        let lines = world.notes(name);
        lines.iter().filter_map(|line| line.strip_prefix("most ")?.parse::<u32>().ok()).max().unwrap()
    };
    world.run(&["-j", "8", "link*"]).did(6, 0);
    assert!(most("link") <= 2, "{} ran beside in a pool of 2", most("link"));
    world.run(&["-j", "6", "heavy*"]).did(6, 0);
    assert_eq!(most("heavy"), 1, "two of weight 4 in 6 slots");
}

#[test]
fn the_first_interrupt_is_passed_on_and_what_was_done_is_kept() {
    let world = World::new(&format!(
        "[tasks.quick]\ncmd = \"echo 1 > one\"\noutputs = [\"one\"]\n{}after = [\"quick\"]\n",
        waiting("trap 'echo told >> ../notes/told; exit 3' INT TERM;")
    ));
    let child = world.start(&["run", "-j", "1"]);
    world.await_note("started");
    signal(&child, Signal::INT);
    let said = end(child);
    assert_eq!(said.exit, 130, "{said:?}");
    assert_eq!(world.notes("told").len(), 1, "{said:?}");
    assert!(!world.has("two"));
    std::fs::write(world.top().join("notes/go"), "").unwrap();
    world.run(&[]).did(1, 1);
    assert_eq!((world.read("two"), world.has(".larder/displaced")), ("half\n".into(), false));
}

#[test]
fn the_second_interrupt_kills() {
    let world = World::new(&waiting("trap 'echo told >> ../notes/told' INT TERM;"));
    let child = world.start(&["run"]);
    world.await_note("started");
    signal(&child, Signal::INT);
    world.await_note("told");
    signal(&child, Signal::INT);
    let said = end(child);
    assert_eq!(said.exit, 130, "{said:?}");
    let pid = world.notes("started").remove(0);
    wait_for("the end of the task", || is_gone(&pid));
}

#[test]
fn what_could_not_be_published_is_still_larders() {
    let world = World::new(
        r#"
        [tasks.make]
        cmd = "echo 1 > one; [ -e ../notes/once ] || touch ../notes/once .larder/packs"
        outputs = ["one"]
        "#,
    );
    // The tasks are well; where packs go there is a file.
    let said = world.run(&[]).did(1, 0).warned("results were not stored");
    assert_eq!(world.read("one"), "1\n", "{said:?}");
    std::fs::remove_file(world.path(".larder/packs")).unwrap();
    let said = world.run(&[]).did(1, 0);
    assert!(!said.err.contains("warning") && !world.has(".larder/displaced"), "{said:?}");
    world.run(&[]).did(0, 1);
    world.larder(&["verify"]).ok();
}

#[test]
fn a_manifest_that_changes_while_it_is_run_is_not_stored_as_what_was_run() {
    let world = World::new("[tasks.a]\ncmd = \"echo '# more' >> larder.toml; echo a > a\"\noutputs = [\"a\"]\n");
    let first = world.read("larder.toml");
    world.run(&[]).did(1, 0).warned("the manifest changed while it was run");
    let manifest_of = || {
        let runs = world.larder(&["log", "--runs", "--json"]).ok();
        let newest: serde_json::Value = serde_json::from_str(runs.out.lines().next().unwrap()).unwrap();
        let id = newest["record"].as_str().or(newest["id"].as_str()).unwrap().to_string();
        let shown = world.larder(&["record", "show", &id, "--json"]).ok();
        let record: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        record["manifest"].as_str().map(str::to_string)
    };
    assert_eq!(manifest_of(), None);
    world.write("larder.toml", first.replace("echo '# more' >> larder.toml; ", ""));
    world.run(&[]).did(1, 0);
    let stored = world.larder(&["cat-object", &manifest_of().unwrap()]).ok();
    assert_eq!(stored.out, world.read("larder.toml"));
}

#[test]
fn each_way_to_fail_has_its_status() {
    let world = World::new("[tasks.a]\ncmd = \"echo a > a\"\noutputs = [\"a\"]\n");
    world.run(&["nosuch"]).failed(10, "FILE_NOT_FOUND");
    world.run(&["-f", "nosuch.toml"]).failed(10, "FILE_NOT_FOUND");
    world.write("bad.toml", "[tasks.a]\ncommand = \"x\"\n");
    let said = world.run(&["-f", "bad.toml"]);
    assert_eq!(said.exit, 5, "{said:?}");
    assert!(said.err.contains("bad.toml:2:1"), "{said:?}");
    world.write("escape.toml", "[tasks.a]\ncmd = \"x\"\noutputs = [\"../x\"]\n");
    world.run(&["-f", "escape.toml"]).failed(16, "PERMISSION_DENIED");
    world.write("git.toml", "[tasks.a]\ncmd = \"true\"\n[tasks.b]\ncmd = \"x\"\ninputs = [\"@git(src)\"]\n");
    world.run(&["-f", "git.toml"]).failed(5, "CONFIG_INVALID").warned("git.toml:3:");
    world.write("missing.toml", "[tasks.a]\ncmd = [\"no-such-program\"]\n");
    world.run(&["-f", "missing.toml"]).failed(20, "TASK_FAILED").warned("no-such-program");
    let bare = World::bare();
    bare.run(&[]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn a_second_run_waits_for_the_first_and_finds_all_done() {
    let world = World::new(&waiting(""));
    let first = world.start(&["run"]);
    world.await_note("started");
    let second = start_and_await_wait(&world);
    std::fs::write(world.top().join("notes/go"), "").unwrap();
    end(first).did(1, 0);
    end(second).did(0, 1);
    assert_eq!(world.notes("started").len(), 1);
}

#[test]
fn what_a_killed_larder_left_running_still_holds_the_project() {
    let world = World::new(&waiting("trap '' INT TERM;"));
    let mut first = world.start(&["run"]);
    world.await_note("started");
    first.kill().unwrap();
    first.wait().unwrap();
    let second = start_and_await_wait(&world);
    let orphan = world.notes("started").remove(0);
    assert!(!is_gone(&orphan), "the task ended with larder");
    std::fs::write(world.top().join("notes/go"), "").unwrap();
    end(second).did(1, 0);
    wait_for("the end of the orphan", || is_gone(&orphan));
    assert_eq!((world.notes("started").len(), world.has(".larder/displaced")), (2, false));
}

#[test]
fn a_run_within_a_run_takes_part_in_its_lock() {
    let world = World::new(
        r#"
        [tasks.outer]
        cmd = "larder run -q inner && cp in out"
        outputs = ["out"]
        cache = false
        pass-env = ["LARDER_KEY_FILE"]
        [tasks.inner]
        cmd = "echo inner > in"
        outputs = ["in"]
        "#,
    );
    world.run(&["outer"]).did(1, 0);
    assert_eq!(world.read("out"), "inner\n");
    // Both wrote what they know, and neither over the other.
    std::fs::remove_file(world.path("in")).unwrap();
    world.run(&["inner"]).did(0, 1);
    assert_eq!(world.read("in"), "inner\n");
    // What either made is larder's from then on, what the user writes is not.
    let manifest = world.read("larder.toml");
    for text in ["other", "another"] {
        world.write("larder.toml", manifest.replace("echo inner", &format!("echo {text}")));
        world.run(&["outer"]).did(1, 0);
        assert_eq!((world.read("out"), world.has(".larder/displaced")), (format!("{text}\n"), false));
    }
    world.write("out", "of the user");
    world.run(&["outer"]).did(1, 0);
    assert_eq!(world.read(".larder/displaced/1/out"), "of the user");
    assert!(!world.has(".larder/state/started"));
}

/// Starts a run, and waits until it says that it waits.
fn start_and_await_wait(world: &World) -> Child {
    let says = world.top().join("notes/says");
    let mut command = world.command(&["run"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::fs::File::create(&says).unwrap());
    let child = command.spawn().unwrap();
    wait_for("a word of waiting", || std::fs::read_to_string(&says).is_ok_and(|text| text.contains("waiting for")));
    child
}

/// A task that says when it has started and waits until it may go on.
fn waiting(first: &str) -> String {
    format!(
        "[tasks.wait]\ncmd = \"{first} echo half > two; echo $$ >> ../notes/started; \
         while [ ! -e ../notes/go ]; do sleep 0.02; done\"\noutputs = [\"two\"]\n"
    )
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}
