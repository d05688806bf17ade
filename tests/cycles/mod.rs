//! Finds files that import each other, directly or through further files.
//!
//! An import is a path in a `use` line or in code that leads to another file: from `crate`, from
//! `super`, or from a submodule that the file declares. A declaration (`mod name;`) is not an
//! import, so a parent may declare a child that imports from it, as long as the parent does not
//! import from the child. Unit tests are not part of the code that is given.

use crate::lexer::is_name_character;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One file: its module path (`worker::machine`) and its code without comments and literals.
pub struct File<'a> {
    pub module: String,
    pub code: &'a str,
}

/// The shortest cycle of each file that is part of one, as modules in the order of their imports;
/// the smallest module is the first.
pub fn cycles(files: &[File<'_>]) -> BTreeSet<Vec<String>> {
    let modules: BTreeSet<&str> = files.iter().map(|file| &*file.module).collect();
    let graph: BTreeMap<&str, BTreeSet<&str>> =
        files.iter().map(|file| (&*file.module, imports(file, &modules))).collect();
    modules.iter().filter_map(|module| shortest_cycle(module, &graph)).collect()
}

fn shortest_cycle(start: &str, graph: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(module) = open.pop_front() {
        for next in &graph[module] {
            if *next == start {
                let mut cycle = vec![module];
                while let Some(before) = came_from.get(cycle[cycle.len() - 1]) {
                    cycle.push(before);
                }
                cycle.reverse();
                let smallest = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
                cycle.rotate_left(smallest);
                return Some(cycle.into_iter().map(str::to_owned).collect());
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, module);
                open.push_back(next);
            }
        }
    }
    None
}

/// Modules of other files that a file imports.
fn imports<'a>(file: &File<'_>, modules: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut imports = BTreeSet::new();
    for path in paths(file.code) {
        if let Some(target) = resolve(&file.module, &path, modules)
            && target != file.module
        {
            imports.insert(target);
        }
    }
    imports
}

/// The file that a path leads to from a module: the longest part of it that is a module.
fn resolve<'a>(module: &str, path: &[String], modules: &BTreeSet<&'a str>) -> Option<&'a str> {
    let (first, rest) = path.split_first()?;
    let (mut base, rest) = match first.as_str() {
        "crate" => (String::new(), rest),
        "self" => (module.to_owned(), rest),
        "super" => (module.rsplit_once("::").map_or(String::new(), |(up, _)| up.to_owned()), rest),
        _ if modules.contains(&*join(module, first)) => (module.to_owned(), path),
        _ => return None,
    };
    for name in rest {
        let inner = join(&base, name);
        if !modules.contains(&*inner) {
            break;
        }
        base = inner;
    }
    modules.get(&*base).copied()
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// Every path of the code with at least two parts, and every path of its `use` lines.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let part_of_path = |c: char| is_name_character(c) || c == ':';
    let mut at = 0;
    while let Some(start) = code[at..].find(is_name_character).map(|found| at + found) {
        let length = code[start..].find(|c| !part_of_path(c)).unwrap_or(code.len() - start);
        let word = &code[start..start + length];
        at = start + length;
        if word == "use" {
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            expand(&code[at..end], &[], &mut paths);
            at = end;
        } else if word.contains("::") && !code[..start].ends_with("pub(in ") {
            paths.push(names(word));
        }
    }
    paths
}

fn names(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The paths of a `use` tree: `a::{b, c::{self, D as E}}` has the paths `a::b`, `a::c` and `a::c::D`.
fn expand(tree: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let joined = |path: &str| [prefix, &names(path)].concat();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = path.strip_suffix("self").filter(|_| !prefix.is_empty()).unwrap_or(path);
        paths.push(joined(path));
        return;
    };
    let prefix = joined(head);
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let mut depth = 0;
    let top_level = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    };
    for branch in inner.split(top_level).filter(|branch| !branch.trim().is_empty()) {
        expand(branch, &prefix, paths);
    }
}

mod the_search_itself {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File<'_>> =
            files.iter().map(|(module, code)| File { module: (*module).into(), code }).collect();
        cycles(&files).into_iter().map(|cycle| cycle.join(" → ")).collect()
    }

    #[test]
    fn two_files_and_longer_cycles() {
        let two = [
            ("a", ""),
            ("a::x", "use crate::a::y::{self, Y};"),
            ("a::y", "fn f() { super::x::g() }"),
        ];
        assert_eq!(found(&two), ["a::x → a::y"]);
        let three = [
            ("a", ""),
            ("a::x", "use crate::a::{q, y::Y};"),
            ("a::y", "use super::{\n    z::{Z as W, V},\n};"),
            ("a::z", "use crate::a::x::X;"),
            ("a::q", "use crate::a::x;"),
        ];
        assert_eq!(found(&three), ["a::q → a::x", "a::x → a::y → a::z"]);
    }

    #[test]
    fn a_parent_and_its_child() {
        let both = [("a", "mod x;\npub use x::X;"), ("a::x", "use super::Y;")];
        assert_eq!(found(&both), ["a → a::x"]);
        let called = [("a", "mod x;\nfn f() { x::g() }"), ("a::x", "use crate::a::Y;")];
        assert_eq!(found(&called), ["a → a::x"]);
    }

    #[test]
    fn declarations_visibilities_and_other_names_are_not_imports() {
        let declared = [("a", "mod x;\npub mod y;"), ("a::x", "use super::Y;"), ("a::y", "")];
        assert_eq!(found(&declared), [""; 0]);
        let visible = [("a", "pub use x::X;"), ("a::x", "pub(in crate::a) fn f() { std::a::x() }")];
        assert_eq!(found(&visible), [""; 0]);
    }
}
