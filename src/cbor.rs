//! Records as CBOR maps with small integer keys, which keep the keys they do not know.
//!
//! Floor 0. Deterministic encoding (RFC 8949 section 4.2.1): definite lengths, shortest integers, keys ascending.
//! A reader takes the fields it knows; what is left is a later version's and is written back by whoever rewrites
//! the record (FORMAT, conventions).

use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::id::{Id, ShortId};
use minicbor::bytes::{ByteArray, ByteSlice, ByteVec};
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use std::collections::BTreeMap;

/// The fields of a record by key, each as its encoded value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<u64, Vec<u8>>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Splits a record that takes up all of `bytes`; `what` names it in errors.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is no map of ascending integer keys, or bytes are left over.
    pub fn decode(bytes: &[u8], what: &'static str) -> Result<Self> {
        let mut decoder = Decoder::new(bytes);
        let fields = Self::split(&mut decoder, what)?;
        if decoder.position() == bytes.len() { Ok(fields) } else { Err(broken(what, "has bytes after its end")) }
    }

    fn split(decoder: &mut Decoder<'_>, what: &'static str) -> Result<Self> {
        let cbor = |error| broken(what, "is not well formed").with_source(error);
        let count = decoder.map().map_err(cbor)?.ok_or_else(|| broken(what, "has no definite length"))?;
        let mut fields = BTreeMap::new();
        for _ in 0..count {
            let key = decoder.u64().map_err(cbor)?;
            if fields.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(broken(what, "has keys out of order"));
            }
            let start = decoder.position();
            decoder.skip().map_err(cbor)?;
            let value = decoder.input().get(start..decoder.position()).unwrap_or_default();
            fields.insert(key, value.to_vec());
        }
        Ok(Fields(fields))
    }

    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        written(Encoder::new(&mut out).map(self.0.len() as u64).map(|_| ()));
        for (key, value) in &self.0 {
            written(minicbor::encode(key, &mut out));
            out.extend_from_slice(value);
        }
        out
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a field.
    pub fn put(&mut self, key: u64, value: impl Encode<()>) {
        self.0.insert(key, encoded(value));
    }

    /// Sets a field to a byte string.
    pub fn put_bytes(&mut self, key: u64, value: &[u8]) {
        self.put(key, <&ByteSlice>::from(value));
    }

    /// Sets a field to a value that is already encoded, such as a record within the record.
    pub fn put_encoded(&mut self, key: u64, value: Vec<u8>) {
        self.0.insert(key, value);
    }

    /// Takes a field out; `None` if it is absent.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when its value is of another type.
    pub fn take<T: for<'b> Decode<'b, ()>>(&mut self, key: u64, what: &'static str) -> Result<Option<T>> {
        let Some(value) = self.0.remove(&key) else { return Ok(None) };
        let mut decoder = Decoder::new(&value);
        decoder.decode().map(Some).map_err(|error| broken(what, &format!("has a wrong field {key}")).with_source(error))
    }

    /// Takes a field out that must be there.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is absent or of another type.
    pub fn need<T: for<'b> Decode<'b, ()>>(&mut self, key: u64, what: &'static str) -> Result<T> {
        self.take(key, what)?.ok_or_else(|| broken(what, &format!("lacks its field {key}")))
    }

    /// Takes a byte string out that must be there.
    ///
    /// # Errors
    /// As [`Fields::need`].
    pub fn need_bytes(&mut self, key: u64, what: &'static str) -> Result<Vec<u8>> {
        self.need::<ByteVec>(key, what).map(Vec::from)
    }

    /// Takes a byte string of `N` bytes out that must be there.
    ///
    /// # Errors
    /// As [`Fields::need`].
    pub fn need_array<const N: usize>(&mut self, key: u64, what: &'static str) -> Result<[u8; N]> {
        self.need::<ByteArray<N>>(key, what).map(Into::into)
    }

    /// Takes a field out as its encoded value.
    pub fn take_encoded(&mut self, key: u64) -> Option<Vec<u8>> {
        self.0.remove(&key)
    }
}

/// The encoding of one value.
pub fn encoded(value: impl Encode<()>) -> Vec<u8> {
    let mut out = Vec::new();
    written(minicbor::encode(value, &mut out));
    out
}

/// Decodes one value that takes up all of `bytes`; `what` names it in errors.
///
/// # Errors
/// STORAGE_CORRUPTED when it is another type or bytes are left over.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8], what: &'static str) -> Result<T> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|error| broken(what, "is not well formed").with_source(error))?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(broken(what, "has bytes after its end")) }
}

/// Writing to memory cannot fail, and no encoder here refuses a value.
fn written<E>(result: std::result::Result<(), E>) {
    debug_assert!(result.is_ok());
}

fn broken(what: &str, how: &str) -> Error {
    Error::new(Code::StorageCorrupted, format!("a {what} {how}"))
}

macro_rules! as_byte_string {
    ($name:ident) => {
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> std::result::Result<(), EncodeError<W::Error>> {
                e.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> std::result::Result<Self, minicbor::decode::Error> {
                let at = d.position();
                $name::from_slice(d.bytes()?)
                    .ok_or_else(|| minicbor::decode::Error::message("an id of another length").at(at))
            }
        }
    };
}

as_byte_string!(Id);
as_byte_string!(ShortId);

impl<C> Encode<C> for Time {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> std::result::Result<(), EncodeError<W::Error>> {
        e.array(2)?.i64(self.seconds)?.u32(self.nanoseconds)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Time {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> std::result::Result<Self, minicbor::decode::Error> {
        let at = d.position();
        if d.array()? != Some(2) {
            return Err(minicbor::decode::Error::message("a time is two numbers").at(at));
        }
        match (d.i64()?, d.u32()?) {
            (seconds, nanoseconds @ 0..1_000_000_000) => Ok(Time { seconds, nanoseconds }),
            _ => Err(minicbor::decode::Error::message("too many nanoseconds").at(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_come_back_and_unknown_ones_stay() {
        let mut fields = Fields::new();
        fields.put(5, Time { seconds: -7, nanoseconds: 1 });
        fields.put(0, 1u64);
        fields.put(2, vec![(Id::EMPTY, ShortId::new([7; 16]), 3u64)]);
        fields.put_bytes(99, b"later");
        let bytes = fields.encode();
        let mut read = Fields::decode(&bytes, "test").expect("decodes");
        assert_eq!(read.need::<u64>(0, "test").expect("there"), 1);
        assert_eq!(read.take::<Time>(5, "test").expect("a time"), Some(Time { seconds: -7, nanoseconds: 1 }));
        assert!(read.need::<u64>(1, "test").is_err());
        let list: Vec<(Id, ShortId, u64)> = read.need(2, "test").expect("a list");
        assert_eq!(list.len(), 1);
        let mut again = Fields::new();
        again.put_bytes(99, b"later");
        assert_eq!(read, again);
    }

    #[test]
    fn disorder_and_leftovers_are_refused() {
        for bytes in [&[0xa2, 1, 0, 0, 0][..], &[0xa2, 1, 0, 1, 0], &[0xa0, 0], &[0xbf, 0xff], &[0xa1, 0], &[0x80], &[]]
        {
            assert_eq!(Fields::decode(bytes, "test").expect_err("refused").code(), Code::StorageCorrupted);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(fields) = Fields::decode(&bytes, "test") {
                let again = Fields::decode(&fields.encode(), "test");
                prop_assert_eq!(again.ok(), Some(fields));
            }
        }
    }
}
