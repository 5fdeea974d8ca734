//! Tests of the codec: what goes in comes back, in pieces of any size, and damage is refused.

use super::*;
use proptest::prelude::*;

fn time() -> impl Strategy<Value = Time> {
    (any::<i64>(), 0u32..1_000_000_000).prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds })
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>().prop_filter("no separator", |byte| !matches!(byte, 0 | b'/')), 1..12)
        .prop_filter("no dots", |name| name != b"." && name != b"..")
}

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 32]>().prop_map(Id::new)
}

fn meta() -> impl Strategy<Value = Meta> {
    let names = (prop::option::of("[a-z]{1,8}"), prop::option::of("[a-z]{1,8}"));
    (0u32..0o10000, any::<u32>(), any::<u32>(), names, time(), prop::option::of(time()), any::<Option<u32>>()).prop_map(
        |(mode, uid, gid, (owner, group), mtime, btime, flags)| Meta {
            mode,
            uid,
            gid,
            owner: owner.map(Arc::from),
            group: group.map(Arc::from),
            mtime,
            btime,
            flags,
        },
    )
}

fn xattrs() -> impl Strategy<Value = Xattrs> {
    let map = prop::collection::btree_map(name(), any::<Vec<u8>>(), 1..4);
    prop_oneof![
        Just(Xattrs::None),
        map.prop_map(|map| {
            let mut list: Vec<_> = map.into_iter().collect();
            sort_xattrs(&mut list);
            Xattrs::Inline(list)
        }),
        id().prop_map(Xattrs::Blob)
    ]
}

fn unknown() -> impl Strategy<Value = Vec<Unknown>> {
    let field = |key: &[u8], value: &[u8]| Unknown { key: key.to_vec(), value: value.to_vec() };
    let all = [
        field(&[22], &[0x61, b'x']),
        field(&[0x18, 26], &[0x82, 1, 2]),
        field(&[0x19, 1, 0], &[0xf6]),
        field(&[0x61, b'k'], &[0xa0]),
    ];
    prop::sample::subsequence(all.to_vec(), 0..=4)
}

fn entry() -> impl Strategy<Value = Entry> {
    let parts = (any::<bool>(), any::<Option<(u64, u64)>>(), (1u64..1 << 40), any::<(u32, u32)>());
    (1u8..8, name(), id(), meta(), xattrs(), unknown(), parts).prop_map(
        |(code, name, id, meta, xattrs, unknown, (linked, summary, size, device))| {
            let kind = EntryKind::from_code(code).expect("a code of the format");
            let mut entry = Entry { meta: Some(meta), xattrs, unknown, linked, ..Entry::new(name, kind) };
            match kind {
                EntryKind::File => {
                    entry.content = Some(id);
                    entry.size = size;
                    entry.executable = entry.meta.as_ref().is_some_and(|meta| meta.mode & 0o100 != 0);
                    entry.extents = Extents::Inline(vec![(0, 1), (5, size.saturating_sub(5))]);
                    if size < 6 {
                        entry.extents = Extents::None;
                    }
                }
                EntryKind::Directory => {
                    entry.content = Some(id);
                    entry.summary = summary.map(|(files, bytes)| Summary { files, bytes });
                }
                EntryKind::Symlink => entry.target = b"../to".to_vec(),
                _ if kind.is_device() => entry.device = Some(device),
                _ => {}
            }
            entry
        },
    )
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(entry(), 0..12).prop_map(|mut entries| {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|a, b| a.name == b.name);
        entries
    })
}

fn encode(profile: Profile, entries: &[Entry]) -> Vec<u8> {
    let mut writer = TreeWriter::new(profile);
    entries.iter().for_each(|entry| writer.push(entry).expect("sound"));
    writer.finish()
}

