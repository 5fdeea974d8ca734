//! What the monitor hears of tasks.

use super::{Engine, Hit, locked};
use crate::error::{Class, Error, Result};
use crate::id::Id;
use crate::monitor::{Event, TaskEnd, TaskEvent};
use crate::run::logs::{LogIds, Logs, Stream, replay};
use crate::run::manifest::TaskNo;
use crate::run::options::Show;
use crate::run::project::Standing;

/// Where the output of a task is.
pub(super) enum Output<'l> {
    /// Just printed.
    Fresh(&'l Logs),
    /// Stored.
    Stored(&'l LogIds),
}

impl Engine<'_> {
    pub(super) fn warn(&self, text: &str) {
        locked(&self.stats).warnings += 1;
        self.desk.monitor.event(&Event::Warning(text));
    }

    pub(super) fn tell(&self, number: u32, what: TaskEvent<'_>) {
        self.desk.monitor.event(&Event::Task { name: &self.task(number).name, what });
    }

    /// How many tasks there are, and how many of them are done because nothing of them is told.
    pub(super) fn tell_totals(&self, is_current: &[bool]) {
        let items = self.desk.survey.counts().0 as u64;
        self.desk.monitor.event(&Event::Total { items, bytes: 0 });
        if !self.desk.options.report_current && self.desk.options.show != Show::Full {
            let items = is_current.iter().filter(|is_current| **is_current).count() as u64;
            self.desk.monitor.event(&Event::Advance { items, bytes: 0 });
        }
    }

    /// A stored result could not be read.
    pub(super) fn tell_damage(&self, number: u32, error: &Error) {
        locked(&self.stats).damaged += 1;
        self.slot(number).is_damaged = true;
        let name = &self.task(number).name;
        self.warn(&format!("a stored result of `{name}` cannot be used: {error} [{}]", error.code().name()));
    }

    /// A task is over: the last word on how, should it be over more than once. Shows its output where that is wanted.
    pub(super) fn tell_end(
        &self,
        number: u32,
        end: TaskEnd,
        why: &str,
        duration_ms: u64,
        ids: Option<(Id, Option<Id>)>,
        output: Option<Output<'_>>,
    ) {
        self.slot(number).end = Some(end);
        let (action, record) = (ids.map(|ids| ids.0), ids.and_then(|ids| ids.1));
        let is_bad = matches!(end, TaskEnd::Failed | TaskEnd::TimedOut | TaskEnd::Cancelled);
        let is_shown = match self.desk.options.show {
            Show::None => false,
            Show::Errors => is_bad,
            Show::Full => true,
        };
        // The output of one task stands together.
        let _alone = locked(&self.output);
        self.tell(number, TaskEvent::Ended { end, why, duration_ms, action, record });
        let Some(output) = output.filter(|_| is_shown) else { return };
        let name = &self.task(number).name;
        let mut show = |stream: Stream, bytes: &[u8]| {
            let what = TaskEvent::Output { is_error: stream == Stream::Stderr, bytes };
            self.desk.monitor.event(&Event::Task { name, what });
            Ok(())
        };
        let shown = match output {
            Output::Fresh(logs) => logs.each(&mut show),
            Output::Stored(ids) => replay(self.desk.repo, ids, &mut show),
        };
        if let Err(error) = shown {
            self.warn(&format!("the output of `{name}` cannot be shown: {error}"));
        }
    }

    /// A task that is as it should be.
    pub(super) fn tell_current(&self, task: TaskNo) -> Result<()> {
        let Some(number) = self.number_of.get(task.index()).copied() else { return Ok(()) };
        let Some(Standing::Current(known)) = self.desk.survey.standing(task) else { return Ok(()) };
        if !self.desk.options.report_current && self.desk.options.show != Show::Full {
            self.slot(number).end = Some(TaskEnd::Current);
            return Ok(());
        }
        let logs = self.stored_logs(number, &known.record)?;
        let ids = Some((known.action, Some(known.record)));
        self.tell_end(number, TaskEnd::Current, "", 0, ids, logs.as_deref().map(Output::Stored));
        Ok(())
    }

    /// What a run printed, if that is to be shown.
    pub(super) fn stored_logs(&self, number: u32, record: &Id) -> Result<Option<Box<LogIds>>> {
        let logs = match self.desk.options.show {
            Show::Full => self.lookup.logs(record),
            _ => Ok(None),
        };
        match logs {
            Err(error) if error.class() == Class::Damaged => {
                self.warn(&format!("the output of `{}` cannot be shown: {error}", self.task(number).name));
                Ok(None)
            }
            logs => logs,
        }
    }

    /// A result that was put into the work tree, or stood there already.
    pub(super) fn tell_hit(&self, number: u32, hit: &Hit, end: TaskEnd) {
        locked(&self.stats).saved_ms += hit.duration_ms;
        locked(&self.used).insert(hit.record);
        let ids = Some((hit.action, Some(hit.record)));
        self.tell_end(number, end, "", hit.duration_ms, ids, hit.logs.as_deref().map(Output::Stored));
    }
}
