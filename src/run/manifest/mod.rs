//! Task files: read, expanded, checked.
//!
//! Floor 5. Two forms say the same: TOML (`larder.toml`) and lines (`task NAME { cmd = … }`), the second a part of the
//! first. Reading goes in steps, each a file here: `toml` and `line` make the same raw tasks, driven by the one table of
//! keys; `expand` applies defaults, matrices and substitution; `check` holds the rules about who makes and who reads
//! what. Every complaint names its file, line and column. A manifest of 100,000 tasks is read piece by piece, so that
//! its tree is never in memory.

mod check;
mod command;
mod dotenv;
mod expand;
mod keys;
mod line;
mod load;
mod model;
mod raw;
pub mod render;
mod schema;
mod source;
mod split;
mod substitute;
#[cfg(test)]
mod tests;
mod toml;

pub use load::{FILE_NAME, LoadOptions, find, load, load_text, without_mark};
pub use model::{Command, EnvVar, Manifest, Place, Pool, SandboxLevel, Secret, Settings, Task, TaskNo};
pub use schema::schema;
