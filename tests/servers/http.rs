//! A small HTTP server for tests: a handler makes answers, and may say how they go wrong.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A connection on which nothing comes for so long is closed.
const SILENCE_MAX: Duration = Duration::from_secs(20);

pub struct Request {
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// Decoded, with its first slash.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As it should.
    Whole,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// Nothing comes, until the client has had enough.
    Hang,
    /// The connection ends before the answer.
    Drop,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub way: Way,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), way: Way::Whole }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }
}

pub type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// Serves until it is dropped.
pub struct HttpServer {
    pub address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl HttpServer {
    pub fn start(handler: Handler) -> HttpServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, over) = (handler.clone(), over.clone());
                // What goes wrong on a connection is the client's to notice.
                std::thread::spawn(move || stream.is_ok_and(|stream| serve(stream, &handler, &over).is_ok()));
            }
        });
        HttpServer { address, is_over }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, handler: &Handler, over: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while !over.load(Ordering::SeqCst) {
        let Some(request) = read(&mut input, &mut out)? else { return Ok(()) };
        let answer = handler(&request);
        match answer.way {
            Way::Drop => return Ok(()),
            // The client hangs up, or the time is over.
            Way::Hang => return input.read(&mut [0]).map(drop),
            Way::Whole | Way::Cut(_) => {}
        }
        let mut text = format!("HTTP/1.1 {} x\r\n", answer.status);
        for (name, value) in &answer.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !answer.headers.iter().any(|(name, _)| name == "content-length") {
            text += &format!("content-length: {}\r\n", answer.body.len());
        }
        out.write_all((text + "\r\n").as_bytes())?;
        let body = if request.method == "HEAD" { &[] } else { &answer.body[..] };
        if let Way::Cut(bytes) = answer.way {
            return out.write_all(&body[..bytes.min(body.len())]);
        }
        out.write_all(body)?;
    }
    Ok(())
}

fn read(input: &mut BufReader<TcpStream>, out: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_string);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => _ = headers.insert(name.to_ascii_lowercase(), value.trim().to_string()),
            None => break,
        }
    }
    if headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let len = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; len];
    input.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(a, b)| (decoded(a), decoded(b)));
    let (path, query) = (decoded(path), query.collect());
    Ok(Some(Request { method, path, query, target, headers, body }))
}

fn decoded(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}
