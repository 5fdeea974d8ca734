//! Reading and writing small binary structures: varints, fixed integers, byte strings, with every bound checked.
//!
//! Floor 0. Formats that are not CBOR (packs' directories, segments, recipe nodes) are written with it.

use crate::error::{Code, Error, Result};
use crate::id::Id;

/// Appends an unsigned LEB128 number.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A cursor over bytes that never reads past their end.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Cursor<'a> {
    /// Begins at the first byte; `what` names the structure in errors.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Cursor { rest: bytes, what }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when fewer are left, as for every other reading method.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or_else(|| self.broken("ends too early"))?;
        self.rest = tail;
        Ok(head)
    }

    /// A fixed number of bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(N)?);
        Ok(out)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// A little-endian u16.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A little-endian u32.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A little-endian u64.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A 32-byte id.
    pub fn id(&mut self) -> Result<Id> {
        Ok(Id::new(self.array()?))
    }

    /// An unsigned LEB128 number of at most 64 bits, in its shortest form: one structure has one encoding.
    pub fn varint(&mut self) -> Result<u64> {
        // Most numbers are small.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte == 0 && shift > 0 {
                return Err(self.broken("has a number that is not in its shortest form"));
            }
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.broken("has a number that is too large"))
    }

    /// A varint that must fit `usize` and be at most `limit`: a count or a length to allocate by.
    pub fn count(&mut self, limit: usize) -> Result<usize> {
        let value = self.varint()?;
        usize::try_from(value)
            .ok()
            .filter(|count| *count <= limit)
            .ok_or_else(|| self.broken("has a count over its limit"))
    }

    /// The error for a structure that is not as it should be.
    pub fn broken(&self, how: &str) -> Error {
        Error::new(Code::StorageCorrupted, format!("a {} {how}", self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_come_back(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut cursor = Cursor::new(&bytes, "test");
            prop_assert_eq!(cursor.varint().expect("whole"), value);
            prop_assert!(cursor.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut whole = Cursor::new(&bytes, "test");
            if let Ok(value) = whole.varint() {
                let mut again = Vec::new();
                put_varint(&mut again, value);
                prop_assert_eq!(&bytes[..bytes.len() - whole.remaining()], &again[..]);
            }
            let mut cursor = Cursor::new(&bytes, "test");
            while cursor.varint().is_ok() {}
        }
    }
}
