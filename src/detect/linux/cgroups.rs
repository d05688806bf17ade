//! Limits of the control groups of this process, for version 1, version 2 and a mix of both.
//!
//! The mount point of a hierarchy is read from the list of mounts. The usual paths are tried only for a
//! hierarchy that is not listed there. If both versions are in use, a controller of version 1 is not
//! available in version 2. The limits of a group and of all groups above it apply; a group without the
//! file of a limit has none. If a file exists but cannot be read or parsed, the limit of the process is
//! unknown, whatever the other files contain, and a note reports the file.

use super::cpu_list::list;
use super::processors::Processors;
use crate::detect::fact::Fact;
use crate::detect::host::Host;
use std::collections::BTreeSet;
use std::io::ErrorKind;

/// Period of a quota if the file contains none.
const PERIOD_US: u64 = 100_000;
/// Usual mount point of the hierarchies.
const USUAL_MOUNT: &str = "/sys/fs/cgroup";
/// Files with the processors of a group, in version 2 and 1.
const CPUSETS: &[&str] = &["cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"];

/// The control groups of this process and the mounted hierarchies.
pub(super) struct Groups<'a> {
    host: &'a Host<'a>,
    mounts: Vec<Mount>,
    own: Vec<OwnGroup>,
    /// Why the groups of this process are unknown, if they are.
    hidden: Option<String>,
    pub notes: BTreeSet<String>,
}

/// A value that the control groups give, None inside if they give none. It is unknown if a file that may
/// contain it cannot be read.
pub(super) type Given<T> = Fact<Option<T>>;

/// The limit of one group with its file; None if the group has none.
type GroupLimit = Option<(u64, String)>;
/// The reason why a limit is unknown.
type Unread = String;

/// A mounted hierarchy.
#[derive(Debug)]
struct Mount {
    /// The group that is mounted.
    top: String,
    /// The mount point.
    at: String,
    unified: bool,
    options: Vec<String>,
}

/// A line of `/proc/self/cgroup`. A line without controllers is of version 2.
#[derive(Debug)]
struct OwnGroup {
    /// None if the controllers are not known.
    controllers: Option<Vec<String>>,
    path: String,
}

impl<'a> Groups<'a> {
    /// Reads the groups.
    pub fn of(host: &'a Host<'a>) -> Self {
        let (mounts, own) = (Vec::new(), Vec::new());
        let mut groups = Self { host, mounts, own, hidden: None, notes: BTreeSet::new() };
        let own = groups.read("/proc/self/cgroup");
        let listed = own.as_ref().ok().and_then(|text| text.as_deref()).unwrap_or_default();
        groups.own = listed.lines().filter_map(own_group).collect();
        groups.hidden = own.err();
        if groups.own.is_empty() {
            // A file that all kernels have with cpusets. Otherwise, the mounted group is that of this
            // process, as in a container.
            let path = host.text("/proc/self/cpuset").unwrap_or_else(|| "/".to_owned());
            groups.own.push(OwnGroup { controllers: None, path });
        }
        let mounts = host.read("/proc/self/mountinfo").unwrap_or_default();
        groups.mounts = mounts.lines().filter_map(mount).collect();
        if groups.mounts.is_empty() {
            let mounts = host.read("/proc/mounts").unwrap_or_default();
            groups.mounts = mounts.lines().filter_map(short_mount).collect();
        }
        groups
    }

    /// The CPU limit, in thousandths of a core.
    pub fn cpu_milli(&mut self) -> Given<u64> {
        self.smallest("cpu", |groups, directory| {
            let version_2 = format!("{directory}/cpu.max");
            if let Some(text) = groups.read(&version_2)? {
                return groups.known(version_2, quota(&text));
            }
            let version_1 = format!("{directory}/cpu.cfs_quota_us");
            let Some(text) = groups.read(&version_1)? else { return Ok(None) };
            let period = groups.read(&format!("{directory}/cpu.cfs_period_us"))?;
            let period = period.unwrap_or_default();
            groups.known(version_1, quota(&format!("{} {}", text.trim(), period.trim())))
        })
    }

    /// The memory limit, in bytes.
    pub fn memory_bytes(&mut self) -> Given<u64> {
        self.smallest("memory", Self::memory_limit)
    }

