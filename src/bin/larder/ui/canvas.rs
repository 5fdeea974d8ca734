//! Where progress is drawn: stderr as a terminal, also one that knows no more than to go back to the start of a line.

use indicatif::TermLike;
use larder::config;
use rustix::termios::tcgetwinsize;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Where the width is not known.
const WIDTH_DEFAULT: u16 = 80;

/// Draws on stderr what was gathered since it was last flushed.
#[derive(Debug, Default)]
pub struct Canvas {
    is_dumb: bool,
    gathered: Mutex<String>,
}

/// Whether the terminal knows no escape sequences.
pub fn is_dumb() -> bool {
    config::variable("TERM").is_none_or(|term| term == "dumb")
}

/// Columns of the terminal that stderr is.
pub fn width() -> u16 {
    tcgetwinsize(io::stderr()).map(|size| size.ws_col).ok().filter(|columns| *columns > 0).unwrap_or(WIDTH_DEFAULT)
}

impl Canvas {
    pub fn new() -> Canvas {
        Canvas { is_dumb: is_dumb(), ..Canvas::default() }
    }

    fn gather(&self, text: &str) -> io::Result<()> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn move_cursor(&self, count: usize, direction: char) -> io::Result<()> {
        if self.is_dumb || count == 0 { Ok(()) } else { self.gather(&format!("\x1b[{count}{direction}")) }
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        width()
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.gather(text)?;
        self.gather("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.gather(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        if self.is_dumb {
            let blank = " ".repeat(usize::from(width()).saturating_sub(1));
            self.gather(&format!("\r{blank}\r"))
        } else {
            self.gather("\r\x1b[2K")
        }
    }

    fn flush(&self) -> io::Result<()> {
        let gathered = std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
        io::stderr().lock().write_all(gathered.as_bytes())
    }
}
