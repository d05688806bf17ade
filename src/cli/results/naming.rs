//! Finds the test that a user names: `logs` and `why` take an id, a name, or a part of a name.
//!
//! A name is searched in the newest runs first. A part of a name must match one test of its run.
//! Limits: [`MAX_RUNS`] runs are searched, [`MAX_LISTED`] names shown.

use crate::api::v1::test_views::TestView;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::results::stored::Source;
use crate::domain::id::{AttemptId, RunId, TestId};
use crate::results::render::words::plain;
use crate::text::suggest::{did_you_mean_name, nearest};

/// Maximum number of runs that are searched for a name.
pub const MAX_RUNS: u32 = 50;
/// Maximum number of names in an error message.
const MAX_LISTED: usize = 10;
const NAME_CHARS: usize = 120;

/// The test or attempt that a user named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Attempt(AttemptId),
    Test(TestId),
}

/// Reads an id, or finds the test with this name.
pub async fn find(source: &Source, wanted: &str) -> Result<What, CliError> {
    if let Ok(attempt) = wanted.parse() {
        return Ok(What::Attempt(attempt));
    }
    if let Ok(test) = wanted.parse() {
        return Ok(What::Test(test));
    }
    if wanted.trim().is_empty() {
        return Err(CliError::usage("the name of the test is empty").hint(HINT));
    }
    let runs = source.newest_runs(MAX_RUNS).await?;
    among(source, &runs, wanted).await
}

/// Reads an id of this run, or finds the test with this name in it.
pub async fn find_in(source: &Source, run: RunId, wanted: &str) -> Result<What, CliError> {
    let test = wanted.parse::<AttemptId>().map(|attempt| attempt.test).or_else(|_| wanted.parse());
    match test {
        Ok(test) if test.run == run => Ok(What::Test(test)),
        Ok(test) => Err(CliError::usage(format!("{test} is not a test of {run}"))),
        Err(_) => among(source, &[run], wanted).await,
    }
}

async fn among(source: &Source, runs: &[RunId], wanted: &str) -> Result<What, CliError> {
    let mut parts = Vec::new();
    for run in runs {
        let tests = source.tests_named(*run, wanted).await?;
        if let Some(test) = tests.iter().find(|test| test.name == wanted) {
            return Ok(What::Test(test.test));
        }
        if parts.is_empty() {
            parts = tests;
        }
    }
    let others = match runs.first().filter(|_| parts.is_empty()) {
        Some(newest) => source.tests_named(*newest, "").await?,
        None => Vec::new(),
    };
    only(wanted, &parts, &others).map(What::Test)
}

const HINT: &str = "dtf report lists the tests with their ids and names";

/// Returns the only one of `tests`, which are the tests of a run whose names contain `wanted`.
/// `others` are tests of the newest run, of which one may be meant.
fn only(wanted: &str, tests: &[TestView], others: &[TestView]) -> Result<TestId, CliError> {
    match tests {
        [test] => Ok(test.test),
        [] => {
            let meant = nearest(wanted, others.iter().map(|test| test.name.as_str()));
            let hint = meant.map_or_else(|| HINT.to_owned(), did_you_mean_name);
            let wanted = plain(wanted, NAME_CHARS);
            let message = format!("no test of the searched runs has {wanted:?} in its name");
            Err(CliError::new(message).with_exit(Exit::NoTest).hint(hint))
        }
        several => {
            let mut listed: Vec<String> = several
                .iter()
                .take(MAX_LISTED)
                .map(|test| format!("\n  {} {}", test.test, plain(&test.name, NAME_CHARS)))
                .collect();
            if several.len() > MAX_LISTED {
                listed.push("\n  and more".to_owned());
            }
            let wanted = plain(wanted, NAME_CHARS);
            Err(CliError::usage(format!(
                "several tests have {wanted:?} in their names:{}",
                listed.concat()
            ))
            .hint("give more of the name, or the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(index: u32, name: &str) -> TestView {
        serde_json::from_value(serde_json::json!({
            "test": format!("r3.t{index}"), "name": name, "phase": "done", "attempts": 1,
            "labels": {},
        }))
        .expect("a test")
    }

    #[test]
    fn a_part_of_a_name_must_mean_one_test() {
        let one = [test(4, "bert/cpu/load")];
        assert_eq!(only("load", &one, &[]).expect("one").to_string(), "r3.t4");
        let none = only("lod", &[], &[]).expect_err("none");
        assert_eq!((none.exit, none.hint.as_deref()), (Exit::NoTest, Some(HINT)));
        let near = only("bert/cpu/laod", &[], &one).expect_err("none");
        assert_eq!(near.hint.as_deref(), Some("did you mean \"bert/cpu/load\"?"));
        let many: Vec<_> = (0..12).map(|n| test(n, &format!("bert/\u{1b}cpu/b{n}"))).collect();
        let several = only("bert", &many, &[]).expect_err("several");
        assert!(several.message.contains("\n  r3.t0 bert/\\u{1b}cpu/b0\n"), "{several:?}");
        assert!(several.message.ends_with("and more"), "{several:?}");
    }
}
