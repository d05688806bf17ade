//! The specification of a test, as submitted.

use crate::domain::id::TestId;
use crate::domain::priority::Priority;
use crate::domain::requirement::Requirement;
use crate::domain::retry::Retries;
use crate::domain::time::Millis;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Maximum length of the name of a test or run, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// Maximum number of tests of one run.
pub const MAX_TESTS_PER_RUN: u32 = 2_000_000;
/// Maximum number of different requirements that are shared.
pub const MAX_SHARED: usize = 16_384;
/// Maximum number of dependencies of one test.
pub const MAX_DEPENDENCIES: usize = 10_000;

/// The specification of a test. The scheduler reads all fields except `launch`, the JSON text of a
/// [`crate::domain::launch::Launch`], which only the worker needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestSpec {
    /// Name of the test, unique within its run.
    pub name: Box<str>,
    #[serde(default)]
    pub requirement: Arc<Requirement>,
    #[serde(default)]
    pub priority: Priority,
    #[serde(default)]
    pub retries: Retries,
    /// Tests of the same run that must end before this one starts, by index.
    #[serde(default, skip_serializing_if = "<[u32]>::is_empty")]
    pub depends_on: Box<[u32]>,
    #[serde(default, skip_serializing_if = "OnFailure::is_skip")]
    pub on_failure: OnFailure,
    /// Expected duration; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<Millis>,
    /// Maximum waiting time, after which the test ends as `expired`; absent for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after_ms: Option<Millis>,
    pub launch: Box<RawValue>,
}

/// Shares equal requirements between tests, which have few different ones: parsed tests would have
/// one copy each, of at least 150 bytes.
///
/// Limit: [`MAX_SHARED`] requirements; further ones are not shared.
#[derive(Debug, Default)]
pub struct SharedRequirements {
    known: HashSet<Arc<Requirement>>,
    /// The requirement of the last test.
    last: Option<Arc<Requirement>>,
}

impl SharedRequirements {
    /// Shares the requirement of a test that is not shared itself.
    pub fn share(&mut self, test: &mut Arc<TestSpec>) {
        let Some(test) = Arc::get_mut(test) else { return };
        // Neighbours usually have the same requirement.
        if let Some(last) = self.last.as_ref().filter(|last| **last == test.requirement) {
            test.requirement = Arc::clone(last);
            return;
        }
        match self.known.get(&test.requirement) {
            Some(known) => test.requirement = Arc::clone(known),
            None if self.known.len() < MAX_SHARED => {
                self.known.insert(Arc::clone(&test.requirement));
            }
            None => return,
        }
        self.last = Some(Arc::clone(&test.requirement));
    }
}

/// Parses tests, which share equal requirements from the beginning.
///
/// # Errors
/// One of them is malformed.
pub fn parse_sharing<'de, D>(deserializer: D) -> Result<Vec<Arc<TestSpec>>, D::Error>
where
    D: Deserializer<'de>,
{
    struct Tests(SharedRequirements);

    impl<'de> Visitor<'de> for Tests {
        type Value = Vec<Arc<TestSpec>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut tests = Vec::new();
            while let Some(mut test) = list.next_element()? {
                self.0.share(&mut test);
                tests.push(test);
            }
            Ok(tests)
        }
    }

    deserializer.deserialize_seq(Tests(SharedRequirements::default()))
}

/// The effect on a test if one of its dependencies does not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    #[default]
    Skip,
    Run,
}

impl OnFailure {
    #[must_use]
    pub fn is_skip(&self) -> bool {
        *self == Self::Skip
    }
}

/// The phase of a test, as it is reported to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// At least one dependency is not done.
    Blocked,
    /// The test is ready but has no worker.
    Waiting,
    /// A worker holds the test.
    Leased,
    Done,
}

/// The reason why a test was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipCause {
    /// This dependency did not pass.
    Dependency(TestId),
    /// No present worker can run the test, and no other worker is expected. The text names what the
    /// nearest worker lacks.
    NoWorker(Box<str>),
}

impl fmt::Display for SkipCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipCause::Dependency(test) => write!(f, "its dependency {test} did not pass"),
            SkipCause::NoWorker(lack) => write!(f, "no worker can run it: {lack}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(cpu_milli: usize) -> Arc<TestSpec> {
        let json =
            format!(r#"{{"name":"t","requirement":{{"cpu_milli":{cpu_milli}}},"launch":{{}}}}"#);
        serde_json::from_str(&json).expect("a test")
    }

    #[test]
    fn equal_requirements_are_one_and_others_stay() {
        let mut tests: Vec<_> = [1, 2, 1, 1, 2, 1000].map(test).into();
        let before: Vec<_> = tests.iter().map(|test| test.requirement.cpu_milli).collect();
        let mut shared = SharedRequirements::default();
        for test in &mut tests {
            shared.share(test);
        }
        let after: Vec<_> = tests.iter().map(|test| test.requirement.cpu_milli).collect();
        assert_eq!(before, after);
        let same = |a: usize, b: usize| Arc::ptr_eq(&tests[a].requirement, &tests[b].requirement);
        assert!(same(0, 2) && same(0, 3) && same(1, 4) && !same(0, 1));
    }

    #[test]
    fn more_requirements_than_the_maximum_are_kept_apart() {
        let mut tests: Vec<_> = (0..MAX_SHARED + 2).map(test).collect();
        let mut shared = SharedRequirements::default();
        for test in &mut tests {
            shared.share(test);
        }
        assert!(tests.iter().zip(0u64..).all(|(test, cpu)| test.requirement.cpu_milli == cpu));
        assert_eq!(shared.known.len(), MAX_SHARED);
    }
}
