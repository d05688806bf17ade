//! The guard before every handler: who sends a request, and whether this sender may do it.
//!
//! Promises: a handler behind a route that is not public runs only for a principal with the
//! permission of the route; a principal whose scope is its own objects reaches no others; each
//! refusal leaves a line in the log, within the limits of `refusals`.

use crate::api::error::Code;
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Id;
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::respond::ApiError;
use crate::domain::access::{Permission, Principal, Role, Scope, Subject};
use crate::domain::id::{QuarantineId, RunId};
use crate::scheduler::Scheduler;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// The requirement of a route on the sender of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Everybody, also without credentials.
    Public,
    /// A principal with this permission.
    Needs(Permission),
    /// The same; a principal that reaches only its own objects must also own the object.
    NeedsOwned(Permission, OwnerOf),
}

/// Finds the owner of the object that a request names. There is none when the object is unknown
/// here: then the handler decides.
pub(crate) type OwnerOf =
    for<'a> fn(&'a Arc<App>, &'a mut Parts) -> BoxFuture<'a, Result<Option<Subject>, ApiError>>;

impl Access {
    /// The permission that the route requires, if any.
    pub fn permission(self) -> Option<Permission> {
        match self {
            Self::Public => None,
            Self::Needs(permission) | Self::NeedsOwned(permission, _) => Some(permission),
        }
    }

    pub fn is_public(self) -> bool {
        self.permission().is_none()
    }
}

/// Whether a request of this connection came from a known sender.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<AtomicBool>);

impl Known {
    fn set(&self) {
        self.0.store(true, Relaxed);
    }

    pub fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Checks the sender of a request, and hands its principal to the handler.
///
/// # Errors
/// Missing or unknown credentials, a missing permission, an object of another owner.
pub(crate) async fn admit(
    app: &Arc<App>,
    access: Access,
    head: &mut Parts,
) -> Result<(), ApiError> {
    let Some(permission) = access.permission() else { return Ok(()) };
    let principal = sender(app, access, permission, head).await.inspect_err(|error| {
        if error.is_refusal() {
            app.refusals.note(head.extensions.get::<Peer>(), error.message());
        }
    })?;
    head.extensions.insert(principal);
    Ok(())
}

async fn sender(
    app: &Arc<App>,
    access: Access,
    permission: Permission,
    head: &mut Parts,
) -> Result<Principal, ApiError> {
    let principal = app.authenticators.authenticate(head).await?;
    if let Some(known) = head.extensions.get::<Known>() {
        known.set();
    }
    if !principal.permissions.contains(permission) {
        let (subject, name) = (&principal.subject, permission.name());
        return Err(ApiError::new(
            Code::Forbidden,
            format!("{subject} does not have the permission {name}"),
        )
        .hint(format!("use a token with a role that has it: {}", Role::names_with(permission))));
    }
    if let Access::NeedsOwned(_, owner_of) = access
        && principal.scope != Scope::All
        && let Some(owner) = owner_of(app, head).await?
        && !principal.reaches(&owner)
    {
        return Err(of_another(&principal, &owner));
    }
    Ok(principal)
}

/// The answer to a change of an object of another owner.
pub(crate) fn of_another(principal: &Principal, owner: &Subject) -> ApiError {
    let subject = &principal.subject;
    let message =
        format!("this belongs to {owner}, and {subject} may only change what {subject} submitted");
    ApiError::new(Code::Forbidden, message)
        .hint("ask its owner, or use a token with the role admin")
}

/// The subject that added the quarantine in the path.
pub(crate) fn quarantine_owner<'a>(
    app: &'a Arc<App>,
    head: &'a mut Parts,
) -> BoxFuture<'a, Result<Option<Subject>, ApiError>> {
    Box::pin(async move {
        let Id(id) = Id::<QuarantineId>::from_request_parts(head, app).await?;
        Ok(app.mailbox.ask(move |scheduler: &Scheduler, _| scheduler.quarantined_by(id)).await?)
    })
}

/// The subject that submitted the run in the path.
pub(crate) fn run_owner<'a>(
    app: &'a Arc<App>,
    head: &'a mut Parts,
) -> BoxFuture<'a, Result<Option<Subject>, ApiError>> {
    Box::pin(async move {
        let Id(run) = Id::<RunId>::from_request_parts(head, app).await?;
        let find = move |scheduler: &Scheduler, _| scheduler.run(run).map(|run| run.user);
        Ok(app.mailbox.ask(find).await?)
    })
}
