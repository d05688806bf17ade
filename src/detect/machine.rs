//! Processors and memory that this process may use, within its CPU affinity and its control groups.

use super::cgroups::Groups;
use super::host::Host;

/// The processors and the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    /// Problems of the detection, for a person.
    pub notes: Vec<String>,
}

/// Detects them.
pub(super) fn detect(host: &Host<'_>) -> Machine {
    let all = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let allowed = host.text("/proc/self/status").and_then(|text| allowed_processors(&text));
    let mut groups = Groups::of(host);
    let (quota, limit) = (groups.cpu_milli(), groups.memory_bytes());
    let mut notes: Vec<String> = groups.notes.into_iter().collect();
    let total = host.text("/proc/meminfo").and_then(|text| total_memory(&text));
    let total = total.or_else(|| {
        let mut system = sysinfo::System::new().ok()?;
        system.refresh_memory();
        Some(system.total_memory()).filter(|bytes| *bytes > 0)
    });
    if total.is_none() {
        notes.push(
            "the memory of this machine is unknown, so no test that requires memory can run here"
                .to_owned(),
        );
    }
    let processors = allowed.unwrap_or(all).saturating_mul(1000);
    Machine {
        cpu_milli: processors.min(quota.unwrap_or(u64::MAX)).max(1),
        memory_bytes: total.unwrap_or(1).min(limit.unwrap_or(u64::MAX)).max(1),
        notes,
    }
}

/// Number of processors in the list of allowed ones in `/proc/self/status`.
fn allowed_processors(status: &str) -> Option<u64> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut count: u64 = 0;
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    Some(count).filter(|count| *count > 0)
}

/// Total memory in `/proc/meminfo`, in bytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::recorded;

    const STATUS: (&str, &str) =
        ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3,8,10-11\n");

    fn sizes(files: &[(&str, &str)]) -> (u64, u64) {
        let machine = recorded(files, detect);
        assert_eq!(machine.notes, [""; 0]);
        (machine.cpu_milli, machine.memory_bytes)
    }

    #[test]
    fn without_limits_the_whole_machine_is_available() {
        let meminfo = include_str!("../../tests/data/detect/linux-meminfo-dgx-gb10.txt");
        assert_eq!(sizes(&[STATUS, ("proc/meminfo", meminfo)]), (7000, 125_508_468 * 1024));
    }

    #[test]
    fn limits_of_control_groups_apply() {
        let files = [
            STATUS,
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/meminfo", "MemTotal: 1000000 kB\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "5000\n"),
        ];
        assert_eq!(sizes(&files), (1500, 5000));
    }

    #[test]
    fn an_invalid_list_of_processors_is_ignored() {
        assert_eq!(allowed_processors("Cpus_allowed_list:\t3-1\n"), None);
        assert_eq!(allowed_processors("Cpus_allowed_list:\t\n"), None);
    }
}
