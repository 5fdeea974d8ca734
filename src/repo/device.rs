//! What a client keeps about a repository outside of it: its signing key, what it has seen, whom it trusts.
//!
//! Floor 3; STORAGE sections 1 and 7. A directory by repository id in the user's state, never synced, 0600:
//!
//! | file | what it is |
//! | --- | --- |
//! | `device.key` | the seed of the Ed25519 key that signs this client's root records, 64 hex digits |
//! | `heads` | the highest record seen of each device, see [`Heads`] |
//! | `last` | the last record that this client appended, see [`last`] |
//! | `encrypted` | there when the repository was encrypted: it may not say otherwise later |
//! | `trusted` | devices that are trusted where nothing is encrypted, one a line |
//! | `lock` | held while `heads` or `last` is changed |
//!
//! A lost key is an error and never replaced in silence: records signed by another key would look like another device.

mod last;

use super::format::Format;
use super::roots::{Head, Heads, Seen};
use crate::backend::Backend;
use crate::clock;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::Scheme;
use crate::crypto::sign::{DeviceKey, endorse, read_device};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::fs::{PRIVATE_DIR, PRIVATE_FILE, create_dir_durable, create_durable, open_private, write_durable};
use crate::id::{ShortId, hex, unhex};
use fs2::FileExt;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use zeroize::Zeroizing;

const KEY_FILE: &str = "device.key";
const HEADS_FILE: &str = "heads";
const PIN_FILE: &str = "encrypted";
const TRUST_FILE: &str = "trusted";
const LOCK_FILE: &str = "lock";
/// First line of `heads`.
const HEADS_MAGIC: &str = "larder-heads 1";
/// No file here is longer, in bytes: a million devices would fit.
const STATE_BYTES_MAX: u64 = 128 << 20;

/// The directory of one repository in the user's state.
#[derive(Clone, Debug)]
pub struct ClientState {
    dir: PathBuf,
}

/// While it lives, nobody else changes what is remembered.
pub(crate) struct StateLock {
    _file: File,
}

impl ClientState {
    /// The state about a repository below `states`; nothing is read or made yet.
    pub fn new(states: &Path, repository: &ShortId) -> Self {
        ClientState { dir: states.join(repository.to_hex()) }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What was seen of the chains; nothing, if nothing is remembered.
    ///
    /// # Errors
    /// CONFIG_INVALID when it cannot be understood; FILE_IO, PERMISSION_DENIED.
    pub fn heads(&self) -> Result<Heads> {
        let mut heads = match self.read(HEADS_FILE)? {
            None => Heads::default(),
            Some(text) => parse_heads(&text).ok_or_else(|| {
                let path = self.dir.join(HEADS_FILE);
                Error::new(Code::ConfigInvalid, format!("{} is damaged", path.display())).with_hint(
                    "bring it back from a backup of this machine; without it, an old copy of the repository is not noticed",
                )
            })?,
        };
        self.last()?.add_to(&mut heads);
        Ok(heads)
    }

    /// Remembers what was seen, as a change from what was remembered `before`: what another process has seen
    /// meanwhile is kept.
    ///
    /// # Errors
    /// As [`ClientState::heads`]; STORAGE_FULL.
    pub(crate) fn remember(&self, before: &Heads, seen: &Heads) -> Result<()> {
        if before == seen {
            return Ok(());
        }
        let lock = self.lock()?;
        let mut now = self.heads()?;
        let devices: BTreeSet<ShortId> = before.devices.keys().chain(seen.devices.keys()).copied().collect();
        for device in devices {
            let (was, is) = (before.devices.get(&device), seen.devices.get(&device));
            let others = now.devices.get(&device);
            let higher = |a: &Seen, b: &Seen| if a.head.sequence >= b.head.sequence { *a } else { *b };
            let merged = match (others, is) {
                _ if others == was => is.copied(),
                (Some(others), Some(is)) => Some(higher(others, is)),
                (others, _) => others.copied(),
            };
            match merged {
                Some(seen) => now.devices.insert(device, seen),
                None => now.devices.remove(&device),
            };
        }
        self.save_heads(&now, &lock)
    }

    /// Makes `heads` what is remembered: a step back of this client's own device too.
    pub(crate) fn save_heads(&self, heads: &Heads, lock: &StateLock) -> Result<()> {
        write_durable(&self.dir.join(HEADS_FILE), render_heads(heads).as_bytes(), PRIVATE_FILE)?;
        let mut remembered = heads.clone();
        self.last()?.add_to(&mut remembered);
        if remembered == *heads { Ok(()) } else { self.forget_last(lock) }
    }

    /// Waits until nobody else changes what is remembered. Held for the time of storing one record.
    pub(crate) fn lock(&self) -> Result<StateLock> {
        create_dir_durable(&self.dir, PRIVATE_DIR)?;
        let path = self.dir.join(LOCK_FILE);
        let file = open_private(&path)?;
        file.lock_exclusive().at("lock", &path)?;
        Ok(StateLock { _file: file })
    }

    /// Remembers that the repository is encrypted, once.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
    pub fn pin(&self, format: &Format) -> Result<()> {
        if format.scheme == Scheme::None || self.is_pinned() {
            return Ok(());
        }
        create_dir_durable(&self.dir, PRIVATE_DIR)?;
        create_durable(&self.dir.join(PIN_FILE), b"", PRIVATE_FILE).map(|_| ())
    }

    /// Whether the repository was encrypted when it was last used here.
    pub fn is_pinned(&self) -> bool {
        self.dir.join(PIN_FILE).exists()
    }

    /// The public half of this client's own key, where there is a sound one.
    pub(crate) fn own_public(&self) -> Option<[u8; 32]> {
        read_key(self, &self.dir.join(KEY_FILE)).ok().flatten().map(|key| key.public())
    }

    /// The devices that are trusted where no keyring can endorse them.
    ///
    /// # Errors
    /// CONFIG_INVALID when a line is no device id; FILE_IO.
    pub fn trusted(&self) -> Result<BTreeSet<ShortId>> {
        let text = self.read(TRUST_FILE)?.unwrap_or_default();
        let ids = text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim().parse());
        ids.collect::<Result<_>>().map_err(|error: Error| {
            let path = self.dir.join(TRUST_FILE);
            Error::new(Code::ConfigInvalid, format!("{} is damaged", path.display())).with_source(error)
        })
    }

