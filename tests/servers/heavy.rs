//! Servers that `scripts/test-servers` installs, because they are too heavy for every run of the tests: each does
//! otherwise with a name that is taken.

use super::{Server, claim_port, python};
use base64ct::Encoding;
use hmac::{KeyInit, Mac};
use larder::backend::{Access, Backend, Location};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// A command that sets a server up is done by then, or never; seconds.
const COMMAND_SECONDS_MAX: &str = "120";

/// Where the script installs to.
fn installed(program: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-servers").join(program);
    assert!(program.exists(), "there is no {}: scripts/test-servers installs it", program.display());
    program.into_os_string().into_string().unwrap()
}

/// The account and the key that every Azurite has.
pub const AZURITE: (&str, &str) =
    ("devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");

/// Azurite, which speaks as Microsoft's blob storage does, with an empty container `lab`.
pub fn azurite(dir: &Path) -> Server {
    let program = installed("node_modules/.bin/azurite-blob");
    let words = ["--blobHost", "127.0.0.1", "--blobPort", "{port}", "--inMemoryPersistence", "--silent"];
    let more = ["--skipApiVersionCheck", "--disableTelemetry"];
    let server = Server::start(&[&[program.as_str()], &words[..], &more].concat(), dir);
    // A container is made by a signed request: larder makes none.
    let (account, key) = AZURITE;
    let date = Command::new("date").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]).env("LC_ALL", "C").output().unwrap();
    let date = String::from_utf8(date.stdout).unwrap().trim().to_string();
    let signed = format!(
        "PUT{}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{account}/{account}/lab\nrestype:container",
        "\n".repeat(12)
    );
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&base64ct::Base64::decode_vec(key).unwrap()).unwrap();
    mac.update(signed.as_bytes());
    let signature = base64ct::Base64::encode_string(&mac.finalize().into_bytes());
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let request = format!(
        "PUT /{account}/lab?restype=container HTTP/1.1\r\nhost: 127.0.0.1\r\nx-ms-date: {date}\r\nx-ms-version: 2021-08-06\r\n\
         content-length: 0\r\nconnection: close\r\nauthorization: SharedKey {account}:{signature}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 201"), "{said}");
    server
}

/// A store that speaks as Amazon's does, with an empty bucket `lab`.
pub struct Store {
    /// The server that is asked, and those behind it.
    pub servers: Vec<Server>,
    /// Who may use it: the name of the key, and the key.
    pub keys: (&'static str, &'static str),
}

impl Store {
    /// The address of a place in the bucket.
    pub fn address(&self, place: &str) -> String {
        format!("s3:http://127.0.0.1:{}/lab/{place}", self.servers[0].port)
    }

    /// The medium there.
    pub fn at(&self, place: &str, silence_ms_max: u64) -> Arc<dyn Backend> {
        let keys = [("AWS_ACCESS_KEY_ID", self.keys.0), ("AWS_SECRET_ACCESS_KEY", self.keys.1)];
        let access = Access { variables: keys.into_iter().collect(), silence_ms_max, ..Access::default() };
        Location::parse(&OsString::from(self.address(place))).unwrap().open(&access).unwrap()
    }
}

fn done(words: &[&str]) -> String {
    let mut command = Command::new("timeout");
    let output = command.args(["--kill-after=5", COMMAND_SECONDS_MAX]).args(words).output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{words:?}: {}{}", said[0], said[1]);
    said[0].clone()
}

/// s3s-fs over a directory: it enforces.
pub fn s3s_fs(dir: &Path) -> Store {
    std::fs::create_dir_all(dir.join("files/lab")).unwrap();
    let keys = ("hush-key", "hush-secret");
    let words = ["--host", "127.0.0.1", "--port", "{port}", "--access-key", keys.0, "--secret-key", keys.1, "files"];
    let server = Server::start(&[&[installed("bin/s3s-fs").as_str()], &words[..]].concat(), dir);
    Store { servers: vec![server], keys }
}

