//! Answers: what stands in the head of all of them, and bodies that are made as they are sent.

use crate::backend::{ERROR_HEADER, PROTOCOL_HEADER, VERSION};
use crate::error::Code;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::http::response::Builder;
use hyper::{Response, StatusCode};
use std::io::{self, Write};
use tokio::runtime::Handle;

/// Bytes that are handed on at once.
const STEP_BYTES: usize = 256 << 10;

/// An answer, held or made as it is sent.
pub(super) type Answer = Response<Either<Full<Bytes>, Channel<Bytes, io::Error>>>;

/// The head of an answer.
pub(super) fn head(status: u16) -> Builder {
    // What is at a name may be another thing tomorrow, or gone: nobody between shall keep it.
    Response::builder().status(status).header(PROTOCOL_HEADER, VERSION).header("cache-control", "no-store")
}

/// A whole answer.
pub(super) fn whole(head: Builder, body: impl Into<Bytes>) -> Answer {
    head.body(Either::Left(Full::new(body.into()))).unwrap_or_else(|_| broken())
}

/// What is answered instead of what was asked. Why exactly is not the other side's business: paths of this machine stand there.
pub(super) fn refusal(code: Code) -> Answer {
    let status = match code {
        Code::Unauthorized => 401,
        code => code.http_status(),
    };
    let head = head(status).header(ERROR_HEADER, code.name()).header("content-type", "text/plain");
    let head = if code == Code::Unauthorized { head.header("www-authenticate", "Bearer") } else { head };
    whole(head, format!("{}: {}\n", code.name(), code.about()))
}

fn broken() -> Answer {
    let mut answer = Response::new(Either::Left(Full::default()));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

/// The body of an answer, written while it goes.
pub(super) struct Stream<'a> {
    sender: Sender<Bytes, io::Error>,
    handle: &'a Handle,
    held: Vec<u8>,
}

impl<'a> Stream<'a> {
    /// An answer and what its body is written to.
    pub(super) fn new(head: Builder, handle: &'a Handle) -> (Answer, Stream<'a>) {
        let (sender, body) = Channel::new(1);
        let answer = head.body(Either::Right(body)).unwrap_or_else(|_| broken());
        (answer, Stream { sender, handle, held: Vec::with_capacity(STEP_BYTES) })
    }

    /// Ends it. After an error the connection is cut, so that nobody takes for all what is a part.
    pub(super) fn end(mut self, written: io::Result<()>) -> io::Result<()> {
        let written = written.and_then(|()| self.flush());
        match written {
            Ok(()) => Ok(()),
            Err(error) => {
                let kind = error.kind();
                self.sender.abort(error);
                Err(kind.into())
            }
        }
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(STEP_BYTES - self.held.len());
        self.held.extend_from_slice(&bytes[..len]);
        if self.held.len() == STEP_BYTES {
            self.flush()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::replace(&mut self.held, Vec::with_capacity(STEP_BYTES));
        self.handle.block_on(self.sender.send_data(held.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
