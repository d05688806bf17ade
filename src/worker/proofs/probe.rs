//! Asks the Python of an environment which back-ends its packages find.
//!
//! Limits: [`TIMEOUT`] and [`MAX_OUTPUT_BYTES`]. Promise: a probe that does not end in time, or that
//! cannot be started, gives no answer at all.

use crate::domain::accelerator::Backend;
use crate::sys::ids;
use crate::sys::process::{Call, Completion, Keep, Limits, run};
use crate::worker::proofs::findings::Answer;
use crate::worker::variables::Variables;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The program that answers.
pub(super) const PROBE: &str = include_str!("probe.py");
/// Time limit of one probe. The first import of torch from a slow disk takes a minute.
pub const TIMEOUT: Duration = Duration::from_secs(180);
/// Maximum size of the output that is read, in bytes.
const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// Maximum length of a text of an answer, in characters.
const MAX_TEXT_CHARS: usize = 300;

#[derive(Deserialize)]
struct Line {
    backend: Backend,
    #[serde(flatten)]
    answer: Answer,
}

/// Runs the probe with the interpreter of an environment, for the back-ends in `hooks`.
///
/// # Errors
/// The probe failed, took too long, or printed no answer; the text gives the reason.
pub async fn ask(
    python: &Path,
    hooks: &Map<String, Value>,
    cwd: &Path,
    env: Variables,
    marker: &str,
) -> Result<BTreeMap<Backend, Answer>, String> {
    let prefix = format!("dtf-{}:", ids::new_id().simple());
    let question = json!({ "prefix": prefix, "backends": hooks }).to_string();
    let call = Call {
        program: python.into(),
        args: vec!["-I".into(), "-c".into(), PROBE.into(), question.into()],
        cwd: cwd.to_owned(),
        env: env.into_iter().collect(),
        marker: Some(format!("{marker}proof-{}/", ids::new_id().simple())),
        ..Call::default()
    };
    let limits = Limits { time: TIMEOUT, output_bytes: MAX_OUTPUT_BYTES, keep: Keep::End };
    match run(&call, limits).await {
        Completion::Exited(output) => {
            let mut answers = read(&output.stdout.text, &prefix);
            if output.exit.code != Some(0) {
                // The first back-end without an answer ended the interpreter.
                let next = hooks.keys().filter_map(|name| Backend::new(name).ok());
                if let Some(next) = next.into_iter().find(|next| !answers.contains_key(next)) {
                    let last = output.stderr.text.lines().last().unwrap_or_default();
                    let reason = shortened(&format!("the interpreter {}: {last}", output.exit));
                    answers.insert(next, Answer::Broken { reason });
                }
            }
            Ok(answers)
        }
        Completion::TimedOut { limit, .. } => {
            Err(format!("it did not finish within {} s", limit.as_secs()))
        }
        Completion::NotFound => Err(format!("{} does not exist", python.display())),
        Completion::NotStarted(reason) => Err(format!("it cannot be started: {reason}")),
    }
}

/// Reads the lines that begin with `prefix`; libraries print others.
fn read(output: &str, prefix: &str) -> BTreeMap<Backend, Answer> {
    let lines = output.lines().filter_map(|line| line.trim_start().strip_prefix(prefix));
    let answers = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
    answers.map(|line| (line.backend, line.answer.shortened())).collect()
}

impl Answer {
    fn shortened(self) -> Self {
        match self {
            Self::Found { library, name } => {
                Self::Found { library: shortened(&library), name: shortened(&name) }
            }
            Self::Missing { reason } => Self::Missing { reason: shortened(&reason) },
            Self::Broken { reason } => Self::Broken { reason: shortened(&reason) },
            Self::Absent { reason } => Self::Absent { reason: shortened(&reason) },
        }
    }
}

fn shortened(text: &str) -> String {
    text.replace(char::is_control, " ").chars().take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_probe_are_answers() {
        let found = "{\"backend\": \"cuda\", \"state\": \"found\", \"library\": \"torch 2\", \"name\": \"L4\"}";
        let output = format!(
            "hello\nP:{found}\n{}\nP:{{\"backend\": \"hpu\", \"state\": \"absent\", \"reason\": \"a\\nb\"}}\nP:{{",
            found.replace("cuda", "rocm")
        );
        let answers = read(&output, "P:");
        assert_eq!(answers.len(), 2);
        let name = "L4".to_owned();
        let library = "torch 2".to_owned();
        assert_eq!(answers[&Backend::CUDA], Answer::Found { library, name });
        assert_eq!(answers[&Backend::HPU], Answer::Absent { reason: "a b".to_owned() });
    }
}
