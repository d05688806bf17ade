//! Errors as people see them: what, where, and the next step; with the exit code.

use super::exit;
use crate::client::ClientError;
use crate::config::{ConfigError, SecretError};
use crate::domain::causes::with_causes;
use crate::sys::private::PrivateFileError;
use crate::text::error::SourceError;
use std::error::Error;

/// Why a command ends without success.
#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub hint: Option<String>,
    pub code: u8,
    /// Further mistakes of the same input, told after this one.
    pub also: Vec<Failure>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: exit::FAILED, also: Vec::new() }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: exit::USAGE, ..Self::new(message) }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// An error with its causes in one line.
    pub fn chain(error: &dyn Error) -> Self {
        Self::new(with_causes(error))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = match &error {
            ClientError::Unauthorized(_) => exit::AUTHENTICATION,
            ClientError::BadUrl { .. }
            | ClientError::BadToken
            | ClientError::OtherProtocol { .. } => exit::USAGE,
            _ => exit::FAILED,
        };
        Self { hint: error.hint(), code, ..Self::chain(&error) }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let one = |error: &SourceError| Self {
            hint: error.hint.clone(),
            ..Self::usage(error.to_string())
        };
        Self { also: error.also.iter().map(one).collect(), ..one(&error) }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { code: exit::USAGE, ..Self::chain(&error) }.hint("docs/config.md lists every setting")
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        let code = match error {
            // The name of the file is wrong, not its content.
            SecretError::File(PrivateFileError::Read { .. }) => exit::USAGE,
            _ => exit::AUTHENTICATION,
        };
        let failure = Self { code, ..Self::chain(&error) };
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
