//! `dtf upgrade`: the tests of a plan before and after an upgrade of packages.
//!
//! Each round submits two runs with the same tests, which take turns on the workers. The pair of a test
//! is pinned to one worker. The first round has all tests, later ones those whose verdict another
//! round may change, and their dependencies.

pub mod args;

use crate::api::v1::upgrades::UpgradeView;
use crate::api::v1::workers::{WorkerState, WorkerView};
use crate::cli::args::shared::Global;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::versions::observe;
use crate::cli::versions::place::{Place, Runs};
use crate::cli::versions::subset::{closure, edited, labels, placed, renumbered, require_pinned};
use crate::cli::versions::upgrade::args::{Format, UpgradeArgs};
use crate::cli::work::{Work, warnings};
use crate::domain::id::WorkerId;
use crate::domain::launch::{LEFT_OUT, Launch};
use crate::domain::test::TestSpec;
use crate::plan::packages::{Pins, upgrade_run};
use crate::plan::submission::Submission;
use crate::results::render::figures::counted;
use crate::results::render::upgrade as render;
use crate::results::upgrade::{Side, Tested, verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub async fn run(
    console: Console,
    global: &Global,
    mut args: UpgradeArgs,
) -> Result<Exit, CliError> {
    args.place.allow(&args.models);
    let (before, after) = pins(&args)?;
    let mut work = work(&args)?;
    work.apply(args.real);
    work.pins = after.clone();
    let place = Place::of(console, global, &args.place, &mut work).await?;
    let after_side = work.submission_with_weights(console).await?;
    work.pins = before.clone();
    let before_side = work.submission_with_weights(console).await?;
    warnings::warn_doubts(console, &after_side);
    let sides = [before_side, after_side];
    check(&sides, &after)?;
    let submissions = [&sides[0], &sides[1]];
    let comparison = Comparison { console, sides: &sides, rounds: args.rounds };
    let pins = [before, after];
    place
        .perform((console, global), &args.place, (&work.library, &submissions), async |runs| {
            let view = comparison.perform(&runs, pins).await?;
            console.result(&match args.output {
                Format::Json => return print_json(console, &view),
                Format::Table => render::table(&view, console.width()),
                Format::Csv => render::csv(&view),
                Format::Markdown => render::markdown(&view),
            })?;
            Ok(Exit::of_upgrade(&view))
        })
        .await
}

fn print_json(console: Console, view: &UpgradeView) -> Result<Exit, CliError> {
    console.json(view)?;
    Ok(Exit::of_upgrade(view))
}

/// The pins of both sides.
fn pins(args: &UpgradeArgs) -> Result<(Pins, Pins), CliError> {
    let of = |pins: &[_], flag: &str| {
        Pins::of(pins.iter().cloned())
            .map_err(|error| CliError::usage(format!("{flag}{}", error.message)))
    };
    let (before, after) = (of(&args.before, "--from: ")?, of(&args.after, "")?);
    if before == after {
        let message = format!("both sides have the same packages: {}", after.label());
        return Err(CliError::usage(message).hint("--from names the packages before the upgrade"));
    }
    Ok((before, after))
}

fn work(args: &UpgradeArgs) -> Result<Work, CliError> {
    let Some(plan) = &args.plan else {
        let mut models = args.models.clone();
        if models.hw.is_empty() {
            models.hw = vec!["auto".to_owned()];
        }
        return Work::models(&args.model, &models);
    };
    match args.models.given() {
        None => Work::plan(plan),
        Some(flag) => {
            let plan = plan.display();
            let message = format!("{flag} applies to models and has no effect on the plan {plan}");
            Err(CliError::usage(message).hint("write it into the plan, or remove the flag"))
        }
    }
}

/// Checks that the sides have the same tests, of which the upgrade changes at least one.
fn check(sides: &[Submission; 2], after: &Pins) -> Result<(), CliError> {
    let names = |side: &Submission| side.tests.iter().map(|test| test.name.clone()).collect();
    let [before_names, after_names]: [Vec<Box<str>>; 2] = [names(&sides[0]), names(&sides[1])];
    if before_names != after_names {
        return Err(CliError::new("the plan gives other tests with the upgrade than without it"));
    }
    require_pinned("the plan", sides[1].tests.iter().map(|test| &**test), after)
}

/// The test with the number of tests that are left out, for readers of its run.
fn noted(test: &Arc<TestSpec>, left_out: usize) -> Result<Arc<TestSpec>, CliError> {
    if left_out == 0 {
        return Ok(Arc::clone(test));
    }
    let edit = |launch: &mut Launch| {
        launch.labels.insert(LEFT_OUT.to_owned(), left_out.to_string());
        Ok(())
    };
    Ok(Arc::new(edited(test, edit)?))
}

struct Comparison<'a> {
    console: Console,
    sides: &'a [Submission; 2],
    rounds: u32,
}

