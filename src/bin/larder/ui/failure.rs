//! What a failure looks like: one message, its causes, the next thing to type, the code.

use super::paint::Paint;
use super::text::{escaped, lines_escaped};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use larder::error::{Class, Code, Error};
use serde_json::json;

/// Options that other tools of the field have, or that manuals of ours speak of, and this version has not: nearest names and
/// tips would only mislead.
const NOT_IN_THIS_VERSION: [&str; 9] = [
    "--sandbox",
    "--require-sandbox",
    "--watch",
    "--max-memory",
    "--max-cpu",
    "--jobserver",
    "--trace",
    "--observe",
    "--profile",
];

/// A failure taken apart for printing.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// From what `command` ended with. What is no error of the library is a failure of the system.
    pub fn of(error: &anyhow::Error, command: Option<&str>, repo: Option<&str>) -> Failure {
        let ours = error.chain().find_map(|link| link.downcast_ref::<Error>());
        let mut texts: Vec<String> = error.chain().map(ToString::to_string).collect();
        texts.dedup();
        let message = if texts.is_empty() { String::new() } else { texts.remove(0) };
        let where_it_is = |hint: String| match repo {
            Some(repo) => hint.replace("`larder verify", &format!("`larder -r {repo} verify")),
            None => hint,
        };
        Failure {
            code: ours.map_or(Code::SystemError, Error::code),
            message,
            causes: texts,
            hint: ours.and_then(|ours| {
                let is_usage = ours.class() == Class::Usage;
                let frees = ours.code() == Code::StorageFull && matches!(command, Some("gc" | "forget"));
                if frees {
                    Some(ROOM_FIRST.to_string())
                } else {
                    ours.hint().map(where_it_is).or_else(|| is_usage.then(|| help_on(command)))
                }
            }),
        }
    }

    /// The exit status.
    pub fn exit_status(&self) -> u8 {
        self.code.class().exit_status()
    }

    /// Whether the user's words are at fault, so that where it was noticed does not matter.
    pub fn is_usage(&self) -> bool {
        self.code.class() == Class::Usage
    }

    /// The lines for a person.
    pub fn text(&self, paint: Paint) -> String {
        let mut text = format!("{} {} [{}]\n", paint.bad("larder:"), lines_escaped(&self.message), self.code.name());
        for cause in &self.causes {
            text.push_str(&format!("{} {}\n", paint.dim("cause:"), lines_escaped(cause)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{} {}\n", paint.good("hint:"), lines_escaped(hint)));
        }
        text
    }

    /// The one line that `-q` leaves: for a cron job's mail.
    pub fn line(&self, paint: Paint) -> String {
        let texts: Vec<&str> = std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect();
        format!("{} {} [{}]\n", paint.bad("larder:"), escaped(texts.join(": ").as_bytes()), self.code.name())
    }

    /// The line for a program.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "type": "error",
            "code": self.code.name(),
            "class": self.code.class().name(),
            "exit": self.exit_status(),
            "retryable": self.code.is_retryable(),
            "message": self.message,
            "causes": self.causes,
            "hint": self.hint,
        })
    }
}

/// What frees space needs a little itself.
const ROOM_FIRST: &str = "a few kilobytes are needed before any can be freed: where the repository is on this disk, \
    its index.sqlite and what is in its tmp/ may be deleted while no larder runs, and are made again";

/// Where to read how a command is used.
fn help_on(command: Option<&str>) -> String {
    match command {
        Some(name) => format!("`larder help {name}` shows how it is used"),
        None => "`larder help` lists the commands".to_string(),
    }
}

/// A complaint of clap about a command as an error of ours: its first paragraph is the message, its tips and usage the hint.
pub fn from_usage(error: &clap::Error, command: Option<&str>) -> Error {
    // Where the action of a group is missing, clap prints the group's whole help instead of a complaint.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let message = format!("`{}` needs to be told what to do", command.unwrap_or("larder"));
        return Error::new(Code::InvalidArg, message).with_hint(help_on(command));
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && NOT_IN_THIS_VERSION.contains(&option.as_str())
    {
        return Error::new(Code::InvalidArg, format!("this version of larder has no option `{option}`"))
            .with_hint(help_on(command));
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    let message = paragraphs.next().unwrap_or("the arguments do not fit").trim_start_matches("error: ");
    let mut hints: Vec<String> = Vec::new();
    for part in paragraphs {
        if let Some(tip) = part.strip_prefix("tip: ") {
            hints.push(joined(tip));
        } else if let Some(usage) = part.strip_prefix("Usage: ") {
            hints.push(format!("usage: {}", joined(usage)));
        }
    }
    // A value that a parser of ours refused carries its own code: CONFIG_INVALID of a level, INVALID_HASH of an id.
    let beneath = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    let code = beneath.map_or(Code::InvalidArg, Error::code);
    let failure = Error::new(code, joined(message));
    match beneath.and_then(Error::hint) {
        Some(hint) => failure.with_hint(hint),
        // For options that contradict each other the usage that clap makes up says what it refuses.
        None if hints.is_empty() || error.kind() == ErrorKind::ArgumentConflict => failure.with_hint(help_on(command)),
        None => failure.with_hint(hints.join("; ")),
    }
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_frees_space_says_where_to_begin() {
        let error = anyhow::Error::from(Error::new(Code::StorageFull, "no space"));
        let hint = |command| Failure::of(&error, Some(command), None).hint.unwrap_or_default();
        assert!(hint("gc").contains("index.sqlite") && hint("forget").contains("tmp/"));
        assert!(!hint("backup").contains("index.sqlite"));
    }

    #[test]
    fn damage_is_looked_for_where_it_was_met() {
        let error = anyhow::Error::from(Error::new(Code::StorageCorrupted, "damaged"));
        let hint = |repo| Failure::of(&error, Some("restore"), repo).hint.unwrap_or_default();
        assert!(hint(None).contains("`larder verify --read-data`"));
        assert!(hint(Some("s3://bucket/x")).contains("`larder -r s3://bucket/x verify --read-data`"));
    }
}
