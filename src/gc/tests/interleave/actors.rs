//! Who acts: writers of backups and runs, a reader, a sync with another replica, and gcs.

use super::stage::{Dice, Play, StepBackend};
use super::{READER, SYNC};
use crate::action::Action;
use crate::backend::MemBackend;
use crate::clock;
use crate::error::{Code, Result};
use crate::gc::gc;
use crate::gc::tests::options;
use crate::id::Id;
use crate::keep::{KeepOptions, Policy, keep};
use crate::monitor::Silent;
use crate::object::Kind;
use crate::reach::tests::{directory, file, noise};
use crate::reach::{ReachOptions, Start, reachable, snapshot_starts};
use crate::record::Record;
use crate::repo::lock::Wait;
use crate::repo::records::{FORGET, Forget, RUNS, RunEntry, Runs as Batch, SNAPSHOT};
use crate::repo::tests::{repo_over, writer_options};
use crate::repo::{Local, Repo, Writer, WriterOptions};
use crate::runs::Run;
use crate::snapshot::{SnapshotBody, Snapshots};
use crate::sync::{Selection, SyncOptions, sync};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn open(play: &Arc<Play>, actor: usize, cache: &str) -> Result<Repo> {
    repo_over(Arc::new(StepBackend { play: play.clone(), actor }), &play.dir.join(cache))
}

pub(super) fn one_job() -> WriterOptions {
    WriterOptions { jobs: 1, lock_wait: Wait::No, ..writer_options() }
}

/// Stores the files that `bits` names and answers the tree of them.
pub(super) fn store(writer: &Writer, bits: u64) -> Id {
    let mut putter = writer.putter();
    let mut files: Vec<_> = (0..6)
        .filter(|n| bits >> n & 1 == 1)
        .map(|n| file(&mut putter, &format!("f{n}"), &noise(if n == 5 { 3_000 } else { 200 }, 40 + n)))
        .collect();
    let inner = directory(&mut putter, "inner", files.split_off(files.len() / 2));
    files.push(inner);
    directory(&mut putter, "", files).content.expect("a tree")
}

/// What runs keep.
pub(super) fn starts_of(runs: &[Run]) -> Vec<Start> {
    let start = |run: &Run| [Start { kind: Kind::Action, id: run.action }, Start { kind: Kind::Run, id: run.record }];
    runs.iter().flat_map(start).collect()
}

/// A run of an action with this result, in a batch of its own.
fn publish_run(writer: &Writer, dice: &mut Dice) -> Result<()> {
    let bits = [0b000_111, 0b011_100, 0b110_001][dice.below(3) as usize];
    let result = Some(store(writer, bits));
    let mut putter = writer.putter();
    let action = Action { args: vec![vec![dice.below(3) as u8]], ..Action::default() };
    let action = putter.put(Kind::Action, &action.encode())?.id;
    let stdout = Some(putter.put(Kind::Blob, &[b'x'; 20])?.id);
    let record = Record { result, stdout, wall_ms: dice.below(4), ..Record::new(action) };
    let record = putter.put(Kind::Run, &record.encode())?.id;
    drop(putter);
    let entry = RunEntry { action, record, status: 1, sandbox: 0, time_seconds: dice.below(9) as i64 };
    writer.publish(RUNS, &Batch { entries: vec![entry], ..Batch::default() }.encode()).map(|_| ())
}

/// Runs tasks, and lets go of runs.
fn write_runs(repo: &Repo, dice: &mut Dice) -> Result<()> {
    if dice.one_in(2) {
        let writer = repo.writer(&one_job())?;
        for _ in 0..1 + dice.below(2) {
            publish_run(&writer, dice)?;
        }
        return writer.finish();
    }
    let policy = Policy { count: Some(1 + dice.below(3)), ..Policy::default() };
    let reach = ReachOptions::new(repo, 1 << 20, 1);
    let options = KeepOptions { policy, dry_run: false, now: clock::now(), measured: None, reach, writer: one_job() };
    match keep(repo, &options, &Silent) {
        // Others changed what there is all the time.
        Err(error) if error.code() == Code::LockHeld => Ok(()),
        done => done.map(|_| ()),
    }
}

/// Backups like ours: what a row of the stat cache says was present in this generation is not looked at again.
pub(super) fn write(play: &Arc<Play>, actor: usize, dice: &mut Dice) -> Result<()> {
    let repo = open(play, actor, &format!("writer-{actor}"))?;
    let mut rows: HashMap<u64, (u64, Id)> = HashMap::new();
    for _ in 0..2 + dice.below(2) {
        if play.has_runs && !dice.one_in(4) {
            write_runs(&repo, dice)?;
            play.report(actor);
            continue;
        }
        let writer = repo.writer(&one_job())?;
        let generation = writer.generation();
        let bits = [0b000_111, 0b011_100, 0b110_001][dice.below(3) as usize];
        let known = rows.get(&bits).filter(|(of, _)| *of == generation);
        let tree = match known {
            Some((_, tree)) => *tree,
            None => store(&writer, bits),
        };
        if dice.one_in(2) {
            writer.flush()?;
        }
        writer.publish(SNAPSHOT, &SnapshotBody::new(tree).encode())?;
        play.report(actor);
        rows.insert(bits, (generation, tree));
        if dice.one_in(2) {
            forget_some(&repo, &writer, dice)?;
        }
        writer.finish()?;
    }
    Ok(())
}

