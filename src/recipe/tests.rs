use super::*;
use crate::crypto::tests::{array, bytes, list, number, vectors};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

#[derive(Default)]
struct Store(HashMap<Id, Vec<u8>>);

impl Store {
    fn emit(&mut self, node: Node) -> Result<Id> {
        let bytes = node.encode();
        let id = ChunkIds::new(&[5; 32]).node(&bytes);
        self.0.insert(id, bytes);
        Ok(id)
    }

    fn build(&mut self, entries: impl IntoIterator<Item = Entry>) -> Result<Id> {
        let mut builder = RecipeBuilder::new();
        for entry in entries {
            builder.push(entry, &mut |node| self.emit(node))?;
        }
        builder.finish(&mut |node| self.emit(node))
    }

    /// All level 0 entries under a node, and its level.
    fn read(&self, id: Id, out: &mut Vec<Entry>) -> u8 {
        let node = Node::decode(&self.0[&id]).expect("what was encoded");
        for entry in &node.entries {
            match entry {
                Entry::Piece { id, .. } if node.level > 0 => assert_eq!(self.read(*id, out) + 1, node.level),
                entry => out.push(*entry),
            }
        }
        node.level
    }
}

/// A chunk whose id depends on `number` and never ends a node.
fn chunk(number: u64) -> Entry {
    let mut id = [1; 32];
    id[8..16].copy_from_slice(&number.to_le_bytes());
    Entry::Piece { id: Id::new(id), len: number % 1000 + 1 }
}

#[test]
fn recipes_are_those_of_the_vectors() {
    let all = vectors(include_str!("../../testdata/vectors/recipes.json"));
    let ids = ChunkIds::new(&array(&all["chunk_id_key"]));
    assert_eq!(ids.chunk(&bytes(&all["chunk"]["bytes"])), Id::new(array(&all["chunk"]["id"])));
    let told = &all["node"];
    let entry = |entry: &Value| match entry["hole"].as_u64() {
        Some(len) => Entry::Hole { len },
        None => Entry::Piece { id: Id::new(array(&entry["id"])), len: number(&entry["length"]) },
    };
    let entries = list(&told["entries"]).iter().map(entry).collect();
    let node = Node { level: number(&told["level"]) as u8, total: number(&told["total"]), entries };
    assert_eq!((node.encode(), Node::decode(&node.encode()).expect("a node")), (bytes(&told["bytes"]), node.clone()));
    assert_eq!(ids.node(&node.encode()), Id::new(array(&told["id"])));
    for tree in list(&all["trees"]) {
        let mut nodes = 0;
        let mut emit = |node: Node| {
            nodes += 1;
            Ok(ids.node(&node.encode()))
        };
        let mut builder = RecipeBuilder::new();
        for count in 0..number(&tree["chunks"]) {
            let entry = Entry::Piece { id: ids.chunk(&count.to_le_bytes()), len: count % 5000 + 1 };
            builder.push(entry, &mut emit).expect("pushed");
        }
        assert_eq!(builder.finish(&mut emit).expect("a root"), Id::new(array(&tree["root"])));
        assert_eq!(nodes, number(&tree["nodes"]));
    }
}

#[test]
fn one_chunk_has_one_node() {
    let mut store = Store::default();
    let root = store.build([chunk(1)]).expect("a root");
    assert_eq!(store.0.len(), 1);
    assert_eq!(Node::decode(&store.0[&root]).expect("a node").entries, [chunk(1)]);
    assert_eq!(Store::default().build([]).expect_err("nothing").code(), Code::InvalidArg);
}