    /// The limit of one group.
    fn memory_limit(&mut self, directory: &str) -> Result<GroupLimit, Unread> {
        let version_2 = format!("{directory}/memory.max");
        if let Some(text) = self.read(&version_2)? {
            return self.known(version_2, size(&text));
        }
        let version_1 = format!("{directory}/memory.limit_in_bytes");
        let limit = match self.read(&version_1)? {
            Some(text) => self.known(version_1, size(&text))?,
            None => None,
        };
        // Version 1 reports a limit of the groups above, which a container cannot read, only here.
        let file = format!("{directory}/memory.stat");
        let stat = self.read(&file)?.unwrap_or_default();
        let hierarchical =
            stat_field(&stat, "hierarchical_memory_limit").map(|limit| (limit, file));
        Ok(limit.into_iter().chain(hierarchical).min())
    }

    /// Memory that is left within the limits, in bytes. Unknown without a limit or its usage. Cached
    /// files that are not in active use count as free.
    pub fn available_bytes(&mut self, total: u64) -> Fact<u64> {
        let available = self.smallest("memory", |groups, directory| {
            let limit = groups.memory_limit(directory)?;
            let Some((limit, file)) = limit.filter(|(limit, _)| *limit < total) else {
                return Ok(None);
            };
            let mut used = None;
            for name in ["memory.current", "memory.usage_in_bytes"] {
                used = used.or(groups.read(&format!("{directory}/{name}"))?);
            }
            let Some(used) = used.and_then(|used| used.trim().parse::<u64>().ok()) else {
                return Ok(None);
            };
            let stat = groups.read(&format!("{directory}/memory.stat"))?.unwrap_or_default();
            let cached = ["inactive_file", "total_inactive_file"];
            let cached = cached.iter().filter_map(|name| stat_field(&stat, name)).max();
            let used = used.saturating_sub(cached.unwrap_or(0));
            Ok(Some((limit.saturating_sub(used), file)))
        });
        Fact::of(available.value.flatten(), available.source)
    }

