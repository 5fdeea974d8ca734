//! The vectors of `testdata/vectors`, which another implementation wrote from docs/FORMAT.md.

use super::keyring::{Keyring, Purpose};
use super::seal::{Domain, FileCipher, FileType, Header, Scheme, open_small, padme};
use super::sign::{DeviceKey, config_mac, endorse, read_device, verify};
use super::slot::{KdfCost, Secret, SlotKind, slot_info, unwrap_slot, wrap_with};
use super::small::assemble;
use crate::id::{ShortId, unhex};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A file of vectors by its text.
pub(crate) fn vectors(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The bytes that a vector has in hexadecimal digits.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a text");
    let mut out = vec![0; text.len() / 2];
    assert!(unhex(text, &mut out), "{text}");
    out
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("so many bytes")
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// `stream` of `make.py`: bytes that look random.
pub(crate) fn stream(seed: &str, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 32);
    for counter in 0u64.. {
        if out.len() >= length {
            break;
        }
        out.extend(Sha256::new().chain_update(seed).chain_update(counter.to_le_bytes()).finalize());
    }
    out.truncate(length);
    out
}

fn repo(value: &Value) -> ShortId {
    ShortId::new(array(&value["repository"]))
}

fn ring(value: &Value) -> Keyring {
    Keyring::decode(&bytes(&value["keyring"])).expect("a keyring")
}

#[test]
fn keyrings_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/keyring.json"));
    let ring = Keyring::decode(&bytes(&all["bytes"])).expect("a keyring");
    assert_eq!(*ring.encode(), bytes(&all["bytes"]));
    for (info, key) in ring.list().iter().zip(list(&all["keys"])) {
        let told = (number(&key["epoch"]), u64::from(info.purpose.code()), key["writable"] == Value::Bool(true));
        assert_eq!((info.epoch, number(&key["purpose"]), info.is_writable), told);
        assert_eq!(info.id, ShortId::new(array(&key["id"])));
        let held = match info.purpose {
            Purpose::Seal => ring.seal_key_by_id(&info.id),
            Purpose::Endorse => ring.endorse_seed_by_id(&info.id),
            Purpose::Chunking => Some(ring.chunking_key()),
            Purpose::ChunkIds => Some(ring.chunk_id_key()),
            _ => ring.config_key(),
        };
        assert!(held == Some(&array(&key["key"])), "{info:?}");
    }
    let rotated = Keyring::decode(&bytes(&all["rotated"]["bytes"])).expect("a keyring");
    assert_eq!(rotated.seal_key().map(|(id, _)| id), Some(ShortId::new(array(&all["rotated"]["seal_key_id"]))));
    assert_eq!(*rotated.encode(), bytes(&all["rotated"]["bytes"]), "a key of unknown purpose stays");
    let public = Keyring::public(&repo(&all["public"]));
    assert_eq!(*public.chunking_key(), array(&all["public"]["chunking"]));
    assert_eq!(*public.chunk_id_key(), array(&all["public"]["chunk_ids"]));
}

#[test]
fn slots_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/slots.json"));
    for case in list(&all["cases"]) {
        let (slot, secret) = (bytes(&case["bytes"]), bytes(&case["secret"]));
        let cost = case["cost"].as_array().map(|cost| {
            let number = |index: usize| number(&cost[index]) as u32;
            KdfCost { t: number(0), m_kib: number(1), p: number(2) }
        });
        let secret = match case["kind"].as_str() {
            Some("passphrase") => Secret::Passphrase(&secret),
            _ => Secret::KeyFile(&secret),
        };
        let info = slot_info(&slot).expect("info");
        assert_eq!((info.kind.name(), info.kdf), (case["kind"].as_str().expect("a kind"), cost));
        let opened = unwrap_slot(&slot, &repo(&all), secret).map(|ring| ring.encode());
        assert!(*opened.expect("opened") == bytes(&all["keyring"]));
        let is_cheap = info.kind == SlotKind::KeyFile || cost != Some(KdfCost::FLOOR);
        if is_cheap {
            let (salt, nonce) = (array(&case["salt"]), array(&case["nonce"]));
            let cost = cost.unwrap_or(KdfCost::FLOOR);
            let again = wrap_with(&ring(&all), &repo(&all), secret, &info.label, info.created, cost, salt, nonce);
            assert_eq!(again.expect("a slot"), slot);
        }
    }
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/signatures.json"));
    let device = DeviceKey::from_seed(array(&all["device"]["seed"]));
    assert_eq!(device.public(), array(&all["device"]["public"]));
    assert_eq!(device.device_id(), ShortId::new(array(&all["device"]["id"])));
    let (message, signature) = (bytes(&all["signed"]["message"]), array(&all["signed"]["signature"]));
    assert_eq!(device.sign(&message), signature);
    assert!(verify(&device.public(), &message, &signature).is_ok());
    let created = number(&all["created"]) as i64;
    for (ring, name) in [(ring(&all), "endorsed"), (Keyring::public(&repo(&all)), "without_encryption")] {
        let record = endorse(&ring, &repo(&all), &device.public(), created).expect("a record");
        assert_eq!(record, bytes(&all[name]));
        assert_eq!(read_device(&record, &ring, &repo(&all)).expect("a device"), device.public());
    }
    assert_eq!(config_mac(&ring(&all), &bytes(&all["config"]["text"])), array(&all["config"]["mac"]));
}

#[test]
fn sealed_files_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/sealed.json"));
    let repo = repo(&all);
    for case in list(&all["files"]) {
        let file_type = FileType::from_code(number(&case["file_type"]) as u8).expect("a file type");
        let scheme = Scheme::from_code(number(&case["scheme"]) as u8).expect("a scheme");
        let ring = if scheme == Scheme::None { Keyring::public(&repo) } else { ring(&all) };
        let salt = array(&case["salt"]);
        let (cipher, header) = FileCipher::create_with_salt(file_type, &ring, &repo, salt).expect("a cipher");
        assert_eq!(header.encode(), bytes(&case["header"]));
        assert_eq!(Header::decode(&bytes(&case["header"])).expect("a header"), header);
        for piece in list(&case["pieces"]) {
            let domain = [Domain::Frame, Domain::Directory, Domain::Trailer][number(&piece["domain"]) as usize - 1];
            let (ordinal, plain, sealed) = (number(&piece["ordinal"]), bytes(&piece["plain"]), bytes(&piece["sealed"]));
            assert_eq!(cipher.seal(domain, ordinal, &plain).expect("sealed"), sealed);
            assert_eq!(cipher.open_bytes(domain, ordinal, &sealed).expect("opened"), plain);
        }
        let (raw, whole) = (bytes(&case["small"]["raw"]), bytes(&case["small"]["bytes"]));
        let padding = bytes(&case["small"]["padding"]);
        let assembled = assemble(&cipher, &header, &raw, |out| {
            out.copy_from_slice(&padding);
            Ok(())
        });
        assert_eq!(assembled.expect("a file"), whole);
        assert_eq!(open_small(file_type, &ring, &repo, &whole).expect("a record"), raw);
        let packed = open_small(file_type, &ring, &repo, &bytes(&case["packed"]["bytes"]));
        assert_eq!(packed.expect("a record"), bytes(&case["packed"]["raw"]));
    }
    for pair in list(&all["padme"]) {
        assert_eq!(padme(number(&pair[0])), number(&pair[1]), "{pair}");
    }
}
