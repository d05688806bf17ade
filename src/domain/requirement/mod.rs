//! The requirement of a test, and the reasons why a worker does not meet it.

pub mod unmet;

use crate::domain::accelerator::Accelerator;
use crate::domain::accelerator::Backend;
use crate::domain::accelerator::Vendor;
use crate::domain::capability::Capability;
use crate::domain::held_weights::{HeldWeights, WeightsNeed};
use crate::domain::id::WorkerId;
use crate::domain::tag::{REMOTE_CODE, Tag};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// Maximum number of workers that are named with what they lack, for one requirement that no worker
/// meets.
pub const MAX_MISSES: usize = 5;

/// The resources that a test requires. Tests with equal requirements share a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The back-end; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// CPU, in thousandths of a core.
    #[serde(default = "default_cpu_milli")]
    pub cpu_milli: u64,
    #[serde(default)]
    pub memory_bytes: u64,
    /// Number of devices that the test holds while it runs.
    #[serde(default)]
    pub accelerators: u16,
    /// Memory that the test needs on each of them.
    #[serde(default)]
    pub accelerator_memory_bytes: u64,
    /// The test shares its devices with other tests that allow sharing, as long as their memory fits.
    #[serde(default)]
    pub share_accelerator: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Vendor>,
    /// Minimum device architecture: CUDA compute capability (`8.0`) or AMD target (`gfx90a`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_architecture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
    /// The only worker that may run the test; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// The weights that the test needs at its worker; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsNeed>,
}

fn default_cpu_milli() -> u64 {
    1000
}

impl Default for Requirement {
    fn default() -> Self {
        Self {
            backend: None,
            cpu_milli: default_cpu_milli(),
            memory_bytes: 0,
            accelerators: 0,
            accelerator_memory_bytes: 0,
            share_accelerator: false,
            vendor: None,
            min_architecture: None,
            os: None,
            arch: None,
            tags: BTreeSet::new(),
            worker: None,
            weights: None,
        }
    }
}

/// The parts of a requirement that a worker does not meet. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacks {
    /// The first unmet part, in the order of [`Mismatch`]. The earlier it is in this order, the less
    /// suitable is the worker.
    #[serde(flatten)]
    pub first: Mismatch,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Mismatch>,
}

impl Lacks {
    /// Orders the most suitable worker first: the one whose first unmet part is later in the order, then
    /// the one with fewer unmet parts.
    #[must_use]
    pub fn nearest_first(&self, other: &Self) -> Ordering {
        let by_first = other.first.cmp(&self.first);
        by_first.then(self.also.len().cmp(&other.also.len()))
    }
}

impl From<Mismatch> for Lacks {
    fn from(first: Mismatch) -> Self {
        Self { first, also: Vec::new() }
    }
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.also.iter().try_for_each(|more| write!(f, " and {more}"))
    }
}

/// One part of a requirement that a worker does not meet, with the required and the available amount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mismatch {
    Worker {
        need: WorkerId,
    },
    Os {
        need: String,
        have: String,
    },
    Arch {
        need: String,
        have: String,
    },
    Tag {
        need: Tag,
    },
    Backend {
        need: Backend,
        have: Vec<Backend>,
    },
    CpuMilli {
        need: u64,
        have: u64,
    },
    MemoryBytes {
        need: u64,
        have: u64,
    },
    Accelerators {
        need: u16,
        have: u16,
    },
    Vendor {
        need: Vendor,
    },
    Architecture {
        need: String,
        best: String,
    },
    AcceleratorMemoryBytes {
        need: u64,
        best: u64,
    },
    /// The detection of some devices of the worker failed. One of them might be the missing one.
    Undetected {
        error: String,
    },
    /// The worker does not have the weights, and its cache is smaller than they are.
    WeightsBytes {
        need: u64,
        have: u64,
    },
    /// The worker meets the requirement but takes no new tests.
    Unavailable {
        state: String,
    },
    /// The worker meets the requirement, but the last attempt of the test failed there because of the
    /// infrastructure.
    Avoided,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: &u64| *bytes as f64 / f64::from(1u32 << 30);
        let cores = |milli: &u64| *milli as f64 / 1000.0;
        match self {
            Self::Worker { need } => write!(f, "is not {need}, the only worker that may run it"),
            Self::Os { need, have } => write!(f, "needs {need}, runs {have}"),
            Self::Arch { need, have } => write!(f, "needs a {need} processor, has {have}"),
            Self::Tag { need } if need.as_str() == REMOTE_CODE => {
                f.write_str("does not run code that comes with a model (--allow-remote-code)")
            }
            Self::Tag { need } => write!(f, "lacks the tag {need}"),
            Self::Backend { need, have } => {
                let have: Vec<_> = have.iter().map(Backend::name).collect();
                write!(f, "needs {need}, has {}", have.join(", "))
            }
            Self::CpuMilli { need, have } => {
                write!(f, "needs {} cores, has {}", cores(need), cores(have))
            }
            Self::MemoryBytes { need, have } => {
                write!(f, "needs {:.1} GiB of memory, has {:.1}", gib(need), gib(have))
            }
            Self::Accelerators { need, have } => {
                write!(f, "needs {need} accelerators, has {have} that fit")
            }
            Self::Vendor { need } => write!(f, "has no {need} device"),
            Self::Architecture { need, best } => {
                let best = if best.is_empty() { "unknown" } else { best };
                write!(f, "needs architecture {need} or newer, best is {best}")
            }
            Self::AcceleratorMemoryBytes { need, best: 0 } => {
                write!(f, "needs {:.1} GiB of accelerator memory, best is unknown", gib(need))
            }
            Self::AcceleratorMemoryBytes { need, best } => write!(
                f,
                "needs {:.1} GiB of accelerator memory, best has {:.1}",
                gib(need),
                gib(best)
            ),
            Self::Undetected { error } => write!(f, "{error}"),
            Self::WeightsBytes { need, have } => write!(
                f,
                "needs {:.1} GiB for weights, its cache has room for {:.1}",
                gib(need),
                gib(have)
            ),
            Self::Unavailable { state } => write!(f, "would fit, but is {state}"),
            Self::Avoided => write!(f, "would fit, but the last attempt was lost there"),
        }
    }
}

