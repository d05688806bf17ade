//! A new run with some tests of another one.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::domain::id::WorkerId;
use crate::domain::launch::Launch;
use crate::domain::requirement::Requirement;
use crate::domain::test::TestSpec;
use crate::plan::packages::{PACKAGES, Pins};
use serde_json::value::to_raw_value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The positions of tests, with those of the tests that they depend on.
pub fn closure(
    tests: &[Arc<TestSpec>],
    wanted: impl IntoIterator<Item = usize>,
) -> BTreeSet<usize> {
    let mut open: Vec<usize> = wanted.into_iter().collect();
    let mut all = BTreeSet::new();
    while let Some(at) = open.pop() {
        let Some(test) = tests.get(at) else { continue };
        if all.insert(at) {
            open.extend(test.depends_on.iter().map(|before| *before as usize));
        }
    }
    all
}

/// Tests by their old position, with their dependencies and inputs at the positions in the new list.
///
/// # Errors
/// A launch cannot be read, or a dependency is not among the tests.
pub fn renumbered(tests: &BTreeMap<usize, Arc<TestSpec>>) -> Result<Vec<Arc<TestSpec>>, CliError> {
    let places: BTreeMap<usize, u32> = tests.keys().copied().zip(0u32..).collect();
    let place = |old: u32| {
        let place = places.get(&(old as usize)).copied();
        place.ok_or_else(|| CliError::new(format!("the dependency t{old} of a test is missing")))
    };
    let one = |test: &Arc<TestSpec>| {
        let depends_on = test.depends_on.iter().map(|old| place(*old)).collect::<Result<_, _>>()?;
        let launch = edited(test, |launch| {
            launch.inputs.iter_mut().try_for_each(|input| {
                input.test = place(input.test)?;
                Ok(())
            })
        })?;
        Ok(Arc::new(TestSpec { depends_on, ..launch }))
    };
    tests.values().map(one).collect()
}

/// A test with another launch.
///
/// # Errors
/// The launch cannot be read or written, or the error of `edit`.
pub fn edited(
    test: &TestSpec,
    edit: impl FnOnce(&mut Launch) -> Result<(), CliError>,
) -> Result<TestSpec, CliError> {
    let unreadable =
        |error| CliError::new(format!("cannot read the launch of {}: {error}", test.name));
    let mut launch: Launch = serde_json::from_str(test.launch.get()).map_err(unreadable)?;
    edit(&mut launch)?;
    let launch = to_raw_value(&launch).map_err(unreadable)?;
    Ok(TestSpec { launch, ..test.clone() })
}

/// Tests that only these workers may run. Tests without a worker are not changed.
pub fn placed(tests: &[Arc<TestSpec>], workers: &[Option<WorkerId>]) -> Vec<Arc<TestSpec>> {
    let one = |(test, worker): (&Arc<TestSpec>, &Option<WorkerId>)| {
        if worker.is_none() {
            return Arc::clone(test);
        }
        let requirement = Requirement { worker: *worker, ..(*test.requirement).clone() };
        Arc::new(TestSpec { requirement: Arc::new(requirement), ..(**test).clone() })
    };
    tests.iter().zip(workers).map(one).collect()
}

/// Refuses tests of which none can use the pinned packages: every version would give the same result.
pub fn require_pinned<'a>(
    what: &str,
    mut tests: impl Iterator<Item = &'a TestSpec>,
    pins: &Pins,
) -> Result<(), CliError> {
    if tests.any(|test| labels(test).contains_key(PACKAGES)) {
        return Ok(());
    }
    let error = CliError::new(format!("no test of {what} can use {}", pins.label()));
    Err(error.with_exit(Exit::NoTest).hint(
        "tests in the environment of the worker are not changed: use environment: {packages: […]}",
    ))
}

/// The labels of a test.
pub fn labels(test: &TestSpec) -> BTreeMap<String, String> {
    let launch = serde_json::from_str::<Launch>(test.launch.get());
    launch.map(|launch| launch.labels).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, depends_on: &[u32], inputs: &[u32]) -> Arc<TestSpec> {
        let inputs: Vec<_> = inputs
            .iter()
            .map(|at| serde_json::json!({"test": at, "artifact": "a", "path": "a"}))
            .collect();
        let text = serde_json::json!({
            "name": name, "depends_on": depends_on,
            "launch": {"run": {"command": ["true"]}, "inputs": inputs},
        });
        serde_json::from_str(&text.to_string()).expect("a test")
    }

    #[test]
    fn a_subset_has_its_dependencies_at_their_new_positions() {
        let tests = [
            test("a", &[], &[]),
            test("reference", &[], &[]),
            test("load", &[1], &[]),
            test("last", &[2, 1], &[1]),
        ];
        let kept = closure(&tests, [3, 9]);
        assert_eq!(kept, [1, 2, 3].into());
        let kept = kept.into_iter().map(|at| (at, Arc::clone(&tests[at]))).collect();
        let subset = renumbered(&kept).expect("complete");
        let names: Vec<&str> = subset.iter().map(|test| &*test.name).collect();
        assert_eq!(names, ["reference", "load", "last"]);
        assert_eq!(*subset[2].depends_on, [1, 0]);
        let launch: Launch = serde_json::from_str(subset[2].launch.get()).expect("a launch");
        assert_eq!(launch.inputs[0].test, 0);
        let alone = [(3, Arc::clone(&tests[3]))].into();
        assert!(renumbered(&alone).expect_err("incomplete").message.contains("t2"));
    }
}
