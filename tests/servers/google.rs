//! The interface by which Google's own client speaks to Google's storage, in front of the one that larder speaks to.
//!
//! Every request becomes one or two of the other interface: what is checked with that client is the bucket larder is
//! tested with.

use super::http::{Answer, Request};
use base64ct::Encoding;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where the names of files begin.
const FILES: &str = "/storage/v1/b/lab/o";

/// The sum by which Google's client knows that bytes arrived: CRC-32C (RFC 3720, appendix B.4).
pub fn hash(bytes: &[u8]) -> String {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
    let table: [u32; 256] = std::array::from_fn(|byte| (0..8).fold(byte as u32, |sum, _| step(sum)));
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| (sum >> 8) ^ table[((sum ^ u32::from(*byte)) & 0xFF) as usize]);
    format!("crc32c={}", base64ct::Base64::encode_string(&(!sum).to_be_bytes()))
}

/// Whether a request is of that interface.
pub fn is_json(request: &Request) -> bool {
    request.path.contains(FILES)
}

/// What `bucket` makes of it.
pub fn answer(request: &Request, bucket: impl Fn(&Request) -> Answer) -> Answer {
    let (way, name) = request.path.split_once(FILES).unwrap();
    let name = name.trim_start_matches('/');
    let ask = |method: &str, name: &str, body: &[u8]| bucket(&other(request, method, name, body));
    let answer = match (request.method.as_str(), way) {
        ("POST", "/upload") => {
            let Some((name, bytes)) = uploaded(request) else { return refuse(400) };
            let answer = ask("PUT", &name, bytes);
            if answer.status == 200 { about(&name, &ask("HEAD", &name, b"")) } else { answer }
        }
        ("GET", "") if name.is_empty() => list(&ask("GET", "", b"")),
        ("GET", "/download") => ask("GET", name, b""),
        ("GET", "") => about(name, &ask("HEAD", name, b"")),
        ("DELETE", "") => ask("DELETE", name, b""),
        _ => refuse(405),
    };
    if answer.status >= 400 { refuse(answer.status) } else { answer }
}

/// The same request in the other interface.
fn other(request: &Request, method: &str, name: &str, body: &[u8]) -> Request {
    let mut headers = request.headers.clone();
    if let Some(generation) = request.query.get("ifGenerationMatch") {
        headers.insert("x-goog-if-generation-match".to_string(), generation.clone());
    }
    let names = [("prefix", "prefix"), ("pageToken", "continuation-token"), ("maxResults", "max-keys")];
    let query = names.iter().filter_map(|(ours, theirs)| Some((theirs.to_string(), request.query.get(*ours)?.clone())));
    let (path, query): (_, BTreeMap<_, _>) = (format!("/lab/{name}"), query.collect());
    Request { method: method.to_string(), target: path.clone(), path, query, headers, body: body.to_vec() }
}

/// The name and the bytes of an upload of two parts: what is to be known of the file, and the file.
fn uploaded(request: &Request) -> Option<(String, &[u8])> {
    let (_, boundary) = request.headers.get("content-type")?.split_once("boundary=")?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let find = |bytes: &[u8], text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes());
    let body = &request.body[..];
    let part = |body: &'_ [u8]| -> Option<(usize, usize)> {
        let start = find(body, "\r\n\r\n")? + 4;
        Some((start, start + find(&body[start..], &format!("\r\n{boundary}"))?))
    };
    let (start, end) = part(body)?;
    let known: Value = serde_json::from_slice(&body[start..end]).ok()?;
    let rest = &body[end + 2..];
    let (start, end) = part(rest)?;
    Some((known["name"].as_str()?.to_string(), &rest[start..end]))
}

fn about(name: &str, head: &Answer) -> Answer {
    if head.status != 200 {
        return refuse(head.status);
    }
    let header = |wanted: &str| head.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let known = json!({
        "kind": "storage#object", "bucket": "lab", "name": name, "size": head.body.len().to_string(),
        "generation": header("x-goog-generation"), "etag": header("etag"),
        "crc32c": header("x-goog-hash").map(|hash| hash.trim_start_matches("crc32c=")),
    });
    Answer::new(200, known.to_string()).with("content-type", "application/json")
}

fn list(answer: &Answer) -> Answer {
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let between = |text: &str, tag: &str| {
        Some(text.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>"))?.0.to_string())
    };
    let files = text.split("<Contents>").skip(1);
    let files: Vec<_> =
        files.map(|file| json!({"name": between(file, "Key"), "size": between(file, "Size")})).collect();
    let mut page = json!({"kind": "storage#objects", "items": files});
    if let Some(next) = between(&text, "NextContinuationToken") {
        page["nextPageToken"] = Value::String(next);
    }
    Answer::new(200, page.to_string()).with("content-type", "application/json")
}

fn refuse(status: u16) -> Answer {
    let body = json!({"error": {"code": status, "message": "refused"}});
    Answer::new(status, body.to_string()).with("content-type", "application/json")
}
