//! Composition: larder between other programs, as shell scripts say it. Each `tests/sh/NAME.sh` is one test here.
//!
//! A script runs in an empty directory with a cleared environment: `larder` on the PATH, `TOP` the sources, `HOME` of its
//! own, `tests/sh/lib.sh` read in. It fails at the first command that fails; what it printed is shown then.
//! A script that needs root, a mount or another program that is not there says `skip WHY` and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, clippy::print_stderr)]

use std::path::Path;
use std::process::{Command, Stdio};

macro_rules! scripts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

scripts! {
    deep
    everything
    full
    inputs
    install
    interrupt
    lint
    machines
    pipes
    quickstart
    quiet
    readers
    replicas
    restores
    rollback
    schema
    served
    together
    zlib
}

#[test]
fn every_script_is_a_test() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sh");
    let mut found: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".sh").map(str::to_string))
        .filter(|name| name != "lib")
        .collect();
    found.sort();
    assert_eq!(found, NAMES, "the files of tests/sh and the list in its main.rs differ (the list is sorted)");
}

fn run(name: &str) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = Path::new(env!("CARGO_BIN_EXE_larder"));
    let scratch = tempfile::Builder::new().prefix("larder-sh-").tempdir().unwrap();
    let (home, work) = (scratch.path().join("home"), scratch.path().join("work"));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::create_dir_all(&work).unwrap();
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let answer = Command::new("bash")
        .args(["-euo", "pipefail", "-c"])
        .arg(r#". "$TOP/tests/sh/lib.sh"; . "$TOP/tests/sh/$0.sh""#)
        .arg(name)
        .current_dir(&work)
        .env_clear()
        .env("PATH", path)
        .env("HOME", &home)
        .env("TMPDIR", scratch.path())
        .env("TOP", top)
        .env("LARDER", binary)
        .env("LC_ALL", "C")
        .envs(
            ["CI", "LARDER_TEST_PYTHON", "http_proxy", "https_proxy"]
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        .envs([("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")].map(|(name, dir)| (name, tools_home(name, dir))))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    if !answer.status.success() {
        let tail: Vec<&str> = said.lines().rev().take(60).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        panic!("tests/sh/{name}.sh ends with {}:\n{}", answer.status, tail.join("\n"));
    }
    for line in said.lines().filter(|line| line.starts_with("skip: ")) {
        eprintln!("{line}");
    }
}

/// Where the tools of Rust keep what they have fetched; below the home unless said, and the scripts have another home.
fn tools_home(name: &str, dir: &str) -> std::ffi::OsString {
    let below_home = || Path::new(&std::env::var_os("HOME").unwrap()).join(dir).into_os_string();
    std::env::var_os(name).unwrap_or_else(below_home)
}
