//! Requests for the files of a repository.

use super::SILENCE_MAX;
use super::answer::{Answer, Stream, head, refusal, whole};
use crate::backend::{Backend, HELD_BYTES_MAX, MODIFIED_HEADER, TAKEN_BYTES_MAX, Token, take};
use crate::clock::Stopwatch;
use crate::error::{Code, Error, Result, fail};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request};
use std::convert::Infallible;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Bytes of a long file that are read at once.
const STEP_BYTES: u64 = 1 << 20;
/// Browsers say one of these with whatever a page of somebody else makes them ask: clients of ours never do.
const BROWSER_HEADERS: [&str; 2] = ["origin", "sec-fetch-site"];

/// A request that was answered.
#[derive(Debug)]
pub struct Served {
    /// Who asked.
    pub peer: SocketAddr,
    /// The verb.
    pub method: String,
    /// The path as it came.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Why it was refused, or broke off.
    pub error: Option<Error>,
}

impl Display for Served {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} {} ms", self.peer, self.method, self.path, self.status, self.took_ms)?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, " {} {error}", error.code().name()))
    }
}

/// The files, and who may ask for them.
pub(super) struct Objects {
    backend: Arc<dyn Backend>,
    token: Option<Token>,
    handle: Handle,
    say: SyncSender<Served>,
}

/// What is to be answered.
enum Outcome {
    Whole(Answer),
    /// A file from an offset to an end, read as it is sent.
    Stretch(hyper::http::response::Builder, String, u64, u64),
    /// What is below a directory.
    List(String),
}

