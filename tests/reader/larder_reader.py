#!/usr/bin/env python3
"""A second reader of larder repositories, written from docs/FORMAT.md alone.

It proves that the document says enough: it shares no code with larder, and tests/reader.rs runs it against
repositories that larder wrote. It reads and never writes into a repository. Slow and plain on purpose.

    python3 -m venv V && V/bin/pip install -r tests/requirements.txt
    V/bin/python3 tests/reader/larder_reader.py REPO --passphrase-file F snapshots

Commands: snapshots; runs; ls SNAPSHOT; extract SNAPSHOT PATH OUT; extract-all SNAPSHOT DIR; check; chunks FILE.
SNAPSHOT is the start of an id, or `latest`. Exit 0: done; 1: something is not as the document says; 2: usage.
Section numbers below are those of docs/FORMAT.md.
"""

import argparse
import datetime
import functools
import hashlib
import os
import stat
import sys
from pathlib import Path

from checks import Checker
from encoding import Damaged, cbor, get, need, show
from records import ALIAS, BLOCK, CHARACTER, DIR, EMPTY_ID, FIFO, FILE, SOCKET, SYMLINK, read_links
from repository import Repository
from runs import read_record


def show_time(time):
    """[Unix seconds, nanoseconds] as RFC 3339."""
    moment = datetime.datetime.fromtimestamp(time[0], datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time[1]:09}Z"


def resolve(repository, wanted):
    """The one live snapshot that `latest` or the start of an id names."""
    snapshots, _ = repository.history()
    if wanted == "latest":
        found = [root for root in snapshots if not root.body.get(10)][-1:]
    else:
        found = [root for root in snapshots if root.name.startswith(wanted)]
    if len(found) != 1:
        raise SystemExit(f"larder_reader: {len(found)} snapshots are meant by {wanted}")
    return found[0]


def command_snapshots(repository, _options):
    """Lists the live snapshots and what vouches for them."""
    snapshots, problems = repository.history()
    for root in snapshots:
        paths = ",".join(map(show, get(root.body, 1, list)))
        endorsed = f"endorsed by {root.endorser.hex()}" if root.endorser else "not endorsed"
        chain = "BROKEN chain" if problems else "chain ok"
        trust = f"signed by {root.device.hex()} number {root.sequence}, {endorsed}, {chain}"
        print(
            root.name, show_time(root.time), root.body.get(2, "-"), paths, f"[{','.join(root.tags)}]", trust, sep="\t"
        )
    return problems


def command_runs(repository, _options):
    """Lists the runs that are kept."""
    for _, (action, record_id, status, _, seconds) in repository.runs():
        record = read_record(repository.object(record_id))
        words = [record_id.hex(), action.hex(), str(status), show_time([seconds, 0]), record.get(2, "-")]
        print(*words, record.get(3, "-"), sep="\t")


def command_ls(repository, options):
    """Lists everything in a snapshot."""
    for path, entry in repository.walk(get(resolve(repository, options.snapshot).body, 0, bytes, 32)):
        letter = "?fdlpscb"[entry[1]]
        content = entry[2].hex() if entry[1] == FILE and 2 in entry else "-"
        target = f"\t{show(entry[21])}" if 21 in entry else ""
        print(f"{letter}{entry.get(5, 0):04o}\t{entry.get(3, 0)}\t{content}\t{show(path)}{target}")


def data_extents(repository, entry):
    """(start, end) of the parts of a file that are no holes; all of it if the entry says nothing."""
    size = get(entry, 3, int, default=0)
    extents = cbor(repository.object(entry[18])) if 18 in entry else entry.get(17, [0, size])
    return [(offset, offset + length) for offset, length in zip(extents[::2], extents[1::2], strict=True)]


def write_file(repository, entry, out):
    """Writes the content of a file entry, checked against its id, holes as holes."""
    at, extents = 0, data_extents(repository, entry)
    with open(out, "xb") as file:
        for piece in repository.pieces(get(entry, 2, bytes, 32, default=EMPTY_ID)):
            end = at + (len(piece) if isinstance(piece, bytes) else piece)
            for start, stop in extents if isinstance(piece, bytes) else []:
                part = piece[max(start - at, 0) : max(stop - at, 0)]
                if part:
                    file.seek(max(start, at))
                    file.write(part)
            at = end
        file.truncate(at)
    need(at == get(entry, 3, int, default=0), "a file of another size than its entry says")


def command_extract(repository, options):
    """Writes one file of a snapshot, checked against its id."""
    tree = get(resolve(repository, options.snapshot).body, 0, bytes, 32)
    entry = repository.find(tree, os.fsencode(options.path))
    if entry[1] != FILE:
        raise SystemExit("larder_reader: not a file")
    write_file(repository, entry, options.out)


