//! `http://host/path` and `https://host/path`: larder's own object protocol, and plain files of any web server.
//!
//! `docs/HTTP-BACKEND.md` describes the protocol; `larder serve` speaks it. Every answer of such a server says so in its
//! head. One that says nothing of it has plain files, which can be read and not written: a web server lists a directory by
//! a page of links, which is what [`page`] reads, so it must be allowed to make such pages (`autoindex on`,
//! `Options +Indexes`).

mod page;

use super::stdio::{LINE_BYTES_MAX, Reply};
use super::web::{LISTING_BYTES_MAX, OFFSET_MAX, Web, encoded};
use super::{Access, Backend, GET_BYTES_MAX, Spool, Token, check_name, spool_in};
use crate::clock::Time;
use crate::error::{Code, Error, IoContext, Result, fail};
use futures_util::future::join_all;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use reqwest::{RequestBuilder, Response};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// Stands in every answer of a server that speaks the protocol: its version.
pub const PROTOCOL_HEADER: &str = "larder-protocol";
/// Stands in an answer that is a refusal: the name of its code.
pub const ERROR_HEADER: &str = "larder-error";
/// When the file was last written, in Unix seconds by the clock of the medium.
pub const MODIFIED_HEADER: &str = "larder-modified";
/// The version of the protocol that both sides speak.
pub const VERSION: &str = "1";

/// The status of what was done and needs no words.
const DONE: u16 = 204;
/// The variable with the token itself.
const TOKEN: &str = "LARDER_TOKEN";
/// So many questions for lengths are under way at once.
const AT_ONCE: usize = 16;
/// Bytes of a file that are handed on at once.
const STEP_BYTES: usize = 256 << 10;

/// A directory of a web server.
pub struct HttpBackend {
    web: Web,
    /// The address of the directory, without a slash at the end.
    root: String,
    token: Option<Token>,
    temp: Option<PathBuf>,
    /// The other side has said that it speaks the protocol.
    speaks: AtomicBool,
}

/// Refuses what is no address of this scheme.
pub(super) fn check(rest: &OsStr) -> Result<()> {
    let wrong = |how: &str| fail(Code::InvalidArg, format!("an http address {how}"));
    let Some(text) = rest.to_str().and_then(|text| text.strip_prefix("//")) else {
        return wrong("begins with http:// or https://");
    };
    let host = text.split('/').next().unwrap_or_default();
    match text {
        _ if host.is_empty() => wrong("names a host"),
        _ if host.contains('@') => wrong("has no user and password in it"),
        _ if text.contains(['?', '#']) || text.contains(char::is_whitespace) => wrong("ends with the path"),
        _ => Ok(()),
    }
}

/// The medium at an address.
///
/// # Errors
/// SYSTEM_ERROR when requests cannot be made here at all; what [`Token::of_file`] answers.
pub(super) fn open(shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    let root = shown.trim_end_matches('/').to_string();
    let token = match (access.variables.get(TOKEN), &access.token_file) {
        (Some(word), _) => Some(Token::new(word, TOKEN)?),
        (None, Some(path)) => Token::of_file(path, Some(&root))?,
        (None, None) => None,
    };
    let web = Web::new(shown, is_local(&root), access.silence_ms_max)?;
    Ok(Arc::new(HttpBackend { web, root, token, temp: access.temp.clone(), speaks: AtomicBool::new(false) }))
}

