//! `man/*.1`, one page a command and one for the whole.

use super::super::{Layer, Need, Row, SECTIONS, Section};
use crate::globals::{Globals, HEADING};
use clap::{Arg, Args, Command};

/// The date that the pages carry: of the last change to what they say about the whole.
const DATE: &str = "2026-11-21";

/// Lines of prose are no longer than this.
const LINE_BYTES_MAX: usize = 78;

/// File names and texts.
pub fn pages() -> Vec<(String, String)> {
    let listed = SECTIONS.iter().flat_map(Section::listed);
    let mut pages: Vec<_> = listed.map(|row| (format!("larder-{}.1", row.name), page(row))).collect();
    pages.push(("larder.1".to_string(), front()));
    pages
}

fn page(row: &Row) -> String {
    let mut command = row.command();
    command.build();
    let mut roff = Roff::begin(&format!("larder-{}", row.name), row.about);
    roff.section("SYNOPSIS");
    let subs: Vec<Command> = command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect();
    let works_alone = subs.is_empty() || !command.is_subcommand_required_set();
    if works_alone {
        roff.synopsis(&mut command);
    }
    for (at, sub) in subs.iter().enumerate() {
        if at > 0 || works_alone {
            roff.request("br");
        }
        roff.synopsis(&mut sub.clone());
    }
    roff.section("DESCRIPTION");
    roff.paragraphs(&format!("{}.", row.about));
    roff.more_paragraphs(row.manual.description);
    if row.layer == Layer::Plumbing {
        roff.more_paragraphs("It is plumbing: the format of its output is frozen.");
    }
    roff.options("OPTIONS", command.get_arguments().filter(|arg| is_own(arg)));
    for sub in &subs {
        roff.section(&format!("{} {}", row.name, sub.get_name()).to_uppercase());
        roff.paragraphs(&format!("{}.", sub.get_about().map(ToString::to_string).unwrap_or_default()));
        roff.tagged(sub.get_arguments().filter(|arg| is_own(arg)));
    }
    roff.options("GLOBAL OPTIONS", command.get_arguments().filter(|arg| arg.get_help_heading() == Some(HEADING)));
    if !row.manual.plumbing.is_empty() {
        roff.section("PLUMBING");
        roff.paragraphs("The same thing, step by step, with plumbing commands:");
        roff.example(row.manual.plumbing);
    }
    roff.section("EXIT STATUS");
    roff.exits(row);
    roff.section("EXAMPLES");
    for (line, what) in row.manual.examples {
        roff.paragraphs(what);
        roff.example(line);
    }
    roff.section("SEE ALSO");
    roff.line("\\fBlarder\\fR(1)");
    roff.text
}

fn is_own(arg: &Arg) -> bool {
    !arg.is_hide_set() && arg.get_help_heading() != Some(HEADING)
}

fn front() -> String {
    let mut roff = Roff::begin("larder", "what you have, and how you made it, in one place");
    roff.section("SYNOPSIS");
    roff.line("\\fBlarder\\fR [\\fIGLOBAL OPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]");
    roff.section("DESCRIPTION");
    roff.paragraphs(DESCRIPTION);
    let globals = Globals::augment_args(Command::new("larder"));
    roff.options("OPTIONS", globals.get_arguments());
    roff.section("COMMANDS");
    for section in SECTIONS {
        roff.subsection(section.title);
        for row in section.listed() {
            roff.request("TP");
            roff.line(&format!("\\fBlarder\\-{}\\fR(1)", escape(row.name)));
            roff.line(&escape(&format!("{}.", row.about)));
        }
    }
    roff.section("ENVIRONMENT");
    roff.terms(ENVIRONMENT);
    roff.section("FILES");
    roff.terms(FILES);
    roff.section("EXIT STATUS");
    roff.terms(EXITS);
    roff.section("EXAMPLES");
    roff.paragraphs("Print the commands for scripts too:");
    roff.example("larder help -a");
    roff.section("SEE ALSO");
    roff.line("\\fBgit\\fR(1), \\fBsha256sum\\fR(1)");
    roff.text
}

