//! Writes tests as a plan file. Reading it gives the same tests.

use crate::domain::launch::{Environment, Isolation, Junit, Program};
use crate::domain::retry::Retries;
use crate::domain::tag::Tag;
use crate::plan::document::SCHEMA;
use crate::plan::entry::{Entry, TakenFile};
use crate::plan::settings::{Requires, Settings};
use crate::plan::weights;
use crate::text::quantity::{write_duration, write_size};
use serde_yaml::{Mapping, Value};

/// The text of a plan. Values that are defaults are left out.
///
/// # Errors
/// The message of the YAML encoder.
pub fn plan(name: &str, entries: &[Entry]) -> Result<String, String> {
    let mut root = Mapping::new();
    put(&mut root, "schema", SCHEMA);
    put(&mut root, "name", name);
    let tests: Vec<Value> = entries.iter().map(|entry| Value::Mapping(test(entry))).collect();
    put(&mut root, "tests", Value::Sequence(tests));
    let text = serde_yaml::to_string(&root).map_err(|error| error.to_string())?;
    let alone = if entries.iter().any(|entry| entry.generated.is_some()) {
        "# Each script beside this file also runs on its own: uv run <script>\n"
    } else {
        ""
    };
    Ok(format!("# Written by dtf generate. To run it: dtf run <this file>\n{alone}{text}"))
}

fn put(map: &mut Mapping, key: &str, value: impl Into<Value>) {
    map.insert(key.into(), value.into());
}

fn put_texts<'a>(map: &mut Mapping, key: &str, list: impl Iterator<Item = &'a str>) {
    let list: Vec<Value> = list.map(Value::from).collect();
    if !list.is_empty() {
        put(map, key, Value::Sequence(list));
    }
}

fn put_map<'a>(
    map: &mut Mapping,
    key: &str,
    pairs: impl Iterator<Item = (&'a String, &'a String)>,
) {
    let inner: Mapping = pairs.map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect();
    if !inner.is_empty() {
        put(map, key, Value::Mapping(inner));
    }
}

fn test(entry: &Entry) -> Mapping {
    let mut map = Mapping::new();
    put(&mut map, "name", entry.name.as_str());
    match &entry.program {
        Program::Script(script) => put(&mut map, "script", script.as_str()),
        Program::Command(words) => put_texts(&mut map, "cmd", words.iter().map(String::as_str)),
    }
    if let Some(source) = &entry.weights {
        put(&mut map, "weights", weights::written(source));
    }
    put_texts(&mut map, "files", entry.files.iter().map(String::as_str));
    put_texts(&mut map, "depends_on", entry.depends_on.iter().map(String::as_str));
    put_texts(&mut map, "artifacts", entry.artifacts.iter().map(String::as_str));
    let inputs: Vec<Value> = entry.inputs.iter().map(|input| taken_file(input).into()).collect();
    if !inputs.is_empty() {
        put(&mut map, "inputs", Value::Sequence(inputs));
    }
    if let Some(junit) = &entry.junit {
        put(&mut map, "junit", written_junit(junit));
    }
    settings(&mut map, &entry.settings);
    map
}

fn written_junit(junit: &Junit) -> Value {
    let Some(cases) = junit.cases else { return junit.file.as_str().into() };
    let mut map = Mapping::new();
    put(&mut map, "file", junit.file.as_str());
    put(&mut map, "cases", i64::from(cases.get()));
    map.into()
}

fn taken_file(input: &TakenFile) -> Mapping {
    let mut map = Mapping::new();
    put(&mut map, "test", input.test.as_str());
    put(&mut map, "file", input.file.as_str());
    map
}

fn settings(map: &mut Mapping, settings: &Settings) {
    let needs = requires(&settings.requires);
    if !needs.is_empty() {
        put(map, "requires", Value::Mapping(needs));
    }
    match &settings.environment {
        None => {}
        Some(Environment::System) => put(map, "environment", "system"),
        Some(Environment::Packages(packages)) => {
            let mut inner = Mapping::new();
            put_texts(&mut inner, "packages", packages.requirements.iter().map(String::as_str));
            put_texts(&mut inner, "wheels", settings.wheels.iter().map(String::as_str));
            if let Some(python) = &packages.python {
                put(&mut inner, "python", python.as_str());
            }
            put(map, "environment", Value::Mapping(inner));
        }
    }
    match settings.isolation {
        None => {}
        Some(Isolation::Warm) => put(map, "isolation", "warm"),
        Some(Isolation::Cold) => put(map, "isolation", "cold"),
    }
    put_map(map, "env", settings.env.iter());
    if let Some(priority) = settings.priority {
        put(map, "priority", i64::from(priority.get()));
    }
    if settings.retries != Retries::default() {
        let mut inner = Mapping::new();
        put(&mut inner, "failed", i64::from(settings.retries.failed));
        put(&mut inner, "infrastructure", i64::from(settings.retries.infrastructure));
        put(map, "retries", Value::Mapping(inner));
    }
    for (key, span) in [
        ("timeout", settings.timeout),
        ("silence", settings.silence),
        ("grace", settings.grace),
        ("expected", settings.expected),
        ("expire_after", settings.expire_after),
    ] {
        if let Some(span) = span {
            put(map, key, write_duration(span));
        }
    }
    if settings.run_after_failure {
        put(map, "on_failure", "run");
    }
    put_map(map, "labels", settings.labels.iter());
}

fn requires(needs: &Requires) -> Mapping {
    let mut map = Mapping::new();
    if let Some(backend) = needs.backend {
        put(&mut map, "backend", backend.name());
    }
    if let Some(milli) = needs.cpu_milli {
        put(&mut map, "cpu", milli as f64 / 1000.0);
    }
    if let Some(bytes) = needs.memory_bytes {
        put(&mut map, "memory", write_size(bytes));
    }
    if let Some(count) = needs.accelerators {
        put(&mut map, "accelerators", i64::from(count));
    }
    if let Some(bytes) = needs.accelerator_memory_bytes {
        put(&mut map, "accelerator_memory", write_size(bytes));
    }
    if needs.share_accelerator {
        put(&mut map, "share_accelerator", true);
    }
    if let Some(vendor) = needs.vendor {
        put(&mut map, "vendor", vendor.to_string());
    }
    for (key, text) in
        [("min_architecture", &needs.min_architecture), ("os", &needs.os), ("arch", &needs.arch)]
    {
        if let Some(text) = text {
            put(&mut map, key, text.as_str());
        }
    }
    put_texts(&mut map, "tags", needs.tags.iter().map(Tag::as_str));
    map
}
