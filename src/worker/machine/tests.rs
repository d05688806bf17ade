//! The machine without a worker around it: single cases, and random histories.

use super::*;
use crate::domain::id::{RunId, TestId};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Sut = Machine<u64, u64>;

fn lease(epoch: u64) -> LeaseId {
    let test = TestId { run: RunId(1), index: u32::try_from(epoch).expect("small") };
    LeaseId { attempt: test.attempt(1), epoch: Epoch(epoch) }
}

fn granted(epoch: u64, seat: u64) -> GrantedLease<u64> {
    GrantedLease { lease: lease(epoch), seat: Epoch(seat), job: epoch }
}

fn delivery(received: u64, leases: &[(u64, u64)]) -> Delivery<u64> {
    Delivery {
        received: Epoch(received),
        leases: leases.iter().map(|(epoch, seat)| granted(*epoch, *seat)).collect(),
        stop: Vec::new(),
        recall: Vec::new(),
        drain: false,
        resume: false,
    }
}

fn starts(actions: &[Action<u64>]) -> Vec<u64> {
    let start = |action: &Action<u64>| match action {
        Action::Start { job, .. } => Some(*job),
        Action::Stop { .. } => None,
    };
    actions.iter().filter_map(start).collect()
}

fn claim(machine: &mut Sut, delivery: Delivery<u64>) -> Vec<Action<u64>> {
    let mut actions = Vec::new();
    machine.claimed(delivery, &mut actions);
    actions
}

fn end(machine: &mut Sut, epoch: u64) -> Vec<Action<u64>> {
    let mut actions = Vec::new();
    machine.ended(lease(epoch), epoch, &mut actions);
    actions
}

fn send(machine: &mut Sut) -> (Vec<u64>, Vec<u64>) {
    let Some(batch) = machine.batch(1000, |_| true) else { return (Vec::new(), Vec::new()) };
    let number = batch.number;
    let finished = batch.finished.iter().map(|ended| ended.lease.epoch.0).collect();
    let returned = batch.returned.iter().map(|lease| lease.epoch.0).collect();
    machine.acknowledged(number);
    (finished, returned)
}

#[test]
fn a_seat_runs_its_leases_one_at_a_time_in_order() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    let actions = claim(&mut machine, delivery(5, &[(1, 1), (3, 1), (2, 1), (4, 4)]));
    assert_eq!(starts(&actions), [1, 4]);
    assert_eq!(starts(&end(&mut machine, 1)), [2]);
    assert_eq!(starts(&end(&mut machine, 2)), [3]);
    assert_eq!(starts(&end(&mut machine, 4)), Vec::<u64>::new());
    assert_eq!(send(&mut machine), (vec![1, 2, 4], vec![]));
    assert_eq!(machine.holding(), [lease(3)]);
}

#[test]
fn a_repeated_delivery_changes_nothing_even_after_the_end() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    claim(&mut machine, delivery(1, &[(1, 1)]));
    assert!(claim(&mut machine, delivery(1, &[(1, 1)])).is_empty());
    end(&mut machine, 1);
    assert_eq!(send(&mut machine).0, [1]);
    assert!(claim(&mut machine, delivery(1, &[(1, 1)])).is_empty());
    assert!(machine.holding().is_empty());
    assert!(claim(&mut machine, delivery(0, &[])).is_empty());
    assert_eq!(machine.received(), Epoch(1));
}

#[test]
fn a_free_seat_starts_the_next_lease_before_the_result_is_built() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    claim(&mut machine, delivery(2, &[(1, 1), (2, 1)]));
    let mut actions = Vec::new();
    machine.vacated(lease(1), &mut actions);
    assert_eq!(starts(&actions), [2]);
    assert_eq!(machine.holding(), [lease(1), lease(2)]);
    assert_eq!(machine.batch(10, |_| true), None);
    machine.vacated(lease(1), &mut actions);
    assert!(end(&mut machine, 1).is_empty(), "its seat is another's by now");
    assert_eq!(send(&mut machine).0, [1]);
    end(&mut machine, 2);
    assert_eq!(send(&mut machine).0, [2]);
}

#[test]
fn a_recall_returns_waiting_leases_and_keeps_running_ones() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    claim(&mut machine, delivery(2, &[(1, 1), (2, 1)]));
    let recall = vec![lease(1), lease(2), lease(9)];
    claim(&mut machine, Delivery { recall, ..delivery(4, &[]) });
    assert_eq!(send(&mut machine), (vec![], vec![2]));
    assert_eq!(machine.holding(), [lease(1)]);
}

