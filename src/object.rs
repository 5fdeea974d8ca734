//! What is stored: kinds of objects, their ids, and the keys of storage entries.
//!
//! Floor 1. Promise 1: an object's id is the SHA-256 of exactly its bytes, whatever its size and however it is stored.
//! FORMAT section 5.

use crate::error::{Code, Error, Result};
use crate::id::Id;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// What an object's bytes mean. It belongs to the reference, not to the id: equal bytes may be a blob and a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Not known, or not an object (a chunk, a recipe node).
    None,
    /// Content of a file, or any other plain bytes.
    Blob,
    /// A directory.
    Tree,
    /// What would be run.
    Action,
    /// The record of one execution.
    Run,
    /// A task file as it was run.
    Manifest,
    /// The hard-link groups of a snapshot.
    Links,
    /// A kind of a later version. Never holds the code of one of the others.
    Other(u8),
}

impl Kind {
    /// The kinds that have a name.
    pub const NAMED: [Kind; 7] =
        [Kind::None, Kind::Blob, Kind::Tree, Kind::Action, Kind::Run, Kind::Manifest, Kind::Links];

    /// Its number in directories and segments.
    pub fn code(self) -> u8 {
        match self {
            Kind::None => 0,
            Kind::Blob => 1,
            Kind::Tree => 2,
            Kind::Action => 3,
            Kind::Run => 4,
            Kind::Manifest => 5,
            Kind::Links => 128,
            Kind::Other(code) => code,
        }
    }

    /// The kind with this number; every number is one.
    pub fn from_code(code: u8) -> Kind {
        Kind::NAMED.into_iter().find(|kind| kind.code() == code).unwrap_or(Kind::Other(code))
    }

    /// Its name, as users see it: `blob`, `tree`, `kind-77` for one that this version does not know.
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Kind::None => "none",
            Kind::Blob => "blob",
            Kind::Tree => "tree",
            Kind::Action => "action",
            Kind::Run => "run",
            Kind::Manifest => "manifest",
            Kind::Links => "links",
            Kind::Other(code) => return Cow::Owned(format!("kind-{code}")),
        })
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// INVALID_ARG for anything that [`Kind::name`] does not say.
    pub fn parse(text: &str) -> Result<Kind> {
        let other = || text.strip_prefix("kind-")?.parse().ok().map(Kind::from_code);
        Kind::NAMED.into_iter().find(|kind| kind.name() == text).or_else(other).ok_or_else(|| {
            Error::new(Code::InvalidArg, format!("`{}` is not a kind of object", text.escape_default()))
                .with_hint("kinds are blob, tree, action, run, manifest and links")
        })
    }

    /// Whether its bytes may name other objects. An unknown kind below 128 may, so gc and forget refuse where they
    /// meet one; kinds from 128 up never do.
    pub fn holds_references(self) -> bool {
        match self {
            Kind::None | Kind::Blob | Kind::Manifest | Kind::Links => false,
            Kind::Tree | Kind::Action | Kind::Run => true,
            Kind::Other(code) => code < 128,
        }
    }

    /// Whether this version knows what it means.
    pub fn is_known(self) -> bool {
        !matches!(self, Kind::Other(_))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Kind> {
        Kind::parse(text)
    }
}

/// Computes an object's id piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Of no bytes yet.
    pub fn new() -> Self {
        Hasher(Sha256::new())
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes `len` zero bytes: a hole of a sparse file.
    pub fn update_zeros(&mut self, len: u64) {
        const ZEROS: [u8; 16 << 10] = [0; 16 << 10];
        let mut left = len;
        while left > 0 {
            let step = left.min(ZEROS.len() as u64);
            self.update(&ZEROS[..step as usize]);
            left -= step;
        }
    }

    /// The id of all bytes taken.
    pub fn finish(self) -> Id {
        Id::new(self.0.finalize().into())
    }
}

/// The id of an object with these bytes.
pub fn hash(bytes: &[u8]) -> Id {
    Id::new(Sha256::digest(bytes).into())
}

/// How bytes are stored; the first half of an entry's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// An object in one piece, named by its id.
    Whole = 1,
    /// A piece of a large object, named by its keyed hash.
    Chunk = 2,
    /// A recipe node, named by its keyed hash.
    Node = 3,
    /// From a large object's id to the root node of its recipe; has no bytes of its own.
    Alias = 4,
}

impl Class {
    /// Its name, as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Whole => "whole",
            Class::Chunk => "chunk",
            Class::Node => "node",
            Class::Alias => "alias",
        }
    }

    /// Its number in directories and segments.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The class with this number; `None` for numbers that mean nothing.
    pub fn from_code(code: u8) -> Option<Class> {
        [Class::Whole, Class::Chunk, Class::Node, Class::Alias].into_iter().find(|class| class.code() == code)
    }
}

/// What a storage entry is found by. Ordered by class, then id, as segments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// How the bytes are stored.
    pub class: Class,
    /// Their name in that class.
    pub id: Id,
}

impl Key {
    /// The key of an entry.
    pub const fn new(class: Class, id: Id) -> Self {
        Key { class, id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{array, bytes, list, number, stream, vectors};

    #[test]
    fn ids_are_those_of_the_vectors() {
        let all = vectors(include_str!("../testdata/vectors/objects.json"));
        for case in list(&all["hashes"]) {
            assert_eq!(hash(&bytes(&case["bytes"])), Id::new(array(&case["id"])));
        }
        for case in list(&all["streams"]) {
            let data = stream(case["seed"].as_str().expect("a text"), number(&case["length"]) as usize);
            assert_eq!(hash(&data), Id::new(array(&case["id"])));
        }
    }

    #[test]
    fn kinds_and_classes_come_back_from_their_codes_and_names() {
        for code in 0..=u8::MAX {
            let kind = Kind::from_code(code);
            assert_eq!(kind.code(), code);
            assert_eq!(Kind::parse(&kind.name()).expect("a name"), kind);
            assert_eq!(Class::from_code(code).map(Class::code), (1..=4).contains(&code).then_some(code));
        }
        assert_eq!(Kind::parse("kind-1").expect("a number"), Kind::Blob);
        for text in ["", "blobs", "kind-", "kind-256", "Blob"] {
            assert_eq!(Kind::parse(text).expect_err(text).code(), Code::InvalidArg);
        }
    }

    #[test]
    fn unknown_kinds_below_128_may_hold_references() {
        assert!(Kind::from_code(127).holds_references() && Kind::Tree.holds_references());
        assert!(!Kind::from_code(129).holds_references() && !Kind::Links.holds_references());
    }

    #[test]
    fn an_id_is_the_sha256_of_the_bytes() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(b"abc").to_hex(), abc);
        let mut hasher = Hasher::new();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.finish().to_hex(), abc);
        assert_eq!(hash(b""), Id::EMPTY);
        let mut holes = Hasher::new();
        holes.update_zeros(40_000);
        assert_eq!(holes.finish(), hash(&vec![0; 40_000]));
    }

    #[test]
    fn keys_are_ordered_by_class_then_id() {
        let (low, high) = (Id::new([0; 32]), Id::new([9; 32]));
        assert!(Key::new(Class::Whole, high) < Key::new(Class::Chunk, low));
        assert!(Key::new(Class::Chunk, low) < Key::new(Class::Chunk, high));
    }
}
