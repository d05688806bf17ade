//! The report as text for people: totals, a matrix of models and back-ends, one line per test, and
//! messages about the tests that did not simply pass.

use super::figures;
use super::findings;
use super::quality;
use super::report::Report;
use super::section::Section;
use super::sections::sections;
use super::weights;
use super::words::{COLOURS, cases, instant, plain, state};
use crate::api::v1::reports::{MetricSummary, ReportRow, ReportView};
use crate::domain::id::TestId;
use crate::domain::outcome::{Class, Outcome};
use crate::domain::time::Timestamp;
use crate::results::run_report::PEAK_MEMORY;
use crate::store::MAX_SPREAD;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Maximum number of lines with messages.
const MAX_MESSAGES: usize = 100;
/// Maximum number of noisy tests that are named.
const MAX_NOISY: usize = 10;
/// Label of the tests that are parts of a pytest suite.
const SHARD_LABEL: &str = "suite";
/// Maximum number of characters of a name.
const MAX_NAME: usize = 120;
/// Number of characters of the name of a row that always stay.
const MIN_NAME: usize = 16;
/// Maximum number of characters of a message.
const MAX_MESSAGE: usize = 300;

/// Style of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    pub colour: bool,
    /// Number of columns of the terminal. Absent: unlimited.
    pub width: Option<u16>,
}

/// Renders a report as text for people: the tests, then the sections.
#[must_use]
pub fn table(report: &Report, style: Style) -> String {
    let mut out = tests_of(&report.view, report.matrix.is_some(), style);
    for section in sections(report) {
        push_section(&mut out, section, style);
    }
    out
}

/// A section with its heading.
pub(super) fn push_section(out: &mut String, section: Section, style: Style) {
    let Section { title, intro, lines, mut numbers_from, left_out, is_wide, expendable } = section;
    let colon = if intro.is_empty() { "" } else { ": " };
    let _ = writeln!(out, "\n{title}{colon}{}", plain(&intro, MAX_MESSAGE));
    let plain_line = |line: Vec<String>| line.iter().map(|cell| plain(cell, MAX_NAME)).collect();
    let lines: Vec<Vec<String>> = lines.into_iter().map(plain_line).collect();
    let width = style.width.filter(|_| is_wide).map_or(usize::MAX, usize::from);
    let (mut lines, hidden) = fit(lines, width);
    let mut dropped = Vec::new();
    if let Some(width) = style.width.map(usize::from).filter(|_| !expendable.is_empty()) {
        for at in leave_out(&mut lines, expendable, width, &mut dropped) {
            numbers_from -= usize::from(at < numbers_from);
        }
    }
    if !lines.is_empty() {
        push_lines(out, build(lines, |column| column >= numbers_from), style);
    }
    if !dropped.is_empty() {
        let _ = writeln!(out, "(columns that do not fit: {})", dropped.join(", "));
    }
    if hidden > 0 {
        let does = if hidden == 1 { "does" } else { "do" };
        let columns = figures::counted(hidden as u64, "column");
        let _ = writeln!(out, "({columns} that {does} not fit)");
    }
    if left_out > 0 {
        let _ = writeln!(out, "and {left_out} more");
    }
}

/// Fits lines into a width: shortens the first cell of each, then leaves out columns from the last one
/// on. The first two columns stay. Also returns the number of columns that were left out.
fn fit(mut lines: Vec<Vec<String>>, width: usize) -> (Vec<Vec<String>>, usize) {
    shorten(&mut lines, width);
    let mut hidden = 0;
    while lines.first().is_some_and(|heading| heading.len() > 2) && is_wider(&lines, width) {
        for line in &mut lines {
            line.pop();
        }
        hidden += 1;
    }
    (lines, hidden)
}

