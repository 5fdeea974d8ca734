//! What of a task's output reaches whom: colour, to a terminal, and no other control.

use std::borrow::Cow;

/// A longer colour is none.
const SEQUENCE_BYTES_MAX: usize = 64;
const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// A filter for one stream. Escape sequences that are cut between two pieces are seen whole.
#[derive(Debug)]
pub struct Screen {
    to_terminal: bool,
    is_coloured: bool,
    state: State,
    /// An escape sequence that has begun.
    sequence: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After ESC.
    Escape,
    /// In `ESC [ …`.
    Control,
    /// In a sequence that ends with BEL or `ESC \`, such as a window's title.
    String,
    /// After ESC in such a sequence.
    StringEscape,
    /// After ESC and a byte that wants one more.
    OneMore,
    /// After the first byte of U+0080 to U+00BF.
    Latin,
}

impl Screen {
    /// To a terminal nothing passes but text, line ends, tabs, and colour if it is wanted. To anything else text passes
    /// with all its bytes but escape sequences.
    pub fn new(to_terminal: bool, wants_colour: bool) -> Self {
        Screen { to_terminal, is_coloured: to_terminal && wants_colour, state: State::Text, sequence: Vec::new() }
    }

    /// What passes of a piece.
    pub fn pass<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.state == State::Text && bytes.iter().all(|byte| self.is_plain(*byte)) {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.state = self.take(self.state, *byte, &mut out);
        }
        Cow::Owned(out)
    }

    /// Switches colour off again: for the end of a task whose last sequence switched it on.
    pub fn reset(&self) -> &'static [u8] {
        if self.is_coloured { b"\x1b[0m" } else { b"" }
    }

    fn is_plain(&self, byte: u8) -> bool {
        match byte {
            ESC => false,
            b'\n' | b'\t' | b'\r' => true,
            0..0x20 | 0x7f | 0xc2 => !self.to_terminal,
            _ => true,
        }
    }

    fn take(&mut self, state: State, byte: u8, out: &mut Vec<u8>) -> State {
        match state {
            State::Text if byte == ESC => self.begin(),
            State::Text if byte == 0xc2 && self.to_terminal => State::Latin,
            State::Text => {
                if self.is_plain(byte) {
                    out.push(byte);
                }
                State::Text
            }
            State::Latin => match byte {
                0xa0..0xc0 => {
                    out.extend_from_slice(&[0xc2, byte]);
                    State::Text
                }
                // U+0080 to U+009F: some terminals take them for the sequences above.
                0x80..0xa0 => State::Text,
                _ => self.take(State::Text, byte, out),
            },
            State::Escape => match byte {
                b'[' => {
                    self.sequence.push(byte);
                    State::Control
                }
                b']' | b'P' | b'X' | b'^' | b'_' => State::String,
                0x20..0x30 => State::OneMore,
                ESC => State::Escape,
                b'\n' => self.take(State::Text, byte, out),
                _ => State::Text,
            },
            State::Control => self.take_control(byte, out),
            State::String => match byte {
                BEL => State::Text,
                ESC => State::StringEscape,
                // A title that never ends would swallow the rest.
                b'\n' => self.take(State::Text, byte, out),
                _ => State::String,
            },
            State::StringEscape | State::OneMore => State::Text,
        }
    }

    fn begin(&mut self) -> State {
        self.sequence.clear();
        self.sequence.push(ESC);
        State::Escape
    }

    fn take_control(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        self.sequence.push(byte);
        match byte {
            b'm' => {
                let numbers = &self.sequence[2..self.sequence.len() - 1];
                let is_colour = numbers.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'));
                if self.is_coloured && is_colour && self.sequence.len() <= SEQUENCE_BYTES_MAX {
                    out.extend_from_slice(&self.sequence);
                }
                State::Text
            }
            0x20..0x40 if self.sequence.len() <= SEQUENCE_BYTES_MAX => State::Control,
            ESC => self.begin(),
            b'\n' => self.take(State::Text, byte, out),
            _ => State::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(to_terminal: bool, wants_colour: bool, text: &str) -> String {
        let mut whole = Screen::new(to_terminal, wants_colour);
        let whole = whole.pass(text.as_bytes()).into_owned();
        let mut screen = Screen::new(to_terminal, wants_colour);
        let bytes: Vec<u8> = text.bytes().flat_map(|byte| screen.pass(&[byte]).into_owned()).collect();
        assert_eq!(bytes, whole, "cuts change nothing");
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn only_colour_reaches_a_terminal() {
        let text = "a\x1b[1;31mred\x1b[0m\x1b[2J\x1b]0;title\x07b\x1b]8;;x\x1b\\c\x07d\te\x1b(Bf\u{9b}g é\u{a0}\r\n";
        assert_eq!(passed(true, true, text), "a\x1b[1;31mred\x1b[0mbcd\tefg é\u{a0}\r\n");
        assert_eq!(passed(true, false, text), "aredbcd\tefg é\u{a0}\r\n");
    }

    #[test]
    fn anything_else_gets_all_but_sequences() {
        assert_eq!(passed(false, true, "a\x1b[1;31mred\x1b[0m\x07\x00b\u{9b}"), "ared\x07\x00b\u{9b}");
    }

    #[test]
    fn what_never_ends_swallows_no_more_than_a_line() {
        assert_eq!(passed(true, true, "a\x1b]0;title\nb\x1b[?25\nc\x1b\nd"), "a\nb\nc\nd");
    }
}
