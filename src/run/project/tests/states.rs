//! What is current and what is not, from one invocation to the next.

use super::*;
use std::time::Duration;

/// Longer than a tick of the clock that stamps files.
fn next_tick() {
    std::thread::sleep(Duration::from_millis(25));
}

fn pair() -> Scene {
    let mut scene = Scene::new(vec![
        task("first", "cut -c1 a.txt > b.txt", &["a.txt"], &["b.txt"]),
        task("second", "cat b.txt b.txt > c.txt", &["b.txt"], &["c.txt"]),
        task("all", "", &[], &[]),
    ]);
    scene.depend("all", "second");
    scene.write("a.txt", "hello\n");
    scene
}

#[test]
fn the_second_run_does_nothing_and_writes_nothing() {
    let mut scene = pair();
    let first = scene.run();
    assert!(first.is(&["first", "second"], &[], &[]), "{first:?}");
    assert_eq!(scene.read("c.txt"), "h\nh\n");
    next_tick();
    let written = || -> Vec<_> {
        let entries = std::fs::read_dir(scene.dir.path().join("state")).expect("listed");
        let mut all: Vec<_> = entries
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                let meta = entry.metadata().expect("there");
                (entry.file_name(), meta.len(), meta.modified().expect("a time"))
            })
            .filter(|(name, ..)| !name.to_string_lossy().ends_with("-shm"))
            .collect();
        all.sort();
        all
    };
    let before = written();
    let mut reads = 0;
    let project = scene.open_counting(&mut reads);
    let survey = project.survey(&project.default_targets()).expect("surveyed");
    assert!(survey.is_current() && reads == 0, "{survey:?}");
    assert_eq!(survey.counts(), (2, 2));
    assert!(project.whole.get().is_none(), "the manifest was decoded");
    project.finish().expect("nothing to write");
    drop(project);
    assert_eq!(written(), before);
}

#[test]
fn a_change_goes_as_far_as_results_differ() {
    let mut scene = pair();
    scene.run();
    scene.write("a.txt", "hullo\n");
    let next = scene.run();
    // The result is the same letter: what comes after does not run.
    assert!(next.is(&["first"], &["second"], &[]) || next.is(&["first"], &[], &["second"]), "{next:?}");
    let still = scene.run();
    assert!(still.is(&[], &[], &["first", "second"]), "{still:?}");
    scene.write("a.txt", "world\n");
    let changed = scene.run();
    assert!(changed.is(&["first", "second"], &[], &[]), "{changed:?}");
    scene.write("a.txt", "hello\n");
    let back = scene.run();
    assert!(back.is(&[], &["first", "second"], &[]), "{back:?}");
    assert_eq!(scene.read("c.txt"), "h\nh\n");
}

#[test]
fn a_touched_file_is_no_change() {
    let mut scene = pair();
    scene.run();
    next_tick();
    scene.write("a.txt", "hello\n");
    let touched = scene.run();
    assert!(touched.is(&[], &[], &["first", "second"]), "{touched:?}");
}

#[test]
fn an_edit_in_the_same_tick_of_the_same_length_is_seen() {
    for round in 0..8 {
        let mut scene = pair();
        scene.run();
        scene.write("a.txt", &format!("{round}ello\n"));
        let next = scene.run();
        assert_eq!(next.ran, ["first", "second"], "{next:?}");
        // Equal sizes, and a modification time that says nothing.
        let meta = std::fs::metadata(scene.path("a.txt")).expect("there");
        scene.write("a.txt", &format!("{round}xllo\n"));
        let file = std::fs::File::options().write(true).open(scene.path("a.txt")).expect("opened");
        file.set_modified(meta.modified().expect("a time")).expect("set");
        drop(file);
        let next = scene.run();
        assert_eq!(next.ran, ["first"], "{next:?}");
    }
}

#[test]
fn outputs_that_are_gone_or_changed_are_put_back() {
    let mut scene = pair();
    scene.run();
    std::fs::remove_file(scene.path("b.txt")).expect("removed");
    let gone = scene.run();
    assert!(gone.is(&[], &["first"], &["second"]), "{gone:?}");
    scene.write("c.txt", "something else");
    let changed = scene.run();
    assert!(changed.is(&[], &["second"], &["first"]), "{changed:?}");
    std::fs::set_permissions(scene.path("c.txt"), std::fs::Permissions::from_mode(0o755)).expect("set");
    let mode = scene.run();
    assert!(mode.is(&[], &["second"], &["first"]), "{mode:?}");
    let project = scene.open();
    assert!(project.survey(&project.default_targets()).expect("surveyed").is_current());
}

