//! How a process ends when it is told to, or when something that cannot happen did.

use larder::error::{Code, Error, Result};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};
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

/// Ends the process as one whose reader went away: quietly, by SIGPIPE.
pub fn end_by_closed_pipe() -> ExitCode {
    let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
    ExitCode::from(128 + SIGPIPE as u8)
}

/// Makes a panic, in any thread, end the process with status 70 and a message that asks for a report.
#[allow(clippy::exit, clippy::print_stderr)]
pub fn install_panic_message() {
    std::panic::set_hook(Box::new(|panic| {
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
