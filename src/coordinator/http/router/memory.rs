//! Memory for the bodies of requests that arrive in several pieces.
//!
//! Limit: all bodies together use at most the maximum that the memory was made with. Promises: while
//! memory is short, the body that arrives at the lowest rate is given up, so that slow senders keep
//! no other request out; a body that is complete is not given up; dropping a [`Share`] returns its
//! memory. Bodies that wait for memory cannot block each other for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Memory that many bodies share.
#[derive(Debug)]
pub(super) struct Memory {
    state: Mutex<State>,
    /// Wakes the bodies that wait for memory.
    returned: Notify,
}

/// The memory for a body was needed for bodies that arrive faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp;

#[derive(Debug)]
struct State {
    free_bytes: usize,
    next: u64,
    /// The bodies that are incomplete.
    arriving: BTreeMap<u64, Arriving>,
}

#[derive(Debug)]
struct Arriving {
    since: Instant,
    received_bytes: usize,
    held_bytes: usize,
    given_up: bool,
    signal: Arc<Notify>,
}

impl Arriving {
    /// Mean rate since the beginning of the body, in bytes per second.
    fn rate(&self, now: Instant) -> u128 {
        let micros = now.saturating_duration_since(self.since).as_micros().max(1);
        self.received_bytes as u128 * 1_000_000 / micros
    }
}

/// The answer to a body that needs more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Granted,
    /// Ask again when memory was returned.
    Wait,
    GivenUp,
}

impl State {
    /// Grants memory to an incomplete body, or gives up slower ones until there will be enough.
    fn decide(&mut self, body: u64, bytes: usize, now: Instant) -> Decision {
        match self.arriving.get_mut(&body) {
            Some(own) if !own.given_up && self.free_bytes >= bytes => {
                self.free_bytes -= bytes;
                own.held_bytes += bytes;
                return Decision::Granted;
            }
            Some(own) if !own.given_up => {}
            _ => return Decision::GivenUp,
        }
        let given_up = self.arriving.values().filter(|body| body.given_up);
        let mut expected = self.free_bytes + given_up.map(|body| body.held_bytes).sum::<usize>();
        while expected < bytes {
            let others = self.arriving.iter().filter(|(_, other)| !other.given_up);
            let Some((&slowest, _)) = others.min_by_key(|(_, other)| other.rate(now)) else {
                break;
            };
            let alone = self.arriving.values().filter(|other| !other.given_up).count() == 1;
            if slowest == body && alone {
                // Only complete bodies hold the rest, and they return it when they are handled.
                break;
            }
            let Some(slowest_body) = self.arriving.get_mut(&slowest) else { break };
            slowest_body.given_up = true;
            slowest_body.signal.notify_one();
            if slowest == body {
                return Decision::GivenUp;
            }
            expected += slowest_body.held_bytes;
        }
        Decision::Wait
    }
}

