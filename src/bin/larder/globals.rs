//! The options that every command takes, before or after its name.

use clap::{Arg, Args, Command, FromArgMatches};
use larder::error::Result;
use larder::units;
use std::ffi::OsString;
use std::path::PathBuf;

/// The heading under which help lists them.
pub const HEADING: &str = "Global options";

/// What every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = HEADING)]
pub struct Globals {
    /// The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise
    /// LARDER_REPOSITORY, otherwise `.larder` here or above
    #[arg(short = 'r', long = "repo", value_name = "PATH", value_hint = clap::ValueHint::DirPath, hide_short_help = true)]
    pub repo: Option<PathBuf>,

    /// Say nothing but the answer and failures
    #[arg(short = 'q', long = "quiet", hide_short_help = true)]
    pub quiet: bool,

    /// Say more; twice, still more
    #[arg(short = 'v', long = "verbose", action = clap::ArgAction::Count, hide_short_help = true)]
    pub verbose: u8,

    /// Answer in JSON, one object a line, each with a `type`
    #[arg(long = "json", hide_short_help = true)]
    pub json: bool,

    /// Use no colour; so does NO_COLOR in the environment
    #[arg(long = "no-color", hide_short_help = true)]
    pub no_color: bool,

    /// At a terminal, begin with a banner
    #[arg(long = "banner", hide_short_help = true)]
    pub banner: bool,

    /// Show no progress
    #[arg(long = "no-progress", hide_short_help = true)]
    pub no_progress: bool,

    /// Where stderr is no terminal, say how far it is this often: 90s, 5m
    #[arg(long = "progress-interval", value_name = "DURATION", value_parser = duration, hide_short_help = true)]
    pub progress_interval: Option<u64>,

    /// Wait this long for a lock that another process holds, instead of failing at once
    #[arg(long = "lock-wait", value_name = "SECONDS", value_parser = duration, hide_short_help = true)]
    pub lock_wait: Option<u64>,

    /// Read the passphrase from the first line of this file
    #[arg(long = "passphrase-file", value_name = "FILE", value_hint = clap::ValueHint::FilePath, hide_short_help = true)]
    pub passphrase_file: Option<PathBuf>,

    /// Run this with `sh -c` and read the passphrase from its first line of output
    #[arg(long = "passphrase-command", value_name = "COMMAND", hide_short_help = true)]
    pub passphrase_command: Option<OsString>,

    /// Read the passphrase from this open file descriptor
    #[arg(long = "passphrase-fd", value_name = "NUMBER", hide_short_help = true)]
    pub passphrase_fd: Option<u32>,

    /// Open the repository with this key file instead of a passphrase
    #[arg(long = "key-file", value_name = "FILE", value_hint = clap::ValueHint::FilePath, hide_short_help = true)]
    pub key_file: Option<PathBuf>,

    /// Accept a history that went back, once: an old copy of the repository was brought back on purpose
    #[arg(long = "accept-rollback", hide_short_help = true)]
    pub accept_rollback: bool,
}

impl Globals {
    /// The arguments, to be added to a command; a short letter that the command uses itself stays the command's.
    pub fn arguments_beside(command: &Command) -> Vec<Arg> {
        let own = |arg: &Arg| arg.get_short_and_visible_aliases().unwrap_or_default();
        let taken: Vec<char> = command.get_arguments().flat_map(own).collect();
        let whole = Globals::augment_args(Command::new("larder"));
        whole
            .get_arguments()
            .map(|arg| match arg.get_short() {
                Some(short) if taken.contains(&short) => arg.clone().short(clap::builder::Resettable::Reset),
                _ => arg.clone(),
            })
            .collect()
    }

    /// These options and `later` ones, which win where both say something.
    pub fn and(self, later: Globals) -> Globals {
        Globals {
            repo: later.repo.or(self.repo),
            quiet: self.quiet || later.quiet,
            verbose: self.verbose.saturating_add(later.verbose),
            json: self.json || later.json,
            no_color: self.no_color || later.no_color,
            banner: self.banner || later.banner,
            no_progress: self.no_progress || later.no_progress,
            progress_interval: later.progress_interval.or(self.progress_interval),
            lock_wait: later.lock_wait.or(self.lock_wait),
            passphrase_file: later.passphrase_file.or(self.passphrase_file),
            passphrase_command: later.passphrase_command.or(self.passphrase_command),
            passphrase_fd: later.passphrase_fd.or(self.passphrase_fd),
            key_file: later.key_file.or(self.key_file),
            accept_rollback: self.accept_rollback || later.accept_rollback,
        }
    }

    /// Reads them from the words of a command line.
    pub fn parse(words: &[OsString]) -> std::result::Result<Globals, clap::Error> {
        let command = Globals::augment_args(Command::new("larder")).no_binary_name(true);
        Globals::from_arg_matches(&command.try_get_matches_from(words)?)
    }
}

fn duration(text: &str) -> Result<u64> {
    units::parse_duration_seconds(text)
}
