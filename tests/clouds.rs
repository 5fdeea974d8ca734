//! Buckets whose servers fail, lie and refuse: nothing wrong is stored or restored, failures have their codes, and what
//! can be had by asking again is had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod servers;

use larder::backend::{Backend, Creation, Patience, RetryBackend, probe};
use larder::error::Code;
use servers::bucket::{Bucket, Creating};
use servers::http::{Answer, HttpServer, Way};
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Longer than any answer takes that comes at all.
const SILENCE_MS: u64 = 60_000;
const QUICK: Patience = Patience { first_ms: 5, wait_ms_max: 50, budget_ms: 60_000, retries_max: 9 };

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
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
}

/// A bucket that fails at each request the first time it is made.
fn failing_once(bucket: &Arc<Bucket>, fault: Fault) -> HttpServer {
    let (bucket, seen) = (bucket.clone(), Mutex::new(HashSet::new()));
    HttpServer::start(Arc::new(move |request| {
        let range = request.headers.get("range");
        // Another try of a long file is another upload.
        let query: Vec<_> = request.query.iter().filter(|(name, _)| *name != "uploadId").collect();
        let words = format!("{} {} {query:?} {range:?}", request.method, request.path);
        if !seen.lock().unwrap().insert(words) {
            return bucket.answer(request);
        }
        fail(fault, || bucket.answer(request))
    }))
}

fn fail(fault: Fault, truth: impl Fn() -> Answer) -> Answer {
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
    }
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
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|index| (index % 251) as u8).collect();
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
    let medium = servers::at("s3:http://127.0.0.1:1/lab", SILENCE_MS);
    assert_eq!(medium.get("roots/a").unwrap_err().code(), Code::ConnectionFailed);
}

#[test]
fn creating_is_told_as_it_is() {
    for (creating, told) in [
        (Creating::Enforced, Creation::Exclusive),
        (Creating::Ignored, Creation::Replacing),
        (Creating::Refused, Creation::Looking),
    ] {
        let bucket = Bucket::new(creating);
        let server = bucket.serve();
        let medium = servers::at(&format!("s3:http://{}/lab", server.address), SILENCE_MS);
        assert_eq!(probe(medium.as_ref()).unwrap().creation, Some(told));
        assert_eq!(bucket.names(), Vec::<String>::new());
    }
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

/// larder, as somebody runs it who has nothing but these variables.
fn larder(home: &Path, variables: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(words).env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(variables.iter().copied()).current_dir(home).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "hush-key"), ("AWS_SECRET_ACCESS_KEY", "hush-secret")];

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

#[test]
fn one_story_over_every_scheme() {
    let (home, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let moto = servers::moto(dir.path());
    let bucket = Bucket::new(Creating::Enforced);
    let google = bucket.serve();
    let rclone = servers::rclone_command(&moto, dir.path()).into_string().unwrap();
    std::fs::create_dir_all(home.path().join(".config/larder")).unwrap();
    let settings = format!("rclone-command = {rclone:?}\nssh-program = {:?}\n", env!("CARGO_BIN_EXE_larder"));
    std::fs::write(home.path().join(".config/larder/config.toml"), settings).unwrap();
    std::fs::write(home.path().join("key"), "7".repeat(64)).unwrap();
    // In the place of ssh, what sshd would start on the other side.
    let ssh = "for word; do :; done; [ \"$word\" = sftp ] && exec /usr/lib/openssh/sftp-server; exec sh -c \"$word\"\n";
    std::fs::write(home.path().join("ssh.sh"), ssh).unwrap();
    let (ssh, there) = (format!("sh {}/ssh.sh", home.path().display()), dir.path().display());
    let key = home.path().join("key");
    let account = r#"{"private_key":"x","private_key_id":"x","client_email":"a@b","disable_oauth":true}"#;
    let variables = [
        KEYS[0],
        KEYS[1],
        ("GOOGLE_SERVICE_ACCOUNT_KEY", account),
        ("LARDER_SSH", &ssh),
        ("LARDER_KEY_FILE", key.to_str().unwrap()),
    ];
    let source = home.path().join("source");
    for address in [
        format!("{there}/directory"),
        format!("ssh://host{there}/ssh"),
        format!("sftp://host{there}/sftp"),
        format!("s3:http://127.0.0.1:{}/lab/s3", moto.port),
        format!("gs:http://{}/lab/gs", google.address),
        "rclone:bucket:lab/rclone".to_string(),
        format!("rclone:disk:{there}/rclone"),
    ] {
        _ = std::fs::remove_dir_all(&source);
        std::fs::create_dir_all(source.join("below")).unwrap();
        std::fs::write(source.join("numbers"), (0..300_000).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
        std::fs::write(source.join("below/small"), "small").unwrap();
        let done = |words: &[&str]| {
            let output = larder(home.path(), &variables, &[&["-r", &address], words].concat());
            assert!(output.status.success(), "{address} {words:?}: {}", text(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        let path = source.to_str().unwrap();
        done(&["init", "-q"]);
        done(&["backup", "-q", path, "--tag", "first"]);
        std::fs::write(source.join("below/more"), "more").unwrap();
        done(&["backup", "-q", path, "--tag", "second"]);
        done(&["verify", "-q", "--read-data"]);
        let target = home.path().join("restored");
        _ = std::fs::remove_dir_all(&target);
        done(&["restore", "-q", &format!("latest:{path}"), "--target", target.to_str().unwrap()]);
        let same = Command::new("diff").arg("-r").args([&source, &target]).status().unwrap();
        assert!(same.success(), "{address}: what was restored differs");
        done(&["forget", "-q", "first"]);
        // rclone tells no times of the medium: who uses it says that nobody writes.
        let gc: &[&str] = if address.starts_with("rclone:") { &["gc", "-q", "--no-writers"] } else { &["gc", "-q"] };
        done(gc);
        done(&["verify", "-q", "--read-data"]);
        assert_eq!(done(&["snapshots"]).matches("second").count(), 1, "{address}");
    }
}
