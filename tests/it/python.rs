//! Real torch and transformers, through coordinator and worker; and the tests of the
//! Python parts. The environments are built by the tests themselves, once, and kept.

use crate::support::Home;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "where this person's caches lie")]
/// Python environments that outlast a test run: they take minutes to build.
pub fn environments() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set"));
    cache.unwrap_or_else(|| home().join(".cache")).join("dtf-build").join("environments")
}

/// One model of each family except diffusion, which needs another package. (The model for
/// embedding is a BERT, and is classified as one if its family is not given.)
const TINY: [&str; 18] = [
    "dtf/tiny-bert",
    "dtf/tiny-clip",
    "dtf/tiny-depth-anything",
    "dtf/tiny-encodec",
    "dtf/tiny-layoutlm",
    "dtf/tiny-llama",
    "dtf/tiny-llava",
    "dtf/tiny-mamba",
    "dtf/tiny-minilm",
    "dtf/tiny-mixtral",
    "dtf/tiny-patchtst",
    "dtf/tiny-segformer",
    "dtf/tiny-t5",
    "dtf/tiny-videomae",
    "dtf/tiny-vit",
    "dtf/tiny-wav2vec2",
    "dtf/tiny-whisper",
    "dtf/tiny-yolos",
];

#[test]
fn a_tiny_model_of_every_family_passes_through_coordinator_and_worker() {
    let home = Home::new();
    let environments = environments().display().to_string();
    let mut args = vec!["run"];
    args.extend(TINY);
    args.extend([
        "--hw",
        "cpu,cuda",
        "--output",
        "json",
        "--environments-dir",
        &environments,
        "--torch-backend",
        "cpu",
        "--set",
        "min_seconds=0.1",
    ]);
    let finished = home.dtf(&args);
    let finished = finished.expect_code(if has_cuda() { 0 } else { 102 });
    let report = finished.json();
    let rows = report["rows"].as_array().expect("rows");
    let cpu: Vec<_> = rows.iter().filter(|row| row["labels"]["backend"] == "cpu").collect();
    assert!(cpu.iter().all(|row| row["outcome"] == "passed"), "{cpu:?}");
    let (references, tests): (Vec<_>, Vec<_>) =
        cpu.into_iter().partition(|row| row["labels"]["role"] == "reference");
    assert_eq!((references.len(), tests.len()), (TINY.len(), TINY.len()));
    for row in &tests {
        let metrics = row["metrics"].as_array().expect("metrics");
        let latency = metrics.iter().find(|metric| metric["name"] == "latency_seconds");
        let latency = latency.expect("a latency");
        assert!(latency["count"].as_u64() >= Some(10), "{latency}");
        assert!(latency["p50"].as_f64() > Some(0.0), "{latency}");
    }
    if !has_cuda() {
        let cuda = rows.iter().find(|row| row["labels"]["backend"] == "cuda").expect("a row");
        assert_eq!(cuda["outcome"], "skipped");
        assert!(cuda["message"].as_str().expect("a message").contains("needs cuda"));
    }
}

