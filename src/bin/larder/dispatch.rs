//! From the words of a command line to an exit status.
//!
//! Only the command that is asked for is built: `--version` and `help` stay far below 10 ms.

use crate::commands::{self, Exit, Row};
use crate::globals::Globals;
use crate::session::Session;
use crate::ui::{self, Ui};
use clap::{Arg, ArgMatches, Args, Command};
use larder::config;
use larder::error::{Code, Error};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs one command line and answers how the process shall end.
pub fn main(words: Vec<OsString>) -> ExitCode {
    ui::signals::install_panic_message();
    let (before, name, after) = split(&words);
    let says = |short: &str, long: &str| before.iter().any(|word| word == short || word == long);
    let plain: Vec<OsString> = before
        .iter()
        .filter(|word| !["-V", "--version", "-h", "--help"].iter().any(|own| *word == own))
        .cloned()
        .collect();
    let globals = match Globals::parse(&plain) {
        Ok(globals) => globals,
        Err(error) => return usage_failure(&error, None, wants_json(&words)),
    };
    if says("-V", "--version") {
        return finish(&Ui::new(&globals, None), |ui| ui.line(&commands::version_line()));
    }
    if says("-h", "--help") || name.is_none() {
        return finish(&Ui::new(&globals, None), |ui| ui.text(&commands::front_page(false)));
    }
    let name = name.unwrap_or_default();
    match Row::find(&name.to_string_lossy()) {
        Some(row) => run(row, globals, after),
        None => external(name, after, &globals),
    }
}

fn run(row: &'static Row, globals: Globals, words: &[OsString]) -> ExitCode {
    let command = row.command().no_binary_name(true);
    let matches = match command.try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => return usage_failure(&error, Some(row.name), globals.json || wants_json(words)),
    };
    let later = <Globals as clap::FromArgMatches>::from_arg_matches(innermost(&matches)).unwrap_or_default();
    let session = Session::new(row.name, row.asks, globals.and(later));
    let outcome = row.run(&matches, &session);
    session.ui.end(outcome)
}

/// What was said of the action of a group, which has the global options that stand before it, too.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| innermost(inner))
}

/// Ends a command that only prints.
fn finish(ui: &Ui, print: impl FnOnce(&Ui) -> anyhow::Result<()>) -> ExitCode {
    let outcome = print(ui).map(|()| Exit::DONE);
    ui.end(outcome)
}

/// The words before the name of the command, the name, and the words after it.
fn split(words: &[OsString]) -> (&[OsString], Option<&OsStr>, &[OsString]) {
    let valued = valued_options();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let text = word.to_string_lossy();
        if !text.starts_with('-') || text == "-" {
            return (&words[..at], Some(word), &words[at + 1..]);
        }
        let takes_next = match text.strip_prefix("--") {
            Some(long) => valued.iter().any(|arg| arg.get_long() == Some(long)),
            None => {
                text.char_indices().skip(1).find_map(|(place, letter)| {
                    let valued = valued.iter().any(|arg| arg.get_short() == Some(letter));
                    valued.then_some(place + letter.len_utf8() == text.len())
                }) == Some(true)
            }
        };
        at += if takes_next { 2 } else { 1 };
    }
    (words, None, &[])
}

/// The global options that take a value as the next word.
fn valued_options() -> Vec<Arg> {
    let whole = Globals::augment_args(Command::new("larder"));
    whole.get_arguments().filter(|arg| arg.get_action().takes_values()).cloned().collect()
}

fn wants_json(words: &[OsString]) -> bool {
    words.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// `larder-NAME` on the PATH is `larder NAME`; else the nearest name is offered.
fn external(name: &OsStr, words: &[OsString], globals: &Globals) -> ExitCode {
    let ui = Ui::new(globals, None);
    if let Some(program) = on_path(name) {
        let failed = config::child(&program).args(words).exec();
        return ui.end(Err(Error::io("run", program, failed).into()));
    }
    let name = name.to_string_lossy();
    let error = Error::new(Code::InvalidArg, format!("`{}` is not a larder command", name.escape_debug()));
    ui.end(Err(match nearest(&name) {
        Some(other) => error.with_hint(format!("did you mean `larder {other}`?")),
        None => error.with_hint("`larder help -a` lists all commands"),
    }
    .into()))
}

fn on_path(name: &OsStr) -> Option<PathBuf> {
    let mut file = OsString::from("larder-");
    file.push(name);
    if name.is_empty() || name.to_string_lossy().contains('/') {
        return None;
    }
    let path = config::variable("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(&file))
        .find(|program| rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok() && program.is_file())
}

fn nearest(name: &str) -> Option<&'static str> {
    commands::rows()
        .filter(|row| !row.hidden)
        .map(|row| (strsim::damerau_levenshtein(name, row.name), row.name))
        .min()
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 3))
        .map(|(_, other)| other)
}

/// What clap found wrong, or the help it was asked for, in our words.
fn usage_failure(error: &clap::Error, command: Option<&'static str>, json: bool) -> ExitCode {
    let ui = Ui::new(&Globals { json, ..Globals::default() }, command);
    if !error.use_stderr() {
        return finish(&ui, |ui| ui.text(&error.render().to_string()));
    }
    ui.end(Err(ui::failure::from_usage(error, command).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        split(&words).1.map(|name| name.to_string_lossy().into_owned())
    }

    #[test]
    fn the_name_stands_after_the_global_options() {
        for line in [
            "backup x",
            "-r repo backup",
            "-rrepo backup",
            "-qr repo backup",
            "--repo=x -q backup",
            "-v --repo x backup",
        ] {
            assert_eq!(name_of(line).as_deref(), Some("backup"), "{line}");
        }
        assert_eq!(name_of("-r backup"), None);
        assert_eq!(nearest("bakcup"), Row::find("backup").map(|row| row.name));
        assert_eq!(nearest("zzzzzzzz"), None);
    }
}
