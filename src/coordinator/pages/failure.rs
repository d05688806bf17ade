//! Answers browsers with a page in place of an error of the API, or with the page to log in. Adds the
//! headers that restrict what a page can do.

use crate::api::error::{Code, ErrorBody};
use crate::coordinator::pages::page::error_page;
use crate::coordinator::pages::text::encoded;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

/// A page loads only its style sheet, its script and its icon, runs no script of its text, sends forms
/// only to its coordinator, and cannot be shown inside a page of another site.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Replaces errors for a reader who accepts HTML, and adds the headers of pages.
pub(crate) async fn as_page(request: Request, next: Next) -> Response {
    let reads = request.method() == Method::GET;
    let address = request.uri().path_and_query().map_or("/", |whole| whole.as_str()).to_owned();
    let accepts_pages = accepts_pages(request.headers()) && !address.starts_with("/api/");
    let mut answer = next.run(request).await;
    if accepts_pages && let Some(body) = answer.extensions().get::<ErrorBody>().cloned() {
        answer = instead_of(&body, &address, reads, answer);
    }
    let headers = answer.headers_mut();
    let restricting: [(HeaderName, &'static str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // With a stricter policy, browsers hide the origin of forms from the coordinator, too.
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in restricting {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn accepts_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

fn instead_of(body: &ErrorBody, address: &str, reads: bool, answer: Response) -> Response {
    if body.code == Code::Unauthorized && reads {
        return Redirect::to(&format!("/login?next={}", encoded(address))).into_response();
    }
    let title = match body.code {
        Code::NotFound => "Not found",
        Code::Forbidden => "Not allowed",
        Code::Unauthorized => "Not logged in",
        Code::Busy | Code::Unavailable => "Not available now",
        _ => "This did not work",
    };
    let values = json!({ "message": body.message, "hint": body.hint });
    match error_page(title, &values) {
        Ok(mut page) => {
            *page.status_mut() = answer.status();
            page
        }
        Err(_) => answer,
    }
}
