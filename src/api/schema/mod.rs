//! OpenAPI schemas of domain values. The domain itself does not depend on OpenAPI.
//!
//! Promise: each schema has exactly the fields of the value that it describes, and states correctly
//! which fields are required and which may be null. The tests compare it with the deserializer of
//! the value, in both directions.

use crate::domain::launch::MAX_LIST;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

mod machine;
mod names;
pub use machine::{Accelerator, Calibration, Capability, DeviceSpeed, DeviceState, Proof, Speed};
pub use names::{
    AcceptanceId, AttemptId, Backend, Name, Path, QuarantineId, RunId, Sha256, ShortName, Tag,
    TestId, Variable, Vendor, WeightsKey, Word, WorkerId,
};

/// A program with its arguments.
pub struct Words;

impl PartialSchema for Words {
    fn schema() -> RefOr<Schema> {
        let words = ArrayBuilder::new()
            .prefix_items([ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .pattern(Some(r"^[^\x00]+$"))])
            .items(Word::schema())
            .min_items(Some(1))
            .max_items(Some(MAX_LIST))
            .examples([serde_json::json!(["pytest", "-q"])]);
        words.into()
    }
}

impl ToSchema for Words {}

/// The right of a worker to run an attempt.
#[derive(ToSchema)]
pub struct Lease {
    pub attempt: AttemptId,
    /// Fencing number. Newer leases have higher numbers.
    pub epoch: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    ReducedPrecision,
    Error,
    TimedOut,
    Cancelled,
    Skipped,
    Expired,
    WorkerLost,
}

/// A module of a model, and figures of the comparison of its output.
#[derive(ToSchema)]
pub struct FirstDifference {
    /// Name of the module in its model: 1 to 256 characters.
    #[schema(min_length = 1, max_length = 256, example = "model.layers.3.self_attn.rotary_emb")]
    pub module: String,
    /// Name of its class. Empty if the test did not report it.
    #[schema(required = false, max_length = 80, example = "LlamaRotaryEmbedding")]
    pub kind: String,
    /// At most 16 figures of the comparison.
    #[schema(required = false)]
    pub values: BTreeMap<String, f64>,
}

/// Outcomes that a worker may report. Only the coordinator decides on the others.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ReportableOutcome {
    Passed,
    Failed,
    ReducedPrecision,
    Error,
    TimedOut,
    Cancelled,
    Skipped,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Class {
    Crash,
    OutOfMemory,
    ImportError,
    UnsupportedBackend,
    SetUp,
    NoResult,
    Nondeterministic,
    WallClock,
    Silence,
    Overdue,
    WorkerChanged,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Phase {
    Blocked,
    Waiting,
    Leased,
    Done,
}

/// Consequence for a test if a test that it depends on does not pass.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum OnFailure {
    Skip,
    Run,
}

/// One test. Unknown fields are refused.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSpec {
    /// Unique within the run.
    pub name: Name,
    #[schema(required = false, nullable = false)]
    pub requirement: Option<Requirement>,
    /// Priority. Tests with a higher number run first.
    #[schema(required = false, nullable = false, minimum = -100, maximum = 100)]
    pub priority: Option<i8>,
    #[schema(required = false, nullable = false)]
    pub retries: Option<Retries>,
    /// Positions of tests of the same run that must end before this test starts.
    #[schema(required = false, nullable = false, max_items = 10_000)]
    pub depends_on: Option<Vec<u32>>,
    #[schema(required = false, nullable = false)]
    pub on_failure: Option<OnFailure>,
    /// Expected duration.
    pub expected_ms: Option<u64>,
    /// Maximum wait before the test ends as `expired`. Absent: no limit.
    pub expire_after_ms: Option<u64>,
    pub launch: Launch,
}

