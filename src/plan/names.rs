//! Makes names unique: those of models with the same last name, and those of the files of generated
//! tests.

use crate::domain::digest::hexadecimal;
use crate::domain::launch::Program;
use crate::plan::entry::Entry;
use crate::plan::model_entry::ModelEntry;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// Maximum length of the part of a file name that is made from the name of a test. Many file
/// systems allow 255 bytes in total.
const MAX_STEM: usize = 150;
/// Lengths of the kept start (the model) and end (back-end and shape) of a longer name.
const HEAD: usize = 90;
const TAIL: usize = 50;

/// The shortest suffix of each path that no other path has. Paths are given by their parts. Equal
/// paths keep equal names.
#[must_use]
pub fn shortest_unique_suffixes(paths: &[Vec<&str>]) -> Vec<String> {
    let end = |parts: &[&str], length: usize| parts[parts.len().saturating_sub(length)..].join("/");
    let own_end = |own: &Vec<&str>| {
        let others: Vec<&Vec<&str>> = paths.iter().filter(|other| *other != own).collect();
        let unique = |length: &usize| {
            let name = end(own, *length);
            others.iter().all(|other| end(other, *length) != name)
        };
        end(own, (1..=own.len()).find(unique).unwrap_or(own.len()))
    };
    paths.iter().map(own_end).collect()
}

/// Extends equal names of local models by parts of their paths until they differ. A name that the
/// plan specifies is unchanged.
pub(super) fn make_prefixes_unique(models: &mut [ModelEntry]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for model in &*models {
        *count.entry(model.prefix.clone()).or_default() += 1;
    }
    let shared = |model: &ModelEntry| !model.is_named && count[&model.prefix] > 1;
    let places: Vec<String> = models.iter().map(|model| model.model.clone()).collect();
    let parts: Vec<Vec<&str>> =
        places.iter().map(|place| place.trim_start_matches("./").split('/').collect()).collect();
    let ends = shortest_unique_suffixes(&parts);
    for (model, end) in models.iter_mut().zip(ends) {
        if model.model.starts_with("./") && shared(model) {
            model.prefix = end;
        }
    }
}

/// File name of a generated test: a name that every file system and Python accept.
#[must_use]
pub fn script_name(test: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let stem: String = test.chars().map(plain).collect();
    // Each character of the stem is one byte.
    if stem.len() <= MAX_STEM {
        return format!("test_{stem}.py");
    }
    let (head, tail) = (&stem[..HEAD], &stem[stem.len() - TAIL..]);
    format!("test_{head}_{}_{tail}.py", digest(test))
}

/// Adds a digest of the test name to equal file names: names of tests can differ in characters that
/// file names do not keep.
pub(super) fn make_script_names_unique<'a>(entries: impl Iterator<Item = &'a mut Entry>) {
    let mut entries: Vec<&mut Entry> = entries.collect();
    let mut seen = HashSet::new();
    let shared: HashSet<String> = entries
        .iter()
        .filter_map(|entry| generated(entry))
        .filter(|script| !seen.insert((*script).to_owned()))
        .map(str::to_owned)
        .collect();
    for entry in &mut entries {
        let Some(script) = generated(entry).filter(|script| shared.contains(*script)) else {
            continue;
        };
        let stem = script.trim_end_matches(".py");
        entry.program = Program::Script(format!("{stem}_{}.py", digest(&entry.name)));
    }
}

fn generated(entry: &Entry) -> Option<&str> {
    match (&entry.program, &entry.generated) {
        (Program::Script(script), Some(_)) => Some(script),
        _ => None,
    }
}

/// Eight hexadecimal digits that represent a name.
fn digest(name: &str) -> String {
    hexadecimal(&Sha256::digest(name.as_bytes())[..4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn suffixes_are_as_short_as_possible() {
        let paths = ["a/model", "c/model", "x/c/other", "model"];
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| path.split('/').collect()).collect();
        assert_eq!(shortest_unique_suffixes(&paths), ["a/model", "c/model", "other", "model"]);
        let same = vec![vec!["a", "m"], vec!["a", "m"]];
        assert_eq!(shortest_unique_suffixes(&same), ["m", "m"]);
    }

    #[test]
    fn file_names_show_model_and_shape_and_are_limited() {
        assert_eq!(script_name("Bert-base/cpu/b1-fp32"), "test_bert_base_cpu_b1_fp32.py");
        let long = |shape: &str| script_name(&format!("{}/cpu/{shape}", "m".repeat(139)));
        let (one, other) = (long("b1-s128-fp32"), long("b8-s128-fp32"));
        assert_ne!(one, other);
        assert!(one.ends_with("_cpu_b1_s128_fp32.py") && one.starts_with("test_mmm"), "{one}");
        assert_eq!(one, long("b1-s128-fp32"), "stable");
        let wide = script_name(&"模".repeat(170));
        assert!(wide.len() < 200, "{wide}");
    }

    proptest! {
        #[test]
        fn suffixes_differ_if_paths_differ(
            paths in proptest::collection::vec(proptest::collection::vec("[ab]", 1..4), 1..6),
        ) {
            let paths: Vec<Vec<&str>> =
                paths.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
            let ends = shortest_unique_suffixes(&paths);
            for (one, end) in paths.iter().zip(&ends) {
                for (other, another) in paths.iter().zip(&ends) {
                    prop_assert_eq!(one == other, end == another, "{:?} {:?}", one, other);
                }
            }
        }

        #[test]
        fn file_names_are_plain_and_short(test in any::<String>(), more in "[a-z/]{0,300}") {
            let name = script_name(&format!("{test}{more}"));
            prop_assert!(name.len() <= 200);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)));
        }
    }
}
