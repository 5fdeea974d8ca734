//! What a run did, in numbers.

use crate::clock::Stopwatch;
use crate::error::Code;
use crate::monitor::TaskEnd;

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunStats {
    /// Tasks that were wanted, groups not counted.
    pub tasks: u64,
    /// Commands that were executed and went well.
    pub executed: u64,
    /// Stored results that were put into the work tree.
    pub restored: u64,
    /// Tasks whose outputs were as they should be.
    pub current: u64,
    /// Tasks that failed, took too long or were stopped.
    pub failed: u64,
    /// Those of them that took too long.
    pub timeouts: u64,
    /// Those of them that were stopped.
    pub cancelled: u64,
    /// Tasks that were skipped because something that they need failed.
    pub skipped: u64,
    /// Tasks that were not begun any more.
    pub not_started: u64,
    /// Further attempts after one that failed.
    pub retries: u64,
    /// Stored results that could not be read, so that their tasks were executed again.
    pub damaged: u64,
    /// Results that were not stored, because an input changed meanwhile, or for another reason that was reported.
    pub unstored: u64,
    /// Files of the user that stood where outputs go, and were moved aside.
    pub displaced: u64,
    /// Outputs of attempts that failed, which were moved aside.
    pub failed_outputs: u64,
    /// Files that were put into the work tree.
    pub placed_files: u64,
    /// Their bytes.
    pub placed_bytes: u64,
    /// Warnings.
    pub warnings: u64,
    /// How long commands took.
    pub durations: Durations,
    /// What an executed task would have taken, of those that were not executed.
    pub saved_ms: u64,
    /// Processor time of the commands.
    pub user_ms: u64,
    /// The same in the kernel.
    pub system_ms: u64,
    /// The most memory that one process of a task held.
    pub memory_peak_bytes: u64,
    /// Bytes that the repository did not have.
    pub added_bytes: u64,
    /// Bytes that were written for them.
    pub stored_bytes: u64,
    /// From the beginning to the end of the run.
    pub wall_ms: u64,
    /// Whether the user stopped it.
    pub is_cancelled: bool,
    /// Whether results could not be stored, which is no failure of the tasks.
    pub is_lost: bool,
    /// Whether nothing was done, but only told what would be.
    pub is_dry_run: bool,
    /// The code that the run ends with, if it did not go well.
    pub failure: Option<Code>,
}

/// The shortest, the longest and the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many there are.
    pub count: u64,
    /// The shortest; 0 when there is none.
    pub min_ms: u64,
    /// The longest.
    pub max_ms: u64,
    /// All together.
    pub total_ms: u64,
}

impl Durations {
    /// Counts one more.
    pub fn add(&mut self, ms: u64) {
        self.min_ms = if self.count == 0 { ms } else { self.min_ms.min(ms) };
        self.max_ms = self.max_ms.max(ms);
        self.total_ms += ms;
        self.count += 1;
    }

    /// The average; 0 when there is none.
    pub fn average_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.total_ms as f64 / self.count as f64 }
    }
}

impl RunStats {
    /// Tasks whose command had not to be executed.
    pub fn cached(&self) -> u64 {
        self.restored + self.current
    }

    /// The share of tasks that had not to be executed among those that came so far, from 0 to 1.
    pub fn hit_rate(&self) -> f64 {
        let misses = self.executed + self.failed;
        let all = self.cached() + misses;
        if all == 0 { 0.0 } else { self.cached() as f64 / all as f64 }
    }

    /// Counts the end of a task.
    pub fn count(&mut self, end: TaskEnd) {
        match end {
            TaskEnd::Executed => self.executed += 1,
            TaskEnd::Restored => self.restored += 1,
            TaskEnd::Current => self.current += 1,
            TaskEnd::Failed => self.failed += 1,
            TaskEnd::TimedOut => {
                self.failed += 1;
                self.timeouts += 1;
            }
            TaskEnd::Cancelled => {
                self.failed += 1;
                self.cancelled += 1;
            }
            TaskEnd::Skipped => self.skipped += 1,
            TaskEnd::NotStarted => self.not_started += 1,
        }
    }

    /// Ends the measure of the whole run.
    pub fn finish(&mut self, watch: &Stopwatch) {
        self.wall_ms = watch.elapsed_ms();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_averages() {
        let mut stats = RunStats::default();
        assert_eq!((stats.hit_rate(), stats.durations.average_ms()), (0.0, 0.0));
        for end in [TaskEnd::Executed, TaskEnd::Restored, TaskEnd::Current, TaskEnd::TimedOut, TaskEnd::Skipped] {
            stats.count(end);
        }
        assert_eq!((stats.cached(), stats.failed, stats.timeouts), (2, 1, 1));
        assert_eq!(stats.hit_rate(), 0.5);
        [4, 2, 9].into_iter().for_each(|ms| stats.durations.add(ms));
        assert_eq!((stats.durations.min_ms, stats.durations.max_ms, stats.durations.average_ms()), (2, 9, 5.0));
    }
}
