//! A medium behind another process: the object protocol over its stdin and stdout.
//!
//! `docs/EXEC-BACKEND.md` describes the lines. [`StdioBackend`] asks, [`serve()`] answers for any other backend; so
//! `exec:CMD` is any program that answers, and `ssh://host/path` is larder's own answer on another machine.

mod client;
mod connection;
mod pipe;
mod program;
mod serve;

pub use client::StdioBackend;
pub(super) use connection::Reply;
pub use program::{Program, SshAddress, sftp_program, ssh_failure, ssh_program};
pub use serve::serve;

/// The version of the protocol that both sides speak.
const VERSION: &str = "1";
/// A line is never longer, bytes.
pub(super) const LINE_BYTES_MAX: usize = 8 << 10;
/// A file that is read whole is smaller than this.
const WHOLE_BYTES_MAX: u64 = 1 << 30;
