//! The other end of the API: one method for each route of a coordinator.
//!
//! Limits: connect and request timeouts, a bounded number of retries with jittered
//! back-off, and only for requests that may be repeated. Promises: the token travels in
//! one header, never in an address, a log line or a `Debug` text; no redirect is
//! followed; a proxy is never asked for a coordinator on this machine.

mod blobs;
mod error;
mod http;
mod hub;
mod leases;
mod logs;
mod proxy;
mod reports;
mod retry;
mod runs;
mod secret;
mod templates;
mod workers;

pub use error::{ClientError, Refusal};
pub use http::{Client, ClientOptions};
pub use hub::{Hub, HubError};
pub use logs::{LogEvent, LogStream};
pub use retry::Retry;
pub use secret::Secret;
