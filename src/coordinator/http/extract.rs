//! Reading requests: ids in paths, queries, JSON bodies. Every refusal says where.

use crate::api::error::Code;
use crate::coordinator::http::app::App;
use crate::coordinator::http::permissions::Principal;
use crate::coordinator::http::respond::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use std::sync::Arc;

/// Bodies above this are parsed off the threads that serve connections.
const INLINE_BYTES: usize = 256 * 1024;

/// The one id of a path.
pub(crate) struct Id<T>(pub T);

impl<T> FromRequestParts<Arc<App>> for Id<T>
where
    T: FromStr + Send,
    T::Err: std::fmt::Display,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
        let id = text.parse().map_err(|e: T::Err| Problem::new(Code::BadRequest, e.to_string()))?;
        Ok(Self(id))
    }
}

/// The query, as a struct.
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))
    }
}

/// A body within the limit of its route.
pub(crate) async fn body(request: Request, app: &Arc<App>) -> Result<Bytes, Problem> {
    Bytes::from_request(request, app).await.map_err(|error| match error {
        BytesRejection::FailedToBufferBody(_) if error.status() == 413 => {
            Problem::new(Code::TooLarge, "the body is larger than this route takes")
                .hint("send it in parts")
        }
        other => Problem::new(Code::BadRequest, other.body_text()),
    })
}

/// A JSON body.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let bytes = body(request, app).await?;
        if bytes.len() <= INLINE_BYTES {
            return parse(&bytes).map(Self);
        }
        blocking(move || parse(&bytes)).await?.map(Self)
    }
}

/// Parses JSON; an error names the field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The path costs time, so it is looked for only now.
        let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
        let place = match serde_path_to_error::deserialize::<_, T>(deserializer) {
            Err(traced) if traced.path().iter().next().is_some() => {
                format!(" at {}", traced.path())
            }
            _ => String::new(),
        };
        Problem::new(Code::BadRequest, format!("malformed JSON{place}: {error}"))
    })
}

/// Runs what blocks or computes for long off the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal("a background task failed", &error))
}

impl FromRequestParts<Arc<App>> for Principal {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Principal>()
            .cloned()
            .ok_or_else(|| Problem::internal("the sender is unknown", &"a route without a guard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::runs::SubmitRun;
    use axum::response::IntoResponse;

    #[test]
    fn malformed_json_names_the_field() {
        let text = br#"{"name":"n","tests":[{"name":"a","launch":{},"priority":500}]}"#;
        let problem = parse::<SubmitRun>(text).expect_err("malformed");
        let text = format!("{problem:?}");
        assert!(text.contains("tests[0].priority"), "{text}");
        assert_eq!(problem.into_response().status(), 400);
    }

    #[test]
    fn deep_nesting_and_cut_bodies_are_refused() {
        let deep = "[".repeat(100_000);
        assert!(parse::<SubmitRun>(deep.as_bytes()).is_err());
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
        assert!(parse::<SubmitRun>(b"{\"name\":").is_err());
    }
}
