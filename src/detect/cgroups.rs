//! Limits of the control groups of this process, for version 1, version 2 and a mix of both.
//!
//! The mount point of a hierarchy is read from `/proc/self/mountinfo`. The usual paths are tried only
//! for a hierarchy that is not listed there. The limits of a group and of all groups above it apply. If
//! a file exists but cannot be read or parsed, its limit is unknown and a note reports it.

use super::host::Host;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Period of a quota if the file contains none.
const PERIOD_US: u64 = 100_000;
/// Usual mount point of the hierarchies.
const USUAL_MOUNT: &str = "/sys/fs/cgroup";

/// The control groups of this process and the mounted hierarchies.
pub(super) struct Groups<'a> {
    host: &'a Host<'a>,
    mounts: Vec<Mount>,
    own: Vec<OwnGroup>,
    pub notes: BTreeSet<String>,
}

/// A line of `/proc/self/mountinfo`.
#[derive(Debug)]
struct Mount {
    /// The directory of the hierarchy that is mounted.
    top: String,
    /// The mount point.
    at: PathBuf,
    unified: bool,
    options: Vec<String>,
}

/// A line of `/proc/self/cgroup`. A line without controllers is of version 2.
#[derive(Debug)]
struct OwnGroup {
    controllers: Vec<String>,
    path: String,
}

impl<'a> Groups<'a> {
    /// Reads the groups.
    pub fn of(host: &'a Host<'a>) -> Self {
        let mut groups = Self { host, mounts: Vec::new(), own: Vec::new(), notes: BTreeSet::new() };
        let own = groups.read(Path::new("/proc/self/cgroup")).unwrap_or_default();
        groups.own = own.lines().filter_map(own_group).collect();
        let mounts = groups.read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
        groups.mounts = mounts.lines().filter_map(mount).collect();
        groups
    }

    /// The CPU limit, in thousandths of a core; None without a limit.
    pub fn cpu_milli(&mut self) -> Option<u64> {
        self.smallest("cpu", |groups, directory| {
            let version_2 = directory.join("cpu.max");
            if let Some(text) = groups.read(&version_2) {
                return groups.known(&version_2, quota(&text));
            }
            let version_1 = directory.join("cpu.cfs_quota_us");
            let text = groups.read(&version_1)?;
            let period = groups.read(&directory.join("cpu.cfs_period_us")).unwrap_or_default();
            groups.known(&version_1, quota(&format!("{} {}", text.trim(), period.trim())))
        })
    }

    /// The memory limit, in bytes; None without a limit.
    pub fn memory_bytes(&mut self) -> Option<u64> {
        self.smallest("memory", |groups, directory| {
            let files = ["memory.max", "memory.limit_in_bytes"].map(|name| directory.join(name));
            let (file, text) = files.iter().find_map(|file| Some((file, groups.read(file)?)))?;
            let limit = match text.trim() {
                "max" | "-1" => Limit::None,
                number => number.parse().map_or(Limit::Unclear, Limit::At),
            };
            groups.known(file, limit)
        })
    }

    /// The smallest limit of the groups and all groups above them.
    fn smallest(
        &mut self,
        controller: &str,
        limit: impl Fn(&mut Self, &Path) -> Option<u64>,
    ) -> Option<u64> {
        let mut smallest = None;
        for (directory, top) in self.directories(controller) {
            for above in directory.ancestors().take_while(|above| above.starts_with(&top)) {
                smallest = limit(self, above).into_iter().chain(smallest).min();
            }
        }
        smallest
    }

