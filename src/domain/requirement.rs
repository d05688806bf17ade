//! What a test needs, and why a worker does not have it.

use crate::domain::accelerator::Accelerator;
use crate::domain::accelerator::Backend;
use crate::domain::accelerator::Vendor;
use crate::domain::capability::Capability;
use crate::domain::tag::Tag;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// Maximum number of workers that are named with what they lack, for one requirement that no worker
/// meets.
pub const MAX_MISSES: usize = 5;

/// Everything that placement looks at. Equal requirements share one queue class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Absent: any back-end will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Thousandths of a core.
    #[serde(default = "default_cpu_milli")]
    pub cpu_milli: u64,
    #[serde(default)]
    pub memory_bytes: u64,
    /// Devices held for the time of the test.
    #[serde(default)]
    pub accelerators: u16,
    /// Memory needed on each of them.
    #[serde(default)]
    pub accelerator_memory_bytes: u64,
    /// The devices may be shared with other tests that allow it, while the sum fits.
    #[serde(default)]
    pub share_accelerator: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Vendor>,
    /// Least device architecture: CUDA compute capability (`8.0`) or an AMD target (`gfx90a`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_architecture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<Tag>,
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
        }
    }
}

/// Everything that a worker lacks, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacks {
    /// The earlier in the list of demands, the further away is the worker.
    #[serde(flatten)]
    pub first: Mismatch,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Mismatch>,
}

impl Lacks {
    /// Orders the nearest worker first: who gets further through the list of demands, then who
    /// lacks fewer things.
    #[must_use]
    pub fn nearest_first(&self, other: &Self) -> Ordering {
        let further = other.first.cmp(&self.first);
        further.then(self.also.len().cmp(&other.also.len()))
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

/// One thing that a worker lacks, with both numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mismatch {
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
    /// The worker could not look for some of its devices; one of them might be the missing one.
    Undetected {
        error: String,
    },
    /// The worker has all of it, but takes no new tests.
    Unavailable {
        state: String,
    },
    /// The worker has all of it; the test just failed there for reasons of the infrastructure.
    Avoided,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: &u64| *bytes as f64 / f64::from(1u32 << 30);
        let cores = |milli: &u64| *milli as f64 / 1000.0;
        match self {
            Self::Os { need, have } => write!(f, "needs {need}, runs {have}"),
            Self::Arch { need, have } => write!(f, "needs a {need} processor, has {have}"),
            Self::Tag { need } => write!(f, "lacks the tag {need}"),
            Self::Backend { need, have } => {
                let have: Vec<_> = have.iter().map(|backend| backend.name()).collect();
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
            Self::Vendor { need } => write!(f, "has no device by {need}"),
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
            Self::Unavailable { state } => write!(f, "would fit, but is {state}"),
            Self::Avoided => write!(f, "would fit, but the last attempt was lost there"),
        }
    }
}

impl Requirement {
    /// Whether the whole, empty worker could run the test.
    ///
    /// # Errors
    /// All that it lacks.
    pub fn met_by(&self, offer: &Capability) -> Result<(), Lacks> {
        let mut misses = self.misses(offer).into_iter();
        match misses.next() {
            Some(first) => Err(Lacks { first, also: misses.collect() }),
            None => Ok(()),
        }
    }

