//! Logs requests that were refused because of their credentials, permissions or ownership, with the
//! address of the sender. Limits the number of lines, so that a flood of requests cannot fill the log.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Maximum number of lines in one interval.
const MAX_LINES: u32 = 5;
const INTERVAL: Duration = Duration::from_mins(1);

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Counted>);

/// The counts since the interval began.
#[derive(Debug, Default)]
struct Counted {
    begun: Option<Instant>,
    lines: u32,
    hidden: u64,
}

impl Refusals {
    /// Logs a refusal, or only counts it if there were too many.
    pub fn note(&self, peer: Option<&Peer>, reason: &str) {
        let Ok(mut counted) = self.0.lock() else { return };
        let (line, hidden) = counted.next(Instant::now());
        drop(counted);
        if hidden > 0 {
            tracing::warn!("{hidden} more requests were refused in the minute before");
        }
        if line {
            let peer = peer.map_or("an unknown address".to_owned(), |peer| peer.0.ip().to_string());
            tracing::warn!("a request from {peer} was refused: {reason}");
        }
    }
}

impl Counted {
    /// Whether this refusal is logged, and how many refusals of the previous interval were not.
    fn next(&mut self, now: Instant) -> (bool, u64) {
        let mut before = 0;
        if self.begun.is_none_or(|begun| now.duration_since(begun) >= INTERVAL) {
            before = self.hidden;
            *self = Self { begun: Some(now), ..Self::default() };
        }
        self.lines += 1;
        let line = self.lines <= MAX_LINES;
        self.hidden += u64::from(!line);
        (line, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_few_lines_and_a_number() {
        let mut counted = Counted::default();
        let start = Instant::now();
        let lines = (0..1000).filter(|_| counted.next(start).0).count();
        assert_eq!(lines, MAX_LINES as usize);
        let later = start + INTERVAL;
        assert_eq!(counted.next(later), (true, 1000 - u64::from(MAX_LINES)));
        assert_eq!(counted.next(later), (true, 0));
    }
}
