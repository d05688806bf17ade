//! The sender of a request for a page, the form of the answer, and the parameters.

use crate::api::error::Code;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::{id_in_path, query};
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::text::shown;
use crate::domain::access::{Permission, Principal};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use std::sync::Arc;

/// Maximum length of the query of a page, in bytes.
const MAX_QUERY: usize = 4096;
/// Results of actions, which a page reports after the action.
const NOTICES: [(&str, &str); 8] = [
    ("cancelled", "The run was cancelled. Running tests are being stopped."),
    ("submitted-again", "The test was submitted again, in a new run."),
    ("accepted", "The change was accepted. A new segment begins with this run."),
    ("quarantined", "The test is in quarantine. It does not turn a run red until it expires."),
    ("released", "The quarantine was removed."),
    ("draining", "The worker finishes its running tests and takes no new ones."),
    ("resumed", "The worker takes tests again."),
    ("logged-in", "You are logged in."),
];

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
    Csv,
}

impl Form {
    /// Separates the ending of a twin from a path.
    fn of(path: &str) -> (Self, &str) {
        if let Some(path) = path.strip_suffix(".json") {
            (Self::Json, path)
        } else if let Some(path) = path.strip_suffix(".csv") {
            (Self::Csv, path)
        } else {
            (Self::Html, path)
        }
    }
}

/// The sender of a request for a page.
pub(super) struct Viewer {
    pub principal: Principal,
    pub form: Form,
    /// Path without the ending of a twin.
    pub path: String,
    /// Path and query, as the browser shows them.
    pub address: String,
    query: String,
    pub headers: HeaderMap,
    /// Whether the browser has logged in.
    pub is_session: bool,
    pub form_token: String,
    /// Last record of the event log when the request arrived.
    pub sequence: u64,
}

impl Viewer {
    /// The parameters of the query. Empty ones count as absent, as forms send them.
    ///
    /// # Errors
    /// A parameter is not known, or has no valid value.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if self.query.len() > MAX_QUERY {
            let message = format!("the query is too long (maximum {MAX_QUERY} bytes)");
            return Err(ApiError::new(Code::BadRequest, message));
        }
        let mut given = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            if !value.is_empty() && name != "done" {
                given.append_pair(&name, &value);
            }
        }
        query::read(&given.finish()).map_err(|reason| {
            let message = format!("a filter of this address is not valid: {}", shown(&reason));
            ApiError::new(Code::Unprocessable, message)
                .hint("correct the part of the address after `?`, or remove it")
        })
    }

    /// Refuses parameters, for a page that has none.
    ///
    /// # Errors
    /// There is one.
    pub fn without_params(&self) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct NoParams {}
        self.params::<NoParams>().map(|_| ())
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.principal.permissions.contains(permission)
    }

    /// Name of the sender.
    pub fn user(&self) -> String {
        shown(&self.principal.subject)
    }

    /// Addresses of the twins as JSON and CSV, with the same filters.
    pub fn twins(&self) -> (String, String) {
        let path = if self.path == "/" { "/now" } else { &self.path };
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        (format!("{path}.json{query}"), format!("{path}.csv{query}"))
    }

    /// The result of the action that led to this page.
    pub fn notice(&self) -> Option<&'static str> {
        let mut given = url::form_urlencoded::parse(self.query.as_bytes());
        let (_, done) = given.find(|(name, _)| name == "done")?;
        NOTICES.into_iter().find(|(word, _)| *word == done).map(|(_, text)| text)
    }
}

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let principal = Principal::from_request_parts(parts, app).await?;
        let (form, path) = Form::of(parts.uri.path());
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let cookie = app.authenticators.session(&parts.headers).map(|(cookie, _)| cookie);
        let form_token = app.authenticators.sessions().form_token(cookie.as_deref());
        Ok(Self {
            principal,
            form,
            path: path.to_owned(),
            address: parts.uri.path_and_query().map_or("/", |whole| whole.as_str()).to_owned(),
            query,
            headers: parts.headers.clone(),
            is_session: cookie.is_some(),
            form_token,
            sequence: app.progress.committed(),
        })
    }
}

/// The id in the path of a page, without the ending of a twin.
pub(super) struct Named<T>(pub T);

impl<T> FromRequestParts<Arc<App>> for Named<T>
where
    T: FromStr + Send,
    T::Err: std::fmt::Display,
{
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        id_in_path(parts, app, |text| Form::of(text).1).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_path_is_its_form() {
        assert_eq!(Form::of("/runs/r12.json"), (Form::Json, "/runs/r12"));
        assert_eq!(Form::of("/workers.csv"), (Form::Csv, "/workers"));
        assert_eq!(Form::of("/"), (Form::Html, "/"));
    }
}
