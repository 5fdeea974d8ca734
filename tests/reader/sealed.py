"""Keys and sealed files, sections 3 and 4 of docs/FORMAT.md."""

import struct
from dataclasses import dataclass

import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from encoding import Damaged, cbor, get, need, unwrap, without

PACK, SEGMENT, ROOT, LEASE, DOOM = 1, 2, 3, 4, 5
FRAME, DIRECTORY, TRAILER = 1, 2, 3
PURPOSE_SEAL, PURPOSE_ENDORSE, PURPOSE_CHUNKING, PURPOSE_CHUNK_IDS, PURPOSE_CONFIG = 1, 2, 3, 4, 5
HEADER_BYTES = 91


@dataclass(frozen=True)
class Key:
    """One key of the keyring."""

    epoch: int
    id: bytes
    purpose: int
    key: bytes


class Keyring:
    """The keys of an encrypted repository."""

    def __init__(self, data):
        record = cbor(data)
        need(get(record, 0, int) == 1, "a keyring of another version")
        self.keys = []
        for epoch, key_id, purpose, key, writable in get(record, 1, list):
            need(len(key_id) == 16 and len(key) == 32 and type(writable) is bool, "a malformed key")
            self.keys.append(Key(epoch, key_id, purpose, key))

    def by_id(self, purpose, key_id):
        """The key of this purpose and id."""
        for key in self.keys:
            if (key.purpose, key.id) == (purpose, key_id):
                return key.key
        raise Damaged(f"no key {key_id.hex()} of purpose {purpose} in the keyring")

    def newest(self, purpose):
        """The key of this purpose with the highest epoch."""
        keys = [key for key in self.keys if key.purpose == purpose]
        need(keys, f"no key of purpose {purpose} in the keyring")
        return max(keys, key=lambda key: key.epoch).key


def hkdf(salt, material, info, length):
    """HKDF-SHA256."""
    return HKDF(SHA256(), length, salt, info).derive(material)


def derive(context, material, length=32):
    """BLAKE3 in its mode of deriving keys."""
    return blake3.blake3(material, derive_key_context=context).digest(length=length)


def open_slot(data, repository_id, passphrase, key_file):
    """The keyring in a slot, or None if the secret at hand is of another kind or does not open it."""
    slot = cbor(data)
    need((get(slot, 0, str), get(slot, 1, int)) == ("larder-slot", 1), "not a key slot")
    need(get(slot, 9, bytes, 16) == repository_id, "a key slot of another repository")
    kind, salt = get(slot, 2, int), get(slot, 4, bytes, 16)
    secret = {1: passphrase, 2: key_file}.get(kind)
    if secret is None:
        return None
    if kind == 1:
        passes, memory_kib, lanes = get(slot, 3, list, 3)
        need(passes <= 64 and memory_kib <= 4 << 20 and lanes <= 64, "a key slot that costs too much to open")
        wrapping = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib).derive(secret)
    else:
        wrapping = hkdf(salt, secret, b"larder/keyfile/v1", 32)
    try:
        return Keyring(AESGCM(wrapping).decrypt(get(slot, 5, bytes, 12), get(slot, 6, bytes), without(slot, 6)))
    except InvalidTag:
        return None


@dataclass
class Device:
    """A device's public key, and who endorsed it (None in a repository without encryption)."""

    public: bytes
    endorser: bytes | None


def padme(length):
    """The length that PADME rounds a length up to."""
    exponent = length.bit_length() - 1
    granule = 1 << (exponent - exponent.bit_length())
    return -(-length // granule) * granule


class SealedFile:
    """A pack, segment, root record, lease or doom: header, frames, directory, padding, trailer."""

    def __init__(self, data, file_type, repository):
        need(len(data) >= HEADER_BYTES, "a sealed file shorter than its header")
        magic, kind, version, self.scheme, self.key_id, self.salt, commitment, envelope = struct.unpack_from(
            "<6sBBB16s32s32sH", data
        )
        need(magic == b"larder" and version == 1 and envelope == 0, "not a sealed file of format 1")
        need(kind == file_type, f"a sealed file of type {kind}, not {file_type}")
        need(self.scheme == (1 if repository.keyring else 0), "sealed by another scheme than the repository's")
        self.data, self.bound = data, bytes(data[:25]) + repository.id
        if self.scheme:
            material = repository.keyring.by_id(PURPOSE_SEAL, self.key_id)
            keys = hkdf(self.salt, material, b"larder/file/v1" + repository.id + bytes([file_type]), 64)
            need(keys[32:] == commitment, "the key commitment differs")
            self.cipher = AESGCM(keys[:32])
        else:
            need(not any(self.key_id + commitment), "a key in a file that is not encrypted")
        trailer_bytes = 40 if self.scheme else 24
        self.end = len(data) - trailer_bytes
        trailer = self.piece(TRAILER, 0, self.end, trailer_bytes)
        self.directory_at, self.directory_bytes, self.frame_count, flags = struct.unpack("<QQII", trailer)
        need(flags == 0, "unknown flags in a trailer")
        self.check_length(trailer_bytes)

    def check_length(self, trailer_bytes):
        """The file has the PADME length of its contents, or without encryption exactly theirs."""
        length = self.directory_at + self.directory_bytes + trailer_bytes
        need(len(self.data) == (padme(length) if self.scheme else length), "not the PADME length of its contents")

    def piece(self, domain, ordinal, at, size):
        """The plaintext of the sealed piece at this place."""
        need(at >= HEADER_BYTES and at + size <= self.end + 40 * (domain == TRAILER), "a piece outside of its file")
        sealed = bytes(self.data[at : at + size])
        need(len(sealed) == size, "a piece outside of its file")
        if not self.scheme:
            return sealed
        nonce = struct.pack(">IQ", domain, ordinal)
        try:
            return self.cipher.decrypt(nonce, sealed, self.bound + nonce)
        except InvalidTag:
            raise Damaged(f"a sealed piece (domain {domain}, ordinal {ordinal}) does not open") from None

    def directory(self):
        """The raw bytes of the directory."""
        return unwrap(self.piece(DIRECTORY, 0, self.directory_at, self.directory_bytes))

    def frame(self, place):
        """The raw bytes of the frame at (offset, sealed length, ordinal)."""
        return unwrap(self.piece(FRAME, place[2], place[0], place[1]))

    def check_frames(self, places):
        """The directory's frames are as many as the trailer says, apart, in order, and no ordinal comes twice."""
        need(len(places) == self.frame_count, "the trailer counts other frames than the directory")
        need(len({place[2] for place in places}) == len(places), "an ordinal comes twice")
        end = HEADER_BYTES
        for at, size, _ in places:
            need(at >= end, "frames that overlap")
            end = at + size
        need(end <= self.directory_at, "a frame runs into the directory")

    def only_frame(self):
        """The raw bytes of the one frame of a root record, lease or doom."""
        need(self.frame_count == 1 and self.directory() == b"", "not a file of one frame and an empty directory")
        return self.frame((HEADER_BYTES, self.directory_at - HEADER_BYTES, 0))
