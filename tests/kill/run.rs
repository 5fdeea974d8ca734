//! `kill -9` of a run: at points that its task names, after each write to the repository, and at random moments. What
//! the next run gives is right, what was known before is still known, and every byte verifies.

use crate::killer::Killer;
use crate::scene::{self, init, noise, open_over, repository, verify_all, writing};
use larder::backend::{Backend, FsBackend};
use larder::monitor::Silent;
use larder::run::process::Stop;
use larder::run::project::{Project, ProjectOptions};
use larder::run::{RunOptions, RunStats, Show, run};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the one who is killed works, and after which write of which directory it dies: `index/ 1`.
const CHILD_DIR: &str = "LARDER_TEST_KILL_RUN_DIR";
const CHILD_POINT: &str = "LARDER_TEST_KILL_RUN_POINT";
const TASKS: u64 = 3;
const RANDOM_MOMENTS: u32 = 24;

/// `at POINT` kills larder, if that is the point, and lets the task end as it is then.
const AT: &str = "#!/bin/sh\n[ \"$(cat ../point 2>/dev/null)\" = \"$1\" ] || exit 0\nrm ../point\nkill -9 $2\nexit 1\n";
const MANIFEST: &str = r#"
[tasks.make]
cmd = "echo make >> ../runs; ./at removed $PPID && cat in > big && ./at half $PPID && cat in >> big && ./at written $PPID"
inputs = ["at", "in"]
outputs = ["big"]
[tasks.tree]
cmd = "echo tree >> ../runs; mkdir -p d/empty d/e; cp in d/a; head -c 10 in > d/e/b"
inputs = ["in"]
outputs = ["d/"]
[tasks.use]
cmd = "echo use >> ../runs; wc -c < big > size; tail -c 7 big >> size"
inputs = ["big"]
outputs = ["size"]
"#;

/// Not a test: what is killed.
#[test]
#[ignore = "started by the tests that kill it"]
fn child() {
    let dir = std::env::var(CHILD_DIR).expect("started by another test");
    let point = std::env::var(CHILD_POINT).unwrap_or_default();
    let (prefix, count) = point.split_once(' ').unwrap_or(("none", "0"));
    let killer = Killer::new(Path::new(&dir), prefix, count.parse().unwrap(), Duration::ZERO);
    go_over(Arc::new(killer), Path::new(&dir), "project");
}

fn go(dir: &Path, project: &str) -> RunStats {
    go_over(Arc::new(FsBackend::new(repository(dir))), dir, project)
}

fn go_over(backend: Arc<dyn Backend>, dir: &Path, project: &str) -> RunStats {
    let options = ProjectOptions {
        manifest: dir.join(project).join("larder.toml"),
        state_dir: dir.join(project).join(".larder/state"),
        environment: [(OsString::from("PATH"), OsString::from("/usr/bin:/bin"))].into(),
        jobs: 2,
        ..ProjectOptions::default()
    };
    let how = RunOptions {
        targets: Vec::new(),
        jobs: 2,
        max_concurrent: None,
        keep_going: false,
        force: false,
        verify_stored: false,
        timeout_ms: None,
        show: Show::None,
        report_current: false,
        log_bytes_max: 1 << 20,
        keep_inputs: false,
        state_dir: options.state_dir.clone(),
        run_token: None,
        host: "host".into(),
        own: Vec::new(),
        writer: writing(),
    };
    let repo = std::cell::OnceCell::new();
    let open = || Ok(repo.get_or_init(|| open_over(backend.clone(), dir).unwrap()));
    run(&|| Project::open(&options), &open, &how, &Stop::new().unwrap(), &Silent).unwrap()
}

