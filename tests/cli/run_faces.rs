//! What is seen of a run: lines, a bar, events, numbers.

use super::World;
use super::terminal::at_terminal;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

fn world(manifest: &str) -> World {
    let world = World::new();
    world.write("larder.toml", manifest);
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world
}

const TWO: &str = "[task.a]\ndescription = \"the first\"\ncmd = \"echo out-a; echo err-a >&2; date >a.txt\"\n\
    outputs = [\"a.txt\"]\n[task.b]\ncmd = \"cat a.txt >b.txt\"\noutputs = [\"b.txt\"]\ndeps = [\"a\"]\n";

const BAD: &str = "[task.good]\ncmd = \"echo fine >good.txt\"\noutputs = [\"good.txt\"]\n\
    [task.bad]\ncmd = \"echo spoken >&2; printf 'no\\\\377\\\\n'; exit 3\"\ndeps = [\"good\"]\n[task.last]\ncmd = \"true\"\ndeps = [\"bad\"]\n";

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `task event end` of all events of tasks.
fn of_tasks(events: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_string();
    let tasks = events.iter().filter(|event| event["type"] == "task");
    tasks.map(|one| format!("{} {} {}", text(&one["task"]), text(&one["event"]), text(&one["end"]))).collect()
}

#[test]
fn events_tell_all_that_happens() {
    let world = world(TWO);
    let first = events(world.larder(&["run", "-o", "json"]).clean());
    assert_eq!(of_tasks(&first), ["a started -", "a ended executed", "b started -", "b ended executed"]);
    let summary = first.last().unwrap();
    assert_eq!((summary["type"].as_str(), &summary["tasks"]["executed"]), (Some("summary"), &Value::from(2)));
    let second = events(world.larder(&["run", "--json"]).clean());
    assert_eq!(of_tasks(&second), ["a ended current", "b ended current"]);
    assert_eq!(second[0]["record"], first[1]["record"]);
    assert_eq!(second[0]["record"].as_str().unwrap().len(), 64);
    world.sh("rm a.txt").clean();
    let third = events(world.larder(&["run", "-o", "json"]).clean());
    let mut ends = of_tasks(&third);
    ends.sort();
    assert_eq!(ends, ["a ended restored", "b ended current"]);
    assert_eq!(events(world.larder(&["run", "-n", "-o", "json"]).clean())[1]["plan"], "hit");
}

#[test]
fn failures_are_told_at_once_with_their_output() {
    let world = world(BAD);
    let said = world.larder(&["run"]);
    assert!(said.err.contains("bad: failed: exit status 3\n"), "{}", said.err);
    assert!(said.err.contains("spoken\n"), "{}", said.err);
    assert_eq!(said.out, b"no\xff\n1 executed, 0 cached, 1 failed, 1 skipped\n");
    said.failed(20, "TASK_FAILED");
    let said = world.larder(&["run", "--output", "none"]);
    assert!(!said.err.contains("spoken") && said.err.contains("bad: failed"), "{}", said.err);
    let said = world.larder(&["run", "-o", "json"]);
    let all = events(said.text());
    let output = |stream: &str| {
        let found = all.iter().find(|event| event["type"] == "output" && event["stream"] == stream);
        found.unwrap().clone()
    };
    assert_eq!((output("stderr")["text"].as_str(), output("stderr")["task"].as_str()), (Some("spoken\n"), Some("bad")));
    assert_eq!(output("stdout")["text_hex"].as_str(), Some("6e6fff0a"));
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.exit, error["code"].as_str(), error["type"].as_str()), (20, Some("TASK_FAILED"), Some("error")));
}

#[test]
fn all_output_is_shown_again_where_it_is_wanted() {
    let world = world(TWO);
    for (how, end) in [("executed", "a: executed"), ("current", "a: current")] {
        let said = world.larder(&["run", "--output", "full"]);
        assert!(said.ok().starts_with("out-a\n"), "{how}: {}", said.text());
        assert!(said.err.contains(end) && said.err.contains("err-a\n"), "{how}: {}", said.err);
    }
    let said = world.larder(&["run", "-q"]);
    assert_eq!(said.clean(), "");
}