    /// The processors of the groups.
    pub fn processors(&mut self) -> Given<Processors> {
        if let Some(reason) = &self.hidden {
            return Fact::unknown(reason.clone());
        }
        let mut allowed: Option<Processors> = None;
        let mut source = "no control group restricts the processors".to_owned();
        for directory in self.levels("cpuset") {
            let (set, file) = match self.set(&directory) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(reason) => return Fact::unknown(reason),
            };
            let both = match &allowed {
                Some(allowed) => allowed.intersection(&set).copied().collect(),
                None => set,
            };
            if !both.is_empty() && allowed.as_ref() != Some(&both) {
                allowed = Some(both);
                source = file;
            }
        }
        Fact::known(allowed, source)
    }

    /// The processors of one group with their file. The file of a group that has no own processors is
    /// empty.
    fn set(&mut self, directory: &str) -> Result<Option<(Processors, String)>, Unread> {
        for name in CPUSETS {
            let file = format!("{directory}/{name}");
            let Some(text) = self.read(&file)? else { continue };
            let Some(set) = list(&text) else { return Err(self.unclear(&file)) };
            if !set.is_empty() {
                return Ok(Some((set, file)));
            }
        }
        Ok(None)
    }

    /// The smallest limit of the groups and all groups above them. Each level is read, so that a note
    /// reports each file that cannot be.
    fn smallest(
        &mut self,
        controller: &str,
        limit: impl Fn(&mut Self, &str) -> Result<GroupLimit, Unread>,
    ) -> Given<u64> {
        if let Some(reason) = &self.hidden {
            return Fact::unknown(reason.clone());
        }
        let levels = self.levels(controller);
        let limits: Vec<_> = levels.iter().map(|directory| limit(self, directory)).collect();
        match limits.into_iter().collect::<Result<Vec<GroupLimit>, Unread>>() {
            Err(reason) => Fact::unknown(reason),
            Ok(limits) => match limits.into_iter().flatten().min() {
                Some((value, file)) => Fact::known(Some(value), file),
                None => Fact::known(None, format!("no control group has a {controller} limit")),
            },
        }
    }

    /// The directories of the groups that may limit a controller, each followed by those above it.
    fn levels(&self, controller: &str) -> Vec<String> {
        let of = |unified: bool| {
            let own = self.own.iter().filter(move |own| match &own.controllers {
                None => true,
                Some(names) if unified => names.is_empty(),
                Some(names) => names.iter().any(|name| name == controller),
            });
            own.flat_map(move |own| self.directories(controller, unified, &own.path))
                .collect::<Vec<_>>()
        };
        let version_1 = of(false);
        let directories = if version_1.is_empty() { of(true) } else { version_1 };
        let mut levels = Vec::new();
        for (directory, top) in directories {
            let mut level = directory.as_str();
            loop {
                levels.push(level.to_owned());
                match level.rsplit_once('/') {
                    Some((above, _)) if level != top && above.starts_with(&top) => level = above,
                    _ => break,
                }
            }
        }
        levels
    }

    /// The directories of a group in the mounts of a hierarchy, each with its mount point.
    fn directories(&self, controller: &str, unified: bool, path: &str) -> Vec<(String, String)> {
        let fits = |mount: &&Mount| {
            mount.unified == unified
                && (unified || mount.options.iter().any(|option| option == controller))
                && self.host.is_directory(&mount.at)
        };
        let mounts: Vec<&Mount> = self.mounts.iter().filter(fits).collect();
        let inside = |mount: &&Mount| Some((mount.at.clone(), below_top(path, &mount.top)?));
        let mut places: Vec<(String, &str)> = mounts.iter().filter_map(inside).collect();
        if places.is_empty() {
            // The mount shows another group than the path, as in a namespace.
            places = mounts.iter().map(|mount| (mount.at.clone(), path)).collect();
        }
        if places.is_empty() {
            let usual = self.usual_mounts(controller, unified).into_iter();
            places = usual.map(|at| (at, path)).collect();
        }
        places.into_iter().map(|(at, inside)| (self.existing(&at, inside), at)).collect()
    }

    /// The directory of a group, or the next one above it that exists. A container often sees its own
    /// group as the mount point itself.
    fn existing(&self, mount: &str, inside: &str) -> String {
        let parts: Vec<&str> = inside.split('/').filter(|part| !part.is_empty()).collect();
        if parts.contains(&"..") {
            return mount.to_owned();
        }
        let place = |count: usize| {
            let names = parts.iter().take(count).map(|part| format!("/{part}"));
            format!("{mount}{}", names.collect::<String>())
        };
        let mut places = (1..=parts.len()).rev().map(place);
        places.find(|place| self.host.is_directory(place)).unwrap_or_else(|| mount.to_owned())
    }

    /// The usual mount points of a hierarchy. Their names list the controllers in any order.
    fn usual_mounts(&self, controller: &str, unified: bool) -> Vec<String> {
        let names = self.host.list(USUAL_MOUNT).unwrap_or_default();
        if unified {
            let hybrid = names.iter().any(|name| name == "unified");
            let mounts = [Some(""), hybrid.then_some("/unified")].into_iter().flatten();
            return mounts.map(|name| format!("{USUAL_MOUNT}{name}")).collect();
        }
        let is_of = |name: &&String| name.split(',').any(|part| part == controller);
        let paths = names.iter().filter(is_of).map(|name| format!("{USUAL_MOUNT}/{name}"));
        paths.filter(|path| self.host.is_directory(path)).collect()
    }

    /// The content of a file; None if it does not exist.
    ///
    /// # Errors
    /// The file cannot be read, which is noted.
    fn read(&mut self, path: &str) -> Result<Option<String>, Unread> {
        match self.host.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.noted(format!("cannot read {path}: {error}"))),
        }
    }

    /// The value of a limit; None without one.
    ///
    /// # Errors
    /// The limit is unclear, which is noted.
    fn known(&mut self, path: String, limit: Limit) -> Result<GroupLimit, Unread> {
        match limit {
            Limit::At(limit) => Ok(Some((limit, path))),
            Limit::None => Ok(None),
            Limit::Unclear => Err(self.unclear(&path)),
        }
    }

    fn unclear(&mut self, path: &str) -> Unread {
        self.noted(format!("{path} contains no valid limit"))
    }

    fn noted(&mut self, reason: Unread) -> Unread {
        self.notes.insert(format!("{reason}, so a limit of this worker is unknown"));
        reason
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
    Some(OwnGroup { controllers: Some(controllers.collect()), path: path.to_owned() })
}

/// Parses a line of `/proc/self/mountinfo`, such as
/// `36 25 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory`.
fn mount(line: &str) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (top, at) = (unescape(place.next()?), unescape(place.next()?));
    let mut kind = kind.split(' ');
    let unified = is_unified(kind.next()?)?;
    let options = kind.nth(1).unwrap_or_default().split(',').map(str::to_owned).collect();
    Some(Mount { top, at, unified, options })
}