    /// Trusts a device from now on, or no longer.
    ///
    /// # Errors
    /// As [`ClientState::trusted`]; STORAGE_FULL.
    pub fn set_trusted(&self, device: &ShortId, is_trusted: bool) -> Result<()> {
        let _lock = self.lock()?;
        let mut trusted = self.trusted()?;
        let is_changed = if is_trusted { trusted.insert(*device) } else { trusted.remove(device) };
        if !is_changed {
            return Ok(());
        }
        let text: String = trusted.iter().map(|id| format!("{id}\n")).collect();
        write_durable(&self.dir.join(TRUST_FILE), text.as_bytes(), PRIVATE_FILE)
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>> {
        let path = self.dir.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).at("open", &path),
        };
        let mut text = Zeroizing::new(String::new());
        file.take(STATE_BYTES_MAX).read_to_string(&mut text).at("read", &path)?;
        Ok(Some(text))
    }
}

/// This client as a signer of root records.
pub struct Device {
    /// What it signs with.
    pub key: DeviceKey,
    /// Its name in records.
    pub id: ShortId,
    /// Where its key came from.
    pub state: ClientState,
}

impl Device {
    /// The device that this client writes as: the one it has, or a fresh one if it never wrote. It is published in the
    /// repository. With `make_new` a lost one is replaced, which its user has to want.
    ///
    /// # Errors
    /// CONFIG_MISSING when the key is lost; CONFIG_INVALID when it is damaged or another; PERMISSION_DENIED when others
    /// may read it; FILE_IO, STORAGE_FULL, SYSTEM_ERROR, and network codes.
    pub fn open(
        state: &ClientState,
        backend: &dyn Backend,
        keyring: &Keyring,
        repository: &ShortId,
        make_new: bool,
    ) -> Result<Device> {
        let path = state.dir.join(KEY_FILE);
        let key = match read_key(state, &path)? {
            Some(key) => key,
            None => {
                if state.heads()?.own.is_some() && !make_new {
                    return Err(lost(&path, "is gone"));
                }
                create_key(state, &path)?
            }
        };
        let device = Device { id: key.device_id(), key, state: state.clone() };
        device.claim(&path, make_new)?;
        device.publish(backend, keyring, repository)?;
        Ok(device)
    }