/// Requirements of a test on a worker. Unknown fields are refused. An absent field is not a
/// requirement, except that a test needs one core.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Absent: any back-end.
    pub backend: Option<Backend>,
    /// CPU in thousandths of a core.
    #[schema(required = false, nullable = false)]
    pub cpu_milli: Option<u64>,
    #[schema(required = false, nullable = false)]
    pub memory_bytes: Option<u64>,
    /// Number of devices that the test holds.
    #[schema(required = false, nullable = false, maximum = 65535)]
    pub accelerators: Option<u16>,
    /// Memory needed on each device.
    #[schema(required = false, nullable = false)]
    pub accelerator_memory_bytes: Option<u64>,
    /// Whether the devices may be shared with other tests that allow it.
    #[schema(required = false, nullable = false)]
    pub share_accelerator: Option<bool>,
    pub vendor: Option<Vendor>,
    /// Oldest architecture of a device: CUDA compute capability or AMD target.
    #[schema(example = "8.0")]
    pub min_architecture: Option<String>,
    #[schema(example = "linux")]
    pub os: Option<String>,
    #[schema(example = "x86_64")]
    pub arch: Option<String>,
    #[schema(required = false, nullable = false)]
    pub tags: Option<Vec<Tag>>,
    /// The only worker that may run the test. Absent: any.
    pub worker: Option<WorkerId>,
    /// The weights that the worker needs. The coordinator sets them from `launch.weights`.
    pub weights: Option<WeightsNeed>,
}

/// The weights that a test needs at its worker. Unknown fields are refused.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsNeed {
    pub key: WeightsKey,
    /// Their size. Absent if it is unknown, or if they take no space on the worker.
    pub size_bytes: Option<u64>,
}

/// The weights that a worker has. Unknown fields are refused.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldWeights {
    /// Changes with the content of this report.
    pub revision: u64,
    /// Total size of the weights that the cache can hold. Absent if it is unknown.
    pub capacity_bytes: Option<u64>,
    /// Weights that are complete, those used last first.
    #[schema(required = false, nullable = false, max_items = 512)]
    pub keys: Option<Vec<WeightsKey>>,
}

/// Maximum numbers of further attempts.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// Further attempts after a failure of the test itself.
    #[schema(required = false, nullable = false, maximum = 255)]
    pub failed: Option<u8>,
    /// Further attempts after an infrastructure error.
    #[schema(required = false, nullable = false, maximum = 255)]
    pub infrastructure: Option<u8>,
}

/// Specifies how a test is run. At most 64 KiB of JSON. Unknown fields are refused.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    pub run: Program,
    /// Files that are placed in the working directory before the start.
    #[schema(required = false, nullable = false, max_items = 1024)]
    pub files: Option<Vec<File>>,
    /// Empty directories that are created in the working directory.
    #[schema(required = false, nullable = false, max_items = 1024)]
    pub directories: Option<Vec<Path>>,
    #[schema(required = false, nullable = false)]
    pub environment: Option<Environment>,
    /// Environment variables.
    #[schema(required = false, nullable = false)]
    pub env: Option<BTreeMap<Variable, Word>>,
    #[schema(required = false, nullable = false)]
    pub isolation: Option<Isolation>,
    /// Back-end that the test uses. It decides which devices the test sees.
    pub backend: Option<Backend>,
    pub weights: Option<Weights>,
    /// Timeout of the attempt; 600000 if absent.
    #[schema(required = false, nullable = false, minimum = 1)]
    pub timeout_ms: Option<u64>,
    /// Maximum time without output. Absent: no limit.
    pub silence_ms: Option<u64>,
    /// Time between SIGTERM and SIGKILL; 10000 if absent.
    #[schema(required = false, nullable = false)]
    pub grace_ms: Option<u64>,
    pub junit: Option<Junit>,
    /// Files in its directory that the test leaves for dependent tests.
    #[schema(required = false, nullable = false, max_items = 1024)]
    pub artifacts: Option<Vec<Path>>,
    /// Files of other tests of the run that are placed in the directory before the start.
    #[schema(required = false, nullable = false, max_items = 1024)]
    pub inputs: Option<Vec<Input>>,
    /// Labels for reports: model, family, batch, ….
    #[schema(required = false, nullable = false)]
    pub labels: Option<BTreeMap<String, String>>,
}

/// The weights that the script of a test loads. Absent for tests without a model.
#[derive(ToSchema)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum Weights {
    /// Drawn by the script.
    #[schema(title = "RandomWeights")]
    Random,
    /// The files of a directory (or one file), by content.
    #[schema(title = "FolderWeights")]
    Folder {
        /// Digest of the manifest, which must have been uploaded with all of its files.
        manifest: Sha256,
        size_bytes: u64,
        /// Absolute path on the machine that submitted the test.
        path: String,
        /// Workers have the same files at `path`, so that nothing is sent; false if absent.
        #[schema(required = false, nullable = false)]
        in_place: Option<bool>,
    },
    /// A published model at a commit. Workers use their model cache if it has the commit.
    #[schema(title = "HubWeights")]
    Hub {
        model: String,
        /// 40 or 64 hexadecimal digits.
        commit: String,
        size_bytes: Option<u64>,
    },
    /// The model cache of the worker.
    #[schema(title = "CacheWeights")]
    Cache {
        model: String,
        revision: Option<String>,
        /// If the model cache does not have the model, the script draws random weights; false if absent.
        #[schema(required = false, nullable = false)]
        or_random: Option<bool>,
    },
    /// A directory or file that workers have at this absolute path.
    #[schema(title = "PathWeights")]
    Path { path: String },
    /// One file, or an index of files, at an address.
    #[schema(title = "UrlWeights")]
    Url { address: String, sha256: Sha256 },
}

