//! Families: groups of models that one test template can test, and the tables that assign models
//! to them.
//!
//! The tables come from YAML: the built-in file, and files of users on top. Limits: names are
//! matched by at most [`MAX_PATTERNS`] patterns per file, each compiled with a size limit. Promise:
//! a table that loads names only known families.

use crate::assets;
use crate::text::depth;
use crate::text::node::shortened;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Maximum number of name patterns in one file.
pub const MAX_PATTERNS: usize = 200;

/// Maximum length of the name of a family or shared part, in bytes.
pub const MAX_NAME_BYTES: usize = 60;

/// Family and task of a model type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelType {
    pub family: String,
    pub task: String,
}

/// Title and tasks of a family.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyInfo {
    pub title: String,
    /// The first task is the default.
    pub tasks: Vec<String>,
}

/// Family and task of the architectures whose name ends in `suffix`.
#[derive(Debug, Clone, Deserialize)]
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

/// Content of a families file. Every section is optional.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FamiliesFile {
    schema: u32,
    #[serde(default)]
    families: BTreeMap<String, FamilyInfo>,
    #[serde(default)]
    model_types: BTreeMap<String, ModelType>,
    #[serde(default)]
    architectures: Vec<Architecture>,
    #[serde(default)]
    names: Vec<NamePattern>,
    #[serde(default)]
    unsupported: BTreeMap<String, String>,
}

/// The tables that assign models to families.
#[derive(Debug, Clone, Default)]
pub struct Families {
    pub families: BTreeMap<String, FamilyInfo>,
    pub model_types: BTreeMap<String, ModelType>,
    /// Model types by their [`relax`]ed spelling. Ambiguous spellings are omitted.
    pub relaxed: BTreeMap<String, String>,
    pub architectures: Vec<Architecture>,
    /// Name patterns and their families; the first match decides.
    pub names: Vec<(Regex, String)>,
    /// Model types that no template can test, with the reason.
    pub unsupported: BTreeMap<String, String>,
}

/// The built-in tables. A test checks that they load.
pub static FAMILY_TABLES: LazyLock<Families> =
    LazyLock::new(|| Families::load(assets::families()).unwrap_or_default());

/// Removes `-`, `_` and `.` and converts to lower case: `deberta-v2` becomes `debertav2`.
#[must_use]
pub fn relax(model_type: &str) -> String {
    model_type.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_lowercase()
}

impl Families {
    fn load(text: &str) -> Result<Self, String> {
        Self::default().merged(text)
    }

    /// These tables with a further file on top. Its entries override existing ones, its
    /// architectures and names are tried first, and a type that it maps becomes supported.
    ///
    /// # Errors
    /// Invalid YAML, an unknown schema or family, a type that is both mapped and unsupported, an
    /// invalid pattern, or more than [`MAX_PATTERNS`] patterns.
    pub fn merged(&self, text: &str) -> Result<Self, String> {
        if depth::too_deep(text).is_some() {
            return Err("the file is nested too deeply".into());
        }
        let file: FamiliesFile = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        check(&file)?;
        let mut merged = self.clone();
        merged.families.extend(file.families);
        for model_type in file.model_types.keys() {
            merged.unsupported.remove(model_type);
        }
        for model_type in file.unsupported.keys() {
            merged.model_types.remove(model_type);
        }
        merged.model_types.extend(file.model_types);
        merged.unsupported.extend(file.unsupported);
        merged.architectures.splice(0..0, file.architectures);
        let names = file.names.into_iter().map(pattern).collect::<Result<Vec<_>, String>>()?;
        merged.names.splice(0..0, names);
        merged.relaxed = relaxed(merged.model_types.keys());
        let named = merged.model_types.values().map(|kind| &kind.family);
        let named = named.chain(merged.architectures.iter().map(|entry| &entry.family));
        let mut named = named.chain(merged.names.iter().map(|(_, family)| family));
        match named.find(|family| !merged.families.contains_key(*family)) {
            Some(family) => Err(format!("unknown family {:?}", shortened(family))),
            None => Ok(merged),
        }
    }
}

/// Checks a file without the tables that it is merged into.
fn check(file: &FamiliesFile) -> Result<(), String> {
    if file.schema != 1 {
        return Err(format!("unknown schema {} of the families file, expected 1", file.schema));
    }
    for (name, about) in &file.families {
        check_name(name)?;
        if about.tasks.is_empty() {
            return Err(format!("the family {name} has no task"));
        }
    }
    if file.names.len() > MAX_PATTERNS {
        let count = file.names.len();
        return Err(format!("names has too many entries ({count}, maximum {MAX_PATTERNS})"));
    }
    match file.model_types.keys().find(|kind| file.unsupported.contains_key(*kind)) {
        Some(kind) => Err(format!("{:?} is both mapped and unsupported", shortened(kind))),
        None => Ok(()),
    }
}

