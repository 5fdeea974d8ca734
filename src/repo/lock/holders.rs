//! What the lock file says: who holds it.
//!
//! The file is a row of slots of [`SLOT_BYTES`], each blank or one line of text. An exclusive holder writes the first
//! and only one. Shared holders append theirs (one append is atomic on a local disk) and blank it when they end, so
//! none rewrites another's. A holder that died left its line: it is told by process id and start time.

use super::Mode;
use crate::clock;
use crate::fs::{boot_id, host_name};
use jiff::Timestamp;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

/// Room for a line: two hashes and ids, and about 250 bytes of host and command.
const SLOT_BYTES: usize = 512;
/// From this many slots on, blank ones in the middle are used again; nothing past it is read.
const SLOTS_MAX: usize = 256;

/// Who holds a lock, as it said itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// How it is held.
    pub mode: Mode,
    /// Process id.
    pub pid: u32,
    /// When the process started, in the kernel's ticks since boot: a process id alone may be another's by now.
    pub start_ticks: u64,
    /// The boot in which `pid` means something.
    pub boot_id: String,
    /// The machine.
    pub host: String,
    /// The command.
    pub command: String,
    /// Since when, Unix seconds.
    pub since_seconds: i64,
    /// SHA-256 of the token by which commands inherit this lock, in hex.
    pub token_hash: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        if !self.command.is_empty() {
            write!(f, " ({})", self.command)?;
        }
        let since = Timestamp::from_second(self.since_seconds).unwrap_or_default();
        write!(f, ", {}, since {since}", self.mode.name())
    }
}

impl Holder {
    pub(super) fn this_process(mode: Mode, command: &str) -> Holder {
        static SELF: OnceLock<(u64, String, String)> = OnceLock::new();
        let pid = std::process::id();
        let (start_ticks, boot_id, host) =
            SELF.get_or_init(|| (start_ticks(pid).unwrap_or(0), boot_id(), host_name())).clone();
        let since_seconds = clock::now().seconds;
        let command = command.to_string();
        Holder { mode, pid, start_ticks, boot_id, host, command, since_seconds, token_hash: None }
    }

    /// False when its process is certainly gone; a process of another machine cannot be judged.
    fn may_live(&self) -> bool {
        let here = Holder::this_process(self.mode, "");
        if self.host != here.host {
            return true;
        }
        self.boot_id == here.boot_id && (here.start_ticks == 0 || start_ticks(self.pid) == Some(self.start_ticks))
    }

    fn to_slot(&self) -> [u8; SLOT_BYTES] {
        let mut line = format!(
            "{} pid={} start={} boot={} since={} token={} host={} command=",
            self.mode.name(),
            self.pid,
            self.start_ticks,
            or_dash(&self.boot_id),
            self.since_seconds,
            self.token_hash.as_deref().unwrap_or("-"),
            or_dash(&word(&self.host)),
        );
        for c in self.command.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if line.len() + c.len_utf8() >= SLOT_BYTES {
                break;
            }
            line.push(c);
        }
        let mut slot = [b' '; SLOT_BYTES];
        let len = line.len().min(SLOT_BYTES - 1);
        slot[..len].copy_from_slice(&line.as_bytes()[..len]);
        slot[SLOT_BYTES - 1] = b'\n';
        slot
    }

    fn from_slot(slot: &[u8]) -> Option<Holder> {
        let line = std::str::from_utf8(slot).ok()?.trim_matches(['\0', ' ', '\n']);
        let (head, command) = line.split_once(" command=").or(line.strip_suffix(" command=").map(|head| (head, "")))?;
        let mut words = head.split(' ');
        let mode = match words.next()? {
            "shared" => Mode::Shared,
            "exclusive" => Mode::Exclusive,
            _ => return None,
        };
        let mut value = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let known = |text: &str| Some(text.to_string()).filter(|text| text != "-");
        Some(Holder {
            mode,
            pid: value("pid")?.parse().ok()?,
            start_ticks: value("start")?.parse().ok()?,
            boot_id: known(value("boot")?).unwrap_or_default(),
            since_seconds: value("since")?.parse().ok()?,
            token_hash: known(value("token")?),
            host: known(value("host")?).unwrap_or_default(),
            command: command.to_string(),
        })
    }
}

/// A place in the lock file that this process wrote.
#[derive(Debug)]
pub(super) struct Slot {
    offset: u64,
    line: [u8; SLOT_BYTES],
}

impl Slot {
    /// Says something else in the same place.
    pub(super) fn rewrite(&self, file: &File, holder: &Holder) -> io::Result<Slot> {
        let line = holder.to_slot();
        file.write_all_at(&line, self.offset)?;
        Ok(Slot { offset: self.offset, line })
    }

    /// Takes back what it says, as far as that is possible.
    pub(super) fn clear(&self, file: &File, mode: Mode) {
        if mode == Mode::Exclusive {
            let _ = file.set_len(0);
            return;
        }
        let mut there = [0; SLOT_BYTES];
        if file.read_exact_at(&mut there, self.offset).is_ok() && there == self.line {
            let _ = file.write_all_at(&[b' '; SLOT_BYTES], self.offset);
        }
        // A holder that appends in this instant is not listed; its lock is not touched.
        if slots(file).is_ok_and(|bytes| bytes.iter().all(|byte| matches!(byte, b' ' | b'\n' | 0))) {
            let _ = file.set_len(0);
        }
    }
}

/// Notes a holder of the lock that this process just took through `file`.
pub(super) fn write(file: &File, path: &Path, holder: &Holder) -> io::Result<Slot> {
    let line = holder.to_slot();
    if holder.mode == Mode::Exclusive {
        file.set_len(0)?;
        file.write_all_at(&line, 0)?;
        return Ok(Slot { offset: 0, line });
    }
    if file.metadata()?.len() >= (SLOT_BYTES * SLOTS_MAX) as u64 {
        let free = slots(file)?
            .chunks_exact(SLOT_BYTES)
            .position(|slot| Holder::from_slot(slot).is_none_or(|other| !other.may_live()));
        let offset = (free.unwrap_or(SLOTS_MAX - 1) * SLOT_BYTES) as u64;
        file.write_all_at(&line, offset)?;
        return Ok(Slot { offset, line });
    }
    let mut end = OpenOptions::new().append(true).open(path)?;
    end.write_all(&line)?;
    let offset = end.stream_position()?.saturating_sub(SLOT_BYTES as u64);
    Ok(Slot { offset, line })
}

/// The holders that may be alive.
pub(super) fn read(file: &File) -> io::Result<Vec<Holder>> {
    let bytes = slots(file)?;
    Ok(bytes.chunks_exact(SLOT_BYTES).filter_map(Holder::from_slot).filter(Holder::may_live).collect())
}

fn slots(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; SLOT_BYTES * SLOTS_MAX];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Field 22 of `/proc/PID/stat`; the command in field 2 may hold spaces and brackets, so it is counted from its end.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_command = stat.iter().rposition(|byte| *byte == b')')? + 1;
    std::str::from_utf8(stat.get(after_command..)?).ok()?.split_whitespace().nth(19)?.parse().ok()
}

fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(64).collect()
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
