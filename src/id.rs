//! Names: the SHA-256 of an object or a file, and the smaller random ids.
//!
//! Floor 0. Promise 1: content is the name.

use crate::error::{Code, Error, Result};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// From its bytes.
            pub const fn new(bytes: [u8; $len]) -> Self { Self(bytes) }

            /// From a slice of exactly the right length, else `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> { bytes.try_into().ok().map(Self) }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] { &self.0 }

            /// Lower-case hexadecimal digits.
            pub fn to_hex(self) -> String { hex(&self.0) }
        }

        impl Ord for $name {
            /// The order of the bytes. Two ids nearly always differ in the first eight, which make one number.
            fn cmp(&self, other: &Self) -> Ordering {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                let [i, j, k, l, m, n, o, p, ..] = other.0;
                let (one, two) = (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p]));
                one.cmp(&two).then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> { Some(self.cmp(other)) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&hex(&self.0)) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&hex(&self.0)) }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                let mut bytes = [0; $len];
                if unhex(text, &mut bytes) { Ok(Self(bytes)) } else {
                    Err(Error::new(Code::InvalidHash, format!("`{}` is not {} hexadecimal digits", text.escape_default(), $len * 2)))
                }
            }
        }
    };
}

bytes_newtype! {
    /// A SHA-256: of an object's bytes, or of a repository file's bytes; also a keyed BLAKE3 of a chunk or node.
    Id, 32
}
bytes_newtype! {
    /// Sixteen random bytes: a repository, a writer, a key, a replica; or the start of a device key's hash.
    ShortId, 16
}

impl Id {
    /// The SHA-256 of nothing: the id of the empty object.
    pub const EMPTY: Id = Id([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        hex(&self.0[..4])
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Fills `out` from hexadecimal digits of either case; false if `text` is not exactly that long or not hexadecimal.
pub fn unhex(text: &str, out: &mut [u8]) -> bool {
    let digits = text.as_bytes();
    if digits.len() != out.len() * 2 {
        return false;
    }
    for (pair, byte) in digits.chunks_exact(2).zip(out) {
        let (Some(high), Some(low)) = ((pair[0] as char).to_digit(16), (pair[1] as char).to_digit(16)) else {
            return false;
        };
        *byte = (high * 16 + low) as u8;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_back() {
        let id: Id = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().expect("64 digits");
        assert_eq!(id, Id::EMPTY);
        assert_eq!(id.short(), "e3b0c442");
        assert_eq!("xyz".parse::<Id>().expect_err("not hex").code(), Code::InvalidHash);
    }
}
