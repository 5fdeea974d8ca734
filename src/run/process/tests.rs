//! Commands of all manners.

use super::*;
use crate::run::logs::{LOG_BYTES_MAX, Mask};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

struct Scene {
    dir: tempfile::TempDir,
    log: LogOptions,
    environment: Vec<(OsString, OsString)>,
    stop: Stop,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        let log = LogOptions { bytes_max: LOG_BYTES_MAX, spill: dir.path().to_path_buf(), mask: Mask::default() };
        let environment = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        Scene { dir, log, environment, stop: Stop::new().unwrap() }
    }

    fn job<'a>(&'a self, text: &'a str) -> Job<'a> {
        let call = Call::Shell(OsStr::new(text));
        let environment = &self.environment;
        Job { call, cwd: self.dir.path(), environment, timeout_ms: None, log: &self.log, interactive: false }
    }

    fn run(&self, text: &str) -> Ended {
        run(&self.job(text), &self.stop, &|_, _| {}).unwrap()
    }

    fn timed(&self, text: &str, timeout_ms: u64) -> Ended {
        run(&Job { timeout_ms: Some(timeout_ms), ..self.job(text) }, &self.stop, &|_, _| {}).unwrap()
    }

    /// The line that a command has written to this file.
    fn line(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.path().join(name)).ok()?;
        Some(text.strip_suffix('\n')?.to_string())
    }

    /// Waits until a command has written a line to this file.
    fn wait_for(&self, name: &str) -> String {
        let since = Instant::now();
        loop {
            match self.line(name) {
                Some(line) => return line,
                None => assert!(since.elapsed() < PATIENCE, "waited in vain for {name}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// No test waits for anything longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tries with more and more time: a machine that does much else may be too slow for little. None of these times has to
/// pass where all is well.
fn with_more_time<T>(attempt: impl Fn(u64) -> Option<T>) -> T {
    [200, 1_000, 5_000, 25_000].into_iter().find_map(attempt).expect("not even with much time")
}

fn text(ended: &Ended, stream: Stream) -> String {
    String::from_utf8(ended.logs.bytes(stream).unwrap()).unwrap()
}

fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn streams_are_exact_and_the_status_is_told() {
    let scene = Scene::new();
    let ended = scene.run("echo one; echo two >&2; pwd; exit 7");
    let pwd = scene.dir.path().canonicalize().unwrap();
    assert_eq!(text(&ended, Stream::Stdout), format!("one\n{}\n", pwd.display()));
    assert_eq!(text(&ended, Stream::Stderr), "two\n");
    assert_eq!((ended.exit, ended.is_success(), ended.survivors), (Exit::Code(7), false, Survivors::None));
    assert_eq!(scene.run("kill -USR1 $$").exit, Exit::Signal(10));
    assert!(scene.run("exit 0").is_success());
}

#[test]
fn the_environment_is_what_is_given() {
    let mut scene = Scene::new();
    scene.environment.push(("A B".into(), "c=\nd".into()));
    let program = Path::new("/usr/bin/env");
    let job = Job { call: Call::Words { program, words: &["env", "-0"].map(OsStr::new) }, ..scene.job("") };
    let ended = run(&job, &scene.stop, &|_, _| {}).unwrap();
    let mut names: Vec<String> = text(&ended, Stream::Stdout).split('\0').map(String::from).collect();
    names.sort();
    assert_eq!(names, ["", "A B=c=\nd", "PATH=/usr/local/bin:/usr/bin:/bin"]);
}

#[test]
fn a_program_sees_its_own_name_and_words_as_they_are() {
    let scene = Scene::new();
    let program = PathBuf::from("/bin/sh");
    let words = ["myname", "-c", "echo \"$0|$1|$2\"", "a b", "$HOME", "*"].map(OsStr::new);
    let job = Job { call: Call::Words { program: &program, words: &words }, ..scene.job("") };
    let ended = run(&job, &scene.stop, &|_, _| {}).unwrap();
    assert_eq!(text(&ended, Stream::Stdout), "a b|$HOME|*\n");
    let echoed = ["myname", "-c", "kill -9 $$; echo"].map(OsStr::new);
    let job = Job { call: Call::Words { program: &program, words: &echoed }, ..job };
    assert_eq!(run(&job, &scene.stop, &|_, _| {}).unwrap().exit, Exit::Signal(9));
}

#[test]
fn what_cannot_be_started_is_a_failure_that_says_why() {
    let scene = Scene::new();
    let script = scene.dir.path().join("script");
    crate::fs::write_durable(&script, b"echo no first line\n", 0o755).unwrap();
    let plain = scene.dir.path().join("plain");
    crate::fs::write_durable(&plain, b"#!/bin/sh\n", 0o644).unwrap();
    let gone = scene.dir.path().join("gone");
    for (program, status, why) in [
        (&gone, 127, "gone is not there\n"),
        (&script, 126, "a script begins with a line such as #!/bin/sh\n"),
        (&plain, 126, "Permission denied"),
    ] {
        let job = Job { call: Call::Words { program, words: &[OsStr::new("x")] }, ..scene.job("") };
        let ended = run(&job, &scene.stop, &|_, _| {}).unwrap();
        assert_eq!(ended.exit, Exit::Code(status), "{}", program.display());
        assert!(text(&ended, Stream::Stderr).contains(why), "{}", text(&ended, Stream::Stderr));
    }
    let ended = run(&Job { cwd: &gone, ..scene.job("true") }, &scene.stop, &|_, _| {}).unwrap();
    assert!(text(&ended, Stream::Stderr).starts_with("larder: its directory"));
}

#[test]
fn a_hundred_megabytes_end_at_the_limit_with_a_mark() {
    let mut scene = Scene::new();
    scene.log.bytes_max = 8 << 20;
    let seen = Mutex::new(0u64);
    let ended = run(&scene.job("head -c 104857600 /dev/zero; echo end >&2"), &scene.stop, &|_, bytes| {
        *seen.lock().unwrap() += bytes.len() as u64;
    });
    let ended = ended.unwrap();
    assert!(ended.is_success() && ended.logs.is_cut() && ended.logs.fault().is_none());
    let lost = (100 << 20) - (8 << 20) + 4;
    let mark = format!("\n[larder: the log ends here; {lost} more bytes were printed]\n");
    let bytes = ended.logs.bytes(Stream::Stdout).unwrap();
    assert_eq!(bytes.len(), (8 << 20) + mark.len());
    assert!(bytes.ends_with(mark.as_bytes()) && bytes[..8 << 20].iter().all(|byte| *byte == 0));
    assert_eq!((ended.logs.len(Stream::Stderr), *seen.lock().unwrap()), (0, bytes.len() as u64));
}

#[test]
fn the_input_is_empty() {
    let scene = Scene::new();
    let ended = scene.timed("cat; wc -c", 10_000);
    assert_eq!((text(&ended, Stream::Stdout).trim(), ended.exit), ("0", Exit::Code(0)));
}

#[test]
fn what_is_left_in_the_background_is_ended() {
    let scene = Scene::new();
    let ended = scene.run("sleep 600 & echo $! > pid; echo started");
    assert_eq!((ended.exit, ended.survivors), (Exit::Code(0), Survivors::Ended));
    assert_eq!(text(&ended, Stream::Stdout), "started\n");
    assert!(!is_running(&scene.wait_for("pid")));
}

#[test]
fn what_ignores_being_told_is_killed() {
    let scene = Scene::new();
    let clock = Instant::now();
    let ended =
        scene.run("(trap '' TERM; echo ready > ready; sleep 600) & echo $! > pid; while [ ! -s ready ]; do :; done");
    assert_eq!((ended.exit, ended.survivors), (Exit::Code(0), Survivors::Killed));
    assert!(clock.elapsed() >= Duration::from_secs(2));
    assert!(!is_running(&scene.wait_for("pid")));
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let (ended, pid) = with_more_time(|timeout_ms| {
        let scene = Scene::new();
        let ended = scene.timed("echo before; sleep 600 & echo $! > pid; sleep 601", timeout_ms);
        Some((ended, scene.line("pid")?))
    });
    // Nobody had to be killed: the whole group was told.
    assert_eq!((ended.exit, ended.timed_out, ended.cancelled), (Exit::Signal(15), true, false));
    assert_eq!(text(&ended, Stream::Stdout), "before\n");
    assert!(!is_running(&pid));
}

#[test]
fn a_timeout_kills_what_ignores_it() {
    let ended = with_more_time(|timeout_ms| {
        let scene = Scene::new();
        let ended = scene.timed("trap '' TERM; echo > deaf; while :; do sleep 1; done", timeout_ms);
        scene.line("deaf").map(|_| ended)
    });
    assert_eq!((ended.exit, ended.timed_out), (Exit::Signal(9), true));
    assert!(ended.wall_ms >= 2000, "{}", ended.wall_ms);
}

#[test]
fn an_end_reaches_all_that_runs_and_nothing_new_starts() {
    let scene = with_more_time(|_| {
        let scene = Scene::new();
        let (ended, other) = std::thread::scope(|scope| {
            let waiting =
                scope.spawn(|| scene.run("trap 'echo told; exit 3' INT; echo $$ > a; while :; do sleep 0.01; done"));
            let other = scope.spawn(|| scene.run("echo $$ > b; sleep 600"));
            scene.wait_for("a");
            scene.wait_for("b");
            scene.stop.ask(StopSignal::Interrupt);
            (waiting.join().unwrap(), other.join().unwrap())
        });
        assert!(ended.cancelled && other.cancelled);
        // Whoever starts the tests in the background of a script has INT ignored: then TERM follows.
        assert!(matches!(other.exit, Exit::Signal(2 | 15)), "{other:?}");
        // It has a second to hear of it: until TERM.
        (ended.exit == Exit::Code(3)).then(|| {
            assert_eq!(text(&ended, Stream::Stdout), "told\n", "it is told once");
            scene
        })
    });
    let never = scene.run("echo $$ > c");
    assert_eq!((never.exit, never.cancelled, scene.dir.path().join("c").exists()), (Exit::None, true, false));
}

#[test]
fn who_ignores_the_end_is_killed_two_seconds_later_or_at_the_second_wish() {
    let scene = Scene::new();
    let deaf = "trap '' INT TERM HUP; echo $$ > NAME; while :; do sleep 0.05; done";
    let clock = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| scene.run(&deaf.replace("NAME", "a")));
        scene.wait_for("a");
        scene.stop.ask(StopSignal::Interrupt);
        assert_eq!(waiting.join().unwrap().exit, Exit::Signal(9));
    });
    assert!(clock.elapsed() >= Duration::from_secs(2));
    // At the second wish it is killed at once: while all is paused no time passes, and no grace ends.
    let scene = Scene::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| scene.run(&deaf.replace("NAME", "a")));
        scene.wait_for("a");
        scene.stop.pause();
        scene.stop.ask(StopSignal::Interrupt);
        scene.stop.kill();
        assert_eq!(waiting.join().unwrap().exit, Exit::Signal(9));
    });
}

