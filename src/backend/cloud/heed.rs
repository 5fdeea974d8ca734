//! What lies between larder and a store: requests go out, and what the store says of itself is heard.
//!
//! A store that asks for quiet (`Retry-After`, in seconds) gets it from every thread. What it refuses becomes a
//! [`Refusal`]; of the text that it sends, only the word for the kind of failure is kept: a store could say back to us
//! what we sent it, and that is no reading for logs.

use crate::backend::net::Quiet;
use futures_util::StreamExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// So much is read of what a store says of a failure, bytes.
const SAID_BYTES_MAX: usize = 64 << 10;
/// The word for a failure is no longer than this.
const WORD_BYTES_MAX: usize = 64;
/// Who gives out credentials; a store is somewhere else.
const GIVERS: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "metadata.google.internal",
    "oauth2.googleapis.com",
    "login.microsoftonline.com",
];

/// A request that was answered, and not with what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{status} {word}")]
pub(super) struct Refusal {
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// The word for the kind of failure, such as `SlowDown`, or nothing.
    pub word: String,
    /// Where the bucket really is.
    pub region: Option<String>,
    /// Whether it was not the store that was asked, but who gives out credentials.
    pub of_credentials: bool,
    /// Whether whoever gives out credentials gave some before.
    pub gave_before: bool,
}

/// Makes clients that listen.
#[derive(Clone, Debug, Default)]
pub(super) struct Heed {
    quiet: Quiet,
    has_given: Arc<AtomicBool>,
}

impl HttpConnector for Heed {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Listening { inner, heed: self.clone() }))
    }
}

#[derive(Debug)]
struct Listening {
    inner: HttpClient,
    heed: Heed,
}

#[async_trait::async_trait]
impl HttpService for Listening {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default();
        let of_credentials = GIVERS.contains(&host) || host.starts_with("sts.");
        let gave_before = of_credentials && self.heed.has_given.load(Ordering::Relaxed);
        tokio::time::sleep(self.heed.quiet.left()).await;
        let response = match self.inner.execute(request).await {
            Err(_) if of_credentials => return refused(Refusal { of_credentials, gave_before, ..Refusal::default() }),
            answer => answer?,
        };
        let status = response.status();
        if of_credentials && status.is_success() {
            self.heed.has_given.store(true, Ordering::Relaxed);
        }
        if status.is_success() || status.as_u16() == 304 {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        if let (429 | 503, Some(seconds)) =
            (status.as_u16(), header("retry-after").and_then(|text| text.trim().parse().ok()))
        {
            self.heed.quiet.ask(seconds);
        }
        let said = said(body).await;
        let refusal = Refusal {
            status: status.as_u16(),
            word: word(&said),
            region: header("x-amz-bucket-region").filter(|text| is_word(text)).map(str::to_string),
            of_credentials,
            gave_before,
        };
        // These three have a meaning that depends on what was asked for, unless it is about something else.
        let is_answer = matches!(refusal.status, 404 | 409 | 412) && !of_credentials && !refusal.is_about_more();
        if is_answer { Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(said))) } else { refused(refusal) }
    }
}

impl Refusal {
    /// Whether it is not about the one name that was asked for.
    fn is_about_more(&self) -> bool {
        let about_bucket = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"];
        let about_time = ["ConditionalRequestConflict", "OperationAborted"];
        about_bucket.contains(&self.word.as_str()) || about_time.contains(&self.word.as_str())
    }
}

fn refused(refusal: Refusal) -> Result<HttpResponse, HttpError> {
    Err(HttpError::new(HttpErrorKind::Unknown, refusal))
}

/// What a store says of a failure, as far as it is worth reading.
async fn said(body: HttpResponseBody) -> String {
    let mut said = Vec::new();
    let mut stream = body.bytes_stream();
    while let Some(Ok(bytes)) = stream.next().await {
        said.extend_from_slice(&bytes);
        if said.len() > SAID_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The word between `<Code>` and `</Code>`, where all three clouds put it.
fn word(said: &str) -> String {
    let word = said.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(word, _)| word);
    if is_word(word) { word.to_string() } else { String::new() }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= WORD_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_are_kept_of_what_a_store_says() {
        assert_eq!(word("<Error><Code>SlowDown</Code><Message>secret</Message></Error>"), "SlowDown");
        assert_eq!(word("<Code>AWS4-HMAC-SHA256 Credential=x</Code>"), "");
        assert_eq!(word("{\"error\": \"secret\"}"), "");
    }
}
