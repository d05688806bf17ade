//! Facts about a Linux machine, from `/proc` and `/sys`.

use super::fact::{Fact, Limits, Machine, usable_bytes};
use super::host::Host;
use cgroups::{Given, Groups};
use processors::Processors;

mod cgroups;
mod container;
mod cpu_list;
mod cpu_names;
mod cpuinfo;
mod memory;
mod processors;

/// A memory limit of version 1 that means none: the largest one that a kernel with pages of 64 KiB reports.
const NO_LIMIT_BYTES: u64 = 0x7fff_ffff_ffff_0000;

/// The facts about the machine.
pub(super) fn machine(host: &Host<'_>) -> Machine {
    let mut groups = Groups::of(host);
    let cpu = processors::cpu(host);
    let quota = groups.cpu_milli();
    let processors = match usable(host, &mut groups) {
        Ok(usable) => count(usable).or_else(|| cpu.listed).or_else(|| by_system_call(host)),
        // The processors of the machine would be too many.
        Err(reason) => by_system_call(host).or_else(|| Fact::unknown(reason)),
    };
    let cpu_milli = within_quota(&processors, &quota);
    let memory_bytes = memory::total(host);
    let memory_limit_bytes = memory_limit(&mut groups, &memory_bytes);
    let available_bytes = available(host, &mut groups, &memory_bytes);
    let within = quota.value.map(|quota| quota.map(|milli| milli.div_ceil(1000)));
    let logical_cores = match (processors.value, within) {
        (_, None) => Fact::unknown(quota.source),
        (Some(count), Some(Some(within))) if within < count => Fact::known(within, quota.source),
        _ => processors,
    };
    Machine {
        arch: cpu.arch,
        cpu_model: cpu.model,
        logical_cores,
        physical_cores: cpu.physical_cores,
        core_kinds: cpu.kinds,
        cpu_milli,
        memory_bytes,
        available_bytes,
        memory_limit_bytes,
        container: container::kind(host),
        notes: groups.notes.into_iter().collect(),
    }
}

/// The limits of this process: a part of the facts that is read quickly.
pub(super) fn limits(host: &Host<'_>) -> Limits {
    let mut groups = Groups::of(host);
    let processors = usable(host, &mut groups).map_or_else(Fact::unknown, count);
    let total = memory::total(host);
    let limit = memory_limit(&mut groups, &total);
    Limits {
        cpu_milli: within_quota(&processors, &groups.cpu_milli()).value,
        memory_bytes: usable_bytes(&total, &limit),
    }
}

/// The processors on which this process may run, as far as files report them.
///
/// # Errors
/// The processors of a control group cannot be read, and the affinity, which is a part of them, is
/// unknown.
fn usable(host: &Host<'_>, groups: &mut Groups<'_>) -> Result<Fact<Processors>, String> {
    let (allowed, group) = (processors::allowed(host), groups.processors());
    let source = format!("{} and {}", allowed.source, group.source);
    Ok(match (allowed.value, group.value) {
        (_, None) if processors::affinity(host).value.is_none() => return Err(group.source),
        (Some(allowed_set), Some(Some(group_set))) if !allowed_set.is_subset(&group_set) => {
            let both: Processors = allowed_set.intersection(&group_set).copied().collect();
            // The affinity is that of this process; the group may be that of another one.
            let set = if both.is_empty() { allowed_set } else { both };
            Fact::known(set, source)
        }
        (None, Some(Some(set))) => Fact::known(set, group.source),
        (set, _) => Fact::of(set, allowed.source),
    })
}

fn count(processors: Fact<Processors>) -> Fact<u64> {
    Fact::of(processors.value.map(|set| set.len() as u64), processors.source)
}

/// The number of processors that this process may use, where the files do not report it.
fn by_system_call(host: &Host<'_>) -> Fact<u64> {
    if !host.is_own() {
        return Fact::unknown("no file reports it");
    }
    let count = std::thread::available_parallelism().ok().map(|count| count.get() as u64);
    Fact::of(count, "a system call")
}

/// CPU of the processors within a quota, in thousandths of a core. It is unknown if the quota is.
fn within_quota(processors: &Fact<u64>, quota: &Given<u64>) -> Fact<u64> {
    let Some(limit) = quota.value else { return Fact::unknown(quota.source.clone()) };
    let all = processors.value.map(|count| count.saturating_mul(1000));
    match (all, limit) {
        (Some(all), Some(milli)) if milli >= all => Fact::known(all, processors.source.clone()),
        (_, Some(milli)) => Fact::known(milli, quota.source.clone()),
        (all, None) => Fact::of(all, processors.source.clone()),
    }
}

/// The memory limit. A value that is not below the memory of the machine is not a limit.
fn memory_limit(groups: &mut Groups<'_>, total: &Fact<u64>) -> Given<u64> {
    let limit = groups.memory_bytes();
    let is_limit = |limit: &u64| *limit < total.value.unwrap_or(NO_LIMIT_BYTES);
    Fact::of(limit.value.map(|limit| limit.filter(is_limit)), limit.source)
}

fn available(host: &Host<'_>, groups: &mut Groups<'_>, total: &Fact<u64>) -> Fact<u64> {
    let machine = memory::available(host);
    let group = groups.available_bytes(total.value.unwrap_or(NO_LIMIT_BYTES));
    match (machine.value, group.value) {
        (Some(machine_bytes), Some(bytes)) if bytes < machine_bytes => group,
        (None, Some(_)) => group,
        _ => machine,
    }
}

#[cfg(test)]
mod tests;
