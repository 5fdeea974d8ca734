//! What a medium really does, found out by doing it.
//!
//! Creating a name that is taken is refused by some media, and by others it silently replaces what was there. Nothing
//! rests on it: names are write-once. But who chooses a medium wants to know.

use super::Backend;
use crate::clock::Stopwatch;
use crate::crypto::seal::random;
use crate::error::{Code, Result, fail};
use crate::id::hex;

/// What is written, and what must not replace it.
const BYTES: [&[u8]; 2] = [b"larder was here\n", b"and then again!\n"];

/// What a medium does with a name that is taken, when it is to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is left as it is.
    Exclusive,
    /// It is left as it is, but the medium cannot be told to: of two that create it at once, both may think they did.
    Looking,
    /// It is replaced, and nobody is told.
    Replacing,
}

impl Creation {
    const ALL: [Creation; 3] = [Creation::Exclusive, Creation::Looking, Creation::Replacing];

    /// The word for it in notes and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Creation::Exclusive => "exclusive",
            Creation::Looking => "looking",
            Creation::Replacing => "replacing",
        }
    }

    /// What a noted word means.
    pub fn of_name(name: &[u8]) -> Option<Creation> {
        Creation::ALL.into_iter().find(|creation| creation.name().as_bytes() == name)
    }

    /// What the medium does, for people.
    pub fn about(self) -> &'static str {
        match self {
            Creation::Exclusive => "refuses a name that is taken",
            Creation::Looking => "looks whether a name is taken, and two at once may both create it",
            Creation::Replacing => "replaces a name that is taken",
        }
    }
}

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How long one small question took, milliseconds.
    pub answer_ms: u64,
    /// What creating does; `None` where nothing may be written.
    pub creation: Option<Creation>,
    /// Whether what was written could be deleted again.
    pub can_delete: bool,
}

/// Writes a small file, reads it back whole and in part, finds it in the listing, creates it again, and deletes it.
///
/// # Errors
/// STORAGE_CORRUPTED when the medium answers other bytes than it was given; the codes of the medium. That it may not be
/// written or deleted from is no failure.
pub fn probe(backend: &dyn Backend) -> Result<Probe> {
    let name = format!("tmp/probe-{}", hex(&random::<8>()?));
    let watch = Stopwatch::start();
    backend.stat(&name)?;
    let mut found = Probe { answer_ms: watch.elapsed_ms(), creation: None, can_delete: false };
    match backend.put_new(&name, BYTES[0]) {
        Err(error) if error.code() == Code::PermissionDenied => return Ok(found),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let looked = look(backend, &name);
    found.can_delete = match backend.delete(&name) {
        Ok(()) => true,
        Err(error) if error.code() == Code::PermissionDenied => false,
        Err(error) => return looked.and(Err(error)),
    };
    found.creation = Some(looked?);
    Ok(found)
}

fn look(backend: &dyn Backend, name: &str) -> Result<Creation> {
    let wrong = |what: &str| fail(Code::StorageCorrupted, format!("{} {what}", backend.location()));
    let (from, len) = (7, 3);
    let in_part = backend.get_range(name, from as u64, len)?;
    if backend.get(name)? != BYTES[0] || in_part != BYTES[0][from..from + len] {
        return wrong("answers other bytes than it was given");
    }
    let mut is_listed = false;
    backend.list("tmp", &mut |found, bytes| {
        is_listed |= found == name && bytes == BYTES[0].len() as u64;
        Ok(())
    })?;
    if !is_listed {
        return wrong("does not list what it was given");
    }
    let is_new = backend.put_new(name, BYTES[1])?;
    let now = backend.get(name)?;
    match (is_new, now.as_slice()) {
        (false, bytes) if bytes == BYTES[0] => {
            Ok(if backend.creates_exclusively() { Creation::Exclusive } else { Creation::Looking })
        }
        (_, bytes) if bytes == BYTES[1] => Ok(Creation::Replacing),
        _ => wrong("says of a name that it was free, and it was not"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{FsBackend, MemBackend};

    #[test]
    fn sound_media_are_found_sound_and_left_clean() {
        let dir = tempfile::tempdir().unwrap();
        let media: [Box<dyn Backend>; 2] = [Box::new(MemBackend::new()), Box::new(FsBackend::new(dir.path()))];
        for medium in media {
            let found = probe(medium.as_ref()).unwrap();
            assert_eq!((found.creation, found.can_delete), (Some(Creation::Exclusive), true));
            medium.list("tmp", &mut |name, _| panic!("{name} was left")).unwrap();
        }
    }
}
