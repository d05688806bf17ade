//! Connections: accepts, limits, stops.
//!
//! Promises: connections leave descriptors to everything else ([`places`]); whoever has shown no
//! right to be here within [`STRANGER_LIMIT`] makes place for others.

use crate::coordinator::http::app::App;
use crate::coordinator::http::guard::Known;
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::router;
use crate::sys::limits::raise_open_files;
use crate::sys::spawn::Tasks;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Open connections at a time, where the limit on open files allows; further ones wait in the
/// kernel's queue.
pub const MAX_CONNECTIONS: usize = 16_384;
/// Descriptors that are left to files, or a quarter of all when that is less.
const RESERVED_FILES: u64 = 1_024;
/// How long a connection may go without a request that is let in.
const STRANGER_LIMIT: Duration = Duration::from_secs(10);
/// From the first byte of a request to the end of its headers; also how long an idle
/// connection may stay.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Most headers of one request.
const MAX_HEADERS: usize = 64;
/// Buffer of one connection, and so the longest head of a request.
const BUFFER_BYTES: usize = 64 * 1024;
/// How long open requests may go on after a stop.
const GRACE: Duration = Duration::from_secs(10);
/// Pause after a failed accept: most often, file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then finishes the open requests.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let service = TowerToHyperService::new(router::router(Arc::clone(&app)));
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(BUFFER_BYTES);
    let graceful = GracefulShutdown::new();
    let mut connections = Tasks::new();
    let places = Arc::new(Semaphore::new(places(raise_open_files())));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let known = Known::default();
        let (routes, mark) = (service.clone(), known.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(mark.clone());
            routes.call(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        let app = Arc::clone(&app);
        connections.spawn("connection", async move {
            app.connections.fetch_add(1, Relaxed);
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                },
                () = stranger(&known) => tracing::debug!("a connection without a request is closed"),
            }
            app.connections.fetch_sub(1, Relaxed);
            drop(place);
        });
    }
    drop(listener);
    // Idle connections close at once, busy ones after their answer.
    let closing = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    if closing.is_err() || !connections.join(GRACE).await {
        tracing::warn!("some requests did not end in time");
    }
}

/// How many connections may be open when so many files may.
fn places(files: Option<u64>) -> usize {
    let Some(files) = files else { return MAX_CONNECTIONS };
    let places = files - RESERVED_FILES.min(files / 4);
    usize::try_from(places).unwrap_or(MAX_CONNECTIONS).clamp(1, MAX_CONNECTIONS)
}

/// Ends when nobody is known after [`STRANGER_LIMIT`].
async fn stranger(known: &Known) {
    tokio::time::sleep(STRANGER_LIMIT).await;
    if known.get() {
        std::future::pending::<()>().await;
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a permit in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot switch off Nagle's algorithm");
                }
                return (stream, peer, place);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_files() {
        assert_eq!(places(None), MAX_CONNECTIONS);
        assert_eq!(places(Some(1_000_000)), MAX_CONNECTIONS);
        assert_eq!(places(Some(1_024)), 768);
        assert_eq!(places(Some(8_192)), 7_168);
        assert_eq!(places(Some(0)), 1);
    }
}
