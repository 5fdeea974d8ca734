//! Which keys a writer has put since its last flush: whoever claims one first has to store it.

use crate::object::Key;
use crate::repo::index::locked;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;

/// Keys of one flush are spread over so many locks.
const SHARDS: usize = 64;

/// Keys put since the last flush. Ids are hashes already, so a few of their bytes serve as the hash.
type KeySet = HashSet<Key, BuildHasherDefault<IdHasher>>;

/// Takes the first eight bytes of the id, and mixes the class in.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(word) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*word);
        }
    }

    fn write_usize(&mut self, _len: usize) {}

    fn write_isize(&mut self, class: isize) {
        self.0 ^= (class as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The claimed keys.
pub(super) struct Claims(Vec<Mutex<KeySet>>);

impl Claims {
    pub(super) fn new() -> Self {
        Claims((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// Whether this is the first claim.
    pub(super) fn claim(&self, key: Key) -> bool {
        locked(self.shard(&key)).insert(key)
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        locked(self.shard(key)).contains(key)
    }

    pub(super) fn give_up(&self, key: &Key) {
        locked(self.shard(key)).remove(key);
    }

    /// Begins anew: what was claimed is in the index.
    pub(super) fn clear(&self) {
        self.0.iter().for_each(|shard| locked(shard).clear());
    }

    fn shard(&self, key: &Key) -> &Mutex<KeySet> {
        &self.0[usize::from(key.id.as_bytes()[31]) % SHARDS]
    }
}