#[test]
fn a_stop_cancels_waiting_leases_and_kills_running_ones() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    let stop = vec![lease(2), lease(3)];
    let actions =
        claim(&mut machine, Delivery { stop, ..delivery(3, &[(1, 1), (2, 1), (3, 3), (4, 3)]) });
    assert_eq!(starts(&actions), [1, 4], "a stopped lease is not started first");
    let stop = vec![lease(1)];
    let actions = claim(&mut machine, Delivery { stop, ..delivery(5, &[]) });
    assert_eq!(actions, [Action::Stop { lease: lease(1) }]);
    let batch = machine.batch(10, |_| true).expect("cancelled leases");
    assert!(batch.finished.iter().all(|ended| ended.result.is_none()));
    assert_eq!(batch.finished.len(), 2);
}

#[test]
fn stale_leases_are_stopped_and_ended_ones_are_still_reported() {
    let mut machine = Sut::new(LeavePolicy::default(), vec![(lease(1), 1)]);
    claim(&mut machine, delivery(7, &[(2, 2), (3, 2), (4, 4), (5, 5), (6, 5)]));
    machine.batch(10, |_| true).expect("the spooled result");
    end(&mut machine, 4);
    claim(&mut machine, Delivery { recall: vec![lease(6)], ..delivery(8, &[]) });
    let mut actions = Vec::new();
    let gone: Vec<_> = [1, 2, 3, 4, 6, 9].map(lease).into();
    machine.stale(&gone, &mut actions);
    assert_eq!(actions, [Action::Stop { lease: lease(2) }]);
    assert_eq!(machine.holding(), [lease(5)]);
    machine.stale(&gone, &mut actions);
    assert_eq!(actions.len(), 1, "a repeat changes nothing");
    end(&mut machine, 2);
    assert_eq!(send(&mut machine), (vec![1], vec![]));
    assert_eq!(send(&mut machine), (vec![4], vec![]), "a returned lease needs no report");
    end(&mut machine, 5);
    machine.drain();
    send(&mut machine);
    assert!(machine.done());
}

#[test]
fn an_unacknowledged_batch_is_sent_again_as_it_was() {
    let mut machine = Sut::new(LeavePolicy::default(), vec![(lease(1), 1)]);
    let first = machine.batch(10, |_| true).expect("a batch").clone();
    claim(&mut machine, delivery(4, &[(2, 2)]));
    end(&mut machine, 2);
    assert_eq!(machine.batch(10, |_| true), Some(&first));
    machine.acknowledged(first.number);
    machine.acknowledged(first.number);
    assert_eq!(send(&mut machine).0, [2], "a late acknowledgement does not reach the next batch");
}

#[test]
fn a_batch_is_bounded_in_count_and_size_and_never_empty() {
    let spooled = (1..=5).map(|epoch| (lease(epoch), epoch)).collect();
    let mut machine = Sut::new(LeavePolicy::default(), spooled);
    let sizes = |machine: &mut Sut, most, room| {
        let mut left: u64 = room;
        let fits = |size: &u64| match left.checked_sub(*size) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        let batch = machine.batch(most, fits).expect("a batch");
        let (number, count) = (batch.number, batch.finished.len());
        machine.acknowledged(number);
        count
    };
    assert_eq!(sizes(&mut machine, 1, 100), 1);
    assert_eq!(sizes(&mut machine, 10, 6), 2, "2 and 3 fit, 4 does not");
    assert_eq!(sizes(&mut machine, 10, 1), 1, "one always fits");
    assert_eq!(sizes(&mut machine, 10, 100), 1);
}

#[test]
fn drain_returns_finishes_and_then_is_done() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    claim(&mut machine, delivery(2, &[(1, 1), (2, 1)]));
    let actions = claim(&mut machine, Delivery { drain: true, ..delivery(4, &[(4, 4)]) });
    assert!(actions.is_empty());
    assert_eq!(send(&mut machine), (vec![], vec![2, 4]));
    assert!(!machine.done());
    end(&mut machine, 1);
    assert!(!machine.done(), "the result is not reported yet");
    assert_eq!(send(&mut machine).0, [1]);
    assert!(machine.done());
}

