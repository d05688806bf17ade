//! A pytest suite: its items as `collect.py` found them, and how they are to be run.

use crate::text::error::ValueError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Maximum number of items of a suite.
pub const MAX_ITEMS: usize = 200_000;
/// Maximum number of items of one shard, so that its JUnit file stays readable.
pub const MAX_SHARD_ITEMS: usize = 10_000;
/// Estimate for an item if no item of the suite was measured, in seconds.
pub const USUAL_SECONDS: f64 = 0.1;

/// The collected suite, as `collect.py` writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collected {
    pub items: Vec<Item>,
    /// Files and directories that could not be collected.
    pub errors: Vec<CollectError>,
    /// Absolute paths from the command line of pytest or from its settings.
    pub args: Vec<String>,
    /// Absolute path of the topmost directory in which a `conftest.py` is read.
    pub conftests_from: Option<String>,
    /// Files below the root that were imported.
    pub imported: Vec<Imported>,
    /// Directories below the root in which Python looks for modules.
    pub paths: Vec<String>,
    /// Installed distributions that the suite needs.
    pub distributions: Vec<Distribution>,
    /// Version of Python, such as `3.11`.
    pub python: String,
    /// Imported files that are neither below the root nor installed.
    pub outside: Vec<String>,
    /// Descriptions of options of the suite that its shards do not use.
    pub options: Vec<String>,
    /// Environment variables that files of the suite read.
    pub variables: Vec<String>,
    /// Environment variables that pytest reads, with their values.
    pub pytest_variables: BTreeMap<String, String>,
}

/// A file or directory that could not be collected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectError {
    pub id: String,
    pub text: String,
}

/// A file below the root that was imported.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    pub file: String,
    /// Directory below the root in which Python found it. Empty for the root, or if there is none.
    pub place: String,
    pub conftest: bool,
}

/// An installed distribution that the suite needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    pub name: String,
    pub version: String,
    /// Requirement in the format of PEP 508.
    pub requirement: String,
    /// Whether no index has it, so that dtf must pack it into a wheel.
    pub pack: bool,
    pub editable: bool,
    /// Directory or file that it was installed from.
    pub from: Option<String>,
}

/// A test item of pytest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Node id, such as `tests/test_x.py::TestIt::test_that[1]`.
    pub id: String,
    /// File of the item, relative to the root.
    pub file: Option<String>,
    /// Keys shared with items that must run in the same shard.
    pub together: Vec<String>,
    /// Keys shared with items of the same file that should run in the same shard.
    pub near: Vec<String>,
    /// Markers, nearest first.
    pub markers: Vec<Mark>,
}

/// A marker of an item.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    pub name: String,
    pub args: Vec<Value>,
    pub kwargs: Map<String, Value>,
}

/// A suite, and how it is to be run.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Prefix of the names of the tests.
    pub name: String,
    /// Files, directories and patterns below the root that are sent with each shard.
    pub files: Vec<String>,
    /// Further files as a compressed tar file, if there are more than a test can list.
    pub archive: Option<Arc<[u8]>>,
    /// How pytest is started.
    pub start: Start,
    /// PEP 508 requirements.
    pub packages: Vec<String>,
    /// Constraint on the version of Python.
    pub python: Option<String>,
    /// Environment variables of every shard.
    pub env: BTreeMap<String, String>,
    /// Wheels of distributions that no index has, by file name.
    pub wheels: BTreeMap<String, Arc<[u8]>>,
    /// Time that a shard should take at most. The default is a quarter of the suite, between 10 s
    /// and 60 s.
    pub shard_seconds: Option<f64>,
    /// Measured time of each item, in seconds.
    pub seconds: HashMap<String, f64>,
}

/// How pytest is started in a shard: as it was when the suite was collected. Paths are relative to
/// the root.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Start {
    pub args: Vec<String>,
    pub options: Vec<String>,
    pub settings: Option<String>,
    pub conftests_from: String,
    pub directory: String,
    pub cwd_on_path: bool,
    pub paths: Vec<String>,
}

/// Reads the output of `collect.py`.
///
/// # Errors
/// The output has another format.
pub fn parse(text: &[u8]) -> Result<Collected, ValueError> {
    serde_json::from_slice(text)
        .map_err(|error| ValueError::new(format!("cannot read the list of items: {error}")))
}