impl Objects {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        token: Option<Token>,
        handle: Handle,
        say: SyncSender<Served>,
    ) -> Objects {
        Objects { backend, token, handle, say }
    }

    /// Answers a request on a thread that may wait.
    pub(super) async fn answer(
        self: Arc<Self>,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> std::result::Result<Answer, Infallible> {
        let (tell, told) = oneshot::channel();
        tokio::task::spawn_blocking(move || self.work(peer, request, tell));
        Ok(told.await.unwrap_or_else(|_| refusal(Code::SystemError)))
    }

    fn work(&self, peer: SocketAddr, request: Request<Incoming>, tell: oneshot::Sender<Answer>) {
        let (watch, (asked, body)) = (Stopwatch::start(), request.into_parts());
        let mut body = Body { body, handle: &self.handle, rest: Bytes::new() };
        let (status, error) = match self.perform(&asked, &mut body) {
            Ok(outcome) => self.send(outcome, tell),
            Err(error) => {
                let answer = refusal(error.code());
                let status = answer.status().as_u16();
                // Who went away meanwhile needs no answer.
                let _ = tell.send(answer);
                (status, Some(error))
            }
        };
        let (method, path) = (asked.method.to_string(), asked.uri.path().to_string());
        // Nobody listens any more when the server ends by an error of its own.
        let _ = self.say.send(Served { peer, method, path, status, took_ms: watch.elapsed_ms(), error });
    }

    fn send(&self, outcome: Outcome, tell: oneshot::Sender<Answer>) -> (u16, Option<Error>) {
        let head = match &outcome {
            Outcome::Whole(_) | Outcome::List(_) => head(200).header("content-type", "text/plain"),
            Outcome::Stretch(..) => head(200),
        };
        let (answer, write): (Answer, Box<dyn FnOnce() -> io::Result<()>>) = match outcome {
            Outcome::Whole(answer) => (answer, Box::new(|| Ok(()))),
            Outcome::Stretch(head, name, offset, end) => {
                let (answer, mut stream) = Stream::new(head, &self.handle);
                (
                    answer,
                    Box::new(move || {
                        let written = self.write_stretch(&name, offset, end, &mut stream);
                        stream.end(written)
                    }),
                )
            }
            Outcome::List(prefix) => {
                let (answer, mut stream) = Stream::new(head, &self.handle);
                (
                    answer,
                    Box::new(move || {
                        let written = self.write_list(&prefix, &mut stream);
                        stream.end(written)
                    }),
                )
            }
        };
        let status = answer.status().as_u16();
        if tell.send(answer).is_err() {
            return (status, None);
        }
        let broke = |error| Error::new(Code::ConnectionFailed, "the answer broke off").with_source(error);
        (status, write().err().map(broke))
    }

    fn write_stretch(&self, name: &str, mut offset: u64, end: u64, out: &mut dyn Write) -> io::Result<()> {
        while offset < end {
            let step = STEP_BYTES.min(end - offset);
            // The length is promised by now: only a cut says that something is wrong.
            let part = self.backend.get_range(name, offset, step as usize).map_err(io::Error::other)?;
            out.write_all(&part)?;
            offset += step;
        }
        Ok(())
    }

    /// A line for each file, and a last one which says that these are all.
    fn write_list(&self, prefix: &str, out: &mut dyn Write) -> io::Result<()> {
        let listed = self.backend.list(prefix, &mut |name, len| {
            // What has no name of ours is nobody's business here.
            if check_plain(name).is_err() {
                return Ok(());
            }
            writeln!(out, "item {len} {name}")
                .map_err(|error| Error::new(Code::ConnectionFailed, "").with_source(error))
        });
        match listed {
            Ok(()) => writeln!(out, "ok"),
            Err(error) => writeln!(out, "error {} {}", error.code().name(), error.code().about()),
        }
    }

    fn perform(&self, asked: &Parts, body: &mut Body<'_>) -> Result<Outcome> {
        self.admit(&asked.headers)?;
        let path = asked.uri.path().strip_prefix('/').unwrap_or_default();
        let (name, is_dir) = path.strip_suffix('/').map_or((path, false), |name| (name, true));
        check_plain(name)?;
        match asked.method {
            Method::GET if is_dir => Ok(Outcome::List(name.to_string())),
            _ if is_dir => fail(Code::InvalidArg, "this is a directory"),
            Method::GET => self.get(name, &asked.headers),
            Method::HEAD => self.look(name).map(Outcome::Whole),
            Method::PUT => self.put(name, &asked.headers, body).map(Outcome::Whole),
            Method::DELETE => {
                self.backend.delete(name)?;
                Ok(Outcome::Whole(whole(head(204), "")))
            }
            _ => Ok(Outcome::Whole(whole(head(405).header("allow", "GET, HEAD, PUT, DELETE"), ""))),
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<()> {
        if BROWSER_HEADERS.iter().any(|name| headers.contains_key(*name)) {
            return fail(Code::PermissionDenied, "this is no place for browsers");
        }
        let Some(token) = &self.token else { return Ok(()) };
        let shown = headers.get("authorization").map(|value| value.as_bytes()).unwrap_or_default();
        match shown.split_at_checked(7) {
            Some((scheme, word)) if scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(word) => Ok(()),
            _ => fail(Code::Unauthorized, "the token is another one, or absent"),
        }
    }

    fn look(&self, name: &str) -> Result<Answer> {
        let Some(len) = self.backend.stat(name)? else { return absent() };
        let head = head(200).header("accept-ranges", "bytes").header("content-length", len);
        let head = match self.backend.modified(name)? {
            Some(time) => head.header(MODIFIED_HEADER, time.seconds),
            None => head,
        };
        Ok(whole(head, ""))
    }

    fn get(&self, name: &str, headers: &HeaderMap) -> Result<Outcome> {
        let Some(len) = self.backend.stat(name)? else { return absent() };
        let Some((start, end)) = range_of(headers, len) else {
            if len > HELD_BYTES_MAX {
                let head = head(200).header("content-length", len);
                return Ok(Outcome::Stretch(head, name.to_string(), 0, len));
            }
            // All of it at once: one that is replaced meanwhile is the old one or the new one.
            return Ok(Outcome::Whole(whole(head(200), self.backend.get(name)?)));
        };
        if start >= end {
            return Ok(Outcome::Whole(whole(head(416).header("content-range", format!("bytes */{len}")), "")));
        }
        let head = head(206).header("content-range", format!("bytes {start}-{}/{len}", end - 1));
        if end - start > HELD_BYTES_MAX {
            let head = head.header("content-length", end - start);
            return Ok(Outcome::Stretch(head, name.to_string(), start, end));
        }
        let part = self.backend.get_range(name, start, (end - start) as usize)?;
        Ok(Outcome::Whole(whole(head, part)))
    }

    fn put(&self, name: &str, headers: &HeaderMap, body: &mut Body<'_>) -> Result<Answer> {
        let is_new = match headers.get("if-none-match") {
            None => false,
            Some(value) if value == "*" => true,
            Some(_) => return fail(Code::InvalidArg, "only `*` is understood after If-None-Match"),
        };
        if headers.contains_key("content-range") {
            return fail(Code::InvalidArg, "only whole files are taken");
        }
        let len = headers.get("content-length").and_then(|len| len.to_str().ok()).and_then(|len| len.parse().ok());
        let Some(len) = len else { return fail(Code::InvalidArg, "how long it is must be said before it comes") };
        let taken = take(self.backend.as_ref(), name, len, is_new, body);
        if taken.is_err() && len <= TAKEN_BYTES_MAX {
            // Who is still sending hears no answer: all of it is taken, and thrown away.
            let _ = io::copy(body, &mut io::sink());
        }
        Ok(whole(head(if taken? { 204 } else { 412 }), ""))
    }
}

fn absent<T>() -> Result<T> {
    fail(Code::FileNotFound, "there is no such file")
}

/// Names of a repository have plain letters only: none of them is written in another way in a path.
fn check_plain(name: &str) -> Result<()> {
    match name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte)) {
        true => Ok(()),
        false => fail(Code::InvalidArg, "this is no name in a repository"),
    }
}

