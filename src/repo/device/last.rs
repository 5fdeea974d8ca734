//! The last record that this client appended.
//!
//! One line of [`LINE_BYTES`], written in place and within one sector: before the record is stored, with a sync, and
//! after, without. So appending costs one sync beside those of the record itself. A note that says *pending* names the
//! record before it as well; a record that was pending when the power went was stored, or never will be.

use super::{ClientState, Heads, StateLock};
use crate::error::{IoContext, Result};
use crate::fs::{PRIVATE_FILE, remove_if_there, write_durable};
use crate::id::{Id, ShortId};
use crate::repo::roots::{Head, Seen};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

const LAST_FILE: &str = "last";
/// Room for the line, less than any disk's sector.
const LINE_BYTES: usize = 256;

/// What is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// Nothing.
    Nothing,
    /// Nothing that can be read.
    Unknown,
    /// This device appended it.
    Stored(ShortId, Head),
    /// This device had appended the first, and began to store the second.
    Pending(ShortId, Option<Head>, Head),
}

impl Last {
    /// Adds what is noted to what else is remembered.
    pub(super) fn add_to(self, heads: &mut Heads) {
        let (device, head) = match self {
            Last::Nothing => return,
            Last::Unknown => {
                heads.is_last_unknown = true;
                return;
            }
            // The note of an identity that was replaced.
            Last::Stored(device, _) | Last::Pending(device, ..) if heads.own.is_some_and(|own| own != device) => return,
            Last::Stored(device, head) => (device, Some(head)),
            Last::Pending(device, before, head) => {
                heads.pending = Some(head);
                (device, before)
            }
        };
        let accepted_through = heads.devices.get(&device).map_or(0, |seen| seen.accepted_through);
        if let Some(head) = head
            && heads.devices.get(&device).is_none_or(|seen| seen.head.sequence < head.sequence)
        {
            heads.devices.insert(device, Seen { head, accepted_through });
        }
    }

    fn render(self) -> [u8; LINE_BYTES] {
        let none = Head { sequence: 0, name: Id::EMPTY };
        let (state, device, before, head) = match self {
            Last::Nothing | Last::Unknown => return [b' '; LINE_BYTES],
            Last::Stored(device, head) => ("stored", device, head, head),
            Last::Pending(device, before, head) => ("pending", device, before.unwrap_or(none), head),
        };
        let text = format!("{state} {device} {} {} {} {} .", before.sequence, before.name, head.sequence, head.name);
        let mut line = [b' '; LINE_BYTES];
        for (to, from) in line.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        line[LINE_BYTES - 1] = b'\n';
        line
    }

    fn parse(text: &str) -> Option<Last> {
        let mut words = text.split_ascii_whitespace();
        let (state, device) = (words.next()?, words.next()?.parse().ok()?);
        let mut head = || Some(Head { sequence: words.next()?.parse().ok()?, name: words.next()?.parse().ok()? });
        let (before, head) = (head()?, head()?);
        match (state, words.next(), words.next()) {
            ("stored", Some("."), None) => Some(Last::Stored(device, head)),
            ("pending", Some("."), None) => {
                Some(Last::Pending(device, Some(before).filter(|before| before.sequence > 0), head))
            }
            _ => None,
        }
    }
}

impl ClientState {
    pub(super) fn last(&self) -> Result<Last> {
        Ok(self.read(LAST_FILE)?.map_or(Last::Nothing, |text| Last::parse(&text).unwrap_or(Last::Unknown)))
    }

    /// Notes, durably, that a record is about to be stored after the record `before`.
    pub(crate) fn note_pending(
        &self,
        device: &ShortId,
        before: Option<Head>,
        head: Head,
        _lock: &StateLock,
    ) -> Result<()> {
        let path = self.dir.join(LAST_FILE);
        let line = Last::Pending(*device, before, head).render();
        match OpenOptions::new().write(true).open(&path) {
            Ok(file) if file.metadata().is_ok_and(|meta| meta.len() == LINE_BYTES as u64) => {
                file.write_all_at(&line, 0).and_then(|()| file.sync_data()).at("write", &path)
            }
            Ok(_) => write_durable(&path, &line, PRIVATE_FILE),
            Err(error) if error.kind() == ErrorKind::NotFound => write_durable(&path, &line, PRIVATE_FILE),
            Err(error) => Err(error).at("open", &path),
        }
    }

    /// Notes that it was stored.
    pub(crate) fn note_stored(&self, device: &ShortId, head: Head, _lock: &StateLock) -> Result<()> {
        let path = self.dir.join(LAST_FILE);
        let file = OpenOptions::new().write(true).open(&path).at("open", &path)?;
        file.write_all_at(&Last::Stored(*device, head).render(), 0).at("write", &path)
    }

    /// Takes the note away: what is remembered otherwise counts.
    pub(super) fn forget_last(&self, _lock: &StateLock) -> Result<()> {
        remove_if_there(&self.dir.join(LAST_FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_or_are_unknown() {
        let device = ShortId::new([1; 16]);
        let head = |sequence| Head { sequence, name: Id::new([2; 32]) };
        let longest = Last::Pending(device, Some(head(u64::MAX)), head(u64::MAX));
        for last in [Last::Stored(device, head(7)), Last::Pending(device, None, head(1)), longest] {
            let line = last.render();
            let text = std::str::from_utf8(&line).unwrap();
            assert_eq!(Last::parse(text), Some(last));
            for at in 0..text.trim_end().len() {
                assert_eq!(Last::parse(&text[..at]), None);
            }
        }
    }
}
