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

#[test]
fn every_plumbing_command_has_its_format_written_down() {
    let world = World::new();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PLUMBING.md")).unwrap();
    let help = world.larder(&["help", "-a"]);
    let plumbing = help.clean().split("Plumbing").nth(1).unwrap();
    for line in plumbing.lines().filter_map(|line| line.strip_prefix("  ")) {
        let name = line.split(' ').next().unwrap();
        let is_silent = ["restore-tree", "decompress"].contains(&name);
        assert!(is_silent || text.contains(&format!("`{name}")), "{name} is not in docs/PLUMBING.md");
    }
}
