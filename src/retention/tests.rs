//! What policies keep: tables, and properties over any history.

use super::*;
use crate::id::ShortId;
use crate::snapshot::SnapshotBody;
use proptest::prelude::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Sunday, 2026-11-22 12:00:00 UTC.
const NOON: i64 = 1_795_348_800;

fn snapshot(index: usize, seconds: i64) -> Snapshot {
    let mut name = [0; 32];
    name[..8].copy_from_slice(&(index as u64).to_be_bytes());
    let mut body = SnapshotBody::new(Id::EMPTY);
    body.host = "host".into();
    body.paths = vec![b"/data".to_vec()];
    Snapshot {
        id: Id::new(name),
        device: ShortId::new([1; 16]),
        sequence: index as u64 + 1,
        is_trusted: true,
        time: Time::from_seconds(seconds),
        order: Time::from_seconds(seconds),
        tags: BTreeSet::new(),
        is_pinned: false,
        body,
    }
}

/// Snapshots of these ages before [`NOON`], oldest first.
fn of_ages(ages: &[i64]) -> Vec<Snapshot> {
    let mut ages = ages.to_vec();
    ages.sort_unstable_by(|a, b| b.cmp(a));
    ages.iter().enumerate().map(|(index, age)| snapshot(index, NOON - age)).collect()
}

fn options() -> RetentionOptions {
    RetentionOptions {
        filter: Filter::default(),
        group_by: GroupBy::default(),
        time_zone: TimeZone::UTC,
        now: Time::from_seconds(NOON),
        allow_empty: false,
    }
}

fn policy(rules: &[(Period, Limit)]) -> Policy {
    let mut policy = Policy::default();
    for (period, limit) in rules {
        policy.keep(*period, *limit).unwrap();
    }
    policy
}

/// The ages before [`NOON`] of those kept, youngest first.
fn kept_ages(all: &[Snapshot], policy: &Policy, options: &RetentionOptions) -> Vec<i64> {
    let mut ages: Vec<i64> = apply(all, policy, options)
        .unwrap()
        .iter()
        .flat_map(|group| &group.decisions)
        .filter(|decision| decision.is_kept())
        .map(|decision| NOON - decision.snapshot.time.seconds)
        .collect();
    ages.sort_unstable();
    ages
}

#[test]
fn each_period_keeps_its_newest() {
    use Limit::{Count, Unlimited, WithinSeconds};
    let ages = [0, HOUR / 2, 2 * HOUR, DAY, DAY + HOUR, 3 * DAY, 9 * DAY, 40 * DAY, 400 * DAY];
    let all = of_ages(&ages);
    for (rules, expected) in [
        (&[(Period::Each, Count(2))][..], &[0, HOUR / 2][..]),
        (&[(Period::Each, Unlimited)], &ages),
        (&[(Period::Hour, Count(3))], &[0, HOUR / 2, 2 * HOUR]),
        (&[(Period::Day, Count(2))], &[0, DAY]),
        (&[(Period::Week, Count(3))], &[0, 9 * DAY, 40 * DAY]),
        (&[(Period::Month, Count(2))], &[0, 40 * DAY]),
        (&[(Period::Quarter, Count(2))], &[0, 400 * DAY]),
        (&[(Period::Year, Count(9))], &[0, 400 * DAY]),
        (&[(Period::Day, Count(2)), (Period::Year, Count(2))], &[0, DAY, 400 * DAY]),
        (&[(Period::Each, WithinSeconds(DAY as u64))], &[0, HOUR / 2, 2 * HOUR]),
        (&[(Period::Day, WithinSeconds(9 * DAY as u64))], &[0, DAY, 3 * DAY]),
        (&[(Period::Month, Unlimited)], &[0, 40 * DAY, 400 * DAY]),
    ] {
        assert_eq!(kept_ages(&all, &policy(rules), &options()), expected, "{rules:?}");
    }
}

#[test]
fn the_oldest_stays_while_places_are_left() {
    let all = of_ages(&[0, HOUR, 2 * HOUR]);
    let decisions = apply(&all, &policy(&[(Period::Day, Limit::Count(7))]), &options()).unwrap().remove(0).decisions;
    let reasons: Vec<_> = decisions.iter().map(|decision| decision.reasons.clone()).collect();
    assert_eq!(reasons, [vec![Reason::Newest(Period::Day)], vec![], vec![Reason::Oldest(Period::Day)]]);
    assert_eq!(reasons[2][0].to_string(), "oldest daily");
}