/// Fits lines into a width: leaves out expendable columns, whose headings are added to `dropped`, then shortens the first
/// cell of each line. Returns the positions that the columns had one after the other.
fn leave_out(
    lines: &mut [Vec<String>],
    expendable: &[&'static str],
    width: usize,
    dropped: &mut Vec<&'static str>,
) -> Vec<usize> {
    let mut places = Vec::new();
    for heading in expendable {
        if !is_wider(lines, width) {
            break;
        }
        let place =
            |heading_line: &Vec<String>| heading_line.iter().position(|name| name == heading);
        if let Some(at) = lines.first().and_then(place) {
            for line in lines.iter_mut() {
                line.remove(at);
            }
            places.push(at);
            dropped.push(heading);
        }
    }
    shorten(lines, width);
    places
}

/// Shortens the first cell of each line if the lines are wider than this.
fn shorten(lines: &mut [Vec<String>], width: usize) {
    if is_wider(lines, width) {
        for first in lines.iter_mut().filter_map(|line| line.first_mut()) {
            *first = plain(first, MIN_NAME.max(width / 4));
        }
    }
}

fn is_wider(lines: &[Vec<String>], width: usize) -> bool {
    natural_width(&build(lines.to_vec(), |_| false)) > width
}

/// The part about the tests. `has_matrix`: a section has the matrix.
fn tests_of(view: &ReportView, has_matrix: bool, style: Style) -> String {
    let mut out = headline(view);
    out.extend(weights::random(view));
    if let Some(matrix) = matrix(view).filter(|_| !has_matrix) {
        out.push('\n');
        push_lines(&mut out, matrix, style);
    }
    if let Some((tests, dropped)) = tests(view, style) {
        out.push('\n');
        push_lines(&mut out, tests, style);
        if !dropped.is_empty() {
            let _ = writeln!(out, "(columns that do not fit: {})", dropped.join(", "));
        }
    }
    let notes = [conditions(view), noisy(view), weights::origins(view)].into_iter().flatten();
    let notes: Vec<String> = notes.chain(findings::passed(view)).collect();
    if !notes.is_empty() {
        let _ = writeln!(out, "\n{}", notes.join("\n"));
    }
    out.push_str(&quality::lines(view));
    if let Some(line) = case_line(view) {
        out.push('\n');
        out.push_str(&line);
    }
    messages(&mut out, view);
    out
}

/// The line about cases, e.g. `193 cases: 192 passed, 1 skipped; 4 shards`.
fn case_line(view: &ReportView) -> Option<String> {
    let counts = view.totals.cases.as_ref()?;
    let mut with_cases = view.rows.iter().filter(|row| row.cases.is_some());
    let shards = with_cases.all(|row| row.labels.contains_key(SHARD_LABEL));
    let word = if shards { "shard" } else { "test" };
    let (total, tests) = (figures::counted(counts.total, "case"), view.totals.tests_with_cases);
    Some(format!("{total}: {}; {}\n", cases(counts), figures::counted(tests, word)))
}

/// The first line, e.g. `run r1, 3 tests: 2 passed, 0 failed, 1 not done`.
pub(super) fn headline(view: &ReportView) -> String {
    let totals = &view.totals;
    let shown = |at: Option<Timestamp>| {
        at.and_then(instant).map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
    };
    let period = match (shown(view.since), shown(view.until)) {
        (None, None) => String::new(),
        (Some(since), None) => format!("since {since}, "),
        (None, Some(until)) => format!("until {until}, "),
        (Some(since), Some(until)) => format!("from {since} to {until}, "),
    };
    let runs = match (&view.runs[..], period.as_str()) {
        ([], _) => "no runs".to_owned(),
        ([run], "") => format!("run {run}"),
        ([_], _) => "1 run".to_owned(),
        (runs, _) => format!("{} runs", runs.len()),
    };
    let tests = figures::counted(totals.tests, "test");
    // Writing to a string cannot fail, here and below.
    let mut line = format!("{period}{runs}, {tests}: ");
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
        let _ = writeln!(
            line,
            "{} arrived too late to count",
            figures::counted(totals.late_results, "result")
        );
    }
    if totals.quarantined.tests > 0 {
        let tests = figures::counted(totals.quarantined.tests, "test");
        let _ = writeln!(line, "{tests} in quarantine: the outcome does not count");
    }
    if view.truncated {
        let _ = writeln!(
            line,
            "{} of {tests} shown; tests that passed were left out first",
            view.rows.len()
        );
    }
    line
}

