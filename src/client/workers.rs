//! Workers: the list for people, and the worker's own calls.

use crate::api::page::{Page, PageQuery};
use crate::api::v1::workers::{
    Heartbeat, HeartbeatAnswer, Leave, Register, Registered, WorkerView,
};
use crate::client::error::ClientError;
use crate::client::http::{Care, Client};
use crate::domain::id::WorkerId;

const WORKERS_PER_PAGE: u32 = 1_000;

const NOTHING: [(&str, &str); 0] = [];

impl Client {
    /// All of them, as one page.
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
        self.get(&format!("api/v1/workers/{worker}"), &NOTHING).await
    }

    /// Asks a worker to finish what it has and take nothing new.
    pub async fn drain(&self, worker: WorkerId) -> Result<WorkerView, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/drain"), &(), Care::REPEATABLE).await
    }

    /// Lets a draining worker take tests again.
    pub async fn resume(&self, worker: WorkerId) -> Result<WorkerView, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/resume"), &(), Care::REPEATABLE).await
    }

    pub async fn register(&self, worker: &Register) -> Result<Registered, ClientError> {
        self.post("api/v1/workers", worker, Care::REPEATABLE).await
    }

    pub async fn heartbeat(
        &self,
        worker: WorkerId,
        heartbeat: &Heartbeat,
    ) -> Result<HeartbeatAnswer, ClientError> {
        let path = format!("api/v1/workers/{worker}/heartbeat");
        self.post(&path, heartbeat, Care::REPEATABLE).await
    }

    /// Signs off; leases that the worker still holds are given to others at once.
    pub async fn leave(&self, worker: WorkerId, leave: &Leave) -> Result<WorkerView, ClientError> {
        self.post(&format!("api/v1/workers/{worker}/leave"), leave, Care::REPEATABLE).await
    }
}
