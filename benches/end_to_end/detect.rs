//! Detection of hardware: of a machine without tools and of one with the tools of all vendors, and the
//! limits that a heartbeat reads again.

use crate::figures::{Figures, Target};
use dtf::detect::{Host, Waiting, limits};
use dtf::sys::process::SystemRunner;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 11;
const READS: u32 = 1000;
/// Run time of every fake tool, in seconds.
const TOOL_SECONDS: &str = "0.3";
/// The tools of all vendors, each with an output that lists no device.
const TOOLS: [&str; 7] =
    ["nvidia-smi", "rocm-smi", "amd-smi", "xpu-smi", "hl-smi", "neuron-ls", "npu-smi"];

pub fn detect(figures: &mut Figures) {
    let bare = tempfile::tempdir().expect("a directory");
    figures.row(
        "`dtf detect` without tools, median",
        median_ms(bare.path()),
        "ms",
        Target::AtMost(50.0),
    );
    let full = tempfile::tempdir().expect("a directory");
    for tool in TOOLS {
        let path = full.path().join(tool);
        std::fs::write(&path, format!("#!/bin/sh\nexec sleep {TOOL_SECONDS}\n")).expect("written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("executable");
    }
    let what = format!("`dtf detect` with {} tools of {TOOL_SECONDS} s, median", TOOLS.len());
    let path = format!("{}:/usr/bin:/bin", full.path().display());
    figures.row(&what, median_ms(Path::new(&path)), "ms", Target::AtMost(2000.0));
    let begun = crate::rest::thread_cpu();
    for _ in 0..READS {
        let host = Host::own(&SystemRunner, |_| None, Waiting::SILENT);
        assert!(limits(&host).cpu_milli.is_some(), "this machine has processors");
    }
    let spent = (crate::rest::thread_cpu() - begun).as_secs_f64() * 1000.0 / f64::from(READS);
    figures.row("limits of one heartbeat, processor", spent, "ms", Target::AtMost(1.0));
}

/// Median time of the command with this `PATH`, in milliseconds.
fn median_ms(path: &Path) -> f64 {
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let begun = Instant::now();
            let mut command = Command::new(env!("CARGO_BIN_EXE_dtf"));
            command.args(["detect", "--json"]).env("PATH", path).stdin(Stdio::null());
            let output = command.output().expect("dtf starts");
            assert!(output.status.success(), "{output:?}");
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[STARTS / 2].as_secs_f64() * 1000.0
}
