//! The side that answers, for any medium.
//!
//! The end of a connection says nothing of who asked: a writer whose connection broke goes on over another. So its lease
//! stays, and who does not come back is found dead by the time of its last sign of life, as on every medium without locks.

use super::{LINE_BYTES_MAX, VERSION};
use crate::backend::Backend;
use crate::backend::grant::{HELD_BYTES_MAX, take};
use crate::error::{Code, Error, Result, fail};
use std::io::{self, BufRead, Read, Write};

/// Bytes that are handed on at once.
const STEP_BYTES: u64 = 1 << 20;

/// Answers requests until there are no more.
///
/// # Errors
/// CONNECTION_FAILED when the other side goes away in the middle; what is wrong with a request is answered.
pub fn serve(backend: &dyn Backend, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<()> {
    let served = Server { backend }.answer_all(input, output);
    served.map_err(|error| Error::new(Code::ConnectionFailed, "the other side went away").with_source(error))
}

struct Server<'a> {
    backend: &'a dyn Backend,
}

/// What is answered.
enum Answer {
    Line(String),
    Bytes(Vec<u8>),
    /// Name, offset and length of what is read as it is sent.
    Stretch(String, u64, u64),
    List(Vec<(String, u64)>),
}

fn word(text: &str) -> Result<Answer> {
    Ok(Answer::Line(text.to_string()))
}

impl Server<'_> {
    fn answer_all(&self, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            Read::take(&mut *input, LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
            match line.pop() {
                None => return Ok(()),
                Some(b'\n') => {}
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            let words: Vec<&str> = text.split(' ').collect();
            let answer = match words.as_slice() {
                [verb @ ("put" | "new"), name, len] => match len.parse() {
                    Ok(len) => self.take(verb, name, len, input)?,
                    // Where the bytes after the line end is not known.
                    Err(_) => return Err(io::ErrorKind::InvalidData.into()),
                },
                words => self.answer(words),
            };
            self.reply(answer, output)?;
            output.flush()?;
        }
    }

    fn reply(&self, answer: Result<Answer>, output: &mut dyn Write) -> io::Result<()> {
        match answer {
            Ok(Answer::Line(line)) => writeln!(output, "{line}"),
            Ok(Answer::Bytes(bytes)) => {
                writeln!(output, "ok {}", bytes.len())?;
                output.write_all(&bytes)
            }
            Ok(Answer::List(items)) => {
                items.iter().try_for_each(|(name, len)| writeln!(output, "item {len} {name}"))?;
                writeln!(output, "ok")
            }
            Ok(Answer::Stretch(name, offset, len)) => self.send(&name, offset, len, output),
            Err(error) => writeln!(output, "error {} {}", error.code().name(), error.to_string().escape_debug()),
        }
    }

    /// Sends a part of a large file without holding it.
    fn send(&self, name: &str, offset: u64, len: u64, output: &mut dyn Write) -> io::Result<()> {
        writeln!(output, "ok {len}")?;
        let mut sent = 0;
        while sent < len {
            let step = STEP_BYTES.min(len - sent);
            // The length is promised by now: only an end says that something is wrong.
            let part = self.backend.get_range(name, offset + sent, step as usize).map_err(io::Error::other)?;
            output.write_all(&part)?;
            sent += step;
        }
        Ok(())
    }

    fn answer(&self, words: &[&str]) -> Result<Answer> {
        match words {
            ["hello", VERSION] => word(&format!("ok {VERSION}")),
            ["hello", ..] => fail(Code::ConfigError, format!("this side speaks version {VERSION} of the protocol")),
            ["get", name] => match self.backend.stat(name)? {
                None => word("missing"),
                Some(len) if len > HELD_BYTES_MAX => Ok(Answer::Stretch(name.to_string(), 0, len)),
                Some(_) => absent_or(self.backend.get(name).map(Answer::Bytes)),
            },
            ["range", name, offset, len] => {
                let (offset, len): (u64, u64) = (number(offset)?, number(len)?);
                match self.backend.stat(name)? {
                    None => word("missing"),
                    Some(there) if offset.checked_add(len).is_none_or(|end| end > there) => word("short"),
                    Some(_) if len > HELD_BYTES_MAX => Ok(Answer::Stretch(name.to_string(), offset, len)),
                    Some(_) => absent_or(self.backend.get_range(name, offset, len as usize).map(Answer::Bytes)),
                }
            }
            ["stat", name] => match self.backend.stat(name)? {
                Some(len) => word(&format!("ok {len}")),
                None => word("missing"),
            },
            ["time", name] => match self.backend.modified(name)? {
                Some(time) => word(&format!("ok {}", time.seconds.max(0))),
                None => word("missing"),
            },
            ["list", prefix] => {
                let mut items = Vec::new();
                self.backend.list(prefix, &mut |name, len| {
                    // What has no name of ours is nobody's business here.
                    if !name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                        items.push((name.to_string(), len));
                    }
                    Ok(())
                })?;
                Ok(Answer::List(items))
            }
            ["delete", name] => {
                self.backend.delete(name)?;
                word("ok")
            }
            _ => fail(Code::InvalidArg, "this is no request"),
        }
    }

    /// Takes the bytes after a line, all of them, whatever becomes of the request.
    fn take(&self, verb: &str, name: &str, len: u64, input: &mut dyn BufRead) -> io::Result<Result<Answer>> {
        let mut body = Read::take(input, len);
        let stored = take(self.backend, name, len, verb == "new", &mut body);
        io::copy(&mut body, &mut io::sink())?;
        if body.limit() > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(match stored {
            Ok(true) => word("ok"),
            Ok(false) => word("exists"),
            Err(error) => Err(error),
        })
    }
}

fn absent_or(answer: Result<Answer>) -> Result<Answer> {
    match answer {
        Err(error) if error.code() == Code::FileNotFound => word("missing"),
        Err(error) if error.code() == Code::StorageCorrupted => word("short"),
        answer => answer,
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::new(Code::InvalidArg, "a number was expected"))
}
