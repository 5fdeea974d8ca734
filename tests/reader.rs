//! A second reader of the format, in Python and written from `docs/FORMAT.md` alone, against what larder writes.
//!
//! It needs the modules of `tests/requirements.txt`, which `scripts/test-tools` installs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// The Python of `LARDER_TEST_PYTHON`, else the one that `scripts/test-tools` made, else `python3`.
fn python() -> OsString {
    let installed = Path::new(TOP).join("target/test-python/bin/python3");
    let python = std::env::var_os("LARDER_TEST_PYTHON")
        .unwrap_or_else(|| if installed.exists() { installed.into_os_string() } else { "python3".into() });
    let able = Command::new(&python).args(["-c", "import blake3, cryptography, zstandard"]).output();
    assert!(
        able.is_ok_and(|output| output.status.success()),
        "{} lacks the modules of tests/requirements.txt: run scripts/test-tools, or set LARDER_TEST_PYTHON",
        python.display()
    );
    python
}

fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (answer, said) = texts(&output);
    assert!(output.status.success(), "{command:?} ends with {}:\n{answer}{said}", output.status);
    answer
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into(), String::from_utf8_lossy(&output.stderr).into())
}

/// A place with a repository, the option with the secret that opens it, and a source to back up.
struct Place {
    dir: TempDir,
    secret: Vec<OsString>,
}

impl Place {
    /// Initialises a repository with small chunks; `secret` is `--passphrase-file`, `--key-file` or empty.
    fn new(secret: &str, init: &[&str]) -> Place {
        let dir = TempDir::with_prefix("larder-reader-").unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "a passphrase, or the 32 bytes and more of a key file\n").unwrap();
        let secret = if secret.is_empty() { vec![] } else { vec![secret.into(), file.into()] };
        let place = Place { dir, secret };
        place.larder(&[&["init", "--chunk-sizes", "512/2048/8192"], init].concat());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs larder with these arguments, with `SOURCE` in them for the source.
    fn larder(&self, arguments: &[&str]) -> String {
        let source = self.path("source");
        let arguments = arguments.iter().map(|word| if *word == "SOURCE" { source.as_os_str() } else { word.as_ref() });
        succeed(
            Command::new(env!("CARGO_BIN_EXE_larder"))
                .env_clear()
                .env("HOME", self.path("home"))
                .env("TMPDIR", self.dir.path())
                .arg("-r")
                .arg(self.path("repo"))
                .args(&self.secret)
                .args(arguments),
        )
    }

    fn reader(&self) -> Command {
        let mut command = Command::new(python());
        command.arg("-B").arg(Path::new(TOP).join("tests/reader/larder_reader.py")).arg(self.path("repo"));
        command.args(&self.secret);
        command
    }

    fn read<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        succeed(self.reader().args(arguments))
    }

    /// What the reader's `check` finds wrong; it must find something.
    fn problems(&self) -> String {
        let output = self.reader().arg("check").output().unwrap();
        let (answer, said) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{answer}{said}");
        said
    }

    /// A source with everything in it that a file system can hold.
    fn everything(&self) {
        let source = self.path("source");
        succeed(Command::new(script("everything-tree")).arg(&source).args(["--big-bytes", "3000000"]));
    }

    /// A source with a long text, a file that is stored whole, and an empty one.
    fn some(&self) -> Vec<u8> {
        let text: String = (0..20_000).map(|number| format!("line {} of a text\n", number * number)).collect();
        std::fs::create_dir(self.path("source")).unwrap();
        std::fs::write(self.path("source/text"), &text).unwrap();
        std::fs::write(self.path("source/small"), "small\n".repeat(20)).unwrap();
        std::fs::write(self.path("source/empty"), "").unwrap();
        text.into_bytes()
    }

    /// A path below `dir` where a snapshot's copy of the source stands.
    fn below(&self, dir: &str) -> PathBuf {
        self.path(dir).join(self.path("source").strip_prefix("/").unwrap())
    }

    /// Every file of the repository that leaves the machine, by path.
    fn files(&self) -> BTreeMap<String, PathBuf> {
        let repo = self.path("repo");
        let all = walkdir::WalkDir::new(&repo).into_iter().map(|entry| entry.unwrap().into_path());
        all.filter(|path| path.is_file())
            .map(|path| (path.strip_prefix(&repo).unwrap().to_str().unwrap().to_string(), path))
            .filter(|(name, _)| {
                ["packs/", "index/", "roots/", "keys/", "config"].iter().any(|top| name.starts_with(top))
            })
            .collect()
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(TOP).join("scripts").join(name)
}

fn same_tree(left: &Path, right: &Path) {
    succeed(Command::new(script("same-tree")).arg(left).arg(right));
}

