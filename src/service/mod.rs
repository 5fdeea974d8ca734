//! What is offered to others over HTTP: so far the files of a repository, by the protocol of `docs/HTTP-BACKEND.md`.
//!
//! Floor 7. Hyper by itself, without a framework over it: there is one kind of resource, and what a server needs besides
//! (bounds of connections, silence and memory, an orderly end) lies in hyper's hands and not in a router's. Connections are
//! kept by two threads; each request works on a thread of its own, of which there are so many and no more, because the
//! media below wait.

mod answer;
mod objects;

pub use objects::Served;

use crate::backend::{Backend, Token};
use crate::error::{Code, Error, IoContext, Result};
use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use objects::Objects;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::{Notify, Semaphore};

/// So many connections are open at once; others wait for one of them to end.
const CONNECTIONS_MAX: usize = 256;
/// So many requests are worked on at once, each with a few MiB at most; others wait.
const REQUESTS_MAX: usize = 24;
/// So much of what comes on a connection is held, bytes; the head of a request is shorter.
const CONNECTION_BYTES_MAX: usize = 64 << 10;
/// A connection on which no request comes for so long is closed; clients of ours give it up before.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Who neither sends nor takes what was promised for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// When the system has no room for another connection, it is asked again after this time.
const NO_ROOM_WAIT: Duration = Duration::from_millis(200);

/// Serves a medium.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    backend: Arc<dyn Backend>,
    token: Option<Token>,
    end: Arc<Notify>,
}

/// Ends a server.
#[derive(Clone)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// No more requests are taken; those under way are finished.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

impl Server {
    /// Listens. Whoever can reach the address can ask: beyond this machine, only with a token.
    ///
    /// # Errors
    /// PERMISSION_DENIED without a token for an address that others reach; SYSTEM_ERROR and its kin when nobody can listen
    /// there.
    pub fn bind(address: SocketAddr, backend: Arc<dyn Backend>, token: Option<Token>) -> Result<Server> {
        if token.is_none() && !address.ip().is_loopback() {
            let message = format!("{address} can be reached from other machines, and there is no token");
            return Err(Error::new(Code::PermissionDenied, message)
                .with_hint("--token-file FILE names a file with the word that clients must know"));
        }
        let cannot =
            |error: io::Error| Error::new(Code::SystemError, format!("cannot listen on {address}")).with_source(error);
        let listener = TcpListener::bind(address).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Server { listener, address, backend, token, end: Arc::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.end))
    }

    /// Serves until it is stopped and the last request is done; `each` hears of every request.
    ///
    /// # Errors
    /// SYSTEM_ERROR and its kin when the system has no room for its threads.
    pub fn run(self, each: &mut dyn FnMut(&Served)) -> Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(REQUESTS_MAX)
            .thread_name("larder-http")
            .enable_all()
            .build()
            .at("start threads for", "the server")?;
        let (say, hear) = mpsc::sync_channel(REQUESTS_MAX);
        let objects = Objects::new(self.backend, self.token, runtime.handle().clone(), say);
        let accepting = runtime.spawn(accept(self.listener, Arc::new(objects), self.end));
        // Until nobody is left who could be heard of.
        hear.iter().for_each(|served| each(&served));
        let ended = runtime.block_on(accepting).map_err(io::Error::other);
        ended.and_then(|ended| ended).at("listen on", self.address.to_string())
    }
}

async fn accept(listener: TcpListener, objects: Arc<Objects>, end: Arc<Notify>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    let mut ended = pin!(end.notified());
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = match select(pin!(next), ended.as_mut()).await {
            Either::Left((next, _)) => next,
            Either::Right(_) => break,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(NO_ROOM_WAIT).await;
            continue;
        };
        // One that went away already is noticed below.
        let _ = prepare(&stream);
        let objects = Arc::clone(&objects);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_MAX)
            .max_buf_size(CONNECTION_BYTES_MAX)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| Arc::clone(&objects).answer(peer, request)),
            );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What goes wrong on a connection is the other side's to notice.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

/// Whoever takes nothing of what is sent is given up by the system.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_tcp_user_timeout(stream, SILENCE_MAX.as_millis() as u32)?;
    stream.set_nodelay(true)
}
