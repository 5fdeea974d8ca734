//! What is damaged, lost or left behind: failures stay where they are, and what is stored heals.

use crate::world::World;
use std::path::{Path, PathBuf};

const MAKE: &str = r#"
[tasks.make]
cmd = "cat in in > out; echo made >> ../notes/runs"
inputs = ["in"]
outputs = ["out"]
[tasks.use]
cmd = "wc -c < out > size; echo used >> ../notes/runs"
inputs = ["out"]
outputs = ["size"]
"#;

/// The packs of a repository, longest first.
fn packs(repository: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(repository.join("packs")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let mut packs: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    packs.sort_by_key(|pack| std::cmp::Reverse(std::fs::metadata(pack).unwrap().len()));
    packs
}

/// A project that ran, and a byte of its output's stored bytes is another.
fn damaged() -> World {
    let world = World::new(MAKE);
    let noise: Vec<u8> = (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    world.write("in", noise);
    world.run(&[]).did(2, 0);
    let pack = packs(&world.path(".larder")).remove(0);
    let mut bytes = std::fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&pack, bytes).unwrap();
    world
}

#[test]
fn a_damaged_object_is_made_again_and_heals() {
    let world = damaged();
    assert_eq!(world.larder(&["verify", "--read-data"]).exit, 13);
    // In place it is as it was, and nobody asks the repository.
    world.run(&[]).did(0, 2);
    let whole = std::fs::read(world.path("out")).unwrap();
    std::fs::remove_file(world.path("out")).unwrap();
    let said = world.run(&[]).ok();
    assert!(said.err.contains("warning: a stored result of `make` cannot be used"), "{said:?}");
    assert_eq!(said.out, "1 executed, 1 cached, 1 damaged in store\n");
    assert_eq!((std::fs::read(world.path("out")).unwrap() == whole, world.notes("runs").len()), (true, 3));
    // From now on it is a hit again, for whoever knows nothing but the repository, too.
    std::fs::remove_file(world.path("out")).unwrap();
    world.run(&[]).did(0, 2);
    std::fs::remove_file(world.path("out")).unwrap();
    std::fs::remove_dir_all(world.path(".larder/state")).unwrap();
    world.run(&[]).did(0, 2);
    assert!(std::fs::read(world.path("out")).unwrap() == whole);
    // What else the damage hit is found by reading it all, and made again; then no damaged byte is needed any more.
    world.run(&["--verify-cache"]).ok();
    world.run(&["--verify-cache"]).did(0, 2);
}

#[test]
fn damage_is_found_before_it_is_needed() {
    let world = damaged();
    let said = world.run(&["--verify-cache"]).ok();
    assert!(said.err.contains("warning: a stored result of `make` cannot be used"), "{said:?}");
    world.run(&["--verify-cache"]).did(0, 2);
}

#[test]
fn a_damaged_result_whose_task_fails_now_is_an_error() {
    let world = damaged();
    std::fs::remove_file(world.path("out")).unwrap();
    // What it writes beside its outputs has no place any more.
    std::fs::remove_dir_all(world.top().join("notes")).unwrap();
    let said = world.run(&[]);
    assert_eq!(said.exit, 13, "{said:?}");
}

#[test]
fn of_tasks_at_once_one_fails_and_the_others_end() {
    let world = World::new(
        r#"
        [tasks.bad]
        cmd = "echo half > bad; while [ ! -e ../notes/begun ]; do sleep 0.01; done; echo why >&2; exit 3"
        outputs = ["bad"]
        [tasks.long]
        cmd = "touch ../notes/begun; sleep 0.5; echo long > long"
        outputs = ["long"]
        [tasks.later]
        cmd = "cat bad > later"
        inputs = ["bad"]
        outputs = ["later"]
        [tasks.other]
        cmd = "echo other > other"
        after = ["later"]
        outputs = ["other"]
        "#,
    );
    let said = world.run(&["-j", "2"]).failed(20, "TASK_FAILED");
    assert!(said.err.contains("bad: failed: exit status 3") && said.err.contains("why"), "{said:?}");
    assert_eq!(
        (world.read("long"), world.path("later").exists(), world.path("bad").exists()),
        ("long\n".into(), false, false)
    );
    assert_eq!(world.read(".larder/failed/bad/bad"), "half\n");
    // What ended well is known; what failed is not, and with -k the rest is done.
    let said = world.run(&["-j", "2", "-k"]).failed(20, "TASK_FAILED");
    assert!(said.out.contains("1 executed, 1 cached, 1 failed, 1 skipped"), "{said:?}");
    // The set of results does not depend on how many run at once.
    let statuses = |world: &World| {
        let mut all: Vec<(String, String)> = Vec::new();
        for line in world.larder(&["log", "--runs", "--json"]).ok().out.lines() {
            let run: serde_json::Value = serde_json::from_str(line).unwrap();
            all.push((run["action"].to_string(), format!("{} {}", run["status"], run["result"])));
        }
        all.sort();
        all.dedup();
        all
    };
    let alone = World::new(&world.read("larder.toml"));
    std::fs::write(alone.top().join("notes/begun"), "").unwrap();
    alone.run(&["-j", "1", "-k"]).failed(20, "TASK_FAILED");
    assert_eq!(statuses(&world), statuses(&alone));
}
