//! The rules that keep the tree readable, checked on the text of the sources: which module may
//! import which, that no files import each other, how many entries a directory has, what pure
//! modules may name, how files open and how long they get, what no code may contain, and that
//! documents and snapshots point at things that exist. Needs nothing but the standard library and
//! takes milliseconds.
//!
//! A rule that is in the way can be changed here, together with its reason.

mod cycles;
mod lexer;

use lexer::{blank, declared_tests, is_name_character, unit_tests_at};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by floor; the longest matching prefix applies. A module imports lower floors and itself.
const FLOORS: &[&[&str]] = &[
    &["assets", "domain"],
    &["text"],
    &["backends"],
    &["models", "scheduler", "trends", "worker::machine"],
    &["templates"],
    &["deploy", "plan"],
    &["sys"],
    &["api", "blobs", "log", "store"],
    &["client", "detect", "results"],
    &["gather"],
    &["coordinator", "worker"],
    &["config"],
    &["cli"],
];
/// Floors that decide and never do: no clock, no files, no randomness, no runtime.
const PURE_FLOORS: usize = 6;
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "fs::",
    "std::net",
    "net::",
    "std::env",
    "env::",
    "std::process",
    "process::",
    "std::thread",
    "thread::",
    "Instant",
    "SystemTime",
    "rand::",
    "new_v4",
    "now_v7",
    "hyper",
    "reqwest",
    "axum",
    "duckdb",
    "redb",
    "tracing",
    "static mut",
    "Mutex",
    "RwLock",
];
/// Code lines (neither blank nor comment) of one file, its unit tests not counted.
const MAX_CODE_LINES: usize = 600;
/// Files that may be longer, with the reason.
const LONGER: &[(&str, &str)] = &[];
/// Entries of one directory below `src`.
const MAX_ENTRIES: usize = 25;
/// The one file with `unsafe` code (`docs/decisions/0009-memory-read-once-is-given-back.md`).
const UNSAFE: &str = "src/sys/memory.rs";
/// Names that do not describe the content; such modules become knots.
const EMPTY_NAMES: &[&str] = &["common", "errors", "helpers", "misc", "types", "util", "utils"];
/// Functions that may sleep in tests: they ask again and again until a deadline.
const POLLING: &[&str] = &["eventually", "poll_until", "until", "wait_for", "wait_until"];

struct Source {
    /// Relative to the root of the repository, with `/`.
    path: String,
    /// The text with comments, strings and characters blanked out; lines stay where they are.
    code: String,
    text: String,
    /// Start of the unit tests, in bytes of `code`; its length when there are none.
    tests_at: usize,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let tests_at = unit_tests_at(&code).unwrap_or(code.len());
        Self { path: path.into(), code, text: text.into(), tests_at }
    }

    /// `src/worker/machine/mod.rs` is `worker::machine`; the roots are empty.
    fn module(&self) -> String {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
        if matches!(inside, "lib" | "main") { String::new() } else { inside.replace('/', "::") }
    }

    fn production(&self) -> &str {
        &self.code[..self.tests_at]
    }

    fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    fn finding(&self, at: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, self.line(at))
    }
}

/// Modules that are declared as tests: all of their files are tests.
fn test_modules(sources: &[Source]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for source in sources {
        let parent = source.module();
        for name in declared_tests(&source.code) {
            let module = format!("{parent}::{name}");
            modules.insert(module.trim_start_matches(':').to_owned());
        }
    }
    modules
}

fn within(module: &str, prefix: &str) -> bool {
    module.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The floor of a module and the entry of the table that put it there.
fn floor_of(module: &str) -> Option<(usize, &'static str)> {
    let entries = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, names)| names.iter().map(move |name| (floor, *name)));
    entries.filter(|(_, name)| within(module, name)).max_by_key(|(_, name)| name.len())
}

/// Positions of `word` that are not inside a longer name.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back().is_some_and(is_name_character);
        let ends_in_name = word.chars().next_back().is_some_and(is_name_character);
        let after = code[at + word.len()..].chars().next().is_some_and(is_name_character);
        let longer = before || (ends_in_name && after);
        !longer
    })
}

