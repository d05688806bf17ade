//! Processors of a Linux machine: the model, the cores, and those on which this process may run.
//!
//! A machine may have more possible processors than present ones, and more present ones than are
//! online. Only those online count. The affinity of a process lists all possible processors unless it is
//! limited, so it counts only together with those online.

use super::cpu_list::{list, mask};
use super::cpuinfo::{CpuInfo, squeezed};
use crate::detect::fact::Fact;
use crate::detect::host::Host;
use std::collections::BTreeSet;

const CPU: &str = "/sys/devices/system/cpu";
const ONLINE: &str = "/sys/devices/system/cpu/online";
const STATUS: &str = "/proc/self/status";
const CPUINFO: &str = "/proc/cpuinfo";
const BOARD: &str = "/proc/device-tree/model";
/// Files with the threads of a core, in a directory of the topology. Kernels before 5.1 have the latter.
const SIBLING_LISTS: &[&str] = &["core_cpus_list", "thread_siblings_list"];
const SIBLING_MASKS: &[&str] = &["core_cpus", "thread_siblings"];

/// A set of processors.
pub(super) type Processors = BTreeSet<u32>;

/// The processors on which this process may run by its affinity, among those online.
pub(super) fn allowed(host: &Host<'_>) -> Fact<Processors> {
    let (online, affinity) = (online(host), affinity(host));
    match (online.value, affinity.value) {
        (Some(online), Some(allowed)) => {
            let both: Processors = online.intersection(&allowed).copied().collect();
            // A sandbox may show files of another machine. The affinity is that of this process.
            let set = if both.is_empty() { allowed } else { both };
            Fact::known(set, format!("{ONLINE} and {STATUS}"))
        }
        (Some(set), None) => Fact::known(set, online.source),
        (None, Some(set)) => Fact::known(set, affinity.source),
        (None, None) => Fact::unknown(format!("{}; {}", online.source, affinity.source)),
    }
}

/// The processors that are online.
fn online(host: &Host<'_>) -> Fact<Processors> {
    let set = host.text(ONLINE).and_then(|text| list(&text)).filter(|set| !set.is_empty());
    Fact::of(set, ONLINE).or_else(|| {
        let number = |name: &String| name.strip_prefix("cpu")?.parse::<u32>().ok();
        let names = host.list(CPU).unwrap_or_default();
        let is_online = |number: &u32| {
            host.text(&format!("{CPU}/cpu{number}/online")).is_none_or(|text| text != "0")
        };
        let set: Processors = names.iter().filter_map(number).filter(is_online).collect();
        let set = Some(set).filter(|set| !set.is_empty());
        Fact::of(set, format!("{CPU}/cpu*"))
    })
}

/// The processors that the affinity of this process allows.
pub(super) fn affinity(host: &Host<'_>) -> Fact<Processors> {
    let status = host.read(STATUS).unwrap_or_default();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let as_list = line("Cpus_allowed_list:").and_then(list);
    let set = as_list.or_else(|| line("Cpus_allowed:").and_then(mask));
    Fact::of(set.filter(|set| !set.is_empty()), STATUS)
}

/// The facts in `/proc/cpuinfo` and the topology.
pub(super) struct Cpu {
    pub model: Fact<String>,
    pub arch: Fact<String>,
    pub physical_cores: Fact<u64>,
    pub kinds: Fact<Vec<(String, u64)>>,
    /// Number of processors that `/proc/cpuinfo` names.
    pub listed: Fact<u64>,
}

pub(super) fn cpu(host: &Host<'_>) -> Cpu {
    let text = host.read(CPUINFO).unwrap_or_default();
    let info = CpuInfo::parse(&text);
    let from = |key: &str| format!("{CPUINFO} ({key})");
    let named = |found: Option<(String, &'static str)>| match found {
        Some((model, key)) => Fact::known(model, from(key)),
        None => Fact::unknown(format!("{CPUINFO} and {BOARD} name no model")),
    };
    let board = || {
        let board = host.text(BOARD).map(|text| squeezed(&text)).filter(|text| !text.is_empty());
        Fact::of(board, BOARD)
    };
    let listed = Fact::of(info.processors(), CPUINFO);
    Cpu {
        model: named(info.model()).or_else(board).or_else(|| named(info.coded_model())),
        arch: arch(host, &info),
        physical_cores: topology(host)
            .or_else(|| Fact::of(info.cores(), CPUINFO))
            .or_else(|| logical_instead(host, &listed)),
        kinds: kinds(host),
        listed,
    }
}

