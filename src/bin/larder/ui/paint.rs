//! Colour by meaning: good, bad, dim, a name. Where colour is off, the text itself.

/// Whether and how one stream is coloured.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Off where the stream is no terminal, or the user says so.
    pub is_on: bool,
}

impl Paint {
    /// What failed or is damaged.
    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// What needs a look.
    pub fn doubtful(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What went well, or helps.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// A name: a snapshot's id, a heading.
    pub fn name(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, codes: &str, text: &str) -> String {
        if self.is_on { format!("\x1b[{codes}m{text}\x1b[0m") } else { text.to_string() }
    }
}
