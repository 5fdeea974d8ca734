//! `http://host/path` and `https://host/path`: the files of a repository as any web server gives them, to be read.
//!
//! A web server lists a directory by a page of links: that is what [`links`] reads, so the server must be allowed to make
//! such pages (`autoindex on`, `Options +Indexes`). Nothing can be written there.

use super::web::{LISTING_BYTES_MAX, Web, encoded};
use super::{Access, Backend, GET_BYTES_MAX, Spool, check_name, spool_in};
use crate::error::{Code, Error, Result, fail};
use futures_util::future::join_all;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

/// So many questions for lengths are under way at once.
const AT_ONCE: usize = 16;
/// Files that are being written are named so, and not listed.
const NEW: &str = ".new-";

/// A directory of a web server.
pub struct HttpBackend {
    web: Web,
    /// The address of the directory, without a slash at the end.
    root: String,
    temp: Option<PathBuf>,
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
/// SYSTEM_ERROR when requests cannot be made here at all.
pub(super) fn open(shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    let root = shown.trim_end_matches('/').to_string();
    Ok(Arc::new(HttpBackend { web: Web::new(shown, access.silence_ms_max)?, root, temp: access.temp.clone() }))
}

impl HttpBackend {
    fn url(&self, name: &str) -> Result<String> {
        check_name(name).map(|()| format!("{}/{}", self.root, encoded(name)))
    }

    fn absent<T>(&self, name: &str) -> Result<T> {
        fail(Code::FileNotFound, format!("there is no {name} at {}", self.root))
    }

    fn refuse<T>(&self, name: &str) -> Result<T> {
        check_name(name)?;
        fail(Code::PermissionDenied, format!("{} can only be read: it is a web server", self.root))
    }

    /// The names on the page of a directory; those that end with a slash are directories. `None` when it is not there.
    fn page(&self, dir: &str) -> Result<Option<Vec<String>>> {
        let url = self.url(dir)? + "/";
        let what = format!("list {dir}");
        let Some(answer) = self.web.ask(&what, 0, self.web.client.get(&url)).map_err(|error| match error.code() {
            Code::PermissionDenied => error.with_hint("the web server must be allowed to list directories"),
            _ => error,
        })?
        else {
            return Ok(None);
        };
        let path = answer.url().path().to_string();
        let page = self.web.receive(&what, answer, 0, None, LISTING_BYTES_MAX)?;
        Ok(Some(links(&String::from_utf8_lossy(&page), &path)))
    }

