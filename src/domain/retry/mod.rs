//! Retry budgets of a test: one for its own failures and one for failures of the infrastructure.

pub mod backoff;

use serde::{Deserialize, Serialize};

/// Maximum number of attempts of a test, whatever its budgets allow.
pub const MAX_ATTEMPTS: u16 = 100;

/// The retry budgets of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// Number of further attempts after the test failed, crashed or timed out.
    #[serde(default)]
    pub failed: u8,
    /// Number of further attempts after a worker was lost or could not prepare the test.
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