#[test]
fn files_that_come_and_go_in_directories_are_seen() {
    let mut scene = Scene::new(vec![
        task("join", "cat src/*.c > src/all.txt", &["src/*.c"], &["src/all.txt"]),
        task("tar", "ls data > data.txt", &["data"], &["data.txt"]),
    ]);
    scene.write("src/a.c", "a");
    scene.write("data/x", "x");
    assert_eq!(scene.run().ran, ["join", "tar"]);
    // The output came to stand in a directory that was listed.
    assert_eq!(scene.run().current, ["join", "tar"]);
    let project = scene.open();
    assert!(project.survey(&project.default_targets()).expect("surveyed").is_current());
    drop(project);
    scene.write("src/b.c", "b");
    let came = scene.run();
    assert!(came.is(&["join"], &[], &["tar"]), "{came:?}");
    scene.write("src/readme", "no source of anything");
    assert_eq!(scene.run().current, ["join", "tar"]);
    std::fs::remove_file(scene.path("src/b.c")).expect("removed");
    let went = scene.run();
    assert!(went.is(&[], &["join"], &["tar"]), "{went:?}");
    scene.write("data/deep/y", "y");
    assert_eq!(scene.run().ran, ["tar"]);
}

#[test]
fn variables_tools_and_definitions_are_looked_at() {
    let mut scene = pair();
    scene.env("first", "MODE", None);
    scene.run();
    assert_eq!(scene.run().current, ["first", "second"]);
    scene.environment.insert("MODE".into(), "x".into());
    let why = |scene: &Scene| {
        let project = scene.open();
        let survey = project.survey(&project.default_targets()).expect("surveyed");
        match survey.standing(TaskNo(0)) {
            Some(Standing::Changed(why)) => Some(why),
            _ => project.why_displaced(&survey, TaskNo(0)),
        }
    };
    assert_eq!(why(&scene), Some(Why::Surroundings));
    assert_eq!(scene.run().ran, ["first"]);
    scene.set("first", |settings| settings.tools = vec!["cut".into()]);
    scene.touch_manifest();
    assert_eq!(why(&scene), Some(Why::Definition));
    assert_eq!(scene.run().ran, ["first"]);
    scene.write("bin/cut", "#!/bin/sh\nexec /usr/bin/cut \"$@\"\n");
    std::fs::set_permissions(scene.path("bin/cut"), std::fs::Permissions::from_mode(0o755)).expect("set");
    let path = format!("{}:/usr/bin:/bin", scene.path("bin").display());
    scene.environment.insert("PATH".into(), path.into());
    assert_eq!(why(&scene), Some(Why::Tool("cut".into())));
    assert_eq!(scene.run().ran, ["first"]);
    scene.write("a.txt", "new\n");
    assert_eq!(why(&scene), Some(Why::Input(b"a.txt".to_vec())));
    assert_eq!(scene.run().ran, ["first", "second"]);
    std::fs::remove_file(scene.path("b.txt")).expect("removed");
    assert_eq!(why(&scene), Some(Why::Output(b"b.txt".to_vec())));
}

#[test]
fn a_renamed_neighbour_does_not_matter_and_numbers_stay() {
    let mut scene = pair();
    scene.run();
    scene.tasks.insert(0, task("zero", "echo 0 > 0.txt", &[], &["0.txt"]));
    scene.tasks[2].makers = Box::default();
    scene.tasks[3].deps = [TaskNo(2)].into();
    scene.touch_manifest();
    let next = scene.run();
    assert!(next.is(&["zero"], &[], &["first", "second"]), "{next:?}");
}

#[test]
fn what_a_depfile_names_is_an_input() {
    let compile =
        "cat main.c inc/h.h > main.o; printf 'main.o: main.c \\\\\\n inc/h.h /etc/hostname gone.h\\n' > main.d";
    let mut scene = Scene::new(vec![task("cc", compile, &["main.c"], &["main.o"])]);
    scene.tasks[0].depfile = Some(b"main.d".as_slice().into());
    scene.write("main.c", "c");
    scene.write("inc/h.h", "h");
    next_tick();
    assert_eq!(scene.run().ran, ["cc"]);
    assert_eq!(scene.run().current, ["cc"]);
    next_tick();
    scene.write("inc/h.h", "H");
    next_tick();
    assert_eq!(scene.run().ran, ["cc"]);
    scene.write("gone.h", "now there");
    next_tick();
    assert_eq!(scene.run().ran, ["cc"]);
    assert_eq!(scene.run().current, ["cc"]);
}

