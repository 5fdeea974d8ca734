//! The side that asks.
//!
//! One request is under way on a connection at a time; several threads have several connections. A connection on which
//! anything went wrong is not used again.

use super::connection::{Connection, Reply};
use super::{LINE_BYTES_MAX, Program, WHOLE_BYTES_MAX};
use crate::backend::{Access, Backend, Spool, check_name, spool_in};
use crate::clock::Time;
use crate::error::{Code, Error, IoContext, Result, fail};
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A medium behind a program.
pub struct StdioBackend {
    program: Program,
    location: String,
    temp: Option<PathBuf>,
    silence_ms_max: u64,
    connections_max: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    free: Vec<Connection>,
    open: usize,
}

impl StdioBackend {
    /// The medium that `program` keeps; it is started when something is asked. `location` stands in messages.
    pub fn new(program: Program, location: String, access: &Access) -> StdioBackend {
        StdioBackend {
            program,
            location,
            temp: access.temp.clone(),
            silence_ms_max: access.silence_ms_max,
            connections_max: access.connections_max.max(1),
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Talks on a connection that nobody else uses.
    fn talk<T>(&self, talk: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let mut connection = self.take()?;
        let answer = talk(&mut connection);
        let mut pool = self.pool();
        if connection.is_broken() {
            pool.open -= 1;
        } else {
            pool.free.push(connection);
        }
        drop(pool);
        self.returned.notify_one();
        answer
    }

    fn take(&self) -> Result<Connection> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.free.pop() {
                return Ok(connection);
            }
            if pool.open < self.connections_max {
                pool.open += 1;
                break;
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
        drop(pool);
        Connection::open(&self.program, &self.location, self.silence_ms_max).inspect_err(|_| {
            self.pool().open -= 1;
            self.returned.notify_one();
        })
    }

    /// A request without bytes, and its answer.
    fn ask(&self, line: &str) -> Result<Reply> {
        self.talk(|connection| {
            connection.say(line)?;
            connection.reply()
        })
    }

    fn send(&self, verb: &str, name: &str, len: u64, bytes: &mut dyn Read) -> Result<Reply> {
        check_word(name)?;
        self.talk(|connection| {
            connection.say_with(&format!("{verb} {name} {len}"), len, bytes)?;
            connection.reply()
        })
    }

    fn receive(&self, line: &str, name: &str, wanted: Option<u64>) -> Result<Vec<u8>> {
        self.talk(|connection| {
            connection.say(line)?;
            let len = match connection.reply()? {
                Reply::Ok(Some(len)) => len,
                Reply::Missing => return self.absent(name),
                Reply::Short => return self.short(name),
                other => return Err(connection.astray(&other)),
            };
            if wanted.is_some_and(|wanted| wanted != len) || len > WHOLE_BYTES_MAX {
                return Err(connection.astray(&Reply::Ok(Some(len))));
            }
            connection.bytes(len)
        })
    }

    fn absent<T>(&self, name: &str) -> Result<T> {
        fail(Code::FileNotFound, format!("there is no {name} at {}", self.location))
    }

    fn short<T>(&self, name: &str) -> Result<T> {
        fail(Code::StorageCorrupted, format!("{name} at {} is shorter than it should be", self.location))
    }

    fn strange<T>(&self, reply: &Reply) -> Result<T> {
        fail(Code::NetworkError, format!("{} answered {}, which fits no such request", self.location, reply.name()))
    }
}

impl Backend for StdioBackend {
    fn location(&self) -> String {
        self.location.clone()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        match self.send("put", name, bytes.len() as u64, &mut &bytes[..])? {
            Reply::Ok(None) => Ok(()),
            other => self.strange(&other),
        }
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        match self.send("new", name, bytes.len() as u64, &mut &bytes[..])? {
            Reply::Ok(None) => Ok(true),
            Reply::Exists => Ok(false),
            other => self.strange(&other),
        }
    }

    fn spool(&self) -> Result<Spool> {
        spool_in(self.temp.as_deref())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let path = spool.path();
        let mut file = spool.as_file();
        let len = file.metadata().at("look at", path)?.len();
        file.rewind().at("read", path)?;
        match self.send("put", name, len, &mut file)? {
            Reply::Ok(None) => Ok(()),
            other => self.strange(&other),
        }
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        check_word(name)?;
        self.receive(&format!("get {name}"), name, None)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        check_word(name)?;
        // Numbers that no file of ours reaches are not asked for: a program may have no room for them.
        if len as u64 > WHOLE_BYTES_MAX || offset > 1 << 50 {
            return if self.stat(name)?.is_none() { self.absent(name) } else { self.short(name) };
        }
        self.receive(&format!("range {name} {offset} {len}"), name, Some(len as u64))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        check_word(name)?;
        match self.ask(&format!("stat {name}"))? {
            Reply::Ok(Some(len)) => Ok(Some(len)),
            Reply::Missing => Ok(None),
            other => self.strange(&other),
        }
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        check_word(name)?;
        match self.ask(&format!("time {name}")) {
            Ok(Reply::Ok(Some(seconds))) => Ok(i64::try_from(seconds).ok().map(Time::from_seconds)),
            Ok(Reply::Missing) => Ok(None),
            Ok(other) => self.strange(&other),
            // A program that knows no such request has no clock.
            Err(error) if error.code() == Code::InvalidArg => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        check_word(prefix)?;
        let below = format!("{prefix}/");
        // All of it first: what is done with a name may ask the same medium for more.
        let items = self.talk(|connection| {
            connection.say(&format!("list {prefix}"))?;
            let mut items = Vec::new();
            loop {
                match connection.reply()? {
                    Reply::Item(len, name) if name.starts_with(&below) && check_name(&name).is_ok() => {
                        items.push((name, len));
                    }
                    Reply::Ok(None) => return Ok(items),
                    other => return Err(connection.astray(&other)),
                }
            }
        })?;
        items.iter().try_for_each(|(name, len)| each(name, *len))
    }

    fn delete(&self, name: &str) -> Result<()> {
        check_word(name)?;
        match self.ask(&format!("delete {name}"))? {
            Reply::Ok(None) | Reply::Missing => Ok(()),
            other => self.strange(&other),
        }
    }
}

/// A name that is one word of a line.
fn check_word(name: &str) -> Result<()> {
    check_name(name)?;
    if name.len() > LINE_BYTES_MAX / 2 || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Error::new(Code::InvalidArg, format!("`{}` is not a name in a repository", name.escape_debug())));
    }
    Ok(())
}
