//! Notices of gathering on the terminal: notes and warnings as lines, steps as progress.

use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::gather::Notices;
use std::sync::{Mutex, PoisonError};

/// Prints notices to standard error.
pub struct TerminalNotices {
    console: Console,
    /// Progress of the current operation. Its line is cleared before another one is printed.
    progress: Mutex<Option<Progress>>,
}

impl TerminalNotices {
    pub fn new(console: Console) -> Self {
        Self { console, progress: Mutex::default() }
    }
}

impl Notices for TerminalNotices {
    fn note(&self, text: &str) {
        self.done();
        self.console.note(text);
    }

    fn warning(&self, text: &str) {
        self.done();
        self.console.warning(text);
    }

    fn step(&self, text: &str) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.get_or_insert_with(|| Progress::new(self.console)).show(text);
    }

    fn done(&self) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
