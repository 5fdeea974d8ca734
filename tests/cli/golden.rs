//! Promise 11: what plumbing prints is frozen. `testdata/golden/plumbing-1` has command lines and what they answer; lines
//! are added to it, and what stands there stays.

use super::World;
use std::path::Path;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// Frozen repositories, one of them with a damaged pack, and files whose every byte is known.
fn world() -> World {
    let world = World::new();
    let script = format!(
        "cp -r {TOP}/testdata/repo/v1-unencrypted repo; cp -r {TOP}/testdata/repo/v1 sealed; cp -r repo broken
         cp {TOP}/testdata/repo/v1.passphrase passphrase
         printf small >small; seq 100000 >lines; echo quoted >'a\"b'; mkdir dir; cp small dir; ln dir/small dir/linked
         pack=$(ls broken/packs/36/*); printf X | dd of=$pack bs=1 seek=200 conv=notrunc status=none"
    );
    world.sh(&script).clean();
    world
}

/// The transcript again: each command line, what it prints now, and the status it ends with unless that is 0.
fn run_again(world: &World, golden: &str, environment: &str) -> String {
    let mut transcript = String::new();
    for line in golden.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let said = world.sh(&format!("set -o pipefail; export LARDER_REPOSITORY=repo {environment}\n{line}"));
        assert!(!said.err.contains("panicked"), "{line}: {}", said.err);
        transcript.push_str(&format!("$ {line}\n{}", said.text()));
        if !said.text().is_empty() && !said.text().ends_with('\n') {
            transcript.push_str("(no newline)\n");
        }
        if said.exit != 0 {
            transcript.push_str(&format!("[{}]\n", said.exit));
        }
    }
    transcript
}

#[test]
fn plumbing_answers_as_ever() {
    let golden = std::fs::read_to_string(Path::new(TOP).join("testdata/golden/plumbing-1")).unwrap();
    // Neither language, colour, time zone nor the user's settings change an answer.
    for environment in [
        "LC_ALL=C",
        "LC_ALL=tr_TR.UTF-8 LANGUAGE=de TZ=Asia/Kolkata CLICOLOR_FORCE=1 FORCE_COLOR=1 TERM=xterm-256color COLUMNS=20",
    ] {
        let world = world();
        world.write("../home/.config/larder/config.toml", "progress-interval = 1\nlock-wait = 5\n");
        let now = run_again(&world, &golden, environment);
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plumbing-1");
        std::fs::write(&written, &now).unwrap();
        let first = golden.lines().zip(now.lines()).find(|(then, now)| then != now);
        assert!(golden == now, "{environment}: {first:#?}, and perhaps more: see {}", written.display());
    }
}
