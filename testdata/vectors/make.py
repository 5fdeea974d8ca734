#!/usr/bin/env python3
"""Writes the test vectors beside it from docs/FORMAT.md alone, apart from the Rust that is tested against them.

    python make.py            writes *.json
    python make.py --check    says which differ from what stands there, and exits 1 if any does

Needs the modules of tests/requirements.txt, in those versions: compressed bytes are the library's choice.
Published vectors never change: a new case is a new entry.
"""

import gzip
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import zlib

import blake3
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

REPO = bytes(range(16))


def stream(seed, length):
    """Bytes that look random: SHA-256(seed text ‖ counter as u64) one after the other."""
    blocks = (hashlib.sha256(seed.encode() + struct.pack("<Q", n)).digest() for n in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def head(major, value):
    for size, code, form in ((24, None, None), (1 << 8, 24, "B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I"), (1 << 64, 27, ">Q")):
        if value < size:
            if code is None:
                return bytes([major << 5 | value])
            return bytes([major << 5 | code]) + struct.pack(form, value)
    raise ValueError(value)


def cbor(value):
    """The deterministic CBOR of what records use."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    pairs = sorted((cbor(key), cbor(member)) for key, member in value.items())
    return head(5, len(pairs)) + b"".join(key + member for key, member in pairs)


def keyed(key, data):
    return blake3.blake3(data, key=key).digest()


def derive(context, key, length=32):
    return blake3.blake3(key, derive_key_context=context).digest(length=length)


def hkdf(salt, ikm, info, length):
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(ikm)


def objects():
    cases = [b"", b"abc", "grüße\n".encode(), bytes(range(256))]
    return {
        "hashes": [{"bytes": data.hex(), "id": hashlib.sha256(data).hexdigest()} for data in cases],
        "streams": [
            {"seed": "object", "length": length, "id": hashlib.sha256(stream("object", length)).hexdigest()}
            for length in (1, 64, 65_537, 1_000_000)
        ],
    }


def cut(gear, least, average, most, data, start):
    """Where the chunk that begins at `start` ends."""
    bits = average.bit_length() - 1
    small = ((1 << bits + 2) - 1) << 64 - (bits + 2)
    large = ((1 << bits - 2) - 1) << 64 - (bits - 2)
    value = 0
    for at in range(start + least, min(start + most, len(data))):
        value = (value << 1) + gear[data[at]] & 0xFFFF_FFFF_FFFF_FFFF
        if value & (small if at - start < average else large) == 0:
            return at + 1
    return min(start + most, len(data))


def chunking():
    cases = []
    for key, sizes, seed, length in (
        (bytes(32), (16384, 65536, 262144), "default", 1_500_000),
        (bytes([7]) * 32, (4096, 16384, 65536), "fine", 700_000),
        (hashlib.sha256(b"key").digest(), (64, 256, 1024), "tiny", 30_000),
        (bytes([9]) * 32, (4096, 32768, 131072), None, 300_000),
    ):
        gear = struct.unpack("<256Q", derive("larder v1 gear table", key, 2048))
        data = stream(seed, length) if seed else bytes(length)
        lengths, start = [], 0
        while start < length:
            end = cut(gear, *sizes, data, start)
            lengths.append(end - start)
            start = end
        cases.append({
            "key": key.hex(), "min": sizes[0], "avg": sizes[1], "max": sizes[2],
            "gear_begins": [f"{value:016x}" for value in gear[:4]],
            "seed": seed, "length": length, "chunks": lengths,
        })  # fmt: skip
    return {"cases": cases}


def node_bytes(level, entries):
    total = sum(length for _, length in entries)
    out = bytes([1, level]) + varint(total) + varint(len(entries))
    for name, length in entries:
        out += (b"\0" + name if name else b"\1") + varint(length)
    return out, total


def recipe(node_key, entries, level=0):
    """The bytes of all nodes, level by level, and the root's id."""
    groups, group = [], []
    for entry in entries:
        group.append(entry)
        if entry[0] and int.from_bytes(entry[0][:8], "little") & 1023 == 0 or len(group) == 4096:
            groups.append(group)
            group = []
    groups += [group] if group else []
    encoded = [node_bytes(level, group) for group in groups]
    ids = [(keyed(node_key, data), total) for data, total in encoded]
    if len(ids) == 1:
        return [encoded[0][0]], ids[0][0]
    above, root = recipe(node_key, ids, level + 1)
    return [data for data, _ in encoded] + above, root


def recipes():
    key = bytes([4]) * 32
    chunk_key, node_key = derive("larder v1 chunk id", key), derive("larder v1 node id", key)

    def chunks(count):
        return [(keyed(chunk_key, struct.pack("<Q", n)), n % 5000 + 1) for n in range(count)]

    short = chunks(2) + [(None, 1 << 40)] + chunks(3)[2:]
    data, total = node_bytes(0, short)
    entries = [{"id": name.hex(), "length": length} if name else {"hole": length} for name, length in short]
    trees = []
    for count in (1, 1000, 4096, 20_000):
        nodes, root = recipe(node_key, chunks(count))
        trees.append({"chunks": count, "nodes": len(nodes), "root": root.hex()})
    return {
        "chunk_id_key": key.hex(),
        "chunk": {"bytes": b"chunk".hex(), "id": keyed(chunk_key, b"chunk").hex()},
        "node": {"level": 0, "total": total, "entries": entries, "bytes": data.hex(), "id": keyed(node_key, data).hex()},
        "trees": trees,
    }


def wrapped(algorithm, raw, payload):
    return bytes([algorithm]) + struct.pack("<I", len(raw)) + payload


def frames():
    raw = b"larder larder larder larder larder\n" * 20
    # One lz4 block by hand: 35 literals, a match of 655 bytes 35 bytes back, and the last 10 literals.
    lz4 = bytes([0xFF, 35 - 15]) + raw[:35] + struct.pack("<H", 35) + bytes([255, 255, 655 - 19 - 510]) + b"\xa0" + raw[-10:]
    cases = [
        ("none", 0, raw, raw),
        ("none", 0, b"", b""),
        ("zlib", 1, raw, zlib.compress(raw, 6)),
        ("gzip", 2, raw, gzip.compress(raw, 6, mtime=0)),
        ("lz4", 3, raw, lz4),
        ("zstd", 4, raw, zstandard.ZstdCompressor(level=3).compress(raw)),
    ]
    return {"cases": [{"algorithm": name, "raw": data.hex(), "wrapped": wrapped(code, data, payload).hex()}
                      for name, code, data, payload in cases]}  # fmt: skip


def key_entries():
    return [[1, stream(f"id {n}", 16), n, stream(f"key {n}", 32), True] for n in range(1, 6)]


def keyring_bytes():
    return cbor({0: 1, 1: key_entries()})


def keyring():
    later = key_entries()
    later[0][4] = False
    later.append([2, stream("id later", 16), 1, stream("key later", 32), True])
    later.append([3, stream("id unknown", 16), 77, stream("key unknown", 32), True])
    entries = [{"epoch": epoch, "id": name.hex(), "purpose": purpose, "key": key.hex(), "writable": writable}
               for epoch, name, purpose, key, writable in key_entries()]  # fmt: skip
    return {
        "keys": entries,
        "bytes": keyring_bytes().hex(),
        "rotated": {"bytes": cbor({0: 1, 1: later}).hex(), "seal_key_id": stream("id later", 16).hex()},
        "public": {
            "repository": REPO.hex(),
            "chunking": derive("larder v1 public chunking", REPO).hex(),
            "chunk_ids": derive("larder v1 public chunk ids", REPO).hex(),
        },
    }


def slots():
    cases = []
    for kind, secret, cost in (
        ("passphrase", "correct horse battery staple", [3, 65536, 4]),
        ("passphrase", "pässwörd", [1, 1024, 2]),
        ("key file", stream("key file", 64).hex(), None),
    ):
        salt, nonce = stream(f"slot salt {len(cases)}", 16), stream(f"slot nonce {len(cases)}", 12)
        if kind == "passphrase":
            kdf = Argon2id(salt=salt, length=32, iterations=cost[0], lanes=cost[2], memory_cost=cost[1])
            key, data = kdf.derive(secret.encode()), secret.encode()
        else:
            data = bytes.fromhex(secret)
            key = hkdf(salt, data, b"larder/keyfile/v1", 32)
        slot = {0: "larder-slot", 1: 1, 2: 1 if cost else 2, 4: salt, 5: nonce, 7: f"slot {len(cases)}", 8: 1_800_000_000, 9: REPO}
        if cost:
            slot[3] = cost
        slot[6] = AESGCM(key).encrypt(nonce, keyring_bytes(), cbor(slot))
        cases.append({"kind": kind, "secret": data.hex(), "cost": cost, "salt": salt.hex(), "nonce": nonce.hex(),
                      "label": slot[7], "created": slot[8], "bytes": cbor(slot).hex()})  # fmt: skip
    return {"repository": REPO.hex(), "keyring": keyring_bytes().hex(), "cases": cases}


def signatures():
    seed = stream("device", 32)
    device = Ed25519PrivateKey.from_private_bytes(seed)
    public = device.public_key().public_bytes_raw()
    _, endorser, _, endorse_seed, _ = key_entries()[1]
    record = {0: "larder-device", 1: 1, 2: public, 4: 1_800_000_000, 5: endorser}
    message = b"larder/device/v1\0" + REPO + cbor(record)
    record[6] = Ed25519PrivateKey.from_private_bytes(endorse_seed).sign(message)
    alone = {key: record[key] for key in (0, 1, 2, 4)}
    text = b'format = 1\nid = "000102030405060708090a0b0c0d0e0f"\n'
    return {
        "repository": REPO.hex(), "keyring": keyring_bytes().hex(), "created": record[4],
        "device": {"seed": seed.hex(), "public": public.hex(), "id": hashlib.sha256(public).digest()[:16].hex()},
        "signed": {"message": b"message".hex(), "signature": device.sign(b"message").hex()},
        "endorsed": cbor(record).hex(), "without_encryption": cbor(alone).hex(),
        "config": {"text": text.hex(),
                   "mac": hmac.new(key_entries()[4][3], b"larder/config/v1" + text, hashlib.sha256).hexdigest()},
    }  # fmt: skip


def padme(length):
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    step = 1 << exponent - ((exponent.bit_length() - 1) + 1)
    return -(-length // step) * step


class File:
    """Seals the pieces of one file."""

    def __init__(self, file_type, scheme, salt):
        _, key_id, _, key, _ = key_entries()[0]
        self.scheme, commitment = scheme, bytes(32)
        key_id = key_id if scheme else bytes(16)
        if scheme:
            output = hkdf(salt, key, b"larder/file/v1" + REPO + bytes([file_type]), 64)
            self.key, commitment = output[:32], output[32:]
        self.header = b"larder" + bytes([file_type, 1, scheme]) + key_id + salt + commitment + b"\0\0"

    def seal(self, domain, ordinal, plain):
        if not self.scheme:
            return plain
        nonce = struct.pack(">IQ", domain, ordinal)
        return AESGCM(self.key).encrypt(nonce, plain, self.header[:25] + REPO + nonce)

    def small(self, frame):
        """The whole file around one wrapped frame, and the padding in it."""
        body = self.header + self.seal(1, 0, frame)
        directory = self.seal(2, 0, wrapped(0, b"", b""))
        trailer = self.seal(3, 0, struct.pack("<QQII", len(body), len(directory), 1, 0))
        needed = len(body) + len(directory) + len(trailer)
        padding = stream("padding", padme(needed) - needed) if self.scheme else b""
        return body + directory + padding + trailer, padding


def sealed():
    files = []
    for file_type, scheme in ((1, 1), (2, 1), (3, 1), (4, 0), (5, 1)):
        salt = stream(f"salt {file_type}", 32)
        file = File(file_type, scheme, salt)
        pieces = [(1, 0, b""), (1, 5, b"a frame"), (1, 1 << 40, stream("frame", 100)), (2, 0, b"a directory"), (3, 0, bytes(24))]
        raw = stream(f"record {file_type}", 200)
        whole, padding = file.small(wrapped(0, raw, raw))
        long = b"a record that compresses " * 40
        packed, _ = file.small(wrapped(4, long, zstandard.ZstdCompressor(level=3).compress(long)))
        files.append({
            "file_type": file_type, "scheme": scheme, "salt": salt.hex(), "header": file.header.hex(),
            "pieces": [{"domain": domain, "ordinal": ordinal, "plain": plain.hex(), "sealed": file.seal(domain, ordinal, plain).hex()}
                       for domain, ordinal, plain in pieces],
            "small": {"raw": raw.hex(), "padding": padding.hex(), "bytes": whole.hex()},
            "packed": {"raw": long.hex(), "bytes": packed.hex()},
        })  # fmt: skip
    lengths = [*range(0, 20), 100, 131, 999, 1000, 1025, 65_537, 1_000_003, (16 << 20) + 1, (1 << 40) + 12_345]
    return {
        "repository": REPO.hex(), "keyring": keyring_bytes().hex(), "files": files,
        "padme": [[length, padme(length)] for length in lengths],
    }  # fmt: skip


def main():
    here, differ = pathlib.Path(__file__).parent, []
    for made in (objects, chunking, recipes, frames, keyring, slots, signatures, sealed):
        path = here / f"{made.__name__}.json"
        text = json.dumps(made(), indent=1, ensure_ascii=True) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            differ.append(path.name)
    for name in differ:
        print(f"{name} differs")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