    /// Remembers that this client writes as this device.
    fn claim(&self, path: &Path, make_new: bool) -> Result<()> {
        match self.state.heads()?.own {
            Some(own) if own == self.id => return Ok(()),
            Some(_) if !make_new => return Err(lost(path, "is not the one this client wrote with before")),
            _ => {}
        }
        self.state.set_trusted(&self.id, true)?;
        let lock = self.state.lock()?;
        let mut heads = self.state.heads()?;
        if heads.own.is_some() {
            // What another identity was about to store is no longer ours to settle.
            (heads.pending, heads.is_last_unknown) = (None, false);
        }
        heads.own = Some(self.id);
        self.state.save_heads(&heads, &lock)
    }

    /// Stores the public half, endorsed, unless it is there and sound.
    fn publish(&self, backend: &dyn Backend, keyring: &Keyring, repository: &ShortId) -> Result<()> {
        let (path, public) = (device_path(&self.id), self.key.public());
        let is_there = match backend.get(&path) {
            Ok(bytes) => read_device(&bytes, keyring, repository).is_ok_and(|there| there == public),
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(error),
        };
        if is_there {
            return Ok(());
        }
        backend.put(&path, &endorse(keyring, repository, &public, clock::now().seconds)?)
    }
}

/// Where a device's public key lies.
pub(crate) fn device_path(id: &ShortId) -> String {
    format!("keys/devices/{id}")
}

fn read_key(state: &ClientState, path: &Path) -> Result<Option<DeviceKey>> {
    let Some(text) = state.read(KEY_FILE)? else { return Ok(None) };
    let mode = std::fs::metadata(path).at("look at", path)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::new(Code::PermissionDenied, format!("{} can be read by others", path.display()))
            .with_hint(format!("chmod 600 {}", path.display())));
    }
    let mut seed = Zeroizing::new([0; 32]);
    if unhex(text.trim(), seed.as_mut_slice()) {
        Ok(Some(DeviceKey::from_seed(*seed)))
    } else {
        Err(lost(path, "is damaged"))
    }
}

fn create_key(state: &ClientState, path: &Path) -> Result<DeviceKey> {
    create_dir_durable(&state.dir, PRIVATE_DIR)?;
    let key = DeviceKey::generate()?;
    let mut text = Zeroizing::new(hex(key.seed().as_slice()));
    text.push('\n');
    if create_durable(path, text.as_bytes(), PRIVATE_FILE)? {
        return Ok(key);
    }
    // Another process of this client was faster.
    match read_key(state, path)? {
        Some(key) => Ok(key),
        None => fail(Code::FileIo, format!("{} came and went", path.display())),
    }
}

fn lost(path: &Path, how: &str) -> Error {
    Error::new(Code::ConfigMissing, format!("the device key {} {how}", path.display())).with_hint(
        "bring it back from a backup of this machine, or make a new identity on purpose with `larder key init --new-device`",
    )
}

fn render_heads(heads: &Heads) -> String {
    let mut text = format!("{HEADS_MAGIC}\n");
    if let Some(own) = heads.own {
        text.push_str(&format!("own {own}\n"));
    }
    for (device, Seen { head, accepted_through }) in &heads.devices {
        text.push_str(&format!("head {device} {} {} {accepted_through}\n", head.sequence, head.name));
    }
    text.push_str("end\n");
    text
}

