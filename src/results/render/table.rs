//! For people: totals, a matrix of models and back-ends, one line per test, and what there
//! is to say about those that are not green.

use super::figures;
use super::words::{COLOURS, cases, instant, plain, standing};
use crate::api::v1::reports::{MetricSummary, ReportRow, ReportView};
use crate::domain::id::TestId;
use crate::domain::outcome::{Class, Outcome};
use crate::results::run_report::PEAK_MEMORY;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Measured values from which on a 90th percentile says more than the largest one.
const MIN_P90_COUNT: u64 = 10;
/// Lines about what is not green.
const MAX_MESSAGES: usize = 100;
/// What a part of a pytest suite carries.
const SHARD_LABEL: &str = "suite";
/// Characters of one name and of one message.
const MAX_NAME: usize = 120;
const MAX_MESSAGE: usize = 300;

/// Style of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    pub colour: bool,
    /// Number of columns of the terminal. Absent: unlimited.
    pub width: Option<u16>,
}

#[must_use]
pub fn table(view: &ReportView, style: Style) -> String {
    let mut out = headline(view);
    if let Some(matrix) = matrix(view) {
        out.push('\n');
        push_lines(&mut out, matrix, style);
    }
    if let Some((tests, dropped)) = tests(view, style) {
        out.push('\n');
        push_lines(&mut out, tests, style);
        if !dropped.is_empty() {
            let _ =
                writeln!(out, "(not shown because the terminal is narrow: {})", dropped.join(", "));
        }
    }
    let notes: Vec<String> = [conditions(view), weights(view)].into_iter().flatten().collect();
    if !notes.is_empty() {
        let _ = writeln!(out, "\n{}", notes.join("\n"));
    }
    if let Some(line) = case_line(view) {
        out.push('\n');
        out.push_str(&line);
    }
    messages(&mut out, view);
    out
}

/// `193 cases: 192 passed, 1 skipped; 4 shards`
fn case_line(view: &ReportView) -> Option<String> {
    let counts = view.totals.cases.as_ref()?;
    let mut with_cases = view.rows.iter().filter(|row| row.cases.is_some());
    let shards = with_cases.all(|row| row.labels.contains_key(SHARD_LABEL));
    let word = if shards { "shard" } else { "test" };
    let (total, tests) = (figures::counted(counts.total, "case"), view.totals.tests_with_cases);
    Some(format!("{total}: {}; {}\n", cases(counts), figures::counted(tests, word)))
}

/// `Weights: random for 5 of 7 tests, from the model's directory for 2`. Counted are the tests that
/// reported it.
fn weights(view: &ReportView) -> Option<String> {
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

/// `run r1, 3 tests: 2 passed, 0 failed, 1 not done`
fn headline(view: &ReportView) -> String {
    let totals = &view.totals;
    let runs = match (&view.runs[..], view.since) {
        ([], _) => "no runs".to_owned(),
        ([run], None) => format!("run {run}"),
        ([_], _) => "1 run".to_owned(),
        (runs, _) => format!("{} runs", runs.len()),
    };
    let since = view.since.and_then(instant);
    let since = since.map(|at| at.strftime("since %Y-%m-%d %H:%M UTC, ").to_string());
    let tests = figures::counted(totals.tests, "test");
    // Writing to a string cannot fail, here and below.
    let mut line = format!("{}{runs}, {tests}: ", since.unwrap_or_default());
    let of = |outcome| totals.outcomes.get(&outcome).copied().unwrap_or(0);
    let passed = of(Outcome::Passed).saturating_sub(totals.flaky);
    let mut parts = vec![format!("{passed} passed")];
    let mut some = |count: u64, word: &str| {
        if count > 0 || word == "failed" {
            parts.push(format!("{count} {word}"));
        }
    };
    some(totals.flaky, "flaky");
    for outcome in Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Passed) {
        some(of(outcome), outcome.words());
    }
    some(totals.pending, "not done");
    line.push_str(&parts.join(", "));
    line.push('\n');
    if totals.late_results > 0 {
        let _ =
            writeln!(line, "{} too late to count", figures::counted(totals.late_results, "result"));
    }
    if view.truncated {
        let _ = writeln!(line, "{} shown, those that did not pass first", view.rows.len());
    }
    line
}

