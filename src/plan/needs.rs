//! The memory that a test reserves, and its expected time: measured in earlier runs, or else
//! estimated. If the test or a smaller one ran out of memory before, more than that is reserved,
//! even if the plan specifies less.

use crate::backends::Table;
use crate::domain::time::Millis;
use crate::models::estimate::Estimate;
use crate::plan::history::{History, Past, TooLittle, with_headroom};
use crate::plan::settings::{Requires, Settings};

/// Reservations are multiples of this number of bytes, so that similar tests share a queue.
const STEP_BYTES: u64 = 256 << 20;

/// Facts about a test that are known before it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub estimate: Option<Estimate>,
    pub past: Option<Past>,
    /// Memory with which the test or a smaller one ran out of memory.
    pub too_little: TooLittle,
    /// Whether more is reserved because of `too_little`.
    pub raised: bool,
}

impl Known {
    /// Fills in values that the plan does not specify. Memory is the measured peak with a margin,
    /// or else the upper bound of the estimate. The expected time is the measured median; an
    /// estimate is too imprecise for leases ahead. `on_device`: the test holds a device.
    pub fn fill(&mut self, on_device: bool, settings: &mut Settings) {
        let needs = &mut settings.requires;
        let device = if on_device { self.device_bytes() } else { 0 };
        for (asked, bytes) in [
            (&mut needs.memory_bytes, self.host_bytes()),
            (&mut needs.accelerator_memory_bytes, device),
        ] {
            if bytes > 0 {
                asked.get_or_insert(round_up(bytes));
            }
        }
        self.raised = raise(needs, self.too_little);
        let median = self.past.as_ref().and_then(|past| past.median_ms).map(Millis);
        settings.expected = settings.expected.or(median);
    }

    /// Expected time in milliseconds: measured, else estimated.
    #[must_use]
    pub fn expected_ms(&self) -> Option<u64> {
        let median = self.past.as_ref().and_then(|past| past.median_ms);
        median.or(self.estimate.map(|estimate| estimate.time.likely))
    }

    fn host_bytes(&self) -> u64 {
        let estimated = self.estimate.map_or(0, |estimate| estimate.host.high);
        let peak = self.past.as_ref().and_then(|past| past.peak_bytes);
        peak.map_or(estimated, with_headroom)
    }

    fn device_bytes(&self) -> u64 {
        let (estimated, context) =
            self.estimate.map_or((0, 0), |e| (e.device.high, e.context.high));
        // Only tensors were measured, not the memory of the driver.
        let peak = self.past.as_ref().and_then(|past| past.peak_device_bytes);
        let learned = peak.filter(|peak| *peak > 0);
        learned.map_or(estimated, |peak| with_headroom(peak).saturating_add(context))
    }
}

/// Applies the history to a test that is written out in a plan: the measured median, if the plan
/// does not specify the expected time, and attempts that ran out of memory. Returns whether more
/// memory is reserved than the plan specifies.
pub fn learn_planned(
    name: &str,
    settings: &mut Settings,
    history: &History,
    table: &Table,
) -> bool {
    let median = history.past(name).and_then(|past| past.median_ms).map(Millis);
    settings.expected = settings.expected.or(median);
    let on_device = settings.requires.backend.is_some_and(|backend| table.needs_device(backend));
    raise(&mut settings.requires, history.too_little(&settings.labels, on_device))
}

/// Reserves more than was too little. Returns whether this changed anything.
fn raise(needs: &mut Requires, too_little: TooLittle) -> bool {
    let mut raised = false;
    for (asked, known) in [
        (&mut needs.memory_bytes, too_little.host_bytes),
        (&mut needs.accelerator_memory_bytes, too_little.device_bytes),
    ] {
        if known > 0 && asked.unwrap_or(0) <= known {
            *asked = Some(round_up(known.saturating_add(1)));
            raised = true;
        }
    }
    raised
}

/// Note on tests for which more memory is reserved.
pub fn note<'a>(mut raised: impl Iterator<Item = &'a str>) -> Option<String> {
    let first = raised.next()?;
    let more = match raised.count() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(format!(
        "{first}{more}: more memory is required than planned, because this or a smaller size \
         ran out of memory before"
    ))
}

fn round_up(bytes: u64) -> u64 {
    bytes.div_ceil(STEP_BYTES).saturating_mul(STEP_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::estimate::Range;

    const MIB: u64 = 1 << 20;

    fn filled(on_device: bool, known: &mut Known) -> (Option<u64>, Option<u64>, Option<Millis>) {
        let mut settings = Settings::default();
        known.fill(on_device, &mut settings);
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
        assert_eq!(filled(false, &mut known), (Some(1024), None, None));
        assert_eq!(filled(true, &mut known), (Some(1024), Some(2048), None));
        assert_eq!(known.expected_ms(), Some(30_000));
        known.past = Some(Past {
            ended: 3,
            median_ms: Some(1234),
            peak_bytes: Some(400 * MIB),
            peak_device_bytes: Some(100 * MIB),
            ..Past::default()
        });
        let expected = (Some(512), Some(768), Some(Millis(1234)));
        assert_eq!(filled(true, &mut known), expected);
        assert_eq!(known.expected_ms(), Some(1234));
    }

    #[test]
    fn what_did_not_suffice_is_not_tried_again() {
        let on_device = TooLittle { host_bytes: 0, device_bytes: 24_576 * MIB };
        let on_host = TooLittle { host_bytes: 8192 * MIB, device_bytes: 0 };
        let known =
            |too_little| Known { estimate: Some(estimate()), too_little, ..Known::default() };
        let mut cuda = known(on_device);
        assert_eq!(filled(true, &mut cuda), (Some(1024), Some(24_832), None));
        let mut cpu = known(on_host);
        assert_eq!(filled(false, &mut cpu), (Some(8448), None, None));
        assert!(cuda.raised && cpu.raised);
    }

    #[test]
    fn what_the_plan_says_is_raised_above_what_did_not_suffice() {
        let mut known = Known {
            estimate: Some(estimate()),
            too_little: TooLittle { host_bytes: 8192 * MIB, device_bytes: 0 },
            ..Known::default()
        };
        for (given, required) in
            [(7, 8448 * MIB), (8192 * MIB, 8448 * MIB), (9000 * MIB, 9000 * MIB)]
        {
            let mut settings = Settings::default();
            settings.requires.memory_bytes = Some(given);
            known.fill(false, &mut settings);
            assert_eq!(settings.requires.memory_bytes, Some(required));
            assert_eq!(known.raised, given != required);
        }
        let noted = |names: &[&str]| note(names.iter().copied()).unwrap_or_default();
        assert_eq!(noted(&[]), "");
        assert!(
            noted(&["a"]).starts_with("a: more") && noted(&["a", "b"]).starts_with("a and 1 more:")
        );
    }

    #[test]
    fn what_the_plan_says_stays() {
        let mut settings = Settings::default();
        settings.requires.memory_bytes = Some(7);
        settings.expected = Some(Millis(9));
        let mut known = Known { estimate: Some(estimate()), ..Known::default() };
        known.fill(false, &mut settings);
        assert!(!known.raised);
        assert_eq!((settings.requires.memory_bytes, settings.expected), (Some(7), Some(Millis(9))));
    }
}
