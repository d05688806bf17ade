//! One page, and its answers: HTML, or a twin as JSON or CSV. Answers carry a tag of their content,
//! so that a page that has not changed is not sent again.

use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::render::render;
use crate::coordinator::pages::text::{Link, shown};
use crate::coordinator::pages::viewer::{Form, Viewer};
use crate::domain::digest::sha256_hex;
use crate::results::render::csv_field;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// A page, before it is written in one of its forms.
pub(super) struct Page {
    /// Name of the template.
    pub template: &'static str,
    /// Text of others is allowed.
    pub title: String,
    /// The next step that most readers of the page want.
    pub next: Option<Link>,
    /// Query of the stream that reports changes, for a page that is live.
    pub live: Option<String>,
    /// Values of the template.
    pub values: Value,
    pub table: Table,
}

/// The main table of a page, for CSV.
#[derive(Default)]
pub(super) struct Table {
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn text(&self) -> String {
        let line = |fields: &mut dyn Iterator<Item = &str>| {
            fields.map(csv).collect::<Vec<_>>().join(",") + "\r\n"
        };
        let mut text = line(&mut self.head.iter().copied());
        for row in &self.rows {
            text.push_str(&line(&mut row.iter().map(String::as_str)));
        }
        text
    }
}

/// A field of CSV. A number is not a formula, also if it is negative.
fn csv(field: &str) -> String {
    let is_plain = field.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | 'e'));
    if is_plain && field.parse::<f64>().is_ok() { field.to_owned() } else { csv_field(field) }
}

/// Answers in the form that the address asks for. `document` is the document of the API.
///
/// # Errors
/// The page is too large.
pub(super) fn answer(
    viewer: &Viewer,
    document: &impl Serialize,
    page: Page,
) -> Result<Response, ApiError> {
    let (kind, text) = match viewer.form {
        Form::Html => ("text/html; charset=utf-8", html(viewer, page)?),
        Form::Csv => ("text/csv; charset=utf-8", page.table.text()),
        Form::Json => {
            let text = serde_json::to_string_pretty(document);
            let text = text.map_err(|error| {
                ApiError::internal("internal error: the document cannot be encoded", &error)
            })?;
            ("application/json", text)
        }
    };
    Ok(tagged(&viewer.headers, HeaderValue::from_static(kind), text))
}

fn html(viewer: &Viewer, page: Page) -> Result<String, ApiError> {
    let (json, csv) = viewer.twins();
    let csv = Some(csv).filter(|_| !page.table.head.is_empty());
    let live = page.live.map(|query| format!("/live?after={}{query}", viewer.sequence));
    let context = json!({
        "title": shown(&page.title),
        "nav": navigation(&viewer.path),
        "user": viewer.user(),
        "logged_in": viewer.is_session,
        "form_token": viewer.form_token,
        "scripts": true,
        "live": live,
        "next": page.next,
        "notice": viewer.notice(),
        "json": json,
        "csv": csv,
        "page": page.values,
        "here": viewer.address,
    });
    render(page.template, &context)
}

/// The links to all pages that need no id.
fn navigation(path: &str) -> Vec<Value> {
    const PAGES: [(&str, &str); 8] = [
        ("/", "Now"),
        ("/matrix", "Matrix"),
        ("/grid", "Grid"),
        ("/compare", "Compare"),
        ("/regressions", "Regressions"),
        ("/flaky", "Flaky"),
        ("/workers", "Workers"),
        ("/templates", "Templates"),
    ];
    let entry = |(href, text)| json!({ "href": href, "text": text, "current": href == path });
    PAGES.into_iter().map(entry).collect()
}

/// A page for somebody who is not known, such as the one to log in.
///
/// # Errors
/// A template has a fault.
pub(super) fn plain_page(
    template: &'static str,
    title: &str,
    values: &Value,
) -> Result<Response, ApiError> {
    reduced(template, title, values, Vec::new())
}

/// The page in place of an error.
///
/// # Errors
/// A template has a fault.
pub(super) fn error_page(title: &str, values: &Value) -> Result<Response, ApiError> {
    reduced("error.html", title, values, navigation(""))
}

/// A page without a user and without data.
fn reduced(
    template: &'static str,
    title: &str,
    values: &Value,
    nav: Vec<Value>,
) -> Result<Response, ApiError> {
    let context = json!({
        "title": shown(title), "nav": nav, "user": null, "logged_in": false, "form_token": "",
        "scripts": false, "live": null, "next": null, "notice": null, "json": null, "csv": null,
        "page": values, "here": "/",
    });
    let text = render(template, &context)?;
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((headers, text).into_response())
}

/// An answer with a tag of its content; 304 without the content if the browser already has it.
pub(super) fn tagged(headers: &HeaderMap, kind: HeaderValue, text: String) -> Response {
    let tag = format!("\"{}\"", &sha256_hex(text.as_bytes())[..32]);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(text))
    };
    let headers = answer.headers_mut();
    if !known {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    // The digits of a digest are a valid header.
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_safe_for_spreadsheets() {
        let table = Table {
            head: vec!["name", "value"],
            rows: vec![vec!["=HYPERLINK(1)".into(), "a,\"b\"".into()]],
        };
        let text = table.text();
        assert!(text.starts_with("name,value\r\n"), "{text}");
        assert!(!text.contains("\r\n="), "a formula: {text}");
        assert!(text.contains("\"a,\"\"b\"\"\""), "{text}");
    }

    #[test]
    fn the_same_content_is_sent_once() {
        let kind = || HeaderValue::from_static("text/html");
        let first = tagged(&HeaderMap::new(), kind(), "a".into());
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(tagged(&headers, kind(), "a".into()).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(tagged(&headers, kind(), "b".into()).status(), StatusCode::OK);
    }
}
