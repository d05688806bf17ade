//! Quarantines and acceptances. The scheduler numbers them, limits them and keeps them in the log; their
//! effect on reports is computed from the results database.
//!
//! Promise: a quarantine that has expired is kept until the next one is added, and at most
//! [`MAX_QUARANTINES`] are in force.

use crate::domain::access::Subject;
use crate::domain::added::marks::{
    AcceptedSeries, MAX_ACCEPTED_SERIES, MAX_QUARANTINES, MarkError, Quarantine, check_duration,
    check_reason,
};
use crate::domain::fact::Fact;
use crate::domain::id::{AcceptanceId, QuarantineId, RunId};
use crate::domain::time::Timestamp;
use crate::scheduler::command::{Answer, NewQuarantine, Step};
use crate::scheduler::error::{FactError, Rejected};
use crate::scheduler::state::Scheduler;

impl Scheduler {
    pub(in crate::scheduler) fn decide_add_quarantine(
        &self,
        now: Timestamp,
        new: NewQuarantine,
    ) -> Result<Step, Rejected> {
        let NewQuarantine { covered, reason, duration, by } = new;
        covered.check().and_then(|()| check_reason(&reason)).map_err(refused)?;
        check_duration(duration).map_err(refused)?;
        let count = self.marks.in_force(now).count() + 1;
        if count > MAX_QUARANTINES {
            let (count, maximum) = (count as u64, MAX_QUARANTINES as u64);
            return Err(Rejected::TooMany { what: "quarantines", count, maximum });
        }
        let same = |(_, known): &(_, &Quarantine)| known.covered == covered;
        if let Some((id, _)) = self.marks.in_force(now).find(same) {
            return Err(Rejected::Quarantined(id));
        }
        let id = QuarantineId(self.marks.last_quarantine.saturating_add(1));
        let quarantine =
            Quarantine { covered, reason, by, added: now, expires: now.after(duration) };
        let answer = Answer::Quarantined(id, quarantine.clone());
        Ok(Step::answered(vec![Fact::QuarantineAdded { id, quarantine }], answer))
    }

    pub(in crate::scheduler) fn decide_remove_quarantine(
        &self,
        now: Timestamp,
        id: QuarantineId,
        by: Subject,
    ) -> Result<Step, Rejected> {
        if !self.marks.in_force(now).any(|(known, _)| known == id) {
            return Err(Rejected::UnknownQuarantine(id));
        }
        Ok(Step::of(vec![Fact::QuarantineRemoved { id, by, at: now }]))
    }

    pub(in crate::scheduler) fn decide_accept(
        &self,
        now: Timestamp,
        run: RunId,
        series: Vec<AcceptedSeries>,
        reason: Box<str>,
        by: Subject,
    ) -> Result<Step, Rejected> {
        check_reason(&reason).map_err(refused)?;
        series.iter().try_for_each(AcceptedSeries::check).map_err(refused)?;
        if series.is_empty() {
            return Err(Rejected::NothingAccepted);
        }
        if series.len() > MAX_ACCEPTED_SERIES {
            let (count, maximum) = (series.len() as u64, MAX_ACCEPTED_SERIES as u64);
            return Err(Rejected::TooMany { what: "series of one acceptance", count, maximum });
        }
        let id = AcceptanceId(self.marks.last_acceptance.saturating_add(1));
        let fact = Fact::SeriesAccepted { id, run, series, reason, by, at: now };
        Ok(Step::answered(vec![fact], Answer::Accepted(id)))
    }

    /// Whether the acceptance exists and was not removed is known to the results database alone.
    pub(in crate::scheduler) fn decide_remove_acceptance(
        &self,
        now: Timestamp,
        id: AcceptanceId,
        by: Subject,
    ) -> Result<Step, Rejected> {
        if id.0 == 0 || id.0 > self.marks.last_acceptance {
            return Err(Rejected::UnknownAcceptance(id));
        }
        Ok(Step::of(vec![Fact::AcceptanceRemoved { id, by, at: now }]))
    }

    pub(in crate::scheduler) fn apply_quarantine(
        &mut self,
        id: QuarantineId,
        quarantine: &Quarantine,
    ) {
        let marks = &mut self.marks;
        marks.quarantines.retain(|_, known| known.expires > quarantine.added);
        marks.quarantines.insert(id, quarantine.clone());
        marks.last_quarantine = marks.last_quarantine.max(id.0);
    }

    pub(in crate::scheduler) fn apply_quarantine_removed(
        &mut self,
        id: QuarantineId,
    ) -> Result<(), FactError> {
        let removed = self.marks.quarantines.remove(&id);
        removed.map(drop).ok_or(FactError::UnknownQuarantine(id))
    }

    pub(in crate::scheduler) fn apply_accepted(&mut self, id: AcceptanceId) {
        self.marks.last_acceptance = self.marks.last_acceptance.max(id.0);
    }

    /// Number of quarantines that have not expired.
    #[must_use]
    pub fn quarantines(&self, now: Timestamp) -> u32 {
        u32::try_from(self.marks.in_force(now).count()).unwrap_or(u32::MAX)
    }

    /// Whether a quarantine was ever added, so that tests may be covered by one.
    #[must_use]
    pub fn had_quarantines(&self) -> bool {
        self.marks.last_quarantine > 0
    }

    /// The subject that added a quarantine which is in force.
    #[must_use]
    pub fn quarantined_by(&self, id: QuarantineId) -> Option<Subject> {
        self.marks.quarantines.get(&id).map(|quarantine| quarantine.by.clone())
    }
}

fn refused(error: MarkError) -> Rejected {
    Rejected::BadMark(error)
}