#[test]
fn numbers_for_people_and_programs() {
    let world = world(TWO);
    let metrics =
        || -> Value { serde_json::from_str(&std::fs::read_to_string(world.path("m.json")).unwrap()).unwrap() };
    let said = world.larder(&["run", "--stats", "--metrics", "m.json"]);
    assert!(said.ok().contains("| tasks     2: 2 executed, 0 cached "), "{}", said.text());
    assert!(
        said.text().lines().all(|line| line.starts_with(['+', '|']) && line.ends_with(['+', '|'])),
        "{}",
        said.text()
    );
    let first = metrics();
    for (group, names) in [
        ("tasks", vec!["total", "executed", "cached", "failed"]),
        ("cache", vec!["hits", "misses", "hit_rate"]),
        ("timing_ms", vec!["min", "max", "average", "total"]),
        ("resources", vec!["memory_bytes", "memory_peak_bytes", "cpu_percent"]),
        ("errors", vec!["errors", "retries", "timeouts"]),
    ] {
        names.iter().for_each(|name| assert!(first[group][name].is_number(), "{group}.{name}: {first}"));
    }
    assert!(first["resources"]["memory_bytes"].as_u64().unwrap() > 1_000_000);
    world.larder(&["run", "-m", "m.json"]).ok();
    assert_eq!(metrics()["cache"]["hit_rate"], 1.0);
    let said = world.larder(&["run", "--metrics", "no/such/dir/m.json"]);
    assert!(
        said.ok().contains("2 cached") && said.err.contains("warning: the metrics could not be written"),
        "{}",
        said.err
    );
}

#[test]
fn a_log_stays_short() {
    let tasks: String = (0..520).map(|n| format!("[task.t{n}]\ncmd = \": {n}\"\n")).collect();
    let world = world(&tasks);
    let said = world.larder(&["run", "-j", "2"]);
    assert_eq!(said.ok(), "520 executed, 0 cached\n");
    assert_eq!(said.err.matches(": executed (").count(), 500);
    assert!(said.err.contains("500 tasks were executed; more of them are only counted\n"));
    assert!(!said.err.contains('\x1b') && !said.err.contains('\r'));
    assert_eq!(world.larder(&["run", "--no-progress"]).clean(), "0 executed, 520 cached\n");
}

#[test]
fn a_terminal_shows_how_far_it_is_and_what_runs() {
    // It runs until it is seen.
    let slow = "until test -e seen; do grep -q 'slow [0-9]' shown && touch seen; sleep 0.05; done";
    let world = world(&format!(
        "[task.quick]\ncmd = \":\"\n[task.slow]\ncmd = \"{slow}\"\ndeps = [\"quick\"]\ntimeout = \"120s\"\n"
    ));
    let shown = at_terminal(&world, "larder run", "");
    assert!(shown.contains("running [") && shown.contains("% (1/2) ") && shown.contains(" tasks/s ETA: "), "{shown}");
    assert!(shown.contains("2 executed, 0 cached"), "{shown}");
    let shown = at_terminal(&world, "larder run --force --no-progress", "");
    assert!(!shown.contains("running [") && shown.contains("2 executed"), "{shown}");
}

