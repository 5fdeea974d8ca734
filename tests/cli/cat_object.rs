use super::World;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn world() -> World {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.write("abc", "abc");
    world.write("large", (0..900_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    world.write("empty", "");
    world.larder(&["hash-object", "-w", "abc", "large", "empty"]).clean();
    world
}

#[test]
fn objects_come_back() {
    let world = world();
    assert_eq!(world.larder(&["cat-object", ABC]).clean(), "abc");
    assert_eq!(world.larder(&["cat-object", "-t", ABC]).clean(), "blob\n");
    assert_eq!(world.larder(&["cat-object", "-s", ABC]).clean(), "3\n");
    assert_eq!(world.larder(&["cat-object", "-p", ABC]).clean(), "abc");
    assert_eq!(world.larder(&["cat-object", "-e", ABC]).clean(), "");
    assert_eq!(world.larder(&["cat-object", EMPTY]).clean(), "");
    assert_eq!(world.sh("larder cat-object $(larder hash-object large) | cmp - large").clean(), "");
    world.larder(&["cat-object", "-e", &"0".repeat(64)]).failed_quietly(1);
    world.larder(&["cat-object", &"0".repeat(64)]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["cat-object", "xyz"]).failed(2, "INVALID_HASH");
    world.larder(&["cat-object", "-t", "-s", ABC]).failed(2, "INVALID_ARG");
    world.larder(&["cat-object"]).failed(2, "INVALID_ARG");
}

#[test]
fn batches_answer_one_line_for_each_name() {
    let world = world();
    let zeros = "0".repeat(64);
    let asked = format!("{ABC}\n{zeros}\nnothing\n{EMPTY}\n");
    insta::assert_snapshot!(world.larder_with(&["cat-object", "--batch-check"], &asked).clean(), @r"
    ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad blob 3
    0000000000000000000000000000000000000000000000000000000000000000 missing
    nothing missing
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 blob 0
    ");
    let said = world.larder_with(&["cat-object", "--batch", "-z"], asked.replace('\n', "\0"));
    assert_eq!(said.clean(), format!("{ABC} blob 3\nabc\n{zeros} missing\nnothing missing\n{EMPTY} blob 0\n\n"));
    assert_eq!(world.larder_with(&["cat-object", "--batch-check"], "\nno\n").clean(), " missing\nno missing\n");
}

#[test]
fn a_pipeline_of_plumbing() {
    let world = world();
    let said = world.sh("mkdir d; for i in $(seq 50); do echo $i > \"d/f $i\"; done; \
         find d -type f -print0 | larder hash-object -z --stdin-paths -w | larder cat-object --batch-check");
    assert_eq!(said.clean().lines().count(), 50);
    assert!(said.text().lines().all(|line| line.contains(" blob ")), "{}", said.text());
    assert_eq!(world.sh("larder list-objects | wc -l").clean(), "52\n");
    assert_eq!(world.sh("larder list-objects | head -1 | wc -l").clean(), "1\n");
    assert_eq!(world.larder(&["list-objects", "--kind", "tree"]).clean(), "");
    assert_eq!(world.larder(&["list-objects", "--missing"]).clean(), "");
    assert_eq!(world.sh("larder list-objects --unreferenced | wc -l").clean(), "52\n");
    world.larder(&["list-objects", "--kind", "odd"]).failed(2, "INVALID_ARG");
}

#[test]
fn one_question_at_a_time_is_answered_at_a_time() {
    let world = world();
    let script = format!(
        "coproc larder cat-object --batch-check; for i in 1 2 3; do echo {ABC} >&${{COPROC[1]}}; \
         read -r -t 20 line <&${{COPROC[0]}} || exit 9; echo \"$line\"; done; kill $COPROC_PID"
    );
    assert_eq!(world.sh(&script).clean(), format!("{ABC} blob 3\n").repeat(3));
}

#[test]
fn a_damaged_object_is_named_and_not_printed() {
    let world = world();
    world.sh("chmod u+w .larder/packs/*/*; truncate -s 95 .larder/packs/*/*").clean();
    let said = world.larder(&["cat-object", ABC]);
    assert_eq!((said.exit, said.out.len()), (13, 0), "{}", said.err);
}