/// Whether an address is one of this machine.
fn is_local(root: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(root) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn len_of(answer: &Response) -> Option<u64> {
    // The length of the body of an answer to HEAD is 0; what the header says is that of the file.
    header(answer, "content-length")?.parse().ok()
}

impl HttpBackend {
    fn url(&self, name: &str) -> Result<String> {
        check_name(name).map(|()| format!("{}/{}", self.root, encoded(name)))
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.header("authorization", token.header().as_str()),
            None => request,
        }
    }

    fn head(&self, name: &str) -> Result<RequestBuilder> {
        self.url(name).map(|url| self.signed(self.web.client.head(url)))
    }

    /// Makes a request, and hears whether the other side speaks the protocol.
    fn send(&self, what: &str, bytes: u64, request: RequestBuilder) -> Result<Response> {
        let answer = self.web.send(what, bytes, request)?;
        match header(&answer, PROTOCOL_HEADER) {
            Some(VERSION) => self.speaks.store(true, Ordering::Relaxed),
            Some(other) => {
                let other = other.escape_debug();
                let message = format!("{} speaks version {other} of larder's protocol, not {VERSION}", self.root);
                return fail(Code::ConfigError, message);
            }
            None => {}
        }
        Ok(answer)
    }

    fn ask(&self, what: &str, bytes: u64, request: RequestBuilder) -> Result<Option<Response>> {
        let answer = self.send(what, bytes, request)?;
        self.web.judge(what, answer).map_err(|error| self.explained(error))
    }

    fn explained(&self, error: Error) -> Error {
        match (error.code(), &self.token) {
            (Code::Unauthorized, None) => {
                error.with_hint("LARDER_TOKEN_FILE names the file with the token that this server wants")
            }
            (Code::Unauthorized, Some(_)) => error.with_hint("the server has another token than LARDER_TOKEN_FILE"),
            _ => error,
        }
    }

    fn absent<T>(&self, name: &str) -> Result<T> {
        fail(Code::FileNotFound, format!("there is no {name} at {}", self.root))
    }

    /// Nothing is written where nobody says how that is understood.
    fn must_speak(&self) -> Result<()> {
        if !self.speaks.load(Ordering::Relaxed) {
            self.ask("ask for the protocol", 0, self.head("config.toml")?)?;
        }
        if self.speaks.load(Ordering::Relaxed) {
            return Ok(());
        }
        fail(
            Code::PermissionDenied,
            format!("{} can only be read: it is a web server, and no `larder serve`", self.root),
        )
    }

    fn write(&self, name: &str, len: u64, body: reqwest::Body, is_new: bool) -> Result<bool> {
        let (url, what) = (self.url(name)?, format!("write {name}"));
        self.must_speak()?;
        let mut request = self.signed(self.web.client.put(url)).header("content-length", len).body(body);
        if is_new {
            request = request.header("if-none-match", "*");
        }
        let answer = self.send(&what, len, request)?;
        if is_new && answer.status() == 412 {
            return Ok(false);
        }
        let answer = self.web.judge(&what, answer).map_err(|error| self.explained(error))?;
        self.is_done(&what, answer).map(|()| true)
    }

    /// Of a request that changes something only the one answer is believed: one that was led elsewhere came there as a question.
    fn is_done(&self, what: &str, answer: Option<Response>) -> Result<()> {
        if answer.is_some_and(|answer| answer.status() == DONE) { Ok(()) } else { self.strange(what) }
    }

    fn strange<T>(&self, what: &str) -> Result<T> {
        fail(Code::NetworkError, format!("cannot {what} at {}: the answer is none of larder's", self.root))
    }

    /// The answer to the question what is in a directory. `None` when it is not there.
    fn directory(&self, dir: &str) -> Result<Option<Response>> {
        let request = self.signed(self.web.client.get(self.url(dir)? + "/"));
        self.ask(&format!("list {dir}"), 0, request).map_err(|error| match error.code() {
            Code::PermissionDenied => error.with_hint("the web server must be allowed to list directories"),
            _ => error,
        })
    }

    /// Every file below a directory, as a server of ours lists them.
    fn items(&self, prefix: &str, mut answer: Response) -> Result<Vec<(String, u64)>> {
        let (what, below) = (format!("list {prefix}"), format!("{prefix}/"));
        let (mut items, mut rest) = (Vec::new(), Vec::new());
        while let Some(piece) = self.web.next_piece(&what, &mut answer)? {
            rest.extend_from_slice(&piece);
            let mut start = 0;
            while let Some(len) = rest[start..].iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&rest[start..start + len]);
                start += len + 1;
                match Reply::parse(&line) {
                    Some(Ok(Reply::Item(len, name))) if name.starts_with(&below) && check_name(&name).is_ok() => {
                        items.push((name, len));
                    }
                    Some(Ok(Reply::Ok(None))) => return Ok(items),
                    Some(Err(error)) => return Err(error),
                    _ => return self.strange(&what),
                }
            }
            rest.drain(..start);
            if rest.len() > LINE_BYTES_MAX {
                return self.strange(&what);
            }
        }
        fail(Code::ConnectionFailed, format!("cannot {what} at {}: the answer broke off", self.root))
    }

    /// The names on the page of a directory; those that end with a slash are directories.
    fn names(&self, dir: &str, answer: Response) -> Result<Vec<String>> {
        let path = answer.url().path().to_string();
        let page = self.web.receive(&format!("list {dir}"), answer, 0, None, LISTING_BYTES_MAX)?;
        Ok(page::links(&String::from_utf8_lossy(&page), &path))
    }

    fn lens(&self, names: &[String]) -> Result<Vec<Option<u64>>> {
        let mut lens = Vec::with_capacity(names.len());
        for some in names.chunks(AT_ONCE) {
            let requests = some.iter().map(|name| Ok(self.head(name)?.send()));
            let requests: Vec<_> = requests.collect::<Result<_>>()?;
            for (name, answer) in some.iter().zip(self.web.wait(join_all(requests))?) {
                let answer = answer.map_err(|error| self.web.lost(&format!("look at {name}"), &error))?;
                // Whatever else it is, the one question by itself has the words for it.
                lens.push(if answer.status() == 200 { len_of(&answer) } else { self.stat(name)? });
            }
        }
        Ok(lens)
    }
}

