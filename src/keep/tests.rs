//! What the policy keeps is kept with all it needs, and what it does not is gone.

use super::*;
use crate::action::{Action, Command};
use crate::gc::{GcOptions, MAX_UNUSED_PERCENT, gc};
use crate::id::ShortId;
use crate::monitor::Silent;
use crate::reach::tests::noise;
use crate::record::Record;
use crate::repo::Putter;
use crate::repo::records::{Forgotten, TOUCH};
use crate::repo::tests::{repo_in, writer_options};
use crate::runs::RunBatch;
use crate::tree::{Entry, EntryKind, Profile, TreeWriter};
use crate::verify::{Level, Subset, VerifyOptions, verify};

const NOW: Time = Time::from_seconds(1_000_000_000);

/// Stores a run of an action whose output has `bytes` bytes and answers what a batch says of it.
pub(crate) fn store_run(putter: &mut Putter<'_>, seed: u64, bytes: usize, time_seconds: i64) -> RunEntry {
    let action = Action { command: Command::Shell(format!("make {seed}").into_bytes()), ..Action::default() };
    let action = putter.put(Kind::Action, &action.encode()).unwrap().id;
    let output = putter.put(Kind::Blob, &noise(bytes, seed)).unwrap();
    let mut tree = TreeWriter::new(Profile::Portable);
    let file = Entry { content: Some(output.id), size: output.len, ..Entry::new("out", EntryKind::File) };
    tree.push(&file).unwrap();
    let tree = putter.put(Kind::Tree, &tree.finish()).unwrap().id;
    let stdout = putter.put(Kind::Blob, format!("made {seed}\n").as_bytes()).unwrap().id;
    let record = Record { result: Some(tree), stdout: Some(stdout), task: format!("t{seed}"), ..Record::new(action) };
    let record = putter.put(Kind::Run, &record.encode()).unwrap().id;
    RunEntry { action, record, status: 1, sandbox: 0, time_seconds }
}

/// Stores runs, one a day back from now, the newest first, in batches of so many.
fn fill(repo: &Repo, count: u64, a_batch: usize, bytes: usize) -> Vec<RunEntry> {
    let writer = repo.writer(&writer_options()).unwrap();
    let mut putter = writer.putter();
    let runs: Vec<RunEntry> =
        (0..count).map(|n| store_run(&mut putter, n, bytes, NOW.seconds - n as i64 * 86_400)).collect();
    for batch in runs.chunks(a_batch) {
        writer.publish(RUNS, &Batch { entries: batch.to_vec(), ..Batch::default() }.encode()).unwrap();
    }
    drop(putter);
    writer.finish().unwrap();
    runs
}

fn options(repo: &Repo, bounds: &[&str]) -> KeepOptions {
    let mut policy = Policy::default();
    bounds.iter().for_each(|bound| policy.bound(bound).unwrap());
    let reach = ReachOptions::new(repo, 1 << 20, 2);
    KeepOptions { policy, dry_run: false, now: NOW, measured: None, reach, writer: writer_options() }
}

fn kept(repo: &Repo) -> HashSet<Id> {
    Runs::load(&repo.roots().unwrap(), NOW).records()
}

fn records(runs: &[RunEntry]) -> HashSet<Id> {
    runs.iter().map(|run| run.record).collect()
}

fn sweep(repo: &Repo) {
    let options = GcOptions {
        dry_run: false,
        max_repack_bytes: None,
        no_writers: false,
        max_unused_percent: MAX_UNUSED_PERCENT,
        budget_bytes: 16 << 20,
        writer: writer_options(),
    };
    gc(repo, &options, &Silent).unwrap();
    let all =
        VerifyOptions { level: Level::ReadData(Subset::All), snapshots: Vec::new(), jobs: 2, budget_bytes: 16 << 20 };
    let report = verify(repo, &all, &Silent).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn the_last_used_ones_stay_with_all_they_need() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repo_in(dir.path());
    let runs = fill(&repo, 10, 4, 400_000);
    let before = repo.pack_totals().unwrap().1;
    let dry = KeepOptions { dry_run: true, ..options(&repo, &["5"]) };
    let stats = keep(&repo, &dry, &Silent).unwrap();
    assert_eq!((stats.kept, stats.removed, stats.batches_written), (5, 5, 1));
    assert_eq!(kept(&repo).len(), 10, "a dry run lets nothing go");
    let done = keep(&repo, &options(&repo, &["5"]), &Silent).unwrap();
    assert_eq!((done, kept(&repo)), (stats, records(&runs[..5])));
    sweep(&repo);
    let after = repo.pack_totals().unwrap().1;
    assert!(after < before * 7 / 10, "{before} to {after}");
    let record = Record::load(&repo, &runs[4].record).unwrap();
    assert_eq!(repo.read(&record.stdout.unwrap()).unwrap(), b"made 4\n");
    // Nothing more to do: nothing is published.
    let roots = repo.roots().unwrap().len();
    assert_eq!(keep(&repo, &options(&repo, &["5"]), &Silent).unwrap().roots_forgotten, 0);
    assert_eq!(repo.roots().unwrap().len(), roots);
    keep(&repo, &options(&repo, &["36h"]), &Silent).unwrap();
    assert_eq!(kept(&repo), records(&runs[..2]));
}

