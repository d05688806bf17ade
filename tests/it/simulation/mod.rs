//! Scheduler and worker machines over a network that drops, delays, repeats and reorders,
//! with crashes of both sides, lost log tails, and machines that change. One seed is one history; a failure
//! prints its seed, and `DTF_SIM_SEED=n` repeats that history alone.

mod agent;
mod history;
mod machines;
mod network;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of seeds in one test run.
const SEEDS: u64 = 3_000;

#[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
#[test]
fn nothing_acknowledged_is_lost_and_nothing_ends_twice() {
    if let Some(seed) = std::env::var("DTF_SIM_SEED").ok().and_then(|text| text.parse().ok()) {
        world::World::new(seed).run();
        return;
    }
    let ended_by_change = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for first in 0..threads {
            let ended_by_change = &ended_by_change;
            scope.spawn(move || {
                let first_step = usize::try_from(threads).unwrap_or(1);
                for seed in (first..SEEDS).step_by(first_step) {
                    let run = AssertUnwindSafe(|| world::World::new(seed).run());
                    match std::panic::catch_unwind(run) {
                        Ok(count) => drop(ended_by_change.fetch_add(count, Ordering::Relaxed)),
                        Err(cause) => {
                            eprintln!("seed {seed} failed: DTF_SIM_SEED={seed} repeats it");
                            std::panic::resume_unwind(cause);
                        }
                    }
                }
            });
        }
    });
    assert!(ended_by_change.into_inner() > 100, "changes of workers are not simulated");
}
