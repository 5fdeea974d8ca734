//! `larder serve` from outside: who is let in and what they see, requests by hand, ends of all kinds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod servers;

use larder::backend::{Access, Backend, FsBackend, Location, Variables};
use larder::error::Code;
use nix::sys::signal::Signal;
use servers::http::{Answer, HttpServer, Request};
use servers::liar::{Fault, fail, to_port};
use servers::{LarderServe, larder_serve};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

const TOKEN: &str = "hush-hush-hush-hush-24";
/// What does not happen by then never will.
const PATIENCE: Duration = Duration::from_secs(120);
/// An upload that is taken by way of a file.
const LONG_BYTES: usize = 6 << 20;

/// A request as somebody writes it by hand, and all of the answer.
fn ask(server: &LarderServe, text: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    answer(&mut stream)
}

fn answer(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let len = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len}\r\n{headers}\r\n{body}")
}

fn status(said: &str) -> &str {
    said.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {said}"))
}

/// The beginning of an upload.
fn half_upload(server: &LarderServe, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("PUT /{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {LONG_BYTES}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![7; LONG_BYTES / 2]).unwrap();
    stream
}

/// Waits until something is so.
fn until(what: &str, is_so: &mut dyn FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}: never");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until some of an upload has arrived.
fn until_some_came(dir: &Path) {
    until("some of the upload is there", &mut || {
        let files = std::fs::read_dir(dir.join("tmp")).into_iter().flatten();
        files.filter_map(|entry| entry.unwrap().metadata().ok()).any(|meta| meta.len() > 0)
    });
}

fn medium(server: &LarderServe, token: Option<&str>) -> Arc<dyn Backend> {
    let variables: Variables = token.map(|token| ("LARDER_TOKEN", token)).into_iter().collect();
    Location::parse(server.url().as_ref()).unwrap().open(&Access { variables, ..Access::default() }).unwrap()
}

fn code<T>(answer: larder::error::Result<T>) -> Option<Code> {
    answer.err().map(|error| error.code())
}

fn names(medium: &dyn Backend, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut each = |name: &str, _| {
        assert!(names.insert(name.to_string()), "{name} is listed twice");
        Ok(())
    };
    medium.list(prefix, &mut each).unwrap();
    names
}

/// larder, as somebody runs it who has nothing but these variables.
fn larder(home: &Path, variables: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(words).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(variables.iter().copied()).current_dir(home).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn private(path: &Path, bytes: &str) -> String {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn requests_by_hand_are_answered_as_the_page_says() {
    let dir = tempfile::tempdir().unwrap();
    let server = larder_serve(&[], &dir.path().join("there"));
    let asked =
        |method: &str, path: &str, headers: &str, body: &str| ask(&server, &request(method, path, headers, body));
    assert_eq!(status(&asked("PUT", "/roots/a", "", "0123456789")), "204");
    assert_eq!(status(&asked("PUT", "/roots/a", "if-none-match: *\r\n", "other")), "412");
    let all = asked("GET", "/roots/a", "", "");
    assert!(all.starts_with("HTTP/1.1 200") && all.contains("larder-protocol: 1\r\n"), "{all}");
    assert!(all.contains("cache-control: no-store\r\n") && all.ends_with("\r\n\r\n0123456789"), "{all}");
    let part = asked("GET", "/roots/a", "range: bytes=2-4\r\n", "");
    assert!(part.starts_with("HTTP/1.1 206") && part.contains("content-range: bytes 2-4/10\r\n"), "{part}");
    assert!(part.ends_with("\r\n\r\n234"), "{part}");
    let beyond = asked("GET", "/roots/a", "range: bytes=10-12\r\n", "");
    assert!(beyond.starts_with("HTTP/1.1 416") && beyond.contains("content-range: bytes */10\r\n"), "{beyond}");
    let head = asked("HEAD", "/roots/a", "", "");
    assert!(head.contains("content-length: 10\r\n") && head.contains("larder-modified: "), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let list = asked("GET", "/roots/", "", "");
    assert!(list.contains("\r\nitem 10 roots/a\nok\n"), "{list}");
    let none = asked("GET", "/roots/b", "", "");
    assert!(none.starts_with("HTTP/1.1 404") && none.contains("larder-error: FILE_NOT_FOUND\r\n"), "{none}");
    assert_eq!(status(&asked("DELETE", "/roots/a", "", "")), "204");
    assert_eq!(status(&asked("DELETE", "/roots/a", "", "")), "204");
    assert_eq!(status(&asked("POST", "/roots/a", "", "x")), "405");
    for (headers, body) in [("if-none-match: \"x\"\r\n", "x"), ("content-range: bytes 0-0/2\r\n", "x")] {
        assert_eq!(status(&asked("PUT", "/roots/a", headers, body)), "400", "{headers}");
    }
    let chunked =
        "PUT /roots/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status(&ask(&server, chunked)), "400");
    let much = "PUT /roots/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\nx";
    assert_eq!(status(&ask(&server, much)), "507");
    assert!(names(medium(&server, None).as_ref(), "roots").is_empty());
}

#[test]
fn nothing_but_what_a_repository_shares_is_seen_or_written() {
    let dir = tempfile::tempdir().unwrap();
    let files = FsBackend::new(dir.path().join("there"));
    std::fs::write(dir.path().join("outside"), "outside").unwrap();
    for name in ["config.toml", "index.sqlite", "remotes.toml", "state/filter", "hooks/pre-run"] {
        files.put(name, b"inside").unwrap();
    }
    let server = larder_serve(&[], &dir.path().join("there"));
    for path in [
        "/index.sqlite",
        "/remotes.toml",
        "/state/filter",
        "/hooks/pre-run",
        "/../outside",
        "/roots/../../outside",
        "/roots/%2e%2e/%2e%2e/outside",
        "/%2e%2e/outside",
        "//etc/passwd",
        "/roots//x",
        "/packs/.new-x",
        "/",
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let said = ask(&server, &request(method, path, "", if method == "PUT" { "evil" } else { "" }));
            let is_nothing = method == "DELETE" && status(&said) == "204";
            assert!(["400", "403", "404"].contains(&status(&said)) || is_nothing, "{method} {path}: {said}");
            assert!(!said.contains("side"), "{method} {path}: {said}");
        }
    }
    for list in ["/state/", "/../", "/hooks/"] {
        assert!(!ask(&server, &request("GET", list, "", "")).contains("item"), "{list}");
    }
    assert_eq!(std::fs::read(dir.path().join("outside")).unwrap(), b"outside");
    for name in ["index.sqlite", "remotes.toml", "state/filter", "hooks/pre-run"] {
        assert_eq!(files.get(name).unwrap(), b"inside", "{name}");
    }
    // A page of somebody else that a browser shows may not make it ask.
    for header in ["origin: http://evil.example\r\n", "sec-fetch-site: cross-site\r\n"] {
        assert_eq!(status(&ask(&server, &request("GET", "/config.toml", header, ""))), "403");
    }
    assert_eq!(medium(&server, None).get("config.toml").unwrap(), b"inside");
}

#[test]
fn who_does_not_show_the_token_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = private(&dir.path().join("token"), &format!("{TOKEN}\n"));
    let there = dir.path().join("there");
    let server = larder_serve(&["--token-file", &file], &there);
    let good = medium(&server, Some(TOKEN));
    good.put("roots/a", b"x").unwrap();
    for token in [None, Some("another-token-of-25-chars"), Some("hush-hush-hush-hush-2")] {
        let bad = medium(&server, token);
        let answers = [
            code(bad.get("roots/a")),
            code(bad.get_range("roots/a", 0, 1)),
            code(bad.stat("roots/a")),
            code(bad.list("roots", &mut |_, _| Ok(()))),
            code(bad.put("roots/b", b"x")),
            code(bad.put_new("roots/b", b"x")),
            code(bad.delete("roots/a")),
        ];
        assert_eq!(answers, [Some(Code::Unauthorized); 7], "{token:?}");
    }
    let said = ask(&server, &request("GET", "/roots/a", "authorization: Basic x\r\n", ""));
    assert!(said.starts_with("HTTP/1.1 401") && said.contains("www-authenticate: Bearer"), "{said}");
    assert_eq!(names(good.as_ref(), "roots").len(), 1);
    // Beyond this machine nobody is served without one; nor with one that others can read.
    let there = there.to_str().unwrap();
    let open = larder(dir.path(), &[], &["serve", "--listen", "0.0.0.0:0", there]);
    assert_eq!(open.status.code(), Some(16), "{}", text(&open));
    assert!(text(&open).contains("--token-file"), "{}", text(&open));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let known = larder(dir.path(), &[], &["serve", "--listen", "127.0.0.1:0", "--token-file", &file, there]);
    assert_eq!(known.status.code(), Some(16), "{}", text(&known));
    assert!(!text(&known).contains(TOKEN));
}

#[test]
fn a_token_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let file = private(&dir.path().join("token"), &format!("{TOKEN}\n"));
    let server = larder_serve(&["--token-file", &file], &dir.path().join("there"));
    let (url, with_file) = (server.url(), [("LARDER_TOKEN_FILE", file.as_str())]);
    let mut said = String::new();
    let mut run = |variables: &[(&str, &str)], words: &[&str], exit: i32| {
        let output = larder(&home, variables, words);
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(exit), "{words:?}: {shown}");
        said += &shown;
    };
    run(&with_file, &["-r", &url, "init", "--encryption", "none"], 0);
    run(&with_file, &["-r", &url, "backup", &file, "-v"], 0);
    run(&with_file, &["-r", &url, "verify", "-vv", "--json"], 0);
    run(&[("LARDER_TOKEN", TOKEN)], &["-r", &url, "status"], 0);
    run(&[], &["-r", &url, "snapshots"], 16);
    run(&[("LARDER_TOKEN", "another-token-of-25-chars")], &["-r", &url, "snapshots"], 16);
    run(&[("LARDER_TOKEN", "short")], &["-r", &url, "snapshots"], 5);
    run(&[], &["init", "--encryption", "none", "here"], 0);
    run(&with_file, &["-r", "here", "remote", "add", "there", &url], 0);
    run(&with_file, &["-r", "here", "remote", "test", "there"], 0);
    run(&[], &["-r", "here", "remote", "list", "--json"], 0);
    run(&with_file, &["-r", &url.replace("://", &format!("://me:{TOKEN}@")), "status"], 2);
    // What a program of somebody else is given.
    run(&[("LARDER_TOKEN", TOKEN)], &["-r", "exec:env >environment; exit 127", "snapshots"], 4);
    assert!(home.join("environment").exists());
    assert!(!said.contains("hush-"), "{said}");
    // The settings name it, too.
    std::fs::create_dir_all(home.join(".config/larder")).unwrap();
    std::fs::write(home.join(".config/larder/config.toml"), format!("token-file = \"{file}\"\n")).unwrap();
    let output = larder(&home, &[], &["-r", &url, "snapshots", "-q"]);
    assert!(output.status.success(), "{}", text(&output));
    let kept = Command::new("grep").args(["-rl", TOKEN]).arg(&home).output().unwrap();
    assert_eq!(text(&kept), "", "the token was written down");
}

