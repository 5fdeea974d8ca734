//! Key slots: `keys/<sha>`, each the keyring wrapped under a passphrase or a key file.
//!
//! Floor 3; FORMAT section 3. There is always a slot that opens: a new one is stored and tried before an old one goes,
//! and the last one stays. Removing a slot does not revoke what its owner has seen.

use crate::backend::Backend;
use crate::clock;
use crate::crypto::keyring::Keyring;
use crate::crypto::slot::{KdfCost, Secret, SlotInfo, SlotKind, slot_info, unwrap_slot, wrap_slot};
use crate::error::{Code, Error, Result, fail};
use crate::fs::{PRIVATE_DIR, PRIVATE_FILE, create_dir_durable, write_durable};
use crate::id::{Id, ShortId};
use crate::object::hash;
use std::collections::BTreeSet;
use std::path::Path;

/// A slot is smaller than this by far; a longer file is not read.
const SLOT_BYTES_MAX: u64 = 1 << 20;
/// Fewer digits than these name no slot.
const PREFIX_DIGITS_MIN: usize = 4;

/// A slot, without what it wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The name of its file.
    pub name: Id,
    /// What it says about itself; nothing of it is authenticated until it is opened.
    pub info: SlotInfo,
}

/// The slots that can be read, by age, and those that cannot, with why.
#[derive(Debug, Default)]
pub struct Slots {
    /// Oldest first.
    pub slots: Vec<Slot>,
    /// Names of files in `keys/` that are no sound slots.
    pub damaged: Vec<(String, Error)>,
}

impl Slots {
    /// The slot with this label, or whose name begins with these digits.
    ///
    /// # Errors
    /// FILE_NOT_FOUND when there is none; INVALID_ARG when there are several.
    pub fn find(&self, text: &str) -> Result<&Slot> {
        let prefix = text.to_ascii_lowercase();
        let is_named =
            |slot: &&Slot| prefix.len() >= PREFIX_DIGITS_MIN && slot.name.to_hex().starts_with(prefix.as_str());
        let mut found: Vec<&Slot> = self.slots.iter().filter(|slot| slot.info.label == text).collect();
        if found.is_empty() {
            found = self.slots.iter().filter(is_named).collect();
        }
        match found.as_slice() {
            [one] => Ok(one),
            [] => fail(Code::FileNotFound, format!("there is no key slot `{text}`")),
            many => {
                let names: Vec<String> = many.iter().map(|slot| slot.name.short()).collect();
                fail(Code::InvalidArg, format!("`{text}` is {} key slots: {}", many.len(), names.join(", ")))
            }
        }
    }
}

/// Wraps the keyring under a secret and stores the slot. The label may be empty.
///
/// # Errors
/// INVALID_ARG for a secret that protects nothing; CONFIG_INVALID for a cost outside its limits or without encryption;
/// FILE_IO, STORAGE_FULL, PERMISSION_DENIED and network codes.
pub fn add_slot(
    backend: &dyn Backend,
    keyring: &Keyring,
    repository: &ShortId,
    secret: Secret<'_>,
    label: &str,
    cost: KdfCost,
) -> Result<Id> {
    let bytes = wrap_slot(keyring, repository, secret, label, clock::now().seconds, cost)?;
    let name = hash(&bytes);
    backend.put_new(&slot_path(&name), &bytes)?;
    Ok(name)
}

/// Everything in `keys/` but the devices.
///
/// # Errors
/// FILE_IO and network codes; a damaged slot is no error here.
pub fn list_slots(backend: &dyn Backend) -> Result<Slots> {
    let mut all = Slots::default();
    for (path, len) in slot_files(backend)? {
        match read_slot(backend, &path, len).and_then(|(name, bytes)| Ok(Slot { name, info: slot_info(&bytes)? })) {
            Ok(slot) => all.slots.push(slot),
            Err(error) if error.is_not_found() => {}
            Err(error) => all.damaged.push((path, error)),
        }
    }
    all.slots.sort_by_key(|slot| (slot.info.created, slot.name));
    Ok(all)
}

/// Tries every slot of the secret's kind; answers the one that opens, and the keyring in it.
///
/// # Errors
/// INVALID_KEY when none opens; STORAGE_CORRUPTED when there is none that could; MEMORY_ALLOC.
pub fn open_slot(backend: &dyn Backend, repository: &ShortId, secret: Secret<'_>) -> Result<(Id, Keyring)> {
    try_slots(backend, repository, secret, None)
}

