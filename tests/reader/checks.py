"""The command `check`: every byte of a repository against docs/FORMAT.md."""

import hashlib
from collections import Counter, defaultdict

from encoding import ALGORITHMS, Damaged, cbor, get, need, unwrap
from records import (
    ALIAS,
    DIR,
    EMPTY_ID,
    FILE,
    KIND_ACTION,
    KIND_LINKS,
    KIND_RUN,
    KIND_TREE,
    KINDS,
    NODE_ENTRIES_MAX,
    WHOLE,
    check_extents,
    ends_node,
    read_links,
    read_pack,
    read_segment,
)
from runs import check_order, read_action, read_batch, read_record, references
from sealed import DOOM, FRAME, LEASE, PACK, SEGMENT, SealedFile


class Checker:
    """Checks a repository part by part and gathers what is wrong."""

    def __init__(self, repository):
        self.repository, self.problems, self.counts = repository, [], Counter()
        self.packs, self.segments, self.trees = {}, {}, set()

    def attempt(self, name, step, *arguments):
        """Runs one step; what it finds wrong becomes a line that begins with the name."""
        try:
            step(*arguments)
        except (Damaged, OSError, KeyError, TypeError, ValueError) as error:
            self.problems.append(f"{name}: {error}")

    def run(self):
        """Checks everything; the answer is a line about each thing that is wrong."""
        repository = self.repository
        for name in repository.names("keys"):
            self.attempt(f"keys/{name}", self.named_file, f"keys/{name}", name)
        for name in repository.names("keys/devices"):
            self.attempt(f"keys/devices/{name}", repository.device, bytes.fromhex(name))
            self.counts["devices"] += 1
        for name in repository.pack_names():
            self.attempt(f"packs/{name}", self.pack, name)
        for name in repository.names("index"):
            self.attempt(f"index/{name}", self.segment, name)
        self.attempt("index", self.agreement)
        if not self.problems:
            self.objects()
        self.history()
        self.local()
        return self.problems

    def named_file(self, path, name):
        """The bytes of a file that is named by their SHA-256."""
        data = (self.repository.path / path).read_bytes()
        need(hashlib.sha256(data).hexdigest() == name, "not named by its SHA-256")
        self.counts[path.split("/")[0]] += 1
        return data

    def pack(self, name):
        """A pack: its name, its directory, each frame, each entry of each frame."""
        sealed = SealedFile(self.named_file(f"packs/{name[:2]}/{name}", name), PACK, self.repository)
        self.packs[name] = pack = read_pack(sealed)
        by_frame = defaultdict(list)
        for record in pack.records:
            by_frame[record.frame].append(record)
        for number, place in enumerate(pack.frames):
            wrapped = sealed.piece(FRAME, place[2], place[0], place[1])
            raw = unwrap(wrapped)
            self.counts[f"{ALGORITHMS[wrapped[0]]} frames"] += 1
            need(
                sum(record.length for record in by_frame[number]) == len(raw),
                "a frame of another length than its entries",
            )
            for record in by_frame[number]:
                self.repository.check_id(record.cls, record.id, raw[record.offset : record.offset + record.length])
                self.counts["entries"] += 1

    def segment(self, name):
        """A segment: its name, directory and records, against the directories of the packs it lists."""
        sealed = SealedFile(self.named_file(f"index/{name}", name), SEGMENT, self.repository)
        self.segments[name] = read_segment(sealed)

    def agreement(self):
        """What the segments that count say of the packs that are here is what the packs say of themselves."""
        superseded = {name for segment in self.segments.values() for name in segment.supersedes}
        for name, segment in self.segments.items():
            for pack_name, said in segment.packs.items():
                pack = self.packs.get(pack_name)
                if name in superseded or (pack is None and not self.pack_is_damaged(pack_name)):
                    continue
                need(pack is not None, f"segment {name} lists pack {pack_name}, which does not open")
                same = [
                    getattr(said, part) == getattr(pack, part)
                    for part in ("kind", "file_bytes", "salt", "key_id", "frames")
                ]
                need(all(same), f"segment {name} and pack {pack_name} differ")
                need(set(said.records) <= set(pack.records), f"segment {name} and pack {pack_name} differ in entries")
                keys = [{(record.cls, record.id) for record in one.records} for one in (said, pack)]
                need(keys[0] == keys[1], f"segment {name} leaves out entries of pack {pack_name}")
                self.counts["records"] += len(said.records)

    def pack_is_damaged(self, name):
        """Whether a pack is there, although it could not be read."""
        return (self.repository.path / "packs" / name[:2] / name).exists()

    def objects(self):
        """Every object that has a recipe hashes to its id; every tree and links object decodes."""
        for (cls, entry_id), places in list(self.repository.places.items()):
            record = places[0][1]
            need(record.kind in KINDS, f"entry {entry_id.hex()} is of the unknown kind {record.kind}")
            if cls == ALIAS:
                self.attempt(f"object {entry_id.hex()}", self.large_object, record)
            if cls in (WHOLE, ALIAS) and record.kind == KIND_TREE:
                self.attempt(f"tree {entry_id.hex()}", self.repository.tree, entry_id)
            if cls in (WHOLE, ALIAS) and record.kind == KIND_LINKS:
                self.attempt(
                    f"links {entry_id.hex()}", lambda links=entry_id: read_links(self.repository.object(links))
                )
            reader = {KIND_ACTION: read_action, KIND_RUN: read_record}.get(record.kind)
            if cls in (WHOLE, ALIAS) and reader:
                read = lambda one=entry_id, reader=reader: reader(self.repository.object(one))  # noqa: E731
                self.attempt(f"{KINDS[record.kind]} {entry_id.hex()}", read)
                self.counts[f"{KINDS[record.kind]} objects"] += 1

    def large_object(self, alias):
        """A large object: its length, its hash, and that its recipe nodes end where they should."""
        length = 0
        for piece in self.repository.pieces(alias.id):
            length += len(piece) if isinstance(piece, bytes) else piece
        need(length == alias.length, "another length than its alias says")
        self.counts["large objects"] += 1
        level, nodes = None, [(alias.root, alias.length)]
        while nodes:
            below = []
            for number, (node_id, total) in enumerate(nodes):
                node = self.repository.node(node_id, level if level is None else level - 1, total)
                full = len(node.entries) == NODE_ENTRIES_MAX or ends_node(node.entries[-1][0])
                need(full or number == len(nodes) - 1, "a recipe node that ends too early")
                need(
                    not any(ends_node(entry_id) for entry_id, _ in node.entries[:-1]),
                    "a recipe node that ends too late",
                )
                below += [entry for entry in node.entries if node.level and entry[0]]
            level, nodes = node.level, below
            need(len(nodes) != 1, "a recipe that is higher than it needs to be")

    def history(self):
        """Root records, their chains, and everything that the live snapshots reach."""
        snapshots, problems = self.repository.history()
        self.problems += problems
        self.counts["roots"] = len(self.repository.names("roots"))
        self.counts["snapshots"] = len(snapshots)
        for root in snapshots:
            self.attempt(f"snapshot {root.name}", self.snapshot, root.body)
        for name, entry in self.repository.runs():
            self.attempt(f"run {entry[1].hex()} in {name}", self.run_record, entry)

    def snapshot(self, body):
        """A snapshot's trees decode, and whatever they name is here."""
        self.below(get(body, 0, bytes, 32))
        if 12 in body:
            read_links(self.repository.object(get(body, 12, bytes, 32)))

    def run_record(self, entry):
        """A run of a batch: its record says the same, and what it keeps is here."""
        action, record_id, status, sandbox, _ = entry
        record = read_record(self.repository.object(record_id))
        need((record[1], record[5], record.get(10, 0)) == (action, status, sandbox), "a batch and a record differ")
        for kept in references(record):
            need(self.repository.has(kept), f"{kept.hex()}, which it keeps, is nowhere")
        for tree in (12, 13):
            if tree in record:
                self.below(record[tree])
        # A stream of which nothing is stored is empty.
        lengths = [self.repository.length(record[key]) if key in record else 0 for key in (14, 15)]
        if 16 in record:
            check_order(self.repository.object(record[16]), lengths)
            self.counts["orders"] += 1
        self.counts["runs"] += 1

    def below(self, tree_id):
        """A tree and everything beneath it, each tree once."""
        if tree_id in self.trees:
            return
        self.trees.add(tree_id)
        self.counts["trees"] = len(self.trees)
        for entry in self.repository.tree(tree_id):
            if entry[1] == DIR:
                self.below(entry[2])
            elif entry[1] == FILE:
                content = entry.get(2, EMPTY_ID)
                need(self.repository.has(content), f"the content {content.hex()} is nowhere")
                need(self.repository.length(content) == entry.get(3, 0), "a file of another size than its content")
            if 16 in entry:
                cbor(self.repository.object(entry[16]))
            if 18 in entry:
                check_extents(cbor(self.repository.object(entry[18])), entry.get(3, 0))

    def local(self):
        """Leases and dooms, which only this replica has."""
        for name in self.repository.names("gc"):
            self.attempt(f"gc/{name}", lambda doom=name: self.small(self.named_file(f"gc/{doom}", doom), DOOM))
        for folder in sorted((self.repository.path / "leases").glob("*")):
            for name in self.repository.names(folder.relative_to(self.repository.path)):
                if name.isdigit():
                    self.attempt(
                        f"leases/{folder.name}/{name}", lambda at=folder / name: self.small(at.read_bytes(), LEASE)
                    )

    def small(self, data, file_type):
        """A lease or a doom opens and is a map of version 1."""
        need(get(cbor(SealedFile(data, file_type, self.repository).only_frame()), 0, int) == 1, "of another version")
