//! A bucket in memory, as far as larder asks for one, over the interface that Amazon's and Google's storage share.
//!
//! No emulator of Google's storage keeps its preconditions, and no light server ignores or refuses Amazon's in the way
//! that some do: this one can do all three. Google's own client is content with it (`clouds.rs`), by way of `google.rs`.
//! The real services were never reached.

use super::google;
use super::http::{Answer, HttpServer, Request};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What becomes of a name that is taken when it is to be created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Creating {
    /// 412, as Amazon and Google say they do.
    Enforced,
    /// Replaced, and nobody is told.
    Ignored,
    /// 409, as some say while another writes the same name.
    Conflict,
    /// This status for the question: 501, 405.
    Refused(u16),
}

/// Names of a page of a listing, as in the real ones.
const PAGE_NAMES: usize = 1_000;

struct Files {
    whole: BTreeMap<String, (Vec<u8>, u64)>,
    /// Parts by number, each with its tag.
    uploads: BTreeMap<String, BTreeMap<usize, (String, Vec<u8>)>>,
    counter: u64,
}

pub struct Bucket {
    creating: Creating,
    files: Mutex<Files>,
}

impl Bucket {
    pub fn new(creating: Creating) -> Arc<Bucket> {
        let files = Files { whole: BTreeMap::new(), uploads: BTreeMap::new(), counter: 0 };
        Arc::new(Bucket { creating, files: Mutex::new(files) })
    }

    pub fn serve(self: &Arc<Bucket>) -> HttpServer {
        let bucket = self.clone();
        HttpServer::start(Arc::new(move |request| bucket.answer(request)))
    }

    pub fn names(&self) -> Vec<String> {
        self.files.lock().unwrap().whole.keys().cloned().collect()
    }

    /// Puts so many files of one byte below a prefix.
    pub fn fill(&self, prefix: &str, count: usize) {
        let files = (0..count).map(|number| (format!("{prefix}{number:06}"), (vec![0], 1)));
        self.files.lock().unwrap().whole.extend(files);
    }

    /// How many uploads in parts were begun and neither finished nor thrown away.
    pub fn unfinished(&self) -> usize {
        self.files.lock().unwrap().uploads.len()
    }

    pub fn answer(&self, request: &Request) -> Answer {
        if google::is_json(request) {
            return google::answer(request, |request| self.answer(request));
        }
        let path = request.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket != "lab" {
            return refuse(404, "NoSuchBucket");
        }
        let mut files = self.files.lock().unwrap();
        let query = |name: &str| request.query.get(name).map(String::as_str);
        match (request.method.as_str(), query("uploadId")) {
            ("GET", _) if key.is_empty() => list(&files, request),
            ("GET" | "HEAD", _) => get(&files, key, request),
            ("PUT", Some(id)) => {
                files.counter += 1;
                let tag = format!("part{}", files.counter);
                let Some(upload) = files.uploads.get_mut(id) else { return refuse(404, "NoSuchUpload") };
                upload.insert(query("partNumber").unwrap().parse().unwrap(), (tag.clone(), request.body.clone()));
                Answer::new(200, "").with("etag", format!("\"{tag}\"")).with("x-goog-hash", google::hash(&request.body))
            }
            ("PUT", None) => self.put(&mut files, key, request),
            ("POST", None) if query("uploads").is_some() => {
                files.counter += 1;
                let id = format!("upload{}", files.counter);
                files.uploads.insert(id.clone(), BTreeMap::new());
                let body = "<InitiateMultipartUploadResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Bucket>lab</Bucket><Key>k</Key><UploadId>{}</UploadId></InitiateMultipartUploadResult>";
                Answer::new(200, body.replace("{}", &id))
            }
            ("POST", Some(id)) => {
                let Some(parts) = files.uploads.get(id) else { return refuse(404, "NoSuchUpload") };
                let Some(bytes) = joined(parts, &request.body) else { return refuse(400, "InvalidPart") };
                files.uploads.remove(id);
                files.counter += 1;
                let generation = files.counter;
                files.whole.insert(key.to_string(), (bytes, generation));
                let body = "<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>";
                Answer::new(200, body).with("x-goog-generation", generation)
            }
            ("DELETE", Some(id)) => {
                files.uploads.remove(id);
                Answer::new(204, "")
            }
            ("DELETE", None) if !files.is_as_wanted(key, request) => refuse(412, "PreconditionFailed"),
            ("DELETE", None) => match files.whole.remove(key) {
                // Amazon's says the same of what was not there; Google's does not.
                None if !request.headers.contains_key("x-amz-date") => refuse(404, "NoSuchKey"),
                _ => Answer::new(204, ""),
            },
            _ => refuse(405, "MethodNotAllowed"),
        }
    }

