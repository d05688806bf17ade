//! Ends long reads on other threads when the task that waits for them was dropped.

use std::io::{self, Read};
use std::sync::{Arc, Weak};

/// Exists as long as somebody waits for the result. Clones made by [`Alive::watch`] do not count.
#[derive(Debug)]
pub struct Alive {
    owner: Option<Arc<()>>,
    watched: Weak<()>,
}

impl Default for Alive {
    fn default() -> Self {
        let owner = Arc::new(());
        let watched = Arc::downgrade(&owner);
        Self { owner: Some(owner), watched }
    }
}

impl Alive {
    /// The view of the thread that works for the owner.
    #[must_use]
    pub fn watch(&self) -> Self {
        Self { owner: None, watched: self.watched.clone() }
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.owner.is_some() || self.watched.strong_count() > 0
    }
}

/// A reader that fails when nobody waits for its content.
pub struct WhileAlive<'a, R> {
    reader: R,
    alive: &'a Alive,
}

impl<'a, R> WhileAlive<'a, R> {
    pub fn new(reader: R, alive: &'a Alive) -> Self {
        Self { reader, alive }
    }
}

impl<R: Read> Read for WhileAlive<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.alive.is_alive() {
            self.reader.read(buffer)
        } else {
            Err(io::Error::other("the test that needed the file was stopped"))
        }
    }
}
