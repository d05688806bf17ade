//! The launch of a test: the information that only the worker needs.
//!
//! The coordinator checks a launch once, at submission. Log and leases then carry its JSON text
//! unchanged, so it is never encoded again.

use crate::domain::accelerator::Backend;
use crate::domain::added::change_limits::{self, CHANGE_LIMITS, ParseLimitError};
use crate::domain::digest::is_sha256_hex;
use crate::domain::time::Millis;
use crate::domain::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Maximum size of the JSON text of a launch, in bytes.
pub const MAX_LAUNCH_BYTES: usize = 64 * 1024;
/// Maximum number of files, arguments, environment variables, packages or labels of one test.
pub const MAX_LIST: usize = 1024;
/// Label of a test that repeats another one to confirm a change: the id of that test. It is reserved for the
/// coordinator, and not part of a case.
pub const CONFIRMS: &str = "confirms";
/// Label of the tests of an upgrade: the number of tests of its plan that it does not change, so that they
/// are in no run. Absent if there are none. It is not part of a case.
pub const LEFT_OUT: &str = "upgrade_left_out";

/// The program of a test, its files and environment, and its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    pub run: Program,
    /// Files that are placed in the working directory before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRef>,
    /// Empty directories that are made in the working directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
    #[serde(default, skip_serializing_if = "Environment::is_system")]
    pub environment: Environment,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Isolation::is_cold")]
    pub isolation: Isolation,
    /// Back-end of the test, which decides how devices are pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// Weights that the worker provides, or that the script draws; absent for tests without a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// Timeout of the test.
    #[serde(default = "default_timeout")]
    pub timeout_ms: Millis,
    /// Maximum time without output or a new phase; absent for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<Millis>,
    /// Time between SIGTERM and SIGKILL.
    #[serde(default = "default_grace")]
    pub grace_ms: Millis,
    /// JUnit XML file that the test writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junit: Option<Junit>,
    /// Files that the test writes for tests that depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// Files from other tests of the run that are placed in the working directory before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Labels for reports: model, family, batch, dtype and others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Timeout of a test that specifies none.
#[must_use]
pub fn default_timeout() -> Millis {
    Millis::from_secs(600)
}

/// Time between SIGTERM and SIGKILL for a test that specifies none.
#[must_use]
pub fn default_grace() -> Millis {
    Millis::from_secs(10)
}

/// The program of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A Python script among `files` that follows the test protocol (`docs/protocol.md`). Its `result`
    /// line decides the outcome.
    Script(String),
    /// A command, whose exit code decides the outcome.
    Command(Vec<String>),
}

/// A JUnit XML file that a test writes. Its JSON form is `"report.xml"`, or
/// `{"file": "report.xml", "cases": 60}` with the minimum number of cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "JunitForm", into = "JunitForm")]
pub struct Junit {
    /// Path relative to the directory of the attempt.
    pub file: String,
    /// Minimum number of cases; absent for one. A file with fewer cases is an error.
    pub cases: Option<NonZeroU32>,
}

/// JSON form of [`Junit`].
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[serde(expecting = "expected the path of a file, or {\"file\": …, \"cases\": …}")]
enum JunitForm {
    File(String),
    Counted { file: String, cases: NonZeroU32 },
}

impl From<JunitForm> for Junit {
    fn from(form: JunitForm) -> Self {
        match form {
            JunitForm::File(file) => Self { file, cases: None },
            JunitForm::Counted { file, cases } => Self { file, cases: Some(cases) },
        }
    }
}

impl From<Junit> for JunitForm {
    fn from(Junit { file, cases }: Junit) -> Self {
        match cases {
            None => Self::File(file),
            Some(cases) => Self::Counted { file, cases },
        }
    }
}

/// A file by the digest of its content, with its path in the working directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Relative path with `/` as separator and without `..`.
    pub path: String,
    /// SHA-256 of the content, in lower-case hexadecimal.
    pub sha256: String,
    pub size_bytes: u64,
    /// Whether the file is executable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// A file that a test takes from one of its dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Index of the other test in the run.
    pub test: u32,
    /// One of the `artifacts` of the other test.
    pub artifact: String,
    /// Path at which the file is placed, relative to the directory of the attempt.
    pub path: String,
}

/// The Python environment of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The Python of the worker.
    #[default]
    System,
    /// A virtual environment with these packages. Tests with equal packages share it.
    Packages(Packages),
}

/// The packages of a virtual environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// PEP 508 requirements.
    pub requirements: Vec<String>,
    /// Version constraint on Python, such as `>=3.10`; absent for any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Wheels that are installed in addition to the requirements. Their packages are not taken from an
    /// index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wheels: Vec<FileRef>,
}

impl Environment {
    #[must_use]
    pub fn is_system(&self) -> bool {
        *self == Self::System
    }

    /// The wheels that are needed to build the environment.
    #[must_use]
    pub fn wheels(&self) -> &[FileRef] {
        match self {
            Self::System => &[],
            Self::Packages(packages) => &packages.wheels,
        }
    }
}

