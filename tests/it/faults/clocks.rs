//! A wall clock that was far from the times in the log, at one start.

use super::hand::Api;
use crate::support::{Coordinator, Home};
use dtf::domain::fact::Fact;
use dtf::domain::id::RunId;
use dtf::domain::time::Timestamp;
use dtf::log::{EmbeddedLog, EventLog};
use std::time::Duration;

const YEAR: Duration = Duration::from_secs(400 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a time of this century")
}

fn now() -> Duration {
    Duration::from_millis(dtf::sys::clock::wall().0)
}

/// Starts a coordinator whose log ends with a record of another time, and returns what it reports.
fn start_after(home: &Home, last_record: Duration) -> (Coordinator, String) {
    home.coordinator("data").stop();
    let mut log = EmbeddedLog::open(&home.path("data"), None).expect("a log");
    let term = log.begin_term().expect("a term");
    let (run, at) = (RunId(1), Timestamp(millis(last_record)));
    let (name, user) = ("earlier".into(), "someone".into());
    let submitted =
        Fact::RunSubmitted { run, name, idempotency: None, user, closed_world: false, at };
    log.append(log.last(), term, &[submitted]).expect("stored");
    drop(log);
    let mut command = home.command(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(home.path("data"));
    home.coordinator_by(command, home.path("data"))
}

/// The time of a new run, in milliseconds.
fn time_of_new_run(coordinator: &Coordinator) -> u64 {
    let api = Api::of(coordinator);
    let run = api.submit("new", 1);
    let view = api.get(&format!("/api/v1/runs/{run}")).1;
    view["submitted_at"].as_u64().expect("a time")
}

#[test]
fn a_clock_that_was_ahead_does_not_shift_later_times() {
    let home = Home::new();
    let (coordinator, output) = start_after(&home, now() + YEAR);
    assert!(output.contains("WARN") && output.contains("clock"), "{output}");
    let time = time_of_new_run(&coordinator);
    assert!(time < millis(now() + HOUR), "the wall clock is right again, and it is {time}");
    coordinator.stop();
    let coordinator = home.coordinator("data");
    assert!(time_of_new_run(&coordinator) < millis(now() + HOUR));
}

#[test]
fn a_clock_far_ahead_of_the_last_record_is_reported() {
    let home = Home::new();
    let (coordinator, output) = start_after(&home, now().saturating_sub(YEAR));
    assert!(output.contains("WARN") && output.contains("clock"), "{output}");
    assert!(time_of_new_run(&coordinator) > millis(now().saturating_sub(HOUR)));
}
