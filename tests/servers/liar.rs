//! A server that stands before another one, hands everything on, and now and then answers otherwise than it should.

use super::http::{Answer, Handler, HttpServer, Request, Way};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The server behind is not silent for longer.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status and word.
    Says(u16, &'static str),
    /// That it wants to be left alone for a second.
    Quiet,
    /// It is silent.
    Hangs,
    /// It ends the connection before it does anything.
    Drops,
    /// It does what it should, and ends the connection before the answer.
    Forgets,
    /// Its answer ends in the middle.
    Cuts,
    /// One bit of its answer is another.
    Alters,
    /// Its answer is half of what it should be, and says that this is all.
    Halves,
}

/// The answer of a fault; `truth` does what was asked.
pub fn fail(fault: Fault, truth: impl Fn() -> Answer) -> Answer {
    match fault {
        Fault::Says(status, word) => Answer::new(status, format!("<Error><Code>{word}</Code></Error>")),
        Fault::Quiet => Answer::new(503, "").with("retry-after", 1),
        Fault::Hangs => Answer { way: Way::Hang, ..Answer::new(200, "") },
        Fault::Drops => Answer { way: Way::Drop, ..Answer::new(200, "") },
        Fault::Forgets => Answer { way: Way::Drop, ..truth() },
        Fault::Cuts => {
            let truth = truth();
            // What has no body ends in the middle of its head.
            let way = if truth.body.is_empty() { Way::Drop } else { Way::Cut(truth.body.len() / 2) };
            Answer { way, ..truth }
        }
        Fault::Alters => {
            let mut answer = truth();
            let middle = answer.body.len() / 2;
            if let Some(byte) = answer.body.get_mut(middle) {
                *byte ^= 1;
            }
            answer
        }
        Fault::Halves => {
            let mut answer = truth();
            answer.body.truncate(answer.body.len() / 2);
            answer.headers.retain(|(name, _)| name != "content-length");
            answer
        }
    }
}

/// Hands on to the server at a port of this machine.
pub fn to_port(port: u16) -> Handler {
    Arc::new(move |request| hand_on(port, request))
}

/// A server that fails at requests that `hits` chooses, each of them once, so many times in all.
pub fn failing_once(truth: Handler, fault: Fault, times: usize, hits: fn(&Request) -> bool) -> HttpServer {
    let (seen, left) = (Mutex::new(HashSet::new()), AtomicUsize::new(times));
    HttpServer::start(Arc::new(move |request| {
        let range = request.headers.get("range");
        // Another try of a long file is another upload.
        let query: Vec<_> = request.query.iter().filter(|(name, _)| *name != "uploadId").collect();
        let words = format!("{} {} {query:?} {range:?}", request.method, request.path);
        let is_hit = hits(request)
            && seen.lock().unwrap().insert(words)
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_hit { fail(fault, || truth(request)) } else { truth(request) }
    }))
}

fn hand_on(port: u16, request: &Request) -> Answer {
    ask(port, request).unwrap_or_else(|error| panic!("the server behind does not answer: {error}"))
}

fn ask(port: u16, request: &Request) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    // By the older version of the protocol an answer comes in one piece, and the connection ends with it.
    let mut text = format!("{} {} HTTP/1.0\r\n", request.method, request.target);
    for (name, value) in request.headers.iter().filter(|(name, _)| !["connection", "expect"].contains(&name.as_str())) {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all((text + "\r\n").as_bytes())?;
    stream.write_all(&request.body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer::new(status, &bytes[end + 4..]);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let name = name.to_ascii_lowercase();
        assert_ne!(name, "transfer-encoding", "an answer in pieces is not handed on");
        if !["connection", "keep-alive"].contains(&name.as_str()) {
            answer = answer.with(&name, value.trim());
        }
    }
    Ok(answer)
}
