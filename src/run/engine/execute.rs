//! One attempt at a task: clear its outputs, run its command, keep what it left.

use super::known::{self, Hit};
use super::shelf::{DoneRow, Row};
use super::tell::Output;
use super::{Engine, locked};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{TaskEnd, TaskEvent};
use crate::object::Kind;
use crate::record::{self, Attempt, Record, Status};
use crate::repo::Putter;
use crate::repo::records::RunEntry;
use crate::run::environment::find_program;
use crate::run::lockfile::TOKEN_VARIABLE;
use crate::run::logs::{LogIds, LogOptions, Mask};
use crate::run::manifest::{Command, Task};
use crate::run::portable::{CaptureOptions, Captured, capture};
use crate::run::process::{self, Call, Ended, Exit, Job, Retries, Survivors};
use crate::run::project::{Keyed, Known};
use crate::run::schedule;
use crate::snapshot::git_at;
use crate::walk::stamp_now;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const PROGRAM: &str = concat!("larder ", env!("CARGO_PKG_VERSION"));

/// What became of an attempt.
struct Verdict {
    status: Status,
    end: TaskEnd,
    /// In words, where there is more to say.
    why: String,
    captured: Option<Captured>,
    observed: Vec<record::Observed>,
}

impl Verdict {
    fn bad(status: Status, end: TaskEnd, why: String) -> Self {
        Verdict { status, end, why, captured: None, observed: Vec::new() }
    }
}

