//! Secrets, kept out of logs.

/// What stands in the place of a secret.
const MASKED: &[u8] = b"***";
/// A line of a secret of several lines is a secret of its own from this length on: shorter ones stand in any text.
const LINE_BYTES_MIN: usize = 8;

/// The values that no log may hold.
#[derive(Clone, Default)]
pub struct Mask {
    /// Longest first.
    values: Vec<Vec<u8>>,
    /// Whether a value begins with this byte; empty without values.
    firsts: Vec<bool>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Mask({} values)", self.values.len())
    }
}

impl Mask {
    /// Masks these values. Of one with several lines, each line that is not short is masked, too; white space at the end
    /// of a value is no part of it.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let secret = secret.trim_ascii_end();
            let lines = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            values.extend(lines.filter(|line| line.len() >= LINE_BYTES_MIN).map(<[u8]>::to_vec));
            values.push(secret.to_vec());
        }
        values.retain(|value| !value.is_empty());
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        let mut firsts = vec![false; if values.is_empty() { 0 } else { 256 }];
        values.iter().for_each(|value| firsts[usize::from(value[0])] = true);
        Mask { values, firsts }
    }

    fn may_begin(&self, byte: u8) -> bool {
        self.firsts.get(usize::from(byte)) == Some(&true)
    }
}

/// Masks one stream, wherever its pieces are cut.
#[derive(Debug)]
pub(super) struct Masker<'a> {
    mask: &'a Mask,
    /// The end of what came, which may be the beginning of a secret.
    held: Vec<u8>,
}

impl<'a> Masker<'a> {
    pub(super) fn new(mask: &'a Mask) -> Self {
        Masker { mask, held: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) {
        if self.mask.values.is_empty() {
            return out(bytes);
        }
        self.held.extend_from_slice(bytes);
        self.scan(false, out);
    }

    pub(super) fn finish(&mut self, out: &mut dyn FnMut(&[u8])) {
        self.scan(true, out);
    }

    fn scan(&mut self, is_end: bool, out: &mut dyn FnMut(&[u8])) {
        let bytes = std::mem::take(&mut self.held);
        let (mut done, mut at) = (0, 0);
        while at < bytes.len() {
            if !self.mask.may_begin(bytes[at]) {
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            // A longer secret may still come of it.
            if !is_end && self.mask.values.iter().any(|value| value.len() > rest.len() && value.starts_with(rest)) {
                break;
            }
            match self.mask.values.iter().find(|value| rest.starts_with(value)) {
                None => at += 1,
                Some(value) => {
                    if done < at {
                        out(&bytes[done..at]);
                    }
                    out(MASKED);
                    at += value.len();
                    done = at;
                }
            }
        }
        if done < at {
            out(&bytes[done..at]);
        }
        self.held = bytes[at..].to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], pieces: &[&str]) -> String {
        let mask = Mask::new(secrets.iter().map(|secret| secret.as_bytes()));
        let (mut masker, mut text) = (Masker::new(&mask), Vec::new());
        for piece in pieces {
            masker.push(piece.as_bytes(), &mut |bytes| text.extend_from_slice(bytes));
        }
        masker.finish(&mut |bytes| text.extend_from_slice(bytes));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_secret_is_masked_wherever_it_is_cut() {
        let text = "user=bob password=hunter2 hunter hunter2!hunter2";
        let expected = "user=bob password=*** hunter ***!***";
        for cut in 0..text.len() {
            assert_eq!(masked(&["hunter2\n"], &[&text[..cut], &text[cut..]]), expected, "cut at {cut}");
        }
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(masked(&["hunter2"], &bytes.iter().map(String::as_str).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn the_longest_secret_wins_and_short_ends_are_not_lost() {
        assert_eq!(masked(&["abc", "abcdef"], &["xabc", "defx", "abcde", "zab"]), "x***x***dezab");
        assert_eq!(masked(&["abc", "abcdef"], &["abc"]), "***");
        assert_eq!(masked(&[""], &["abc"]), "abc");
    }

    #[test]
    fn each_long_line_of_a_secret_is_one() {
        let key = "-----BEGIN-----\nMIIEvQIBADANB\nab\n-----END-----\n";
        assert_eq!(masked(&[key], &["x MIIEvQIBADANB y ab"]), "x *** y ab");
        assert_eq!(masked(&[key], &[key]), "***\n");
    }
}
