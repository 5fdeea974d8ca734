//! `rclone:REMOTE:PATH`: whatever rclone has a configuration for.
//!
//! rclone is started once and spoken to over HTTP on the loopback of this machine (`rclone rcd`), with a password that
//! nobody else has. It ends when larder ends, however that happens.
//!
//! What it lacks: it cannot create without replacing, so a name is looked for first. Its times are those of whoever wrote,
//! so none are told. It asks for a file's length and for the file one after the other, so who reads while a file is replaced
//! may see a part of it. It throws away what is not as it wrote it, so of two who write other bytes under one name at once both
//! may fail: names of larder are of one writer, or of one content. On media that are directories, a file is written beside
//! its place and moved.

use super::web::{LISTING_BYTES_MAX, OFFSET_MAX, Web, encoded};
use super::{Access, Backend, GET_BYTES_MAX, Program, Spool, check_name, spool_in};
use crate::crypto::seal::random;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::hex;
use crate::object::hash;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What rclone prints when it can be asked.
const SERVING: &str = "Serving remote control on http://";
/// Names of files that are being written.
const NEW: &str = ".new-";

/// A remote of rclone.
pub struct RcloneBackend {
    web: Web,
    program: Program,
    /// The remote and the path in it, as rclone wants it.
    fs: String,
    temp: Option<PathBuf>,
    silence_ms_max: u64,
    running: Mutex<Option<Arc<Running>>>,
}

/// An rclone that serves.
struct Running {
    shell: Mutex<Child>,
    root: String,
    password: String,
    /// Whether a file appears there only when it is whole.
    is_whole: bool,
}

/// Refuses what is no address of this scheme.
pub(super) fn check(rest: &OsStr) -> Result<()> {
    match rest.to_str() {
        Some(text) if text.contains(':') && !text.starts_with("//") && !text.contains(char::is_control) => Ok(()),
        _ => Err(Error::new(Code::InvalidArg, "an rclone address names a remote and a path in it")
            .with_hint("such an address is rclone:disk:backup; `rclone listremotes` says what there is")),
    }
}

/// A remote that is made of options may have a secret among them: of those the kind is shown, and a digest.
pub(super) fn shown(rest: &OsStr) -> String {
    let text = rest.to_string_lossy();
    let (name, _) = text.split_once([':', ',']).unwrap_or((&text, ""));
    let is_plain = !name.is_empty() && !text.contains(',') && !text.contains('=');
    let digest = &hash(text.as_bytes()).to_hex()[..8];
    if is_plain { format!("rclone:{text}") } else { format!("rclone:{name} (words {digest})") }
}

/// The medium at an address; rclone is started when something is asked.
///
/// # Errors
/// SYSTEM_ERROR when requests cannot be made here at all.
pub(super) fn open(rest: &OsStr, shown: String, access: &Access) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(RcloneBackend {
        web: Web::new(shown, true, access.silence_ms_max)?,
        program: Program::shell(&serving(&access.rclone_command), access),
        fs: rest.to_string_lossy().into_owned(),
        temp: access.temp.clone(),
        silence_ms_max: access.silence_ms_max,
        running: Mutex::default(),
    }))
}

/// rclone, as long as our end of its stdin is open: not even `kill -9` of larder leaves it behind.
fn serving(command: &OsStr) -> OsString {
    let mut text = OsString::from("exec 3<&0\n");
    text.push(command);
    text.push(" rcd --rc-addr 127.0.0.1:0 --rc-serve </dev/null 3<&- & served=$!\n");
    text.push("(cat <&3 >/dev/null; kill $served) 2>/dev/null &\nexec 3<&-; wait $served");
    text
}