/// Counts of the tests of a model on a back-end.
#[derive(Default)]
struct Cell {
    passed: u32,
    /// Tests that ended with a verdict.
    judged: u32,
    /// Tests without a verdict: cancelled, skipped, or not done.
    open: u32,
}

/// The matrix of passed tests by model and back-end, if there are several of both. If the report has a
/// test several times, its latest verdict counts.
fn matrix(view: &ReportView) -> Option<Table> {
    let mut latest: BTreeMap<(&str, &str, &str), &ReportRow> = BTreeMap::new();
    for row in &view.rows {
        let (Some(model), Some(backend)) = (model(row), row.labels.get("backend")) else {
            continue;
        };
        let kept = latest.entry((model, backend, &row.name)).or_insert(row);
        // The rows are in the order of their runs.
        if is_verdict(row) || !is_verdict(kept) {
            *kept = row;
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
    let heading = if view.truncated { "passed (of the tests shown)" } else { "passed" };
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

/// Whether the outcome of a test is a verdict about the test.
fn is_verdict(row: &ReportRow) -> bool {
    match row.outcome {
        None | Some(Outcome::Cancelled | Outcome::Skipped | Outcome::Expired) => false,
        Some(
            Outcome::Passed
            | Outcome::Failed
            | Outcome::ReducedPrecision
            | Outcome::Error
            | Outcome::TimedOut
            | Outcome::WorkerLost,
        ) => true,
    }
}

/// The model as in the names of its tests, which shorten the path of a directory.
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

/// The conditions under which latencies were measured, in one line. `None` if there are no latencies.
fn conditions(view: &ReportView) -> Option<String> {
    let timed = || view.rows.iter().filter(|row| latency(row).is_some());
    let range = |read: &dyn Fn(&ReportRow) -> Option<u64>| {
        let values: BTreeSet<u64> = timed().filter_map(read).collect();
        let (first, last) = (*values.first()?, *values.last()?);
        let text = if first == last { first.to_string() } else { format!("{first} to {last}") };
        Some((text, last))
    };
    let fact = |name: &'static str| {
        move |row: &ReportRow| row.environment.get(name).and_then(Value::as_u64)
    };
    let (runs, most) = range(&|row| latency(row).map(|metric| metric.count))?;
    let mut line = format!("Latency: n = {runs} measured run{}", plural(most));
    if let Some((threads, most)) = range(&fact("threads")) {
        let _ = write!(line, ", {threads} CPU thread{} per test", plural(most));
    }
    // Results of earlier versions do not state the neighbours.
    let has_neighbours = timed().all(|row| row.environment.contains_key("neighbours"));
    let neighbours = range(&fact("neighbours")).filter(|_| has_neighbours);
    let _ = match (neighbours, range(&fact("slots"))) {
        (Some((_, 0)), _) => write!(line, ", no other test of the worker at the same time"),
        (Some((others, most)), _) => write!(
            line,
            ", beside {others} other test{} of the worker; to compare machines, measure with \
             --quiet-machine",
            plural(most)
        ),
        (None, Some((_, 1))) => write!(line, ", no concurrent tests"),
        (None, Some((slots, _))) => {
            write!(line, ", up to {slots} concurrent tests per worker")
        }
        (None, None) => Ok(()),
    };
    let noise = |row: &ReportRow| row.environment.get("machine_noise").and_then(Value::as_f64);
    let unsteady = timed().filter(|row| noise(row).is_some_and(|noise| noise > MAX_SPREAD)).count();
    if unsteady > 0 {
        let _ = write!(
            line,
            "; {} on a machine whose speed varies by more than 10 % (dtf workers shows it)",
            figures::counted(unsteady as u64, "test")
        );
    }
    if timed().any(|row| latency(row).is_some_and(|metric| metric.p90.is_none())) {
        line.push_str("; p90 is shown if n is at least 10");
    }
    Some(line)
}

/// The line about noisy tests, e.g. `Noisy: 2 tests have a metric with a spread (interquartile range /
/// median) above 10 %: r1.t0, r1.t4`.
fn noisy(view: &ReportView) -> Option<String> {
    let count = view.totals.noisy;
    let rows = view.rows.iter().filter(|row| row.noisy).take(MAX_NOISY);
    let mut names: Vec<String> = rows.map(|row| row.test.to_string()).collect();
    let more = count.saturating_sub(names.len() as u64);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    let (tests, limit) = (figures::counted(count, "test"), figures::percent(MAX_SPREAD));
    let verb = if count == 1 { "has" } else { "have" };
    (count > 0).then(|| {
        format!(
            "Noisy: {tests} {verb} a metric with a spread (interquartile range / median) above {limit}: {}",
            names.join(", ")
        )
    })
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// A figure that a latency has only with enough values.
fn known(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "-".to_owned())
}

fn latency(row: &ReportRow) -> Option<&MetricSummary> {
    metric(row, &["latency_seconds"])
}

/// A column: its heading, whether it contains numbers, and the value of a test in it.
type Column = (&'static str, bool, fn(&ReportRow) -> Option<String>);

const COLUMNS: [Column; 17] = [
    ("outcome", false, |row| Some(state(row).to_owned())),
    ("id", false, |row| Some(row.test.to_string())),
    (ENDED, false, |row| {
        row.finished_at.and_then(instant).map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())
    }),
    ("test", false, |row| Some(plain(&row.name, MAX_NAME))),
    ("back-end", false, |row| label(row, "backend")),
    ("dtype", false, |row| label(row, "dtype")),
    ("batch", true, |row| label(row, "batch")),
    ("weights", false, weights::of),
    ("cases", false, |row| row.cases.as_ref().map(cases)),
    ("latency p50", true, |row| latency(row).map(|m| figures::with_unit(m.p50, &m.unit))),
    ("p90", true, |row| {
        latency(row).map(|m| known(m.p90.map(|p90| figures::with_unit(p90, &m.unit))))
    }),
    ("n", true, |row| latency(row).map(|m| m.count.to_string())),
    ("spread", true, |row| latency(row).map(|m| known(m.spread.map(figures::percent)))),
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

/// Heading of the column with the time of the end, which is shown for several runs.
const ENDED: &str = "ended (UTC)";

fn label(row: &ReportRow, name: &str) -> Option<String> {
    row.labels.get(name).map(|value| plain(value, MAX_NAME))
}

/// The first metric of `names` that the test measured.
fn metric<'a>(row: &'a ReportRow, names: &[&str]) -> Option<&'a MetricSummary> {
    names.iter().find_map(|name| row.metrics.iter().find(|metric| *metric.name == **name))
}

/// Columns that are left out on a narrow terminal, in this order. The others are always shown.
const EXPENDABLE: [&str; 12] = [
    "worker",
    "dtype",
    "batch",
    "n",
    "spread",
    "p90",
    "memory",
    "weights",
    "back-end",
    "throughput",
    ENDED,
    "time",
];

/// The table of the tests, and the columns that were left out because they did not fit. Columns
/// without any value are left out, too, and not listed.
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
        let line = |position: usize| {
            shown.iter().map(|(_, texts)| texts[position].clone().unwrap_or_default()).collect()
        };
        let lines = [heading].into_iter().chain((0..view.rows.len()).map(line)).collect();
        let number = |column: usize| shown.get(column).is_some_and(|((_, number, _), _)| *number);
        let table = build(lines, number);
        if style.width.is_none_or(|width| natural_width(&table) <= usize::from(width)) {
            return Some((table, dropped));
        }
        let Some(least) = expendable.next() else { return Some((table, dropped)) };
        if let Some(position) = shown.iter().position(|((heading, ..), _)| heading == least) {
            shown.remove(position);
            dropped.push(*least);
        }
    }
}

