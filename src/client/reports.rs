//! Report, status and health.

use crate::api::v1::history::{HistoryQuery, HistoryView};
use crate::api::v1::reports::{ReportQuery, ReportView};
use crate::api::v1::status::{Ready, StatusView};
use crate::client::error::ClientError;
use crate::client::http::{Client, Payload, bad, read_limited};
use reqwest::Method;

const NOTHING: [(&str, &str); 0] = [];
/// Longest answer of the readiness check.
const MAX_READY_BYTES: usize = 64 * 1024;

impl Client {
    /// Named `report_view` because `report` is what workers do.
    pub async fn report_view(&self, query: &ReportQuery) -> Result<ReportView, ClientError> {
        self.get("api/v1/report", query).await
    }

    pub async fn history(&self, query: &HistoryQuery) -> Result<HistoryView, ClientError> {
        self.get("api/v1/history", query).await
    }

    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.get("api/v1/status", &NOTHING).await
    }

    /// One try, without repeats. A coordinator that is not ready is `Busy`, with the reason.
    pub async fn ready(&self) -> Result<Ready, ClientError> {
        let path = "health/ready";
        let answer = self.send_once(self.request(Method::GET, path), &Payload::None).await?;
        let body = read_limited(answer, MAX_READY_BYTES).await.map_err(|r| bad(path, r))?;
        serde_json::from_slice(&body).map_err(|error| bad(path, error.to_string()))
    }
}
