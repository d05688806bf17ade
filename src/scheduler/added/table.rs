//! The marks that the state of the scheduler keeps: numbers, and quarantines.

use crate::domain::added::marks::{MAX_QUARANTINES, Quarantine};
use crate::domain::id::QuarantineId;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers that lost records may have used are left out after a loss.
const LOST_NUMBERS: u32 = 1_000;

/// The marks that the state keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::scheduler) struct Marks {
    /// Greatest number of a quarantine so far.
    pub last_quarantine: u32,
    /// Greatest number of an acceptance so far.
    pub last_acceptance: u32,
    pub quarantines: BTreeMap<QuarantineId, Quarantine>,
}

impl Marks {
    pub fn is_within_limits(&self) -> bool {
        self.quarantines.len() <= MAX_QUARANTINES
            && self.quarantines.keys().all(|id| id.0 > 0 && id.0 <= self.last_quarantine)
    }

    pub fn records_lost(&mut self) {
        self.last_quarantine = self.last_quarantine.saturating_add(LOST_NUMBERS);
        self.last_acceptance = self.last_acceptance.saturating_add(LOST_NUMBERS);
    }

    /// The quarantines that have not expired.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (QuarantineId, &Quarantine)> {
        let all = self.quarantines.iter().map(|(id, quarantine)| (*id, quarantine));
        all.filter(move |(_, quarantine)| quarantine.expires > now)
    }
}
