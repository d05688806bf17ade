//! The error of gathering: what happened, the kind of reason, and the next step.

/// The origin of an error, from which the caller derives the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A program or this machine failed.
    Failed,
    /// The user gave something that cannot be used.
    Usage,
    /// The suite has no tests.
    NoTest,
}

/// Why something could not be gathered.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct GatherError {
    pub message: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
    pub reason: Reason,
}

impl GatherError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, reason: Reason::Failed }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { reason: Reason::Usage, ..Self::new(message) }
    }

    pub fn no_test(message: impl Into<String>) -> Self {
        Self { reason: Reason::NoTest, ..Self::new(message) }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
