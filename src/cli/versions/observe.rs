//! The results of a run of a coordinator, in the form in which sides are compared.

use crate::api::v1::test_views::{AttemptQuery, AttemptView, TestQuery};
use crate::cli::error::CliError;
use crate::client::Client;
use crate::domain::id::RunId;
use crate::results::upgrade::Observed;
use std::collections::BTreeMap;

/// Number of entries of one page of results. Details of attempts are large.
const PAGE: u32 = 500;

/// The results of every test of a run, in its order. `expected` is the number of its tests.
///
/// # Errors
/// The coordinator does not answer, or has other tests.
pub async fn run(client: &Client, run: RunId, expected: usize) -> Result<Vec<Observed>, CliError> {
    let mut last: BTreeMap<u32, AttemptView> = BTreeMap::new();
    let mut cursor = None;
    loop {
        let query = AttemptQuery {
            run: Some(run),
            cursor: cursor.take(),
            limit: Some(PAGE),
            ..AttemptQuery::default()
        };
        let page = client.attempts(&query).await?;
        for attempt in page.items {
            let known = last.get(&attempt.attempt.test.index);
            if known.is_none_or(|known| known.attempt.number < attempt.attempt.number) {
                last.insert(attempt.attempt.test.index, attempt);
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let mut observed = Vec::new();
    loop {
        let query = TestQuery {
            run: Some(run),
            cursor: cursor.take(),
            limit: Some(PAGE),
            ..TestQuery::default()
        };
        let page = client.tests(&query).await?;
        for test in page.items {
            let attempt = last.remove(&test.test.index);
            let detail = attempt.map(|attempt| attempt.detail).unwrap_or_default();
            observed.push(Observed::of(test, &detail));
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None if observed.len() == expected => return Ok(observed),
            None => {
                let tests = observed.len();
                let message = format!("{run} has results of {tests} tests, expected {expected}");
                return Err(CliError::new(message));
            }
        }
    }
}
