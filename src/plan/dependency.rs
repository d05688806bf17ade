//! Finds the positions of dependencies by name, and cycles of dependencies.

use crate::domain::test::MAX_DEPENDENCIES;
use crate::text::error::ValueError;
use crate::text::glob;
use crate::text::suggest::nearest;
use std::collections::HashMap;

/// Maximum number of comparisons of patterns with names, for all tests of a plan.
const MAX_COMPARISONS: usize = 50_000_000;

/// The names of the tests of one plan.
pub struct Names<'a> {
    all: &'a [&'a str],
    positions: HashMap<&'a str, usize>,
    comparisons: usize,
}

impl<'a> Names<'a> {
    /// An index of `names`, which must be unique.
    #[must_use]
    pub fn new(names: &'a [&'a str]) -> Self {
        let positions = names.iter().enumerate().map(|(at, name)| (*name, at)).collect();
        Self { all: names, positions, comparisons: 0 }
    }

    /// The positions of the dependencies of a test, ascending and unique. A pattern includes every
    /// other test that it matches.
    ///
    /// # Errors
    /// A name does not exist, a pattern matches nothing, or there are too many dependencies.
    pub fn resolve(&mut self, own: usize, wanted: &[String]) -> Result<Box<[u32]>, ValueError> {
        let mut positions = Vec::new();
        for name in wanted {
            if let Some(at) = self.positions.get(name.as_str()) {
                positions.push(*at);
            } else if name.contains(['*', '?']) {
                positions.extend(self.matching(own, name)?);
            } else {
                let error = ValueError::new(format!("no test is named {name:?}"));
                let others = self.all.iter().enumerate().filter(|(at, _)| *at != own);
                return Err(match nearest(name, others.map(|(_, name)| *name).take(10_000)) {
                    Some(candidate) => error.hint(format!("did you mean {candidate:?}?")),
                    None => error.hint("a pattern such as \"unit-*\" names a whole matrix"),
                });
            }
        }
        positions.sort_unstable();
        positions.dedup();
        if positions.len() > MAX_DEPENDENCIES {
            let message = format!("{} dependencies, at most {MAX_DEPENDENCIES}", positions.len());
            return Err(ValueError::new(message));
        }
        Ok(positions.into_iter().filter_map(|at| u32::try_from(at).ok()).collect())
    }

    fn matching(&mut self, own: usize, pattern: &str) -> Result<Vec<usize>, ValueError> {
        self.comparisons = self.comparisons.saturating_add(self.all.len());
        if self.comparisons > MAX_COMPARISONS {
            return Err(ValueError::new("too many patterns over too many tests"));
        }
        let matches = |(at, name): (usize, &&str)| {
            (at != own && glob::name_matches(pattern, name)).then_some(at)
        };
        let positions: Vec<usize> = self.all.iter().enumerate().filter_map(matches).collect();
        if positions.is_empty() {
            return Err(ValueError::new(format!("no test matches {pattern:?}")));
        }
        Ok(positions)
    }
}

/// The tests of one cycle in order, each depending on the next and the last on the first.
#[must_use]
pub fn cycle(edges: &[&[u32]]) -> Option<Vec<usize>> {
    const NEW: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![NEW; edges.len()];
    for start in 0..edges.len() {
        if state.get(start) != Some(&NEW) {
            continue;
        }
        // Path from the start: each test with the number of its dependencies that were visited.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((at, looked)) = way.last_mut() {
            let (at, next) = (*at, edges.get(*at).and_then(|list| list.get(*looked)));
            *looked += 1;
            if let Some(mark) = state.get_mut(at) {
                *mark = if next.is_some() { OPEN } else { DONE };
            }
            let Some(next) = next.map(|next| *next as usize) else {
                way.pop();
                continue;
            };
            match state.get(next) {
                Some(&NEW) => way.push((next, 0)),
                Some(&OPEN) => {
                    let from = way.iter().position(|(test, _)| *test == next)?;
                    return Some(way.iter().skip(from).map(|(test, _)| *test).collect());
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_become_positions() {
        let names = ["build", "unit-a", "unit-b", "all"];
        let mut lookup = Names::new(&names);
        let wanted = ["unit-*".to_owned(), "build".to_owned(), "unit-a".to_owned()];
        assert_eq!(*lookup.resolve(3, &wanted).expect("positions"), [0, 1, 2]);
        assert_eq!(*lookup.resolve(1, &["unit-*".into()]).expect("positions"), [2]);
        let error = lookup.resolve(3, &["biuld".into()]).expect_err("a typing mistake");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"build\"?"));
        assert!(lookup.resolve(3, &["x*".into()]).is_err());
        // A test is not suggested for its own dependency.
        let error = lookup.resolve(0, &["biuld".into()]).expect_err("a typing mistake");
        assert!(!error.hint.unwrap_or_default().contains("build"));
    }

    #[test]
    fn cycles_are_found_with_their_way() {
        assert_eq!(cycle(&[&[1], &[2], &[]]), None);
        assert_eq!(cycle(&[&[0]]), Some(vec![0]));
        assert_eq!(cycle(&[&[], &[0, 2], &[3], &[1]]), Some(vec![1, 2, 3]));
        // A diamond is not a cycle.
        assert_eq!(cycle(&[&[1, 2], &[3], &[3], &[]]), None);
    }

    #[test]
    fn a_long_chain_is_no_recursion() {
        let chain: Vec<[u32; 1]> = (0..300_000).map(|next| [next + 1]).collect();
        let mut edges: Vec<&[u32]> = chain.iter().map(<[u32; 1]>::as_slice).collect();
        edges.push(&[]);
        assert_eq!(cycle(&edges), None);
    }
}
