//! The process table of Linux, through `/proc`.

use super::exit::Usage;
use super::label::Labels;
use super::label::label_of;
use super::start::MARKER;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of passes over the process table. A tree may grow during a pass.
const MAX_PASSES: usize = 5;
/// Clock ticks per second in `/proc`.
const TICKS_PER_SECOND: u64 = 100;

fn pids() -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = rustix::process::getpid();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| *pid != own)
        .collect()
}

/// Whether the process was started with a marker that begins with `prefix`. An empty prefix matches no
/// process.
pub fn carries(pid: Pid, prefix: &str) -> bool {
    if prefix.is_empty() {
        return false;
    }
    let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
    let Ok(environment) = std::fs::read(path) else { return false };
    let is_marker = |entry: &[u8]| {
        let value = entry.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"=")?;
        Some(value.starts_with(prefix.as_bytes()))
    };
    environment.split(|byte| *byte == 0).any(|entry| is_marker(entry) == Some(true))
}

/// Signals the process if it is wanted. The check and the signal reach the same process, even if its
/// process id is reused in between. Returns whether it was signalled.
pub fn signal_if(pid: Pid, signal: Signal, wanted: impl Fn(Pid) -> bool) -> bool {
    let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return false;
    };
    wanted(pid) && rustix::process::pidfd_send_signal(&handle, signal).is_ok()
}

/// Signals all wanted processes and returns their number.
pub fn signal_all(wanted: impl Fn(Pid) -> bool, signal: Signal) -> usize {
    let mut count = 0;
    for _ in 0..MAX_PASSES {
        let before = count;
        for pid in pids() {
            count += usize::from(wanted(pid) && signal_if(pid, signal, &wanted));
        }
        // A killed process is not counted again, so the count stops growing once all are killed.
        if count == before || signal != Signal::KILL {
            break;
        }
    }
    count
}

/// Kills all processes with a marker that begins with `prefix` or with one of the labels, and returns
/// their number.
pub fn kill_all(prefix: &str, labels: &Labels) -> usize {
    let own = rustix::process::getpid();
    let has_label = |pid| labels.has(label_of(pid)) && !is_zombie(pid);
    signal_all(|pid| pid != own && (has_label(pid) || carries(pid, prefix)), Signal::KILL)
}

/// Resumes a process that a signal has stopped. Returns whether it was stopped.
pub fn resume_stopped(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let stopped = |pid: &Pid| parent(*pid).is_some_and(|(_, state)| state == 'T');
    pid.filter(stopped).is_some_and(|pid| signal_if(pid, Signal::CONT, |_| true))
}

/// The parent and the state of a process.
fn parent(pid: Pid) -> Option<(Pid, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The program name, in parentheses, may itself contain parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((Pid::from_raw(fields.next()?.parse().ok()?)?, state))
}

/// The children of `root`, their children and so on.
pub fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<Pid>> = BTreeMap::new();
    for pid in pids() {
        if let Some((above, _)) = parent(pid) {
            children.entry(above.as_raw_nonzero().get()).or_default().push(pid);
        }
    }
    let mut descendants = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        // Removed from the map, so that a changing table cannot make this loop endless.
        for child in children.remove(&pid.as_raw_nonzero().get()).unwrap_or_default() {
            descendants.push(child);
            open.push(child);
        }
    }
    descendants
}

/// The children of the main thread of this process, which adopts orphans.
pub fn adopted() -> Vec<Pid> {
    let own = rustix::process::getpid().as_raw_nonzero();
    let Ok(text) = std::fs::read_to_string(format!("/proc/self/task/{own}/children")) else {
        return Vec::new();
    };
    text.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Whether the process has ended and its parent has not read its exit code yet.
pub fn is_zombie(pid: Pid) -> bool {
    parent(pid).is_some_and(|(_, state)| state == 'Z')
}

/// Reads the exit codes of the adopted children that had ended at this and at the previous call, and
/// returns their number. `suspects` holds the ended children between calls.
pub fn reap(suspects: &mut BTreeSet<i32>) -> usize {
    let is_zombie = |pid: &Pid| is_zombie(*pid);
    let number = |pid: Pid| pid.as_raw_nonzero().get();
    let zombies: BTreeSet<i32> = adopted().into_iter().filter(is_zombie).map(number).collect();
    let mut reaped = 0;
    for pid in suspects.intersection(&zombies).filter_map(|pid| Pid::from_raw(*pid)) {
        let ended = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        reaped += usize::from(matches!(ended, Ok(Some(_))));
    }
    *suspects = zombies;
    reaped
}

/// The resources that a process has used so far.
pub fn usage(pid: Pid) -> Option<Usage> {
    let pid = pid.as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Counted from the state: fields 12 to 15 are the times of the process and its ended children.
    let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    let cpu_ms = ticks.saturating_mul(1000 / TICKS_PER_SECOND);
    Some(Usage { peak_memory_bytes: peak.saturating_mul(1024), cpu_ms })
}
