//! A connection that is closed with care after an answer that precedes the end of its request.
//!
//! When a socket is closed while the other end still sends, the kernel resets the connection, and
//! the other end may lose the answer. Such a connection is therefore closed in one direction first, and
//! what still arrives is discarded until the other end closes, for at most [`LINGER_TIMEOUT`].

use crate::coordinator::http::router::bodies::Incomplete;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Time limit for the other end to close the connection.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Size of the pieces in which the rest of a request is discarded, in bytes.
const DISCARD_BYTES: usize = 16 * 1024;

/// A connection, and whether its last request is incomplete.
pub(super) struct Lingering {
    stream: TcpStream,
    incomplete: Incomplete,
    /// Runs from the moment in which the connection was closed for writing.
    end: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    pub fn new(stream: TcpStream, incomplete: Incomplete) -> Self {
        Self { stream, incomplete, end: None }
    }

    /// Discards what arrives until the other end closes the connection or the time is over.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = self.end.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER_TIMEOUT)));
        if end.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut storage = [0; DISCARD_BYTES];
        loop {
            let mut buffer = ReadBuf::new(&mut storage);
            // The stream returns "pending" now and then, so this does not hold up other tasks.
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.incomplete.get() {
            ready!(self.poll_discard(context));
        }
        Poll::Ready(Ok(()))
    }
}
