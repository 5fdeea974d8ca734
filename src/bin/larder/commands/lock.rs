//! `larder lock`: the repository lock around any command.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{escaped, signals, utc_time};
use larder::clock::Time;
use larder::config;
use larder::context::lock_token;
use larder::error::IoContext;
use larder::repo::lock::{Holder, Lock as Held, Mode, Wait};
use larder::units::parse_duration_seconds;
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

/// Arguments of `larder lock`.
#[derive(clap::Args)]
pub struct Lock {
    /// Share the lock with others who share it
    #[arg(long)]
    shared: bool,

    /// Wait this long at most; otherwise it waits until the lock is free
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration_seconds, conflicts_with = "no_wait")]
    wait: Option<u64>,

    /// Do not wait at all
    #[arg(long)]
    no_wait: bool,

    /// List who holds the lock, and run nothing
    #[arg(long, conflicts_with_all = ["shared", "wait", "no_wait", "command"])]
    status: bool,

    /// The command to run while the lock is held
    #[arg(value_name = "COMMAND", last = true, required_unless_present = "status")]
    command: Vec<OsString>,
}

impl Subcommand for Lock {
    const NAME: &'static str = "lock";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Config;
    const ABOUT: &'static str = "Run a command while the repository is locked";
    const MANUAL: Manual = Manual {
        description: "larder commands inside inherit the lock. Others wait, or fail with LOCK_HELD. A holder that is \
            killed frees the lock at once. The exit status is that of the command.\n\n\
            With --status, one line for each holder: process id, host, shared or exclusive, since when, and its \
            command, with tabs between them.",
        examples: &[
            ("larder lock -- sh -c 'larder gc && larder verify'", "Lets no other writer come between the two."),
            ("larder lock --no-wait -- true || echo busy", "Tells whether the lock is free."),
            ("larder lock --status", "Lists who holds it."),
        ],
        exits: &[(1, "With --status: nobody holds the lock."), (11, "The lock was not free in time.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let place = session.place()?;
        let path = place.lock_file()?;
        if self.status {
            return status(session, &path);
        }
        let mode = if self.shared { Mode::Shared } else { Mode::Exclusive };
        let wait = match (self.no_wait, self.wait.or(session.globals.lock_wait)) {
            (true, _) => Wait::No,
            (_, Some(seconds)) => Wait::For(Duration::from_secs(seconds)),
            _ => Wait::Forever,
        };
        let said: Vec<_> = self.command.iter().map(|word| word.to_string_lossy()).collect();
        let mut held = place.lock(mode, wait, &said.join(" "))?;
        // An inherited lock is passed on by the token that it was inherited by.
        let token = match lock_token().filter(|_| held.is_inherited()) {
            Some(token) => token,
            None => held.token()?,
        };
        let (program, words) = self.command.split_first().ok_or_else(|| anyhow::anyhow!("no command"))?;
        let mut child = config::child(program)
            .args(words)
            .env(config::LOCK_TOKEN, token)
            .env(config::REPOSITORY, place.address()?)
            .spawn()
            .at("run", program)?;
        signals::pass_on_to(child.id())?;
        let ended = child.wait().at("wait for", program)?;
        let status = ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or(0));
        Ok(Exit(u8::try_from(status).unwrap_or(u8::MAX)))
    }
}

fn status(session: &Session, path: &Path) -> anyhow::Result<Exit> {
    let holders = Held::holders(path)?;
    for holder in &holders {
        let Holder { pid, host, mode, command, since_seconds, .. } = holder;
        let since = utc_time(Time::from_seconds(*since_seconds));
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "holder", "pid": pid, "host": host, "mode": mode.name(),
                "since": since, "command": command}))?;
        } else {
            let (host, command) = (escaped(host.as_bytes()), escaped(command.as_bytes()));
            session.ui.line(&format!("{pid}\t{host}\t{}\t{since}\t{command}", mode.name()))?;
        }
    }
    Ok(if holders.is_empty() { Exit::NEGATIVE } else { Exit::DONE })
}