/// Name and version of the distribution in a wheel, from its file name
/// (`click-8.1.7-py3-none-any.whl`). None if the file name is not that of a wheel.
#[must_use]
pub fn wheel_contents(path: &str) -> Option<(&str, &str)> {
    let file = path.rsplit('/').next()?.strip_suffix(".whl")?;
    let parts: Vec<&str> = file.split('-').collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+!".contains(c);
    let is_complete = parts.iter().all(|part| !part.is_empty() && part.chars().all(is_plain));
    match parts.as_slice() {
        [name, version, _, _, _] | [name, version, _, _, _, _] if is_complete => {
            Some((name, version))
        }
        _ => None,
    }
}

/// The way in which the interpreter of a script is started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// A new interpreter.
    #[default]
    Cold,
    /// A fork of an interpreter that has already imported the packages, if forking is safe.
    Warm,
}

impl Isolation {
    #[must_use]
    pub fn is_cold(&self) -> bool {
        *self == Self::Cold
    }
}

/// The reason why a launch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    #[error("the command is empty")]
    EmptyCommand,
    #[error("{what} has too many entries ({count}, maximum {MAX_LIST})")]
    TooMany { what: &'static str, count: usize },
    #[error("{path:?} is not a relative path inside the test's directory")]
    BadPath { path: String },
    #[error("{digest:?} is not a SHA-256 in lower-case hexadecimal")]
    BadDigest { digest: String },
    #[error("the script {0:?} is not among the test's files")]
    MissingScript(String),
    #[error("{0:?} is not the name of an environment variable")]
    BadVariable(String),
    #[error("{0:?} is not the file name of a wheel, such as name-1.0-py3-none-any.whl")]
    BadWheel(String),
    #[error("{0} contains a NUL character")]
    Nul(&'static str),
    /// The coordinator marks its repetitions with it.
    #[error("the label {CONFIRMS:?} is reserved for tests that the coordinator runs again")]
    ReservedLabel,
    #[error("the timeout is zero")]
    ZeroTimeout,
    #[error("the label {CHANGE_LIMITS:?}: {0}")]
    ChangeLimits(#[from] ParseLimitError),
    #[error("the weights of the test: {0}")]
    Weights(#[from] WeightsError),
}

impl Launch {
    /// Checks the rules that the types cannot express, for a test that somebody submits.
    ///
    /// # Errors
    /// The first rule that the launch breaks.
    pub fn check_submitted(&self) -> Result<(), LaunchError> {
        if self.labels.contains_key(CONFIRMS) {
            return Err(LaunchError::ReservedLabel);
        }
        self.check()
    }

    /// As [`Self::check_submitted`], also for a test that the coordinator runs again.
    ///
    /// # Errors
    /// The first rule that the launch breaks.
    pub fn check(&self) -> Result<(), LaunchError> {
        self.check_lengths()?;
        if self.timeout_ms == Millis(0) {
            return Err(LaunchError::ZeroTimeout);
        }
        if let Some(limits) = self.labels.get(CHANGE_LIMITS) {
            change_limits::parse(limits)?;
        }
        if let Some(weights) = &self.weights {
            weights.check()?;
        }
        for file in self.files.iter().chain(self.environment.wheels()) {
            check_path(&file.path)?;
            check_digest(&file.sha256)?;
        }
        if let Some(file) =
            self.environment.wheels().iter().find(|file| wheel_contents(&file.path).is_none())
        {
            return Err(LaunchError::BadWheel(file.path.clone()));
        }
        match &self.run {
            Program::Script(script) => {
                if !self.files.iter().any(|file| file.path == *script) {
                    return Err(LaunchError::MissingScript(script.clone()));
                }
            }
            Program::Command(words) => {
                if words.first().is_none_or(String::is_empty) {
                    return Err(LaunchError::EmptyCommand);
                }
                if words.iter().any(|word| word.contains('\0')) {
                    return Err(LaunchError::Nul("the command"));
                }
            }
        }
        let inputs = self.inputs.iter().flat_map(|input| [&input.artifact, &input.path]);
        let junit = self.junit.iter().map(|junit| &junit.file);
        let paths = junit.chain(&self.artifacts).chain(&self.directories).chain(inputs);
        for path in paths {
            check_path(path)?;
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(LaunchError::BadVariable(name.clone()));
            }
            if value.contains('\0') {
                return Err(LaunchError::Nul("an environment variable"));
            }
        }
        Ok(())
    }

    fn check_lengths(&self) -> Result<(), LaunchError> {
        let words = if let Program::Command(words) = &self.run { words.len() } else { 0 };
        let packages = match &self.environment {
            Environment::Packages(packages) => packages.requirements.len(),
            Environment::System => 0,
        };
        let lists = [
            ("the command", words),
            ("files", self.files.len()),
            ("directories", self.directories.len()),
            ("artifacts", self.artifacts.len()),
            ("inputs", self.inputs.len()),
            ("env", self.env.len()),
            ("labels", self.labels.len()),
            ("requirements", packages),
            ("wheels", self.environment.wheels().len()),
        ];
        match lists.into_iter().find(|(_, count)| *count > MAX_LIST) {
            Some((what, count)) => Err(LaunchError::TooMany { what, count }),
            None => Ok(()),
        }
    }
}

fn check_path(path: &str) -> Result<(), LaunchError> {
    let is_inside = !path.is_empty()
        && path.len() <= 1024
        && !path.contains(['\\', ':'])
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_inside { Ok(()) } else { Err(LaunchError::BadPath { path: path.to_owned() }) }
}

fn check_digest(digest: &str) -> Result<(), LaunchError> {
    if is_sha256_hex(digest) {
        Ok(())
    } else {
        Err(LaunchError::BadDigest { digest: digest.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Launch {
        let words: Vec<_> = words.iter().copied().map(String::from).collect();
        serde_json::from_value(serde_json::json!({ "run": { "command": words } }))
            .expect("a launch")
    }

    #[test]
    fn defaults_are_filled_in_and_left_out_again() {
        let launch = command(&["true"]);
        assert_eq!(launch.timeout_ms, Millis::from_secs(600));
        let text = serde_json::to_string(&launch).expect("json");
        assert_eq!(text, r#"{"run":{"command":["true"]},"timeout_ms":600000,"grace_ms":10000}"#);
    }

    #[test]
    fn a_junit_file_is_written_in_its_shortest_form() {
        let read = |text: &str| serde_json::from_str::<Junit>(text);
        for text in [r#""report.xml""#, r#"{"file":"report.xml","cases":60}"#] {
            let junit = read(text).expect(text);
            assert_eq!(junit.file, "report.xml");
            assert_eq!(serde_json::to_string(&junit).expect("json"), text);
        }
        let short = read(r#"{"file":"report.xml","cases":0}"#).expect_err("no case");
        assert!(short.to_string().contains("expected the path of a file"), "{short}");
        assert!(read(r#"{"file":"report.xml","cases":1,"case":1}"#).is_err());
        let mut launch = command(&["true"]);
        launch.junit = Some(Junit { file: "../report.xml".into(), cases: None });
        assert_eq!(launch.check(), Err(LaunchError::BadPath { path: "../report.xml".into() }));
    }

    #[test]
    fn a_launch_of_an_earlier_version_is_read_and_written_as_it_was() {
        let text = r#"{"path":"a","sha256":"0","size_bytes":1}"#;
        let file: FileRef = serde_json::from_str(text).expect("a file");
        assert!(!file.executable);
        assert_eq!(serde_json::to_string(&file).expect("json"), text);
    }

    #[test]
    fn a_reserved_label_is_refused() {
        let mut launch = command(&["true"]);
        launch.labels.insert(CONFIRMS.to_owned(), "r1.t0".to_owned());
        assert_eq!(launch.check_submitted(), Err(LaunchError::ReservedLabel));
        assert_eq!(launch.check(), Ok(()), "a worker runs it");
        launch.labels = [(CHANGE_LIMITS.to_owned(), "*=10".to_owned())].into();
        assert!(matches!(launch.check(), Err(LaunchError::ChangeLimits(_))));
        launch.labels = [(CHANGE_LIMITS.to_owned(), "*=10%".to_owned())].into();
        assert_eq!(launch.check(), Ok(()));
    }

    #[test]
    fn directories_outside_are_refused() {
        let mut launch = command(&["true"]);
        launch.directories = vec!["../x".into()];
        assert_eq!(launch.check(), Err(LaunchError::BadPath { path: "../x".into() }));
    }

    #[test]
    fn paths_outside_are_refused() {
        for path in ["../x", "/etc/passwd", "a//b", "a/./b", "", "c:\\x", "a\nb", "a/.."] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        assert_eq!(check_path("data/config.json"), Ok(()));
    }

    #[test]
    fn a_wheel_is_identified_by_its_file_name() {
        assert_eq!(wheel_contents("w/click-8.1.7-py3-none-any.whl"), Some(("click", "8.1.7")));
        let built = "x-1.0+cpu-1-cp311-cp311-linux_x86_64.whl";
        assert_eq!(wheel_contents(built), Some(("x", "1.0+cpu")));
        for odd in ["click.whl", "a-b-c-d.whl", "a--py3-none-any.whl", "a-1-py3-none-any.zip", "-r"]
        {
            assert_eq!(wheel_contents(odd), None, "{odd}");
        }
        let mut launch = command(&["true"]);
        let sha256 = "0".repeat(64);
        let file = FileRef { path: "x.zip".into(), sha256, size_bytes: 1, executable: false };
        let packages = Packages { wheels: vec![file], ..Packages::default() };
        launch.environment = Environment::Packages(packages);
        assert_eq!(launch.check(), Err(LaunchError::BadWheel("x.zip".into())));
    }

    #[test]
    fn a_script_must_be_among_the_files() {
        let mut launch = command(&["true"]);
        launch.run = Program::Script("test.py".into());
        assert_eq!(launch.check(), Err(LaunchError::MissingScript("test.py".into())));
    }
}
