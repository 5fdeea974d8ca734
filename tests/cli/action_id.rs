//! Golden texts stand inline: the format is a promise.

use super::World;

/// A project of three tasks, without a repository.
pub fn project() -> World {
    let world = World::new();
    let manifest = "[task.gen]\ncmd = \"tr a-z A-Z <in.txt >gen.txt\"\ninputs = [\"in.txt\"]\noutputs = [\"gen.txt\"]\n\
        [task.use]\ncmd = [\"cp\", \"gen.txt\", \"use.txt\"]\ninputs = [\"gen.txt\"]\noutputs = [\"use.txt\"]\n\
        env = { MODE = \"\", LEVEL = \"3\" }\ndeps = [\"gen\"]\n\
        [task.odd]\ncmd = \"cat <odd >odd.txt; :\"\ninputs = [\"tab*\", \"link\"]\noutputs = [\"odd.txt\"]\n\
        secret = [\"TOKEN\"]\nkey-from = [\"echo 1\"]\n\
        [task.all]\ndeps = [\"use\", \"odd\"]\n";
    world.write("larder.toml", manifest);
    world.write("in.txt", "hello\n");
    world.write("tab\there", "x");
    world.sh("ln -s in.txt link; chmod +x in.txt").clean();
    world
}

const HELLO: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

#[test]
fn the_id_is_the_hash_of_what_is_written() {
    let world = project();
    let id = world.larder(&["action-id", "gen"]).clean().to_string();
    assert_eq!(id.len(), 65, "{id}");
    assert_eq!(world.sh("larder action-id --raw gen | sha256sum | cut -d ' ' -f 1").clean(), id);
    let both = world.larder(&["action-id", "gen", "odd"]).clean().to_string();
    let lines: Vec<&str> = both.lines().collect();
    assert_eq!(lines[0], format!("{}  gen", id.trim_end()));
    assert!(lines[1].ends_with("  odd") && lines.len() == 2, "{both}");
    world.larder(&["action-id", "--raw", "gen", "odd"]).failed(2, "INVALID_ARG");
    world.larder(&["action-id", "--raw", "--explain", "gen"]).failed(2, "INVALID_ARG");
    // Neither the directory nor what a file is named that is not read counts.
    world.sh("mkdir other; cp -a larder.toml in.txt other").clean();
    assert_eq!(world.larder(&["action-id", "-f", "other/larder.toml", "gen"]).clean(), id);
    world.write("in.txt", "other\n");
    assert_ne!(world.larder(&["action-id", "gen"]).clean(), id);
    assert_eq!(world.sh("ls -A").clean().replace('\n', " "), "in.txt larder.toml link other tab\there ");
}

#[test]
fn what_it_is_made_of() {
    let world = project();
    let platform = format!("linux-{}", std::env::consts::ARCH);
    let golden = format!(
        "scheme\t1\nplatform\t{platform}\nshell\ttr a-z A-Z <in.txt >gen.txt\ncwd\t.\n\
         input\texecutable\t{HELLO}\tin.txt\noutput\tgen.txt\n"
    );
    assert_eq!(world.larder(&["action-id", "--explain", "gen"]).clean(), golden);
    let x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let golden = format!(
        "scheme\t1\nplatform\t{platform}\nshell\tcat <odd >odd.txt; :\ncwd\t.\nsecret\tTOKEN\t\n\
         input\tsymlink\t{HELLO}\tlink\tin.txt\ninput\tfile\t{x}\t\"tab\\there\"\n\
         key-from\techo 1\t-\noutput\todd.txt\n"
    );
    assert_eq!(world.larder(&["action-id", "--explain", "odd"]).clean(), golden);
    let json = world.larder(&["action-id", "--explain", "--json", "odd"]);
    let value: serde_json::Value = serde_json::from_str(json.clean()).unwrap();
    assert_eq!(value["components"]["inputs"][0]["link"], "in.txt");
    assert_eq!(value["components"]["secrets"], serde_json::json!({"TOKEN": ""}));
    assert_eq!(value["id"], world.larder(&["action-id", "odd"]).clean().trim_end());
}

#[test]
fn results_of_dependencies_must_be_known() {
    let world = project();
    world.larder(&["action-id", "use"]).failed(5, "CONFIG_MISSING");
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    let said = world.larder(&["action-id", "use"]);
    assert!(said.err.contains("hint: larder run gen"), "{}", said.err);
    said.failed(10, "FILE_NOT_FOUND");
    world.larder(&["run", "gen"]).ok();
    let id = world.larder(&["action-id", "use"]).clean().to_string();
    world.sh("rm gen.txt").clean();
    assert_eq!(world.larder(&["action-id", "use"]).clean(), id, "the repository knows what it yields");
    assert_eq!(world.sh("ls gen.txt 2>&1 || true").clean(), "ls: cannot access 'gen.txt': No such file or directory\n");
    world.larder(&["action-id", "all"]).failed(2, "INVALID_ARG");
    world.larder(&["action-id", "nosuch"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn values_are_shown_as_what_they_are_equal_to() {
    let world = project();
    world.larder(&["init", "-q", "--encryption", "none"]).clean();
    world.larder(&["run", "gen"]).ok();
    let explain = |level: &str| {
        let said = world.sh(&format!(
            "sed -i 's/LEVEL = .*}}/LEVEL = \"{level}\" }}/' larder.toml; larder action-id --explain use"
        ));
        let text = said.clean().to_string();
        text.lines().find(|line| line.starts_with("env\tLEVEL\t")).unwrap().to_string()
    };
    let (three, four) = (explain("3"), explain("4"));
    assert_eq!(three, explain("3"));
    assert_ne!(three, four);
    assert_eq!(three.len(), "env\tLEVEL\t".len() + 32);
    let plain = world.sh("printf 3 | sha256sum").clean()[..32].to_string();
    assert!(!three.contains(&plain), "a hash that anyone can make says what a short value is");
}
