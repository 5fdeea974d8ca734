use super::World;

#[test]
fn published_values_from_standard_input() {
    let world = World::new();
    assert_eq!(world.larder_with(&["digest", "--crc32"], "abc").clean(), "352441c2\n");
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!(world.larder_with(&["digest"], "abc").clean(), sha256);
    assert_eq!(world.larder_with(&["digest", "--sha256"], "abc").clean(), sha256);
    let blake3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85\n";
    assert_eq!(world.larder_with(&["digest", "--blake3"], "abc").clean(), blake3);
    world.larder(&["digest", "--blake3", "--crc32"]).failed(2, "INVALID_ARG");
}

#[test]
fn files_as_sha256sum_prints_them() {
    let world = World::new();
    world.write("a b", "one");
    world.write("c", "");
    let theirs = world.sh("sha256sum 'a b' c");
    assert_eq!(world.larder(&["digest", "a b", "c"]).clean(), theirs.clean());
    let said = world.larder(&["digest", "a b", "missing", "c"]);
    assert_eq!(said.text(), theirs.text());
    assert_eq!(
        (said.exit, said.err.as_str()),
        (3, "larder: cannot open missing: No such file or directory (os error 2) [FILE_NOT_FOUND]\n")
    );
}
