//! The test that is run again: the failed one, pinned to its worker, with `DTF_DEBUG`.

use crate::api::v1::test_views::{AttemptQuery, AttemptView, TestView};
use crate::api::v1::workers::WorkerState;
use crate::cli::error::CliError;
use crate::client::{Client, ClientError};
use crate::domain::id::{TestId, WorkerId};
use crate::domain::launch::{Environment, FileRef, Input, Isolation, Launch, Program};
use crate::domain::outcome::Outcome;
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::test::{MAX_NAME_BYTES, TestSpec};
use crate::domain::time::Millis;
use crate::plan::packages::Pins;
use crate::results::packages;
use crate::results::render::words::plain;
use serde_json::value::to_raw_value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files that a script writes in this mode, if it finds an operator.
pub const FILES: [&str; 2] = ["debug_reproduce.py", "debug_tensors.pt"];
/// Longer than the test: each operator of a module is also computed on the CPU.
const TIMEOUT_FACTOR: u64 = 4;
const NAME_CHARS: usize = 120;

/// The failed attempt of a test.
///
/// # Errors
/// The test did not fail with wrong numbers.
pub async fn failed_attempt(client: &Client, test: TestId) -> Result<AttemptView, CliError> {
    let view = client.test(test).await?;
    match view.outcome {
        Some(Outcome::Failed) => Ok(client.attempt(test.attempt(view.attempts)).await?),
        outcome => Err(not_failed(&view, outcome)),
    }
}

fn not_failed(view: &TestView, outcome: Option<Outcome>) -> CliError {
    let test = format!("{} {}", view.test, plain(&view.name, NAME_CHARS));
    match outcome {
        None => CliError::new(format!("{test} has not ended"))
            .hint(format!("dtf why {} shows its state", view.test)),
        Some(Outcome::Passed) => {
            CliError::new(format!("{test} passed: there is no difference to find"))
        }
        Some(other) => {
            let message = format!("{test} has no wrong numbers: it ended as {}", other.words());
            CliError::new(message).hint(format!("dtf why {} shows the reason", view.test))
        }
    }
}

/// The worker that ran the attempt.
///
/// # Errors
/// The worker takes no tests.
pub async fn same_worker(client: &Client, attempt: &AttemptView) -> Result<WorkerId, CliError> {
    let name = format!("{} ({})", attempt.worker, plain(&attempt.worker_name, NAME_CHARS));
    let hint = "start the worker again with the same directory, or run the plan on another one";
    match client.worker(attempt.worker).await {
        Ok(view) if view.state == WorkerState::Active => Ok(view.worker),
        Ok(view) if view.state == WorkerState::Draining => {
            Err(CliError::new(format!("the worker {name} takes no tests: it is draining"))
                .hint(format!("dtf workers resume {}", view.worker)))
        }
        Ok(view) => {
            Err(CliError::new(format!("the worker {name} is {}", view.state.name())).hint(hint))
        }
        Err(ClientError::NotFound(_)) => {
            Err(CliError::new(format!("the worker {name} is not known any more")).hint(hint))
        }
        Err(error) => Err(error.into()),
    }
}

