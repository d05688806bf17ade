//! How long a command that waits for something bears a coordinator that does not answer.

use crate::cli::error::CliError;
use crate::client::ClientError;
use std::time::{Duration, Instant};

/// A restart with millions of tests takes seconds, one of its machine minutes.
const LIMIT: Duration = Duration::from_mins(5);

/// Since when there has been no answer. A new one for each answer.
#[derive(Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// What to say while it is tried again.
    ///
    /// # Errors
    /// The error itself when it will not pass, or has not for [`LIMIT`].
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