#[test]
fn altered_bytes_are_damage_and_nothing_of_them_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let run = |words: &[&str], exit: i32| {
        let output = larder(&home, &[], words);
        assert_eq!(output.status.code(), Some(exit), "{words:?}: {}", text(&output));
    };
    std::fs::write(home.join("file"), vec![7; 300_000]).unwrap();
    run(&["init", "-q", "--encryption", "none", "there"], 0);
    run(&["-r", "there", "backup", "-q", "file"], 0);
    let server = larder_serve(&["--read-only"], &home.join("there"));
    let truth = to_port(server.port());
    let liar = HttpServer::start(Arc::new(move |request: &Request| {
        let is_pack = request.method == "GET" && request.path.starts_with("/packs/") && !request.path.ends_with('/');
        if is_pack { fail(Fault::Alters, || truth(request)) } else { truth(request) }
    }));
    let url = format!("http://{}", liar.address);
    let latest = format!("latest:{}", home.join("file").display());
    run(&["-r", &url, "restore", "-q", &latest, "--target", "out"], 13);
    run(&["-r", &url, "verify", "-q", "--read-data"], 13);
    run(&["-r", "here", "sync", "-q", "--pull", &url], 13);
    run(&["-r", "copied", "sync", "-q", "--mirror", "--pull", &url], 13);
    for place in ["out/file", "here/roots", "here/packs", "copied/packs", "copied/roots"] {
        let files = walkdir::WalkDir::new(home.join(place)).into_iter().filter_map(Result::ok);
        assert_eq!(files.filter(|entry| entry.file_type().is_file()).count(), 0, "{place}");
    }
}

