use super::World;
use std::collections::BTreeSet;
use std::path::Path;

/// Everything that is generated from the table, and where it is committed.
const GENERATED: [(&str, &str); 4] =
    [("man", "man"), ("completions", "completions"), ("cli", "docs"), ("errors", "docs")];

#[test]
fn what_is_committed_is_what_the_table_says() {
    let world = World::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (kind, dir) in GENERATED {
        std::fs::create_dir(world.path(kind)).unwrap();
        world.larder(&["help", "--generate", kind, kind]).clean();
        let mut made = BTreeSet::new();
        for entry in std::fs::read_dir(world.path(kind)).unwrap() {
            let name = entry.unwrap().file_name();
            let (new, old) = (world.path(kind).join(&name), root.join(dir).join(&name));
            let same = std::fs::read(&old).ok() == std::fs::read(&new).ok();
            assert!(same, "{} is stale: run `larder help --generate {kind} {dir}`", old.display());
            made.insert(name);
        }
        if dir != "docs" {
            let there: BTreeSet<_> =
                std::fs::read_dir(root.join(dir)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(there, made, "{dir} holds a file that nothing generates");
        }
    }
}

fn commands(world: &World) -> Vec<String> {
    let said = world.larder(&["help", "-a"]);
    let lines = said.clean().lines().filter_map(|line| line.strip_prefix("  "));
    lines.map(|line| line.split(' ').next().unwrap().to_string()).collect()
}

#[test]
fn every_flag_of_help_stands_in_the_manual() {
    let world = World::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in commands(&world) {
        let said = world.larder(&[&name, "--help"]);
        let man = std::fs::read_to_string(root.join(format!("man/larder-{name}.1"))).unwrap().replace('\\', "");
        for word in said.clean().split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
            if word.len() > 3 && word.starts_with("--") {
                assert!(man.contains(word), "{name}: {word} is not in its manual");
            }
        }
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES"] {
            assert!(man.contains(&format!(".SH \"{section}\"")), "{name}: {section} is missing");
        }
        assert_eq!(world.larder(&["help", &name]).clean(), said.text());
    }
}

#[test]
fn plumbing_and_porcelain_are_listed() {
    let world = World::new();
    let said = world.larder(&["help"]);
    assert!(!said.clean().contains("hash-object"));
    assert_eq!(world.larder(&[]).clean(), said.text());
    assert_eq!(world.larder(&["--help"]).clean(), said.text());
    let all = commands(&world);
    for name in ["hash-object", "lock", "help"] {
        assert!(all.iter().any(|other| other == name), "{name}");
    }
    world.larder(&["help", "nothing"]).failed(2, "INVALID_ARG");
    world.larder(&["help", "--generate", "nothing", "."]).failed(2, "INVALID_ARG");
}

#[test]
fn error_codes_for_programs() {
    let world = World::new();
    let said = world.larder(&["help", "errors", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(said.clean()).unwrap();
    assert!(rows.as_array().unwrap().len() >= 17);
    assert!(world.larder(&["help", "errors"]).clean().contains("| LOCK_HELD | locked | 11 |"));
}

#[test]
fn actions_have_their_help_and_headings_hold_what_they_say() {
    let world = World::new();
    assert!(world.larder(&["help", "key", "add"]).clean().contains("--new-key-file"));
    world.larder(&["help", "key", "nothing"]).failed(2, "INVALID_ARG");
    for (command, heading, other) in [
        ("backup", "What is left out:", "--dry-run"),
        ("forget", "What is kept:", "--group-by"),
        ("backup", "What is left out:", "--jobs"),
    ] {
        let help = world.larder(&["help", command]).clean().to_string();
        let (_, rest) = help.split_once(heading).unwrap();
        let section: String =
            rest.lines().skip(1).take_while(|line| line.is_empty() || line.starts_with(' ')).collect();
        assert!(help.contains(other) && section.contains("--") && !section.contains(other), "{command}: {section}");
    }
    let said = world.larder(&["backup", "--stdin", "d"]);
    said.failed(2, "INVALID_ARG");
    assert!(said.err.contains("larder help backup") && !said.err.contains("usage:"), "{}", said.err);
}

#[test]
fn a_bench_measures_every_piece_or_nothing() {
    let world = World::new();
    world.larder(&["bench", "--size", "0"]).failed(2, "INVALID_ARG");
    let said = world.larder(&["bench", "--size", "64KiB", "--dir", "nowhere"]);
    assert_eq!((said.exit, said.text()), (10, ""), "{}", said.err);
    let said = world.larder(&["bench", "--size", "64KiB", "--index", "100"]);
    assert!(said.clean().contains("none, text") && said.text().contains("index of 100 entries"), "{}", said.text());
}
