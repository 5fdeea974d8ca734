//! Which snapshots live, in which order, under which names.

use super::*;
use crate::error::Code;
use crate::repo::records::{FORGET, Forget, PIN, Pin, TAG};

const NOW: Time = Time::from_seconds(1_000_000);

struct Writer(Vec<Root>);

impl Writer {
    fn add(&mut self, device: u8, record_type: u8, time_seconds: i64, body: Vec<u8>) -> Id {
        let sequence = self.0.iter().filter(|root| root.device == ShortId::new([device; 16])).count() as u64 + 1;
        let mut name = [device; 32];
        name[1] = self.0.len() as u8;
        let root = Root {
            name: Id::new(name),
            record_type,
            device: ShortId::new([device; 16]),
            sequence,
            previous: None,
            time: Time::from_seconds(time_seconds),
            body,
            is_trusted: true,
            lease: None,
        };
        self.0.push(root);
        Id::new(name)
    }

    fn snapshot(&mut self, device: u8, seconds: i64, change: impl FnOnce(&mut SnapshotBody)) -> Id {
        let mut body = SnapshotBody::new(Id::EMPTY);
        body.start = Time::from_seconds(seconds - 10);
        body.host = format!("host{device}");
        body.paths = vec![b"/data".to_vec()];
        change(&mut body);
        self.add(device, SNAPSHOT, seconds, body.encode())
    }

    fn load(&self) -> Snapshots {
        Snapshots::load(&self.0, NOW)
    }
}

fn ids(snapshots: &Snapshots) -> Vec<Id> {
    snapshots.all().iter().map(|snapshot| snapshot.id).collect()
}

fn found(snapshots: &Snapshots, text: &str) -> (Id, Option<Vec<u8>>) {
    let target = snapshots.resolve(text.as_bytes()).unwrap();
    (target.snapshot.id, target.path)
}

#[test]
fn a_tombstone_wins_and_tags_are_counted_in_order() {
    let mut w = Writer(Vec::new());
    let a = w.snapshot(1, 100, |body| body.tags = vec!["old".into()]);
    let b = w.snapshot(1, 200, |_| ());
    let tag = |added: &[&str], removed: &[&str]| {
        let list = |tags: &[&str]| tags.iter().map(ToString::to_string).collect();
        Tag { snapshot: a, added: list(added), removed: list(removed), extra: Default::default() }.encode()
    };
    w.add(2, TAG, 300, tag(&["x", "y"], &["old"]));
    w.add(2, TAG, 310, tag(&[], &["x"]));
    w.add(
        1,
        FORGET,
        150,
        Forget::new(vec![Forgotten { name: b, device: ShortId::new([1; 16]), sequence: 2 }]).encode(),
    );
    let snapshots = w.load();
    assert_eq!(ids(&snapshots), [a]);
    assert_eq!(snapshots.all()[0].tags, BTreeSet::from(["y".to_string()]));
    assert!(snapshots.is_forgotten(&b));
    // What a device says that is not trusted changes nothing.
    for root in &mut w.0[2..] {
        root.is_trusted = false;
    }
    assert_eq!(ids(&w.load()), [a, b]);
}

#[test]
fn order_follows_the_device_and_no_claim_passes_now() {
    let mut w = Writer(Vec::new());
    let a = w.snapshot(1, 100, |_| ());
    let reset_clock = w.snapshot(1, 5, |_| ());
    let other = w.snapshot(2, 150, |_| ());
    let b = w.snapshot(1, 200, |_| ());
    let future = w.snapshot(1, 2_000_000, |_| ());
    let c = w.snapshot(1, 300, |_| ());
    let snapshots = w.load();
    assert_eq!(ids(&snapshots), [a, reset_clock, other, b, c, future]);
    assert!(snapshots.all().iter().all(|snapshot| snapshot.time <= NOW && snapshot.order <= NOW));
}

#[test]
fn a_copy_of_an_old_snapshot_stays_old() {
    let mut w = Writer(Vec::new());
    let new = w.snapshot(1, 500, |_| ());
    let copy = w.snapshot(1, 600, |body| body.start = Time::from_seconds(50));
    assert_eq!(ids(&w.load()), [copy, new]);
}

