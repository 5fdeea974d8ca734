//! `larder completions`: what a shell needs to complete larder's command lines.

use super::help::completion_script;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;

/// Arguments of `larder completions`.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

impl Subcommand for Completions {
    const NAME: &'static str = "completions";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Print the completions of a shell";
    const MANUAL: Manual = Manual {
        description: "Prints the same script that `make install` puts where the shell looks for it. Names of snapshots, tags \
            and machines are completed too: those that larder saw last, so that no passphrase is asked for.",
        examples: &[
            (". <(larder completions bash)", "Completes in this bash; the line can stand in ~/.bashrc."),
            ("larder completions zsh > ~/.zfunc/_larder", "Installs them for zsh, where ~/.zfunc is in fpath."),
            ("larder completions fish > ~/.config/fish/completions/larder.fish", "Installs them for fish."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        session.ui.text(&completion_script(&self.shell)?)?;
        Ok(Exit::DONE)
    }
}
