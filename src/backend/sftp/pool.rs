//! The connections of one medium.
//!
//! An ssh connection has at most 2 MiB under way (OpenSSH's window of a channel), so a line of 40 ms carries no more than
//! 50 MB a second in one. Who moves much while others do gets a connection of his own, up to [`SESSIONS_MAX`].

use super::session::Session;
use crate::backend::Program;
use crate::backend::net::Net;
use crate::error::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many connections at most; rclone has one for each file that it carries at once, which are four.
const SESSIONS_MAX: usize = 4;
/// Who moves so many bytes moves much.
const MUCH_BYTES: u64 = 1 << 20;

/// Connections to one place.
pub(super) struct Pool {
    /// What makes the first one: it may ask for something at the terminal.
    first: Program,
    /// What makes the others, and asks nobody.
    other: Program,
    location: String,
    silence_ms_max: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Vec<Arc<Session>>,
    /// So many others are being opened.
    opening: usize,
    /// The other side wants no more, or would ask at the terminal.
    is_enough: bool,
}

impl Pool {
    pub(super) fn new(first: Program, other: Program, location: String, silence_ms_max: u64) -> Pool {
        Pool { first, other, location, silence_ms_max, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for whoever moves so many bytes: the one that fewest use.
    ///
    /// # Errors
    /// As [`Session::open`], when there is none yet.
    pub(super) fn session(&self, net: &Net, bytes: u64) -> Result<Arc<Session>> {
        let open =
            |program| net.wait(&self.location, 0, Session::open(program, &self.location, self.silence_ms_max))?;
        let mut state = self.lock();
        state.open.retain(|session| !session.is_broken());
        let Some(least) = state.open.iter().min_by_key(|session| Arc::strong_count(session)).cloned() else {
            let opened = Arc::new(open(&self.first)?);
            state.open.push(opened.clone());
            return Ok(opened);
        };
        // One count is ours, and one the pool's.
        let is_used = Arc::strong_count(&least) > 2;
        let is_room = state.open.len() + state.opening < SESSIONS_MAX && !state.is_enough;
        if bytes < MUCH_BYTES || !is_used || !is_room {
            return Ok(least);
        }
        state.opening += 1;
        drop(state);
        // Others go on meanwhile.
        let opened = open(&self.other);
        let mut state = self.lock();
        state.opening -= 1;
        let Ok(opened) = opened.map(Arc::new) else {
            state.is_enough = true;
            return Ok(least);
        };
        state.open.push(opened.clone());
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Access;

    /// A server that greets, and says nothing more.
    const GREETS: &str = "printf '\\0\\0\\0\\5\\2\\0\\0\\0\\3'; exec cat >/dev/null";

    fn pool(other: &str) -> (Net, Pool) {
        let program = |command: &str| Program::shell(command.as_ref(), &Access::default());
        (Net::new(120_000).unwrap(), Pool::new(program(GREETS), program(other), "sftp://host/x".to_string(), 120_000))
    }

    #[test]
    fn who_moves_much_while_others_do_gets_a_connection_of_his_own_up_to_some() {
        let (net, pool) = pool(GREETS);
        let session = |bytes| pool.session(&net, bytes).unwrap();
        let first = session(MUCH_BYTES);
        assert!(Arc::ptr_eq(&first, &session(0)), "small things need none");
        let held: Vec<_> = (1..SESSIONS_MAX).map(|_| session(MUCH_BYTES)).collect();
        assert_eq!(pool.lock().open.len(), SESSIONS_MAX);
        assert!(held.iter().all(|other| !Arc::ptr_eq(&first, other)));
        drop(held);
        // All are in use, and there are no more; then one is free, and is taken.
        let all: Vec<_> = pool.lock().open.clone();
        assert!(all.iter().any(|one| Arc::ptr_eq(one, &session(MUCH_BYTES))));
        drop(all);
        assert!(!Arc::ptr_eq(&first, &session(MUCH_BYTES)));
        assert_eq!(pool.lock().open.len(), SESSIONS_MAX);
    }

    #[test]
    fn a_server_that_wants_one_connection_only_is_not_asked_twice() {
        let dir = tempfile::tempdir().unwrap();
        let asked = dir.path().join("asked");
        let (net, pool) = pool(&format!("echo >>'{}'; exit 1", asked.display()));
        let first = pool.session(&net, MUCH_BYTES).unwrap();
        for _ in 0..3 {
            assert!(Arc::ptr_eq(&first, &pool.session(&net, MUCH_BYTES).unwrap()));
        }
        assert_eq!(std::fs::read(&asked).unwrap(), b"\n");
    }
}
