//! An existing pytest suite becomes tests: its items in shards of about equal time, each with
//! what the markers of its items require.
//!
//! Limits: [`MAX_ITEMS`] items, [`MAX_SHARD_ITEMS`] of them and [`MAX_SHARD_BYTES`] of names in
//! one shard. Promises: every item is in exactly one shard, in the order of the suite; equal
//! suites and durations give equal shards.

mod markers;
mod shards;

use crate::plan::entry::Entry;
use crate::plan::locate::Path;
use crate::plan::node::Node;
use crate::plan::problem::{Problem, Wrong};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Most items of a suite.
pub const MAX_ITEMS: usize = 200_000;
/// Most items of one shard: they are arguments of one command.
pub const MAX_SHARD_ITEMS: usize = 500;
/// Most bytes of their names.
pub const MAX_SHARD_BYTES: usize = 24 * 1024;
/// What an item takes of which nothing is known, where nothing is known of any.
pub const USUAL_SECONDS: f64 = 1.0;
const JUNIT: &str = "report.xml";

/// What collecting a suite tells, as the plug-in writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collected {
    pub items: Vec<Item>,
    /// PEP 508 requirements: what the suite imports, as its interpreter has it.
    pub packages: Vec<String>,
    /// Files and folders beside the suite's that it needs, below the folder of the plan.
    pub files: Vec<String>,
    /// Folders of these in which Python looks for modules.
    pub paths: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// `tests/test_x.py::TestIt::test_that[1]`
    pub id: String,
    pub markers: Vec<Mark>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    pub name: String,
    pub args: Vec<Value>,
    pub kwargs: Map<String, Value>,
}

/// A suite as it is to be run.
#[derive(Debug, Clone)]
pub struct Suite {
    /// What test names begin with.
    pub name: String,
    /// Folder below that of the plan which travels with each shard; `.`: the plan's own.
    pub folder: String,
    /// What travels beside it, and the folders of that in which Python looks for modules.
    pub files: Vec<String>,
    pub paths: Vec<String>,
    /// PEP 508 requirements.
    pub packages: Vec<String>,
    /// Time that a shard should take at most.
    pub shard_seconds: f64,
    /// Measured before, by item.
    pub seconds: HashMap<String, f64>,
}

/// Tests for a suite.
///
/// # Errors
/// No items or too many, or a marker that asks for what is not understood.
pub fn entries(suite: &Suite, items: &[Item]) -> Result<Vec<Entry>, Problem> {
    let top = Path::default().key("pytest");
    if items.is_empty() || items.len() > MAX_ITEMS {
        let message = format!("{} items, allowed are 1 to {MAX_ITEMS}", items.len());
        return Err(Problem::new(&top, message));
    }
    // Groups in the order of names, the one without needs first.
    let mut groups: BTreeMap<(bool, String), (Node, Vec<usize>)> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let needs = markers::needs(item).map_err(|wrong| wrong.at(&top.key(&item.id)))?;
        let name = markers::name(&needs);
        let group = groups.entry((name != markers::NO_NEEDS, format!("{name}{needs:?}")));
        group.or_insert_with(|| (needs, Vec::new())).1.push(at);
    }
    let mut used: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    for (needs, members) in groups.into_values() {
        let name = markers::name(&needs);
        for shard in shards::split(suite, items, &members) {
            let number = used.entry(name.clone()).or_default();
            *number += 1;
            let node = entry(suite, &format!("{}/{name}/{number}", suite.name), &needs, &shard);
            entries.push(Entry::read(&node, &top.index(entries.len()))?);
        }
    }
    Ok(entries)
}

