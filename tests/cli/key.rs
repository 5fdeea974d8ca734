use super::World;

/// An encrypted repository that opens with a key file, which costs no stretching.
fn world() -> World {
    let world = World::new();
    world.larder(&["key", "init", "key"]).ok();
    world.larder(&["init", "-q", "--key-file", "key"]).clean();
    world
}

#[test]
fn a_key_file_is_private_and_never_replaced() {
    let world = world();
    assert_eq!(world.sh("stat -c '%a %s' key").clean(), "600 65\n");
    world.larder(&["key", "init", "key"]).failed(2, "INVALID_ARG");
    assert_eq!(world.sh("stat -c '%a %s' key").clean(), "600 65\n");
}

#[test]
fn slots_come_and_go_and_the_last_one_stays() {
    let world = world();
    world.larder(&["key", "init", "-q", "other"]).clean();
    let words = ["key", "add", "--key-file", "key", "--new-key-file", "other", "--label", "safe"];
    let slot = world.larder(&words).clean().trim_end().to_string();
    let list = world.larder(&["key", "list"]);
    let rows: Vec<Vec<&str>> = list.clean().lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.len() == 4 && row[0].len() == 64 && row[1] == "key file"), "{rows:?}");
    assert!(rows.iter().any(|row| row[0] == slot && row[3] == "safe"));
    world.larder(&["--key-file", "other", "list-objects"]).clean();
    world.larder(&["key", "remove", "nothing"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["key", "remove", "first"]).ok();
    world.larder(&["--key-file", "key", "list-objects"]).failed(12, "INVALID_KEY");
    world.larder(&["key", "remove", &slot[..8]]).failed(16, "PERMISSION_DENIED");
}

#[test]
fn a_secret_can_be_changed() {
    let world = world();
    world.write("new", "a passphrase\n");
    world.larder(&["key", "passwd", "--key-file", "key", "--new-passphrase-file", "new"]).ok();
    world.larder(&["--key-file", "key", "list-objects"]).failed(12, "INVALID_KEY");
    world.larder(&["--passphrase-file", "new", "list-objects"]).clean();
    world.larder(&["key", "passwd", "--passphrase-file", "new"]).failed(12, "INVALID_KEY");
    world.larder(&["key", "add", "--new-key-file", "key", "--new-passphrase-fd", "0"]).failed(2, "INVALID_ARG");
}

#[test]
fn keys_are_listed_and_not_shown() {
    let world = world();
    let said = world.larder(&["key", "show", "--key-file", "key"]);
    let purposes: Vec<&str> = said.clean().lines().map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(purposes, ["seal", "endorse", "chunking", "chunk-ids", "config"]);
    world.larder(&["init", "-q", "--encryption", "none", "open"]).clean();
    world.larder(&["-r", "open", "key", "show"]).failed(2, "INVALID_ARG");
}

#[test]
fn a_device_is_shown_and_a_lost_one_is_replaced_only_on_purpose() {
    let world = world();
    let show = || world.larder(&["key", "show", "--device", "--key-file", "key"]);
    let first = show().clean().to_string();
    assert_eq!(show().clean(), first);
    let (id, public) = first.trim_end().split_once('\t').unwrap();
    assert_eq!((id.len(), public.len()), (32, 44));
    world.write("tree/a", "abc");
    world.larder(&["--key-file", "key", "backup", "-q", "tree"]).clean();
    let said = world.larder(&["--key-file", "key", "snapshots", "show", "latest", "--json"]);
    let snapshot: serde_json::Value = serde_json::from_str(said.clean()).unwrap();
    assert_eq!((snapshot["signer"].as_str(), snapshot["device"].as_str()), (Some(public), Some(id)));
    assert_eq!(snapshot["signature"].as_str().map(str::len), Some(88));
    world.sh("rm ../home/.local/state/larder/*/device.key").clean();
    world.larder(&["--key-file", "key", "backup", "tree"]).failed(5, "CONFIG_MISSING");
    let new = world.larder(&["--key-file", "key", "key", "init", "--new-device"]).clean().to_string();
    assert_ne!(new.trim_end(), id);
    world.larder(&["--key-file", "key", "backup", "-q", "tree"]).clean();
    assert!(show().clean().starts_with(new.trim_end()));
}

#[test]
fn children_do_not_inherit_the_descriptor_of_a_passphrase() {
    let world = World::new();
    world.write("pw", "a secret line\n");
    world.larder(&["init", "-q", "--passphrase-file", "pw"]).clean();
    let reads = "sh -c 'cat <&5 || echo closed'";
    for line in [
        format!("larder --passphrase-fd 5 lock -- {reads} 5<pw"),
        format!(
            "larder --passphrase-fd 5 backup -q --from-command /leak -- {reads} 5<pw; larder --passphrase-file pw dump latest:/leak"
        ),
    ] {
        let said = world.sh(&line);
        assert!(said.text().contains("closed") && !said.text().contains("secret"), "{line}: {}", said.text());
    }
    // The standard input is read and then empty.
    assert_eq!(world.sh("larder --passphrase-fd 0 lock -- cat <pw").clean(), "");
    world.larder(&["key", "init", "-q", "new"]).clean();
    let line = "larder key add --passphrase-fd 5 --new-passphrase-fd 6 5<pw 6<new";
    assert_eq!(world.sh(line).clean().trim_end().len(), 64);
}

#[test]
fn several_secrets_are_one_too_many() {
    let world = world();
    world.write("pw", "a secret line\n");
    world.larder(&["init", "--passphrase-file", "pw", "--key-file", "nowhere", "two"]).failed(2, "INVALID_ARG");
    world.larder(&["--passphrase-file", "pw", "snapshots", "--key-file", "key"]).failed(2, "INVALID_ARG");
    let both = ["snapshots", "--passphrase-file", "pw", "--passphrase-command", "cat pw"];
    world.larder(&both).failed(2, "INVALID_ARG");
}

#[test]
fn what_is_missing_where_nobody_can_be_asked_is_named() {
    let world = world();
    let said = world.sh("setsid -w larder key add --key-file key </dev/null");
    said.failed(12, "INVALID_KEY");
    assert!(said.err.contains("--new-passphrase-file"), "{}", said.err);
    let said = world.sh("LARDER_PASSPHRASE=x setsid -w larder lock -- larder snapshots");
    said.failed(12, "INVALID_KEY");
    assert!(said.err.contains("takes LARDER_PASSPHRASE away"), "{}", said.err);
}
