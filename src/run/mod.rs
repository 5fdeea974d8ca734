//! Tasks executed once, results kept like any other data.
//!
//! Floor 5. What is to be done comes from a manifest; what was done before, from the run records of the repository;
//! what is as it should be already, from the state beside the project, so that with nothing to do no repository is
//! opened. `schedule` says what comes next.

pub mod logs;
pub mod process;
pub mod schedule;
