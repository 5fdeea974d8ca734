//! The links object: which names of a snapshot are one file.

use super::decode::{Buffer, Step, Stop, header};
use crate::error::{Code, Error, Result, fail};
use minicbor::decode::Decoder;
use minicbor::encode::Encoder;
use std::convert::Infallible;

/// Writes groups of hard links. Paths are those of the snapshot's root tree, beginning with `/`.
#[derive(Debug)]
pub struct LinksWriter {
    out: Vec<u8>,
    last: Vec<u8>,
}

impl Default for LinksWriter {
    fn default() -> Self {
        LinksWriter::new()
    }
}

impl LinksWriter {
    /// Begins.
    pub fn new() -> Self {
        let mut out = vec![0xa2, 0, 0x65];
        out.extend_from_slice(b"links");
        out.extend_from_slice(&[1, 1]);
        LinksWriter { out, last: Vec::new() }
    }

    /// Appends a group: at least two paths, sorted. Groups come in the order of their first paths.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when that is not so.
    pub fn push<P: AsRef<[u8]>>(&mut self, paths: &[P]) -> Result<()> {
        let sorted = paths.windows(2).all(|pair| pair[0].as_ref() < pair[1].as_ref());
        let Some(first) = paths.first().filter(|first| sorted && paths.len() > 1 && first.as_ref() > &self.last[..])
        else {
            return fail(Code::StorageCorrupted, "a group of hard links is out of order");
        };
        self.last.clear();
        self.last.extend_from_slice(first.as_ref());
        let put = |out: &mut Encoder<&mut Vec<u8>>| -> std::result::Result<(), minicbor::encode::Error<Infallible>> {
            out.array(paths.len() as u64)?;
            paths.iter().try_for_each(|path| out.bytes(path.as_ref()).map(|_| ()))
        };
        put(&mut Encoder::new(&mut self.out))
            .map_err(|error| Error::new(Code::StorageCorrupted, "a path does not encode").with_source(error))
    }

    /// What was encoded since the last [`LinksWriter::clear`].
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the bytes that the caller has carried away; the object goes on.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// The last bytes of the object.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Reads a links object that arrives in pieces. A group of any size is read path by path.
#[derive(Debug, Default)]
pub struct LinksReader {
    buffer: Buffer,
    has_header: bool,
    left: u64,
    group: Vec<Vec<u8>>,
}

enum Item {
    Header,
    Group(u64),
    Path(Vec<u8>),
}

impl LinksReader {
    /// Begins.
    pub fn new() -> Self {
        LinksReader::default()
    }

    /// Takes the next bytes of the object.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.feed(bytes);
    }

    /// The next group of paths, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn next_group(&mut self) -> Result<Option<Vec<Vec<u8>>>> {
        loop {
            let (has_header, left) = (self.has_header, self.left);
            let Some(item) = self.buffer.item(|decoder| item(decoder, has_header, left), "links object")? else {
                return Ok(None);
            };
            match item {
                Item::Header => self.has_header = true,
                Item::Group(count) => self.left = count,
                Item::Path(path) => {
                    self.group.push(path);
                    self.left -= 1;
                    if self.left == 0 {
                        return Ok(Some(std::mem::take(&mut self.group)));
                    }
                }
            }
        }
    }

    /// Checks that the object ended where a group ends.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED.
    pub fn finish(self) -> Result<()> {
        if self.has_header && self.left == 0 && self.buffer.is_empty() {
            return Ok(());
        }
        fail(Code::StorageCorrupted, "a links object ends too early")
    }
}

/// Reads a links object that is in memory.
///
/// # Errors
/// STORAGE_CORRUPTED.
pub fn read_links(bytes: &[u8]) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut reader = LinksReader::new();
    reader.feed(bytes);
    let mut groups = Vec::new();
    while let Some(group) = reader.next_group()? {
        groups.push(group);
    }
    reader.finish()?;
    Ok(groups)
}

fn item(decoder: &mut Decoder<'_>, has_header: bool, left: u64) -> Step<Item> {
    if !has_header {
        header(decoder, "links")?;
        return Ok(Item::Header);
    }
    if left > 0 {
        return Ok(Item::Path(decoder.bytes()?.to_vec()));
    }
    match decoder.array()? {
        Some(count) if count > 1 => Ok(Item::Group(count)),
        _ => Err(Stop::Broken(Error::new(Code::StorageCorrupted, "a group of hard links has fewer than two paths"))),
    }
}
