//! Many runs at once, and what goes on beside them.

use crate::world::{Said, World, end, said};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

const RUNS: usize = 10;
const CLONES: usize = 5;
const MADE: usize = 16;

/// Each writes down that it ran, and takes long enough for others to come.
const MANIFEST: &str = r#"
[tasks.make]
cmd = "echo make-{{matrix.n}} >> ../notes/runs; sleep 0.1; mkdir -p out; cat src/{{matrix.n}} > out/{{matrix.n}}"
inputs = ["src/{{matrix.n}}"]
outputs = ["out/{{matrix.n}}"]
matrix = { n = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] }
[tasks.half]
cmd = "echo half >> ../notes/runs; cat out/[0-7] > half"
inputs = ["out/0", "out/1", "out/2", "out/3", "out/4", "out/5", "out/6", "out/7"]
outputs = ["half"]
[tasks.all]
cmd = "echo all >> ../notes/runs; cat out/? out/?? > all; wc -c < half >> all"
deps = ["make", "half"]
outputs = ["all"]
"#;

fn executed(said: &Said) -> u64 {
    let line = said.out.lines().find(|line| line.contains(" executed, ")).expect(&said.err);
    line.split(' ').next().unwrap().parse().unwrap()
}

/// Runs a command again and again beside the others.
fn again_and_again(world: &World, words: &[&str], is_over: &AtomicBool) -> u32 {
    let mut times = 0;
    while times == 0 || !is_over.load(Ordering::Relaxed) {
        world.larder(words).ok();
        times += 1;
    }
    times
}

#[test]
fn many_runs_backups_and_gc_at_once_execute_each_action_once() {
    let world = World::new(MANIFEST);
    for file in 0..MADE {
        world.write(format!("src/{file}"), format!("content of {file}\n").repeat(50 + file));
    }
    let mut places: Vec<String> = vec!["work".into()];
    for clone in 0..CLONES {
        let copied = world.command_in("", "cp", &["-r", "work", &format!("clone{clone}")]).status().unwrap();
        assert!(copied.success());
        std::fs::remove_dir_all(world.top().join(format!("clone{clone}/.larder"))).unwrap();
        places.push(format!("clone{clone}"));
    }
    let repository = world.path(".larder").display().to_string();
    let is_over = AtomicBool::new(false);
    let all = std::thread::scope(|scope| {
        let backups = scope.spawn(|| again_and_again(&world, &["backup", "-q", "src"], &is_over));
        let gcs = scope.spawn(|| again_and_again(&world, &["gc", "-q", "--lock-wait", "120"], &is_over));
        let start = |place: &String| {
            let mut command = world.command_in(place, "larder", &["-r", &repository, "run", "-j", "2"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let runs = (0..RUNS).map(|_| "work".to_string()).chain(places[1..].to_vec());
        let children: Vec<_> = runs.map(|place| start(&place)).collect();
        let all: Vec<Said> = children.into_iter().map(end).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(backups.join().unwrap() > 0 && gcs.join().unwrap() > 0);
        all
    });
    let counted: u64 = all.iter().map(executed).sum();
    assert!(all.iter().all(|said| said.exit == 0), "{all:#?}");
    let mut notes = world.notes("runs");
    notes.sort();
    let mut once = notes.clone();
    once.dedup();
    assert_eq!(notes, once, "a task was executed twice: {all:#?}");
    assert_eq!((notes.len(), counted), (MADE + 2, MADE as u64 + 2));
    let made = world.read("all");
    assert_eq!(
        made.lines().filter(|line| line.starts_with("content of ")).count(),
        (0..MADE).map(|n| 50 + n).sum::<usize>()
    );
    for place in &places {
        let all = std::fs::read_to_string(world.top().join(place).join("all")).unwrap();
        assert!(all == made, "{place}");
        let words = ["-r", &repository, "run"];
        said(world.command_in(place, "larder", &words).output().unwrap()).did(0, MADE as u64 + 2);
    }
    world.larder(&["verify", "--read-data"]).ok();
    world.larder(&["gc"]).ok();
    world.larder(&["verify", "--read-data"]).ok();
    for place in &places {
        std::fs::remove_dir_all(world.top().join(place).join("out")).unwrap();
        std::fs::remove_file(world.top().join(place).join("all")).unwrap();
        let words = ["-r", &repository, "run"];
        said(world.command_in(place, "larder", &words).output().unwrap()).did(0, MADE as u64 + 2);
        assert!(std::fs::read_to_string(world.top().join(place).join("all")).unwrap() == made, "{place}");
    }
    assert_eq!(world.notes("runs").len(), MADE + 2);
}
