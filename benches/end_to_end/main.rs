//! Real coordinators and workers as processes, measured from outside (`make bench`).
//!
//! `cargo bench --bench end_to_end -- spawned warm` runs only the parts named. Every part
//! starts its own coordinator in a new directory, with a durable log and a results database.
//! Linux only: processor time and memory come from `/proc`.

mod detect;
#[path = "../figures/mod.rs"]
mod figures;
mod fleet;
mod generate;
mod reports;
mod rest;
mod restart;
mod throughput;
mod warm;
mod weights;

use figures::Figures;
use std::process::ExitCode;

/// Name on the command line, function that measures, title of the table.
type Part = (&'static str, fn(&mut Figures), &'static str);

fn main() -> ExitCode {
    let parts: [Part; 10] = [
        ("generate", generate::generate, "Generating 10,000 tests of one model"),
        ("spawned", throughput::spawned, "Spawned: 10,000 × /bin/true, one worker with two slots"),
        ("no-work-2", throughput::small_null, "No work: one worker of two slots"),
        ("no-work-512", throughput::large_null, "No work: four workers of 128 slots"),
        ("restart", restart::restart, "Restart with 1,000,000 waiting tests"),
        ("warm", warm::warm, "Warm runner: tiny BERT"),
        ("weights", weights::weights, "Weights: a directory of 2 GiB over loopback"),
        ("detect", detect::detect, "Detection of hardware"),
        ("reports", reports::reports, "Reports over 90 days: 10,000,000 metric rows"),
        ("rest", rest::at_rest, "At rest"),
    ];
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(word) = asked.iter().find(|word| parts.iter().all(|(name, ..)| name != word)) {
        let names: Vec<&str> = parts.iter().map(|(name, ..)| *name).collect();
        eprintln!("no part {word:?}, there are: {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let mut missed = 0;
    for (name, measure, title) in parts {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            eprintln!("== {title}");
            let mut figures = Figures::new(title);
            measure(&mut figures);
            missed += figures.finish();
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
