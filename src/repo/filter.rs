//! A filter over the keys of the index that answers "certainly not there" from memory.
//!
//! A blocked Bloom filter (Putze, Sanders, Singler 2007) of 512-bit blocks and six bits a key in a mapped file below
//! `state/`: one cache line a question. Ids are hashes already, so their bytes serve as the hash. It is derived and
//! may miss keys after a crash or beside another writer: a key it misses is stored a second time, which costs space
//! and nothing else. It is asked only by writers, never by readers.

use crate::error::{IoContext, Result};
use crate::fs::{MappedFile, open_private};
use crate::object::Key;
use nix::errno::Errno;
use nix::fcntl::posix_fallocate;
use std::fs;
use std::path::{Path, PathBuf};

/// Words before the blocks: tag, capacity, count, and room.
const HEADER_WORDS: usize = 8;
/// Words of one block.
const BLOCK_WORDS: usize = 8;
/// Keys a block is made for: 512 bits at nine bits a key.
const KEYS_PER_BLOCK: u64 = 56;
/// Bits set for a key.
const BITS_PER_KEY: u32 = 6;
/// The smallest filter has room for so many keys.
const CAPACITY_MIN: u64 = 1 << 16;

/// The filter of one index.
pub(crate) struct Filter {
    map: MappedFile,
    blocks: u64,
}

impl Filter {
    /// Opens the filter that carries `tag`, or `None` if there is none or it belongs to another index.
    pub(crate) fn open(path: &Path, tag: u64) -> Result<Option<Self>> {
        let Ok(len_bytes) = fs::metadata(path).map(|meta| meta.len()) else { return Ok(None) };
        if len_bytes <= (HEADER_WORDS * 8) as u64 || len_bytes % 8 != 0 {
            return Ok(None);
        }
        let map = MappedFile::open(&open_private(path)?, path, len_bytes)?;
        let blocks = (map.words() - HEADER_WORDS) as u64 / BLOCK_WORDS as u64;
        Ok(Some(Filter { map, blocks }).filter(|filter| filter.map.get(0) == tag && blocks > 0))
    }

    /// Makes an empty filter with room for `keys`. It takes the name `path` when it is finished.
    pub(crate) fn create(path: &Path, keys: u64) -> Result<NewFilter> {
        let blocks = keys.max(CAPACITY_MIN).div_ceil(KEYS_PER_BLOCK);
        let dir = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix("filter-").tempfile_in(dir).at("create a file in", dir)?;
        let len_bytes = (HEADER_WORDS as u64 + blocks * BLOCK_WORDS as u64) * 8;
        // With its blocks taken: writing through a map to a full medium would end the process.
        match posix_fallocate(file.as_file(), 0, len_bytes as i64) {
            Ok(()) | Err(Errno::EOPNOTSUPP) => {}
            Err(error) => return Err(error).at("make room for", path),
        }
        let map = MappedFile::open(file.as_file(), path, len_bytes)?;
        Ok(NewFilter { filter: Filter { map, blocks }, file, path: path.to_path_buf() })
    }

    /// Whether it holds as many keys as it was made for.
    pub(crate) fn is_full(&self) -> bool {
        self.map.get(2) >= self.blocks * KEYS_PER_BLOCK
    }

    fn block_and_bits(&self, key: &Key) -> (usize, [u32; BITS_PER_KEY as usize]) {
        let bytes = key.id.as_bytes();
        let word = |at: usize| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[at + i]));
        let spread = word(0).wrapping_add(u64::from(key.class.code()).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let block = ((u128::from(spread) * u128::from(self.blocks)) >> 64) as usize;
        let bits = word(8);
        (HEADER_WORDS + block * BLOCK_WORDS, [0, 9, 18, 27, 36, 45].map(|shift| (bits >> shift) as u32 & 511))
    }

    /// False: the key is certainly not in the index. True: it may be.
    pub(crate) fn may_contain(&self, key: &Key) -> bool {
        let (block, bits) = self.block_and_bits(key);
        bits.iter().all(|bit| self.map.get(block + (bit / 64) as usize) & (1 << (bit % 64)) != 0)
    }

    /// Adds a key.
    pub(crate) fn insert(&mut self, key: &Key) {
        let (block, bits) = self.block_and_bits(key);
        for bit in bits {
            let at = block + (bit / 64) as usize;
            self.map.set(at, self.map.get(at) | 1 << (bit % 64));
        }
        self.map.set(2, self.map.get(2) + 1);
    }
}

/// A filter that is being filled: nobody else sees it yet.
pub(crate) struct NewFilter {
    filter: Filter,
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl NewFilter {
    /// Adds a key.
    pub(crate) fn insert(&mut self, key: &Key) {
        self.filter.insert(key);
    }

    /// Gives it its tag and its name. Others keep the file they mapped.
    pub(crate) fn finish(mut self, tag: u64) -> Result<Filter> {
        self.filter.map.set(0, tag);
        // Half of it after a power cut would look like all of it.
        self.file.as_file().sync_all().at("sync", &self.path)?;
        self.file.persist(&self.path).map_err(|failed| failed.error).at("rename to", &self.path)?;
        Ok(self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Class, hash};

    #[test]
    fn it_never_misses_what_it_holds_and_seldom_errs() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("filter");
        let key = |n: u32| Key { class: Class::Whole, id: hash(&n.to_le_bytes()) };
        let mut filter = Filter::create(&path, 100_000).expect("made");
        let mut other = Filter::create(&path, 10).expect("made beside it");
        other.insert(&key(0));
        (0..100_000).for_each(|n| filter.insert(&key(n)));
        assert!(Filter::open(&path, 7).expect("read").is_none(), "nobody sees half of it");
        drop(other.finish(7).expect("named"));
        drop(filter.finish(7).expect("named"));
        assert!(Filter::open(&path, 8).expect("read").is_none(), "another index's filter is refused");
        let filter = Filter::open(&path, 7).expect("read").expect("ours");
        assert!((0..100_000).all(|n| filter.may_contain(&key(n))));
        let wrong = (100_000..200_000).filter(|n| filter.may_contain(&key(*n))).count();
        assert!(wrong < 4_000, "{wrong} of 100,000 absent keys look present");
    }
}
