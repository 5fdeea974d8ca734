//! Keys, sealed files, slots and signatures.
//!
//! Floor 1. Promise 7: without the key there is nothing to read in what can leave the machine. AES-256-GCM with a fresh
//! key per file, HKDF-SHA256, Argon2id, Ed25519, each from a library; here stands only how they are put together.
//! FORMAT sections 2 to 4. Types that hold keys have no `Debug` and are wiped when dropped.

pub mod aead;
pub mod keyring;
pub mod seal;
pub mod sign;
pub mod slot;
mod small;

#[cfg(test)]
pub(crate) mod tests;