/// The architecture of the machine. That of this program is the one in which tests run.
fn arch(host: &Host<'_>, info: &CpuInfo<'_>) -> Fact<String> {
    const FILE: &str = "/proc/sys/kernel/arch";
    if host.is_own() {
        return Fact::known(std::env::consts::ARCH.to_owned(), "this program");
    }
    let named = host.text(FILE).filter(|text| !text.is_empty());
    Fact::of(named.map(|text| rust_arch(&text).to_owned()), FILE)
        .or_else(|| Fact::of(info.arch().map(str::to_owned), CPUINFO))
}

/// The name by which Rust calls an architecture of the kernel.
fn rust_arch(machine: &str) -> &str {
    match machine {
        "arm64" => "aarch64",
        "i386" | "i486" | "i586" | "i686" => "x86",
        "ppc64" | "ppc64le" => "powerpc64",
        text if text.starts_with("armv") => "arm",
        other => other,
    }
}

/// Number of cores among the processors that are online, from the threads of each core.
fn topology(host: &Host<'_>) -> Fact<u64> {
    let source = format!("{CPU}/cpu*/topology");
    let Some(online) = online(host).value else { return Fact::unknown(source) };
    let mut counted = Processors::new();
    let mut cores: u64 = 0;
    for processor in &online {
        if counted.contains(processor) {
            continue;
        }
        let Some(threads) = threads(host, *processor) else { return Fact::unknown(source) };
        counted.extend(threads);
        counted.insert(*processor);
        cores += 1;
    }
    Fact::of(Some(cores).filter(|cores| *cores > 0), source)
}

/// The threads of the core to which a processor belongs.
fn threads(host: &Host<'_>, processor: u32) -> Option<Processors> {
    let read = |name: &&str| host.text(&format!("{CPU}/cpu{processor}/topology/{name}"));
    let lists = || SIBLING_LISTS.iter().find_map(|name| list(&read(name)?));
    let masks = || SIBLING_MASKS.iter().find_map(|name| mask(&read(name)?));
    lists().filter(|set| !set.is_empty()).or_else(masks).filter(|set| !set.is_empty())
}

/// Without a topology, every processor counts as a core.
fn logical_instead(host: &Host<'_>, listed: &Fact<u64>) -> Fact<u64> {
    let online = online(host);
    let count = online.value.map(|set| set.len() as u64);
    let (count, source) = match count {
        Some(count) => (Some(count), online.source),
        None => (listed.value, listed.source.clone()),
    };
    Fact::of(count, format!("{source}, because the topology is unknown"))
}

/// The kinds of cores of a processor with several.
fn kinds(host: &Host<'_>) -> Fact<Vec<(String, u64)>> {
    let count = |kind: &str| {
        let set = list(&host.text(&format!("/sys/devices/cpu_{kind}/cpus"))?)?;
        Some(set.len() as u64).filter(|count| *count > 0)
    };
    if let (Some(performance), Some(efficient)) = (count("core"), count("atom")) {
        let kinds =
            vec![("performance".to_owned(), performance), ("efficient".to_owned(), efficient)];
        return Fact::known(kinds, "/sys/devices/cpu_core and cpu_atom");
    }
    let Some(online) = online(host).value else {
        return Fact::unknown(format!("{ONLINE} cannot be read"));
    };
    let mut capacities = std::collections::BTreeMap::<u64, u64>::new();
    // A processor without this file is of the same kind as all others.
    for processor in &online {
        let text = host.text(&format!("{CPU}/cpu{processor}/cpu_capacity"));
        let Some(capacity) = text.and_then(|text| text.parse().ok()) else { break };
        *capacities.entry(capacity).or_default() += 1;
    }
    let kinds =
        capacities.iter().rev().map(|(capacity, count)| (format!("capacity {capacity}"), *count));
    let kinds = Some(kinds.collect::<Vec<_>>()).filter(|kinds| kinds.len() > 1);
    Fact::of(kinds, format!("{CPU}/cpu*/cpu_capacity"))
}