#[test]
fn pins_and_uses_count() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repo_in(dir.path());
    let runs = fill(&repo, 6, 6, 100);
    let reach = ReachOptions::new(&repo, 1 << 20, 1);
    let set =
        |n: usize, is_pinned| pin(&repo, &runs[n].record, is_pinned, NOW, &reach, &writer_options(), &Silent).unwrap();
    assert!(set(5, true) && !set(5, true));
    let touch = Runs::load(&repo.roots().unwrap(), NOW).touch(&HashSet::from([runs[4].record]), NOW).unwrap();
    let writer = repo.writer(&writer_options()).unwrap();
    writer.publish(TOUCH, &touch.encode()).unwrap();
    writer.finish().unwrap();
    let stats = keep(&repo, &options(&repo, &["2"]), &Silent).unwrap();
    assert_eq!((stats.kept, stats.pinned, stats.removed), (3, 1, 3));
    assert_eq!(kept(&repo), records(&[runs[0], runs[4], runs[5]]));
    sweep(&repo);
    set(5, false);
    keep(&repo, &options(&repo, &["1"]), &Silent).unwrap();
    assert_eq!(kept(&repo), records(&runs[..1]));
    assert!(Runs::load(&repo.roots().unwrap(), NOW).uses().is_empty(), "uses of what is gone go too");
    sweep(&repo);
    assert_eq!(
        pin(&repo, &runs[5].record, true, NOW, &reach, &writer_options(), &Silent).unwrap_err().code(),
        Code::FileNotFound
    );
}

#[test]
fn a_bound_of_bytes_keeps_about_so_many() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repo_in(dir.path());
    let runs = fill(&repo, 12, 12, 300_000);
    let all = keep(&repo, &options(&repo, &["1G"]), &Silent).unwrap();
    assert_eq!((all.removed, kept(&repo).len()), (0, 12));
    // An earlier measure is believed, in proportion, where it is given.
    let fitting = Some(Measured { runs: 6, bytes: 900_000 });
    let estimated = KeepOptions { measured: fitting, ..options(&repo, &["2MB"]) };
    let above = |measured| is_above(&repo, &estimated.policy, NOW, measured).unwrap();
    assert_eq!((above(None), above(fitting), above(Some(Measured { runs: 6, bytes: 1_100_000 }))), (true, false, true));
    let stats = keep(&repo, &estimated, &Silent).unwrap();
    assert_eq!((stats.removed, stats.bytes_kept), (0, None));
    let stats = keep(&repo, &options(&repo, &["2MB"]), &Silent).unwrap();
    let bytes = stats.bytes_kept.unwrap();
    assert!((1_700_000..=2_000_000).contains(&bytes), "{stats:?}");
    assert_eq!(kept(&repo), records(&runs[..stats.kept as usize]), "the last used ones");
    sweep(&repo);
}

#[test]
fn removed_runs_are_gone_and_their_neighbours_stay() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repo_in(dir.path());
    let runs = fill(&repo, 5, 5, 100);
    let reach = ReachOptions::new(&repo, 1 << 20, 1);
    let gone = records(&runs[2..4]);
    let stats = remove(&repo, &gone, NOW, &reach, &writer_options(), &Silent).unwrap();
    assert_eq!((stats.removed, stats.kept), (2, 3));
    assert_eq!(kept(&repo), records(&[runs[0], runs[1], runs[4]]));
    sweep(&repo);
}

