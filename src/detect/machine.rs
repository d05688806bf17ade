//! Processors and memory that this process may use: affinity and the limits of its control
//! groups (version 1 and 2) counted in.

use std::path::Path;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    pub cpu_milli: u64,
    pub memory_bytes: u64,
}

/// `root` is `/`, or in tests a directory that looks like it.
pub(super) fn look(root: &Path) -> Machine {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let all = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let allowed = read(root.join("proc/self/status")).and_then(|text| allowed_processors(&text));
    let groups = Groups::of(root, &read(root.join("proc/self/cgroup")).unwrap_or_default());
    let quota = groups.least("cpu", &|directory| {
        let two = read(directory.join("cpu.max")).and_then(|text| quota_of(&text));
        let one = || {
            let quota = read(directory.join("cpu.cfs_quota_us"))?;
            let period = read(directory.join("cpu.cfs_period_us"))?;
            quota_of(&format!("{} {}", quota.trim(), period.trim()))
        };
        two.or_else(one)
    });
    let limit = groups.least("memory", &|directory| {
        let text = read(directory.join("memory.max"))
            .or_else(|| read(directory.join("memory.limit_in_bytes")))?;
        text.trim().parse().ok()
    });
    let total = read(root.join("proc/meminfo")).and_then(|text| total_memory(&text));
    let total = total.unwrap_or_else(|| {
        let mut system = sysinfo::System::new().ok();
        system.as_mut().map_or(0, |system| {
            system.refresh_memory();
            system.total_memory()
        })
    });
    let processors = allowed.unwrap_or(all).saturating_mul(1000);
    Machine {
        cpu_milli: processors.min(quota.unwrap_or(u64::MAX)).max(1),
        memory_bytes: total.min(limit.unwrap_or(u64::MAX)).max(1),
    }
}

/// Directories of the control groups that bind this process.
struct Groups {
    /// Controllers, empty for version 2, with the directory of the group and its mount.
    found: Vec<(Vec<String>, PathBuf, PathBuf)>,
}

impl Groups {
    fn of(root: &Path, text: &str) -> Self {
        let base = root.join("sys/fs/cgroup");
        let group = |line: &str| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim());
            let relative = path.trim_start_matches('/');
            let mount = if controllers.is_empty() { base.clone() } else { base.join(controllers) };
            let controllers = controllers.split(',').filter(|c| !c.is_empty());
            let directory = mount.join(relative);
            // A container often sees its own group as the root.
            let directory = if directory.is_dir() { directory } else { mount.clone() };
            Some((controllers.map(String::from).collect(), directory, mount))
        };
        Self { found: text.lines().filter_map(group).collect() }
    }

    /// The smallest value in the group and all above it.
    fn least(&self, controller: &str, value: &dyn Fn(&Path) -> Option<u64>) -> Option<u64> {
        let bound = |(controllers, _, _): &&(Vec<String>, PathBuf, PathBuf)| {
            controllers.is_empty() || controllers.iter().any(|have| have == controller)
        };
        let directories = self.found.iter().filter(bound).flat_map(|(_, directory, mount)| {
            directory.ancestors().take_while(move |above| above.starts_with(mount))
        });
        directories.filter_map(value).min()
    }
}

/// `200000 100000` is two cores; `max` and -1 are no limit.
fn quota_of(text: &str) -> Option<u64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.trim().parse().ok()?);
    quota.checked_mul(1000)?.checked_div(period).filter(|milli| *milli > 0)
}

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

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
            std::fs::write(path, text).expect("written");
        }
        dir
    }

    const STATUS: (&str, &str) =
        ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3,8,10-11\n");

    #[test]
    fn without_limits_it_is_the_whole_machine() {
        let meminfo = include_str!("../../tests/data/detect/linux-meminfo-dgx-gb10.txt");
        let dir = root(&[STATUS, ("proc/meminfo", meminfo)]);
        let whole = Machine { cpu_milli: 7000, memory_bytes: 125_508_468 * 1024 };
        assert_eq!(look(dir.path()), whole);
    }

    #[test]
    fn the_smallest_limit_above_counts_in_version_two() {
        let dir = root(&[
            STATUS,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("proc/meminfo", "MemTotal: 1000000 kB\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.max", "5000\n"),
        ]);
        assert_eq!(look(dir.path()), Machine { cpu_milli: 1500, memory_bytes: 5000 });
    }

    #[test]
    fn version_one_inside_a_container_is_read_at_its_mount() {
        let dir = root(&[
            STATUS,
            ("proc/self/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n"),
            ("proc/meminfo", "MemTotal: 1000000 kB\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "7000\n"),
        ]);
        assert_eq!(look(dir.path()), Machine { cpu_milli: 500, memory_bytes: 7000 });
    }

    #[test]
    fn nonsense_is_no_limit() {
        for text in ["", "max 100000", "-1 100000", "600000 0", "x y", "1"] {
            assert_eq!(quota_of(text), None, "{text:?}");
        }
        assert_eq!(allowed_processors("Cpus_allowed_list:\t3-1\n"), None);
    }
}
