//! How a process ends when it is told to, or when something that cannot happen did.

use larder::error::{Code, Error, Result};
use larder::run::process::{Stop, StopSignal};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Set by the first SIGINT, SIGTERM or SIGHUP; the second ends the process at once.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Cancellation {
    /// Begins to listen. Before, and in commands that never call this, a signal ends the process as always.
    pub fn listen() -> Cancellation {
        let this = Cancellation::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // The order matters: the second signal finds the flag set. A signal that cannot be caught ends the
            // process as it would have anyway.
            let _ = flag::register_conditional_default(signal, Arc::clone(&this.asked));
            let _ = flag::register(signal, Arc::clone(&this.asked));
            let _ = flag::register_usize(signal, Arc::clone(&this.signal), signal as usize);
        }
        this
    }

    /// Whether a signal has come.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The signal that came.
    pub fn signal(&self) -> Option<u8> {
        u8::try_from(self.signal.load(Ordering::Relaxed)).ok().filter(|signal| *signal > 0)
    }
}

/// Calls `end` when SIGINT, SIGTERM or SIGHUP comes; the second one ends the process as it would have at first.
///
/// # Errors
/// SYSTEM_ERROR when signals cannot be caught.
pub fn on_end(end: impl Fn() + Send + 'static) -> Result<()> {
    let mut caught = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Error::new(Code::SystemError, "signals cannot be caught").with_source(error))?;
    std::thread::spawn(move || {
        for (count, signal) in caught.forever().enumerate() {
            match count {
                0 => end(),
                _ => _ = signal_hook::low_level::emulate_default_handler(signal),
            }
        }
    });
    Ok(())
}

/// Passes SIGTERM and SIGHUP on to a child, whose end this process waits for. SIGINT and SIGQUIT of a terminal reach the
/// child without our help: they must only not end us before it.
///
/// # Errors
/// SYSTEM_ERROR when signals cannot be caught.
pub fn pass_on_to(child: u32) -> Result<()> {
    let child = i32::try_from(child).ok().and_then(Pid::from_raw);
    let mut caught = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP])
        .map_err(|error| Error::new(Code::SystemError, "signals cannot be caught").with_source(error))?;
    std::thread::spawn(move || {
        for signal in caught.forever() {
            let passed = match signal {
                SIGTERM => Signal::TERM,
                SIGHUP => Signal::HUP,
                _ => continue,
            };
            if let Some(child) = child {
                // A child that has ended meanwhile needs no signal.
                let _ = rustix::process::kill_process(child, passed);
            }
        }
    });
    Ok(())
}

/// The signal that told larder to end while it ran tasks.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<AtomicUsize>);

impl Told {
    /// Its number, if one came.
    pub fn signal(&self) -> Option<u8> {
        u8::try_from(self.0.load(Ordering::Relaxed)).ok().filter(|signal| *signal > 0)
    }
}

/// Hands what larder is told on to the tasks that run: INT, TERM and HUP pass on once, the second kills the tasks, the
/// third ends larder as it would have at first; TSTP and CONT stop the tasks with larder, and let them go on.
///
/// # Errors
/// SYSTEM_ERROR when signals cannot be caught.
pub fn hand_to(stop: &Arc<Stop>) -> Result<Told> {
    let told = Told::default();
    let mut caught = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT])
        .map_err(|error| Error::new(Code::SystemError, "signals cannot be caught").with_source(error))?;
    let (stop, heard) = (Arc::clone(stop), told.clone());
    std::thread::spawn(move || {
        let mut count = 0;
        for signal in caught.forever() {
            let passed = match signal {
                SIGTSTP => {
                    stop.pause();
                    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
                    continue;
                }
                SIGCONT => {
                    stop.resume();
                    continue;
                }
                SIGINT => StopSignal::Interrupt,
                SIGHUP => StopSignal::HangUp,
                _ => StopSignal::Terminate,
            };
            count += 1;
            match count {
                1 => {
                    heard.0.store(signal as usize, Ordering::Relaxed);
                    stop.ask(passed);
                }
                2 => stop.kill(),
                _ => {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
            }
        }
    });
    Ok(told)
}

/// Ends the process as one whose reader went away: quietly, by SIGPIPE.
pub fn end_by_closed_pipe() -> ExitCode {
    let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
    ExitCode::from(128 + SIGPIPE as u8)
}

/// Makes a panic, in any thread, end the process with status 70 and a message that asks for a report; but not where the
/// work may do without what panicked.
#[allow(clippy::exit, clippy::print_stderr)]
pub fn install_panic_message() {
    std::panic::set_hook(Box::new(|panic| {
        if larder::snapshot::looks_at_git() {
            return;
        }
        eprintln!("larder: this should not have happened: {panic}");
        eprintln!(
            "hint: please report it, with this message and the command you typed; `larder verify` checks the repository"
        );
        if larder::config::variable("RUST_BACKTRACE").is_some() {
            eprintln!("{}", std::backtrace::Backtrace::force_capture());
        }
        std::process::exit(70);
    }));
}
