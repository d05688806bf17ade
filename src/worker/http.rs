//! The link over HTTP: the client, in the worker's words.

use crate::api::v1::leases::{Claim, Claimed, Reported, Reports};
use crate::api::v1::logs::Appended;
use crate::api::v1::workers::{Heartbeat, HeartbeatAnswer, Leave, Register, Registered};
use crate::client::{Client, ClientError};
use crate::domain::id::{AttemptId, Epoch, WorkerId};
use crate::worker::link::{Link, LinkError};
use uuid::Uuid;

impl From<ClientError> for LinkError {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Unreachable { .. } | ClientError::Busy(_) => Self::Away(text),
            ClientError::NotFound(_) => Self::Unknown(text),
            ClientError::Unauthorized(_) => Self::Unauthorized(text),
            // Something between may answer for a coordinator that restarts.
            ClientError::BadAnswer { .. } => Self::Away(text),
            ClientError::Conflict(_) | ClientError::Refused(_) | ClientError::BadUrl { .. } => {
                Self::Refused(text)
            }
        }
    }
}

impl Link for Client {
    async fn register(&self, body: Register) -> Result<Registered, LinkError> {
        Ok(Client::register(self, &body).await?)
    }

    async fn heartbeat(
        &self,
        worker: WorkerId,
        body: Heartbeat,
    ) -> Result<HeartbeatAnswer, LinkError> {
        Ok(Client::heartbeat(self, worker, &body).await?)
    }

    async fn claim(&self, worker: WorkerId, body: Claim) -> Result<Claimed, LinkError> {
        Ok(Client::claim(self, worker, &body).await?)
    }

    async fn report(&self, worker: WorkerId, body: Reports) -> Result<Reported, LinkError> {
        Ok(Client::report(self, worker, &body).await?)
    }

    async fn drain(&self, worker: WorkerId) -> Result<(), LinkError> {
        Client::drain(self, worker).await?;
        Ok(())
    }

    async fn leave(&self, worker: WorkerId, incarnation: Uuid) -> Result<(), LinkError> {
        Client::leave(self, worker, &Leave { incarnation }).await?;
        Ok(())
    }

    async fn append_log(
        &self,
        attempt: AttemptId,
        epoch: Epoch,
        offset: u64,
        piece: Vec<u8>,
    ) -> Result<Appended, LinkError> {
        Ok(Client::append_log(self, attempt, epoch, offset, piece).await?)
    }

    async fn put_blob(&self, sha256: String, content: Vec<u8>) -> Result<(), LinkError> {
        Ok(Client::put_blob(self, &sha256, content).await?)
    }

    async fn get_blob(&self, sha256: String, limit: u64) -> Result<Vec<u8>, LinkError> {
        let content = Client::get_blob(self, &sha256).await?;
        if content.len() as u64 > limit {
            return Err(LinkError::Refused(format!("the file {sha256} is larger than announced")));
        }
        Ok(content)
    }
}