/// No machine has both of these accelerators. Tests for a missing one are skipped with the reason.
#[test]
fn a_matrix_passes_where_it_can_run_and_reports_the_reason_elsewhere() {
    let home = Home::new();
    let environments = environments().display().to_string();
    let mut args = vec!["generate", "dtf/tiny-bert", "--hw", "cpu,cuda,rocm", "--batch", "1,4,16"];
    args.extend(["--run", "--output", "json", "--data-dir", "results", "--set", "min_seconds=0.1"]);
    args.extend(["--environments-dir", &environments, "--torch-backend", "cpu"]);
    let report = home.dtf(&args).expect_code(102).json();
    let rows = report["rows"].as_array().expect("rows");
    let on = |backend: &'static str| {
        rows.iter().filter(move |row| row["labels"]["backend"] == backend).collect::<Vec<_>>()
    };
    // A reference, one load for each back-end, and the batches.
    assert_eq!(["cpu", "cuda", "rocm"].map(|backend| on(backend).len()), [5, 4, 4]);
    for row in on("cpu") {
        assert_eq!(row["outcome"], "passed", "{row}");
    }
    let mut lacking = Vec::new();
    for backend in ["cuda", "rocm"] {
        let here = on(backend).iter().all(|row| row["outcome"] == "passed");
        for row in on(backend).into_iter().filter(|_| !here) {
            let message = row["message"].as_str().expect("a reason");
            assert_eq!(row["outcome"], "skipped", "{row}");
            assert!(message.contains(&format!("needs {backend}")), "{message}");
            lacking.push(backend);
        }
    }
    assert!(lacking.len() >= 4, "{lacking:?}");
    // Each test that ran was forked from a runner that had imported the packages.
    let store = home.path("results").join(dtf::store::FILE_NAME);
    let store = dtf::store::Store::open_read_only(&store).expect("results");
    let all = dtf::store::rows::AttemptFilter { limit: 100, ..Default::default() };
    let attempts = store.attempts(&all).expect("attempts").rows;
    assert!(attempts.len() >= 5, "{}", attempts.len());
    for attempt in attempts {
        let detail: Value = serde_json::from_str(attempt.detail.expect("a detail").get())
            .expect("what a worker sends is JSON");
        assert_eq!(detail["isolation"], "warm", "{} {detail}", attempt.name);
    }
}

fn has_cuda() -> bool {
    Command::new("nvidia-smi").arg("-L").output().is_ok_and(|listed| listed.status.success())
}

const PYTEST: &str = "python, -m, pytest, -q, -p, \"no:cacheprovider\"";
const FAULTS: &str = "tests/python/test_faults.py";

/// Files that the Python tests read.
const SENT: [&str; 11] = [
    "src/worker/calibration",
    "src/worker/environments",
    "src/worker/proofs",
    "src/worker/warm",
    "src/cli/templates",
    "src/gather/pytest",
    "src/plan/pytest",
    "tests/python",
    "tests/data",
    "templates",
    "scripts",
];

#[test]
fn the_python_parts_pass_their_own_tests() {
    let home = Home::new();
    let environments = environments().display().to_string();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = root.join("tests/python");
    let files = std::fs::read_dir(&tests).expect("listed").flatten();
    let files: Vec<String> = files
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("test_") && !FAULTS.ends_with(name))
        .map(|name| format!("tests/python/{name}"))
        .collect();
    let packages = std::fs::read_to_string(tests.join("requirements.txt")).expect("a list");
    let packages: Vec<&str> =
        packages.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    // The longest tests start first, in two halves.
    let plan = home.write(
        "plan.yaml",
        &format!(
            "schema: 1\nname: python\ndefaults:\n  \
               files: [{}]\n  timeout: 15m\n  \
               env: {{DTF_ALL_PACKAGES: \"1\"}}\n  environment: {{packages: [{}]}}\ntests:\n  \
             - name: \"faults {{part}}\"\n    env: {{DTF_PART: \"{{part}}\"}}\n    \
               matrix: {{part: [1/2, 2/2]}}\n    cmd: [{PYTEST}, {FAULTS}]\n  \
             - name: \"{{file}}\"\n    matrix: {{file: [{}]}}\n    cmd: [{PYTEST}, \"{{file}}\"]\n",
            SENT.join(", "),
            packages.join(", "),
            files.join(", ")
        ),
    );
    for folder in SENT {
        copy(&root.join(folder), &home.path(folder));
    }
    let plan = plan.to_str().expect("a plain path");
    let args = ["run", plan, "--environments-dir", &environments, "--torch-backend", "cpu"];
    home.dtf(&args).expect_code(0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("listed").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if entry.file_name() != "__pycache__" {
                copy(&path, &target);
            }
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}
