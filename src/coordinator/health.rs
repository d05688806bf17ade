//! Whether the coordinator accepts requests, and the reasons why not.

use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::watch;

/// Parts that can fail, each with its own reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The event log. It does not recover in this process.
    Log,
    /// The leadership, which another coordinator may have. It does not come back in this process.
    Leadership,
    /// The scheduler. It does not recover in this process.
    Scheduler,
    /// The results database. It may recover.
    Projection,
    /// The space of the data directory. It may recover.
    Storage,
    /// The coordinator is stopping.
    Stopping,
}

#[derive(Debug)]
pub(crate) struct Health {
    reasons: Mutex<Vec<(Part, String)>>,
    /// Set once, when the process must stop.
    fatal: watch::Sender<Option<String>>,
}

impl Health {
    pub fn new() -> Self {
        Self { reasons: Mutex::default(), fatal: watch::Sender::new(None) }
    }

    pub fn fail(&self, part: Part, reason: impl Into<String>) {
        let reason = reason.into();
        if matches!(part, Part::Log | Part::Leadership | Part::Scheduler) {
            self.fatal.send_if_modified(|fatal| {
                let first = fatal.is_none();
                if first {
                    *fatal = Some(reason.clone());
                }
                first
            });
        }
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.retain(|(other, _)| *other != part);
        reasons.push((part, reason));
    }

    pub fn recover(&self, part: Part) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.retain(|(other, _)| *other != part);
    }

    pub fn has_failed(&self, part: Part) -> bool {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.iter().any(|(other, _)| *other == part)
    }

    /// The reasons why requests are not accepted; `None` when they are.
    pub fn reason(&self) -> Option<String> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let texts: Vec<&str> = reasons.iter().map(|(_, reason)| reason.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// The reason why the process must stop, if it must.
    pub fn fatal_reason(&self) -> Option<String> {
        self.fatal.borrow().clone()
    }

    /// Waits until the process must stop.
    pub async fn fatal(&self) {
        let mut fatal = self.fatal.subscribe();
        if fatal.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_come_and_go_by_part() {
        let health = Health::new();
        assert_eq!(health.reason(), None);
        health.fail(Part::Projection, "disk full");
        health.fail(Part::Projection, "disk still full");
        health.fail(Part::Stopping, "stopping");
        assert_eq!(health.reason().as_deref(), Some("disk still full; stopping"));
        health.recover(Part::Projection);
        assert_eq!(health.reason().as_deref(), Some("stopping"));
        assert_eq!(health.fatal_reason(), None);
    }

    #[tokio::test]
    async fn a_lost_log_is_fatal_and_keeps_its_first_reason() {
        let health = Health::new();
        health.fail(Part::Log, "no space");
        health.fail(Part::Log, "second");
        health.fatal().await;
        assert_eq!(health.fatal_reason().as_deref(), Some("no space"));
    }
}