/// What became of the tests of a model on a back-end.
#[derive(Default)]
struct Cell {
    passed: u32,
    /// Got to a verdict.
    judged: u32,
    /// Cancelled, skipped, not done: neither good nor bad.
    open: u32,
}

/// How many passed for each model on each back-end, when there are several of both. Of a test
/// that is there several times, its latest verdict counts.
fn matrix(view: &ReportView) -> Option<Table> {
    let mut latest: BTreeMap<(&str, &str, &str), &ReportRow> = BTreeMap::new();
    for row in &view.rows {
        let (Some(model), Some(backend)) = (model(row), row.labels.get("backend")) else {
            continue;
        };
        let place = latest.entry((model, backend, &row.name)).or_insert(row);
        // Rows are in order of their runs.
        if is_verdict(row) || !is_verdict(place) {
            *place = row;
        }
    }
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for ((model, backend, _), row) in latest {
        let cell = cells.entry((model, backend)).or_default();
        cell.passed += u32::from(row.outcome == Some(Outcome::Passed));
        cell.judged += u32::from(is_verdict(row));
        cell.open += u32::from(!is_verdict(row));
    }
    let models: BTreeSet<&str> = cells.keys().map(|(model, _)| *model).collect();
    let backends: BTreeSet<&str> = cells.keys().map(|(_, backend)| *backend).collect();
    if models.len() < 2 || backends.len() < 2 {
        return None;
    }
    let heading = if view.truncated { "passed (of those shown)" } else { "passed" };
    let mut lines = vec![
        [heading.to_owned()]
            .into_iter()
            .chain(backends.iter().map(|b| plain(b, MAX_NAME)))
            .collect(),
    ];
    for model in models {
        let mut line = vec![plain(model, MAX_NAME)];
        line.extend(backends.iter().map(|backend| match cells.get(&(model, backend)) {
            Some(Cell { passed, judged, open: 0 }) => format!("{passed} of {judged}"),
            Some(Cell { judged: 0, open, .. }) => format!("{open} without a verdict"),
            Some(Cell { passed, judged, open }) => {
                format!("{passed} of {judged}, {open} without a verdict")
            }
            None => "-".to_owned(),
        }));
        lines.push(line);
    }
    Some(build(lines, |column| column > 0))
}

/// Whether a test ended in a way that says something about it.
fn is_verdict(row: &ReportRow) -> bool {
    match row.outcome {
        None | Some(Outcome::Cancelled | Outcome::Skipped | Outcome::Expired) => false,
        Some(
            Outcome::Passed
            | Outcome::Failed
            | Outcome::Error
            | Outcome::TimedOut
            | Outcome::WorkerLost,
        ) => true,
    }
}

/// The model as the names of its tests call it: a directory by less than its whole path.
fn model(row: &ReportRow) -> Option<&str> {
    let label = row.labels.get("model")?.as_str();
    if !label.starts_with(['.', '/', '~']) && !label.contains('\\') {
        return Some(label);
    }
    let backend = row.labels.get("backend").map_or("", String::as_str);
    let ends = [format!("/{backend}/"), "/reference/".to_owned()];
    let end = ends.iter().filter_map(|end| row.name.find(end.as_str())).min();
    Some(end.map_or(label, |end| &row.name[..end]))
}

/// What measured times depend on, in one line; nothing where none was measured.
fn conditions(view: &ReportView) -> Option<String> {
    let timed = || view.rows.iter().filter(|row| latency(row).is_some());
    let range = |read: &dyn Fn(&ReportRow) -> Option<u64>| {
        let values: BTreeSet<u64> = timed().filter_map(read).collect();
        let (first, last) = (*values.first()?, *values.last()?);
        let text = if first == last { first.to_string() } else { format!("{first} to {last}") };
        Some((text, last))
    };
    let fact = |name: &'static str| {
        move |row: &ReportRow| row.environment.get(name).and_then(serde_json::Value::as_u64)
    };
    let (runs, most) = range(&|row| latency(row).map(|metric| metric.count))?;
    let mut line = format!("Latency: n = {runs} measured run{}", plural(most));
    if let Some((threads, most)) = range(&fact("threads")) {
        let _ = write!(line, ", {threads} CPU thread{} per test", plural(most));
    }
    if let Some((slots, most)) = range(&fact("slots")) {
        let _ = match most {
            1 => write!(line, ", no other test beside it"),
            _ => write!(line, ", up to {slots} tests at a time on a worker"),
        };
    }
    if timed().any(|row| latency(row).is_some_and(|metric| metric.count < MIN_P90_COUNT)) {
        let _ = write!(line, "; p90 is shown from n = {MIN_P90_COUNT} on");
    }
    Some(line)
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn latency(row: &ReportRow) -> Option<&MetricSummary> {
    metric(row, &["latency_seconds"])
}

