//! Reports of results that are late, repeated, invented, or name files that are not there.

use super::hand::{Api, Hand};
use crate::support::Home;
use serde_json::{Value, json};

#[test]
fn a_late_result_counts_once_however_often_it_is_sent() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let api = Api::of(&coordinator);
    let run = api.submit("late", 1);
    let mut hand = Hand::register(&api);
    let lost = hand.claim().pop().expect("a lease");
    hand.restart();
    let next = hand.claim().pop().expect("the next attempt");
    for number in 1..=5 {
        let (status, answer) = hand.report(&lost, &json!({"message": "late"}));
        assert_eq!((status, &answer["conflicts"]), (200, &json!([lost])), "report {number}");
    }
    assert_eq!(hand.report(&next, &Value::Null).0, 200);
    let totals = home.finished(&coordinator, &run)["totals"].clone();
    assert_eq!((&totals["late_results"], &totals["outcomes"]), (&json!(1), &json!({"passed": 1})));
}

#[test]
fn nothing_is_stored_for_attempts_that_never_existed() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let api = Api::of(&coordinator);
    let run = api.submit("known", 1);
    let mut hand = Hand::register(&api);
    let lease = hand.claim().pop().expect("a lease");
    let before = api.status("log_sequence");
    let attempts = ["r999.t0.a1".to_owned(), format!("{run}.t7.a1"), format!("{run}.t0.a9")];
    for attempt in attempts {
        let invented = json!({"attempt": attempt, "epoch": lease["epoch"]});
        let (status, answer) = hand.report(&invented, &json!({"message": "x".repeat(30_000)}));
        assert_eq!((status, &answer["conflicts"]), (200, &json!([invented])), "{attempt}");
    }
    let other_epoch = json!({"attempt": lease["attempt"], "epoch": 999_999});
    assert_eq!(hand.report(&other_epoch, &Value::Null).1["conflicts"], json!([other_epoch]));
    assert_eq!(api.status("log_sequence"), before, "the log did not grow");
    assert_eq!(hand.report(&lease, &Value::Null).0, 200);
    let totals = home.finished(&coordinator, &run)["totals"].clone();
    assert_eq!((&totals["late_results"], &totals["attempts"]), (&json!(0), &json!(1)));
}

#[test]
fn a_report_that_names_a_malformed_or_missing_file_is_refused() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let api = Api::of(&coordinator);
    let run = api.submit("files", 1);
    let mut hand = Hand::register(&api);
    let lease = hand.claim().pop().expect("a lease");
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let log = |sha256: &str| json!({"sha256": sha256, "size_bytes": 5, "written_bytes": 5});
    let artifact = |sha256: &str| json!({"name": "a", "sha256": sha256, "size_bytes": 5});
    let before = api.status("log_sequence");
    for sha256 in ["../../x", "", &digest.to_uppercase(), &digest[1..], digest] {
        for detail in [json!({"log": log(sha256)}), json!({"artifacts": [artifact(sha256)]})] {
            let (status, answer) = hand.report(&lease, &detail);
            assert_eq!(status, 422, "{detail}: {answer}");
            let message = answer["message"].as_str().expect("a message");
            assert!(message.contains(lease["attempt"].as_str().expect("an id")), "{message}");
        }
    }
    assert_eq!(api.status("log_sequence"), before, "nothing of them is stored");
    assert_eq!(api.put_blob(digest, b"hello".to_vec()).0, 204);
    let detail = json!({"log": log(digest), "artifacts": [artifact(digest)]});
    assert_eq!(hand.report(&lease, &detail).0, 200);
    home.finished(&coordinator, &run);
    let shown = home.at(&coordinator, &["logs", &format!("{run}.t0")]).expect_code(0);
    assert_eq!(shown.out.trim_end(), "hello");
}