def set_metadata(repository, entry, path):
    """Sets owner, mode, extended attributes and time, as far as this user may; says what it may not."""
    attributes = entry.get(15) or (cbor(repository.object(entry[16])) if 16 in entry else {})
    set_attribute = functools.partial(os.setxattr, follow_symlinks=False)
    steps = [(set_attribute, path, name, value) for name, value in attributes.items()]
    if 5 in entry and entry[1] != SYMLINK:
        steps.append((os.chmod, path, entry[5]))
    if 6 in entry and os.geteuid() == 0:
        steps.insert(0, (os.lchown, path, entry[6], entry[7]))
    if 10 in entry:
        moment = entry[10] * 10**9 + entry.get(11, 0)
        steps.append((functools.partial(os.utime, ns=(moment, moment), follow_symlinks=False), path))
    for step, *arguments in steps:
        try:
            step(*arguments)
        except OSError as error:
            print(f"larder_reader: {show(path)}: {error.strerror}", file=sys.stderr)


def command_extract_all(repository, options):
    """Writes a whole snapshot beneath a directory that is made for it."""
    body = resolve(repository, options.snapshot).body
    groups = read_links(repository.object(body[12])) if 12 in body else []
    group_of = {path: number for number, group in enumerate(groups) for path in group}
    first, directories, base = {}, [], os.fsencode(options.directory)
    os.mkdir(base)
    for path, entry in repository.walk(get(body, 0, bytes, 32)):
        out, kind, group = base + path, entry[1], group_of.get(path)
        if group is not None and group in first:
            os.link(first[group], out, follow_symlinks=False)
            continue
        first[group] = out
        if kind == DIR:
            os.mkdir(out)
            directories.append((entry, out))
            continue
        if kind == FILE:
            write_file(repository, entry, out)
        elif kind == SYMLINK:
            os.symlink(entry[21], out)
        elif kind in (CHARACTER, BLOCK) and os.geteuid() != 0:
            print(f"larder_reader: {show(path)}: a device, left out", file=sys.stderr)
            continue
        else:
            bits = {FIFO: stat.S_IFIFO, SOCKET: stat.S_IFSOCK, CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK}[kind]
            os.mknod(out, bits | 0o600, os.makedev(entry.get(19, 0), entry.get(20, 0)))
        set_metadata(repository, entry, out)
    for entry, out in reversed(directories):
        set_metadata(repository, entry, out)


def cut_again(gear, data, leaves):
    """(is a hole, length) of each part of an object as section 5 cuts it; `leaves` only says where holes are."""
    start = at = 0
    for chunk_id, length in leaves:
        if chunk_id is None:
            yield from ((False, part) for part in gear.lengths(data[start:at]))
            yield True, length
            start = at + length
        at += length
    yield from ((False, part) for part in gear.lengths(data[start:]))


def command_chunks(repository, options):
    """Prints the lengths of a file's chunks as section 5 makes them, and compares them with the stored recipe."""
    data = Path(options.file).read_bytes()
    object_id = hashlib.sha256(data).digest()
    if not repository.has(object_id):
        return [f"object {object_id.hex()} is not in the repository"]
    if (ALIAS, object_id) not in repository.places:
        print(len(data), "whole", sep="\t")
        return [] if len(data) <= repository.average else ["stored whole, although it is longer than avg"]
    stored = list(repository.leaves(repository.places[ALIAS, object_id][0][1].root, None, len(data)))
    wanted = list(cut_again(repository.gear(), memoryview(data), stored))
    for is_hole, length in wanted:
        print(length, "hole" if is_hole else "chunk", sep="\t")
    return [] if [(chunk is None, length) for chunk, length in stored] == wanted else ["the stored chunks differ"]


def command_check(repository, _options):
    """Checks every byte of the repository."""
    checker = Checker(repository)
    problems = checker.run()
    print(", ".join(f"{count} {what}" for what, count in sorted(checker.counts.items())))
    return problems


COMMANDS = {
    "snapshots": (command_snapshots, []),
    "runs": (command_runs, []),
    "ls": (command_ls, ["snapshot"]),
    "extract": (command_extract, ["snapshot", "path", "out"]),
    "extract-all": (command_extract_all, ["snapshot", "directory"]),
    "check": (command_check, []),
    "chunks": (command_chunks, ["file"]),
}


def arguments():
    """The parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("repository")
    parser.add_argument("--passphrase-file", type=Path)
    parser.add_argument("--key-file", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (function, words) in COMMANDS.items():
        command = commands.add_parser(name, help=function.__doc__)
        for word in words:
            command.add_argument(word)
    return parser.parse_args()


def main():
    """Runs one command; a line on stderr and exit 1 for each thing that is not as the document says."""
    options = arguments()
    try:
        passphrase = options.passphrase_file and options.passphrase_file.read_bytes().split(b"\n")[0]
        key_file = options.key_file and options.key_file.read_bytes()
        repository = Repository(options.repository, passphrase, key_file)
        problems = COMMANDS[options.command][0](repository, options) or []
    except (Damaged, OSError) as error:
        problems = [error]
    for problem in problems:
        print(f"larder_reader: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
