//! `larder help`: everything that is said about commands, made from the table.

mod completions;
mod man;
mod reference;

use super::{Exit, Layer, Manual, Need, Row, SECTIONS, Subcommand};
use crate::session::Session;
use larder::error::{Code, Error, IoContext};
use serde_json::json;
use std::path::{Path, PathBuf};

pub use completions::script as completion_script;

/// Arguments of `larder help`.
#[derive(clap::Args)]
pub struct Help {
    /// List all commands, plumbing too
    #[arg(short = 'a', long)]
    all: bool,

    /// Write what is made from the table into a directory: `man`, `completions`, `cli`, `errors` or `schema`
    #[arg(long, num_args = 2, value_names = ["KIND", "DIR"], conflicts_with = "topic")]
    generate: Vec<PathBuf>,

    /// A command and perhaps its action, such as key add, or `errors` for the list of error codes
    #[arg(value_name = "TOPIC", num_args = 0..=2)]
    topic: Vec<String>,
}

impl Subcommand for Help {
    const NAME: &'static str = "help";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Explain a command, or list them";
    const MANUAL: Manual = Manual {
        description: "Without a topic, lists the commands for everyday use; with -a also those that do a single step, \
            for scripts. `larder help errors` lists every error code with its exit status; with --json as one \
            array.\n\n\
            A program named larder-NAME on the PATH is started by `larder NAME`.",
        examples: &[
            ("larder help digest", "Explains one command."),
            ("larder help key add", "Explains one of its actions."),
            ("larder help -a", "Lists all commands."),
            ("larder help errors --json | jq length", "Counts the error codes."),
            ("larder help --generate man man/", "Writes the manual pages."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let ui = &session.ui;
        if let [kind, dir] = self.generate.as_slice() {
            return generate(&kind.to_string_lossy(), dir);
        }
        let words: Vec<&str> = self.topic.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => ui.text(&front_page(self.all))?,
            ["errors"] if ui.is_json() => ui.json(&errors_json())?,
            ["errors"] => ui.text(&reference::errors())?,
            [name, action @ ..] => ui.text(&explained(name, action.first().copied())?)?,
        }
        Ok(Exit::DONE)
    }
}

/// The help of a command, or of one of its actions.
fn explained(name: &str, action: Option<&str>) -> larder::error::Result<String> {
    let nothing = |hint: &str| {
        let topic = [name].into_iter().chain(action).collect::<Vec<_>>().join(" ");
        Error::new(Code::InvalidArg, format!("there is no help on `{}`", topic.escape_debug())).with_hint(hint)
    };
    let row = Row::find(name).ok_or_else(|| nothing("`larder help -a` lists all commands"))?;
    let mut command = row.command();
    let Some(action) = action else { return Ok(command.render_long_help().to_string()) };
    command.build();
    match command.find_subcommand_mut(action) {
        Some(found) => Ok(found.render_long_help().to_string()),
        None => Err(nothing(&format!("`larder help {name}` lists what it does"))),
    }
}

/// `larder 1.2.3`.
pub fn version_line() -> String {
    format!("larder {}", env!("CARGO_PKG_VERSION"))
}

/// What `larder` alone prints.
pub fn front_page(with_plumbing: bool) -> String {
    let mut text = format!(
        "{}: what you have, and how you made it, in one place.\n\n\
         Usage: larder [GLOBAL OPTIONS] COMMAND [ARGUMENTS]\n",
        version_line()
    );
    for section in SECTIONS.iter().filter(|section| with_plumbing || section.is_everyday()) {
        text.push_str(&format!("\n{}:\n", section.title));
        for row in section.listed() {
            text.push_str(&format!("  {:<15} {}\n", row.name, row.about));
        }
    }
    text.push_str("\n`larder help COMMAND` explains one of them");
    text.push_str(if with_plumbing { ".\n" } else { "; `larder help -a` lists those for scripts too.\n" });
    text
}

fn errors_json() -> serde_json::Value {
    let rows = Code::ALL.iter().map(|code| {
        json!({
            "code": code.name(),
            "class": code.class().name(),
            "exit": code.class().exit_status(),
            "http": code.http_status(),
            "retryable": code.is_retryable(),
            "about": code.about(),
        })
    });
    serde_json::Value::Array(rows.collect())
}

/// Writes generated files into a directory that exists.
fn generate(kind: &str, dir: &Path) -> anyhow::Result<Exit> {
    let files: Vec<(String, String)> = match kind {
        "man" => man::pages(),
        "completions" => completions::scripts()?,
        "cli" => vec![("CLI.md".to_string(), reference::commands())],
        "schema" => {
            let text = serde_json::to_string_pretty(&larder::run::manifest::schema())?;
            vec![("larder.schema.json".to_string(), text + "\n")]
        }
        "errors" => vec![("ERRORS.md".to_string(), reference::errors())],
        _ => {
            let message = format!("`{}` is nothing that can be generated", kind.escape_debug());
            return Err(Error::new(Code::InvalidArg, message)
                .with_hint("man, completions, cli, errors, schema")
                .into());
        }
    };
    for (name, text) in files {
        let path = dir.join(name);
        // Made anew at any time: nothing is lost if half of it is written.
        #[allow(clippy::disallowed_methods)]
        std::fs::write(&path, text).at("write", &path)?;
    }
    Ok(Exit::DONE)
}
