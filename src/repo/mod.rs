//! The repository.

pub mod lock;
pub mod records;
pub(crate) mod roots;

pub use roots::Root;
