//! Parsing of requests: ids in paths, queries, JSON bodies. An error in a value
//! of a JSON body names its field.

pub(crate) mod query;

use crate::api::error::{Code, MAX_PROBLEMS, Problem};
use crate::coordinator::http::app::App;
use crate::coordinator::http::blocking::blocking;
use crate::coordinator::http::respond::ApiError;
use crate::domain::access::Principal;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

/// Maximum size of bodies that are parsed on the threads that serve connections, in bytes.
const INLINE_BYTES: usize = 256 * 1024;

/// The id in a path.
pub(crate) struct Id<T>(pub T);

impl<T> FromRequestParts<Arc<App>> for Id<T>
where
    T: FromStr + Send,
    T::Err: std::fmt::Display,
{
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        id_in_path(parts, app, |text| text).await.map(Self)
    }
}

/// Reads the id in a path. `part` returns the part of the path's parameter that is the id.
///
/// # Errors
/// The path is not UTF-8, or the part is not such an id.
pub(crate) async fn id_in_path<T>(
    parts: &mut Parts,
    app: &Arc<App>,
    part: impl Fn(&str) -> &str,
) -> Result<T, ApiError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let Path(text) = Path::<String>::from_request_parts(parts, app)
        .await
        .map_err(|error| ApiError::new(Code::BadRequest, error.body_text()))?;
    part(&text).parse().map_err(|error: T::Err| ApiError::new(Code::BadRequest, error.to_string()))
}

/// The parameters of the query. An unknown one is refused. A malformed value is refused as not acceptable, because a
/// schema does not describe all that a value must be.
pub(crate) struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let read = query::read(parts.uri.query().unwrap_or_default());
        read.map(Self).map_err(|reason| {
            let message = format!("the query of this address is not valid: {reason}");
            ApiError::new(Code::Unprocessable, message)
        })
    }
}

/// The body, which was received within the limits of its route.
pub(crate) async fn body(request: Request, app: &Arc<App>) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, app)
        .await
        .map_err(|error| ApiError::new(Code::BadRequest, error.body_text()))
}

/// A JSON body.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let bytes = body(request, app).await?;
        if bytes.len() <= INLINE_BYTES {
            return reading(&bytes, parse).map(Self);
        }
        blocking(move || reading(&bytes, parse)).await?.map(Self)
    }
}

/// Parses JSON. An error names the field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // Finding the path of the field takes time, so only an error does it.
        let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
        let field = match serde_path_to_error::deserialize::<_, T>(deserializer) {
            Err(traced) if traced.path().iter().next().is_some() => {
                format!(" at {}", traced.path())
            }
            _ => String::new(),
        };
        ApiError::new(Code::BadRequest, format!("malformed JSON{field}: {error}"))
    })
}

/// Reads a document with a list of items, each of which may have a mistake. The error has the first one of
/// each item.
pub(crate) fn parse_items<T, I>(bytes: &[u8], list: &'static str) -> Result<T, ApiError>
where
    T: DeserializeOwned,
    I: DeserializeOwned,
{
    serde_json::from_slice(bytes).or_else(|_| {
        let problems = problems::<I>(bytes, list);
        if problems.len() > 1 {
            return Err(ApiError::problems(Code::BadRequest, problems));
        }
        parse(bytes)
    })
}

/// The first mistake of each item of a list.
fn problems<I: DeserializeOwned>(bytes: &[u8], list: &str) -> Vec<Problem> {
    let Ok(document) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(bytes) else {
        return Vec::new();
    };
    let items = document.get(list).map(|items| serde_json::from_str::<Vec<&RawValue>>(items.get()));
    let Some(Ok(items)) = items else { return Vec::new() };
    let problem = |(at, item): (usize, &&RawValue)| {
        let deserializer = &mut serde_json::Deserializer::from_str(item.get());
        let error = serde_path_to_error::deserialize::<_, I>(deserializer).err()?;
        let field = match error.path().to_string() {
            path if path == "." => String::new(),
            path => format!(".{path}"),
        };
        let message = format!("malformed JSON: {}", error.inner());
        Some(Problem { path: format!("{list}[{at}]{field}"), message })
    };
    items.iter().enumerate().filter_map(problem).take(MAX_PROBLEMS).collect()
}

/// Reads a body. If `read` refuses it, tries again with whole numbers such as `5.0` or `5e0` written
/// as integers: in JSON, and in languages with one type of numbers, these are equal.
pub(crate) fn reading<T>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    read(bytes).or_else(|error| match plain_integers(bytes) {
        Some(plain) => read(&plain),
        None => Err(error),
    })
}

