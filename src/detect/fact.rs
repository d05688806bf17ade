//! Facts about a machine, each with its source.

/// A fact, and the file, program or system call that it is from. The source of an unknown fact is the
/// reason why it is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    pub value: Option<T>,
    pub source: String,
}

impl<T> Fact<T> {
    pub(super) fn known(value: T, source: impl Into<String>) -> Self {
        Self { value: Some(value), source: source.into() }
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self { value: None, source: reason.into() }
    }

    /// A fact that is known if there is a value.
    pub(super) fn of(value: Option<T>, source: impl Into<String>) -> Self {
        Self { value, source: source.into() }
    }

    /// This fact, or the result of `other` if it is unknown.
    pub(super) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.value.is_some() { self } else { other() }
    }
}

/// The processors, the memory and the surroundings of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Architecture of the machine, as Rust names it: `x86_64`, `aarch64`.
    pub arch: Fact<String>,
    pub cpu_model: Fact<String>,
    /// Number of processors on which this process may run, within its CPU quota.
    pub logical_cores: Fact<u64>,
    /// Number of cores of the machine.
    pub physical_cores: Fact<u64>,
    /// Number of logical cores of each kind; empty if all are of one kind.
    pub core_kinds: Fact<Vec<(String, u64)>>,
    /// CPU that this process may use, in thousandths of a core.
    pub cpu_milli: Fact<u64>,
    /// Memory of the machine, in bytes.
    pub memory_bytes: Fact<u64>,
    /// Memory that is available now within the limit, in bytes.
    pub available_bytes: Fact<u64>,
    /// Memory limit of this process, in bytes; None inside if there is none.
    pub memory_limit_bytes: Fact<Option<u64>>,
    /// Kind of the container: `docker`, or `wsl+docker` for one inside of another.
    pub container: Fact<String>,
    /// Unusual findings, for a person.
    pub notes: Vec<String>,
}

impl Machine {
    /// The limits of this process.
    pub fn limits(&self) -> Limits {
        Limits { cpu_milli: self.cpu_milli.value, memory_bytes: self.usable_bytes() }
    }

    /// Memory that tests may use, in bytes: that of the machine within the limit.
    pub fn usable_bytes(&self) -> Option<u64> {
        usable_bytes(&self.memory_bytes, &self.memory_limit_bytes)
    }
}

/// Memory within a limit, in bytes. It is unknown if the limit is, since an unknown limit is not the
/// absence of one.
pub(super) fn usable_bytes(memory: &Fact<u64>, limit: &Fact<Option<u64>>) -> Option<u64> {
    [memory.value, limit.value?].into_iter().flatten().min()
}

/// The limits of this process, which may change while it runs. None is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU that this process may use, in thousandths of a core.
    pub cpu_milli: Option<u64>,
    /// Memory that this process may use, in bytes.
    pub memory_bytes: Option<u64>,
}

impl Limits {
    /// These limits, with those of `other` in place of unknown ones.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.or(other.cpu_milli),
            memory_bytes: self.memory_bytes.or(other.memory_bytes),
        }
    }
}
