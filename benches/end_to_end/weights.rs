//! Pushing and fetching the weights of a directory over loopback, against one pass of SHA-256 over the same
//! file on one core, and the memory that coordinator and worker need for it.

use crate::figures::{Figures, Target};
use crate::fleet::{Fleet, Process};
use dtf::domain::test::TestSpec;
use dtf::domain::weights::Manifest;
use dtf::gather::digests::Digests;
use dtf::plan::folders::PushedWeights;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Size of the file.
const BYTES: u64 = 2 << 30;
const NAME: &str = "model.safetensors";
/// Part of the rate of SHA-256 that a transfer reaches at least.
const RATE: f64 = 0.6;
/// Maximum memory beside the one at rest, in MB.
const MEMORY_MB: f64 = 100.0;

pub fn weights(figures: &mut Figures) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join(NAME);
    write_file(&path);
    let pass = sha256_pass(&path);
    figures.row("one pass of SHA-256 on one core", pass, "s", Target::None);

    let start = Instant::now();
    let manifest = Digests::fresh().manifest(folder.path(), &[NAME.to_owned()], &|_, _| {});
    let manifest = Arc::new(manifest.expect("the file can be read"));
    figures.row(
        "digests of the file and its chunks",
        start.elapsed().as_secs_f64(),
        "s",
        Target::None,
    );

    let mut fleet = Fleet::new();
    fleet.worker(1, &["--weights-dir", "weights"]);
    let at_rest = [fleet.coordinator.resident_mb(), fleet.workers[0].resident_mb()];
    let pushed = PushedWeights {
        manifest: Arc::clone(&manifest),
        root: folder.path().into(),
        name: "bench".to_owned(),
        in_place: false,
    };
    let start = Instant::now();
    fleet.runtime.block_on(fleet.client.push_weights(&pushed, &|_| {})).expect("pushed");
    let took = start.elapsed().as_secs_f64();
    figures.row("push", took, "s", Target::None);
    figures.row("push, part of the rate of SHA-256", pass / took, "", Target::AtLeast(RATE));

    // The worker was calibrated meanwhile, which takes more memory.
    fleet.workers[0].reset_peak();
    let took = run(&fleet, Some((&manifest, folder.path())));
    figures.row("fetch, until the test has ended", took, "s", Target::None);
    figures.row("fetch, part of the rate of SHA-256", pass / took, "", Target::AtLeast(RATE));
    let peaks = [&fleet.coordinator, &fleet.workers[0]].map(Process::peak_mb);
    for (at, name) in ["coordinator", "worker"].into_iter().enumerate() {
        let more = peaks[at] - at_rest[at];
        figures.row(
            &format!("{name}, memory beside the one at rest"),
            more,
            "MB",
            Target::AtMost(MEMORY_MB),
        );
    }

    let median = |given: Option<(&Arc<Manifest>, &Path)>| {
        let mut times: Vec<f64> = (0..21).map(|_| run(&fleet, given)).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let later = (median(Some((&manifest, folder.path()))) - median(None)) * 1e3;
    figures.row("a test with fetched weights starts later by", later, "ms", Target::AtMost(10.0));
}

/// Seconds from the submission of one test to its result.
fn run(fleet: &Fleet, weights: Option<(&Arc<Manifest>, &Path)>) -> f64 {
    let weights = weights.map(|(manifest, path)| {
        serde_json::json!({
            "source": "folder", "manifest": manifest.digest(),
            "size_bytes": manifest.size_bytes(), "path": path,
        })
    });
    let spec = |_| -> TestSpec {
        let mut launch = serde_json::json!({"run": {"command": ["/bin/true"]}});
        if let Some(weights) = &weights {
            launch["weights"] = weights.clone();
        }
        serde_json::from_value(serde_json::json!({"name": "t", "launch": launch})).expect("a test")
    };
    let start = Instant::now();
    let run = fleet.submit(1, spec);
    fleet.finish(run);
    start.elapsed().as_secs_f64()
}

/// Writes a file in which no chunk is equal to another one.
fn write_file(path: &Path) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).expect("created"));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..BYTES / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).expect("written");
    }
    file.into_inner().expect("written").sync_all().expect("synced");
}

/// Seconds for one pass over the file, which is in the page cache as far as memory suffices.
fn sha256_pass(path: &Path) -> f64 {
    let mut file = File::open(path).expect("opened");
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    let start = Instant::now();
    loop {
        let length = file.read(&mut piece).expect("read");
        if length == 0 {
            break;
        }
        hasher.update(&piece[..length]);
    }
    hasher.finalize();
    start.elapsed().as_secs_f64()
}