    /// The directories of the groups that may limit a controller, each with its mount point.
    fn directories(&self, controller: &str) -> Vec<(PathBuf, PathBuf)> {
        let has = |names: &[String]| names.iter().any(|name| name == controller);
        let mut directories = Vec::new();
        for own in &self.own {
            let unified = own.controllers.is_empty();
            if !unified && !has(&own.controllers) {
                continue;
            }
            let fits = |mount: &&Mount| {
                mount.unified == unified
                    && (unified || has(&mount.options))
                    && is_dir(self.host, &mount.at)
            };
            let before = directories.len();
            directories.extend(self.mounts.iter().filter(fits).map(|mount| {
                let path = Path::new(&own.path);
                let inside = path.strip_prefix(&mount.top).unwrap_or(path);
                (below(self.host, &mount.at, inside), mount.at.clone())
            }));
            if directories.len() == before {
                let usual = self.usual_mounts(controller, unified);
                directories.extend(
                    usual.into_iter().map(|at| (below(self.host, &at, Path::new(&own.path)), at)),
                );
            }
        }
        directories
    }

    /// The usual mount points of a hierarchy. Their names list the controllers in any order.
    fn usual_mounts(&self, controller: &str, unified: bool) -> Vec<PathBuf> {
        let base = PathBuf::from(USUAL_MOUNT);
        if unified {
            return vec![base.clone(), base.join("unified")];
        }
        let Ok(entries) = self.host.list(USUAL_MOUNT) else { return Vec::new() };
        let paths = entries.into_iter().map(|name| base.join(name));
        let names = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.split(',').any(|part| part == controller) && is_dir(self.host, path)
        };
        paths.filter(names).collect()
    }

    /// The content of a file; None if it does not exist, or if it cannot be read, which is noted.
    fn read(&mut self, path: &Path) -> Option<String> {
        match self.host.read(&path.to_string_lossy()) {
            Ok(text) => Some(text),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                None
            }
            Err(error) => {
                self.notes.insert(format!(
                    "cannot read {}: {error}; its limit is unknown",
                    path.display()
                ));
                None
            }
        }
    }

    /// The value of a limit; None without one, or if it is unclear, which is noted.
    fn known(&mut self, path: &Path, limit: Limit) -> Option<u64> {
        match limit {
            Limit::At(limit) => Some(limit),
            Limit::None => None,
            Limit::Unclear => {
                let path = path.display();
                self.notes
                    .insert(format!("{path} contains no valid limit, so the limit is unknown"));
                None
            }
        }
    }
}

/// The content of a file with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    At(u64),
    Unclear,
}

/// Parses a line of `/proc/self/cgroup`.
fn own_group(line: &str) -> Option<OwnGroup> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?.trim_end());
    let controllers = controllers.split(',').filter(|c| !c.is_empty()).map(String::from);
    Some(OwnGroup { controllers: controllers.collect(), path: path.to_owned() })
}

/// Parses a line of `/proc/self/mountinfo`, such as
/// `36 25 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory`.
fn mount(line: &str) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (top, at) = (unescape(place.next()?), unescape(place.next()?));
    let mut kind = kind.split(' ');
    let unified = match kind.next()? {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    let options = kind.nth(1).unwrap_or_default().split(',').map(str::to_owned).collect();
    let top = if top == "/" { String::new() } else { top };
    Some(Mount { top, at: PathBuf::from(at), unified, options })
}

/// Replaces the octal codes of the file for blanks and backslashes, such as `\040`.
fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(code, character);
    }
    plain
}

/// The directory of a group. A container often sees its own group as the mount point itself.
fn below(host: &Host<'_>, mount: &Path, path: &Path) -> PathBuf {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let is_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let directory = mount.join(relative);
    if is_inside && is_dir(host, &directory) { directory } else { mount.to_owned() }
}

fn is_dir(host: &Host<'_>, path: &Path) -> bool {
    host.list(&path.to_string_lossy()).is_ok()
}