#[test]
fn programs_are_told_of_the_address_and_of_each_request() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(["serve", "--listen", "127.0.0.1:0", "-v", "--json"]).arg(dir.path()).env_clear();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    let address = next()["address"].as_str().unwrap().strip_prefix("http://").unwrap().to_string();
    let server = LarderServe { child, address };
    assert_eq!(status(&ask(&server, &request("GET", "/roots/a", "", ""))), "404");
    let told = next();
    let words = ["type", "method", "path", "code"].map(|key| told[key].as_str().unwrap());
    assert_eq!((words, &told["status"]), (["request", "GET", "/roots/a", "FILE_NOT_FOUND"], &404.into()));
}

#[test]
fn who_answers_otherwise_is_not_believed() {
    let changes = Arc::new(AtomicUsize::new(0));
    let serve = |version: Option<&'static str>, status: u16| {
        let changes = changes.clone();
        HttpServer::start(Arc::new(move |request: &Request| {
            let is_change = ["PUT", "DELETE"].contains(&request.method.as_str());
            changes.fetch_add(usize::from(is_change), Ordering::SeqCst);
            let answer = Answer::new(if is_change { status } else { 200 }, "");
            version.map_or(Answer::new(200, ""), |version| answer.with("larder-protocol", version))
        }))
    };
    let asked = |server: &HttpServer| {
        let medium = servers::at(&format!("http://{}", server.address), 60_000);
        let mut spool = medium.spool().unwrap();
        spool.write_all(b"x").unwrap();
        [
            code(medium.put("roots/a", b"x")),
            code(medium.put_new("roots/a", b"x")),
            code(medium.put_spool("packs/ab/x", spool)),
            code(medium.delete("roots/a")),
        ]
    };
    assert_eq!(asked(&serve(Some("1"), 204)), [None; 4]);
    assert_eq!(changes.swap(0, Ordering::SeqCst), 4);
    // Such as one that leads elsewhere, where a question is asked in the place of the change.
    for status in [200, 404] {
        assert_eq!(asked(&serve(Some("1"), status)), [Some(Code::NetworkError); 4], "{status}");
    }
    changes.store(0, Ordering::SeqCst);
    assert_eq!(asked(&serve(Some("2"), 204)), [Some(Code::ConfigError); 4]);
    // Even one that would take it.
    assert_eq!(asked(&serve(None, 204)), [Some(Code::PermissionDenied); 4]);
    assert_eq!(changes.load(Ordering::SeqCst), 0, "something was sent to be stored");
}

