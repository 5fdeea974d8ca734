//! What a command has at hand: the user's words, the terminal, and the repository when its row needs one.

use crate::commands::Need;
use crate::globals::Globals;
use crate::ui::Ui;
use larder::context::Place;
use larder::error::Result;
use std::cell::Cell;

/// One run of one command.
pub struct Session {
    /// The global options.
    pub globals: Globals,
    /// The only way to the terminal.
    pub ui: Ui,
    need: Cell<Need>,
}

impl Session {
    /// For these options.
    pub fn new(globals: Globals) -> Session {
        let ui = Ui::new(&globals);
        Session { globals, ui, need: Cell::new(Need::Nothing) }
    }

    /// Where the repository is.
    pub fn place(&self) -> Result<Place> {
        Place::find(self.globals.repo.as_deref())
    }

    /// Notes what the command, with the arguments it got, needs.
    pub fn set_need(&self, need: Need) {
        self.need.set(need);
    }
}
