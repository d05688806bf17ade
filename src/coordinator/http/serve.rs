//! Connections: accepts, limits, stops.

use crate::coordinator::http::app::App;
use crate::coordinator::http::router;
use crate::sys::spawn::Tasks;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Open connections at a time; further ones wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 16_384;
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
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        let app = Arc::clone(&app);
        connections.spawn("connection", async move {
            app.connections.fetch_add(1, Relaxed);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
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

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a permit in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot switch off Nagle's algorithm");
                }
                return (stream, place);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
