//! The time for which a coordinator with a million waiting tests is unavailable after a kill.

use crate::figures::{Figures, Target};
use crate::fleet::Fleet;
use crate::throughput::spec;

const WAITING: u32 = 1_000_000;

pub fn restart(figures: &mut Figures) {
    let mut fleet = Fleet::new();
    let run = fleet.submit(WAITING, spec);
    let of_each = |mb: f64| mb * 1e6 / f64::from(WAITING);
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