    fn lens(&self, names: &[String]) -> Result<Vec<Option<u64>>> {
        let mut lens = Vec::with_capacity(names.len());
        for some in names.chunks(AT_ONCE) {
            let requests = some.iter().map(|name| Ok(self.web.client.head(self.url(name)?).send()));
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

fn len_of(answer: &reqwest::Response) -> Option<u64> {
    // The length of the body of an answer to HEAD is 0; what the header says is that of the file.
    answer.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

impl Backend for HttpBackend {
    fn location(&self) -> String {
        self.web.location.clone()
    }

    fn put(&self, name: &str, _bytes: &[u8]) -> Result<()> {
        self.refuse(name)
    }

    fn put_new(&self, name: &str, _bytes: &[u8]) -> Result<bool> {
        self.refuse(name)
    }

    fn spool(&self) -> Result<Spool> {
        spool_in(self.temp.as_deref())
    }

    fn put_spool(&self, name: &str, _spool: Spool) -> Result<()> {
        self.refuse(name)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        let request = self.web.client.get(self.url(name)?);
        let Some(answer) = self.web.ask(&format!("read {name}"), 0, request)? else { return self.absent(name) };
        if answer.content_length().is_some_and(|len| len > GET_BYTES_MAX) {
            let message = format!("{name} at {} is longer than a file of its kind can be", self.root);
            return fail(Code::StorageCorrupted, message);
        }
        self.web.receive(&format!("read {name}"), answer, 0, None, GET_BYTES_MAX)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let end = offset.saturating_add(len as u64);
        match self.stat(name)? {
            None => return self.absent(name),
            Some(size) if size < end => {
                let message = format!("{name} at {} is shorter than it should be", self.root);
                return fail(Code::StorageCorrupted, message);
            }
            Some(_) if len == 0 => return Ok(Vec::new()),
            Some(_) => {}
        }
        let range = format!("bytes={offset}-{}", end - 1);
        let request = self.web.client.get(self.url(name)?).header("range", range);
        let what = format!("read {name}");
        let Some(answer) = self.web.ask(&what, 0, request)? else { return self.absent(name) };
        // A server that knows no ranges sends all of it.
        let skip = if answer.status() == 206 { 0 } else { offset };
        self.web.receive(&what, answer, skip, Some(len as u64), u64::MAX)
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        let request = self.web.client.head(self.url(name)?);
        let Some(answer) = self.web.ask(&format!("look at {name}"), 0, request)? else { return Ok(None) };
        // A directory is answered by its page, at the address with a slash.
        if answer.url().path().ends_with('/') {
            return Ok(None);
        }
        let len = len_of(&answer);
        len.map(Some)
            .ok_or_else(|| Error::new(Code::NetworkError, format!("{} does not say how long {name} is", self.root)))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        check_name(prefix)?;
        let mut dirs = vec![prefix.to_string()];
        while let Some(dir) = dirs.pop() {
            let mut files = Vec::new();
            for name in self.page(&dir)?.unwrap_or_default() {
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
        self.refuse(name)
    }
}

/// The names that a page of links has of the directory with this path, in order.
fn links(page: &str, path: &str) -> Vec<String> {
    let (mut names, mut known) = (Vec::new(), HashSet::new());
    let own = decoded(path);
    let lower = page.to_ascii_lowercase();
    for (at, _) in lower.match_indices("href=") {
        let rest = &page[at + 5..];
        let Some(quote) = rest.chars().next().filter(|c| "\"'".contains(*c)) else { continue };
        let Some((link, _)) = rest[1..].split_once(quote) else { continue };
        let link = decoded(&link.replace("&amp;", "&"));
        let name = link.strip_prefix(&own).or_else(|| link.strip_prefix("./")).unwrap_or(&link);
        let bare = name.strip_suffix('/').unwrap_or(name);
        let is_name = check_name(bare).is_ok() && !bare.contains(['/', '?', '#', ':']) && !bare.starts_with(NEW);
        if is_name && known.insert(name.to_string()) {
            names.push(name.to_string());
        }
    }
    names
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let number = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, number.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(number)) => {
                out.push(number);
                rest = &after[2..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_several_servers_are_read() {
        let python = "<li><a href=\"ab/\">ab/</a></li>\n<li><a href=\"c%20d\">c d</a></li>";
        let apache =
            "<a href=\"?C=N;O=D\">Name</a><a href=\"/\">Parent</a><a href=\"ab/\">ab/</a><a href='c%20d'>c d</a>";
        let nginx = "<a href=\"../\">../</a><A HREF=\"/packs/ab/\">ab/</A><a href=\"./c%20d\">c d</a><a href=\"c%20d\">again</a>";
        for page in [python, apache, nginx] {
            assert_eq!(links(page, "/packs/"), ["ab/", "c d"]);
        }
        assert!(links("<a href=\"https://x/y\"><a href=\".new-1\"><a href=\"a%00b\"><a href=x>", "/").is_empty());
    }

    #[test]
    fn addresses_have_no_secrets() {
        let checked = |text: &str| check(OsStr::new(text)).is_ok();
        assert!(checked("//host:80/a/b") && checked("//host"));
        assert!(!checked("//me:secret@host/a") && !checked("//host/a?key=x") && !checked("host") && !checked("///a"));
    }
}
