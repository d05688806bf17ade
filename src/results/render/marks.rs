//! Tables of marks and of flaky tests.

use super::figures::{counted, percent};
use super::words::{instant, plain};
use crate::api::v1::flaky::{FlakyJudgement, FlakyTest, FlakyView, Rate, WorkerRate};
use crate::api::v1::marks::{Acceptance, AcceptanceList, QuarantineList, QuarantineState};
use crate::domain::time::Timestamp;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// Maximum number of characters of a name or reason that are shown.
const NAME_CHARS: usize = 120;
/// Maximum number of series of an acceptance that are named.
const MAX_NAMED: usize = 5;

/// The quarantines, and what each has covered so far.
#[must_use]
pub fn quarantines(list: &QuarantineList, width: Option<u16>) -> String {
    if list.items.is_empty() {
        return "there are no quarantines".to_owned();
    }
    let mut table = table(width);
    let header = ["id", "tests", "only on", "until", "covered", "not passed", "by", "reason"];
    table.set_header(header);
    for item in &list.items {
        let only = [&item.worker, &item.backend].into_iter().flatten();
        let only: Vec<String> = only.map(|word| plain(word, NAME_CHARS)).collect();
        let until = match (item.state, &item.removed) {
            (QuarantineState::InForce, _) => day(item.expires_at),
            (QuarantineState::Expired, _) => format!("expired {}", day(item.expires_at)),
            (QuarantineState::Removed, Some(removed)) => format!("removed {}", day(removed.at)),
            (QuarantineState::Removed, None) => "removed".to_owned(),
        };
        table.add_row([
            item.quarantine.to_string(),
            plain(&item.pattern, NAME_CHARS),
            only.join(", "),
            until,
            item.tests.to_string(),
            item.bad.to_string(),
            plain(&item.by, NAME_CHARS),
            plain(&item.reason, NAME_CHARS),
        ]);
    }
    table.to_string()
}

/// The accepted changes.
#[must_use]
pub fn acceptances(list: &AcceptanceList, width: Option<u16>) -> String {
    if list.items.is_empty() {
        return "there are no acceptances".to_owned();
    }
    let mut table = table(width);
    table.set_header(["id", "from", "changes", "at", "by", "reason"]);
    for item in &list.items {
        let at = match &item.removed {
            None => day(item.accepted_at),
            Some(removed) => format!("removed {}", day(removed.at)),
        };
        table.add_row([
            item.acceptance.to_string(),
            item.run.to_string(),
            accepted(item),
            at,
            plain(&item.by, NAME_CHARS),
            plain(&item.reason, NAME_CHARS),
        ]);
    }
    table.to_string()
}

/// The changes of an acceptance, a line for each of the first ones.
#[must_use]
pub fn accepted(item: &Acceptance) -> String {
    let named = item.series.iter().take(MAX_NAMED).map(|series| {
        let name = series.name.as_deref().map(|name| plain(name, NAME_CHARS));
        let name = name.unwrap_or_else(|| format!("case {}", series.case));
        let metric = series.metric.as_deref().unwrap_or("all metrics");
        format!("{name}: {}", plain(metric, NAME_CHARS))
    });
    let mut lines: Vec<String> = named.collect();
    if item.series.len() > MAX_NAMED {
        lines.push(format!("and {} more", item.series.len() - MAX_NAMED));
    }
    lines.join("\n")
}

/// Flaky tests with their rates, then the workers and the back-ends.
#[must_use]
pub fn flaky(view: &FlakyView, width: Option<u16>) -> String {
    let mut parts = Vec::new();
    if view.tests.is_empty() {
        parts.push(format!("no test failed since {}", day(view.since)));
    } else {
        let mut table = table(width);
        table.set_header(["test", "", "failed", "rate (95 %)", "newest last", "worker"]);
        for test in &view.tests {
            table.add_row(test_row(test));
        }
        parts.push(table.to_string());
    }
    if view.truncated {
        let shown = view.tests.len() as u64;
        let are = if shown == 1 { "is" } else { "are" };
        parts.push(format!("only {} {are} shown", counted(shown, "test")));
    }
    let failing: Vec<_> = view.workers.iter().filter(|rate| is_noteworthy(rate)).collect();
    if !failing.is_empty() {
        let mut table = table(width);
        table.set_header([
            "worker",
            "failed",
            "rate (95 %)",
            "tests that fail only there",
            "not by a test",
        ]);
        for worker in failing {
            table.add_row([
                plain(&worker.name, NAME_CHARS),
                failed(&worker.rate),
                share(&worker.rate),
                worker.trouble.to_string(),
                worker.infrastructure.to_string(),
            ]);
        }
        parts.push(table.to_string());
    }
    let backends: Vec<_> = view.backends.iter().filter(|rate| rate.rate.failed > 0).collect();
    if !backends.is_empty() {
        let mut table = table(width);
        table.set_header(["back-end", "failed", "rate (95 %)", "flaky tests"]);
        for of in backends {
            let name = if of.backend.is_empty() { "none" } else { &of.backend };
            let (name, flaky) = (plain(name, NAME_CHARS), of.flaky.to_string());
            table.add_row([name, failed(&of.rate), share(&of.rate), flaky]);
        }
        parts.push(table.to_string());
    }
    if view.unknown > 0 {
        let attempts = counted(view.unknown, "attempt");
        parts.push(format!(
            "{attempts} of earlier versions of dtf are left out; dtf results rebuild adds what is missing"
        ));
    }
    parts.join("\n\n")
}

