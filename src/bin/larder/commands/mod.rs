//! The one table of commands.
//!
//! A command is one file here, one `mod` line and one row of [`SECTIONS`]. Dispatch, help, man pages, completions and the
//! command reference are all made from the row: there is no second list of names.

mod action_id;
mod backup;
mod bench;
mod cat_object;
mod chunk;
mod clean;
mod complete;
mod completions;
mod compress;
mod copy;
mod decompress;
mod diff;
mod digest;
mod dump;
mod excludes;
mod exec_task;
mod explain;
mod find;
mod forget;
mod gc;
mod graph;
mod hash_object;
mod help;
mod index;
mod init;
mod input;
mod key;
mod list_objects;
mod lock;
mod log;
mod ls;
mod ls_remote;
mod ls_tree;
mod manifest_args;
mod mend;
mod parse_manifest;
mod project_args;
mod record;
mod remote;
mod resolve;
mod restore;
mod restore_tree;
mod run;
mod run_view;
mod serve;
mod serve_stdio;
mod served;
mod show;
mod snapshots;
mod stats;
mod status;
mod sync;
mod tag;
mod tasks;
mod time;
mod verify;
mod view;
mod write_snapshot;
mod write_tree;

use crate::session::Session;
use clap::{ArgMatches, Command};

pub use help::{front_page, version_line};
use input::{about_a_file, each_entry, each_file, next_entry, open};

/// Every command, in the order in which help lists them.
pub const SECTIONS: &[Section] = &[
    Section { title: "Begin", rows: &[row::<init::Init>(), row::<key::Key>()] },
    Section {
        title: "Keep directories",
        rows: &[
            row::<backup::Backup>(),
            row::<restore::Restore>(),
            row::<snapshots::Snapshots>(),
            row::<log::Log>(),
            row::<show::Show>(),
            row::<ls::Ls>(),
            row::<diff::Diff>(),
            row::<find::Find>(),
            row::<dump::Dump>(),
            row::<tag::TagArgs>(),
            row::<forget::Forget>(),
        ],
    },
    Section {
        title: "Run tasks",
        rows: &[
            row::<run::Run>(),
            row::<explain::Explain>(),
            row::<tasks::Tasks>(),
            row::<graph::GraphArgs>(),
            row::<clean::Clean>(),
        ],
    },
    Section {
        title: "Carry a repository elsewhere",
        rows: &[row::<remote::RemoteArgs>(), row::<sync::Sync>(), row::<copy::Copy>(), row::<serve::Serve>()],
    },
    Section {
        title: "Look after a repository",
        rows: &[
            row::<status::Status>(),
            row::<stats::StatsArgs>(),
            row::<verify::Verify>(),
            row::<gc::Gc>(),
            row::<bench::Bench>(),
        ],
    },
    Section { title: "Learn", rows: &[row::<help::Help>(), row::<completions::Completions>()] },
    Section {
        title: PLUMBING,
        rows: &[
            row::<hash_object::HashObject>(),
            row::<cat_object::CatObject>(),
            row::<list_objects::ListObjects>(),
            row::<write_tree::WriteTree>(),
            row::<ls_tree::LsTree>(),
            row::<restore_tree::RestoreTree>(),
            row::<write_snapshot::WriteSnapshot>(),
            row::<resolve::Resolve>(),
            row::<record::RecordArgs>(),
            row::<parse_manifest::ParseManifest>(),
            row::<action_id::ActionId>(),
            row::<exec_task::ExecTask>(),
            row::<index::Index>(),
            row::<digest::Digest>(),
            row::<chunk::Chunk>(),
            row::<compress::Compress>(),
            row::<decompress::Decompress>(),
            row::<lock::Lock>(),
            row::<serve_stdio::ServeStdio>(),
            row::<ls_remote::LsRemote>(),
            row::<complete::Complete>(),
        ],
    },
];

/// The section that stands only in the long list.
const PLUMBING: &str = "Single steps, for scripts";

/// Commands for one purpose.
pub struct Section {
    /// What for.
    pub title: &'static str,
    rows: &'static [Row],
}

impl Section {
    /// Whether its commands are for every day.
    pub fn is_everyday(&self) -> bool {
        self.title != PLUMBING
    }

    /// What help lists of it.
    pub fn listed(&self) -> impl Iterator<Item = &'static Row> {
        self.rows.iter().filter(|row| !row.hidden)
    }
}

/// The rows of all sections.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows)
}

/// Whether a command's output is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The output format is frozen and free of colour, prompts and configuration.
    Plumbing,
    /// Made for people; its text may change, its JSON only grows.
    Porcelain,
}

