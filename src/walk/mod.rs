//! Walking file systems: names, metadata, rules that leave things out, hard links.
//!
//! Floor 4, on `tree` for the words of the format. Directories are listed by handle and everything in them is looked
//! at relative to that handle, so a renamed or swapped parent cannot lead elsewhere, paths have no length limit, and
//! a system call resolves one name. Names are bytes. Nothing here opens a fifo or a device, or follows a symlink that
//! the user did not name as a source.

mod exclude;
mod handle;
mod links;
mod listing;
mod meta;
mod sources;

pub use exclude::{ExcludeOptions, IfPresent, Rules, Scope, Standing, check_brackets};
pub use handle::{Stat, has_true_ctime, open_dir, open_file, open_path, stamp_now, stat_at, stat_fd, stat_follow};
pub use links::LinkCollector;
pub use listing::{Listing, Scratch};
pub use meta::{Owners, Xattr, data_extents, link_target, xattrs_at, xattrs_of};
pub use sources::{SourceKind, SourceNode, Sources};
