"""Checks of the reader's parts on bytes made by hand: `python3 -m unittest discover tests/reader`."""

import gzip
import hashlib
import struct
import unittest
import zlib
from types import SimpleNamespace

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from encoding import Cursor, Damaged, cbor, cbor_encode, lz4_block, unwrap
from records import Gear, read_links, read_node, read_pack, read_tree
from sealed import DIRECTORY, FRAME, PACK, ROOT, TRAILER, Keyring, SealedFile, hkdf, padme

REPOSITORY_ID = bytes(range(16))
SEAL_KEY_ID, SEAL_KEY = b"k" * 16, b"\x07" * 32
KEYRING = Keyring(cbor_encode({0: 1, 1: [[0, SEAL_KEY_ID, 1, SEAL_KEY, True]]}))


def stored(raw):
    """Raw bytes as they stand in a frame that is not compressed."""
    return b"\0" + struct.pack("<I", len(raw)) + raw


def repository(encrypted):
    """What a sealed file needs of its repository."""
    return SimpleNamespace(id=REPOSITORY_ID, keyring=KEYRING if encrypted else None)


def write_sealed(file_type, frames, make_directory, encrypted=True):
    """A sealed file after section 4; `make_directory` gets the (offset, sealed length, ordinal) of each frame."""
    salt = b"s" * 32
    head = b"larder" + bytes([file_type, 1, int(encrypted)]) + (SEAL_KEY_ID if encrypted else bytes(16))
    keys = hkdf(salt, SEAL_KEY, b"larder/file/v1" + REPOSITORY_ID + bytes([file_type]), 64)
    out = head + salt + (keys[32:] if encrypted else bytes(32)) + b"\0\0"

    def seal(domain, ordinal, plain):
        nonce = struct.pack(">IQ", domain, ordinal)
        return AESGCM(keys[:32]).encrypt(nonce, plain, head + REPOSITORY_ID + nonce) if encrypted else plain

    places = []
    for ordinal, raw in enumerate(frames):
        piece = seal(FRAME, ordinal, stored(raw))
        places.append((len(out), len(piece), ordinal))
        out += piece
    directory = seal(DIRECTORY, 0, stored(make_directory(places)))
    trailer = seal(TRAILER, 0, struct.pack("<QQII", len(out), len(directory), len(frames), 0))
    length = len(out) + len(directory) + len(trailer)
    return out + directory + b"p" * (padme(length) - length) * encrypted + trailer


def varint(number):
    """Unsigned LEB128."""
    more = varint(number >> 7) if number >= 0x80 else b""
    return bytes([number & 0x7F | (0x80 if more else 0)]) + more


def pack_directory(*entries):
    """A maker of the directory of a pack with one frame that holds these (class, kind, bytes) entries."""

    def make(places):
        (offset, size, ordinal), out = places[0], b"\x01\x01\x01"
        for number in (offset, size, ordinal, len(entries)):
            out += varint(number)
        for cls, kind, data in entries:
            out += bytes([cls, kind, len(data)]) + hashlib.sha256(data).digest()
        return out + b"\0"

    return make


class Conventions(unittest.TestCase):
    """Numbers and CBOR."""

    def test_varints_are_the_shortest(self):
        self.assertEqual(Cursor(b"\xe5\x8e\x26").varint(), 624485)
        self.assertEqual(Cursor(b"\xff" * 9 + b"\x01").varint(), 2**64 - 1)
        for bad in (b"\x80\x00", b"\xff" * 9 + b"\x02", b"\x80" * 11, b"\x80", b""):
            with self.assertRaises(Damaged, msg=bad):
                Cursor(bad).varint()

    def test_cbor_of_rfc_8949(self):
        cases = {
            "1864": 100,
            "1b000000e8d4a51000": 10**12,
            "3bffffffffffffffff": -(2**64),
            "f5": True,
            "4401020304": b"\x01\x02\x03\x04",
            "62c3bc": "ü",
            "83010203": [1, 2, 3],
            "a201020304": {1: 2, 3: 4},
            "a241620142616102": {b"b": 1, b"aa": 2},
        }
        for text, value in cases.items():
            self.assertEqual(cbor(bytes.fromhex(text)), value)
            self.assertEqual(cbor_encode(value).hex(), text)

    def test_cbor_that_is_not_canonical(self):
        cases = "1800 190001 1a00000001 1b0000000000000001 9f01ff 5f4101ff bf0102ff a203040102 a201020102 c001 f7 f6"
        for text in [*cases.split(), "f90000", "61ff", "0101", "8201", "42ff", "81" * 40, "a1f501", "a18001"]:
            with self.assertRaises(Damaged, msg=text):
                cbor(bytes.fromhex(text))


