//! The reports of runtimes about the devices of this worker, and the consequence for its offer. Pure.

use crate::backends::Table;
use crate::domain::accelerator::{Accelerator, Backend, DeviceState, Proof};
use crate::domain::capability::{Capability, MAX_DETECTION_ERROR_BYTES, MAX_DETECTION_ERRORS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer of a runtime about one back-end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Answer {
    /// The library works on the device.
    Found { library: String, name: String },
    /// The library works, but finds no device.
    Missing { reason: String },
    /// The library cannot be used.
    Broken { reason: String },
    /// The environment has no library for the back-end, which proves nothing.
    Absent { reason: String },
}

impl Answer {
    /// Why the back-end was not found.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Found { .. } => None,
            Self::Missing { reason } | Self::Broken { reason } | Self::Absent { reason } => {
                Some(reason)
            }
        }
    }
}

/// A back-end on a device with its driver; without a device for back-ends that hold none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    pub backend: Backend,
    pub device: Option<(String, String)>,
}

impl Claim {
    pub fn on(device: &Accelerator, backend: Backend) -> Self {
        Self { backend, device: Some((device.id(), device.driver.clone())) }
    }

    pub fn without_device(backend: Backend) -> Self {
        Self { backend, device: None }
    }
}

/// The conclusion for each claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<Claim, Conclusion>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Conclusion {
    Proven,
    /// No environment that tests use finds the device. The text is the reason.
    Refuted(String),
}

impl Findings {
    /// Adds the answer of one environment. A claim that any environment proves is proven; it is
    /// refuted only by one that tests use, because nothing depends on a forgotten one. A library that
    /// cannot be used proves nothing about the device.
    pub fn add(&mut self, claim: Claim, answer: &Answer, tests_use_it: bool) {
        match answer {
            Answer::Found { .. } => {
                self.0.insert(claim, Conclusion::Proven);
            }
            Answer::Missing { reason } if tests_use_it => {
                self.0.entry(claim).or_insert_with(|| Conclusion::Refuted(reason.clone()));
            }
            Answer::Missing { .. } | Answer::Broken { .. } | Answer::Absent { .. } => {}
        }
    }

    pub fn is_proven(&self, claim: &Claim) -> bool {
        self.0.get(claim) == Some(&Conclusion::Proven)
    }

    /// Whether a back-end is proven, on any device or without one.
    pub fn has_proven(&self, backend: Backend) -> bool {
        let is_own = |(claim, conclusion): (&Claim, &Conclusion)| {
            claim.backend == backend && *conclusion == Conclusion::Proven
        };
        self.0.iter().any(is_own)
    }

    /// Raises the claims that are proven, and withdraws those that are refuted: a device without
    /// any other back-end becomes degraded.
    pub fn apply(&self, table: &Table, capability: &mut Capability) {
        for device in &mut capability.accelerators {
            let mut reasons = Vec::new();
            for backend in device.backends.keys().copied().collect::<Vec<_>>() {
                let proof = match self.0.get(&Claim::on(device, backend)) {
                    None => continue,
                    Some(Conclusion::Proven) => Proof::Runtime,
                    Some(Conclusion::Refuted(reason)) => {
                        reasons.push(format!("{backend}: {reason}"));
                        Proof::Hardware
                    }
                };
                device.backends.insert(backend, proof);
            }
            if reasons.is_empty() {
                continue;
            }
            let reason = bounded(&reasons.join("; "));
            if device.offered().next().is_none() {
                device.state = DeviceState::Degraded;
                device.reason.clone_from(&reason);
            }
            if capability.detection_errors.len() < MAX_DETECTION_ERRORS {
                let model = &device.model;
                capability.detection_errors.push(bounded(&format!("{model}: {reason}")));
            }
        }
        let (usable, degraded) = std::mem::take(&mut capability.accelerators)
            .into_iter()
            .partition(|device| device.state == DeviceState::Ok);
        capability.accelerators = usable;
        capability.unusable.extend::<Vec<_>>(degraded);
        let offered: Vec<Backend> =
            capability.accelerators.iter().flat_map(Accelerator::offered).collect();
        capability
            .backends
            .retain(|backend| offered.contains(backend) || !table.needs_device(*backend));
        for (claim, conclusion) in &self.0 {
            if claim.device.is_none() && *conclusion == Conclusion::Proven {
                capability.backends.insert(claim.backend);
            }
        }
        capability.backends.extend(offered);
    }
}

