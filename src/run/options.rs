//! How a run is made.

use crate::repo::WriterOptions;
use std::path::PathBuf;

/// Which output of tasks is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// That of tasks that fail.
    #[default]
    Errors,
    /// All of it; that of tasks that need not run is shown again.
    Full,
    /// None.
    None,
}

/// How a run is made.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What is wanted, as users name it; empty: what the manifest says.
    pub targets: Vec<String>,
    /// How many tasks run at once.
    pub jobs: usize,
    /// A second limit on that.
    pub max_concurrent: Option<usize>,
    /// After a failure, go on with all that does not need what failed.
    pub keep_going: bool,
    /// Execute all that is wanted, whatever is known.
    pub force: bool,
    /// Take the stored results of what is current for missing unless they can be read.
    pub verify_stored: bool,
    /// How long a task may take that does not say so itself.
    pub timeout_ms: Option<u64>,
    /// Which output is shown.
    pub show: Show,
    /// Tell the monitor of tasks that are current, too.
    pub report_current: bool,
    /// How much is kept of what one task prints.
    pub log_bytes_max: u64,
    /// Store what tasks read, too, for those who want to see it again.
    pub keep_inputs: bool,
    /// The directory of the project's state.
    pub state_dir: PathBuf,
    /// What the environment says of a run that this one is part of.
    pub run_token: Option<String>,
    /// The machine's name.
    pub host: String,
    /// What larder itself stands on beside the repository, such as the key file: no output may be there.
    pub own: Vec<PathBuf>,
    /// How the repository is written.
    pub writer: WriterOptions,
}
