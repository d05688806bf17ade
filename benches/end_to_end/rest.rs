//! What a coordinator and a worker cost while there is nothing to do.

use crate::figures::{Figures, Target};
use crate::fleet::Fleet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Registration and the first claims are over.
const SETTLE: Duration = Duration::from_secs(3);
const WATCH: Duration = Duration::from_secs(20);
const STARTS: usize = 21;

pub fn at_rest(figures: &mut Figures) {
    let mut fleet = Fleet::new();
    fleet.worker(2, &[]);
    let worker =
        |fleet: &Fleet| fleet.workers.first().map(|worker| (worker.cpu(), worker.resident_mb()));
    let pause = |span| fleet.runtime.block_on(async { tokio::time::sleep(span).await });
    pause(SETTLE);
    let (coordinator_cpu, worker_cpu) = (fleet.coordinator.cpu(), worker(&fleet));
    pause(WATCH);
    let share = |spent: Duration| spent.as_secs_f64() / WATCH.as_secs_f64() * 100.0;
    let resident = fleet.coordinator.resident_mb();
    figures.row("coordinator, resident", resident, "MB", Target::AtMost(60.0));
    let spent = fleet.coordinator.cpu() - coordinator_cpu;
    // A clock tick in the time watched is 0.05 %.
    figures.row("coordinator, processor", share(spent), "% of a core", Target::AtMost(0.25));
    if let (Some((before, _)), Some((after, resident))) = (worker_cpu, worker(&fleet)) {
        figures.row("worker, resident", resident, "MB", Target::AtMost(25.0));
        figures.row(
            "worker, processor",
            share(after - before),
            "% of a core",
            Target::AtMost(0.25),
        );
    }
    figures.row("`dtf --version`, median", version_ms(), "ms", Target::AtMost(20.0));
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
