use super::World;

const M3: &str = "task build {\n  cmd = cc hello.c -o hello\n  inputs = hello.c\n  outputs = hello\n}\n\
    task test {\n  cmd = ./hello > out.txt\n  inputs = hello\n  outputs = out.txt\n  deps = build\n}\n\
    task checksum {\n  cmd = sha256sum out.txt > sum.txt\n  inputs = out.txt\n  outputs = sum.txt\n  deps = test\n}\n";

#[test]
fn both_forms_are_read_and_written() {
    let world = World::new();
    world.write("m3.txt", M3);
    let json: serde_json::Value = serde_json::from_slice(&world.larder(&["parse-manifest", "m3.txt"]).out).unwrap();
    let names: Vec<&str> =
        json["tasks"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["build", "test", "checksum"]);
    assert_eq!(json["tasks"][0]["cmd"], serde_json::json!(["cc", "hello.c", "-o", "hello"]));
    assert_eq!(json["tasks"][0].as_object().unwrap().len(), 31);
    let toml = world.larder(&["parse-manifest", "--to", "toml", "m3.txt"]);
    world.write("larder.toml", toml.text());
    let again: serde_json::Value = serde_json::from_slice(&world.larder(&["parse-manifest"]).out).unwrap();
    for (a, b) in json["tasks"].as_array().unwrap().iter().zip(again["tasks"].as_array().unwrap()) {
        for key in ["name", "cmd", "inputs", "outputs", "deps", "env"] {
            assert_eq!(a[key], b[key], "{key}");
        }
    }
    let start = "\n[task.build]\ncmd = [\"cc\", \"hello.c\", \"-o\", \"hello\"]\ninputs = [\"hello.c\"]\noutputs = [\"hello\"]\n";
    assert!(toml.text().starts_with(start), "{}", toml.text());
    assert!(toml.text().contains("[task.test]\ncmd = \"./hello > out.txt\"\n"), "{}", toml.text());
}

#[test]
fn what_is_printed_of_a_manifest_is_frozen() {
    let world = World::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/manifest");
    world.sh(&format!("cp -r {data}/larder.toml {data}/sub {data}/lines.txt .")).clean();
    for (file, form, golden) in [
        ("larder.toml", "json", "parsed.json"),
        ("larder.toml", "toml", "parsed.toml"),
        ("lines.txt", "json", "lines.json"),
        ("lines.txt", "toml", "lines.toml"),
    ] {
        let said = world.larder(&["parse-manifest", "--to", form, file]);
        let expected = std::fs::read_to_string(format!("{data}/golden/{golden}")).unwrap();
        assert_eq!(said.ok(), expected, "{golden}");
        assert_eq!(said.err.contains("not to be run"), golden == "parsed.toml", "{}", said.err);
    }
}

#[test]
fn what_is_wrong_has_a_place() {
    let world = World::new();
    for (text, exit, code, place) in [
        ("task a {\n  cmd = x\n  otputs = y\n}\n", 5, "PARSE_ERROR", "bad.txt:3:3:"),
        ("task a {\n  cmd = x\n  outputs = ../x\n}\n", 16, "PERMISSION_DENIED", "bad.txt:3:13:"),
        ("task x {\n cmd = x\n deps = y\n}\ntask y {\n cmd = y\n deps = x\n}\n", 5, "CYCLE_DETECTED", "x -> y -> x"),
        ("task a {\n cmd = x\n sandbox = strict\n}\n", 5, "CONFIG_INVALID", "bad.txt:3:12:"),
        ("task a b {\n cmd = x\n}\n", 5, "PARSE_ERROR", "bad.txt:1:6:"),
    ] {
        world.write("bad.txt", text);
        let said = world.larder(&["parse-manifest", "bad.txt"]);
        assert!(said.err.contains(place), "{}", said.err);
        said.failed(exit, code);
    }
    world.larder(&["parse-manifest", "nosuch.txt"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn tasks_and_their_graph_are_shown() {
    let world = World::new();
    world.write("m3.txt", M3);
    assert_eq!(world.larder(&["graph", "m3.txt"]).clean(), "[ ] build\n  [ ] test\n    [ ] checksum\n");
    assert_eq!(world.larder(&["tasks", "m3.txt"]).clean(), "build\ntest\nchecksum\n");
    assert_eq!(world.larder(&["tasks", "m3.txt", "checksum^deps"]).clean(), "build\ntest\n");
    let dot = "digraph tasks {\n  rankdir = LR;\n  \"build\" [label=\"[ ] build\"];\n  \"test\" [label=\"[ ] test\"];\n\
        \x20 \"build\" -> \"test\";\n}\n";
    assert_eq!(world.larder(&["graph", "--format", "dot", "m3.txt", "test"]).clean(), dot);
    let mermaid = "flowchart LR\n  t0[\"[ ] build\"]\n  t1[\"[ ] test\"]\n  t0 --> t1\n";
    assert_eq!(world.larder(&["graph", "--format", "mermaid", "m3.txt", "test"]).clean(), mermaid);
    let said = world.larder(&["graph", "m3.txt", "chekcsum"]);
    assert!(said.err.contains("did you mean `checksum`?"), "{}", said.err);
    said.failed(10, "FILE_NOT_FOUND");
    world.larder(&["tasks"]).failed(10, "FILE_NOT_FOUND");
}

#[test]
fn the_schema_is_the_one_that_is_shipped() {
    let world = World::new();
    world.larder(&["help", "--generate", "schema", "."]).clean();
    let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/larder.schema.json")).unwrap();
    assert_eq!(world.sh("cat larder.schema.json").clean(), shipped);
}
