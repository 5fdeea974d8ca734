//! Root records on a medium: written, read, damaged, taken away, put in from elsewhere.

use super::*;
use crate::backend::{Backend, MemBackend};
use crate::crypto::keyring::Keyring;
use crate::error::Error;
use crate::repo::device::{ClientState, Device, device_path};
use crate::repo::records::{FORGET, Forget, Forgotten, SNAPSHOT};
use std::collections::HashMap;

const REPO: ShortId = ShortId::new([5; 16]);
const TIME: Time = Time::from_seconds(5);

#[test]
fn a_root_comes_back() {
    let root = Root {
        name: Id::EMPTY,
        record_type: 1,
        device: ShortId::new([1; 16]),
        sequence: 7,
        previous: Some(Id::new([2; 32])),
        time: TIME,
        body: Fields::new().encode(),
        is_trusted: false,
        lease: None,
    };
    assert_eq!(Root::decode(Id::EMPTY, &root.encode()).unwrap(), root);
    for (sequence, previous) in [(1, root.previous), (2, None), (0, None)] {
        let wrong = Root { sequence, previous, ..root.clone() };
        assert_eq!(Root::decode(Id::EMPTY, &wrong.encode()).unwrap_err().code(), Code::StorageCorrupted);
    }
}

/// One client of a repository.
struct Client<'a> {
    _dir: tempfile::TempDir,
    state: ClientState,
    backend: &'a MemBackend,
    keyring: &'a Keyring,
}

impl<'a> Client<'a> {
    fn new(backend: &'a MemBackend, keyring: &'a Keyring) -> Client<'a> {
        let dir = tempfile::tempdir().unwrap();
        Client { state: ClientState::new(dir.path(), &REPO), _dir: dir, backend, keyring }
    }

    fn store(&self) -> RootStore<'_> {
        RootStore { backend: self.backend, keyring: self.keyring, repository: &REPO, state: &self.state }
    }

    fn device(&self) -> Device {
        Device::open(&self.state, self.backend, self.keyring, &REPO, false).unwrap()
    }

    fn append(&self) -> Root {
        self.append_as(SNAPSHOT, &Fields::new().encode())
    }

    fn append_as(&self, record_type: u8, body: &[u8]) -> Root {
        self.store().append(&self.device(), record_type, body, TIME, None).unwrap()
    }

    fn load(&self) -> Result<Loaded> {
        self.store().load_checked(HashMap::new(), false)
    }

    fn sequences(&self) -> Vec<u64> {
        let mut list: Vec<u64> = self.load().unwrap().roots.iter().map(|root| root.sequence).collect();
        list.sort_unstable();
        list
    }
}

fn path(root: &Root) -> String {
    format!("roots/{}", root.name)
}

fn code<T>(result: Result<T>) -> Code {
    result.err().unwrap().code()
}

/// All files below a prefix, as an attacker copies them.
fn copy_of(backend: &MemBackend, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut names = Vec::new();
    backend
        .list(prefix, &mut |name, _| {
            names.push(name.to_string());
            Ok(())
        })
        .unwrap();
    names.into_iter().map(|name| (name.clone(), backend.get(&name).unwrap())).collect()
}

fn play_back(backend: &MemBackend, prefix: &str, copy: &[(String, Vec<u8>)]) {
    for (name, _) in copy_of(backend, prefix) {
        backend.delete(&name).unwrap();
    }
    for (name, bytes) in copy {
        backend.put(name, bytes).unwrap();
    }
}

#[test]
fn what_is_appended_is_read_by_all() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let (one, two) = (Client::new(&backend, &keyring), Client::new(&backend, &keyring));
    let first = one.append();
    let second = one.append();
    assert_eq!((first.sequence, first.previous), (1, None));
    assert_eq!((second.sequence, second.previous), (2, Some(first.name)));
    assert_eq!(two.append().sequence, 1);
    let mut found = two.load().unwrap();
    found.roots.retain(|root| root.device == first.device);
    found.roots.sort_by_key(|root| root.sequence);
    assert_eq!(found.roots, [first.clone(), second]);
    // What is known is not read again.
    let known = HashMap::from([(first.name, first.clone())]);
    backend.put(&path(&first), b"damaged meanwhile").unwrap();
    assert_eq!(two.store().load(known).unwrap().damaged.len(), 0);
    assert_eq!(two.store().load(HashMap::new()).unwrap().damaged.len(), 1);
}

