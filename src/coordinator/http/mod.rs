//! The HTTP server of the coordinator: connections, routes, authentication and permissions.
//!
//! Limits: number of connections, time for headers, size of each body, time of each request, number
//! of concurrent heavy requests; each is a constant beside its use. Promises: every route names its
//! permission in one table; every answer outside 2xx is an `api::error::ErrorBody`; a
//! panic in a handler is a 500 and nothing more.

pub(crate) mod about;
pub(crate) mod app;
pub(crate) mod attempts;
pub(crate) mod auth;
pub(crate) mod blobs;
pub(crate) mod blocking;
pub mod document;
pub(crate) mod extract;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod leases;
pub(crate) mod logs;
pub(crate) mod refusals;
pub(crate) mod reports;
pub(crate) use reports::matrix;
pub(crate) mod respond;
pub(crate) mod router;
pub(crate) mod routes;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod submit;
pub(crate) mod templates;
pub(crate) mod test_routes;
pub(crate) mod weights;
pub(crate) mod workers;

pub(crate) use reports::{changes, flaky, marks, snapshot};

use crate::coordinator::pages::login;
use reports::{grid, upgrade};