#[test]
fn each_operation_is_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let server = larder_serve(&[], &dir.path().join("there"));
    let (truth, asked) = (to_port(server.port()), Arc::new(Mutex::new(Vec::new())));
    let heard = asked.clone();
    let counting = HttpServer::start(Arc::new(move |request: &Request| {
        heard.lock().unwrap().push(request.method.clone());
        truth(request)
    }));
    let medium = servers::at(&format!("http://{}", counting.address), 60_000);
    let since = || std::mem::take(&mut *asked.lock().unwrap()).join(" ");
    medium.put("packs/ab/x", b"0123456789").unwrap();
    assert_eq!(since(), "HEAD PUT", "the first thing that is written asks who is there");
    assert!(!medium.put_new("packs/ab/x", b"other").unwrap());
    assert_eq!(since(), "PUT");
    assert_eq!(medium.get_range("packs/ab/x", 2, 3).unwrap(), b"234");
    assert_eq!(code(medium.get_range("packs/ab/x", 8, 3)), Some(Code::StorageCorrupted));
    assert_eq!(since(), "GET GET");
    assert_eq!(names(medium.as_ref(), "packs").len(), 1);
    assert_eq!(since(), "GET");
    assert!(medium.modified("packs/ab/x").unwrap().is_some() && medium.stat("packs/ab/x").unwrap() == Some(10));
    assert_eq!(since(), "HEAD HEAD");
    medium.delete("packs/ab/x").unwrap();
    assert_eq!(since(), "DELETE");
}

