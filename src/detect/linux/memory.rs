//! Memory of a Linux machine.
//!
//! Memory of a graphics device may be a NUMA node without processors, which `/proc/meminfo` counts as
//! memory of the machine. Such nodes do not count here.

use super::cpu_list::list;
use crate::detect::fact::Fact;
use crate::detect::host::Host;

const MEMINFO: &str = "/proc/meminfo";
const NODES: &str = "/sys/devices/system/node";

/// Total memory of the machine, in bytes.
pub(super) fn total(host: &Host<'_>) -> Fact<u64> {
    let total = host.read(MEMINFO).ok().and_then(|text| field(&text, "MemTotal"));
    let Some(total) = total else {
        return Fact::unknown(format!("{MEMINFO} reports no total"));
    };
    let nodes = nodes(host);
    let without_processors: u64 =
        nodes.iter().filter(|node| !node.has_processors).map(|node| node.bytes).sum();
    let with_processors: u64 =
        nodes.iter().filter(|node| node.has_processors).map(|node| node.bytes).sum();
    if without_processors == 0 || with_processors == 0 {
        return Fact::known(total, MEMINFO);
    }
    let source = format!("{NODES}/node*/meminfo of the nodes with processors");
    Fact::known(with_processors.min(total), source)
}

/// Memory that is available on the machine, in bytes. Kernels before 3.14 do not report it.
pub(super) fn available(host: &Host<'_>) -> Fact<u64> {
    let text = host.read(MEMINFO).unwrap_or_default();
    Fact::of(field(&text, "MemAvailable"), format!("{MEMINFO} (MemAvailable)")).or_else(|| {
        let parts = ["MemFree", "Buffers", "Cached"].map(|name| field(&text, name));
        let sum = parts.into_iter().try_fold(0u64, |sum, part| sum.checked_add(part?));
        match sum {
            Some(sum) => Fact::known(sum, format!("{MEMINFO} (MemFree, Buffers and Cached)")),
            None => Fact::unknown(format!("{MEMINFO} does not report it")),
        }
    })
}

struct Node {
    has_processors: bool,
    bytes: u64,
}

/// The NUMA nodes whose memory is known. Their numbers may have gaps.
fn nodes(host: &Host<'_>) -> Vec<Node> {
    let names = host.list(NODES).unwrap_or_default();
    let is_node =
        |name: &&String| name.strip_prefix("node").is_some_and(|rest| rest.parse::<u32>().is_ok());
    let node = |name: &String| {
        let meminfo = host.read(&format!("{NODES}/{name}/meminfo")).ok()?;
        let processors = host.text(&format!("{NODES}/{name}/cpulist"))?;
        // All processors of a node may be offline. Their links are in its directory.
        let has_links = || {
            let entries = host.list(&format!("{NODES}/{name}")).unwrap_or_default();
            let number = |entry: &String| entry.strip_prefix("cpu")?.parse::<u32>().ok();
            entries.iter().any(|entry| number(entry).is_some())
        };
        let has_processors = list(&processors).is_none_or(|set| !set.is_empty()) || has_links();
        Some(Node { has_processors, bytes: field(&meminfo, "MemTotal")? })
    };
    names.iter().filter(is_node).filter_map(node).collect()
}

/// The value of a line such as `MemTotal: 100 kB`, or in a node `Node 0 MemTotal: 100 kB`, in bytes.
pub(super) fn field(meminfo: &str, name: &str) -> Option<u64> {
    let value = meminfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.split_whitespace().last()? == name).then_some(value)
    })?;
    let mut words = value.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("kB" | "KB") => number.checked_mul(1024),
        None => Some(number),
        Some(_) => None,
    }
}
