//! A database of redb whose end does not panic.
//!
//! After a panic, locks inside redb are poisoned, and closing the database panics again.

use crate::sys::panics;
use redb::{Database, DatabaseError};
use std::ops::{Deref, DerefMut};
use std::panic::AssertUnwindSafe;

pub(in crate::log) struct Guarded(Option<Database>);

impl Guarded {
    pub fn new(database: Database) -> Self {
        Self(Some(database))
    }

    /// Closes the database, and reports an error.
    pub fn close(mut self) -> Result<(), DatabaseError> {
        self.0.take().map_or(Ok(()), Database::close)
    }
}

impl Deref for Guarded {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().expect("only `close` and `drop` take it")
    }
}

impl DerefMut for Guarded {
    fn deref_mut(&mut self) -> &mut Database {
        self.0.as_mut().expect("only `close` and `drop` take it")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(database) = self.0.take() {
            // The file is repaired when it is opened.
            if let Err(reason) = panics::catch(AssertUnwindSafe(|| drop(database))) {
                tracing::warn!(reason, "cannot close the event log");
            }
        }
    }
}
