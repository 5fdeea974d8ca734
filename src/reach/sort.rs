//! Sets of ids larger than memory: pushed in any order, read back sorted and without duplicates.
//!
//! Promise 8: a budget holds whatever the number of records. Runs go to unlinked temporary files, so a killed process
//! leaves nothing behind. Records are fixed arrays of bytes and compare bytewise.

use crate::error::{IoContext, Result};
use crate::fs::{PRIVATE_DIR, create_dir_durable};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// So many runs are merged at once; more are merged in steps.
const RUNS_MAX: usize = 64;
/// What one reader of a run holds in memory, at most.
const READ_BYTES: usize = 128 << 10;
/// A smaller budget would only make more runs than a merge can hold.
const BUDGET_BYTES_MIN: usize = 64 << 10;

/// Collects records of `N` bytes within a budget of memory.
pub struct IdSorter<const N: usize> {
    temp: PathBuf,
    records_max: usize,
    buffer: Vec<[u8; N]>,
    runs: Vec<Run>,
}

/// A sorted file without a name.
struct Run {
    file: File,
    records: u64,
}

impl<const N: usize> IdSorter<N> {
    /// An empty set that spills to the directory `temp` above `budget_bytes` of memory.
    pub fn new(temp: &Path, budget_bytes: usize) -> Self {
        let records_max = budget_bytes.max(BUDGET_BYTES_MIN) / N;
        IdSorter { temp: temp.to_path_buf(), records_max, buffer: Vec::new(), runs: Vec::new() }
    }

    /// Adds a record; one that was added before changes nothing.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL when a run cannot be written.
    pub fn push(&mut self, record: [u8; N]) -> Result<()> {
        if self.buffer.len() >= self.records_max {
            self.sort_buffer();
            // Where most were duplicates there is room again; a nearly full buffer would be sorted again too soon.
            if self.buffer.len() > self.records_max / 2 {
                self.spill()?;
            }
        }
        self.buffer.push(record);
        Ok(())
    }

    fn sort_buffer(&mut self) {
        self.buffer.sort_unstable();
        self.buffer.dedup();
    }

    fn spill(&mut self) -> Result<()> {
        let mut run = RunWriter::create(&self.temp)?;
        self.buffer.iter().try_for_each(|record| run.push(record))?;
        self.buffer.clear();
        self.runs.push(run.finish()?);
        if self.runs.len() >= RUNS_MAX {
            let merged = self.merge()?;
            self.runs.push(merged);
        }
        Ok(())
    }