const DESCRIPTION: &str = "larder keeps snapshots of directories in one encrypted, deduplicating repository. \
    It runs the tasks of a project once, and keeps what they made in the same repository.\n\n\
    Everything that is stored is an object. An object is named by the SHA-256 of its bytes. Porcelain commands are for \
    people. Plumbing commands do one step each; their output formats are frozen, so that scripts can rely on them.\n\n\
    The repository is found by --repo, else by LARDER_REPOSITORY, else as a directory .larder in the current directory \
    or above it, else by the user's settings. Answers go to standard output, everything else to standard error.";

const ENVIRONMENT: &[(&str, &str)] = &[
    ("LARDER_REPOSITORY", "The repository."),
    ("LARDER_PASSPHRASE_FILE", "A file whose first line is the passphrase."),
    ("LARDER_PASSPHRASE_COMMAND", "A command whose first line of output is the passphrase."),
    ("LARDER_PASSPHRASE", "The passphrase itself. It is not passed on to children. A file or a command is safer."),
    ("LARDER_KEY_FILE", "A key file."),
    (
        "LARDER_TOKEN_FILE",
        "A file, readable by nobody else, with the token for servers that speak larder's own protocol: a line TOKEN for all \
         of them, or lines ADDRESS TOKEN.",
    ),
    ("LARDER_TOKEN", "The token itself. It is not passed on to children. A file is safer."),
    ("NO_COLOR", "If set, no colour is used."),
    ("RUST_BACKTRACE", "If set to 1, a failure prints where it came from."),
];

const FILES: &[(&str, &str)] = &[
    (".larder/", "The repository of a directory and everything below it."),
    (
        "~/.config/larder/config.toml",
        "The user's settings: repository, passphrase-file, passphrase-command, key-file, lock-wait, progress-interval, \
         max-input-size, run-keep, keep-inputs, ssh-command, ssh-program, rclone-command, token-file, limit-upload, limit-download.",
    ),
    ("~/.local/state/larder/", "The signing key of this device, and how far the history of each repository was seen."),
];

/// What each exit status says, to be told wherever it can happen.
const EXITS: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "A negative answer: absent, differs, not valid."),
    ("2", "The command was called wrongly."),
    ("3", "Done in part; each failed item was reported."),
    ("4", "It failed."),
    ("5", "The configuration cannot be used, or there is no repository."),
    ("10", "What was asked for does not exist."),
    ("11", "Another process holds the lock."),
    ("12", "The passphrase or key is wrong."),
    ("13", "Stored data is damaged."),
    ("14", "The network failed."),
    ("15", "Time ran out."),
    ("16", "Refused by policy or limit, such as a full disk or a missing right."),
    ("20", "A task failed."),
    ("70", "A broken invariant: please report it."),
    ("128+n", "Ended by signal n."),
];

/// Whether a status is one of a row: all that signals give are of one.
fn is_of(number: u8, row: &str) -> bool {
    number.to_string() == row || (number > 128 && row == "128+n")
}

/// A page being written.
struct Roff {
    text: String,
}

impl Roff {
    fn begin(name: &str, about: &str) -> Roff {
        let version = env!("CARGO_PKG_VERSION");
        let title = name.to_uppercase().replace('-', "\\-");
        let mut roff = Roff { text: format!(".TH {title} 1 {DATE} \"larder {version}\" \"larder manual\"\n") };
        roff.section("NAME");
        let about = lower_first(about);
        roff.line(&format!("{} \\- {}", escape(name), escape(&about)));
        roff
    }

    fn section(&mut self, title: &str) {
        self.text.push_str(&format!(".SH \"{}\"\n", escape(title)));
    }

    fn subsection(&mut self, title: &str) {
        self.text.push_str(&format!(".SS \"{}\"\n", escape(title)));
    }

    fn request(&mut self, name: &str) {
        self.text.push_str(&format!(".{name}\n"));
    }

    fn line(&mut self, ready: &str) {
        // A line that begins with a dot or a quote would be a request.
        if ready.starts_with(['.', '\'']) {
            self.text.push_str("\\&");
        }
        self.text.push_str(ready);
        self.text.push('\n');
    }

