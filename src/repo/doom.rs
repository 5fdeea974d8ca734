//! Doom records: what a gc means to delete, said before it does. `gc/<sha>`, of this replica alone.
//!
//! Floor 3; FORMAT section 10, STORAGE section 8.2. A writer that begins after a doom keeps clear of what it names; sweep waits for
//! those that began before.

use crate::backend::Backend;
use crate::cbor::Fields;
use crate::clock;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{FileType, open_small, seal_small};
use crate::error::{Class, Code, Error, Result, fail};
use crate::id::{Id, ShortId};
use crate::object::hash;

const WHAT: &str = "doom record";
const VERSION: u64 = 1;

/// What a gc found to be needed no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doom {
    /// The SHA-256 of its file, by which leases name it.
    pub name: Id,
    /// Packs that nothing reachable needs, or whose living entries stand in other packs by now.
    pub packs: Vec<Id>,
    /// Segments that others say the same as.
    pub segments: Vec<Id>,
    /// Root records that forget records name.
    pub roots: Vec<Id>,
    /// One more than the highest that was there when it was made.
    pub number: u64,
    /// When it was made, Unix seconds, for people.
    pub time_seconds: i64,
}

/// The dooms of a replica.
#[derive(Debug, Default)]
pub struct Dooms {
    /// Those that can be read, by number.
    pub dooms: Vec<Doom>,
    /// Those that cannot: nobody sweeps by them, so nobody needs to keep clear.
    pub damaged: Vec<(Id, Error)>,
}

impl Dooms {
    /// The highest number; 0 when there is none.
    pub fn highest(&self) -> u64 {
        self.dooms.iter().map(|doom| doom.number).max().unwrap_or(0)
    }

    /// Lists what is doomed.
    ///
    /// # Errors
    /// FILE_IO and network codes; a damaged record is no error here.
    pub fn list(backend: &dyn Backend, keyring: &Keyring, repository: &ShortId) -> Result<Dooms> {
        let mut names = Vec::new();
        backend.list("gc", &mut |path, _| {
            names.extend(path.strip_prefix("gc/").and_then(|name| name.parse::<Id>().ok()));
            Ok(())
        })?;
        let mut all = Dooms::default();
        for name in names {
            let read = backend.get(&doom_path(&name)).and_then(|bytes| Doom::open(name, &bytes, keyring, repository));
            match read {
                Ok(doom) => all.dooms.push(doom),
                Err(error) if error.code() == Code::FileNotFound => {}
                Err(error) if matches!(error.class(), Class::Damaged | Class::WrongKey) => {
                    all.damaged.push((name, error));
                }
                Err(error) => return Err(error),
            }
        }
        all.dooms.sort_by_key(|doom| (doom.number, doom.name));
        Ok(all)
    }
}

impl Doom {
    /// Stores a doom record: durable on return, and from then on seen by every writer that begins.
    ///
    /// # Errors
    /// ENCRYPTION_FAILED, FILE_IO, STORAGE_FULL and network codes.
    pub fn publish(
        backend: &dyn Backend,
        keyring: &Keyring,
        repository: &ShortId,
        packs: Vec<Id>,
        segments: Vec<Id>,
        roots: Vec<Id>,
    ) -> Result<Doom> {
        let number = Dooms::list(backend, keyring, repository)?.highest().saturating_add(1);
        let time_seconds = clock::now().seconds;
        let mut doom = Doom { name: Id::EMPTY, packs, segments, roots, number, time_seconds };
        let bytes = seal_small(FileType::Doom, keyring, repository, &doom.encode())?;
        doom.name = hash(&bytes);
        backend.put_new(&doom_path(&doom.name), &bytes)?;
        Ok(doom)
    }

    /// Deletes the record, after all that it names is gone or revived.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED and network codes.
    pub fn remove(&self, backend: &dyn Backend) -> Result<()> {
        backend.delete(&doom_path(&self.name))
    }

    fn encode(&self) -> Vec<u8> {
        let mut fields = Fields::new();
        fields.put(0, VERSION);
        fields.put(1, &self.packs);
        fields.put(2, &self.segments);
        fields.put(3, &self.roots);
        fields.put(4, self.number);
        fields.put(5, self.time_seconds);
        fields.encode()
    }

    fn open(name: Id, bytes: &[u8], keyring: &Keyring, repository: &ShortId) -> Result<Doom> {
        if hash(bytes) != name {
            return fail(Code::StorageCorrupted, format!("doom record {name} is damaged: its name is not its SHA-256"));
        }
        let mut fields = Fields::decode(&open_small(FileType::Doom, keyring, repository, bytes)?, WHAT)?;
        if fields.need::<u64>(0, WHAT)? != VERSION {
            return fail(Code::StorageCorrupted, "a doom record has a version that this program does not know");
        }
        Ok(Doom {
            name,
            packs: fields.need(1, WHAT)?,
            segments: fields.need(2, WHAT)?,
            roots: fields.need(3, WHAT)?,
            number: fields.need(4, WHAT)?,
            time_seconds: fields.need(5, WHAT)?,
        })
    }
}

fn doom_path(name: &Id) -> String {
    format!("gc/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemBackend;

    const REPO: ShortId = ShortId::new([5; 16]);

    #[test]
    fn dooms_come_back_in_order_and_go() {
        let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
        let id = |n| Id::new([n; 32]);
        let publish = |n| Doom::publish(&backend, &keyring, &REPO, vec![id(n)], vec![id(n + 1)], vec![]).unwrap();
        let (one, two) = (publish(1), publish(2));
        assert_eq!((one.number, two.number), (1, 2));
        let listed = Dooms::list(&backend, &keyring, &REPO).unwrap();
        assert_eq!(listed.dooms, [one.clone(), two.clone()]);
        one.remove(&backend).unwrap();
        backend.put(&doom_path(&id(9)), b"damage").unwrap();
        let listed = Dooms::list(&backend, &keyring, &REPO).unwrap();
        assert_eq!((listed.highest(), listed.damaged[0].0), (2, id(9)));
        assert_eq!(publish(3).number, 3);
    }
}