impl Requirement {
    /// Checks that this worker may run the test, whatever its capability is.
    ///
    /// # Errors
    /// The test is for another worker.
    pub fn allows(&self, worker: WorkerId) -> Result<(), Mismatch> {
        match self.worker {
            Some(need) if need != worker => Err(Mismatch::Worker { need }),
            _ => Ok(()),
        }
    }

    /// Checks whether a worker could have the weights of the test: it has them, or its cache has room
    /// for them. Unknown sizes are not a reason to refuse.
    ///
    /// # Errors
    /// The cache is too small.
    pub fn weights_met_by(&self, worker: &HeldWeights) -> Result<(), Mismatch> {
        let Some(WeightsNeed { key, size_bytes: Some(need) }) = &self.weights else {
            return Ok(());
        };
        match worker.capacity_bytes {
            Some(have) if *need > have && !worker.keys.contains(key) => {
                Err(Mismatch::WeightsBytes { need: *need, have })
            }
            _ => Ok(()),
        }
    }

    /// Checks whether a worker with this capability could run the test if it ran no other tests.
    ///
    /// # Errors
    /// All parts of the requirement that the worker does not meet.
    pub fn met_by(&self, offer: &Capability) -> Result<(), Lacks> {
        let mut misses = self.misses(offer).into_iter();
        match misses.next() {
            Some(first) => Err(Lacks { first, also: misses.collect() }),
            None => Ok(()),
        }
    }

    /// The unmet parts in the order of [`Mismatch`]. Allocates only if there is one.
    fn misses(&self, offer: &Capability) -> Vec<Mismatch> {
        let mut misses = Vec::new();
        let os = check_equal(self.os.as_deref(), &offer.os);
        misses.extend(os.err().map(|(need, have)| Mismatch::Os { need, have }));
        let arch = check_equal(self.arch.as_deref(), &offer.arch);
        misses.extend(arch.err().map(|(need, have)| Mismatch::Arch { need, have }));
        let tags = self.tags.difference(&offer.tags);
        misses.extend(tags.map(|need| Mismatch::Tag { need: need.clone() }));
        let backend = self.backend.filter(|need| !offer.backends.contains(need));
        let have = || offer.backends.iter().copied().collect();
        misses.extend(backend.map(|need| Mismatch::Backend { need, have: have() }));
        if self.cpu_milli > offer.cpu_milli {
            misses.push(Mismatch::CpuMilli { need: self.cpu_milli, have: offer.cpu_milli });
        }
        let (need, have) = (self.memory_bytes, offer.memory_bytes);
        if need > have {
            misses.push(Mismatch::MemoryBytes { need, have });
        }
        // A worker without the back-end has none of its devices, so they are not reported as well.
        let devices = if backend.is_none() {
            self.accelerators_met_by(&offer.accelerators).err()
        } else {
            None
        };
        if backend.is_some() || devices.is_some() {
            misses.extend(devices);
            let errors = offer.detection_errors.iter().cloned();
            misses.extend(errors.map(|error| Mismatch::Undetected { error }));
        }
        misses
    }

