//! The conformance suite: every rule of the `Backend` trait, over every backend there is.
//!
//! A new backend is one row in `ROWS`. A new rule is one function in `RULES`. Wrappers are rows too: they must be
//! unnoticeable.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod servers;

use larder::backend::{
    Access, Backend, Creation, FaultBackend, FsBackend, LimitBackend, Limits, Location, MemBackend, PaceBackend,
    Patience, Plan, RecordBackend, RetryBackend, SCHEMES, probe,
};
use larder::error::{Code, Error};
use servers::bucket::{Bucket, Creating};
use servers::heavy::{self, Store};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Makes an empty backend with the help of a directory.
type Open<'a> = &'a dyn Fn(&Path) -> Arc<dyn Backend>;
/// The same, where nothing else is needed.
type OpenAlone = fn(&Path) -> Arc<dyn Backend>;

/// Every backend that needs no server, and how messages of this suite call it.
const ROWS: &[(&str, OpenAlone)] = &[
    ("file", |dir| Arc::new(FsBackend::new(dir.join("not yet/there")))),
    ("exec", |dir| at(&format!("exec:{} {}", servers::exec_example(dir), dir.join("bytes").display()), dir)),
    ("ssh", |dir| at(&format!("ssh://nobody@example.invalid:2222{}/it's there", dir.display()), dir)),
    ("mem", |_| Arc::new(MemBackend::new())),
    ("record", |dir| Arc::new(RecordBackend::new(Arc::new(FsBackend::new(dir))))),
    ("fault", |_| Arc::new(FaultBackend::new(Arc::new(MemBackend::new()), Plan::NONE))),
    ("retry", |dir| Arc::new(RetryBackend::new(Arc::new(FsBackend::new(dir)), Patience::default()))),
    ("pace", |_| Arc::new(PaceBackend::new(Arc::new(MemBackend::new())))),
    ("limit", |_| {
        let limits = Limits { up_bytes_per_second: Some(1 << 30), down_bytes_per_second: Some(1 << 30) };
        Arc::new(LimitBackend::new(Arc::new(MemBackend::new()), limits))
    }),
];

/// The medium at an address. Instead of ssh a script runs here what should run there, as sshd does.
fn at(address: &str, dir: &Path) -> Arc<dyn Backend> {
    let ssh = dir.join("ssh.sh");
    std::fs::write(&ssh, "for last; do :; done\nexec sh -c \"$last\"\n").unwrap();
    let access = Access {
        ssh_command: format!("sh {}", ssh.display()).into(),
        remote_program: env!("CARGO_BIN_EXE_larder").to_string(),
        ..Access::default()
    };
    Location::parse(address.as_ref()).unwrap().open(&access).unwrap()
}

type Rule = fn(&dyn Backend);

/// Every rule, by name.
const RULES: [(&str, Rule); 14] = [
    ("what is put is there", what_is_put_is_there),
    ("put replaces whole", put_replaces_whole),
    ("put_new never replaces", put_new_never_replaces),
    ("put_new has one winner", put_new_has_one_winner),
    ("a spool gets its name", a_spool_gets_its_name),
    ("a dropped spool vanishes", a_dropped_spool_vanishes),
    ("absence has its own code", absence_has_its_own_code),
    ("a directory is no file", a_directory_is_no_file),
    ("ranges are exact", ranges_are_exact),
    ("its clock runs forward", its_clock_runs_forward),
    ("list shows what is below", list_shows_what_is_below),
    ("list hands on an error", list_hands_on_an_error),
    ("bad names are refused", bad_names_are_refused),
    ("threads do not disturb each other", threads_do_not_disturb_each_other),
];

#[test]
fn every_backend_keeps_every_rule() {
    ROWS.iter().for_each(|(name, open)| keep_every_rule(name, open));
}