/// Parses a quota and its period: `200000 100000` is two cores, and `max` or -1 means no limit.
fn quota(text: &str) -> Limit {
    let mut parts = text.split_ascii_whitespace();
    let (quota, period) = (parts.next().unwrap_or_default(), parts.next());
    if matches!(quota, "max" | "-1") {
        return Limit::None;
    }
    let milli = || {
        let quota: u64 = quota.parse().ok()?;
        let period: u64 = period.map_or(Some(PERIOD_US), |period| period.parse().ok())?;
        quota.checked_mul(1000)?.checked_div(period)
    };
    milli().map_or(Limit::Unclear, |milli| Limit::At(milli.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::recorded;

    fn limits(files: &[(&str, &str)]) -> (Option<u64>, Option<u64>, usize) {
        recorded(files, |host| {
            let mut groups = Groups::of(host);
            (groups.cpu_milli(), groups.memory_bytes(), groups.notes.len())
        })
    }

    #[test]
    fn the_smallest_limit_applies_in_version_2() {
        let files = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.max", "5000\n"),
        ];
        assert_eq!(limits(&files), (Some(1500), Some(5000), 0));
    }

    #[test]
    fn controllers_of_version_1_may_be_in_any_order() {
        for own in [
            "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
            "3:cpuacct,cpu:/docker/x\n4:memory:/y\n",
        ] {
            for directory in ["cpu,cpuacct", "cpuacct,cpu", "cpu"] {
                let quota = format!("sys/fs/cgroup/{directory}/cpu.cfs_quota_us");
                let period = format!("sys/fs/cgroup/{directory}/cpu.cfs_period_us");
                let files = [
                    ("proc/self/cgroup", own),
                    (&*quota, "50000\n"),
                    (&*period, "100000\n"),
                    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "7000\n"),
                ];
                assert_eq!(limits(&files), (Some(500), Some(7000), 0), "{own} {directory}");
            }
        }
    }

    const V1: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /cg/processors\\040here rw,relatime shared:7 shared:9 - cgroup cgroup rw,cpuacct,cpu\n\
        35 31 0:32 /docker/x /cg/ram rw,relatime - cgroup cgroup rw,memory\n";

    #[test]
    fn hierarchies_are_found_by_their_mounts() {
        let files = [
            (
                "proc/self/cgroup",
                "9:name=systemd:/cpu\n3:cpu,cpuacct:/a/b\n2:memory:/docker/x/y\n0::/\n",
            ),
            ("proc/self/mountinfo", V1),
            ("cg/processors here/a/b/cpu.cfs_quota_us", "-1\n"),
            ("cg/processors here/a/cpu.cfs_quota_us", "250000\n"),
            ("cg/processors here/a/cpu.cfs_period_us", "100000\n"),
            ("cg/ram/y/memory.limit_in_bytes", "6000\n"),
            ("cg/ram/memory.limit_in_bytes", "9223372036854771712\n"),
            // A directory of the usual name that is not mounted.
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "1000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(limits(&files), (Some(2500), Some(6000), 0));
    }

    #[test]
    fn both_versions_apply_at_once_in_a_namespace() {
        let mounts = "41 31 0:38 /../.. /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let files = [
            ("proc/self/cgroup", "4:memory:/m\n0::/../../a\n"),
            ("proc/self/mountinfo", mounts),
            ("sys/fs/cgroup/unified/cpu.max", "50000\n"),
            ("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "8000\n"),
        ];
        assert_eq!(limits(&files), (Some(500), Some(8000), 0));
    }

    #[test]
    fn unreadable_limits_are_noted() {
        let files = [
            ("proc/self/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/cpu.max", "600000 0\n"),
            ("sys/fs/cgroup/a/memory.max/x", "a directory instead of a file"),
            ("sys/fs/cgroup/memory.max", "1000\n"),
        ];
        assert_eq!(limits(&files), (None, Some(1000), 2));
    }

    #[test]
    fn quotas_are_parsed() {
        for (text, expected) in [
            ("max 100000", Limit::None),
            ("max", Limit::None),
            ("-1 100000", Limit::None),
            ("50000", Limit::At(500)),
            ("1 100000", Limit::At(1)),
            ("600000 0", Limit::Unclear),
            ("x y", Limit::Unclear),
            ("", Limit::Unclear),
            ("18446744073709551615 1", Limit::Unclear),
        ] {
            assert_eq!(quota(text), expected, "{text:?}");
        }
    }
}