#[test]
fn a_drain_can_be_cancelled_unless_the_worker_is_leaving() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    claim(&mut machine, delivery(1, &[(1, 1)]));
    claim(&mut machine, Delivery { drain: true, ..delivery(2, &[]) });
    assert!(machine.draining() && !machine.wants_to_leave());
    let resumed = Delivery { resume: true, ..delivery(4, &[(4, 4)]) };
    assert_eq!(starts(&claim(&mut machine, resumed)), [4], "the lease of the same delivery");
    assert!(!machine.draining());
    claim(&mut machine, Delivery { drain: true, ..delivery(5, &[]) });
    machine.drain();
    assert!(machine.wants_to_leave());
    let resumed = Delivery { resume: true, ..delivery(6, &[(6, 6)]) };
    assert!(starts(&claim(&mut machine, resumed)).is_empty());
    assert!(machine.draining() && machine.wants_to_leave());
}

#[test]
fn shutdown_kills_and_leaves_the_lease_to_the_coordinator() {
    let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
    claim(&mut machine, delivery(2, &[(1, 1), (2, 1)]));
    let mut actions = Vec::new();
    machine.shutdown(&mut actions);
    assert_eq!(actions, [Action::Stop { lease: lease(1) }]);
    end(&mut machine, 1);
    assert_eq!(send(&mut machine), (vec![], vec![2]));
    assert!(machine.done());
}

#[test]
fn idle_and_ephemeral_workers_leave() {
    let leave_policy = LeavePolicy { idle: Some(Millis(1000)), ephemeral: false };
    let mut machine = Sut::new(leave_policy, Vec::new());
    machine.tick(Timestamp(0));
    machine.tick(Timestamp(999));
    assert!(!machine.done());
    claim(&mut machine, delivery(1, &[(1, 1)]));
    machine.tick(Timestamp(5000));
    end(&mut machine, 1);
    send(&mut machine);
    machine.tick(Timestamp(6000));
    assert!(!machine.done());
    machine.tick(Timestamp(7000));
    assert!(machine.done());

    let mut machine = Sut::new(LeavePolicy { idle: None, ephemeral: true }, Vec::new());
    claim(&mut machine, delivery(0, &[]));
    assert!(!machine.done(), "it has not worked yet");
    claim(&mut machine, delivery(1, &[(1, 1)]));
    end(&mut machine, 1);
    claim(&mut machine, delivery(1, &[]));
    assert!(!machine.done(), "a result waits");
    send(&mut machine);
    claim(&mut machine, delivery(1, &[]));
    assert!(machine.done());
}

#[test]
fn leases_of_a_new_log_are_accepted_with_lower_numbers() {
    let mut machine = Sut::new(LeavePolicy::default(), vec![(lease(70), 70)]);
    machine.registered(Epoch(70));
    assert_eq!(machine.received(), Epoch(70), "the same log contains its grants");
    machine.registered(Epoch(3));
    machine.stale(&[lease(70)], &mut Vec::new());
    assert_eq!(starts(&claim(&mut machine, delivery(4, &[(4, 4)]))), [4]);
}

#[derive(Debug, Clone)]
enum Input {
    Deliver { leases: Vec<(u64, u64)>, stop: Vec<u64>, recall: Vec<u64>, drain: bool, resume: bool },
    Vacate(u64),
    End(u64),
    Stale(Vec<u64>),
    Send,
    LoseAnswer,
    Drain,
    Shutdown,
    Tick(u64),
}

fn input() -> impl Strategy<Value = Input> {
    let some = || prop::collection::vec(1u64..40, 0..4);
    let leases = prop::collection::vec((1u64..40, 1u64..6), 0..6);
    prop_oneof![
        6 => (leases, some(), some(), prop::bool::weighted(0.02), prop::bool::weighted(0.02))
            .prop_map(|(leases, stop, recall, drain, resume)| {
                Input::Deliver { leases, stop, recall, drain, resume }
            }),
        4 => (1u64..40).prop_map(Input::Vacate),
        8 => (1u64..40).prop_map(Input::End),
        1 => some().prop_map(Input::Stale),
        3 => Just(Input::Send),
        1 => Just(Input::LoseAnswer),
        1 => prop::bool::weighted(0.1).prop_map(|hit| if hit { Input::Drain } else { Input::Send }),
        1 => prop::bool::weighted(0.1).prop_map(|hit| if hit { Input::Shutdown } else { Input::Send }),
        1 => (0u64..100).prop_map(Input::Tick),
    ]
}

/// Observes the actions of the machine.
#[derive(Default)]
struct Watch {
    running: BTreeMap<u64, u64>,
    /// Started leases whose results are not built yet.
    unended: BTreeSet<u64>,
    seat_of: BTreeMap<u64, u64>,
    last_started: BTreeMap<u64, u64>,
    started: BTreeSet<u64>,
    stopped: BTreeSet<u64>,
    over: BTreeMap<u64, &'static str>,
}

