//! The session of a browser: begins with a token or a code, and ends on request.
//!
//! Promises: the token is sent once, in the body of a request, and is not stored; the cookie is not
//! readable by scripts, is not sent with requests of other sites, and is only sent over TLS where the
//! browser uses TLS; a page of another site cannot log a browser in.

use crate::api::SCHEMA;
use crate::api::error::Code;
use crate::api::v1::sessions::SessionCode;
use crate::coordinator::http::app::App;
use crate::coordinator::http::auth::{cookie_name, is_own_form, session_cookie};
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::pages::fields::{Fields, local};
use crate::coordinator::pages::page::plain_page;
use crate::coordinator::pages::sessions::CODE_LIFETIME;
use crate::domain::access::Principal;
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
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

/// Shows the page to log in, or begins a session with a code.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Result<Response, ApiError> {
    let next = local(wanted.next.as_deref());
    let Some(code) = wanted.code else { return page(next, None) };
    let address = address(&request);
    let sessions = app.authenticators.sessions();
    if !sessions.may_try(address, Instant::now()) {
        return page(next, Some(TOO_MANY));
    }
    let Some(principal) = sessions.redeem(&code, Instant::now()) else {
        sessions.failed(address, Instant::now());
        return page(next, Some("The address was used before, or is older than one minute."));
    };
    begin(&app, request.headers(), principal, next)
}

const TOO_MANY: &str = "Too many failed tries from this address. Try again in a minute.";

/// Begins a session with a token.
pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut head, body) = request.into_parts();
    if !is_own_form(&head.headers) {
        let message = "this form was sent by a page of another site";
        return Err(ApiError::new(Code::Forbidden, message));
    }
    let address = head.extensions.get::<Peer>().map_or(NOWHERE, |peer| peer.0.ip());
    let fields = Fields::of(Request::from_parts(head.clone(), body), &app).await?;
    let (token, next) = (fields.required("token")?, local(fields.get("next")));
    let sessions = app.authenticators.sessions();
    if !sessions.may_try(address, Instant::now()) {
        return page(next, Some(TOO_MANY));
    }
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
        return page(next, Some("The coordinator does not know this token."));
    };
    begin(&app, &head.headers, principal, next)
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

fn page(next: &str, problem: Option<&str>) -> Result<Response, ApiError> {
    plain_page("login.html", "Log in", &json!({ "next": next, "problem": problem }))
}

/// The address that counts for a sender whose own one is not known.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn address(request: &Request) -> IpAddr {
    request.extensions().get::<Peer>().map_or(NOWHERE, |peer| peer.0.ip())
}