/// All findings for one file of the library.
fn check_module(source: &Source, is_test: bool) -> Vec<String> {
    let mut findings = check_any(source, is_test);
    let module = source.module();
    if module.is_empty() {
        findings.extend(
            words(&source.code, "pub use")
                .map(|at| source.finding(at, "the root re-exports nothing")),
        );
        return findings;
    }
    let Some((floor, entry)) = floor_of(&module) else {
        findings.push(source.finding(0, "give this module a floor in tests/architecture.rs"));
        return findings;
    };
    if let Some(name) = module.split("::").find(|name| EMPTY_NAMES.contains(name)) {
        findings.push(source.finding(0, &format!("`{name}` does not describe the content")));
    }
    if is_test {
        return findings;
    }
    findings.extend(check_imports(source, floor, entry));
    if floor < PURE_FLOORS {
        for word in IMPURE {
            let found = words(source.production(), word);
            findings
                .extend(found.map(|at| source.finding(at, &format!("`{word}` in a pure module"))));
        }
    }
    if entry != "cli" {
        for word in ["println!", "eprintln!", "print!", "eprint!", "process::exit"] {
            let found = words(source.production(), word);
            findings.extend(
                found.map(|at| source.finding(at, &format!("`{word}`: only cli prints or exits"))),
            );
        }
    }
    findings
}

fn check_imports(source: &Source, floor: usize, entry: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let code = source.production();
    for at in words(code, "crate::") {
        let path: String = code[at + "crate::".len()..]
            .chars()
            .take_while(|character| is_name_character(*character) || *character == ':')
            .collect();
        if path.is_empty() {
            findings.push(
                source.finding(at, "one `use` line for each module, no group across modules"),
            );
            continue;
        }
        match floor_of(&path) {
            None if path.starts_with(char::is_lowercase) => {
                findings.push(source.finding(at, &format!("`crate::{path}` has no floor")));
            }
            Some((other, name)) if other >= floor && name != entry => {
                let what = format!("floor {floor} ({entry}) imports floor {other} ({name})");
                findings.push(source.finding(at, &what));
            }
            _ => {}
        }
    }
    if entry.contains("::") && source.module() == entry {
        findings.extend(
            words(code, "super::")
                .map(|at| source.finding(at, "`super` leaves this module's floor")),
        );
    }
    findings.extend(
        words(code, "super::super").map(|at| source.finding(at, "write the path from `crate::`")),
    );
    findings
}

/// Findings for any Rust file, tests and benchmarks included.
fn check_any(source: &Source, is_test: bool) -> Vec<String> {
    let mut findings = Vec::new();
    if !source.text.starts_with("//!") {
        findings.push(source.finding(0, "open the file with `//!`: its job, limits and promises"));
    }
    for word in ["todo!", "unimplemented!", "dbg!"] {
        findings.extend(
            words(&source.code, word)
                .map(|at| source.finding(at, &format!("`{word}` is not done yet"))),
        );
    }
    if source.path != UNSAFE {
        let found = words(&source.code, "unsafe");
        findings.extend(found.map(|at| source.finding(at, &format!("`unsafe` only in {UNSAFE}"))));
    }
    for word in ["#[allow(", "#![allow("] {
        let found = source.code.match_indices(word);
        findings.extend(
            found.map(|(at, _)| {
                source.finding(at, "`#[expect(lint, reason = …)]` instead of allow")
            }),
        );
    }
    let counted = if is_test { &source.code } else { source.production() };
    let lines = counted.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > MAX_CODE_LINES && !LONGER.iter().any(|(path, _)| *path == source.path) {
        findings.push(
            source
                .finding(0, &format!("{lines} lines of code, at most {MAX_CODE_LINES}: split it")),
        );
    }
    let tests_at = if is_test { 0 } else { source.tests_at };
    let sleeps = words(&source.code, "sleep")
        .filter(|at| *at >= tests_at && source.code[at + 5..].starts_with('('));
    findings.extend(sleeps.filter(|at| !may_sleep(&source.code[tests_at..*at])).map(|at| {
        source.finding(
            at,
            "a test that sleeps: wait for the condition, or poll in a loop, `while !… { sleep }`",
        )
    }));
    findings
}

