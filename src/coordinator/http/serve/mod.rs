//! Accepts connections, limits their number, and closes them at a stop.
//!
//! Promises: connections leave file descriptors to everything else ([`max_connections`]); a
//! connection without an authenticated request within [`STRANGER_TIMEOUT`] is closed to make room
//! for others; a sender whose request is answered before it is complete can read the answer.

mod linger;

use self::linger::Lingering;
use crate::coordinator::http::app::App;
use crate::coordinator::http::guard::Known;
use crate::coordinator::http::refusals::Peer;
use crate::coordinator::http::router::{self, bodies::Incomplete};
use crate::sys::limits::raise_open_files;
use crate::sys::spawn::Tasks;
use hyper::Request;
use hyper::body::{Body, Incoming};
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

/// Maximum number of open connections, if the limit on open files allows it. Further connections
/// wait in the queue of the kernel.
pub const MAX_CONNECTIONS: usize = 16_384;
/// Number of file descriptors that are reserved for files, or a quarter of all if that is less.
const RESERVED_FILES: u64 = 1_024;
/// Time limit for the first authenticated request of a connection.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit from the first byte of a request to the end of its headers, and of an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of headers of one request.
const MAX_HEADERS: usize = 64;
/// Size of the buffer of one connection, which limits the size of the head of a request.
const BUFFER_BYTES: usize = 64 * 1024;
/// Time limit for open requests after a stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Pause after a failed accept. Usually, file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves requests until `stop`, then finishes the open ones.
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
    let permits = Arc::new(Semaphore::new(max_connections(raise_open_files())));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let (known, incomplete) = (Known::default(), Incomplete::default());
        let stream = Lingering::new(stream, incomplete.clone());
        let (routes, mark) = (service.clone(), known.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            incomplete.set(!request.body().is_end_stream());
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(mark.clone());
            request.extensions_mut().insert(incomplete.clone());
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
            drop(permit);
        });
    }
    drop(listener);
    // Idle connections are closed at once, others after their answer.
    let closing = tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown()).await;
    if closing.is_err() || !connections.join(SHUTDOWN_GRACE).await {
        tracing::warn!("some requests did not end in time");
    }
}

/// Maximum number of connections if this number of files may be open.
fn max_connections(files: Option<u64>) -> usize {
    let Some(files) = files else { return MAX_CONNECTIONS };
    let places = files - RESERVED_FILES.min(files / 4);
    usize::try_from(places).unwrap_or(MAX_CONNECTIONS).clamp(1, MAX_CONNECTIONS)
}

/// Returns after [`STRANGER_TIMEOUT`] if no request of the connection was authenticated.
async fn stranger(known: &Known) {
    tokio::time::sleep(STRANGER_TIMEOUT).await;
    if known.get() {
        std::future::pending::<()>().await;
    }
}

/// Accepts the next connection once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so this does not fail.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot switch off Nagle's algorithm");
                }
                return (stream, peer, permit);
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
        assert_eq!(max_connections(None), MAX_CONNECTIONS);
        assert_eq!(max_connections(Some(1_000_000)), MAX_CONNECTIONS);
        assert_eq!(max_connections(Some(1_024)), 768);
        assert_eq!(max_connections(Some(8_192)), 7_168);
        assert_eq!(max_connections(Some(0)), 1);
    }
}
