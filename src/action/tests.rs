use super::*;
use proptest::prelude::*;

pub(crate) fn full() -> Action {
    let id = |n| Id::new([n; 32]);
    let input = |path: &str, kind| Input { path: path.into(), kind };
    let mut extra = Fields::new();
    extra.put(99, "later");
    Action {
        platform: "linux-x86_64".into(),
        salt: "s".into(),
        root: Some(b"/p".to_vec()),
        command: Command::Words(vec![b"cc".to_vec(), b"\xff".to_vec()]),
        cwd: b"sub".to_vec(),
        env: vec![("CFLAGS".into(), id(1)), ("X".into(), Id::EMPTY)],
        secrets: vec![("TOKEN".into(), "2026".into())],
        inputs: vec![
            input("a", InputKind::File { content: id(2), executable: true }),
            input("b", InputKind::Directory),
            input("c", InputKind::Symlink { text: b"a".to_vec(), target: Some(id(2)) }),
            input("d", InputKind::Symlink { text: b"nowhere".to_vec(), target: None }),
            input("e", InputKind::Absent),
        ],
        deps: vec![id(3), id(4)],
        tools: vec![("cc".into(), id(5))],
        key_from: vec![("cc --version".into(), id(6))],
        outputs: vec![b"out/*.o".to_vec(), b"x".to_vec()],
        args: vec![b"z".to_vec(), b"a".to_vec()],
        depfile: Some(b"x.d".to_vec()),
        extra,
    }
}

#[test]
fn actions_come_back_with_fields_of_later_versions() {
    for action in [full(), Action::default(), Action { command: Command::Shell(b"true".to_vec()), ..full() }] {
        assert_eq!(Action::decode(&action.encode()).unwrap(), action);
    }
}

#[test]
fn the_order_of_sets_is_not_part_of_the_key() {
    let mut other = full();
    other.inputs.reverse();
    other.env.reverse();
    other.deps = vec![other.deps[1], other.deps[0], other.deps[1]];
    assert_eq!(other.id(), full().id());
    other.args.reverse();
    assert_ne!(other.id(), full().id(), "the order of arguments is");
}

#[test]
fn every_part_is_in_the_key() {
    let base = full();
    let changes: [&dyn Fn(&mut Action); 17] = [
        &|a| a.platform.push('x'),
        &|a| a.salt.clear(),
        &|a| a.root = None,
        &|a| a.command = Command::Shell(b"cc \xff".to_vec()),
        &|a| a.command = Command::Words(vec![b"cc \xff".to_vec()]),
        &|a| a.cwd.clear(),
        &|a| a.env[0].1 = Id::EMPTY,
        &|a| _ = a.env.pop(),
        &|a| a.secrets[0].1.clear(),
        &|a| a.inputs[0].kind = InputKind::File { content: Id::new([2; 32]), executable: false },
        &|a| a.inputs[3].kind = InputKind::Symlink { text: b"a".to_vec(), target: None },
        &|a| a.inputs[4].kind = InputKind::Directory,
        &|a| _ = a.deps.pop(),
        &|a| a.tools[0].1 = Id::EMPTY,
        &|a| a.key_from.clear(),
        &|a| a.outputs[1].push(b'*'),
        &|a| a.depfile = None,
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(other.id(), base.id(), "change {n}");
    }
}

#[test]
fn disorder_and_other_schemes_are_refused() {
    let mut fields = Fields::decode(&full().encode(), "test").unwrap();
    fields.put(9, [Id::new([4; 32]), Id::new([3; 32])]);
    assert_eq!(Action::decode(&fields.encode()).unwrap_err().code(), Code::StorageCorrupted);
    fields.put(0, SCHEME + 1);
    assert_eq!(Action::decode(&fields.encode()).unwrap_err().code(), Code::ConfigInvalid);
}

proptest! {
    #[test]
    fn a_flipped_byte_is_read_or_refused(at in 0usize..600, flip in 1u8..) {
        let mut bytes = full().encode();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(read) = Action::decode(&bytes) {
            prop_assert_eq!(Action::decode(&read.encode()).unwrap(), read);
        }
    }
}