/// Width of the table without broken lines, in columns of a terminal.
fn natural_width(table: &Table) -> usize {
    // Every column is padded on both sides.
    table.column_max_content_widths().into_iter().map(|width| usize::from(width) + 2).sum()
}

/// Builds a table. The first line is the heading, `number` selects columns of numbers.
fn build(lines: Vec<Vec<String>>, number: impl Fn(usize) -> bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut lines = lines.into_iter();
    if let Some(heading) = lines.next() {
        table.set_header(heading);
    }
    table.add_rows(lines);
    for (position, column) in table.column_iter_mut().enumerate() {
        if number(position) {
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

/// Colours the outcome, which is at the beginning of the first line of every test.
fn painted(line: &str) -> String {
    let opens = |word: &str| line.strip_prefix(word).filter(|rest| rest.starts_with("  "));
    match COLOURS.iter().find_map(|(word, code)| Some((word, code, opens(word)?))) {
        Some((word, code, rest)) => format!("\u{1b}[{code}m{word}\u{1b}[0m{rest}"),
        None => line.to_owned(),
    }
}

/// Adds to the ids of tests in a message their names.
fn with_names(message: &str, names: &HashMap<TestId, &str>) -> String {
    let name = |word: &str| names.get(&word.parse().ok()?).copied();
    let words = message.split(' ').map(|word| match name(word) {
        Some(name) => format!("{word} ({name})"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Appends the messages of tests that did not pass at the first attempt, and of tests that no worker
/// can run.
fn messages(out: &mut String, view: &ReportView) {
    let green = |row: &ReportRow| row.outcome == Some(Outcome::Passed) && !row.flaky;
    let again = |row: &ReportRow| row.first_attempt.is_some();
    // A test that has not ended has a message only if no worker can run it.
    let has_message = |row: &&ReportRow| match row.outcome {
        Some(_) => !green(row) || again(row),
        None => !row.message.is_empty(),
    };
    let all = view.rows.iter().filter(has_message).count();
    if all == 0 {
        return;
    }
    out.push('\n');
    let names: HashMap<TestId, &str> = view.rows.iter().map(|row| (row.test, &*row.name)).collect();
    for row in view.rows.iter().filter(has_message).take(MAX_MESSAGES) {
        let class = row.class.map(|class| format!(" ({})", Class::words(class)));
        let message = match (&*row.message, row.flaky) {
            ("", _) if again(row) && row.outcome == Some(Outcome::Passed) => {
                format!("passed on attempt {}", row.attempts)
            }
            ("", true) => "passed after a failure".to_owned(),
            ("", false) => String::new(),
            (message, _) if row.outcome == Some(Outcome::Skipped) => {
                plain(&with_names(message, &names), MAX_MESSAGE)
            }
            (message, _) => plain(message, MAX_MESSAGE),
        };
        // The message of a script may name the module, too.
        let module = row.first_differs.as_ref().map(findings::difference);
        let module = module.filter(|module| !message.contains(module.as_str()));
        let first = row.first_attempt.as_deref();
        let first = first.map(|first| format!("attempt 1: {}", plain(first, MAX_MESSAGE)));
        let reproduce = row
            .reproduce
            .as_ref()
            .map(|command| format!("reproduce: {}", plain(command, MAX_NAME)));
        let parts: Vec<_> = [message]
            .into_iter()
            .chain(module)
            .chain(first)
            .chain(reproduce)
            .filter(|part| !part.is_empty())
            .collect();
        let text = parts.join("; ");
        let colon = if text.is_empty() { "" } else { ": " };
        let quarantine = row.quarantined.as_ref();
        let quarantine = quarantine.map(|known| format!(", in quarantine {}", known.quarantine));
        let quarantine = quarantine.unwrap_or_default();
        let _ = writeln!(
            out,
            "{} {} {}{}{quarantine}{colon}{text}",
            row.test,
            plain(&row.name, MAX_NAME),
            state(row),
            class.unwrap_or_default(),
        );
    }
    if all > MAX_MESSAGES {
        let _ = writeln!(out, "and {} more", all - MAX_MESSAGES);
    }
}
