//! The step in which a recovery is, so that a panic names it.

use super::error::RecoveryError;
use crate::sys::panics;
use std::panic::AssertUnwindSafe;
use std::path::Path;

/// The present step.
#[derive(Debug, Default)]
pub(super) struct Steps(String);

impl Steps {
    /// Runs a recovery. A panic becomes an error.
    pub fn run<T>(
        recover: impl FnOnce(&mut Self) -> Result<T, RecoveryError>,
    ) -> Result<T, RecoveryError> {
        let mut steps = Self::default();
        panics::catch(AssertUnwindSafe(|| recover(&mut steps))).unwrap_or_else(|message| {
            Err(RecoveryError::Panicked { doing: std::mem::take(&mut steps.0), message })
        })
    }

    pub fn begin(&mut self, doing: &str, path: &Path) {
        self.0 = format!("{doing} {}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_the_step_and_the_file() {
        let error = Steps::run(|steps| -> Result<(), RecoveryError> {
            steps.begin("opening the results database", Path::new("d/results.duckdb"));
            panic!("index out of bounds")
        });
        assert_eq!(
            error.expect_err("a panic").to_string(),
            "internal error: a panic while opening the results database d/results.duckdb: index out \
             of bounds"
        );
    }
}