/// As [`open_slot`], without the one that is known to refuse this secret: to try a passphrase takes half a second.
fn try_slots(
    backend: &dyn Backend,
    repository: &ShortId,
    secret: Secret<'_>,
    refused: Option<Id>,
) -> Result<(Id, Keyring)> {
    let kind = match secret {
        Secret::Passphrase(_) => SlotKind::Passphrase,
        Secret::KeyFile(_) => SlotKind::KeyFile,
    };
    let (mut tried, mut others, mut worst) = (0, 0, None);
    for (path, len) in slot_files(backend)? {
        let read = read_slot(backend, &path, len).and_then(|(name, bytes)| {
            let info = slot_info(&bytes)?;
            Ok((name, bytes, info.kind))
        });
        let (name, bytes) = match read {
            Ok((name, bytes, of)) if of == kind => (name, bytes),
            Ok(_) => {
                others += 1;
                continue;
            }
            Err(error) => {
                worst = Some(error);
                continue;
            }
        };
        tried += 1;
        if refused == Some(name) {
            continue;
        }
        match unwrap_slot(&bytes, repository, secret) {
            Ok(keyring) => return Ok((name, keyring)),
            Err(error) if error.code() == Code::InvalidKey => {}
            Err(error) => worst = Some(error),
        }
    }
    Err(match (worst, tried, others) {
        (Some(error), 0, 0) => error.context("no key slot can be read"),
        (Some(error), ..) if error.code() == Code::MemoryAlloc => error,
        (_, 0, 0) => Error::new(Code::StorageCorrupted, "the repository is encrypted and has no key slot")
            .with_hint("bring back the directory `keys` from a copy of the repository"),
        (_, 0, _) => Error::new(Code::InvalidKey, format!("no slot opens with a {}", kind.name())),
        (_, 1, _) => Error::new(Code::InvalidKey, format!("this {} does not open the repository", kind.name())),
        _ => Error::new(Code::InvalidKey, format!("this {} opens none of {tried} slots", kind.name())),
    })
}

/// The keyring that a secret opens. The slot that did is noted in the file `note`, and tried first the next time: that saves
/// a listing. One that was removed meanwhile is not there, and opens nothing.
///
/// # Errors
/// As [`open_slot`].
pub(super) fn unlock(
    backend: &dyn Backend,
    repository: &ShortId,
    secret: Secret<'_>,
    note: Option<&Path>,
) -> Result<Keyring> {
    let noted = note.and_then(|path| std::fs::read_to_string(path).ok()?.trim().parse::<Id>().ok());
    let mut refused = None;
    if let Some(name) = noted
        && let Ok((_, bytes)) = read_slot(backend, &slot_path(&name), 0)
    {
        match unwrap_slot(&bytes, repository, secret) {
            Ok(keyring) => return Ok(keyring),
            Err(error) => refused = (error.code() == Code::InvalidKey).then_some(name),
        }
    }
    let (name, keyring) = try_slots(backend, repository, secret, refused)?;
    if let Some((path, dir)) = note.and_then(|path| Some((path, path.parent()?))) {
        // Without the note there is a listing more, and nothing else.
        let _ = create_dir_durable(dir, PRIVATE_DIR)
            .and_then(|()| write_durable(path, name.to_hex().as_bytes(), PRIVATE_FILE));
    }
    Ok(keyring)
}

/// Deletes a slot. Hold the repository lock alone, or two who remove at once could remove the last two.
///
/// # Errors
/// FILE_NOT_FOUND when there is no such slot; PERMISSION_DENIED when it is the last that can be read; FILE_IO.
pub fn remove_slot(backend: &dyn Backend, name: &Id) -> Result<()> {
    let all = list_slots(backend)?;
    if backend.stat(&slot_path(name))?.is_none() {
        return fail(Code::FileNotFound, format!("there is no key slot {}", name.short()));
    }
    if !all.slots.iter().any(|slot| slot.name != *name) {
        return Err(Error::new(
            Code::PermissionDenied,
            "the last key slot cannot be removed: nothing could be read again",
        )
        .with_hint("add another first with `larder key add`"));
    }
    backend.delete(&slot_path(name))
}

