//! The rules of `docs/style.md` that a machine can check: phrases that readers must decode, in
//! comments and string literals of the sources, in documents, templates, examples and scripts,
//! and in the help of every command. Literals of tests are data and are not checked.
//!
//! A rule that is in the way can be changed here, together with `docs/style.md`.

mod lexer;

use lexer::{Kind, blank, declared_tests, spans, unit_tests_at};
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The checked texts: directories with the extensions of their files, and single files.
const PLACES: &[(&str, &[&str])] = &[
    // Migrations of the database do not change after their publication, comments included.
    ("src", &["rs", "py"]),
    ("tests", &["rs", "py"]),
    ("benches", &["rs"]),
    ("templates", &["j2", "yaml", "py", "md", "html", "js", "css"]),
    ("examples", &["yaml", "py", "md", "j2"]),
    ("scripts", &["sh", "py"]),
    ("docs", &["md"]),
    ("README.md", &[]),
    ("ARCHITECTURE.md", &[]),
    ("CONTRIBUTING.md", &[]),
    ("CHANGELOG.md", &[]),
    ("SECURITY.md", &[]),
    ("Cargo.toml", &[]),
    ("Makefile", &[]),
];
/// The file that quotes the phrases to avoid, and this one.
const QUOTING: &[&str] = &["docs/style.md", "tests/language.rs"];

struct Rule {
    /// The phrase.
    banned: &'static str,
    /// Longer phrases in which it is right; empty for none.
    allowed: &'static str,
    /// The replacement.
    advice: &'static str,
}

const fn rule(banned: &'static str, allowed: &'static str, advice: &'static str) -> Rule {
    Rule { banned, allowed, advice }
}

const RULES: &[Rule] = &[
    rule(r"(?m)(?:^|[.:;(] |//[/!]? )Most [a-z]", r"Most of\b", "Maximum …"),
    rule(r"\bso (?:long|many|much)\b", r"\bso (?:long|many|much) as\b", "name the quantity"),
    rule(r"\b(?:stands?|stood|standing)\b", r"\bstand-[a-z]", "is in, represents, replaces"),
    rule(r"\blies\b|\b(?:lie|lay|lying) (?:in|on|under|beside|at|there)\b", "", "is in"),
    rule(
        r"\b(?:is|are|was|were) no [a-z]",
        r"\b[Tt]here (?:is|are|was|were) no\b|\b(?:is|are|was|were) no (?:longer|more)\b",
        "is not a",
    ),
    rule(r"\b(?:is|are) none\b", r"\b[Tt]here (?:is|are) none\b", "there is none"),
    rule(
        r"(?i)\b(?:tell|tells|told|telling|say|says|said|saying)\b",
        "",
        "report, print, give, specify, state",
    ),
    rule(
        r"(?i)\bfolders?\b",
        "`folder`|\"folder\"|folder:|folder sha256|weights folder in the reference",
        "directory",
    ),
    rule(r"(?i)\bcircles?\b", "</?circle|\"circle\"", "cycle"),
    rule(r"(?i)\bwins?\b", "", "overrides"),
    rule(
        r"(?i)\bof (?:its|their|your|our|one's) own\b|\bof (?:yours|ours|mine)\b",
        "",
        "its own …, your …",
    ),
    rule(r"(?i)\bby (?:itself|themselves)\b", "", "automatically, alone"),
    rule(r"(?i)\bgo(?:es)? (?:on|first)\b|\bwent on\b", "", "continues, precedes"),
    rule(r"(?m)^\s*//[/!] ?(?:What|So|Of|Who|Where)\b", "", "a doc comment names the item"),
    rule(r"(?i)\bto be had\b|\bnothing to be\b|\bwhat lacks\b", "", "is available, missing"),
    rule(r"(?i)\bmeets? a bug\b", "", "panicked"),
    rule(r"(?i)\b(?:a|the|each|every|one|this|that) looks?\b", r"\blooks? like\b", "check"),
    rule(r"(?i)\bwould do\b", "", "would be enough, matches"),
    rule(r"\bForm of the\b", "", "Output format"),
    rule(r"(?i)\bm(?:ade|aking) up\b", "", "built"),
];