impl RcloneBackend {
    fn running(&self) -> Result<Arc<Running>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.as_ref() {
            let mut shell = running.shell.lock().unwrap_or_else(PoisonError::into_inner);
            if shell.try_wait().at("wait for", "rclone")?.is_none() {
                return Ok(running.clone());
            }
        }
        let mut started = self.start()?;
        let features = self.call(&started, "operations/fsinfo", &json!({"fs": self.fs}), 0);
        // Such a failure does not pass by itself, and rclone tells it in a text that may have secrets in it.
        let features = features.map_err(|error| match error.code() {
            Code::NetworkError => Error::new(Code::ConfigInvalid, format!("rclone cannot use {}", self.web.location))
                .with_hint("`rclone lsd` of the same remote says why"),
            _ => error,
        })?;
        let features = features.unwrap_or_default();
        let feature = |name: &str| features["Features"][name].as_bool().unwrap_or(false);
        started.is_whole = feature("BucketBased") || !feature("Move");
        let started = Arc::new(started);
        *running = Some(started.clone());
        Ok(started)
    }

    fn start(&self) -> Result<Running> {
        let cannot = |why: &str| Error::new(Code::SystemError, format!("rclone cannot be started: {why}"));
        let password = hex(&random::<24>()?);
        let mut command = self.program.command();
        command.env("RCLONE_RC_USER", "larder").env("RCLONE_RC_PASS", &password).env("RCLONE_ASK_PASSWORD", "false");
        let mut shell = command.stdout(Stdio::null()).spawn().map_err(|error| cannot("no sh").with_source(error))?;
        let stderr = shell.stderr.take().ok_or_else(|| cannot("it has no stderr"))?;
        let (say, hear) = mpsc::channel();
        // It is read to the end, so that rclone never waits for us.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::result::Result::ok) {
                if let Some((_, address)) = line.split_once(SERVING) {
                    _ = say.send(address.trim().trim_end_matches('/').to_string());
                }
            }
        });
        match hear.recv_timeout(Duration::from_millis(self.silence_ms_max)) {
            Ok(address) => {
                let shell = Mutex::new(shell);
                Ok(Running { shell, root: format!("http://{address}"), password, is_whole: false })
            }
            Err(_) => {
                _ = shell.kill().and_then(|()| shell.wait().map(drop));
                Err(cannot("it does not serve")
                    .with_hint("`rclone version` must work; `rclone-command` in the settings names another"))
            }
        }
    }

    fn signed(running: &Running, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth("larder", Some(&running.password))
    }

    /// One command of rclone's, which moves so many bytes. `None` when it says that there is no such thing.
    fn call(&self, running: &Running, command: &str, input: &Value, bytes: u64) -> Result<Option<Value>> {
        let request = self.web.client.post(format!("{}/{command}", running.root));
        let request = request.header("content-type", "application/json").body(input.to_string());
        let what = command.rsplit('/').next().unwrap_or(command);
        let Some(answer) = self.web.ask(what, bytes, Self::signed(running, request))? else { return Ok(None) };
        // rclone makes a listing in memory, and so do we.
        let bytes = self.web.receive(what, answer, 0, None, LISTING_BYTES_MAX)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| self.strange(what))
    }

    fn strange(&self, what: &str) -> Error {
        Error::new(
            Code::NetworkError,
            format!("cannot {what} at {}: rclone gave an answer that is none", self.web.location),
        )
    }

    fn file(&self, running: &Running, name: &str) -> Result<String> {
        check_name(name)?;
        Ok(format!("{}/{}/{}", running.root, encoded(&format!("[{}]", self.fs)), encoded(name)))
    }

    /// Has rclone copy a file of this machine, which compares both afterwards where the remote has hashes.
    fn write(&self, name: &str, spool: &Spool) -> Result<()> {
        check_name(name)?;
        let running = self.running()?;
        let what = format!("write {name}");
        let cannot =
            || Error::new(Code::InvalidArg, format!("{} is no path that rclone takes", spool.path().display()));
        let from = spool.path().to_str().and_then(|path| path.strip_prefix('/')).ok_or_else(cannot)?;
        let len = spool.as_file().metadata().at("look at", spool.path())?.len();
        let dir = name.rfind('/').map_or("", |at| &name[..=at]);
        let first = if running.is_whole { name.to_string() } else { format!("{dir}{NEW}{}", hex(&random::<8>()?)) };
        // What is there may have the same length, the same time and other bytes.
        let all = json!({"IgnoreTimes": true});
        let copy = json!({"srcFs": "/", "srcRemote": from, "dstFs": self.fs, "dstRemote": first, "_config": all});
        self.call(&running, "operations/copyfile", &copy, len)?.ok_or_else(|| self.strange(&what))?;
        if running.is_whole {
            return Ok(());
        }
        let rename = json!({"srcFs": self.fs, "srcRemote": first, "dstFs": self.fs, "dstRemote": name, "_config": all});
        let moved = self
            .call(&running, "operations/movefile", &rename, 0)
            .and_then(|moved| moved.ok_or_else(|| self.strange(&what)));
        moved.map(drop).inspect_err(|_| {
            _ = self.call(&running, "operations/deletefile", &json!({"fs": self.fs, "remote": first}), 0);
        })
    }
}

