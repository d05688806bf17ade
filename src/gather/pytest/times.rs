//! Measured times of the items of a suite, from a JUnit file or from the file of pytest-split.

use crate::gather::GatherError;
use crate::gather::pytest::ask::read_capped;
use crate::plan::pytest::suite::Item;
use crate::results::junit::times::times;
use std::collections::HashMap;
use std::path::Path;

/// File in which pytest-split stores times, in the root directory.
const DURATIONS: &str = ".test_durations";

/// Reads the seconds of each item.
pub fn known(
    named: Option<&Path>,
    root: &Path,
    items: &[Item],
) -> Result<HashMap<String, f64>, GatherError> {
    let kept = root.join(DURATIONS);
    let Some(path) = named.or_else(|| kept.is_file().then_some(kept.as_path())) else {
        return Ok(HashMap::new());
    };
    let refuse = |reason: String| {
        GatherError::usage(format!("cannot read durations from {}: {reason}", path.display()))
            .hint("give a JUnit file (.xml) or the .test_durations of pytest-split")
    };
    let text = read_capped(path).map_err(refuse)?;
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("xml")) {
        return serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()));
    }
    let cases = times(&text).map_err(refuse)?;
    let mut by_case: HashMap<(String, String), f64> = HashMap::new();
    for case in cases {
        *by_case.entry((case.class, case.name)).or_default() += case.seconds;
    }
    let known = |item: &Item| Some((item.id.clone(), *by_case.get(&case_of(&item.id))?));
    Ok(items.iter().filter_map(known).collect())
}

/// How pytest writes an item into a JUnit file: `tests/test_x.py::TestIt::test_that[1]` is
/// the case `test_that[1]` of the class `tests.test_x.TestIt`.
fn case_of(id: &str) -> (String, String) {
    // Brackets may contain any text, including `::`.
    let (plain, parameters) = id.split_at(id.find('[').unwrap_or(id.len()));
    let mut parts: Vec<&str> = plain.split("::").collect();
    let name = parts.pop().unwrap_or_default();
    let file = parts.first().copied().unwrap_or_default();
    let module = file.strip_suffix(".py").unwrap_or(file).replace('/', ".");
    let classes = parts.iter().skip(1).map(|class| format!(".{class}"));
    (classes.fold(module, |all, class| all + &class), format!("{name}{parameters}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_again_in_a_junit_file() {
        let pair = |class: &str, name: &str| (class.to_owned(), name.to_owned());
        assert_eq!(case_of("tests/test_x.py::test_a"), pair("tests.test_x", "test_a"));
        assert_eq!(
            case_of("tests/deep/test_x.py::TestIt::test_that[a::b/c]"),
            pair("tests.deep.test_x.TestIt", "test_that[a::b/c]")
        );
    }
}
