//! Buckets whose servers fail, lie and refuse: nothing wrong is stored or restored, failures have their codes, and what
//! can be had by asking again is had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod servers;

use larder::backend::{Backend, Creation, Patience, RetryBackend, probe};
use larder::error::Code;
use servers::bucket::{Bucket, Creating};
use servers::heavy;
use servers::http::{Answer, HttpServer};
use servers::liar::{self, Fault, fail};
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Longer than any answer takes that comes at all.
const SILENCE_MS: u64 = 60_000;
/// Google's client is done by then, or never; seconds.
const CLIENT_SECONDS_MAX: &str = "280";
const QUICK: Patience = Patience { first_ms: 5, wait_ms_max: 50, budget_ms: 60_000, retries_max: 9 };

/// A bucket that fails at each request the first time it is made.
fn failing_once(bucket: &Arc<Bucket>, fault: Fault) -> HttpServer {
    let bucket = bucket.clone();
    liar::failing_once(Arc::new(move |request| bucket.answer(request)), fault, usize::MAX, |_| true)
}

#[test]
fn work_completes_where_asking_again_can_help() {
    for scheme in ["s3", "gs"] {
        for fault in [
            Fault::Says(500, "InternalError"),
            Fault::Says(503, "SlowDown"),
            Fault::Hangs,
            Fault::Drops,
            Fault::Forgets,
            Fault::Cuts,
        ] {
            let bucket = Bucket::new(Creating::Enforced);
            let server = failing_once(&bucket, fault);
            let silence_ms = if fault == Fault::Hangs { 1_500 } else { SILENCE_MS };
            let medium = servers::at(&format!("{scheme}:http://{}/lab/it", server.address), silence_ms);
            let medium = RetryBackend::new(medium, QUICK);
            let said = |what: &str| format!("{scheme} {fault:?}: {what}");
            medium.put("roots/a", b"first").unwrap_or_else(|error| panic!("{}: {error:?}", said("put")));
            assert!(medium.put_new("leases/w/1", b"mine").unwrap(), "{}", said("put_new"));
            assert_eq!(medium.get("roots/a").unwrap(), b"first", "{}", said("get"));
            assert_eq!(medium.get_range("roots/a", 1, 3).unwrap(), b"irs", "{}", said("range"));
            assert_eq!(medium.stat("roots/a").unwrap(), Some(5), "{}", said("stat"));
            let mut names = Vec::new();
            let each = &mut |name: &str, _| {
                names.push(name.to_string());
                Ok(())
            };
            medium.list("roots", each).unwrap();
            assert_eq!(names, ["roots/a"], "{}", said("list"));
            medium.delete("roots/a").unwrap();
            assert_eq!(medium.stat("roots/a").unwrap(), None, "{}", said("delete"));
        }
    }
}

#[test]
fn long_files_go_in_parts_and_arrive_whole() {
    let bytes: Vec<u8> = (0..40_000_000_u32).map(|index| (index % 251) as u8).collect();
    for fault in [None, Some(Fault::Says(500, "InternalError")), Some(Fault::Drops)] {
        let bucket = Bucket::new(Creating::Enforced);
        let server = fault.map_or_else(|| bucket.serve(), |fault| failing_once(&bucket, fault));
        let medium = servers::at(&format!("s3:http://{}/lab", server.address), SILENCE_MS);
        let medium = RetryBackend::new(medium, QUICK);
        let mut spool = medium.spool().unwrap();
        spool.write_all(&bytes).unwrap();
        medium.put_spool("packs/ab/long", spool).unwrap();
        assert!(medium.get("packs/ab/long").unwrap() == bytes, "{fault:?}");
        assert!(medium.get_range("packs/ab/long", 9_000_000, 7_000_000).unwrap() == bytes[9_000_000..16_000_000]);
        assert_eq!(bucket.unfinished(), 0, "{fault:?}: parts were left that cost money");
    }
}

