use super::World;

/// The value of a line of the answer.
fn value<'a>(answer: &'a [u8], name: &str) -> &'a str {
    let answer = std::str::from_utf8(answer).unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix('\t')));
    line.expect(name)
}

#[test]
fn the_answer_says_how_it_ended_and_the_output_goes_beside_it() {
    let world = World::new();
    let said = world.larder(&["exec-task", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((said.exit, said.err.as_str()), (20, "out\nerr\n"));
    assert_eq!((value(&said.out, "status"), value(&said.out, "exit")), ("failed", "7"));
    let said = world.larder(&["exec-task", "--timeout", "1", "--shell", "sleep 60"]);
    assert_eq!((said.exit, value(&said.out, "status"), value(&said.out, "exit")), (15, "timeout", "signal 15"));
    let said = world.larder(&["exec-task", "--", "no-such-program"]);
    assert_eq!((said.exit, value(&said.out, "exit")), (20, "127"));
    assert_eq!(said.err, "larder: no-such-program is not there\n");
}

#[test]
fn the_environment_is_clean_and_secrets_are_masked() {
    let world = World::new();
    let said = world
        .sh("HIDDEN=1 A=2 S=hunter2 larder exec-task --env A --env B=3 --secret S --shell 'echo $HIDDEN$A$B$S$TZ'");
    assert_eq!((said.exit, said.err.as_str()), (0, "23***UTC\n"));
}

#[test]
fn retries_are_counted() {
    let world = World::new();
    let text = "echo x >> tries; [ $(wc -l < tries) -ge 3 ]";
    let said = world.larder(&["exec-task", "--retries", "5", "--retry-delay", "1", "--shell", text]);
    assert_eq!((said.exit, value(&said.out, "attempts")), (0, "3"));
}
