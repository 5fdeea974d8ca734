//! `completions/`: what clap_complete writes.

use super::super::TABLE;
use crate::globals::Globals;
use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// File names and texts.
pub fn scripts() -> anyhow::Result<Vec<(String, String)>> {
    let shells = [(Shell::Bash, "larder.bash"), (Shell::Zsh, "_larder"), (Shell::Fish, "larder.fish")];
    shells
        .into_iter()
        .map(|(shell, file)| {
            let mut script = Vec::new();
            generate(shell, &mut whole(), "larder", &mut script);
            Ok((file.to_string(), String::from_utf8(script)?))
        })
        .collect()
}

/// The whole program as one command, for clap_complete.
fn whole() -> Command {
    let rows = TABLE.iter().filter(|row| !row.hidden).map(|row| row.command().about(row.about).long_about(None));
    Globals::augment_args(Command::new("larder"))
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(rows)
}