    /// All runs as one.
    fn merge(&mut self) -> Result<Run> {
        let runs = std::mem::take(&mut self.runs);
        let mut readers: Vec<_> = runs.iter().map(RunReader::<N>::new).collect();
        let mut heap = BinaryHeap::with_capacity(readers.len());
        for (index, reader) in readers.iter_mut().enumerate() {
            if let Some(record) = reader.next()? {
                heap.push(Reverse((record, index)));
            }
        }
        let (mut out, mut last) = (RunWriter::create(&self.temp)?, None);
        while let Some(Reverse((record, index))) = heap.pop() {
            if last != Some(record) {
                out.push(&record)?;
                last = Some(record);
            }
            if let Some(next) = readers[index].next()? {
                heap.push(Reverse((next, index)));
            }
        }
        out.finish()
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// As [`IdSorter::push`].
    pub fn finish(mut self) -> Result<SortedSet<N>> {
        self.sort_buffer();
        if self.runs.is_empty() {
            self.buffer.shrink_to_fit();
            return Ok(SortedSet { held: Held::Memory(self.buffer) });
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        let run = match self.runs.pop() {
            Some(only) if self.runs.is_empty() => only,
            Some(last) => {
                self.runs.push(last);
                self.merge()?
            }
            None => RunWriter::<N>::create(&self.temp)?.finish()?,
        };
        Ok(SortedSet { held: Held::File(run) })
    }
}

/// Records in ascending order, each once; read as often as needed.
pub struct SortedSet<const N: usize> {
    held: Held<N>,
}

enum Held<const N: usize> {
    Memory(Vec<[u8; N]>),
    File(Run),
}

impl<const N: usize> SortedSet<N> {
    /// A set of nothing.
    pub fn empty() -> Self {
        SortedSet { held: Held::Memory(Vec::new()) }
    }

    /// How many records there are.
    pub fn len(&self) -> u64 {
        match &self.held {
            Held::Memory(records) => records.len() as u64,
            Held::File(run) => run.records,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads from the first record.
    pub fn reader(&self) -> SetReader<'_, N> {
        let source = match &self.held {
            Held::Memory(records) => Source::Memory(records.iter()),
            Held::File(run) => Source::File(RunReader::new(run)),
        };
        SetReader { source, ahead: None, is_found: false }
    }
}

/// A place in a [`SortedSet`].
pub struct SetReader<'a, const N: usize> {
    source: Source<'a, N>,
    ahead: Option<[u8; N]>,
    /// Whether `ahead` was asked for: then it is not passed over but done.
    is_found: bool,
}

enum Source<'a, const N: usize> {
    Memory(std::slice::Iter<'a, [u8; N]>),
    File(RunReader<'a, N>),
}

impl<const N: usize> SetReader<'_, N> {
    /// The next record, in ascending order.
    ///
    /// # Errors
    /// FILE_IO.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<[u8; N]>> {
        if let Some(record) = self.ahead.take() {
            return Ok(Some(record));
        }
        match &mut self.source {
            Source::Memory(records) => Ok(records.next().copied()),
            Source::File(reader) => reader.next(),
        }
    }

    /// The next record, which stays the next.
    ///
    /// # Errors
    /// FILE_IO.
    pub fn peek(&mut self) -> Result<Option<[u8; N]>> {
        if self.ahead.is_none() {
            self.ahead = self.next()?;
        }
        Ok(self.ahead)
    }

    /// Whether `record` is in the set. Questions must come in ascending order, perhaps repeated; records that lie
    /// between two questions and equal neither are told to `passed`.
    ///
    /// # Errors
    /// FILE_IO, and what `passed` answers.
    pub fn seek(&mut self, record: &[u8; N], passed: &mut dyn FnMut([u8; N]) -> Result<()>) -> Result<bool> {
        while let Some(next) = self.peek()? {
            match next.cmp(record) {
                Ordering::Greater => return Ok(false),
                Ordering::Equal => {
                    self.is_found = true;
                    return Ok(true);
                }
                Ordering::Less => self.ahead = None,
            }
            if !std::mem::take(&mut self.is_found) {
                passed(next)?;
            }
        }
        Ok(false)
    }

    /// Tells `passed` every record that was neither asked for nor passed over before.
    ///
    /// # Errors
    /// FILE_IO, and what `passed` answers.
    pub fn rest(&mut self, passed: &mut dyn FnMut([u8; N]) -> Result<()>) -> Result<()> {
        while let Some(record) = self.next()? {
            if !std::mem::take(&mut self.is_found) {
                passed(record)?;
            }
        }
        Ok(())
    }

    /// [`SetReader::seek`] for those who do not care what is passed over.
    ///
    /// # Errors
    /// FILE_IO.
    pub fn contains(&mut self, record: &[u8; N]) -> Result<bool> {
        self.seek(record, &mut |_| Ok(()))
    }
}

struct RunWriter<const N: usize> {
    out: BufWriter<File>,
    temp: PathBuf,
    records: u64,
}

impl<const N: usize> RunWriter<N> {
    fn create(temp: &Path) -> Result<Self> {
        create_dir_durable(temp, PRIVATE_DIR)?;
        let file = tempfile::tempfile_in(temp).at("create a temporary file in", temp)?;
        Ok(RunWriter { out: BufWriter::with_capacity(READ_BYTES, file), temp: temp.to_path_buf(), records: 0 })
    }

