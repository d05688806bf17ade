//! The time for which a coordinator with a million waiting tests is unavailable after a kill.

use crate::figures::{Figures, Target};
use crate::fleet::{Fleet, PART};
use crate::throughput::spec;

const WAITING: u32 = 1_000_000;
/// Number of tests in one part of another client.
const LARGE_PART: u32 = 10 * PART;

fn of_each(mb: f64) -> f64 {
    mb * 1e6 / f64::from(WAITING)
}

pub fn restart(figures: &mut Figures) {
    let large = Fleet::new();
    large.submit_in_parts(WAITING, LARGE_PART, spec);
    let peak = of_each(large.coordinator.peak_mb());
    figures.row("peak for each test, in parts of 100,000", peak, "bytes", Target::AtMost(600.0));
    drop(large);
    let mut fleet = Fleet::new();
    let run = fleet.submit(WAITING, spec);
    let peak = of_each(fleet.coordinator.peak_mb());
    figures.row("submission, peak for each test", peak, "bytes", Target::AtMost(600.0));
    let mut worst = 0.0_f64;
    for _ in 0..2 {
        fleet.coordinator.kill();
        worst = worst.max(fleet.restart().as_secs_f64());
    }
    let view = fleet.runtime.block_on(fleet.client.run(run)).expect("the run is known");
    assert_eq!(view.counts.waiting, WAITING, "tests were lost");
    figures.row("killed until ready, worse of two", worst, "s", Target::AtMost(5.0));
    let resident = fleet.coordinator.resident_mb();
    figures.row("coordinator, resident", resident, "MB", Target::None);
    figures.row("resident for each test", of_each(resident), "bytes", Target::None);
}
