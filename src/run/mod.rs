//! Tasks executed once, results kept like any other data.
//!
//! Floor 5. What is to be done comes from a manifest; what was done before, from the run records of the repository;
//! what is as it should be already, from the state beside the project, so that with nothing to do no repository is
//! opened. Every path in here is bytes relative to the project's root, without `.` and `..`, separated by `/`; the
//! empty path is the root itself.
//!
//! - [`manifest`]: task files read, expanded and checked.
//! - [`pattern`]: what an input or output names.
//! - [`graph`]: the order of tasks, and who makes which path.
//! - [`project`]: what has changed since last time, and the actions of what must be looked up; it stands on [`state`]
//!   (what is remembered), [`plan`] (a manifest as it was read), [`inputs`] (what tasks read) and [`environment`].
//! - [`schedule`]: what comes next.
//! - [`schedule`]: what comes next; [`durations`]: what goes first.
//! - [`portable`], [`outputs`]: what a task left, kept and put back; and room made for it.
//! - [`process`], [`logs`]: one command, and what it said.
//! - [`publish`], [`claim`], [`lockfile`]: results become durable, and one process makes each.
//! - [`metrics`]: what was done, in numbers.

pub mod claim;
pub mod durations;
pub mod environment;
pub mod graph;
pub mod inputs;
pub mod lockfile;
pub mod logs;
pub mod manifest;
pub mod metrics;
pub mod outputs;
pub mod pattern;
pub mod plan;
pub mod portable;
pub mod process;
pub mod project;
pub mod publish;
pub mod schedule;
pub mod state;

pub use metrics::RunStats;
