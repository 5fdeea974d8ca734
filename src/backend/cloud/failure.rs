//! What a store's refusals are called here.

use super::heed::Refusal;
use crate::error::{Code, Error};
use object_store::client::{HttpError, HttpErrorKind};

/// Words for credentials that are wrong, whatever the status.
const NOT_WHO: [&str; 14] = [
    "AccessKeyIdNotFound",
    "AuthenticationFailed",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "NoAuthenticationInformation",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];
/// Words for too much at once.
const TOO_MUCH: [&str; 6] = [
    "BandwidthLimitExceeded",
    "RequestLimitExceeded",
    "ServerBusy",
    "SlowDown",
    "ThrottlingException",
    "TooManyRequests",
];
/// Words for no room.
const NO_ROOM: [&str; 4] = ["AccountQuotaExceeded", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"];

/// The refusal beneath an error of the library, if the store answered at all.
pub(super) fn refusal(error: &object_store::Error) -> Option<&Refusal> {
    beneath(error)
}

/// A request that failed, in our words.
pub(super) fn failed(location: &str, action: &str, name: &str, error: &object_store::Error) -> Error {
    let what = if name.is_empty() { format!("{action} {location}") } else { format!("{action} {name} at {location}") };
    if let Some(refusal) = refusal(error) {
        return of_refusal(&what, refusal);
    }
    let say = |code, why: &str| Error::new(code, format!("cannot {what}: {why}"));
    let Some(way) = beneath::<HttpError>(error) else {
        return match error {
            object_store::Error::NotFound { .. } => {
                Error::new(Code::FileNotFound, format!("there is no {name} at {location}"))
            }
            object_store::Error::AlreadyExists { .. } => {
                say(Code::PermissionDenied, "what is there may not be replaced")
            }
            object_store::Error::PermissionDenied { .. } => say(Code::PermissionDenied, "the store does not allow it"),
            object_store::Error::Unauthenticated { .. } => say(Code::Unauthorized, "the credentials are not accepted"),
            _ => say(Code::NetworkError, "the store gave an answer that is none"),
        };
    };
    let why = deepest(way);
    match way.kind() {
        _ if why.contains("certificate") => say(Code::Unauthorized, &why),
        HttpErrorKind::Connect => say(Code::NetworkUnreachable, &why),
        HttpErrorKind::Timeout => say(Code::NetworkTimeout, "there was no answer in time"),
        HttpErrorKind::Decode => say(Code::ConnectionFailed, "the answer broke off"),
        _ => say(Code::ConnectionFailed, &why),
    }
}

fn of_refusal(what: &str, refusal: &Refusal) -> Error {
    if refusal.of_credentials && refusal.status == 429 {
        return Error::new(Code::RateLimitExceeded, format!("cannot {what}: too many ask for credentials at once"));
    }
    // Who gave some before will do so again. On a machine that never had any, something else may answer in that place.
    if refusal.of_credentials && refusal.gave_before && matches!(refusal.status, 0 | 408 | 500..=599) {
        return Error::new(Code::NetworkError, format!("cannot {what}: new credentials are not to be had right now"));
    }
    if refusal.of_credentials {
        return Error::new(Code::Unauthorized, format!("cannot {what}: there are no credentials for it"))
            .with_hint("set the variables of the cloud's own tools, such as AWS_PROFILE, GOOGLE_APPLICATION_CREDENTIALS or AZURE_STORAGE_KEY");
    }
    let word = refusal.word.as_str();
    let code = match refusal.status {
        _ if NOT_WHO.contains(&word) => Code::Unauthorized,
        _ if TOO_MUCH.contains(&word) => Code::RateLimitExceeded,
        _ if NO_ROOM.contains(&word) => Code::StorageFull,
        300..=399 => Code::ConfigInvalid,
        401 => Code::Unauthorized,
        403 => Code::PermissionDenied,
        404 => Code::ConfigMissing,
        416 => Code::StorageCorrupted,
        429 => Code::RateLimitExceeded,
        _ if word == "RequestTimeout" => Code::NetworkTimeout,
        408 | 504 => Code::NetworkTimeout,
        501 => Code::SystemError,
        507 => Code::StorageFull,
        409 | 500..=599 => Code::NetworkError,
        _ => Code::SystemError,
    };
    let answer = if word.is_empty() { refusal.status.to_string() } else { format!("{} {word}", refusal.status) };
    let error = Error::new(code, format!("cannot {what}: the store answers {answer}"));
    match (code, &refusal.region) {
        (Code::ConfigMissing, _) => error.with_hint("make the bucket with the tools of the store: larder makes none"),
        (Code::ConfigInvalid, Some(region)) => {
            error.with_hint(format!("the bucket is in the region {region}: say ?region={region} after the address"))
        }
        (Code::Unauthorized, _) if word == "RequestTimeTooSkewed" => error.with_hint("set the clock of this machine"),
        _ => error,
    }
}

/// The first cause of a type.
fn beneath<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The last cause, which is the system's own word.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    let text = last.to_string();
    // A name that is not found is a text of the resolver's, without one for the kind.
    let is_name = error.source().is_some_and(|_| chain(error).contains("dns error"));
    if is_name { format!("lookup of the host's name: {text}") } else { text }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_get_codes_that_say_whether_to_ask_again() {
        for (status, word, code) in [
            (403, "", Code::PermissionDenied),
            (403, "SignatureDoesNotMatch", Code::Unauthorized),
            (400, "ExpiredToken", Code::Unauthorized),
            (400, "RequestTimeout", Code::NetworkTimeout),
            (400, "InvalidBucketName", Code::SystemError),
            (503, "SlowDown", Code::RateLimitExceeded),
            (503, "", Code::NetworkError),
            (500, "InternalError", Code::NetworkError),
            (501, "NotImplemented", Code::SystemError),
            (404, "NoSuchBucket", Code::ConfigMissing),
            (409, "OperationAborted", Code::NetworkError),
            (301, "PermanentRedirect", Code::ConfigInvalid),
            (429, "", Code::RateLimitExceeded),
            (507, "", Code::StorageFull),
        ] {
            let refusal = Refusal { status, word: word.to_string(), ..Refusal::default() };
            assert_eq!(code_of(refusal), code, "{status} {word}");
        }
    }

    fn code_of(refusal: Refusal) -> Code {
        let error = HttpError::new(HttpErrorKind::Unknown, refusal);
        let error = object_store::Error::Generic { store: "S3", source: Box::new(error) };
        failed("s3://b", "read", "a", &error).code()
    }

    #[test]
    fn who_gave_credentials_before_is_asked_again() {
        for (status, gave_before, code) in [
            (0, false, Code::Unauthorized),
            (503, false, Code::Unauthorized),
            (403, true, Code::Unauthorized),
            (404, true, Code::Unauthorized),
            (0, true, Code::NetworkError),
            (408, true, Code::NetworkError),
            (500, true, Code::NetworkError),
            (429, false, Code::RateLimitExceeded),
        ] {
            let refusal = Refusal { status, gave_before, of_credentials: true, ..Refusal::default() };
            assert_eq!(code_of(refusal), code, "{status} {gave_before}");
        }
    }
}
