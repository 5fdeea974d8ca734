//! What a key holds, and what it does not.

use super::*;
use crate::action::InputKind;
use crate::error::Code;

fn one() -> Scene {
    let scene = Scene::new(vec![task("build", "cat in.txt > out.txt", &["in.txt"], &["out.txt"])]);
    scene.write("in.txt", "hello\n");
    scene
}

#[test]
fn equal_projects_in_two_directories_have_equal_keys() {
    let (here, there) = (one(), one());
    assert_eq!(here.id("build"), there.id("build"));
    let action = here.key("build").expect("keyed").action;
    assert_eq!(hash(&action.encode()), here.id("build"));
    let mut rooted = [one(), one()];
    rooted.iter_mut().for_each(|scene| scene.set("build", |settings| settings.rooted = true));
    assert_ne!(rooted[0].id("build"), rooted[1].id("build"));
}

#[test]
fn whatever_can_change_a_result_changes_the_key() {
    let first = one().id("build");
    let mut ids = vec![first];
    let mut other = |change: &dyn Fn(&mut Scene)| {
        let mut scene = one();
        change(&mut scene);
        ids.push(scene.id("build"));
    };
    other(&|scene| scene.write("in.txt", "hellO\n"));
    other(&|scene| {
        std::fs::set_permissions(scene.path("in.txt"), std::fs::Permissions::from_mode(0o755)).expect("set");
    });
    other(&|scene| {
        scene.write("in2.txt", "hello\n");
        scene.tasks[0].inputs = patterns(&["in2.txt"]);
    });
    other(&|scene| scene.tasks[0].command = Command::Shell("cat  in.txt > out.txt".into()));
    other(&|scene| scene.tasks[0].outputs = patterns(&["out2.txt"]));
    other(&|scene| scene.env("build", "CFLAGS", Some("-O2")));
    other(&|scene| scene.env("build", "CFLAGS", Some("-O3")));
    other(&|scene| scene.salt = "2".into());
    other(&|scene| scene.set("build", |settings| settings.key_from = vec!["echo 1".into()]));
    other(&|scene| scene.set("build", |settings| settings.key_from = vec!["echo 1 # too".into()]));
    other(&|scene| scene.set("build", |settings| settings.tools = vec!["cat".into()]));
    other(&|scene| scene.set("build", |settings| settings.cwd = b"sub".to_vec()));
    other(&|scene| scene.tasks[0].depfile = Some(b"out.d".as_slice().into()));
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn what_cannot_change_a_result_is_not_in_the_key() {
    let first = one().id("build");
    let same = |change: &dyn Fn(&mut Scene)| {
        let mut scene = one();
        change(&mut scene);
        assert_eq!(scene.id("build"), first);
    };
    let mut renamed = one();
    renamed.tasks[0].name = "other".into();
    assert_eq!(renamed.id("other"), first);
    same(&|scene| scene.tasks[0].description = Some("makes it".into()));
    same(&|scene| scene.set("build", |settings| (settings.timeout_ms, settings.retries) = (Some(1), 5)));
    same(&|scene| scene.set("build", |settings| settings.pass_env = vec!["TERM".into()]));
    same(&|scene| _ = scene.environment.insert("HOME".into(), "/elsewhere".into()));
    same(&|scene| _ = scene.environment.insert("HIDDEN".into(), "x".into()));
    same(&|scene| scene.write("unrelated.txt", "x"));
}

#[test]
fn declared_variables_count_by_value_and_absence_is_not_emptiness() {
    let id = |value: Option<&str>| {
        let mut scene = one();
        scene.env("build", "MODE", None);
        if let Some(value) = value {
            scene.environment.insert("MODE".into(), value.into());
        }
        scene.id("build")
    };
    assert_eq!(id(Some("a")), id(Some("a")));
    assert_ne!(id(Some("a")), id(Some("b")));
    assert_ne!(id(Some("")), id(None));
    let mut fixed = one();
    fixed.env("build", "MODE", Some("a"));
    assert_eq!(fixed.id("build"), id(Some("a")));
}

#[test]
fn equal_commands_do_not_collide() {
    let shell = one();
    let words = |words: &[&str]| {
        let mut scene = one();
        scene.tasks[0].command = Command::Words(words.iter().collect());
        scene.id("build")
    };
    let ids = [shell.id("build"), words(&["cat", "in.txt > out.txt"]), words(&["cat", "in.txt", ">", "out.txt"])];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn patterns_find_sources_and_never_leftovers() {
    let mut scene = Scene::new(vec![
        task("gen", "mkdir -p src && echo x > src/gen.c", &[], &["src/gen.c"]),
        task("lint", "true", &["src/**/*.c"], &[]),
    ]);
    scene.depend("lint", "gen");
    scene.write("src/a.c", "a");
    scene.write("src/deep/b.c", "b");
    scene.write("src/.git/c.c", "hidden");
    scene.write("src/gen.c", "a leftover");
    let tree = |text: &str| {
        let content = hash(text.as_bytes());
        let kind = ResultKind::File { content, size: text.len() as u64, executable: false };
        Arc::new(ResultTree {
            id: hash(text.as_bytes()),
            entries: vec![ResultEntry { path: b"src/gen.c".to_vec(), kind }],
        })
    };
    let keyed = scene.key_with("lint", &|_| Some(tree("made"))).expect("keyed");
    let inputs: Vec<String> =
        keyed.action.inputs.iter().map(|input| String::from_utf8_lossy(&input.path).into_owned()).collect();
    assert_eq!(inputs, ["src/a.c", "src/deep/b.c", "src/gen.c"]);
    let made = keyed.action.inputs.iter().find(|input| input.path == b"src/gen.c").expect("there");
    assert_eq!(made.kind, InputKind::File { content: hash(b"made"), executable: false });
    let empty = scene.key_with("lint", &|_| Some(Arc::new(ResultTree::empty()))).expect("keyed");
    assert_eq!(empty.action.inputs.len(), 2);
    assert_eq!(scene.key("lint").expect_err("unknown").code(), Code::SystemError);
}

#[test]
fn a_directory_is_every_name_beneath_it_but_not_room_for_outputs() {
    let scene = Scene::new(vec![
        task("pack", "true", &["data"], &["out/pack.tar"]),
        task("all", "true", &["."], &["out/all.tar"]),
    ]);
    scene.write("data/a\nb", "newline");
    scene.write("data/ space ", "space");
    std::fs::create_dir_all(scene.path("data/empty")).expect("made");
    std::fs::create_dir_all(scene.path("out")).expect("made");
    let kinds = |name: &str| -> Vec<(String, &'static str)> {
        let inputs = scene.key_with(name, &|_| Some(Arc::new(ResultTree::empty()))).expect("keyed").action.inputs;
        inputs.iter().map(|input| (String::from_utf8_lossy(&input.path).into_owned(), input.kind.name())).collect()
    };
    let data = [("data/ space ", "file"), ("data/a\nb", "file"), ("data/empty", "dir")];
    let owned = |pairs: &[(&str, &'static str)]| -> Vec<(String, &'static str)> {
        pairs.iter().map(|(path, kind)| (path.to_string(), *kind)).collect()
    };
    assert_eq!(kinds("pack"), owned(&data));
    assert_eq!(kinds("all"), owned(&[&data[..], &[("larder.toml", "file")]].concat()));
}

#[test]
fn symlinks_count_by_text_and_by_what_they_lead_to() {
    let scene = Scene::new(vec![task("build", "true", &["link"], &[]), task("tree", "true", &["d"], &[])]);
    scene.write("a.txt", "1");
    scene.write("b.txt", "1");
    scene.write("d/f", "1");
    let link = |text: &str, name: &str| {
        let _ = std::fs::remove_file(scene.path(name));
        std::os::unix::fs::symlink(text, scene.path(name)).expect("linked");
    };
    link("a.txt", "link");
    let first = scene.id("build");
    link("b.txt", "link");
    let other_text = scene.id("build");
    link("a.txt", "link");
    assert_eq!(scene.id("build"), first);
    scene.write("a.txt", "2");
    let other_content = scene.id("build");
    std::fs::remove_file(scene.path("a.txt")).expect("removed");
    let dangling = scene.id("build");
    let ids: HashSet<Id> = [first, other_text, other_content, dangling].into();
    assert_eq!(ids.len(), 4);
    link("../a.txt", "d/l");
    let dangling = scene.id("tree");
    scene.write("a.txt", "3");
    assert_ne!(scene.id("tree"), dangling);
    link("d", "link");
    let through = scene.id("build");
    scene.write("d/f", "2");
    assert_ne!(scene.id("build"), through);
}

#[test]
fn a_missing_literal_input_is_an_error_and_an_empty_glob_is_not() {
    let scene = Scene::new(vec![task("path", "true", &["none"], &[]), task("glob", "true", &["none*"], &[])]);
    let error = scene.key("path").expect_err("missing");
    assert_eq!(error.code(), Code::FileNotFound);
    assert!(error.to_string().contains("`path`"), "{error}");
    scene.key("glob").expect("keyed");
}

#[test]
fn programs_count_by_content() {
    let mut scene = Scene::new(vec![task("build", "x", &[], &[])]);
    scene.write("bin/tool", "#!/bin/sh\necho 1\n");
    std::fs::set_permissions(scene.path("bin/tool"), std::fs::Permissions::from_mode(0o755)).expect("set");
    let path = format!("{}:/usr/bin:/bin", scene.path("bin").display());
    scene.environment.insert("PATH".into(), path.into());
    scene.tasks[0].command = Command::Words(["tool"].iter().collect());
    let first = scene.id("build");
    scene.write("bin/tool", "#!/bin/sh\necho 2\n");
    assert_ne!(scene.id("build"), first);
    scene.tasks[0].command = Command::Words(["no-such-program"].iter().collect());
    scene.touch_manifest();
    assert_eq!(scene.key("build").expect_err("missing").code(), Code::FileNotFound);
}

#[test]
fn git_decides_what_its_sources_are() {
    let scene = Scene::new(vec![task("build", "true", &["@git(src)"], &[])]);
    assert_eq!(scene.key("build").expect_err("no work tree").code(), Code::ConfigInvalid);
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args).current_dir(scene.path(""));
        assert!(command.status().expect("git").success());
    };
    git(&["init", "-q"]);
    scene.write("src/tracked.log", "1");
    git(&["add", "-f", "src/tracked.log"]);
    scene.write(".gitignore", "*.log\n/src/build\n");
    scene.write("src/new.c", "1");
    scene.write("src/junk.log", "1");
    scene.write("src/build/x.o", "1");
    scene.write("elsewhere.c", "1");
    let paths = || -> Vec<String> {
        let inputs = scene.key("build").expect("keyed").action.inputs;
        inputs.iter().map(|input| String::from_utf8_lossy(&input.path).into_owned()).collect()
    };
    assert_eq!(paths(), ["src/new.c", "src/tracked.log"]);
    git(&["add", "-f", "src/junk.log"]);
    assert_eq!(paths(), ["src/junk.log", "src/new.c", "src/tracked.log"]);
    scene.write("src/.gitignore", "new.c\n");
    assert_eq!(paths(), ["src/.gitignore", "src/junk.log", "src/tracked.log"]);
}
