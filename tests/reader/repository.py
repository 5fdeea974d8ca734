"""An opened repository: configuration, keys, where every entry lies, objects, devices and root records."""

import functools
import hashlib
import hmac
import mmap
import time
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from encoding import Damaged, cbor, get, need, show, without
from records import ALIAS, CHUNK, DIR, EMPTY_ID, NODE, WHOLE, Gear, read_node, read_pack, read_segment, read_tree
from runs import read_batch
from sealed import (
    PACK,
    PURPOSE_CHUNK_IDS,
    PURPOSE_CHUNKING,
    PURPOSE_CONFIG,
    PURPOSE_ENDORSE,
    ROOT,
    SEGMENT,
    Device,
    SealedFile,
    derive,
    open_slot,
)


@dataclass
class Root:
    """A root record."""

    name: str
    type: int
    device: bytes
    sequence: int
    previous: bytes | None
    time: list
    body: dict
    endorser: bytes | None
    tags: list = field(default_factory=list)


class Repository:
    """An opened repository: configuration, keys, and where every entry lies."""

    def __init__(self, path, passphrase=None, key_file=None):
        self.path = Path(path)
        text = (self.path / "config.toml").read_bytes()
        self.config = tomllib.loads(text.decode())
        need(self.config["format"] == 1, "a repository of another format")
        need(not self.config["features"]["requires-read"], "the repository needs features that are not known here")
        self.id = bytes.fromhex(self.config["id"])
        self.keyring = None
        if self.config["encryption"] != "none":
            need(self.config["encryption"] == "aes-256-gcm", "an unknown encryption")
            self.keyring = self.unlock(passphrase, key_file)
            self.check_mac(text)
        self.chunking_key, chunk_id_key = self.chunk_keys()
        self.chunk_key = derive("larder v1 chunk id", chunk_id_key)
        self.node_key = derive("larder v1 node id", chunk_id_key)
        self.average = self.config["chunking"]["avg"]

    def unlock(self, passphrase, key_file):
        """The keyring out of the first slot that the secret opens."""
        for slot in self.names("keys"):
            keyring = open_slot((self.path / "keys" / slot).read_bytes(), self.id, passphrase, key_file)
            if keyring:
                return keyring
        raise Damaged("no key slot opens with this secret")

    def check_mac(self, text):
        """The last line of config.toml is a MAC of everything before it."""
        start = text.rstrip(b"\n").rfind(b"\n") + 1
        line = text[start:].decode().strip()
        need(line.startswith('mac = "') and line.endswith('"'), "config.toml does not end with a MAC")
        key = self.keyring.newest(PURPOSE_CONFIG)
        wanted = hmac.digest(key, b"larder/config/v1" + text[:start], "sha256")
        need(hmac.compare_digest(wanted.hex(), line[7:-1]), "the MAC of config.toml differs")

    def chunk_keys(self):
        """The chunking key and the chunk id key."""
        if self.keyring:
            return self.keyring.newest(PURPOSE_CHUNKING), self.keyring.newest(PURPOSE_CHUNK_IDS)
        return derive("larder v1 public chunking", self.id), derive("larder v1 public chunk ids", self.id)

    def gear(self):
        """The chunker that cut this repository's objects."""
        chunking = self.config["chunking"]
        need((chunking["algorithm"], chunking["generation"]) == ("gear-1", 1), "an unknown chunker")
        return Gear(self.chunking_key, chunking["min"], chunking["avg"], chunking["max"])

    def names(self, folder):
        """The names of the plain files of a folder, sorted."""
        path = self.path / folder
        return sorted(item.name for item in path.iterdir() if item.is_file()) if path.is_dir() else []

    def pack_names(self):
        """The names of all packs."""
        folders = sorted((self.path / "packs").iterdir()) if (self.path / "packs").is_dir() else []
        return [name for folder in folders for name in self.names(folder.relative_to(self.path))]

    @functools.lru_cache(maxsize=32)  # noqa: B019 (one repository a process)
    def pack_file(self, name):
        """An opened pack."""
        with open(self.path / "packs" / name[:2] / name, "rb") as file:
            return SealedFile(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), PACK, self)

    def sealed(self, folder, name, file_type):
        """An opened segment, root record or doom."""
        return SealedFile((self.path / folder / name).read_bytes(), file_type, self)

    @functools.cached_property
    def packs(self):
        """Every pack by name: from the segments that none supersedes, else from its own directory."""
        segments = {name: read_segment(self.sealed("index", name, SEGMENT)) for name in self.names("index")}
        superseded = {name for segment in segments.values() for name in segment.supersedes}
        packs = {}
        for name in sorted(segments.keys() - superseded):
            packs.update(segments[name].packs)
        for name in self.pack_names():
            if name not in packs:
                packs[name] = read_pack(self.pack_file(name))
        return packs

    @functools.cached_property
    def places(self):
        """(class, id) -> [(pack name, record)]."""
        places = defaultdict(list)
        for name, pack in self.packs.items():
            for record in pack.records:
                places[record.cls, record.id].append((name, record))
        return places

    @functools.lru_cache(maxsize=16)  # noqa: B019 (one repository a process)
    def raw_frame(self, pack, frame):
        """The raw bytes of a frame."""
        return self.pack_file(pack).frame(self.packs[pack].frames[frame])

    def check_id(self, cls, entry_id, data):
        """The bytes of an entry hash to its id."""
        if cls == WHOLE:
            found = hashlib.sha256(data).digest()
        else:
            found = blake3.blake3(data, key=self.chunk_key if cls == CHUNK else self.node_key).digest()
        need(found == entry_id, f"the bytes of entry {entry_id.hex()} of class {cls} do not hash to its id")

    def entry(self, cls, entry_id):
        """The bytes of an entry, from the first copy that is whole."""
        problem = Damaged(f"entry {entry_id.hex()} of class {cls} is nowhere")
        for pack, record in self.places.get((cls, entry_id), []):
            try:
                frame = self.raw_frame(pack, record.frame)
                data = frame[record.offset : record.offset + record.length]
                self.check_id(cls, entry_id, data)
                return data
            except (Damaged, OSError) as error:
                problem = error
        raise problem

    def node(self, node_id, level, total):
        """A recipe node of this level (None: any) and total."""
        node = read_node(self.entry(NODE, node_id))
        need(level in (None, node.level), "a recipe node at the wrong level")
        need(node.total == total, "a recipe node of another length than its parent says")
        return node

    def leaves(self, node_id, level, total):
        """The chunks and holes beneath a recipe node: (id or None, length)."""
        node = self.node(node_id, level, total)
        for entry_id, length in node.entries:
            need(entry_id or not node.level, "a hole above level 0")
            if node.level:
                yield from self.leaves(entry_id, node.level - 1, length)
            else:
                yield entry_id, length

    def has(self, object_id):
        """Whether an object is here."""
        return object_id == EMPTY_ID or any((cls, object_id) in self.places for cls in (WHOLE, ALIAS))

    def length(self, object_id):
        """The length of an object that is here."""
        copies = self.places.get((WHOLE, object_id)) or self.places.get((ALIAS, object_id))
        return copies[0][1].length if copies else 0

    def pieces(self, object_id):
        """The bytes of an object in order; a hole comes as its length. The whole is checked against the id."""
        if object_id == EMPTY_ID:
            return
        if (ALIAS, object_id) not in self.places:
            yield self.entry(WHOLE, object_id)
            return
        alias = self.places[ALIAS, object_id][0][1]
        need(alias.length > self.average, "an alias of an object that should be whole")
        digest = hashlib.sha256()
        for chunk_id, length in self.leaves(alias.root, None, alias.length):
            piece = self.entry(CHUNK, chunk_id) if chunk_id else length
            need(chunk_id is None or len(piece) == length, "a chunk of another length than its recipe says")
            if chunk_id:
                digest.update(piece)
            for start in range(0, 0 if chunk_id else length, 1 << 20):
                digest.update(bytes(min(1 << 20, length - start)))
            yield piece
        need(digest.digest() == object_id, f"the bytes of object {object_id.hex()} do not hash to its id")

    def object(self, object_id):
        """All bytes of an object, checked."""
        return b"".join(piece if isinstance(piece, bytes) else bytes(piece) for piece in self.pieces(object_id))

    def tree(self, tree_id):
        """The entries of a tree."""
        return read_tree(self.object(tree_id))

    def walk(self, tree_id, path=b""):
        """Every (path, entry) beneath a tree, a directory before what is in it."""
        for entry in self.tree(tree_id):
            below = path + b"/" + entry[0]
            yield below, entry
            if entry[1] == DIR:
                yield from self.walk(entry[2], below)

    def find(self, tree_id, path):
        """The entry at a path."""
        entry = {1: DIR, 2: tree_id}
        for part in filter(None, path.split(b"/")):
            children = {child[0]: child for child in self.tree(entry[2])} if entry[1] == DIR else {}
            if part not in children:
                raise Damaged(f"there is no {show(path)} in the snapshot")
            entry = children[part]
        return entry

    # Devices and root records, sections 3 and 9

    def device(self, device_id):
        """A device's public key; its file is well named and endorsed by a key of the keyring."""
        record = cbor((self.path / "keys" / "devices" / device_id.hex()).read_bytes())
        need((get(record, 0, str), get(record, 1, int)) == ("larder-device", 1), "not a device key")
        public = get(record, 2, bytes, 32)
        need(hashlib.sha256(public).digest()[:16] == device_id, "a device key under the name of another")
        if not self.keyring:
            return Device(public, None)
        endorser = get(record, 5, bytes, 16)
        key = Ed25519PrivateKey.from_private_bytes(self.keyring.by_id(PURPOSE_ENDORSE, endorser)).public_key()
        message = b"larder/device/v1\0" + self.id + without(record, 6)
        verify(key, get(record, 6, bytes, 64), message, "endorsement of a device")
        return Device(public, endorser)

    def root(self, name):
        """A root record; its name, signature and endorsement are sound."""
        data = (self.path / "roots" / name).read_bytes()
        need(hashlib.sha256(data).hexdigest() == name, "not named by its SHA-256")
        outer = cbor(SealedFile(data, ROOT, self).only_frame())
        need(type(outer) is list and [type(part) for part in outer] == [bytes, bytes], "not a signed record")
        record = cbor(outer[0])
        need(get(record, 0, int) == 1, "a root record of another version")
        device_id = get(record, 2, bytes, 16)
        device = self.device(device_id)
        key = Ed25519PublicKey.from_public_bytes(device.public)
        verify(key, outer[1], b"larder/root/v1\0" + self.id + outer[0], "signature of a root record")
        sequence, previous = get(record, 3, int), record.get(4)
        need(
            sequence >= 1 and (sequence == 1) == (previous is None),
            "a first record with, or a later without, a previous",
        )
        return Root(
            name,
            get(record, 1, int),
            device_id,
            sequence,
            previous,
            get(record, 5, list, 2),
            get(record, 6, dict),
            device.endorser,
        )

    def roots(self):
        """All root records that are sound, and a line about each that is not."""
        found, problems = [], []
        for name in self.names("roots"):
            try:
                found.append(self.root(name))
            except (Damaged, OSError) as error:
                problems.append(f"roots/{name}: {error}")
        return found, problems

    def runs(self):
        """(name of its batch, entry) for each run that no forget record takes away."""
        roots, _ = self.roots()
        forgotten = {entry[0].hex() for root in roots if root.type == 3 for entry in root.body[0]}
        batches = [root for root in roots if root.type == 2 and root.name not in forgotten]
        return [(root.name, entry) for root in batches for entry in read_batch(root.body)]

    def history(self):
        """The live snapshots with their tags, oldest first, and a line about each thing wrong in the history."""
        roots, problems = self.roots()
        times = clamped_times(roots)
        roots.sort(key=lambda root: (times[root.name], root.device, root.sequence))
        forgotten = {(entry[1], entry[2]): entry[0] for root in roots if root.type == 3 for entry in root.body[0]}
        snapshots = {root.name: root for root in roots if root.type == 1}
        for root in snapshots.values():
            root.tags = get(root.body, 6, list, default=[])
        for change in (root for root in roots if root.type == 4):
            snapshot = snapshots.get(change.body[0].hex())
            if snapshot:
                kept = [tag for tag in snapshot.tags if tag not in change.body.get(2, [])]
                snapshot.tags = kept + [tag for tag in change.body.get(1, []) if tag not in kept]
        gone = {name.hex() for name in forgotten.values()}
        live = [root for name, root in snapshots.items() if name not in gone]
        starts = {root.name: nanoseconds(get(root.body, 4, list, 2)) for root in live}
        live.sort(key=lambda root: times[root.name] - max(nanoseconds(root.time) - starts[root.name], 0))
        return live, problems + check_chains(roots, forgotten)


