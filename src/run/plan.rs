//! A manifest as it was read, packed: what is needed to see that nothing is to be done, apart from the whole.
//!
//! Part of floor 5's `run`. The light part has columns, one for each thing that is looked at for every task; the whole
//! is decoded when something must be done. Both count only as long as every file that was read for them looks as it
//! did.

mod light;
mod whole;

pub use light::{Context, Light, Program, digest_of, program_in_project, program_of};
pub use whole::{decode_manifest, encode_manifest};