    fn accelerators_met_by(&self, offered: &[Accelerator]) -> Result<(), Mismatch> {
        if self.accelerators == 0 {
            return Ok(());
        }
        let usable = || offered.iter().filter(|device| self.uses(device));
        if let Some(need) = self.vendor
            && !usable().any(|device| device.vendor == need)
        {
            return Err(Mismatch::Vendor { need });
        }
        let of_vendor = || usable().filter(|d| self.vendor.is_none_or(|v| v == d.vendor));
        if let Some(need) = &self.min_architecture
            && !of_vendor().any(|device| at_least(&device.architecture, need))
        {
            let known = of_vendor().map(|d| &d.architecture).filter(|known| !known.is_empty());
            let newer = |a: &&String, b: &&String| at_least(a, b).cmp(&at_least(b, a));
            let best = known.max_by(newer).cloned().unwrap_or_default();
            return Err(Mismatch::Architecture { need: need.clone(), best });
        }
        let need = self.accelerator_memory_bytes;
        // A device of unknown memory may have enough.
        let fits = |device: &Accelerator| device.memory().is_none_or(|bytes| need <= bytes);
        if !of_vendor().any(fits) && of_vendor().next().is_some() {
            let best = of_vendor().map(|device| device.memory_bytes).max().unwrap_or(0);
            return Err(Mismatch::AcceleratorMemoryBytes { need, best });
        }
        let have = offered.iter().filter(|device| self.fits_device(device)).count();
        let have = u16::try_from(have).unwrap_or(u16::MAX);
        if have < self.accelerators {
            return Err(Mismatch::Accelerators { need: self.accelerators, have });
        }
        Ok(())
    }

    fn uses(&self, device: &Accelerator) -> bool {
        self.backend.is_none_or(|backend| device.offers(backend))
    }

    /// Whether the test could use this device if it were free.
    #[must_use]
    pub fn fits_device(&self, device: &Accelerator) -> bool {
        self.uses(device)
            && self.vendor.is_none_or(|vendor| vendor == device.vendor)
            && self
                .min_architecture
                .as_ref()
                .is_none_or(|need| at_least(&device.architecture, need))
            && device.memory().is_none_or(|bytes| self.accelerator_memory_bytes <= bytes)
    }
}

fn check_equal(need: Option<&str>, have: &str) -> Result<(), (String, String)> {
    match need {
        Some(need) if need != have => Err((need.to_owned(), have.to_owned())),
        _ => Ok(()),
    }
}

