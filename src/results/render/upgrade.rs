//! The report of an upgrade for people, for spreadsheets and for pull requests.

use crate::api::v1::upgrades::{UpgradeCell, UpgradeChange, UpgradeSide, UpgradeTest, UpgradeView};
use crate::results::render::figures::with_unit;
use crate::results::render::words::plain;
use crate::results::render::{csv_field, markdown_text};
use crate::trends::upgrade::Effect;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use std::collections::BTreeSet;

/// Maximum length of a shown reason and of a shown name, in characters.
const REASON_CHARS: usize = 300;
const NAME_CHARS: usize = 120;

/// The result in one sentence.
#[must_use]
pub fn conclusion(view: &UpgradeView) -> String {
    let counted = view.tests.iter().filter(|row| !row.is_quarantined);
    let effects: Vec<Effect> = counted.map(|row| row.effect).collect();
    let count = |effect: Effect| effects.iter().filter(|other| **other == effect).count();
    let mut risks: Vec<String> = Effect::ALL
        .iter()
        .filter(|effect| effect.is_risk() && count(**effect) > 0)
        .map(|effect| format!("{} {}", count(*effect), effect.words()))
        .collect();
    if view.left_out > 0 {
        risks.push(format!("{} not changed by it, so not run", view.left_out));
    }
    let quarantined = match view.tests.len() - effects.len() {
        0 => String::new(),
        more => format!(" ({more} in quarantine do not count)"),
    };
    let notes: Vec<String> = [
        (Effect::Different, "has other numbers", "have other numbers"),
        (Effect::BrokenBefore, "fails on both sides", "fail on both sides"),
    ]
    .into_iter()
    .filter_map(|(effect, one, several)| match count(effect) {
        0 => None,
        1 => Some(format!("; 1 {one}")),
        more => Some(format!("; {more} {several}")),
    })
    .collect();
    let conclusion = if view.is_safe {
        "safe: every test ran on both sides, and nothing became worse".to_owned() + &notes.concat()
    } else if effects.is_empty() {
        "not shown to be safe: no test counts".to_owned()
    } else {
        format!("not shown to be safe: {}", risks.join(", "))
    };
    conclusion + &quarantined
}

/// The sides, with the versions that differ.
fn sides(view: &UpgradeView) -> String {
    let runs = |side: &UpgradeSide| {
        let runs: Vec<String> = side.runs.iter().map(ToString::to_string).collect();
        runs.join(", ")
    };
    let differing: Vec<String> = differing(view)
        .into_iter()
        .map(|[name, from, to]| plain(&format!("{name} {from} → {to}"), NAME_CHARS))
        .collect();
    let changed = match differing.as_slice() {
        [] => String::new(),
        texts => format!("\nversions: {}", texts.join(", ")),
    };
    let from = if view.before.pins.is_empty() { "as the plan resolves" } else { &view.before.pins };
    format!(
        "before: {from} ({})\nafter: {} ({}){changed}",
        runs(&view.before),
        view.after.pins,
        runs(&view.after)
    )
}

/// The packages whose versions differ: name, version before and version after.
#[must_use]
pub fn differing(view: &UpgradeView) -> Vec<[&str; 3]> {
    let names: BTreeSet<&String> =
        view.before.packages.keys().chain(view.after.packages.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let [from, to] = [&view.before, &view.after]
                .map(|side| side.packages.get(name).map_or("none", String::as_str));
            (from != to).then_some([name.as_str(), from, to])
        })
        .collect()
}

/// A table of the cells, and the tests that are not the same.
#[must_use]
pub fn table(view: &UpgradeView, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["model", "back-end", "effect", "tests", "reason"]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for cell in &view.cells {
        table.add_row(fields(cell));
    }
    let lines: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    format!("{}\n\n{lines}\n{}\n", sides(view), conclusion(view))
}

fn fields(cell: &UpgradeCell) -> [String; 5] {
    let total: usize = cell.tests.values().sum();
    let with_effect = cell.tests.get(&cell.effect).copied().unwrap_or(0);
    let reason = match cell.effect {
        Effect::Same => String::new(),
        _ => format!("{}: {}", plain(&cell.test, NAME_CHARS), plain(&cell.reason, REASON_CHARS)),
    };
    [
        plain(&cell.model, NAME_CHARS),
        plain(&cell.backend, NAME_CHARS),
        cell.effect.words().to_owned(),
        format!("{with_effect} of {total}"),
        reason,
    ]
}

/// The cells as a table of Markdown, for pull requests.
#[must_use]
pub fn markdown(view: &UpgradeView) -> String {
    let mut text = format!("**{}**\n\n", markdown_text(&conclusion(view), REASON_CHARS));
    for line in sides(view).lines() {
        text.push_str(&format!("- {}\n", markdown_text(line, REASON_CHARS)));
    }
    text.push_str("\n| model | back-end | effect | tests | reason |\n|---|---|---|---|---|\n");
    for cell in &view.cells {
        let fields = fields(cell).map(|field| markdown_text(&field, REASON_CHARS));
        text.push_str(&format!("| {} |\n", fields.join(" | ")));
    }
    text
}

/// One row for each test and changed metric.
#[must_use]
pub fn csv(view: &UpgradeView) -> String {
    let mut text = "test,model,backend,effect,runs_before,runs_after,message,output_difference,\
                    metric,unit,verdict,before,after,change,z\r\n"
        .to_owned();
    for row in &view.tests {
        let start = start(row);
        let mut line = |rest: [String; 7]| {
            text.push_str(&[&start[..], &rest[..]].concat().join(","));
            text.push_str("\r\n");
        };
        if row.changes.is_empty() {
            line(Default::default());
        }
        for change in &row.changes {
            let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
            line([
                csv_field(&change.metric),
                csv_field(&change.unit),
                change.verdict.name().to_owned(),
                number(change.before),
                number(change.after),
                number(change.change),
                number(change.z),
            ]);
        }
    }
    text
}

