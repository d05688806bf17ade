//! The quick parts of `scripts/faults.py`, which runs the real binary with failing system calls,
//! damaged files and kills. `docs/testing.md` names the full ones.

use std::io::Write;
use std::process::Command;

/// Runs one part of the script, which fails when something acknowledged was lost or a refusal does
/// not name the damaged file.
fn faults(arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/faults.py");
    let mut command = Command::new("python3");
    command.arg(script).args(arguments).args(["--binary", env!("CARGO_BIN_EXE_dtf")]);
    let output = command.output().expect("python3 starts");
    let out = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}:\n{out}\n{errors}");
    for line in out.lines().filter(|line| line.starts_with("skipped")) {
        // Not `eprintln`, whose output is shown for failed tests only.
        writeln!(std::io::stderr(), "{arguments:?} {line}").expect("written");
    }
}

#[test]
fn damaged_files_are_recovered_or_refused_by_name() {
    faults(&["flips", "--flips", "6", "--cuts", "3"]);
}

#[test]
fn a_system_call_that_fails_or_kills_loses_nothing_acknowledged() {
    let calls = ["--calls", "pwrite64", "fdatasync", "fsync"];
    let numbers = ["--numbers", "1", "2", "9"];
    faults(&[&["syscalls", "--directories", "new"], &calls[..], &numbers[..]].concat());
    faults(&[&["syscalls", "--directories", "killed"], &calls[..2], &["--numbers", "3"]].concat());
}

#[test]
fn kills_under_load_lose_nothing_and_double_nothing() {
    faults(&["kills", "--count", "8"]);
}
