//! Lets the scheduler see time pass.

use crate::coordinator::mailbox::{Failed, Mailbox, Request};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

/// Sends a tick each second until the mailbox closes. Ticks that were missed (the process
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
