//! Files that stored rows name.

use super::fixture::*;
use crate::domain::digest::sha256_hex;
use crate::domain::fact::{Fact, Next};
use crate::domain::id::{RunId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::domain::time::Timestamp;
use serde_json::json;

/// A digest that is divided between two parts of a large detail is found.
#[test]
fn a_digest_is_found_wherever_it_is_in_a_large_detail() {
    let digests: Vec<String> = (0..40).map(|n: u32| sha256_hex(&n.to_le_bytes())).collect();
    // One in 200 characters, around each end of a part.
    let text: String =
        (0..400).map(|n| format!("{}{}", digests[n % 40], "-".repeat(139))).collect();
    let done = Next::Done { flaky: false };
    let (_place, opened) = with(&[
        submitted(1, 1),
        added(1, &["x"]),
        finished(id(1, 0), 1, Outcome::Passed, done, &json!({ "output": text })),
    ]);
    let mut named = Vec::new();
    opened.store.named_digests(&mut |digest| named.push(digest.to_owned())).expect("read");
    let expected: Vec<&String> = (0..400).map(|n| &digests[n % 40]).collect();
    assert_eq!(named.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn rows_name_the_files_of_results_and_templates() {
    let name = |text: &str| sha256_hex(text.as_bytes());
    let log = json!({ "log": {
        "sha256": name("log"), "size_bytes": 700, "written_bytes": 9000,
    } });
    let artifacts = json!({
        "output": "\"size_bytes\": 5",
        "artifacts": [
            { "name": "a", "sha256": name("a"), "size_bytes": 20 },
            { "name": "b", "sha256": name("b"), "size_bytes": 3 },
        ],
    });
    let done = Next::Done { flaky: false };
    let late = Fact::LateResult {
        lease: lease(id(1, 0), 1, 9),
        worker: WorkerId(1),
        outcome: Outcome::Passed,
        detail: Some(raw(&json!({ "log": {
            "sha256": name("late"), "size_bytes": 1, "written_bytes": 1,
        } }))),
        at: Timestamp(1),
    };
    let template = Fact::TemplateAdded {
        path: "bert/test.py.j2".into(),
        sha256: name("template").into(),
        version: 1,
        user: "someone".into(),
        at: Timestamp(1),
    };
    let (_place, opened) = with(&[
        registered(1, "w"),
        submitted(1, 1),
        added(1, &["x", "y", "z"]),
        finished(id(1, 0), 1, Outcome::Passed, done, &log),
        finished(id(1, 1), 1, Outcome::Passed, done, &artifacts),
        finished(id(1, 2), 1, Outcome::Passed, done, &json!({})),
        late,
        template,
    ]);
    let mut named = Vec::new();
    opened.store.named_digests(&mut |digest| named.push(digest.to_owned())).expect("read");
    named.sort();
    let mut expected = ["log", "a", "b", "late", "template"].map(name);
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(opened.store.size_of_files(RunId(1)).expect("read"), 723);
    assert_eq!(opened.store.size_of_files(RunId(2)).expect("read"), 0);
}
