use super::World;
use super::action_id::project;
use serde_json::Value;

fn world() -> World {
    let world = project();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world
}

fn json(world: &World, task: &str) -> Value {
    serde_json::from_str(world.larder(&["explain", "--json", task]).clean()).unwrap()
}

/// What changed, as `input in.txt changed`.
fn changes(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let all = value["changes"].as_array().unwrap().iter();
    all.map(|one| format!("{} {} {}", text(&one["what"]), text(&one["name"]), text(&one["change"]))).collect()
}

#[test]
fn a_task_that_never_ran() {
    let world = world();
    assert_eq!(world.larder(&["explain", "gen"]).clean(), "gen: would run\n  no run of it is known\n");
    let said = world.larder(&["explain", "use"]);
    assert!(
        said.clean().contains("it depends on what `gen` yields, which would run: larder explain gen"),
        "{}",
        said.text()
    );
    assert_eq!(json(&world, "use")["after"], "gen");
    world.sh("rm in.txt").clean();
    let said = world.larder(&["explain", "gen"]);
    assert!(said.clean().starts_with("gen: cannot start\n") && said.text().contains("in.txt"), "{}", said.text());
    world.larder(&["explain", "nosuch"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn what_changed_since_which_run() {
    let world = world();
    world.larder(&["run", "gen", "use"]).ok();
    let value = json(&world, "use");
    assert_eq!((value["verdict"].as_str(), changes(&value)), (Some("current"), vec![]));
    let made = value["hit"]["record"].as_str().unwrap().to_string();
    assert!(world.larder(&["explain", "use"]).clean().contains(&format!("made by run {}", &made[..8])));

    world.sh("sed -i 's/LEVEL = \"3\"/LEVEL = \"4\"/; s/\"cp\", /\"cp\", \"-f\", /' larder.toml").clean();
    let value = json(&world, "use");
    assert_eq!(value["verdict"], "run");
    assert_eq!(value["since"]["record"], made.as_str());
    assert_eq!(changes(&value), ["command  changed", "variable LEVEL changed"]);
    let said = world.larder(&["explain", "use"]);
    let lines: Vec<&str> = said.clean().lines().collect();
    assert!(lines[1].starts_with(&format!("  changed since run {}", &made[..8])), "{lines:?}");
    let [command, variable] =
        ["    command: cp gen.txt use.txt -> cp -f gen.txt use.txt", "    variable LEVEL: another value"];
    assert_eq!(lines[2..], [command, variable]);
    world.sh("sed -i 's/\"-f\", //; s/\"cp\"/\"mv\"/' larder.toml").clean();
    assert_eq!(
        changes(&json(&world, "use")),
        ["word 0 changed", "variable LEVEL changed", "tool cp removed", "tool mv added"]
    );

    world.write("in.txt", "other\n");
    let value = json(&world, "gen");
    assert_eq!(changes(&value), ["input in.txt changed"]);
    assert_eq!(
        value["changes"][0]["after"],
        world.sh("sha256sum <in.txt | cut -d ' ' -f 1 | tr '\\n' ' '").clean().to_string() + "executable"
    );
}

#[test]
fn which_run_made_the_hit() {
    let world = world();
    world.larder(&["run", "gen"]).ok();
    let first = json(&world, "gen")["hit"]["record"].clone();
    world.sh("rm gen.txt").clean();
    let said = world.larder(&["explain", "gen"]);
    assert!(said.clean().contains("its output gen.txt changed or is not there"), "{}", said.text());
    world.write("in.txt", "other\n");
    world.larder(&["run", "gen"]).ok();
    // Back to what was run first: another run made what stands for it now.
    world.write("in.txt", "hello\n");
    let value = json(&world, "gen");
    assert_eq!((value["verdict"].as_str(), &value["hit"]["record"]), (Some("hit"), &first));
    assert_eq!(changes(&value), ["input in.txt changed"]);
    assert_ne!(value["since"]["record"], first);
}

#[test]
fn results_of_dependencies_and_ends_of_runs() {
    let world = world();
    let manifest = "[task.a]\ncmd = \"cat x >a.txt\"\ninputs = [\"x\"]\noutputs = [\"a.txt\"]\n\
        [task.b]\ncmd = \"test ! -e fail && date >b.txt\"\ndeps = [\"a\"]\noutputs = [\"b.txt\"]\n";
    world.write("larder.toml", manifest);
    world.write("x", "1");
    world.larder(&["run"]).ok();
    world.write("x", "2");
    world.larder(&["run", "a"]).ok();
    let said = world.larder(&["explain", "b"]);
    assert!(said.clean().contains("dependency a: "), "{}", said.text());
    assert_eq!(changes(&json(&world, "b")), ["dependency a changed"]);
    world.sh("touch fail").clean();
    world.larder(&["run", "b"]).failed(20, "TASK_FAILED");
    let said = world.larder(&["explain", "b"]);
    assert!(said.clean().contains("the last run of just this ended: failed, exit status 1"), "{}", said.text());
}

#[test]
fn what_a_run_was_seen_to_read() {
    let world = world();
    let manifest = "[task.o]\ncmd = \"echo 'o: h.h' >o.d; cat h.h >o\"\noutputs = [\"o\"]\ndepfile = \"o.d\"\n";
    world.write("larder.toml", manifest);
    world.write("h.h", "1");
    world.sh("touch -d '1 hour ago' h.h").clean();
    world.larder(&["run"]).ok();
    world.write("h.h", "2");
    assert_eq!(changes(&json(&world, "o")), ["observed h.h changed"]);
}
