"""Actions, run records and what batches say of them: sections 9, 13 and 14 of docs/FORMAT.md."""

from encoding import Cursor, cbor, cbor_encode, get, need

SUCCESS, FAILED, TIMEOUT, CANCELLED, UNSTORED = 1, 2, 3, 4, 5
INPUT_LENGTHS = {1: (4,), 2: (2,), 3: (3, 4), 4: (2,)}


def is_id(value):
    """Whether a value is an id."""
    return type(value) is bytes and len(value) == 32


def need_types(items, *types):
    """Each item is an array of values of these types; an id is the type `id`."""
    for item in items:
        need(type(item) is list and len(item) == len(types), "an element of another length")
        fits = [is_id(value) if wanted is id else type(value) is wanted for value, wanted in zip(item, types, strict=True)]
        need(all(fits), "an element of other types")


def read_action(data):
    """An action whose every field is as section 13 has it."""
    action = cbor(data)
    need(get(action, 0, int) == 1, "an action of another scheme")
    need("-" in get(action, 1, str), "no platform")
    for key, kind in ((2, str), (3, bytes), (5, bytes), (14, bytes)):
        need(key not in action or get(action, key, kind), f"key {key} is empty")
    number, command = get(action, 4, list, 2)
    need((number, type(command)) in ((1, bytes), (2, list)), "no command")
    need(number == 1 or all(type(word) is bytes for word in command), "a word that is none")
    for key in range(6, 14):
        items = get(action, key, list, default=[])
        need(items or key not in action, f"key {key} is empty")
        need(key == 13 or all(a < b for a, b in zip(items, items[1:])), f"key {key} does not ascend")
    need_types(get(action, 6, list, default=[]), str, id)
    need_types(get(action, 7, list, default=[]), str, str)
    need_types(get(action, 10, list, default=[]), str, id)
    need_types(get(action, 11, list, default=[]), str, id)
    need(all(map(is_id, get(action, 9, list, default=[]))), "a dependency that is no id")
    for key in (12, 13):
        need(all(type(item) is bytes for item in get(action, key, list, default=[])), f"key {key} holds no bytes")
    inputs = get(action, 8, list, default=[])
    for item in inputs:
        need(type(item) is list and len(item) in INPUT_LENGTHS.get(item[1], ()), "an input of an unknown kind")
        need(item[1] != 1 or (is_id(item[2]) and type(item[3]) is bool), "no file")
        need(item[1] != 3 or (type(item[2]) is bytes and all(map(is_id, item[3:]))), "no symlink")
    need(len({item[0] for item in inputs}) == len(inputs), "an input that comes twice")
    need(cbor_encode(action) == data, "an action that is not encoded as it must be")
    return action


def read_record(data):
    """A run record whose every field is as section 14 has it."""
    record = cbor(data)
    need(get(record, 0, int) == 1, "a run record of another version")
    for key in (1, 4, 12, 13, 14, 15, 16, 26):
        need(key not in record or is_id(record[key]), f"key {key} is no id")
    need(1 in record, "no action")
    need(SUCCESS <= get(record, 5, int) <= UNSTORED, "an unknown status")
    need(record[5] != SUCCESS or 12 in record, "a success without a result")
    for key in (2, 3, 6, 22, 23):
        need(key not in record or get(record, key, str), f"key {key} is empty")
    for key in (9, 10, 18, 19, 20, 21):
        need(key not in record or get(record, key, int), f"key {key} is zero")
    need_types([get(record, 17, list, 2)], int, int)
    if 7 in record:
        need_types([record[7]], int, int)
        need(record[7][0] in (1, 2), "an unknown way to end")
    for seen in get(record, 11, list, default=[]):
        need(type(seen[0]) is bytes and all(map(is_id, seen[1:])) and len(seen) in (1, 2), "no observed path")
    need_types(get(record, 25, list, default=[]), bytes, str)
    for attempt in get(record, 8, list, default=[]):
        need_types([get(attempt, 1, list, 2)], int, int)
    return record


def references(record):
    """The ids of everything that a run record keeps."""
    kept = [record[key] for key in (1, 4, 12, 13, 14, 15, 16) if key in record]
    return kept + [attempt[key] for attempt in record.get(8, []) for key in (3, 4, 5) if key in attempt]


def check_order(data, lengths):
    """The order of two streams: stretches in turn, which are as long as the streams."""
    cursor, sums, last = Cursor(data), [0, 0], None
    while not cursor.done():
        length, stream = divmod(cursor.varint(), 2)
        need(length and stream != last, "a stretch that is empty, or follows one of its own stream")
        sums[stream] += length
        last = stream
    need(sums == lengths, "an order that does not fit its streams")


def read_batch(body):
    """The entries of a batch of runs: (action, record, status, sandbox, Unix seconds)."""
    entries = get(body, 0, list)
    need_types(entries, id, id, int, int, int)
    return entries