#[test]
fn many_records_are_read_by_several_threads() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    let device = one.device();
    for _ in 0..100 {
        one.store().append(&device, SNAPSHOT, &Fields::new().encode(), TIME, None).unwrap();
    }
    assert_eq!(one.sequences(), (1..=100).collect::<Vec<_>>());
}

#[test]
fn an_old_copy_of_roots_is_caught() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let (one, two) = (Client::new(&backend, &keyring), Client::new(&backend, &keyring));
    one.append();
    let old = copy_of(&backend, "roots");
    one.append();
    two.load().unwrap();
    play_back(&backend, "roots", &old);
    for client in [&one, &two] {
        assert_eq!(code(client.load()), Code::RollbackDetected);
        assert_eq!(client.store().inspect().unwrap().1.len(), 1);
    }
    let newcomer = Client::new(&backend, &keyring);
    assert_eq!(newcomer.sequences(), [1], "who comes for the first time cannot know");
    for client in [&one, &two] {
        client.store().load_checked(HashMap::new(), true).unwrap();
        assert_eq!(client.sequences(), [1]);
    }
    assert_eq!(one.append().sequence, 2);
    assert_eq!(two.sequences(), [1, 2]);
}

#[test]
fn a_missing_file_is_a_gap_unless_forgotten() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    let roots: Vec<Root> = (0..4).map(|_| one.append()).collect();
    backend.delete(&path(&roots[1])).unwrap();
    for client in [&one, &Client::new(&backend, &keyring)] {
        assert_eq!(code(client.load()), Code::RollbackDetected);
    }
    let gone = |root: &Root| Forgotten { name: root.name, device: root.device, sequence: root.sequence };
    one.append_as(FORGET, &Forget::new(vec![gone(&roots[1]), gone(&roots[3])]).encode());
    backend.delete(&path(&roots[3])).unwrap();
    assert_eq!(one.sequences(), [1, 3, 5]);
}

#[test]
fn damage_is_listed_and_stops_nothing() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    let roots: Vec<Root> = (0..4).map(|_| one.append()).collect();
    let flipped = &roots[1];
    let mut bytes = backend.get(&path(flipped)).unwrap();
    bytes[150] ^= 1;
    backend.put(&path(flipped), &bytes).unwrap();
    let cut = &roots[3];
    let bytes = backend.get(&path(cut)).unwrap();
    backend.put(&path(cut), &bytes[..100]).unwrap();
    backend.put("roots/.DS_Store", b"not ours").unwrap();
    let loaded = one.load().unwrap();
    let mut damaged: Vec<Id> = loaded.damaged.iter().map(|(name, _)| *name).collect();
    damaged.sort_unstable();
    let mut expected = vec![flipped.name, cut.name];
    expected.sort_unstable();
    assert_eq!((loaded.roots.len(), damaged), (2, expected));
    assert!(loaded.damaged.iter().all(|(_, error)| error.code() == Code::StorageCorrupted));
    // The chain goes on behind the damage.
    assert_eq!(one.append().sequence, 5);
    assert_eq!(one.sequences(), [1, 3, 5]);
}

#[test]
fn strangers_and_false_signatures_do_not_count() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    let root = one.append();
    // A device that this keyring did not endorse: its record is sealed with the right key all the same.
    let stranger_keys = Keyring::generate().unwrap();
    let stranger = Client::new(&backend, &keyring);
    let foreign = stranger.append();
    let endorsed_elsewhere = crate::crypto::sign::endorse(&stranger_keys, &REPO, &stranger.device().key.public(), 1);
    backend.put(&device_path(&foreign.device), &endorsed_elsewhere.unwrap()).unwrap();
    // A record that names one device and is signed by another.
    let signed = Root { device: root.device, sequence: 2, previous: Some(root.name), ..root.clone() }.encode();
    let signature = stranger.state_key().sign(&[b"larder/root/v1\0", &REPO.as_bytes()[..], &signed].concat());
    let raw = crate::cbor::encoded((
        <&minicbor::bytes::ByteSlice>::from(&signed[..]),
        minicbor::bytes::ByteArray::from(signature),
    ));
    let bytes = crate::crypto::seal::seal_small(crate::crypto::seal::FileType::Root, &keyring, &REPO, &raw).unwrap();
    let forged = crate::object::hash(&bytes);
    backend.put(&format!("roots/{forged}"), &bytes).unwrap();

    let loaded = one.load().unwrap();
    assert_eq!(loaded.roots, [root]);
    let codes: HashMap<Id, Code> = loaded.damaged.iter().map(|(name, error)| (*name, Error::code(error))).collect();
    assert_eq!(codes, HashMap::from([(foreign.name, Code::InvalidSignature), (forged, Code::InvalidSignature)]));
}

