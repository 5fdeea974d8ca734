//! The text of one manifest, and complaints that name a place in one.

use super::{Place, Task};
use crate::error::{Code, Error};

/// So many complaints are shown at once.
const SHOWN_MAX: usize = 10;
/// So many are gathered before reading ends.
const GATHERED_MAX: usize = 100;

/// A text and where its lines begin.
pub(super) struct Source<'a> {
    pub file: u16,
    pub text: &'a str,
    lines: Vec<u32>,
}

impl<'a> Source<'a> {
    pub fn new(file: u16, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1);
        Source { file, text, lines: std::iter::once(0).chain(ends).collect() }
    }

    pub fn place(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start as usize <= offset).max(1);
        let start = self.lines[line - 1] as usize;
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place { file: self.file, line: line as u32, column: column as u32 }
    }
}

/// What is wrong at a place.
#[derive(Clone, Debug)]
struct Complaint {
    at: Place,
    code: Code,
    message: String,
    hint: Option<String>,
}

/// Everything that is wrong, and what is only suspicious.
#[derive(Default)]
pub(super) struct Complaints {
    /// The names by which the files are shown, by [`Place::file`].
    pub shown: Vec<String>,
    list: Vec<Complaint>,
    pub warnings: Vec<String>,
}

impl Complaints {
    pub fn say(&mut self, at: Place, code: Code, message: impl Into<String>) {
        self.add(at, code, message.into(), None);
    }

    pub fn hinted(&mut self, at: Place, code: Code, message: impl Into<String>, hint: impl Into<String>) {
        self.add(at, code, message.into(), Some(hint.into()));
    }

    /// What is wrong with the text at a place.
    pub fn error(&mut self, at: Place, error: &Error) {
        self.add(at, error.code(), error.to_string(), error.hint());
    }

    pub fn warn(&mut self, at: Place, message: &str) {
        if self.warnings.len() < GATHERED_MAX {
            self.warnings.push(format!("{}: {message}", self.place(at)));
        }
    }

    /// `FILE:LINE:COLUMN`
    pub fn place(&self, at: Place) -> String {
        let file = self.shown.get(usize::from(at.file)).map_or("manifest", String::as_str);
        format!("{file}:{}:{}", at.line, at.column)
    }

    /// A task and where it stands, for messages about another place.
    pub fn task(&self, task: &Task) -> String {
        format!("`{}` ({})", task.name, self.place(task.at))
    }

    pub fn is_full(&self) -> bool {
        self.list.len() >= GATHERED_MAX
    }

    /// Fails with what was gathered, the first place first.
    pub fn check(&mut self) -> Result<(), Error> {
        if self.list.is_empty() {
            return Ok(());
        }
        self.list.sort_by_key(|complaint| complaint.at);
        self.list.dedup_by(|a, b| a.at == b.at && a.message == b.message);
        let lines = self.list.iter().take(SHOWN_MAX);
        let mut lines: Vec<String> = lines.map(|one| format!("{}: {}", self.place(one.at), one.message)).collect();
        if self.list.len() > SHOWN_MAX {
            lines.push(format!("and {} more", self.list.len() - SHOWN_MAX));
        }
        // What is refused by policy outweighs what is merely wrong: a script must not take it for a slip.
        let first = self.list.iter().find(|one| one.code == Code::PermissionDenied).unwrap_or(&self.list[0]);
        let error = Error::new(first.code, lines.join("\n"));
        Err(match &first.hint {
            Some(hint) => error.with_hint(hint.clone()),
            None => error,
        })
    }

    fn add(&mut self, at: Place, code: Code, message: String, hint: Option<String>) {
        if !self.is_full() {
            self.list.push(Complaint { at, code, message, hint });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let source = Source::new(0, "é = 1\n\nx\n");
        let place = |offset| (source.place(offset).line, source.place(offset).column);
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(2), (1, 2));
        assert_eq!(place(7), (2, 1));
        assert_eq!(place(8), (3, 1));
        assert_eq!(place(99), (4, 1));
    }
}
