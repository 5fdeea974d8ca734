use super::World;
use std::os::unix::fs::PermissionsExt;

#[test]
fn an_unknown_command_gets_the_nearest_name() {
    let world = World::new();
    let said = world.larder(&["hash-objekt"]);
    assert_eq!(said.exit, 2);
    insta::assert_snapshot!(said.err, @r"
    larder: `hash-objekt` is not a larder command [INVALID_ARG]
    hint: did you mean `larder hash-object`?
    ");
    insta::assert_snapshot!(world.larder(&["qqqqqqqq"]).err, @r"
    larder: `qqqqqqqq` is not a larder command [INVALID_ARG]
    hint: `larder help -a` lists all commands
    ");
}

#[test]
fn a_program_on_the_path_is_a_command_and_gets_no_passphrase() {
    let world = World::new();
    let program = world.write("bin/larder-hello", "#!/bin/sh\necho \"hello $* ${LARDER_PASSPHRASE-none}\"\nexit 7\n");
    std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
    let said = world.sh("LARDER_PASSPHRASE=secret larder hello big -q world");
    assert_eq!((said.exit, said.text()), (7, "hello big -q world none\n"));
    world.larder(&["../bin/larder-hello"]).failed(2, "INVALID_ARG");
}

#[test]
fn failures_in_json_are_one_line_with_a_type() {
    let world = World::new();
    for words in [["--json", "hash-object", "missing"], ["hash-object", "missing", "--json"]] {
        let said = world.larder(&words);
        assert_eq!(said.exit, 10);
        let golden = r#"{"causes":["No such file or directory (os error 2)"],"class":"not-found","code":"FILE_NOT_FOUND","exit":10,"hint":null,"message":"cannot open missing","retryable":false,"type":"error"}"#;
        assert_eq!(said.err.trim_end(), golden);
    }
    let said = world.larder(&["digest", "--json", "--odd"]);
    assert_eq!(said.exit, 2);
    assert!(said.err.starts_with(r#"{"causes":[],"class":"usage","code":"INVALID_ARG","#), "{}", said.err);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::new();
    world.write("f", "abc");
    let said = world.sh("yes f | head -100000 | larder hash-object --stdin-paths | head -1; echo ${PIPESTATUS[2]}");
    assert!(said.clean().ends_with("\n141\n"));
    let said =
        world.sh("head -c 9000000 /dev/zero | larder compress -a none | head -c 3 | wc -c; echo ${PIPESTATUS[1]}");
    assert_eq!(said.clean(), "3\n141\n");
}

#[test]
fn a_group_without_an_action_says_what_is_missing() {
    let world = World::new();
    for group in ["key", "index", "record"] {
        let said = world.larder(&[group]);
        let hint = format!(
            "larder: `{group}` needs to be told what to do [INVALID_ARG]\nhint: `larder help {group}` shows how it is used\n"
        );
        assert_eq!((said.exit, said.err.as_str(), said.text()), (2, hint.as_str(), ""));
    }
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let world = World::new();
    world.sh("larder help > /dev/full").failed(4, "FILE_IO");
}

#[test]
fn nothing_is_coloured_where_there_is_no_terminal() {
    let world = World::new();
    for words in [&["help"][..], &["nothing"], &["digest", "missing"], &["help", "digest"]] {
        let said = world.larder(words);
        assert!(!said.text().contains('\x1b') && !said.err.contains('\x1b'), "{words:?}");
    }
}

#[test]
fn globals_stand_before_or_after_the_name() {
    let world = World::new();
    world.larder(&["-r", "nowhere", "lock", "--status"]).failed(5, "CONFIG_MISSING");
    world.larder(&["lock", "-r", "nowhere", "--status"]).failed(5, "CONFIG_MISSING");
    world.larder(&["--repo=nowhere", "-qv", "lock", "--status"]).failed(5, "CONFIG_MISSING");
    world.larder(&["-r", "ftp://x/y", "lock", "--status"]).failed(2, "INVALID_ARG");
    world.larder(&["--lock-wait", "soon", "help"]).failed(2, "INVALID_ARG");
    assert_eq!(world.larder(&["-q", "--version"]).clean(), concat!("larder ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn options_that_are_not_there_yet_are_refused_in_plain_words() {
    let world = World::new();
    let names =
        ["sandbox", "require-sandbox", "watch", "max-memory", "max-cpu", "jobserver", "trace", "observe", "profile"];
    for name in names {
        for word in [format!("--{name}"), format!("--{name}=1")] {
            let said = world.larder(&["run", &word, "x"]);
            let expected = format!(
                "larder: this version of larder has no option `--{name}` [INVALID_ARG]\nhint: `larder help run` shows how \
                 it is used\n"
            );
            assert_eq!((said.exit, said.err), (2, expected), "{word}");
        }
    }
}
