//! Small CBOR records with integer keys that are signed or sealed without one of their own members.
//!
//! Slots and device records carry a signature or ciphertext over "the same map without key 6". The other members are
//! kept as the bytes they were, so that members of a later version are covered as well.

use crate::error::{Code, Error, Result};
use minicbor::Decoder;
use minicbor::encode::Encoder;
use std::convert::Infallible;

/// No record is longer, in bytes: a reader never allocates by a number it was told.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// The members of a record, by ascending key.
pub struct Record<'a> {
    what: &'static str,
    members: Vec<(u64, &'a [u8])>,
}

impl<'a> Record<'a> {
    /// Reads a map of definite length with ascending integer keys and nothing after it; `what` names it in errors.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not that, as for every other reading method.
    pub fn decode(bytes: &'a [u8], what: &'static str) -> Result<Record<'a>> {
        let broken = || Error::new(Code::StorageCorrupted, format!("a {what} is malformed"));
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(broken());
        }
        let mut decoder = Decoder::new(bytes);
        let count = decoder.map().ok().flatten().ok_or_else(broken)?;
        let mut members: Vec<(u64, &[u8])> = Vec::new();
        for _ in 0..count {
            let key = decoder.u64().map_err(|_| broken())?;
            let start = decoder.position();
            decoder.skip().map_err(|_| broken())?;
            let value = bytes.get(start..decoder.position()).ok_or_else(broken)?;
            if members.last().is_some_and(|(last, _)| *last >= key) {
                return Err(broken());
            }
            members.push((key, value));
        }
        if decoder.position() != bytes.len() {
            return Err(broken());
        }
        Ok(Record { what, members })
    }

    /// The same record without one member: what is signed, or authenticated beside a ciphertext.
    pub fn without(&self, key: u64) -> Vec<u8> {
        let kept = self.members.iter().filter(|(member, _)| *member != key);
        let mut writer = RecordWriter::new(kept.clone().count() as u64);
        for (member, value) in kept {
            writer.raw(*member, value);
        }
        writer.finish()
    }

    /// A decoder at the value of this key, if it is there.
    pub fn get(&self, key: u64) -> Option<Decoder<'a>> {
        self.members.iter().find(|(member, _)| *member == key).map(|(_, value)| Decoder::new(value))
    }

    /// The value of this key as `read` decodes it.
    pub fn need<T>(
        &self,
        key: u64,
        read: impl FnOnce(&mut Decoder<'a>) -> std::result::Result<T, minicbor::decode::Error>,
    ) -> Result<T> {
        self.get(key).and_then(|mut decoder| read(&mut decoder).ok()).ok_or_else(|| self.broken(key))
    }

    /// A byte string of exactly `N` bytes.
    pub fn array<const N: usize>(&self, key: u64) -> Result<[u8; N]> {
        self.need(key, Decoder::bytes)?.try_into().map_err(|_| self.broken(key))
    }

    /// The error for a member that is absent or not as it should be.
    pub fn broken(&self, key: u64) -> Error {
        Error::new(Code::StorageCorrupted, format!("a {} has no sound member {key}", self.what))
    }
}

/// Writes a record; members are put in ascending order of keys.
pub struct RecordWriter(Encoder<Vec<u8>>);

impl RecordWriter {
    /// Begins a map of so many members.
    pub fn new(members: u64) -> Self {
        RecordWriter::with_capacity(members, 512)
    }

    /// The same with room for so many bytes: secrets are not left behind where a vector grew.
    pub fn with_capacity(members: u64, bytes: usize) -> Self {
        let mut encoder = Encoder::new(Vec::with_capacity(bytes));
        written(encoder.map(members));
        RecordWriter(encoder)
    }

    /// Puts a byte string.
    pub fn bytes(&mut self, key: u64, value: &[u8]) {
        written(self.at(key).bytes(value));
    }

    /// Puts a text.
    pub fn text(&mut self, key: u64, value: &str) {
        written(self.at(key).str(value));
    }

    /// Puts a number.
    pub fn number(&mut self, key: u64, value: i64) {
        written(self.at(key).i64(value));
    }

    /// Puts a value that is encoded already.
    pub fn raw(&mut self, key: u64, value: &[u8]) {
        self.at(key).writer_mut().extend_from_slice(value);
    }

    /// Puts the key; the value has to follow.
    pub fn at(&mut self, key: u64) -> &mut Encoder<Vec<u8>> {
        written(self.0.u64(key));
        &mut self.0
    }

    /// The record's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

/// Writing to a vector cannot fail; its error type has no values, which the library's signatures do not show.
pub(super) fn written<T>(result: std::result::Result<T, minicbor::encode::Error<Infallible>>) {
    debug_assert!(result.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let mut writer = RecordWriter::new(4);
        writer.text(0, "sample");
        writer.number(1, -7);
        writer.bytes(6, &[1, 2, 3]);
        writer.raw(300, &[0x82, 1, 2]);
        writer.finish()
    }

    #[test]
    fn members_come_back_and_one_can_be_left_out() {
        let bytes = sample();
        let record = Record::decode(&bytes, "sample").expect("a record");
        assert_eq!(record.need(1, Decoder::i64).expect("a number"), -7);
        assert_eq!(record.array::<3>(6).expect("bytes"), [1, 2, 3]);
        assert_eq!(record.array::<4>(6).expect_err("too short").code(), Code::StorageCorrupted);
        assert!(record.get(2).is_none() && record.need(2, Decoder::str).is_err());
        let without = record.without(6);
        let rest = Record::decode(&without, "sample").expect("a record");
        assert!(rest.get(6).is_none() && rest.get(300).is_some());
        assert_eq!(record.without(5), bytes);
    }

    #[test]
    fn malformed_records_are_refused() {
        let good = sample();
        for end in 0..good.len() {
            assert!(Record::decode(&good[..end], "sample").is_err());
        }
        let bad: [&[u8]; 6] = [
            &[0xa2, 1, 0, 1, 0],                             // a key twice
            &[0xa2, 2, 0, 1, 0],                             // keys out of order
            &[0xbf, 0, 0, 0xff],                             // indefinite length
            &[0xa1, 0, 0, 0],                                // something after it
            &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255], // a count that the bytes cannot hold
            &[0x81, 0],                                      // no map
        ];
        for bytes in bad {
            assert_eq!(Record::decode(bytes, "sample").err().map(|error| error.code()), Some(Code::StorageCorrupted));
        }
        let long = [&[0xa1, 0][..], &vec![0; RECORD_BYTES_MAX]].concat();
        assert!(Record::decode(&long, "sample").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_record_or_refused(bytes: Vec<u8>) {
            if let Ok(record) = Record::decode(&[vec![0xa1], bytes].concat(), "sample") {
                let _ = record.without(6);
            }
        }
    }
}
