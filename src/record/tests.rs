use super::*;
use proptest::prelude::*;

fn full() -> Record {
    let id = |n| Some(Id::new([n; 32]));
    let mut extra = Fields::new();
    extra.put(99, "later");
    Record {
        project: "p".into(),
        task: "compile@os=linux".into(),
        manifest: id(1),
        status: Status::Unstored,
        reason: Some("input-changed a".into()),
        exit: Exit::Code(-1),
        attempts: vec![
            Attempt {
                exit: Exit::Signal(9),
                start: Time::from_seconds(-5),
                wall_ms: 3,
                extra: extra.clone(),
                ..Attempt::default()
            },
            Attempt { stdout: id(2), stderr: id(3), interleave: id(4), ..Attempt::default() },
        ],
        sandbox_asked: 2,
        sandbox_used: 1,
        observed: vec![
            Observed { path: b"/usr/include/stdio.h".to_vec(), content: id(5) },
            Observed { path: b"a\xff.h".to_vec(), content: None },
        ],
        result: id(6),
        inputs: id(7),
        stdout: id(8),
        stderr: id(9),
        interleave: id(10),
        start: Time { seconds: 1, nanoseconds: 2 },
        wall_ms: 3,
        user_ms: 4,
        system_ms: 5,
        memory_peak_bytes: 6,
        host: "h".into(),
        program: "larder 1".into(),
        git: Some(Git { commit: "c".into(), is_dirty: true, ..Git::default() }),
        portable_loss: vec![Loss { path: b"out".to_vec(), what: "mode 0600".into() }],
        reproduces: id(11),
        extra,
        ..Record::new(Id::new([12; 32]))
    }
}

#[test]
fn records_come_back_with_fields_of_later_versions() {
    for record in [full(), Record::new(Id::EMPTY), Record { status: Status::from_code(77), ..full() }] {
        assert_eq!(Record::decode(&record.encode()).unwrap(), record);
    }
}

#[test]
fn a_record_keeps_its_action_trees_and_logs_and_nothing_else() {
    let kept: Vec<(Kind, Id)> = full().references().collect();
    let ids =
        |of: Kind| kept.iter().filter(|(kind, _)| *kind == of).map(|(_, id)| id.as_bytes()[0]).collect::<Vec<_>>();
    assert_eq!(ids(Kind::Action), [12]);
    assert_eq!(ids(Kind::Manifest), [1]);
    assert_eq!(ids(Kind::Tree), [6, 7]);
    assert_eq!(ids(Kind::Blob), [8, 9, 10, 2, 3, 4]);
    assert_eq!(kept.len(), 10, "observed contents and the record that is repeated are named only");
}

#[test]
fn a_later_version_is_refused_and_not_guessed() {
    let mut fields = Fields::decode(&full().encode(), "test").unwrap();
    fields.put(0, VERSION + 1);
    assert_eq!(Record::decode(&fields.encode()).unwrap_err().code(), Code::ConfigInvalid);
    assert_eq!(Record::decode(b"\xa0").unwrap_err().code(), Code::StorageCorrupted);
}

#[test]
fn statuses_come_back_from_their_codes() {
    for code in 0..=u8::MAX {
        assert_eq!(Status::from_code(code).code(), code);
    }
}

proptest! {
    #[test]
    fn a_flipped_byte_is_read_or_refused(at in 0usize..900, flip in 1u8..) {
        let mut bytes = full().encode();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(read) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&read.encode()).unwrap(), read);
        }
    }
}
