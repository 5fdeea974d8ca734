//! Task files: read, expanded, checked.
//!
//! Floor 5. Two forms say the same: TOML (`larder.toml`) and lines (`task NAME { cmd = … }`), the second a part of the
//! first. Reading goes in steps, each a file here: `toml` and `line` make the same raw tasks, driven by the one table
//! of keys in `keys`; `expand` applies defaults, matrices and substitution; `check` holds the rules about who makes and
//! who reads what. Every complaint names its file, line and column. `schema` writes the JSON Schema from the table.

mod model;

pub use model::{Command, EnvVar, Manifest, Place, Pool, SandboxLevel, Secret, Settings, Task, TaskNo};