/// From where to where a file of this length is asked for; `None` is all of it. An end before the start is nothing.
fn range_of(headers: &HeaderMap, len: u64) -> Option<(u64, u64)> {
    let (start, last) = headers.get("range")?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    // More than one part, and a part counted from the end, need not be understood: all is answered.
    let start = start.parse().ok()?;
    let end = if last.is_empty() { len } else { last.parse::<u64>().ok()?.saturating_add(1) };
    Some((start, end.min(len)))
}

/// The bytes after a request.
struct Body<'a> {
    body: Incoming,
    handle: &'a Handle,
    rest: Bytes,
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let next = async { tokio::time::timeout(SILENCE_MAX, self.body.frame()).await };
            match self.handle.block_on(next) {
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(None) => return Ok(0),
                Ok(Some(Err(_))) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(Some(Ok(frame))) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let len = out.len().min(self.rest.len());
        out[..len].copy_from_slice(&self.rest.split_to(len));
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_understood_or_not_heeded() {
        let range = |text: &str| {
            let headers = HeaderMap::from_iter([(hyper::header::RANGE, text.parse().expect("a header"))]);
            range_of(&headers, 100)
        };
        assert_eq!(range_of(&HeaderMap::new(), 100), None);
        for (text, found) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=10-", Some((10, 100))),
            ("bytes=10-18446744073709551615", Some((10, 100))),
            ("bytes=100-200", Some((100, 100))),
            ("bytes=200-300", Some((200, 100))),
            ("bytes=-10", None),
            ("bytes=0-1,3-4", None),
            ("bytes=x-1", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(range(text), found, "{text}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(check_plain("packs/ab/ab-12.x_y").is_ok());
        for name in ["a b", "a%2e", "a\\b", "ä", "a\0", "a?b"] {
            assert!(check_plain(name).is_err(), "{name}");
        }
    }
}
