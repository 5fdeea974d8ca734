//! `config.toml`: what a repository is, written once and authenticated.
//!
//! Floor 3; FORMAT section 2, STORAGE section 9. The text is rendered here and nowhere else; its last line is a MAC over
//! every byte before it, so a changed byte is CONFIG_INVALID. Feature names that a program does not know forbid it that
//! class of use and no other.

use crate::backend::{Backend, named_sum};
use crate::chunker::Sizes;
use crate::compress::{Algorithm, Compression};
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::Scheme;
use crate::crypto::sign::config_mac;
use crate::error::{Code, Error, Result, fail};
use crate::id::{ShortId, hex};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::HashSet;

/// Its name in a repository.
pub const CONFIG_FILE: &str = "config.toml";

/// The format that this program writes and reads.
const FORMAT: i64 = 1;
/// The chunker of format 1 (FORMAT section 5).
const CHUNKER: &str = "gear-1";
/// A configuration is read whole; none of ours is a hundredth of this.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Features this program knows, by class of use.
const KNOWN_FEATURES: [(Use, &[&str]); 3] = [(Use::Read, &[]), (Use::Write, &[]), (Use::Gc, &[])];

/// What somebody wants to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Read it.
    Read,
    /// Add to it.
    Write,
    /// Delete what is not needed.
    Gc,
}

impl Use {
    fn key(self) -> &'static str {
        match self {
            Use::Read => "requires-read",
            Use::Write => "requires-write",
            Use::Gc => "requires-gc",
        }
    }
}

/// What a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The repository's id.
    pub id: ShortId,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// Whether and how its files are sealed.
    pub scheme: Scheme,
    /// How long chunks are.
    pub sizes: Sizes,
    /// Counts up when chunking changes in a living repository.
    pub generation: u32,
    /// How new frames are compressed.
    pub compression: Compression,
    /// Names of features that a reader has to know.
    pub requires_read: Vec<String>,
    /// Names of features that a writer has to know.
    pub requires_write: Vec<String>,
    /// Names of features that gc has to know.
    pub requires_gc: Vec<String>,
}

impl Format {
    /// A repository of this format, without any feature beyond it.
    pub fn new(id: ShortId, created: i64, scheme: Scheme, sizes: Sizes, compression: Compression) -> Self {
        Format {
            id,
            created,
            scheme,
            sizes,
            generation: 1,
            compression,
            requires_read: Vec::new(),
            requires_write: Vec::new(),
            requires_gc: Vec::new(),
        }
    }

    /// The text of `config.toml`, with its MAC where there is encryption.
    pub fn render(&self, keyring: &Keyring) -> String {
        let created = Timestamp::from_second(self.created).unwrap_or_default();
        let list = |names: &[String]| {
            let quoted: Vec<String> = names.iter().map(|name| toml::Value::from(name.as_str()).to_string()).collect();
            format!("[{}]", quoted.join(", "))
        };
        let mut text = format!(
            "format = {FORMAT}\nid = \"{}\"\ncreated = \"{created}\"\nencryption = \"{}\"\n\n\
             [chunking]\nalgorithm = \"{CHUNKER}\"\ngeneration = {}\nmin = {}\navg = {}\nmax = {}\n\n\
             [compression]\nalgorithm = \"{}\"\nlevel = {}\n\n\
             [features]\nrequires-read = {}\nrequires-write = {}\nrequires-gc = {}\n",
            self.id,
            self.scheme.name(),
            self.generation,
            self.sizes.min,
            self.sizes.avg,
            self.sizes.max,
            self.compression.algorithm.name(),
            self.compression.level,
            list(&self.requires_read),
            list(&self.requires_write),
            list(&self.requires_gc),
        );
        if self.scheme != Scheme::None {
            text.push('\n');
            text.push_str(&mac_line(text.as_bytes(), keyring));
        }
        text
    }

