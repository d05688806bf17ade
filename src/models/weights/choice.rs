//! Notes to the user about the weights that were chosen: random ones, and those of the model cache
//! although the hub was meant.

use crate::models::weights::source::{Chosen, Source};
use std::collections::BTreeMap;

/// Models grouped by the note about their weights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WeightsNotes {
    /// Random weights, by reason.
    random: BTreeMap<String, Vec<String>>,
    /// Weights of the model cache, which are random where it has none, by reason.
    uncached: BTreeMap<String, Vec<String>>,
    /// Weights of the model cache, by the reason why they are not those of the hub.
    cached: BTreeMap<String, Vec<String>>,
}

impl WeightsNotes {
    /// Records the weights that were chosen for a model.
    pub fn add(&mut self, model: &str, chosen: &Chosen) {
        let reason = chosen.reason.as_deref();
        let (group, reason) = match (&chosen.source, reason) {
            (Source::Random, reason) => (&mut self.random, reason.unwrap_or("as requested")),
            (Source::Cache { or_random: true, .. }, reason) => {
                (&mut self.uncached, reason.unwrap_or("as requested"))
            }
            (Source::Cache { .. }, Some(reason)) => (&mut self.cached, reason),
            _ => return,
        };
        let models = group.entry(reason.to_owned()).or_default();
        if models.last().is_none_or(|last| last != model) {
            models.push(model.to_owned());
        }
    }

    /// One note per reason. `here` states that the tests run on this machine, so that its model
    /// cache decides.
    #[must_use]
    pub fn notes(&self, here: bool) -> Vec<String> {
        let elsewhere = if here {
            ", and the model cache of this machine does not have them"
        } else {
            ", for workers whose model cache does not have them"
        };
        let notes = |start: &'static str, groups: &BTreeMap<String, Vec<String>>, end: &str| {
            let note = |(why, models): (&String, &Vec<String>)| {
                let (first, rest) = models.split_first()?;
                let more = match rest.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                Some(format!("{start} {first}{more}: {why}{end}"))
            };
            groups.iter().filter_map(note).collect::<Vec<_>>()
        };
        [
            notes("random weights for", &self.random, ""),
            notes("random weights for", &self.uncached, elsewhere),
            notes("weights of the model cache for", &self.cached, ""),
        ]
        .concat()
    }
}
