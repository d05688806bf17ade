//! The space that stored files use: limits, quotas of runs, and the removal of files that nothing
//! names. [`Housekeeping`] has the two threads that measure and collect.

pub mod collect;
pub mod names;
pub(crate) mod room;
pub mod run_files;
pub mod space;

use crate::coordinator::health::Health;
use crate::coordinator::live::{CLEAN_INTERVAL, LiveLogs};
use collect::Collector;
use space::{MEASURE_INTERVAL, Space};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// The threads that maintain stored files.
pub(crate) struct Housekeeping {
    /// Dropping them ends the threads.
    stops: [SyncSender<()>; 2],
    threads: [JoinHandle<()>; 2],
}

impl Housekeeping {
    /// Starts the threads.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(collector: Collector, live: Arc<LiveLogs>) -> io::Result<Self> {
        let (space, health) = (Arc::clone(&collector.space), Arc::clone(&collector.health));
        let (stop_measuring, stopped) = sync_channel(1);
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let measuring =
            thread("dtf-space").spawn(move || measure(&space, &health, &live, &stopped))?;
        let (stop_collecting, stopped) = sync_channel(1);
        let collecting = thread("dtf-collect").spawn(move || collector.run(stopped))?;
        Ok(Self { stops: [stop_measuring, stop_collecting], threads: [measuring, collecting] })
    }

    /// Ends the threads.
    ///
    /// # Errors
    /// A thread panicked.
    pub fn join(self) -> std::thread::Result<()> {
        drop(self.stops);
        self.threads.into_iter().try_for_each(JoinHandle::join)
    }
}

/// Measures the data directory and cleans the live output, until the other end of `stop` is dropped.
fn measure(space: &Space, health: &Health, live: &LiveLogs, stop: &Receiver<()>) {
    let mut cleaned = Instant::now();
    loop {
        space.measure(health);
        if cleaned.elapsed() >= CLEAN_INTERVAL {
            cleaned = Instant::now();
            if let Err(error) = live.clean_now() {
                tracing::warn!(%error, "cannot remove old output of attempts");
            }
        }
        if stop.recv_timeout(MEASURE_INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
