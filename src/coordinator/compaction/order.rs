//! The order to compact the log, from the thread that decides it to the thread that commits.

use crate::log::Sequence;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Holds at most one order, which is carried out with the next snapshot. The thread that commits
/// owns it: when that thread ends, an order that waits is dropped, and its receiver notices.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<Option<Order>>);

/// Remove the records up to this one.
#[derive(Debug)]
pub(crate) struct Order {
    pub upto: Sequence,
    /// Receives the reason why it was not carried out, if it was not.
    pub done: SyncSender<Result<(), String>>,
}

impl Orders {
    /// Places an order, which replaces an earlier one.
    pub fn place(&self, upto: Sequence) -> Receiver<Result<(), String>> {
        let (done, result) = sync_channel(1);
        *self.lock() = Some(Order { upto, done });
        result
    }

    pub fn take(&self) -> Option<Order> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