fn is_noteworthy(worker: &WorkerRate) -> bool {
    worker.rate.failed > 0 || worker.infrastructure > 0
}

fn test_row(test: &FlakyTest) -> [String; 6] {
    let quarantine = test.quarantined.as_ref();
    let quarantine =
        quarantine.map(|known| format!(", in quarantine {}", known.quarantine)).unwrap_or_default();
    let worker = test.trouble_of.as_ref().map(|trouble| {
        format!("only on {} (p = {:.1e})", plain(&trouble.name, NAME_CHARS), trouble.p)
    });
    [
        plain(&test.name, NAME_CHARS),
        format!("{}{quarantine}", words(test.judgement)),
        failed(&test.rate),
        share(&test.rate),
        test.recent.iter().map(|passed| if *passed { '.' } else { 'F' }).collect(),
        worker.unwrap_or_default(),
    ]
}

/// The judgement in words.
#[must_use]
pub fn words(judgement: FlakyJudgement) -> &'static str {
    match judgement {
        FlakyJudgement::Flaky => "flaky",
        FlakyJudgement::WorkerTrouble => "trouble of a worker",
        FlakyJudgement::Failing => "failing",
        FlakyJudgement::Steady => "passes again",
        FlakyJudgement::InsufficientData => "insufficient data",
    }
}

/// `3 of 12`.
fn failed(rate: &Rate) -> String {
    format!("{} of {}", rate.failed, rate.attempts)
}

/// `12 % (4 % to 30 %)`.
fn share(rate: &Rate) -> String {
    format!("{} ({} to {})", percent(rate.rate), percent(rate.low), percent(rate.high))
}

/// `2026-12-13`.
fn day(at: Timestamp) -> String {
    instant(at).map_or_else(|| at.0.to_string(), |at| at.strftime("%Y-%m-%d").to_string())
}

fn table(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::WorkerId;

    #[test]
    fn lists_show_what_a_person_decides_by() {
        let quarantine = serde_json::json!({
            "quarantine": "q3", "pattern": "gpt2/*", "worker": "rig7", "reason": "see #12",
            "by": "anna", "added_at": 0, "expires_at": 1_795_824_000_000_u64, "state": "expired",
            "tests": 14, "bad": 3,
        });
        let list = serde_json::json!({ "schema": 1, "items": [quarantine] });
        let text = quarantines(&serde_json::from_value(list).expect("a list"), None);
        for part in ["q3", "gpt2/*", "rig7", "expired 2026-11-28", "14", "anna", "see #12"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let rate = Rate { attempts: 8, failed: 4, rate: 0.5, low: 0.2, high: 0.8 };
        let worker = WorkerRate {
            worker: WorkerId(1),
            name: "rig7".into(),
            rate,
            trouble: 1,
            infrastructure: 0,
        };
        let mut view = FlakyView {
            schema: 1,
            since: Timestamp(1_795_824_000_000),
            half_life: 10,
            min_attempts: 5,
            tests: Vec::new(),
            truncated: false,
            workers: vec![worker],
            backends: Vec::new(),
            unknown: 2,
        };
        let text = flaky(&view, None);
        assert!(text.starts_with("no test failed since 2026-11-28\n"), "{text}");
        assert!(text.contains("4 of 8") && text.contains("50 % (20 % to 80 %)"), "{text}");
        assert!(text.contains("2 attempts of earlier versions"), "{text}");
        view.workers.clear();
        view.unknown = 0;
        assert_eq!(flaky(&view, None), "no test failed since 2026-11-28");
    }
}
