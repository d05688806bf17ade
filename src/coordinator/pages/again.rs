//! Submits a test again, in a new run, with the tests that it depends on.
//!
//! Limit: [`MAX_TESTS`] tests. Promise: the specifications are those of the event log, unchanged but for
//! the positions of dependencies and the label of a repetition.

use crate::api::error::Code;
use crate::api::v1::runs::{SubmitRun, Submitted};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Id;
use crate::coordinator::http::respond::ApiError;
use crate::coordinator::http::{submit, test_routes};
use crate::domain::access::Principal;
use crate::domain::id::TestId;
use crate::domain::launch::{CONFIRMS, Launch};
use crate::domain::test::TestSpec;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use serde_json::value::to_raw_value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of tests that are submitted together.
const MAX_TESTS: usize = 100;

/// Submits the test again.
///
/// # Errors
/// The specifications are not kept any more, there are too many dependencies, or the submission is
/// refused.
pub(super) async fn submit(
    app: &Arc<App>,
    principal: Principal,
    test: TestId,
) -> Result<Submitted, ApiError> {
    let tests = renumbered(collect(app, test).await?);
    let run =
        SubmitRun { name: format!("again {test}").into(), tests, more: false, closed_world: false };
    let body = serde_json::to_vec(&run)
        .map_err(|error| ApiError::internal("internal error: the run cannot be encoded", &error))?;
    let request = Request::new(Body::from(body));
    let Json(submitted) = submit::submit(State(Arc::clone(app)), principal, request).await?;
    Ok(submitted)
}

/// The test and all tests that it depends on, by their position in the run.
async fn collect(app: &Arc<App>, test: TestId) -> Result<BTreeMap<u32, Arc<TestSpec>>, ApiError> {
    let mut found = BTreeMap::new();
    let mut open = vec![test.index];
    while let Some(index) = open.pop() {
        if found.contains_key(&index) {
            continue;
        }
        if found.len() == MAX_TESTS {
            let message = format!("{test} depends on more than {MAX_TESTS} tests");
            return Err(ApiError::new(Code::Unprocessable, message)
                .hint("submit its plan again with `dtf submit`"));
        }
        let id = Id(TestId { run: test.run, index });
        let Json(view) = test_routes::spec(State(Arc::clone(app)), id).await?;
        open.extend(view.spec.depends_on.iter());
        found.insert(index, view.spec);
    }
    Ok(found)
}

/// The tests of a new run, in their order. A repetition that confirmed a change is an ordinary test there.
fn renumbered(tests: BTreeMap<u32, Arc<TestSpec>>) -> Vec<Arc<TestSpec>> {
    let positions: BTreeMap<u32, u32> = tests.keys().copied().zip(0..).collect();
    let renumber = |mut test: Arc<TestSpec>| {
        let on = test.depends_on.iter().filter_map(|on| positions.get(on).copied()).collect();
        let spec = Arc::make_mut(&mut test);
        spec.depends_on = on;
        if let Ok(mut launch) = serde_json::from_str::<Launch>(spec.launch.get())
            && launch.labels.remove(CONFIRMS).is_some()
            && let Ok(launch) = to_raw_value(&launch)
        {
            spec.launch = launch;
        }
        test
    };
    tests.into_values().map(renumber).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_keep_their_tests() {
        let test = |name: &str, on: &[u32]| -> Arc<TestSpec> {
            let spec = serde_json::json!({"name": name, "depends_on": on, "launch": {}});
            Arc::new(serde_json::from_value(spec).expect("a test"))
        };
        let tests = [(3, test("a", &[])), (5, test("b", &[3])), (9, test("c", &[5, 3]))];
        let renumbered = renumbered(tests.into());
        let on: Vec<_> = renumbered.iter().map(|test| test.depends_on.to_vec()).collect();
        assert_eq!(on, [vec![], vec![0], vec![1, 0]]);
        assert_eq!(&*renumbered[2].name, "c");
    }

    #[test]
    fn a_repetition_that_confirmed_a_change_can_be_submitted_again() {
        let spec = serde_json::json!({"name": "a", "launch": {
            "run": { "command": ["true"] }, "labels": { "confirms": "r1.t0", "model": "m" },
        }});
        let test = Arc::new(serde_json::from_str(&spec.to_string()).expect("a test"));
        let again = renumbered([(0, test)].into()).remove(0);
        let launch: Launch = serde_json::from_str(again.launch.get()).expect("a launch");
        assert_eq!(launch.labels.keys().collect::<Vec<_>>(), ["model"]);
        assert_eq!(launch.check(), Ok(()));
    }
}