#[test]
fn the_options_of_old() {
    let world = world(TWO);
    assert_eq!(world.larder(&["run", "--list-tasks"]).clean(), "a  the first\nb\n");
    world.larder(&["run"]).ok();
    let before = world.sh("cat a.txt; larder record list | wc -l").clean().to_string();
    let said = world.larder(&["run", "--clean-cache", "a"]);
    assert!(
        said.ok().starts_with("1 executed") && said.err.contains("forgot 1 stored runs"),
        "{} {}",
        said.err,
        said.text()
    );
    assert_eq!(world.sh("larder record list | wc -l").clean(), "2\n");
    assert!(before.ends_with("\n2\n"), "{before}");
    world.larder(&["run", "--clean-cache", "-n"]).failed(2, "INVALID_ARG");
    world.larder(&["run", "larder.toml", "nosuch"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn a_signal_ends_it_in_order() {
    let world = world("[task.long]\ncmd = \"sleep 600 & echo $! >pid; touch began; wait\"\noutputs = [\"began\"]\n");
    let said = world.sh("larder run --metrics m.json & run=$!; until test -e began || ! kill -0 $run; do sleep 0.05; done; pid=$(cat pid); \
         kill -INT $run; wait $run; echo ended $?; ! grep -qv ') Z ' /proc/$pid/stat 2>/dev/null && echo gone");
    assert!(said.text().ends_with("ended 130\ngone\n"), "{} {}", said.text(), said.err);
    let metrics: Value = serde_json::from_str(&std::fs::read_to_string(world.path("m.json")).unwrap()).unwrap();
    assert_eq!((&metrics["cancelled"], &metrics["tasks"]["cancelled"]), (&Value::from(true), &Value::from(1)));
}

#[test]
fn a_graph_tells_how_each_task_stands() {
    let world = world(
        "[task.a]\ncmd = \"echo a >a\"\noutputs = [\"a\"]\n[task.b]\ncmd = \"cat a >b\"\ninputs = [\"a\"]\noutputs = [\"b\"]\n\
         [task.bad]\ncmd = \"exit 3\"\n[task.after]\ncmd = \"true\"\ndeps = [\"bad\"]\n\
         [task.missing]\ncmd = \"true\"\ninputs = [\"nowhere\"]\n[task.both]\ndeps = [\"a\", \"b\"]\n",
    );
    let boxes = || {
        let said = world.larder(&["graph"]);
        let lines = said.clean().lines().map(|line| line.split("  ").find(|part| part.starts_with('[')).unwrap());
        let mut lines: Vec<String> = lines.map(str::to_string).collect();
        lines.sort_by_key(|line| line.rsplit(' ').next().unwrap().to_string());
        lines
    };
    let bad = ["[ ] after", "[X] bad", "[ ] both", "[X] missing"];
    assert_eq!(boxes(), ["[ ] a", "[ ] after", "[ ] b", "[ ] bad", "[ ] both", "[X] missing"]);
    world.larder(&["run", "-k", "both", "bad"]).failed(20, "TASK_FAILED");
    assert_eq!(boxes(), ["[\u{2714}] a", bad[0], "[\u{2714}] b", bad[1], "[\u{2714}] both", bad[3]]);
    world.sh("rm b").clean();
    assert_eq!(boxes(), ["[\u{2714}] a", bad[0], "[*] b", bad[1], "[*] both", bad[3]]);
    let ids = events(world.larder(&["graph", "--json", "b"]).clean());
    assert_eq!([&ids[0]["status"], &ids[1]["status"]], ["current", "hit"]);
    let short = |value: &Value| value.as_str().unwrap()[..8].to_string();
    let expected = format!(
        "[\u{2714}] a  {} -> {}\n  [*] b  {} -> {}\n",
        short(&ids[0]["action"]),
        short(&ids[0]["result"]),
        short(&ids[1]["action"]),
        short(&ids[1]["result"])
    );
    assert_eq!(world.larder(&["graph", "b"]).clean(), expected);
    let drawn = world.larder(&["graph", "--format", "dot", "b"]);
    assert!(drawn.clean().contains("  \"b\" [label=\"[*] b\"];\n  \"a\" -> \"b\";\n"), "{}", drawn.text());
    // A look changes nothing, and another text of the command is another action.
    world.sh("sed -i s/cat/tac/ larder.toml").clean();
    assert_eq!(boxes()[2], "[ ] b");
    assert!(!world.path("b").exists());
}

#[test]
fn runs_are_let_go_once_a_day_and_by_gc() {
    let settings = |world: &World, text| world.write("../home/.config/larder/config.toml", text);
    let runs_of = |world: &World| world.larder(&["record", "list"]).clean().lines().count();
    // Both on one day.
    let today = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let (world, said) = loop {
        let (world, day) = (world(TWO), today());
        settings(&world, "run-keep = [\"1\"]\n");
        let said = world.larder(&["run"]);
        assert!(said.ok() == "2 executed, 0 cached\n" && said.err.contains("let go of 1 runs"), "{}", said.err);
        assert_eq!(runs_of(&world), 1);
        let said = world.larder(&["run", "--force"]);
        if day == today() {
            break (world, said);
        }
    };
    let runs = || runs_of(&world);
    assert!(said.ok() == "2 executed, 0 cached\n" && !said.err.contains("let go"), "{}", said.err);
    let all = runs();
    assert!(all > 1 && world.larder(&["gc", "--keep-runs", "all"]).ok().contains("runs_removed\t0\n"));
    assert_eq!(runs(), all);
    assert!(world.larder(&["gc"]).ok().contains(&format!("runs_removed\t{}\n", all - 1)));
    assert_eq!(runs(), 1);
    settings(&world, "run-keep = [\"never\"]\n");
    world.larder(&["gc"]).failed(2, "INVALID_ARG");
    world.larder(&["verify", "-q", "--read-data"]).clean();
}

#[test]
fn the_summary_is_the_last_word_and_what_could_not_be_done_is_tried_again() {
    let world = world(TWO);
    world.write("../home/.config/larder/config.toml", "run-keep = [\"never\"]\n");
    for _ in 0..2 {
        let said = events(world.larder(&["run", "-o", "json", "--force"]).clean());
        let last = |back: usize| said[said.len() - back]["type"].as_str().unwrap();
        assert_eq!([last(2), last(1)], ["warning", "summary"], "{said:?}");
    }
}
