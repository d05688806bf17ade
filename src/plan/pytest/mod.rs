//! Generates tests from a pytest suite: shards that take about equal time, each with the
//! requirements that the markers of its items state.
//!
//! The items of a shard are listed in a file beside the plan, and `shard.py` runs them on the
//! worker. Limits: [`MAX_ITEMS`] items, [`suite::MAX_SHARD_ITEMS`] of them in one shard. Promises:
//! every item is in exactly one shard, in the order of the suite; items that must run together are
//! in one shard; equal suites and durations give equal shards.

mod markers;
mod shards;
pub mod suite;

use crate::domain::time::Millis;
use crate::plan::entry::Entry;
use crate::plan::pytest::suite::{Item, MAX_ITEMS, Start, Suite};
use crate::text::error::FieldError;
use crate::text::locate::Path;
use crate::text::node::Node;
use crate::text::quantity::write_duration;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Directory beside the plan for the files that dtf generates.
pub const BESIDE: &str = "dtf-plan";
/// The program that runs a shard on the worker.
const RUNNER: &str = include_str!("shard.py");
const RUNNER_NAME: &str = "shard.py";
const JUNIT: &str = "report.xml";
/// Timeout of a shard without measured items.
const UNMEASURED_TIMEOUT: Millis = Millis(3_600_000);
/// Minimum timeout of a shard with measured items. The timeout is a multiple of the measured time.
const MIN_TIMEOUT: Millis = Millis(600_000);
const TIMEOUT_FACTOR: u64 = 10;

/// The tests of a suite, and the files beside the plan that they need.
#[derive(Debug)]
pub struct Made {
    pub entries: Vec<Entry>,
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// Warnings about the tests.
    pub doubts: Vec<String>,
}

/// The items of a shard, as `shard.py` reads them.
#[derive(Serialize)]
struct ShardFile<'a> {
    archive: Option<String>,
    ids: Vec<&'a str>,
    /// If empty, `shard.py` collects `args`.
    files: Vec<&'a str>,
    #[serde(flatten)]
    start: &'a Start,
}

/// Generates the tests of a suite.
///
/// # Errors
/// There are no items or too many, or a marker has an unknown or invalid value.
pub fn entries(suite: &Suite, items: &[Item]) -> Result<Made, FieldError> {
    let top = Path::default().key("pytest");
    if items.is_empty() || items.len() > MAX_ITEMS {
        let message = match items.len() {
            0 => "the suite has no items".to_owned(),
            count => format!("too many items ({count}, maximum {MAX_ITEMS})"),
        };
        return Err(FieldError::new(&top, message));
    }
    let needs =
        items.iter().map(|item| markers::needs(item).map_err(|error| error.at(&top.key(&item.id))));
    let mut needs: Vec<Node> = needs.collect::<Result<_, _>>()?;
    let doubts = unify(items, &mut needs);
    // Groups in the order of their names, the one without requirements first.
    let mut groups: BTreeMap<(bool, String), (Node, Vec<usize>)> = BTreeMap::new();
    for (at, needs) in needs.into_iter().enumerate() {
        let name = markers::name(&needs);
        let group = groups.entry((name != markers::NO_NEEDS, format!("{name}{needs:?}")));
        group.or_insert_with(|| (needs, Vec::new())).1.push(at);
    }
    let mut files = BTreeMap::new();
    files.insert(format!("{BESIDE}/{RUNNER_NAME}"), Arc::from(RUNNER.as_bytes()));
    files.extend(suite.wheels.iter().map(|(name, bytes)| (wheel_path(name), Arc::clone(bytes))));
    files.extend(suite.archive.iter().map(|bytes| (archive_path(), Arc::clone(bytes))));
    let max_millis = shards::max_millis(suite, items);
    let mut used: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::new();
    for (needs, members) in groups.into_values() {
        let name = markers::name(&needs);
        for shard in shards::split(suite, items, &members, max_millis) {
            let number = used.entry(name.clone()).or_default();
            *number += 1;
            let path = format!("{BESIDE}/{}.json", entries.len() + 1);
            let name = format!("{}/{name}/{number}", suite.name);
            let node = entry(suite, (&name, &path), &needs, &shard);
            entries.push(Entry::read(&node, &top.index(entries.len()))?);
            files.insert(path, shard_file(suite, items, &shard, &top)?);
        }
    }
    Ok(Made { entries, files, doubts })
}