/// Parses a line of `/proc/mounts`, such as `none /cgroup/memory cgroup rw,relatime,memory 0 0`.
fn short_mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ').skip(1);
    let (at, kind, options) = (unescape(fields.next()?), fields.next()?, fields.next()?);
    let options = options.split(',').map(str::to_owned).collect();
    Some(Mount { top: "/".to_owned(), at, unified: is_unified(kind)?, options })
}

/// Whether a file system is of version 2; None if it is of neither version.
fn is_unified(kind: &str) -> Option<bool> {
    match kind {
        "cgroup2" => Some(true),
        "cgroup" => Some(false),
        _ => None,
    }
}

/// The part of a path below a group; None if the path is not below it.
fn below_top<'a>(path: &'a str, top: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(top.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The value of a line of `memory.stat`.
fn stat_field(stat: &str, name: &str) -> Option<u64> {
    let line = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    stat.lines().find_map(line)
}

/// Replaces the octal codes of the file for blanks and backslashes, such as `\040`.
fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(code, character);
    }
    plain
}

/// Parses a size in bytes; `max` or -1 means no limit.
fn size(text: &str) -> Limit {
    match text.trim() {
        "max" | "-1" => Limit::None,
        number => number.parse().map_or(Limit::Unclear, Limit::At),
    }
}

