//! Connections for questions, handed out one at a time.

use super::error::{Doing, StoreError};
use duckdb::Connection;
use std::sync::{Condvar, Mutex, PoisonError};

/// Questions that are answered at a time; more wait.
pub(super) const READERS: usize = 4;

pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    given_back: Condvar,
}

/// Goes back to the pool when dropped, also after a panic.
struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Pool {
    pub fn new(root: &Connection) -> Result<Self, StoreError> {
        let clones: duckdb::Result<Vec<_>> = (0..READERS).map(|_| root.try_clone()).collect();
        Ok(Self { idle: Mutex::new(clones.doing("connect to")?), given_back: Condvar::new() })
    }

    /// Answers all questions of `ask` from one and the same state.
    pub fn read<T>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let borrowed = self.borrow();
        let Some(connection) = &borrowed.connection else {
            unreachable!("a borrowed connection stays until it is dropped");
        };
        // Rolled back when dropped.
        let transaction = connection.unchecked_transaction().doing("read")?;
        ask(&transaction)
    }

    fn borrow(&self) -> Borrowed<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return Borrowed { pool: self, connection: Some(connection) };
            }
            idle = self.given_back.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
        self.pool.given_back.notify_one();
    }
}