#[test]
fn a_failed_task_stays_to_be_done() {
    let mut scene = pair();
    scene.run();
    scene.tasks[0].command = Command::Shell("exit 1".into());
    scene.touch_manifest();
    let failed = scene.run();
    assert_eq!(failed.failed, ["first", "second"]);
    assert_eq!(scene.run().failed, ["first", "second"]);
}

#[test]
fn a_lost_or_damaged_state_costs_time_only() {
    let mut scene = pair();
    scene.run();
    let state = scene.dir.path().join("state");
    std::fs::remove_dir_all(&state).expect("removed");
    let lost = scene.run();
    assert!(lost.is(&[], &["first", "second"], &[]), "{lost:?}");
    for name in ["run.sqlite-wal", "run.sqlite-shm"] {
        let _ = std::fs::remove_file(state.join(name));
    }
    std::fs::write(state.join("run.sqlite"), "this is no database, however long it may be").expect("written");
    let damaged = scene.run();
    assert!(damaged.is(&[], &["first", "second"], &[]), "{damaged:?}");
    assert_eq!(scene.run().current, ["first", "second"]);
}

#[test]
fn after_another_boot_what_was_not_synced_is_read_again() {
    let mut scene = pair();
    scene.run();
    let set_boot = |boot: &str| {
        let database = rusqlite::Connection::open(scene.dir.path().join("state/run.sqlite")).expect("opened");
        database.execute("UPDATE note SET value = ?1 WHERE name = 'boot'", [boot.as_bytes()]).expect("set");
    };
    set_boot("another");
    let project = scene.open();
    let survey = project.survey(&project.default_targets()).expect("surveyed");
    assert!(survey.is_current() && project.sources.files().is_dirty(), "read again, found the same, noted anew");
    project.finish().expect("committed");
    project.sync().expect("synced");
    drop(project);
    set_boot("a third");
    let project = scene.open();
    let survey = project.survey(&project.default_targets()).expect("surveyed");
    assert!(survey.is_current() && !project.sources.files().is_dirty(), "what was synced is trusted");
}

#[test]
fn a_source_that_changes_while_it_is_used_is_told() {
    let scene = pair();
    let project = scene.open();
    let keyed = project.keyer().expect("a keyer").key(TaskNo(0), &|_| None).expect("keyed");
    assert_eq!(project.changed_since(&keyed.seen), None);
    scene.write("a.txt", "other\n");
    assert_eq!(project.changed_since(&keyed.seen), Some(b"a.txt".to_vec()));
    let glob = Scene::new(vec![task("t", "true", &["*.c"], &[])]);
    let project = glob.open();
    let keyed = project.keyer().expect("a keyer").key(TaskNo(0), &|_| None).expect("keyed");
    glob.write("new.c", "x");
    assert_eq!(project.changed_since(&keyed.seen), Some(b"new.c".to_vec()));
}

#[test]
fn two_that_read_the_same_state_do_not_write_over_each_other() {
    let mut scene = Scene::new(vec![
        task("one", "cat a.txt > one.txt", &["a.txt"], &["one.txt"]),
        task("two", "cat b.txt > two.txt", &["b.txt"], &["two.txt"]),
    ]);
    scene.write("a.txt", "a\n");
    scene.write("b.txt", "b\n");
    let targets = |project: &Project, name: &str| project.select(&[name.to_string()]).expect("a task");
    // Both have read that nothing is known, and give the same numbers to other paths.
    let (first, second) = (scene.open(), scene.open());
    assert!(!first.is_behind() && !second.is_behind());
    for (project, name) in [(&first, "one"), (&second, "two")] {
        let outcome = scene.run_in(project, &targets(project, name));
        assert!(outcome.is(&[name], &[], &[]), "{outcome:?}");
    }
    assert!(second.is_behind() && !scene.open().is_behind());
    // Of the second it is known what it made, and no more.
    let third = scene.open();
    let made = third.made().expect("read");
    assert!(third.is_as_made(&made, b"one.txt") && third.is_as_made(&made, b"two.txt"));
    assert!(!third.is_as_made(&made, b"a.txt") && !third.is_as_made(&made, b"b.txt"));
    scene.write("two.txt", "of the user\n");
    assert!(!third.is_as_made(&made, b"two.txt"), "it was looked at before");
    scene.write("two.txt", "b\n");
    std::fs::remove_file(scene.path("one.txt")).expect("removed");
    let next = scene.run();
    assert!(next.is(&[], &["one", "two"], &[]), "{next:?}");
    assert_eq!((scene.read("one.txt"), scene.read("two.txt")), ("a\n".into(), "b\n".into()));
    let last = scene.run();
    assert!(last.is(&[], &[], &["one", "two"]), "{last:?}");
}
