//! What handlers read besides the scheduler: the results database, and files by content.
//!
//! Everything here blocks. Implemented over `store` and `blobs`; HTTP tests that are about
//! something else bring their own.

use crate::api::v1::history::{HistoryQuery, HistoryView};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::runs::RunView;
use crate::api::v1::templates::TemplateView;
use crate::api::v1::test_views::{AttemptQuery, AttemptView, TestQuery, TestView};
use crate::domain::id::{AttemptId, RunId, TestId};
use std::path::Path;

/// A fault of database or disk, in words for the coordinator's log.
pub(crate) type Fault = String;

pub(crate) trait Results: Send + Sync {
    /// Tests in order of their ids, after `after`. `done` chooses by whether they ended.
    /// The phase of those that have not is `waiting`: the scheduler knows better.
    fn tests(
        &self,
        query: &TestQuery,
        done: Option<bool>,
        after: Option<TestId>,
        limit: usize,
    ) -> Result<Vec<TestView>, Fault>;
    fn test(&self, test: TestId) -> Result<Option<TestView>, Fault>;
    /// Attempts in order of their ids, after `after`.
    fn attempts(
        &self,
        query: &AttemptQuery,
        after: Option<AttemptId>,
        limit: usize,
    ) -> Result<Vec<AttemptView>, Fault>;
    fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptView>, Fault>;
    fn past(&self, query: &HistoryQuery) -> Result<HistoryView, Fault>;
    /// Versions of the template at one path or of all, the newest first.
    fn template_versions(&self, path: Option<&str>) -> Result<Vec<TemplateView>, Fault>;
    /// Also of runs that the scheduler has forgotten, the newest first.
    fn runs(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunView>, Fault>;
    fn run(&self, run: RunId) -> Result<Option<RunView>, Fault>;
    fn report(&self, query: &ReportQuery, limit: usize) -> Result<ReportView, Fault>;

    /// Size of a blob, if it is here.
    fn blob_size(&self, sha256: &str) -> Result<Option<u64>, Fault>;
    fn blob(&self, sha256: &str) -> Result<Option<std::fs::File>, Fault>;
    /// Takes a file whose digest was checked, durably.
    fn keep_blob(&self, sha256: &str, file: &Path) -> Result<(), Fault>;
}
