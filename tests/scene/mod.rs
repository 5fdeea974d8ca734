//! What several tests begin with: a repository in a directory of its own, opened with a key file, with small chunks.

#![allow(dead_code, clippy::unwrap_used, clippy::disallowed_methods)]

use larder::backend::{Backend, FsBackend};
use larder::backup::{BackupOptions, BackupStats, FLUSH_BYTES, backup};
use larder::chunker::Sizes;
use larder::clock;
use larder::compress::{Algorithm, Compression};
use larder::crypto::seal::Scheme;
use larder::crypto::slot::{KdfCost, Secret};
use larder::error::{Code, Error, Result};
use larder::gc::{GcOptions, GcStats, MAX_UNUSED_PERCENT, gc};
use larder::id::Id;
use larder::monitor::{Event, Monitor, Silent};
use larder::repo::lock::Wait;
use larder::repo::records::{FORGET, Forget};
use larder::repo::{InitOptions, Local, OpenOptions, Repo, WriterOptions};
use larder::restore::{RestoreOptions, RestoreSource, RestoreStats, restore};
use larder::snapshot::Snapshots;
use larder::sync::{Selection, SyncOptions};
use larder::verify::{Level, Report, Subset, VerifyOptions, verify};
use larder::walk::ExcludeOptions;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The key file of all of them.
pub const KEY: [u8; 32] = [7; 32];

/// A directory in memory where there is one: what these tests look at does not depend on how long an fsync takes.
pub fn quick_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("larder-test-").tempdir_in(place).unwrap()
}

/// Where the repository lies below a scene's directory.
pub fn repository(dir: &Path) -> PathBuf {
    dir.join("repository")
}

/// What is local to this machine.
pub fn local(dir: &Path) -> Local {
    Local { cache: repository(dir), device: dir.join("device") }
}

/// A new repository below this directory.
pub fn init(dir: &Path) -> Repo {
    init_over(Arc::new(FsBackend::new(repository(dir))), dir).unwrap()
}

/// A new repository on this medium, with its local files below this directory.
pub fn init_over(backend: Arc<dyn Backend>, dir: &Path) -> Result<Repo> {
    let options = InitOptions {
        scheme: Scheme::Aes256Gcm,
        sizes: Sizes::new(1024, 4096, 16384)?,
        compression: Compression::new(Algorithm::Zstd, None)?,
        kdf: KdfCost::FLOOR,
        label: "test".to_string(),
    };
    Repo::init(backend, local(dir), &options, Some(Secret::KeyFile(&KEY)))
}

/// The repository below this directory, opened.
pub fn open(dir: &Path) -> Repo {
    open_over(Arc::new(FsBackend::new(repository(dir))), dir).unwrap()
}

/// The same, taking a history with a gap for the truth.
pub fn open_accepting_rollback(dir: &Path) -> Repo {
    let options = OpenOptions { accept_rollback: true, ..Default::default() };
    let backend = Arc::new(FsBackend::new(repository(dir)));
    Repo::open(backend, local(dir), Some(Secret::KeyFile(&KEY)), options).unwrap()
}

/// The repository on this medium, opened.
pub fn open_over(backend: Arc<dyn Backend>, dir: &Path) -> Result<Repo> {
    Repo::open(backend, local(dir), Some(Secret::KeyFile(&KEY)), OpenOptions::default())
}

