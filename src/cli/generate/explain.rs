//! `dtf generate --explain` and `--dry-run`: the classification of each model with its reason, the
//! requirements of its tests, and their priorities. Prints one JSON object for each model, or one
//! for a list of tests.

use crate::api::v1::runs::Unschedulable;
use crate::cli::args::shared::Output;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::terminal::console::Console;
use crate::cli::work::listed_weights::ListedWeights;
use crate::domain::accelerator::backend_text;
use crate::domain::test::TestSpec;
use crate::models::catalogue::Origin;
use crate::models::classify::Confidence;
use crate::models::estimate::{Estimate, Range};
use crate::models::flags::Flags;
use crate::plan::generate::{About, ModelTests, Planned};
use crate::plan::priority::Terms;
use crate::plan::request::Generated;
use crate::results::render::{csv_field, figures, words};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use std::collections::HashMap;

/// Version of the JSON documents.
const SCHEMA: u32 = 1;
/// Maximum number of characters for the place of the weights.
const MAX_WEIGHTS: usize = 300;

/// A model, as JSON.
#[derive(Serialize)]
struct Explained<'a> {
    schema: u32,
    model: &'a str,
    family: &'a str,
    task: &'a str,
    flags: &'a Flags,
    confidence: Confidence,
    reason: &'a str,
    source: Origin,
    revision: &'a str,
    /// Which weights its tests use.
    weights: String,
    parameters: Option<u64>,
    /// Estimates of its first test.
    estimates: Option<Estimate>,
    /// Why its tests cannot be run as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    tests: Vec<Test<'a>>,
}

#[derive(Serialize)]
struct Listing<'a> {
    schema: u32,
    tests: Vec<Test<'a>>,
    /// Tests that no worker of the given coordinator can run.
    unschedulable: &'a [Unschedulable],
}

#[derive(Serialize)]
struct Test<'a> {
    name: &'a str,
    backend: String,
    priority: i8,
    priority_terms: Terms,
    /// Reserved.
    memory_bytes: Option<u64>,
    accelerator_memory_bytes: Option<u64>,
    /// Measured in earlier runs, otherwise estimated.
    expected_ms: Option<u64>,
    #[serde(skip)]
    estimated_time: bool,
    /// Whether memory and time were measured in earlier runs.
    learned: bool,
    /// Memory of the largest worker or device on which this or a smaller size ran out of memory.
    /// More than this is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<ListedWeights>,
    depends_on: Vec<&'a str>,
    estimates: Option<Estimate>,
}

impl<'a> Test<'a> {
    fn new(test: &'a Planned, specs: &HashMap<&str, &TestSpec>) -> Self {
        let Planned { entry, terms, known } = test;
        let taken = entry.inputs.iter().map(|input| input.test.as_str());
        let expected = entry.settings.expected.map(|span| span.0);
        Self {
            name: &entry.name,
            backend: backend_text(entry.settings.requires.backend),
            priority: terms.priority().get(),
            priority_terms: *terms,
            memory_bytes: entry.settings.requires.memory_bytes,
            accelerator_memory_bytes: entry.settings.requires.accelerator_memory_bytes,
            expected_ms: expected.or(known.expected_ms()),
            estimated_time: expected.is_none(),
            learned: known.past.is_some(),
            out_of_memory_bytes: Some(known.too_little.largest()).filter(|bytes| *bytes > 0),
            weights: specs.get(&*entry.name).and_then(|spec| ListedWeights::of(spec)),
            depends_on: taken.chain(entry.depends_on.iter().map(String::as_str)).collect(),
            estimates: known.estimate,
        }
    }
}

/// Prints the classification of each model, and its tests with their priorities.
pub fn models(console: Console, made: &Generated, json: bool) -> Result<Exit, CliError> {
    let specs = specs(made);
    for model in &made.models {
        if json {
            console.json(&document(model, &specs))?;
        } else {
            console.result(&text(model))?;
        }
    }
    Ok(Exit::Passed)
}

/// Prints the tests with their requirements.
pub fn tests(
    console: Console,
    made: &Generated,
    unschedulable: &[Unschedulable],
    output: Output,
) -> Result<Exit, CliError> {
    let specs = specs(made);
    let tests = made.tests().map(|test| Test::new(test, &specs)).collect();
    match output {
        Output::Json => console.json(&Listing { schema: SCHEMA, tests, unschedulable })?,
        Output::Csv => console.result(&csv(&tests))?,
        Output::Table => console.result(&list(&tests))?,
    }
    Ok(Exit::Passed)
}

/// The submitted tests by their names.
fn specs(made: &Generated) -> HashMap<&str, &TestSpec> {
    made.submission.tests.iter().map(|test| (&*test.name, &**test)).collect()
}

fn document<'a>(model: &'a ModelTests, specs: &HashMap<&str, &TestSpec>) -> Explained<'a> {
    let About { model: name, classification: class, flags, origin, revision, .. } = &model.about;
    let estimates = model.tests.first().and_then(|test| test.known.estimate);
    Explained {
        schema: SCHEMA,
        model: name,
        family: &class.family,
        task: &class.task,
        flags,
        confidence: class.confidence,
        reason: &class.reason,
        source: *origin,
        revision,
        weights: model.about.weights_text(),
        parameters: estimates.map(|estimate| estimate.parameters),
        estimates,
        refused: model.refusal.as_ref().map(|refusal| refusal.message.as_str()),
        tests: model.tests.iter().map(|test| Test::new(test, specs)).collect(),
    }
}

