//! Names that differ: of models with one last name, and of the files of generated tests.

use crate::domain::launch::Program;
use crate::plan::entry::Entry;
use crate::plan::files::hexadecimal;
use crate::plan::models::ModelEntry;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// Longest part of a file's name that is made from the name of a test. Many file systems take
/// 255 bytes in all.
const MAX_STEM: usize = 150;
/// What is kept of both ends where a name is cut: the model, and back-end and shape.
const HEAD: usize = 90;
const TAIL: usize = 50;

/// For each path, which is given by its parts, the shortest end that no other one has. Paths
/// that are equal keep equal names.
#[must_use]
pub fn shortest_ends(paths: &[Vec<&str>]) -> Vec<String> {
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

/// Gives local models that have the same name names with so much of their paths that they
/// differ. A name that was given stays.
pub(super) fn tell_apart(models: &mut [ModelEntry]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for model in &*models {
        *count.entry(model.prefix.clone()).or_default() += 1;
    }
    let shared = |model: &ModelEntry| !model.is_named && count[&model.prefix] > 1;
    let places: Vec<String> = models.iter().map(|model| model.model.clone()).collect();
    let parts: Vec<Vec<&str>> =
        places.iter().map(|place| place.trim_start_matches("./").split('/').collect()).collect();
    let ends = shortest_ends(&parts);
    for (model, end) in models.iter_mut().zip(ends) {
        if model.model.starts_with("./") && shared(model) {
            model.prefix = end;
        }
    }
}

/// The file of a generated test: a name that every file system and Python accept.
#[must_use]
pub fn script_name(test: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let stem: String = test.chars().map(plain).collect();
    // Only one byte for each character is left.
    if stem.len() <= MAX_STEM {
        return format!("test_{stem}.py");
    }
    let (head, tail) = (&stem[..HEAD], &stem[stem.len() - TAIL..]);
    format!("test_{head}_{}_{tail}.py", digest(test))
}

/// Names of tests may differ where names of files do not: those get a digest of the name.
pub(super) fn tell_scripts_apart<'a>(entries: impl Iterator<Item = &'a mut Entry>) {
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

/// Eight digits that stand for a name.
fn digest(name: &str) -> String {
    hexadecimal(&Sha256::digest(name.as_bytes())[..4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_as_short_as_they_can_be() {
        let paths = ["a/model", "c/model", "x/c/other", "model"];
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| path.split('/').collect()).collect();
        assert_eq!(shortest_ends(&paths), ["a/model", "c/model", "other", "model"]);
        let same = vec![vec!["a", "m"], vec!["a", "m"]];
        assert_eq!(shortest_ends(&same), ["m", "m"]);
    }

    #[test]
    fn file_names_show_what_is_tested_and_fit() {
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
        fn ends_differ_where_paths_do(
            paths in proptest::collection::vec(proptest::collection::vec("[ab]", 1..4), 1..6),
        ) {
            let paths: Vec<Vec<&str>> =
                paths.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
            let ends = shortest_ends(&paths);
            for (one, end) in paths.iter().zip(&ends) {
                for (other, another) in paths.iter().zip(&ends) {
                    prop_assert_eq!(one == other, end == another, "{:?} {:?}", one, other);
                }
            }
        }

        #[test]
        fn names_of_files_are_plain_and_short(test in any::<String>(), more in "[a-z/]{0,300}") {
            let name = script_name(&format!("{test}{more}"));
            prop_assert!(name.len() <= 200);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)));
        }
    }
}