/// Sleeps are fine while asking until a deadline, and in a test whose clock is virtual.
fn may_sleep(before: &str) -> bool {
    let function = before.rsplit("fn ").next().unwrap_or_default();
    let name: String =
        function.chars().take_while(|character| is_name_character(*character)).collect();
    let attribute = before.rfind("#[tokio::test").map_or("", |at| &before[at..]);
    let virtual_time = attribute.lines().next().unwrap_or_default().contains("start_paused");
    POLLING.contains(&name.as_str()) || virtual_time || polls(before)
}

/// `while … { sleep(…)`: the loop asks again.
fn polls(before: &str) -> bool {
    let path = |c: char| is_name_character(c) || c == ':' || c.is_whitespace();
    let Some(head) = before.trim_end_matches(path).strip_suffix('{') else { return false };
    let statement = head.rsplit([';', '{', '}']).next().unwrap_or_default();
    statement.trim_start().starts_with("while ")
}

// The tree itself.

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a directory of the repository, sorted; none when there is no such directory.
fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries {
            let path = entry.expect("the directory can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("below the root");
    inside.to_string_lossy().replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(directory: &str) -> Vec<Source> {
    files(directory, "rs").iter().map(|path| Source::new(&relative(path), &read(path))).collect()
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "{} against the rules:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn modules_keep_to_their_floors_and_the_house_rules() {
    let sources = sources("src");
    let tests = test_modules(&sources);
    let is_test = |source: &Source| tests.iter().any(|test| within(&source.module(), test));
    let findings: Vec<_> =
        sources.iter().flat_map(|source| check_module(source, is_test(source))).collect();
    assert_none(&findings);
}

#[test]
fn no_files_import_each_other() {
    let sources = sources("src");
    let tests = test_modules(&sources);
    let is_test = |module: &str| tests.iter().any(|test| within(module, test));
    let files: Vec<cycles::File<'_>> = sources
        .iter()
        .map(|source| cycles::File { module: source.module(), code: source.production() })
        .filter(|file| !file.module.is_empty() && !is_test(&file.module))
        .collect();
    let cycles = cycles::cycles(&files).into_iter();
    assert_none(&cycles.map(|cycle| cycle.join(" → ")).collect::<Vec<_>>());
}

#[test]
fn directories_have_few_entries() {
    let mut entries: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for path in ["rs", "py", "sql"].iter().flat_map(|ending| files("src", ending)) {
        for inner in path.ancestors().take_while(|inner| *inner != root().join("src")) {
            let directory = inner.parent().expect("below the root").to_owned();
            entries.entry(directory).or_default().insert(inner.to_owned());
        }
    }
    let large = entries.iter().filter(|(_, inner)| inner.len() > MAX_ENTRIES);
    let large = large.map(|(directory, inner)| {
        format!("{}: {} entries, at most {MAX_ENTRIES}", relative(directory), inner.len())
    });
    assert_none(&large.collect::<Vec<_>>());
}

#[test]
fn tests_and_benchmarks_keep_to_the_house_rules() {
    let tests = sources("tests").into_iter().flat_map(|source| check_any(&source, true));
    let benches = sources("benches").into_iter().flat_map(|source| {
        // Benchmarks measure time as it passes; they may sleep.
        check_any(&source, true)
            .into_iter()
            .filter(|findings| !findings.contains("a test that sleeps"))
            .collect::<Vec<_>>()
    });
    assert_none(&tests.chain(benches).collect::<Vec<_>>());
}

/// A snapshot is used when the file that its header names still makes one of that name.
#[test]
fn every_snapshot_is_referenced() {
    let mut findings = Vec::new();
    for path in files("src", "snap").into_iter().chain(files("tests", "snap")) {
        let text = read(&path);
        let source =
            text.lines().find_map(|line| line.strip_prefix("source: ")).unwrap_or_default();
        let code = fs::read_to_string(root().join(source)).unwrap_or_default();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = stem.rsplit("__").next().unwrap_or_default();
        let numbered = name.rsplit_once('-').filter(|(_, number)| number.parse::<u16>().is_ok());
        let base = numbered.map_or(name, |(base, _)| base);
        let names = [name, base];
        let prefix = name.split_once('-').map_or(name, |(prefix, _)| prefix);
        let made = names.iter().any(|name| {
            // The last form is of names with a variable part, such as `help-{command}`.
            [
                format!("\"{name}\""),
                format!("fn {name}("),
                format!("fn test_{name}("),
                format!("\"{prefix}-{{"),
            ]
            .iter()
            .any(|made| code.contains(made))
        });
        if !made {
            findings
                .push(format!("{}: nothing in {source:?} makes this snapshot", relative(&path)));
        }
    }
    assert_none(&findings);
}

fn documents() -> Vec<PathBuf> {
    let mut found = files("docs", "md");
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"] {
        found.push(root().join(name));
    }
    found
}

/// Links to files resolve, and so does every file of this repository named in backticks.
#[test]
fn documents_point_at_things_that_exist() {
    let mut findings = Vec::new();
    for path in documents() {
        let text = read(&path);
        let directory = path.parent().expect("a document is in a directory");
        for target in links(&text) {
            if !directory.join(target).exists() {
                findings.push(format!("{}: the link to {target:?} has no target", relative(&path)));
            }
        }
        for named in named_files(&text) {
            if !root().join(named).exists() {
                findings.push(format!("{}: there is no {named:?}", relative(&path)));
            }
        }
    }
    assert_none(&findings);
}

/// Targets of Markdown links to files, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    files
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty())
}

