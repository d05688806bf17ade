//! Client of the API of a coordinator, with one method for each route, and of the model hub.
//!
//! Limits: connections and requests have time limits. Only requests that may be repeated are
//! repeated, a limited number of times and with jittered back-off.
//!
//! Promises: the token is sent in one header and never appears in an address, a log line or a debug
//! text. Redirects of a coordinator are not followed. Requests to a coordinator on this machine
//! never use a proxy.

mod blobs;
mod download;
mod error;
mod http;
mod hub;
mod leases;
mod logs;
mod marks;
mod part;
mod program;
mod proxy;
mod reports;
mod retry;
mod runs;
mod secret;
mod sessions;
mod templates;
mod weights;
mod workers;

pub use download::{Content, DownloadError, Downloads};
pub use error::{ClientError, Refusal};
pub use http::{Client, ClientOptions};
pub use hub::{Hub, HubError, HubListing, ListedFile};
pub use logs::{LogEvent, LogStream};
pub use retry::Retry;
pub use secret::Secret;
pub use weights::{PushError, Pushing, WeightsChunk};