/// JUnit XML file that the test writes: its path, or its path and the minimum number of cases.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Junit {
    File(Path),
    #[schema(title = "CountedJunit")]
    Counted {
        file: Path,
        #[schema(minimum = 1)]
        cases: u32,
    },
}

/// The program that is started.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Program {
    /// A Python script in `files` that uses the test protocol.
    #[schema(title = "ScriptProgram")]
    Script(Path),
    /// A command. Its exit code decides on the outcome.
    #[schema(title = "CommandProgram")]
    Command(Words),
}

/// Origin of Python and its packages: `"system"` (those of the worker), or a list of packages.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Environment {
    System,
    /// A virtual environment with these packages. Tests with equal lists share it.
    #[schema(title = "PackagesEnvironment")]
    Packages(Packages),
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// PEP 508 requirements.
    #[schema(max_items = 1024)]
    pub requirements: Vec<String>,
    /// Uploaded wheels that are also installed.
    #[schema(required = false, nullable = false, max_items = 1024)]
    pub wheels: Option<Vec<File>>,
    /// Constraint on the version of Python. Absent: any version.
    #[schema(example = ">=3.10")]
    pub python: Option<String>,
}

/// Whether a script runs in a new interpreter (`cold`) or may be forked from one that has already
/// imported the packages (`warm`).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Isolation {
    Cold,
    Warm,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub path: Path,
    /// Digest of the content. The file must have been uploaded.
    pub sha256: Sha256,
    pub size_bytes: u64,
    /// Whether the file can be started as a program; false if absent.
    #[schema(required = false, nullable = false)]
    pub executable: Option<bool>,
}

/// A file that a test takes from a test that it depends on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Position of the other test in the run.
    pub test: u32,
    /// One of its artifacts.
    pub artifact: Path,
    /// Path below the directory of the attempt at which the file is placed.
    pub path: Path,
}

