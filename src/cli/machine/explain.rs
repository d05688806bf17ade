//! How people read the result of `dtf detect`.

use crate::detect::{self, Detected, Event, Fact, Host, Machine};
use crate::domain::accelerator::{Accelerator, DeviceState, Proof};
use crate::results::render::figures;
use crate::sys::disk::DiskSpace;
use crate::sys::process::printable;
use crate::worker::proofs::findings::{Answer, Claim};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Maximum length of a shown line of a file or an output, in characters.
const MAX_LINE_CHARS: usize = 200;
/// Maximum number of shown lines of an output.
const MAX_LINES: usize = 12;

/// A size with three digits, in the unit that fits.
fn bytes(value: u64) -> String {
    figures::bytes(value as f64)
}

/// A fact as text: its name, its value and its source.
struct Line {
    name: &'static str,
    value: String,
    /// The source of the value, or the reason why it is unknown.
    source: String,
    is_known: bool,
}

fn line<T>(name: &'static str, fact: &Fact<T>, show: impl Fn(&T) -> String) -> Line {
    let value = fact.value.as_ref().map_or_else(|| "unknown".to_owned(), show);
    Line { name, value, source: fact.source.clone(), is_known: fact.value.is_some() }
}

fn facts(host: &Host<'_>, machine: &Machine, disk: &Fact<DiskSpace>) -> Vec<Line> {
    let or_none = |mut line: Line| {
        if !line.is_known {
            "none".clone_into(&mut line.value);
        }
        line
    };
    let system = Line {
        name: "system",
        value: host.system.name().to_owned(),
        source: if host.is_own() { "this program" } else { "files of the directory" }.to_owned(),
        is_known: true,
    };
    let kinds = |kinds: &Vec<(String, u64)>| {
        let kinds: Vec<String> =
            kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        kinds.join(", ")
    };
    let cores = |milli: &u64| format!("{} cores", *milli as f64 / 1000.0);
    let size = |value: &u64| bytes(*value);
    let mut lines = vec![
        system,
        line("architecture", &machine.arch, Clone::clone),
        line("processor", &machine.cpu_model, Clone::clone),
        line("physical cores", &machine.physical_cores, u64::to_string),
        line("logical cores", &machine.logical_cores, u64::to_string),
        line("usable CPU", &machine.cpu_milli, cores),
        line("memory", &machine.memory_bytes, size),
        line("memory limit", &machine.memory_limit_bytes, |limit| {
            limit.map_or_else(|| "none".to_owned(), bytes)
        }),
        line("available memory", &machine.available_bytes, size),
        line("disk", disk, |disk| format!("{} free of {}", bytes(disk.free), bytes(disk.total))),
        or_none(line("container", &machine.container, Clone::clone)),
    ];
    if machine.core_kinds.value.is_some() {
        lines.insert(4, line("kinds of cores", &machine.core_kinds, kinds));
    }
    lines
}

/// The facts and the devices.
pub fn summary(host: &Host<'_>, detected: &Detected, disk: &Fact<DiskSpace>) -> String {
    let mut text = String::new();
    for Line { name, value, .. } in facts(host, &detected.machine, disk) {
        let _ = writeln!(text, "{name:<17} {value}");
    }
    text.push_str(&devices(detected));
    text
}

/// The facts with their sources, the devices, and everything that was read and called.
pub fn whole(host: &Host<'_>, detected: &Detected, disk: &Fact<DiskSpace>) -> String {
    let mut text = String::new();
    let lines = facts(host, &detected.machine, disk);
    let width = lines.iter().map(|line| line.value.chars().count()).max().unwrap_or(0);
    for Line { name, value, source, is_known } in lines {
        let from = if is_known { "from " } else { "" };
        let _ = writeln!(text, "{name:<17} {value:<width$}  {from}{source}");
    }
    let platform = detect::platform_of(host.system, &detected.machine);
    let managers = platform.package_managers().iter();
    let present: Vec<&str> = managers.copied().filter(|name| has_program(host, name)).collect();
    let installed = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
    let _ = writeln!(text, "{:<17} {}", "platform", platform.name());
    let _ = writeln!(text, "{:<17} {}", "service manager", platform.service(host));
    let _ = writeln!(text, "{:<17} {installed}", "package managers");
    let paths = format!("{:?}", platform.paths()).to_lowercase();
    let _ = writeln!(text, "{:<17} {paths}", "form of paths");
    let _ = writeln!(text, "{:<17} {}", "process tree", platform.process_tree());
    text.push_str(&devices(detected));
    text.push_str("\nFiles and programs, in their order:\n");
    let trace = host.trace();
    // A file is often read for several facts.
    let mut seen = BTreeSet::new();
    for event in &trace.events {
        let event = shown(event);
        if seen.insert(event.clone()) {
            text.push_str(&event);
        }
    }
    if trace.omitted > 0 {
        let _ = writeln!(text, "  and {} more", trace.omitted);
    }
    text
}

