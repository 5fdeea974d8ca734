//! `docs/CLI.md` and `docs/ERRORS.md`.

use super::super::{Layer, Need, Row, SECTIONS};
use crate::globals::{Globals, HEADING};
use clap::{Arg, Args, Command};
use larder::error::Code;

/// The list of error codes.
pub fn errors() -> String {
    let mut text = String::from(
        "# Error codes\n\n\
         A failure prints its code in brackets. Codes are never renamed. The exit status follows from the class.\n\n\
         | code | class | exit | HTTP | retry helps | when |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let (class, retry) = (code.class(), if code.is_retryable() { "yes" } else { "no" });
        text.push_str(&format!(
            "| {} | {} | {} | {} | {retry} | {} |\n",
            code.name(),
            class.name(),
            class.exit_status(),
            code.http_status(),
            code.about()
        ));
    }
    text.push_str(
        "\nExit statuses beside these: 0 done, 1 a negative answer of a command that asks, 3 done in part with each \
         failed item reported, 70 a broken invariant (please report), 128+n ended by signal n.\n",
    );
    text
}

/// The command reference.
pub fn commands() -> String {
    let mut text = String::from("# Commands\n\nWritten by `larder help --generate cli docs`.\n\n## Global options\n\n");
    let mut globals = Globals::augment_args(Command::new("larder")).disable_help_flag(true);
    globals.build();
    options(&mut text, globals.get_arguments().filter(|arg| !arg.is_hide_set()));
    for section in SECTIONS {
        text.push_str(&format!("\n## {}\n", section.title));
        for row in section.listed() {
            command(&mut text, row);
        }
    }
    text
}

fn command(text: &mut String, row: &Row) {
    let mut command = row.command();
    command.build();
    let frozen = if row.layer == Layer::Plumbing { " Plumbing: the format of its output is frozen." } else { "" };
    text.push_str(&format!("\n### larder {}\n\n{}. Needs {}.{frozen}\n", row.name, row.about, need(row.need)));
    section(text, &mut command);
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        text.push_str(&format!("\n#### larder {} {}\n\n", row.name, sub.get_name()));
        text.push_str(&format!("{}.\n", sub.get_about().map(ToString::to_string).unwrap_or_default()));
        section(text, sub);
    }
    if !row.manual.description.is_empty() {
        text.push_str(&format!("\n{}\n", row.manual.description));
    }
    for (line, what) in row.manual.examples {
        text.push_str(&format!("\n    {line}\n\n{what}\n"));
    }
}

fn section(text: &mut String, command: &mut Command) {
    let usage = command.render_usage().to_string();
    text.push_str(&format!("\n    {}\n", usage.trim_start_matches("Usage: ").trim()));
    let own: Vec<&Arg> = (command.get_arguments())
        .filter(|arg| !arg.is_hide_set() && arg.get_help_heading() != Some(HEADING) && arg.get_id() != "help")
        .collect();
    if !own.is_empty() {
        text.push('\n');
        options(text, own.into_iter());
    }
}

fn options<'a>(text: &mut String, args: impl Iterator<Item = &'a Arg>) {
    for arg in args {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_string()).collect();
        let choice = match values.is_empty() || !arg.get_action().takes_values() {
            true => String::new(),
            false => format!(" ({})", values.join(", ")),
        };
        let name = arg.to_string();
        let short = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(_)) => format!("-{short}, "),
            _ => String::new(),
        };
        text.push_str(&format!("- `{short}{name}`: {help}{choice}\n"));
    }
}

fn need(need: Need) -> &'static str {
    match need {
        Need::Nothing => "no repository",
        Need::Config => "no repository, only the settings",
        Need::Shared => "a repository, to read",
        Need::Append => "a repository, to add to",
        Need::Exclusive => "a repository, for itself alone",
    }
}