impl Backend for HttpBackend {
    fn location(&self) -> String {
        self.web.location.clone()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write(name, bytes.len() as u64, bytes.to_vec().into(), false).map(drop)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.write(name, bytes.len() as u64, bytes.to_vec().into(), true)
    }

    fn spool(&self) -> Result<Spool> {
        spool_in(self.temp.as_deref())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let file = spool.as_file().try_clone().at("open", spool.path())?;
        let len = file.metadata().at("look at", spool.path())?.len();
        self.write(name, len, reqwest::Body::wrap(FileBody { file, sent: 0, len }), false).map(drop)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        let (request, what) = (self.signed(self.web.client.get(self.url(name)?)), format!("read {name}"));
        let Some(answer) = self.ask(&what, 0, request)? else { return self.absent(name) };
        if answer.content_length().is_some_and(|len| len > GET_BYTES_MAX) {
            let message = format!("{name} at {} is longer than a file of its kind can be", self.root);
            return fail(Code::StorageCorrupted, message);
        }
        self.web.receive(&what, answer, 0, None, GET_BYTES_MAX)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let end = offset.saturating_add(len as u64);
        let what = format!("read {name}");
        if len == 0 || end > OFFSET_MAX {
            return match self.stat(name)? {
                None => self.absent(name),
                Some(size) if size < end => self.web.short(&what),
                Some(_) => Ok(Vec::new()),
            };
        }
        let request = self.signed(self.web.client.get(self.url(name)?));
        let answer = self.web.range(&what, request, offset, len as u64).map_err(|error| self.explained(error))?;
        answer.map_or_else(|| self.absent(name), Ok)
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        let Some(answer) = self.ask(&format!("look at {name}"), 0, self.head(name)?)? else { return Ok(None) };
        // A directory is answered by its page, at the address with a slash.
        if answer.url().path().ends_with('/') {
            return Ok(None);
        }
        let len = len_of(&answer);
        len.map(Some)
            .ok_or_else(|| Error::new(Code::NetworkError, format!("{} does not say how long {name} is", self.root)))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        let Some(answer) = self.ask(&format!("look at {name}"), 0, self.head(name)?)? else { return Ok(None) };
        // Others tell the time of whoever made the file.
        Ok(header(&answer, MODIFIED_HEADER).and_then(|seconds| seconds.parse().ok()).map(Time::from_seconds))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        let mut dirs = vec![prefix.to_string()];
        while let Some(dir) = dirs.pop() {
            let Some(answer) = self.directory(&dir)? else { continue };
            if header(&answer, PROTOCOL_HEADER).is_some() {
                // All of it first: what is done with a name may take its time.
                let items = self.items(&dir, answer)?;
                return items.iter().try_for_each(|(name, len)| each(name, *len));
            }
            let mut files = Vec::new();
            for name in self.names(&dir, answer)? {
                match name.strip_suffix('/') {
                    Some(below) => dirs.push(format!("{dir}/{below}")),
                    None => files.push(format!("{dir}/{name}")),
                }
            }
            for (name, len) in files.iter().zip(self.lens(&files)?) {
                // What went meanwhile is gone.
                len.map_or(Ok(()), |len| each(name, len))?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let url = self.url(name)?;
        self.must_speak()?;
        let what = format!("delete {name}");
        let answer = self.ask(&what, 0, self.signed(self.web.client.delete(url)))?;
        self.is_done(&what, answer)
    }
}

/// A file of ours on its way. It has its own place in the file: what an attempt before still reads is not moved.
struct FileBody {
    file: File,
    sent: u64,
    len: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut step = vec![0; (self.len - self.sent).min(STEP_BYTES as u64) as usize];
        if step.is_empty() {
            return Poll::Ready(None);
        }
        // It was written a moment ago, so the system still has it in memory, most times.
        Poll::Ready(Some(self.file.read_exact_at(&mut step, self.sent).map(|()| {
            self.sent += step.len() as u64;
            Frame::data(step.into())
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.len
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len - self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_no_secrets() {
        let checked = |text: &str| check(OsStr::new(text)).is_ok();
        assert!(checked("//host:80/a/b") && checked("//host"));
        assert!(!checked("//me:secret@host/a") && !checked("//host/a?key=x") && !checked("host") && !checked("///a"));
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for root in ["http://localhost:1/x", "http://127.0.0.2", "https://[::1]:8/x"] {
            assert!(is_local(root), "{root}");
        }
        for root in ["http://localhost.example/x", "http://10.0.0.1", "http://host"] {
            assert!(!is_local(root), "{root}");
        }
    }
}
