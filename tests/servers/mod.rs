//! Servers that tests start: on loopback, on a port of their own, ended with the test that started them.

#![allow(dead_code)]

pub mod bucket;
mod google;
pub mod heavy;
pub mod http;
pub mod liar;

use larder::backend::{Access, Backend, Location, Variables};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A server that does not answer by then never will. Machines of tests are slow when much runs at once.
const START_MAX: Duration = Duration::from_secs(120);
/// What a server of ours lives at most, should the test that started it be killed, seconds.
const LIFE_SECONDS: &str = "900";

/// Of so many ports one is free to the end.
const PORTS_TRIED: usize = 8;

/// A program of somebody else that serves.
pub struct Server {
    child: Child,
    pub port: u16,
    /// Nobody else who asks as we do gets the port meanwhile.
    _claim: UdpSocket,
}

impl Server {
    /// Starts a program whose words say `{port}` where the port goes, and waits until it listens.
    pub fn start(words: &[&str], dir: &Path) -> Server {
        Server::start_with(words, dir, &|_| ())
    }

    /// The same, where something is to be done first with the port that it will have.
    pub fn start_with(words: &[&str], dir: &Path, prepare: &dyn Fn(u16)) -> Server {
        (0..PORTS_TRIED)
            .find_map(|_| Server::try_start(words, dir, prepare))
            .unwrap_or_else(|| panic!("{words:?} does not serve:\n{}", said(dir)))
    }

    /// None if it ends: another may have had the port.
    fn try_start(words: &[&str], dir: &Path, prepare: &dyn Fn(u16)) -> Option<Server> {
        let (port, claim) = claim_port();
        prepare(port);
        let words: Vec<String> = words.iter().map(|word| word.replace("{port}", &port.to_string())).collect();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("server.log")).unwrap();
        let mut command = Command::new("timeout");
        command.arg(LIFE_SECONDS).args(&words).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).current_dir(dir);
        let mut server = Server { child: command.spawn().unwrap(), port, _claim: claim };
        let until = Instant::now() + START_MAX;
        loop {
            let listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            if listens {
                return Some(server);
            }
            assert!(Instant::now() < until, "{words:?} does not serve:\n{}", said(dir));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn said(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("server.log")).unwrap_or_default()
}

impl Drop for Server {
    fn drop(&mut self) {
        // `timeout` hands the signal on to what it started.
        let pid = i32::try_from(self.child.id()).unwrap();
        _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        _ = self.child.wait();
    }
}

/// A port on which nobody listens, and the claim to it: the same number of the other protocol, which the system frees
/// when we end. Not one of those that systems give to whoever connects: such a port may be gone in the next moment.
fn claim_port() -> (u16, UdpSocket) {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static STEPS: AtomicU16 = AtomicU16::new(0);
    // Tests of one suite are processes of neighbouring numbers: each begins elsewhere.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = u32::from(STEPS.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + (start.wrapping_add(step) % u32::from(COUNT)) as u16;
        let claim = UdpSocket::bind(("127.0.0.1", port));
        if let (Ok(claim), Ok(_)) = (claim, TcpListener::bind(("127.0.0.1", port))) {
            return (port, claim);
        }
    }
    panic!("no port is free");
}

/// The Python that `scripts/test-tools` made.
pub fn python() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-python/bin/python3");
    std::env::var_os("LARDER_TEST_PYTHON").map_or(installed, PathBuf::from)
}

/// moto, which speaks as Amazon's storage does, with an empty bucket `lab`.
pub fn moto(dir: &Path) -> Server {
    let python = python();
    let server =
        Server::start(&[python.to_str().unwrap(), "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"], dir);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.write_all(b"PUT /lab HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200") || said.starts_with("HTTP/1.0 200"), "{said}");
    server
}

/// An rclone with two remotes: moto's bucket `lab` as `bucket`, and this machine as `disk`.
pub fn rclone_command(moto: &Server, dir: &Path) -> OsString {
    let config = dir.join("rclone.conf");
    let text = format!(
        "[disk]\ntype = local\n[bucket]\ntype = s3\nprovider = Other\naccess_key_id = hush-key\nsecret_access_key = hush-secret\n\
         endpoint = http://127.0.0.1:{}\n",
        moto.port
    );
    std::fs::write(&config, text).unwrap();
    format!("rclone --config '{}'", config.display()).into()
}

/// Python's own web server over a directory.
pub fn python_http(dir: &Path, log: &Path) -> Server {
    let (python, dir) = (python(), dir.to_str().unwrap());
    Server::start(
        &[python.to_str().unwrap(), "-m", "http.server", "--bind", "127.0.0.1", "--directory", dir, "{port}"],
        log,
    )
}