    /// Prose, in lines as short as other tools like them.
    fn prose(&mut self, plain: &str) {
        let mut line = String::new();
        for word in escape(plain.trim()).split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > LINE_BYTES_MAX {
                self.line(&std::mem::take(&mut line));
            }
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
        self.line(&line);
    }

    /// Paragraphs at the beginning of a section.
    fn paragraphs(&mut self, plain: &str) {
        let needs_break = !self.text.lines().last().is_some_and(|line| line.starts_with(".SH"));
        for (at, paragraph) in plain.split("\n\n").enumerate() {
            if at > 0 || needs_break {
                self.request("PP");
            }
            self.prose(paragraph);
        }
    }

    fn more_paragraphs(&mut self, plain: &str) {
        if !plain.is_empty() {
            self.paragraphs(plain);
        }
    }

    fn example(&mut self, lines: &str) {
        self.text.push_str(".PP\n.nf\n.RS 4\n");
        for line in lines.lines() {
            self.line(&escape(line));
        }
        self.text.push_str(".RE\n.fi\n");
    }

    fn terms(&mut self, terms: &[(&str, &str)]) {
        for (term, what) in terms {
            self.request("TP");
            self.line(&format!("\\fB{}\\fR", escape(term)));
            self.prose(what);
        }
    }

    fn synopsis(&mut self, command: &mut Command) {
        let usage = command.render_usage().to_string();
        let words = usage.trim_start_matches("Usage: ").trim();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.split_once(" [") {
            Some((name, rest)) => self.line(&format!("\\fB{}\\fR [{}", escape(name), escape(rest))),
            None => self.line(&format!("\\fB{}\\fR", escape(&words))),
        }
    }

    fn options<'a>(&mut self, title: &str, args: impl Iterator<Item = &'a Arg>) {
        let args: Vec<&Arg> = args.collect();
        if !args.is_empty() {
            self.section(title);
            self.tagged(args.into_iter());
        }
    }

    fn tagged<'a>(&mut self, args: impl Iterator<Item = &'a Arg>) {
        for arg in args {
            let mut names = Vec::new();
            names.extend(arg.get_short().map(|short| format!("\\fB\\-{short}\\fR")));
            names.extend(arg.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escape(long))));
            let mut head = names.join(", ");
            if arg.get_action().takes_values() {
                let values = arg.get_value_names().unwrap_or_default();
                let values: Vec<String> = values.iter().map(|value| format!("\\fI{}\\fR", escape(value))).collect();
                head = if head.is_empty() { values.join(" ") } else { format!("{head} {}", values.join(" ")) };
            }
            let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let choices: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_string()).collect();
            if !choices.is_empty() && arg.get_action().takes_values() {
                help.push_str(&format!(" ({})", choices.join(", ")));
            }
            self.request("TP");
            self.line(&head);
            self.prose(&format!("{help}."));
        }
    }

    fn exits(&mut self, row: &Row) {
        let opens = matches!(row.need, Need::Shared | Need::Append | Need::Exclusive);
        let always: &[&str] = &["0", "2", "4", "16"];
        let repository: &[&str] = &["5", "10", "11", "12", "13"];
        for (status, meaning) in EXITS {
            let own = row.manual.exits.iter().find(|(number, _)| is_of(*number, status));
            let is_listed = always.contains(status) || (opens && repository.contains(status));
            if let Some(meaning) = own.map(|(_, meaning)| meaning).or(is_listed.then_some(meaning)) {
                self.terms(&[(status, meaning)]);
            }
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Text as roff: what it would read as its own is escaped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '`' => out.push_str("\\(ga"),
            '\'' => out.push_str("\\(aq"),
            '"' => out.push_str("\\(dq"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '\n' => out.push(' '),
            // In ASCII a line is as long as it looks to every tool.
            c if !c.is_ascii() => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::FILES;
    use larder::config::Settings;
    use std::path::Path;

    #[test]
    fn each_setting_is_named() {
        let unknown = Settings::parse(Path::new("c.toml"), "no-such-setting = 1").unwrap_err().to_string();
        let names: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
        assert!(names.len() > 10, "{unknown}");
        let said = FILES.iter().map(|(_, text)| *text).collect::<String>();
        let missing: Vec<&&str> = names.iter().filter(|name| !said.contains(&format!(" {name}"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
