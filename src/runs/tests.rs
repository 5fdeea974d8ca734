use super::*;
use crate::error::Code;
use crate::repo::records::{FORGET, Forget, PIN, Pin};

fn id(n: u8) -> Id {
    Id::new([n; 32])
}

fn root(sequence: u64, record_type: u8, body: Vec<u8>) -> Root {
    let name = |sequence| Id::new([0xf0 + sequence as u8; 32]);
    Root {
        name: name(sequence),
        record_type,
        device: ShortId::new([1; 16]),
        sequence,
        previous: (sequence > 1).then(|| name(sequence - 1)),
        time: Time::from_seconds(1_000_000 + sequence as i64),
        body,
        is_trusted: true,
        lease: None,
    }
}

fn entry(action: u8, record: u8, time_seconds: i64) -> RunEntry {
    RunEntry { action: id(action), record: id(record), status: 1, sandbox: 0, time_seconds }
}

fn batch(sequence: u64, entries: &[RunEntry]) -> Root {
    root(sequence, RUNS, Batch { entries: entries.to_vec(), ..Batch::default() }.encode())
}

fn records(runs: &[Run]) -> Vec<Id> {
    runs.iter().map(|run| run.record).collect()
}

const NOW: Time = Time::from_seconds(2_000_000);

#[test]
fn candidates_are_of_the_action_and_newest_first() {
    let first = batch(1, &[entry(1, 10, 5), entry(2, 20, 6), entry(1, 11, 7)]);
    let runs = Runs::load(&[first, batch(2, &[entry(1, 12, 6), entry(1, 13, 6), entry(1, 10, 5)])], NOW);
    assert_eq!(records(runs.candidates(&id(1))), [id(11), id(13), id(12), id(10)]);
    assert_eq!(records(runs.candidates(&id(2))), [id(20)]);
    assert_eq!(runs.candidates(&id(3)), []);
    assert_eq!(runs.all().len(), 5, "a record that two batches name is one run");
    assert_eq!(runs.newest_first()[0].record, id(11));
}

#[test]
fn what_an_untrusted_device_signed_is_listed_and_never_found() {
    let mut foreign = batch(1, &[entry(1, 10, 9), entry(1, 11, 5)]);
    (foreign.device, foreign.is_trusted) = (ShortId::new([2; 16]), false);
    let runs = Runs::load(&[foreign.clone(), batch(1, &[entry(1, 12, 1)])], NOW);
    assert_eq!(records(runs.candidates(&id(1))), [id(12)]);
    assert_eq!(runs.all().len(), 3);
    // The same record from a trusted device is trusted.
    let runs = Runs::load(&[foreign, batch(1, &[entry(1, 10, 1)])], NOW);
    assert_eq!(records(runs.candidates(&id(1))), [id(10)]);
}

#[test]
fn forgotten_batches_do_not_count_and_claims_about_time_are_bounded() {
    let first = batch(1, &[entry(1, 10, i64::MAX)]);
    let gone = Forgotten { name: first.name, device: first.device, sequence: 1 };
    let runs = Runs::load(std::slice::from_ref(&first), NOW);
    assert_eq!(runs.all()[0].time_seconds, 1_000_001);
    let forget = root(2, FORGET, Forget::new(vec![gone]).encode());
    assert!(Runs::load(&[first, forget], NOW).all().is_empty());
}

#[test]
fn pins_and_last_uses_are_told() {
    let pin = |sequence, is_pinned| {
        root(sequence, PIN, Pin { id: id(10), is_pinned, extra: crate::cbor::Fields::new() }.encode())
    };
    let touch = |sequence, day| root(sequence, TOUCH, Touch { ids: vec![id(11)], day, ..Touch::default() }.encode());
    let mut roots = vec![batch(1, &[entry(1, 10, 5), entry(2, 11, 5)]), pin(2, true), touch(3, 20), touch(4, 19)];
    let runs = Runs::load(&roots, NOW);
    assert_eq!(runs.all().iter().map(|run| run.is_pinned).collect::<Vec<_>>(), [true, false]);
    assert_eq!(runs.get(&id(11)).unwrap().used_seconds, 20 * 86_400);
    assert_eq!(runs.get(&id(10)).unwrap().used_seconds, 5);
    roots.extend([touch(5, 1 << 60), pin(6, false)]);
    let runs = Runs::load(&roots, NOW);
    assert!(!runs.get(&id(10)).unwrap().is_pinned);
    assert_eq!(runs.get(&id(11)).unwrap().used_seconds, NOW.seconds, "no use lies in the future");
}

#[test]
fn runs_are_named_by_the_beginning_of_their_ids() {
    let roots = [batch(1, &[entry(1, 0xab, 5), entry(2, 0xcd, 6)])];
    let runs = Runs::load(&roots, NOW);
    assert_eq!(runs.resolve("abab").unwrap().record, id(0xab));
    assert_eq!(runs.resolve("run:CDCDCD").unwrap().record, id(0xcd));
    assert_eq!(runs.resolve("latest").unwrap().record, id(0xcd));
    for (text, code) in [("ab", Code::InvalidArg), ("abac", Code::FileNotFound), ("build", Code::FileNotFound)] {
        assert_eq!(runs.resolve(text).unwrap_err().code(), code, "{text}");
    }
    let mut twin = [0xab; 32];
    twin[31] = 0;
    let twin = batch(2, &[RunEntry { record: Id::new(twin), ..entry(3, 0, 5) }]);
    let runs = Runs::load(&[roots[0].clone(), twin], NOW);
    assert_eq!(runs.resolve("abab").unwrap_err().code(), Code::InvalidArg);
}

#[test]
fn a_use_is_noted_once_a_day() {
    let runs = Runs::load(&[batch(1, &[entry(1, 10, 5), entry(2, 11, 5)])], NOW);
    let used = HashSet::from([id(10), id(12)]);
    let touch = runs.touch(&used, NOW).unwrap();
    assert_eq!((touch.ids.as_slice(), touch.day), (&[id(10)][..], 23));
    let noted = Runs::load(&[batch(1, &[entry(1, 10, 5)]), root(2, TOUCH, touch.encode())], NOW);
    assert_eq!(noted.touch(&used, NOW), None);
    assert!(noted.touch(&used, Time::from_seconds(24 * 86_400)).is_some());
}
