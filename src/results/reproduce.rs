//! How a result is reproduced: the command, and the versions of the packages that it was computed with.

use crate::domain::id::TestId;
use crate::domain::outcome::Outcome;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Maximum number of packages that are listed.
const MAX_PACKAGES: usize = 64;
/// Fact of the environment that only scripts which dtf generated report.
const WRITTEN_BY: &str = "written_by";

/// The command that runs a test again where it failed, on the same weights. `None` for tests that did not
/// fail, and for programs that dtf did not generate.
#[must_use]
pub fn command(
    test: TestId,
    outcome: Option<Outcome>,
    environment: &Map<String, Value>,
) -> Option<String> {
    let is_shown = outcome == Some(Outcome::Failed) && environment.contains_key(WRITTEN_BY);
    is_shown.then(|| format!("dtf debug {test}"))
}

/// The versions of the required packages, as the attempt reported them.
#[must_use]
pub fn packages(environment: &Map<String, Value>) -> BTreeMap<String, String> {
    let reported = environment.get("packages").and_then(Value::as_object);
    let versions = reported.into_iter().flatten().filter_map(|(name, version)| {
        let version = version.as_str()?;
        Some((name.clone(), version.to_owned()))
    });
    versions.take(MAX_PACKAGES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;
    use serde_json::json;

    #[test]
    fn a_failed_script_names_its_command_and_its_versions() {
        let test = TestId { run: RunId(1), index: 3 };
        let facts =
            json!({"written_by": {"dtf": "0.1.0"}, "packages": {"torch": "2.15.0+cpu", "x": 3}});
        let facts = facts.as_object().expect("an object");
        let command = |outcome, facts: &Map<_, _>| command(test, outcome, facts);
        assert_eq!(command(Some(Outcome::Failed), facts).as_deref(), Some("dtf debug r1.t3"));
        assert_eq!(command(Some(Outcome::Passed), facts), None);
        assert_eq!(command(None, facts), None);
        assert_eq!(command(Some(Outcome::Failed), &Map::new()), None);
        assert_eq!(packages(facts), [("torch".to_owned(), "2.15.0+cpu".to_owned())].into());
        assert!(packages(&Map::new()).is_empty());
    }
}
