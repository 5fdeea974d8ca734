use super::World;

fn world() -> World {
    let world = World::new();
    let manifest = "[task.gen]\ncmd = \"mkdir -p out/deep && echo 1 >out/deep/a && echo 2 >out/b\"\noutputs = [\"out\"]\n\
        [task.use]\ncmd = \"cat out/b >use.txt\"\ndeps = [\"gen\"]\noutputs = [\"use.txt\"]\n\
        [task.all]\ndeps = [\"use\"]\n";
    world.write("larder.toml", manifest);
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.larder(&["run"]).ok();
    world
}

const FILES: &str = "find . -path ./.larder -prune -o -type f -print | sort";

#[test]
fn outputs_go_and_come_back() {
    let world = world();
    let told = world.larder(&["clean", "-n"]);
    assert_eq!(told.clean(), "out/b\nout/deep/a\nuse.txt\n");
    assert_eq!(world.sh(FILES).clean(), "./larder.toml\n./out/b\n./out/deep/a\n./use.txt\n");
    let said = world.larder(&["clean", "all"]);
    assert_eq!((said.ok(), said.err.as_str()), ("", "removed 1 files\n"));
    world.larder(&["clean", "-q"]).clean();
    assert_eq!(world.sh("ls -A | tr '\\n' ' '").clean(), ".larder larder.toml ");
    assert_eq!(world.larder(&["run", "-n"]).clean(), "gen: hit\nuse: hit\n");
    world.larder(&["run"]).ok();
    assert_eq!(world.sh("cat use.txt out/deep/a").clean(), "2\n1\n");
    world.larder(&["clean", "nosuch"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn what_larder_did_not_make_stays() {
    let world = world();
    world.write("out/mine", "mine");
    world.write("out/b", "edited");
    let said = world.larder(&["clean", "-v"]);
    assert_eq!(said.ok(), "out/deep/a\nuse.txt\n");
    assert!(said.err.contains("out/b and 1 more: larder did not make it as it is now; it stays"), "{}", said.err);
    assert_eq!(world.sh(FILES).clean(), "./larder.toml\n./out/b\n./out/mine\n");
    assert_eq!(world.sh("cat out/mine out/b").clean(), "mineedited");
    let said = world.larder(&["clean", "--json"]);
    assert!(
        said.clean().ends_with("{\"dry_run\":false,\"kept\":2,\"removed\":0,\"type\":\"summary\"}\n"),
        "{}",
        said.text()
    );
}
