//! Pins the packages of tests that are written out in a plan, or that are the shards of a suite.

use crate::plan::entry::Entry;
use crate::plan::packages::{PACKAGES, Pins};
use crate::text::error::{FieldError, FieldErrors};

/// Maximum number of tests that a warning names.
const MAX_NAMED: usize = 3;

/// Pins packages in the environments that are built for tests. Returns a warning about the tests that
/// run in the environment of the worker, where nothing can be pinned.
///
/// # Errors
/// A pin contradicts a requirement, a wheel or a pin of a test.
pub fn pin(entries: &mut [Entry], pins: &Pins) -> Result<Option<String>, FieldError> {
    if pins.is_empty() {
        return Ok(None);
    }
    let mut errors = FieldErrors::default();
    let mut unpinned = Vec::new();
    for entry in entries {
        let settings = &mut entry.settings;
        let own = settings.labels.get(PACKAGES).map(|label| Pins::of_label(label));
        // Another label of this name is not a list of pins.
        let own = own.and_then(Result::ok).unwrap_or_default();
        let mut environment = settings.environment.clone().unwrap_or_default();
        if environment.is_system() {
            unpinned.push(entry.name.clone());
            continue;
        }
        let added = own.with(pins).and_then(|all| {
            // The requirements contain its own pins already.
            pins.without(&own).add_to(&mut environment, &settings.wheels).map(|()| all)
        });
        let path = entry.path.key("environment");
        if let Some(all) = errors.keep(added.map_err(|error| error.at(&path))) {
            settings.environment = Some(environment);
            all.label_in(&mut settings.labels);
        }
    }
    errors.end().map(|()| warning(&unpinned, pins))
}

fn warning(unpinned: &[String], pins: &Pins) -> Option<String> {
    let (first, rest) = unpinned.split_at_checked(MAX_NAMED).unwrap_or((unpinned, &[]));
    if first.is_empty() {
        return None;
    }
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    Some(format!(
        "{} is not pinned for {}{more}: the environment of the worker is used as it is",
        pins.label(),
        first.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::launch::{Environment, Packages};
    use crate::text::locate::Path;
    use crate::text::node::Node;

    fn entry(name: &str, requirements: &[&str]) -> Entry {
        let node = Node::Map(vec![
            ("name".into(), Node::Text(name.into())),
            ("cmd".into(), Node::List(vec![Node::Text("true".into())])),
        ]);
        let mut entry = Entry::read(&node, &Path::default().key("tests").index(0)).expect("entry");
        let requirements: Vec<String> = requirements.iter().map(|text| (*text).into()).collect();
        entry.settings.environment = (!requirements.is_empty())
            .then(|| Environment::Packages(Packages { requirements, ..Packages::default() }));
        entry
    }

    #[test]
    fn tests_with_a_built_environment_are_pinned_and_the_others_are_named() {
        let mut entries = [entry("a", &["six"]), entry("plain", &[])];
        let pins = Pins::parse(["six==1.17.0"]).expect("pins");
        let warning = pin(&mut entries, &pins).expect("fits").expect("a warning");
        assert!(warning.starts_with("six==1.17.0 is not pinned for plain:"), "{warning}");
        assert_eq!(entries[0].settings.labels[PACKAGES], "six==1.17.0");
        let Some(Environment::Packages(packages)) = &entries[0].settings.environment else {
            panic!("packages");
        };
        assert_eq!(packages.requirements, ["six", "six==1.17.0"]);
        // Pinned again, nothing changes; another version contradicts the first one.
        let before = entries.clone();
        pin(&mut entries, &pins).expect("fits");
        assert_eq!(entries, before);
        let other = Pins::parse(["six==1.16.0"]).expect("pins");
        let error = pin(&mut entries, &other).expect_err("twice");
        assert_eq!(error.path.to_string(), "tests[0].environment");
        assert!(error.message.contains("pinned twice"), "{}", error.message);
    }
}
