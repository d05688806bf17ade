//! Claiming work and reporting on it.

use crate::api::v1::leases::{Claim, Claimed, Reported, Reports};
use crate::client::error::ClientError;
use crate::client::http::{Care, Client};
use crate::domain::id::WorkerId;

impl Client {
    /// Waits up to `claim.wait_ms` for news; an empty answer after that is normal.
    pub async fn claim(&self, worker: WorkerId, claim: &Claim) -> Result<Claimed, ClientError> {
        let care = Care { extra: claim.wait_ms.into(), ..Care::REPEATABLE };
        self.post(&format!("api/v1/workers/{worker}/claim"), claim, care).await
    }

    /// Everything was stored durably when this returns. A repeat is harmless.
    pub async fn report(
        &self,
        worker: WorkerId,
        reports: &Reports,
    ) -> Result<Reported, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/reports"), reports, Care::REPEATABLE).await
    }
}