/// A writer's options.
pub fn writing() -> WriterOptions {
    WriterOptions {
        jobs: 2,
        verify_writes: true,
        compression: None,
        command: "test".to_string(),
        lock_wait: Wait::No,
        lock_token: None,
    }
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// A backup's options: flushes often, so that what is flushed and what is not both happen in small data.
pub fn backing_up() -> BackupOptions {
    BackupOptions {
        excludes: ExcludeOptions::default(),
        listed: Vec::new(),
        host: "host".to_string(),
        user: "user".to_string(),
        time: None,
        tags: Vec::new(),
        allow_empty: false,
        dry_run: false,
        skip_if_unchanged: false,
        ignore_state: false,
        report_unmodified: false,
        birth_times: false,
        git: false,
        fail_fast: false,
        jobs: 2,
        flush_bytes: FLUSH_BYTES,
        writer: writing(),
    }
}

/// Backs one directory up.
pub fn back_up(repo: &Repo, source: &Path) -> Result<BackupStats> {
    backup(repo, &[source.to_path_buf()], &backing_up(), &Silent)
}

/// Reads and checks every byte.
pub fn verify_all(repo: &Repo) -> Report {
    let level = Level::ReadData(Subset::All);
    verify(repo, &VerifyOptions { level, snapshots: Vec::new(), jobs: 2, budget_bytes: 64 << 20 }, &Silent).unwrap()
}

/// How replicas are synced, both ways and everything.
pub fn syncing() -> SyncOptions {
    SyncOptions {
        push: true,
        pull: true,
        dry_run: false,
        selection: Selection::default(),
        index_only: None,
        accept_rollback: false,
        budget_bytes: 16 << 20,
        jobs: 2,
        writer: writing(),
    }
}

/// Lets go of a snapshot.
pub fn forget(repo: &Repo, id: &Id) {
    let snapshots = Snapshots::load(&repo.roots().unwrap(), clock::now());
    let writer = repo.writer(&writing()).unwrap();
    writer.publish(FORGET, &Forget::new(vec![snapshots.get(id).unwrap().forgotten()]).encode()).unwrap();
    writer.finish().unwrap();
}

/// Frees what nothing needs.
pub fn gc_all(repo: &Repo) -> Result<GcStats> {
    gc(
        repo,
        &GcOptions {
            dry_run: false,
            max_repack_bytes: None,
            no_writers: false,
            max_unused_percent: MAX_UNUSED_PERCENT,
            budget_bytes: 64 << 20,
            writer: writing(),
        },
        &Silent,
    )
}

/// Restores one directory of a snapshot, and what it says fails.
pub fn bring_back(repo: &Repo, snapshot: &Id, source: &Path, target: &Path) -> (Result<RestoreStats>, Vec<String>) {
    let heard = Failures::default();
    let answer = Snapshots::load(&repo.roots().unwrap_or_default(), clock::now())
        .get(snapshot)
        .ok_or_else(|| Error::new(Code::SnapshotNotFound, "gone"))
        .and_then(|snapshot| {
            let source = RestoreSource {
                tree: snapshot.body.tree,
                links: snapshot.body.links,
                path: source.as_os_str().as_bytes(),
                sources: &snapshot.body.paths,
            };
            restore(repo, &source, target, &RestoreOptions { jobs: 2, ..Default::default() }, &heard)
        });
    let mut failed = heard.0.into_inner().unwrap();
    failed.sort();
    (answer, failed)
}

/// Keeps the paths of what failed.
#[derive(Default)]
pub struct Failures(Mutex<Vec<String>>);

impl Monitor for Failures {
    fn event(&self, event: &Event<'_>) {
        if let Event::Failed { path, .. } = event {
            self.0.lock().unwrap().push(String::from_utf8_lossy(path).into_owned());
        }
    }
}

/// How a restored directory compares with its source: files that are equal, that are missing, and that are wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Names of files whose bytes are those of the source.
    pub equal: Vec<String>,
    /// Names of files that are not there.
    pub missing: Vec<String>,
    /// Names of files that are there with other bytes, and of files that the source does not have.
    pub wrong: Vec<String>,
}

/// Compares the regular files below two directories.
pub fn compare(source: &Path, target: &Path) -> Comparison {
    let mut comparison = Comparison::default();
    let wanted = files(source);
    for name in &wanted {
        match std::fs::read(target.join(name)) {
            Ok(bytes) if bytes == std::fs::read(source.join(name)).unwrap() => comparison.equal.push(name.clone()),
            Ok(_) => comparison.wrong.push(name.clone()),
            Err(_) => comparison.missing.push(name.clone()),
        }
    }
    comparison.wrong.extend(files(target).into_iter().filter(|name| !wanted.contains(name)));
    comparison
}

/// The names of all regular files below a directory, relative to it, sorted.
pub fn files(dir: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(dir).into_iter().filter_map(|entry| entry.ok());
    let names = entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path());
    let mut names: Vec<String> =
        names.map(|path| path.strip_prefix(dir).unwrap().to_str().unwrap().to_string()).collect();
    names.sort();
    names
}

/// Copies all regular files below a directory.
pub fn copy_files(source: &Path, target: &Path) {
    for name in files(source) {
        let to = target.join(&name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(source.join(name), to).unwrap();
    }
}