/// Parses a quota and its period: `200000 100000` is two cores, and `max` or -1 means no limit. A period
/// of 0 is that of a kernel without quotas.
fn quota(text: &str) -> Limit {
    let mut parts = text.split_ascii_whitespace();
    let (quota, period) = (parts.next().unwrap_or_default(), parts.next());
    if matches!(quota, "max" | "-1") {
        return Limit::None;
    }
    let numbers = || {
        let quota: u64 = quota.parse().ok()?;
        let period: u64 = period.map_or(Some(PERIOD_US), |period| period.parse().ok())?;
        Some((quota, period))
    };
    match numbers() {
        Some((_, 0)) => Limit::None,
        Some((quota @ 1.., period)) => match quota.checked_mul(1000) {
            Some(thousandfold) => Limit::At((thousandfold / period).max(1)),
            None => Limit::Unclear,
        },
        Some((0, _)) | None => Limit::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::recorded;

    fn limits(files: &[(&str, &str)]) -> (Option<u64>, Option<u64>, usize) {
        recorded(files, |host| {
            let mut groups = Groups::of(host);
            let (cpu, memory) = (groups.cpu_milli().value, groups.memory_bytes().value);
            (cpu.flatten(), memory.flatten(), groups.notes.len())
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
    fn a_limit_that_cannot_be_read_is_unknown() {
        let own = ("proc/self/cgroup", "0::/a\n");
        for files in [
            [
                own,
                ("sys/fs/cgroup/a/cpu.max", "600000 x\n"),
                ("sys/fs/cgroup/memory.max", "1000\n"),
            ],
            [own, ("sys/fs/cgroup/a/cpu.max/x", ""), ("sys/fs/cgroup/memory.max", "1000\n")],
            [own, ("sys/fs/cgroup/cpu.max", ""), ("sys/fs/cgroup/a/memory.max", "1000\n")],
        ] {
            recorded(&files, |host| {
                let mut groups = Groups::of(host);
                assert_eq!(groups.cpu_milli().value, None, "{files:?}");
                assert_eq!(groups.memory_bytes().value, Some(Some(1000)), "{files:?}");
                assert_eq!(groups.notes.len(), 1, "{files:?}");
            });
        }
        // The smaller limit of another group does not replace it.
        for unread in [("sys/fs/cgroup/a/memory.max/x", ""), ("sys/fs/cgroup/a/memory.max", "lots")]
        {
            let files = [own, unread, ("sys/fs/cgroup/memory.max", "1000\n")];
            recorded(&files, |host| assert_eq!(Groups::of(host).memory_bytes().value, None));
        }
        let unread_stat = [
            ("proc/self/cgroup", "4:memory:/m\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.stat/x", ""),
        ];
        recorded(&unread_stat, |host| assert_eq!(Groups::of(host).memory_bytes().value, None));
        let hidden = [("proc/self/cgroup/x", ""), ("sys/fs/cgroup/cpu.max", "max\n")];
        recorded(&hidden, |host| {
            let mut groups = Groups::of(host);
            assert_eq!((groups.cpu_milli().value, groups.processors().value), (None, None));
        });
        let malformed = [own, ("sys/fs/cgroup/cpuset.cpus.effective", "0-x\n")];
        recorded(&malformed, |host| assert_eq!(Groups::of(host).processors().value, None));
        recorded(&[own], |host| assert_eq!(Groups::of(host).cpu_milli().value, Some(None)));
    }

    #[test]
    fn quotas_are_parsed() {
        for (text, expected) in [
            ("max 100000", Limit::None),
            ("max", Limit::None),
            ("-1 100000", Limit::None),
            ("50000", Limit::At(500)),
            ("1 100000", Limit::At(1)),
            ("600000 0", Limit::None),
            ("0 100000", Limit::Unclear),
            ("x y", Limit::Unclear),
            ("", Limit::Unclear),
            ("18446744073709551615 1", Limit::Unclear),
        ] {
            assert_eq!(quota(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_group_of_a_container_may_be_mounted_as_the_top() {
        let v1 = "32 31 0:29 /docker/x /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                  33 31 0:29 /other /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                  34 31 0:29 / /host/memory rw - cgroup cgroup rw,memory\n";
        let files = [
            ("proc/self/cgroup", "3:cpu,cpuacct:/docker/x\n2:memory:/docker/x\n"),
            ("proc/self/mountinfo", v1),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            // The group of another container.
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n"),
            ("host/memory/docker/memory.limit_in_bytes", "7000\n"),
            ("host/memory/docker/x/memory.limit_in_bytes", "9000\n"),
        ];
        assert_eq!(limits(&files), (Some(1500), Some(7000), 0));
        // In a namespace, the path is that of the namespace, but the mount shows a group below.
        let files = [
            ("proc/self/cgroup", "0::/\n"),
            ("proc/self/mountinfo", "41 31 0:38 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/cpu.max", "50000\n"),
        ];
        assert_eq!(limits(&files), (Some(500), None, 0));
    }

    #[test]
    fn a_group_that_is_not_visible_is_limited_by_those_above() {
        let files = [
            ("proc/self/cgroup", "0::/a/b/c\n"),
            ("sys/fs/cgroup/a/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/cpu.max", "300000 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "5000\n"),
        ];
        assert_eq!(limits(&files), (Some(3000), Some(5000), 0));
    }

    #[test]
    fn a_controller_of_version_1_is_not_read_in_version_2() {
        let files = [
            ("proc/self/cgroup", "4:memory:/m\n0::/u\n"),
            ("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "8000\n"),
            ("sys/fs/cgroup/unified/u/memory.max", "1\n"),
            ("sys/fs/cgroup/unified/u/cpu.max", "250000 100000\n"),
        ];
        assert_eq!(limits(&files), (Some(2500), Some(8000), 0));
    }

    #[test]
    fn version_1_reports_hidden_limits_of_memory() {
        let files = [
            ("proc/self/cgroup", "4:memory:/m\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.stat", "cache 1\nhierarchical_memory_limit 6000\n"),
        ];
        assert_eq!(limits(&files).1, Some(6000));
    }

    #[test]
    fn available_memory_counts_unused_caches_as_free() {
        let files = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "10000\n"),
            ("sys/fs/cgroup/a/memory.current", "9000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 4000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "8000\n"),
            ("sys/fs/cgroup/a/b/memory.current", "100\n"),
        ];
        let available =
            |total| recorded(&files, |host| Groups::of(host).available_bytes(total).value);
        assert_eq!(available(1 << 40), Some(5000));
        assert_eq!(available(9000), Some(7900));
    }

    #[test]
    fn sets_of_processors_apply_together() {
        let set = |files: &[(&str, &str)]| {
            recorded(files, |host| {
                Groups::of(host).processors().value.flatten().map(|set| set.len())
            })
        };
        let own = ("proc/self/cgroup", "0::/a/b\n");
        assert_eq!(
            set(&[
                own,
                ("sys/fs/cgroup/a/cpuset.cpus.effective", "0-6,12-15\n"),
                ("sys/fs/cgroup/a/b/cpuset.cpus.effective", "\n")
            ]),
            Some(11)
        );
        assert_eq!(set(&[own, ("sys/fs/cgroup/a/b/x", "")]), None);
        let v1 = [
            ("proc/self/cgroup", "7:cpuset:/jjh\n"),
            ("sys/fs/cgroup/cpuset/jjh/cpuset.cpus", "0-3\n"),
            ("sys/fs/cgroup/cpuset/cpuset.cpus", "0-175\n"),
        ];
        assert_eq!(set(&v1), Some(4));
    }
}