fn forget_some(repo: &Repo, writer: &Writer, dice: &mut Dice) -> Result<()> {
    let snapshots = Snapshots::load(&repo.roots()?, clock::now());
    let chosen = snapshots.all().iter().filter(|_| dice.one_in(2)).map(|snapshot| snapshot.forgotten()).collect();
    writer.publish(FORGET, &Forget::new(chosen).encode()).map(|_| ())
}

/// Reads whole snapshots beside all that. One that is still there after must have been readable.
pub(super) fn read(play: &Arc<Play>, dice: &mut Dice) -> Result<()> {
    let repo = open(play, READER, "reader")?;
    for _ in 0..3 {
        let snapshots = Snapshots::load(&repo.roots()?, clock::now());
        let all = snapshots.all();
        let Some(snapshot) = all.get(dice.below(all.len() as u64) as usize) else { continue };
        let starts: Vec<_> = snapshot_starts(snapshot).collect();
        let options = ReachOptions::new(&repo, 1 << 20, 1);
        let reach = reachable(&repo, &starts, &options, &Silent)?;
        let mut failed = reach.broken.into_iter().next().map(|broken| broken.error);
        let mut objects = reach.objects.reader();
        while let Some(id) = objects.next()? {
            failed = failed.or(repo.read(&Id::new(id)).err());
        }
        let Some(error) = failed else { continue };
        let is_there = Snapshots::load(&repo.roots()?, clock::now()).get(&snapshot.id).is_some();
        let counts = play.stage().counts(&snapshot.id);
        if is_there && counts {
            play.failed(READER, "reads a snapshot that lives", &error);
        }
    }
    Ok(())
}

/// Gcs of one machine, one after the other, each with its own luck. Another may be at work on another machine.
pub(super) fn collect(play: &Arc<Play>, actor: usize, cache: &str, dice: &mut Dice) -> Result<()> {
    let repo = open(play, actor, cache)?;
    for _ in 0..1 + dice.below(3) {
        let mut options = options();
        options.writer = one_job();
        match gc(&repo, &options, &Silent) {
            Err(error) if matches!(error.code(), Code::LockHeld | Code::LeaseLost) => {}
            done => drop(done?),
        }
    }
    Ok(())
}

/// Syncs with another replica, where backups are made and forgotten, too: both ways, as it falls. Only this side is
/// stepped through.
pub(super) fn replicate(play: &Arc<Play>, dice: &mut Dice) -> Result<()> {
    let here = open(play, SYNC, "sync")?;
    let local = Local { cache: play.dir.join("there"), device: play.dir.join("there-device") };
    let there = here.make_replica(Arc::new(MemBackend::new()), local)?;
    for _ in 0..2 + dice.below(2) {
        let both = dice.one_in(2);
        let options = SyncOptions {
            push: both || dice.one_in(3),
            pull: true,
            dry_run: false,
            selection: Selection::default(),
            index_only: None,
            accept_rollback: false,
            budget_bytes: 1 << 20,
            jobs: 1,
            writer: one_job(),
        };
        match sync(&here, &there, &SyncOptions { push: options.pull, pull: options.push, ..options }, &Silent) {
            // Beside writers a listing of roots may be one of two moments, and a gc takes away what was to be carried.
            Err(error) if is_of_the_moment(error.code()) => {}
            Err(error) => return Err(error),
            Ok(_) => play.report(SYNC),
        }
        let writer = there.writer(&one_job())?;
        if dice.one_in(2) {
            let tree = store(&writer, [0b000_111, 0b101_010][dice.below(2) as usize]);
            writer.publish(SNAPSHOT, &SnapshotBody::new(tree).encode())?;
        }
        if dice.one_in(2) {
            forget_some(&there, &writer, dice)?;
        }
        writer.finish()?;
    }
    Ok(())
}

fn is_of_the_moment(code: Code) -> bool {
    matches!(code, Code::RollbackDetected | Code::StorageCorrupted | Code::FileNotFound | Code::LeaseLost)
}

/// What a backup finds that comes when all is over: it relies on what is there, and only on that. Then a gc takes away
/// what those left who died.
pub(super) fn come_after(play: &Arc<Play>) {
    let repo = repo_over(play.medium.clone(), &play.dir.join("after")).expect("opens");
    let backup = || {
        let writer = repo.writer(&one_job()).expect("a writer");
        let tree = store(&writer, 0b111_111);
        writer.publish(SNAPSHOT, &SnapshotBody::new(tree).encode()).expect("published");
        writer.finish().expect("finished");
    };
    backup();
    play.check(crate::verify::Level::ReadData(crate::verify::Subset::All));
    play.medium.advance(super::CLOCK_SECONDS);
    for _ in 0..2 {
        let options = crate::gc::GcOptions { writer: one_job(), ..options() };
        match gc(&repo, &options, &Silent) {
            Err(error) if error.code() == Code::StorageCorrupted && play.stage().has_broken_sync() => return,
            Err(error) => return play.stage().failures.push(format!("a gc that comes after: {error:?}")),
            Ok(_) => {}
        }
        backup();
    }
    play.check_end(crate::verify::Level::ReadData(crate::verify::Subset::All));
}