#[test]
fn s3_keeps_every_rule() {
    if !servers::are_there(&[servers::PYTHON]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = servers::moto(dir.path());
    let bucket = servers::at(&format!("s3:http://127.0.0.1:{}/lab/probed", server.port), 60_000);
    assert_eq!(probe(bucket.as_ref()).unwrap().creation, Some(Creation::Exclusive));
    // moto looks whether a name is taken, and then takes it: of two who come together both may get it. The bucket of
    // ours, which is a test below, has this rule. And a listing beside a deletion may fail there: it is asked again.
    keep_rules(
        "s3",
        &|dir| {
            let medium = servers::at(&below(&format!("s3:http://127.0.0.1:{}/lab", server.port), dir), 60_000);
            Arc::new(RetryBackend::new(medium, Patience::default()))
        },
        &["put_new has one winner"],
    );
}

#[test]
#[ignore = "Azurite is heavy: make test-servers"]
fn az_keeps_every_rule() {
    let dir = tempfile::tempdir().unwrap();
    let server = servers::heavy::azurite(dir.path());
    let container = format!("az:http://127.0.0.1:{}/devstoreaccount1/lab", server.port);
    let probed = servers::at(&format!("{container}/probed"), 60_000);
    assert_eq!(probe(probed.as_ref()).unwrap().creation, Some(Creation::Exclusive));
    keep_every_rule("az", &|dir| servers::at(&below(&container, dir), 60_000));
}

/// Every rule but those that a store does not have.
fn keep_rules_of_store(name: &str, store: &Store, creation: Creation, but: &[&str]) {
    assert_eq!(probe(store.at("probed", 60_000).as_ref()).unwrap().creation, Some(creation), "{name}");
    keep_rules(name, &|dir| store.at(&place(dir), 60_000), but);
}

#[test]
#[ignore = "s3s-fs is heavy: make test-servers"]
fn s3s_fs_keeps_the_rules_but_of_winners() {
    let dir = tempfile::tempdir().unwrap();
    // It looks whether a name is taken, and then takes it: of 16 who come together 4 got it. And to the question for a
    // directory it answers 500: no name of ours is both.
    let but = ["put_new has one winner", "a directory is no file"];
    keep_rules_of_store("s3s-fs", &heavy::s3s_fs(dir.path()), Creation::Exclusive, &but);
}

#[test]
#[ignore = "Garage is heavy: make test-servers"]
fn garage_keeps_the_rules_but_of_creation() {
    let dir = tempfile::tempdir().unwrap();
    keep_rules_of_store(
        "Garage",
        &heavy::garage(dir.path()),
        Creation::Replacing,
        &["put_new never replaces", "put_new has one winner"],
    );
}

#[test]
#[ignore = "Swift is heavy: make test-servers"]
fn swift_keeps_the_rules_but_of_winners() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    keep_rules_of_store("Swift", &heavy::swift(dir.path()), Creation::Looking, &["put_new has one winner"]);
}

