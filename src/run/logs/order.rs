//! In which order two streams came.
//!
//! As stored: for each stretch of one stream, twice its length plus 1 for standard error, as an unsigned LEB128 number.
//! Neighbouring stretches are of different streams, and none is empty.

use super::Stream;
use crate::error::{Code, Result, fail};

/// Gathers stretches.
#[derive(Debug, Default)]
pub(super) struct Order {
    closed: Vec<u8>,
    open: Option<(Stream, u64)>,
}

impl Order {
    pub(super) fn push(&mut self, stream: Stream, len: u64) {
        match &mut self.open {
            Some((last, so_far)) if *last == stream => *so_far += len,
            open => {
                if let Some(turn) = open.replace((stream, len)) {
                    encode(turn, &mut self.closed);
                }
            }
        }
    }

    /// So many bytes it takes.
    pub(super) fn len(&self) -> usize {
        self.closed.len()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.closed.clone();
        if let Some(turn) = self.open {
            encode(turn, &mut bytes);
        }
        bytes
    }

    pub(super) fn turns(&self) -> Turns<'_> {
        Turns { bytes: &self.closed, last: self.open }
    }
}

fn encode((stream, len): (Stream, u64), out: &mut Vec<u8>) {
    let mut rest = (len << 1) | stream.index() as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads stretches.
#[derive(Debug)]
pub(super) struct Turns<'a> {
    bytes: &'a [u8],
    last: Option<(Stream, u64)>,
}

impl<'a> Turns<'a> {
    /// Of an order as it is stored.
    ///
    /// # Errors
    /// CHUNK_INVALID when these bytes are none, or do not have these lengths.
    pub(super) fn decode(bytes: &'a [u8], lens: [u64; 2]) -> Result<Self> {
        let mut left = lens;
        let mut rest = Turns { bytes, last: None };
        let mut before = None;
        while !rest.bytes.is_empty() {
            let Some((stream, len)) = rest.next() else { return bad() };
            let is_sound = len > 0 && before.replace(stream) != Some(stream);
            match left[stream.index()].checked_sub(len).filter(|_| is_sound) {
                Some(less) => left[stream.index()] = less,
                None => return bad(),
            }
        }
        if left == [0, 0] { Ok(Turns { bytes, last: None }) } else { bad() }
    }
}

impl Iterator for Turns<'_> {
    type Item = (Stream, u64);

    fn next(&mut self) -> Option<(Stream, u64)> {
        if self.bytes.is_empty() {
            return self.last.take();
        }
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let stream = if number & 1 == 0 { Stream::Stdout } else { Stream::Stderr };
                return Some((stream, number >> 1));
            }
        }
        None
    }
}

fn bad<T>() -> Result<T> {
    fail(Code::ChunkInvalid, "the order of a log's streams does not fit them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_order_is_read_as_it_was_written(
            pieces in proptest::collection::vec((any::<bool>(), 1u64..100_000), 0..50)
        ) {
            let (mut order, mut lens, mut turns) = (Order::default(), [0, 0], Vec::<(Stream, u64)>::new());
            for (is_err, len) in pieces {
                let stream = if is_err { Stream::Stderr } else { Stream::Stdout };
                order.push(stream, len);
                lens[stream.index()] += len;
                match turns.last_mut() {
                    Some((last, so_far)) if *last == stream => *so_far += len,
                    _ => turns.push((stream, len)),
                }
            }
            let bytes = order.encode();
            prop_assert_eq!(Turns::decode(&bytes, lens).unwrap().collect::<Vec<_>>(), &turns[..]);
            prop_assert_eq!(order.turns().collect::<Vec<_>>(), &turns[..]);
            prop_assert!(Turns::decode(&bytes, [lens[0] + 1, lens[1]]).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Turns::decode(&bytes, [10, 10]);
        }
    }
}
