//! The weights of a test in the lists of `--dry-run`.

use crate::domain::test::TestSpec;
use crate::domain::weights::{Weights, short_identity};
use crate::results::render::{csv_field, figures, words};
use serde::{Deserialize, Serialize};

/// Maximum number of characters of a path or identity in a table.
const MAX_CHARS: usize = 120;

/// The weights of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedWeights {
    /// Their source, as reports show it: `folder`, `hub`, `cache`, `path`, `url` or `random`.
    pub kind: &'static str,
    /// Digest or commit, or the place if only a worker knows what is there. Absent for random weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Absent if it is unknown before the files are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// The part of a launch that is read.
#[derive(Deserialize)]
struct Part {
    weights: Option<Weights>,
}

impl ListedWeights {
    /// The weights of a test; `None` if it has none, as a command.
    pub fn of(test: &TestSpec) -> Option<Self> {
        let weights = serde_json::from_str::<Part>(test.launch.get()).ok()?.weights?;
        let place = match &weights {
            Weights::Path { path } => Some(path.clone()),
            Weights::Cache { model, revision, .. } => {
                let revision =
                    revision.as_ref().map_or_else(String::new, |text| format!("@{text}"));
                Some(format!("{model}{revision}"))
            }
            _ => None,
        };
        let key = weights.key().map(|key| key.as_str().to_owned());
        Some(Self { kind: weights.kind(), id: key.or(place), size_bytes: weights.size_bytes() })
    }

    /// Kind, identity and size in bytes as fields of CSV.
    pub fn fields(weights: Option<&Self>) -> [String; 3] {
        let Some(Self { kind, id, size_bytes }) = weights else { return Default::default() };
        let size = size_bytes.map(|bytes| bytes.to_string());
        [(*kind).to_owned(), csv_field(id.as_deref().unwrap_or_default()), size.unwrap_or_default()]
    }

    /// One line for people, such as `hub @607a30d 548 MB`.
    pub fn text(&self) -> String {
        let id = self.id.as_deref().map(|id| words::plain(&short_identity(id), MAX_CHARS));
        let size = self.size_bytes.map(|bytes| figures::bytes(bytes as f64));
        let parts = [Some(self.kind.to_owned()), id, size];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(weights: &str) -> Option<ListedWeights> {
        let launch = format!(r#"{{"name":"a","launch":{{"run":{{"script":"a.py"}}{weights}}}}}"#);
        ListedWeights::of(&serde_json::from_str(&launch).expect("a test"))
    }

    #[test]
    fn each_source_is_listed_with_what_is_known_of_it() {
        let digest = "2d2e1e6".to_owned() + &"0".repeat(57);
        let commit = "607a30d".to_owned() + &"0".repeat(33);
        let cases = [
            (r#","weights":{"source":"random"}"#.to_owned(), "random"),
            (
                format!(
                    r#","weights":{{"source":"folder","manifest":"{digest}","size_bytes":1048576,"path":"/m"}}"#
                ),
                "folder sha256:2d2e1e6 1.00 MiB",
            ),
            (
                format!(r#","weights":{{"source":"hub","model":"gpt2","commit":"{commit}"}}"#),
                "hub @607a30d",
            ),
            (r#","weights":{"source":"cache","model":"gpt2"}"#.to_owned(), "cache gpt2"),
            (r#","weights":{"source":"path","path":"/models/x"}"#.to_owned(), "path /models/x"),
        ];
        for (weights, expected) in cases {
            assert_eq!(listed(&weights).expect("weights").text(), expected);
        }
        assert_eq!(listed(""), None);
    }
}