#[test]
fn age_counts_from_now() {
    let mut policy = Policy::default();
    policy.keep_younger(30 * DAY as u64).unwrap();
    let all = of_ages(&[29 * DAY, 31 * DAY]);
    assert_eq!(kept_ages(&all, &policy, &options()), [29 * DAY]);
    assert_eq!(kept_ages(&all[..1], &policy, &options()), [31 * DAY], "the last of its source");
    assert!(kept_ages(&all[..1], &policy, &RetentionOptions { allow_empty: true, ..options() }).is_empty());
}

#[test]
fn days_begin_where_the_user_lives() {
    let all = of_ages(&[0, 11 * HOUR, 13 * HOUR]);
    let daily = policy(&[(Period::Day, Limit::Count(2))]);
    assert_eq!(kept_ages(&all, &daily, &options()), [0, 13 * HOUR]);
    let zone = TimeZone::fixed(jiff::tz::offset(12));
    assert_eq!(kept_ages(&all, &daily, &RetentionOptions { time_zone: zone, ..options() }), [0, 11 * HOUR]);
}

#[test]
fn the_hour_that_is_there_twice_is_two_hours() {
    let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    // 2026-10-25 02:30 CEST and 02:30 CET.
    let all = [snapshot(0, 1_792_888_200), snapshot(1, 1_792_888_200 + HOUR)];
    let options = RetentionOptions { time_zone: berlin, ..options() };
    assert_eq!(kept_ages(&all, &policy(&[(Period::Hour, Limit::Count(2))]), &options).len(), 2);
}

#[test]
fn zero_and_nothing_are_refused() {
    let mut policy = Policy::default();
    for result in [
        policy.keep(Period::Day, Limit::Count(0)),
        policy.keep(Period::Each, Limit::WithinSeconds(0)),
        policy.keep_younger(0),
        policy.keep_tags(vec![]),
        policy.keep_tags(vec![String::new()]),
        Limit::parse_count("0").map(|_| ()),
        Limit::parse_count("-1").map(|_| ()),
        GroupBy::parse("host,color").map(|_| ()),
        apply(&[], &policy, &options()).map(|_| ()),
    ] {
        assert_eq!(result.unwrap_err().code(), Code::InvalidArg);
    }
    assert_eq!(Limit::parse_count("unlimited").unwrap(), Limit::Unlimited);
    assert_eq!(GroupBy::parse("host,paths").unwrap(), GroupBy::default());
}

#[test]
fn partial_snapshots_take_no_place() {
    let mut all = of_ages(&[0, DAY, 2 * DAY, 3 * DAY]);
    all[3].body.is_partial = true;
    all[1].body.is_partial = true;
    let last = policy(&[(Period::Each, Limit::Count(1))]);
    // The newest is partial and stays beside the one whole that counts; the older partial goes.
    assert_eq!(kept_ages(&all, &last, &options()), [0, DAY]);
    all[3].body.is_partial = false;
    assert_eq!(kept_ages(&all, &last, &options()), [0]);
}

#[test]
fn groups_are_counted_apart_and_sources_keep_their_last() {
    let mut all = of_ages(&[0, DAY, 2 * DAY, 3 * DAY]);
    all[0].body.host = "other".into();
    all[1].body.paths = vec![b"/else".to_vec()];
    let last = policy(&[(Period::Each, Limit::Count(1))]);
    assert_eq!(kept_ages(&all, &last, &options()), [0, 2 * DAY, 3 * DAY]);
    let together = RetentionOptions { group_by: GroupBy::parse("").unwrap(), ..options() };
    let groups = apply(&all, &last, &together).unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].decisions[3].reasons, [Reason::LastOfSource]);
    assert_eq!(kept_ages(&all, &last, &RetentionOptions { allow_empty: true, ..together }), [0]);
    // What the filter leaves out still counts as the last of its source.
    let mut tagged = of_ages(&[0, DAY]);
    tagged[0].tags.insert("old".into());
    let filter = Filter { tags: vec![vec!["old".into()]], ..Filter::default() };
    let mut by_tag = Policy::default();
    by_tag.keep_tags(vec!["keep".into()]).unwrap();
    assert!(kept_ages(&tagged, &by_tag, &RetentionOptions { filter, ..options() }).is_empty());
}

