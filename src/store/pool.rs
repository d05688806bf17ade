//! A pool of connections for queries, which are opened when they are needed.

use super::error::{Doing, StoreError};
use duckdb::{Connection, Transaction};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Maximum number of concurrent queries. Further ones wait.
pub(super) const MAX_READERS: usize = 4;

pub(super) struct Pool {
    idle: Mutex<Idle>,
    given_back: Condvar,
    /// Name of the database if it was attached; `None` if its file was opened directly.
    attached: Option<&'static str>,
}

struct Idle {
    /// A connection from which others are opened. `None`: the pool is closed.
    first: Option<Connection>,
    connections: Vec<Connection>,
    /// Number of open connections, idle or borrowed, besides the first one.
    open: usize,
}

/// A connection that returns to the pool when it is dropped, also after a panic.
struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Pool {
    /// A pool of connections to the database of `first`, which is kept open.
    pub fn new(first: Connection, attached: Option<&'static str>) -> Self {
        let idle = Idle { first: Some(first), connections: Vec::new(), open: 0 };
        Self { idle: Mutex::new(idle), given_back: Condvar::new(), attached }
    }

    /// Runs `queries` in one transaction, so that all of them see the same state.
    ///
    /// # Errors
    /// The errors of `queries`, the transaction cannot begin, or the pool is closed.
    pub fn read<T>(
        &self,
        queries: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // It is rolled back when it is dropped.
        self.transaction(|transaction| queries(&transaction))
    }

    /// Runs `changes` in one transaction, and commits it.
    ///
    /// # Errors
    /// As for [`Pool::read`]; nothing is changed then.
    pub fn write<T>(
        &self,
        changes: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(|transaction| {
            let changed = changes(&transaction)?;
            transaction.commit().doing("write to")?;
            Ok(changed)
        })
    }

    fn transaction<T>(
        &self,
        run: impl FnOnce(Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let borrowed = self.borrow()?;
        let Some(connection) = &borrowed.connection else {
            unreachable!("a borrowed connection stays until it is dropped");
        };
        run(connection.unchecked_transaction().doing("read")?)
    }

    /// Closes all connections, after the queries that are running. Further queries are refused.
    pub fn close(&self) {
        let mut idle = self.lock();
        if idle.first.take().is_none() {
            return;
        }
        self.given_back.notify_all();
        loop {
            idle.open -= std::mem::take(&mut idle.connections).len();
            if idle.open == 0 {
                return;
            }
            idle = self.given_back.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the connections are closed, or will be after the queries that are running.
    pub fn is_closed(&self) -> bool {
        self.lock().first.is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn borrow(&self) -> Result<Borrowed<'_>, StoreError> {
        let mut idle = self.lock();
        loop {
            if idle.first.is_none() {
                return Err(StoreError::Closed);
            }
            if let Some(connection) = idle.connections.pop() {
                return Ok(Borrowed { pool: self, connection: Some(connection) });
            }
            if let Some(first) = idle.first.as_ref().filter(|_| idle.open < MAX_READERS) {
                let connection = connect_again(first, self.attached).doing("connect to")?;
                idle.open += 1;
                return Ok(Borrowed { pool: self, connection: Some(connection) });
            }
            idle = self.given_back.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Another connection. Its database has the name `attached` if it was attached, and not opened directly.
pub(super) fn connect_again(
    connection: &Connection,
    attached: Option<&'static str>,
) -> duckdb::Result<Connection> {
    let other = connection.try_clone()?;
    if let Some(name) = attached {
        other.execute_batch(&format!("USE {name}"))?;
    }
    Ok(other)
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.lock();
        idle.connections.extend(self.connection.take());
        self.pool.given_back.notify_all();
    }
}
