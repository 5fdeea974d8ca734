//! What `serve` and `serve-stdio` have in common: which directory, and what may be done with it.

use larder::backend::{Backend, FsBackend, Grant, GrantBackend};
use larder::clock::SECONDS_A_DAY;
use larder::context::Place;
use larder::error::Result;
use larder::gc::remove_old_litter;
use larder::repo::promise::refuse_partial;
use std::path::PathBuf;
use std::sync::Arc;

/// A directory as others may use it.
#[derive(clap::Args)]
pub struct Served {
    /// Refuse whatever would change something
    #[arg(long, conflicts_with = "append_only")]
    read_only: bool,

    /// Refuse to replace and to delete, leases aside: enough for backup, restore, verify and sync
    #[arg(long)]
    append_only: bool,

    /// The directory, or one with `.larder` in it; it need not be there yet
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
}

impl Served {
    /// The medium that is offered.
    ///
    /// # Errors
    /// PERMISSION_DENIED when the repository there is partial.
    pub fn medium(self) -> Result<Arc<dyn Backend>> {
        let found = if self.path.is_dir() { Place::at(&self.path).ok() } else { None };
        if let Some(place) = &found {
            refuse_partial(place.backend().as_ref(), "whoever asks here would not find its packs")?;
        }
        let dir = match found.as_ref().and_then(|place| place.location().local_path()) {
            Some(dir) => dir.to_path_buf(),
            None => self.path,
        };
        let grant = match (self.read_only, self.append_only) {
            (true, _) => Grant::Read,
            (_, true) => Grant::Append,
            _ => Grant::All,
        };
        if grant != Grant::Read && dir.join("config.toml").is_file() {
            // A server that was killed left what it was given half. It may have been the only one that writes here.
            remove_old_litter(&dir, SECONDS_A_DAY)?;
        }
        Ok(Arc::new(GrantBackend::new(Arc::new(FsBackend::new(dir)), grant)))
    }
}
