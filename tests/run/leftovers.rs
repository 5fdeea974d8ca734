//! What stays on disk of tasks that the manifest does not have any more.

use crate::world::World;

const ALL: &str = r#"
[tasks.all]
cmd = "ls src | wc -l > all; echo all >> ../notes/runs"
inputs = ["src/*.c"]
outputs = ["all"]
"#;
const GEN: &str = "[tasks.gen]\ncmd = \"echo gen > src/gen.c\"\noutputs = [\"src/gen.c\"]\n";

fn id(world: &World) -> String {
    world.larder(&["action-id", "all"]).ok().out
}

#[test]
fn what_a_removed_task_left_is_no_input_of_a_glob() {
    let world = World::new(ALL);
    world.write("src/own.c", "own");
    let without = id(&world);
    let depends = ALL.replace("outputs", "deps = [\"gen\"]\noutputs");
    world.write("larder.toml", [GEN, &depends].concat());
    world.run(&[]).did(2, 0);
    assert_ne!(id(&world), without);
    // The task goes, and what it made stays: nobody who has the manifest alone would find it.
    world.write("larder.toml", ALL);
    assert_eq!(id(&world), without);
    // The command sees it all the same: what it made of it stands for no run, however often it is made.
    for _ in 0..2 {
        let said =
            world.run(&[]).did(1, 0).warned("src/gen.c was made by a task that the manifest does not have any more");
        assert!(said.err.contains("the result of `all` is not stored: leftover src/gen.c"), "{said:?}");
        assert_eq!((world.read("all"), world.read("src/gen.c")), ("2\n".into(), "gen\n".into()));
    }
    // Another edit of the manifest, and it is still known.
    world.write("larder.toml", [ALL, "# a comment\n"].concat());
    assert_eq!(id(&world), without);
    world.run(&[]).did(1, 0).warned("leftover src/gen.c");
    // Who writes it makes it a source.
    world.write("src/gen.c", "mine");
    assert_ne!(id(&world), without);
    let said = world.run(&[]).did(1, 0);
    assert!(!said.err.contains("warning"), "{said:?}");
    world.run(&[]).did(0, 1);
    // Nothing was kept under the key of those who have not got it.
    std::fs::remove_file(world.path("src/gen.c")).unwrap();
    assert_eq!(id(&world), without);
    world.run(&[]).did(1, 0);
    assert_eq!(world.read("all"), "1\n");
    world.run(&[]).did(0, 1);
}

#[test]
fn a_leftover_where_no_pattern_looks_is_nobodys_concern() {
    let world = World::new(&[GEN, &ALL.replace("src/*.c", "src/own.c")].concat());
    world.write("src/own.c", "own");
    world.run(&[]).did(2, 0);
    world.write("larder.toml", ALL.replace("src/*.c", "src/own.c"));
    let said = world.run(&[]).did(0, 1);
    assert!(!said.err.contains("warning"), "{said:?}");
}

#[test]
fn what_a_task_made_under_another_name_is_no_input_either_until_it_is_touched() {
    let world = World::new(&[GEN, ALL].concat().replace("inputs", "deps = [\"gen\"]\ninputs"));
    world.write("src/own.c", "own");
    world.run(&[]).did(2, 0);
    let before = id(&world);
    world.write("larder.toml", world.read("larder.toml").replace("src/gen.c", "gen.h"));
    world.run(&[]).did(2, 0).warned("src/gen.c was made by");
    let without = id(&world);
    assert_ne!(without, before);
    assert!(!world.larder(&["action-id", "--explain", "all"]).ok().out.contains("src/gen.c"));
    // A path that is named is meant.
    let named = world.read("larder.toml").replace("\"src/*.c\"", "\"src/*.c\", \"src/gen.c\"");
    world.write("larder.toml", &named);
    assert!(world.larder(&["action-id", "--explain", "all"]).ok().out.contains("src/gen.c"));
    world.write("larder.toml", named.replace(", \"src/gen.c\"", ""));
    assert_eq!(id(&world), without);
    let file = std::fs::File::options().write(true).open(world.path("src/gen.c")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    assert_ne!(id(&world), without);
}
