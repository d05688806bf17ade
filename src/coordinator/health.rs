//! Whether requests may be sent here, and why not.

use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::sync::watch;

/// Parts that can be out of order, each with its own reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The event log; it never comes back in this process.
    Log,
    /// The results database; may come back.
    Projection,
    Stopping,
}

#[derive(Debug)]
pub(crate) struct Health {
    reasons: Mutex<Vec<(Part, String)>>,
    /// Set once, when the process must stop: the log is lost.
    fatal: watch::Sender<Option<String>>,
}

impl Health {
    pub fn new() -> Self {
        Self { reasons: Mutex::default(), fatal: watch::Sender::new(None) }
    }

    pub fn fail(&self, part: Part, reason: impl Into<String>) {
        let reason = reason.into();
        if part == Part::Log {
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

    /// `None`: all is well.
    pub fn reason(&self) -> Option<String> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let texts: Vec<&str> = reasons.iter().map(|(_, reason)| reason.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// The reason to stop, if there is one already.
    pub fn fatal_reason(&self) -> Option<String> {
        self.fatal.borrow().clone()
    }

    /// Waits until there is a reason to stop, for ever if there is none.
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
