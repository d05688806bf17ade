//! A worker that a test controls, over the API of a real coordinator.

use crate::support::Coordinator;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Status and body of an answer; `null` for a body that is not JSON.
pub type Answer = (u16, Value);

/// Requests to a coordinator, one after the other.
pub struct Api {
    runtime: Runtime,
    http: reqwest::Client,
    url: String,
}

impl Api {
    pub fn of(coordinator: &Coordinator) -> Self {
        let builder = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // The coordinator closes a connection whose upload it has refused.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        Self {
            runtime: builder.expect("a runtime"),
            http: http.expect("a client"),
            url: coordinator.url.clone(),
        }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> (u16, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            let status = answer.status().as_u16();
            (status, answer.bytes().await.expect("a body").to_vec())
        })
    }

    fn json(&self, request: reqwest::RequestBuilder) -> Answer {
        let (status, body) = self.send(request);
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.json(self.http.get(format!("{}{path}", self.url)))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(self.http.post(format!("{}{path}", self.url)).json(body))
    }

    /// Posts a body that must be accepted.
    pub fn accepted(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub fn put_blob(&self, sha256: &str, content: Vec<u8>) -> Answer {
        self.json(self.http.put(format!("{}/api/v1/blobs/{sha256}", self.url)).body(content))
    }

    pub fn blob(&self, sha256: &str) -> (u16, Vec<u8>) {
        self.send(self.http.get(format!("{}/api/v1/blobs/{sha256}", self.url)))
    }

    /// Submits a run of `count` tests that are retried after a lost worker; returns its id.
    pub fn submit(&self, name: &str, count: u32) -> String {
        let launch = json!({"run": {"command": ["true"]}});
        let tests: Vec<_> =
            (0..count).map(|n| json!({"name": format!("t{n}"), "launch": launch})).collect();
        let submitted = self.accepted("/api/v1/runs", &json!({"name": name, "tests": tests}));
        submitted["run"].as_str().expect("an id").to_owned()
    }

    /// A number of the status, such as `log_sequence`.
    pub fn status(&self, name: &str) -> u64 {
        self.get("/api/v1/status").1[name].as_u64().expect("a number")
    }
}

/// A registered worker with eight slots.
pub struct Hand<'a> {
    pub api: &'a Api,
    key: Uuid,
    incarnation: Uuid,
    worker: String,
    received: u64,
}

impl<'a> Hand<'a> {
    pub fn register(api: &'a Api) -> Self {
        let mut hand = Self {
            api,
            key: dtf::sys::ids::new_id(),
            incarnation: Uuid::nil(),
            worker: String::new(),
            received: 0,
        };
        hand.restart();
        hand
    }

    /// A new process in the same work directory, which has lost all leases.
    pub fn restart(&mut self) {
        self.incarnation = dtf::sys::ids::new_id();
        let capability = json!({
            "os": "linux", "arch": "x86_64", "cpu_milli": 8000, "memory_bytes": 1u64 << 33,
            "slots": 8, "backends": ["cpu"],
        });
        let registered = self.api.accepted(
            "/api/v1/workers",
            &json!({
                "key": self.key, "incarnation": self.incarnation, "place": "hand", "name": "hand",
                "capability": capability, "holding": [], "version": "0.1.0",
            }),
        );
        registered["worker"].as_str().expect("an id").clone_into(&mut self.worker);
    }

    fn path(&self, action: &str) -> String {
        format!("/api/v1/workers/{}/{action}", self.worker)
    }

    /// New leases; waits for at most 10 s.
    pub fn claim(&mut self) -> Vec<Value> {
        let body = json!({
            "incarnation": self.incarnation, "received": self.received, "wait_ms": 10_000,
        });
        let claimed = self.api.accepted(&self.path("claim"), &body);
        self.received = claimed["received"].as_u64().expect("a number");
        let leases = claimed["leases"].as_array().cloned().unwrap_or_default();
        leases.into_iter().map(|lease| lease["lease"].clone()).collect()
    }

    pub fn report(&self, lease: &Value, detail: &Value) -> Answer {
        let finished =
            json!({"lease": lease, "outcome": "passed", "duration_ms": 5, "detail": detail});
        let body = json!({"incarnation": self.incarnation, "finished": [finished]});
        self.api.post(&self.path("reports"), &body)
    }
}
