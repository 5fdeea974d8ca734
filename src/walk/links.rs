//! Hard links: which names of all sources lead to one inode.
//!
//! Memory is bounded: beyond a limit names are sorted by inode and spilled into a temporary file, and at the end the
//! sorted runs are merged. Groups come out in the order of their first paths by the same means.

use crate::error::{IoContext, Result};
use crate::tree::LinksWriter;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// So many bytes of names are held in memory.
const MEMORY_BYTES: usize = 32 << 20;
/// What a record costs besides its bytes.
const RECORD_BYTES: usize = 24;

/// Collects names of inodes that have several.
#[derive(Debug)]
pub struct LinkCollector {
    sorter: Sorter,
}

impl LinkCollector {
    /// Begins. Spilled names go to nameless files in `dir`.
    pub fn new(dir: &Path) -> Self {
        LinkCollector { sorter: Sorter::new(dir, MEMORY_BYTES) }
    }

    /// Notes a name: its path in the snapshot, beginning with `/`.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL.
    pub fn add(&mut self, dev: u64, ino: u64, path: &[u8]) -> Result<()> {
        let mut record = Vec::with_capacity(16 + path.len());
        record.extend_from_slice(&dev.to_be_bytes());
        record.extend_from_slice(&ino.to_be_bytes());
        record.extend_from_slice(path);
        self.sorter.push(record)
    }

    /// Writes the links object piece by piece. Answers false, and writes nothing, if no inode has two names here.
    ///
    /// # Errors
    /// FILE_IO, and what `write` answers.
    pub fn finish(self, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        let mut groups = Sorter::new(&self.sorter.dir.clone(), self.sorter.memory_bytes);
        let mut group: Vec<u8> = Vec::new();
        let (mut inode, mut names) = (Vec::new(), 0u64);
        self.sorter.finish(&mut |record| {
            let (key, path) = record.split_at(16);
            if key != inode {
                if names > 1 {
                    groups.push(std::mem::take(&mut group))?;
                }
                (inode, names) = (key.to_vec(), 0);
                group.clear();
            }
            // Paths hold no NUL, and it sorts before everything else: a group sorts as its first path does.
            if names > 0 {
                group.push(0);
            }
            group.extend_from_slice(path);
            names += 1;
            Ok(())
        })?;
        if names > 1 {
            groups.push(group)?;
        }
        write_groups(groups, write)
    }
}

fn write_groups(groups: Sorter, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
    if groups.is_empty() {
        return Ok(false);
    }
    let mut links = LinksWriter::new();
    groups.finish(&mut |group| {
        let paths: Vec<&[u8]> = group.split(|byte| *byte == 0).collect();
        links.push(&paths)?;
        write(links.bytes())?;
        links.clear();
        Ok(())
    })?;
    Ok(true)
}

/// Sorts records of bytes, more of them than fit into memory.
#[derive(Debug)]
struct Sorter {
    dir: PathBuf,
    memory_bytes: usize,
    held: Vec<Vec<u8>>,
    held_bytes: usize,
    runs: Vec<File>,
}

impl Sorter {
    fn new(dir: &Path, memory_bytes: usize) -> Self {
        Sorter { dir: dir.to_path_buf(), memory_bytes, held: Vec::new(), held_bytes: 0, runs: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.runs.is_empty()
    }

    fn push(&mut self, record: Vec<u8>) -> Result<()> {
        self.held_bytes += record.len() + RECORD_BYTES;
        self.held.push(record);
        if self.held_bytes > self.memory_bytes { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<()> {
        self.held.sort_unstable();
        let file = tempfile::tempfile_in(&self.dir).at("create a file in", &self.dir)?;
        let mut out = BufWriter::with_capacity(1 << 16, file);
        for record in self.held.drain(..) {
            let written = out.write_all(&(record.len() as u32).to_le_bytes()).and_then(|()| out.write_all(&record));
            written.at("write to", &self.dir)?;
        }
        let mut file = out.into_inner().map_err(|failed| failed.into_error()).at("write to", &self.dir)?;
        file.rewind().at("read", &self.dir)?;
        self.runs.push(file);
        self.held_bytes = 0;
        Ok(())
    }

    /// Hands out the records in order.
    fn finish(mut self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() {
            self.held.sort_unstable();
            return self.held.iter().try_for_each(|record| each(record));
        }
        self.spill()?;
        let mut runs: Vec<_> = self.runs.drain(..).map(|run| BufReader::with_capacity(1 << 16, run)).collect();
        let mut heap = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heap.extend(next(run, &self.dir)?.map(|record| Reverse((record, number))));
        }
        while let Some(Reverse((record, number))) = heap.pop() {
            each(&record)?;
            heap.extend(next(&mut runs[number], &self.dir)?.map(|record| Reverse((record, number))));
        }
        Ok(())
    }
}

fn next(run: &mut BufReader<File>, dir: &Path) -> Result<Option<Vec<u8>>> {
    let mut len = [0; 4];
    match run.read_exact(&mut len) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other.at("read from", dir)?,
    }
    let mut record = vec![0; u32::from_le_bytes(len) as usize];
    run.read_exact(&mut record).at("read from", dir)?;
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::read_links;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn collect(names: &BTreeMap<String, u64>, memory_bytes: usize) -> Option<Vec<Vec<Vec<u8>>>> {
        let mut collector = LinkCollector { sorter: Sorter::new(&std::env::temp_dir(), memory_bytes) };
        names.iter().rev().for_each(|(path, ino)| collector.add(7, *ino, path.as_bytes()).expect("add"));
        let mut bytes = Vec::new();
        let found = collector.finish(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        found.expect("finish").then(|| read_links(&bytes).expect("sound"))
    }

    proptest! {
        #[test]
        fn groups_are_the_same_with_and_without_spilling(
            names in prop::collection::btree_map("/[ab]{1,3}(/[a-c]{1,3})?", 0u64..12, 0..40)
        ) {
            let mut groups: BTreeMap<u64, BTreeSet<Vec<u8>>> = BTreeMap::new();
            for (path, ino) in &names {
                groups.entry(*ino).or_default().insert(path.clone().into_bytes());
            }
            let mut expected: Vec<Vec<Vec<u8>>> =
                groups.into_values().filter(|group| group.len() > 1).map(|group| group.into_iter().collect()).collect();
            expected.sort();
            let expected = (!expected.is_empty()).then_some(expected);
            prop_assert_eq!(&collect(&names, MEMORY_BYTES), &expected);
            prop_assert_eq!(&collect(&names, 100), &expected);
        }
    }
}
