//! What several tests begin with: a repository in a directory of its own, opened with a key file, with small chunks.

#![allow(dead_code, clippy::unwrap_used)]

use larder::backend::{Backend, FsBackend};
use larder::chunker::Sizes;
use larder::compress::{Algorithm, Compression};
use larder::crypto::seal::Scheme;
use larder::crypto::slot::{KdfCost, Secret};
use larder::error::Result;
use larder::repo::lock::Wait;
use larder::repo::{InitOptions, Local, OpenOptions, Repo, WriterOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The key file of all of them.
pub const KEY: [u8; 32] = [7; 32];

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
