//! Who asks, and what they may do: subjects, permissions, roles and principals.
//!
//! A [`Role`] is a value, a named bundle of permissions with a scope, so that settings can define
//! further roles without a change of the code that checks them. How a request proves who sent it
//! is not known here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// The name of a person or program that sends requests, as its credentials state it.
///
/// An empty name means that it is not known: logs that were written before facts carried a
/// subject have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(Box<str>);

impl Subject {
    /// Whether nothing is known about who asked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

impl Deref for Subject {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Subject {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0.into()
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::fact::Fact;

    #[test]
    fn facts_without_a_subject_still_read_and_write_the_same() {
        let old = r#"{"worker_draining":{"worker":"w1","epoch":7,"at":1000}}"#;
        let fact: Fact = serde_json::from_str(old).expect("an old fact");
        let Fact::WorkerDraining { by, .. } = &fact else { panic!("{fact:?}") };
        assert!(by.is_unknown());
        assert_eq!(serde_json::to_string(&fact).expect("JSON"), old);
        let new = old.replace(",\"at\"", ",\"by\":\"anna\",\"at\"");
        let fact: Fact = serde_json::from_str(&new).expect("a new fact");
        assert_eq!(serde_json::to_string(&fact).expect("JSON"), new);
    }
}
