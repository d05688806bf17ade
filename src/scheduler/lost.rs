//! The leases that ended without a report of their worker, so that a late result of such a lease
//! is stored once, and nothing is stored for a lease that never existed.
//!
//! Limit: [`MAX_LOST`] leases. The oldest lease is forgotten first; its late result is then refused.

use crate::domain::id::{AttemptId, Epoch, LeaseId, WorkerId};
use std::collections::BTreeMap;

/// Maximum number of lost leases that are remembered, about 2 MB.
const MAX_LOST: usize = 65_536;

/// Leases by their epochs, with the worker that held each.
#[derive(Debug, Default)]
pub(super) struct LostLeases(BTreeMap<Epoch, (AttemptId, WorkerId)>);

impl LostLeases {
    pub fn insert(&mut self, lease: LeaseId, worker: WorkerId) {
        self.0.insert(lease.epoch, (lease.attempt, worker));
        if self.0.len() > MAX_LOST {
            self.0.pop_first();
        }
    }

    /// Whether a result of this worker for this lease may still arrive.
    pub fn contains(&self, lease: LeaseId, worker: WorkerId) -> bool {
        self.0.get(&lease.epoch) == Some(&(lease.attempt, worker))
    }

    pub fn remove(&mut self, lease: LeaseId) {
        self.0.remove(&lease.epoch);
    }

    /// The oldest lease first.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, WorkerId)> + '_ {
        self.0.iter().map(|(epoch, (attempt, worker))| {
            (LeaseId { attempt: *attempt, epoch: *epoch }, *worker)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RunId, TestId};

    #[test]
    fn the_oldest_lease_is_forgotten_first() {
        let lease = |epoch| {
            let attempt = TestId { run: RunId(1), index: 0 }.attempt(1);
            LeaseId { attempt, epoch: Epoch(epoch) }
        };
        let maximum = u64::try_from(MAX_LOST).expect("small");
        let mut lost = LostLeases::default();
        for epoch in 1..=maximum + 1 {
            lost.insert(lease(epoch), WorkerId(3));
        }
        assert_eq!(lost.iter().count(), MAX_LOST);
        assert!(!lost.contains(lease(1), WorkerId(3)));
        assert!(lost.contains(lease(2), WorkerId(3)));
        assert!(!lost.contains(lease(2), WorkerId(4)), "another worker");
    }
}
