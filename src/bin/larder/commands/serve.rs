//! `larder serve`: the files of a repository over HTTP.

use super::served::Served;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::signals;
use larder::backend::Token;
use larder::error::{Code, Error};
use larder::service::{Served as Request, Server};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Arguments of `larder serve`.
#[derive(clap::Args)]
pub struct Serve {
    /// Where to listen, HOST:PORT; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    listen: String,

    /// Admit only those who show the token in this file, which nobody else may read
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    served: Served,
}

impl Subcommand for Serve {
    const NAME: &'static str = "serve";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Serve a repository's files over HTTP";
    const MANUAL: Manual = Manual {
        description: "Other machines reach the repository as `http://HOST:PORT`, for everything that a repository is used \
            for: `larder -r http://HOST:PORT backup`, `larder sync http://HOST:PORT`. It speaks the object protocol of \
            docs/HTTP-BACKEND.md and needs no key of the repository. Bytes go through as they are: what is encrypted stays \
            so. What is local to this machine, such as the index, is not offered.\n\n\
            It prints the address on which it listens. With -v it says a line for each request. SIGTERM and SIGINT end it: \
            it takes no more requests and finishes those under way; the second signal ends it at once.\n\n\
            An address that other machines can reach needs a token. Clients read it from the file that LARDER_TOKEN_FILE \
            names, from `token-file` in their settings, or from LARDER_TOKEN. It travels as it is: for other machines let \
            a reverse proxy speak TLS (nginx, caddy) before a larder that listens on loopback; clients use \
            `https://HOST` then.",
        examples: &[
            ("larder serve /srv/backup", "Serves one repository to this machine, at http://127.0.0.1:8700."),
            (
                "(umask 077; head -c 24 /dev/urandom | base64 >token)",
                "Makes a token. The same file goes to the clients.",
            ),
            (
                "larder serve --listen 0.0.0.0:8700 --append-only --token-file token /srv/backup",
                "Serves other machines, which can add backups and delete nothing.",
            ),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let token = match &self.token_file {
            Some(path) => Some(Token::of_file(path, None)?.ok_or_else(|| {
                Error::new(Code::ConfigInvalid, format!("{} has no token for all addresses", path.display()))
            })?),
            None => None,
        };
        let server = Server::bind(address(&self.listen)?, self.served.medium()?, token)?;
        let stopper = server.stopper();
        signals::on_end(move || stopper.stop())?;
        let shown = format!("http://{}", server.address());
        match session.ui.is_json() {
            true => session.ui.json(&serde_json::json!({"type": "serving", "address": shown}))?,
            false => session.ui.line(&shown)?,
        }
        session.ui.flush()?;
        let is_told = session.ui.verbosity() > 0;
        server.run(&mut |served| {
            if is_told && session.ui.is_json() {
                // Whoever reads the lines may go: the requests go on.
                let _ = session.ui.json(&json_of(served)).and_then(|()| session.ui.flush());
            } else if is_told {
                session.ui.status(&served.to_string());
            }
        })?;
        Ok(Exit::DONE)
    }
}

fn json_of(served: &Request) -> serde_json::Value {
    let code = served.error.as_ref().map(|error| error.code().name());
    serde_json::json!({
        "type": "request", "peer": served.peer.to_string(), "method": served.method, "path": served.path,
        "status": served.status, "ms": served.took_ms, "code": code,
    })
}

fn address(text: &str) -> Result<SocketAddr, Error> {
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        Error::new(Code::InvalidArg, format!("`{}` is no address to listen on", text.escape_debug()))
            .with_hint("such an address is 127.0.0.1:8700, or [::1]:0")
    })
}
