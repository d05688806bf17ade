//! The time to generate ten thousand tests, without writing them to the disk.

use crate::figures::{Figures, Target};
use std::process::Command;
use std::time::Instant;

/// Back-ends × batches × lengths × precisions, and the tests on which these depend.
const CELLS: usize = 3 * 28 * 40 * 3;
const RUNS: usize = 5;

pub fn generate(figures: &mut Figures) {
    let list = |numbers: &mut dyn Iterator<Item = usize>| {
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
    };
    let batches = list(&mut (1..=28));
    let lengths = list(&mut (1..=40).map(|length| length * 10));
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_dtf"));
            command.args(["generate", "bert-base-uncased", "--hw", "cpu,cuda,rocm"]);
            command.args(["--batch", &batches, "--sequence-length", &lengths]);
            command.args(["--dtype", "fp32,bf16,fp16", "--dry-run"]);
            let start = Instant::now();
            let output = command.output().expect("dtf starts");
            let took = start.elapsed().as_secs_f64();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(output.stdout.iter().filter(|byte| **byte == b'\n').count() > CELLS);
            took
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    figures.row("10,123 tests, median", seconds[RUNS / 2], "s", Target::AtMost(2.0));
    figures.row("tests", CELLS as f64 / seconds[RUNS / 2], "/s", Target::None);
}
