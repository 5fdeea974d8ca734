//! What commands do to the one who runs them: much output, processes left behind, input that never comes, odd names.

use crate::world::{World, end, is_gone, wait_for};
use std::fmt::Write as _;

#[test]
fn of_much_output_as_much_is_kept_as_may_be_and_the_rest_is_said() {
    let world = World::new(
        r#"
        [tasks.loud]
        cmd = "yes 0123456789abcde | head -c 100000000"
        "#,
    );
    world.run(&[]).did(1, 0);
    let shown = world.run(&["--output", "full"]).ok();
    let kept = shown.out.len() + shown.err.len();
    assert!((60 << 20..70 << 20).contains(&kept), "{kept} bytes were kept");
    let mark = format!("[larder: the log ends here; {} more bytes were printed]\n", 100_000_000 - (64 << 20));
    assert!(shown.out.contains(&mark), "{:?}", shown.out.lines().rev().take(3).collect::<Vec<_>>());
}

#[test]
fn a_process_left_behind_is_ended_and_its_result_not_trusted_if_it_had_to_be_killed() {
    let world = World::new(
        r#"
        [tasks.polite]
        cmd = "sleep 600 & echo $! > ../notes/polite; echo 1 > one"
        outputs = ["one"]
        [tasks.stubborn]
        cmd = "(trap '' TERM; touch ../notes/ready; while :; do sleep 0.1; done) & echo $! > ../notes/stubborn; while [ ! -e ../notes/ready ]; do sleep 0.01; done; echo 2 > two"
        outputs = ["two"]
        "#,
    );
    let said = world.run(&["polite"]).did(1, 0);
    assert!(!said.err.contains("warning"), "{said:?}");
    world.run(&["polite"]).did(0, 1);
    world.run(&["stubborn"]).did(1, 0).warned("had to be killed");
    for name in ["polite", "stubborn"] {
        let pid = world.notes(name).remove(0);
        wait_for("the end of what was left behind", || is_gone(&pid));
    }
    std::fs::remove_file(world.top().join("notes/ready")).unwrap();
    let said = world.run(&["stubborn"]).did(1, 0).warned("had to be killed");
    assert!(!said.err.contains("larder had not made"), "{said:?}");
}

#[test]
fn what_is_never_stored_runs_each_time_and_its_outputs_are_larders() {
    let world = World::new(
        r#"
        [tasks.uncached]
        cmd = "mkdir -p d; echo 1 > d/one; echo u >> ../notes/runs"
        cache = false
        outputs = ["d/"]
        [tasks.kept]
        cmd = "echo line >> grows; echo k >> ../notes/runs"
        keep-outputs = true
        outputs = ["grows"]
        [tasks.after]
        cmd = "cat d/one > two; echo a >> ../notes/runs"
        inputs = ["d/one"]
        outputs = ["two"]
        "#,
    );
    for round in 1..4 {
        let said = if round == 1 { world.run(&[]).did(3, 0) } else { world.run(&[]).did(2, 1) };
        assert!(!said.err.contains("warning"), "{said:?}");
        assert_eq!(world.read("grows").lines().count(), round);
    }
    assert_eq!((world.notes("runs").len(), world.read("two")), (7, "1\n".into()));
    assert!(!world.has(".larder/displaced"));
}

