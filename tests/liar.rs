//! Real servers behind one that lies: what is asked again comes in the end, what is wrong is neither stored nor restored.
//!
//! One liar for every scheme of the web; `s3:` against moto, `http:` against Python's server and `larder serve`, `az:` against Azurite. What stands
//! in `clouds.rs` says the same of single requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod scene;
mod servers;

use larder::backend::{Backend, FsBackend, Patience, RetryBackend};
use larder::error::Class;
use larder::id::Id;
use larder::monitor::Silent;
use larder::repo::Repo;
use larder::sync::mirror;
use larder::verify::{Level, Subset, VerifyOptions, verify};
use servers::http::{HttpServer, Request};
use servers::liar::{Fault, fail, failing_once, to_port};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Longer than any answer takes that comes at all.
const SILENCE_MS: u64 = 60_000;
const QUICK: Patience = Patience { first_ms: 5, wait_ms_max: 50, budget_ms: 60_000, retries_max: 9 };
/// What passes when it is asked again, and how often it happens: silence takes its time.
const PASSING: [(Fault, usize); 7] = [
    (Fault::Says(500, "InternalError"), usize::MAX),
    (Fault::Says(503, "SlowDown"), usize::MAX),
    (Fault::Quiet, 2),
    (Fault::Hangs, 3),
    (Fault::Drops, usize::MAX),
    (Fault::Forgets, usize::MAX),
    (Fault::Cuts, usize::MAX),
];

/// The medium at an address, with patience.
fn patient(address: &str, fault: Fault) -> Arc<dyn Backend> {
    let silence_ms = if fault == Fault::Hangs { 8_000 } else { SILENCE_MS };
    Arc::new(RetryBackend::new(servers::at(address, silence_ms), QUICK))
}

fn source(dir: &Path) -> PathBuf {
    let source = dir.join("source");
    for number in 0..8 {
        let path = source.join(format!("d{}/f{number}", number % 3));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, scene::noise(1_000 + 30_000 * number, number as u64)).unwrap();
    }
    source
}

fn assert_comes_back(repo: &Repo, snapshot: &Id, files: &Path) {
    let out = tempfile::tempdir().unwrap();
    let (restored, failed) = scene::bring_back(repo, snapshot, files, &out.path().join("out"));
    assert!(restored.is_ok() && failed.is_empty(), "{restored:?} {failed:?}");
    let compared = scene::compare(files, &out.path().join("out"));
    assert!(compared.missing.is_empty() && compared.wrong.is_empty(), "{compared:?}");
}

fn assert_whole(repo: &Repo) {
    let report = scene::verify_all(repo);
    assert!(report.is_clean(), "{:?}", report.damage);
}

/// init, two backups, verify, restore, forget, gc, verify: all of it by way of `medium`.
fn story(medium: &Arc<dyn Backend>) {
    let dir = scene::quick_dir();
    let files = source(dir.path());
    let repo = scene::init_over(medium.clone(), dir.path()).unwrap();
    let first = scene::back_up(&repo, &files).unwrap().snapshot.unwrap();
    std::fs::write(files.join("d0/new"), scene::noise(60_000, 99)).unwrap();
    let second = scene::back_up(&repo, &files).unwrap().snapshot.unwrap();
    drop(repo);
    // Somebody who has seen nothing of it yet.
    let elsewhere = dir.path().join("elsewhere");
    let repo = scene::open_over(medium.clone(), &elsewhere).unwrap();
    assert_whole(&repo);
    assert_comes_back(&repo, &second, &files);
    scene::forget(&repo, &first);
    scene::gc_all(&repo).unwrap();
    assert_whole(&repo);
    assert_comes_back(&repo, &second, &files);
}

fn story_behind_a_liar(port: u16, scheme: &str, bucket: &str) {
    for (at, (fault, times)) in PASSING.into_iter().enumerate() {
        let server = failing_once(to_port(port), fault, times, |_| true);
        story(&patient(&format!("{scheme}:http://{}/{bucket}/liar{at}", server.address), fault));
    }
}

#[test]
fn a_story_over_s3_ends_well_whatever_fails_once() {
    if !servers::are_there(&[servers::PYTHON]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let moto = servers::moto(dir.path());
    story_behind_a_liar(moto.port, "s3", "lab");
}

#[test]
#[ignore = "s3s-fs is heavy: make test-servers"]
fn a_story_over_s3s_fs_ends_well_whatever_fails_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = servers::heavy::s3s_fs(dir.path());
    story_behind_a_liar(store.servers[0].port, "s3", "lab");
}

#[test]
#[ignore = "Azurite is heavy: make test-servers"]
fn a_story_over_az_ends_well_whatever_fails_once() {
    let dir = tempfile::tempdir().unwrap();
    let azurite = servers::heavy::azurite(dir.path());
    story_behind_a_liar(azurite.port, "az", "devstoreaccount1/lab");
}