/// Shortens a text to the form that a capability accepts.
fn bounded(text: &str) -> String {
    let mut text: String = text.replace(char::is_control, " ");
    text.truncate(text.floor_char_boundary(MAX_DETECTION_ERROR_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::Vendor;

    fn capability(devices: Vec<Accelerator>) -> Capability {
        let backends: Vec<&str> = vec!["cpu", "cuda"];
        let value = serde_json::json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 1000, "memory_bytes": 1, "slots": 1,
            "backends": backends, "accelerators": devices,
        });
        serde_json::from_value(value).expect("a capability")
    }

    fn card(uuid: &str, driver: &str) -> Accelerator {
        let mut card = Accelerator::new(0, Vendor::NVIDIA, "L4").with_backend(Backend::CUDA);
        (card.uuid, card.driver) = (uuid.to_owned(), driver.to_owned());
        card
    }

    fn found() -> Answer {
        Answer::Found { library: "torch 2.9".to_owned(), name: "L4".to_owned() }
    }

    fn missing() -> Answer {
        Answer::Missing { reason: "torch 2.9 finds no cuda device".to_owned() }
    }

    fn applied(answers: &[(Answer, bool)], card: Accelerator) -> Capability {
        let mut findings = Findings::default();
        let claim = Claim::on(&card, Backend::CUDA);
        for (answer, tests_use_it) in answers {
            findings.add(claim.clone(), answer, *tests_use_it);
        }
        let mut capability = capability(vec![card]);
        findings.apply(Table::built_in(), &mut capability);
        capability.check().expect("a plausible capability");
        capability
    }

    #[test]
    fn a_device_that_a_runtime_finds_is_proven_by_it() {
        let proof = |answers: &[(Answer, bool)]| {
            applied(answers, card("GPU-a", "1")).accelerators[0].backends[&Backend::CUDA]
        };
        assert_eq!(proof(&[]), Proof::Driver);
        assert_eq!(proof(&[(found(), false)]), Proof::Runtime);
        assert_eq!(proof(&[(missing(), true), (found(), false)]), Proof::Runtime);
        assert_eq!(proof(&[(found(), false), (missing(), true)]), Proof::Runtime);
        // A forgotten environment proves nothing, and neither does one without a working library.
        let absent = Answer::Absent { reason: "torch is not built for cuda".to_owned() };
        let broken = Answer::Broken { reason: "libcudart.so.13: cannot open".to_owned() };
        let answers = [(missing(), false), (absent, true), (broken, true)];
        assert_eq!(proof(&answers), Proof::Driver);
    }

    #[test]
    fn a_device_that_no_runtime_finds_is_degraded_with_the_reason() {
        let refuted = applied(&[(missing(), true)], card("GPU-a", "1"));
        assert!(refuted.accelerators.is_empty() && !refuted.backends.contains(&Backend::CUDA));
        assert_eq!(refuted.unusable[0].state, DeviceState::Degraded);
        assert_eq!(refuted.unusable[0].reason, "cuda: torch 2.9 finds no cuda device");
        assert_eq!(refuted.detection_errors, ["L4: cuda: torch 2.9 finds no cuda device"]);
        let xpu = card("GPU-a", "1").with_backend(Backend::XPU);
        let other = applied(&[(missing(), true)], xpu);
        assert!(other.accelerators[0].offered().eq([Backend::XPU]));
        assert!(other.backends.iter().copied().eq([Backend::CPU, Backend::XPU]));
    }

    #[test]
    fn another_driver_or_card_is_not_judged_by_old_answers() {
        let mut findings = Findings::default();
        findings.add(Claim::on(&card("GPU-a", "1"), Backend::CUDA), &missing(), true);
        for other in [card("GPU-a", "2"), card("GPU-b", "1")] {
            let before = capability(vec![other]);
            let mut after = before.clone();
            findings.apply(Table::built_in(), &mut after);
            assert_eq!(after, before);
        }
    }

    #[test]
    fn a_library_without_device_is_offered_when_it_works() {
        let mut findings = Findings::default();
        findings.add(Claim::without_device(Backend::OPENVINO), &found(), false);
        let mut capability = capability(vec![card("GPU-a", "1")]);
        findings.apply(Table::built_in(), &mut capability);
        let expected = [Backend::CPU, Backend::CUDA, Backend::OPENVINO];
        assert!(capability.backends.into_iter().eq(expected));
    }
}