/// Garage, alone: it ignores the question.
pub fn garage(dir: &Path) -> Store {
    let program = installed("bin/garage");
    let config = dir.join("garage.toml");
    let config = config.to_str().unwrap();
    let server = Server::start_with(&[&program, "-c", config, "server"], dir, &|port| {
        // Only commands of ours are to come this way: whoever takes the port meanwhile makes them fail.
        let (inner, _claim) = claim_port();
        let shown = dir.display();
        let text = format!(
            "metadata_dir = '{shown}/meta'\ndata_dir = '{shown}/data'\ndb_engine = 'sqlite'\nreplication_factor = 1\n\
             rpc_bind_addr = '127.0.0.1:{inner}'\nrpc_public_addr = '127.0.0.1:{inner}'\nrpc_secret = '{}'\n\
             [s3_api]\ns3_region = 'us-east-1'\napi_bind_addr = '127.0.0.1:{port}'\nroot_domain = '.s3.lab'\n",
            "5e".repeat(32)
        );
        std::fs::write(config, text).unwrap();
    });
    let ask = |words: &[&str]| done(&[&[program.as_str(), "-c", config], words].concat());
    let node = ask(&["node", "id", "-q"]);
    let node = node.split('@').next().unwrap().trim();
    ask(&["layout", "assign", "-z", "lab", "-c", "10G", node]);
    ask(&["layout", "apply", "--version", "1"]);
    ask(&["bucket", "create", "lab"]);
    let keys = ("GK1ab1ab1ab1ab1ab1ab1ab1ab", "abababababababababababababababababababababababababababababababab");
    ask(&["key", "import", "--yes", keys.0, keys.1, "-n", "lab"]);
    ask(&["bucket", "allow", "--read", "--write", "--owner", "lab", "--key", "lab"]);
    Store { servers: vec![server], keys }
}

/// OpenStack's Swift with its interface of Amazon's storage, in a version that refuses the question.
pub fn swift(dir: &Path) -> Store {
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).unwrap();
    write(
        "swift.conf",
        "[swift-hash]\nswift_hash_path_prefix = lab\nswift_hash_path_suffix = lab\n[storage-policy:0]\nname = lab\ndefault = yes\n"
            .to_string(),
    );
    std::fs::create_dir_all(dir.join("files/disk")).unwrap();
    let user = done(&["id", "-un"]);
    let common = |port: u16| {
        let shown = dir.display();
        format!(
            "[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nswift_dir = {shown}\ndevices = {shown}/files\n\
             mount_check = false\nuser = {}\nworkers = 0\nlog_address = {shown}/none\n",
            user.trim()
        )
    };
    let python = installed("swift/bin/python3");
    let start = |kind: &str, prepare: &dyn Fn(u16)| {
        // What the program of that name does, with its settings where we want them.
        let code = format!(
            "import sys; from swift.common.utils import set_swift_dir; set_swift_dir(sys.argv.pop(1)); \
             from swift.{}.server import main; main()",
            if kind == "object" { "obj" } else { kind }
        );
        let config = dir.join(format!("{kind}.conf"));
        let words = [&python, "-W", "ignore", "-c", &code, dir.to_str().unwrap(), config.to_str().unwrap()];
        Server::start_with(&words, dir, prepare)
    };
    let mut servers = Vec::new();
    for kind in ["account", "container", "object"] {
        servers.push(start(kind, &|port| {
            let app =
                format!("[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n");
            write(&format!("{kind}.conf"), common(port) + &app);
            make_ring(&dir.join(format!("{kind}.builder")), port);
        }));
    }
    let proxy = start("proxy", &|port| write("proxy.conf", common(port) + include_str!("swift-proxy.conf")));
    let keys = ("hush:key", "hush-secret");
    make_bucket(proxy.port, keys);
    servers.insert(0, proxy);
    Store { servers, keys }
}

/// One server keeps everything, once.
fn make_ring(builder: &Path, port: u16) {
    _ = std::fs::remove_file(builder);
    let (program, device) = (installed("swift/bin/swift-ring-builder"), format!("r1z1-127.0.0.1:{port}/disk"));
    let ask = |words: &[&str]| done(&[&[program.as_str(), builder.to_str().unwrap()], words].concat());
    ask(&["create", "4", "1", "0"]);
    ask(&["add", &device, "1"]);
    ask(&["rebalance"]);
}

/// By Amazon's own client: larder makes no buckets.
fn make_bucket(port: u16, keys: (&str, &str)) {
    let code = format!(
        "import boto3; boto3.client('s3', endpoint_url='http://127.0.0.1:{port}', region_name='us-east-1', \
         aws_access_key_id='{}', aws_secret_access_key='{}').create_bucket(Bucket='lab')",
        keys.0, keys.1
    );
    done(&[python().to_str().unwrap(), "-c", &code]);
}
