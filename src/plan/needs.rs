//! What one generated test reserves: estimated, or learned from what it took before.

use crate::domain::accelerator::Backend;
use crate::domain::time::Millis;
use crate::plan::estimate::Estimate;
use crate::plan::history::{Past, TooLittle, with_headroom};
use crate::plan::settings::Settings;

/// Reservations are rounded up to a multiple of this, so that similar tests share a queue.
const STEP_BYTES: u64 = 256 << 20;

/// What is known of one test before it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub estimate: Option<Estimate>,
    pub past: Option<Past>,
    /// Memory on which the same, or less, has failed for want of it.
    pub too_little: TooLittle,
}

impl Known {
    /// Fills in what the plan leaves open. Memory: the measured peak and a little more, else
    /// what the estimate has at most, and in any case more than what was too little. Time:
    /// the measured median; an estimate is too wide to decide what is handed out ahead.
    pub fn fill(&self, backend: Backend, settings: &mut Settings) {
        let on_device = backend.needs_accelerator();
        let host = self.host_bytes(on_device);
        let device = self.device_bytes(on_device);
        if host > 0 {
            settings.requires.memory_bytes.get_or_insert(round_up(host));
        }
        if device > 0 {
            settings.requires.accelerator_memory_bytes.get_or_insert(round_up(device));
        }
        let median = self.past.as_ref().and_then(|past| past.median_ms).map(Millis);
        settings.expected = settings.expected.or(median);
    }

    /// Expected time in milliseconds: measured, else estimated.
    #[must_use]
    pub fn expected_ms(&self) -> Option<u64> {
        let median = self.past.as_ref().and_then(|past| past.median_ms);
        median.or(self.estimate.map(|estimate| estimate.time.likely))
    }

    fn host_bytes(&self, on_device: bool) -> u64 {
        let estimated = self.estimate.map_or(0, |estimate| estimate.host.high);
        let peak = self.past.as_ref().and_then(|past| past.peak_bytes);
        let needed = peak.map_or(estimated, with_headroom);
        if on_device { needed } else { above(needed, self.too_little.host_bytes) }
    }

    fn device_bytes(&self, on_device: bool) -> u64 {
        if !on_device {
            return 0;
        }
        let (estimated, context) =
            self.estimate.map_or((0, 0), |e| (e.device.high, e.context.high));
        // Tensors are what was measured; what the driver takes beside them was not.
        let peak = self.past.as_ref().and_then(|past| past.peak_device_bytes);
        let learned = peak.filter(|peak| *peak > 0);
        let needed = learned.map_or(estimated, |peak| with_headroom(peak).saturating_add(context));
        above(needed, self.too_little.device_bytes)
    }
}

/// More than what was known to be too little.
fn above(bytes: u64, too_little: u64) -> u64 {
    if too_little == 0 { bytes } else { bytes.max(too_little.saturating_add(1)) }
}

fn round_up(bytes: u64) -> u64 {
    bytes.div_ceil(STEP_BYTES).saturating_mul(STEP_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::estimate::Range;

    const MIB: u64 = 1 << 20;

    fn filled(backend: Backend, known: &Known) -> (Option<u64>, Option<u64>, Option<Millis>) {
        let mut settings = Settings::default();
        known.fill(backend, &mut settings);
        let needs = settings.requires;
        let mib = |bytes: Option<u64>| bytes.map(|bytes| bytes / MIB);
        (mib(needs.memory_bytes), mib(needs.accelerator_memory_bytes), settings.expected)
    }

    fn estimate() -> Estimate {
        let range = |high: u64| Range { low: 0, likely: high / 2, high };
        let nothing = Range::default();
        Estimate {
            parameters: 1,
            exact: true,
            weights: nothing,
            cache: nothing,
            activations: nothing,
            logits: nothing,
            context: range(512 * MIB),
            device: range(2000 * MIB),
            host: range(1000 * MIB),
            disk: nothing,
            time: range(60_000),
        }
    }

    #[test]
    fn an_estimate_is_reserved_until_something_was_measured() {
        let mut known = Known { estimate: Some(estimate()), ..Known::default() };
        assert_eq!(filled(Backend::Cpu, &known), (Some(1024), None, None));
        assert_eq!(filled(Backend::Cuda, &known), (Some(1024), Some(2048), None));
        assert_eq!(known.expected_ms(), Some(30_000));
        known.past = Some(Past {
            ended: 3,
            median_ms: Some(1234),
            peak_bytes: Some(400 * MIB),
            peak_device_bytes: Some(100 * MIB),
            ..Past::default()
        });
        let expected = (Some(512), Some(768), Some(Millis(1234)));
        assert_eq!(filled(Backend::Cuda, &known), expected);
        assert_eq!(known.expected_ms(), Some(1234));
    }

    #[test]
    fn what_did_not_suffice_is_not_tried_again() {
        let too_little = TooLittle { host_bytes: 8192 * MIB, device_bytes: 24_576 * MIB };
        let known = Known { estimate: Some(estimate()), too_little, ..Known::default() };
        assert_eq!(filled(Backend::Cuda, &known), (Some(1024), Some(24_832), None));
        assert_eq!(filled(Backend::Cpu, &known), (Some(8448), None, None));
    }

    #[test]
    fn what_the_plan_says_stays() {
        let mut settings = Settings::default();
        settings.requires.memory_bytes = Some(7);
        settings.expected = Some(Millis(9));
        Known { estimate: Some(estimate()), ..Known::default() }.fill(Backend::Cpu, &mut settings);
        assert_eq!((settings.requires.memory_bytes, settings.expected), (Some(7), Some(Millis(9))));
    }
}
