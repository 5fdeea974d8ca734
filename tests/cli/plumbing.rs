//! `docs/PLUMBING.md` is true: its blocks run, and make what the porcelain makes.

use super::World;
use std::path::Path;

fn blocks() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PLUMBING.md")).unwrap();
    let mut blocks = Vec::new();
    let mut title = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("## ") {
            title = name.to_string();
        } else if line == "```sh" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((title.clone(), block.join("\n")));
        }
    }
    blocks
}

#[test]
fn pipelines_do_what_the_porcelain_does() {
    let world = World::new();
    let top = env!("CARGO_MANIFEST_DIR");
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world
        .sh("mkdir -p tree/sub; seq 30000 > tree/numbers; echo x > 'tree/sub/a b'; ln tree/numbers tree/sub/linked; \
             ln -s ../numbers tree/sub/symlink; mkfifo tree/fifo; touch tree/empty; chmod 700 tree/sub; \
             truncate -s 1M tree/hole")
        .clean();
    let source = world.path("tree").display().to_string();
    let run = |name: &str| {
        let found: Vec<String> =
            blocks().into_iter().filter(|(title, _)| title == name).map(|(_, block)| block).collect();
        assert_eq!(found.len(), 1, "{name}");
        let target = world.path("out").display().to_string();
        world.sh(&format!(
            "set -eu -o pipefail; SOURCE='{source}' TARGET='{target}'; export SOURCE TARGET\n{}",
            found[0]
        ))
    };
    let snapshot = run("Backup").clean().trim_end().to_string();
    // The root tree also has the times of the directories above, which are not ours.
    let plumbing = world.larder(&["resolve", &format!("{snapshot}:{source}")]).clean().to_string();
    world.larder(&["backup", "-q", &source]).clean();
    assert_eq!(world.larder(&["resolve", &format!("latest:{source}")]).clean(), plumbing);
    assert_eq!(world.larder(&["resolve", "plumbing"]).clean().trim_end(), snapshot);
    let links = |name: &str| {
        let said = world.larder(&["snapshots", "--json", name]);
        let value: serde_json::Value = serde_json::from_str(said.clean()).unwrap();
        value["links"].clone()
    };
    assert!(links("latest").is_string());
    assert_eq!(links("latest"), links("plumbing"));

    run("Restore").clean();
    world.larder(&["restore", "-q", &format!("latest:{source}"), "--target", "porcelain"]).clean();
    world.sh(&format!("{top}/scripts/same-tree tree out && {top}/scripts/same-tree porcelain out")).ok();
    assert_eq!(world.sh("stat -c %i out/numbers out/sub/linked | sort -u | wc -l").clean(), "1\n");

    let looked = run("Looking");
    assert!(!looked.clean().contains("damaged"), "{}", looked.text());
    assert!(looked.text().contains(" file ") && looked.text().contains("\tsub/a b\n"), "{}", looked.text());
    let stored = run("Storing without a snapshot");
    assert_eq!(stored.clean().lines().count(), 6);
    let kept = run("Keeping house");
    assert!(kept.clean().ends_with("total\thealth_percentage\t100.00\nok\n"), "{}", kept.text());
}

/// The manifest of a small project: a command with a depfile and a variable, and a pipeline behind it.
const TASKS: &str = r#"
[task.make]
cmd = "mkdir -p out/sub; cat in other > 'out/sub/a b'; chmod 755 'out/sub/a b'; ln -s sub out/link; echo $LEVEL; echo out: in other > made.d; echo made >> ../made"
inputs = ["in"]
outputs = ["out"]
env = ["LEVEL=a b", "FROM"]
depfile = "made.d"

[task.count]
cmd = "wc -l < 'out/sub/a b' > deep/count; echo counted >> ../made"
inputs = ["out"]
outputs = ["deep/count"]
"#;

#[test]
fn one_task_is_run_by_a_pipeline_and_is_a_hit_then() {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.sh("mkdir project; seq 3 > project/in; seq 2 > project/other").clean();
    world.write("project/larder.toml", TASKS);
    let (_, block) = blocks().into_iter().find(|(title, _)| title == "Run").unwrap();
    let pipeline = |task: &str| world.sh(&format!("cd project; export FROM=here TASK={task}\n{block}"));
    let run = |expected: &str| {
        let said = world.sh(
            "cd project; FROM=here larder run --metrics ../metrics 2>&1; grep -o '\"executed\": [0-9]*' ../metrics",
        );
        assert!(said.clean().ends_with(&format!("\"executed\": {expected}\n")), "{}", said.text());
    };
    let made = |times: usize| assert_eq!(world.sh("cat made").clean().lines().count(), times);
    let first = pipeline("make");
    first.ok();
    assert!(first.err.contains("a b\n"), "{}", first.err);
    pipeline("count").ok();
    made(2);
    // A run after it executes nothing, and takes what is right as it is.
    run("0");
    made(2);
    world.sh("cd project; rm -r out deep; echo x > out").clean();
    run("0");
    made(2);
    assert_eq!(
        world.sh("cd project; cat deep/count; stat -c %A 'out/sub/a b'; readlink out/link").clean(),
        "5\n-rwxr-xr-x\nsub\n"
    );
    // What run did is a hit for the pipeline, and the other way round; a file that only the depfile names counts.
    world.sh("cd project; echo more >> other").clean();
    run("2");
    made(4);
    world.sh("cd project; rm -r out deep").clean();
    pipeline("make").ok();
    pipeline("count").ok();
    made(4);
    assert_eq!(world.sh("cat project/deep/count").clean(), "6\n");
    world.sh("cd project; echo again >> other").clean();
    pipeline("make").ok();
    made(5);
    // A failure leaves no record.
    let records = world.larder(&["record", "list"]).clean().lines().count();
    world.sh("cd project; sed -i 's/chmod 755/false; exit 3 #/' larder.toml").clean();
    assert_ne!(pipeline("make").exit, 0);
    assert_eq!(world.larder(&["record", "list"]).clean().lines().count(), records);
    world.larder(&["verify", "-q", "--read-data"]).clean();
}

#[test]
fn every_plumbing_command_has_its_format_written_down() {
    let read = |name| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap();
    let (text, reference) = (read("PLUMBING.md"), read("CLI.md"));
    let frozen = reference.split("\n### larder ").filter(|about| about.contains("Plumbing: the format"));
    let names: Vec<&str> = frozen.filter_map(|about| about.lines().next()).collect();
    assert!(names.len() > 20 && names.contains(&"init"), "{names:?}");
    for name in names {
        let is_silent = ["restore-tree", "decompress"].contains(&name);
        assert!(is_silent || text.contains(&format!("`{name}")), "{name} is not in docs/PLUMBING.md");
    }
}