/// A column: its heading, whether it holds numbers, and what a test has to say in it.
type Column = (&'static str, bool, fn(&ReportRow) -> Option<String>);

const COLUMNS: [Column; 15] = [
    ("outcome", false, |row| Some(standing(row).to_owned())),
    ("id", false, |row| Some(row.test.to_string())),
    (ENDED, false, |row| {
        row.finished_at.and_then(instant).map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())
    }),
    ("test", false, |row| Some(plain(&row.name, MAX_NAME))),
    ("back-end", false, |row| label(row, "backend")),
    ("dtype", false, |row| label(row, "dtype")),
    ("batch", true, |row| label(row, "batch")),
    ("cases", false, |row| row.cases.as_ref().map(cases)),
    ("latency p50", true, |row| latency(row).map(|m| figures::with_unit(m.p50, &m.unit))),
    ("p90", true, |row| {
        latency(row).map(|m| match m.count {
            ..MIN_P90_COUNT => "-".to_owned(),
            _ => figures::with_unit(m.p90, &m.unit),
        })
    }),
    ("n", true, |row| latency(row).map(|m| m.count.to_string())),
    ("throughput", true, |row| {
        let names = ["throughput_tokens_per_second", "throughput_samples_per_second"];
        metric(row, &names).map(|m| figures::with_unit(m.p50, &plain(&m.unit, MAX_NAME)))
    }),
    ("memory", true, |row| {
        let names = ["peak_device_memory_bytes", "peak_host_memory_bytes", PEAK_MEMORY];
        metric(row, &names).map(|m| figures::bytes(m.max))
    }),
    ("time", true, |row| row.duration_ms.map(|span| figures::seconds(span.0 as f64 / 1000.0))),
    ("worker", false, |row| row.worker.as_deref().map(|worker| plain(worker, MAX_NAME))),
];

/// Shown where the tests are of several runs.
const ENDED: &str = "ended (UTC)";

fn label(row: &ReportRow, name: &str) -> Option<String> {
    row.labels.get(name).map(|value| plain(value, MAX_NAME))
}

/// The first of `names` that the test measured.
fn metric<'a>(row: &'a ReportRow, names: &[&str]) -> Option<&'a MetricSummary> {
    names.iter().find_map(|name| row.metrics.iter().find(|metric| metric.name == *name))
}

/// Columns that make room first on a narrow terminal; the rest stays.
const EXPENDABLE: [&str; 10] =
    ["worker", "dtype", "batch", "n", "p90", "memory", "back-end", "throughput", ENDED, "time"];

/// The table of the tests, and the columns that did not fit. Columns in which no test has
/// anything to say are left out without a word.
fn tests(view: &ReportView, style: Style) -> Option<(Table, Vec<&'static str>)> {
    if view.rows.is_empty() {
        return None;
    }
    let texts = |(_, _, read): &Column| view.rows.iter().map(read).collect::<Vec<_>>();
    let mut shown: Vec<_> = COLUMNS
        .iter()
        .filter(|(heading, ..)| *heading != ENDED || view.runs.len() > 1)
        .map(|column| (column, texts(column)))
        .filter(|(_, texts)| texts.iter().any(Option::is_some))
        .collect();
    let mut dropped = Vec::new();
    let mut expendable = EXPENDABLE.iter();
    loop {
        let heading = shown.iter().map(|((heading, ..), _)| (*heading).to_owned()).collect();
        let line = |place: usize| {
            shown.iter().map(|(_, texts)| texts[place].clone().unwrap_or_default()).collect()
        };
        let lines = [heading].into_iter().chain((0..view.rows.len()).map(line)).collect();
        let number = |column: usize| shown.get(column).is_some_and(|((_, number, _), _)| *number);
        let table = build(lines, number);
        if style.width.is_none_or(|width| natural_width(&table) <= usize::from(width)) {
            return Some((table, dropped));
        }
        let Some(least) = expendable.next() else { return Some((table, dropped)) };
        if let Some(place) = shown.iter().position(|((heading, ..), _)| heading == least) {
            shown.remove(place);
            dropped.push(*least);
        }
    }
}