impl Watch {
    fn actions(&mut self, actions: &[Action<u64>]) {
        for action in actions {
            match action {
                Action::Start { lease, job } => {
                    assert_eq!(lease.epoch.0, *job);
                    let seat = self.seat_of[job];
                    assert!(self.started.insert(*job), "{job} started twice");
                    assert!(self.running.insert(seat, *job).is_none(), "two in seat {seat}");
                    self.last_started.insert(seat, *job);
                    self.unended.insert(*job);
                }
                Action::Stop { lease } => {
                    let epoch = lease.epoch.0;
                    assert!(self.unended.contains(&epoch));
                    self.stopped.insert(epoch);
                }
            }
        }
    }

    fn vacated(&mut self, epoch: u64) {
        if let Some(seat) = self.seat_of.get(&epoch)
            && self.running.get(seat) == Some(&epoch)
        {
            self.running.remove(seat);
        }
    }

    fn over(&mut self, epoch: u64, how: &'static str) {
        let before = self.over.insert(epoch, how);
        assert_eq!(before, None, "{epoch} ended as {how} after it had ended");
    }
}

fn step(machine: &mut Sut, watch: &mut Watch, input: Input) {
    let mut actions = Vec::new();
    match input {
        Input::Deliver { mut leases, stop, recall, drain, resume } => {
            // One epoch belongs to one seat for ever, and answers are in order.
            leases.sort_unstable();
            for (epoch, seat) in &mut leases {
                *seat = *watch.seat_of.entry(*epoch).or_insert(*seat);
            }
            let received = leases.last().map_or(0, |(epoch, _)| *epoch);
            let ids = |epochs: Vec<u64>| epochs.into_iter().map(lease).collect();
            let delivery = Delivery {
                stop: ids(stop),
                recall: ids(recall),
                drain,
                resume,
                ..delivery(received, &leases)
            };
            machine.claimed(delivery, &mut actions);
        }
        Input::Vacate(epoch) => {
            watch.vacated(epoch);
            machine.vacated(lease(epoch), &mut actions);
        }
        Input::End(epoch) => {
            watch.vacated(epoch);
            watch.unended.remove(&epoch);
            machine.ended(lease(epoch), epoch, &mut actions);
        }
        Input::Stale(epochs) => {
            let held: BTreeSet<_> = machine.holding().into_iter().collect();
            let leases: BTreeSet<_> = epochs.into_iter().map(lease).collect();
            let gone: Vec<_> = leases.iter().copied().collect();
            machine.stale(&gone, &mut actions);
            let unacknowledged: BTreeSet<_> =
                machine.unacknowledged().map(|ended| ended.lease).collect();
            for stale in leases.intersection(&held).filter(|lease| !unacknowledged.contains(lease))
            {
                watch.over(stale.epoch.0, "stale");
            }
        }
        Input::Send => {
            let (finished, returned) = send(machine);
            for epoch in finished {
                watch.over(epoch, "reported");
            }
            for epoch in returned {
                assert!(!watch.started.contains(&epoch), "{epoch} returned after its start");
                watch.over(epoch, "returned");
            }
        }
        Input::LoseAnswer => {
            machine.batch(3, |_| true);
        }
        Input::Drain => machine.drain(),
        Input::Shutdown => {
            let before: BTreeSet<_> = machine.holding().into_iter().collect();
            machine.shutdown(&mut actions);
            let after: BTreeSet<_> = machine.holding().into_iter().collect();
            for lost in before.difference(&after) {
                watch.over(lost.epoch.0, "left");
            }
        }
        Input::Tick(now) => machine.tick(Timestamp(now)),
    }
    watch.actions(&actions);
    assert_eq!(machine.running(), watch.running.len());
}

proptest! {
    #[test]
    fn every_lease_ends_once_and_a_seat_runs_one(inputs in prop::collection::vec(input(), 0..120)) {
        let mut machine = Sut::new(LeavePolicy::default(), Vec::new());
        let mut watch = Watch::default();
        let mut received = machine.received();
        for input in inputs {
            step(&mut machine, &mut watch, input);
            prop_assert!(machine.received() >= received);
            received = machine.received();
        }
        // Everything ends.
        while let Some(epoch) = watch.unended.first().copied() {
            step(&mut machine, &mut watch, Input::End(epoch));
        }
        step(&mut machine, &mut watch, Input::Send);
        step(&mut machine, &mut watch, Input::Send);
        prop_assert!(machine.holding().is_empty());
        prop_assert!(!machine.owes_report());
        for started in &watch.started {
            prop_assert!(watch.over.contains_key(started), "{started} was forgotten");
        }
    }
}
