//! Weights of attempts: their variables, lines and phases.

use super::*;
use crate::domain::weights::{Manifest, ManifestFile};
use crate::worker::link::WeightsLink;

impl WeightsLink for Fake {
    async fn weights_manifest(&self, sha256: String) -> Result<Manifest, LinkError> {
        let text = self.with(|state| state.blobs.get(&sha256).cloned());
        let text = text.ok_or_else(|| LinkError::Refused("no such manifest".into()))?;
        Ok(Manifest::parse(&text).expect("a manifest"))
    }

    async fn weights_chunk(
        &self,
        sha256: String,
        pieces: tokio::sync::mpsc::Sender<bytes::Bytes>,
    ) -> Result<(), LinkError> {
        self.until(|state| !state.chunks_wait).await;
        let chunk = self.with(|state| state.blobs.get(&sha256).cloned());
        let chunk = chunk.ok_or_else(|| LinkError::Refused("no such chunk".into()))?;
        let _ = pieces.send(chunk.into()).await;
        Ok(())
    }
}

impl Fake {
    /// A directory of weights with one file.
    fn weights(&self, content: &[u8]) -> serde_json::Value {
        let sha256 = sha256_hex(content);
        let (path, size_bytes) = ("model.safetensors".to_owned(), content.len() as u64);
        let file = ManifestFile { path, sha256: sha256.clone(), size_bytes, chunks: Vec::new() };
        let text = Manifest::new(vec![file]).expect("a manifest").canonical();
        let manifest = sha256_hex(text.as_bytes());
        self.with(|state| {
            state.blobs.insert(sha256, content.to_vec());
            state.blobs.insert(manifest.clone(), text.into_bytes());
        });
        json!({"source": "folder", "manifest": manifest, "size_bytes": size_bytes, "path": "/x"})
    }

    fn with_weights(&self, epoch: u64, weights: &serde_json::Value, program: &str) -> LeaseId {
        let launch = json!({
            "run": {"command": ["sh", "-c", program]}, "weights": weights, "timeout_ms": 2_000,
        });
        self.grant(epoch, epoch, launch)
    }
}

const SHOW: &str =
    "cat $DTF_WEIGHTS/model.safetensors; echo; echo $DTF_WEIGHTS_SOURCE $DTF_WEIGHTS_ID";

#[tokio::test]
async fn an_attempt_gets_its_weights_by_variables() {
    let bench = Bench::new();
    let weights = bench.fake.weights(b"the weights");
    let manifest = weights["manifest"].as_str().expect("a digest").to_owned();
    let (report, detail) = bench.fake.report(bench.fake.with_weights(1, &weights, SHOW)).await;
    assert_eq!(report.outcome, Outcome::Passed, "{detail:?}");
    assert_eq!(detail.output, format!("the weights\nfolder sha256:{manifest}\n"));
    let phases: Vec<_> = detail.phases.iter().map(|phase| &*phase.name).collect();
    assert_eq!(phases, ["fetch weights"]);
    let (_, detail) = bench.fake.report(bench.fake.with_weights(2, &weights, SHOW)).await;
    assert!(detail.phases.is_empty(), "nothing was fetched: {:?}", detail.phases);
    let random = json!({"source": "random"});
    let (_, detail) = bench
        .fake
        .report(bench.fake.with_weights(3, &random, "echo $DTF_WEIGHTS$DTF_WEIGHTS_SOURCE"))
        .await;
    assert_eq!(detail.output, "random\n");
    bench.finish().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_single_file_is_alone_in_its_directory() {
    let bench = Bench::new();
    let place = tempfile::tempdir().expect("a directory");
    for name in ["model.safetensors", "other"] {
        std::fs::write(place.path().join(name), "the weights").expect("written");
    }
    let weights = json!({"source": "path", "path": place.path().join("model.safetensors")});
    let show = format!("ls $DTF_WEIGHTS; {SHOW}");
    let (report, detail) = bench.fake.report(bench.fake.with_weights(1, &weights, &show)).await;
    assert_eq!(report.outcome, Outcome::Passed, "{detail:?}");
    let lines: Vec<&str> = detail.output.lines().collect();
    assert_eq!(lines[..2], ["model.safetensors", "the weights"]);
    assert!(lines[2].starts_with("path sha256:"), "{lines:?}");
    bench.finish().await;
}

#[tokio::test]
async fn fetching_is_visible_and_does_not_count_against_the_timeout() {
    let bench = Bench::new();
    let weights = bench.fake.weights(b"the weights");
    bench.fake.with(|state| state.chunks_wait = true);
    let lease = bench.fake.with_weights(1, &weights, "echo done");
    let began = tokio::time::Instant::now();
    let line = "dtf: fetching the weights sha256:";
    bench.fake.until(|state| String::from_utf8_lossy(&state.appended).contains(line)).await;
    tokio::time::sleep_until(began + Duration::from_millis(2_100)).await;
    bench.fake.with(|state| state.chunks_wait = false);
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Passed, "longer than the timeout, but before the start");
    let lines: Vec<_> = detail.output.lines().collect();
    assert!(
        lines[0].starts_with(line) && lines[0].ends_with("0 % (0 bytes of 11 bytes)"),
        "{lines:?}"
    );
    assert!(lines[1].contains("are ready after"), "{lines:?}");
    assert_eq!(lines[2..], ["done"]);
    bench.finish().await;
}

#[tokio::test]
async fn an_attempt_that_is_stopped_does_not_wait_for_its_weights() {
    let bench = Bench::new();
    let weights = bench.fake.weights(b"the weights");
    bench.fake.with(|state| state.chunks_wait = true);
    let lease = bench.fake.with_weights(1, &weights, "echo done");
    bench.fake.until(|state| !state.appended.is_empty()).await;
    bench.fake.with(|state| state.stop.push(lease));
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Cancelled);
    assert!(detail.output.contains("fetching the weights"), "{}", detail.output);
    bench.fake.with(|state| state.chunks_wait = false);
    bench.finish().await;
}

#[tokio::test]
async fn weights_that_are_missing_are_an_error_of_set_up() {
    let bench = Bench::new();
    let mut weights = bench.fake.weights(b"the weights");
    weights["manifest"] = sha256_hex(b"unknown").into();
    let (report, detail) = bench.fake.report(bench.fake.with_weights(1, &weights, "true")).await;
    assert_eq!((report.outcome, report.class), (Outcome::Error, Some(Class::SetUp)));
    assert!(detail.message.contains("no such manifest"), "{}", detail.message);
    bench.finish().await;
}
