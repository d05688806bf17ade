//! Requests that submit, cancel and read runs, tests and attempts.

use crate::api::page::Page;
use crate::api::page::PageQuery;
use crate::api::v1::runs::{AddTests, Cancelled, RunView, SubmitRun, Submitted};
use crate::api::v1::test_views::{AttemptQuery, AttemptView, SpecView, TestQuery, TestView, Why};
use crate::client::error::ClientError;
use crate::client::http::{Client, NO_QUERY, SendOptions, decode, encode};
use crate::domain::id::{AttemptId, RunId, TestId};
use reqwest::Method;

/// Maximum size of the response to a submission, in bytes.
const MAX_SUBMITTED_BYTES: usize = 16 * 1024 * 1024;

impl Client {
    /// Submits the first part of a run. With a `key` of at most
    /// [`crate::api::v1::runs::MAX_KEY_BYTES`], a repeat is harmless and happens automatically.
    ///
    /// # Errors
    /// See [`ClientError`]; `Conflict` if the key was used with another body before.
    pub async fn submit(
        &self,
        run: &SubmitRun,
        key: Option<&str>,
    ) -> Result<Submitted, ClientError> {
        let path = "api/v1/runs";
        let mut request = self.request(Method::POST, path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let options = if key.is_some() { SendOptions::REPEATABLE } else { SendOptions::ONCE };
        let response = self.send(request, &encode(path, run)?, options).await?;
        decode(path, response, MAX_SUBMITTED_BYTES).await
    }

    /// Submits a further part of a run.
    pub async fn add_tests(&self, run: RunId, part: &AddTests) -> Result<Submitted, ClientError> {
        self.post(&format!("api/v1/runs/{run}/tests"), part, SendOptions::REPEATABLE).await
    }

    /// Lists runs, the newest first.
    pub async fn runs(&self, query: &PageQuery) -> Result<Page<RunView>, ClientError> {
        self.get("api/v1/runs", query).await
    }

    pub async fn run(&self, run: RunId) -> Result<RunView, ClientError> {
        self.get(&format!("api/v1/runs/{run}"), &NO_QUERY).await
    }

    pub async fn cancel(&self, run: RunId) -> Result<Cancelled, ClientError> {
        self.post(&format!("api/v1/runs/{run}/cancel"), &(), SendOptions::REPEATABLE).await
    }

    pub async fn tests(&self, query: &TestQuery) -> Result<Page<TestView>, ClientError> {
        self.get("api/v1/tests", query).await
    }

    pub async fn test(&self, test: TestId) -> Result<TestView, ClientError> {
        self.get(&format!("api/v1/tests/{test}"), &NO_QUERY).await
    }

    /// The specification of a test, as it was submitted.
    ///
    /// # Errors
    /// See [`ClientError`]; `NotFound` also if the event log does not have it any more.
    pub async fn spec(&self, test: TestId) -> Result<SpecView, ClientError> {
        self.get(&format!("api/v1/tests/{test}/spec"), &NO_QUERY).await
    }

    pub async fn why(&self, test: TestId) -> Result<Why, ClientError> {
        self.get(&format!("api/v1/tests/{test}/why"), &NO_QUERY).await
    }

    pub async fn attempts(&self, query: &AttemptQuery) -> Result<Page<AttemptView>, ClientError> {
        self.get("api/v1/attempts", query).await
    }

    pub async fn attempt(&self, attempt: AttemptId) -> Result<AttemptView, ClientError> {
        self.get(&format!("api/v1/attempts/{attempt}"), &NO_QUERY).await
    }
}