/// A requirement that a worker does not meet. `kind` names the requirement; further fields state the
/// required and the available value.
#[derive(ToSchema)]
pub struct Lacks {
    #[schema(example = "memory_bytes")]
    pub kind: String,
    /// The other requirements that the worker does not meet, in the same form.
    #[schema(value_type = Option<Vec<Object>>, required = false, nullable = false)]
    pub also: Option<Vec<Map<String, Value>>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    fn schema<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).expect("JSON")
    }

    fn words<T: PartialSchema>() -> Vec<String> {
        serde_json::from_value(schema::<T>()["enum"].clone()).expect("words")
    }

    fn refusal<T: DeserializeOwned>(value: &Value) -> Option<String> {
        serde_json::from_str::<T>(&value.to_string()).err().map(|error| error.to_string())
    }

    /// Whether a property may be null. One that refers to another schema may not, unless
    /// there is an alternative.
    fn nullable(property: &Value) -> bool {
        let null = |of: &Value| of["type"] == "null";
        let types = property["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
        types || property["oneOf"].as_array().is_some_and(|choices| choices.iter().any(null))
    }

    /// Holds the shape `S` against the value `T`. `full` names every field, each with a value
    /// that is not its default. Those of `later` are read and checked by other code.
    fn same_fields<T: DeserializeOwned + Serialize, S: PartialSchema>(
        full: &Value,
        later: &[&str],
    ) {
        let shape = schema::<S>();
        let properties = shape["properties"].as_object().expect("an object");
        let required = shape["required"].as_array().cloned().unwrap_or_default();
        let full = full.as_object().expect("an object");
        let (described, given): (Vec<_>, Vec<_>) =
            (properties.keys().collect(), full.keys().collect());
        assert_eq!(described, given, "the shape and the full value");
        let value: T = serde_json::from_str(&json!(full).to_string()).expect("the full value");
        assert_eq!(serde_json::to_value(&value).expect("JSON"), json!(full), "nothing is lost");
        for (name, property) in properties {
            let mut without = full.clone();
            without.remove(name);
            let needed = refusal::<T>(&json!(without)).is_some();
            assert_eq!(needed, required.contains(&json!(name)), "{name} is required");
            let mut empty = full.clone();
            empty.insert(name.clone(), Value::Null);
            let refused = refusal::<T>(&json!(empty)).is_some();
            let same = refused != nullable(property);
            assert!(same || later.contains(&name.as_str()), "{name} may be null: {}", !refused);
        }
        let mut more = full.clone();
        more.insert("surely-unknown".into(), json!(1));
        let refused = refusal::<T>(&json!(more));
        assert_eq!(refused.is_some(), shape["additionalProperties"] == json!(false), "more fields");
        // The deserializer lists the fields that it knows, those with a default too.
        if let Some((_, known)) = refused.as_deref().and_then(|text| text.split_once("expected ")) {
            let mut known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
            known.sort_unstable();
            assert_eq!(described, known, "the shape and the value");
        }
    }

    #[test]
    fn words_are_those_of_the_domain() {
        use domain::accelerator::{DeviceState as State, Proof as Evidence};
        use domain::outcome::Outcome as Ending;
        assert_eq!(words::<Outcome>(), Ending::ALL.map(|outcome| outcome.name().to_owned()));
        let reportable = Ending::ALL.into_iter().filter(|outcome| outcome.reportable());
        let reportable: Vec<_> = reportable.map(|outcome| outcome.name().to_owned()).collect();
        assert_eq!(words::<ReportableOutcome>(), reportable);
        complete::<domain::outcome::Class>(&words::<Class>());
        complete::<domain::test::Phase>(&words::<Phase>());
        complete::<domain::test::OnFailure>(&words::<OnFailure>());
        complete::<domain::launch::Isolation>(&words::<Isolation>());
        complete::<State>(&words::<DeviceState>());
        complete::<Evidence>(&words::<Proof>());
    }

    /// All words of an enumeration, as its deserializer lists them.
    fn complete<T: DeserializeOwned>(words: &[String]) {
        let refused = refusal::<T>(&json!("surely-unknown")).expect("an unknown word");
        let known: Vec<_> = refused.split('`').skip(3).step_by(2).collect();
        assert_eq!(words, known, "{refused}");
    }

    #[test]
    fn fields_are_those_of_the_domain() {
        let file = json!({
            "path": "a.py", "sha256": "0".repeat(64), "size_bytes": 1, "executable": true,
        });
        let input = json!({"test": 1, "artifact": "a", "path": "b"});
        let packages = json!({"requirements": ["torch"], "python": ">=3.10", "wheels": [file]});
        let requirement = json!({
            "backend": "cuda", "cpu_milli": 1, "memory_bytes": 1, "accelerators": 1,
            "accelerator_memory_bytes": 1, "share_accelerator": true, "vendor": "amd",
            "min_architecture": "8.0", "os": "linux", "arch": "x86_64", "tags": ["lab"], "worker": "w1",
            "weights": {"key": "m@c", "size_bytes": 1},
        });
        let retries = json!({"failed": 1, "infrastructure": 1});
        let launch = json!({
            "run": {"script": "a.py"}, "files": [file], "directories": ["d"], "environment": {"packages": packages},
            "env": {"A": "b"}, "isolation": "warm", "backend": "cuda", "timeout_ms": 1,
            "silence_ms": 1, "grace_ms": 1, "junit": "j.xml", "artifacts": ["a"],
            "inputs": [input], "labels": {"model": "m"}, "weights": {"source": "random"},
        });
        same_fields::<domain::launch::FileRef, File>(&file, &[]);
        same_fields::<domain::launch::Input, Input>(&input, &[]);
        same_fields::<domain::launch::Packages, Packages>(&packages, &[]);
        same_fields::<domain::requirement::Requirement, Requirement>(&requirement, &[]);
        same_fields::<domain::retry::Retries, Retries>(&retries, &[]);
        same_fields::<domain::launch::Launch, Launch>(&launch, &[]);
        same_fields::<domain::test::TestSpec, TestSpec>(
            &json!({
                "name": "a", "requirement": requirement, "priority": 1, "retries": retries,
                "depends_on": [0], "on_failure": "run", "expected_ms": 1, "expire_after_ms": 1,
                "launch": launch,
            }),
            &["launch"],
        );
        // These two take unknown fields: a field that is new is missing here at compile time.
        let accelerator = domain::accelerator::Accelerator {
            index: 1,
            number: Some(0),
            vendor: domain::accelerator::Vendor::AMD,
            model: "MI300X".into(),
            uuid: "GPU-1".into(),
            backends: [(domain::accelerator::Backend::ROCM, domain::accelerator::Proof::Driver)]
                .into(),
            architecture: "gfx942".into(),
            memory_bytes: 1,
            memory_source: "rocm-smi".into(),
            memory_estimated: true,
            unified: true,
            partition_of: "GPU-0".into(),
            cores: vec![0],
            driver: "6.12".into(),
            state: domain::accelerator::DeviceState::Unusable,
            reason: "no permission".into(),
        };
        let capability = domain::capability::Capability {
            os: "linux".into(),
            arch: "x86_64".into(),
            container: "docker".into(),
            cpu_model: "EPYC".into(),
            cpu_milli: 1,
            memory_bytes: 1,
            slots: 1,
            backends: [domain::accelerator::Backend::ROCM].into(),
            accelerators: vec![accelerator.clone()],
            unusable: vec![accelerator.clone()],
            tags: ["lab".parse().expect("a tag")].into(),
            detection_errors: vec!["nvidia-smi ended by signal 11".into()],
        };
        same_fields::<domain::accelerator::Accelerator, Accelerator>(&json!(accelerator), &[]);
        same_fields::<domain::capability::Capability, Capability>(&json!(capability), &[]);
        let module =
            json!({"module": "model.norm", "kind": "LlamaRMSNorm", "values": {"error": 0.5}});
        same_fields::<domain::findings::FirstDifference, FirstDifference>(&module, &[]);
    }

    #[test]
    fn sources_of_weights_are_those_of_the_domain() {
        let digest = "0".repeat(64);
        let samples = [
            json!({"source": "random"}),
            json!({"source": "folder", "manifest": digest, "size_bytes": 1, "path": "/m", "in_place": true}),
            json!({"source": "hub", "model": "m", "commit": "0".repeat(40), "size_bytes": 1}),
            json!({"source": "cache", "model": "m", "revision": "v1", "or_random": true}),
            json!({"source": "path", "path": "/m"}),
            json!({"source": "url", "address": "https://m", "sha256": digest}),
        ];
        let shape = schema::<Weights>();
        let choices = shape["oneOf"].as_array().expect("choices");
        assert_eq!(choices.len(), samples.len());
        for (choice, sample) in choices.iter().zip(&samples) {
            let read: domain::weights::Weights =
                serde_json::from_value(sample.clone()).expect("a source");
            assert_eq!(json!(read), *sample, "nothing is lost");
            assert_eq!(choice["properties"]["source"]["enum"][0], sample["source"]);
            let properties = choice["properties"].as_object().expect("an object");
            let given = sample.as_object().expect("an object");
            assert!(properties.keys().eq(given.keys()), "{choice}");
            for name in given.keys() {
                let mut without = given.clone();
                without.remove(name);
                let needed = refusal::<domain::weights::Weights>(&json!(without)).is_some();
                let required = choice["required"].as_array().expect("a list");
                assert_eq!(needed, required.contains(&json!(name)), "{name} of {sample}");
            }
        }
    }

    #[test]
    fn choices_are_those_of_the_domain() {
        use domain::launch::{Environment as Where, Program as What};
        let program = |value: &Value| refusal::<What>(value);
        let environment = |value: &Value| refusal::<Where>(value);
        for (choices, refused) in [
            (schema::<Program>(), &program as &dyn Fn(&Value) -> Option<String>),
            (schema::<Environment>(), &environment),
        ] {
            let choices = choices["oneOf"].as_array().cloned().expect("choices");
            assert_eq!(choices.len(), 2, "script or command; system or packages");
            for choice in choices {
                let sample = match &choice["required"][0] {
                    Value::String(key) if key == "script" => json!({"script": "a.py"}),
                    Value::String(key) if key == "command" => json!({"command": ["true"]}),
                    Value::String(key) => json!({ key: {"requirements": []} }),
                    _ => choice["enum"][0].clone(),
                };
                assert_eq!(refused(&sample), None, "{sample}");
            }
        }
    }
}