#[test]
fn rclone_keeps_every_rule() {
    if !servers::are_there(&["rclone", servers::PYTHON]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let moto = servers::moto(dir.path());
    let access = Access {
        rclone_command: servers::rclone_command(&moto, dir.path()),
        // This version of rclone fails over it.
        hidden_variables: vec!["AWS_CA_BUNDLE".to_string()],
        ..Access::default()
    };
    let medium = |address: &str| Location::parse(address.as_ref()).unwrap().open(&access).unwrap();
    // What is replaced while it is read is read in part, and of two writers of one name with other bytes both may fail:
    // rclone compares what it wrote with what is there. Names of larder are of one writer, or of one content.
    let but = ["put replaces whole", "put_new has one winner"];
    keep_rules("rclone", &|dir| medium(&below("rclone:bucket:lab", dir)), &but);
    // A directory is no bucket: rclone moves a file over another by deleting that first, so only new names are whole.
    let there = tempfile::tempdir().unwrap();
    let disk = medium(&format!("rclone:disk:{}/there", there.path().display()));
    let rules: [Rule; 6] = [
        put_new_never_replaces,
        a_spool_gets_its_name,
        absence_has_its_own_code,
        ranges_are_exact,
        list_shows_what_is_below,
        list_hands_on_an_error,
    ];
    for rule in rules {
        std::fs::remove_dir_all(there.path().join("there")).unwrap_or_default();
        rule(disk.as_ref());
    }
    assert_eq!(code(medium("rclone:nowhere:x").get("roots/a")), Some(Code::ConfigInvalid));
}

#[test]
fn files_of_a_web_server_are_read_and_nothing_is_written() {
    if !servers::are_there(&[servers::PYTHON]) {
        return;
    }
    let (dir, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = FsBackend::new(dir.path().join("it is there"));
    let bytes: Vec<u8> = (0..100_000_u32).map(|index| (index * 7 % 253) as u8).collect();
    for name in ["packs/ab/1", "packs/cd/2", "packs2/x", "roots/a"] {
        files.put(name, &bytes).unwrap();
    }
    let server = servers::python_http(dir.path(), log.path());
    let web = servers::at(&format!("http://127.0.0.1:{}/it%20is%20there", server.port), 60_000);
    assert!(web.get("roots/a").unwrap() == bytes);
    for (offset, len) in [(0, 0), (0, 1), (1, 99_999), (99_999, 1), (100_000, 0)] {
        let end = offset as usize + len;
        assert!(web.get_range("roots/a", offset, len).unwrap() == bytes[offset as usize..end]);
    }
    assert_eq!(code(web.get_range("roots/a", 99_999, 2)), Some(Code::StorageCorrupted));
    assert_eq!(code(web.get("roots/b")), Some(Code::FileNotFound));
    assert_eq!((web.stat("roots/a").unwrap(), web.stat("roots").unwrap()), (Some(100_000), None));
    assert_eq!(listed(web.as_ref(), "packs"), listed(&files, "packs"));
    assert!(listed(web.as_ref(), "none").is_empty());
    let refused: [Option<Code>; 4] = [
        code(web.put("roots/b", b"x")),
        code(web.put_new("roots/b", b"x")),
        code(web.put_spool("roots/b", web.spool().unwrap())),
        code(web.delete("roots/a")),
    ];
    assert_eq!(refused, [Some(Code::PermissionDenied); 4]);
    bad_names_are_refused(web.as_ref());
    list_hands_on_an_error_of(web.as_ref(), "packs");
}

#[test]
fn http_keeps_every_rule() {
    let running = RefCell::new(Vec::new());
    keep_every_rule("http", &|dir| {
        let server = servers::larder_serve(&[], &dir.join("it is there"));
        let medium = servers::at(&server.url(), 60_000);
        running.borrow_mut().push(server);
        medium
    });
}

#[test]
fn gs_keeps_every_rule() {
    let server = Bucket::new(Creating::Enforced).serve();
    keep_every_rule("gs", &|dir| servers::at(&below(&format!("gs:http://{}/lab", server.address), dir), 60_000));
}

#[test]
fn sftp_keeps_every_rule() {
    if !servers::are_there(&[servers::SFTP_SERVER]) {
        return;
    }
    // The program that sshd starts for this, without sshd around it.
    keep_every_rule("sftp", &|dir| {
        let ssh = dir.join("ssh.sh");
        std::fs::write(
            &ssh,
            "[ \"$*\" = \"-p 2222 -s nobody@example.invalid sftp\" ] && exec /usr/lib/openssh/sftp-server\n",
        )
        .unwrap();
        let access = Access { ssh_command: format!("sh {}", ssh.display()).into(), ..Access::default() };
        let address = format!("sftp://nobody@example.invalid:2222{}/it's there", dir.display());
        Location::parse(address.as_ref()).unwrap().open(&access).unwrap()
    });
}

#[test]
fn an_sftp_server_that_replaces_nothing_takes_a_pack_twice_and_new_directories_are_synced() {
    let dir = tempfile::tempdir().unwrap();
    let (ssh, log) = (dir.path().join("ssh.sh"), dir.path().join("log"));
    let server = format!("exec /usr/lib/openssh/sftp-server -e -l INFO -P posix-rename 2>>'{}'\n", log.display());
    std::fs::write(&ssh, server).unwrap();
    let access = Access { ssh_command: format!("sh {}", ssh.display()).into(), ..Access::default() };
    let there = dir.path().join("there");
    let medium = Location::parse(format!("sftp://host{}", there.display()).as_ref()).unwrap().open(&access).unwrap();
    a_spool_gets_its_name(medium.as_ref());
    medium.put("keys/a", b"first").unwrap();
    assert_eq!(code(medium.put("keys/a", b"other")), Some(Code::FileIo));
    assert_eq!(medium.get("keys/a").unwrap(), b"first");
    let said = std::fs::read_to_string(log).unwrap();
    for synced in [dir.path(), &there, &there.join("packs"), &there.join("packs/ab")] {
        let line = format!("open \"{}\" flags READ", synced.display());
        assert!(said.contains(&line), "not synced: {line}\n{said}");
    }
}

#[test]
fn a_real_sshd_is_spoken_to_and_strangers_are_not_let_in() {
    if !servers::are_there(&[servers::SSHD, servers::SFTP_SERVER]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let sshd = servers::sshd(dir.path());
    let access = Access {
        ssh_command: sshd.ssh_command.clone().into(),
        remote_program: env!("CARGO_BIN_EXE_larder").to_string(),
        ..Access::default()
    };
    let open = |scheme: &str, below: &Path, access: &Access| {
        let address = format!("{scheme}://127.0.0.1:{}{}/there", sshd.server.port, below.display());
        Location::parse(address.as_ref()).unwrap().open(access).unwrap()
    };
    for scheme in ["sftp", "ssh"] {
        keep_every_rule(scheme, &|dir| open(scheme, dir, &access));
    }
    // A key that is not let in, and a host that is not the one that is known.
    for (good, bad) in [("/user ", "/stranger "), ("/known ", "/unknown ")] {
        let access = Access { ssh_command: sshd.ssh_command.replace(good, bad).into(), ..access.clone() };
        for scheme in ["sftp", "ssh"] {
            let answer = open(scheme, dir.path(), &access).stat("roots/a");
            assert_eq!(code(answer), Some(Code::Unauthorized), "{scheme} {bad}");
        }
    }
    for scheme in ["sftp", "ssh"] {
        let nowhere = Location::parse(format!("{scheme}://127.0.0.1:1/there").as_ref()).unwrap().open(&access).unwrap();
        assert_eq!(code(nowhere.stat("roots/a")), Some(Code::NetworkUnreachable), "{scheme}");
    }
}

/// A place that nobody else has.
fn place(dir: &Path) -> String {
    format!("{}/it is there", dir.file_name().unwrap().to_str().unwrap().trim_start_matches('.'))
}

fn below(bucket: &str, dir: &Path) -> String {
    format!("{bucket}/{}", place(dir))
}

fn keep_every_rule(backend_name: &str, open: Open) {
    keep_rules(backend_name, open, &[]);
}

fn keep_rules(backend_name: &str, open: Open, but: &[&str]) {
    for (rule_name, rule) in RULES.into_iter().filter(|(name, _)| !but.contains(name)) {
        let dir = tempfile::tempdir().unwrap();
        let backend = open(dir.path());
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rule(&*backend)));
        assert!(kept.is_ok(), "backend `{backend_name}` breaks the rule `{rule_name}`; the reason stands above");
    }
}

#[test]
fn every_scheme_is_documented() {
    let page = include_str!("../docs/REMOTES.md");
    for scheme in SCHEMES {
        assert!(page.contains(&format!("`{}:", scheme.name)), "docs/REMOTES.md does not name {}:", scheme.name);
    }
}

#[test]
fn a_connection_that_breaks_takes_no_lease_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let medium =
        RetryBackend::new(at(&format!("ssh://host{}/there", dir.path().display()), dir.path()), Patience::default());
    // What goes to the other side passes a `cat`: without it that is at its end, while we live.
    let here = dir.path().display();
    let ssh = format!(
        "for last; do :; done\nexec 3<&0\n{{ cat <&3 & echo $! >>'{here}/cats'; wait; }} | \
         {{ exec 3<&-; sh -c \"$last\"; echo >>'{here}/ended'; }}\n"
    );
    std::fs::write(dir.path().join("ssh.sh"), ssh).unwrap();
    assert!(medium.put_new("leases/w/0", b"lease").unwrap());
    let lines = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    let cat = lines("cats").trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(cat), nix::sys::signal::Signal::SIGKILL).unwrap();
    let since = Instant::now();
    while lines("ended").is_empty() {
        assert!(since.elapsed() < Duration::from_secs(120), "the other side goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(medium.get("leases/w/0").unwrap(), b"lease");
    assert!(medium.put_new("leases/w/1", b"lease").unwrap());
    assert_eq!(lines("cats").lines().count(), 2, "it was another connection");
}

#[test]
fn a_directory_survives_its_backend() {
    let dir = tempfile::tempdir().unwrap();
    FsBackend::new(dir.path()).put("roots/a", b"kept").unwrap();
    assert_eq!(FsBackend::new(dir.path()).get("roots/a").unwrap(), b"kept");
    assert_eq!(std::fs::read(dir.path().join("roots/a")).unwrap(), b"kept");
}

#[test]
fn files_of_a_directory_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let backend = FsBackend::new(dir.path());
    backend.put("keys/a", b"slot").unwrap();
    backend.put_new("leases/w/1", b"lease").unwrap();
    let mut spool = backend.spool().unwrap();
    spool.write_all(b"pack").unwrap();
    backend.put_spool("packs/ab/p", spool).unwrap();
    for name in ["keys", "keys/a", "leases/w", "leases/w/1", "packs/ab/p", "tmp"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}

fn code<T>(answer: Result<T, Error>) -> Option<Code> {
    answer.err().map(|error| error.code())
}

fn listed(backend: &dyn Backend, prefix: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    backend
        .list(prefix, &mut |name, len| {
            assert_eq!(found.insert(name.to_string(), len), None, "{name} is listed twice");
            Ok(())
        })
        .unwrap();
    found
}

fn what_is_put_is_there(backend: &dyn Backend) {
    for (name, len) in [("config.toml", 0), ("roots/a", 1), ("packs/ab/c", 3 << 20)] {
        let bytes: Vec<u8> = (0..len).map(|index: u32| (index % 251) as u8).collect();
        backend.put(name, &bytes).unwrap();
        assert!(backend.get(name).unwrap() == bytes);
        assert_eq!(backend.stat(name).unwrap(), Some(u64::from(len)));
        backend.delete(name).unwrap();
        assert_eq!(backend.stat(name).unwrap(), None);
        assert_eq!(code(backend.get(name)), Some(Code::FileNotFound));
    }
}

fn put_replaces_whole(backend: &dyn Backend) {
    let values = [vec![b'a'; 100_000], vec![b'b'; 50_000]];
    backend.put("roots/x", &values[0]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..40 {
                backend.put("roots/x", &values[round % 2]).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            assert!(values.contains(&backend.get("roots/x").unwrap()), "a reader saw part of a file");
        }
    });
    assert!(backend.get("roots/x").unwrap() == values[1]);
    assert_eq!(listed(backend, "roots").len(), 1);
}

