//! The threads on which media of the network work, behind a trait that waits.

use super::GET_BYTES_MAX;
use crate::error::{Code, Error, IoContext, Result, fail};
use futures_util::{Stream, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};

/// A line that is slower than this is taken for a dead one, bytes a second.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 << 10;

/// Nobody is left alone for longer, seconds.
const QUIET_SECONDS_MAX: u64 = 60;

/// Room for so many bytes is worth a mapping of its own.
const LONG_BYTES: usize = 1 << 20;

/// What is longer than 32 MiB glibc maps by itself and gives back when it is freed (DEFAULT_MMAP_THRESHOLD_MAX of its malloc);
/// what is shorter it soon keeps, for each thread: 258 MiB instead of 123 in a transfer (docs/design/0014).
const MAPPED_BYTES: usize = 33 << 20;

/// Room for so many bytes of a body. What is not written to takes no memory.
pub(super) fn room(bytes: usize) -> Vec<u8> {
    Vec::with_capacity(if bytes < LONG_BYTES { bytes } else { bytes.max(MAPPED_BYTES) })
}

/// Until when the other side wants to be left alone, by all threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet(Arc<Mutex<Option<Instant>>>);

impl Quiet {
    /// How long still.
    pub(super) fn left(&self) -> Duration {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// It asked for so many seconds (`Retry-After`).
    pub(super) fn ask(&self, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds.min(QUIET_SECONDS_MAX));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(known.map_or(until, |earlier| earlier.max(until)));
    }
}

/// A few threads of one medium.
pub(super) struct Net {
    runtime: Option<Runtime>,
    silence_ms_max: u64,
}

impl Net {
    /// Starts them. Nobody on the other side may be silent for longer than `silence_ms_max`.
    ///
    /// # Errors
    /// SYSTEM_ERROR and its kin when the system has no room for them.
    pub(super) fn new(silence_ms_max: u64) -> Result<Net> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("larder-net").enable_all().build();
        Ok(Net { runtime: Some(runtime.at("start threads for", "the network")?), silence_ms_max })
    }

    /// Waits for a step that moves so many bytes, and no longer than a working line needs.
    ///
    /// # Errors
    /// NETWORK_TIMEOUT; `location` stands in its message.
    pub(super) fn wait<T>(&self, location: &str, bytes: u64, step: impl Future<Output = T>) -> Result<T> {
        let patience =
            Duration::from_millis(self.silence_ms_max) + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND);
        let Some(handle) = self.handle() else { return fail(Code::SystemError, "the network is shut down") };
        handle.block_on(async { tokio::time::timeout(patience, step).await }).map_err(|_| silent(location, patience))
    }

    /// The pieces of an answer, together, in room for `len` bytes; a piece that goes beyond `len_max` is the last. It is
    /// done on the threads here: to wake whoever waits for each piece costs more than the piece.
    ///
    /// # Errors
    /// NETWORK_TIMEOUT when one of them does not come; the inner failure is that of the stream.
    pub(super) fn gather<B, E>(
        &self,
        location: &str,
        len: u64,
        len_max: u64,
        pieces: impl Stream<Item = std::result::Result<B, E>> + Send + 'static,
    ) -> Result<std::result::Result<Vec<u8>, E>>
    where
        B: AsRef<[u8]> + Send + 'static,
        E: Send + 'static,
    {
        let patience = Duration::from_millis(self.silence_ms_max);
        let work = async move {
            let mut pieces = std::pin::pin!(pieces);
            let mut bytes = room(len.min(GET_BYTES_MAX) as usize);
            while bytes.len() as u64 <= len_max {
                match tokio::time::timeout(patience, pieces.next()).await {
                    Ok(Some(Ok(piece))) => bytes.extend_from_slice(piece.as_ref()),
                    Ok(Some(Err(error))) => return Ok(Err(error)),
                    Ok(None) => break,
                    Err(_) => return Err(()),
                }
            }
            Ok(Ok(bytes))
        };
        let Some(handle) = self.handle() else { return fail(Code::SystemError, "the network is shut down") };
        match handle.block_on(handle.spawn(work)) {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(())) => Err(silent(location, patience)),
            Err(_) => fail(Code::SystemError, "a thread of the network broke off"),
        }
    }

    fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }
}

fn silent(location: &str, patience: Duration) -> Error {
    Error::new(Code::NetworkTimeout, format!("{location} was silent for {} seconds", patience.as_secs_f32()))
}

impl Drop for Net {
    fn drop(&mut self) {
        // A lookup of a name may hang, and nobody waits for it any more.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_for_everybody_and_ends() {
        let quiet = Quiet::default();
        assert_eq!(quiet.left(), Duration::ZERO);
        quiet.clone().ask(1_000_000);
        assert!(quiet.left() > Duration::from_secs(50) && quiet.left() <= Duration::from_secs(QUIET_SECONDS_MAX));
        quiet.ask(1);
        assert!(quiet.left() > Duration::from_secs(50));
    }
}
