"""Conventions of docs/FORMAT.md: fixed fields, varints, CBOR; and the compression of section 4."""

import zlib

import zstandard

ALGORITHMS = ["none", "zlib", "gzip", "lz4", "zstd"]


class Damaged(Exception):
    """Bytes that are not what docs/FORMAT.md promises."""


def need(condition, what):
    """Raises Damaged, saying `what` is wrong, unless the condition holds."""
    if not condition:
        raise Damaged(what)


def show(data):
    """Bytes as text that fits a line."""
    text = data.decode(errors="backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


class Cursor:
    """Takes fixed fields and varints off the front of some bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        """The next `count` bytes."""
        need(count <= len(self.data) - self.at, "a field runs past the end")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def byte(self):
        """The next byte as a number."""
        return self.take(1)[0]

    def varint(self):
        """The next unsigned LEB128 number, in its shortest form and below 2^64."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                need(value < 1 << 64 and (byte or not shift), "a varint is too long")
                return value
        raise Damaged("a varint is too long")

    def count(self):
        """A number of items that follow; each takes at least one byte, so that a lie is found at once."""
        value = self.varint()
        need(value <= len(self.data) - self.at, "a count is larger than what follows")
        return value

    def done(self):
        """Whether everything was taken."""
        return self.at == len(self.data)

    def finish(self):
        """Refuses bytes that follow the last field."""
        need(self.done(), "bytes follow the end")


def cbor_item(cursor, depth=0):
    """One CBOR item in the core deterministic encoding; anything else is refused."""
    need(depth < 16, "CBOR nested too deep")
    major, info = divmod(cursor.byte(), 32)
    if major == 7:
        need(info in (20, 21), "a CBOR value of a type that no record has")
        return info == 21
    value = info
    if info >= 24:
        need(info <= 27, "a CBOR length that is not definite")
        size = 1 << (info - 24)
        value = int.from_bytes(cursor.take(size), "big")
        need(value >= (24, 1 << 8, 1 << 16, 1 << 32)[info - 24], "a CBOR integer that is not the shortest")
    match major:
        case 0:
            return value
        case 1:
            return -1 - value
        case 2:
            return cursor.take(value)
        case 3:
            try:
                return cursor.take(value).decode()
            except UnicodeDecodeError:
                raise Damaged("CBOR text that is not UTF-8") from None
        case 4:
            return [cbor_item(cursor, depth + 1) for _ in range(value)]
        case 5:
            return cbor_map(cursor, value, depth)
    raise Damaged("a CBOR tag")


def cbor_map(cursor, count, depth):
    """The pairs of a CBOR map, whose keys ascend in the bytewise order of their encodings."""
    result, last = {}, b""
    for _ in range(count):
        start = cursor.at
        key = cbor_item(cursor, depth + 1)
        need(type(key) in (int, bytes, str), "a CBOR map key of a strange type")
        encoded = bytes(cursor.data[start : cursor.at])
        need(encoded > last, "CBOR map keys that do not ascend")
        last = encoded
        result[key] = cbor_item(cursor, depth + 1)
    return result


def cbor(data):
    """The one CBOR item that these bytes are."""
    cursor = Cursor(data)
    item = cbor_item(cursor)
    cursor.finish()
    return item


def cbor_sequence(data):
    """The items of a CBOR sequence, one by one."""
    cursor = Cursor(data)
    while not cursor.done():
        yield cbor_item(cursor)


def cbor_head(major, value):
    """The head of a CBOR item in its shortest form."""
    if value < 24:
        return bytes([major << 5 | value])
    size = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4 if value < 1 << 32 else 8
    return bytes([major << 5 | 23 + size.bit_length()]) + value.to_bytes(size, "big")


def cbor_encode(value):
    """The deterministic encoding of a value; needed for the bytes that signatures cover."""
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
        case bytes():
            return cbor_head(2, len(value)) + value
        case str():
            return cbor_head(3, len(value.encode())) + value.encode()
        case list():
            return cbor_head(4, len(value)) + b"".join(map(cbor_encode, value))
        case dict():
            pairs = sorted((cbor_encode(key), cbor_encode(item)) for key, item in value.items())
            return cbor_head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise TypeError(type(value))


def get(record, key, kind, size=None, default=None):
    """A typed value of a map; without a default it must be there. `size` is the length of a byte string."""
    need(type(record) is dict, "not a map")
    if key not in record:
        need(default is not None, f"key {key} is missing")
        return default
    value = record[key]
    need(type(value) is kind, f"key {key} is not {kind.__name__}")
    need(size is None or len(value) == size, f"key {key} is not of {size} bytes")
    return value


def without(record, key):
    """The deterministic encoding of a map without one of its keys."""
    return cbor_encode({other: value for other, value in record.items() if other != key})


def lz4_block(data, raw_length):
    """The raw bytes of one LZ4 block."""
    cursor, out = Cursor(data), bytearray()

    def length(nibble):
        """A length that began in a token; 15 means that bytes are added until one is not 255."""
        while nibble >= 15:
            byte = cursor.byte()
            nibble += byte
            if byte < 255:
                break
        return nibble

    while True:
        token = cursor.byte()
        out += cursor.take(length(token >> 4))
        if cursor.done():
            return bytes(out)
        distance = int.from_bytes(cursor.take(2), "little")
        need(0 < distance <= len(out), "an LZ4 match before the start")
        count = length(token & 15) + 4
        need(len(out) + count <= raw_length, "an LZ4 block longer than it says")
        for _ in range(count):
            out.append(out[-distance])


def inflate(data, raw_length, window_bits):
    """The raw bytes of one zlib (window bits 15) or gzip (31) stream."""
    stream = zlib.decompressobj(window_bits)
    raw = stream.decompress(data, raw_length + 1)
    need(stream.eof and not stream.unused_data, "a deflate stream that does not end where it should")
    return raw


def zstd(data, raw_length):
    """The raw bytes of one zstd frame."""
    claimed = zstandard.frame_content_size(data)
    need(claimed in (-1, raw_length), "a zstd frame of another length")
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=raw_length, allow_extra_data=False)


def unwrap(wrapped):
    """The raw bytes of the plaintext of a frame or directory."""
    cursor = Cursor(wrapped)
    algorithm, raw_length = cursor.byte(), int.from_bytes(cursor.take(4), "little")
    data = cursor.take(len(wrapped) - 5)
    try:
        match algorithm:
            case 0:
                raw = data
            case 1:
                raw = inflate(data, raw_length, 15)
            case 2:
                raw = inflate(data, raw_length, 31)
            case 3:
                raw = lz4_block(data, raw_length)
            case 4:
                raw = zstd(data, raw_length)
            case _:
                raise Damaged(f"compression algorithm {algorithm}")
    except (zlib.error, zstandard.ZstdError) as error:
        raise Damaged(f"does not decompress: {error}") from None
    need(len(raw) == raw_length, f"decompresses to {len(raw)} bytes, not {raw_length}")
    return raw