class Compression(unittest.TestCase):
    """The five algorithms."""

    def test_every_algorithm(self):
        raw = b"a long line that comes again and again. " * 50
        packed = [raw, zlib.compress(raw), gzip.compress(raw), None, zstandard.compress(raw)]
        for algorithm, data in enumerate(packed):
            if data is not None:
                self.assertEqual(unwrap(bytes([algorithm]) + struct.pack("<I", len(raw)) + data), raw)
                for length in (len(raw) - 1, len(raw) + 1):
                    with self.assertRaises(Damaged):
                        unwrap(bytes([algorithm]) + struct.pack("<I", length) + data)
                with self.assertRaises(Damaged):
                    unwrap(bytes([algorithm]) + struct.pack("<I", len(raw)) + data + b"x")

    def test_lz4_blocks(self):
        self.assertEqual(lz4_block(b"\x50hello", 5), b"hello")
        self.assertEqual(lz4_block(b"\x1fa\x01\x00\x05\x50hello", 30), b"a" * 25 + b"hello")
        self.assertEqual(lz4_block(b"\xf0\x01" + b"0123456789abcdef", 16), b"0123456789abcdef")
        for bad in (b"", b"\x50hell", b"\x10a\x02\x00\x00", b"\x10a\x00\x00\x00", b"\x1fa\x01\x00\xff\xff"):
            with self.assertRaises(Damaged, msg=bad):
                lz4_block(bad, 100)


class SealedFiles(unittest.TestCase):
    """Header, pieces, padding, trailer."""

    def test_padme_lengths(self):
        self.assertEqual([padme(length) for length in (8, 9, 17, 1000, 1025, 10**6)], [8, 10, 18, 1024, 1088, 1015808])

    def test_packs_open_in_both_schemes(self):
        entries = [(1, 1, b"one"), (1, 2, b"two!")]
        for encrypted in (True, False):
            data = write_sealed(PACK, [b"onetwo!"], pack_directory(*entries), encrypted)
            sealed = SealedFile(data, PACK, repository(encrypted))
            pack = read_pack(sealed)
            self.assertEqual([(r.kind, r.offset, r.length) for r in pack.records], [(1, 0, 3), (2, 3, 4)])
            self.assertEqual(sealed.frame(pack.frames[0]), b"onetwo!")
            with self.assertRaises(Damaged):
                SealedFile(data, PACK, repository(not encrypted))
            with self.assertRaises(Damaged):
                SealedFile(data, ROOT, repository(encrypted))

    def test_each_flipped_byte_is_seen(self):
        data = write_sealed(ROOT, [b"a record"], lambda _: b"")
        self.assertEqual(SealedFile(data, ROOT, repository(True)).only_frame(), b"a record")
        padding = range(data.index(b"p" * 2), len(data) - 40) if b"pp" in data else range(0)
        for at in set(range(len(data))) - set(padding):
            with self.assertRaises(Damaged, msg=at):
                SealedFile(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], ROOT, repository(True)).only_frame()
        for end in range(len(data)):
            with self.assertRaises(Damaged):
                SealedFile(data[:end], ROOT, repository(True)).only_frame()


class Records(unittest.TestCase):
    """Recipes, chunks, trees and links."""

    def test_recipe_nodes(self):
        node = read_node(b"\x01\x00\x0f\x02\x00" + b"i" * 32 + b"\x0a\x01\x05")
        self.assertEqual((node.level, node.total, node.entries), (0, 15, [(b"i" * 32, 10), (None, 5)]))
        for bad in (
            b"\x02\x00\x05\x01\x01\x05",
            b"\x01\x08\x05\x01\x01\x05",
            b"\x01\x00\x06\x01\x01\x05",
            b"\x01\x00\x00\x00",
        ):
            with self.assertRaises(Damaged):
                read_node(bad)

    def test_chunks_keep_their_bounds(self):
        gear, data = Gear(b"\x01" * 32, 64, 256, 1024), hashlib.shake_256(b"data").digest(40_000)
        lengths = list(gear.lengths(data))
        self.assertEqual(sum(lengths), len(data))
        self.assertTrue(all(64 < length <= 1024 for length in lengths[:-1]))
        self.assertEqual(bin(gear.mask_small), "0b" + "1" * 10 + "0" * 54)
        self.assertEqual(bin(gear.mask_large), "0b" + "1" * 6 + "0" * 58)
        shifted = list(gear.lengths(b"new" + data))
        self.assertEqual(lengths[-5:], shifted[-5:])
        self.assertEqual(list(gear.lengths(bytes(40))), [40])

    def test_trees_and_links(self):
        header = cbor_encode({0: "tree", 1: 1, 2: 1})
        a, b = cbor_encode({0: b"a", 1: 1, 99: "kept"}), cbor_encode({0: b"b\xff", 1: 3, 21: b"a"})
        self.assertEqual([entry[0] for entry in read_tree(header + a + b)], [b"a", b"b\xff"])
        for bad in (b"", a, header + b + a, header + a + a, header + cbor_encode({0: b"..", 1: 1}), header + a[:-1]):
            with self.assertRaises(Damaged):
                read_tree(bad)
        links = cbor_encode({0: "links", 1: 1})
        self.assertEqual(read_links(links + cbor_encode([b"/a", b"/b"])), [[b"/a", b"/b"]])
        for bad in ([b"/a"], [b"/b", b"/a"], [b"a", b"b"]):
            with self.assertRaises(Damaged):
                read_links(links + cbor_encode(bad))


if __name__ == "__main__":
    unittest.main()
