//! The weights that open tests need.

use super::state::{Scheduler, State};
use crate::domain::weights::{Weights, WeightsKey};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The part of a launch that names weights.
#[derive(Deserialize)]
struct Named {
    weights: Option<Weights>,
}

impl Scheduler {
    /// The weights of all tests that have not ended. Takes time in proportion to their number.
    #[must_use]
    pub fn weights_needed(&self) -> BTreeSet<WeightsKey> {
        let tests = self.runs.values().flat_map(|run| &run.tests);
        let open = tests.filter(|test| !matches!(test.state, State::Done { .. }));
        open.filter_map(|test| {
            // Launches were checked when they were submitted.
            let named: Named = serde_json::from_str(test.spec.launch.get()).ok()?;
            named.weights?.key()
        })
        .collect()
    }
}
