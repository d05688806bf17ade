//! Lets the scheduler notice that time passes.

use crate::coordinator::mailbox::{Mailbox, MailboxError};
use crate::scheduler::engine::Input;
use std::time::Duration;

/// A silent worker is given up within 5 s after its leases end, and an idle coordinator wakes up for
/// little else.
const TICK_INTERVAL: Duration = Duration::from_secs(3);

/// Sends a tick each [`TICK_INTERVAL`] until the mailbox closes. Ticks that were missed because the
/// process was stopped are left out.
pub(crate) async fn run(mailbox: Mailbox) {
    let mut interval = tokio::time::interval(TICK_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if mailbox.send(Input::Tick).await == Err(MailboxError::Stopping) {
            return;
        }
    }
}
