//! The HTTP side of the coordinator: connections, routes, who may do what.
//!
//! Limits: connections, time for headers, size of each body, time of each request, heavy
//! requests at a time; each is a `const` beside its use. Promises: every route names its
//! permission in one table; every answer outside 2xx is an `api::error::ErrorBody`; a
//! panic in a handler is a 500 and nothing more.

pub(crate) mod app;
pub(crate) mod attempts;
pub(crate) mod auth;
pub(crate) mod blobs;
pub(crate) mod blocking;
mod describe;
pub mod document;
pub(crate) mod extract;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod leases;
pub(crate) mod logs;
pub(crate) mod openapi;
pub(crate) mod refusals;
pub(crate) mod reports;
pub(crate) mod respond;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod submit;
pub(crate) mod templates;
pub(crate) mod test_routes;
pub(crate) mod workers;
