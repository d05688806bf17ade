//! Results of earlier runs that influence generated tests.
//!
//! The values come from a coordinator; without one the history is empty. Results of a test are
//! found by its name. Attempts that ran out of memory are found by their labels, so that they also
//! apply to tests that are written out in a plan.

use std::collections::{BTreeMap, HashMap};

/// Labels that must be equal for an attempt that ran out of memory to apply to a test.
const SAME: [&str; 7] =
    ["model", "backend", "dtype", "attention", "runtime", "family", "parameters"];
/// Labels with sizes. An attempt applies to tests that are at least as large in each of them.
pub const SIZES: [&str; 6] =
    ["batch", "sequence_length", "image_size", "max_new_tokens", "audio_seconds", "latent_size"];
/// Labels that every generated test of a model has. Other tests are not compared.
const CELL: [&str; 4] = ["model", "family", "backend", "dtype"];
/// Reservation in percent of a measured peak, because the next run may need a little more.
const HEADROOM_PERCENT: u64 = 110;

/// The latest ended tests of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    pub ended: u64,
    pub failed: u64,
    /// Number of tests that passed after a failed attempt.
    pub flaky: u64,
    /// Median time of the tests that passed, in milliseconds.
    pub median_ms: Option<u64>,
    /// Highest memory of the tests that passed, in bytes.
    pub peak_bytes: Option<u64>,
    pub peak_device_bytes: Option<u64>,
}

/// An attempt that ran out of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exhausted {
    pub labels: BTreeMap<String, String>,
    /// Memory that was available to tests on the worker.
    pub bytes: Option<u64>,
    /// Memory of the smallest device that the attempt held.
    pub device_bytes: Option<u64>,
}

/// Results of earlier runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    pub tests: HashMap<String, Past>,
    pub exhausted: Vec<Exhausted>,
}

/// Memory that is known not to be enough, in bytes. 0 if nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TooLittle {
    pub host_bytes: u64,
    pub device_bytes: u64,
}

impl TooLittle {
    #[must_use]
    pub fn largest(self) -> u64 {
        self.host_bytes.max(self.device_bytes)
    }
}

impl History {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.exhausted.is_empty()
    }

    #[must_use]
    pub fn past(&self, test: &str) -> Option<&Past> {
        self.tests.get(test)
    }

    /// Memory that was not enough for the same model in an equal or smaller size. For a test on a
    /// device this is the memory of the device, else that of the worker.
    #[must_use]
    pub fn too_little(&self, labels: &BTreeMap<String, String>, on_device: bool) -> TooLittle {
        let mut known = TooLittle::default();
        if !CELL.iter().all(|name| labels.contains_key(*name)) {
            return known;
        }
        for exhausted in self.exhausted.iter().filter(|e| no_larger(&e.labels, labels)) {
            match exhausted.device_bytes.filter(|_| on_device) {
                Some(bytes) => known.device_bytes = known.device_bytes.max(bytes),
                None if !on_device => {
                    known.host_bytes = known.host_bytes.max(exhausted.bytes.unwrap_or(0));
                }
                None => {}
            }
        }
        known
    }
}

/// Reservation for a measured peak, in bytes.
#[must_use]
pub fn with_headroom(peak_bytes: u64) -> u64 {
    peak_bytes.saturating_mul(HEADROOM_PERCENT) / 100
}

fn no_larger(exhausted: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    let size = |labels: &BTreeMap<String, String>, name: &str| {
        labels.get(name).and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0)
    };
    SAME.iter().all(|name| exhausted.get(*name) == labels.get(*name))
        && SIZES.iter().all(|name| size(exhausted, name) <= size(labels, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(backend: &str, batch: u64) -> BTreeMap<String, String> {
        let batch = batch.to_string();
        [("model", "m"), ("family", "f"), ("dtype", "d"), ("backend", backend), ("batch", &batch)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn what_ran_out_of_memory_is_known_for_the_same_size_and_larger_ones() {
        let exhausted = |backend, batch, device| Exhausted {
            labels: labels(backend, batch),
            bytes: Some(100),
            device_bytes: device,
        };
        let history = History {
            exhausted: vec![
                exhausted("cuda", 8, Some(24)),
                exhausted("cuda", 32, Some(80)),
                exhausted("cpu", 8, None),
            ],
            ..History::default()
        };
        let known = |backend, batch| history.too_little(&labels(backend, batch), backend != "cpu");
        assert_eq!(known("cuda", 4), TooLittle::default());
        assert_eq!(known("cuda", 8), TooLittle { host_bytes: 0, device_bytes: 24 });
        assert_eq!(known("cuda", 64), TooLittle { host_bytes: 0, device_bytes: 80 });
        assert_eq!(known("rocm", 64), TooLittle::default());
        assert_eq!(known("cpu", 9), TooLittle { host_bytes: 100, device_bytes: 0 });
        // Whoever only names a model in the labels of a test may mean anything by it.
        let bare = BTreeMap::from([("model".to_owned(), "m".to_owned())]);
        let exhausted = Exhausted { labels: bare.clone(), bytes: Some(100), device_bytes: None };
        let history = History { exhausted: vec![exhausted], ..History::default() };
        assert_eq!(history.too_little(&bare, false), TooLittle::default());
    }

    #[test]
    fn what_differs_in_any_size_or_parameter_is_not_known() {
        let with = |name: &str, value: &str| {
            let mut labels = labels("cpu", 1);
            labels.insert(name.to_owned(), value.to_owned());
            labels
        };
        for name in SIZES {
            let exhausted = Exhausted { labels: with(name, "9.5"), ..Exhausted::default() };
            assert!(no_larger(&exhausted.labels, &with(name, "10")), "{name}");
            assert!(!no_larger(&exhausted.labels, &with(name, "9")), "{name}");
        }
        assert!(!no_larger(&with("parameters", "frames=16"), &with("parameters", "frames=8")));
        assert!(!no_larger(&with("parameters", "frames=16"), &labels("cpu", 1)));
    }
}