/// Puts a slot of a new secret, with the old one's label, in the place of `old`. The new one is read back and opened
/// before the old one goes.
///
/// # Errors
/// As [`add_slot`] and [`remove_slot`]; INVALID_KEY when the new slot does not open, with the old one still there.
pub fn change_secret(
    backend: &dyn Backend,
    keyring: &Keyring,
    repository: &ShortId,
    old: &Id,
    secret: Secret<'_>,
    cost: KdfCost,
) -> Result<Id> {
    let slots = list_slots(backend)?.slots;
    let Some(slot) = slots.iter().find(|slot| slot.name == *old) else {
        return fail(Code::FileNotFound, format!("there is no key slot {}", old.short()));
    };
    let name = add_slot(backend, keyring, repository, secret, &slot.info.label, cost)?;
    unwrap_slot(&backend.get(&slot_path(&name))?, repository, secret)?;
    remove_slot(backend, old)?;
    Ok(name)
}

fn slot_path(name: &Id) -> String {
    format!("keys/{name}")
}

/// The names of the files that may be key slots.
///
/// # Errors
/// What listing can answer.
pub(crate) fn slot_names(backend: &dyn Backend) -> Result<BTreeSet<String>> {
    Ok(slot_files(backend)?.into_iter().map(|(path, _)| path).filter(|path| slot_name(path).is_some()).collect())
}

/// Copies every sound key slot as it is, compared with its name before it is stored. Answers how many there are.
///
/// # Errors
/// STORAGE_CORRUPTED where all are damaged; STORAGE_FULL and what a medium answers.
pub(crate) fn copy_slots(from: &dyn Backend, to: &dyn Backend) -> Result<usize> {
    let (mut copied, mut damaged) = (0, None);
    for (path, len) in slot_files(from)?.into_iter().filter(|(path, _)| slot_name(path).is_some()) {
        match read_slot(from, &path, len) {
            Ok((_, bytes)) => to.put(&path, &bytes)?,
            Err(error) if error.code() == Code::StorageCorrupted => {
                damaged = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        }
        copied += 1;
    }
    // Another slot opens what is copied as it opens this one.
    damaged.filter(|_| copied == 0).map_or(Ok(copied), Err)
}

fn slot_name(path: &str) -> Option<Id> {
    path.trim_start_matches("keys/").parse().ok()
}

fn slot_files(backend: &dyn Backend) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    backend.list("keys", &mut |path, len| {
        if !path.starts_with("keys/devices/") {
            files.push((path.to_string(), len));
        }
        Ok(())
    })?;
    files.sort_unstable();
    Ok(files)
}