#[test]
fn the_parts_of_the_reader_are_sound() {
    let tests = Path::new(TOP).join("tests/reader");
    succeed(Command::new(python()).args(["-B", "-m", "unittest", "discover", "-q"]).arg(tests));
}

#[test]
fn the_test_vectors_are_what_the_format_says() {
    succeed(Command::new(python()).arg("-B").arg(Path::new(TOP).join("testdata/vectors/make.py")).arg("--check"));
}

#[test]
fn a_snapshot_of_everything_is_read_as_larder_restores_it() {
    let place = Place::new("--key-file", &[]);
    place.everything();
    place.larder(&["backup", "SOURCE"]);
    std::fs::write(place.path("source/sizes/prose"), "shorter\n").unwrap();
    place.larder(&["backup", "--tag", "second", "SOURCE"]);
    let snapshots = place.read(&["snapshots"]);
    assert_eq!(snapshots.lines().count(), 2, "{snapshots}");
    assert!(snapshots.lines().all(|line| line.contains("endorsed by") && line.ends_with("chain ok")), "{snapshots}");
    assert!(snapshots.contains("[second]") && snapshots.contains("number 2"), "{snapshots}");
    let first = snapshots.split('\t').next().unwrap();

    place.read(&["check"]);
    let out = place.path("read");
    place.read(&["extract-all".as_ref(), "latest".as_ref(), out.as_os_str()]);
    same_tree(&place.path("source"), &place.below("read"));
    let target = place.path("restored").to_str().unwrap().to_string();
    place.larder(&["restore", "latest", "--target", &target]);
    same_tree(&place.below("restored"), &place.below("read"));

    let prose = place.path("source/sizes/prose");
    let one = place.path("prose");
    place.read(&["extract".as_ref(), first.as_ref(), prose.as_os_str(), one.as_os_str()]);
    assert_eq!(std::fs::metadata(&one).unwrap().len(), 3_000_000);
    let list = place.read(&["ls", "latest"]);
    assert!(list.contains("\\xff\\xfe not utf-8 \\x80"), "{list}");
    for file in ["links/big-one", "holes/hole-between", "sizes/size-1048576"] {
        let lengths = place.read(&["chunks".as_ref(), place.path("source").join(file).as_os_str()]);
        assert!(lengths.lines().count() > 10, "{lengths}");
    }
}

#[test]
fn every_compression_is_read_sealed_or_not() {
    for algorithm in ["none", "zlib", "gzip", "lz4", "zstd"] {
        for encryption in ["none", "aes-256-gcm"] {
            let secret = if encryption == "none" { "" } else { "--key-file" };
            let place = Place::new(secret, &["--encryption", encryption, "--compression", algorithm]);
            let text = place.some();
            place.larder(&["backup", "SOURCE"]);
            let counts = place.read(&["check"]);
            assert!(counts.contains(&format!("{algorithm} frames")), "{counts}");
            let snapshots = place.read(&["snapshots"]);
            assert_eq!(snapshots.contains("not endorsed"), encryption == "none", "{snapshots}");
            place.read(&["extract-all".as_ref(), "latest".as_ref(), place.path("read").as_os_str()]);
            same_tree(&place.path("source"), &place.below("read"));
            let lengths = place.read(&["chunks".as_ref(), place.path("source/text").as_os_str()]);
            let sum: usize =
                lengths.lines().map(|line| line.split('\t').next().unwrap().parse::<usize>().unwrap()).sum();
            assert_eq!(sum, text.len());
        }
    }
}

#[test]
fn packs_tell_what_is_in_them_without_segments() {
    let place = Place::new("--passphrase-file", &[]);
    place.some();
    place.larder(&["backup", "SOURCE"]);
    std::fs::remove_dir_all(place.path("repo/index")).unwrap();
    place.read(&["check"]);
    place.read(&["extract-all".as_ref(), "latest".as_ref(), place.path("read").as_os_str()]);
    same_tree(&place.path("source"), &place.below("read"));
}

#[test]
fn a_forgotten_snapshot_and_a_tag_are_seen_and_a_lost_record_breaks_the_chain() {
    let place = Place::new("--key-file", &[]);
    place.some();
    let ids: Vec<String> = (0..3)
        .map(|number: u8| {
            std::fs::write(place.path("source/number"), [number]).unwrap();
            place.larder(&["backup", "SOURCE"]);
            place.read(&["snapshots"]).lines().last().unwrap().split('\t').next().unwrap().to_string()
        })
        .collect();
    place.larder(&["tag", "--add", "kept", &ids[1]]);
    place.larder(&["forget", &ids[0]]);
    let snapshots = place.read(&["snapshots"]);
    assert_eq!(snapshots.lines().count(), 2, "{snapshots}");
    assert!(snapshots.starts_with(&ids[1]) && snapshots.contains("[kept]"), "{snapshots}");
    place.read(&["check"]);
    std::fs::remove_file(place.path("repo/roots").join(&ids[1])).unwrap();
    assert!(place.problems().contains("record 2 of device"), "{}", place.problems());
}

