//! `dtf run --dry-run`: lists the tests with their requirements, and the tests that this machine
//! cannot run.

use crate::api;
use crate::cli::args::shared::Output;
use crate::cli::error::CliError;
use crate::cli::terminal::console::Console;
use crate::cli::work::listed_weights::ListedWeights;
use crate::domain::accelerator::backend_text;
use crate::domain::capability::Capability;
use crate::domain::test::TestSpec;
use crate::results::render::{csv_field, figures};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Listing<'a> {
    schema: u32,
    tests: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    backend: String,
    priority: i8,
    memory_bytes: u64,
    accelerators: u16,
    accelerator_memory_bytes: u64,
    expected_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<ListedWeights>,
    depends_on: Vec<&'a str>,
    /// The reason why this machine cannot run the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<String>,
}

/// Prints the list of the tests. Returns the number of tests that this machine cannot run.
pub fn show(
    console: Console,
    tests: &[Arc<TestSpec>],
    capability: &Capability,
    output: Output,
) -> Result<usize, CliError> {
    let rows: Vec<Row<'_>> = tests.iter().map(|test| row(test, tests, capability)).collect();
    let lacking = rows.iter().filter(|row| row.lacks.is_some()).count();
    match output {
        Output::Json => console.json(&Listing { schema: api::SCHEMA, tests: rows })?,
        Output::Csv => console.result(&csv(&rows))?,
        Output::Table => console.result(&table(&rows, console.width()))?,
    }
    Ok(lacking)
}

fn row<'a>(test: &'a TestSpec, all: &'a [Arc<TestSpec>], capability: &Capability) -> Row<'a> {
    let need = &test.requirement;
    let name = |place: &u32| all.get(*place as usize).map(|test| &*test.name);
    Row {
        name: &test.name,
        backend: backend_text(need.backend),
        priority: test.priority.get(),
        memory_bytes: need.memory_bytes,
        accelerators: need.accelerators,
        accelerator_memory_bytes: need.accelerator_memory_bytes,
        expected_ms: test.expected_ms.map(|span| span.0),
        weights: ListedWeights::of(test),
        depends_on: test.depends_on.iter().filter_map(name).collect(),
        lacks: need.met_by(capability).err().map(|lacks| lacks.to_string()),
    }
}

const HEADING: [&str; 9] = [
    "test",
    "back-end",
    "weights",
    "memory",
    "devices",
    "device memory",
    "time",
    "priority",
    "after",
];

fn table(rows: &[Row<'_>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(HEADING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let some = |value: u64, text: String| if value == 0 { String::new() } else { text };
    let bytes = |value: u64| some(value, figures::bytes(value as f64));
    for row in rows {
        let time = row.expected_ms.map(|ms| figures::seconds(ms as f64 / 1000.0));
        table.add_row([
            row.name.to_owned(),
            row.backend.clone(),
            row.weights.as_ref().map(ListedWeights::text).unwrap_or_default(),
            bytes(row.memory_bytes),
            some(row.accelerators.into(), row.accelerators.to_string()),
            bytes(row.accelerator_memory_bytes),
            time.unwrap_or_default(),
            row.priority.to_string(),
            row.depends_on.len().to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    for row in rows {
        if let Some(lacks) = &row.lacks {
            text.push_str(&format!("this machine cannot run {}: it {lacks}\n", row.name));
        }
    }
    text
}

fn csv(rows: &[Row<'_>]) -> String {
    let mut text = "name,backend,priority,memory_bytes,accelerators,accelerator_memory_bytes,\
                    expected_ms,weights,weights_id,weights_bytes,depends_on,lacks\r\n"
        .to_owned();
    for row in rows {
        let [kind, id, size] = ListedWeights::fields(row.weights.as_ref());
        let fields = [
            csv_field(row.name),
            row.backend.clone(),
            row.priority.to_string(),
            row.memory_bytes.to_string(),
            row.accelerators.to_string(),
            row.accelerator_memory_bytes.to_string(),
            row.expected_ms.map(|ms| ms.to_string()).unwrap_or_default(),
            kind,
            id,
            size,
            csv_field(&row.depends_on.join(" ")),
            csv_field(row.lacks.as_deref().unwrap_or_default()),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}
