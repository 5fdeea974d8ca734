//! The repository: objects in packs, an index of them, roots that keep them, keys that open them.
//!
//! Floor 3. Everything below here is private to the store; the faces and engines see [`Repo`], [`Writer`] and the
//! plain data they answer. FORMAT.md describes the bytes, STORAGE's two orders of steps live in `session` (writers)
//! and in the gc engine.

mod adopt;
mod agree;
mod connections;
mod filter;
mod fold;
pub(crate) mod frames;
pub(crate) mod gc_access;

pub(crate) mod index;

pub mod device;
pub(crate) mod doom;
pub(crate) mod format;
pub mod keys;
pub(crate) mod lease;
pub mod lock;
mod measure;
mod near;
pub(crate) mod pack;
pub mod promise;
pub(crate) mod read;
mod rebuild;
pub mod records;
mod replica;
pub(crate) mod roots;
pub(crate) mod scan;
pub(crate) mod segment;
pub(crate) mod session;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod view;
pub(crate) mod write;

pub use adopt::Adopted;
pub use index::IndexStats;
pub use measure::IndexMeasure;
pub use read::{Each, ObjectInfo, Piece, Want};
pub use stream::ObjectWriter;
pub use write::{Put, Putter, Writer, WriterStats};

pub use format::{Format, Use};
pub use roots::{ChainFault, Fault, Loaded, Root, RootSignature};

use crate::backend::Backend;
use crate::chunker::{Chunker, Sizes};
use crate::clock;
use crate::compress::Compression;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{Scheme, random};
use crate::crypto::slot::{KdfCost, Secret};
use crate::error::{Code, Error, Result, fail};
use crate::fs::{PRIVATE_DIR, create_dir_durable};
use crate::id::{Id, ShortId};
use crate::recipe::ChunkIds;
use device::{ClientState, Device};
use doom::Dooms;
use index::Index;
use read::FrameCache;
use std::path::PathBuf;
use std::sync::Arc;

/// The lock file, beside the index.
pub const LOCK: &str = "lock";

/// The lock that two gcs exclude each other by, beside it.
pub const GC_LOCK: &str = "gc.lock";

/// Where the slot is noted that opened last, of a repository elsewhere.
const SLOT_NOTE: &str = "state/slot";

/// Where larder keeps what is local to this machine and never synced.
#[derive(Clone, Debug)]
pub struct Local {
    /// `index.sqlite`, `state.sqlite`, `lock`, `state/`: the repository itself when that is a directory here.
    pub cache: PathBuf,
    /// The user's state directory: device key, highest heads seen, pins, each by repository id.
    pub device: PathBuf,
}

/// How a new repository is made.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// Sealed with AES-256-GCM, or not at all.
    pub scheme: Scheme,
    /// Sizes of chunks.
    pub sizes: Sizes,
    /// How new frames are compressed.
    pub compression: Compression,
    /// Cost of opening a passphrase slot.
    pub kdf: KdfCost,
    /// Label of the first slot.
    pub label: String,
}

/// How a repository is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Take a history that went back for the new truth, once.
    pub accept_rollback: bool,
    /// Make a new device identity where the old one is lost.
    pub new_device: bool,
}

/// How a [`Writer`] works.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Threads that compress.
    pub jobs: usize,
    /// Decode each frame again before it is written (`core.verify-writes`).
    pub verify_writes: bool,
    /// Another compression than the repository's.
    pub compression: Option<Compression>,
    /// What the lock and the lease say is being done.
    pub command: String,
    /// How long to wait for the repository lock.
    pub lock_wait: lock::Wait,
    /// The token of the `larder lock` that this command runs in.
    pub lock_token: Option<String>,
}

/// What everything in the store stands on: the medium, the keys, the parameters.
pub(crate) struct Core {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) keyring: Keyring,
    pub(crate) format: Format,
    pub(crate) local: Local,
    pub(crate) chunker: Chunker,
    pub(crate) chunk_ids: ChunkIds,
    /// Frames of a medium elsewhere, kept here.
    pub(crate) near: Option<near::Near>,
}

struct Inner {
    core: Core,
    index: Index,
    frames: FrameCache,
    options: OpenOptions,
}

/// An open repository. Cheap to clone, used from any thread.
#[derive(Clone)]
pub struct Repo(Arc<Inner>);

impl Repo {
    /// Makes a new repository on an empty medium and opens it.
    ///
    /// # Errors
    /// CONFIG_INVALID when there is one already; INVALID_ARG when encryption is asked for without a secret.
    pub fn init(
        backend: Arc<dyn Backend>,
        local: Local,
        options: &InitOptions,
        secret: Option<Secret<'_>>,
    ) -> Result<Self> {
        Self::init_like(backend, local, options, secret, None)
    }

