//! Prints the dependencies of tests as text and for Graphviz.

use crate::domain::test::TestSpec;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Maximum depth of the indentation.
const MAX_INDENT: usize = 32;

/// One line for each test: indented below the last of its dependencies, with the others at the end.
#[must_use]
pub fn text(tests: &[Arc<TestSpec>]) -> String {
    let mut below: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
    for (at, test) in (0u32..).zip(tests) {
        below.entry(test.depends_on.iter().max().copied()).or_default().push(at);
    }
    let mut out = String::new();
    // Depth first, without recursion, because chains may be long.
    let mut left: Vec<(usize, u32)> = Vec::new();
    let push = |left: &mut Vec<(usize, u32)>, depth: usize, parent: Option<u32>| {
        let children = below.get(&parent).into_iter().flatten().rev();
        left.extend(children.map(|child| (depth, *child)));
    };
    push(&mut left, 0, None);
    while let Some((depth, at)) = left.pop() {
        let Some(test) = tests.get(at as usize) else { continue };
        let parent = test.depends_on.iter().max();
        let others = test.depends_on.iter().filter(|before| Some(*before) != parent);
        let others: Vec<&str> =
            others.filter_map(|before| Some(&*tests.get(*before as usize)?.name)).collect();
        let after = match others.as_slice() {
            [] => String::new(),
            others => format!("   (and after {})", others.join(", ")),
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "{}{}{after}", "  ".repeat(depth.min(MAX_INDENT)), test.name);
        push(&mut left, depth + 1, Some(at));
    }
    out
}

/// A directed graph in the language of Graphviz: edges point from a dependency to its dependants.
#[must_use]
pub fn dot(name: &str, tests: &[Arc<TestSpec>]) -> String {
    let mut out = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(name));
    for (at, test) in tests.iter().enumerate() {
        let _ = writeln!(out, "  t{at} [label={}];", quoted(&test.name));
    }
    for (at, test) in tests.iter().enumerate() {
        for before in &test.depends_on {
            let _ = writeln!(out, "  t{before} -> t{at};");
        }
    }
    out.push_str("}\n");
    out
}

/// A quoted string of this language. Quotes and backslashes are escaped.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tests(list: &[(&str, &[u32])]) -> Vec<Arc<TestSpec>> {
        let spec = |(name, before): &(&str, &[u32])| {
            let spec = json!({ "name": name, "depends_on": before, "launch": {} });
            Arc::new(serde_json::from_str(&spec.to_string()).expect("a test"))
        };
        list.iter().map(spec).collect()
    }

    #[test]
    fn what_waits_stands_below() {
        let tests =
            tests(&[("ref", &[]), ("load", &[]), ("b1", &[0, 1]), ("b4", &[0, 2]), ("x", &[])]);
        assert_eq!(
            text(&tests),
            "ref\nload\n  b1   (and after ref)\n    b4   (and after ref)\nx\n"
        );
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        let tests = tests(&[("a\"]; evil [\\", &[]), ("b", &[0])]);
        assert_eq!(
            dot("x", &tests),
            "digraph \"x\" {\n  rankdir=LR;\n  node [shape=box];\n  \
             t0 [label=\"a\\\"]; evil [\\\\\"];\n  t1 [label=\"b\"];\n  t0 -> t1;\n}\n"
        );
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let chain: Vec<(String, Vec<u32>)> = (0..20_000u32)
            .map(|at| (format!("t{at}"), at.checked_sub(1).into_iter().collect()))
            .collect();
        let list: Vec<(&str, &[u32])> =
            chain.iter().map(|(name, before)| (name.as_str(), before.as_slice())).collect();
        assert_eq!(text(&tests(&list)).lines().count(), 20_000);
    }
}
