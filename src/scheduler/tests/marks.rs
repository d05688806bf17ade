//! Quarantines and acceptances: numbered, limited, refused, kept.

use super::harness::Sim;
use crate::domain::added::marks::{
    AcceptedSeries, Covered, MAX_ACCEPTED_SERIES, MAX_QUARANTINE, MAX_QUARANTINES,
};
use crate::domain::id::{AcceptanceId, QuarantineId, RunId};
use crate::domain::series::{CaseId, SeriesId};
use crate::domain::time::Millis;
use crate::scheduler::{Answer, Command, NewQuarantine, Rejected, Scheduler};

const DAY: Millis = Millis::from_secs(86_400);

fn quarantine(pattern: &str, duration: Millis) -> Command {
    let covered = Covered { pattern: pattern.into(), worker: None, backend: None };
    let (reason, by) = ("flakes".into(), "anna".into());
    Command::AddQuarantine(NewQuarantine { covered, reason, duration, by })
}

fn added(sim: &mut Sim, pattern: &str, duration: Millis) -> QuarantineId {
    match sim.run(quarantine(pattern, duration)) {
        Answer::Quarantined(id, known) => {
            assert_eq!(known.expires, sim.now.after(duration));
            id
        }
        other => panic!("{other:?}"),
    }
}

fn accept(series: u64) -> Command {
    let of = |number| AcceptedSeries {
        case: CaseId(number),
        series: SeriesId(number),
        metric: Some("latency_seconds".into()),
    };
    Command::AcceptSeries {
        run: RunId(1),
        series: (0..series).map(of).collect(),
        reason: "the new kernel computes more".into(),
        by: "anna".into(),
    }
}

fn removal(id: u32) -> Command {
    Command::RemoveQuarantine { id: QuarantineId(id), by: "anna".into() }
}

#[test]
fn a_quarantine_is_in_force_until_it_is_removed_or_expires() {
    let mut sim = Sim::new();
    assert_eq!(added(&mut sim, "bert/*", DAY), QuarantineId(1));
    assert_eq!(sim.try_run(quarantine("bert/*", DAY)), Err(Rejected::Quarantined(QuarantineId(1))));
    assert_eq!(added(&mut sim, "gpt2/*", DAY), QuarantineId(2));
    assert_eq!(sim.run(removal(1)), Answer::Done);
    assert_eq!(sim.try_run(removal(1)), Err(Rejected::UnknownQuarantine(QuarantineId(1))));
    sim.after(DAY);
    assert_eq!(sim.try_run(removal(2)), Err(Rejected::UnknownQuarantine(QuarantineId(2))));
    assert_eq!(added(&mut sim, "gpt2/*", DAY), QuarantineId(3), "the same tests again");
    assert_eq!(sim.scheduler().quarantined_by(QuarantineId(2)), None, "it has expired");
    assert_eq!(sim.scheduler().quarantined_by(QuarantineId(3)).as_deref(), Some("anna"));
    assert_eq!(sim.run(accept(2)), Answer::Accepted(AcceptanceId(1)));
    let removed = |id| Command::RemoveAcceptance { id: AcceptanceId(id), by: "anna".into() };
    assert_eq!(sim.run(removed(1)), Answer::Done);
    assert_eq!(sim.try_run(removed(2)), Err(Rejected::UnknownAcceptance(AcceptanceId(2))));
    // Both ways back to the state continue the numbers.
    let restored = Scheduler::restore(sim.scheduler().snapshot().pieces()).expect("a snapshot");
    for state in [sim.replayed(), restored] {
        assert_eq!(state.facts(), sim.scheduler().facts());
    }
}

#[test]
fn marks_have_limits() {
    let mut sim = Sim::new();
    for (command, message) in [
        (quarantine("", DAY), "the pattern of the names is empty"),
        (
            quarantine("*", Millis(MAX_QUARANTINE.0 + 1)),
            "the duration of a quarantine is too long (91 days, maximum 90)",
        ),
        (accept(0), "there is no change to accept"),
        (
            accept(MAX_ACCEPTED_SERIES as u64 + 1),
            "too many series of one acceptance: 10001 (maximum 10000)",
        ),
    ] {
        let refused = sim.try_run(command).expect_err("refused");
        assert_eq!(refused.to_string(), message);
    }
    for number in 0..MAX_QUARANTINES {
        added(&mut sim, &format!("t{number}"), DAY);
    }
    let refused = sim.try_run(quarantine("more", DAY)).expect_err("too many");
    assert_eq!(refused.to_string(), "too many quarantines: 1001 (maximum 1000)");
    // Expired ones make room.
    sim.after(DAY);
    added(&mut sim, "more", DAY);
}