proptest! {
    #[test]
    fn trees_come_back(entries in entries()) {
        let bytes = encode(Profile::Full, &entries);
        let tree = read_tree(&bytes).expect("sound");
        prop_assert_eq!(&tree.entries, &entries);
        prop_assert_eq!(encode(Profile::Full, &tree.entries), bytes);
    }

    #[test]
    fn trees_come_back_in_pieces(entries in entries(), piece in 1usize..50) {
        let bytes = encode(Profile::Full, &entries);
        let (mut reader, mut read) = (TreeReader::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.feed(piece);
            while let Some(entry) = reader.next_entry().expect("sound") {
                read.push(entry);
            }
        }
        prop_assert_eq!(reader.finish().expect("whole"), Profile::Full);
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn what_entries_keep_is_read_alone(entries in entries(), piece in 1usize..50) {
        let expected: Vec<Reference> = entries.iter().flat_map(Entry::references).collect();
        let (mut reader, mut found) = (TreeReader::new(), Vec::new());
        for piece in encode(Profile::Full, &entries).chunks(piece) {
            reader.feed(piece);
            while let Some(references) = reader.next_references().unwrap() {
                found.extend(references.into_iter().flatten());
            }
        }
        reader.finish().unwrap();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_cut_tree_is_noticed(entries in entries(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(Profile::Full, &entries);
        let cut = cut.index(bytes.len());
        if let Ok(tree) = read_tree(&bytes[..cut]) {
            prop_assert_eq!(&tree.entries, &entries[..tree.entries.len()]);
        }
    }

    #[test]
    fn damage_is_read_or_refused(entries in entries(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = encode(Profile::Full, &entries);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(tree) = read_tree(&bytes) {
            prop_assert!(tree.entries.iter().all(|entry| entry.check().is_ok()));
        }
    }

    #[test]
    fn links_come_back(groups in prop::collection::btree_map("/[a-m]{1,9}", prop::collection::btree_set("/[n-z]{1,9}", 1..4), 0..5)) {
        let groups: Vec<Vec<Vec<u8>>> = groups
            .into_iter()
            .map(|(first, rest)| std::iter::once(first).chain(rest).map(String::into_bytes).collect())
            .collect();
        let mut writer = LinksWriter::new();
        groups.iter().for_each(|group| writer.push(group).expect("sorted"));
        let bytes = writer.finish();
        prop_assert_eq!(read_links(&bytes).expect("sound"), groups);
        prop_assert!(read_links(&bytes[..bytes.len() - 1]).is_err());
    }
}

#[test]
fn the_bytes_are_those_of_the_format() {
    let mut file = Entry::new("a", EntryKind::File);
    (file.content, file.size, file.executable) = (Some(Id::new([7; 32])), 300, true);
    let mut expected = b"\xa3\x00\x64tree\x01\x01\x02\x02\xa5\x00\x41a\x01\x01\x02\x58\x20".to_vec();
    expected.extend_from_slice(&[7; 32]);
    expected.extend_from_slice(b"\x03\x19\x01\x2c\x04\xf5");
    assert_eq!(encode(Profile::Portable, &[file]), expected);
}

#[test]
fn the_portable_profile_leaves_out_what_differs_between_machines() {
    let mut full = Entry::new("x", EntryKind::File);
    full.meta = Some(Meta { mode: 0o755, uid: 5, ..Meta::default() });
    (full.linked, full.xattrs) = (true, Xattrs::Inline(vec![(b"user.a".to_vec(), b"1".to_vec())]));
    let mut plain = Entry::new("x", EntryKind::File);
    plain.executable = true;
    assert_eq!(encode(Profile::Portable, &[full]), encode(Profile::Portable, &[plain]));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["", ".", "..", "a/b", "a\0"] {
        let code = TreeWriter::new(Profile::Portable).push(&Entry::new(name, EntryKind::Fifo)).map_err(|e| e.code());
        assert_eq!(code, Err(Code::StorageCorrupted), "{name:?}");
    }
    let mut bytes = encode(Profile::Portable, &[Entry::new("ab", EntryKind::Fifo)]);
    let at = bytes.windows(2).position(|pair| pair == b"ab").expect("the name");
    bytes[at..at + 2].copy_from_slice(b"..");
    assert!(read_tree(&bytes).is_err());
}

#[test]
fn order_is_demanded() {
    let mut writer = TreeWriter::new(Profile::Portable);
    writer.push(&Entry::new("b", EntryKind::Fifo)).expect("first");
    assert!(writer.push(&Entry::new("a", EntryKind::Fifo)).is_err());
    assert!(writer.push(&Entry::new("b", EntryKind::Fifo)).is_err());
    let header = TreeWriter::new(Profile::Portable).finish().len();
    let (a, b) = (
        encode(Profile::Portable, &[Entry::new("b", EntryKind::Fifo)]),
        encode(Profile::Portable, &[Entry::new("a", EntryKind::Fifo)]),
    );
    assert!(read_tree(&[&a[..], &b[header..]].concat()).is_err());
}

#[test]
fn an_empty_file_has_no_content() {
    let mut with = Entry::new("x", EntryKind::File);
    with.content = Some(Id::EMPTY);
    assert_eq!(encode(Profile::Portable, &[with]), encode(Profile::Portable, &[Entry::new("x", EntryKind::File)]));
}

#[test]
fn long_lists_go_to_blobs_and_come_back() {
    let xattrs = vec![(b"user.long".to_vec(), vec![1; 1_100]), (b"user.a".to_vec(), vec![2])];
    let bytes = Xattrs::place(xattrs).expect_err("too long to stand inline");
    let read = decode_xattrs(&bytes).expect("sound");
    assert_eq!(read[0].0, b"user.a");
    assert!(decode_xattrs(&bytes[..bytes.len() - 1]).is_err());

    let extents: Vec<_> = (0..17).map(|n| (n * 100, 10)).collect();
    let bytes = Extents::place(extents.clone()).expect_err("too many to stand inline");
    assert_eq!(decode_extents(&bytes, 1_700).expect("sound"), extents);
    assert!(decode_extents(&bytes, 1_000).is_err());
}

#[test]
fn an_endless_item_is_refused() {
    let mut reader = TreeReader::new();
    reader.feed(&TreeWriter::new(Profile::Full).finish());
    reader.feed(&[0xa1, 0x00, 0x5b, 0, 0, 0, 0x7f, 0, 0, 0, 0]);
    assert!(reader.next_entry().expect("may still come").is_none());
    reader.feed(&vec![b'a'; ENTRY_BYTES_MAX]);
    assert!(reader.next_entry().is_err());
}
