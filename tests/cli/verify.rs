use super::World;

fn world() -> World {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.write("a", "abc");
    world.larder(&["hash-object", "-w", "a"]).clean();
    world
}

#[test]
fn levels_of_a_sound_repository() {
    let world = world();
    for words in [
        &["verify"][..],
        &["verify", "--quick"],
        &["verify", "--read-data"],
        &["verify", "--read-data=1/2"],
        &["verify", "--read-data=50%"],
        &["verify", "--scrub"],
    ] {
        let said = world.larder(words);
        assert!(said.clean().contains("total\tdamage\t0\n"), "{words:?}: {}", said.text());
        assert!(said.text().ends_with("total\thealth_percentage\t100.00\n"));
    }
    assert_eq!(world.larder(&["verify", "-q", "--scrub"]).clean(), "");
    let report: serde_json::Value =
        serde_json::from_str(world.larder(&["verify", "--all", "--report"]).clean()).unwrap();
    for name in ["snapshots_total", "snapshots_valid", "objects", "missing", "damaged", "invalid_signatures"] {
        assert!(report[name].is_u64(), "{name}: {report}");
    }
    assert_eq!(
        (report["snapshots_invalid"].as_array().map(Vec::len), report["health_percentage"].as_f64()),
        (Some(0), Some(100.0))
    );
    for part in ["0/2", "3/2", "0%", "x", ""] {
        world.larder(&["verify", &format!("--read-data={part}")]).failed(2, "INVALID_ARG");
    }
    world.larder(&["verify", "--quick", "--scrub"]).failed(2, "INVALID_ARG");
}

#[test]
fn damage_is_listed_and_told_by_the_exit() {
    let world = world();
    world.sh("chmod u+w .larder/packs/*/*; truncate -s 95 .larder/packs/*/*").clean();
    for words in [&["verify", "--scrub"][..], &["verify", "--read-data", "--json"], &["verify"]] {
        let said = world.larder(words);
        assert_eq!(said.exit, 13, "{words:?}: {}{}", said.text(), said.err);
        assert!(said.text().contains("packs/"), "{words:?}: {}", said.text());
    }
}

#[test]
fn the_index_is_derived() {
    let world = world();
    assert_eq!(world.larder(&["index", "check"]).clean(), "ok\n");
    let stats = world.larder(&["index", "stats"]);
    let names: Vec<&str> = stats.clean().lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(names, ["segments", "packs", "pack_bytes", "entries", "entry_bytes"]);
    let before = world.larder(&["list-objects"]).text().to_string();
    world.sh("rm .larder/index.sqlite*").clean();
    assert_eq!(world.larder(&["list-objects"]).clean(), before);
    assert_eq!(world.larder(&["index", "rebuild"]).clean(), "");
    assert_eq!(world.larder(&["list-objects"]).clean(), before);
    world.larder(&["index"]).failed(2, "INVALID_ARG");
}

#[test]
fn damage_is_mended_from_a_remote() {
    let world = super::backup::world();
    world.larder(&["backup", "-q", "tree"]).clean();
    world.larder(&["verify", "--repair", "-q"]).clean();
    let sums = "cat .larder/packs/*/* .larder/roots/* | sha256sum";
    let whole = world.sh(sums).clean().to_string();
    let harm = "for file in .larder/packs/*/* .larder/roots/*; do truncate -s 100 $file; done";
    world.larder(&["sync", "-q", "disk/"]).clean();
    world.sh(harm).clean();
    world.larder(&["verify", "--repair"]).failed(5, "CONFIG_MISSING");
    world.larder(&["remote", "add", "-q", "disk", "disk"]).clean();
    let said = world.larder(&["verify", "--repair", "--from", "nowhere"]);
    assert!(said.failed(13, "STORAGE_CORRUPTED").err.contains("nowhere"), "{}", said.err);
    let said = world.larder(&["verify", "--repair", "--from", "disk"]);
    assert!(said.ok().ends_with("total\thealth_percentage\t100.00\n"), "{}", said.text());
    assert!(said.err.contains("from disk: "), "{}", said.err);
    assert_eq!(world.sh(sums).clean(), whole);
    world.larder(&["verify", "--repair", "--scrub"]).failed(2, "INVALID_ARG");
    world.larder(&["verify", "--from", "disk"]).failed(2, "INVALID_ARG");
    world.larder(&["restore", "-q", "latest", "--target", "out"]).clean();
}
