//! How often a test is tried again, with separate budgets for its own failures
//! and for trouble of the infrastructure.

use serde::{Deserialize, Serialize};

/// No test is tried more often than this, whatever its budgets say.
pub const MAX_ATTEMPTS: u16 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// Further attempts after the test itself failed, crashed or timed out.
    #[serde(default)]
    pub failed: u8,
    /// Further attempts after a lost worker or a broken set-up.
    #[serde(default = "default_infrastructure")]
    pub infrastructure: u8,
}

fn default_infrastructure() -> u8 {
    2
}

impl Default for Retries {
    fn default() -> Self {
        Self { failed: 0, infrastructure: default_infrastructure() }
    }
}
