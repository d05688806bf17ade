//! The weights that tests will use, and the notes about random ones.

use std::fmt;

/// The weights that the tests of a model will use, as far as this is known before they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// The weights in this directory, an absolute path.
    Own(String),
    /// Random weights, because there are none beside the configuration.
    Absent,
    /// Random weights, as requested.
    Requested,
    /// The weights in the model cache of the worker, or on the hub. `here` is true if the cache of
    /// this machine has weights, or if they may be downloaded.
    Published { here: bool },
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(directory) => directory,
            Self::Absent => "random: there are no weights beside the configuration",
            Self::Requested => "random, as requested",
            Self::Published { .. } => "from the model cache of the worker, if it has them",
        })
    }
}

/// Models whose tests use random weights, grouped by reason for the notes to the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RandomWeights {
    asked: Vec<String>,
    absent: Vec<String>,
    /// Models that are specified by name and have no weights in the model cache of this machine.
    uncached: Vec<String>,
}

impl RandomWeights {
    /// Records a model if its tests will use random weights.
    pub fn add(&mut self, model: &str, weights: &Weights) {
        let list = match weights {
            Weights::Requested => &mut self.asked,
            Weights::Absent => &mut self.absent,
            Weights::Published { here: false } => &mut self.uncached,
            Weights::Published { here: true } | Weights::Own(_) => return,
        };
        list.push(model.to_owned());
    }

    /// One note per reason. `here` states that the tests run on this machine, so that its model
    /// cache decides.
    #[must_use]
    pub fn notes(&self, here: bool) -> Vec<String> {
        let uncached = if here { self.uncached.as_slice() } else { &[] };
        [
            (self.asked.as_slice(), "as requested"),
            (&self.absent, "there are no weights beside the configuration"),
            (uncached, "no weights in the model cache of this machine"),
        ]
        .into_iter()
        .filter_map(|(models, why)| {
            let (first, rest) = models.split_first()?;
            let more =
                if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            Some(format!("random weights for {first}{more}: {why}"))
        })
        .collect()
    }
}
