//! The effect of an upgrade on the tests of its runs.

use crate::api::error::Code;
use crate::api::v1::upgrades::{MAX_ROUNDS, MAX_TESTS, UpgradeQuery, UpgradeView};
use crate::coordinator::http::app::App;
use crate::coordinator::http::extract::Params;
use crate::coordinator::http::respond::ApiError;
use crate::domain::id::RunId;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Get the effect of an upgrade from the runs before and after it.
#[utoipa::path(get, path = "/api/v1/upgrade", tag = "reports", params(UpgradeQuery),
    responses((status = 200, body = UpgradeView, description = "the effect on each model and back-end, and on each test"),
        (status = 404, description = "there is no such run"),
        (status = 422, description = "the runs are malformed, too many, on both sides, or have too many tests")))]
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    Params(query): Params<UpgradeQuery>,
) -> Result<Json<UpgradeView>, ApiError> {
    let [before, after] = sides(&query)?;
    app.settled().await?;
    let all: Vec<RunId> = before.iter().chain(&after).copied().collect();
    let known = app.results(move |results| {
        all.into_iter().map(|run| Ok((run, results.run(run)?))).collect::<Result<Vec<_>, _>>()
    });
    for (run, view) in known.await? {
        let tests = view.ok_or_else(|| ApiError::not_found(run))?.counts.total;
        if tests > MAX_TESTS {
            let message = format!("{run} has {tests} tests, but at most {MAX_TESTS} are compared");
            return Err(ApiError::new(Code::Unprocessable, message));
        }
    }
    Ok(Json(app.results(move |results| results.upgrade([&before, &after])).await?))
}

/// The runs before and after.
fn sides(query: &UpgradeQuery) -> Result<[Vec<RunId>; 2], ApiError> {
    let refuse = |message: String| ApiError::new(Code::Unprocessable, message);
    let one = |name: &str, text: &str| {
        let ids = text.split(',').map(|id| id.trim().parse::<RunId>());
        let runs = ids
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(format!("{name}: {error}")).hint("for example before=r1,r4"))?;
        if runs.len() > MAX_ROUNDS {
            return Err(refuse(format!("{name} has {} runs, at most {MAX_ROUNDS}", runs.len())));
        }
        Ok(runs)
    };
    let sides = [one("before", &query.before)?, one("after", &query.after)?];
    let mut all = sides.concat();
    all.sort_unstable();
    if let Some([twice, _]) = all.array_windows().find(|[run, next]| run == next) {
        return Err(refuse(format!("{twice} is given twice")));
    }
    Ok(sides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_on_one_side_once() {
        let query = |before: &str, after: &str| {
            let query = UpgradeQuery { before: before.into(), after: after.into() };
            sides(&query).map_err(|error| error.message().to_owned())
        };
        let runs = |ids: &[u32]| ids.iter().copied().map(RunId).collect::<Vec<_>>();
        assert_eq!(query("r1, r4", "r2"), Ok([runs(&[1, 4]), runs(&[2])]));
        for (before, after, expected) in [
            ("r1", "r1", "r1 is given twice"),
            ("r2,r2", "r1", "r2 is given twice"),
            ("", "r1", "before: "),
            ("r1", "r2,latest", "after: "),
        ] {
            let message = query(before, after).expect_err("refused");
            assert!(message.starts_with(expected), "{message}");
        }
        let many = (1..=21).map(|run| format!("r{run}")).collect::<Vec<_>>().join(",");
        assert!(query(&many, "r99").expect_err("refused").starts_with("before has 21 runs"));
    }
}