#[test]
fn bounds_are_read_and_nothing_is_never_kept() {
    let mut policy = Policy::default();
    ["30d", "1000", "20GiB"].iter().for_each(|text| policy.bound(text).unwrap());
    assert_eq!(policy, Policy { count: Some(1_000), ..Policy::usual() });
    for text in ["30d", "0", "0d", "5m", "5M", "", "x", "-1"] {
        assert_eq!(policy.clone().bound(text).unwrap_err().code(), Code::InvalidArg, "{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    let repo = repo_in(dir.path());
    assert_eq!(keep(&repo, &options(&repo, &[]), &Silent).unwrap_err().code(), Code::InvalidArg);
}

fn batch(device: u8, sequence: u64, entries: std::ops::Range<u8>) -> RunBatch {
    let entry = |n| RunEntry {
        action: Id::new([n; 32]),
        record: Id::new([n; 32]),
        status: 1,
        sandbox: 0,
        time_seconds: i64::from(n),
    };
    let name = Id::new([100 + device * 20 + sequence as u8; 32]);
    let root = Forgotten { name, device: ShortId::new([device; 16]), sequence };
    RunBatch { root, is_trusted: device < 3, entries: entries.map(entry).collect() }
}

fn runs_of(batches: &[RunBatch]) -> Runs {
    use crate::repo::Root;
    let roots: Vec<Root> = batches
        .iter()
        .map(|batch| Root {
            name: batch.root.name,
            record_type: RUNS,
            device: batch.root.device,
            sequence: batch.root.sequence,
            previous: None,
            time: NOW,
            body: Batch { entries: batch.entries.clone(), ..Batch::default() }.encode(),
            is_trusted: batch.is_trusted,
            lease: None,
        })
        .collect();
    Runs::load(&roots, NOW)
}

#[test]
fn whose_word_is_whose() {
    let own = Some(ShortId::new([1; 16]));
    let runs = runs_of(&[batch(1, 1, 0..4), batch(2, 1, 4..8), batch(2, 2, 8..9), batch(3, 1, 9..10)]);
    let gone: HashSet<Id> = [0, 4, 8, 9].map(|n| Id::new([n; 32])).into();
    let plan = rewrite(&runs, &gone, &may_rewrite(own, false));
    let entries: Vec<i64> = plan.entries.iter().map(|entry| entry.time_seconds).collect();
    assert_eq!(entries, [1, 2, 3], "what another device signed is not signed anew");
    assert_eq!(plan.held, HashSet::from([Id::new([4; 32])]));
    let forgotten: HashSet<(ShortId, u64)> = plan.forgotten.iter().map(|one| (one.device, one.sequence)).collect();
    let expected = [(1, 1), (2, 2)].map(|(device, sequence)| (ShortId::new([device; 16]), sequence));
    assert_eq!(forgotten, expected.into(), "and what an untrusted one signed is not forgotten");
    let plan = rewrite(&runs, &gone, &may_rewrite(own, true));
    assert_eq!((plan.entries.len(), plan.held.len(), plan.forgotten.len()), (6, 0, 3));
}

#[test]
fn many_small_batches_are_made_one() {
    let few: Vec<RunBatch> = (1..=16).map(|n| batch(1, u64::from(n), n..n + 1)).collect();
    let may = may_rewrite(Some(ShortId::new([1; 16])), false);
    assert_eq!(rewrite(&runs_of(&few), &HashSet::new(), &may), Rewrite::default());
    let many: Vec<RunBatch> = few.into_iter().chain([batch(1, 17, 0..3)]).collect();
    let plan = rewrite(&runs_of(&many), &HashSet::new(), &may);
    assert_eq!((plan.entries.len(), plan.forgotten.len(), plan.batches().count()), (17, 17, 1), "each run once");
    // Those of one second stay in their order: what was newer is newer in the batch that all are in.
    let mut of_one_second: Vec<RunBatch> =
        (1..=9).rev().map(|n| batch(1, u64::from(10 - n), 2 * n..2 * n + 2)).collect();
    of_one_second.extend((1..=9).map(|n| batch(2, u64::from(n), 20 + n..21 + n)));
    of_one_second.iter_mut().flat_map(|batch| &mut batch.entries).for_each(|entry| entry.time_seconds = 7);
    let newest = |runs: &Runs| runs.newest_first().iter().map(|run| run.record).collect::<Vec<Id>>();
    let runs = runs_of(&of_one_second);
    let plan = rewrite(&runs, &HashSet::new(), &may_rewrite(Some(ShortId::new([1; 16])), true));
    let folded = RunBatch { entries: plan.entries, ..batch(1, 10, 0..0) };
    assert_eq!((newest(&runs).len(), newest(&runs_of(&[folded]))), (27, newest(&runs)));
}