    /// Reads the text of `config.toml`. Nothing of it is to be believed before [`check_mac`].
    ///
    /// # Errors
    /// CONFIG_INVALID when it is not one, or of a format or with settings that this program does not know.
    pub fn parse(text: &[u8]) -> Result<Format> {
        let (body, mac) = split_mac(text);
        let body = std::str::from_utf8(body).map_err(|error| invalid("is no text").with_source(error))?;
        let table: toml::Table = body.parse().map_err(|error| invalid("does not parse").with_source(error))?;
        match table.get("format").and_then(toml::Value::as_integer) {
            Some(FORMAT) => {}
            Some(other) => {
                return Err(Error::new(
                    Code::ConfigInvalid,
                    format!("this is a repository of format {other}; this program knows format {FORMAT}"),
                )
                .with_hint("use the program that made it, or a later one"));
            }
            None => return Err(invalid("does not say its format")),
        }
        let file: File = table.try_into().map_err(|error| invalid("lacks a setting").with_source(error))?;
        let format = file.into_format()?;
        if mac.is_some() == (format.scheme == Scheme::None) {
            return Err(invalid("has a MAC without encryption, or encryption without a MAC"));
        }
        Ok(format)
    }

    /// Refuses a use that needs features this program does not know.
    ///
    /// # Errors
    /// CONFIG_INVALID, with the features named.
    pub fn allow(&self, wanted: Use) -> Result<()> {
        let required = match wanted {
            Use::Read => &self.requires_read,
            Use::Write => &self.requires_write,
            Use::Gc => &self.requires_gc,
        };
        let known = KNOWN_FEATURES.iter().find(|(class, _)| *class == wanted).map_or(&[][..], |(_, names)| names);
        let unknown: Vec<&str> = required.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let message = format!("`{}` names what this program does not know: {}", wanted.key(), unknown.join(", "));
        Err(Error::new(Code::ConfigInvalid, message).with_hint("use a later version of larder"))
    }

    /// Refuses a repository that says it is not encrypted to a client that knows better.
    ///
    /// # Errors
    /// CONFIG_INVALID when it was encrypted before, or the user expects it to be.
    pub fn refuse_downgrade(&self, is_pinned: bool, has_secret: bool) -> Result<()> {
        if self.scheme != Scheme::None || !(is_pinned || has_secret) {
            return Ok(());
        }
        let how = if is_pinned { "it was encrypted when it was last used here" } else { "a key was given for it" };
        fail(Code::ConfigInvalid, format!("the repository says that it is not encrypted, but {how}"))
    }
}

/// Whether there are root records.
///
/// # Errors
/// What listing the medium answers.
pub fn has_records(backend: &dyn Backend) -> Result<bool> {
    let mut found = false;
    backend.list("roots", &mut |_, _| {
        found = true;
        Ok(())
    })?;
    Ok(found)
}

/// Refuses a place without a sound configuration that holds slots of keys or records which `from` lacks: another
/// repository's, or what only that replica has.
///
/// # Errors
/// CONFIG_INVALID; what listing the media answers.
pub fn refuse_others(from: &dyn Backend, to: &dyn Backend) -> Result<()> {
    let names = |backend: &dyn Backend, dir: &str| {
        let mut names = HashSet::new();
        backend.list(dir, &mut |name, _| {
            names.extend(named_sum(name));
            Ok(())
        })?;
        Ok::<_, Error>(names)
    };
    for dir in ["keys", "roots"] {
        let there = names(to, dir)?;
        if !there.is_empty() && !there.is_subset(&names(from, dir)?) {
            let message =
                format!("{} holds a repository without a sound {CONFIG_FILE}, and not this one", to.location());
            return Err(Error::new(Code::ConfigInvalid, message)
                .with_hint(format!("bring its {CONFIG_FILE} back from a copy of it, or take another place")));
        }
    }
    Ok(())
}

/// What is said of a place that holds the records of a repository and no configuration.
pub fn config_lost(location: &str) -> Error {
    Error::new(
        Code::ConfigMissing,
        format!("{location} holds the records of a repository, but its {CONFIG_FILE} is gone"),
    )
    .with_hint(format!(
        "{CONFIG_FILE} never changes: bring it back from any replica, mirror or copy of this repository"
    ))
}

/// Reads the configuration of a repository, with its text for [`check_mac`].
///
/// # Errors
/// CONFIG_MISSING when there is none, or it alone is gone; CONFIG_INVALID as [`Format::parse`]; FILE_IO and network codes.
pub fn load(backend: &dyn Backend) -> Result<(Format, Vec<u8>)> {
    match backend.stat(CONFIG_FILE)? {
        None if has_records(backend)? => return Err(config_lost(&backend.location())),
        None => return fail(Code::ConfigMissing, format!("there is no repository at {}", backend.location())),
        Some(len) if len > CONFIG_BYTES_MAX => return Err(invalid("is too long")),
        Some(_) => {}
    }
    let text = backend.get(CONFIG_FILE)?;
    Ok((Format::parse(&text)?, text))
}

