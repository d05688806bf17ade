//! The tests of a search: some tests of a plan or a model, or a result with what it depends on.

use crate::api::v1::workers::WorkerState;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::versions::bisect::args::BisectArgs;
use crate::cli::versions::subset::{closure, edited, placed, renumbered, require_pinned};
use crate::cli::work::Work;
use crate::client::Client;
use crate::domain::id::{TestId, WorkerId};
use crate::domain::test::TestSpec;
use crate::models::weights::WeightsNotes;
use crate::plan::packages::{PACKAGES, Pin, Pins};
use crate::plan::submission::Submission;
use crate::text::suggest::{did_you_mean_name, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Maximum number of tests that a result depends on.
const MAX_BEFORE: usize = 1000;

/// The origin of the tests.
pub enum Subject {
    /// Tests that are made again for each candidate: all of them, or the named one.
    Made { work: Box<Work>, wanted: Option<String> },
    /// The tests of a result, by their positions in its run.
    Stored { test: TestId, tests: BTreeMap<usize, Arc<TestSpec>> },
}

impl Subject {
    /// The tests that the arguments name. Those of a result are read later, by [`Self::read`].
    pub fn of(args: &BisectArgs) -> Result<Self, CliError> {
        let flag = args.models.given();
        if let Some(plan) = &args.plan {
            if let Some(flag) = flag {
                let message = format!("{flag} applies to models and has no effect on a plan");
                return Err(CliError::usage(message).hint("write it into the plan"));
            }
            let wanted = Some(args.test.clone());
            return Ok(Self::Made { work: Box::new(Work::plan(plan)?), wanted });
        }
        if let Ok(test) = args.test.parse::<TestId>() {
            if let Some(flag) = flag.or(args.real.require_weights.then_some("--require-weights")) {
                let message = format!("{flag} has no effect on {test}, which is a result");
                return Err(CliError::usage(message).hint("remove the flag, or name the model"));
            }
            return Ok(Self::Stored { test, tests: BTreeMap::new() });
        }
        let mut models = args.models.clone();
        if models.hw.is_empty() {
            models.hw = vec!["cpu".to_owned()];
        }
        let what = std::slice::from_ref(&args.test);
        Ok(Self::Made { work: Box::new(Work::models(what, &models)?), wanted: None })
    }

    /// Reads the specification of a result, and of the tests that it depends on.
    pub async fn read(&mut self, client: &Client) -> Result<(), CliError> {
        let Self::Stored { test, tests } = self else { return Ok(()) };
        let mut open = vec![test.index];
        while let Some(index) = open.pop() {
            if tests.contains_key(&(index as usize)) {
                continue;
            }
            if tests.len() == MAX_BEFORE {
                let message = format!("{test} depends on more than {MAX_BEFORE} tests");
                return Err(CliError::new(message).hint("name it as a test of its plan: --plan"));
            }
            let spec = client.spec(TestId { index, ..*test }).await?.spec;
            open.extend(spec.depends_on.iter());
            tests.insert(index as usize, spec);
        }
        Ok(())
    }

    /// The tests with a pinned package, and the positions of those that decide.
    pub async fn pinned(
        &mut self,
        console: Console,
        pin: &Pin,
    ) -> Result<(Submission, BTreeSet<usize>), CliError> {
        let pins = Pins::of([pin.clone()]).map_err(|error| CliError::usage(error.message))?;
        match self {
            Self::Made { work, wanted } => {
                work.pins = pins.clone();
                let made = work.submission_with_weights(console).await?;
                let named: BTreeSet<usize> = match wanted {
                    None => (0..made.tests.len()).collect(),
                    Some(name) => [position(&made.tests, name)?].into(),
                };
                let kept = closure(&made.tests, named.iter().copied());
                let searched = kept.iter().map(|at| &*made.tests[*at]);
                require_pinned("the search", searched, &pins)?;
                let tests: BTreeMap<usize, Arc<TestSpec>> =
                    kept.iter().map(|at| (*at, Arc::clone(&made.tests[*at]))).collect();
                let named = kept.iter().enumerate().filter(|(_, old)| named.contains(old));
                let named = named.map(|(new, _)| new).collect();
                Ok((Submission { tests: renumbered(&tests)?, ..made }, named))
            }
            Self::Stored { test, tests } => {
                let position = tests.keys().position(|at| *at == test.index as usize);
                let pinned = renumbered(tests)?;
                let pinned = pinned.iter().map(|spec| repinned(spec, &pins).map(Arc::new));
                let submission = Submission {
                    name: test.to_string(),
                    tests: pinned.collect::<Result<_, _>>()?,
                    files: Vec::new(),
                    doubts: Vec::new(),
                    weights_notes: WeightsNotes::default(),
                    weights: Vec::new(),
                    unread: BTreeMap::new(),
                };
                Ok((submission, position.into_iter().collect()))
            }
        }
    }
}

/// A stored test with other pins: those that it had for the same package are removed.
fn repinned(spec: &TestSpec, pins: &Pins) -> Result<TestSpec, CliError> {
    edited(spec, |launch| {
        let own = launch.labels.get(PACKAGES).map(|label| Pins::of_label(label));
        let own = own.and_then(Result::ok).unwrap_or_default();
        let is_other = |pin: &&Pin| pins.iter().all(|new| new.package() != pin.package());
        let kept = own.iter().filter(is_other).cloned();
        let all = Pins::of(kept.chain(pins.iter().cloned()));
        let all = all.map_err(|error| CliError::new(error.message))?;
        if let crate::domain::launch::Environment::Packages(packages) = &mut launch.environment {
            packages.requirements.retain(|text| own.iter().all(|pin| pin.as_str() != text));
        }
        let refused = |error: crate::text::error::ValueError| CliError::usage(error.message);
        all.add_to(&mut launch.environment, &[]).map_err(refused)?;
        all.label_in(&mut launch.labels);
        Ok(())
    })
}

/// The position of the test with this name, or of the only one that has it in its name.
fn position(tests: &[Arc<TestSpec>], name: &str) -> Result<usize, CliError> {
    if let Some(at) = tests.iter().position(|test| &*test.name == name) {
        return Ok(at);
    }
    let parts: Vec<usize> = (0..tests.len()).filter(|at| tests[*at].name.contains(name)).collect();
    match parts.as_slice() {
        [one] => Ok(*one),
        [] => {
            let error = CliError::usage(format!("the plan has no test {name:?}"));
            let error = error.with_exit(Exit::NoTest);
            Err(match nearest(name, tests.iter().map(|test| &*test.name)) {
                Some(meant) => error.hint(did_you_mean_name(meant)),
                None => error.hint("dtf run PLAN --dry-run lists the tests of a plan"),
            })
        }
        several => {
            let message =
                format!("{} tests of the plan have {name:?} in their names", several.len());
            Err(CliError::usage(message).hint("dtf run PLAN --dry-run lists the tests of a plan"))
        }
    }
}

/// The only worker that runs the steps, so that they are measured on the same machine: the first one
/// that can run every test. None if there is only one.
pub async fn worker(
    client: &Client,
    tests: &[Arc<TestSpec>],
) -> Result<Option<WorkerId>, CliError> {
    let mut workers = client.workers().await?.items;
    workers.retain(|worker| worker.state == WorkerState::Active);
    if workers.len() < 2 {
        return Ok(None);
    }
    let can = |test: &Arc<TestSpec>, worker: &crate::api::v1::workers::WorkerView| {
        test.requirement.allows(worker.worker).is_ok()
            && test.requirement.met_by(&worker.capability).is_ok()
    };
    let fitting = workers.iter().find(|worker| tests.iter().all(|test| can(test, worker)));
    Ok(fitting.map(|worker| worker.worker))
}

/// The submission on this worker.
pub fn on(submission: Submission, worker: Option<WorkerId>) -> Submission {
    let workers = vec![worker; submission.tests.len()];
    Submission { tests: placed(&submission.tests, &workers), ..submission }
}
