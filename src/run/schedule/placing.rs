//! What becomes of results that are put into the work tree, and of what was resolved with one that is lost.

use super::{Phase, Placing, Schedule};

impl Schedule {
    /// Takes what became of one result of [`Unit::Place`](super::Unit::Place).
    pub fn placed(&mut self, task: u32, what: Placing) {
        let at = task as usize;
        if std::mem::take(&mut self.is_stale[at]) {
            return self.wait_again(task);
        }
        match what {
            Placing::Done => {
                self.phases[at] = Phase::Done;
                self.left -= 1;
                self.wake_twins(task);
                self.after_end(task);
            }
            Placing::Damaged => {
                self.phases[at] = Phase::ToRun;
                self.forget_result(task);
                self.queue_run(task);
            }
            Placing::Failed => {
                self.phases[at] = Phase::ToRun;
                self.forget_result(task);
                self.fail(task);
            }
        }
    }

    /// Takes the end of [`Unit::Place`](super::Unit::Place).
    pub fn placed_all(&mut self) {
        self.placing -= 1;
    }

    /// What it was resolved from has changed: it waits for that.
    pub(super) fn wait_again(&mut self, task: u32) {
        self.phases[task as usize] = Phase::Waiting;
        let is_lost = |need: &u32| matches!(self.phases[*need as usize], Phase::Failed | Phase::Skipped);
        if self.needs.list(task).iter().any(is_lost) {
            self.finish(task, Phase::Skipped);
            self.skip_dependents(task);
        } else if self.unknown[task as usize] == 0 {
            self.queue_resolve(task);
        }
    }

    /// What was resolved with the result of this task has to be resolved again.
    pub(super) fn forget_result(&mut self, task: u32) {
        let mut lost = vec![task];
        while let Some(task) = lost.pop() {
            for place in self.dependents.of(task) {
                let other = self.dependents.items[place];
                let at = other as usize;
                self.unknown[at] += 1;
                match self.phases[at] {
                    Phase::Resolving => self.is_stale[at] = true,
                    Phase::Placing => {
                        // It may lose several of what it needs meanwhile; its dependents lose it once.
                        let was_stale = std::mem::replace(&mut self.is_stale[at], true);
                        lost.extend(Some(other).filter(|_| !was_stale));
                    }
                    Phase::Known => {
                        self.phases[at] = Phase::Waiting;
                        lost.push(other);
                    }
                    Phase::Done if !self.is_there[at] => {
                        self.phases[at] = Phase::Waiting;
                        self.left += 1;
                        lost.push(other);
                    }
                    Phase::ToRun | Phase::Twin => {
                        self.phases[at] = Phase::Waiting;
                        self.wake_twins(other);
                    }
                    _ => {}
                }
            }
        }
    }
}
