//! Claims of tests and reports of their results.

use crate::api::v1::leases::{Claim, Claimed, Reported, Reports};
use crate::client::error::ClientError;
use crate::client::http::{Client, SendOptions};
use crate::domain::id::WorkerId;

impl Client {
    /// Claims tests and waits up to `claim.wait_ms` for new ones. The response may be empty.
    pub async fn claim(&self, worker: WorkerId, claim: &Claim) -> Result<Claimed, ClientError> {
        let options = SendOptions { extra_time: claim.wait_ms.into(), ..SendOptions::REPEATABLE };
        self.post(&format!("api/v1/workers/{worker}/claim"), claim, options).await
    }

    /// Reports results. They are stored durably when this returns. Repeating the call is harmless.
    pub async fn report(
        &self,
        worker: WorkerId,
        reports: &Reports,
    ) -> Result<Reported, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/reports"), reports, SendOptions::REPEATABLE)
            .await
    }
}
