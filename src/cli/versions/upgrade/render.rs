//! The report of an upgrade for people, for spreadsheets and for pull requests.

use crate::cli::versions::upgrade::view::{
    Cell, OutputDifference, Row, UpgradeView, versions_text,
};
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
fn conclusion(view: &UpgradeView) -> String {
    let counted = view.tests.iter().filter(|row| !row.is_quarantined);
    let effects: Vec<Effect> = counted.map(|row| row.effect).collect();
    let count = |effect: Effect| effects.iter().filter(|other| **other == effect).count();
    let risks: Vec<String> = Effect::ALL
        .iter()
        .filter(|effect| effect.is_risk() && count(**effect) > 0)
        .map(|effect| format!("{} {}", count(*effect), effect.words()))
        .collect();
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
    let runs = |side: &super::view::Side| {
        let runs: Vec<String> = side.runs.iter().map(ToString::to_string).collect();
        runs.join(", ")
    };
    let names: BTreeSet<&String> =
        view.before.packages.keys().chain(view.after.packages.keys()).collect();
    let differing: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let [from, to] = [&view.before, &view.after].map(|side| side.packages.get(name));
            let shown = |versions: Option<&BTreeSet<String>>| {
                versions.map_or_else(|| "none".to_owned(), versions_text)
            };
            let line = || format!("{name} {} → {}", shown(from), shown(to));
            (from != to).then(|| plain(&line(), NAME_CHARS))
        })
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

/// A table of the cells, and the tests that are not the same.
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

fn fields(cell: &Cell) -> [String; 5] {
    let total: usize = cell.tests.values().sum();
    let with_effect = cell.tests.get(cell.effect.name()).copied().unwrap_or(0);
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
                change.verdict.to_owned(),
                number(change.before),
                number(change.after),
                number(change.change),
                number(change.z),
            ]);
        }
    }
    text
}

fn start(row: &Row) -> [String; 8] {
    let difference = match row.output_difference {
        Some(OutputDifference::Distance(size)) => size.to_string(),
        Some(OutputDifference::OtherShape) => "other shape".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::cli::versions::upgrade::view::{Side, Tested};
    use crate::trends::upgrade::{Ending, SideRun};
    use std::collections::BTreeMap;

    fn run(ending: Ending) -> SideRun {
        SideRun {
            ending,
            flaky: false,
            metrics: BTreeMap::new(),
            errors: BTreeMap::new(),
            sketch: None,
        }
    }

    fn tested(name: &str, model: &str, after: Ending) -> Tested {
        let labels = [("model", model), ("backend", "cpu")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut tested = Tested::new(name, labels, true);
        tested.sides = [vec![run(Ending::Passed)], vec![run(after)]];
        tested
    }

    fn view(tested: &[Tested]) -> UpgradeView {
        let side = |pins: &str| Side {
            pins: pins.to_owned(),
            runs: Vec::new(),
            packages: [("x".to_owned(), [pins.to_owned()].into())].into(),
            pinned: ["x".to_owned()].into(),
        };
        UpgradeView::new(side("x==1"), side("x==2"), tested)
    }

    #[test]
    fn a_cell_has_the_worst_effect_of_its_tests_and_the_first_reason() {
        let failed = || Ending::Failed("wrong".to_owned());
        let view = view(&[
            tested("a/1", "a", Ending::Passed),
            tested("a/2", "a", failed()),
            tested("b/1", "b", Ending::Passed),
        ]);
        let cells: Vec<_> = view.cells.iter().map(|cell| (&*cell.model, cell.effect)).collect();
        assert_eq!(cells, [("a", Effect::Broken), ("b", Effect::Same)]);
        assert_eq!(view.exit(), Exit::TestsFailed);
        let shown = table(&view, None);
        assert!(shown.contains("broken  1 of 2  a/2: wrong"), "{shown}");
        assert!(shown.contains("not shown to be safe: 1 broken"), "{shown}");
        assert!(shown.contains("versions: x x==1 → x==2"), "{shown}");
        let failing = tested("c", "c", failed());
        let mut before = failing.clone();
        before.sides[0] = failing.sides[1].clone();
        let shown = table(&self::tests::view(&[before]), None);
        assert!(shown.contains("nothing became worse; 1 fails on both sides"), "{shown}");
    }

    #[test]
    fn an_upgrade_is_safe_only_if_everything_ran() {
        let passed = tested("a/1", "a", Ending::Passed);
        let absent = tested("a/2", "a", Ending::NotRun("no worker".to_owned()));
        assert!(view(std::slice::from_ref(&passed)).is_safe);
        assert_eq!(view(std::slice::from_ref(&passed)).exit(), Exit::Passed);
        let incomplete = view(&[passed.clone(), absent.clone()]);
        assert!(!incomplete.is_safe && incomplete.exit() == Exit::Infrastructure);
        let mut quarantined = absent;
        quarantined.is_quarantined = true;
        let view = view(&[passed, quarantined]);
        assert!(view.is_safe && view.exit() == Exit::Passed);
        assert!(table(&view, None).contains("1 in quarantine do not count"));
        assert!(!self::tests::view(&[]).is_safe);
    }

    #[test]
    fn success_is_reported_only_for_an_upgrade_that_is_safe() {
        let passed = || tested("a/1", "a", Ending::Passed);
        let mut flaky = passed();
        flaky.sides[1][0].flaky = true;
        let mut unclear = passed();
        unclear.sides[0][0].errors.insert("reference.rms".to_owned(), 1e-7);
        let mut unchanged = passed();
        unchanged.packages = [0, 1].map(|_| [("X".to_owned(), "3".to_owned())].into());
        for (test, effect) in
            [(flaky, Effect::Flaky), (unclear, Effect::Unclear), (unchanged, Effect::NotRun)]
        {
            let view = view(&[passed(), test]);
            assert_eq!((view.tests[1].effect, view.is_safe), (effect, false));
            assert_eq!(view.exit(), Exit::Infrastructure, "{effect:?}");
        }
        // Nothing that counts was compared.
        let mut quarantined = passed();
        quarantined.is_quarantined = true;
        let view = view(&[quarantined]);
        assert_eq!((view.is_safe, view.exit()), (false, Exit::NoTest));
        assert!(table(&view, None).contains("not shown to be safe: no test counts"));
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