/// A `larder serve` that listens on any port of loopback.
pub struct LarderServe {
    pub child: Child,
    pub address: String,
}

/// Serves a directory, with these words before it.
pub fn larder_serve(words: &[&str], dir: &Path) -> LarderServe {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(words).arg(dir).env_clear().env("HOME", "/nonexistent");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("it says `{line}`")).to_string();
    LarderServe { child, address }
}

impl LarderServe {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
    }
}

impl Drop for LarderServe {
    fn drop(&mut self) {
        // One that has ended is waited for already.
        if self.child.try_wait().unwrap().is_none() {
            self.signal(nix::sys::signal::Signal::SIGKILL);
            _ = self.child.wait();
        }
    }
}

/// What somebody who may use a bucket has in the environment.
pub fn variables() -> Variables {
    let service =
        r#"{"private_key":"hush-secret","private_key_id":"hush-key","client_email":"a@b","disable_oauth":true}"#;
    [
        ("AWS_ACCESS_KEY_ID", "hush-key"),
        ("AWS_SECRET_ACCESS_KEY", "hush-secret"),
        ("AWS_REGION", "eu-test-1"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", service),
        ("AZURE_STORAGE_KEY", heavy::AZURITE.1),
    ]
    .into_iter()
    .collect()
}

/// The medium at an address, for somebody who may use it.
pub fn at(address: &str, silence_ms_max: u64) -> Arc<dyn Backend> {
    let access = Access { variables: variables(), silence_ms_max, ..Access::default() };
    Location::parse(&OsString::from(address)).unwrap().open(&access).unwrap()
}

/// Where the server of OpenSSH is, if it is installed.
pub const SSHD: &str = "/usr/sbin/sshd";
/// Where OpenSSH's program for files is.
pub const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// The Python of `scripts/test-tools`: moto and the clients that tests ask.
pub const PYTHON: &str = "a Python of tests";

/// Whether the programs are there that a test needs. Where they were to be installed, a missing one is a failure; elsewhere the
/// test says what it did not do, past whoever hides what tests that pass say.
pub fn are_there(programs: &[&str]) -> bool {
    let is_there = |program: &str| match program {
        PYTHON => python().exists(),
        program if program.contains('/') => Path::new(program).exists(),
        program => std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|dir| dir.join(program).exists()),
    };
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !is_there(program)).collect();
    if missing.is_empty() {
        return true;
    }
    let test = std::thread::current().name().unwrap_or_default().to_string();
    let what = format!("{test} needs {}: scripts/test-tools installs it", missing.join(" and "));
    let is_set = |name| std::env::var_os(name).is_some();
    // No test makes a machine that people use a server for others.
    let may_lack = missing == [SSHD] && !is_set("CI");
    assert!(may_lack || !(is_set("CI") || is_set("LARDER_TEST_SERVERS")), "{what}");
    std::io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes()).unwrap();
    false
}

/// The example of the documentation, as a program.
pub fn exec_example(dir: &Path) -> String {
    let page = include_str!("../../docs/EXEC-BACKEND.md");
    let script = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(script.lines().count() <= 26, "the example shall stay short");
    let path = dir.join("backend.sh");
    std::fs::write(&path, script).unwrap();
    format!("sh {}", path.display())
}

/// OpenSSH's server, for the user who runs this test, and the ssh that may use it.
pub struct Sshd {
    pub server: Server,
    pub ssh_command: String,
}

pub fn sshd(dir: &Path) -> Sshd {
    let key = |name: &str| {
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(name)).status();
        assert!(made.unwrap().success());
        std::fs::read_to_string(dir.join(format!("{name}.pub"))).unwrap()
    };
    let (host, user) = (key("host"), key("user"));
    key("stranger");
    std::fs::write(dir.join("authorized"), user).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::fs::create_dir_all("/run/sshd").unwrap();
    }
    let shown = dir.display();
    let config = format!(
        "ListenAddress 127.0.0.1\nHostKey {shown}/host\nAuthorizedKeysFile {shown}/authorized\nPidFile none\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    );
    std::fs::write(dir.join("config"), config).unwrap();
    let config = dir.join("config");
    let server = Server::start(&[SSHD, "-D", "-e", "-f", config.to_str().unwrap(), "-p", "{port}"], dir);
    std::fs::write(dir.join("known"), format!("[127.0.0.1]:{} {host}", server.port)).unwrap();
    let ssh_command = format!(
        "ssh -F none -o IdentityFile={shown}/user -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
         -o UserKnownHostsFile={shown}/known -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes"
    );
    Sshd { server, ssh_command }
}
