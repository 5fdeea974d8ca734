//! `larder parse-manifest`: what a manifest says, expanded and checked.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::error::IoContext;
use larder::run::manifest::{LoadOptions, load, load_text, render};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Arguments of `larder parse-manifest`.
#[derive(clap::Args)]
pub struct ParseManifest {
    /// What to write
    #[arg(long, value_enum, default_value_t = Form::Json, value_name = "FORM")]
    to: Form,

    /// The manifest; `-` reads stdin
    #[arg(value_name = "FILE", default_value = "larder.toml")]
    file: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// One JSON object
    Json,
    /// TOML
    Toml,
}

impl Subcommand for ParseManifest {
    const NAME: &'static str = "parse-manifest";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Check a manifest and print what it says";
    const MANUAL: Manual = Manual {
        description: "Reads the TOML form or the line form with everything that it includes, expands it and applies all \
            rules. The JSON is one object; `tasks` is the list of tasks in the order of the manifest, each with every \
            key, `makers` among them: the tasks that make an input which the task names. With --to toml the line form \
            becomes TOML; the tasks of included files and of matrices have their full names there.\n\n\
            What is wrong is said with FILE:LINE:COLUMN, up to ten at once.",
        examples: &[
            ("larder parse-manifest m3.txt | jq -r '.tasks[].name'", "Prints the names of all tasks."),
            ("larder parse-manifest --to toml m3.txt >larder.toml", "Turns an old file into TOML."),
        ],
        exits: &[(5, "the manifest cannot be used"), (16, "a path in it leads out of the project")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let options = LoadOptions::default();
        let manifest = if self.file == Path::new("-") {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).at("read", "stdin")?;
            load_text(text, Path::new("stdin"), Some(Path::new(".")), &options)?
        } else {
            load(&self.file, None, &options)?
        };
        manifest.warnings.iter().for_each(|warning| session.ui.warn(warning));
        let mut out = session.ui.writer();
        match self.to {
            Form::Json => {
                let head = render::json_head(&manifest).to_string();
                write!(out, "{},\"tasks\":[", head.trim_end_matches('}'))?;
                for (at, task) in manifest.tasks.iter().enumerate() {
                    write!(out, "{}\n{}", if at == 0 { "" } else { "," }, render::json_task(&manifest, task))?;
                }
                writeln!(out, "\n]}}")?;
            }
            Form::Toml => {
                if let Some(task) = manifest.tasks.iter().find(|task| task.name.contains(['@', ':'])) {
                    let what = "comes from a matrix or an included file: this TOML is to be read, not to be run";
                    session.ui.warn(&format!("`{}` {what}", task.name));
                }
                write!(out, "{}", render::toml_head(&manifest))?;
                for task in &manifest.tasks {
                    write!(out, "{}", render::toml_task(&manifest, task))?;
                }
            }
        }
        out.flush()?;
        Ok(Exit::DONE)
    }
}
