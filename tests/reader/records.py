"""What stands in packs, segments, recipe nodes, trees and links: sections 5 to 8 of docs/FORMAT.md."""

import hashlib
import struct
from dataclasses import dataclass, field

from encoding import Cursor, cbor_sequence, get, need
from sealed import derive

WHOLE, CHUNK, NODE, ALIAS = 1, 2, 3, 4
KINDS = {0: "unknown", 1: "blob", 2: "tree", 3: "action", 4: "run", 5: "manifest", 128: "links"}
KIND_TREE, KIND_ACTION, KIND_RUN, KIND_LINKS = 2, 3, 4, 128
FILE, DIR, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = 1, 2, 3, 4, 5, 6, 7
NODE_ENTRIES_MAX = 4096
LEVELS_MAX = 8
EMPTY_ID = hashlib.sha256(b"").digest()


@dataclass(frozen=True)
class Record:
    """What a pack's directory or a segment says of one entry. An alias has a root node and no frame."""

    cls: int
    id: bytes
    kind: int
    length: int
    frame: int = -1
    offset: int = 0
    root: bytes = b""


@dataclass
class Pack:
    """What a segment, or its own directory, says of a pack; frames are (offset, sealed length, ordinal)."""

    kind: int
    file_bytes: int
    salt: bytes
    key_id: bytes
    frames: list
    records: list = field(default_factory=list)


def read_pack(sealed):
    """The directory of a pack."""
    cursor = Cursor(sealed.directory())
    need(cursor.byte() == 1, "a pack directory of another version")
    pack = Pack(cursor.byte(), len(sealed.data), sealed.salt, sealed.key_id, [])
    need(pack.kind in (1, 2, 3), "a pack of an unknown kind")
    for number in range(cursor.count()):
        pack.frames.append((cursor.varint(), cursor.varint(), cursor.varint()))
        offset = 0
        for _ in range(cursor.count()):
            cls, kind, length = cursor.byte(), cursor.byte(), cursor.varint()
            need(cls in (WHOLE, CHUNK, NODE), "an entry of an unknown class")
            pack.records.append(Record(cls, cursor.take(32), kind, length, number, offset))
            offset += length
    for _ in range(cursor.count()):
        object_id, kind, length = cursor.take(32), cursor.byte(), cursor.varint()
        pack.records.append(Record(ALIAS, object_id, kind, length, root=cursor.take(32)))
    cursor.finish()
    sealed.check_frames(pack.frames)
    return pack


@dataclass
class Segment:
    """A segment: the names of those it supersedes, and its packs by name, with their records."""

    supersedes: list
    packs: dict


def read_segment(sealed):
    """A whole segment."""
    cursor = Cursor(sealed.directory())
    need(cursor.byte() == 1, "a segment of another version")
    supersedes = [cursor.take(32).hex() for _ in range(cursor.count())]
    packs = {}
    for _ in range(cursor.count()):
        name, kind, file_bytes, salt = cursor.take(32).hex(), cursor.byte(), cursor.varint(), cursor.take(32)
        pack = Pack(kind, file_bytes, salt, cursor.take(16), [])
        pack.frames = [(cursor.varint(), cursor.varint(), cursor.varint()) for _ in range(cursor.count())]
        need(name not in packs, "a pack comes twice in a segment")
        packs[name] = pack
    frames = [tuple(cursor.varint() for _ in range(4)) for _ in range(cursor.count())]
    cursor.finish()
    sealed.check_frames([frame[:3] for frame in frames])
    last, by_number = b"", list(packs.values())
    for frame in frames:
        cursor = Cursor(sealed.frame(frame))
        for _ in range(frame[3]):
            pack, record = read_segment_record(cursor)
            key = bytes([record.cls]) + record.id
            need(key >= last, "entries of a segment that do not ascend")
            need(pack < len(by_number), "an entry in a pack that the segment does not list")
            need(record.frame < len(by_number[pack].frames), "an entry in a frame that the segment does not list")
            last = key
            by_number[pack].records.append(record)
        cursor.finish()
    return Segment(supersedes, packs)


def read_segment_record(cursor):
    """One entry record of a segment, and the number of its pack."""
    cls, entry_id, pack = cursor.byte(), cursor.take(32), cursor.varint()
    need(cls in (WHOLE, CHUNK, NODE, ALIAS), "an entry of an unknown class")
    if cls == ALIAS:
        length, kind = cursor.varint(), cursor.byte()
        return pack, Record(cls, entry_id, kind, length, root=cursor.take(32))
    frame, offset, length = cursor.varint(), cursor.varint(), cursor.varint()
    return pack, Record(cls, entry_id, cursor.byte(), length, frame, offset)


