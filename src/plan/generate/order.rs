//! The order of the tests of one model (`docs/decisions/0008-order-within-a-model.md`).
//!
//! Three rules make failures early and cheap. Reference results that several tests compare with are
//! computed once, before them. A model is loaded on a back-end before any other test runs there. Of
//! two cases that differ in one size only, the smaller runs first, and the larger is skipped if it
//! fails. Cases that differ in anything else do not wait for each other.

use crate::domain::accelerator::Backend;
use crate::plan::generate::case::{Case, Role};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Sizes by which small cases precede large ones.
const SIZES: [&str; 4] = ["batch", "sequence_length", "image_size", "max_new_tokens"];

/// Sorts by back-end, in the order of the plan, then small before large.
pub(super) fn sort(cases: &mut [Case]) {
    let mut backends: Vec<Backend> = Vec::new();
    for case in cases.iter() {
        if !backends.contains(&case.backend) {
            backends.push(case.backend);
        }
    }
    cases.sort_by_key(|case| (backends.iter().position(|b| *b == case.backend), case.work()));
}

/// Every test of a model with its dependencies.
#[derive(Debug)]
pub(super) struct Order {
    /// References, loads and tests. Each case follows its dependencies.
    pub cases: Vec<Case>,
    /// For each case, the positions of its dependencies.
    pub before: Vec<Vec<usize>>,
    /// For each case, the position of its reference, if that is a separate test.
    pub reference: Vec<Option<usize>>,
}

/// Adds references and loads before the sorted `cases`. `defaults` are the parameters of the
/// template for references. `is_shared`: other models compare with the references too, so that each
/// case has one.
pub(super) fn plan(cases: Vec<Case>, defaults: &Map<String, Value>, is_shared: bool) -> Order {
    let keys: Vec<String> = cases.iter().map(|case| case.reference(defaults).key()).collect();
    let references = references(&cases, &keys, defaults, if is_shared { 1 } else { 2 });
    let loads = loads(&cases);
    let first = references.len() + loads.len();
    let reference_at: HashMap<&str, usize> =
        references.keys().enumerate().map(|(at, key)| (key.as_str(), at)).collect();
    let load_at: HashMap<LoadKey, usize> = loads.keys().cloned().zip(references.len()..).collect();
    let mut before = vec![Vec::new(); first];
    let mut reference = vec![None; first];
    for ((case, key), smaller) in cases.iter().zip(&keys).zip(smaller(&cases)) {
        let compares = reference_at.get(key.as_str()).copied();
        let mut list: Vec<usize> = smaller.into_iter().map(|at| at + first).collect();
        if list.is_empty() {
            list.extend(load_at.get(&load_key(case)));
        }
        list.extend(compares);
        before.push(list);
        reference.push(compares);
    }
    let cases = references.into_values().chain(loads.into_values()).chain(cases).collect();
    Order { cases, before, reference }
}

/// References that at least `least` cases compare with, by their [`Case::key`].
fn references(
    cases: &[Case],
    keys: &[String],
    defaults: &Map<String, Value>,
    least: usize,
) -> BTreeMap<String, Case> {
    let mut sharing: BTreeMap<&String, (usize, &Case)> = BTreeMap::new();
    for (case, key) in cases.iter().zip(keys).filter(|(case, _)| !case.is_graph) {
        sharing.entry(key).or_insert((0, case)).0 += 1;
    }
    let shared = sharing.into_iter().filter(|(_, (count, _))| *count >= least);
    shared
        .map(|(key, (_, case))| (key.clone(), case.reference(defaults)))
        .filter(|(_, case)| case.role() == Role::Reference)
        .collect()
}

/// A back-end and the pinned packages: what a load shows to work.
type LoadKey = (Backend, String);

fn load_key(case: &Case) -> LoadKey {
    (case.backend, case.packages.label())
}

