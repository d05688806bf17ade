//! The places of the streams that keep pages current. Limit: [`MAX_STREAMS`].

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of streams at a time.
pub(crate) const MAX_STREAMS: usize = 256;

pub(crate) struct Streams(Arc<Semaphore>);

impl Streams {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }

    /// A place, until it is dropped. `None` if there is none.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    /// Number of streams at this moment.
    pub fn count(&self) -> usize {
        MAX_STREAMS.saturating_sub(self.0.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_streams_is_limited() {
        let streams = Streams::new();
        let places: Vec<_> = (0..MAX_STREAMS).map(|_| streams.place().expect("a place")).collect();
        assert!(streams.place().is_none());
        assert_eq!(streams.count(), MAX_STREAMS);
        drop(places);
        assert!(streams.place().is_some());
    }
}