@dataclass
class Node:
    """A recipe node; entries are (id, length), a hole's id is None."""

    level: int
    total: int
    entries: list


def read_node(data):
    """A decoded recipe node."""
    cursor = Cursor(data)
    need(cursor.byte() == 1, "a recipe node of another version")
    node = Node(cursor.byte(), cursor.varint(), [])
    for _ in range(cursor.count()):
        hole = cursor.byte()
        need(hole in (0, 1), "a recipe entry of an unknown sort")
        node.entries.append((None if hole else cursor.take(32), cursor.varint()))
    cursor.finish()
    need(node.level < LEVELS_MAX and 0 < len(node.entries) <= NODE_ENTRIES_MAX, "a recipe node out of its limits")
    need(sum(length for _, length in node.entries) == node.total, "a recipe node with another total")
    need(all(length for _, length in node.entries), "an empty recipe entry")
    return node


def ends_node(entry_id):
    """Whether a node ends after the entry with this id."""
    return entry_id is not None and int.from_bytes(entry_id[:8], "little") & 0x3FF == 0


class Gear:
    """The chunker gear-1."""

    def __init__(self, chunking_key, minimum, average, maximum):
        self.table = struct.unpack("<256Q", derive("larder v1 gear table", chunking_key, 2048))
        self.minimum, self.average, self.maximum = minimum, average, maximum
        bits = average.bit_length() - 1
        self.mask_small = ((1 << bits + 2) - 1) << 64 - (bits + 2)
        self.mask_large = ((1 << bits - 2) - 1) << 64 - (bits - 2)

    def cut(self, data):
        """The length of the first chunk of data that runs to an end or is longer than the longest chunk."""
        rolling, limit, table = 0, min(len(data), self.maximum), self.table
        mask = self.mask_small
        for at in range(self.minimum, limit):
            if at == self.average:
                mask = self.mask_large
            rolling = (rolling << 1) + table[data[at]] & 0xFFFF_FFFF_FFFF_FFFF
            if not rolling & mask:
                return at + 1
        return limit

    def lengths(self, data):
        """The lengths of all chunks of data."""
        at = 0
        while at < len(data):
            length = self.cut(data[at : at + self.maximum])
            yield length
            at += length


def read_tree(data):
    """The entries of a tree, checked: canonical CBOR, sound names in ascending order, fields of the right types."""
    items = cbor_sequence(data)
    header = next(items, None)
    need((get(header, 0, str), get(header, 1, int)) == ("tree", 1), "not a tree")
    need(get(header, 2, int) in (1, 2), "a tree of an unknown profile")
    last, entries = b"", []
    for entry in items:
        name, kind = get(entry, 0, bytes), get(entry, 1, int)
        need(name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name, "a forbidden name in a tree")
        need(name > last, "names of a tree that do not ascend")
        need(FILE <= kind <= BLOCK, "an entry of an unknown type")
        need(kind != DIR or 2 in entry, "a directory without a tree")
        need(kind != SYMLINK or 21 in entry, "a symlink without a target")
        for key in (2, 16, 18):
            get(entry, key, bytes, 32, default=EMPTY_ID)
        for key in (3, 5, 6, 7, 10, 11, 12, 13, 14, 19, 20):
            get(entry, key, int, default=0)
        for owner in (8, 9):
            get(entry, owner, str, default="")
        check_extents(get(entry, 17, list, default=[]), get(entry, 3, int, default=0))
        last = name
        entries.append(entry)
    return entries


def check_extents(extents, size):
    """Data extents ascend, are apart, none is empty, and all lie within the file."""
    need(len(extents) % 2 == 0, "half an extent")
    end = -1
    for offset, length in zip(extents[::2], extents[1::2], strict=True):
        need(offset > end and length > 0, "extents that overlap or are empty")
        end = offset + length
    need(end <= size, "an extent past the end of its file")


def read_links(data):
    """The groups of a links object."""
    items = cbor_sequence(data)
    header = next(items, None)
    need((get(header, 0, str), get(header, 1, int)) == ("links", 1), "not a links object")
    groups = list(items)
    for group in groups:
        need(type(group) is list and len(group) >= 2, "not a group of links")
        need(all(type(path) is bytes and path.startswith(b"/") for path in group), "a path that is not absolute")
        need(group == sorted(set(group)), "paths of a group that do not ascend")
    need([group[0] for group in groups] == sorted({group[0] for group in groups}), "groups that do not ascend")
    return groups