#[test]
fn tags_and_pins_keep() {
    let mut all = of_ages(&[0, DAY, 2 * DAY, 3 * DAY]);
    all[0].tags = BTreeSet::from(["a".into(), "b".into()]);
    all[1].tags = BTreeSet::from(["a".into()]);
    all[2].is_pinned = true;
    let mut policy = policy(&[(Period::Each, Limit::Count(1))]);
    policy.keep_tags(vec!["a".into(), "b".into()]).unwrap();
    assert_eq!(kept_ages(&all, &policy, &options()), [0, DAY, 3 * DAY]);
}

#[test]
fn strangers_take_no_place_from_the_trusted() {
    let mut all = of_ages(&[0, DAY, 2 * DAY]);
    all[2].is_trusted = false;
    all[1].is_trusted = false;
    assert_eq!(kept_ages(&all, &policy(&[(Period::Each, Limit::Count(1))]), &options()), [0, 2 * DAY]);
}

#[test]
fn forgetting_by_id_shows_the_last_of_a_source() {
    let all = of_ages(&[0, DAY]);
    let ids = |list: &[&Snapshot]| list.iter().map(|snapshot| snapshot.id).collect::<HashSet<Id>>();
    assert!(last_of_sources(&all, &ids(&[&all[0]])).is_empty());
    assert_eq!(last_of_sources(&all, &ids(&[&all[0], &all[1]]))[0].id, all[1].id);
}

fn any_rules() -> impl Strategy<Value = Vec<(Period, Limit)>> {
    let limit = prop_oneof![
        (1u32..6).prop_map(Limit::Count),
        Just(Limit::Unlimited),
        (1u64..90 * DAY as u64).prop_map(Limit::WithinSeconds)
    ];
    proptest::collection::vec((proptest::sample::select(Period::ALL.to_vec()), limit), 1..4)
}

proptest! {
    #[test]
    fn a_policy_is_sound(
        ages in proptest::collection::vec(0..800 * DAY, 1..60),
        partial in proptest::collection::vec(any::<bool>(), 60),
        rules in any_rules(),
    ) {
        let mut all = of_ages(&ages);
        for (snapshot, is_partial) in all.iter_mut().zip(partial) {
            snapshot.body.is_partial = is_partial;
        }
        let (policy, options) = (policy(&rules), options());
        let kept = |all: &[Snapshot]| -> Vec<Id> {
            let groups = apply(all, &policy, &options).unwrap();
            let decisions = groups.iter().flat_map(|group| &group.decisions);
            decisions.filter(|one| one.is_kept()).map(|one| one.snapshot.id).collect()
        };
        let first = kept(&all);
        // Something is always kept, and with it the newest whole snapshot.
        prop_assert!(!first.is_empty());
        if let Some(newest) = all.iter().rev().find(|snapshot| !snapshot.body.is_partial) {
            prop_assert!(first.contains(&newest.id));
        }
        // Counted rules keep at most what they count, beside the newest if that is partial.
        if let [(_, Limit::Count(count))] = rules[..] {
            prop_assert!(first.len() <= count as usize + 1);
        }
        // Forgetting what it says, and asking again, forgets nothing more.
        let left: Vec<Snapshot> = all.iter().filter(|snapshot| first.contains(&snapshot.id)).cloned().collect();
        prop_assert_eq!(kept(&left), first);
    }

    #[test]
    fn more_places_keep_more(ages in proptest::collection::vec(0..800 * DAY, 1..60), count in 1u32..10) {
        let all = of_ages(&ages);
        for period in Period::ALL {
            let few: HashSet<i64> = kept_ages(&all, &policy(&[(period, Limit::Count(count))]), &options()).into_iter().collect();
            let more = kept_ages(&all, &policy(&[(period, Limit::Count(count + 1))]), &options()).into_iter().collect();
            prop_assert!(few.is_subset(&more));
        }
    }
}
