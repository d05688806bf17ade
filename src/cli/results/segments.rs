//! `dtf results segments`: divides histories from standard input into segments.
//!
//! The same functions judge stored results, so that the rule can be compared with other programs on any
//! history (`benches/trends`).

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::trends::judgement::Judgement;
use crate::trends::limits::{Better, Kind, Limits};
use crate::trends::online::newest;
use crate::trends::segments::{Certainty, shifts};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Read};

/// Maximum size of standard input, in bytes.
const MAX_INPUT_BYTES: u64 = 64 << 20;
/// Maximum number of values of one history.
const MAX_VALUES: usize = 10_000;

/// Divide histories from standard input into segments
///
/// Reads one JSON object for each line, with `values` (numbers in the order of time), and optionally `better`
/// (`lower` or `higher`) and `daily`: true to judge the history after each of its values. Prints one JSON object for
/// each line, with the shifts of the level and the verdict about the newest value.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo '{\"values\": [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]}' | dtf results segments")]
pub struct SegmentsArgs {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    values: Vec<f64>,
    #[serde(default)]
    better: Option<Better>,
    #[serde(default)]
    daily: bool,
}

pub fn run(console: Console, _args: &SegmentsArgs) -> Result<Exit, CliError> {
    let input = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1);
    let mut bytes = 0;
    for (number, line) in (1..).zip(input.lines()) {
        let line =
            line.map_err(|error| CliError::new(format!("cannot read standard input: {error}")))?;
        bytes += line.len() as u64 + 1;
        if bytes > MAX_INPUT_BYTES {
            let what = format!("standard input is too large (maximum {MAX_INPUT_BYTES} bytes)");
            return Err(CliError::new(what).with_exit(Exit::Usage));
        }
        if line.trim().is_empty() {
            continue;
        }
        let refused = |why: String| {
            CliError::new(format!("standard input, line {number}: {why}"))
                .hint("write a line such as {\"values\": [1.0, 1.1]}")
                .with_exit(Exit::Usage)
        };
        let history: History =
            serde_json::from_str(&line).map_err(|error| refused(error.to_string()))?;
        let count = history.values.len();
        if count > MAX_VALUES {
            return Err(refused(format!("too many values ({count}, maximum {MAX_VALUES})")));
        }
        console.result(&divide(&history).to_string())?;
    }
    Ok(Exit::Passed)
}

fn divide(history: &History) -> Value {
    let limits = Limits::of(Kind::Measured);
    let found = shifts(&history.values, limits.change / 2.0, Certainty::Proven);
    let found: Vec<Value> = found
        .iter()
        .map(|shift| {
            json!({"at": shift.at, "before": shift.before, "after": shift.after, "z": shift.z})
        })
        .collect();
    let judged = |values: &[f64]| judgement(&newest(values, &[], history.better, limits));
    let mut answer = json!({"shifts": found, "newest": judged(&history.values)});
    if history.daily {
        let days = (1..=history.values.len()).map(|end| judged(&history.values[..end]));
        answer["days"] = days.collect();
    }
    answer
}

fn judgement(judgement: &Judgement) -> Value {
    json!({
        "verdict": judgement.verdict,
        "direction": judgement.direction,
        "before": judgement.before,
        "after": judgement.after,
        "z": judgement.z,
        "since": judgement.since,
    })
}
