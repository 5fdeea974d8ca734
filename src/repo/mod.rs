//! The repository.

pub mod lock;
