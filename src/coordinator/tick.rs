//! Lets the scheduler see time pass.

use crate::coordinator::mailbox::{Failed, Mailbox, Request};
use std::time::Duration;

/// A worker that stays silent is given up within 5 s after its leases end; a coordinator with
/// nothing to do wakes for little else.
const EVERY: Duration = Duration::from_secs(3);

/// Sends a tick each [`EVERY`] until the mailbox closes. Ticks that were missed (the process
/// was stopped) are not made up for.
pub(crate) async fn run(mailbox: Mailbox) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if mailbox.send(Request::Tick).await == Err(Failed::Stopping) {
            return;
        }
    }
}