const TASKS: &str = r#"
project = "demo"
[task.talk]
cmd = "echo 'out: in extra' >out.d; mkdir -p out/deep && cp in out/deep && chmod 755 out/deep/in && ln -s deep/in out/link && echo a; echo b >&2"
inputs = ["in", "gone?", "link", "void"]
outputs = ["out"]
env = ["CC=cc", "HOME_OF=none"]
secret = ["TOKEN=2"]
tools = ["sh"]
key-from = ["echo 1"]
depfile = "out.d"
args = true
[task.read]
cmd = ["sh", "-c", "cat out/deep/in > said"]
inputs = ["out/deep/in"]
outputs = ["said"]
deps = ["talk"]
[task.fail]
cmd = "echo no >&2; exit 3"
retries = 2
retry-delay = "1ms"
"#;

#[test]
fn runs_are_read() {
    let place = Place::new("--key-file", &[]);
    let project = place.path("project");
    std::fs::create_dir_all(project.join("void")).unwrap();
    std::fs::write(project.join("larder.toml"), TASKS).unwrap();
    std::fs::write(project.join("in"), "input\n").unwrap();
    std::fs::write(project.join("extra"), "seen\n").unwrap();
    std::os::unix::fs::symlink("in", project.join("link")).unwrap();
    let run = |words: &[&str], exit: i32| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command.env_clear().env("HOME", place.path("home")).env("PATH", std::env::var_os("PATH").unwrap());
        command.current_dir(&project).arg("-r").arg(place.path("repo")).args(&place.secret).arg("run").args(words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{:?}", texts(&output));
    };
    run(&["read", "--", "two", "words"], 0);
    run(&["fail"], 20);
    let counts = place.read(&["check"]);
    for count in ["3 runs", "3 run objects", "3 action objects", "1 orders", "2 roots"] {
        assert!(format!(", {counts}").contains(&format!(", {count}")), "{count}: {counts}");
    }
    let runs = place.read(&["runs"]);
    let tasks: std::collections::BTreeSet<&str> = runs.lines().map(|line| line.rsplit('\t').next().unwrap()).collect();
    assert_eq!(tasks.into_iter().collect::<Vec<_>>(), ["fail", "read", "talk"]);
    // What is kept of them is the same after gc has let go of some and written the rest anew.
    place.larder(&["gc", "--keep-runs", "1"]);
    assert!(place.read(&["check"]).contains("1 runs"), "{}", place.read(&["check"]));
}

#[test]
fn what_gc_leaves_is_sound() {
    let place = Place::new("--key-file", &[]);
    place.some();
    for number in 0..6u8 {
        std::fs::write(place.path("source/number"), vec![number; 3000]).unwrap();
        let noise: Vec<u8> = (0..60_000u64).map(|at| ((at * at * (u64::from(number) + 7)) >> 9) as u8).collect();
        std::fs::write(place.path("source/noise"), noise).unwrap();
        place.larder(&["backup", "SOURCE"]);
    }
    place.larder(&["forget", "--keep-last", "1"]);
    for _ in 0..2 {
        place.larder(&["gc"]);
        place.read(&["check"]);
    }
    assert_eq!(place.read(&["snapshots"]).lines().count(), 1);
    place.read(&["extract-all".as_ref(), "latest".as_ref(), place.path("read").as_os_str()]);
    same_tree(&place.path("source"), &place.below("read"));
}

#[test]
fn frozen_repositories_are_read() {
    for version in ["v1", "v1-unencrypted"] {
        let frozen = Path::new(TOP).join("testdata/repo").join(version);
        let reader = Path::new(TOP).join("tests/reader/larder_reader.py");
        let passphrase = frozen.with_file_name("v1.passphrase");
        let mut command = Command::new(python());
        command.arg("-B").arg(reader).arg(frozen).arg("--passphrase-file").arg(passphrase).arg("check");
        let counts = succeed(&mut command);
        for algorithm in ["none", "zlib", "gzip", "lz4", "zstd"] {
            assert!(counts.contains(&format!("{algorithm} frames")), "{counts}");
        }
        assert!(counts.contains("2 devices") && counts.contains("2 snapshots"), "{counts}");
    }
}

#[test]
fn a_changed_byte_in_any_file_is_seen() {
    let place = Place::new("--key-file", &[]);
    place.some();
    place.larder(&["backup", "SOURCE"]);
    place.read(&["check"]);
    for (name, path) in place.files() {
        let whole = std::fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            assert!(!place.problems().is_empty(), "{name}, byte {at}");
        }
        std::fs::write(&path, whole).unwrap();
    }
    place.read(&["check"]);
}