#[test]
fn nodes_end_at_the_limit_and_at_ids() {
    for (count, nodes) in [(4096, 1), (4097, 3), (8192, 3), (8193, 4)] {
        let mut store = Store::default();
        let root = store.build((0..count).map(chunk)).expect("a root");
        let mut read = Vec::new();
        store.read(root, &mut read);
        assert_eq!(read, (0..count).map(chunk).collect::<Vec<_>>());
        assert_eq!(store.0.len(), nodes, "{count} chunks");
    }
    let ending = |number: u64| match chunk(number) {
        Entry::Piece { id, len } => {
            let mut id = *id.as_bytes();
            (id[0], id[1]) = (0, 0xfc);
            Entry::Piece { id: Id::new(id), len }
        }
        hole => hole,
    };
    let mut store = Store::default();
    let root = store.build([chunk(0), ending(1)]).expect("a root");
    assert_eq!((store.0.len(), Node::decode(&store.0[&root]).expect("a node").level), (1, 0), "no lone parent");
    let root = store.build([chunk(0), ending(1), Entry::Hole { len: 1 }]).expect("a root");
    assert_eq!(Node::decode(&store.0[&root]).expect("a node").level, 1);
}

#[test]
fn holes_grow_together() {
    let mut store = Store::default();
    let hole = |len| Entry::Hole { len };
    let root = store.build([hole(0), hole(3), hole(4), chunk(1), hole(5)]).expect("a root");
    let node = Node::decode(&store.0[&root]).expect("a node");
    assert_eq!(node.entries, [hole(7), chunk(1), hole(5)]);
    let ends: Vec<_> = (1..4096).map(chunk).chain([hole(1), hole(2), chunk(9)]).collect();
    let once: Vec<_> = (1..4096).map(chunk).chain([hole(3), chunk(9)]).collect();
    assert_eq!(store.build(ends).expect("a root"), store.build(once).expect("a root"));
    assert_eq!(store.build([hole(u64::MAX), hole(1)]).expect_err("too long").code(), Code::ResourceExhausted);
    assert_eq!(store.build([hole(u64::MAX), chunk(1)]).expect_err("too long").code(), Code::ResourceExhausted);
}

#[test]
fn broken_nodes_are_refused() {
    let good = Node { level: 0, total: 3, entries: vec![Entry::Hole { len: 3 }] };
    assert_eq!(Node::decode(&good.encode()).expect("good"), good);
    let broken = [
        Node { total: 4, ..good.clone() },
        Node { level: 1, ..good.clone() },
        Node { level: 8, ..good.clone() },
        Node { total: 0, entries: vec![], ..good.clone() },
        Node { total: 0, entries: vec![Entry::Hole { len: 0 }], ..good.clone() },
        Node {
            total: CHUNK_BYTES_MAX + 1,
            entries: vec![Entry::Piece { id: Id::EMPTY, len: CHUNK_BYTES_MAX + 1 }],
            ..good.clone()
        },
        Node { total: 4097, entries: vec![Entry::Hole { len: 1 }; 4097], ..good.clone() },
    ];
    for node in broken {
        assert_eq!(Node::decode(&node.encode()).expect_err("broken").code(), Code::StorageCorrupted);
    }
    assert!(Node::decode(&[good.encode(), vec![0]].concat()).is_err(), "bytes left over");
    assert!(Node::decode(&[1, 0, 5, 0x80, 0x20, 1]).is_err(), "a count that the bytes cannot hold");
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = prop_oneof![
        4 => (any::<[u8; 32]>(), 1..=CHUNK_BYTES_MAX).prop_map(|(id, len)| Entry::Piece { id: Id::new(id), len }),
        1 => (1..1u64 << 40).prop_map(|len| Entry::Hole { len }),
    ];
    proptest::collection::vec(entry, 1..200)
}

proptest! {
    #[test]
    fn nodes_come_back(entries in entries()) {
        let node = Node { level: 0, total: entries.iter().map(Entry::len).sum(), entries };
        let bytes = node.encode();
        prop_assert_eq!(&Node::decode(&bytes).expect("whole"), &node);
        for end in 0..bytes.len().min(100) {
            prop_assert!(Node::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_a_node_or_refused(bytes: Vec<u8>, level in 0u8..9) {
        if let Err(error) = Node::decode(&[vec![1, level], bytes].concat()) {
            prop_assert_eq!(error.code(), Code::StorageCorrupted);
        }
    }
}