#[test]
fn filters_mean_what_they_mean_in_restic() {
    let mut w = Writer(Vec::new());
    let ab = w.snapshot(1, 1, |body| body.tags = vec!["a".into(), "b".into()]);
    let a = w.snapshot(1, 2, |body| body.tags = vec!["a".into()]);
    let none = w.snapshot(2, 3, |body| body.paths.push(b"/more".to_vec()));
    let snapshots = w.load();
    let select = |filter: Filter| snapshots.select(&filter).map(|snapshot| snapshot.id).collect::<Vec<_>>();
    let tags =
        |lists: &[&str]| Filter { tags: lists.iter().map(|l| Filter::tag_list(l)).collect(), ..Filter::default() };
    assert_eq!(select(tags(&["a,b"])), [ab]);
    assert_eq!(select(tags(&["a"])), [ab, a]);
    assert_eq!(select(tags(&["b", ""])), [ab, none]);
    assert_eq!(select(Filter { hosts: vec!["host2".into()], ..Filter::default() }), [none]);
    let both = vec![b"/data".to_vec(), b"/more".to_vec()];
    assert_eq!(select(Filter { paths: both.clone(), ..Filter::default() }), [none]);
    assert_eq!(snapshots.parent_for("host2", &both).unwrap().id, none);
    assert!(snapshots.parent_for("host2", &both[..1]).is_none());
}

#[test]
fn names_and_paths_are_resolved() {
    let mut w = Writer(Vec::new());
    let a = w.snapshot(1, 10, |body| body.tags = vec!["keep:me".into()]);
    let b = w.snapshot(1, 20, |body| body.parent = Some(a));
    let c = w.snapshot(2, 30, |_| ());
    let partial = w.snapshot(2, 40, |body| body.is_partial = true);
    let snapshots = w.load();
    for (text, id, path) in [
        ("latest", c, None),
        ("latest~1", b, None),
        ("latest~", b, None),
        ("latest:host1", b, None),
        ("latest:host1~1", a, None),
        ("latest~1:host1", a, None),
        ("latest:host1:/etc/", b, Some("etc")),
        ("latest:/etc/x", c, Some("etc/x")),
        ("latest:etc/x", c, Some("etc/x")),
        ("latest:", c, Some("")),
        ("keep:me", a, None),
        ("0100", a, None),
        ("0101~1:a:b", a, Some("a:b")),
        ("0101~0", b, None),
        (&partial.to_hex().to_uppercase(), partial, None),
    ] {
        assert_eq!(found(&snapshots, text), (id, path.map(|path| path.as_bytes().to_vec())), "{text}");
    }
    let raw = snapshots.resolve(b"latest:/\xff/").unwrap();
    assert_eq!(raw.path.unwrap(), b"\xff");
    for (text, code) in [
        ("latest~9", Code::SnapshotNotFound),
        ("latest:nohost", Code::SnapshotNotFound),
        ("0100~1", Code::SnapshotNotFound),
        ("ffff", Code::SnapshotNotFound),
        ("nothing", Code::SnapshotNotFound),
        ("", Code::SnapshotNotFound),
        ("010", Code::InvalidArg),
    ] {
        assert_eq!(snapshots.resolve(text.as_bytes()).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn an_ambiguous_prefix_lists_whom_it_may_mean() {
    let mut w = Writer(Vec::new());
    for n in 0..256 {
        w.snapshot(1, n, |_| ());
    }
    for root in &mut w.0 {
        let mut name = *root.name.as_bytes();
        name.swap(1, 9);
        root.name = Id::new(name);
    }
    let snapshots = w.load();
    let error = snapshots.resolve(b"01010").unwrap_err();
    assert_eq!(error.code(), Code::InvalidArg);
    let text = error.to_string();
    assert!(text.starts_with("`01010` is the beginning of 256 snapshots:\n  0101") && text.ends_with("..."), "{text}");
    assert_eq!(Writer(Vec::new()).load().resolve(b"latest").unwrap_err().code(), Code::SnapshotNotFound);
}

#[test]
fn pins_and_damaged_bodies() {
    let mut w = Writer(Vec::new());
    let a = w.snapshot(1, 10, |_| ());
    let b = w.snapshot(1, 20, |_| ());
    for (id, is_pinned) in [(a, true), (b, true), (a, false)] {
        w.add(1, PIN, 30, Pin { id, is_pinned, extra: Default::default() }.encode());
    }
    let broken = w.add(1, SNAPSHOT, 40, b"\xa0".to_vec());
    let snapshots = w.load();
    assert_eq!(snapshots.pinned(), &BTreeSet::from([b]));
    assert_eq!(snapshots.all().iter().map(|one| one.is_pinned).collect::<Vec<_>>(), [false, true]);
    assert_eq!(snapshots.damaged()[0].0, broken);
    assert_eq!(snapshots.damaged()[0].1.code(), Code::SnapshotCorrupted);
}