fn read_slot(backend: &dyn Backend, path: &str, len: u64) -> Result<(Id, Vec<u8>)> {
    let corrupted = |how: &str| Error::new(Code::StorageCorrupted, format!("{path} {how}"));
    let name = slot_name(path).ok_or_else(|| corrupted("is not a key slot"))?;
    if len > SLOT_BYTES_MAX {
        return Err(corrupted("is too long for a key slot"));
    }
    let bytes = backend.get(path)?;
    if hash(&bytes) == name { Ok((name, bytes)) } else { Err(corrupted("is damaged: its name is not its SHA-256")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{MemBackend, Operation, RecordBackend};
    use std::sync::Arc;

    const ID: ShortId = ShortId::new([3; 16]);
    const ONE: Secret<'static> = Secret::KeyFile(b"one key file of thirty-two bytes");
    const TWO: Secret<'static> = Secret::KeyFile(b"two key files, or another of it.");

    fn add(backend: &MemBackend, keyring: &Keyring, secret: Secret<'_>, label: &str) -> Id {
        add_slot(backend, keyring, &ID, secret, label, KdfCost::FLOOR).unwrap()
    }

    fn code<T>(result: Result<T>) -> Code {
        result.err().unwrap().code()
    }

    #[test]
    fn every_slot_opens_the_same_keyring() {
        let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
        assert_eq!(code(open_slot(&backend, &ID, ONE)), Code::StorageCorrupted);
        let one = add(&backend, &keyring, ONE, "laptop");
        assert_eq!(code(open_slot(&backend, &ID, TWO)), Code::InvalidKey);
        assert_eq!(code(open_slot(&backend, &ID, Secret::Passphrase(b"x"))), Code::InvalidKey);
        let two = add(&backend, &keyring, TWO, "safe");
        for (secret, name) in [(ONE, one), (TWO, two)] {
            let (slot, opened) = open_slot(&backend, &ID, secret).unwrap();
            assert_eq!((slot, opened.encode()), (name, keyring.encode()));
        }
        assert_eq!(code(open_slot(&backend, &ShortId::new([4; 16]), ONE)), Code::InvalidKey);
    }

    #[test]
    fn passphrases_open_and_change() {
        let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
        let old = add(&backend, &keyring, Secret::Passphrase(b"old"), "me");
        let new = change_secret(&backend, &keyring, &ID, &old, Secret::Passphrase(b"new"), KdfCost::FLOOR).unwrap();
        let slots = list_slots(&backend).unwrap().slots;
        assert_eq!(slots.iter().map(|slot| (slot.name, slot.info.label.as_str())).collect::<Vec<_>>(), [(new, "me")]);
        assert_eq!(code(unlock(&backend, &ID, Secret::Passphrase(b"old"), None)), Code::InvalidKey);
        assert_eq!(unlock(&backend, &ID, Secret::Passphrase(b"new"), None).unwrap().encode(), keyring.encode());
    }

    #[test]
    fn the_last_slot_stays() {
        let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
        let one = add(&backend, &keyring, ONE, "");
        assert_eq!(code(remove_slot(&backend, &one)), Code::PermissionDenied);
        // A damaged one does not count as another.
        backend.put(&slot_path(&Id::EMPTY), b"damage").unwrap();
        assert_eq!(code(remove_slot(&backend, &one)), Code::PermissionDenied);
        remove_slot(&backend, &Id::EMPTY).unwrap();
        let two = add(&backend, &keyring, TWO, "");
        assert_eq!(code(remove_slot(&backend, &Id::new([1; 32]))), Code::FileNotFound);
        remove_slot(&backend, &one).unwrap();
        assert_eq!(code(remove_slot(&backend, &two)), Code::PermissionDenied);
        assert_eq!(code(change_secret(&backend, &keyring, &ID, &one, ONE, KdfCost::FLOOR)), Code::FileNotFound);
    }

    #[test]
    fn a_damaged_slot_is_told_and_skipped() {
        let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
        let one = add(&backend, &keyring, ONE, "a");
        add(&backend, &keyring, TWO, "b");
        let mut bytes = backend.get(&slot_path(&one)).unwrap();
        bytes[40] ^= 1;
        backend.put(&slot_path(&one), &bytes).unwrap();
        backend.put("keys/devices/x", b"no slot").unwrap();
        let all = list_slots(&backend).unwrap();
        assert_eq!((all.slots.len(), all.damaged.len()), (1, 1));
        assert_eq!(all.damaged[0].1.code(), Code::StorageCorrupted);
        assert_eq!(code(unlock(&backend, &ID, ONE, None)), Code::InvalidKey);
        unlock(&backend, &ID, TWO, None).unwrap();
    }

    #[test]
    fn slots_are_found_by_label_or_prefix() {
        let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
        let one = add(&backend, &keyring, ONE, "home");
        let two = add(&backend, &keyring, TWO, "work");
        add(&backend, &keyring, TWO, "work");
        let all = list_slots(&backend).unwrap();
        assert_eq!(all.find("home").unwrap().name, one);
        assert_eq!(all.find(&two.to_hex()[..12]).unwrap().name, two);
        assert_eq!(code(all.find("work")), Code::InvalidArg);
        assert_eq!(code(all.find("nowhere")), Code::FileNotFound);
    }

    #[test]
    fn the_slot_that_opened_last_is_asked_first_and_no_longer_than_it_is_there() {
        let (record, dir) = (RecordBackend::new(Arc::new(MemBackend::new())), tempfile::tempdir().unwrap());
        let note = dir.path().join("state/slot");
        let keyring = Keyring::generate().unwrap();
        let add = |secret| add_slot(&record, &keyring, &ID, secret, "", KdfCost::FLOOR).unwrap();
        let one = add(ONE);
        add(TWO);
        let lists = |secret, opens: bool| {
            record.take();
            assert_eq!(unlock(&record, &ID, secret, Some(&note)).is_ok(), opens);
            record.count(Operation::List).0
        };
        assert_eq!([lists(ONE, true), lists(ONE, true), lists(TWO, true), lists(TWO, true)], [1, 0, 1, 0]);
        assert_eq!(lists(ONE, true), 1);
        remove_slot(&record, &one).unwrap();
        assert_eq!(lists(ONE, false), 1);
        assert_eq!((lists(TWO, true), lists(TWO, true)), (1, 0));
    }
}