#[test]
fn who_waits_for_input_gets_its_end() {
    let world = World::new("[tasks.reader]\ncmd = \"cat > out; echo done >> out\"\noutputs = [\"out\"]\n");
    // Ours stays open and silent.
    let mut command = world.command(&["run"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take();
    end(child).did(1, 0);
    drop(stdin);
    assert_eq!(world.read("out"), "done\n");
}

#[test]
fn outputs_nested_in_inputs_are_refused_or_kept_apart() {
    // One task: what it reads holds what it writes.
    let world = World::new("[tasks.t]\ncmd = \"cp src/a src/b\"\ninputs = [\"src/b\"]\noutputs = [\"src/b\"]\n");
    world.write("src/a", "a");
    world.run(&[]).failed(5, "CONFIG_INVALID");
    // A directory that holds another task's output is read without it, unless it is depended on.
    let manifest = |deps: &str| {
        format!(
            "[tasks.make]\ncmd = \"cp src/a src/made\"\ninputs = [\"src/a\"]\noutputs = [\"src/made\"]\n\
             [tasks.list]\ncmd = \"ls src > list; echo listed >> ../notes/runs\"\ninputs = [\"src/\"]\n{deps}outputs = [\"list\"]\n"
        )
    };
    world.write("larder.toml", manifest(""));
    let said = world.run(&["list"]).failed(5, "CONFIG_INVALID");
    assert!(said.err.contains("make"), "{said:?}");
    world.write("larder.toml", manifest("deps = [\"make\"]\n"));
    world.run(&[]).did(2, 0);
    assert_eq!(world.read("list"), "a\nmade\n");
    world.run(&[]).did(0, 2);
    world.write("src/new", "");
    world.run(&[]).did(1, 1);
    assert_eq!((world.read("list"), world.notes("runs").len()), ("a\nmade\nnew\n".into(), 2));
}

#[test]
fn names_with_spaces_quotes_and_newlines() {
    let odd = ["a b", "a'b", "a\"b", "a\nb", "-n", "a$b", "\u{e9}", "a\\b"];
    let mut manifest = String::new();
    for (number, name) in odd.iter().enumerate() {
        // A backslash means something to a pattern, too.
        let quoted = format!("{:?}", name.replace('\\', "\\\\"));
        let _ = write!(
            manifest,
            "[tasks.t{number}]\ncmd = 'cat ./{{{{in}}}} > ./{{{{out}}}}; echo {number} >> ../notes/runs'\n\
             inputs = [{}]\noutputs = [{}]\n",
            quoted.replacen('"', "\"in ", 1),
            quoted.replacen('"', "\"out ", 1),
        );
    }
    let world = World::new(&manifest);
    for name in odd {
        world.write(format!("in {name}"), name);
    }
    world.run(&[]).did(8, 0);
    for name in odd {
        assert_eq!(world.read(format!("out {name}")), name);
        std::fs::remove_file(world.path(format!("out {name}"))).unwrap();
    }
    world.run(&[]).did(0, 8);
    for name in odd {
        assert_eq!(world.read(format!("out {name}")), name);
    }
    world.write("in a\nb", "other");
    world.run(&[]).did(1, 7);
    assert_eq!((world.read("out a\nb"), world.notes("runs").len()), ("other".into(), 9));
}

#[test]
fn a_chain_of_five_thousand() {
    let mut manifest = String::from("[tasks.t0]\ncmd = \"cp in o0\"\ninputs = [\"in\"]\noutputs = [\"o0\"]\n");
    for task in 1..5_000 {
        let before = task - 1;
        let _ = write!(
            manifest,
            "[tasks.t{task}]\ncmd = \"cp o{before} o{task}\"\ninputs = [\"o{before}\"]\noutputs = [\"o{task}\"]\n"
        );
    }
    let world = World::new(&manifest);
    world.write("in", "one");
    world.run(&[]).did(5_000, 0);
    assert_eq!(world.read("o4999"), "one");
    world.run(&[]).did(0, 5_000);
    std::fs::remove_file(world.path("o2500")).unwrap();
    world.run(&["t4999"]).did(0, 5_000);
    assert_eq!(world.read("o2500"), "one");
}

#[test]
fn a_task_with_eighty_inputs() {
    let names: Vec<String> = (0..80).map(|number| format!("\"in/{number}\"")).collect();
    let world = World::new(&format!(
        "[tasks.all]\ncmd = \"cat {{{{in}}}} > out\"\ninputs = [{}]\noutputs = [\"out\"]\n",
        names.join(", ")
    ));
    for number in 0..80 {
        world.write(format!("in/{number}"), format!("{number}\n"));
    }
    world.run(&[]).did(1, 0);
    assert_eq!(world.read("out").lines().count(), 80);
    for number in [0, 41, 79] {
        world.write(format!("in/{number}"), "changed\n");
        world.run(&[]).did(1, 0);
    }
    std::fs::remove_file(world.path("in/33")).unwrap();
    let said = world.run(&[]).failed(20, "TASK_FAILED");
    assert!(said.err.contains("in/33"), "{said:?}");
}

#[test]
fn a_cycle_is_shown_whole() {
    let task = |name: &str, dep: &str| format!("[tasks.{name}]\ncmd = \"true\"\ndeps = [\"{dep}\"]\n");
    let world = World::new(&[task("a", "b"), task("b", "c"), task("c", "a"), task("d", "a")].concat());
    let said = world.run(&[]).failed(5, "CYCLE_DETECTED");
    assert!(said.err.contains("a -> b -> c -> a"), "{said:?}");
}

#[test]
fn two_results_of_one_action_are_both_kept_and_one_stands() {
    let world = World::new("[tasks.t]\ncmd = \"date +%N > out; echo t >> ../notes/runs\"\noutputs = [\"out\"]\n");
    world.run(&[]).did(1, 0);
    let first = world.read("out");
    world.run(&["--force"]).did(1, 0);
    let second = world.read("out");
    assert_ne!(first, second);
    let runs = world.larder(&["log", "--runs", "--json"]).ok();
    assert_eq!(runs.out.lines().filter(|line| line.contains("\"task\":\"t\"")).count(), 2, "{runs:?}");
    // The newest stands, here and for whoever knows nothing but the repository.
    for what in ["out", ".larder/state"] {
        let path = world.path(what);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap()
        } else {
            std::fs::remove_file(path).unwrap()
        }
        world.run(&[]).did(0, 1);
        assert_eq!((world.read("out"), world.notes("runs").len()), (second.clone(), 2));
    }
}

#[test]
fn a_graph_shows_what_another_larder_runs_right_now() {
    let world = World::new(
        r#"
        [tasks.first]
        cmd = "touch ../notes/runs; while [ ! -e ../notes/go ]; do sleep 0.01; done; echo 1 > one"
        outputs = ["one"]
        timeout = "2m"
        [tasks.second]
        cmd = "cat one > two"
        inputs = ["one"]
        outputs = ["two"]
        [tasks.both]
        deps = ["first", "second"]
        "#,
    );
    let stands = || {
        let lines = world.larder(&["graph", "--json"]).ok().out;
        let status = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["status"].to_string();
        lines.lines().map(status).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(stands(), "\"pending\" \"pending\" \"pending\"");
    let child = world.start(&["run"]);
    world.await_note("runs");
    assert_eq!(stands(), "\"running\" \"pending\" \"running\"");
    assert!(world.larder(&["graph", "first"]).ok().out.starts_with("[~] first"));
    std::fs::write(world.top().join("notes/go"), "").unwrap();
    end(child).did(2, 0);
    assert_eq!(stands(), "\"current\" \"current\" \"current\"");
}
