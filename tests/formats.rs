//! Repositories of earlier versions, which every later one must read. `scripts/make-frozen-repo` made them, once.
//!
//! They are never changed: a change that needs one made anew is a change of the format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// A copy of a frozen repository, and what it is known to hold.
struct Frozen {
    dir: TempDir,
    unlock: Vec<PathBuf>,
    source: PathBuf,
    snapshots: Vec<(String, Vec<String>)>,
}

impl Frozen {
    /// Copies a frozen repository to where file systems keep extended attributes.
    fn copy(version: &str) -> Frozen {
        let frozen = Path::new(TOP).join("testdata/repo").join(version);
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        succeed(Command::new("cp").arg("-r").arg(&frozen).arg(dir.path().join("repo")));
        let sums = std::fs::read_to_string(frozen.with_extension("sums")).unwrap();
        let mut lines = sums.lines();
        let source = lines.next().unwrap().strip_prefix("source /").unwrap().into();
        let mut snapshots = Vec::new();
        for line in lines {
            match line.strip_prefix("snapshot ") {
                Some(id) => snapshots.push((id.to_string(), Vec::new())),
                None => snapshots.last_mut().unwrap().1.push(line.to_string()),
            }
        }
        let passphrase = frozen.with_extension("passphrase");
        let unlock = if passphrase.exists() { vec!["--passphrase-file".into(), passphrase] } else { vec![] };
        let frozen = Frozen { dir, unlock, source, snapshots };
        if frozen.unlock.is_empty() {
            frozen.trust();
        }
        frozen
    }

    /// Writes the list of trusted devices, which each client keeps for itself where nothing endorses a device.
    fn trust(&self) {
        let repo = self.dir.path().join("repo");
        let config = std::fs::read_to_string(repo.join("config.toml")).unwrap();
        let id = config.split_once("\nid = \"").unwrap().1.split_once('"').unwrap().0;
        let state = self.dir.path().join("home/.local/state/larder").join(id);
        std::fs::create_dir_all(&state).unwrap();
        let devices = std::fs::read_dir(repo.join("keys/devices")).unwrap();
        let devices = devices.map(|device| device.unwrap().file_name().into_string().unwrap() + "\n");
        std::fs::write(state.join("trusted"), devices.collect::<String>()).unwrap();
    }

    fn larder(&self, arguments: &[&str]) -> String {
        succeed(
            Command::new(env!("CARGO_BIN_EXE_larder"))
                .env_clear()
                .env("HOME", self.dir.path().join("home"))
                .arg("-r")
                .arg(self.dir.path().join("repo"))
                .args(&self.unlock)
                .args(arguments),
        )
    }
}

fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ends with {}:\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Lists, verifies and restores what a frozen repository holds.
fn opens_verifies_and_restores(version: &str) {
    let frozen = Frozen::copy(version);
    assert_eq!(frozen.snapshots.len(), 2);
    let listed = frozen.larder(&["snapshots", "--json"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(frozen.snapshots.iter().all(|(id, _)| listed.contains(id)) && listed.contains("\"kept\""), "{listed}");
    frozen.larder(&["verify", "--read-data"]);
    for (id, sums) in &frozen.snapshots {
        let target = frozen.dir.path().join(&id[..8]);
        frozen.larder(&["restore", id, "--target", target.to_str().unwrap()]);
        let found = succeed(Command::new(Path::new(TOP).join("scripts/tree-sums")).arg(target.join(&frozen.source)));
        let found: Vec<&str> = found.lines().collect();
        assert_eq!(&found, sums, "snapshot {id}");
    }
}

#[test]
fn version_1_opens_verifies_and_restores() {
    opens_verifies_and_restores("v1");
}

#[test]
fn version_1_without_encryption_opens_verifies_and_restores() {
    opens_verifies_and_restores("v1-unencrypted");
}

#[test]
fn version_1_takes_new_snapshots_and_gives_back_the_space_of_forgotten_ones() {
    let frozen = Frozen::copy("v1");
    let source = frozen.dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("new"), "new\n").unwrap();
    frozen.larder(&["backup", source.to_str().unwrap()]);
    frozen.larder(&["gc"]);
    frozen.larder(&["verify", "--read-data"]);
    let listed = frozen.larder(&["snapshots", "--json"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(frozen.snapshots.iter().all(|(id, _)| listed.contains(id)), "{listed}");
}
