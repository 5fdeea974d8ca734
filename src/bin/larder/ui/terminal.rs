//! Asking for a passphrase at the terminal, without showing it.

use larder::config;
use larder::error::{Code, Error, IoContext, Result};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::SIGINT;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use zeroize::{Zeroize, Zeroizing};

/// The controlling terminal, whatever stdin and stdout are.
const TERMINAL: &str = "/dev/tty";
/// Room for a passphrase, taken at once so that no copy is left behind by growing.
const PASSPHRASE_BYTES_MAX: usize = 4 << 10;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// Asks; with `is_new`, twice, until both are the same.
///
/// # Errors
/// INVALID_KEY when there is no terminal or the two differ; SYSTEM_ERROR when the terminal cannot be used.
pub fn ask_passphrase(is_new: bool) -> Result<Zeroizing<Vec<u8>>> {
    let Ok(tty) = OpenOptions::new().read(true).write(true).open(TERMINAL) else {
        return Err(nobody_to_ask());
    };
    let first = ask(&tty, if is_new { "New passphrase: " } else { "Passphrase: " })?;
    if is_new && *first != *ask(&tty, "The same again: ")? {
        return Err(
            Error::new(Code::InvalidKey, "the two passphrases differ").with_hint("nothing was changed: type it again")
        );
    }
    Ok(first)
}

/// Whether there is no terminal to ask at.
pub fn is_nobody_there() -> bool {
    OpenOptions::new().read(true).write(true).open(TERMINAL).is_err()
}

/// Why nobody is asked, and what to do instead.
pub fn nobody_to_ask() -> Error {
    let message = if is_nobody_there() {
        "the repository needs a passphrase, and there is no terminal to ask at"
    } else {
        "the repository needs a passphrase, and plumbing never asks for it"
    };
    let hint = "give it with --passphrase-file, --passphrase-command, --passphrase-fd or LARDER_PASSPHRASE_FILE";
    Error::new(Code::InvalidKey, message).with_hint(match config::variable(config::LOCK_TOKEN) {
        Some(_) => format!("{hint}; larder takes LARDER_PASSPHRASE away from the commands it runs"),
        None => hint.to_string(),
    })
}

/// The terminal as it was, to be put back.
struct Quiet<'a> {
    tty: &'a File,
    before: Termios,
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Now, &self.before);
    }
}

fn ask(mut tty: &File, prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
    let before = tcgetattr(tty).at("ask at", TERMINAL)?;
    let mut quiet = before.clone();
    // Keys come one by one, and Ctrl-C as a key: a signal would end us with the terminal still silent.
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    let guard = Quiet { tty, before };
    tcsetattr(tty, OptionalActions::Now, &quiet).at("ask at", TERMINAL)?;
    tty.write_all(prompt.as_bytes()).at("ask at", TERMINAL)?;
    let typed = read_line(tty);
    drop(guard);
    tty.write_all(b"\n").at("ask at", TERMINAL)?;
    typed?.ok_or_else(|| {
        let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
        Error::new(Code::InvalidKey, "no passphrase was typed")
    })
}

/// One line, with the keys that lines are edited with; `None` for Ctrl-C.
fn read_line(mut tty: &File) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX));
    let mut key = [0];
    loop {
        if tty.read(&mut key).at("read", TERMINAL)? == 0 {
            return Ok(Some(line));
        }
        match key[0] {
            CTRL_C => return Ok(None),
            b'\n' | b'\r' | CTRL_D => return Ok(Some(line)),
            BACKSPACE | DELETE => {
                // A character may be several bytes.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            CTRL_U => line.clear(),
            byte if line.len() < PASSPHRASE_BYTES_MAX => line.push(byte),
            _ => {}
        }
        key.zeroize();
    }
}