/// The test that searches for the difference.
///
/// # Errors
/// The test is not a script, or what it needs is not stored any more.
pub async fn again(
    client: &Client,
    failed: &AttemptView,
    worker: WorkerId,
) -> Result<TestSpec, CliError> {
    let test = failed.attempt.test;
    let spec = client.spec(test).await?.spec;
    let launch: Launch = serde_json::from_str(spec.launch.get())
        .map_err(|error| CliError::new(format!("cannot read the launch of {test}: {error}")))?;
    if !matches!(launch.run, Program::Script(_)) {
        return Err(CliError::new(format!("{test} is a command, not the test of a model"))
            .hint("dtf debug works with the scripts that dtf generate writes"));
    }
    let mut files = launch.files;
    for input in &launch.inputs {
        files.push(artifact_of(client, test, input).await?);
    }
    let mut env = launch.env;
    env.insert("DTF_DEBUG".into(), "1".into());
    let mut environment = launch.environment;
    pin(&mut environment, &packages(&failed.detail.environment));
    let launch = Launch {
        environment,
        files,
        env,
        inputs: Vec::new(),
        isolation: Isolation::Cold,
        timeout_ms: Millis(launch.timeout_ms.0.saturating_mul(TIMEOUT_FACTOR)),
        silence_ms: None,
        artifacts: FILES.map(str::to_owned).into(),
        // Results of this mode do not belong to the history of the model.
        labels: [("debug".to_owned(), test.to_string())].into(),
        ..launch
    };
    let text = to_raw_value(&launch)
        .map_err(|error| CliError::new(format!("cannot encode the launch: {error}")))?;
    let mut name = format!("debug/{}", spec.name);
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    Ok(TestSpec {
        name: name.into(),
        requirement: Arc::new(Requirement { worker: Some(worker), ..(*spec.requirement).clone() }),
        retries: Retries { failed: 0, infrastructure: 1 },
        depends_on: Box::default(),
        expected_ms: None,
        expire_after_ms: None,
        launch: text,
        ..(*spec).clone()
    })
}

/// Adds the versions of the packages that the failed attempt reported to the requirements, because
/// other versions may have been published since. An environment that is not built for the test, and
/// packages from addresses and wheels, have their versions already.
fn pin(environment: &mut Environment, versions: &BTreeMap<String, String>) {
    let wheels: Vec<String> = environment.wheels().iter().map(|file| file.path.clone()).collect();
    for (package, version) in versions {
        let exact = format!("{package}=={version}");
        let is_there = match environment {
            Environment::System => return,
            Environment::Packages(packages) => packages.requirements.contains(&exact),
        };
        let pins = if is_there { Ok(Pins::default()) } else { Pins::parse([&*exact]) };
        if let Err(error) = pins.and_then(|pins| pins.add_to(environment, &wheels)) {
            tracing::debug!(package, version, error = error.message, "the package is not pinned");
        }
    }
}

/// The file that another test of the run left for this one.
async fn artifact_of(client: &Client, test: TestId, input: &Input) -> Result<FileRef, CliError> {
    let producer = TestId { index: input.test, ..test };
    let query = AttemptQuery {
        test: Some(producer),
        outcome: Some(Outcome::Passed),
        limit: Some(1),
        ..AttemptQuery::default()
    };
    let attempts = client.attempts(&query).await?.items;
    let mut artifacts = attempts.into_iter().flat_map(|attempt| attempt.detail.artifacts);
    let found = artifacts.find(|artifact| artifact.name == input.artifact).ok_or_else(|| {
        CliError::new(format!("{producer} has not left the file {:?}", input.artifact))
    })?;
    if !client.has_blob(&found.sha256).await? {
        let name = plain(&input.artifact, NAME_CHARS);
        return Err(CliError::new(format!("the file {name} of {producer} is not stored any more"))
            .hint("submit the plan again"));
    }
    Ok(FileRef {
        path: input.path.clone(),
        sha256: found.sha256,
        size_bytes: found.size_bytes,
        executable: found.executable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::launch::Packages;

    #[test]
    fn the_packages_have_the_versions_of_the_failed_attempt() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let requirements = texts(&["torch>=2.4", "peft==0.18.0", "mine @ git+https://host/mine"]);
        let mut environment =
            Environment::Packages(Packages { requirements, ..Packages::default() });
        let versions =
            [("torch", "2.9.1+cpu"), ("peft", "0.18.0"), ("mine", "1.0"), ("odd", "not a version")];
        let versions = versions.map(|(name, version)| (name.to_owned(), version.to_owned()));
        pin(&mut environment, &versions.clone().into());
        let Environment::Packages(Packages { requirements, .. }) = environment else { panic!() };
        let expected =
            ["torch>=2.4", "peft==0.18.0", "mine @ git+https://host/mine", "torch==2.9.1+cpu"];
        assert_eq!(requirements, expected);
        let mut own = Environment::System;
        pin(&mut own, &versions.into());
        assert_eq!(own, Environment::System, "the packages of the worker stay");
    }
}