/// Whether an architecture is at least another one of the same vendor. CUDA compute capabilities such
/// as `8.6` are compared by number, AMD targets such as `gfx90a` as hexadecimal numbers. Architectures
/// of different vendors are not comparable, so the result is false.
fn at_least(have: &str, need: &str) -> bool {
    let amd = |text: &str| {
        let digits = text.strip_prefix("gfx")?;
        // The last two digits are the minor number and the stepping; those before are the major number.
        let split = digits.len().checked_sub(2)?;
        let major: u32 = digits.get(..split)?.parse().ok()?;
        let rest = u32::from_str_radix(digits.get(split..)?, 16).ok()?;
        Some((major, rest))
    };
    let dotted = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    match (amd(have), amd(need), dotted(have), dotted(need)) {
        (Some(have), Some(need), _, _) | (_, _, Some(have), Some(need)) => have >= need,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Capability {
        Capability {
            os: "linux".into(),
            arch: "x86_64".into(),
            container: String::new(),
            cpu_model: String::new(),
            cpu_milli: 8000,
            memory_bytes: 32 << 30,
            slots: 8,
            backends: [Backend::CPU, Backend::CUDA].into(),
            accelerators: vec![Accelerator {
                uuid: "GPU-1".into(),
                architecture: "8.9".into(),
                memory_bytes: 46 << 30,
                ..Accelerator::new(0, Vendor::NVIDIA, "L40S").with_backend(Backend::CUDA)
            }],
            tags: ["lab".parse().expect("a tag")].into(),
            unusable: Vec::new(),
            detection_errors: Vec::new(),
        }
    }

    fn cuda() -> Requirement {
        Requirement { backend: Some(Backend::CUDA), accelerators: 1, ..Requirement::default() }
    }

    #[test]
    fn a_suitable_worker_meets_the_requirement() {
        assert_eq!(Requirement::default().met_by(&offer()), Ok(()));
        assert_eq!(cuda().met_by(&offer()), Ok(()));
    }

    #[test]
    fn each_unmet_part_is_named_with_both_amounts() {
        let lacks = |requirement: Requirement| requirement.met_by(&offer()).expect_err("a lack");
        let rocm = Requirement { backend: Some(Backend::ROCM), ..cuda() };
        assert_eq!(lacks(rocm).to_string(), "needs rocm, has cpu, cuda");
        let big = Requirement { accelerator_memory_bytes: 80 << 30, ..cuda() };
        assert_eq!(lacks(big).to_string(), "needs 80.0 GiB of accelerator memory, best has 46.0");
        let hopper = Requirement { min_architecture: Some("9.0".into()), ..cuda() };
        assert_eq!(lacks(hopper).to_string(), "needs architecture 9.0 or newer, best is 8.9");
        let two = Requirement { accelerators: 2, ..cuda() };
        assert_eq!(lacks(two).first, Mismatch::Accelerators { need: 2, have: 1 });
        let tag = Requirement { tags: ["prod".parse().expect("a tag")].into(), ..cuda() };
        assert_eq!(lacks(tag).to_string(), "lacks the tag prod");
        let code = Requirement { tags: [Tag::remote_code()].into(), ..cuda() };
        let refused = "does not run code that comes with a model (--allow-remote-code)";
        assert_eq!(lacks(code).to_string(), refused);
        let tags = ["moon", "prod"].map(|tag| tag.parse().expect("a tag")).into();
        let much = Requirement { tags, memory_bytes: 64 << 30, ..cuda() };
        let much = Requirement { backend: Some(Backend::ROCM), ..much };
        let text = "lacks the tag moon and lacks the tag prod and needs rocm, has cpu, cuda \
                    and needs 64.0 GiB of memory, has 32.0";
        assert_eq!(lacks(much.clone()).to_string(), text);
        let json = serde_json::to_value(lacks(much.clone())).expect("JSON");
        assert_eq!((&json["kind"], &json["also"][1]["kind"]), (&"tag".into(), &"backend".into()));
        let less = Requirement { memory_bytes: 0, ..much.clone() };
        assert_eq!(lacks(less).nearest_first(&lacks(much)), Ordering::Less);
        let back: Lacks = serde_json::from_value(json).expect("the same");
        assert_eq!(back.to_string(), text);
    }

    #[test]
    fn what_is_unknown_of_a_device_is_neither_nothing_nor_enough() {
        let mut offer = offer();
        offer.accelerators[0].memory_bytes = 0;
        let big = Requirement { accelerator_memory_bytes: 80 << 30, ..cuda() };
        assert_eq!(big.met_by(&offer), Ok(()));
        assert!(big.fits_device(&offer.accelerators[0]));
        offer.accelerators[0].architecture = String::new();
        let hopper = Requirement { min_architecture: Some("9.0".into()), ..cuda() };
        let lacks = hopper.met_by(&offer).expect_err("not known to be new enough");
        assert_eq!(lacks.to_string(), "needs architecture 9.0 or newer, best is unknown");
        let newer = Accelerator { architecture: "10.0".into(), ..offer.accelerators[0].clone() };
        let older = Accelerator { architecture: "9.0".into(), ..newer.clone() };
        offer.accelerators.extend([older, newer]);
        let newest = Requirement { min_architecture: Some("12.0".into()), ..cuda() };
        let lacks = newest.met_by(&offer).expect_err("too old");
        assert_eq!(lacks.to_string(), "needs architecture 12.0 or newer, best is 10.0");
    }

    #[test]
    fn a_failed_detection_is_named_if_a_device_is_missing() {
        let error = "cannot detect AMD devices: rocm-smi ended by signal 11";
        let offer = Capability { detection_errors: vec![error.into()], ..offer() };
        let rocm = Requirement { backend: Some(Backend::ROCM), ..cuda() };
        let lacks = rocm.met_by(&offer).expect_err("a lack");
        assert_eq!(lacks.to_string(), format!("needs rocm, has cpu, cuda and {error}"));
        let two = Requirement { accelerators: 2, ..cuda() };
        let lacks = two.met_by(&offer).expect_err("a lack");
        assert_eq!(lacks.also, [Mismatch::Undetected { error: error.into() }]);
        assert_eq!(cuda().met_by(&offer), Ok(()));
    }

    #[test]
    fn architectures_compare_by_number_within_one_vendor() {
        assert!(at_least("10.0", "9.0"));
        assert!(!at_least("8.9", "9.0"));
        assert!(at_least("gfx942", "gfx90a"));
        assert!(at_least("gfx1100", "gfx942"));
        assert!(!at_least("gfx908", "gfx90a"));
        assert!(!at_least("gfx942", "9.0"));
        assert!(!at_least("", "7.0"));
    }
}
