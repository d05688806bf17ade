//! A pool of connections for queries.

use super::error::{Doing, StoreError};
use duckdb::Connection;
use std::sync::{Condvar, Mutex, PoisonError};

/// Maximum number of concurrent queries. Further ones wait.
pub(super) const MAX_READERS: usize = 4;

pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    given_back: Condvar,
}

/// A connection that returns to the pool when it is dropped, also after a panic.
struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Pool {
    pub fn new(root: &Connection) -> Result<Self, StoreError> {
        let clones: duckdb::Result<Vec<_>> = (0..MAX_READERS).map(|_| root.try_clone()).collect();
        Ok(Self { idle: Mutex::new(clones.doing("connect to")?), given_back: Condvar::new() })
    }

    /// Runs `queries` in one transaction, so that all of them see the same state.
    ///
    /// # Errors
    /// The errors of `queries`, or the transaction cannot begin.
    pub fn read<T>(
        &self,
        queries: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let borrowed = self.borrow();
        let Some(connection) = &borrowed.connection else {
            unreachable!("a borrowed connection stays until it is dropped");
        };
        // It is rolled back when it is dropped.
        let transaction = connection.unchecked_transaction().doing("read")?;
        queries(&transaction)
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
