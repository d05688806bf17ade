//! Lines of the worker about an attempt whose program has not started yet: the beginning of its output,
//! for people who wait.
//!
//! Limit: `MAX_NOTES_BYTES`; further lines are left out. Promise: what was sent while the attempt was
//! prepared is also the beginning of the output that its result has.

use crate::domain::id::LeaseId;
use crate::worker::link::{Link, LinkError};

/// Maximum size of the lines of one attempt, in bytes.
const MAX_NOTES_BYTES: usize = 16 * 1024;

/// The lines, and the number of bytes that the coordinator has.
#[derive(Debug, Default)]
pub struct Notes {
    text: Vec<u8>,
    sent: u64,
    /// The coordinator refused the output, so none is sent while the attempt runs.
    is_muted: bool,
}

impl Notes {
    /// Adds a line, and sends what was not sent yet. A coordinator that is away gets it later.
    pub async fn add<L: Link>(&mut self, line: &str, lease: LeaseId, link: &L) {
        if self.text.len() + line.len() > MAX_NOTES_BYTES {
            return;
        }
        self.text.extend(format!("dtf: {line}\n").bytes());
        let from = usize::try_from(self.sent).unwrap_or(usize::MAX);
        let new = self.text.get(from..).unwrap_or_default().to_vec();
        if self.is_muted || new.is_empty() {
            return;
        }
        match link.append_log(lease.attempt, lease.epoch, self.sent, new).await {
            Ok(appended) => self.sent = appended.offset.max(self.sent),
            Err(LinkError::Away(_) | LinkError::Full(_)) => {}
            Err(error) => {
                tracing::debug!(?lease, %error, "output is not sent while the attempt runs");
                self.is_muted = true;
            }
        }
    }

    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Number of bytes that the coordinator has.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.is_muted
    }
}
