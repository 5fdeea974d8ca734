//! The README tells the truth: its commands run, and its transcript is what larder says.
//!
//! Blocks marked `sh` below "How to" run in order, as one session in a prepared home directory. The blocks marked
//! `console` are the transcript of one session: its commands run, and their output must be the same but for numbers, ids
//! and times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::path::Path;
use std::process::{Command, Stdio};

const README: &str = include_str!("../README.md");

/// What a reader of the README would have: a home with something in it, and the sources.
const PREPARE: &str = r#"
ln -s "$TOP" larder
mkdir notes photos
printf '# To do\n\n- back up\n' >notes/todo.md
printf '# Ideas\n' >notes/ideas.md
seq 1 20000 >notes/numbers.txt
head -c 300000 /dev/urandom >photos/one.jpg
cp photos/one.jpg photos/two.jpg
printf 'a passphrase for the test\n' >passphrase
sqlite3 app.db 'create table t (a); insert into t values (1)'
"#;

#[test]
fn how_tos_run() {
    let how_to = README.split("\n## How to").nth(1).expect("a section `How to`");
    let how_to = how_to.split("\n## ").next().unwrap();
    let blocks = fenced(how_to, "sh");
    assert!(blocks.len() > 5, "only {} blocks of commands below How to", blocks.len());
    let mut script = String::new();
    for (number, block) in blocks.iter().enumerate() {
        script.push_str(&format!("echo '== block {number} begins: {}' >&2\n{block}\n", block.lines().next().unwrap()));
    }
    let (status, _, said) = session(&format!("{PREPARE}\n{script}"));
    assert_eq!(status, 0, "{said}");
}

#[test]
fn the_transcript_is_true() {
    let blocks = fenced(README, "console");
    assert_eq!(blocks.len(), 2, "what you have, and how you made it");
    let transcript = blocks.concat();
    let commands = transcript.lines().filter_map(|line| line.strip_prefix("$ "));
    // Each command is printed before it runs, and both streams go where a terminal would show them.
    let script: String = commands.map(|line| format!("cat <<'END'\n$ {line}\nEND\n{line}\n")).collect();
    let setting = "export LARDER_PASSPHRASE_FILE=~/passphrase";
    let (status, printed, said) = session(&format!("{PREPARE}\n{setting}\nexec 2>&1\nset +e\n{script}"));
    assert_eq!(status, 0, "{said}");
    let host = larder::fs::host_name();
    let printed = printed.replace(&format!(" {host} "), " laptop ");
    let (expected, found) = (masked(&transcript), masked(&printed));
    assert_eq!(found, expected, "the README says\n{transcript}\nand larder says\n{printed}");
}

#[test]
fn the_tasks_shown_are_those_of_the_example() {
    let shown = fenced(README, "toml");
    assert_eq!(shown.len(), 1);
    assert!(include_str!("../docs/example/larder.toml").contains(&shown[0]), "{}", shown[0]);
}

/// The contents of all blocks fenced with this word.
fn fenced(text: &str, word: &str) -> Vec<String> {
    let opening = format!("```{word}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_string()).collect()
}

/// The text with numbers, ids and times made equal, and blanks collapsed, since columns follow the numbers' widths.
fn masked(text: &str) -> Vec<String> {
    let word = |word: &str| {
        let is_id = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit());
        if is_id { "#".to_string() } else { mask_digits(word) }
    };
    let mut lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")).collect();
    // Of two tasks that wait for nothing, the one begins first that was looked up first.
    let is_executed = |line: &String| line.starts_with("compile@") && line.contains(": executed");
    lines.chunk_by_mut(|one, next| is_executed(one) && is_executed(next)).for_each(<[String]>::sort);
    lines
}

fn mask_digits(word: &str) -> String {
    let mut masked = String::new();
    for c in word.chars() {
        match c {
            '0'..='9' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            '.' | ',' if masked.ends_with('#') => {}
            c => masked.push(c),
        }
    }
    masked
}

/// Runs a script in a home of its own: exit status, standard output, standard error.
fn session(script: &str) -> (i32, String, String) {
    let home = tempfile::Builder::new().prefix("larder-readme-").tempdir().unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_larder")).parent().unwrap();
    let answer = Command::new("bash")
        .args(["-eu", "-c", script])
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap()))
        .env("TOP", env!("CARGO_MANIFEST_DIR"))
        .env("TZ", "UTC")
        .env("USER", "you")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let place = home.path().to_str().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).replace(place, "/home/you");
    (answer.status.code().unwrap_or(-1), text(&answer.stdout), text(&answer.stderr))
}
