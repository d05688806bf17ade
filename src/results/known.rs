//! The verdicts that earlier questions needed, so that a page which is shown again does not read them again.
//!
//! A verdict about the newest value of a metric follows from the passed attempts of its series, the limits of
//! its test, and the accepted changes. It is given again while these are the same. Limit: [`MAX_KNOWN`] verdicts;
//! all are forgotten beyond it. One question at a time judges.

use crate::domain::id::AttemptId;
use crate::domain::series::SeriesId;
use crate::store::reports::judged::{Basis, Given, JudgedSeries};
use crate::store::reports::verdicts::{Judged, Verdicts};
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Maximum number of verdicts: those of a run and of a week of several thousand tests with 25 metrics each.
const MAX_KNOWN: usize = 100_000;

/// The verdicts about the metrics of one series, and what they follow from.
struct OfSeries {
    basis: Basis,
    metrics: Arc<[Judged]>,
}

/// Verdicts by series and by its newest attempt.
#[derive(Default)]
pub struct KnownVerdicts {
    verdicts: Mutex<HashMap<(SeriesId, AttemptId), OfSeries>>,
    turn: Mutex<()>,
}

/// Number of verdicts. A series without metrics counts as one.
fn count<'a>(series: impl Iterator<Item = &'a OfSeries>) -> usize {
    series.map(|of| of.metrics.len().max(1)).sum()
}

/// The series without known verdicts.
pub type Unknown<'a> = HashMap<SeriesId, &'a JudgedSeries>;

impl KnownVerdicts {
    /// Waits until no other question judges. Also returns whether it waited, or a question before it panicked: verdicts
    /// may be known now.
    pub fn turn(&self) -> (MutexGuard<'_, ()>, bool) {
        match self.turn.try_lock() {
            Ok(turn) => (turn, false),
            Err(TryLockError::Poisoned(poisoned)) => (poisoned.into_inner(), true),
            Err(TryLockError::WouldBlock) => {
                (self.turn.lock().unwrap_or_else(PoisonError::into_inner), true)
            }
        }
    }

    /// Adds the verdicts about these series that still hold to `verdicts`, and leaves the other series.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn find(
        &self,
        store: &Store,
        series: &mut Unknown<'_>,
        verdicts: &mut Verdicts,
    ) -> Result<(), StoreError> {
        let (mut found, mut given) = (HashMap::new(), Vec::new());
        let known = self.lock();
        for (id, judged) in series.iter() {
            let of_series = known.get(&(*id, judged.newest));
            if let Some(of) = of_series.filter(|of| of.basis.has_same_settings(&judged.basis)) {
                let attempts = of.basis.attempts;
                given.push(Given { series: *id, newest: judged.newest, attempts });
                found.insert(*id, Arc::clone(&of.metrics));
            }
        }
        drop(known);
        let outdated = store.outdated(&given)?;
        found.retain(|id, _| !outdated.contains(id));
        series.retain(|id, _| !found.contains_key(id));
        verdicts.extend(found);
        Ok(())
    }

    /// Keeps the verdicts about those of these series that have some.
    pub fn keep(&self, series: &Unknown<'_>, verdicts: &Verdicts) {
        let new = series.iter().filter_map(|(id, judged)| {
            let metrics = Arc::clone(verdicts.get(id)?);
            Some(((*id, judged.newest), OfSeries { basis: judged.basis.clone(), metrics }))
        });
        let new: Vec<_> = new.collect();
        if count(new.iter().map(|(_, of)| of)) > MAX_KNOWN {
            return;
        }
        let mut known = self.lock();
        known.extend(new);
        if count(known.values()) > MAX_KNOWN {
            known.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(SeriesId, AttemptId), OfSeries>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