fn entry(suite: &Suite, name: &str, needs: &Node, shard: &shards::Shard) -> Node {
    let text = |text: &str| Node::Text(text.to_owned());
    let fixed = ["python", "-m", "pytest", "-q", "--rootdir=.", "-p", "no:cacheprovider"];
    let mut words: Vec<Node> = fixed.iter().map(|word| text(word)).collect();
    words.push(Node::Text(format!("--junitxml={JUNIT}")));
    words.extend(shard.ids.iter().map(|id| text(id)));
    let files = [&suite.folder].into_iter().chain(&suite.files).map(|file| text(file)).collect();
    let packages = suite.packages.iter().map(|package| text(package)).collect();
    let labels = vec![
        ("suite".to_owned(), text(&suite.name)),
        ("items".to_owned(), Node::Text(shard.ids.len().to_string())),
    ];
    let mut map = vec![
        ("name".to_owned(), text(name)),
        ("cmd".to_owned(), Node::List(words)),
        ("junit".to_owned(), text(JUNIT)),
        ("files".to_owned(), Node::List(files)),
        ("environment".to_owned(), Node::Map(vec![("packages".to_owned(), Node::List(packages))])),
        ("labels".to_owned(), Node::Map(labels)),
    ];
    if !suite.paths.is_empty() {
        let paths = text(&suite.paths.join(":"));
        map.push(("env".to_owned(), Node::Map(vec![("PYTHONPATH".to_owned(), paths)])));
    }
    if let Some(milliseconds) = shard.measured_ms {
        map.push(("expected".to_owned(), Node::Text(format!("{milliseconds}ms"))));
    }
    if let Node::Map(needs) = needs {
        // What a marker says counts more than what is usual.
        map.retain(|(key, _)| needs.iter().all(|(said, _)| said != key));
        map.extend(needs.iter().cloned());
    }
    Node::Map(map)
}