/// Columns of a terminal that fit the table without breaking lines.
fn natural_width(table: &Table) -> usize {
    // Every column is padded on both sides.
    table.column_max_content_widths().into_iter().map(|width| usize::from(width) + 2).sum()
}

/// The first line is the heading.
fn build(lines: Vec<Vec<String>>, number: impl Fn(usize) -> bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut lines = lines.into_iter();
    if let Some(heading) = lines.next() {
        table.set_header(heading);
    }
    table.add_rows(lines);
    for (place, column) in table.column_iter_mut().enumerate() {
        if number(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

fn push_lines(out: &mut String, mut table: Table, style: Style) {
    if let Some(width) = style.width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for line in table.lines() {
        // Every column is padded on both sides.
        let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
        out.push_str(&if style.colour { painted(line) } else { line.to_owned() });
        out.push('\n');
    }
}

/// Colours the outcome, which opens the first line of every test.
fn painted(line: &str) -> String {
    let opens = |word: &str| line.strip_prefix(word).filter(|rest| rest.starts_with("  "));
    match COLOURS.iter().find_map(|(word, code)| Some((word, code, opens(word)?))) {
        Some((word, code, rest)) => format!("\u{1b}[{code}m{word}\u{1b}[0m{rest}"),
        None => line.to_owned(),
    }
}

/// A message with the names of the tests that it is about.
fn with_names(message: &str, names: &HashMap<TestId, &str>) -> String {
    let name = |word: &str| names.get(&word.parse().ok()?).copied();
    let words = message.split(' ').map(|word| match name(word) {
        Some(name) => format!("{word} ({name})"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn messages(out: &mut String, view: &ReportView) {
    let green = |row: &ReportRow| row.outcome == Some(Outcome::Passed) && !row.flaky;
    let again = |row: &ReportRow| row.first_attempt.is_some();
    // Of one that is not done there is something to say only where nobody can run it.
    let told = |row: &&ReportRow| match row.outcome {
        Some(_) => !green(row) || again(row),
        None => !row.message.is_empty(),
    };
    let all = view.rows.iter().filter(told).count();
    if all == 0 {
        return;
    }
    out.push('\n');
    let names: HashMap<TestId, &str> = view.rows.iter().map(|row| (row.test, &*row.name)).collect();
    for row in view.rows.iter().filter(told).take(MAX_MESSAGES) {
        let class = row.class.map(|class| format!(" ({})", Class::words(class)));
        let said = match (&*row.message, row.flaky) {
            ("", _) if again(row) && row.outcome == Some(Outcome::Passed) => {
                format!("passed at attempt {}", row.attempts)
            }
            ("", true) => "passed, but not at once".to_owned(),
            ("", false) => String::new(),
            (message, _) if row.outcome == Some(Outcome::Skipped) => {
                plain(&with_names(message, &names), MAX_MESSAGE)
            }
            (message, _) => plain(message, MAX_MESSAGE),
        };
        let first = row.first_attempt.as_deref();
        let first = first.map(|first| format!("attempt 1: {}", plain(first, MAX_MESSAGE)));
        let said: Vec<_> =
            [said].into_iter().chain(first).filter(|part| !part.is_empty()).collect();
        let said = said.join("; ");
        let colon = if said.is_empty() { "" } else { ": " };
        let _ = writeln!(
            out,
            "{} {} {}{}{colon}{said}",
            row.test,
            plain(&row.name, MAX_NAME),
            standing(row),
            class.unwrap_or_default(),
        );
    }
    if all > MAX_MESSAGES {
        let _ = writeln!(out, "and {} more", all - MAX_MESSAGES);
    }
}
