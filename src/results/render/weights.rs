//! The weights of tests in a report for people: in the head, in each row, and in the notes.

use super::figures;
use super::words::plain;
use crate::api::v1::reports::{ReportRow, ReportView};
use crate::domain::weights::{WEIGHTS_REASON, short_identity};
use crate::plan::model_entry::{ALLOW_PICKLE, TRUST_REMOTE_CODE};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Maximum number of characters of a name or an identity, and of a reason.
const MAX_NAME: usize = 120;
const MAX_REASON: usize = 300;

/// The line about weights, e.g. `Weights: random for 5 of 7 tests, from the model's directory for 2`.
/// It counts the tests that reported an origin.
pub fn origins(view: &ReportView) -> Option<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for weights in view.rows.iter().filter_map(|row| row.weights.as_deref()) {
        *counts.entry(weights).or_default() += 1;
    }
    let all = counts.values().sum();
    let random = counts.remove_entry("random");
    let mut parts = random.into_iter().chain(counts).map(|(weights, count)| {
        let origin = match weights {
            "folder" => "from the model's directory".to_owned(),
            "cache" => "from the model cache".to_owned(),
            "hub" => "from the model hub".to_owned(),
            "path" => "from a directory of the worker".to_owned(),
            "url" => "from an address".to_owned(),
            other => plain(other, MAX_NAME),
        };
        (origin, count)
    });
    let (origin, count) = parts.next()?;
    let mut line = format!("Weights: {origin} for {count} of {}", figures::counted(all, "test"));
    for (origin, count) in parts {
        let _ = write!(line, ", {origin} for {count}");
    }
    Some(line)
}

/// The line about random weights in the head, with the reasons for those that were not requested.
pub fn random(view: &ReportView) -> Option<String> {
    let with_weights = || view.rows.iter().filter(|row| row.weights.is_some());
    let random = || with_weights().filter(|row| row.weights.as_deref() == Some("random"));
    let (count, all) = (random().count(), with_weights().count() as u64);
    let reasons: BTreeSet<&str> =
        random().filter_map(|row| Some(row.labels.get(WEIGHTS_REASON)?.as_str())).collect();
    let mut reasons = reasons.iter().map(|reason| plain(reason, MAX_REASON));
    let more = if reasons.len() > 1 { ", and other reasons" } else { "" };
    let reason =
        reasons.next().map_or_else(String::new, |first| format!("  reason: {first}{more}\n"));
    (count > 0).then(|| {
        let tests = figures::counted(all, "test");
        format!(
            "random weights in {count} of {tests}: figures are not those of trained weights\n{reason}"
        )
    })
}

/// The weights of a test with their short identity, and the risks that its plan allows, e.g.
/// `hub@0123abc (remote code)`.
pub fn of(row: &ReportRow) -> Option<String> {
    let kind = row.weights.as_deref()?;
    let identity = row.weights_id.as_ref().map(|identity| short_identity(identity));
    let identity = identity.map_or_else(String::new, |short| {
        if short.starts_with('@') { short } else { format!(" {short}") }
    });
    let risks = [(ALLOW_PICKLE, " (pickle allowed)"), (TRUST_REMOTE_CODE, " (remote code)")];
    let allowed = risks.iter().filter(|(label, _)| row.labels.contains_key(*label));
    let allowed: String = allowed.map(|(_, text)| *text).collect();
    Some(plain(&format!("{kind}{identity}{allowed}"), MAX_NAME))
}