    fn push(&mut self, record: &[u8; N]) -> Result<()> {
        self.records += 1;
        self.out.write_all(record).at("write a temporary file in", &self.temp)
    }

    fn finish(self) -> Result<Run> {
        let file =
            self.out.into_inner().map_err(|failed| failed.into_error()).at("write a temporary file in", &self.temp)?;
        Ok(Run { file, records: self.records })
    }
}

struct RunReader<'a, const N: usize> {
    run: &'a Run,
    /// Records already taken into the buffer.
    taken: u64,
    buffer: Vec<u8>,
    position: usize,
}

impl<'a, const N: usize> RunReader<'a, N> {
    fn new(run: &'a Run) -> Self {
        RunReader { run, taken: 0, buffer: Vec::new(), position: 0 }
    }

    fn next(&mut self) -> Result<Option<[u8; N]>> {
        if self.position == self.buffer.len() {
            let count = (self.run.records - self.taken).min((READ_BYTES / N).max(1) as u64);
            if count == 0 {
                return Ok(None);
            }
            self.buffer.resize(count as usize * N, 0);
            self.run
                .file
                .read_exact_at(&mut self.buffer, self.taken * N as u64)
                .at("read", "a temporary file of sorted ids")?;
            self.taken += count;
            self.position = 0;
        }
        let mut record = [0; N];
        record.copy_from_slice(&self.buffer[self.position..self.position + N]);
        self.position += N;
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn all<const N: usize>(set: &SortedSet<N>) -> Vec<[u8; N]> {
        let (mut reader, mut out) = (set.reader(), Vec::new());
        while let Some(record) = reader.next().expect("readable") {
            out.push(record);
        }
        out
    }

    /// `spread` distinct records among `count`, in a scattered order.
    fn filled(count: u64, spread: u64, budget_bytes: usize) -> SortedSet<16> {
        let dir = tempfile::tempdir().expect("temp");
        let mut sorter = IdSorter::new(dir.path(), budget_bytes);
        for i in 0..count {
            let mut record = [0; 16];
            record[..8].copy_from_slice(&((i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % spread).to_be_bytes());
            sorter.push(record).expect("push");
        }
        sorter.finish().expect("finish")
    }

    #[test]
    fn spilled_and_merged_in_steps_it_is_the_same_set() {
        // 70 runs of 4,096 records: more than one merge can hold at once.
        let (spilled, kept) = (filled(300_000, 1 << 40, 1 << 16), filled(300_000, 1 << 40, 1 << 30));
        assert!(matches!(spilled.held, Held::File(_)) && matches!(kept.held, Held::Memory(_)));
        assert_eq!(spilled.len(), kept.len());
        assert!(all(&spilled) == all(&kept));
    }

    #[test]
    fn duplicates_alone_never_spill() {
        let set = filled(100_000, 1_000, 1 << 16);
        assert!(matches!(set.held, Held::Memory(_)));
        assert_eq!(set.len(), 1_000);
    }

    proptest! {
        #[test]
        fn seek_tells_what_it_passes(values: BTreeSet<u16>, questions: BTreeSet<u16>) {
            let mut sorter = IdSorter::<2>::new(Path::new("/nonexistent"), 0);
            for value in &values {
                sorter.push(value.to_be_bytes()).expect("in memory");
            }
            let set = sorter.finish().expect("in memory");
            let (mut reader, mut passed) = (set.reader(), Vec::new());
            for question in &questions {
                let found = reader.seek(&question.to_be_bytes(), &mut |record| {
                    passed.push(u16::from_be_bytes(record));
                    Ok(())
                }).expect("in memory");
                prop_assert_eq!(found, values.contains(question));
            }
            reader.rest(&mut |record| {
                passed.push(u16::from_be_bytes(record));
                Ok(())
            }).expect("in memory");
            let expected: Vec<u16> = values.difference(&questions).copied().collect();
            prop_assert_eq!(passed, expected);
        }
    }
}
