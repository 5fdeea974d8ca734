//! How much may run at once: slots of the whole, and pools.

use super::{Phase, Schedule};

impl Schedule {
    pub(super) fn has_slots(&self, task: u32) -> bool {
        self.used_slots == 0 || self.used_slots + self.slots_of(task) <= self.limits.slots
    }

    /// Whether its pool has room; what takes more than the whole pool has it alone.
    pub(super) fn has_pool(&self, task: u32) -> bool {
        let Some(pool) = self.pool_of(task) else { return true };
        let used = self.used_pools[pool];
        used == 0 || used + self.loads[task as usize].weight.max(1) <= self.limits.pools[pool]
    }

    pub(super) fn set_running(&mut self, task: u32) {
        self.used_slots += self.slots_of(task);
        if let Some(used) = self.pool_of(task).and_then(|pool| self.used_pools.get_mut(pool)) {
            *used += self.loads[task as usize].weight.max(1);
        }
        self.phases[task as usize] = Phase::Running;
        self.running += 1;
    }

    pub(super) fn free(&mut self, task: u32) {
        self.used_slots -= self.slots_of(task);
        if let Some(used) = self.pool_of(task).and_then(|pool| self.used_pools.get_mut(pool)) {
            *used -= self.loads[task as usize].weight.max(1);
        }
        self.running -= 1;
    }

    pub(super) fn slots_of(&self, task: u32) -> u32 {
        let load = &self.loads[task as usize];
        if load.is_alone { self.limits.slots } else { load.weight.clamp(1, self.limits.slots) }
    }

    pub(super) fn pool_of(&self, task: u32) -> Option<usize> {
        self.loads[task as usize].pool.map(usize::from).filter(|pool| *pool < self.limits.pools.len())
    }
}