#[test]
fn a_pause_stops_the_clock_of_timeouts() {
    let ended = with_more_time(|timeout_ms| {
        let scene = Scene::new();
        // No child: a shell that is in vfork when its child is stopped is not itself in the state T.
        let command = "echo $$ > pid; while [ ! -e go ]; do :; done; echo done";
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| scene.timed(command, timeout_ms));
            let await_so = |is_so: &dyn Fn() -> bool| {
                while !is_so() && !waiting.is_finished() {
                    std::thread::sleep(Duration::from_millis(2));
                }
            };
            await_so(&|| scene.line("pid").is_some());
            scene.stop.pause();
            let stat = || std::fs::read_to_string(format!("/proc/{}/stat", scene.line("pid").unwrap_or_default()));
            await_so(&|| stat().is_ok_and(|stat| stat.contains(") T ")));
            // Longer than the timeout: it is the passing of time that is tested.
            std::thread::sleep(Duration::from_millis(timeout_ms + 100));
            std::fs::write(scene.dir.path().join("go"), "").unwrap();
            scene.stop.resume();
            let ended = waiting.join().unwrap();
            (!ended.timed_out).then_some(ended)
        })
    });
    assert_eq!((ended.exit, text(&ended, Stream::Stdout)), (Exit::Code(0), "done\n".into()));
}

