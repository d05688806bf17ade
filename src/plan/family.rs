//! Families: kinds of models that one test template can drive, as data.

use crate::plan::embedded;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a table entry says about a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub family: String,
    pub task: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    pub title: String,
    /// The first is the usual one.
    pub tasks: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    pub suffix: String,
    pub family: String,
    pub task: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamePattern {
    pattern: String,
    family: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    families: BTreeMap<String, About>,
    model_types: BTreeMap<String, Kind>,
    architectures: Vec<Architecture>,
    names: Vec<NamePattern>,
    unsupported: BTreeMap<String, String>,
}

/// The tables by which a family is found.
#[derive(Debug)]
pub struct Families {
    pub families: BTreeMap<String, About>,
    pub model_types: BTreeMap<String, Kind>,
    /// `model_types` with `-`, `_` and `.` removed; spellings that then collide are left out.
    pub relaxed: BTreeMap<String, String>,
    pub architectures: Vec<Architecture>,
    /// Weakest evidence, in order.
    pub names: Vec<(Regex, String)>,
    /// Types that no template can drive, and why.
    pub unsupported: BTreeMap<String, String>,
}

/// The tables in the binary. Their text is checked by a test, so that they always load.
pub static FAMILY_TABLES: LazyLock<Families> =
    LazyLock::new(|| Families::load(embedded::families()).unwrap_or_else(|_| Families::empty()));

/// `deberta-v2` as `debertav2`.
#[must_use]
pub fn relax(model_type: &str) -> String {
    model_type.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_lowercase()
}

impl Families {
    fn empty() -> Self {
        Self {
            families: BTreeMap::new(),
            model_types: BTreeMap::new(),
            relaxed: BTreeMap::new(),
            architectures: Vec::new(),
            names: Vec::new(),
            unsupported: BTreeMap::new(),
        }
    }

    /// # Errors
    /// Broken YAML, an unknown schema or family, or a pattern that is none.
    fn load(text: &str) -> Result<Self, String> {
        let file: File = serde_yaml::from_str(text).map_err(|problem| problem.to_string())?;
        if file.schema != 1 {
            return Err(format!("schema {} of the families is unknown", file.schema));
        }
        let known = |family: &String| file.families.contains_key(family);
        let named = file.model_types.values().map(|kind| &kind.family);
        let named = named.chain(file.architectures.iter().map(|entry| &entry.family));
        let mut named = named.chain(file.names.iter().map(|entry| &entry.family));
        if let Some(family) = named.find(|family| !known(family)) {
            return Err(format!("{family:?} is not a family"));
        }
        let mut relaxed: BTreeMap<String, String> = BTreeMap::new();
        let mut ambiguous = Vec::new();
        for model_type in file.model_types.keys() {
            let plain = relax(model_type);
            if relaxed.insert(plain.clone(), model_type.clone()).is_some() {
                ambiguous.push(plain);
            }
        }
        relaxed.retain(|plain, _| !ambiguous.contains(plain));
        let pattern = |entry: NamePattern| {
            let regex =
                RegexBuilder::new(&entry.pattern).unicode(false).size_limit(1 << 20).build();
            regex.map(|regex| (regex, entry.family)).map_err(|problem| problem.to_string())
        };
        let names = file.names.into_iter().map(pattern).collect::<Result<_, String>>()?;
        Ok(Self {
            families: file.families,
            model_types: file.model_types,
            relaxed,
            architectures: file.architectures,
            names,
            unsupported: file.unsupported,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_load() {
        let tables = Families::load(embedded::families()).expect("tables");
        assert!(tables.model_types.len() > 500 && tables.unsupported.len() > 100);
        assert_eq!(tables.families.len(), 19);
    }

    #[test]
    fn broken_tables_are_refused() {
        assert!(Families::load("schema: 2").is_err());
        let unknown =
            embedded::families().replacen("family: text_encoder", "family: text_enkoder", 1);
        assert_eq!(
            Families::load(&unknown).err().as_deref(),
            Some("\"text_enkoder\" is not a family")
        );
    }
}