/// Gives items that must run together the same requirements. If their requirements differ, they
/// cannot run together, and the returned warning reports it.
fn unify(items: &[Item], needs: &mut [Node]) -> Vec<String> {
    let mut doubts = Vec::new();
    let all: Vec<usize> = (0..items.len()).collect();
    let keys = |at: usize| items[at].together.iter().map(|key| (String::new(), key.as_str()));
    for members in shards::components(&all, keys) {
        let asked =
            |at: &usize| markers::name(&needs[*at]) != markers::NO_NEEDS || !is_empty(&needs[*at]);
        let asking: Vec<usize> = members.iter().copied().filter(asked).collect();
        let Some(first) = asking.first().copied() else { continue };
        if asking.iter().all(|at| needs[*at] == needs[first]) {
            let common = needs[first].clone();
            for at in members {
                needs[at] = common.clone();
            }
        } else if members.len() > 1 {
            doubts.push(format!(
                "{} and {} other items must run together, but their markers require different \
                 workers; they are divided into several shards",
                items[first].id,
                members.len() - 1
            ));
        }
    }
    doubts
}

fn is_empty(needs: &Node) -> bool {
    matches!(needs, Node::Map(map) if map.is_empty())
}

fn archive_path() -> String {
    format!("{BESIDE}/files.tar.gz")
}

fn wheel_path(name: &str) -> String {
    format!("{BESIDE}/wheels/{name}")
}

fn shard_file(
    suite: &Suite,
    items: &[Item],
    shard: &shards::Shard,
    top: &Path,
) -> Result<Arc<[u8]>, FieldError> {
    let members = || shard.members.iter().map(|at| &items[*at]);
    let files: Option<Vec<&str>> = members().map(|item| item.file.as_deref()).collect();
    let mut seen = BTreeSet::new();
    let mut files = files.unwrap_or_default();
    files.retain(|file| seen.insert(*file));
    let ids = members().map(|item| item.id.as_str()).collect();
    let archive = suite.archive.as_ref().map(|_| archive_path());
    let shard = ShardFile { archive, ids, files, start: &suite.start };
    let text = serde_json::to_vec_pretty(&shard);
    let text = text.map_err(|error| FieldError::new(top, format!("cannot be encoded: {error}")))?;
    Ok(text.into())
}

fn entry(suite: &Suite, (name, path): (&str, &str), needs: &Node, shard: &shards::Shard) -> Node {
    let text = |text: &str| Node::Text(text.to_owned());
    let texts = |list: &[String]| Node::List(list.iter().map(|one| text(one)).collect());
    let runner = format!("{BESIDE}/{RUNNER_NAME}");
    let words = ["python", runner.as_str(), path].map(text).into();
    let mut files: Vec<Node> = suite.files.iter().map(|file| text(file)).collect();
    files.extend([text(&runner), text(path)]);
    files.extend(suite.archive.as_ref().map(|_| text(&archive_path())));
    let mut environment = vec![("packages".to_owned(), texts(&suite.packages))];
    if !suite.wheels.is_empty() {
        let wheels = suite.wheels.keys().map(|name| text(&wheel_path(name))).collect();
        environment.push(("wheels".to_owned(), Node::List(wheels)));
    }
    environment.extend(suite.python.iter().map(|python| ("python".to_owned(), text(python))));
    let labels = vec![
        ("suite".to_owned(), text(&suite.name)),
        ("items".to_owned(), Node::Text(shard.members.len().to_string())),
    ];
    // `shard.py` writes a case for every item, even if the item did not run.
    let junit = vec![
        ("file".to_owned(), text(JUNIT)),
        ("cases".to_owned(), Node::Int(i64::try_from(shard.members.len()).unwrap_or(i64::MAX))),
    ];
    let mut map = vec![
        ("name".to_owned(), text(name)),
        ("cmd".to_owned(), Node::List(words)),
        ("junit".to_owned(), Node::Map(junit)),
        ("files".to_owned(), Node::List(files)),
        ("environment".to_owned(), Node::Map(environment)),
        ("labels".to_owned(), Node::Map(labels)),
    ];
    if !suite.env.is_empty() {
        let pairs = suite.env.iter().map(|(name, value)| (name.clone(), text(value)));
        map.push(("env".to_owned(), Node::Map(pairs.collect())));
    }
    let mut limit = UNMEASURED_TIMEOUT;
    if let Some(milliseconds) = shard.measured_ms {
        map.push(("expected".to_owned(), Node::Text(format!("{milliseconds}ms"))));
        limit = MIN_TIMEOUT.max(Millis(milliseconds.saturating_mul(TIMEOUT_FACTOR)));
    }
    map.push(("timeout".to_owned(), Node::Text(write_duration(limit))));
    if let Node::Map(needs) = needs {
        merge(&mut map, needs);
    }
    Node::Map(map)
}