/// Names of families and shared parts: a lower-case letter, then letters, digits and `_`.
///
/// # Errors
/// Any other name, in words.
pub fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
        && name.len() <= MAX_NAME_BYTES
    {
        return Ok(());
    }
    Err(format!(
        "{:?} is not a name of 1 to {MAX_NAME_BYTES} lower-case letters, digits and _",
        shortened(name)
    ))
}

fn relaxed<'a>(model_types: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let mut relaxed: BTreeMap<String, String> = BTreeMap::new();
    let mut ambiguous = BTreeSet::new();
    for model_type in model_types {
        let plain = relax(model_type);
        if relaxed.insert(plain.clone(), model_type.clone()).is_some() {
            ambiguous.insert(plain);
        }
    }
    relaxed.retain(|plain, _| !ambiguous.contains(plain));
    relaxed
}

fn pattern(entry: NamePattern) -> Result<(Regex, String), String> {
    let builder = RegexBuilder::new(&entry.pattern).unicode(false).size_limit(1 << 18).build();
    let regex = builder.map_err(|error| format!("invalid pattern in names: {error}"))?;
    Ok((regex, entry.family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_load() {
        let tables = Families::load(assets::families()).expect("tables");
        assert!(tables.model_types.len() > 500 && tables.unsupported.len() > 100);
        assert_eq!(tables.families.len(), 19);
    }

    #[test]
    fn broken_tables_are_refused() {
        assert!(Families::load("schema: 2").is_err());
        let unknown =
            assets::families().replacen("family: text_encoder", "family: text_enkoder", 1);
        assert_eq!(
            Families::load(&unknown).err().as_deref(),
            Some("unknown family \"text_enkoder\"")
        );
    }

    #[test]
    fn a_users_file_extends_and_overrides() {
        let built_in = Families::load(assets::families()).expect("tables");
        let merged = built_in.merged(
            "schema: 1
families: { radar: { title: Radar, tasks: [echo] } }
model_types:
  radar_net: { family: radar, task: echo }
  bert: { family: embedding, task: sentence-similarity }
  trocr: { family: radar, task: echo }
architectures: [{ suffix: ForMaskedLM, family: radar, task: echo }]
names: [{ pattern: bert, family: radar }]
unsupported: { gpt2: not here }
",
        );
        let merged = merged.expect("understood");
        assert_eq!(merged.families.len(), built_in.families.len() + 1);
        assert_eq!(merged.model_types["bert"].family, "embedding");
        assert_eq!(merged.model_types["roberta"].family, "text_encoder");
        assert_eq!(merged.relaxed["radarnet"], "radar_net");
        assert_eq!(merged.architectures[0].family, "radar");
        assert_eq!(merged.names[0].1, "radar");
        assert!(!merged.unsupported.contains_key("trocr"));
        assert!(
            !merged.model_types.contains_key("gpt2") && merged.unsupported["gpt2"] == "not here"
        );
    }

    #[test]
    fn broken_files_of_users_are_refused() {
        let refused = |text: &str| FAMILY_TABLES.merged(text).expect_err(text);
        for (text, expected) in [
            ("schema: 2", "unknown schema 2 of the families file, expected 1"),
            ("schema: 1\nmodel_types: {x: {family: radar, task: t}}", "unknown family \"radar\""),
            ("schema: 1\nfamilies: {radar: {title: t, tasks: []}}", "the family radar has no task"),
            (
                "schema: 1\nmodel_types: {x: {family: vlm, task: t}}\nunsupported: {x: no}",
                "\"x\" is both mapped and unsupported",
            ),
        ] {
            assert_eq!(refused(text), expected);
        }
        assert!(
            refused("schema: 1\nfamilies: {../x: {title: t, tasks: [t]}}").contains("not a name")
        );
        assert!(
            refused("schema: 1\nnames: [{pattern: '(', family: vlm}]").contains("invalid pattern")
        );
        assert!(
            refused("schema: 1\nnames: [{pattern: 'x{999}{999}', family: vlm}]")
                .contains("invalid pattern")
        );
        assert!(refused("schema: 1\nmodel_typos: {}").contains("unknown field"));
        assert!(refused(&"[".repeat(1000)).contains("nested"));
        assert!(refused("").contains("schema"));
    }
}