impl Backend for RcloneBackend {
    fn location(&self) -> String {
        self.web.location.clone()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        check_name(name)?;
        let mut spool = self.spool()?;
        spool.write_all(bytes).at("write", spool.path())?;
        self.write(name, &spool)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        if self.stat(name)?.is_some() {
            return Ok(false);
        }
        self.put(name, bytes).map(|()| true)
    }

    fn creates_exclusively(&self) -> bool {
        false
    }

    fn spool(&self) -> Result<Spool> {
        spool_in(self.temp.as_deref())
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.write(name, &spool)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        check_name(name)?;
        let (running, what) = (self.running()?, format!("read {name}"));
        let request = Self::signed(&running, self.web.client.get(self.file(&running, name)?));
        let Some(answer) = self.web.ask(&what, 0, request)? else {
            return fail(Code::FileNotFound, format!("there is no {name} at {}", self.web.location));
        };
        if answer.content_length().is_some_and(|len| len > GET_BYTES_MAX) {
            let message = format!("{name} at {} is longer than a file of its kind can be", self.web.location);
            return fail(Code::StorageCorrupted, message);
        }
        self.web.receive(&what, answer, 0, None, GET_BYTES_MAX)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let end = offset.saturating_add(len as u64);
        let what = format!("read {name}");
        let absent = || fail(Code::FileNotFound, format!("there is no {name} at {}", self.web.location));
        if len == 0 || end > OFFSET_MAX {
            return match self.stat(name)? {
                None => absent(),
                Some(size) if size < end => self.web.short(&what),
                Some(_) => Ok(Vec::new()),
            };
        }
        check_name(name)?;
        let running = self.running()?;
        let request = Self::signed(&running, self.web.client.get(self.file(&running, name)?));
        match self.web.range(&what, request, offset, len as u64)? {
            Some(bytes) => Ok(bytes),
            // It says so of a part that begins after the end, too.
            None if self.stat(name)?.is_some() => self.web.short(&what),
            None => absent(),
        }
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        check_name(name)?;
        let running = self.running()?;
        let options = json!({"noModTime": true, "noMimeType": true});
        let input = json!({"fs": self.fs, "remote": name, "opt": options});
        let Some(answer) = self.call(&running, "operations/stat", &input, 0)? else { return Ok(None) };
        let item = &answer["item"];
        if item.is_null() || item["IsDir"].as_bool().unwrap_or(false) {
            return Ok(None);
        }
        item["Size"].as_u64().map(Some).ok_or_else(|| self.strange("look"))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        check_name(prefix)?;
        let running = self.running()?;
        let options = json!({"recurse": true, "noModTime": true, "noMimeType": true, "filesOnly": true});
        let input = json!({"fs": self.fs, "remote": prefix, "opt": options});
        let Some(mut answer) = self.call(&running, "operations/list", &input, 0)? else { return Ok(()) };
        let below = format!("{prefix}/");
        let items = answer["list"].take();
        for item in items.as_array().into_iter().flatten() {
            let (Some(name), Some(len)) = (item["Path"].as_str(), item["Size"].as_u64()) else {
                return Err(self.strange("list"));
            };
            let is_whole = !name.rsplit('/').next().unwrap_or(name).starts_with(NEW);
            if is_whole && name.starts_with(&below) && check_name(name).is_ok() {
                each(name, len)?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let running = self.running()?;
        self.call(&running, "operations/deletefile", &json!({"fs": self.fs, "remote": name}), 0).map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its stdin ends, and rclone with it.
        let shell = self.shell.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(shell.stdin.take());
        _ = shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_remote_are_not_shown() {
        let shown = |text: &str| shown(OsStr::new(text));
        assert_eq!(shown("disk:a/b"), "rclone:disk:a/b");
        assert!(!shown(":s3,secret_access_key=hush:b").contains("hush"));
        assert_ne!(shown("disk,x=hush:a"), shown("disk,x=hush:b"));
        for wrong in ["", "disk", "//host/x"] {
            assert!(check(OsStr::new(wrong)).is_err(), "{wrong}");
        }
    }
}
