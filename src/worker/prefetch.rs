//! Builds the environments and fetches the weights of tests before they are submitted.
//!
//! Promises: no test is run, and nothing is registered. Every environment and all weights are tried,
//! and each failure names the package or the weights and a test that needs them. Environments and
//! weights that are there already cost nothing.

use crate::domain::causes::with_causes;
use crate::domain::launch::{Environment, Launch, Program};
use crate::sys::fs::write_whole;
use crate::worker::environments::{Environments, PythonEnvironment};
use crate::worker::link::Link;
use crate::worker::proofs::findings::{Answer, Claim};
use crate::worker::proofs::{Place, Prover};
use crate::worker::settings::Settings;
use crate::worker::summary::WorkerError;
use crate::worker::variables::InheritedVariables;
use crate::worker::weights::progress::Progress;
use crate::worker::weights::sources::WeightSources;
use crate::worker::work_dir::WorkDir;
use crate::worker::{build_settings, files};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Interval at which the progress of a fetch is reported.
const READ_INTERVAL: Duration = Duration::from_secs(2);

/// A test to prepare for.
#[derive(Debug, Clone)]
pub struct Prospect {
    pub name: String,
    pub launch: Launch,
}

/// A file that the submission of the tests would send, by its SHA-256.
pub type PlannedContent<'a> = (&'a str, &'a [u8]);

/// The progress for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefetchEvent<'a> {
    /// A line that replaces the one before.
    Moving(&'a str),
    /// A line that stays.
    Done(&'a str),
}

/// Receives the progress.
pub type Report<'a> = &'a (dyn Fn(PrefetchEvent<'_>) + Send + Sync);

/// The result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefetched {
    pub environments: usize,
    pub weights: usize,
    /// The environments and weights that are missing, with the reason.
    pub failures: Vec<String>,
}

/// Prepares this worker for tests. `contents` are the files of their plan.
///
/// # Errors
/// The work directory is unusable or in use.
pub async fn prefetch<L: Link>(
    settings: &Settings,
    link: Arc<L>,
    (tests, contents): (&[Prospect], &[PlannedContent<'_>]),
    report: Report<'_>,
) -> Result<Prefetched, WorkerError> {
    let work_dir = WorkDir::open(&settings.work_dir)?;
    let inherited = InheritedVariables::from_process(&settings.pass_env);
    let builds = build_settings(settings, &work_dir)?;
    let environments = Environments::new(builds, inherited.clone(), settings.progress.clone());
    let weights = WeightSources::new(link.clone(), settings.weights.clone(), settings.hub.clone())
        .with_places(settings.places.clone());
    let cache = work_dir.files();
    let place =
        Place { cwd: work_dir.envs(), marker: work_dir.marker(), inherited: inherited.clone() };
    let offer = settings.offer.clone();
    let mut prover = Prover::new(settings.backends.clone(), offer, &environments, place);
    let mut result = Prefetched::default();
    for (environment, name) in distinct(tests, environment) {
        let needed = needed_by(name);
        match prepare(environment, contents, &cache, (&environments, link.as_ref())).await {
            Ok(ready) => {
                result.environments += 1;
                for (claim, answer) in prover.prove(&ready, true).await {
                    if let Some(line) = described(&claim, &answer) {
                        report(PrefetchEvent::Done(&line));
                    }
                }
            }
            Err(reason) => {
                result.failures.push(format!("the Python environment {needed}: {reason}"));
            }
        }
    }
    let variables = inherited.for_attempt(&work_dir.envs(), 1);
    for (wanted, name) in distinct(tests, |launch| launch.weights.as_ref()) {
        let shown = wanted.key().map_or_else(|| wanted.kind().to_owned(), |key| key.to_string());
        let fetch = weights.fetch(wanted);
        let ensure = weights.ensure(wanted, &variables, &fetch);
        let ready = followed(ensure, fetch.progress(), &shown, report).await;
        let needed = needed_by(name);
        match ready {
            Ok(ready) if ready.path.is_some() => {
                result.weights += 1;
                report(PrefetchEvent::Done(&format!("the weights {shown} are ready")));
            }
            // Random weights are drawn by the test.
            Ok(_) => {}
            Err(error) => {
                let reason = with_causes(&error);
                result.failures.push(format!("the weights {shown} {needed}: {reason}"));
            }
        }
    }
    Ok(result)
}

/// The report of a runtime, for people. None if the environment has nothing for the back-end.
fn described(claim: &Claim, answer: &Answer) -> Option<String> {
    let device = claim.device.as_ref().map(|(id, _)| format!(" on {id}")).unwrap_or_default();
    let what = match answer {
        Answer::Found { library, name } => format!("{library} finds {name}"),
        Answer::Missing { reason } | Answer::Broken { reason } => reason.clone(),
        Answer::Absent { .. } => return None,
    };
    Some(format!("{}{device}: {what}", claim.backend))
}

fn needed_by(test: &str) -> String {
    format!("(for the test {test})")
}

/// The environment of a launch, if one must be built or checked.
fn environment(launch: &Launch) -> Option<&Environment> {
    let is_command = matches!(launch.run, Program::Command(_));
    (!is_command || !launch.environment.is_system()).then_some(&launch.environment)
}

/// Each value once, with the first test that needs it, in the order of the tests.
fn distinct<'a, T: PartialEq>(
    tests: &'a [Prospect],
    of: impl Fn(&'a Launch) -> Option<&'a T>,
) -> Vec<(&'a T, &'a str)> {
    let mut all: Vec<(&T, &str)> = Vec::new();
    for test in tests {
        if let Some(value) = of(&test.launch)
            && !all.iter().any(|(known, _)| *known == value)
        {
            all.push((value, &test.name));
        }
    }
    all
}

async fn prepare<L: Link>(
    environment: &Environment,
    contents: &[PlannedContent<'_>],
    cache: &Path,
    (environments, link): (&Environments, &L),
) -> Result<Arc<PythonEnvironment>, String> {
    for wheel in environment.wheels() {
        // The coordinator has the files of a plan only after its submission.
        if let Some((sha256, bytes)) = contents.iter().find(|(sha256, _)| *sha256 == wheel.sha256) {
            write_whole(&cache.join(sha256), bytes).map_err(|error| error.to_string())?;
        }
    }
    files::keep(environment.wheels(), cache, link).await.map_err(|error| error.to_string())?;
    environments.prepare(environment, cache).await.map_err(|error| error.to_string())
}

/// Waits for weights and reports the progress.
async fn followed<T>(
    ensure: impl Future<Output = T>,
    progress: &Progress,
    shown: &str,
    report: Report<'_>,
) -> T {
    tokio::pin!(ensure);
    loop {
        tokio::select! {
            ready = &mut ensure => return ready,
            () = tokio::time::sleep(READ_INTERVAL) => {
                report(PrefetchEvent::Moving(&progress.describe(shown)));
            }
        }
    }
}