/// Stores the configuration of a new repository.
///
/// # Errors
/// CONFIG_INVALID when there is one; FILE_IO, STORAGE_FULL, PERMISSION_DENIED and network codes.
pub fn store_new(backend: &dyn Backend, format: &Format, keyring: &Keyring) -> Result<()> {
    if backend.put_new(CONFIG_FILE, format.render(keyring).as_bytes())? {
        return Ok(());
    }
    fail(Code::ConfigInvalid, format!("there is a repository at {} already", backend.location()))
}

/// Checks the MAC of a configuration. Without encryption there is nothing to check.
///
/// # Errors
/// CONFIG_INVALID when any byte is not as it was written.
pub fn check_mac(text: &[u8], keyring: &Keyring) -> Result<()> {
    if keyring.scheme() == Scheme::None {
        return Ok(());
    }
    let (body, mac) = split_mac(text);
    // What an attacker learns by timing is a MAC he may read anyway.
    if mac == Some(mac_line(body, keyring).as_bytes()) {
        return Ok(());
    }
    Err(Error::new(Code::ConfigInvalid, "config.toml was changed after it was written: its MAC does not match")
        .with_hint("bring back the original from a copy of the repository"))
}

/// Everything before the last line, and the last line if it is a MAC.
fn split_mac(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = text.len().saturating_sub(1);
    let start = text[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (body, line) = text.split_at(start);
    if line.starts_with(b"mac") { (body, Some(line)) } else { (text, None) }
}

fn mac_line(body: &[u8], keyring: &Keyring) -> String {
    format!("mac = \"{}\"\n", hex(&config_mac(keyring, body)))
}

fn invalid(how: &str) -> Error {
    Error::new(Code::ConfigInvalid, format!("the repository's config.toml {how}"))
}

#[derive(Deserialize)]
struct File {
    id: String,
    created: String,
    encryption: String,
    chunking: Chunking,
    compression: CompressionTable,
    features: Features,
}

#[derive(Deserialize)]
struct Chunking {
    algorithm: String,
    generation: u32,
    min: u32,
    avg: u32,
    max: u32,
}

#[derive(Deserialize)]
struct CompressionTable {
    algorithm: String,
    level: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Features {
    requires_read: Vec<String>,
    requires_write: Vec<String>,
    requires_gc: Vec<String>,
}

impl File {
    fn into_format(self) -> Result<Format> {
        let scheme = [Scheme::None, Scheme::Aes256Gcm].into_iter().find(|scheme| scheme.name() == self.encryption);
        let created: Timestamp =
            self.created.parse().map_err(|error: jiff::Error| invalid("has no sound date").with_source(error))?;
        if self.chunking.algorithm != CHUNKER {
            return Err(invalid(&format!("names the chunker `{}`, which is not known", self.chunking.algorithm)));
        }
        Ok(Format {
            id: self.id.parse().map_err(|error: Error| invalid("has no sound id").with_source(error))?,
            created: created.as_second(),
            scheme: scheme
                .ok_or_else(|| invalid(&format!("names the encryption `{}`, which is not known", self.encryption)))?,
            sizes: Sizes::new(self.chunking.min, self.chunking.avg, self.chunking.max)?,
            generation: self.chunking.generation,
            compression: self.compression.into_compression()?,
            requires_read: self.features.requires_read,
            requires_write: self.features.requires_write,
            requires_gc: self.features.requires_gc,
        })
    }
}

impl CompressionTable {
    fn into_compression(self) -> Result<Compression> {
        let algorithm = Algorithm::parse(&self.algorithm)
            .map_err(|error| invalid("names a compression that is not known").with_source(error))?;
        let level = Some(self.level).filter(|_| algorithm != Algorithm::None);
        Compression::new(algorithm, level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemBackend;

    const ID: ShortId = ShortId::new([0xab; 16]);

    fn format(scheme: Scheme) -> Format {
        Format::new(ID, 1_795_251_600, scheme, Sizes::DEFAULT, Compression::new(Algorithm::Zstd, None).unwrap())
    }

    #[test]
    fn the_text_is_that_of_the_format() {
        let keyring = Keyring::generate().unwrap();
        let text = format(Scheme::Aes256Gcm).render(&keyring);
        let (body, mac) = split_mac(text.as_bytes());
        assert_eq!(
            std::str::from_utf8(body).unwrap(),
            "format = 1\nid = \"abababababababababababababababab\"\ncreated = \"2026-11-21T09:00:00Z\"\n\
             encryption = \"aes-256-gcm\"\n\n[chunking]\nalgorithm = \"gear-1\"\ngeneration = 1\nmin = 16384\n\
             avg = 65536\nmax = 262144\n\n[compression]\nalgorithm = \"zstd\"\nlevel = 3\n\n[features]\n\
             requires-read = []\nrequires-write = []\nrequires-gc = []\n\n"
        );
        assert_eq!(mac.unwrap().len(), "mac = \"\"\n".len() + 64);
    }

    #[test]
    fn every_setting_comes_back() {
        for scheme in [Scheme::Aes256Gcm, Scheme::None] {
            for algorithm in Algorithm::ALL {
                let keyring = if scheme == Scheme::None { Keyring::public(&ID) } else { Keyring::generate().unwrap() };
                let mut format = format(scheme);
                format.compression = Compression::new(algorithm, None).unwrap();
                format.sizes = Sizes::new(4_096, 32_768, 131_072).unwrap();
                format.generation = 7;
                format.requires_gc = vec!["a".into(), "b\"c".into()];
                let text = format.render(&keyring);
                assert_eq!(Format::parse(text.as_bytes()).unwrap(), format, "{text}");
                check_mac(text.as_bytes(), &keyring).unwrap();
            }
        }
    }

    #[test]
    fn any_changed_byte_is_caught() {
        let keyring = Keyring::generate().unwrap();
        let text = format(Scheme::Aes256Gcm).render(&keyring).into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(check_mac(&changed, &keyring).unwrap_err().code(), Code::ConfigInvalid);
                if let Err(error) = Format::parse(&changed) {
                    assert_eq!(error.code(), Code::ConfigInvalid, "{error}");
                }
            }
            assert!(check_mac(&text[..at], &keyring).is_err());
            let _ = Format::parse(&text[..at]);
        }
        assert!(check_mac(&[text.clone(), b"\n".to_vec()].concat(), &keyring).is_err());
        assert!(check_mac(&text, &Keyring::generate().unwrap()).is_err());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let keyring = Keyring::public(&ID);
        let text = format(Scheme::None).render(&keyring);
        for (from, to) in [
            ("format = 1", "format = 2"),
            ("format = 1", "formal = 1"),
            ("\"none\"", "\"aes-256-gcm\""),
            ("\"none\"", "\"rot13\""),
            ("gear-1", "gear-2"),
            ("zstd", "brotli"),
            ("level = 3", "level = 300"),
            ("avg = 65536", "avg = 65535"),
            ("2026-", "26-"),
            ("abab", "abax"),
            ("requires-gc = []", ""),
        ] {
            let error = Format::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!(error.code(), Code::ConfigInvalid, "{to}");
        }
        let mut later = format(Scheme::None);
        later.requires_gc = vec!["reference-counts".into()];
        let later = Format::parse(later.render(&keyring).as_bytes()).unwrap();
        later.allow(Use::Read).and(later.allow(Use::Write)).unwrap();
        assert!(later.allow(Use::Gc).unwrap_err().to_string().contains("reference-counts"));
    }

    #[test]
    fn a_downgrade_is_refused() {
        let plain = format(Scheme::None);
        plain.refuse_downgrade(false, false).unwrap();
        for (is_pinned, has_secret) in [(true, false), (false, true)] {
            assert_eq!(plain.refuse_downgrade(is_pinned, has_secret).unwrap_err().code(), Code::ConfigInvalid);
            format(Scheme::Aes256Gcm).refuse_downgrade(is_pinned, has_secret).unwrap();
        }
    }

    #[test]
    fn it_is_stored_once() {
        let (backend, keyring) = (MemBackend::new(), Keyring::public(&ID));
        assert_eq!(load(&backend).unwrap_err().code(), Code::ConfigMissing);
        store_new(&backend, &format(Scheme::None), &keyring).unwrap();
        assert_eq!(load(&backend).unwrap().0, format(Scheme::None));
        assert_eq!(store_new(&backend, &format(Scheme::None), &keyring).unwrap_err().code(), Code::ConfigInvalid);
    }
}
