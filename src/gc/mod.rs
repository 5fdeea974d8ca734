//! Gc.
mod plan;
mod rewrite;
mod usage;