fn start(row: &UpgradeTest) -> [String; 8] {
    let difference = match row.output_difference {
        _ if row.has_other_shape => "other shape".to_owned(),
        Some(distance) => distance.to_string(),
        None => String::new(),
    };
    [
        csv_field(&row.test),
        csv_field(&row.model),
        csv_field(&row.backend),
        row.effect.name().to_owned(),
        row.runs[0].to_string(),
        row.runs[1].to_string(),
        csv_field(row.message.as_deref().unwrap_or_default()),
        difference,
    ]
}

/// The reason for the effect on a test, for people.
#[must_use]
pub fn reason(row: &UpgradeTest) -> String {
    let output = match row.output_difference {
        _ if row.has_other_shape => Some("the output has another shape".to_owned()),
        Some(distance) if row.effect == Effect::Different => {
            Some(format!("the output differs by {distance:.1e}"))
        }
        _ => None,
    };
    let changes = row.changes.iter().take(2).map(changed);
    changes.chain(output).chain(row.message.clone()).collect::<Vec<_>>().join("; ")
}

/// How a metric or error changed, for people.
fn changed(change: &UpgradeChange) -> String {
    match (change.change, change.unit.as_str()) {
        (Some(ratio), "error") => format!("{} {ratio:.1} times as large", change.metric),
        (Some(ratio), _) => {
            let percent = (ratio - 1.0) * 100.0;
            let runs = change.n_before.min(change.n_after);
            format!("{} {percent:+.1} % ({runs} runs each)", change.metric)
        }
        (None, unit) => {
            let shown = |value: Option<f64>| match (value, unit) {
                (None, _) => "-".to_owned(),
                (Some(value), "error") => format!("{value:.1e}"),
                (Some(value), unit) => with_unit(value, unit),
            };
            let (before, after) = (shown(change.before), shown(change.after));
            format!("{} changed from {before} to {after}", change.metric)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::upgrade::fixture::{both, observed};
    use crate::results::upgrade::{Observed, Side, Tested, verdict};
    use crate::trends::upgrade::Ending;

    /// A test that passed before and has this result after.
    fn tested(name: &str, model: &str, after: Ending) -> Tested {
        both(observed(name, model, Ending::Passed), observed(name, model, after))
    }

    fn view(tested: &[Tested]) -> UpgradeView {
        let side = |pins: &str| {
            let mut side = Side::new(pins.to_owned(), ["x".to_owned()].into());
            side.add(&[("x".to_owned(), pins.to_owned())].into());
            side
        };
        verdict([side("x==1"), side("x==2")], tested, 0)
    }

    #[test]
    fn a_table_has_a_row_for_each_cell_and_a_conclusion() {
        let failed = || Ending::Failed("wrong".to_owned());
        let view = view(&[
            tested("a/1", "a", Ending::Passed),
            tested("a/2", "a", failed()),
            tested("b/1", "b", Ending::Passed),
        ]);
        let shown = table(&view, None);
        assert!(shown.contains("broken  1 of 2  a/2: wrong"), "{shown}");
        assert!(shown.contains("not shown to be safe: 1 broken"), "{shown}");
        assert!(shown.contains("versions: x x==1 → x==2"), "{shown}");
        let before = both(observed("c", "c", failed()), observed("c", "c", failed()));
        let shown = table(&self::tests::view(&[before]), None);
        assert!(shown.contains("nothing became worse; 1 fails on both sides"), "{shown}");
    }

    #[test]
    fn what_does_not_count_is_named_in_the_conclusion() {
        let quarantined = || {
            let after = observed("a/2", "a", Ending::NotRun("no worker".to_owned()));
            let after = Observed { is_quarantined: true, ..after };
            both(observed("a/2", "a", Ending::Passed), after)
        };
        let shown = conclusion(&view(&[tested("a/1", "a", Ending::Passed), quarantined()]));
        assert!(shown.starts_with("safe") && shown.ends_with("(1 in quarantine do not count)"));
        let shown = conclusion(&view(&[quarantined()]));
        assert!(shown.starts_with("not shown to be safe: no test counts"), "{shown}");
        let left_out = UpgradeView {
            left_out: 2,
            is_safe: false,
            ..view(&[tested("a/1", "a", Ending::Passed)])
        };
        let shown = conclusion(&left_out);
        assert_eq!(shown, "not shown to be safe: 2 not changed by it, so not run");
    }

    #[test]
    fn hostile_texts_break_no_format() {
        let hostile = "=cmd|x \u{1b}[31m<b>\u{202e}|`\r\n\"";
        let view = view(&[tested(hostile, hostile, Ending::Failed(hostile.to_owned()))]);
        let markdown = markdown(&view);
        let row = markdown.lines().last().expect("a row");
        assert_eq!(row.matches('|').count(), 6, "{row}");
        assert!(
            !row.contains('<') && !row.contains('\u{1b}') && !row.contains('\u{202e}'),
            "{row}"
        );
        let csv = csv(&view);
        // Outside of quotes, there are two records of 15 fields.
        let outside: String = csv.split('"').step_by(2).collect();
        assert_eq!(outside.matches("\r\n").count(), 2, "{csv:?}");
        assert_eq!(outside.matches(',').count(), 28, "{csv:?}");
        assert!(!csv.contains("\n=") && !csv.contains(",="), "{csv:?}");
        assert!(!table(&view, None).contains('\u{1b}'));
    }
}
