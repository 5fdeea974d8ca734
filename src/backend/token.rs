//! What a client shows to a server of larder's own: a word that only those have who may ask.

use crate::error::{Code, Error, IoContext, Result};
use crate::object::hash;
use std::fmt::{self, Debug, Formatter};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// A shorter token can be guessed.
const CHARACTERS_MIN: usize = 16;
/// A file of more bytes is a mistake.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A token. Nothing of it is shown.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes a word for one; `from` says in messages where it came from.
    ///
    /// # Errors
    /// CONFIG_INVALID when it is too short, or none that fits into a request.
    pub fn new(word: &str, from: &str) -> Result<Token> {
        let wrong = |how: String| {
            Err(Error::new(Code::ConfigInvalid, format!("the token from {from} {how}"))
                .with_hint("`head -c 24 /dev/urandom | base64` makes one"))
        };
        match word {
            _ if word.len() < CHARACTERS_MIN => wrong(format!("has fewer than {CHARACTERS_MIN} characters")),
            _ if !word.bytes().all(|byte| byte.is_ascii_graphic()) => {
                wrong("has other characters than plain ones".into())
            }
            _ => Ok(Token(Zeroizing::new(word.to_string()))),
        }
    }

    /// The token that a file has for an address: lines are `TOKEN`, for all that have none of their own, or `ADDRESS TOKEN`.
    /// Without an address, the one for all.
    ///
    /// # Errors
    /// PERMISSION_DENIED when others can read the file; CONFIG_INVALID when it is no such file; FILE_NOT_FOUND and its kin.
    pub fn of_file(path: &Path, address: Option<&str>) -> Result<Option<Token>> {
        let from = path.display().to_string();
        let file = File::open(path).at("open", path)?;
        let meta = file.metadata().at("look at", path)?;
        if meta.is_file() && meta.mode() & 0o077 != 0 {
            return Err(Error::new(Code::PermissionDenied, format!("{from} has a token, and others can read it"))
                .with_hint(format!("chmod 600 {from}")));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).at("read", path)?;
        let mut found = None;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (is_own, word) = match words.as_slice() {
                [word] => (false, word),
                [of, word] if of.contains("://") => (address.is_some_and(|address| is_below(address, of)), word),
                _ => {
                    let message = format!("line {} of {from} is neither TOKEN nor ADDRESS TOKEN", index + 1);
                    return Err(Error::new(Code::ConfigInvalid, message));
                }
            };
            if is_own {
                return Token::new(word, &from).map(Some);
            }
            if words.len() == 1 && found.is_none() {
                found = Some(Token::new(word, &from)?);
            }
        }
        Ok(found)
    }

    /// Whether somebody showed this one. How long that takes says nothing of it.
    pub fn is(&self, shown: &[u8]) -> bool {
        hash(self.0.as_bytes()) == hash(shown)
    }

    /// As it stands in a request.
    pub fn header(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", self.0.as_str()))
    }
}

fn is_below(address: &str, top: &str) -> bool {
    let top = top.trim_end_matches('/');
    address.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Debug for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_has_a_token_for_each_address_and_one_for_the_rest() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tokens");
        let write = |text: &str, mode: u32| {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        };
        let of = |address| Token::of_file(&path, address);
        write("\nhttp://a:1/x/ own-own-own-own-own\nall-all-all-all-all\n", 0o600);
        let shown = |address| of(address).expect("sound").map(|token| token.header().to_string());
        assert_eq!(shown(Some("http://a:1/x")).as_deref(), Some("Bearer own-own-own-own-own"));
        assert_eq!(shown(Some("http://a:1/x/y")).as_deref(), Some("Bearer own-own-own-own-own"));
        for other in [None, Some("http://a:1/xy"), Some("http://a:12/x"), Some("https://a:1/x")] {
            assert_eq!(shown(other).as_deref(), Some("Bearer all-all-all-all-all"), "{other:?}");
        }
        let token = of(None).expect("sound").expect("one");
        assert!(token.is(b"all-all-all-all-all") && !token.is(b"all-all-all-all-al") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "Token");
        for (text, mode, code) in [
            ("all-all-all-all-all", 0o640, Code::PermissionDenied),
            ("short", 0o600, Code::ConfigInvalid),
            ("all-all-all-all-all and more", 0o600, Code::ConfigInvalid),
            ("http-//a all-all-all-all-all", 0o600, Code::ConfigInvalid),
        ] {
            write(text, mode);
            let error = of(None).expect_err(text);
            assert_eq!(error.code(), code, "{text}");
            assert!(!error.to_string().contains("all-all"), "{error}");
        }
        write("http://a all-all-all-all-all", 0o600);
        assert!(of(None).expect("sound").is_none());
    }
}
