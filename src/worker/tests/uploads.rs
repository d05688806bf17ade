//! Files of results: handed on to other tests, and not stored by the coordinator, or not yet.

use super::*;

/// A command with more output than a report contains, and one artifact.
fn with_files(bench: &Bench, epoch: u64) -> LeaseId {
    let code = "head -c 10000 /dev/zero | tr '\\0' x; echo the end; echo made > made.txt";
    let launch = json!({ "run": { "command": ["sh", "-c", code] }, "artifacts": ["made.txt"] });
    bench.fake.grant(epoch, epoch, launch)
}

#[tokio::test]
async fn a_file_that_the_coordinator_lacks_is_sent_again() {
    let bench = Bench::new();
    bench.fake.with(|state| state.uploads = Uploads::OneLost);
    let lease = with_files(&bench, 1);
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!((report.outcome, detail.message.as_str()), (Outcome::Passed, ""));
    assert!(detail.log.is_some() && detail.artifacts.len() == 1, "{detail:?}");
    assert_eq!(bench.fake.with(|state| state.missing_files), 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_file_that_stays_missing_costs_the_file_and_not_the_result() {
    let bench = Bench::new();
    bench.fake.with(|state| state.uploads = Uploads::Lost);
    let lease = with_files(&bench, 1);
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Passed);
    assert!(detail.log.is_none() && detail.artifacts.is_empty(), "{detail:?}");
    assert!(detail.message.contains("a file is not stored"), "{}", detail.message);
    assert_eq!(bench.fake.with(|state| state.missing_files), 2, "sent again once");
    bench.finish().await;
}

#[tokio::test]
async fn a_file_over_the_quota_is_left_out_with_a_note() {
    let bench = Bench::new();
    bench.fake.with(|state| state.uploads = Uploads::Refused);
    let lease = with_files(&bench, 1);
    let (report, detail) = bench.fake.report(lease).await;
    assert_eq!(report.outcome, Outcome::Passed);
    assert!(detail.log.is_none() && detail.artifacts.is_empty(), "{detail:?}");
    assert!(detail.output.is_empty(), "the coordinator keeps the live output: {}", detail.output);
    let note = "the output is not stored; its beginning is kept for 7 days: over the quota";
    assert!(detail.message.contains(note), "{}", detail.message);
    let note = "the artifact \"made.txt\" is not stored: over the quota";
    assert!(detail.message.contains(note), "{}", detail.message);
    assert_eq!(bench.fake.with(|state| state.missing_files), 0, "it is not named");
    bench.finish().await;
}

#[tokio::test]
async fn a_full_disk_delays_results_with_files_and_no_others() {
    let bench = Bench::new();
    bench.fake.with(|state| state.uploads = Uploads::Full);
    let waiting = with_files(&bench, 1);
    let plain = bench.fake.command(2, &["true"]);
    bench.fake.report(plain).await;
    let later = bench.fake.command(3, &["true"]);
    bench.fake.report(later).await;
    let is_reported = |state: &mut State| state.reports.iter().any(|r| r.lease == waiting);
    assert!(!bench.fake.with(is_reported));
    bench.fake.with(|state| state.uploads = Uploads::Stored);
    let (_, detail) = bench.fake.report(waiting).await;
    assert!(detail.log.is_some() && detail.artifacts.len() == 1, "{detail:?}");
    assert_eq!(bench.finish().await.unsent, 0);
}

#[tokio::test]
async fn artifacts_are_passed_from_test_to_test() {
    let bench = Bench::new();
    let make = json!({
        "run": { "command": ["sh", "-c", "echo content > made.txt"] },
        "artifacts": ["made.txt"],
    });
    let (report, detail) = bench.fake.report(bench.fake.grant(1, 1, make)).await;
    assert_eq!((report.outcome, detail.artifacts.len()), (Outcome::Passed, 1));
    let sha256 = detail.artifacts[0].sha256.clone();
    assert_eq!(bench.fake.with(|state| state.blobs[&sha256].clone()), b"content\n");

    let test = report.lease.attempt.test;
    bench.fake.with(|state| state.artifacts.insert(test, detail.artifacts));
    let take = |artifact: &str| {
        json!({
            "run": { "command": ["grep", "content", "taken.txt"] },
            "inputs": [{ "test": test.index, "artifact": artifact, "path": "taken.txt" }],
        })
    };
    let (report, _) = bench.fake.report(bench.fake.grant(2, 1, take("made.txt"))).await;
    assert_eq!(report.outcome, Outcome::Passed);
    let (report, detail) = bench.fake.report(bench.fake.grant(3, 1, take("other.txt"))).await;
    assert_eq!((report.outcome, report.class), (Outcome::Error, Some(Class::SetUp)));
    assert!(detail.message.contains("\"other.txt\""), "{}", detail.message);

    let forgetful = json!({ "run": { "command": ["true"] }, "artifacts": ["made.txt"] });
    let (report, detail) = bench.fake.report(bench.fake.grant(4, 1, forgetful)).await;
    assert_eq!((report.outcome, report.class), (Outcome::Error, Some(Class::NoResult)));
    assert!(detail.message.contains("made.txt"), "{}", detail.message);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_result_delays_no_others_and_is_reported_without_its_details() {
    let bench = Bench::new();
    bench.fake.with(|state| state.refuse = Some("poison"));
    let leases = ["one", "poison", "two"].map(|word| {
        let epoch = bench.fake.with(|state| state.received + 1);
        bench.fake.command(epoch, &["echo", word])
    });
    for lease in leases {
        assert_eq!(bench.fake.report(lease).await.0.outcome, Outcome::Passed);
    }
    let (_, detail) = bench.fake.report(leases[1]).await;
    assert!(detail.output.is_empty() && detail.message.contains("refused"), "{detail:?}");
    assert!(detail.message.ends_with("a detail that nobody may send"), "{detail:?}");
    let kept = std::fs::read_to_string(bench.directory.path().join("spool/refused.jsonl"));
    let kept: serde_json::Value = serde_json::from_str(&kept.expect("kept")).expect("one line");
    assert_eq!(kept["reason"], "a detail that nobody may send");
    assert_eq!(kept["result"]["report"]["detail"]["output"], "poison\n");
    assert_eq!(bench.fake.report(leases[2]).await.1.output, "two\n");
    let fake = bench.fake.clone();
    assert_eq!(bench.finish().await.unsent, 0);
    assert_eq!(fake.with(|state| state.reports.len()), 3, "each once");
}
