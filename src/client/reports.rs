//! Requests for reports, history, status and readiness.

use crate::api::v1::changes::{ChangesQuery, ChangesView};
use crate::api::v1::history::{HistoryQuery, HistoryView};
use crate::api::v1::matrix::{MatrixView, SummaryView};
use crate::api::v1::reports::{ReportQuery, ReportView, SNAPSHOT_TIME};
use crate::api::v1::status::{Ready, StatusView};
use crate::client::error::ClientError;
use crate::client::http::{Client, NO_QUERY, Payload, SendOptions, bad_response, decode, reason};
use reqwest::Method;
use std::path::Path;
use tokio::io::AsyncWriteExt as _;

/// Maximum size of the response to the readiness check, in bytes.
const MAX_READY_BYTES: usize = 64 * 1024;

impl Client {
    /// Reads a report. It is not called `report`, which is the request by which workers report results.
    pub async fn report_view(&self, query: &ReportQuery) -> Result<ReportView, ClientError> {
        self.get("api/v1/report", query).await
    }

    pub async fn matrix(&self, query: &ReportQuery) -> Result<MatrixView, ClientError> {
        self.get("api/v1/matrix", query).await
    }

    pub async fn summary(&self, query: &ReportQuery) -> Result<SummaryView, ClientError> {
        self.get("api/v1/summary", query).await
    }

    /// Downloads a copy of the results database to a file.
    ///
    /// # Errors
    /// The coordinator has no room for a copy or sends another one, and [`ClientError::Local`] if the file
    /// cannot be written.
    pub async fn download_results(&self, file: &Path) -> Result<(), ClientError> {
        let path = "api/v1/results/snapshot";
        let options = SendOptions { extra_time: SNAPSHOT_TIME, ..SendOptions::REPEATABLE };
        let request = self.request(Method::GET, path);
        let mut response = self.send(request, &Payload::None, options).await?;
        let local = |error| ClientError::local(file, error);
        let mut target = tokio::fs::File::create(file).await.map_err(local)?;
        while let Some(piece) =
            response.chunk().await.map_err(|error| bad_response(path, reason(&error)))?
        {
            target.write_all(&piece).await.map_err(local)?;
        }
        target.flush().await.map_err(local)
    }

    pub async fn changes(&self, query: &ChangesQuery) -> Result<ChangesView, ClientError> {
        self.get("api/v1/changes", query).await
    }

    pub async fn history(&self, query: &HistoryQuery) -> Result<HistoryView, ClientError> {
        self.get("api/v1/history", query).await
    }

    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get("api/v1/status", &NO_QUERY).await
    }

    /// Checks once whether the coordinator is ready. If it is not, the error is `Busy` with the reason.
    pub async fn ready(&self) -> Result<Ready, ClientError> {
        let path = "health/ready";
        let response = self.send_once(self.request(Method::GET, path), &Payload::None).await?;
        decode(path, response, MAX_READY_BYTES).await
    }
}
