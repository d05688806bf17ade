//! Receives the bodies of requests before their handlers run.
//!
//! Limits: a body has at most the size of its route, and one that is announced larger is refused
//! before it arrives; it arrives within the time limit of its route; bodies of more than one piece
//! use at most [`MAX_HEAVY_BYTES`] and [`MAX_LIGHT_BYTES`] of memory together, and a body of one piece
//! at most the buffer of its connection; [`MAX_HEAVY`] heavy requests are handled at a time. Promise:
//! a body that arrives slowly holds no turn, and no memory that a faster one needs.

use super::memory::{GivenUp, Memory, Share};
use crate::api::error::Code;
use crate::coordinator::http::respond::ApiError;
use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Maximum number of requests with large bodies that are handled at a time.
const MAX_HEAVY: usize = 4;
/// Time limit of the wait of a heavy request, whose body is complete, for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum memory of the bodies of heavy requests, in bytes.
const MAX_HEAVY_BYTES: usize = 256 * 1024 * 1024;
/// Maximum memory of the bodies of all other requests, in bytes.
const MAX_LIGHT_BYTES: usize = 128 * 1024 * 1024;
/// First size of the buffer of a body of several pieces, in bytes.
const FIRST_BYTES: usize = 64 * 1024;

/// The resources that a request to a route may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Maximum size of the body, in bytes.
    pub body: u64,
    /// Time limit until the answer begins.
    pub time: Duration,
    pub kind: Kind,
}

/// The way in which the body of a request is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In memory.
    Light,
    /// In memory, and expensive to handle. Few of these are handled at a time.
    Heavy,
    /// By the handler, piece by piece, so its size costs no memory. The handler counts the bytes.
    Streamed,
}

/// Whether the body of the last request of a connection has not arrived completely. Such a
/// connection is closed with care, so that the sender can read the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incomplete(Arc<AtomicBool>);

impl Incomplete {
    pub fn set(&self, incomplete: bool) {
        self.0.store(incomplete, Relaxed);
    }

    pub fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// The memory and the turns that requests with bodies share.
pub(crate) struct Bodies {
    light: Arc<Memory>,
    heavy: Arc<Memory>,
    turns: Semaphore,
}

/// The share of one request. It ends when this is dropped.
pub(super) struct Admission<'a> {
    _memory: Option<Share>,
    _turn: Option<SemaphorePermit<'a>>,
}

impl Bodies {
    pub fn new() -> Self {
        Self {
            light: Memory::new(MAX_LIGHT_BYTES),
            heavy: Memory::new(MAX_HEAVY_BYTES),
            turns: Semaphore::new(MAX_HEAVY),
        }
    }

    /// Receives a body, and waits for a turn if the request is heavy. The body of a route that
    /// streams is only checked.
    ///
    /// # Errors
    /// The body is too large or too slow, it breaks off, or there is no memory or turn for it.
    pub(super) async fn receive(
        &self,
        body: Body,
        budget: Budget,
    ) -> Result<(Body, Admission<'_>), ApiError> {
        let announced = body.size_hint().lower();
        if announced > budget.body {
            return Err(too_large(Some(announced), budget));
        }
        if body.is_end_stream() || budget.kind == Kind::Streamed {
            return Ok((body, Admission { _memory: None, _turn: None }));
        }
        let memory = if budget.kind == Kind::Heavy { &self.heavy } else { &self.light };
        let (body, memory) = timeout(budget.time, whole(body, budget, memory))
            .await
            .map_err(|_| too_slow(budget.time))??;
        let turn = if budget.kind == Kind::Heavy { Some(self.turn().await?) } else { None };
        Ok((Body::from(body), Admission { _memory: memory, _turn: turn }))
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let busy =
            || ApiError::new(Code::Busy, "too many requests with large bodies are being handled");
        // The semaphore is never closed.
        timeout(TURN_TIMEOUT, self.turns.acquire()).await.ok().and_then(Result::ok).ok_or_else(busy)
    }
}

