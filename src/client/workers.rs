//! Requests about workers, and the requests of a worker about itself.

use crate::api::page::{Page, PageQuery};
use crate::api::v1::workers::{
    Heartbeat, HeartbeatAnswer, Leave, Register, Registered, WorkerView,
};
use crate::client::error::ClientError;
use crate::client::http::{Client, NO_QUERY, SendOptions};
use crate::domain::id::WorkerId;

/// Number of workers that one request lists.
const WORKERS_PER_PAGE: u32 = 1_000;

impl Client {
    /// Lists all workers, as one page.
    pub async fn workers(&self) -> Result<Page<WorkerView>, ClientError> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let query = PageQuery { cursor, limit: Some(WORKERS_PER_PAGE) };
            let mut page: Page<WorkerView> = self.get("api/v1/workers", &query).await?;
            items.append(&mut page.items);
            if page.next.is_none() {
                return Ok(Page { items, ..page });
            }
            cursor = page.next;
        }
    }

    pub async fn worker(&self, worker: WorkerId) -> Result<WorkerView, ClientError> {
        self.get(&format!("api/v1/workers/{worker}"), &NO_QUERY).await
    }

    /// Drains a worker: it finishes its tests and takes no new ones.
    pub async fn drain(&self, worker: WorkerId) -> Result<WorkerView, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/drain"), &(), SendOptions::REPEATABLE).await
    }

    /// Lets a draining worker take new tests again.
    pub async fn resume(&self, worker: WorkerId) -> Result<WorkerView, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/resume"), &(), SendOptions::REPEATABLE).await
    }

    pub async fn register(&self, worker: &Register) -> Result<Registered, ClientError> {
        self.post("api/v1/workers", worker, SendOptions::REPEATABLE).await
    }

    pub async fn heartbeat(
        &self,
        worker: WorkerId,
        heartbeat: &Heartbeat,
    ) -> Result<HeartbeatAnswer, ClientError> {
        let path = format!("api/v1/workers/{worker}/heartbeat");
        self.post(&path, heartbeat, SendOptions::REPEATABLE).await
    }

    /// Unregisters a worker. Other workers get its remaining leases at once.
    pub async fn leave(&self, worker: WorkerId, leave: &Leave) -> Result<WorkerView, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/leave"), leave, SendOptions::REPEATABLE).await
    }
}