impl Client<'_> {
    fn state_key(&self) -> crate::crypto::sign::DeviceKey {
        let text = std::fs::read_to_string(self.state.dir().join("device.key")).unwrap();
        let mut seed = [0; 32];
        assert!(crate::id::unhex(text.trim(), &mut seed));
        crate::crypto::sign::DeviceKey::from_seed(seed)
    }
}

#[test]
fn a_record_of_another_repository_does_not_open() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    one.append();
    let other = ShortId::new([6; 16]);
    let loaded = RootStore { repository: &other, ..one.store() }.load(HashMap::new()).unwrap();
    assert_eq!((loaded.roots.len(), loaded.damaged.len()), (0, 1));
}

#[test]
fn a_crash_around_storing_leaves_one_record_a_place() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    let first = one.append();
    let second = one.append();
    let head = |root: &Root| Head { sequence: root.sequence, name: root.name };
    let device = one.device().id;
    // It ended after the record was stored, and before that was noted.
    let lock = one.state.lock().unwrap();
    one.state.note_pending(&device, Some(head(&first)), head(&second), &lock).unwrap();
    drop(lock);
    assert_eq!(one.sequences(), [1, 2]);
    let third = one.append();
    assert_eq!((third.sequence, third.previous), (3, Some(second.name)));
    // It ended before the record was stored.
    let lock = one.state.lock().unwrap();
    let never = Head { sequence: 4, name: Id::EMPTY };
    one.state.note_pending(&device, Some(head(&third)), never, &lock).unwrap();
    drop(lock);
    assert_eq!(one.sequences(), [1, 2, 3]);
    assert_eq!(one.append().previous, Some(third.name));
    // The note itself was hurt.
    std::fs::write(one.state.dir().join("last"), "hurt").unwrap();
    assert_eq!(one.sequences(), [1, 2, 3, 4]);
    assert_eq!(one.append().sequence, 5);
    assert_eq!(first.previous, None);
}

#[test]
fn a_client_that_lost_its_heads_goes_on_from_what_is_stored() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    one.append();
    let second = one.append();
    std::fs::remove_file(one.state.dir().join("heads")).unwrap();
    std::fs::remove_file(one.state.dir().join("last")).unwrap();
    let third = one.append();
    assert_eq!((third.sequence, third.previous), (3, Some(second.name)));
}

#[test]
fn the_last_record_of_its_own_is_missed_before_any_other_was_read() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    one.append();
    let second = one.append();
    backend.delete(&path(&second)).unwrap();
    assert_eq!(code(one.load()), Code::RollbackDetected);
    one.store().load_checked(HashMap::new(), true).unwrap();
    assert_eq!(one.sequences(), [1]);
    assert_eq!(one.append().sequence, 2);
    assert_eq!(one.sequences(), [1, 2]);
}

#[test]
fn appending_at_once_gives_every_record_its_place() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| drop(one.append())));
        }
        for _ in 0..20 {
            one.load().unwrap();
        }
    });
    assert_eq!(one.sequences(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_withdrawn_record_leaves_no_gap() {
    let (backend, keyring) = (MemBackend::new(), Keyring::generate().unwrap());
    let one = Client::new(&backend, &keyring);
    one.append();
    let second = one.append();
    one.store().withdraw(&one.device(), &second, TIME).unwrap();
    assert_eq!(one.sequences(), [1, 3]);
}

#[test]
fn without_encryption_each_client_trusts_by_its_list() {
    let (backend, keyring) = (MemBackend::new(), Keyring::public(&REPO));
    let (one, two) = (Client::new(&backend, &keyring), Client::new(&backend, &keyring));
    let (ours, theirs) = (one.append(), two.append());
    let trust = |client: &Client<'_>| -> HashMap<Id, bool> {
        client.load().unwrap().roots.iter().map(|root| (root.name, root.is_trusted)).collect()
    };
    assert_eq!(trust(&one), HashMap::from([(ours.name, true), (theirs.name, false)]));
    one.state.set_trusted(&theirs.device, true).unwrap();
    assert_eq!(trust(&one), HashMap::from([(ours.name, true), (theirs.name, true)]));
}
