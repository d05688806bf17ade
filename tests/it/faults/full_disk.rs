//! A disk that is full: uploads and submissions are refused, results and reads continue.
//!
//! The disk is a file system in memory in a name space of the coordinator. Where the system does not
//! permit that, the test is skipped and reports it.

use super::hand::{Answer, Api, Hand};
use crate::support::{Coordinator, Home, eventually};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Mounts a disk of `$2` at `$1`, stores `$3` bytes there, and becomes the command that follows.
const MOUNT: &str = "mount -t tmpfs -o size=$2 tmpfs \"$1\" && \
    head -c $3 /dev/zero > \"$1/ballast\" && shift 3 && exec \"$@\"";

/// Whether this system permits a mount. If not, this is reported.
fn can_mount() -> bool {
    if Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|s| s.success()) {
        return true;
    }
    // Not `eprintln`, whose output is shown for failed tests only.
    let text = "skipped: this system permits no mount, so no disk was filled";
    writeln!(std::io::stderr(), "{text}").expect("written");
    false
}

/// A coordinator on a disk of `size`, of which `ballast` bytes are used.
fn on_small_disk(home: &Home, size: &str, ballast: &str, more: &[&str]) -> Coordinator {
    let disk = home.path("disk");
    std::fs::create_dir(&disk).expect("made");
    let data = disk.join("data");
    let mut plain = home.command(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir"]);
    plain.arg(&data).args(more);
    let mut wrapped = Command::new("unshare");
    wrapped.args(["-rm", "sh", "-c", MOUNT, "sh"]).arg(&disk).args([size, ballast]);
    wrapped.arg(plain.get_program());
    wrapped.args(plain.get_args()).current_dir(home.path(""));
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    home.coordinator_by(wrapped, data).0
}

/// The disk as this process sees it.
fn disk_of(home: &Home, coordinator: &Coordinator) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", coordinator.id()));
    root.join(home.path("disk").strip_prefix("/").expect("an absolute path"))
}

fn upload(api: &Api, number: u8) -> (String, Answer) {
    let content = vec![number; 512 * 1024];
    let digest: String = Sha256::digest(&content).iter().map(|b| format!("{b:02x}")).collect();
    let answer = api.put_blob(&digest, content);
    (digest, answer)
}

#[test]
fn a_full_disk_refuses_uploads_and_keeps_results() {
    if !can_mount() {
        return;
    }
    let home = Home::new();
    // A third is used.
    let coordinator = on_small_disk(&home, "24m", "8388608", &[]);
    let api = Api::of(&coordinator);
    let run = api.submit("before", 1);
    let mut hand = Hand::register(&api);
    let lease = hand.claim().pop().expect("a lease");

    let (first, answer) = upload(&api, 0);
    assert_eq!(answer.0, 204, "{}", answer.1);
    let refused = (1..=64).map(|number| upload(&api, number).1).find(|answer| answer.0 != 204);
    let (status, body) = refused.expect("24 MiB hold no 32 MiB");
    assert_eq!((status, &body["code"]), (507, &json!("storage_full")), "{body}");
    assert!(body["hint"].is_string(), "{body}");
    let disk = disk_of(&home, &coordinator);
    // Less than one upload was left above the reserve.
    std::fs::write(disk.join("more"), vec![0; 512 * 1024]).expect("written");
    let reason = eventually("the readiness to report it", || {
        let (status, body) = api.get("/health/ready");
        (status == 503).then(|| body["reason"].to_string())
    });
    assert!(reason.contains("disk") || reason.contains("space"), "{reason}");

    let test = json!({"name": "t", "launch": {"run": {"command": ["true"]}}});
    let (status, body) = api.post("/api/v1/runs", &json!({"name": "refused", "tests": [test]}));
    assert_eq!((status, &body["code"]), (507, &json!("storage_full")), "{body}");
    assert_eq!(api.blob(&first).0, 200, "files are read");
    assert_eq!(hand.report(&lease, &json!({"message": "kept"})).0, 200, "results are stored");
    let report = home.finished(&coordinator, &run);
    assert_eq!(report["rows"][0]["outcome"], "passed");

    std::fs::remove_file(disk.join("ballast")).expect("removed");
    eventually("the readiness to return", || (api.get("/health/ready").0 == 200).then_some(()));
    assert_eq!(upload(&api, 65).1.0, 204);
    api.submit("after", 1);
}

/// Coordinator and worker together: the coordinator has no room for the output of a test, so the worker
/// keeps the result longer than a worker that does not report may keep its lease.
#[test]
fn a_result_that_waits_for_space_keeps_its_lease_beyond_the_deadline() {
    if !can_mount() {
        return;
    }
    let home = Home::new();
    // Submissions need 40 MiB of free space, results half of that.
    let coordinator = on_small_disk(&home, "64m", "0", &["--min-free", "40MiB"]);
    // The output is larger than a report contains. A lease has 60 s beside timeout and grace.
    let limit = Duration::from_secs(60 + 2);
    let plan = home.write(
        "plan.yaml",
        "schema: 1\ndefaults: {timeout: 1s, grace: 1s, retries: {infrastructure: 0}}\ntests:\n  \
         - {name: large, cmd: [sh, -c, \"head -c 10000 /dev/zero | tr '\\\\0' x\"]}\n",
    );
    let run = home.submit(&coordinator, &plan);
    let ballast = disk_of(&home, &coordinator).join("ballast");
    std::fs::write(&ballast, vec![0; 45 << 20]).expect("written");
    let worker = home.worker(&coordinator, "waits", &["--slots", "1"]);
    let log = home.path("waits.log");
    let refused = || std::fs::read_to_string(&log).expect("a log").matches("nearly full").count();
    eventually("the refusal of the output", || (refused() > 0).then_some(()));
    let since = Instant::now();
    eventually("the deadline to pass", || {
        let report = home.report(&coordinator, &run);
        assert_eq!(report["totals"]["pending"], 1, "{report}");
        (since.elapsed() > limit).then_some(())
    });
    // The coordinator checks deadlines while it hears the worker.
    let before = refused();
    eventually("another refusal", || (refused() > before).then_some(()));
    assert_eq!(home.report(&coordinator, &run)["totals"]["pending"], 1);

    std::fs::remove_file(&ballast).expect("removed");
    let report = home.finished(&coordinator, &run);
    let row = &report["rows"][0];
    assert_eq!((&row["outcome"], &row["attempts"]), (&json!("passed"), &json!(1)), "{row}");
    assert_eq!(report["totals"]["late_results"], 0);
    let output = home.at(&coordinator, &["logs", "r1.t0"]).expect_code(0).out;
    assert_eq!(output.trim_end(), "x".repeat(10_000));
    worker.signal(rustix::process::Signal::TERM);
    assert_eq!(worker.wait(), 0, "no result is left in the spool");
}
