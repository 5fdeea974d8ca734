//! Addresses of buckets: `s3://bucket/prefix`, or `s3:https://host:port/bucket/prefix` for a store that is not the
//! cloud's own, and after a question mark what else there is to say.

use crate::error::{Code, Error, Result};
use object_store::path::Path;
use std::ffi::OsStr;

/// A bucket and a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Where the store is, such as `https://host:port`, when it is not the cloud's own.
    pub endpoint: Option<String>,
    /// The bucket, or the container.
    pub bucket: String,
    /// What names in the bucket begin with; may be empty.
    pub prefix: Path,
    options: Vec<(String, String)>,
}

impl Address {
    /// Understands what stands after the scheme. `options` are the words that may stand after a question mark;
    /// `endpoint_parts` is how many parts of an endpoint's path belong to it, by its host.
    ///
    /// # Errors
    /// INVALID_ARG.
    pub fn parse(rest: &OsStr, options: &[&str], endpoint_parts: fn(&str) -> usize) -> Result<Address> {
        let text = rest.to_str().ok_or_else(|| wrong("is plain text"))?;
        let (text, query) = text.split_once('?').unwrap_or((text, ""));
        let mut said = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !options.contains(&name) || value.is_empty() {
                let known = if options.is_empty() { "nothing".to_string() } else { options.join("=, ") + "=" };
                return Err(wrong(&format!("has after the question mark {known}, joined by &")));
            }
            said.push((name.to_string(), value.to_string()));
        }
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        let (endpoint, text) = if is_url { split_endpoint(text, endpoint_parts)? } else { (None, text) };
        let text = if is_url { text } else { text.strip_prefix("//").unwrap_or(text) };
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._$".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_plain) {
            return Err(wrong("names a bucket, and no user or password"));
        }
        let prefix = Path::parse(prefix).map_err(|_| wrong("has a sound path in the bucket"))?;
        Ok(Address { endpoint, bucket: bucket.to_string(), prefix, options: said })
    }

    /// What was said after the question mark.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether bytes go there in clear.
    pub fn is_clear(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http:"))
    }
}

/// `https://host:port/a/b` -> the endpoint with so many parts of the path as belong to it, and the rest.
fn split_endpoint(text: &str, endpoint_parts: fn(&str) -> usize) -> Result<(Option<String>, &str)> {
    let host_start = text.find("//").map_or(0, |at| at + 2);
    let ends: Vec<usize> = text[host_start..].match_indices('/').map(|(at, _)| host_start + at).collect();
    let host = &text[host_start..ends.first().copied().unwrap_or(text.len())];
    let end = ends.get(endpoint_parts(host)).ok_or_else(|| wrong("names a bucket after the host"))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || !host.chars().all(is_plain) {
        return Err(wrong("names a host, and no user or password"));
    }
    Ok((Some(text[..*end].to_string()), &text[end + 1..]))
}

fn wrong(how: &str) -> Error {
    Error::new(Code::InvalidArg, format!("the address of a bucket {how}"))
        .with_hint("such addresses are s3://bucket/prefix and s3:https://host:9000/bucket/prefix; credentials stand in the environment or in the files of the cloud's own tools")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address> {
        Address::parse(OsStr::new(text), &["region", "profile"], |host| usize::from(host.starts_with("127.")))
    }

    #[test]
    fn buckets_are_found_in_all_forms() {
        let shown = |text: &str| {
            let address = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            (address.endpoint.unwrap_or_default(), address.bucket, address.prefix.to_string())
        };
        let expect =
            |endpoint: &str, bucket: &str, prefix: &str| (endpoint.to_string(), bucket.to_string(), prefix.to_string());
        assert_eq!(shown("//b-1.x/a/b"), expect("", "b-1.x", "a/b"));
        assert_eq!(shown("b"), expect("", "b", ""));
        assert_eq!(shown("//b/a/?region=eu-1"), expect("", "b", "a"));
        assert_eq!(shown("https://h:9000/b/a"), expect("https://h:9000", "b", "a"));
        assert_eq!(shown("http://127.0.0.1:1/me/b/a"), expect("http://127.0.0.1:1/me", "b", "a"));
        assert_eq!(parse("b?region=x&profile=y").unwrap().option("profile"), Some("y"));
        for text in
            ["", "//", "///x", "//me:secret@b/x", "https://h", "https://me:secret@h/b", "//b?sig=x", "b?region="]
        {
            let error = parse(text).expect_err(text);
            assert_eq!(error.code(), Code::InvalidArg, "{text}");
            assert!(!error.to_string().contains("secret") && !error.to_string().contains("sig"), "{error}");
        }
    }
}
