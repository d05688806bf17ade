//! How long a waiting command continues while the coordinator does not answer.

use crate::cli::error::CliError;
use crate::client::ClientError;
use std::time::{Duration, Instant};

/// Time limit without an answer. A restart of a coordinator with millions of tests takes seconds, a
/// restart of its machine minutes.
const LIMIT: Duration = Duration::from_mins(5);

/// Time since the last answer. Create a new one after each answer.
#[derive(Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// Returns the message to show before the next try.
    ///
    /// # Errors
    /// The error itself if it is permanent, or has lasted for [`LIMIT`].
    pub fn with(&mut self, error: ClientError) -> Result<String, CliError> {
        self.after(Duration::ZERO, error)
    }

    fn after(&mut self, further: Duration, error: ClientError) -> Result<String, CliError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !error.is_temporary() || since.elapsed() + further >= LIMIT {
            return Err(error.into());
        }
        Ok(format!("{error}; trying again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_borne_for_a_while() {
        let away = || ClientError::Unreachable {
            url: "http://x".into(),
            reason: "refused".into(),
            refused: true,
        };
        let mut patience = Patience::default();
        assert!(patience.with(away()).expect("borne").ends_with("trying again"));
        assert!(patience.after(LIMIT, away()).is_err());
        let foreign = ClientError::BadResponse { what: "run".into(), reason: "not JSON".into() };
        assert!(Patience::default().with(foreign).is_err());
    }
}