#[test]
fn many_run_at_once() {
    let scene = Scene::new();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..256)
            .map(|n| {
                (
                    n,
                    scope.spawn({
                        let scene = &scene;
                        move || scene.run(&format!("echo {n}; echo {n} >&2; exit {}", n % 7))
                    }),
                )
            })
            .collect();
        for (n, one) in all {
            let ended = one.join().unwrap();
            assert_eq!((ended.exit, ended.survivors), (Exit::Code(n % 7), Survivors::None));
            assert_eq!(text(&ended, Stream::Stdout) + &text(&ended, Stream::Stderr), format!("{n}\n{n}\n"));
        }
    });
}

#[test]
fn what_was_used_is_counted() {
    let scene = Scene::new();
    let ended = scene.run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    assert!(ended.user_ms + ended.system_ms > 5 && ended.wall_ms >= ended.user_ms, "{ended:?}");
    let ended = scene.run("x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo ${#x}");
    assert!(ended.memory_peak_bytes > 150_000_000, "{}", ended.memory_peak_bytes);
}

#[test]
fn a_command_is_tried_again_until_it_succeeds() {
    let scene = Scene::new();
    let tried = persist(&Retries { count: 5, delay_ms: 1 }, &scene.stop, &mut |number| {
        Ok(scene.run(&format!("echo {number}; [ {number} -ge 2 ]")))
    });
    let outputs: Vec<String> = tried.unwrap().iter().map(|one| text(one, Stream::Stdout)).collect();
    assert_eq!(outputs, ["0\n", "1\n", "2\n"]);
    let tried = persist(&Retries { count: 2, delay_ms: 1 }, &scene.stop, &mut |_| Ok(scene.run("false")));
    assert_eq!(tried.unwrap().len(), 3);
    let tried = persist(&Retries { count: 2, delay_ms: 600_000 }, &scene.stop, &mut |_| {
        let ended = scene.run("false");
        scene.stop.ask(StopSignal::Terminate);
        Ok(ended)
    });
    assert_eq!(tried.unwrap().len(), 1, "no wait goes on when somebody wants an end");
}

#[test]
fn secrets_do_not_reach_logs() {
    let mut scene = Scene::new();
    scene.log.mask = Mask::new([&b"hunter2"[..]]);
    let seen = Mutex::new(Vec::new());
    let ended =
        run(&scene.job("printf 'a hunt'; sleep 0.05; printf 'er2 b'; echo hunter2 >&2"), &scene.stop, &|_, bytes| {
            seen.lock().unwrap().extend_from_slice(bytes);
        });
    let ended = ended.unwrap();
    assert_eq!((text(&ended, Stream::Stdout), text(&ended, Stream::Stderr)), ("a *** b".into(), "***\n".into()));
    assert!(!String::from_utf8(seen.into_inner().unwrap()).unwrap().contains("hunter2"));
}