impl Comparison<'_> {
    /// Runs the rounds and returns the report.
    async fn perform(&self, runs: &Runs, pins: [Pins; 2]) -> Result<UpgradeView, CliError> {
        let workers = self.workers(runs).await?;
        let sides = [0, 1].map(|side: usize| placed(&self.sides[side].tests, &workers));
        let mut tested: Vec<Tested> =
            sides[1].iter().map(|test| Tested::new(&test.name, labels(test))).collect();
        let mut reported = pins.map(|pins| {
            let packages = pins.iter().map(|pin| pin.package().to_owned()).collect();
            Side::new(pins.label(), packages)
        });
        let is_pinned = |(_, test): &(usize, &Tested)| test.is_pinned();
        let pinned = tested.iter().enumerate().filter(is_pinned);
        let mut wanted: BTreeSet<usize> = pinned.map(|(at, _)| at).collect();
        let left_out = sides[1].len() - closure(&sides[1], wanted.iter().copied()).len();
        for round in 0..self.rounds {
            if round > 0 {
                wanted.retain(|at| tested[*at].wants_round());
            }
            if wanted.is_empty() {
                break;
            }
            self.note(round, wanted.len());
            let kept = closure(&sides[1], wanted.iter().copied());
            // The side that is first alternates, so that a drift of the machine affects both.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut submissions = Vec::new();
            for side in order {
                let tests = kept.iter().map(|at| (*at, Arc::clone(&sides[side][*at]))).collect();
                let tests = renumbered(&tests)?;
                let tests =
                    tests.iter().map(|test| noted(test, left_out)).collect::<Result<_, _>>()?;
                let name = upgrade_run(&self.sides[side].name, side, round + 1);
                submissions.push(Submission { name, tests, ..self.sides[side].clone() });
            }
            let started = runs.together(&submissions).await?;
            for (side, run) in order.into_iter().zip(started) {
                reported[side].runs.push(run);
                let observed = observe::run(&runs.client, run, kept.len()).await?;
                for (at, observed) in kept.iter().zip(observed) {
                    reported[side].add(&observed.packages);
                    tested[*at].add(side, observed);
                }
            }
        }
        // The tests that were left out are among those of this view.
        Ok(verdict(reported, &tested, 0))
    }

    fn note(&self, round: u32, tests: usize) {
        let tests = counted(tests as u64, "test");
        self.console.note(&match round {
            0 => format!("{tests} before and after the upgrade"),
            _ => format!("round {}: {tests} again, to separate changes from noise", round + 1),
        });
    }

    /// The worker of each test. Tests of one model and back-end have the same one, so that it needs
    /// their weights once. None if there is only one worker.
    async fn workers(&self, runs: &Runs) -> Result<Vec<Option<WorkerId>>, CliError> {
        let workers = runs.client.workers().await?.items;
        let workers: Vec<WorkerView> =
            workers.into_iter().filter(|worker| worker.state == WorkerState::Active).collect();
        let tests = &self.sides[1].tests;
        if workers.len() < 2 {
            return Ok(vec![None; tests.len()]);
        }
        let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
        let place = |test: &Arc<TestSpec>| {
            let fitting: Vec<&WorkerView> = workers
                .iter()
                .filter(|worker| test.requirement.allows(worker.worker).is_ok())
                .filter(|worker| test.requirement.met_by(&worker.capability).is_ok())
                .collect();
            let labels = labels(test);
            let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
            let next = places.len();
            let group = *places.entry((label("model"), label("backend"))).or_insert(next);
            let chosen = fitting.get(group.checked_rem(fitting.len())?)?;
            Some(test.requirement.worker.unwrap_or(chosen.worker))
        };
        Ok(tests.iter().map(place).collect())
    }
}
