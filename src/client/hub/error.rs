//! Why the model hub does not provide something, and what a user can do about it.

/// The reason why the hub does not provide a model or a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    #[error("{0} is not the address of a hub")]
    Address(String),
    #[error("the token of the hub contains characters that an HTTP header cannot carry")]
    Token,
    /// There is no connection, no response within the time limit, or the response is cut.
    #[error("the hub cannot be reached: {0}")]
    Unreachable(String),
    /// The hub limits the number of requests.
    #[error("the hub limits the number of requests (status 429){}", retry_words(*.retry_after))]
    Busy {
        /// Time after which the hub accepts requests again, in seconds, if it reports one.
        retry_after: Option<u64>,
    },
    /// The hub refuses access to a model. A model that does not exist is refused in the same way if
    /// there is no token.
    #[error("{}", denied_words(.model, *.status, *.gated, *.has_token))]
    Denied { model: String, status: u16, gated: bool, has_token: bool },
    #[error("the hub has no model {0}")]
    NoModel(String),
    #[error("the hub has no revision {revision} of {model}")]
    NoRevision { model: String, revision: String },
    /// The response is not one of a hub.
    #[error("the response of the hub cannot be used: {0}")]
    Response(String),
    /// Another status.
    #[error("the hub responded with status {status} to the request for {file}")]
    Refused { status: u16, file: String },
}

impl HubError {
    /// Whether the hub has not answered the question: it may have the model.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy { .. } | Self::Response(_) | Self::Refused { .. } => {
                true
            }
            Self::Address(_)
            | Self::Token
            | Self::Denied { .. }
            | Self::NoModel(_)
            | Self::NoRevision { .. } => false,
        }
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address(_) => "set HF_ENDPOINT to the address of the hub, or unset it".to_owned(),
            Self::Token => "set HF_TOKEN to the token without other characters".to_owned(),
            Self::Denied { model, gated: true, has_token: true, .. } => format!(
                "accept the terms of {model} on its page on the hub, with the account of the token"
            ),
            Self::Denied { has_token: true, .. } => {
                "check the name, and that the account of the token may read the model".to_owned()
            }
            Self::Denied { .. } => {
                "check the name; for a private or gated model, give a token: set \
                                    HF_TOKEN, or log in with hf auth login"
                    .to_owned()
            }
            Self::NoRevision { .. } => {
                "specify a branch, a tag or a commit of the model".to_owned()
            }
            Self::Busy { .. } => {
                "try again later, or give a token (HF_TOKEN), which has a higher limit".to_owned()
            }
            Self::Unreachable(_) | Self::Response(_) | Self::NoModel(_) | Self::Refused { .. } => {
                return None;
            }
        })
    }
}

fn retry_words(retry_after: Option<u64>) -> String {
    retry_after
        .map_or_else(String::new, |seconds| format!("; it accepts them again in {seconds} s"))
}

fn denied_words(model: &str, status: u16, gated: bool, has_token: bool) -> String {
    let reason = match (gated, has_token) {
        (true, true) => "the model is gated, and the account of the token has no access",
        (true, false) => "the model is gated, and no token is given",
        (false, true) => "the account of the token has no access",
        (false, false) => "the model does not exist, or is private and no token is given",
    };
    format!("the hub refuses access to {model} (status {status}): {reason}")
}