/// Between two words of a phrase.
const GAP: &str = r"(?:\s|//[/!]?|#)+";

struct Checker(Vec<(Regex, Option<Regex>, &'static str)>);

impl Checker {
    fn new() -> Self {
        let compile = |text: &str| {
            // A phrase may continue on the next line, behind the mark of a comment.
            let text = if text.contains('^') { text.into() } else { text.replace(' ', GAP) };
            Regex::new(&text).expect("the rule is a regular expression")
        };
        let rules = RULES.iter().map(|rule| {
            let allowed = (!rule.allowed.is_empty()).then(|| compile(rule.allowed));
            (compile(rule.banned), allowed, rule.advice)
        });
        Self(rules.collect())
    }

    /// Byte offset, phrase and advice for each banned phrase of a text.
    fn check<'a>(&self, text: &'a str) -> Vec<(usize, &'a str, &'static str)> {
        let mut found = Vec::new();
        for (banned, allowed, advice) in &self.0 {
            for hit in banned.find_iter(text) {
                let covers =
                    |longer: regex::Match| longer.start() < hit.end() && hit.start() < longer.end();
                if !allowed.as_ref().is_some_and(|allowed| allowed.find_iter(text).any(covers)) {
                    found.push((hit.start(), hit.as_str(), *advice));
                }
            }
        }
        found
    }

    /// Banned phrases of a file as `path:line: phrase`.
    fn check_file(&self, path: &str, text: &str, is_test: bool) -> Vec<String> {
        let prose = if is_rust(path) { prose(text, is_test) } else { vec![(0, text)] };
        let mut findings = Vec::new();
        for (start, part) in prose {
            for (at, phrase, advice) in self.check(part) {
                let line = text[..start + at].matches('\n').count() + 1;
                findings.push(format!("{path}:{line}: {:?}, better: {advice}", phrase.trim()));
            }
        }
        findings
    }
}

/// Comments, and string literals with a space outside of tests, each with its offset. Comments in
/// consecutive lines are one text.
fn prose(text: &str, is_test: bool) -> Vec<(usize, &str)> {
    let code = blank(text);
    let tests_at = if is_test { 0 } else { unit_tests_at(&code).unwrap_or(code.len()) };
    let mut parts: Vec<(Kind, Range<usize>)> = Vec::new();
    for (kind, span) in spans(text) {
        match kind {
            Kind::Comment => {
                let last = parts.last_mut().filter(|(last, before)| {
                    *last == Kind::Comment && text[before.end..span.start].trim().is_empty()
                });
                match last {
                    Some((_, before)) => before.end = span.end,
                    None => parts.push((kind, span)),
                }
            }
            Kind::Text if span.start < tests_at && text[span.clone()].contains(' ') => {
                parts.push((kind, span));
            }
            Kind::Text | Kind::Character => {}
        }
    }
    parts.into_iter().map(|(_, span)| (span.start, &text[span])).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("below the root");
    inside.to_string_lossy().replace('\\', "/")
}

fn files(place: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let start = root().join(place);
    if extensions.is_empty() {
        return vec![start];
    }
    let mut files = Vec::new();
    let mut open = vec![start];
    while let Some(directory) = open.pop() {
        let entries = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for entry in entries {
            let path = entry.expect("the directory can be read").path();
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if extensions.contains(&extension.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Paths without `.rs` of all modules that are declared as tests.
fn test_modules(sources: &[(String, String)]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (path, text) in sources.iter().filter(|(path, _)| is_rust(path)) {
        let parent = path.trim_end_matches(".rs").trim_end_matches("/mod");
        for name in declared_tests(&blank(text)) {
            modules.insert(format!("{}/{name}", parent.trim_end_matches("/lib")));
        }
    }
    modules
}

#[test]
fn no_text_has_a_phrase_to_decode() {
    let places = PLACES.iter().flat_map(|(place, extensions)| files(place, extensions));
    let sources: Vec<(String, String)> = places
        .map(|path| {
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (relative(&path), text)
        })
        .filter(|(path, _)| !QUOTING.contains(&path.as_str()))
        .collect();
    assert!(sources.len() > 300, "{} texts: the walk missed directories", sources.len());
    let tests = test_modules(&sources);
    let is_test = |path: &str| {
        let module = path.trim_end_matches(".rs");
        let below = |test: &String| module.strip_prefix(test.as_str());
        path.starts_with("tests/")
            || path.starts_with("benches/")
            || tests.iter().filter_map(below).any(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let checker = Checker::new();
    let findings: Vec<String> = sources
        .iter()
        .flat_map(|(path, text)| checker.check_file(path, text, is_test(path)))
        .collect();
    assert!(
        findings.is_empty(),
        "{} findings; docs/style.md has the replacements:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

/// Every command of the tree that help lists, with its path from `dtf`.
fn commands(command: &clap::Command, path: &str, visit: &mut impl FnMut(&str, &clap::Command)) {
    visit(path, command);
    for inner in command.get_subcommands() {
        if !inner.is_hide_set() && inner.get_name() != "help" {
            commands(inner, &format!("{path} {}", inner.get_name()), visit);
        }
    }
}

/// Each text that the help of one command prints, with what it belongs to.
fn help_texts(command: &clap::Command) -> Vec<(String, String)> {
    let styled = |text: Option<&clap::builder::StyledStr>| text.map(ToString::to_string);
    let whole = [
        ("summary", styled(command.get_about())),
        ("description", styled(command.get_long_about())),
        ("text before the help", styled(command.get_before_help())),
        ("text after the help", styled(command.get_after_help())),
        ("text after the long help", styled(command.get_after_long_help())),
    ];
    let mut texts: Vec<_> =
        whole.into_iter().filter_map(|(place, text)| Some((place.to_owned(), text?))).collect();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let values = argument.get_possible_values();
        let help = values.iter().filter_map(|value| Some((value.get_name(), value.get_help()?)));
        let of_values = help.map(|(name, text)| (format!("value {name}"), text.to_string()));
        let own = [styled(argument.get_help()), styled(argument.get_long_help())];
        let own = own.into_iter().flatten().map(|text| (String::new(), text));
        texts.extend(
            own.chain(of_values)
                .map(|(place, text)| (format!("{} {place}", argument.get_id()), text)),
        );
    }
    texts
}

/// Whether some words are followed by the same words again, as after a replacement that went wrong.
fn repeats_words(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (2..=words.len() / 2)
        .any(|count| words.windows(2 * count).any(|pair| pair[..count] == pair[count..]))
}

/// A line of help: one line, no full stop.
fn is_summary(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('\n') && !text.ends_with('.')
}

#[test]
fn the_help_of_every_command_follows_the_style() {
    let mut root = dtf::cli::command();
    root.build();
    let checker = Checker::new();
    let mut findings = Vec::new();
    let mut seen = 0;
    commands(&root, "dtf", &mut |path, command| {
        seen += 1;
        let mut finding =
            |place: &str, what: &str| findings.push(format!("{path}: {place}: {what}"));
        if !command.get_about().is_some_and(|about| is_summary(&about.to_string())) {
            finding("summary", "one line without a full stop");
        }
        let examples = command.get_after_help().or(command.get_after_long_help());
        if !command.has_subcommands()
            && !examples.is_some_and(|text| text.to_string().contains("Examples:"))
        {
            finding("end of the help", "`Examples:` with commands that can be pasted");
        }
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if !argument.get_help().is_some_and(|help| is_summary(&help.to_string())) {
                finding(argument.get_id().as_str(), "one line of help without a full stop");
            }
        }
        for (place, text) in help_texts(command) {
            // Examples repeat the command.
            if !place.starts_with("text after") && repeats_words(&text) {
                finding(&place, "repeats words");
            }
            for (_, phrase, advice) in checker.check(&text) {
                finding(&place, &format!("{phrase:?}, better: {advice}"));
            }
        }
    });
    assert!(seen > 20, "{seen} commands: the walk missed some");
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// `#[error("…")]` and `hint("…")` of one file, which start with a lower-case letter unless with a
/// name in capitals, and have no full stop.
#[test]
fn errors_and_hints_have_the_form_of_the_trade() {
    let text = r#"(?:#\[error\(|\bhint\()\s*(?:format!\(\s*)?"((?:\\.|[^"\\])*)""#;
    let messages = Regex::new(text).expect("a regular expression");
    let mut findings = Vec::new();
    let mut seen = 0;
    for path in files("src", &["rs"]) {
        let text = fs::read_to_string(&path).expect("a source can be read");
        let code = blank(&text);
        let tests_at = unit_tests_at(&code).unwrap_or(code.len());
        for message in messages.captures_iter(&text[..tests_at]) {
            seen += 1;
            let message = &message[1];
            let mut letters = message.chars();
            let (first, second) = (letters.next(), letters.next());
            let capital =
                first.is_some_and(char::is_uppercase) && second.is_some_and(char::is_lowercase);
            if capital || message.ends_with('.') {
                findings.push(format!("{}: {message:?}", relative(&path)));
            }
        }
    }
    assert!(seen > 100, "{seen} messages: the pattern missed most");
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

mod the_rules_themselves {
    //! Planted phrases: each rule finds its own and leaves correct English alone.

    use super::*;

    fn phrases(text: &str) -> Vec<String> {
        let found = Checker::new().check(text);
        found.into_iter().map(|(_, phrase, _)| phrase.trim().to_owned()).collect()
    }

    #[test]
    fn each_rule_finds_its_phrase() {
        for text in [
            "/// Most rows",
            "Runs of the last so long, such as 7d",
            "the file stands in the directory",
            "the file lies there",
            "plan.yaml is no plan",
            "of these there are many and of those are none",
            "the worker tells its size",
            "Folder with scripts",
            "a circle of tests",
            "the flag wins",
            "a directory of your own",
            "it starts by itself",
            "the run goes on",
            "/// What a test needs.",
            "nothing to be done",
            "the thread meets a bug",
            "one look at the directory",
            "2 of 3 workers would do",
            "Form of the answer",
            "a name that is made up",
        ] {
            assert_eq!(phrases(text).len(), 1, "{text:?}: {:?}", phrases(text));
        }
    }

    #[test]
    fn repeated_words_are_found() {
        assert!(repeats_words("Print a template or a part of templates of templates"));
        assert!(repeats_words("Shell to print for\nShell to print for"));
        assert!(!repeats_words("Run the tests of a plan, or tests of models"));
    }

    #[test]
    fn correct_english_is_left_alone() {
        for text in [
            "Most of the time is spent in the library.",
            "There is no worker, and there are none in the pool; it is no longer needed.",
            "the standby follows the log, so long as it can read it",
            "it looks like a plan",
            "the window is winning nothing",
        ] {
            assert_eq!(phrases(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn prose_is_comments_and_literals_with_a_space() {
        let text = "/// one\nfn f() { g(\"two words\", \"word\", 'c'); } // three\n\
                    #[cfg(test)]\nmod tests { const A: &str = \"a b\"; /* four */ }";
        let parts: Vec<_> = prose(text, false).into_iter().map(|(_, part)| part).collect();
        assert_eq!(parts, ["/// one", "\"two words\"", "// three", "/* four */"]);
        let test: Vec<_> = prose(text, true).into_iter().map(|(_, part)| part).collect();
        assert_eq!(test, ["/// one", "// three", "/* four */"]);
    }

    #[test]
    fn findings_name_file_and_line() {
        let text = "//! Job.\n\n/// Most rows.\nconst MAX: u8 = 1;\n";
        let found = Checker::new().check_file("src/x.rs", text, false);
        assert_eq!(found, ["src/x.rs:3: \"/// Most r\", better: Maximum …"]);
        let text = "//! Job.\n\n/// The limit, which is\n/// no bound.\nconst MAX: u8 = 1;\n";
        let found = Checker::new().check_file("src/x.rs", text, false);
        assert_eq!(found, ["src/x.rs:3: \"is\\n/// no b\", better: is not a"]);
    }
}