#[test]
fn a_story_over_http_ends_well_whatever_fails_once() {
    for (fault, times) in PASSING {
        let dir = scene::quick_dir();
        let served = servers::larder_serve(&[], &dir.path().join("there"));
        let server = failing_once(to_port(served.port()), fault, times, |_| true);
        story(&patient(&format!("http://{}", server.address), fault));
    }
}

/// A repository as files of a web server, with what it was made of.
fn served(dir: &Path) -> (Id, PathBuf) {
    let files = source(dir);
    let repo = scene::init(dir);
    (scene::back_up(&repo, &files).unwrap().snapshot.unwrap(), files)
}

#[test]
fn a_web_server_is_read_whatever_fails_once() {
    if !servers::are_there(&[servers::PYTHON]) {
        return;
    }
    let (dir, log) = (scene::quick_dir(), tempfile::tempdir().unwrap());
    let (snapshot, files) = served(dir.path());
    let web = servers::python_http(&scene::repository(dir.path()), log.path());
    for (fault, times) in PASSING {
        let server = failing_once(to_port(web.port), fault, times, |_| true);
        let elsewhere = scene::quick_dir();
        let repo = scene::open_over(patient(&format!("http://{}", server.address), fault), elsewhere.path()).unwrap();
        assert_whole(&repo);
        assert_comes_back(&repo, &snapshot, &files);
    }
}

/// Lies about packs, as long as `is_lying` says so.
fn lying(port: u16, fault: Fault, is_lying: &Arc<AtomicBool>) -> HttpServer {
    let (truth, is_lying) = (to_port(port), is_lying.clone());
    HttpServer::start(Arc::new(move |request: &Request| {
        let is_hit = is_lying.load(Ordering::SeqCst) && request.method == "GET" && request.path.contains("/packs/");
        let is_file = request.path.rsplit('/').next().is_some_and(|name| name.len() == 64);
        if is_hit && is_file { fail(fault, || truth(request)) } else { truth(request) }
    }))
}

/// What a server alters all the time is neither restored nor copied; what it says afterwards is.
fn nothing_wrong_gets_through(port: u16, address: &dyn Fn(&HttpServer) -> String, snapshot: &Id, files: &Path) {
    for fault in [Fault::Alters, Fault::Halves] {
        let is_lying = Arc::new(AtomicBool::new(true));
        let server = lying(port, fault, &is_lying);
        let elsewhere = scene::quick_dir();
        let medium = patient(&address(&server), fault);
        let repo = scene::open_over(medium.clone(), elsewhere.path()).unwrap();
        let out = elsewhere.path().join("wrong");
        let (answer, failed) = scene::bring_back(&repo, snapshot, files, &out);
        let is_classed = |class| matches!(class, Class::Damaged | Class::Network);
        assert!(answer.is_err_and(|error| is_classed(error.class())) || !failed.is_empty(), "{fault:?}");
        let compared = scene::compare(files, &out);
        assert!(!compared.missing.is_empty() && compared.wrong.is_empty(), "{fault:?}: {compared:?}");
        let level = Level::ReadData(Subset::All);
        let options = VerifyOptions { level, snapshots: Vec::new(), jobs: 2, budget_bytes: 64 << 20 };
        assert!(verify(&repo, &options, &Silent).is_ok_and(|report| !report.is_clean()), "{fault:?}");
        let copy = FsBackend::new(elsewhere.path().join("copy"));
        let error = mirror(medium.as_ref(), &copy, false, 1, &Silent).unwrap_err();
        assert!(is_classed(error.class()), "{fault:?}: {error}");
        copy.list("packs", &mut |name, _| panic!("{fault:?}: {name} was stored")).unwrap();
        is_lying.store(false, Ordering::SeqCst);
        assert_comes_back(&repo, snapshot, files);
        mirror(medium.as_ref(), &copy, false, 1, &Silent).unwrap();
    }
}

#[test]
fn altered_bytes_are_neither_restored_nor_copied() {
    if !servers::are_there(&[servers::PYTHON]) {
        return;
    }
    let (dir, log) = (scene::quick_dir(), tempfile::tempdir().unwrap());
    let (snapshot, files) = served(dir.path());
    let repository = scene::repository(dir.path());
    let web = servers::python_http(&repository, log.path());
    nothing_wrong_gets_through(web.port, &|server| format!("http://{}", server.address), &snapshot, &files);
    let moto = servers::moto(log.path());
    let bucket = servers::at(&format!("s3:http://127.0.0.1:{}/lab/lies", moto.port), SILENCE_MS);
    mirror(&FsBackend::new(&repository), bucket.as_ref(), false, 2, &Silent).unwrap();
    let address = |server: &HttpServer| format!("s3:http://{}/lab/lies", server.address);
    nothing_wrong_gets_through(moto.port, &address, &snapshot, &files);
}

#[test]
fn bytes_that_a_larder_serve_alters_are_neither_restored_nor_copied() {
    let dir = scene::quick_dir();
    let (snapshot, files) = served(dir.path());
    let server = servers::larder_serve(&["--append-only"], &scene::repository(dir.path()));
    nothing_wrong_gets_through(server.port(), &|server| format!("http://{}", server.address), &snapshot, &files);
}