    /// In the order in which they matter. Allocates only for what is missing.
    fn misses(&self, offer: &Capability) -> Vec<Mismatch> {
        let mut misses = Vec::new();
        let os = same_word(self.os.as_deref(), &offer.os);
        misses.extend(os.err().map(|(need, have)| Mismatch::Os { need, have }));
        let arch = same_word(self.arch.as_deref(), &offer.arch);
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
        // Without the back-end it is no news that none of its devices fits.
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
        let driven = || offered.iter().filter(|device| self.drives(device));
        if let Some(need) = self.vendor
            && !driven().any(|device| device.vendor == need)
        {
            return Err(Mismatch::Vendor { need });
        }
        let of_vendor = || driven().filter(|d| self.vendor.is_none_or(|v| v == d.vendor));
        if let Some(need) = &self.min_architecture
            && !of_vendor().any(|device| at_least(&device.architecture, need))
        {
            let known = of_vendor().map(|d| &d.architecture).filter(|known| !known.is_empty());
            let newer = |a: &&String, b: &&String| at_least(a, b).cmp(&at_least(b, a));
            let best = known.max_by(newer).cloned().unwrap_or_default();
            return Err(Mismatch::Architecture { need: need.clone(), best });
        }
        let need = self.accelerator_memory_bytes;
        // Memory that is unknown might be enough.
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

    fn drives(&self, device: &Accelerator) -> bool {
        self.backend.is_none_or(|backend| backend == device.backend)
    }

    /// Whether one device, when free, suits the test.
    #[must_use]
    pub fn fits_device(&self, device: &Accelerator) -> bool {
        self.drives(device)
            && self.vendor.is_none_or(|vendor| vendor == device.vendor)
            && self
                .min_architecture
                .as_ref()
                .is_none_or(|need| at_least(&device.architecture, need))
            && device.memory().is_none_or(|bytes| self.accelerator_memory_bytes <= bytes)
    }
}

fn same_word(need: Option<&str>, have: &str) -> Result<(), (String, String)> {
    match need {
        Some(need) if need != have => Err((need.to_owned(), have.to_owned())),
        _ => Ok(()),
    }
}

/// Compares architectures of one vendor: `8.6` with `8.0` by numbers, `gfx942` with
/// `gfx90a` as hexadecimal after the prefix. Different kinds never compare.
fn at_least(have: &str, need: &str) -> bool {
    let amd = |text: &str| {
        let digits = text.strip_prefix("gfx")?;
        // The last two digits are minor and stepping; what stands before is the major number.
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
            cpu_milli: 8000,
            memory_bytes: 32 << 30,
            slots: 8,
            backends: [Backend::Cpu, Backend::Cuda].into(),
            accelerators: vec![Accelerator {
                index: 0,
                vendor: Vendor::Nvidia,
                model: "L40S".into(),
                uuid: "GPU-1".into(),
                backend: Backend::Cuda,
                architecture: "8.9".into(),
                memory_bytes: 46 << 30,
            }],
            tags: ["lab".parse().expect("a tag")].into(),
            detection_errors: Vec::new(),
        }
    }

    fn cuda() -> Requirement {
        Requirement { backend: Some(Backend::Cuda), accelerators: 1, ..Requirement::default() }
    }

    #[test]
    fn a_fitting_worker_meets() {
        assert_eq!(Requirement::default().met_by(&offer()), Ok(()));
        assert_eq!(cuda().met_by(&offer()), Ok(()));
    }

    #[test]
    fn each_lack_is_named_with_both_numbers() {
        let lacks = |requirement: Requirement| requirement.met_by(&offer()).expect_err("a lack");
        let rocm = Requirement { backend: Some(Backend::Rocm), ..cuda() };
        assert_eq!(lacks(rocm).to_string(), "needs rocm, has cpu, cuda");
        let big = Requirement { accelerator_memory_bytes: 80 << 30, ..cuda() };
        assert_eq!(lacks(big).to_string(), "needs 80.0 GiB of accelerator memory, best has 46.0");
        let hopper = Requirement { min_architecture: Some("9.0".into()), ..cuda() };
        assert_eq!(lacks(hopper).to_string(), "needs architecture 9.0 or newer, best is 8.9");
        let two = Requirement { accelerators: 2, ..cuda() };
        assert_eq!(lacks(two).first, Mismatch::Accelerators { need: 2, have: 1 });
        let tag = Requirement { tags: ["prod".parse().expect("a tag")].into(), ..cuda() };
        assert_eq!(lacks(tag).to_string(), "lacks the tag prod");
        let tags = ["moon", "prod"].map(|tag| tag.parse().expect("a tag")).into();
        let much = Requirement { tags, memory_bytes: 64 << 30, ..cuda() };
        let much = Requirement { backend: Some(Backend::Rocm), ..much };
        let told = "lacks the tag moon and lacks the tag prod and needs rocm, has cpu, cuda \
                    and needs 64.0 GiB of memory, has 32.0";
        assert_eq!(lacks(much.clone()).to_string(), told);
        let json = serde_json::to_value(lacks(much.clone())).expect("JSON");
        assert_eq!((&json["kind"], &json["also"][1]["kind"]), (&"tag".into(), &"backend".into()));
        let less = Requirement { memory_bytes: 0, ..much.clone() };
        assert_eq!(lacks(less).nearest_first(&lacks(much)), Ordering::Less);
        let back: Lacks = serde_json::from_value(json).expect("the same");
        assert_eq!(back.to_string(), told);
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
    fn a_look_that_failed_is_told_where_a_device_is_missing() {
        let error = "could not look for AMD devices: rocm-smi ended by signal 11";
        let offer = Capability { detection_errors: vec![error.into()], ..offer() };
        let rocm = Requirement { backend: Some(Backend::Rocm), ..cuda() };
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
