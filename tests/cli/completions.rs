use super::World;
use std::path::{Path, PathBuf};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(name)
}

/// A repository with a snapshot that has a tag; the id's beginning.
fn world() -> (World, String) {
    let world = World::new();
    world.write("key", [7; 64]);
    world.larder(&["init", "-q", "--key-file", "key"]).clean();
    world.write("tree/a", "abc");
    let id = world.larder(&["backup", "--key-file", "key", "tree", "--tag", "monthly"]).ok()[..8].to_string();
    (world, id)
}

/// What bash offers for this line, with the cursor at its end.
fn bash(world: &World, line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
    let at = words.len() - 1;
    let file = script("larder.bash");
    world.sh(&format!(
        ". {}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({}); COMP_CWORD={at}; _larder_names larder \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{}]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        file.display(),
        words.join(" "),
        at - 1
    ))
    .clean()
    .to_string()
}

#[test]
fn names_need_no_key_and_no_question() {
    let (world, id) = world();
    let said = world.larder(&["complete", "snapshots"]);
    assert!(said.clean().contains(&format!("\n{id}\t")), "{}", said.text());
    assert_eq!(world.larder(&["complete", "tags"]).clean(), "monthly\t\n");
    World::new().larder(&["complete", "snapshots"]).failed_quietly(1);
    assert_eq!(world.sh("stat -c %a .larder/state/names").clean(), "600\n");
    world.larder(&["--key-file", "key", "tag", "latest", "--add", "kept"]).ok();
    assert_eq!(world.larder(&["complete", "tags"]).clean(), "kept\t\nmonthly\t\n");
}

#[test]
fn bash_completes_commands_options_and_names() {
    let (world, id) = world();
    assert_eq!(bash(&world, "larder resto"), "restore\nrestore-tree\n");
    assert!(bash(&world, "larder restore --over").starts_with("--overwrite\n"));
    assert_eq!(bash(&world, &format!("larder restore {}", &id[..3])), format!("{id}\n"));
    assert_eq!(bash(&world, "larder snapshots --tag mon"), "monthly\n");
    let elsewhere = world.path("").display().to_string();
    assert_eq!(bash(&world, &format!("larder -r {elsewhere} show lat")), "latest\n");
}

#[test]
fn tasks_are_those_of_the_manifest() {
    let world = World::new();
    assert_eq!(world.larder(&["complete", "tasks"]).exit, 1);
    world.write(
        "larder.toml",
        "[task.build]\ndescription = \"makes it\"\ncmd = \"true\"\n[task.bench]\ncmd = \"true\"\n\
        [task.unit]\ncmd = \"true\"\nmatrix = { os = [\"linux\", \"mac\"] }\n",
    );
    world.write("other/tasks.toml", "[task.other]\ncmd = \"true\"\n");
    let all = "build\tmakes it\nbench\t\nunit@os=linux\t\nunit@os=mac\t\n";
    assert_eq!(world.larder(&["complete", "tasks"]).clean(), all);
    for command in ["run", "explain", "clean", "graph", "tasks", "action-id"] {
        assert_eq!(bash(&world, &format!("larder {command} bu")), "build\n", "{command}");
        assert_eq!(bash(&world, &format!("larder {command} -f other/tasks.toml o")), "other\n", "{command}");
        for (file, end) in [("_larder", ":_larder_tasks'"), ("larder.fish", "-a \"(__larder_names tasks)\"")] {
            let text = std::fs::read_to_string(script(file)).unwrap();
            assert!(text.lines().any(|line| line.contains(end)), "{file}");
        }
        let fish = std::fs::read_to_string(script("larder.fish")).unwrap();
        assert!(fish.contains(&format!("using_subcommand {command}\" -a \"(__larder_names tasks)\"")), "{command}");
    }
    assert_eq!(bash(&world, "larder run other/tasks.toml "), "other\n");
    // bash parts this word at `@` and `=`.
    let said = world.sh(&format!(
        ". {}; COMP_LINE='larder run unit@os=l'; COMP_POINT=20; COMP_WORDS=(larder run unit @ os = l); COMP_CWORD=6; \
         _larder_names larder l =; echo \"${{COMPREPLY[@]}}\"",
        script("larder.bash").display()
    ));
    assert_eq!(said.clean(), "linux\n");
}

#[test]
fn the_program_prints_what_is_installed() {
    let world = World::new();
    for (shell, file) in [("zsh", "_larder"), ("fish", "larder.fish"), ("bash", "larder.bash")] {
        assert_eq!(world.larder(&["completions", shell]).clean(), std::fs::read_to_string(script(file)).unwrap());
    }
    world.larder(&["completions", "tcsh"]).failed(2, "INVALID_ARG");
}

#[test]
fn other_shells_can_read_theirs() {
    let (world, id) = world();
    for (shell, file) in [("zsh", "_larder"), ("fish", "larder.fish"), ("bash", "larder.bash")] {
        let file = script(file).display().to_string();
        world.sh(&format!("! command -v {shell} > /dev/null || {shell} -n {file}")).clean();
    }
    let file = script("larder.fish").display().to_string();
    let said = world.sh(&format!(
        "command -v fish > /dev/null || {{ echo {id}; exit; }}; fish -c 'source {file}; complete -C \"larder restore {}\"'",
        &id[..3]
    ));
    assert!(said.ok().starts_with(&id), "{}", said.text());
}

#[test]
fn bash_offers_actions_before_options() {
    let world = World::new();
    let script = world.larder(&["completions", "bash"]).clean().to_string();
    let offers = script.lines().filter_map(|line| line.trim().strip_prefix("opts=\""));
    let mut count = 0;
    for words in offers {
        count += 1;
        let first_option = words.find(" -").unwrap_or(words.len());
        let late = words[first_option..].split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        assert_eq!(late, None, "{words}");
    }
    assert!(count > 20 && script.contains("opts=\"init list add remove passwd show"), "{count}");
}