impl Engine<'_> {
    pub(super) fn execute(&self, number: u32, putter: &mut Putter<'_>) -> schedule::Ended {
        let Some(keyed) = self.slot(number).keyed.clone() else { return self.key_again(number) };
        match self.claim(number, &keyed) {
            Ok(None) => {}
            Ok(Some(other)) => return other,
            Err(error) => return self.broken(number, error),
        }
        match self.attempt(number, &keyed, putter) {
            Ok(ended) => ended,
            Err(error) => self.broken(number, error),
        }
    }

    /// A task whose stored result was damaged was not keyed where only its outputs had gone.
    fn key_again(&self, number: u32) -> schedule::Ended {
        let task = self.tasks[number as usize];
        match self.with_results(|results| self.desk.keyer.key(task, results)) {
            Ok(keyed) => {
                self.slot(number).keyed = Some(Arc::new(keyed));
                schedule::Ended::Again(Instant::now())
            }
            Err(error) => {
                self.refuse(number, &error);
                schedule::Ended::Failed
            }
        }
    }

    /// Storing failed: that ends the run, and this task is not told as a success.
    fn broken(&self, number: u32, error: Error) -> schedule::Ended {
        if let (Some(claims), Some(keyed)) = (&self.claims, &self.slot(number).keyed) {
            claims.give_back(&keyed.id);
        }
        self.refuse(number, &error);
        let is_of_task = matches!(error.code(), Code::FileIo | Code::PermissionDenied | Code::FileNotFound);
        if !is_of_task {
            self.fail(error);
        }
        schedule::Ended::Failed
    }

    /// Of all processes that want this action, one runs it.
    fn claim(&self, number: u32, keyed: &Keyed) -> Result<Option<schedule::Ended>> {
        let Some(claims) = &self.claims else { return Ok(None) };
        if locked(&self.attempts).contains_key(&number) {
            return Ok(None);
        }
        if !claims.take(&keyed.id) {
            claims.wait(&keyed.id);
            self.tell(number, TaskEvent::Elsewhere);
            return Ok(Some(schedule::Ended::Elsewhere));
        }
        if !self.slot(number).is_damaged && self.task(number).cache && self.is_published(claims, number, keyed)? {
            // It was, between our look and our claim.
            return Ok(Some(schedule::Ended::Elsewhere));
        }
        Ok(None)
    }

    fn is_published(&self, claims: &super::Claims, number: u32, keyed: &Keyed) -> Result<bool> {
        self.lookup.refresh(claims)?;
        // Another thread may have read the news since this task was looked up.
        if self.lookup.generation() == self.slot(number).looked_at {
            return Ok(false);
        }
        let runs = self.lookup.runs()?;
        Ok(runs.candidates(&keyed.id).iter().any(|run| run.status == Status::Success))
    }

    fn attempt(&self, number: u32, keyed: &Arc<Keyed>, putter: &mut Putter<'_>) -> Result<schedule::Ended> {
        let task = self.task(number);
        let attempt = locked(&self.attempts).get(&number).map_or(0, Vec::len) as u32 + 1;
        // What is run again because its result could not be read must not rely on what lies beside that.
        putter.set_wary(self.slot(number).is_damaged);
        self.desk.clearing.prepare(&task.outputs, task.keep_outputs)?;
        self.tell(number, TaskEvent::Started { attempt, is_interactive: task.interactive });
        let started = stamp_now();
        let ended = self.run_command(task)?;
        let verdict = self.judge(number, keyed, &ended, started, putter);
        let has_outputs = verdict.as_ref().is_ok_and(|verdict| verdict.captured.is_some());
        // What is kept from run to run may hold what the user put there.
        if !has_outputs && !task.keep_outputs {
            let moved = self.desk.clearing.fail(&task.name, &task.outputs)?;
            locked(&self.stats).failed_outputs += moved;
        }
        let verdict = verdict?;
        let logs = ended.logs.store(putter)?;
        let is_final = matches!(verdict.status, Status::Success | Status::Unstored | Status::Cancelled);
        if !is_final && attempt <= task.retries && !self.desk.stop.is_asked() {
            return Ok(self.again(number, attempt, &ended, &logs, &verdict));
        }
        self.count(&ended, &verdict, task);
        let record = self.record(number, keyed, &ended, &logs, &verdict, putter)?;
        self.conclude(number, keyed, &ended, logs, verdict, record);
        let is_good = self.slot(number).end == Some(TaskEnd::Executed);
        Ok(if is_good { schedule::Ended::Success } else { schedule::Ended::Failed })
    }

    fn again(&self, number: u32, attempt: u32, ended: &Ended, logs: &LogIds, verdict: &Verdict) -> schedule::Ended {
        let task = self.task(number);
        locked(&self.stats).retries += 1;
        locked(&self.attempts).entry(number).or_default().push(Attempt {
            exit: exit_of(ended.exit),
            start: ended.start,
            wall_ms: ended.wall_ms,
            stdout: logs.stdout,
            stderr: logs.stderr,
            interleave: logs.interleave,
            ..Attempt::default()
        });
        let retries = Retries { count: task.retries, delay_ms: task.retry_delay_ms };
        let delay_ms = retries.delay_ms(attempt, getrandom::u64().unwrap_or(u64::MAX / 2));
        self.tell(number, TaskEvent::Again { why: &verdict.why, delay_ms });
        schedule::Ended::Again(Instant::now() + Duration::from_millis(delay_ms))
    }

    fn run_command(&self, task: &Task) -> Result<Ended> {
        let desk = self.desk;
        let environment = desk.project.environment();
        let secrets = environment.secrets(task);
        let log = LogOptions {
            bytes_max: desk.options.log_bytes_max,
            spill: desk.options.state_dir.clone(),
            mask: Mask::new(secrets.iter().map(Vec::as_slice)),
        };
        let mut variables = environment.of_task(task);
        variables.push((OsString::from(TOKEN_VARIABLE), OsString::from(desk.token)));
        let cwd = desk.project.root().join(OsStr::from_bytes(&task.cwd));
        let timeout_ms = task.timeout_ms.or(desk.options.timeout_ms);
        let (program, words);
        let call = match &task.command {
            Command::Shell(text) => Call::Shell(OsStr::new(text)),
            Command::Words(list) => {
                words = list.iter().map(OsStr::new).collect::<Vec<&OsStr>>();
                let name = list.first().unwrap_or_default();
                let path = variables.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
                let found = find_program(name, path.as_deref().unwrap_or_default(), &cwd);
                program = found.unwrap_or_else(|| cwd.join(name));
                Call::Words { program: &program, words: &words }
            }
            Command::Group => return Err(Error::new(Code::SystemError, "a group has no command")),
        };
        let interactive = task.interactive;
        let job = Job { call, cwd: &cwd, environment: &variables, timeout_ms, log: &log, interactive };
        process::run(&job, desk.stop, &|_, _| {})
    }

    /// What an attempt came to, and what it left.
    fn judge(
        &self,
        number: u32,
        keyed: &Keyed,
        ended: &Ended,
        started: clock::Time,
        putter: &mut Putter<'_>,
    ) -> Result<Verdict> {
        let task = self.task(number);
        if ended.cancelled {
            return Ok(Verdict::bad(Status::Cancelled, TaskEnd::Cancelled, "it was stopped".into()));
        }
        if ended.timed_out {
            let why =
                format!("it took longer than {} ms", task.timeout_ms.or(self.desk.options.timeout_ms).unwrap_or(0));
            return Ok(Verdict::bad(Status::Timeout, TaskEnd::TimedOut, why));
        }
        match ended.exit {
            Exit::Code(0) => {}
            Exit::Code(code) => {
                return Ok(Verdict::bad(Status::Failed, TaskEnd::Failed, format!("exit status {code}")));
            }
            Exit::Signal(signal) => {
                return Ok(Verdict::bad(Status::Failed, TaskEnd::Failed, format!("ended by signal {signal}")));
            }
            Exit::None => return Ok(Verdict::bad(Status::Failed, TaskEnd::Failed, "it was not started".into())),
        }
        let stores = task.cache && !task.interactive && !task.keep_outputs;
        let options = CaptureOptions { external_links: task.external_links, keep_modes: task.keep_outputs };
        let captured = capture(stores.then_some(putter), self.desk.tree, &task.outputs, &options)?;
        if let Some(missing) = captured.missing.first() {
            let why = format!("missing output {}", missing.escape_ascii());
            return Ok(Verdict::bad(Status::Failed, TaskEnd::Failed, why));
        }
        if let Some(missing) = captured.unmatched.first() {
            let why = format!("missing output {}: nothing matches it", missing.escape_ascii());
            return Ok(Verdict::bad(Status::Failed, TaskEnd::Failed, why));
        }
        let observation = self.with_results(|results| self.desk.keyer.observe(keyed, started, results));
        let observation = match observation {
            Ok(observation) => observation,
            Err(error) => return Ok(Verdict::bad(Status::Failed, TaskEnd::Failed, format!("depfile: {error}"))),
        };
        let reason = self.why_unstored(task, keyed, ended, &captured, &observation);
        let status = if reason.is_some() { Status::Unstored } else { Status::Success };
        Ok(Verdict {
            status,
            end: TaskEnd::Executed,
            why: reason.unwrap_or_default(),
            captured: Some(captured),
            observed: observation.read,
        })
    }

    /// Why a result must not stand for another run.
    fn why_unstored(
        &self,
        task: &Task,
        keyed: &Keyed,
        ended: &Ended,
        captured: &Captured,
        observation: &crate::run::project::Observation,
    ) -> Option<String> {
        let by_wish = [
            (task.interactive, "interactive"),
            (!task.cache, "cache = false"),
            (task.keep_outputs, "keep-outputs = true"),
        ];
        if let Some((_, wish)) = by_wish.iter().find(|(is_wished, _)| *is_wished) {
            return Some((*wish).to_string());
        }
        let changed = observation.changed.first().cloned().or_else(|| self.desk.project.changed_since(&keyed.seen));
        let reason = if ended.survivors == Survivors::Killed {
            "a process that it left behind had to be killed".to_string()
        } else if let Some(path) = changed {
            format!("input-changed {}", path.escape_ascii())
        } else if let Some(path) = self.desk.project.leftover_among(&task.inputs) {
            format!("leftover {}", path.escape_ascii())
        } else if let Some((path, maker)) = observation.undeclared.first() {
            let maker = &self.desk.manifest.task(*maker).name;
            format!("it read {}, which `{maker}` makes, and does not depend on that", path.escape_ascii())
        } else if let Some((path, why)) = captured.refused.first() {
            format!("output {}: {why}", path.escape_ascii())
        } else if let Some(fault) = ended.logs.fault() {
            format!("its output could not be kept: {fault}")
        } else {
            return None;
        };
        self.warn(&format!("the result of `{}` is not stored: {reason}", task.name));
        Some(reason)
    }

    fn count(&self, ended: &Ended, verdict: &Verdict, task: &Task) {
        let mut stats = locked(&self.stats);
        stats.durations.add(ended.wall_ms);
        stats.user_ms += ended.user_ms;
        stats.system_ms += ended.system_ms;
        stats.memory_peak_bytes = stats.memory_peak_bytes.max(ended.memory_peak_bytes);
        stats.unstored += u64::from(verdict.status == Status::Unstored);
        drop(stats);
        if verdict.end == TaskEnd::Executed {
            locked(&self.durations).set(&task.name, ended.wall_ms);
        }
        let losses = verdict.captured.as_ref().map(|captured| captured.loss.as_slice()).unwrap_or_default();
        if let Some(loss) = losses.first() {
            let (path, more) = (loss.path.escape_ascii(), losses.len() - 1);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            self.warn(&format!("`{}`: a stored result does not keep {} of {path}{more}", task.name, loss.what));
        }
    }

    /// Stores the record of a task that is over.
    fn record(
        &self,
        number: u32,
        keyed: &Keyed,
        ended: &Ended,
        logs: &LogIds,
        verdict: &Verdict,
        putter: &mut Putter<'_>,
    ) -> Result<(Id, Id)> {
        let desk = self.desk;
        let mut action = keyed.action.clone();
        if verdict.captured.as_ref().is_some_and(|captured| captured.holds_root_path) {
            action.root = Some(desk.project.root().as_os_str().as_bytes().to_vec());
        }
        let action_id = putter.put(Kind::Action, &action.encode())?.id;
        let mut record = Record::new(action_id);
        record.project = desk.manifest.project.clone().unwrap_or_default();
        record.task = self.task(number).name.clone();
        record.manifest = self.manifest_object(putter)?;
        record.status = verdict.status;
        record.reason = Some(verdict.why.clone()).filter(|why| !why.is_empty());
        record.exit = exit_of(ended.exit);
        record.attempts = locked(&self.attempts).remove(&number).unwrap_or_default();
        record.observed = verdict.observed.clone();
        let captured = verdict.captured.as_ref().filter(|_| verdict.status == Status::Success);
        record.result = captured.map(|captured| captured.tree.id);
        record.portable_loss = captured.map(|captured| captured.loss.clone()).unwrap_or_default();
        (record.stdout, record.stderr, record.interleave) = (logs.stdout, logs.stderr, logs.interleave);
        record.start = ended.start;
        (record.wall_ms, record.user_ms, record.system_ms) = (ended.wall_ms, ended.user_ms, ended.system_ms);
        record.memory_peak_bytes = ended.memory_peak_bytes;
        record.host = desk.options.host.clone();
        record.program = PROGRAM.to_string();
        record.git = self.git.get_or_init(|| git_at(desk.project.root().as_os_str().as_bytes())).clone();
        if desk.options.keep_inputs && verdict.status == Status::Success {
            record.inputs = self.keep_inputs(number, &keyed.action.inputs, putter)?;
        }
        let id = putter.put(Kind::Run, &record.encode())?.id;
        Ok((action_id, id))
    }

    /// Makes the end of a task known: to tasks that need it, to the next batch, to the user.
    fn conclude(
        &self,
        number: u32,
        keyed: &Arc<Keyed>,
        ended: &Ended,
        logs: LogIds,
        verdict: Verdict,
        (action, record): (Id, Id),
    ) {
        let time_seconds = clock::now().seconds;
        let entry = RunEntry { action, record, status: verdict.status.code(), sandbox: 0, time_seconds };
        let mut row = None;
        if let Some(captured) = verdict.captured {
            let result = Arc::new(captured.tree);
            if self.is_needed(number) {
                self.slot(number).result = Some(result.clone());
            }
            let known = Known { action: keyed.id, record, result: result.id };
            if verdict.status == Status::Success {
                if self.may_have_twins(number) {
                    // For those that are looked up before the repository can answer.
                    self.slot(number).hit = Some(Box::new(Hit {
                        action: keyed.id,
                        record,
                        tree: result.clone(),
                        logs: known::boxed(logs),
                        observed: verdict.observed.clone(),
                        duration_ms: ended.wall_ms,
                    }));
                }
                let (observed, stats) = (verdict.observed, captured.stats);
                let row_of = DoneRow { seen: keyed.seen.clone(), known, result, observed, stats };
                row = Some(Row::Done(Box::new(row_of)));
            } else {
                row = Some(Row::Left { task: self.tasks[number as usize], known, result, stats: captured.stats });
            }
        }
        let is_good = verdict.status == Status::Success;
        if !is_good && self.slot(number).is_damaged && verdict.end != TaskEnd::Executed {
            self.has_damage_failed.store(true, Ordering::Relaxed);
        }
        self.publisher.add(Some(entry), row);
        if let Some(claims) = self.claims.as_ref().filter(|_| !is_good || action != keyed.id) {
            claims.give_back(&keyed.id);
        }
        self.slot(number).keyed = None;
        let ids = Some((action, Some(record)));
        self.tell_end(number, verdict.end, &verdict.why, ended.wall_ms, ids, Some(Output::Fresh(&ended.logs)));
    }
}

fn exit_of(exit: Exit) -> record::Exit {
    match exit {
        Exit::Code(code) => record::Exit::Code(code),
        Exit::Signal(signal) => record::Exit::Signal(signal),
        Exit::None => record::Exit::None,
    }
}