    /// As [`Repo::init`]; with `like`, content is cut and its chunks are named as they are there, so that what is copied from
    /// one to the other is known by its chunks. Whoever has the keys of either then sees which chunks both hold.
    ///
    /// # Errors
    /// As [`Repo::init`]; CONFIG_INVALID when one of the two is not encrypted, or cuts by other sizes.
    pub fn init_like(
        backend: Arc<dyn Backend>,
        local: Local,
        options: &InitOptions,
        secret: Option<Secret<'_>>,
        like: Option<&Repo>,
    ) -> Result<Self> {
        if like.is_some_and(|like| {
            like.config().scheme == Scheme::None
                || options.scheme == Scheme::None
                || like.config().sizes != options.sizes
        }) {
            return Err(Error::new(
                Code::ConfigInvalid,
                "two repositories share chunks only if both are encrypted and cut alike",
            )
            .with_hint(
                "without encryption a repository is cut by its own id, which is no secret and cannot be given",
            ));
        }
        if backend.stat(format::CONFIG_FILE)?.is_some() {
            return fail(Code::ConfigInvalid, format!("{} holds a repository already", backend.location()));
        }
        // A new one over it would only add records that nobody can read to those that are there.
        if format::has_records(backend.as_ref())? {
            return Err(format::config_lost(&backend.location()));
        }
        let id = ShortId::new(random()?);
        let format = Format::new(id, clock::now().seconds, options.scheme, options.sizes, options.compression);
        let keyring = match (options.scheme, secret) {
            (Scheme::None, _) => Keyring::public(&id),
            (Scheme::Aes256Gcm, Some(secret)) => {
                let keyring = match like {
                    Some(like) => Keyring::generate_like(like.keyring())?,
                    None => Keyring::generate()?,
                };
                keys::add_slot(backend.as_ref(), &keyring, &id, secret, &options.label, options.kdf)?;
                keyring
            }
            (Scheme::Aes256Gcm, None) => {
                return fail(Code::InvalidArg, "an encrypted repository needs a passphrase or a key file");
            }
        };
        // The configuration comes last: before it, there is no repository here.
        format::store_new(backend.as_ref(), &format, &keyring)?;
        Self::with_keyring(backend, local, keyring, format, OpenOptions::default())
    }

    /// Opens a repository: reads its configuration, unlocks its keys, brings the index up to date.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none; INVALID_KEY when no slot opens; CONFIG_INVALID when its configuration was
    /// changed or needs a newer program.
    pub fn open(
        backend: Arc<dyn Backend>,
        local: Local,
        secret: Option<Secret<'_>>,
        options: OpenOptions,
    ) -> Result<Self> {
        let (format, text) = format::load(backend.as_ref())?;
        format.allow(Use::Read)?;
        let state = ClientState::new(&local.device, &format.id);
        format.refuse_downgrade(state.is_pinned(), secret.is_some())?;
        let keyring = match (format.scheme, secret) {
            (Scheme::None, _) => Keyring::public(&format.id),
            (Scheme::Aes256Gcm, Some(secret)) => {
                let note = is_far(backend.as_ref()).then(|| local.cache.join(SLOT_NOTE));
                keys::unlock(backend.as_ref(), &format.id, secret, note.as_deref())?
            }
            (Scheme::Aes256Gcm, None) => {
                return Err(Error::new(Code::InvalidKey, "the repository is encrypted and no passphrase was given")
                    .with_hint("give it with --passphrase-file, --passphrase-command or LARDER_PASSPHRASE_FILE"));
            }
        };
        format::check_mac(&text, &keyring)?;
        Self::with_keyring(backend, local, keyring, format, options)
    }

    fn with_keyring(
        backend: Arc<dyn Backend>,
        local: Local,
        keyring: Keyring,
        format: Format,
        options: OpenOptions,
    ) -> Result<Self> {
        create_dir_durable(&local.cache, PRIVATE_DIR)?;
        // A home that cannot be written must not keep anybody from reading.
        let _ = ClientState::new(&local.device, &format.id).pin(&format);
        let core = Core {
            chunker: Chunker::new(keyring.chunking_key(), format.sizes),
            chunk_ids: ChunkIds::new(keyring.chunk_id_key()),
            // Without encryption nothing tells bytes that a medium altered once: kept here, they would stay wrong.
            near: (is_far(backend.as_ref()) && format.scheme != Scheme::None).then(|| near::Near::new(&local.cache)),
            backend,
            keyring,
            format,
            local,
        };
        let index = Index::open(&core)?;
        Ok(Repo(Arc::new(Inner { core, index, frames: FrameCache::default(), options })))
    }

    /// Its id.
    pub fn id(&self) -> &ShortId {
        &self.0.core.format.id
    }

    /// Its parameters.
    pub fn config(&self) -> &Format {
        &self.0.core.format
    }