/// The answers that workers keep beside their environments, in `directory`.
pub fn proofs(directory: &Path, kept: &[(PathBuf, Claim, Answer)]) -> String {
    let mut text = format!(
        "\nAnswers of the environments in {} (kept by workers, nothing was asked now):\n",
        directory.display()
    );
    if kept.is_empty() {
        text.push_str(
            "  none: a worker asks an environment when a test uses it for the first time, and those of \
             --runtimes when it starts\n",
        );
    }
    // Environments usually give the same answers.
    let mut lines: Vec<(String, &Path, usize)> = Vec::new();
    for (python, Claim { backend, device }, answer) in kept {
        let device = device.as_ref().map(|(id, _)| format!(" on {id}")).unwrap_or_default();
        let answer = match answer {
            Answer::Found { library, name } => format!("found {name} with {library}"),
            Answer::Missing { reason } => format!("not found: {reason}"),
            Answer::Broken { reason } => format!("cannot be used: {reason}"),
            Answer::Absent { reason } => format!("proves nothing: {reason}"),
        };
        let answer = printable(&answer, MAX_LINE_CHARS);
        let line = format!("{backend}{device}: {answer}");
        match lines.iter_mut().find(|(known, ..)| *known == line) {
            Some((_, _, count)) => *count += 1,
            None => lines.push((line, python, 1)),
        }
    }
    lines.sort_by(|(line, ..), (other, ..)| line.cmp(other));
    for (line, python, count) in lines {
        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let _ = writeln!(text, "  {line}\n    from {}{more}", python.display());
    }
    text
}

fn has_program(host: &Host<'_>, name: &str) -> bool {
    ["/usr/bin", "/sbin", "/opt/homebrew/bin", "/usr/local/bin"]
        .iter()
        .any(|directory| host.exists(&format!("{directory}/{name}")))
}

fn devices(detected: &Detected) -> String {
    let all = detected.capability.accelerators.iter().chain(&detected.capability.unusable);
    let all: Vec<String> = all.map(device).collect();
    if all.is_empty() { "devices           none\n".to_owned() } else { all.concat() }
}

fn device(device: &Accelerator) -> String {
    let Accelerator { vendor, model, .. } = device;
    let mut text = format!("device            {vendor} {model}\n");
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<15} {value}");
        }
    };
    add("id", &device.uuid);
    let memory = device.memory().map_or_else(|| "unknown".to_owned(), bytes);
    let estimated = if device.memory_estimated { ", estimated" } else { "" };
    let unified = if device.unified { ", shared with the processor" } else { "" };
    let source = match &*device.memory_source {
        "" => String::new(),
        source => format!("  from {source}"),
    };
    add("memory", &format!("{memory}{estimated}{unified}{source}"));
    add("part of", &device.partition_of);
    add("driver", &device.driver);
    add("architecture", &device.architecture);
    let backends: Vec<String> = device
        .backends
        .iter()
        .map(|(backend, proof)| {
            let proof = match proof {
                Proof::Hardware => "hardware only",
                Proof::Driver => "driver",
                Proof::Runtime => "runtime",
            };
            format!("{backend} ({proof})")
        })
        .collect();
    add("back-ends", &backends.join(", "));
    let state = match device.state {
        DeviceState::Ok => "ok",
        DeviceState::Degraded => "degraded",
        DeviceState::Unusable => "unusable",
    };
    add("state", state);
    add("reason", &device.reason);
    text
}

/// An access to the machine, with the start of what it gave.
fn shown(event: &Event) -> String {
    match event {
        Event::File { path, error: Some(error), .. } => format!("  {path}: {error}\n"),
        Event::File { path, start, .. } => {
            let start = start.as_deref().unwrap_or_default();
            let first = start.lines().next().map(|line| printable(line, MAX_LINE_CHARS));
            format!("  {path}: {}\n", first.unwrap_or_default())
        }
        Event::Directory { path, error: Some(error), .. } => format!("  {path}/: {error}\n"),
        Event::Directory { path, entries, .. } => {
            format!("  {path}/: {} entries\n", entries.unwrap_or(0))
        }
        Event::Check { path, exists } => {
            format!("  {path}: {}\n", if *exists { "exists" } else { "not found" })
        }
        Event::Program { command, exit_code, failure, duration_ms, stdout, stderr } => {
            let end = match (exit_code, failure) {
                (Some(code), _) => format!("exit code {code} after {duration_ms} ms"),
                (None, failure) => failure.clone().unwrap_or_default(),
            };
            let mut text = format!("  {}: {end}\n", printable(command, MAX_LINE_CHARS));
            for (name, output) in [("stdout", stdout), ("stderr", stderr)] {
                for line in output.lines().take(MAX_LINES) {
                    let _ = writeln!(text, "    {name} | {}", printable(line, MAX_LINE_CHARS));
                }
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::{Backend, Vendor};

    #[test]
    fn kept_answers_name_the_device_and_the_environment() {
        let device = Accelerator::new(0, Vendor::NVIDIA, "L4");
        let found = Answer::Found { library: "torch 2.9".to_owned(), name: "NVIDIA L4".to_owned() };
        let missing = Answer::Missing { reason: "openvino finds no device".to_owned() };
        let kept = [
            ("/e/1/bin/python".into(), Claim::on(&device, Backend::CUDA), found),
            ("/e/2/bin/python".into(), Claim::without_device(Backend::OPENVINO), missing.clone()),
            ("/e/3/bin/python".into(), Claim::without_device(Backend::OPENVINO), missing),
        ];
        assert_eq!(
            proofs(Path::new("/e"), &kept),
            "\nAnswers of the environments in /e (kept by workers, nothing was asked now):\n  \
             cuda on nvidia:0: found NVIDIA L4 with torch 2.9\n    from /e/1/bin/python\n  \
             openvino: not found: openvino finds no device\n    from /e/2/bin/python and 1 more\n"
        );
        assert!(
            proofs(Path::new("/e"), &[]).contains("\n  none: a worker asks an environment when")
        );
    }
}