fn named_files(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| {
        let directory = ["src/", "tests/", "docs/", "scripts/", "benches/", "examples/"]
            .iter()
            .any(|directory| span.starts_with(directory));
        directory && !span.contains(['*', '<', '{', ' ', '…', '\n'])
    })
}

#[test]
fn the_readme_names_only_commands_that_exist() {
    let makefile = read(&root().join("Makefile"));
    let readme = read(&root().join("README.md"));
    let commands: Vec<_> =
        readme.lines().filter_map(|line| line.trim().strip_prefix("make ")).collect();
    for needed in ["demo", "test"] {
        assert!(
            commands.iter().any(|command| command.starts_with(needed)),
            "README.md has no `make {needed}`"
        );
    }
    for command in commands {
        let target = command.split_whitespace().next().unwrap_or_default();
        assert!(
            makefile.lines().any(|line| line.starts_with(&format!("{target}:"))),
            "there is no `make {target}`"
        );
    }
}

mod the_checks_themselves {
    //! Planted violations: each rule finds its own, and no more.

    use super::*;

    fn found(path: &str, code: &str) -> Vec<String> {
        check_module(&Source::new(path, &format!("//! Job.\n{code}")), false)
    }

    #[track_caller]
    fn one(path: &str, code: &str, what: &str) {
        let found = found(path, code);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    #[test]
    fn floors() {
        one(
            "src/scheduler/core.rs",
            "use crate::store::Store;",
            "floor 3 (scheduler) imports floor 7 (store)",
        );
        one(
            "src/store/rows.rs",
            "use crate::api::v1::test_views::TestView;",
            "floor 7 (store) imports floor 7 (api)",
        );
        one(
            "src/coordinator/mod.rs",
            "use crate::worker::Settings;",
            "floor 10 (coordinator) imports floor 10",
        );
        one(
            "src/worker/machine/mod.rs",
            "use crate::worker::executor::Run;",
            "floor 3 (worker::machine)",
        );
        one("src/worker/machine/mod.rs", "use super::executor::Run;", "leaves this module's floor");
        one("src/results/mod.rs", "use crate::{api, store};", "one `use` line");
        one("src/ghost/mod.rs", "", "give this module a floor");
        one("src/cli/mod.rs", "use crate::ghost::x;", "has no floor");
        one("src/cli/helpers.rs", "", "does not describe");
        let fine = "use crate::domain::id::RunId;\nuse crate::worker::machine::Machine;\n// crate::cli::x\n";
        assert_eq!(found("src/worker/session.rs", fine), Vec::<String>::new());
        let in_tests = "#[cfg(test)]\nmod tests {\n    use crate::store::Store;\n}\n";
        assert_eq!(found("src/scheduler/core.rs", in_tests), Vec::<String>::new());
        let on_unix = in_tests.replace("(test)", "(all(test, unix))");
        assert_eq!(found("src/scheduler/core.rs", &on_unix), Vec::<String>::new());
    }

    #[test]
    fn purity_and_prints() {
        one(
            "src/domain/time.rs",
            "fn now() { SystemTime::now(); }",
            "`SystemTime` in a pure module",
        );
        one("src/worker/machine/mod.rs", "use tokio as t;", "`tokio` in a pure module");
        one("src/store/mod.rs", "fn f() { println!(\"x\"); }", "only cli prints");
        assert_eq!(
            found("src/domain/id.rs", "/// tokio, SystemTime\nconst A: &str = \"std::fs\";"),
            Vec::<String>::new()
        );
        assert_eq!(found("src/cli/mod.rs", "fn f() { println!(\"x\"); }"), Vec::<String>::new());
    }

    #[test]
    fn unfinished_code_allows_and_missing_docs() {
        one("src/store/mod.rs", "fn f() { todo!() }", "`todo!`");
        one("src/store/mod.rs", "#[allow(dead_code)]\nfn f() {}", "instead of allow");
        one("src/sys/fs.rs", "fn f() { unsafe { g() } }", "`unsafe` only in");
        one("src/lib.rs", "pub use domain::id::RunId;", "re-exports nothing");
        let bare = check_module(&Source::new("src/store/mod.rs", "fn f() {}"), false);
        assert!(bare.len() == 1 && bare[0].contains("open the file"), "{bare:?}");
    }

    #[test]
    fn long_files() {
        let long = "fn f() {}\n".repeat(MAX_CODE_LINES + 1);
        one("src/store/mod.rs", &long, "601 lines of code");
        let tests =
            format!("#[cfg(test)]\nmod tests {{\n{}\n}}", "fn f() {}\n".repeat(MAX_CODE_LINES));
        assert_eq!(found("src/store/mod.rs", &tests), Vec::<String>::new());
    }

    #[test]
    fn sleeping_tests() {
        let code = |name: &str| {
            format!("#[cfg(test)]\nmod tests {{ fn {name}() {{ thread::sleep(x); }} }}")
        };
        one("src/store/mod.rs", &code("it_works"), "a test that sleeps");
        assert_eq!(found("src/store/mod.rs", &code("eventually")), Vec::<String>::new());
        let paused = "#[cfg(test)]\nmod tests {\n#[tokio::test(start_paused = true)]\nasync fn f() { sleep(x).await } }";
        assert_eq!(found("src/store/mod.rs", paused), Vec::<String>::new());
        let polling =
            "#[cfg(test)]\nmod tests { fn f() { while !done() { tokio::time::sleep(x); } } }";
        assert_eq!(found("src/store/mod.rs", polling), Vec::<String>::new());
        let production = "fn f() { tokio::time::sleep(x); }";
        assert_eq!(found("src/store/mod.rs", production), Vec::<String>::new());
    }

    #[test]
    fn literals_are_not_code() {
        let text = "let a = \"tokio\"; let b = r#\"to\"kio\"#; let c = '\"'; let d: &'a str; /* tokio */ // tokio\nx";
        let code = blank(text);
        assert!(!code.contains("tokio") && !code.contains("kio"), "{code}");
        assert!(code.contains("&'a str") && code.ends_with("\nx"), "{code}");
        assert_eq!(code.len(), text.len());
    }

    #[test]
    fn test_files_are_known_by_their_declaration() {
        let parent = Source::new("src/scheduler/mod.rs", "//! x\n#[cfg(test)]\nmod tests;\n");
        assert_eq!(test_modules(&[parent]), BTreeSet::from(["scheduler::tests".to_owned()]));
    }

    #[test]
    fn links_and_named_files() {
        let text =
            "[a](docs/x.md#part) [b](https://example.org) `src/lib.rs` `src/*.rs` [c](#here)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/x.md"]);
        assert_eq!(named_files(text).collect::<Vec<_>>(), ["src/lib.rs"]);
    }
}