#[test]
fn failures_have_their_codes() {
    for (fault, code) in [
        (Fault::Says(500, "InternalError"), Code::NetworkError),
        (Fault::Says(503, "SlowDown"), Code::RateLimitExceeded),
        (Fault::Says(403, "AccessDenied"), Code::PermissionDenied),
        (Fault::Says(403, "InvalidAccessKeyId"), Code::Unauthorized),
        (Fault::Says(301, "PermanentRedirect"), Code::ConfigInvalid),
        (Fault::Says(404, "NoSuchBucket"), Code::ConfigMissing),
        (Fault::Quiet, Code::NetworkError),
        (Fault::Hangs, Code::NetworkTimeout),
        (Fault::Drops, Code::ConnectionFailed),
        (Fault::Cuts, Code::ConnectionFailed),
    ] {
        let server = HttpServer::start(Arc::new(move |_| {
            fail(fault, || {
                Answer::new(200, vec![7; 100]).with("etag", "x").with("last-modified", "Sat, 21 Nov 2026 10:00:00 GMT")
            })
        }));
        let silence_ms = if fault == Fault::Hangs { 500 } else { SILENCE_MS };
        let medium = servers::at(&format!("s3:http://{}/lab", server.address), silence_ms);
        assert_eq!(medium.get("roots/a").unwrap_err().code(), code, "get: {fault:?}");
        if fault != Fault::Cuts {
            assert_eq!(medium.put("roots/a", b"x").unwrap_err().code(), code, "put: {fault:?}");
            assert_eq!(medium.list("roots", &mut |_, _| Ok(())).unwrap_err().code(), code, "list: {fault:?}");
        }
    }
    // Nobody is there.
    for address in ["s3:http://127.0.0.1:1/lab", "http://127.0.0.1:1/lab"] {
        let error = servers::at(address, SILENCE_MS).get("roots/a").unwrap_err();
        assert!(error.code() == Code::NetworkUnreachable && error.to_string().contains(address), "{error}");
    }
}

#[test]
fn creating_is_told_as_it_is() {
    for (creating, told) in [
        (Creating::Enforced, Creation::Exclusive),
        (Creating::Ignored, Creation::Replacing),
        (Creating::Conflict, Creation::Exclusive),
        (Creating::Refused(501), Creation::Looking),
        (Creating::Refused(405), Creation::Looking),
    ] {
        let bucket = Bucket::new(creating);
        let server = bucket.serve();
        let medium = servers::at(&format!("s3:http://{}/lab", server.address), SILENCE_MS);
        assert_eq!(probe(medium.as_ref()).unwrap().creation, Some(told));
        assert_eq!(bucket.names(), Vec::<String>::new());
        told_by_commands(&format!("s3:http://{}/lab/told", server.address), HUSH, told);
    }
}

/// What `init`, `remote add`, `remote test`, `remote list` and `status` say of it; the first two note it.
fn told_by_commands(address: &str, keys: (&str, &str), told: Creation) {
    let home = tempfile::tempdir().unwrap();
    let keys = [("AWS_ACCESS_KEY_ID", keys.0), ("AWS_SECRET_ACCESS_KEY", keys.1)];
    let said = |words: &[&str]| {
        let output = larder(home.path(), &keys, words);
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        text(&output)
    };
    let has = |words: &[&str], what: &str| {
        let said = said(words);
        assert!(said.contains(what), "{words:?} says nothing of `{what}`: {said}");
    };
    has(&["init", "--encryption", "none", address], told.about());
    has(&["-r", address, "status"], told.about());
    said(&["init", "--encryption", "none", "here"]);
    has(&["-r", "here", "remote", "add", "cloud", address], told.about());
    has(&["-r", "here", "remote", "list", "--json"], &format!("\"creating\":\"{}\"", told.name()));
    has(&["-r", "here", "remote", "test", "cloud"], told.about());
    // It works all the same, whatever that is.
    said(&["-r", address, "backup", "-q", "here/config.toml"]);
    said(&["-r", address, "verify", "-q", "--read-data"]);
}

#[test]
fn more_names_than_a_page_holds_are_listed() {
    let bucket = Bucket::new(Creating::Enforced);
    let server = bucket.serve();
    bucket.fill("it/packs/", 10_500);
    for scheme in ["s3", "gs"] {
        let medium = servers::at(&format!("{scheme}:http://{}/lab/it", server.address), SILENCE_MS);
        let mut names = HashSet::new();
        let each = &mut |name: &str, len| {
            assert!(name.starts_with("packs/") && len == 1);
            names.insert(name.to_string());
            Ok(())
        };
        medium.list("packs", each).unwrap();
        assert_eq!(names.len(), 10_500);
    }
}