/// A project whose tasks ran for one input, which then became another.
struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { dir: scene::quick_dir() };
        drop(init(scene.dir.path()));
        scene.project("project", 1);
        assert_eq!(go(scene.path(), "project").executed, TASKS);
        scene.is_as_for("project", 1);
        scene.write("project", 2);
        scene
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn project(&self, name: &str, version: u64) {
        let dir = self.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("larder.toml"), MANIFEST).unwrap();
        std::fs::write(dir.join("at"), AT).unwrap();
        std::fs::set_permissions(dir.join("at"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        self.write(name, version);
    }

    fn write(&self, project: &str, version: u64) {
        std::fs::write(self.path().join(project).join("in"), input(version)).unwrap();
    }

    /// Every output is what its command makes of this input.
    fn is_as_for(&self, project: &str, version: u64) {
        let dir = self.path().join(project);
        let read = |name: &str| std::fs::read(dir.join(name)).expect(name);
        let input = input(version);
        let big = [&input[..], &input[..]].concat();
        let size = [format!("{}\n", big.len()).as_bytes(), &big[big.len() - 7..]].concat();
        assert!(read("big") == big && read("d/a") == input, "of version {version}");
        assert_eq!((read("size"), read("d/e/b")), (size, input[..10].to_vec()), "of version {version}");
        assert!(dir.join("d/empty").is_dir());
    }

    fn start(&self, point: &str) -> std::process::Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "run::child", "--ignored", "--nocapture"])
            .env(CHILD_DIR, self.path())
            .env(CHILD_POINT, point)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// What must hold after any death. Answers how many tasks the next run had to execute.
    fn goes_on(&self, when: &str) -> u64 {
        let next = go(self.path(), "project");
        assert_eq!((next.failed, next.failure, next.unstored), (0, None, 0), "{when}: {next:?}");
        // What the dead one left is no file of the user's.
        assert_eq!(next.displaced, 0, "{when}");
        self.is_as_for("project", 2);
        assert_eq!(go(self.path(), "project").current, TASKS, "{when}");
        // What was known before the death is known, and in a directory that knows nothing both are.
        self.project("clone", 2);
        for (project, version) in [("project", 1), ("clone", 2), ("clone", 1)] {
            self.write(project, version);
            let known = go(self.path(), project);
            assert_eq!((known.executed, known.failed), (0, 0), "{when}, version {version} in {project}: {known:?}");
            self.is_as_for(project, version);
        }
        let report = verify_all(&scene::open(self.path()));
        assert_eq!(report.damage, [], "{when}: {report:#?}");
        next.executed
    }
}

/// Bytes that differ from the first to the last, and are longer for each version.
fn input(version: u64) -> Vec<u8> {
    noise(150_000 + 1_000 * version as usize, version)
}

/// Kills a run where its task says so.
fn killed_by_the_task(point: &str) {
    let scene = Scene::new();
    std::fs::write(scene.path().join("point"), point).unwrap();
    let ended = scene.start("").wait().unwrap();
    assert_eq!((ended.signal(), scene.path().join("point").exists()), (Some(9), false));
    let executed = scene.goes_on(point);
    assert!(executed >= 2, "`make` did not end, and `use` did not begin; {executed} were executed");
}

/// Kills a run after its first write of this kind.
fn killed_after_writing(prefix: &str) -> u64 {
    let scene = Scene::new();
    let ended = scene.start(&format!("{prefix} 1")).wait().unwrap();
    assert_eq!(ended.signal(), Some(9), "nothing was written to {prefix}");
    scene.goes_on(prefix)
}

#[test]
fn killed_when_outputs_were_removed() {
    killed_by_the_task("removed");
}

#[test]
fn killed_when_outputs_were_half_written() {
    killed_by_the_task("half");
}

#[test]
fn killed_when_outputs_were_written() {
    killed_by_the_task("written");
}

#[test]
fn killed_when_a_pack_was_sealed() {
    assert_eq!(killed_after_writing("packs/"), TASKS);
}

#[test]
fn killed_when_a_segment_was_published() {
    assert_eq!(killed_after_writing("index/"), TASKS);
}

#[test]
fn killed_when_the_root_was_published() {
    // All is published at the end of so short a run, and then known, whatever the project's state says.
    assert_eq!(killed_after_writing("roots/"), 0);
}

#[test]
fn killed_after_each_write_of_the_repository() {
    let mut deaths = 0;
    for number in 1.. {
        let scene = Scene::new();
        let ended = scene.start(&format!(" {number}")).wait().unwrap();
        assert!(ended.success() || ended.signal() == Some(9), "{ended:?}");
        scene.goes_on(&format!("write {number}"));
        if ended.success() {
            break;
        }
        deaths += 1;
    }
    // A pack, a segment and a root at least.
    assert!(deaths >= 3, "{deaths} writes");
}

#[test]
fn killed_at_random_moments() {
    let scene = Scene::new();
    let started = Instant::now();
    assert!(scene.start("").wait().unwrap().success());
    let whole = started.elapsed();
    assert_eq!(scene.goes_on("unharmed"), 0);
    for moment in 0..RANDOM_MOMENTS {
        let scene = Scene::new();
        let mut child = scene.start("");
        std::thread::sleep(whole.mul_f64((f64::from(moment) * 0.618_033_988_75).fract()).max(Duration::from_millis(1)));
        child.kill().unwrap();
        child.wait().unwrap();
        scene.goes_on(&format!("moment {moment}"));
    }
}
