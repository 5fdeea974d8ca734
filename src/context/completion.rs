//! Names for the completions of shells: what there was when the snapshots were last read.
//!
//! A completion must not take time nor ask for a passphrase, so it reads a local file of the repository, of mode 0600
//! like the index beside it. `state/names` has one line a name: its kind, the name, what it is, with tabs between them.

use super::Place;
use crate::config;
use crate::fs::{PRIVATE_DIR, PRIVATE_FILE, create_dir_durable, write_durable};
use crate::repo::Repo;
use crate::snapshot::Snapshots;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// So many of the newest snapshots are remembered: nobody looks through more.
const SNAPSHOTS_MAX: usize = 500;

fn names_file(cache: &Path) -> PathBuf {
    cache.join("state").join("names")
}

/// Remembers the names of snapshots, tags and machines. That it cannot be done harms nothing.
pub(super) fn remember(repo: &Repo, snapshots: &Snapshots) {
    let mut lines = String::new();
    let plain = |text: &str| text.replace(|c: char| c.is_control(), "?");
    for snapshot in snapshots.all().iter().rev().take(SNAPSHOTS_MAX) {
        let time = Timestamp::from_second(snapshot.time.seconds).map(|time| time.to_string()).unwrap_or_default();
        let paths: Vec<String> = snapshot.body.paths.iter().map(|path| plain(&String::from_utf8_lossy(path))).collect();
        let host = plain(&snapshot.body.host);
        lines.push_str(&format!("snapshots\t{}\t{time} {host} {}\n", snapshot.id.short(), paths.join(" ")));
    }
    let tags: BTreeSet<&String> = snapshots.all().iter().flat_map(|snapshot| &snapshot.tags).collect();
    let hosts: BTreeSet<&String> = snapshots.all().iter().map(|snapshot| &snapshot.body.host).collect();
    for (kind, names) in [("tags", tags), ("hosts", hosts)] {
        for name in names.into_iter().filter(|name| !name.chars().any(char::is_control)) {
            lines.push_str(&format!("{kind}\t{name}\t\n"));
        }
    }
    let path = names_file(&repo.local().cache);
    if std::fs::read(&path).is_ok_and(|there| there == lines.as_bytes()) {
        return;
    }
    let _ = create_dir_durable(&repo.local().cache.join("state"), PRIVATE_DIR)
        .and_then(|()| write_durable(&path, lines.as_bytes(), PRIVATE_FILE));
}

impl Place {
    /// The names of a kind that were last seen here, and what each one is: `snapshots`, `tags` or `hosts`.
    /// Where nothing is known, nothing is answered.
    pub fn known_names(&self, kind: &str) -> Vec<(String, String)> {
        let text =
            self.known_cache().and_then(|dir| std::fs::read_to_string(names_file(&dir)).ok()).unwrap_or_default();
        let names = text.lines().filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            (fields.next()? == kind).then_some(())?;
            Some((fields.next()?.to_string(), fields.next()?.to_string()))
        });
        names.collect()
    }

    /// Where the local files are, without asking a medium that may be far away.
    fn known_cache(&self) -> Option<PathBuf> {
        if let Some(dir) = self.location().local_path() {
            return Some(dir.to_path_buf());
        }
        let digest = self.location().digest();
        let mut of_repositories = std::fs::read_dir(config::cache_dir().ok()?).ok()?.flatten();
        of_repositories.find_map(|entry| Some(entry.path().join(&digest)).filter(|dir| dir.is_dir()))
    }
}
