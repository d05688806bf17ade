//! The software of an attempt: the versions of Python and packages in the environment that it reported,
//! and the digest of them.
//!
//! Limits: [`MAX_PACKAGES`] packages, the first ones by name; names and versions have at most
//! [`MAX_TEXT_BYTES`]. Longer ones are left out. Promise: the digest does not depend on the order or on the
//! spelling of names.

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Maximum number of packages of an environment.
const MAX_PACKAGES: usize = 500;
/// Maximum length of a name or a version, in bytes.
const MAX_TEXT_BYTES: usize = 128;

/// Versions by the normalised names of packages, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Software {
    pub id: u64,
    pub versions: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reported {
    packages: Value,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Software {
    /// The versions in the environment of an attempt, a JSON object: those of `packages`, and each other
    /// field with the form of a version (`"torch": "2.9.0"`). `None` if there are none.
    pub fn of(environment: &str) -> Option<Self> {
        let reported: Reported = serde_json::from_str(environment).ok()?;
        let packages = reported.packages.as_object().into_iter().flatten();
        // `packages` is more exact where both name a package.
        let all = reported.others.iter().chain(packages);
        let mut versions = BTreeMap::new();
        for (name, version) in all {
            let Some(version) = version.as_str().filter(|text| is_version(text)) else { continue };
            if (1..=MAX_TEXT_BYTES).contains(&name.len()) && !name.contains(char::is_control) {
                versions.insert(normalised(name), version.to_owned());
            }
        }
        while versions.len() > MAX_PACKAGES {
            versions.pop_last();
        }
        (!versions.is_empty()).then(|| Self { id: digest(&versions), versions })
    }
}

/// Whether a text has the form of a version: a digit, then at least one dot, without blanks.
fn is_version(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".+-_!".contains(c);
    text.len() <= MAX_TEXT_BYTES
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains('.')
        && text.chars().all(plain)
}

/// The name as package indexes compare it: lower case, with `-` for each run of `-`, `_` and `.`.
fn normalised(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if plain.ends_with('-') => {}
            '-' | '_' | '.' => plain.push('-'),
            c => plain.extend(c.to_lowercase()),
        }
    }
    plain
}

fn digest(versions: &BTreeMap<String, String>) -> u64 {
    let mut hash = Sha256::new();
    for (name, version) in versions {
        // Neither of them contains a line break.
        hash.update(format!("{name}\t{version}\n"));
    }
    hash.finalize().iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(environment: &str) -> Vec<(String, String)> {
        Software::of(environment).into_iter().flat_map(|software| software.versions).collect()
    }

    #[test]
    fn versions_are_told_from_other_facts() {
        let reported = r#"{"python": "3.12.3", "torch": "2.9.0+cpu", "platform": "Linux-6.8 x",
            "threads": 2, "device": "NVIDIA L4", "memory_bytes": 7, "pins": {"a": "1.2"},
            "packages": {"Torch": "2.9.0", "huggingface_hub": "1.0.0rc1", "bad": 7}}"#;
        let expected = [("huggingface-hub", "1.0.0rc1"), ("python", "3.12.3"), ("torch", "2.9.0")];
        assert_eq!(versions(reported), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        for none in ["", "7", "{}", r#"{"packages": [1]}"#, r#"{"a": "1.2 beta", "b": "12"}"#] {
            assert_eq!(Software::of(none), None, "{none}");
        }
    }

    #[test]
    fn the_digest_depends_on_versions_alone() {
        let id = |environment: &str| Software::of(environment).map(|software| software.id);
        let same = id(r#"{"packages": {"a_b": "1.0", "c": "2.0"}, "threads": 1}"#);
        assert_eq!(id(r#"{"threads": 9, "c": "2.0", "A.B": "1.0"}"#), same);
        assert_ne!(id(r#"{"packages": {"a_b": "1.0", "c": "2.0.1"}}"#), same);
    }

    #[test]
    fn an_environment_has_limits() {
        let many: Map<String, Value> =
            (0..2000).map(|n| (format!("p{n:04}"), Value::from("1.0"))).collect();
        let software = Software::of(&Value::Object(many).to_string()).expect("versions");
        assert_eq!(software.versions.len(), MAX_PACKAGES);
        let long = "9.".repeat(MAX_TEXT_BYTES);
        assert_eq!(Software::of(&format!(r#"{{"a": "{long}"}}"#)), None);
    }
}