/// For each back-end and set of packages with more than one case, its cheapest case as a load. A single
/// case needs no load before it.
fn loads(cases: &[Case]) -> BTreeMap<LoadKey, Case> {
    let mut cheapest: BTreeMap<LoadKey, (usize, &Case)> = BTreeMap::new();
    let unusual = |case: &Case| {
        ["attention", "runtime"]
            .iter()
            .filter(|name| !["", "default", "torch"].contains(&case.text(name)))
            .count()
    };
    // Half precision needs the least memory, but a CPU may not support it.
    let width = |case: &Case| match case.backend {
        Backend::CPU => 8 - case.width(),
        _ => case.width(),
    };
    let cost = |case: &Case| (unusual(case), width(case), case.work());
    for case in cases {
        let (count, kept) = cheapest.entry(load_key(case)).or_insert((0, case));
        *count += 1;
        if cost(case) < cost(kept) {
            *kept = case;
        }
    }
    let several = cheapest.into_iter().filter(|(_, (count, _))| *count > 1);
    several
        .map(|(key, (_, case))| (key, case.load()))
        .filter(|(_, case)| case.role() == Role::Load)
        .collect()
}

/// For each case, the positions of the next smaller ones, at most one for each size.
fn smaller(cases: &[Case]) -> Vec<Vec<usize>> {
    let mut before = vec![Vec::new(); cases.len()];
    for size in SIZES {
        let mut lines: HashMap<String, Vec<(u64, usize)>> = HashMap::new();
        for (at, case) in cases.iter().enumerate() {
            if let Some(value) = case.parameters.get(size).and_then(Value::as_u64) {
                lines.entry(all_but(case, size)).or_default().push((value, at));
            }
        }
        for line in lines.values_mut() {
            line.sort_unstable();
            for (smaller, larger) in line.iter().zip(line.iter().skip(1)) {
                before[larger.1].push(smaller.1);
            }
        }
    }
    before
}

/// Key of a case without one size.
fn all_but(case: &Case, size: &str) -> String {
    let rest = case.parameters.iter().filter(|(name, _)| *name != size);
    let mut key = format!("{} {} ", case.backend, case.packages.label());
    for (name, value) in rest {
        key.push_str(name);
        key.push_str(&value.to_string());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::packages::Pins;
    use proptest::prelude::*;
    use serde_json::json;

    fn case(backend: Backend, batch: u64, length: u64, dtype: &str) -> Case {
        let parameters = json!({
            "role": "test", "batch": batch, "sequence_length": length, "dtype": dtype,
            "attention": "default", "runtime": "torch",
        });
        let parameters = parameters.as_object().cloned().expect("a map");
        Case { backend, parameters, packages: Pins::default(), is_graph: false }
    }

    #[test]
    fn a_case_depends_on_the_next_smaller_case_of_each_size() {
        let cases = [
            case(Backend::CPU, 1, 16, "fp32"),
            case(Backend::CPU, 1, 64, "fp32"),
            case(Backend::CPU, 4, 16, "fp32"),
            case(Backend::CPU, 4, 64, "fp32"),
            case(Backend::CPU, 16, 64, "fp32"),
            case(Backend::CPU, 4, 64, "bf16"),
            case(Backend::CUDA, 4, 64, "fp32"),
        ];
        let expected: [&[usize]; 7] = [&[], &[0], &[0], &[1, 2], &[3], &[], &[]];
        assert_eq!(smaller(&cases), expected);
    }

    #[test]
    fn each_back_end_with_several_cases_has_one_load() {
        let cases = [
            case(Backend::CPU, 4, 16, "bf16"),
            case(Backend::CPU, 2, 16, "fp32"),
            case(Backend::CUDA, 4, 16, "fp32"),
            case(Backend::CUDA, 4, 16, "fp16"),
            case(Backend::ROCM, 4, 16, "fp16"),
        ];
        let loads = loads(&cases);
        let shown: Vec<_> = loads.values().map(|c| (c.backend, c.text("dtype"))).collect();
        assert_eq!(shown, [(Backend::CPU, "fp32"), (Backend::CUDA, "fp16")]);
        assert!(loads.values().all(|case| case.number("batch") == 1));
    }

    proptest! {
        #[test]
        fn dependencies_are_smaller(
            sizes in prop::collection::btree_set((1u64..5, 1u64..5), 1..12)
        ) {
            let mut cases: Vec<Case> =
                sizes.iter().map(|(b, s)| case(Backend::CPU, *b, *s, "fp32")).collect();
            sort(&mut cases);
            for (at, before) in smaller(&cases).iter().enumerate() {
                prop_assert!(before.iter().all(|other| *other < at));
                let least = cases.iter().all(|c| {
                    c.number("batch") >= cases[at].number("batch")
                        || c.number("sequence_length") != cases[at].number("sequence_length")
                });
                prop_assert!(least || !before.is_empty());
            }
        }
    }
}