#[test]
fn many_names_are_listed() {
    const COUNT: usize = 12_000;
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("there/packs/ab");
    std::fs::create_dir_all(&below).unwrap();
    (0..COUNT).for_each(|number| std::fs::write(below.join(format!("{number:064}")), b"x").unwrap());
    let server = larder_serve(&["--read-only"], &dir.path().join("there"));
    assert_eq!(names(medium(&server, None).as_ref(), "packs").len(), COUNT);
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing_under_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there");
    let server = larder_serve(&[], &there);
    // The client goes.
    let stream = half_upload(&server, "packs/ab/x");
    until_some_came(&there);
    drop(stream);
    until("what came is thrown away", &mut || std::fs::read_dir(there.join("tmp")).unwrap().next().is_none());
    let seen = medium(&server, None);
    assert_eq!((seen.stat("packs/ab/x").unwrap(), names(seen.as_ref(), "packs").len()), (None, 0));
    // The server goes.
    let _stream = half_upload(&server, "packs/ab/x");
    until_some_came(&there);
    server.signal(Signal::SIGKILL);
    drop(server);
    let left = || std::fs::read_dir(there.join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(left().len(), 1);
    drop(larder_serve(&[], &there));
    assert_eq!(left().len(), 1, "it may be somebody's who goes on");
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 86_400);
    std::fs::File::options().write(true).open(&left()[0]).unwrap().set_modified(long_ago).unwrap();
    drop(larder_serve(&[], &there));
    assert_eq!(left().len(), 1, "in a directory that is no repository it is not ours");
    std::fs::write(there.join("config.toml"), "").unwrap();
    let again = larder_serve(&[], &there);
    assert!(left().is_empty());
    let seen = medium(&again, None);
    assert_eq!((seen.stat("packs/ab/x").unwrap(), names(seen.as_ref(), "packs").len()), (None, 0));
    let mut spool = seen.spool().unwrap();
    spool.write_all(&vec![7; LONG_BYTES]).unwrap();
    seen.put_spool("packs/ab/x", spool).unwrap();
    assert_eq!(seen.stat("packs/ab/x").unwrap(), Some(LONG_BYTES as u64));
    assert!(seen.get("packs/ab/x").unwrap() == vec![7; LONG_BYTES]);
    assert!(seen.get_range("packs/ab/x", 1, LONG_BYTES - 2).unwrap() == vec![7; LONG_BYTES - 2]);
}

#[test]
fn who_is_told_to_end_finishes_what_is_under_way() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there");
        let mut server = larder_serve(&[], &there);
        let mut stream = half_upload(&server, "packs/ab/x");
        until_some_came(&there);
        server.signal(signal);
        until("nobody listens any more", &mut || TcpStream::connect(&server.address).is_err());
        stream.write_all(&vec![7; LONG_BYTES / 2]).unwrap();
        assert_eq!(status(&answer(&mut stream)), "204");
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
        assert_eq!(FsBackend::new(&there).stat("packs/ab/x").unwrap(), Some(LONG_BYTES as u64));
    }
}
