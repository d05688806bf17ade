//! The software of an attempt: the versions of Python and packages in the environment that it reported,
//! and the digest of them.
//!
//! Limits: [`MAX_PACKAGES`] packages, the first ones by name; names and versions have at most
//! [`MAX_TEXT_BYTES`]. Longer ones are left out. Promise: the digest does not depend on the order or on the
//! spelling of names.

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Maximum number of packages of an environment.
const MAX_PACKAGES: usize = 500;
/// Maximum length of a name or a version, in bytes.
const MAX_TEXT_BYTES: usize = 128;

/// Name of the field with the versions of packages.
const PACKAGES: &str = "packages";
/// Maximum number of environments in memory.
const MAX_KNOWN: usize = 64;

/// Versions by the normalised names of packages, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Software {
    pub id: u64,
    pub versions: BTreeMap<String, String>,
}

/// The fields of an environment that may name versions, by name. Their values are JSON.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

impl Software {
    /// The versions in the environment of an attempt, a JSON object: those of `packages`, and each other
    /// field with the form of a version (`"torch": "2.9.0"`). `None` if there are none.
    pub fn of(environment: &str) -> Option<Self> {
        Self::read(&fields(environment)?)
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let value = |json: &RawValue| serde_json::from_str::<Value>(json.get()).unwrap_or_default();
        let mut versions = BTreeMap::new();
        let mut add = |name: &str, version: &Value| {
            let Some(version) = version.as_str().filter(|text| is_version(text)) else { return };
            if (1..=MAX_TEXT_BYTES).contains(&name.len()) && !name.contains(char::is_control) {
                versions.insert(normalised(name), version.to_owned());
            }
        };
        for (name, json) in fields.iter().filter(|(name, _)| *name != PACKAGES) {
            add(name, &value(json));
        }
        // `packages` is more exact where both name a package.
        let packages = fields.get(PACKAGES).map(|json| value(json)).unwrap_or_default();
        for (name, version) in packages.as_object().into_iter().flatten() {
            add(name, version);
        }
        while versions.len() > MAX_PACKAGES {
            versions.pop_last();
        }
        (!versions.is_empty()).then(|| Self { id: digest(&versions), versions })
    }
}

/// The software of the environments of one transaction. The attempts of a worker report the same versions again and
/// again, beside readings that differ. Limit: [`MAX_KNOWN`] of them.
#[derive(Default)]
pub(in crate::store) struct Softwares(HashMap<String, Option<Software>>);

impl Softwares {
    /// As [`Software::of`].
    pub fn of(&mut self, environment: &str) -> Option<&Software> {
        let fields = fields(environment)?;
        let mut key = String::with_capacity(environment.len());
        for (name, json) in &fields {
            // With their lengths, texts that differ have keys that differ.
            for text in [name, json.get()] {
                key.push_str(&text.len().to_string());
                key.push('\n');
                key.push_str(text);
            }
        }
        if self.0.len() >= MAX_KNOWN && !self.0.contains_key(&key) {
            self.0.clear();
        }
        self.0.entry(key).or_insert_with(|| Software::read(&fields)).as_ref()
    }
}

/// The fields that may name versions. `None`: the text is not a JSON object.
fn fields(environment: &str) -> Option<Fields<'_>> {
    let mut fields: Fields<'_> = serde_json::from_str(environment).ok()?;
    fields.retain(|name, json| {
        let text = json.get().strip_prefix('"');
        let may_be_version =
            |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '\\');
        name == PACKAGES || text.is_some_and(may_be_version)
    });
    Some(fields)
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
    use serde_json::Map;

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
    fn the_software_of_a_known_environment_is_the_same() {
        let environment = |free: u64, torch: &str| {
            format!(r#"{{"free": {free}, "python": "3.12.3", "packages": {{"torch": "{torch}"}}}}"#)
        };
        let mut known = Softwares::default();
        let texts = [
            environment(1, "2.9.0"),
            environment(2, "2.9.0"),
            environment(2, "2.9.1"),
            environment(1, "2.9.0"),
            r#"{"python": "\u0033.12.3"}"#.to_owned(),
            "{}".to_owned(),
            "7".to_owned(),
        ];
        for text in &texts {
            assert_eq!(known.of(text), Software::of(text).as_ref(), "{text}");
        }
        assert_eq!(known.0.len(), 4, "the free memory does not count");
        for number in 0..2 * MAX_KNOWN {
            let text = environment(1, &format!("2.{number}.0"));
            assert_eq!(known.of(&text), Software::of(&text).as_ref());
            assert!(known.0.len() <= MAX_KNOWN);
        }
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
