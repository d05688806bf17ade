//! The session of a browser: begins with a token or a code, and ends on request.
//!
//! Promises: the token is sent once, in the body of a request, and is not stored; the cookie is not
//! readable by scripts, is not sent with requests of other sites, and is only sent over TLS where the
//! browser uses TLS; a link alone replaces no session, for which the browser must send a form of this
//! coordinator. A code is spent by that form, or by a request of a page of this coordinator if the browser
//! is not logged in as somebody else.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::v1::sessions::SessionCode;
use crate::coordinator::http::app::App;
use crate::coordinator::http::auth::{cookie_name, is_own_form, session_cookie};
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::fields::{Fields, local};
use crate::coordinator::pages::page::plain_page;
use crate::coordinator::pages::sessions::CODE_LIFETIME;
use crate::coordinator::pages::text::{encoded, shown};
use crate::domain::access::Principal;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

#[derive(Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
    code: Option<String>,
}

/// Shows the page to log in, by a token or by the code of the address.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Params(wanted): Params<Wanted>,
    request: Request,
) -> Result<Response, ApiError> {
    let next = local(wanted.next.as_deref());
    let Some(code) = wanted.code else { return page(next, None) };
    let (head, _) = request.into_parts();
    let (sessions, address) = (app.authenticators.sessions(), address(&head));
    if !sessions.may_try(address, Instant::now()) {
        return page(next, Some(Problem::TooMany));
    }
    let Some(owner) = sessions.owner(&code, Instant::now()) else {
        return code_failed(&app, address, next);
    };
    let present = app.authenticators.session(&head.headers).map(|(_, principal)| principal);
    let present = present.filter(|present| *present != owner);
    // Only a request of this coordinator's own page carries the cookie of a session for certain.
    let site = head.headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let again = match site {
        Some("same-origin") if present.is_none() && head.method == Method::GET => {
            return match sessions.redeem(&code, Instant::now()) {
                Some(principal) => begin(&app, &head.headers, principal, next),
                None => code_failed(&app, address, next),
            };
        }
        Some("same-origin") | None => None,
        Some(_) => Some(format!("/login?code={}&next={}", encoded(&code), encoded(next))),
    };
    let values = json!({
        "code": code,
        "next": next,
        "again": again,
        "user": shown(&owner.subject),
        "present": present.map(|present| shown(&present.subject)),
    });
    plain_page("code.html", "Log in", &values)
}

/// Begins a session with a token or a code.
pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut head, body) = request.into_parts();
    if !is_own_form(&head.headers) {
        let message = "this form was sent by a page of another site";
        return Err(ApiError::new(Code::Forbidden, message));
    }
    let address = address(&head);
    let fields = Fields::of(Request::from_parts(head.clone(), body), &app).await?;
    let next = local(fields.get("next"));
    let sessions = app.authenticators.sessions();
    if !sessions.may_try(address, Instant::now()) {
        return page(next, Some(Problem::TooMany));
    }
    if let Some(code) = fields.get("code") {
        return match sessions.redeem(code, Instant::now()) {
            Some(principal) => begin(&app, &head.headers, principal, next),
            None => code_failed(&app, address, next),
        };
    }
    let token = fields.required("token")?;
    // The way to check a token is the same as for programs.
    head.headers.remove(axum::http::header::COOKIE);
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    let principal = match bearer {
        Ok(bearer) => {
            head.headers.insert(AUTHORIZATION, bearer);
            app.authenticators.authenticate(&head).await.ok()
        }
        Err(_) => None,
    };
    let Some(principal) = principal else {
        sessions.failed(address, Instant::now());
        app.refusals.note(head.extensions.get::<Peer>(), "a login with an unknown token");
        return page(next, Some(Problem::UnknownToken));
    };
    begin(&app, &head.headers, principal, next)
}

fn code_failed(app: &App, address: IpAddr, next: &str) -> Result<Response, ApiError> {
    app.authenticators.sessions().failed(address, Instant::now());
    page(next, Some(Problem::OldCode))
}

/// Ends the session of these headers.
pub(super) fn end(app: &App, headers: &HeaderMap) -> Response {
    if let Some(cookie) = session_cookie(headers) {
        app.authenticators.sessions().end(&cookie);
    }
    let name = cookie_name(headers);
    let gone = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    ([(SET_COOKIE, gone)], Redirect::to("/login")).into_response()
}

/// Make a code with which a browser can log in once.
///
/// The code is valid for one minute, at `/login?code=CODE`. It has the permissions of its sender.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "health",
    responses((status = 200, body = SessionCode, description = "the code")))]
pub(crate) async fn code(State(app): State<Arc<App>>, principal: Principal) -> Json<SessionCode> {
    let code = app.authenticators.sessions().code(principal, Instant::now());
    Json(SessionCode { schema: SCHEMA, code, valid_ms: CODE_LIFETIME.into() })
}

fn begin(
    app: &App,
    headers: &HeaderMap,
    principal: Principal,
    next: &str,
) -> Result<Response, ApiError> {
    let name = cookie_name(headers);
    let value = app.authenticators.sessions().begin(principal, Instant::now());
    // A proxy that ends TLS reports it. Whoever reports it wrongly only loses the own session.
    let secure = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
    // A redirect would belong to the page that led here, and the cookie would not be sent with it.
    let mut answer = plain_page("welcome.html", "Logged in", &json!({ "next": next }))?;
    let cookie = HeaderValue::try_from(cookie)
        .map_err(|error| ApiError::internal("internal error: the cookie is malformed", &error))?;
    answer.headers_mut().insert(SET_COOKIE, cookie);
    Ok(answer)
}

/// Why no session began.
#[derive(Clone, Copy)]
enum Problem {
    TooMany,
    UnknownToken,
    OldCode,
}

impl Problem {
    fn text(self) -> &'static str {
        match self {
            Self::TooMany => "Too many failed tries from this address. Try again in a minute.",
            Self::UnknownToken => "The coordinator does not know this token.",
            Self::OldCode => "The address was used before, or is older than one minute.",
        }
    }
}

/// The page to log in by a token.
fn page(next: &str, problem: Option<Problem>) -> Result<Response, ApiError> {
    let values = json!({ "next": next, "problem": problem.map(Problem::text) });
    let mut answer = plain_page("login.html", "Log in", &values)?;
    *answer.status_mut() = match problem {
        None => StatusCode::OK,
        Some(Problem::TooMany) => StatusCode::TOO_MANY_REQUESTS,
        Some(Problem::UnknownToken | Problem::OldCode) => StatusCode::UNAUTHORIZED,
    };
    Ok(answer)
}

/// The address of the sender; one for all whose address is not known.
fn address(head: &Parts) -> IpAddr {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    head.extensions.get::<Peer>().map_or(nowhere, |peer| peer.0.ip())
}
