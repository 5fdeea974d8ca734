//! The command line of larder: words in, one engine called, words out.
//!
//! Above the floors of the library, and another crate to the compiler: it sees only what is public there.
//! `dispatch` finds the command, `commands` holds one file a command, `ui` is the only writer to the terminal.

#![forbid(unsafe_code)]

mod commands;
mod dispatch;
mod globals;
mod session;
mod ui;

fn main() -> std::process::ExitCode {
    dispatch::main(std::env::args_os().skip(1).collect())
}