impl Memory {
    pub fn new(max_bytes: usize) -> Arc<Self> {
        let state = State { free_bytes: max_bytes, next: 0, arriving: BTreeMap::new() };
        Arc::new(Self { state: Mutex::new(state), returned: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of a new body, without memory yet.
    pub fn share(self: &Arc<Self>) -> Share {
        let signal = Arc::new(Notify::new());
        let arriving = Arriving {
            since: Instant::now(),
            received_bytes: 0,
            held_bytes: 0,
            given_up: false,
            signal: Arc::clone(&signal),
        };
        let mut state = self.lock();
        let body = state.next;
        state.next += 1;
        state.arriving.insert(body, arriving);
        drop(state);
        Share { memory: Arc::clone(self), body, held_bytes: 0, signal }
    }
}

/// The memory of one body.
#[derive(Debug)]
pub(super) struct Share {
    memory: Arc<Memory>,
    body: u64,
    held_bytes: usize,
    signal: Arc<Notify>,
}

impl Share {
    /// Waits for more memory.
    ///
    /// # Errors
    /// Memory is short, and this body is the slowest.
    pub async fn grow(&mut self, bytes: usize) -> Result<(), GivenUp> {
        loop {
            let mut returned = std::pin::pin!(self.memory.returned.notified());
            // Registers before the decision, so that memory which is returned in between wakes it.
            returned.as_mut().enable();
            let decision = self.memory.lock().decide(self.body, bytes, Instant::now());
            match decision {
                Decision::Granted => {
                    self.held_bytes += bytes;
                    return Ok(());
                }
                Decision::GivenUp => return Err(GivenUp),
                Decision::Wait => {}
            }
            tokio::select! {
                () = returned => {}
                () = self.signal.notified() => return Err(GivenUp),
            }
        }
    }

    /// Records how much of the body has arrived, from which its rate follows.
    pub fn received(&self, bytes: usize) {
        if let Some(own) = self.memory.lock().arriving.get_mut(&self.body) {
            own.received_bytes = bytes;
        }
    }

    /// Returns when the body is given up.
    pub async fn given_up(&self) {
        self.signal.notified().await;
    }

    /// The body is complete: it is not given up any more.
    pub fn complete(&self) {
        self.memory.lock().arriving.remove(&self.body);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.memory.lock();
        state.arriving.remove(&self.body);
        state.free_bytes += self.held_bytes;
        drop(state);
        self.memory.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MAX: usize = 1_000;

    /// A memory with bodies that began this number of seconds ago, received and hold these bytes.
    fn memory(bodies: &[(u64, usize)]) -> (Arc<Memory>, Vec<Share>, Instant) {
        let now = Instant::now();
        let memory = Memory::new(MAX);
        let mut shares = Vec::new();
        for (seconds, bytes) in bodies {
            let mut share = memory.share();
            let mut state = memory.lock();
            assert_eq!(state.decide(share.body, *bytes, now), Decision::Granted);
            let own = state.arriving.get_mut(&share.body).expect("it arrives");
            own.received_bytes = *bytes;
            own.since = now.checked_sub(Duration::from_secs(*seconds)).expect("a time");
            drop(state);
            share.held_bytes = *bytes;
            shares.push(share);
        }
        (memory, shares, now)
    }

    fn given_up(memory: &Memory) -> Vec<u64> {
        let state = memory.lock();
        state.arriving.iter().filter(|(_, body)| body.given_up).map(|(id, _)| *id).collect()
    }

    #[test]
    fn the_slowest_bodies_make_room_for_a_faster_one() {
        let (memory, mut shares, now) = memory(&[(100, 300), (10, 300), (50, 300), (1, 100)]);
        assert_eq!(memory.lock().decide(3, 500, now), Decision::Wait);
        assert_eq!(given_up(&memory), [0, 2], "the two with the lowest rates");
        assert_eq!(memory.lock().decide(3, 500, now), Decision::Wait, "no further one is given up");
        assert_eq!(memory.lock().decide(2, 1, now), Decision::GivenUp);
        drop(shares.remove(0));
        assert_eq!(memory.lock().decide(3, 500, now), Decision::Wait);
        drop(shares.remove(1));
        assert_eq!(memory.lock().decide(3, 500, now), Decision::Granted);
        assert_eq!(memory.lock().free_bytes, 100);
    }

    #[test]
    fn a_slow_body_gives_itself_up_for_faster_ones() {
        let (memory, _shares, now) = memory(&[(1, 900), (100, 100)]);
        assert_eq!(memory.lock().decide(1, 1, now), Decision::GivenUp);
        assert_eq!(given_up(&memory), [1]);
    }

    #[test]
    fn complete_bodies_are_waited_for() {
        let (memory, mut shares, now) = memory(&[(1_000, 900), (1, 100)]);
        shares[0].complete();
        assert_eq!(memory.lock().decide(1, 500, now), Decision::Wait);
        assert_eq!(given_up(&memory), [] as [u64; 0]);
        drop(shares.remove(0));
        assert_eq!(memory.lock().decide(1, 500, now), Decision::Granted);
        shares[0].held_bytes += 500;
        drop(shares);
        assert_eq!(memory.lock().free_bytes, MAX, "all memory is returned");
    }

    #[tokio::test]
    async fn memory_that_is_returned_wakes_the_waiting_body() {
        let (memory, mut shares, _) = memory(&[(1, 1_000)]);
        shares[0].complete();
        let mut share = memory.share();
        let held = shares.remove(0);
        let (grown, ()) = tokio::join!(share.grow(600), async {
            tokio::task::yield_now().await;
            drop(held);
        });
        assert_eq!(grown, Ok(()));
        assert_eq!(memory.lock().free_bytes, 400);
    }

    #[tokio::test]
    async fn a_body_that_is_given_up_returns_its_memory() {
        let (memory, mut shares, _) = memory(&[(100, 1_000)]);
        let mut fast = memory.share();
        fast.received(1);
        let slow = shares.remove(0);
        let (grown, ()) = tokio::join!(fast.grow(600), async move {
            slow.given_up().await;
            drop(slow);
        });
        assert_eq!(grown, Ok(()));
    }
}
