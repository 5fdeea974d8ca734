use super::World;

#[test]
fn remotes_are_named_listed_renamed_and_removed() {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    assert_eq!(world.larder(&["remote", "list"]).clean(), "");
    world.larder(&["remote", "add", "-q", "disk", "disk/backup"]).clean();
    world.larder(&["remote", "add", "-q", "cloud", "exec:put-it --token hush"]).clean();
    let disk = world.path("disk/backup").display().to_string();
    let listed = world.larder(&["remote", "list"]);
    assert!(listed.clean().starts_with("cloud\texec:put-it (words "), "{}", listed.text());
    assert!(listed.text().ends_with(&format!("\ndisk\t{disk}\n")), "{}", listed.text());
    let all = [
        listed.text().to_string(),
        world.larder(&["remote", "list", "--json"]).clean().to_string(),
        world.larder(&["remote", "add", "cloud", "exec:x --token hush"]).failed(2, "INVALID_ARG").err.clone(),
        world.larder(&["sync", "--push", "cloud"]).err,
    ];
    assert!(all.iter().all(|text| !text.contains("hush")), "{all:?}");
    world.larder(&["remote", "rename", "-q", "disk", "safe"]).clean();
    world.larder(&["remote", "rename", "safe", "cloud"]).failed(2, "INVALID_ARG");
    world.larder(&["remote", "remove", "-q", "cloud"]).clean();
    world.larder(&["remote", "remove", "cloud"]).failed(10, "FILE_NOT_FOUND");
    assert_eq!(world.larder(&["remote", "list"]).clean(), format!("safe\t{disk}\n"));
    world.larder(&["remote", "add", "a/b", "x"]).failed(2, "INVALID_ARG");
    world.larder(&["remote", "add", "x", "nonsense://x"]).failed(2, "INVALID_ARG");
    world.larder(&["sync", "none"]).failed(10, "FILE_NOT_FOUND");
    assert!(!world.path("disk").exists(), "nothing was asked of the address");
}

#[test]
fn a_remote_is_tested_by_doing() {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.larder(&["remote", "add", "-q", "disk", "disk"]).clean();
    let value = |words: &[&str]| {
        let said = world.larder(&[&["remote", "test", "--json"], words].concat());
        serde_json::from_str::<serde_json::Value>(said.clean()).unwrap()
    };
    let fresh = value(&["disk"]);
    assert_eq!((&fresh["repository"], fresh["writable"].as_bool()), (&serde_json::Value::Null, Some(true)));
    world.larder(&["sync", "-q"]).clean();
    let made = value(&[]);
    assert!(made["repository"].as_str().is_some_and(|id| id.len() == 32), "{made}");
    assert_eq!(made["creating"], "refuses a name that is taken");
    assert_eq!(made["deletable"], true);
    let serve = format!("exec:larder serve-stdio --append-only {}", world.path("disk").display());
    assert_eq!(value(&[&serve])["deletable"], false);
    let serve = serve.replace("append", "read");
    assert_eq!(value(&[&serve])["writable"], false);
    let text = world.larder(&["remote", "test"]);
    assert!(text.clean().contains("\nwritable\tyes\n"), "{}", text.text());
}
