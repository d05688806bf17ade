//! The cost of a coordinator and a worker while there is nothing to do.
//!
//! The cost of a wake-up differs tenfold between machines, and between hours on a shared one.
//! Therefore wake-ups are counted, and processor time is compared with that of an empty loop that
//! wakes ten times a second, over the same seconds. It was at most 1.6 times that time in quiet
//! hours and 2.5 times in busy ones; four times is still too little to be noticed.

use crate::figures::{Figures, Target};
use crate::fleet::Fleet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Time after which registration and the first claims have ended.
const SETTLE: Duration = Duration::from_secs(3);
const WATCH: Duration = Duration::from_secs(20);
/// Wake-ups of the empty loop in that time.
const WAKE_UPS: u32 = 200;
const STARTS: usize = 21;

pub fn at_rest(figures: &mut Figures) {
    let mut fleet = Fleet::new();
    fleet.worker(2, &[]);
    fleet.runtime.block_on(async { tokio::time::sleep(SETTLE).await });
    let spent = |fleet: &Fleet| {
        let worker = fleet.workers.first().expect("started above");
        [&fleet.coordinator, worker].map(|process| (process.cpu(), process.wake_ups()))
    };
    let before = spent(&fleet);
    let empty = empty_loop().as_secs_f64();
    let after = spent(&fleet);
    let worker = fleet.workers.first().expect("started above");
    let processes = [("coordinator", &fleet.coordinator, 60.0), ("worker", worker, 25.0)];
    for (at, (name, process, most)) in processes.into_iter().enumerate() {
        let mut row = |what: &str, value, unit, target| {
            figures.row(&format!("{name}, {what}"), value, unit, target);
        };
        let cpu = (after[at].0 - before[at].0).as_secs_f64();
        // Threads that started or ended in between are spare threads, which do nothing else.
        let grown = |(thread, now): (&_, &u64)| now.checked_sub(*before[at].1.get(thread)?);
        let wake_ups = after[at].1.iter().filter_map(grown).sum::<u64>() as f64;
        row("processor against an empty loop", cpu / empty, "×", Target::AtMost(4.0));
        row("wake-ups", wake_ups / WATCH.as_secs_f64(), "/s", Target::AtMost(4.0));
        row("processor", cpu / WATCH.as_secs_f64() * 100.0, "% of a core", Target::None);
        row("resident", process.resident_mb(), "MB", Target::AtMost(most));
    }
    figures.row("`dtf --version`, median", version_ms(), "ms", Target::AtMost(20.0));
}

/// Processor time of a thread that only wakes up, for [`WATCH`].
fn empty_loop() -> Duration {
    let (_open, nothing) = std::sync::mpsc::sync_channel::<()>(1);
    let before = thread_cpu();
    for _ in 0..WAKE_UPS {
        let _ = nothing.recv_timeout(WATCH / WAKE_UPS);
    }
    thread_cpu() - before
}

/// Processor time of this thread so far, as the kernel's scheduler counts it.
pub fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has this file");
    let first = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(first.expect("nanoseconds come first"))
}

fn version_ms() -> f64 {
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let start = Instant::now();
            let output = Command::new(env!("CARGO_BIN_EXE_dtf")).arg("--version").output();
            assert!(output.expect("dtf starts").status.success(), "dtf --version fails");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[STARTS / 2].as_secs_f64() * 1e3
}