/// Reads what the plug-in wrote.
///
/// # Errors
/// It is not what it writes.
pub fn parse(text: &[u8]) -> Result<Collected, Wrong> {
    serde_json::from_slice(text)
        .map_err(|error| Wrong::new(format!("the list of items cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::Backend;
    use crate::domain::launch::Program;
    use crate::plan::files::{Files, Unreadable};
    use crate::plan::history::History;
    use crate::plan::library::Library;
    use crate::plan::request;
    use crate::plan::sources::Sources;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn item(id: &str, markers: &Value) -> Item {
        serde_json::from_value(json!({ "id": id, "markers": markers })).expect("an item")
    }

    fn mark(name: &str, args: &Value, kwargs: &Value) -> Value {
        json!({ "name": name, "args": args, "kwargs": kwargs })
    }

    fn suite() -> Suite {
        Suite {
            name: "tests".into(),
            folder: "tests".into(),
            files: vec!["conftest.py".into(), "src".into()],
            paths: vec!["src".into()],
            packages: vec!["pytest".into()],
            shard_seconds: 60.0,
            seconds: HashMap::new(),
        }
    }

    fn ids(entry: &Entry) -> Vec<&str> {
        let Program::Command(words) = &entry.program else { panic!("a command") };
        words.iter().skip(8).map(String::as_str).collect()
    }

    #[test]
    fn markers_become_requirements_and_split_the_suite() {
        let items = [
            item("t.py::a", &json!([])),
            item("t.py::b", &json!([mark("cuda", &json!([]), &json!({}))])),
            item("t.py::c", &json!([mark("parametrize", &json!([1]), &json!({}))])),
            item(
                "t.py::d",
                &json!([mark(
                    "dtf",
                    &json!([]),
                    &json!({
                        "backend": "rocm", "accelerator_memory": "16GiB", "timeout": "5m",
                        "labels": {"owner": "vision"}
                    })
                )]),
            ),
            item("t.py::e", &json!([mark("gpu", &json!([]), &json!({}))])),
        ];
        let entries = entries(&suite(), &items).expect("tests");
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["tests/any/1", "tests/cuda/1", "tests/gpu/1", "tests/rocm/1"]);
        assert_eq!(ids(&entries[0]), ["t.py::a", "t.py::c"]);
        assert_eq!(entries[1].settings.requires.backend, Some(Backend::Cuda));
        assert_eq!(entries[2].settings.requires.accelerators, Some(1));
        let rocm = &entries[3].settings;
        assert_eq!(rocm.requires.accelerator_memory_bytes, Some(16 << 30));
        assert_eq!(rocm.timeout.map(|span| span.0), Some(300_000));
        assert_eq!(rocm.labels["owner"], "vision");
        assert_eq!(entries[0].junit.as_ref().map(|junit| &*junit.file), Some("report.xml"));
    }

    #[test]
    fn measured_shards_are_expected_to_take_so_long_and_cheap_ones_come_first() {
        let items = [
            item("t.py::quick", &json!([])),
            item("t.py::slow", &json!([mark("cuda", &json!([]), &json!({}))])),
            item("t.py::unknown", &json!([mark("rocm", &json!([]), &json!({}))])),
        ];
        let seconds =
            [("t.py::quick", 0.25), ("t.py::slow", 700.0)].map(|(id, took)| (id.to_owned(), took));
        let suite = Suite { seconds: seconds.into(), ..suite() };
        let sources = Sources {
            files: &OneFile,
            accelerators: &BTreeSet::new(),
            library: &Library::built_in(),
            history: &History::default(),
        };
        let made = request::suite(&suite, &items, &sources).expect("tests");
        let told: Vec<_> = made
            .submission
            .tests
            .iter()
            .map(|test| (&*test.name, test.expected_ms.map(|span| span.0), test.priority.get()))
            .collect();
        let expected = [
            ("tests/any/1", Some(250), 2),
            ("tests/cuda/1", Some(700_000), -1),
            ("tests/rocm/1", None, 0),
        ];
        assert_eq!(told, expected);
        let terms: Vec<i32> = made.others.iter().map(|test| test.terms.cheap).collect();
        assert_eq!(terms, [2, -1, 0]);
    }

    /// A suite of one file.
    struct OneFile;

    impl Files for OneFile {
        fn read(&self, _: &str) -> Result<Vec<u8>, Unreadable> {
            Ok(Vec::new())
        }

        fn list(&self, _: &str) -> Result<Vec<String>, Unreadable> {
            Ok(vec!["tests/t.py".into()])
        }
    }

    #[test]
    fn mistakes_in_markers_name_the_item() {
        let wrong = |marker: Value| {
            let items = [item("t.py::a", &json!([marker]))];
            let problem = entries(&suite(), &items).expect_err("refused");
            format!("{}: {}", problem.path, problem.message)
        };
        let unknown = wrong(mark("dtf", &json!([]), &json!({ "memroy": "1GiB" })));
        assert!(unknown.contains("t.py::a") && unknown.contains("memroy"), "{unknown}");
        let value = wrong(mark("dtf", &json!([]), &json!({ "memory": "much" })));
        assert!(value.contains("memory"), "{value}");
        let both = wrong(mark("dtf", &json!(["cuda"]), &json!({})));
        assert!(both.contains("by name"), "{both}");
    }

    proptest! {
        #[test]
        fn every_item_is_in_one_shard_in_order(
            times in prop::collection::vec(prop::option::of(0.0f64..200.0), 1..120),
            shard_seconds in 0.5f64..100.0,
            groups in prop::collection::vec(prop::option::weighted(0.2, 0u8..3), 120),
        ) {
            let items: Vec<Item> = times.iter().zip(&groups).enumerate().map(|(at, (_, group))| {
                let marker = group.map(|g| mark("xdist_group", &json!([g.to_string()]), &json!({})));
                item(&format!("t.py::t{at}"), &Value::Array(marker.into_iter().collect()))
            }).collect();
            let seconds = times.iter().enumerate()
                .filter_map(|(at, time)| Some((format!("t.py::t{at}"), (*time)?)))
                .collect();
            let suite = Suite { shard_seconds, seconds, ..suite() };
            let entries = entries(&suite, &items).expect("tests");
            let number = |id: &str| id.trim_start_matches("t.py::t").parse::<usize>().expect("one");
            let mut seen: Vec<usize> = Vec::new();
            let mut group_at: HashMap<u8, usize> = HashMap::new();
            for (shard, entry) in entries.iter().enumerate() {
                let numbers: Vec<usize> = ids(entry).into_iter().map(number).collect();
                prop_assert!(numbers.is_sorted() && !numbers.is_empty());
                for at in &numbers {
                    if let Some(group) = groups[*at] {
                        prop_assert_eq!(*group_at.entry(group).or_insert(shard), shard);
                    }
                }
                seen.extend(numbers);
            }
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..items.len()));
        }
    }
}
