//! The error of a command, as its user sees it: what happened, the next step, and the exit code.

use crate::cli::exit::Exit;
use crate::client::ClientError;
use crate::config::{ConfigError, SecretError};
use crate::domain::causes::with_causes;
use crate::gather::{GatherError, Reason};
use crate::sys::private::PrivateFileError;
use crate::text::error::SourceError;
use std::error::Error;

/// Why a command ended without success.
#[derive(Debug)]
pub struct CliError {
    pub message: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
    pub exit: Exit,
    /// Further mistakes in the same input, printed after this one.
    pub also: Vec<CliError>,
}

impl CliError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed, also: Vec::new() }
    }

    /// A mistake in the arguments, the settings or a plan.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message).with_exit(Exit::Usage)
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    #[must_use]
    pub fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// An error and its causes in one line.
    pub fn from_error(error: &dyn Error) -> Self {
        Self::new(with_causes(error))
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Unauthorized(_) => Exit::Authentication,
            ClientError::BadUrl { .. }
            | ClientError::BadToken
            | ClientError::OtherProtocol { .. } => Exit::Usage,
            // A run, a test or another object with this id; another server knows nothing of it.
            ClientError::NotFound(_) if !error.is_foreign() => Exit::NoTest,
            ClientError::Refused(refusal) if refusal.is_mistake() => Exit::Usage,
            _ => Exit::Failed,
        };
        // The message is about the first mistake of a document.
        let problems = error.refusal().map(|refusal| refusal.body.problems.as_slice());
        let also = problems.unwrap_or_default().iter().skip(1);
        let also = also.map(|one| Self::new(format!("{}: {}", one.path, one.message)));
        Self { hint: error.hint(), exit, also: also.collect(), ..Self::from_error(&error) }
    }
}

impl From<GatherError> for CliError {
    fn from(error: GatherError) -> Self {
        let exit = match error.reason {
            Reason::Failed => Exit::Failed,
            Reason::Usage => Exit::Usage,
            Reason::NoTest => Exit::NoTest,
        };
        Self { hint: error.hint, ..Self::new(error.message).with_exit(exit) }
    }
}

impl From<SourceError> for CliError {
    fn from(error: SourceError) -> Self {
        let one = |error: &SourceError| Self {
            hint: error.hint.clone(),
            ..Self::usage(error.to_string())
        };
        Self { also: error.also.iter().map(one).collect(), ..one(&error) }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Content(mistakes) => mistakes.into(),
            other => Self::from_error(&other).with_exit(Exit::Usage),
        }
    }
}

impl From<SecretError> for CliError {
    fn from(error: SecretError) -> Self {
        let exit = match error {
            // The name of the file is wrong, not its content.
            SecretError::File(PrivateFileError::Read { .. }) => Exit::Usage,
            _ => Exit::Authentication,
        };
        Self { hint: error.hint().map(Into::into), ..Self::from_error(&error).with_exit(exit) }
    }
}
