//! `larder run` from outside: one module a group of promises, a fresh project for each test.
//!
//! What must have been executed is counted by what tasks write down outside of the project, never by what larder says
//! alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod commands;
mod damage;
mod edits;
mod leftovers;
mod outputs;
mod policy;
mod together;
mod traps;
mod wishes;
mod world;
