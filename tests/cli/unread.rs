//! Root records that cannot be read: nothing is guessed from those that can.

use super::{Said, World, look};
use std::fs;

/// Makes the index forget what it has read.
fn forget_index(world: &World) {
    for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
        let _ = fs::remove_file(world.path(".larder").join(name));
    }
}

/// The same command on a machine that has never written here.
fn elsewhere(world: &World, words: &[&str]) -> Said {
    let mut command = world.command("larder", words);
    let output = command.env("XDG_STATE_HOME", world.path("elsewhere")).output().unwrap();
    super::said(output)
}

#[test]
fn the_latest_snapshot_is_not_guessed() {
    let (world, [first, second]) = look::world();
    let root = world.path(".larder/roots").join(&second);
    let whole = fs::read(&root).unwrap();
    fs::write(&root, &whole[..10]).unwrap();
    forget_index(&world);
    let names_it = |said: &Said, exit: i32| {
        assert!(said.exit == exit && said.err.contains(&second), "{}: {}", said.exit, said.err);
    };
    // What is there is shown, and what is missing is told.
    for words in [&["snapshots"][..], &["log"], &["stats"], &["find", "a"]] {
        names_it(&world.larder(words), 13);
    }
    names_it(&world.larder(&["log", "--runs"]), 0);
    assert!(world.larder(&["snapshots"]).text().contains(&first[..8]));
    let status = world.larder(&["status", "--json"]);
    assert!(status.exit == 13 && status.text().contains(&format!("\"roots/{second}\"")), "{}", status.text());
    world.larder(&["-r", "other", "init", "-q", "--encryption", "none"]).clean();
    names_it(&world.larder(&["copy", "--to", "other"]), 13);
    assert_eq!(world.larder(&["-r", "other", "snapshots", "--json"]).clean().lines().count(), 1, "the other one came");
    // Whatever hangs on the newest one is refused.
    for words in [
        &["resolve", "latest"][..],
        &["resolve", &second[..8]],
        &["resolve", &second],
        &["restore", "latest", "--target", "out"],
        &["forget", "--keep-last", "1"],
        &["forget", "--keep-last", "1", "--dry-run"],
    ] {
        names_it(&world.larder(words), 13);
    }
    assert!(!world.path("out").exists());
    // What is named by itself comes back, and new snapshots are made.
    world.larder(&["restore", &first, "--target", "out"]).ok();
    let said = world.larder(&["backup", "tree"]);
    said.ok();
    assert!(said.err.contains(&second), "{}", said.err);
    fs::write(&root, whole).unwrap();
    assert_eq!(world.larder(&["snapshots", "--json"]).clean().lines().count(), 3);
}

#[test]
fn a_lost_device_record_is_told_and_written_anew() {
    let (world, _) = look::world();
    let devices: Vec<_> =
        fs::read_dir(world.path(".larder/keys/devices")).unwrap().map(|one| one.unwrap().path()).collect();
    let [device] = devices.as_slice() else { panic!("{devices:?}") };
    let name = format!("keys/devices/{}", device.file_name().unwrap().to_str().unwrap());
    let whole = fs::read(device).unwrap();
    let mut flipped = whole.clone();
    flipped[30] ^= 1;
    for harm in [None, Some(flipped)] {
        match harm {
            None => fs::remove_file(device).unwrap(),
            Some(bytes) => fs::write(device, bytes).unwrap(),
        }
        forget_index(&world);
        // Who signed knows its own key; verify says what others cannot read.
        world.larder(&["resolve", "latest"]).clean();
        let said = world.larder(&["verify"]);
        assert!(said.exit == 13 && format!("{}{}", said.err, said.text()).contains(&name), "{}", said.err);
        forget_index(&world);
        for words in [&["snapshots"][..], &["status"], &["resolve", "latest"], &["gc"]] {
            let said = elsewhere(&world, words);
            assert!(said.exit == 13 && said.err.contains(&name), "{words:?}: {} {}", said.exit, said.err);
            assert!(!said.err.contains("move roots/"), "{words:?}: {}", said.err);
        }
        let report = elsewhere(&world, &["verify", "--report"]);
        let report: serde_json::Value = serde_json::from_str(report.text().lines().last().unwrap()).unwrap();
        assert_eq!(report["health_percentage"], 0.0, "{report}");
        world.larder(&["backup", "tree"]).ok();
        assert!(fs::read(device).is_ok());
        elsewhere(&world, &["verify"]).ok();
        elsewhere(&world, &["resolve", "latest"]).ok();
    }
}