/// What a command needs open before it can work; [`Session::repo`] opens accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing at all.
    Nothing,
    /// The settings.
    Config,
    /// The repository, to read.
    Shared,
    /// The repository, to add to.
    Append,
    /// The repository, alone.
    Exclusive,
}

/// What the manual says beyond the options.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// Paragraphs, separated by empty lines.
    pub description: &'static str,
    /// Command lines and what each one does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Exit statuses that mean something particular here.
    pub exits: &'static [(u8, &'static str)],
    /// The same thing as a pipeline of plumbing commands, for porcelain that has one.
    pub plumbing: &'static str,
}

impl Manual {
    /// Nothing to say; rows override what they have.
    pub const EMPTY: Manual = Manual { description: "", examples: &[], exits: &[], plumbing: "" };
}

/// One command: what it declares, its arguments, and how it runs.
pub trait Subcommand: clap::Args + Sized {
    /// The name, as typed after `larder`.
    const NAME: &'static str;
    /// Plumbing or porcelain.
    const LAYER: Layer;
    /// What it needs at most.
    const NEED: Need;
    /// One line without a full stop.
    const ABOUT: &'static str;
    /// The manual.
    const MANUAL: Manual;
    /// True for what only completions and scripts of ours call.
    const HIDDEN: bool = false;

    /// Whether a person at the terminal may be asked for the passphrase. Plumbing that stands in pipelines does not ask:
    /// two of them would ask at once.
    const ASKS: bool = matches!(Self::LAYER, Layer::Porcelain);

    /// What this call needs, where that depends on its arguments.
    fn need(&self) -> Need {
        Self::NEED
    }

    /// Does it.
    fn run(self, session: &Session) -> anyhow::Result<Exit>;
}

/// A row of the table.
pub struct Row {
    /// As typed after `larder`.
    pub name: &'static str,
    /// Plumbing or porcelain.
    pub layer: Layer,
    /// What it needs at most.
    pub need: Need,
    /// One line.
    pub about: &'static str,
    /// The manual.
    pub manual: Manual,
    /// Not listed.
    pub hidden: bool,
    /// May ask for a passphrase at the terminal.
    pub asks: bool,
    args: fn(Command) -> Command,
    run: fn(&ArgMatches, &Session) -> anyhow::Result<Exit>,
}

const fn row<T: Subcommand>() -> Row {
    Row {
        name: T::NAME,
        layer: T::LAYER,
        need: T::NEED,
        about: T::ABOUT,
        manual: T::MANUAL,
        hidden: T::HIDDEN,
        asks: T::ASKS,
        args: |command| T::augment_args(command),
        run: |matches, session| {
            let command = T::from_arg_matches(matches)?;
            session.set_need(command.need());
            command.run(session)
        },
    }
}

impl Row {
    /// The row of this name.
    pub fn find(name: &str) -> Option<&'static Row> {
        rows().find(|row| row.name == name)
    }

    /// The command with its own arguments and the global ones.
    pub fn command(&self) -> Command {
        let own = (self.args)(Command::new(self.name))
            .about(self.about)
            .long_about(self.long_about())
            .after_long_help(self.examples_text())
            .hide(self.hidden)
            .bin_name(format!("larder {}", self.name))
            .display_name(format!("larder-{}", self.name));
        // Below a group they stand after the name of the action, too.
        let is_group = own.has_subcommands();
        let globals = crate::globals::Globals::arguments_beside(&own);
        own.args(globals.into_iter().map(|arg| arg.global(is_group)))
    }

    /// Runs it with parsed arguments.
    pub fn run(&self, matches: &ArgMatches, session: &Session) -> anyhow::Result<Exit> {
        (self.run)(matches, session)
    }

    fn long_about(&self) -> String {
        match self.manual.description {
            "" => format!("{}.", self.about),
            text => format!("{}.\n\n{}", self.about, text),
        }
    }

    fn examples_text(&self) -> String {
        let mut text = String::new();
        for (line, what) in self.manual.examples {
            text.push_str(if text.is_empty() { "Examples:\n" } else { "" });
            text.push_str(&format!("  {line}\n      {what}\n"));
        }
        text
    }
}

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Done.
    pub const DONE: Exit = Exit(0);
    /// A negative answer: absent, differs, not valid.
    pub const NEGATIVE: Exit = Exit(1);
    /// Done in part; each failed item was reported.
    pub const PARTIAL: Exit = Exit(3);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_sound() {
        let mut names: Vec<_> = rows().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows().count(), "a name stands twice");
        for row in rows() {
            row.command().debug_assert();
            assert!(!row.about.ends_with('.') && row.about.len() < 80, "{}: about", row.name);
            assert!(row.hidden || !row.manual.examples.is_empty(), "{}: an example is missing", row.name);
        }
    }
}
