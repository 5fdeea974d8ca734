//! What roots reach, in bounded memory.

mod sort;

pub use sort::{IdSorter, SetReader, SortedSet};
