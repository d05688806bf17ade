//! Notices of gathering on the terminal: notes and warnings as lines, steps as progress.

use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::gather::Notices;
use std::sync::{Mutex, PoisonError};

/// Prints notices to standard error.
pub struct TerminalNotices {
    console: Console,
    /// Progress of the current operation.
    progress: Mutex<Option<Progress>>,
}

impl TerminalNotices {
    pub fn new(console: Console) -> Self {
        Self { console, progress: Mutex::default() }
    }

    fn print(&self, print: impl FnOnce()) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match &*progress {
            Some(progress) => progress.suspend(print),
            None => print(),
        }
    }
}

impl Notices for TerminalNotices {
    fn note(&self, text: &str) {
        self.print(|| self.console.note(text));
    }

    fn warning(&self, text: &str) {
        self.print(|| self.console.warning(text));
    }

    fn step(&self, text: &str) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.get_or_insert_with(|| Progress::new(self.console)).show(text);
    }

    fn done(&self) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