def verify(key, signature, message, what):
    """Refuses an Ed25519 signature that does not hold."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise Damaged(f"the {what} does not verify") from None


def nanoseconds(moment):
    """[Unix seconds, nanoseconds] as one number."""
    return moment[0] * 10**9 + moment[1]


def clamped_times(roots):
    """The time by which each record counts, by its name."""
    now, floors, times = time.time_ns(), defaultdict(lambda: -(1 << 127)), {}
    for root in sorted(roots, key=lambda root: root.sequence):
        claimed = nanoseconds(root.time)
        times[root.name] = max(min(claimed, now), floors[root.device])
        if claimed <= now:
            floors[root.device] = times[root.name]
    return times


def check_chains(roots, forgotten):
    """A line about every break in a device's chain of records."""
    problems, chains = [], defaultdict(dict)
    for root in roots:
        if root.sequence in chains[root.device]:
            problems.append(f"roots/{root.name}: a second record {root.sequence} of its device")
        chains[root.device][root.sequence] = root
    for device, chain in chains.items():
        for sequence in range(1, max(chain) + 1):
            name = bytes.fromhex(chain[sequence].name) if sequence in chain else forgotten.get((device, sequence))
            after = chain.get(sequence + 1)
            if name is None:
                problems.append(f"record {sequence} of device {device.hex()} is missing and no record forgets it")
            elif after and after.previous != name:
                problems.append(f"roots/{after.name}: does not follow record {sequence} of its device")
    return problems