/// Reads a whole body. One that arrives in a single piece needs no additional memory.
async fn whole(
    body: Body,
    budget: Budget,
    memory: &Arc<Memory>,
) -> Result<(Bytes, Option<Share>), ApiError> {
    let max = usize::try_from(budget.body).unwrap_or(usize::MAX);
    let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let mut pieces = body.into_data_stream();
    let Some(first) = pieces.next().await else { return Ok((Bytes::new(), None)) };
    let first = first.map_err(broken_off)?;
    if pieces.is_end_stream() && first.len() <= max {
        return Ok((first, None));
    }
    let mut share = memory.share();
    let mut buffer = Vec::new();
    let mut next = Some(first);
    while let Some(piece) = next {
        let length = buffer.len() + piece.len();
        if length > max {
            return Err(too_large(None, budget));
        }
        // While memory is short, the rate of this body is compared with those of others.
        share.received(length);
        if length > buffer.capacity() {
            let doubled =
                (2 * buffer.capacity()).max(FIRST_BYTES).min(announced.unwrap_or(max)).max(length);
            share.grow(doubled - buffer.capacity()).await.map_err(too_slow_for_others)?;
            buffer.reserve_exact(doubled - buffer.len());
        }
        buffer.extend_from_slice(&piece);
        next = following(&mut pieces, &share).await?;
    }
    share.complete();
    Ok((Bytes::from(buffer), Some(share)))
}

async fn following(pieces: &mut BodyDataStream, share: &Share) -> Result<Option<Bytes>, ApiError> {
    tokio::select! {
        piece = pieces.next() => piece.transpose().map_err(broken_off),
        () = share.given_up() => Err(too_slow_for_others(GivenUp)),
    }
}

fn too_large(announced: Option<u64>, budget: Budget) -> ApiError {
    let size = announced.map(|size| format!("{size} bytes, ")).unwrap_or_default();
    let max = budget.body;
    let error = ApiError::new(
        Code::TooLarge,
        format!("the body is larger than this route accepts ({size}maximum {max} bytes)"),
    );
    if budget.kind == Kind::Streamed { error } else { error.hint("send it in parts") }
}

fn too_slow(limit: Duration) -> ApiError {
    let seconds = limit.as_secs();
    ApiError::new(Code::Unavailable, format!("the body did not arrive within {seconds} s"))
        .hint("send it in smaller parts, or over a faster connection")
}

fn too_slow_for_others(_: GivenUp) -> ApiError {
    ApiError::new(
        Code::Busy,
        "too many large bodies arrive at the same time, and this one arrived the slowest",
    )
    .hint("try again, or send it in smaller parts")
}

fn broken_off(error: axum::Error) -> ApiError {
    ApiError::new(Code::BadRequest, format!("the body broke off: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    const BUDGET: Budget =
        Budget { body: FIRST_BYTES as u64, time: Duration::from_secs(30), kind: Kind::Heavy };

    fn pieces(sizes: &[usize]) -> Vec<Result<Bytes, std::io::Error>> {
        sizes.iter().map(|size| Ok(Bytes::from(vec![b' '; *size]))).collect()
    }

    #[tokio::test]
    async fn a_new_fast_body_takes_the_memory_of_a_slow_one() {
        let memory = Memory::new(FIRST_BYTES);
        let slow = Body::from_stream(stream::iter(pieces(&[1])).chain(stream::pending()));
        let shared = Arc::clone(&memory);
        #[expect(clippy::disallowed_methods, reason = "ends with the runtime of the test")]
        let slow = tokio::spawn(async move { whole(slow, BUDGET, &shared).await.map(|_| ()) });
        // The slow body holds all memory from here on.
        tokio::task::yield_now().await;
        let fast = Body::from_stream(stream::iter(pieces(&[30_000, 30_000])));
        let (bytes, _share) = whole(fast, BUDGET, &memory).await.expect("received");
        assert_eq!(bytes.len(), 60_000);
        slow.await.expect("no panic").expect_err("given up");
    }
}
