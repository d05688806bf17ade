//! The forms that change something. Each is the same as a route of the API, with its permission.
//!
//! Promises: a form changes something only with the token that the page of its session contains, and
//! only if the browser reports this coordinator as the origin of the page. After the change the
//! browser is sent back to a page of this coordinator, so that a reload does not repeat it.

use crate::api::error::Code;
use crate::api::v1::marks::{AcceptChanges, AddQuarantine};
use crate::coordinator::http::app::App;
use crate::coordinator::http::auth::is_own_form;
use crate::coordinator::http::extract::{Body, Id};
use crate::coordinator::http::reports::marks;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::{guard, runs, workers};
use crate::coordinator::pages::again;
use crate::coordinator::pages::fields::{Fields, local};
use crate::coordinator::pages::login;
use crate::domain::access::{Principal, Scope, Subject};
use crate::domain::id::{QuarantineId, RunId, WorkerId};
use crate::domain::time::Millis;
use crate::scheduler::Scheduler;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use std::str::FromStr;
use std::sync::Arc;

/// The fields of a form whose origin and token were checked.
///
/// # Errors
/// The form is from another site or another session.
async fn fields(app: &Arc<App>, request: Request) -> Result<Fields, ApiError> {
    let headers = request.headers();
    let is_own = is_own_form(headers);
    let cookie = app.authenticators.session(headers).map(|(cookie, _)| cookie);
    let expected = app.authenticators.sessions().form_token(cookie.as_deref());
    let fields = Fields::of(request, app).await?;
    if is_own && fields.get("form") == Some(&expected) {
        return Ok(fields);
    }
    let message = "this form is not of a page that this coordinator gave to this browser";
    Err(ApiError::new(Code::Forbidden, message)
        .hint("load the page again, then repeat the action there"))
}

/// The id or number in a field.
fn id<T>(fields: &Fields, name: &str) -> Result<T, ApiError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = fields.required(name)?;
    text.parse().map_err(|error: T::Err| ApiError::new(Code::BadRequest, error.to_string()))
}

/// Sends the browser back to the page of the form, which reports the result.
fn back(fields: &Fields, done: &str) -> Response {
    to(local(fields.get("back")), done)
}

fn to(address: &str, done: &str) -> Response {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let kept = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("done="));
    let query = kept.map(str::to_owned).chain([format!("done={done}")]);
    Redirect::to(&format!("{path}?{}", query.collect::<Vec<_>>().join("&"))).into_response()
}

/// Cancels a run.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let run: RunId = id(&fields, "run")?;
    owns(&app, &principal, move |scheduler| Some(scheduler.run(run)?.user)).await?;
    let Json(_) = runs::cancel(State(app), principal, Id(run)).await?;
    Ok(back(&fields, "cancelled"))
}

/// Refuses a change of an object that belongs to somebody else, as the guard of the API does. An
/// unknown object is left to the handler.
async fn owns(
    app: &App,
    principal: &Principal,
    owner_of: impl FnOnce(&Scheduler) -> Option<Subject> + Send + 'static,
) -> Result<(), ApiError> {
    if principal.scope == Scope::All {
        return Ok(());
    }
    match app.mailbox.ask(move |scheduler: &Scheduler, _| owner_of(scheduler)).await? {
        Some(owner) if !principal.reaches(&owner) => Err(guard::of_another(principal, &owner)),
        _ => Ok(()),
    }
}

/// Drains a worker.
pub(super) async fn drain(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let worker: WorkerId = id(&fields, "worker")?;
    let Json(_) = workers::drain(State(app), principal, Id(worker)).await?;
    Ok(back(&fields, "draining"))
}

/// Lets a draining worker take tests again.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let worker: WorkerId = id(&fields, "worker")?;
    let Json(_) = workers::resume(State(app), principal, Id(worker)).await?;
    Ok(back(&fields, "resumed"))
}

/// Submits a test again, and leads to the new run.
pub(super) async fn run_again(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let submitted = again::submit(&app, principal, id(&fields, "test")?).await?;
    Ok(to(&format!("/runs/{}", submitted.run), "submitted-again"))
}

/// Accepts the changes of a test.
pub(super) async fn accept(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let wanted = AcceptChanges {
        test: Some(id(&fields, "test")?),
        run: None,
        metric: fields.get("metric").map(Into::into),
        reason: fields.required("reason")?.into(),
    };
    let Json(_) = marks::accept(State(app), principal, Body(wanted)).await?;
    Ok(back(&fields, "accepted"))
}

/// Puts tests in quarantine.
pub(super) async fn quarantine(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let days: Option<u64> = match fields.get("days") {
        Some(_) => Some(id(&fields, "days")?),
        None => None,
    };
    let new = AddQuarantine {
        pattern: fields.required("pattern")?.into(),
        worker: fields.get("worker").map(Into::into),
        backend: fields.get("backend").map(Into::into),
        reason: fields.required("reason")?.into(),
        duration_ms: days.map(|days| Millis::from_secs(days.saturating_mul(86_400))),
    };
    let Json(_) = marks::add_quarantine(State(app), principal, Body(new)).await?;
    Ok(back(&fields, "quarantined"))
}

/// Removes a quarantine.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = fields(&app, request).await?;
    let quarantine: QuarantineId = id(&fields, "quarantine")?;
    owns(&app, &principal, move |scheduler| scheduler.quarantined_by(quarantine)).await?;
    let Json(_) = marks::remove_quarantine(State(app), principal, Id(quarantine)).await?;
    Ok(back(&fields, "released"))
}

/// Ends the session.
pub(super) async fn log_out(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    fields(&app, request).await?;
    Ok(login::end(&app, &headers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::LOCATION;

    #[test]
    fn the_result_of_an_action_is_a_part_of_the_address() {
        let leads = |address: &str| {
            let answer = to(address, "cancelled");
            answer.headers()[LOCATION].to_str().expect("an address").to_owned()
        };
        assert_eq!(leads("/runs/r1"), "/runs/r1?done=cancelled");
        assert_eq!(leads("/runs/r1?done=x&a=b"), "/runs/r1?a=b&done=cancelled");
    }
}
