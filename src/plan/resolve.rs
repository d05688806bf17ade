//! Resolves the names of tests: each name is unique, dependencies exist and have no cycle, and
//! files are taken from tests that hand them on.

use crate::domain::launch::Input;
use crate::plan::dependency::{self, Names};
use crate::plan::entry::Entry;
use crate::text::error::{FieldError, FieldErrors};
use std::collections::HashMap;

/// Maximum number of tests that the message about a cycle shows.
const MAX_SHOWN: usize = 20;

/// Whether every name is unique. Names that occur twice are errors.
fn check_unique(entries: &[Entry], errors: &mut FieldErrors) -> bool {
    let mut unique = true;
    let mut seen: HashMap<&str, &Entry> = HashMap::with_capacity(entries.len());
    for entry in entries {
        if let Some(first) = seen.insert(&entry.name, entry) {
            unique = false;
            let error = FieldError::new(
                &entry.path.key("name"),
                format!("the name {:?} is already used by {}", entry.name, first.path),
            );
            errors.note(error.hint(if entry.generated.is_some() {
                "give one of the models another name, in a plan with name:"
            } else {
                "names are unique within a plan"
            }));
        }
    }
    unique
}

/// For each test, the positions of its dependencies, and the files that it takes from them.
pub(super) type Resolved = (Vec<Box<[u32]>>, Vec<Vec<Input>>);

/// Resolves the names of tests in `depends_on` and `inputs`. If a name is used twice, does not
/// exist or is part of a cycle, the errors are noted.
pub(super) fn resolve(entries: &[Entry], errors: &mut FieldErrors) -> Resolved {
    let none = || (vec![Box::default(); entries.len()], vec![Vec::new(); entries.len()]);
    if !check_unique(entries, errors) {
        return none();
    }
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut lookup = Names::new(&names);
    let mut all = Vec::with_capacity(entries.len());
    let mut inputs = Vec::with_capacity(entries.len());
    for (own, entry) in entries.iter().enumerate() {
        let named = lookup.resolve(own, &entry.depends_on);
        let named = named.map_err(|error| error.at(&entry.path.key("depends_on")));
        let mut needed = errors.keep(named).unwrap_or_default().into_vec();
        let taken = errors.keep(take_files(own, entries, &mut lookup)).unwrap_or_default();
        needed.extend(taken.iter().map(|input| input.test));
        needed.sort_unstable();
        needed.dedup();
        all.push(needed.into_boxed_slice());
        inputs.push(taken);
        if errors.full() {
            return none();
        }
    }
    let edges: Vec<&[u32]> = all.iter().map(|list| &**list).collect();
    let Some(cycle) = dependency::cycle(&edges) else { return (all, inputs) };
    let name = |at: &usize| names.get(*at).copied().unwrap_or_default();
    let mut shown: Vec<&str> = cycle.iter().take(MAX_SHOWN).map(name).collect();
    if cycle.len() > shown.len() {
        shown.push("…");
    }
    shown.extend(cycle.first().map(name));
    let path = cycle.first().and_then(|at| entries.get(*at)).map(|entry| entry.path.clone());
    let message = format!("dependencies form a cycle: {}", shown.join(" → "));
    errors.note(FieldError::new(&path.unwrap_or_default().key("depends_on"), message));
    none()
}

/// The files that a test takes from its dependencies.
fn take_files(own: usize, entries: &[Entry], lookup: &mut Names) -> Result<Vec<Input>, FieldError> {
    let Some(entry) = entries.get(own) else { return Ok(Vec::new()) };
    let mut inputs = Vec::with_capacity(entry.inputs.len());
    for (at, taken) in entry.inputs.iter().enumerate() {
        let path = entry.path.key("inputs").index(at);
        let positions = lookup.resolve(own, std::slice::from_ref(&taken.test));
        let positions = positions.map_err(|error| error.at(&path.key("test")))?;
        let [test] = *positions else {
            return Err(FieldError::new(
                &path.key("test"),
                "the pattern matches several tests; name one test",
            ));
        };
        let from = usize::try_from(test).ok().and_then(|test| entries.get(test));
        if from.is_none_or(|from| !from.artifacts.contains(&taken.file)) {
            let message = format!("{:?} has no artifact {:?}", taken.test, taken.file);
            let error = FieldError::new(&path.key("file"), message);
            return Err(error.hint("add the file to the artifacts of that test"));
        }
        inputs.push(Input { test, artifact: taken.file.clone(), path: taken.file.clone() });
    }
    Ok(inputs)
}
