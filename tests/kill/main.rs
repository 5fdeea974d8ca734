//! Killed is fine (promise 9): `kill -9` at named points and at random moments, and then all is as if nothing had been.
//!
//! The one who is killed is this test program itself, started again for a test `child`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod backup;
mod killer;
mod run;
#[path = "../scene/mod.rs"]
mod scene;