    fn put(&self, files: &mut Files, key: &str, request: &Request) -> Answer {
        let is_as_wanted = files.is_as_wanted(key, request);
        match self.creating {
            Creating::Refused(status) if wanted(request) == Some(0) => return refuse(status, "NotImplemented"),
            Creating::Conflict if !is_as_wanted => return refuse(409, "ConditionalRequestConflict"),
            Creating::Enforced if !is_as_wanted => return refuse(412, "PreconditionFailed"),
            _ => {}
        }
        files.counter += 1;
        let generation = files.counter;
        files.whole.insert(key.to_string(), (request.body.clone(), generation));
        Answer::new(200, "").with("etag", format!("\"{generation}\"")).with("x-goog-generation", generation)
    }
}

/// The generation that a request wants to find; 0 is no file.
fn wanted(request: &Request) -> Option<u64> {
    let generation = request.headers.get("x-goog-if-generation-match").map(|text| text.parse().unwrap());
    generation.or(request.headers.contains_key("if-none-match").then_some(0))
}

impl Files {
    fn is_as_wanted(&self, key: &str, request: &Request) -> bool {
        let generation = self.whole.get(key).map_or(0, |(_, generation)| *generation);
        wanted(request).is_none_or(|wanted| wanted == generation)
    }
}

/// The parts that a request names, in its order and by the tags that they were given.
fn joined(parts: &BTreeMap<usize, (String, Vec<u8>)>, said: &[u8]) -> Option<Vec<u8>> {
    let said = std::str::from_utf8(said).ok()?;
    let between = |text: &'static str, end: &'static str| {
        said.split(text).skip(1).map(move |rest| rest.split(end).next().unwrap_or_default())
    };
    let mut bytes = Vec::new();
    for (number, tag) in between("<PartNumber>", "<").zip(between("<ETag>", "<")) {
        let (known, part) = parts.get(&number.parse().ok()?)?;
        if tag.replace("&quot;", "").trim_matches('"') != known {
            return None;
        }
        bytes.extend_from_slice(part);
    }
    Some(bytes)
}

fn get(files: &Files, key: &str, request: &Request) -> Answer {
    let Some((bytes, generation)) = files.whole.get(key) else { return refuse(404, "NoSuchKey") };
    let all = bytes.len();
    let said = |answer: Answer| {
        answer
            .with("etag", format!("\"{generation}\""))
            .with("x-goog-generation", generation)
            .with("last-modified", "Sat, 21 Nov 2026 10:00:00 GMT")
    };
    let Some(range) = request.headers.get("range") else {
        return said(Answer::new(200, bytes.clone())).with("x-goog-hash", google::hash(bytes));
    };
    let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap_or(all));
    if start >= all {
        return refuse(416, "InvalidRange");
    }
    let end = end.min(all - 1);
    said(Answer::new(206, &bytes[start..=end])).with("content-range", format!("bytes {start}-{end}/{all}"))
}

fn list(files: &Files, request: &Request) -> Answer {
    let query = |name: &str| request.query.get(name).map(String::as_str);
    let (prefix, after) = (query("prefix").unwrap_or_default(), query("continuation-token"));
    let names_max = query("max-keys").map_or(PAGE_NAMES, |text| PAGE_NAMES.min(text.parse().unwrap()));
    let mut body = String::from("<ListBucketResult>");
    let mut names = files
        .whole
        .iter()
        .filter(|(name, _)| name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after));
    let mut last = "";
    for (name, (bytes, _)) in names.by_ref().take(names_max) {
        let len = bytes.len();
        body += &format!(
            "<Contents><Key>{name}</Key><Size>{len}</Size><LastModified>2026-11-21T10:00:00.000Z</LastModified><ETag>\"x\"</ETag></Contents>"
        );
        last = name;
    }
    if names.next().is_some() {
        body += &format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>");
    }
    Answer::new(200, body + "</ListBucketResult>")
}

/// A failure as both clouds tell it. The message says back what nobody should read in a log.
fn refuse(status: u16, word: &str) -> Answer {
    Answer::new(status, format!("<Error><Code>{word}</Code><Message>hush-key hush-secret</Message></Error>"))
}
