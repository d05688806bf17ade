//! Explains how a test ended, from the results alone.

use crate::api::SCHEMA;
use crate::api::v1::test_views::{AttemptQuery, AttemptView, TestView, Why};
use crate::domain::findings::Findings;
use crate::domain::id::TestId;
use crate::results::measured::measured;
use crate::results::reader::Reader;
use crate::results::reproduce::{command, packages};
use crate::store::StoreError;

/// Maximum number of attempts that an explanation includes.
const MAX_ATTEMPTS: usize = 100;

impl Reader {
    /// Explains how a test ended. `None` if there is no such test.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn why(&self, test: TestId) -> Result<Option<Why>, StoreError> {
        let Some(view) = self.test(test)? else { return Ok(None) };
        let query = AttemptQuery { test: Some(test), ..AttemptQuery::default() };
        let mut attempts: Vec<AttemptView> = Vec::new();
        loop {
            let after = attempts.last().map(|attempt| attempt.attempt);
            let (more, cut) = self.attempts(&query, after, MAX_ATTEMPTS - attempts.len())?;
            attempts.extend(more);
            if !cut {
                break;
            }
        }
        Ok(Some(explain(view, &attempts)))
    }
}

fn explain(test: TestView, attempts: &[AttemptView]) -> Why {
    let (last, earlier) = attempts.split_last().map_or((None, attempts), |(l, e)| (Some(l), e));
    let findings = last.map(|last| Findings::of(&last.detail.result)).unwrap_or_default();
    let Findings { would_not_notice, first_differs } = findings;
    let reported = |name: &str| Some(last?.detail.result.get(name)?.as_str()?.to_owned());
    Why {
        schema: SCHEMA,
        test: test.test,
        phase: test.phase,
        summary: test.ending(earlier).unwrap_or_else(|| "not done".to_owned()),
        name: test.name,
        weights: reported("weights"),
        weights_id: reported("weights_id"),
        would_not_notice,
        first_differs,
        reproduce: last.and_then(|last| command(test.test, test.outcome, &last.detail.environment)),
        packages: last.map(|last| packages(&last.detail.environment)).unwrap_or_default(),
        blocked_by: Vec::new(),
        workers: Vec::new(),
        measured: attempts.last().and_then(|attempt| measured(&attempt.detail)),
    }
}
