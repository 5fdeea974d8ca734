use super::World;

#[test]
fn an_id_is_what_sha256sum_prints() {
    let world = World::new();
    world.write("small", "abc");
    world.write("large", vec![7; 3_000_000]);
    world.write("empty", "");
    let theirs = world.sh("sha256sum small large empty | cut -d' ' -f1");
    assert_eq!(world.larder(&["hash-object", "small", "large", "empty"]).clean(), theirs.clean());
    assert_eq!(
        world.larder_with(&["hash-object", "--stdin"], "abc").clean(),
        theirs.text().lines().next().unwrap().to_owned() + "\n"
    );
    assert_eq!(world.larder_with(&["hash-object", "--stdin-paths"], "small\nlarge\nempty\n").clean(), theirs.text());
    assert_eq!(
        world.larder_with(&["hash-object", "-z", "--stdin-paths"], "small\0large\0empty").clean(),
        theirs.text()
    );
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_done() {
    let world = World::new();
    world.write("dir/file", "abc");
    let said = world.larder_with(&["hash-object", "--stdin-paths"], "missing\ndir\ndir/file\n");
    assert_eq!(said.exit, 3);
    assert_eq!(said.text(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
    insta::assert_snapshot!(said.err, @r"
    larder: cannot open missing: No such file or directory (os error 2) [FILE_NOT_FOUND]
    larder: cannot read dir: is a directory [FILE_IO]
    ");
    let said = world.larder_with(&["hash-object", "-z", "--stdin-paths"], "a\nb\x1b[31m\0dir/file\0");
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(!said.err.contains('\x1b'), "{}", said.err);
    world.larder(&["hash-object", "missing"]).failed(10, "FILE_NOT_FOUND");
    world.larder(&["hash-object"]).failed(2, "INVALID_ARG");
    world.larder_with(&["hash-object", "--stdin-paths"], "dir/file\n\n").failed(2, "INVALID_ARG");
    world.larder_with(&["hash-object", "--stdin-paths"], "x".repeat(5_000)).failed(2, "INVALID_ARG");
}

#[test]
fn a_tree_that_is_none_is_refused_at_the_door() {
    let world = World::new();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.larder_with(&["hash-object", "-w", "-t", "tree", "--stdin"], "no tree\n").failed(2, "INVALID_ARG");
    assert_eq!(world.larder(&["list-objects"]).clean(), "");
    world.write("d/a", "x");
    let tree = world.larder(&["write-tree", "--portable", "d"]).clean().to_string();
    let again = format!("larder cat-object {} | larder hash-object -w -t tree --stdin", tree.trim_end());
    assert_eq!(world.sh(&again).clean(), tree);
}