fn parse_heads(text: &str) -> Option<Heads> {
    fn word<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>) -> Option<T> {
        words.next()?.parse().ok()
    }
    let mut lines = text.strip_suffix("end\n")?.lines();
    if lines.next() != Some(HEADS_MAGIC) {
        return None;
    }
    let mut heads = Heads::default();
    for line in lines {
        let words = &mut line.split(' ');
        match words.next()? {
            "own" => heads.own = Some(word(words)?),
            "head" => {
                let (device, sequence, name) = (word(words)?, word(words)?, word(words)?);
                let seen = Seen { head: Head { sequence, name }, accepted_through: word(words)? };
                heads.devices.insert(device, seen);
            }
            _ => return None,
        }
        if words.next().is_some() {
            return None;
        }
    }
    Some(heads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemBackend;
    use crate::id::Id;

    const REPO: ShortId = ShortId::new([5; 16]);

    struct Client {
        _dir: tempfile::TempDir,
        state: ClientState,
        backend: MemBackend,
        keyring: Keyring,
    }

    impl Client {
        fn new() -> Client {
            let dir = tempfile::tempdir().unwrap();
            let state = ClientState::new(&dir.path().join("larder"), &REPO);
            Client { _dir: dir, state, backend: MemBackend::new(), keyring: Keyring::generate().unwrap() }
        }

        fn device(&self, make_new: bool) -> Result<Device> {
            Device::open(&self.state, &self.backend, &self.keyring, &REPO, make_new)
        }

        fn key_path(&self) -> PathBuf {
            self.state.dir.join(KEY_FILE)
        }
    }

    fn code<T>(result: Result<T>) -> Code {
        result.err().unwrap().code()
    }

    #[test]
    fn the_identity_stays_and_is_private_and_published() {
        let client = Client::new();
        let device = client.device(false).unwrap();
        assert_eq!(client.device(false).unwrap().id, device.id);
        let mode = std::fs::metadata(client.key_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let path = device_path(&device.id);
        let published = read_device(&client.backend.get(&path).unwrap(), &client.keyring, &REPO).unwrap();
        assert_eq!(published, device.key.public());
        // A damaged or missing publication is mended by whoever has the key.
        client.backend.put(&path, b"damage").unwrap();
        client.device(false).unwrap();
        read_device(&client.backend.get(&path).unwrap(), &client.keyring, &REPO).unwrap();
    }

    #[test]
    fn a_lost_key_is_no_new_identity_in_silence() {
        let client = Client::new();
        let first = client.device(false).unwrap().id;
        std::fs::remove_file(client.key_path()).unwrap();
        let error = client.device(false).err().unwrap();
        assert_eq!(error.code(), Code::ConfigMissing);
        assert!(error.hint().unwrap().contains("--new-device"));
        assert!(!client.key_path().exists());
        let second = client.device(true).unwrap().id;
        assert_ne!(first, second);
        assert_eq!(client.device(false).unwrap().id, second);
    }

    #[test]
    fn an_exchanged_exposed_or_damaged_key_is_refused() {
        let client = Client::new();
        client.device(false).unwrap();
        let path = client.key_path();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(code(client.device(false)), Code::PermissionDenied);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, hex(&[7; 32])).unwrap();
        assert_eq!(code(client.device(false)), Code::ConfigMissing);
        std::fs::write(&path, "short").unwrap();
        assert_eq!(code(client.device(false)), Code::ConfigMissing);
    }

    #[test]
    fn heads_come_back_or_are_refused() {
        let client = Client::new();
        let head = |sequence| Head { sequence, name: Id::new([sequence as u8; 32]) };
        let mut heads = Heads { own: Some(ShortId::new([1; 16])), ..Heads::default() };
        heads.devices.insert(ShortId::new([1; 16]), Seen { head: head(8), accepted_through: 3 });
        let lock = client.state.lock().unwrap();
        client.state.save_heads(&heads, &lock).unwrap();
        assert_eq!(client.state.heads().unwrap(), heads);
        let text = render_heads(&heads);
        for at in 1..text.len() {
            assert_eq!(parse_heads(&text[..at]), None);
        }
        std::fs::write(client.state.dir.join(HEADS_FILE), "").unwrap();
        assert_eq!(code(client.state.heads()), Code::ConfigInvalid);
    }

    #[test]
    fn two_processes_remember_together() {
        let client = Client::new();
        let seen = |list: &[(u8, u64)]| Heads {
            devices: list
                .iter()
                .map(|(device, sequence)| {
                    let head = Head { sequence: *sequence, name: Id::EMPTY };
                    (ShortId::new([*device; 16]), Seen { head, accepted_through: 0 })
                })
                .collect(),
            ..Heads::default()
        };
        let none = Heads::default();
        client.state.remember(&none, &seen(&[(1, 5), (2, 5)])).unwrap();
        client.state.remember(&none, &seen(&[(1, 3), (2, 7), (3, 1)])).unwrap();
        assert_eq!(client.state.heads().unwrap(), seen(&[(1, 5), (2, 7), (3, 1)]));
        // A step back that was accepted is a step back, unless another moved on meanwhile.
        client.state.remember(&seen(&[(1, 5), (2, 6)]), &seen(&[(1, 2), (2, 1)])).unwrap();
        assert_eq!(client.state.heads().unwrap(), seen(&[(1, 2), (2, 7), (3, 1)]));
    }

    #[test]
    fn the_pin_and_the_trusted() {
        let client = Client::new();
        assert!(!client.state.is_pinned());
        assert!(client.state.trusted().unwrap().is_empty());
        let id = client.device(false).unwrap().id;
        assert!(client.state.trusted().unwrap().contains(&id));
        client.state.set_trusted(&REPO, true).unwrap();
        client.state.set_trusted(&id, false).unwrap();
        assert_eq!(client.state.trusted().unwrap(), BTreeSet::from([REPO]));
    }
}