/// The text with all whole numbers as integers. `None` if they already are.
fn plain_integers(text: &[u8]) -> Option<Vec<u8>> {
    let numeric = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let mut plain = Vec::with_capacity(text.len());
    let (mut rest, mut changed) = (text, false);
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => string_length(rest),
            b'-' | b'0'..=b'9' => rest.iter().take_while(|byte| numeric(byte)).count(),
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        match whole_number(token) {
            Some(number) => {
                plain.extend_from_slice(number.as_bytes());
                changed = true;
            }
            None => plain.extend_from_slice(token),
        }
        rest = after;
    }
    changed.then_some(plain)
}

/// Length in bytes of the string at the beginning, including its quotes.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// A whole number that is written with a fraction or an exponent, as an integer.
fn whole_number(token: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(token).ok().filter(|text| text.contains(['.', 'e', 'E']))?;
    let number: f64 = text.parse().ok()?;
    // No integer type of the API has larger values.
    let whole = number.fract() == 0.0 && number.abs() < 18_446_744_073_709_551_616.0;
    whole.then(|| format!("{:.0}", number + 0.0))
}

impl FromRequestParts<Arc<App>> for Principal {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        parts.extensions.get::<Principal>().cloned().ok_or_else(|| {
            ApiError::bug("internal error: the sender is unknown", "a route without a guard")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::runs::SubmitRun;
    use crate::domain::test::TestSpec;
    use axum::response::IntoResponse;

    #[test]
    fn malformed_json_names_the_field() {
        let text = br#"{"name":"n","tests":[{"name":"a","launch":{},"priority":500}]}"#;
        let error = parse::<SubmitRun>(text).expect_err("malformed");
        let text = format!("{error:?}");
        assert!(text.contains("tests[0].priority"), "{text}");
        assert_eq!(error.into_response().status(), 400);
    }

    #[test]
    fn the_mistakes_of_all_items_are_reported_at_once() {
        let read = |text: &[u8]| parse_items::<SubmitRun, TestSpec>(text, "tests");
        let text = br#"{"name":"n","tests":[{"name":"a","launch":{},"priority":500},
            {"name":"b","launch":{}},{"name":7,"launch":{}},{"launch":{}}]}"#;
        let body = problems::<TestSpec>(text, "tests");
        let paths: Vec<&str> = body.iter().map(|problem| &*problem.path).collect();
        assert_eq!(paths, ["tests[0].priority", "tests[2].name", "tests[3]"]);
        let error = read(text).expect_err("malformed");
        assert!(error.message().starts_with("tests[0].priority: malformed JSON"), "{error:?}");
        // A mistake beside the items, and a document that ends too early.
        for text in [&br#"{"name":7,"tests":[]}"#[..], b"{\"name\":"] {
            assert!(read(text).expect_err("malformed").message().starts_with("malformed JSON"));
        }
        let many = format!(r#"{{"tests":[{}{{}}]}}"#, "{},".repeat(500));
        assert_eq!(problems::<TestSpec>(many.as_bytes(), "tests").len(), MAX_PROBLEMS);
    }

    #[test]
    fn whole_numbers_are_accepted_in_every_notation() {
        let plain = |text: &str| {
            plain_integers(text.as_bytes()).map(|text| String::from_utf8(text).expect("UTF-8"))
        };
        for text in ["{}", "[1, -2, 1.5, \"5.0\"]", r#"{"a\"5.0":"\\"}"#, "1e400", "\"5.0"] {
            assert_eq!(plain(text), None, "{text}");
        }
        assert_eq!(plain("[5.0,-1.500e3,2E0, 0.5]").as_deref(), Some("[5,-1500,2, 0.5]"));
        assert_eq!(plain(r#"{"5.0":-0.0}"#).as_deref(), Some(r#"{"5.0":0}"#));
        let text =
            br#"{"name":"n","tests":[{"name":"a","launch":{},"priority":5.0}],"more":false}"#;
        assert!(parse::<SubmitRun>(text).is_err());
        assert_eq!(reading(text, parse::<SubmitRun>).map(|run| run.tests.len()).ok(), Some(1));
        let text = br#"{"name":"n","tests":[{"name":"a","launch":{},"priority":5.5}]}"#;
        let error = reading(text, parse::<SubmitRun>).expect_err("a fraction");
        assert!(format!("{error:?}").contains("5.5"), "{error:?}");
    }

    #[test]
    fn deep_nesting_and_cut_bodies_are_refused() {
        let deep = "[".repeat(100_000);
        assert!(parse::<SubmitRun>(deep.as_bytes()).is_err());
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
        assert!(parse::<SubmitRun>(b"{\"name\":").is_err());
    }
}