    /// Its medium.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.0.core.backend
    }

    /// Its keys.
    pub fn keyring(&self) -> &Keyring {
        &self.0.core.keyring
    }

    /// Where its local files are.
    pub fn local(&self) -> &Local {
        &self.0.core.local
    }

    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(crate) fn index(&self) -> &Index {
        &self.0.index
    }

    fn frame_cache(&self) -> &FrameCache {
        &self.0.frames
    }

    /// Brings the index up to the segments that are there now.
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub fn refresh(&self) -> Result<()> {
        self.0.index.sync(self.core())
    }

    /// Makes the index anew from the segments.
    ///
    /// # Errors
    /// As [`Repo::refresh`].
    pub fn rebuild_index(&self) -> Result<()> {
        self.0.frames.clear();
        self.0.index.rebuild(self.core())
    }

    /// Segments that are there and cannot be read, with why. Their packs are read through their own directories.
    pub fn damaged_segments(&self) -> Vec<(Id, Error)> {
        let damaged = index::locked(&self.0.index.damaged);
        damaged.iter().map(|(name, error)| (*name, error.retold())).collect()
    }

    /// SQLite's check of the index: `ok`, or what is wrong.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn check_index(&self) -> Result<String> {
        self.0.index.integrity()
    }

    /// Counts and sums over the index.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn index_stats(&self) -> Result<IndexStats> {
        self.0.index.stats()
    }

    /// How many packs there are, and their bytes.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn pack_totals(&self) -> Result<(u64, u64)> {
        self.0.index.pack_totals()
    }

    /// As [`Writer::generation`], for who only looks.
    ///
    /// # Errors
    /// CACHE_ERROR, and what listing `gc/` can answer.
    pub fn generation(&self) -> Result<u64> {
        let dooms = Dooms::list(self.0.core.backend.as_ref(), &self.0.core.keyring, self.id())?.dooms;
        session::generation(self, dooms.iter().map(|doom| &doom.name))
    }

    /// Begins to write: takes the repository lock for sharing and a lease.
    ///
    /// # Errors
    /// LOCK_HELD, CONFIG_INVALID when writing needs a newer program.
    pub fn writer(&self, options: &WriterOptions) -> Result<Writer> {
        self.config().allow(Use::Write)?;
        Writer::open(self, options)
    }

    /// Every root record that is here, verified. Records seen before come from the index. One that is damaged is left
    /// out: whoever decides by all of them takes [`Repo::load_roots`].
    ///
    /// # Errors
    /// ROLLBACK_DETECTED; FILE_IO and network codes.
    pub fn roots(&self) -> Result<Vec<Root>> {
        self.load_roots().map(|loaded| loaded.roots)
    }

    /// The root records, verified one by one, that are not among `seen`: what was published since those were read. The
    /// history is not judged anew, and what is damaged is left out.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn roots_beside(&self, seen: &std::collections::HashSet<Id>) -> Result<Vec<Root>> {
        session::roots_beside(self, seen)
    }

    /// As [`Repo::roots`], with the names of those that are damaged. What a damaged record keeps is not known, so
    /// nothing may be deleted while there is one.
    ///
    /// # Errors
    /// As [`Repo::roots`].
    pub fn load_roots(&self) -> Result<Loaded> {
        session::load_roots(self, &self.0.options)
    }

    /// Reads every root record anew, without the index, and tells what is wrong with the history instead of failing.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn verify_roots(&self) -> Result<(Loaded, Vec<ChainFault>)> {
        session::inspect_roots(self)
    }

    /// The files of devices that signed some of these records and are not there or not sound, with why: other clients
    /// can read nothing that these devices signed.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn damaged_devices(&self, roots: &[Root]) -> Result<Vec<(String, Error)>> {
        session::damaged_devices(self, roots)
    }

    /// By whom and how a root record is signed, verified anew.
    ///
    /// # Errors
    /// FILE_NOT_FOUND, STORAGE_CORRUPTED, DECRYPTION_FAILED, INVALID_SIGNATURE; FILE_IO and network codes.
    pub fn signature(&self, name: &Id) -> Result<RootSignature> {
        session::signature(self, name)
    }

    /// The device that this client writes as: the one it has, or a fresh one if it never wrote; with `make_new`, a fresh
    /// one in place of one that is lost.
    ///
    /// # Errors
    /// CONFIG_MISSING when its key is lost; CONFIG_INVALID, PERMISSION_DENIED, FILE_IO and its kin, and network codes.
    pub fn device(&self, make_new: bool) -> Result<Device> {
        Device::open(&self.client_state(), self.backend().as_ref(), self.keyring(), self.id(), make_new)
    }

    /// What this client keeps about the repository outside of it.
    pub fn client_state(&self) -> ClientState {
        ClientState::new(&self.local().device, self.id())
    }
}

/// Whether reading a pack may wait for another machine.
fn is_far(backend: &dyn Backend) -> bool {
    backend.local_dir().is_none() || backend.beyond().is_some()
}

/// Where a pack lies.
pub(crate) fn pack_path(name: &Id) -> String {
    let hex = name.to_hex();
    format!("packs/{}/{hex}", &hex[..2])
}

/// Where a segment lies.
pub(crate) fn segment_path(name: &Id) -> String {
    format!("index/{name}")
}

/// Where a root record lies.
pub(crate) fn root_path(name: &Id) -> String {
    format!("roots/{name}")
}
