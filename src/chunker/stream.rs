//! Cutting what is read from a stream, in bounded memory.

use super::Chunker;
use crate::error::{Code, Error, IoContext, Result};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// How many of the longest chunks the buffer holds: the more, the fewer bytes are moved to its front.
const BUFFERED_CHUNKS: usize = 16;

/// Cuts a stream to its end and calls `each` with every chunk and its offset. `path` stands in messages.
///
/// # Errors
/// FILE_IO when reading fails, and what `each` answers.
pub fn cut_stream(
    input: &mut dyn Read,
    path: &Path,
    chunker: &Chunker,
    each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let max = chunker.sizes().max as usize;
    let mut buffer = vec![0; max * BUFFERED_CHUNKS];
    let (mut start, mut end, mut offset, mut at_end) = (0, 0, 0u64, false);
    loop {
        if !at_end && end - start < max {
            buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
            while !at_end && end < buffer.len() {
                match input.read(&mut buffer[end..]) {
                    Ok(0) => at_end = true,
                    Ok(read) => end += read,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error).at("read", path),
                }
            }
        }
        let len = chunker.cut(&buffer[start..end]);
        if len == 0 {
            return Ok(());
        }
        let chunk = buffer.get(start..start + len);
        each(offset, chunk.ok_or_else(|| Error::new(Code::SystemError, "a chunk is longer than its data"))?)?;
        start += len;
        offset += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunker::Sizes;

    /// Gives one byte, then two, then three: cuts must not depend on how reads fall.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.1 += 1;
            let (now, rest) = self.0.split_at(self.1.min(self.0.len()).min(out.len()));
            out[..now.len()].copy_from_slice(now);
            self.0 = rest;
            Ok(now.len())
        }
    }

    #[test]
    fn cuts_are_those_of_the_whole() {
        let mut state = 1u32;
        let data: Vec<u8> = (0..300_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let chunker = Chunker::new(&[0; 32], Sizes::new(64, 1024, 4096).expect("sound"));
        let mut whole = Vec::new();
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(chunker.cut(rest));
            whole.push(head.len());
            rest = tail;
        }
        let (mut lengths, mut joined) = (Vec::new(), Vec::new());
        cut_stream(&mut Dribble(&data, 0), "-".as_ref(), &chunker, &mut |offset, chunk| {
            assert_eq!(offset as usize, joined.len());
            lengths.push(chunk.len());
            joined.extend_from_slice(chunk);
            Ok(())
        })
        .expect("memory can be read");
        assert_eq!(lengths, whole);
        assert_eq!(joined, data);
    }
}
