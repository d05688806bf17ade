//! Requests for marks on results, and for flaky tests.

use crate::api::v1::flaky::{FlakyQuery, FlakyView};
use crate::api::v1::marks::{
    AcceptChanges, Acceptance, AcceptanceList, AddQuarantine, MarkQuery, Quarantine, QuarantineList,
};
use crate::client::error::ClientError;
use crate::client::http::{Client, Payload, SendOptions, decode};
use crate::domain::id::{AcceptanceId, QuarantineId};
use reqwest::Method;
use serde::de::DeserializeOwned;

const QUARANTINES: &str = "api/v1/quarantines";
const ACCEPTANCES: &str = "api/v1/acceptances";
/// Maximum size of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;

impl Client {
    pub async fn quarantines(&self, query: &MarkQuery) -> Result<QuarantineList, ClientError> {
        self.get(QUARANTINES, query).await
    }

    pub async fn add_quarantine(&self, new: &AddQuarantine) -> Result<Quarantine, ClientError> {
        self.post(QUARANTINES, new, SendOptions::ONCE).await
    }

    /// Returns the quarantines that are left.
    pub async fn remove_quarantine(&self, id: QuarantineId) -> Result<QuarantineList, ClientError> {
        self.delete(&format!("{QUARANTINES}/{id}")).await
    }

    pub async fn acceptances(&self, query: &MarkQuery) -> Result<AcceptanceList, ClientError> {
        self.get(ACCEPTANCES, query).await
    }

    pub async fn accept(&self, changes: &AcceptChanges) -> Result<Acceptance, ClientError> {
        self.post(ACCEPTANCES, changes, SendOptions::ONCE).await
    }

    pub async fn remove_acceptance(&self, id: AcceptanceId) -> Result<Acceptance, ClientError> {
        self.delete(&format!("{ACCEPTANCES}/{id}")).await
    }

    pub async fn flaky(&self, query: &FlakyQuery) -> Result<FlakyView, ClientError> {
        self.get("api/v1/flaky", query).await
    }

    async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.request(Method::DELETE, path);
        let response = self.send(request, &Payload::None, SendOptions::ONCE).await?;
        decode(path, response, MAX_ANSWER_BYTES).await
    }
}
