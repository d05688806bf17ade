//! The speed of a worker in a short benchmark, and how much it varies.
//!
//! The figures compare a worker with itself and with others that ran the same benchmark. The
//! hardware can be faster.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of calibrations that are remembered of a worker: two weeks of daily ones.
pub const MAX_CALIBRATIONS: usize = 14;
/// Maximum number of devices in a calibration.
const MAX_DEVICES: usize = super::MAX_ACCELERATORS;
/// Maximum of a plausible figure, in operations or bytes per second.
const MAX_PER_SECOND: f64 = 1e21;
/// Minimum number of values of which a spread is known.
const MIN_VALUES: usize = 4;

/// One calibration of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Time by the clock of the worker.
    pub measured_at: Timestamp,
    /// Number of CPU threads that measured at the same time.
    pub threads: u32,
    /// Floating-point operations (fp32) of all threads, per second.
    pub compute: Speed,
    /// Bytes that all threads read and wrote in memory, per second.
    pub memory: Speed,
    /// The same of devices, by the id of the device, where a runtime was there to measure it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, DeviceSpeed>,
}

/// The speed of a device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeviceSpeed {
    pub compute: Speed,
    pub memory: Speed,
}

/// The median of several measurements, and their spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    pub per_second: f64,
    /// Interquartile range in proportion to the median.
    pub spread: f64,
}

impl Speed {
    /// `None` for fewer than four values, and for a median that is not positive.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = |percent: usize| (percent * sorted.len()).div_ceil(100).saturating_sub(1);
        let [lower, middle, upper] = [25, 50, 75].map(|percent| sorted.get(rank(percent)));
        let (lower, middle, upper) = (*lower?, *middle?, *upper?);
        let speed = Self { per_second: middle, spread: (upper - lower) / middle };
        (sorted.len() >= MIN_VALUES && speed.is_plausible()).then_some(speed)
    }

    fn is_plausible(&self) -> bool {
        let is_within = |value: f64, most: f64| value.is_finite() && (0.0..=most).contains(&value);
        self.per_second > 0.0
            && is_within(self.per_second, MAX_PER_SECOND)
            && is_within(self.spread, 1e6)
    }
}

impl Calibration {
    /// Whether the values can be those of a machine. The report of a worker is not trusted.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let devices = self.devices.iter();
        self.compute.is_plausible()
            && self.memory.is_plausible()
            && self.devices.len() <= MAX_DEVICES
            && devices.into_iter().all(|(id, speed)| {
                id.len() <= 2 * super::MAX_NAME_BYTES
                    && speed.compute.is_plausible()
                    && speed.memory.is_plausible()
            })
    }
}

/// The noise of a worker as a proportion: the largest spread of the latest calibration, or of the medians
/// of all remembered ones if that is larger. `None` without a calibration.
#[must_use]
pub fn noise<'a>(history: impl IntoIterator<Item = &'a Calibration>) -> Option<f64> {
    let history: Vec<&Calibration> = history.into_iter().collect();
    let last = history.last()?;
    let among = |figure: fn(&Calibration) -> f64| {
        let values: Vec<f64> = history.iter().map(|calibration| figure(calibration)).collect();
        Speed::of(&values).map_or(0.0, |speed| speed.spread)
    };
    let spreads = [
        last.compute.spread,
        last.memory.spread,
        among(|calibration| calibration.compute.per_second),
        among(|calibration| calibration.memory.per_second),
    ];
    Some(spreads.into_iter().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(per_second: f64, spread: f64) -> Calibration {
        let speed = Speed { per_second, spread };
        let (threads, devices) = (1, BTreeMap::new());
        let measured_at = Timestamp(1);
        Calibration { measured_at, threads, compute: speed, memory: speed, devices }
    }

    #[test]
    fn the_spread_needs_four_values() {
        let speed = Speed::of(&[4.0, 1.0, 2.0, 3.0]).expect("a speed");
        assert_eq!(speed, Speed { per_second: 2.0, spread: 1.0 });
        assert_eq!(Speed::of(&[1.0, 2.0, 3.0]), None);
        assert_eq!(Speed::of(&[0.0; 8]), None);
        assert_eq!(Speed::of(&[f64::NAN; 8]), None);
    }

    #[test]
    fn noise_is_within_one_calibration_or_between_several() {
        let quiet = calibration(100.0, 0.02);
        let noisy = calibration(100.0, 0.5);
        assert_eq!(noise([]), None);
        assert_eq!(noise([&noisy, &quiet]), Some(0.02), "the latest one counts");
        assert_eq!(noise([&quiet, &noisy]), Some(0.5));
        // Each is quiet, but they differ.
        let drift = [50.0, 100.0, 150.0, 200.0].map(|speed| calibration(speed, 0.01));
        assert_eq!(noise(&drift), Some(1.0));
    }

    #[test]
    fn implausible_values_are_recognised() {
        assert!(calibration(1e9, 0.1).is_plausible());
        for (per_second, spread) in [(0.0, 0.1), (-1.0, 0.1), (1e22, 0.1), (1.0, f64::NAN)] {
            assert!(!calibration(per_second, spread).is_plausible(), "{per_second} {spread}");
        }
    }
}
