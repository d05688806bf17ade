//! Lets the scheduler notice that time passes, and checks that this process still leads.

use crate::coordinator::health::{Health, Part};
use crate::coordinator::leadership::Leadership;
use crate::coordinator::mailbox::{Mailbox, MailboxError};
use crate::scheduler::engine::Input;
use std::sync::Arc;
use std::time::Duration;

/// A silent worker is given up within 5 s after its leases end, and an idle coordinator wakes up for
/// little else.
const TICK_INTERVAL: Duration = Duration::from_secs(3);

/// Sends a tick each [`TICK_INTERVAL`] until the mailbox closes. Ticks that were missed because the
/// process was stopped are left out. Ends early when the leadership is lost.
pub(crate) async fn run(mailbox: Mailbox, leadership: Arc<dyn Leadership>, health: Arc<Health>) {
    let mut interval = tokio::time::interval(TICK_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Some(reason) = leadership.lost() {
            health.fail(Part::Leadership, reason);
            return;
        }
        if mailbox.send(Input::Tick).await == Err(MailboxError::Stopping) {
            return;
        }
    }
}
