//! Tests per second: real processes compared with a bare loop, and workers that report at once.

use crate::figures::{Figures, Target};
use crate::fleet::{Fleet, Process};
use dtf::domain::test::TestSpec;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SPAWNED: u32 = 10_000;
const SLOTS: u32 = 2;

pub fn spec(number: u32) -> TestSpec {
    // One thousandth of a core, so that only the slots limit how many tests run at a time.
    serde_json::from_value(serde_json::json!({
        "name": format!("test-{number}"),
        "requirement": { "cpu_milli": 1 },
        "launch": { "run": { "command": ["/bin/true"] } },
    }))
    .expect("a test")
}

/// `/bin/true` by `posix_spawn` and wait, on as many threads as the worker has slots.
fn bare() -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..SLOTS {
            scope.spawn(|| {
                for _ in 0..SPAWNED / SLOTS {
                    let mut child = Command::new("/bin/true")
                        .stdin(Stdio::null())
                        .spawn()
                        .expect("/bin/true starts");
                    child.wait().expect("/bin/true ends");
                }
            });
        }
    });
    f64::from(SPAWNED) / start.elapsed().as_secs_f64()
}

struct Pace {
    per_second: f64,
    coordinator: Duration,
    workers: Duration,
    tests: u32,
}

/// Seconds from before the submission until every result is in the database.
fn pace(fleet: &Fleet, tests: u32) -> Pace {
    let cpu = |fleet: &Fleet| fleet.workers.iter().map(Process::cpu).sum::<Duration>();
    let (coordinator, workers) = (fleet.coordinator.cpu(), cpu(fleet));
    let start = Instant::now();
    let run = fleet.submit(tests, spec);
    fleet.finish(run);
    Pace {
        per_second: f64::from(tests) / start.elapsed().as_secs_f64(),
        coordinator: fleet.coordinator.cpu() - coordinator,
        workers: cpu(fleet) - workers,
        tests,
    }
}

impl Pace {
    fn micros(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / f64::from(self.tests)
    }
}

pub fn spawned(figures: &mut Figures) {
    let before = bare();
    let mut fleet = Fleet::new();
    fleet.worker(SLOTS, &[]);
    let pace = pace(&fleet, SPAWNED);
    drop(fleet);
    let bare = f64::midpoint(before, bare());
    figures.row(
        "share of a bare spawn-and-wait loop",
        pace.per_second / bare,
        "",
        Target::AtLeast(0.6),
    );
    figures.row("tests", pace.per_second, "/s", Target::None);
    figures.row("bare loop, two threads", bare, "/s", Target::None);
    let micros = pace.micros(pace.coordinator);
    figures.row("coordinator CPU", micros, "µs a test", Target::None);
    figures.row("worker CPU", pace.micros(pace.workers), "µs a test", Target::None);
}

pub fn small_null(figures: &mut Figures) {
    null(figures, 1, 2, 100_000, 15_000.0);
}

pub fn large_null(figures: &mut Figures) {
    null(figures, 4, 128, 300_000, 31_000.0);
}

fn null(figures: &mut Figures, workers: u32, slots: u32, tests: u32, least: f64) {
    let mut fleet = Fleet::new();
    for _ in 0..workers {
        fleet.worker(slots, &["--null-runner"]);
    }
    let pace = pace(&fleet, tests);
    figures.row("tests", pace.per_second, "/s", Target::AtLeast(least));
    let micros = pace.micros(pace.coordinator);
    figures.row("coordinator CPU", micros, "µs a test", Target::AtMost(20.0));
    figures.row("worker CPU", pace.micros(pace.workers), "µs a test", Target::None);
}