/// Values of a marker override the defaults; variables and labels are added to them.
fn merge(map: &mut Vec<(String, Node)>, needs: &[(String, Node)]) {
    for (key, value) in needs {
        let usual = map.iter_mut().find(|(usual, _)| usual == key);
        match (usual, value) {
            (Some((_, Node::Map(usual))), Node::Map(given)) if key != "environment" => {
                usual.retain(|(name, _)| given.iter().all(|(own, _)| own != name));
                usual.extend(given.iter().cloned());
            }
            (Some((_, usual)), given) => *usual = given.clone(),
            (None, given) => map.push((key.clone(), given.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::accelerator::Backend;
    use crate::domain::launch::Program;
    use crate::models::source::NoModels;
    use crate::plan::files::directory::PlanFiles;
    use crate::plan::history::History;
    use crate::plan::packages::Pins;
    use crate::plan::request;
    use crate::plan::sources::Sources;
    use crate::templates::library::Library;
    use crate::text::error::ReadError;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn item(id: &str, markers: &Value) -> Item {
        together(id, markers, &[], &[])
    }

    fn together(id: &str, markers: &Value, together: &[&str], near: &[&str]) -> Item {
        let file = id.split("::").next();
        let item = json!({
            "id": id, "file": file, "markers": markers, "together": together, "near": near
        });
        serde_json::from_value(item).expect("an item")
    }

    fn mark(name: &str, args: &Value, kwargs: &Value) -> Value {
        json!({ "name": name, "args": args, "kwargs": kwargs })
    }

    fn suite() -> Suite {
        Suite {
            name: "tests".into(),
            files: vec!["conftest.py".into(), "tests".into(), "src".into()],
            packages: vec!["pytest".into()],
            shard_seconds: Some(60.0),
            ..Suite::default()
        }
    }

    /// The items of each shard.
    fn shards(suite: &Suite, items: &[Item]) -> Vec<Vec<String>> {
        let made = entries(suite, items).expect("tests");
        made.entries.iter().map(|entry| ids(&made, entry)).collect()
    }

    fn ids(made: &Made, entry: &Entry) -> Vec<String> {
        let Program::Command(words) = &entry.program else { panic!("a command") };
        assert_eq!(words[..2], ["python", "dtf-plan/shard.py"]);
        assert!(entry.files.contains(&words[2]) && entry.files.contains(&words[1]));
        let shard: Value = serde_json::from_slice(&made.files[&words[2]]).expect("JSON");
        let ids: Vec<String> = serde_json::from_value(shard["ids"].clone()).expect("ids");
        let cases = entry.junit.as_ref().and_then(|junit| junit.cases).expect("a number");
        assert_eq!(cases.get() as usize, ids.len());
        ids
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
        let made = entries(&suite(), &items).expect("tests");
        let entries = &made.entries;
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["tests/any/1", "tests/cuda/1", "tests/gpu/1", "tests/rocm/1"]);
        assert_eq!(ids(&made, &entries[0]), ["t.py::a", "t.py::c"]);
        assert_eq!(entries[1].settings.requires.backend, Some(Backend::CUDA));
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
            models: &NoModels,
            accelerators: &BTreeSet::new(),
            library: &Library::built_in(),
            history: &History::default(),
            pins: &Pins::default(),
            in_place: false,
        };
        let made = request::suite(&suite, &items, &sources).expect("tests");
        let printed: Vec<_> = made
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
        assert_eq!(printed, expected);
        let terms: Vec<i32> = made.others.iter().map(|test| test.terms.cheap).collect();
        assert_eq!(terms, [2, -1, 0]);
    }

    /// A suite of one file.
    struct OneFile;

    impl PlanFiles for OneFile {
        fn read(&self, _: &str) -> Result<Vec<u8>, ReadError> {
            Ok(Vec::new())
        }

        fn list(&self, _: &str) -> Result<Vec<String>, ReadError> {
            Ok(vec!["tests/t.py".into()])
        }
    }

    #[test]
    fn mistakes_in_markers_name_the_item() {
        let refusal = |marker: Value| {
            let items = [item("t.py::a", &json!([marker]))];
            let error = entries(&suite(), &items).expect_err("refused");
            format!("{}: {}", error.path, error.message)
        };
        let unknown = refusal(mark("dtf", &json!([]), &json!({ "memroy": "1GiB" })));
        assert!(unknown.contains("t.py::a") && unknown.contains("memroy"), "{unknown}");
        let value = refusal(mark("dtf", &json!([]), &json!({ "memory": "much" })));
        assert!(value.contains("memory"), "{value}");
        let both = refusal(mark("dtf", &json!(["cuda"]), &json!({})));
        assert!(both.contains("keyword arguments"), "{both}");
    }

    #[test]
    fn files_stay_whole_until_they_are_known_to_take_too_long() {
        let names = ["a.py::one", "a.py::two", "b.py::one", "b.py::two", "c.py::one"];
        let items = names.map(|name| item(name, &json!([])));
        let timed = |shard_seconds, seconds: &[(&str, f64)]| Suite {
            shard_seconds: Some(shard_seconds),
            seconds: seconds.iter().map(|(id, took)| ((*id).to_owned(), *took)).collect(),
            ..suite()
        };
        // Not measured: a file is not split, however short a shard should be.
        let unknown = shards(&timed(0.001, &[]), &items);
        assert_eq!(unknown, [vec![names[0], names[1]], vec![names[2], names[3]], vec![names[4]]]);
        let times =
            [(names[0], 5.0), (names[1], 6.0), (names[2], 1.0), (names[3], 1.0), (names[4], 1.0)];
        let split = shards(&timed(10.0, &times), &items);
        assert_eq!(split, [vec![names[0], names[2], names[3]], vec![names[1], names[4]]]);
        let whole = shards(&timed(11.0, &times), &items);
        assert_eq!(whole, [vec![names[0], names[1]], vec![names[2], names[3], names[4]]]);
    }

    #[test]
    fn a_short_suite_is_shared_by_a_few_workers() {
        let items: Vec<Item> =
            (0..60).map(|at| item(&format!("t{at}.py::a"), &json!([]))).collect();
        let seconds: HashMap<String, f64> =
            items.iter().map(|item| (item.id.clone(), 1.0)).collect();
        let minute = Suite { shard_seconds: None, seconds, ..suite() };
        assert_eq!(shards(&minute, &items).len(), 4);
        let hour = minute.seconds.keys().map(|id| (id.clone(), 60.0)).collect();
        let hour = Suite { seconds: hour, ..minute };
        assert_eq!(shards(&hour, &items).len(), 60);
        let unknown = Suite { seconds: HashMap::new(), ..hour.clone() };
        assert_eq!(shards(&unknown, &items).len(), 1);
        let limits: Vec<_> = [&hour, &unknown]
            .map(|suite| {
                let made = entries(suite, &items).expect("tests");
                made.entries[0].settings.timeout.map(|limit| limit.0)
            })
            .into();
        assert_eq!(limits, [Some(600_000), Some(3_600_000)]);
    }

    #[test]
    fn what_belongs_together_is_not_split() {
        let items = [
            together("a.py::A::one", &json!([]), &[], &["class a.py::A"]),
            together("a.py::A::two", &json!([]), &[], &["class a.py::A", "fixture db"]),
            together("a.py::three", &json!([]), &[], &["fixture db"]),
            together("a.py::four", &json!([]), &["depends on b.py::five"], &[]),
            together("b.py::five", &json!([]), &["depends on b.py::five"], &["fixture db"]),
            item("b.py::six", &json!([])),
        ];
        let seconds = items.iter().map(|item| (item.id.clone(), 10.0)).collect();
        let suite = Suite { shard_seconds: Some(1.0), seconds, ..suite() };
        let groups = shards(&suite, &items);
        let expected = [
            vec!["a.py::A::one", "a.py::A::two", "a.py::three"],
            vec!["a.py::four", "b.py::five"],
            vec!["b.py::six"],
        ];
        assert_eq!(groups, expected);
    }

    #[test]
    fn items_that_run_together_need_what_one_of_them_needs() {
        let marked = |id, name: Option<&str>| {
            let markers: Vec<Value> =
                name.map(|name| mark(name, &json!([]), &json!({}))).into_iter().collect();
            together(id, &Value::Array(markers), &["group one"], &[])
        };
        let items = [marked("a.py::one", None), marked("b.py::two", Some("cuda"))];
        let made = entries(&suite(), &items).expect("tests");
        assert_eq!(made.entries.len(), 1);
        assert_eq!(made.entries[0].settings.requires.backend, Some(Backend::CUDA));
        assert!(made.doubts.is_empty());
        let items = [marked("a.py::one", Some("rocm")), marked("b.py::two", Some("cuda"))];
        let made = entries(&suite(), &items).expect("tests");
        assert_eq!(made.entries.len(), 2);
        assert!(made.doubts[0].contains("a.py::one and 1 other"), "{:?}", made.doubts);
    }

    #[test]
    fn variables_and_wheels_go_with_every_shard() {
        let wheel: Arc<[u8]> = Arc::from(&b"zip"[..]);
        let name = "mine-1.0-py3-none-any.whl";
        let suite = Suite {
            env: [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())].into(),
            wheels: [(name.to_owned(), wheel)].into(),
            python: Some("==3.11.*".into()),
            ..suite()
        };
        let own = mark("dtf", &json!([]), &json!({ "env": { "B": "3" } }));
        let made = entries(&suite, &[item("t.py::a", &json!([own]))]).expect("tests");
        let settings = &made.entries[0].settings;
        assert_eq!((settings.env["A"].as_str(), settings.env["B"].as_str()), ("1", "3"));
        assert_eq!(settings.wheels, [format!("dtf-plan/wheels/{name}")]);
        assert!(made.files.contains_key(&settings.wheels[0]));
        let written = crate::plan::write::plan("x", &made.entries).expect("YAML");
        assert!(written.contains("wheels:") && written.contains("==3.11.*"), "{written}");
    }

    proptest! {
        #[test]
        fn every_item_is_in_one_shard_in_order(
            times in prop::collection::vec(prop::option::of(0.0f64..200.0), 1..120),
            shard_seconds in prop::option::of(0.5f64..100.0),
            groups in prop::collection::vec(prop::option::weighted(0.2, 0u8..3), 120),
            files in prop::collection::vec(0u8..5, 120),
        ) {
            let names: Vec<String> =
                (0..times.len()).map(|at| format!("t{}.py::{at}", files[at])).collect();
            let items: Vec<Item> = names.iter().zip(&groups).map(|(name, group)| {
                let group = group.map(|group| format!("group {group}"));
                let keys: Vec<&str> = group.as_deref().into_iter().collect();
                together(name, &json!([]), &keys, &[])
            }).collect();
            let seconds = times.iter().zip(&names)
                .filter_map(|(time, name)| Some((name.clone(), (*time)?)))
                .collect();
            let suite = Suite { shard_seconds, seconds, ..suite() };
            let mut seen: Vec<usize> = Vec::new();
            let mut group_at: HashMap<u8, usize> = HashMap::new();
            let number = |id: &str| id.rsplit("::").next().expect("one").parse::<usize>();
            for (shard, ids) in shards(&suite, &items).iter().enumerate() {
                let numbers: Result<Vec<usize>, _> = ids.iter().map(|id| number(id)).collect();
                let numbers = numbers.expect("numbers");
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