#[test]
fn googles_own_client_and_larder_share_a_bucket() {
    if !servers::are_there(&[servers::PYTHON]) {
        return;
    }
    let bytes = |len: u32| (0..len).map(|index| (index % 251) as u8).collect::<Vec<u8>>();
    let bucket = Bucket::new(Creating::Enforced);
    let server = bucket.serve();
    let medium = servers::at(&format!("gs:http://{}/lab/it", server.address), SILENCE_MS);
    medium.put("roots/larder", b"from larder").unwrap();
    assert!(medium.put_new("leases/larder", b"mine").unwrap());
    let mut spool = medium.spool().unwrap();
    spool.write_all(&bytes(40_000_000)).unwrap();
    medium.put_spool("packs/ab/larder", spool).unwrap();
    bucket.fill("many/", 2_500);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/google_client.py");
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", CLIENT_SECONDS_MAX]).arg(servers::python()).arg(script);
    let said = command.arg(format!("http://{}", server.address)).stdin(Stdio::null()).output().unwrap();
    assert!(said.status.success(), "{}", text(&said));
    assert!(!medium.put_new("leases/google", b"other").unwrap());
    assert_eq!(medium.get("leases/google").unwrap(), b"and again");
    assert_eq!(medium.get("leases/larder").unwrap(), b"mine");
    assert!(medium.get("packs/ab/google").unwrap() == bytes(12_000_000));
    assert_eq!(medium.get_range("packs/ab/google", 250, 2).unwrap(), [250, 0]);
    let mut names = Vec::new();
    let each = &mut |name: &str, len| {
        names.push((name.to_string(), len));
        Ok(())
    };
    medium.list("roots", each).unwrap();
    assert_eq!(names, [("roots/larder".to_string(), 11), ("roots/signed".to_string(), 6)]);
    assert_eq!(bucket.unfinished(), 0);
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

/// The name of a key and the key.
const HUSH: (&str, &str) = ("hush-key", "hush-secret");
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", HUSH.0), ("AWS_SECRET_ACCESS_KEY", HUSH.1)];

#[test]
fn altered_bytes_are_never_restored() {
    let home = tempfile::tempdir().unwrap();
    let (bucket, lies) = (Bucket::new(Creating::Enforced), Arc::new(AtomicBool::new(false)));
    let (truth, is_lying) = (bucket.clone(), lies.clone());
    let server = HttpServer::start(Arc::new(move |request| {
        let mut answer = truth.answer(request);
        if is_lying.load(Ordering::SeqCst) && request.path.contains("/packs/") && !answer.body.is_empty() {
            let middle = answer.body.len() / 2;
            answer.body[middle] ^= 1;
        }
        answer
    }));
    let address = format!("s3:http://{}/lab/repository", server.address);
    let run = |words: &[&str]| larder(home.path(), &KEYS, &[&["-r", &address], words].concat());
    let source = home.path().join("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("numbers"), (0..200_000).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
    let done = |words: &[&str]| {
        let output = run(words);
        assert!(output.status.success(), "{words:?}: {}", text(&output));
    };
    done(&["init", "-q", "--encryption", "none"]);
    done(&["backup", "-q", source.to_str().unwrap()]);
    let snapshot = format!("latest:{}", source.display());
    let restore = |to: &str| run(&["restore", "-q", &snapshot, "--target", to]);
    lies.store(true, Ordering::SeqCst);
    let wrong = restore("wrong");
    assert!(matches!(wrong.status.code(), Some(3 | 13)), "{}", text(&wrong));
    let written = home.path().join("wrong/numbers");
    assert!(!written.exists(), "altered bytes were restored");
    assert_eq!(run(&["verify", "--read-data"]).status.code(), Some(13));
    lies.store(false, Ordering::SeqCst);
    done(&["verify", "-q", "--read-data"]);
    assert!(restore("right").status.success());
    let written = home.path().join("right/numbers");
    assert!(std::fs::read(written).unwrap() == std::fs::read(source.join("numbers")).unwrap());
}

#[test]
fn credentials_are_found_and_never_shown() {
    let home = tempfile::tempdir().unwrap();
    let (bucket, asked) = (Bucket::new(Creating::Enforced), Arc::new(Mutex::new(Vec::new())));
    let (truth, notes) = (bucket.clone(), asked.clone());
    let server = HttpServer::start(Arc::new(move |request| {
        let who = request.headers.get("authorization").cloned().unwrap_or_default();
        notes.lock().unwrap().push(who.clone());
        // It says back all it heard, where a message belongs.
        if who.contains("stranger") {
            return Answer::new(
                403,
                format!("<Error><Code>SignatureDoesNotMatch</Code><Message>{who} hush-secret</Message></Error>"),
            );
        }
        truth.answer(request)
    }));
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let files = [
        (".aws/credentials", "[work]\naws_access_key_id = file-key\naws_secret_access_key = hush-secret\n"),
        (
            ".aws/config",
            "[profile asks]\ncredential_process = echo '{\"AccessKeyId\": \"process-key\", \"SecretAccessKey\": \"hush-secret\"}'\n[profile sso]\nsso_session = x\n",
        ),
    ];
    files.iter().for_each(|(name, text)| std::fs::write(home.path().join(name), text).unwrap());
    let address = format!("s3:http://{}/lab/x", server.address);
    let mut said = String::new();
    let mut probe = |variables: &[(&str, &str)], query: &str, status: i32| {
        let output = larder(home.path(), variables, &["-r", &format!("{address}{query}"), "status"]);
        said += &text(&output);
        assert_eq!(output.status.code(), Some(status), "{query} {}", text(&output));
        asked.lock().unwrap().drain(..).next_back().unwrap_or_default()
    };
    let made = larder(home.path(), &KEYS, &["-r", &address, "init", "-q", "--encryption", "none"]);
    assert!(made.status.success(), "{}", text(&made));
    assert!(probe(&KEYS, "", 0).contains("Credential=hush-key/"));
    assert!(probe(&[("AWS_PROFILE", "work")], "", 0).contains("Credential=file-key/"));
    assert!(probe(&KEYS, "?profile=asks", 0).contains("Credential=process-key/"));
    probe(&[("AWS_PROFILE", "none")], "", 5);
    probe(&[("AWS_PROFILE", "sso")], "", 5);
    probe(&[("AWS_ACCESS_KEY_ID", "stranger"), KEYS[1]], "", 16);
    for words in [
        &["init", "-q", "--encryption", "none"][..],
        &["remote", "add", "cloud", &address],
        &["remote", "list"],
        &["remote", "test", "cloud"],
    ] {
        let output = larder(home.path(), &KEYS, words);
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        said += &text(&output);
    }
    said += &text(&larder(home.path(), &KEYS, &["-r", &address.replace("/lab/", "/none/"), "status"]));
    assert!(!said.contains("hush") && !said.contains("AWS4"), "{said}");
}

/// Who may use every medium of these tests, with a home of his own.
struct Owner {
    home: tempfile::TempDir,
    ssh: String,
    keys: (&'static str, &'static str),
}

impl Owner {
    fn new(rclone: &str) -> Owner {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".config/larder")).unwrap();
        let settings = format!("rclone-command = {rclone:?}\nssh-program = {:?}\n", env!("CARGO_BIN_EXE_larder"));
        std::fs::write(home.path().join(".config/larder/config.toml"), settings).unwrap();
        std::fs::write(home.path().join("key"), "7".repeat(64)).unwrap();
        // In the place of ssh, what sshd would start on the other side.
        let ssh = format!(
            "for word; do :; done; [ \"$word\" = sftp ] && exec {}; exec sh -c \"$word\"\n",
            servers::SFTP_SERVER
        );
        std::fs::write(home.path().join("ssh.sh"), ssh).unwrap();
        let ssh = format!("sh {}/ssh.sh", home.path().display());
        Owner { home, ssh, keys: HUSH }
    }

    fn done(&self, words: &[&str]) -> String {
        let key = self.home.path().join("key");
        let account = r#"{"private_key":"x","private_key_id":"x","client_email":"a@b","disable_oauth":true}"#;
        let variables = [
            ("AWS_ACCESS_KEY_ID", self.keys.0),
            ("AWS_SECRET_ACCESS_KEY", self.keys.1),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", account),
            ("AZURE_STORAGE_KEY", heavy::AZURITE.1),
            ("LARDER_SSH", &self.ssh),
            ("LARDER_KEY_FILE", key.to_str().unwrap()),
        ];
        let output = larder(self.home.path(), &variables, words);
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn comes_back(&self, address: &str) {
        let (source, target) = (self.home.path().join("source"), self.home.path().join("restored"));
        _ = std::fs::remove_dir_all(&target);
        let latest = format!("latest:{}", source.display());
        self.done(&["-r", address, "restore", "-q", &latest, "--target", target.to_str().unwrap()]);
        let same = Command::new("diff").arg("-r").args([&source, &target]).status().unwrap();
        assert!(same.success(), "{address}: what was restored differs");
    }

    /// init, two backups, verify, restore, compare, forget, gc, verify.
    fn story(&self, address: &str) {
        let source = self.home.path().join("source");
        _ = std::fs::remove_dir_all(&source);
        std::fs::create_dir_all(source.join("below")).unwrap();
        std::fs::write(source.join("numbers"), (0..300_000).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
        std::fs::write(source.join("below/small"), "small").unwrap();
        let done = |words: &[&str]| self.done(&[&["-r", address], words].concat());
        let path = source.to_str().unwrap();
        done(&["init", "-q"]);
        done(&["backup", "-q", path, "--tag", "first"]);
        std::fs::write(source.join("below/more"), "more").unwrap();
        done(&["backup", "-q", path, "--tag", "second"]);
        done(&["verify", "-q", "--read-data"]);
        self.comes_back(address);
        done(&["forget", "-q", "first"]);
        // rclone tells no times of the medium: who uses it says that nobody writes.
        let has_no_clock = address.starts_with("rclone:");
        done(if has_no_clock { &["gc", "-q", "--no-writers"] } else { &["gc", "-q"] });
        done(&["verify", "-q", "--read-data"]);
        assert_eq!(done(&["snapshots"]).matches("second").count(), 1, "{address}");
    }
}

#[test]
fn one_story_over_every_scheme() {
    if !servers::are_there(&["rclone", servers::PYTHON, servers::SFTP_SERVER]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let moto = servers::moto(dir.path());
    let google = Bucket::new(Creating::Enforced).serve();
    let served = servers::larder_serve(&[], &dir.path().join("http"));
    let owner = Owner::new(&servers::rclone_command(&moto, dir.path()).into_string().unwrap());
    let there = dir.path().display();
    for address in [
        format!("{there}/directory"),
        format!("exec:{} {there}/exec", servers::exec_example(dir.path())),
        format!("ssh://host{there}/ssh"),
        format!("sftp://host{there}/sftp"),
        format!("s3:http://127.0.0.1:{}/lab/s3", moto.port),
        format!("gs:http://{}/lab/gs", google.address),
        "rclone:bucket:lab/rclone".to_string(),
        format!("rclone:disk:{there}/rclone"),
        served.url(),
    ] {
        owner.story(&address);
    }
    // What a web server gives can be read, and nothing else.
    let log = tempfile::tempdir().unwrap();
    let web = servers::python_http(dir.path(), log.path());
    owner.story(&format!("{there}/served"));
    let served = format!("http://127.0.0.1:{}/served", web.port);
    owner.done(&["-r", &served, "verify", "-q", "--read-data"]);
    owner.comes_back(&served);
}

#[test]
#[ignore = "Azurite is heavy: make test-servers"]
fn the_same_story_over_az() {
    let dir = tempfile::tempdir().unwrap();
    let server = heavy::azurite(dir.path());
    Owner::new("rclone").story(&format!("az:http://127.0.0.1:{}/devstoreaccount1/lab/story", server.port));
}

/// The story over a store, and what is said of it.
fn story_over(store: &heavy::Store, told: Creation) {
    told_by_commands(&store.address("told"), store.keys, told);
    Owner { keys: store.keys, ..Owner::new("rclone") }.story(&store.address("story"));
}

#[test]
#[ignore = "s3s-fs is heavy: make test-servers"]
fn the_same_story_over_s3s_fs() {
    let dir = tempfile::tempdir().unwrap();
    story_over(&heavy::s3s_fs(dir.path()), Creation::Exclusive);
}

#[test]
#[ignore = "Garage is heavy: make test-servers"]
fn the_same_story_over_garage() {
    let dir = tempfile::tempdir().unwrap();
    story_over(&heavy::garage(dir.path()), Creation::Replacing);
}

#[test]
#[ignore = "Swift is heavy: make test-servers"]
fn the_same_story_over_swift() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    story_over(&heavy::swift(dir.path()), Creation::Looking);
}

/// A program that notes how it was called, by whom, and with which variables, and then does `then`.
fn spy(dir: &Path, name: &str, then: &str) -> String {
    let (path, notes) = (dir.join(name), dir.join("noted"));
    let script = format!(
        "{{ echo {name} \"$*\"; tr '\\0' ' ' </proc/$PPID/cmdline; echo; env | grep '^LARDER_'; }} >>{}\n{then}\n",
        notes.display()
    );
    std::fs::write(&path, script).unwrap();
    format!("sh {}", path.display())
}

#[test]
fn no_secret_is_in_what_is_said_or_in_how_a_program_is_called() {
    if !servers::are_there(&["rclone", servers::PYTHON]) {
        return;
    }
    let (home, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // It answers with all that it heard, where a message belongs.
    let echo = HttpServer::start(Arc::new(|request| {
        let heard = format!("{:?} {} hush", request.headers, request.target);
        Answer::new(403, format!("<Error><Code>AccessDenied</Code><Message>{heard}</Message></Error>"))
            .with("x-hush", "hush")
    }));
    let moto = servers::moto(dir.path());
    let rclone = servers::rclone_command(&moto, dir.path()).into_string().unwrap();
    let rclone = spy(dir.path(), "rclone.sh", &format!("exec {rclone} \"$@\""));
    let ssh = spy(dir.path(), "ssh.sh", "exit 255");
    std::fs::create_dir_all(home.path().join(".config/larder")).unwrap();
    let settings = format!("rclone-command = {rclone:?}\nssh-command = {ssh:?}\n");
    std::fs::write(home.path().join(".config/larder/config.toml"), settings).unwrap();
    let variables = [
        ("LARDER_PASSPHRASE", "hush-passphrase"),
        ("AWS_ACCESS_KEY_ID", "hush-key"),
        ("AWS_SECRET_ACCESS_KEY", "hush-secret"),
        ("AWS_SESSION_TOKEN", "hush-token"),
        (
            "GOOGLE_SERVICE_ACCOUNT_KEY",
            r#"{"private_key":"hush","private_key_id":"hush","client_email":"hush@b","disable_oauth":true}"#,
        ),
        ("LARDER_TOKEN", "hush-token-of-a-server"),
        ("AZURE_STORAGE_ACCOUNT", "account"),
        ("AZURE_STORAGE_KEY", "aHVzaC1odXNo"),
    ];
    let secrets = ["hush", "aHVzaC1odXNo", "AWS4-HMAC", "SharedKey"];
    let mut said = String::new();
    let mut run = |words: &[&str], status: &[i32]| {
        let output = larder(home.path(), &variables, words);
        let text = text(&output);
        assert!(status.contains(&output.status.code().unwrap()), "{words:?}: {text}");
        said += &text;
    };
    run(&["init", "here"], &[0]);
    for (at, address) in [
        format!("s3:http://{}/lab/x", echo.address),
        format!("gs:http://{}/lab/x", echo.address),
        format!("az:http://{}/account/lab/x", echo.address),
        format!("http://{}/x", echo.address),
        "rclone:bucket:none/x".to_string(),
        "ssh://host/x".to_string(),
        "sftp://host/x".to_string(),
        format!("exec:{} --token hush", spy(dir.path(), "exec.sh", "exit 1")),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("remote{at}");
        run(&["-r", "here", "-vv", "remote", "add", &name, address], &[0]);
        // The others would be asked again and again.
        if ["s3", "gs", "az", "http", "rclone"].iter().any(|scheme| address.starts_with(scheme)) {
            run(&["-r", "here", "-vv", "remote", "test", &name], &[0, 4, 5, 13, 14, 16]);
        }
    }
    // Where it works, too.
    run(&["-r", "here", "-vv", "sync", "--push", "rclone:bucket:lab/y"], &[0]);
    for wrong in [
        "http://me:hush@host/x",
        "https://me:hush@host/x",
        "s3://me:hush@bucket/x",
        "ssh://me:hush@host/x",
        "sftp://me:hush@host/x",
        "az://container/x?sig=hush",
        "s3://bucket/x?secret=hush",
        "gs://me:hush@bucket/x",
    ] {
        run(&["-r", "here", "remote", "add", "wrong", wrong], &[2, 5]);
        run(&["-r", wrong, "status"], &[2, 5]);
    }
    run(&["-r", "here", "remote", "list"], &[0]);
    run(&["-r", "here", "remote", "list", "--json"], &[0]);
    run(&["-r", "here", "status", "--json"], &[0]);
    let noted = std::fs::read_to_string(dir.path().join("noted")).unwrap();
    assert!(["rclone.sh", "ssh.sh", "exec.sh"].iter().all(|program| noted.contains(program)), "{noted}");
    // The words of a command are the user's own: no other program is given them.
    let called: String = noted.lines().filter(|line| !line.contains("exec.sh")).collect();
    for secret in secrets {
        assert!(!said.contains(secret), "{said}");
        assert!(!called.contains(secret), "{called}");
    }
}
