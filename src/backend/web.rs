//! Requests to web servers, for the media that make them by hand.

use super::http::ERROR_HEADER;
use super::net::{Net, Quiet};
use crate::error::{Code, Error, Result, fail};
use futures_util::stream;
use hyper::body::Bytes;
use reqwest::{Client, RequestBuilder, Response};
use std::time::Duration;

/// A host that is there answers a call within this time, seconds.
const CONNECT_SECONDS_MAX: u64 = 20;

/// A connection on which nothing was asked for so long is given up: before a server does, seconds.
const IDLE_SECONDS_MAX: u64 = 20;

/// A page that names files is not longer, bytes.
pub(super) const LISTING_BYTES_MAX: u64 = 1 << 30;

/// No file is so long, bytes: numbers beyond are not asked for, since a server may have no room for them.
pub(super) const OFFSET_MAX: u64 = 1 << 50;

/// Makes requests of one place, whose name stands in messages.
pub(super) struct Web {
    pub(super) client: Client,
    pub(super) location: String,
    net: Net,
    quiet: Quiet,
}

impl Web {
    /// Whoever is on this machine is asked without the proxy that the environment may name.
    ///
    /// # Errors
    /// SYSTEM_ERROR when the system has no room for the threads or no certificates.
    pub(super) fn new(location: String, is_local: bool, silence_ms_max: u64) -> Result<Web> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS_MAX));
        let client = if is_local { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| {
            Error::new(Code::SystemError, "requests to web servers cannot be made").with_source(error)
        })?;
        Ok(Web { client, location, net: Net::new(silence_ms_max)?, quiet: Quiet::default() })
    }

    /// Makes a request that sends so many bytes. `None` when there is no such thing.
    ///
    /// # Errors
    /// The codes of the network, and what the status says.
    pub(super) fn ask(&self, what: &str, bytes: u64, request: RequestBuilder) -> Result<Option<Response>> {
        let answer = self.send(what, bytes, request)?;
        self.judge(what, answer)
    }

    /// Makes a request that sends so many bytes, whatever is answered.
    ///
    /// # Errors
    /// The codes of the network.
    pub(super) fn send(&self, what: &str, bytes: u64, request: RequestBuilder) -> Result<Response> {
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
        Ok(answer)
    }

    /// What an answer says. `None` when there is no such thing.
    ///
    /// # Errors
    /// What the status says, or the code that a server of ours adds to it.
    pub(super) fn judge(&self, what: &str, answer: Response) -> Result<Option<Response>> {
        let status = answer.status().as_u16();
        let said = answer.headers().get(ERROR_HEADER).and_then(|name| name.to_str().ok());
        let said = said.and_then(|name| Code::ALL.iter().find(|code| code.name() == name)).copied();
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
        fail(said.unwrap_or(code), format!("cannot {what} at {}: the answer is {status}", self.location))
    }

    /// `len` bytes of a file from `offset`, and at least one, by one request. `None` when there is no such file.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when the file is shorter; the codes of the network, and what the status says.
    pub(super) fn range(&self, what: &str, request: RequestBuilder, offset: u64, len: u64) -> Result<Option<Vec<u8>>> {
        let end = offset.saturating_add(len);
        let request = request.header("range", format!("bytes={offset}-{}", end - 1));
        let Some(answer) = self.ask(what, 0, request)? else { return Ok(None) };
        // A server that knows no ranges sends all of it.
        let is_part = answer.status() == 206;
        let size = match is_part.then(|| answer.headers().get("content-range")?.to_str().ok().and_then(part_of)) {
            Some(Some((first, size))) if first == offset => size,
            Some(_) => {
                let message = format!("cannot {what} at {}: the answer is another part", self.location);
                return fail(Code::NetworkError, message);
            }
            None => answer.content_length(),
        };
        if size.is_some_and(|size| size < end) {
            return self.short(what);
        }
        self.receive(what, answer, if is_part { 0 } else { offset }, Some(len), u64::MAX).map(Some)
    }

    /// # Errors
    /// STORAGE_CORRUPTED.
    pub(super) fn short<T>(&self, what: &str) -> Result<T> {
        fail(Code::StorageCorrupted, format!("cannot {what} at {}: it is shorter than it should be", self.location))
    }

    /// Bytes of an answer: those after `skip`, `len` of them, or all there are.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when there are more than `bytes_max`, or fewer than `skip` and `len`; the codes of
    /// the network.
    pub(super) fn receive(
        &self,
        what: &str,
        answer: Response,
        skip: u64,
        len: Option<u64>,
        bytes_max: u64,
    ) -> Result<Vec<u8>> {
        let room = len.or(answer.content_length()).unwrap_or(0).min(bytes_max);
        let pieces = stream::unfold((answer, skip), |(mut answer, skip)| async move {
            let mut piece = match answer.chunk().await.transpose()? {
                Ok(piece) => piece,
                Err(error) => return Some((Err(error), (answer, skip))),
            };
            let passed = skip.min(piece.len() as u64);
            Some((Ok(piece.split_off(passed as usize)), (answer, skip - passed)))
        });
        let bytes = self.net.gather(&self.location, room, len.unwrap_or(bytes_max).min(bytes_max), pieces)?;
        let mut bytes = bytes.map_err(|error| self.lost(what, &error))?;
        if bytes.len() as u64 > bytes_max {
            let message = format!("what {} answers to {what} is longer than it can be", self.location);
            return fail(Code::StorageCorrupted, message);
        }
        match len {
            Some(len) if (bytes.len() as u64) < len => self.short(what),
            Some(len) => {
                bytes.truncate(len as usize);
                Ok(bytes)
            }
            None => Ok(bytes),
        }
    }

    /// The next bytes of an answer, as they come; `None` at its end.
    ///
    /// # Errors
    /// The codes of the network.
    pub(super) fn next_piece(&self, what: &str, answer: &mut Response) -> Result<Option<Bytes>> {
        self.net.wait(&self.location, 0, answer.chunk())?.map_err(|error| self.lost(what, &error))
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
            error if error.is_connect() => Code::NetworkUnreachable,
            error if error.is_timeout() => Code::NetworkTimeout,
            _ => Code::ConnectionFailed,
        };
        let is_bare = std::error::Error::source(error).is_none();
        let why = if is_bare { "the connection failed" } else { &why };
        Error::new(code, format!("cannot {what} at {}: {why}", self.location))
    }
}

/// Where the part of an answer begins, and how long the whole is, if that is said: `bytes 0-9/100`.
fn part_of(header: &str) -> Option<(u64, Option<u64>)> {
    let (part, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.parse().ok()?, size.parse().ok()))
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
