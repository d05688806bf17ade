//! Shapes of domain values, for the description of the API only: the domain itself knows
//! no OpenAPI. A test holds each against the value that it describes.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(ToSchema)]
pub struct Lease {
    #[schema(example = "r12.t3.a1")]
    pub attempt: String,
    /// Fencing number; only grows.
    pub epoch: u64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed,
    Error,
    TimedOut,
    Cancelled,
    Skipped,
    Expired,
    WorkerLost,
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
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Phase {
    Blocked,
    Waiting,
    Leased,
    Done,
}

#[derive(ToSchema)]
pub struct TestSpec {
    /// Unique within the run.
    pub name: String,
    pub requirement: Option<Requirement>,
    /// Higher first.
    #[schema(minimum = -100, maximum = 100)]
    pub priority: Option<i8>,
    pub retries: Option<Retries>,
    /// Positions of tests of the same run that must end first.
    pub depends_on: Option<Vec<u32>>,
    /// `skip` (the usual) or `run`.
    pub on_failure: Option<String>,
    pub expected_ms: Option<u64>,
    pub expire_after_ms: Option<u64>,
    pub launch: Launch,
}

/// Unknown fields are refused. Absent fields ask for nothing; one core is the default.
#[derive(ToSchema)]
pub struct Requirement {
    #[schema(example = "cuda")]
    pub backend: Option<String>,
    /// Thousandths of a core.
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub accelerators: Option<u16>,
    pub accelerator_memory_bytes: Option<u64>,
    pub share_accelerator: Option<bool>,
    pub vendor: Option<String>,
    #[schema(example = "8.0")]
    pub min_architecture: Option<String>,
    pub os: Option<String>,
    pub arch: Option<String>,
    pub tags: Option<Vec<String>>,
}

#[derive(ToSchema)]
pub struct Retries {
    /// After the test itself failed.
    pub failed: Option<u8>,
    /// After trouble of the infrastructure.
    pub infrastructure: Option<u8>,
}

/// How a test is run. At most 64 KiB; unknown fields are refused.
#[derive(ToSchema)]
pub struct Launch {
    /// `{"script": "test_x.py"}` or `{"command": ["pytest", "-q"]}`.
    #[schema(value_type = Object)]
    pub run: Map<String, Value>,
    pub files: Option<Vec<File>>,
    /// Directories without files that are made in the working directory.
    pub directories: Option<Vec<String>>,
    /// `"system"`, or `{"packages": {"requirements": ["torch"], "python": ">=3.10"}}`;
    /// `wheels` is a list of files as in `files`, which are installed too.
    #[schema(value_type = Object)]
    pub environment: Option<Value>,
    pub env: Option<BTreeMap<String, String>>,
    /// `cold` (the usual) or `warm`.
    pub isolation: Option<String>,
    pub backend: Option<String>,
    pub timeout_ms: Option<u64>,
    pub silence_ms: Option<u64>,
    pub grace_ms: Option<u64>,
    pub junit: Option<Junit>,
    pub labels: Option<BTreeMap<String, String>>,
}

/// JUnit XML that the test writes: its path, or the path with the number of cases that it must
/// have at least.
#[derive(ToSchema, serde::Serialize)]
#[serde(untagged)]
pub enum Junit {
    File(String),
    Counted {
        file: String,
        #[schema(minimum = 1)]
        cases: u32,
    },
}

#[derive(ToSchema)]
pub struct File {
    /// Relative, with `/`.
    pub path: String,
    /// Of a blob that was uploaded.
    pub sha256: String,
    pub size_bytes: u64,
    /// Whether it can be started as a program; absent: it cannot.
    pub executable: Option<bool>,
}

#[derive(ToSchema)]
pub struct Capability {
    #[schema(example = "linux")]
    pub os: String,
    #[schema(example = "x86_64")]
    pub arch: String,
    /// Thousandths of a core.
    pub cpu_milli: u64,
    pub memory_bytes: u64,
    /// Most tests at a time.
    pub slots: u32,
    pub backends: Vec<String>,
    pub accelerators: Vec<Accelerator>,
    pub tags: Vec<String>,
    /// Devices that could not be looked for, with the reasons. There may be such devices.
    pub detection_errors: Option<Vec<String>>,
}

#[derive(ToSchema)]
pub struct Accelerator {
    pub index: u16,
    pub vendor: String,
    pub model: String,
    pub uuid: Option<String>,
    pub backend: String,
    pub architecture: Option<String>,
    /// 0 when it is unknown.
    pub memory_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain;
    use utoipa::PartialSchema;

    fn properties<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).expect("JSON");
        let properties = schema["properties"].as_object().expect("an object");
        properties.keys().cloned().collect()
    }

    fn values<T: PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).expect("JSON");
        serde_json::from_value(schema["enum"].clone()).expect("words")
    }

    /// Each property is a field that the value takes; `deny_unknown_fields` tells.
    fn taken<T: serde::de::DeserializeOwned>(properties: &[String]) {
        for property in properties {
            let text = format!("{{\"{property}\":{{\"no\":[\"such value\"]}}}}");
            if let Err(error) = serde_json::from_str::<T>(&text) {
                let unknown = format!("unknown field `{property}`");
                assert!(!error.to_string().contains(&unknown), "{property}: {error}");
            }
        }
    }

    #[test]
    fn words_are_those_of_the_domain() {
        let outcomes = domain::outcome::Outcome::ALL.map(|outcome| outcome.name().to_owned());
        assert_eq!(values::<Outcome>(), outcomes);
        for class in values::<Class>() {
            let parsed: domain::outcome::Class =
                serde_json::from_value(class.clone().into()).expect(&class);
            assert_eq!(parsed.name(), class);
        }
        for phase in values::<Phase>() {
            let parsed = serde_json::from_value::<domain::test::Phase>(phase.clone().into());
            assert!(parsed.is_ok(), "{phase}");
        }
    }

    #[test]
    fn fields_are_those_of_the_domain() {
        taken::<domain::test::TestSpec>(&properties::<TestSpec>());
        taken::<domain::requirement::Requirement>(&properties::<Requirement>());
        taken::<domain::retry::Retries>(&properties::<Retries>());
        taken::<domain::launch::Launch>(&properties::<Launch>());
        taken::<domain::launch::FileRef>(&properties::<File>());
        let requirement = domain::requirement::Requirement::default();
        let written = serde_json::to_value(requirement).expect("JSON");
        for field in written.as_object().expect("an object").keys() {
            assert!(properties::<Requirement>().contains(field), "{field}");
        }
    }
}