fn put_new_never_replaces(backend: &dyn Backend) {
    assert!(backend.put_new("leases/w/1", b"first").unwrap());
    assert!(!backend.put_new("leases/w/1", b"second").unwrap());
    assert_eq!(backend.get("leases/w/1").unwrap(), b"first");
    backend.delete("leases/w/1").unwrap();
    assert!(backend.put_new("leases/w/1", b"third").unwrap());
}

fn put_new_has_one_winner(backend: &dyn Backend) {
    let winners = AtomicUsize::new(0);
    let winner = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..16_usize {
            let (winners, winner) = (&winners, &winner);
            scope.spawn(move || {
                if backend.put_new("leases/w/1", &[number as u8; 100]).unwrap() {
                    winners.fetch_add(1, Ordering::SeqCst);
                    winner.store(number, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(winners.load(Ordering::SeqCst), 1);
    assert_eq!(backend.get("leases/w/1").unwrap(), [winner.load(Ordering::SeqCst) as u8; 100]);
}

fn a_spool_gets_its_name(backend: &dyn Backend) {
    let mut spool = backend.spool().unwrap();
    for part in [&b"head "[..], b"and tail"] {
        spool.write_all(part).unwrap();
    }
    assert!(listed(backend, "packs").is_empty());
    backend.put_spool("packs/ab/p", spool).unwrap();
    assert_eq!(backend.get("packs/ab/p").unwrap(), b"head and tail");
    backend.put_spool("packs/ab/empty", backend.spool().unwrap()).unwrap();
    assert_eq!(backend.stat("packs/ab/empty").unwrap(), Some(0));
    // Two writers may store the same pack: its name is the hash of its bytes.
    let mut again = backend.spool().unwrap();
    again.write_all(b"head and tail").unwrap();
    backend.put_spool("packs/ab/p", again).unwrap();
    assert_eq!(backend.get("packs/ab/p").unwrap(), b"head and tail");
}

fn a_dropped_spool_vanishes(backend: &dyn Backend) {
    let mut spool = backend.spool().unwrap();
    spool.write_all(b"x").unwrap();
    let path = spool.path().to_path_buf();
    drop(spool);
    assert!(!path.exists());
    assert!(listed(backend, "packs").is_empty() && listed(backend, "tmp").is_empty());
}

fn absence_has_its_own_code(backend: &dyn Backend) {
    assert_eq!(code(backend.get("roots/none")), Some(Code::FileNotFound));
    assert_eq!(code(backend.get_range("roots/none", 0, 1)), Some(Code::FileNotFound));
    assert_eq!(backend.stat("roots/none").unwrap(), None);
    assert!(backend.delete("roots/none").is_ok() && backend.delete("no/such/dir").is_ok());
}

fn a_directory_is_no_file(backend: &dyn Backend) {
    backend.put("roots/there/x", b"x").unwrap();
    assert_eq!(backend.stat("roots/there").unwrap(), None);
}

fn ranges_are_exact(backend: &dyn Backend) {
    let bytes: Vec<u8> = (0..100_000_u32).map(|index| (index * 7 % 253) as u8).collect();
    backend.put("packs/ab/r", &bytes).unwrap();
    for (offset, len) in [(0, 0), (0, 1), (1, 99_999), (99_999, 1), (100_000, 0), (65_000, 1_000)] {
        let end = offset as usize + len;
        assert!(backend.get_range("packs/ab/r", offset, len).unwrap() == bytes[offset as usize..end]);
    }
    for (offset, len) in [(0, 100_001), (99_999, 2), (100_000, 1), (1 << 40, 1), (u64::MAX - 9, 8), (0, 1 << 50)] {
        let answer = backend.get_range("packs/ab/r", offset, len);
        assert_eq!(code(answer), Some(Code::StorageCorrupted), "{len} bytes from {offset}");
    }
}

/// A medium that has no clock says so always; one that has knows when each file came.
fn its_clock_runs_forward(backend: &dyn Backend) {
    assert_eq!(backend.modified("leases/w/0").unwrap(), None);
    assert!(backend.put_new("leases/w/0", b"first").unwrap());
    backend.put("leases/v/0", b"second").unwrap();
    let [first, second] = ["leases/w/0", "leases/v/0"].map(|name| backend.modified(name).unwrap());
    assert_eq!(first.is_some(), second.is_some());
    assert!(first <= second, "{first:?} and then {second:?}");
    assert!(first.is_none_or(|time| time.seconds > 1_600_000_000), "{first:?} is no time of day");
}

fn list_shows_what_is_below(backend: &dyn Backend) {
    assert!(listed(backend, "packs").is_empty());
    let names =
        ["packs/ab/1", "packs/ab/2", "packs/cd/3", "packs/ab2/x", "keys/a", "keys/devices/b", "packs/ab.txt", "tmp/x"];
    for (len, name) in names.iter().enumerate() {
        backend.put(name, &vec![0; len]).unwrap();
    }
    let below = |prefix: &str| listed(backend, prefix).into_iter().collect::<Vec<_>>();
    let expect = |found: &[(&str, u64)]| found.iter().map(|(name, len)| (name.to_string(), *len)).collect::<Vec<_>>();
    let all = [("packs/ab.txt", 6), ("packs/ab/1", 0), ("packs/ab/2", 1), ("packs/ab2/x", 3), ("packs/cd/3", 2)];
    assert_eq!(below("packs"), expect(&all));
    assert_eq!(below("tmp"), expect(&[("tmp/x", 7)]));
    assert_eq!(below("packs/ab"), expect(&[("packs/ab/1", 0), ("packs/ab/2", 1)]));
    assert_eq!(below("keys"), expect(&[("keys/a", 4), ("keys/devices/b", 5)]));
    assert!(below("none").is_empty());
}

fn list_hands_on_an_error(backend: &dyn Backend) {
    for name in ["roots/a", "roots/b", "roots/c"] {
        backend.put(name, b"x").unwrap();
    }
    list_hands_on_an_error_of(backend, "roots");
}

fn list_hands_on_an_error_of(backend: &dyn Backend, prefix: &str) {
    let mut seen = 0;
    let answer = backend.list(prefix, &mut |_, _| {
        seen += 1;
        if seen == 2 { Err(Error::new(Code::Timeout, "enough")) } else { Ok(()) }
    });
    assert_eq!((code(answer), seen), (Some(Code::Timeout), 2));
}

fn bad_names_are_refused(backend: &dyn Backend) {
    for name in ["", "/", "/etc/x", "../x", "a/../b", "a//b", "a/", "./a", "a/.", "..", "a\0b"] {
        let answers = [
            code(backend.put(name, b"x")),
            code(backend.put_new(name, b"x")),
            code(backend.put_spool(name, backend.spool().unwrap())),
            code(backend.get(name)),
            code(backend.get_range(name, 0, 0)),
            code(backend.stat(name)),
            code(backend.list(name, &mut |_, _| Ok(()))),
            code(backend.delete(name)),
        ];
        assert_eq!(answers, [Some(Code::InvalidArg); 8], "{name:?}");
    }
}

fn threads_do_not_disturb_each_other(backend: &dyn Backend) {
    let (threads, files) = (8, 12);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for file in 0..files {
                    let name = format!("packs/{file:02}/{thread}");
                    backend.put(&name, name.as_bytes()).unwrap();
                    assert_eq!(backend.get(&name).unwrap(), name.as_bytes());
                    let passing = format!("packs/{file:02}/passing{thread}");
                    backend.put(&passing, b"x").unwrap();
                    backend.delete(&passing).unwrap();
                }
            });
        }
        // A listing beside them sees whole files, and those that go do not make it fail.
        scope.spawn(|| (0..20).for_each(|_| drop(listed(backend, "packs"))));
    });
    let found = listed(backend, "packs");
    assert_eq!(found.len(), threads * files);
    assert!(found.iter().all(|(name, len)| name.len() as u64 == *len));
}
