use super::World;

#[test]
fn an_id_is_printed_and_the_place_found_from_below() {
    let world = World::new();
    let said = world.larder(&["init", "--encryption", "none"]);
    assert_eq!((said.exit, said.text().trim_end().len()), (0, 32));
    assert_eq!(said.err, "made a repository in .larder; it is NOT encrypted\n");
    assert_eq!(world.sh("mkdir -p a/b; cd a/b; larder list-objects").clean(), "");
    world.larder(&["init", "--encryption", "none"]).failed(5, "CONFIG_INVALID");
    world.sh("larder init --encryption none -q elsewhere").clean();
    world.larder(&["-r", "elsewhere", "list-objects"]).clean();
    world.sh("LARDER_REPOSITORY=elsewhere larder list-objects").clean();
}

#[test]
fn settings_are_checked() {
    let world = World::new();
    for words in [
        ["init", "--encryption", "rot13"],
        ["init", "--compression", "zstd:20"],
        ["init", "--compression", "rar"],
        ["init", "--chunk-profile", "huge"],
        ["init", "--chunk-sizes", "1000/3000/9000"],
    ] {
        world.larder(&words).failed(5, "CONFIG_INVALID");
    }
    // Whoever gives a passphrase believes that it protects something.
    world.write("key", "secret\n");
    world.larder(&["init", "--encryption", "none", "--passphrase-file", "key"]).failed(5, "CONFIG_INVALID");
    let said = world.larder(&["init", "--encryption", "none", "--compression", "gzip:0"]);
    assert!(said.err.contains("`larder help init`"), "{}", said.err);
    let words = ["init", "-q", "--encryption=none", "--chunk-sizes=4096/32768/131072", "--compression=gzip:9"];
    world.larder(&words).clean();
    let config = std::fs::read_to_string(world.path(".larder/config.toml")).unwrap();
    assert!(config.contains("avg = 32768") && config.contains("\"gzip\""), "{config}");
}

#[test]
fn an_encrypted_one_opens_with_every_source_and_nothing_else() {
    let world = World::new();
    world.write("right", "correct horse\n");
    world.write("wrong", "battery staple\n");
    world.larder(&["init", "-q", "--passphrase-file", "right"]).clean();
    for script in [
        "larder --passphrase-file right list-objects",
        "larder list-objects --passphrase-command 'cat right'",
        "larder --passphrase-fd 3 list-objects 3< right",
        "LARDER_PASSPHRASE_FILE=right larder list-objects",
        "LARDER_PASSPHRASE_COMMAND='echo correct horse' larder list-objects",
    ] {
        assert_eq!(world.sh(script).clean(), "", "{script}");
    }
    world.larder(&["list-objects"]).failed(12, "INVALID_KEY");
    world.larder(&["--passphrase-file", "wrong", "list-objects"]).failed(12, "INVALID_KEY");
    world.larder(&["--passphrase-file", "missing", "list-objects"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["--passphrase-command", "exit 1", "list-objects"]).failed(5, "CONFIG_ERROR");
    world.larder(&["init", "other"]).failed(12, "INVALID_KEY");
}

#[test]
fn a_passphrase_in_the_environment_is_warned_of_once() {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    let script = "LARDER_PASSPHRASE=secret larder init -q enc";
    let said = world.sh(script);
    assert_eq!(said.exit, 0);
    assert!(said.err.starts_with("warning: LARDER_PASSPHRASE can be read"), "{}", said.err);
    assert_eq!(world.sh("LARDER_PASSPHRASE=secret larder -r enc list-objects").clean(), "");
}

#[test]
fn a_key_file_is_enough() {
    let world = World::new();
    world.write("key", [7; 64]);
    world.larder(&["init", "-q", "--key-file", "key"]).clean();
    world.larder(&["--key-file", "key", "list-objects"]).clean();
    world.write("other", [8; 64]);
    world.larder(&["--key-file", "other", "list-objects"]).failed(12, "INVALID_KEY");
    world.write("short", "x");
    assert_ne!(world.larder(&["init", "-q", "--key-file", "short", "new"]).exit, 0);
}

#[test]
fn a_repository_like_another_says_what_it_costs() {
    let world = World::new();
    world.write("one", [1; 64]);
    world.write("two", [2; 64]);
    world.larder(&["init", "-q", "--key-file", "one", "--chunk-sizes", "4096/32768/131072", "a"]).clean();
    let words = ["init", "--key-file", "two", "--like", "a", "--like-key-file", "one", "b"];
    let said = world.larder(&words);
    assert!(said.exit == 0 && said.err.contains("sees which chunks both hold"), "{}", said.err);
    let status = world.larder(&["-r", "b", "--key-file", "two", "status"]);
    assert!(status.clean().contains("4096 to 131072 bytes"), "{}", status.text());
    world.larder(&["init", "--key-file", "two", "--like", "a", "c"]).failed(12, "INVALID_KEY");
    world
        .larder(&["init", "--encryption", "none", "--like", "a", "--like-key-file", "one", "c"])
        .failed(5, "CONFIG_INVALID");
    world.larder(&["init", "--like", "a", "--chunk-profile", "fine", "c"]).failed(2, "INVALID_ARG");
}

#[test]
fn a_lost_configuration_is_no_missing_repository() {
    let (world, _) = super::look::world();
    let config = world.path(".larder/config.toml");
    let kept = std::fs::read(&config).unwrap();
    std::fs::remove_file(&config).unwrap();
    for words in [&["-r", ".larder", "snapshots"][..], &["-r", ".", "snapshots"], &["init", "--encryption", "none"]] {
        let said = world.larder(words);
        said.failed(5, "CONFIG_MISSING");
        assert!(said.err.contains("config.toml is gone") && said.err.contains("bring it back"), "{}", said.err);
    }
    assert!(!config.exists());
    std::fs::write(&config, kept).unwrap();
    assert_eq!(world.larder(&["snapshots", "--json"]).clean().lines().count(), 2);
}
