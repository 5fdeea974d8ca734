//! Requests to web servers, for the media that make them by hand.

use super::net::{Net, Quiet};
use crate::error::{Code, Error, Result, fail};
use reqwest::{Client, RequestBuilder, Response};
use std::time::Duration;

/// A host that is there answers a call within this time, seconds.
const CONNECT_SECONDS_MAX: u64 = 20;

/// A page that names files is not longer, bytes.
pub(super) const LISTING_BYTES_MAX: u64 = 1 << 30;

/// Makes requests of one place, whose name stands in messages.
pub(super) struct Web {
    pub(super) client: Client,
    pub(super) location: String,
    net: Net,
    quiet: Quiet,
}

impl Web {
    /// # Errors
    /// SYSTEM_ERROR when the system has no room for the threads or no certificates.
    pub(super) fn new(location: String, silence_ms_max: u64) -> Result<Web> {
        let client = Client::builder().connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX)).build();
        let client = client.map_err(|error| {
            Error::new(Code::SystemError, "requests to web servers cannot be made").with_source(error)
        })?;
        Ok(Web { client, location, net: Net::new(silence_ms_max)?, quiet: Quiet::default() })
    }

    /// Makes a request that sends so many bytes. `None` when there is no such thing.
    ///
    /// # Errors
    /// The codes of the network, and what the status says.
    pub(super) fn ask(&self, what: &str, bytes: u64, request: RequestBuilder) -> Result<Option<Response>> {
        let quiet = self.quiet.left();
        let step = async {
            tokio::time::sleep(quiet).await;
            request.send().await
        };
        let answer = self.net.wait(&self.location, bytes, step)?.map_err(|error| self.lost(what, &error))?;
        let status = answer.status().as_u16();
        if let (429 | 503, Some(seconds)) = (status, answer.headers().get("retry-after")) {
            seconds.to_str().ok().and_then(|text| text.trim().parse().ok()).inspect(|seconds| self.quiet.ask(*seconds));
        }
        let code = match status {
            200..=299 => return Ok(Some(answer)),
            404 | 410 => return Ok(None),
            401 => Code::Unauthorized,
            403 | 405 => Code::PermissionDenied,
            408 | 504 => Code::NetworkTimeout,
            416 => Code::StorageCorrupted,
            429 => Code::RateLimitExceeded,
            507 => Code::StorageFull,
            500..=599 => Code::NetworkError,
            _ => Code::SystemError,
        };
        fail(code, format!("cannot {what} at {}: the answer is {status}", self.location))
    }

    /// Bytes of an answer: those after `skip`, `len` of them, or all there are.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when there are more than `bytes_max`, or fewer than `skip` and `len`; the codes of
    /// the network.
    pub(super) fn receive(
        &self,
        what: &str,
        mut answer: Response,
        skip: u64,
        len: Option<u64>,
        bytes_max: u64,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut passed = skip;
        while len.is_none_or(|len| (bytes.len() as u64) < len) {
            let piece = self.net.wait(&self.location, 0, answer.chunk())?.map_err(|error| self.lost(what, &error))?;
            let Some(piece) = piece else { break };
            let start = passed.min(piece.len() as u64);
            passed -= start;
            bytes.extend_from_slice(&piece[start as usize..]);
            if bytes.len() as u64 > bytes_max {
                let message = format!("what {} answers to {what} is longer than it can be", self.location);
                return fail(Code::StorageCorrupted, message);
            }
        }
        match len {
            Some(len) if (bytes.len() as u64) < len => fail(
                Code::StorageCorrupted,
                format!("cannot {what} at {}: it is shorter than it should be", self.location),
            ),
            Some(len) => {
                bytes.truncate(len as usize);
                Ok(bytes)
            }
            None => Ok(bytes),
        }
    }

    /// Waits for several things at once.
    ///
    /// # Errors
    /// NETWORK_TIMEOUT.
    pub(super) fn wait<T>(&self, step: impl Future<Output = T>) -> Result<T> {
        self.net.wait(&self.location, 0, step)
    }

    /// A request that got no answer. What was asked is not shown: the library's own words have no secrets in them
    /// without it.
    pub(super) fn lost(&self, what: &str, error: &reqwest::Error) -> Error {
        let mut last: &dyn std::error::Error = error;
        while let Some(next) = last.source() {
            last = next;
        }
        let why = last.to_string();
        let code = match error {
            _ if why.contains("certificate") => Code::Unauthorized,
            error if error.is_timeout() => Code::NetworkTimeout,
            _ => Code::ConnectionFailed,
        };
        let is_bare = std::error::Error::source(error).is_none();
        let why = if is_bare { "the connection failed" } else { &why };
        Error::new(code, format!("cannot {what} at {}: {why}", self.location))
    }
}

/// A path as it stands in an address.
pub(super) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