fn text(model: &ModelTests) -> String {
    let About { model: name, classification: class, flags, origin, revision, .. } = &model.about;
    let source = match origin {
        Origin::Local => "given",
        Origin::Cache => "model cache of this machine",
        Origin::BuiltIn => "built into dtf",
        Origin::Hub => "model hub",
    };
    let mut facts = vec![
        ("family", class.family.clone()),
        ("reason", format!("{} (confidence: {})", class.reason, class.confidence.name())),
        ("task", class.task.clone()),
        ("source", [source, revision].join(" ").trim_end().to_owned()),
        ("weights", words::plain(&model.about.weights_text(), MAX_WEIGHTS)),
    ];
    let names = flags.names();
    if !names.is_empty() {
        facts.push(("flags", names.join(", ")));
    }
    if let Some(refusal) = &model.refusal {
        facts.push(("refused", refusal.message.clone()));
        facts.push(("instead", refusal.hint.clone().unwrap_or_default()));
    }
    if let Some((test, estimate)) =
        model.tests.first().and_then(|test| Some((test, test.known.estimate?)))
    {
        let about = if estimate.exact { "" } else { "about " };
        facts.push(("parameters", format!("{about}{}", grouped(estimate.parameters))));
        facts.push(("estimates", format!("of {}, likely (at most)", test.entry.name)));
        let mut part = |name, range: Range| {
            if range.high > 0 {
                facts.push((name, memory(range)));
            }
        };
        part("  weights", estimate.weights);
        part("  cache", estimate.cache);
        part("  activations", estimate.activations);
        part("  logits", estimate.logits);
        part("  context", estimate.context);
        part("  device", estimate.device);
        part("  host", estimate.host);
        part("  disk", estimate.disk);
        let time = |ms: u64| figures::seconds(ms as f64 / 1000.0);
        let Range { likely, high, .. } = estimate.time;
        facts.push(("  time", format!("{} ({})", time(likely), time(high))));
    }
    let mut table = plain(["", name]);
    for (name, fact) in facts {
        table.add_row([name, &fact]);
    }
    let out = lines(&table) + "\n";
    let mut table = plain(["test", "priority", "weight", "risk", "awaited", "cheap", "raised"]);
    for test in &model.tests {
        let Terms { weight, risk, awaited, cheap, raised } = test.terms;
        let terms = [weight, risk, awaited, cheap, raised].map(|term| term.to_string());
        let first = [test.entry.name.clone(), test.terms.priority().to_string()];
        table.add_row(first.into_iter().chain(terms));
    }
    align_numbers(&mut table);
    out + &lines(&table)
}

fn list(tests: &Vec<Test<'_>>) -> String {
    let mut table =
        plain(["test", "weights", "memory", "device memory", "time", "priority", "after"]);
    for test in tests {
        let bytes = |bytes: Option<u64>| {
            bytes.map_or_else(String::new, |bytes| figures::bytes(bytes as f64))
        };
        let mark = if test.estimated_time { "~" } else { "" };
        let time = test.expected_ms;
        let time = time.map(|ms| format!("{mark}{}", figures::seconds(ms as f64 / 1000.0)));
        table.add_row([
            test.name.to_owned(),
            test.weights.as_ref().map(ListedWeights::text).unwrap_or_default(),
            bytes(test.memory_bytes),
            bytes(test.accelerator_memory_bytes),
            time.unwrap_or_default(),
            test.priority.to_string(),
            test.depends_on.len().to_string(),
        ]);
    }
    align_numbers(&mut table);
    format!(
        "{}{}; memory is the reserved amount, ~ marks estimated times, after counts the tests that a \
         test waits for\n",
        lines(&table),
        figures::counted(tests.len() as u64, "test")
    )
}

fn csv(tests: &[Test<'_>]) -> String {
    let mut text = "name,backend,priority,memory_bytes,accelerator_memory_bytes,expected_ms,\
                    learned,weights,weights_id,weights_bytes,depends_on\r\n"
        .to_owned();
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    for test in tests {
        let [kind, id, size] = ListedWeights::fields(test.weights.as_ref());
        let fields = [
            csv_field(test.name),
            test.backend.clone(),
            test.priority.to_string(),
            number(test.memory_bytes),
            number(test.accelerator_memory_bytes),
            number(test.expected_ms),
            test.learned.to_string(),
            kind,
            id,
            size,
            csv_field(&test.depends_on.join(" ")),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

/// The lines of a table without trailing blanks.
fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Aligns all columns except the first to the right.
fn align_numbers(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn memory(range: Range) -> String {
    let bytes = |bytes: u64| figures::bytes(bytes as f64);
    format!("{} ({})", bytes(range.likely), bytes(range.high))
}

/// Groups digits: 109482240 becomes 109,482,240.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
