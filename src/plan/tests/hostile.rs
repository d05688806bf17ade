//! Hostile plans and configurations are read or refused; none causes a panic or becomes code.

use super::{TestFiles, submit};
use crate::models::interpret;
use crate::plan::document::Plan;
use crate::text::python;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::process::{Command, Stdio};

const PIECES: [&str; 44] = [
    "tests:",
    "models:",
    "\n  - ",
    "\n    ",
    "name: ",
    "cmd: ",
    "[x]",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "matrix: ",
    "{a: [1, 2]}",
    "exclude: ",
    "include: ",
    "gpt2",
    "model: ",
    "backends: ",
    "auto",
    "batch: ",
    "1",
    "-1",
    "1e400",
    ".nan",
    "~",
    "'",
    "\"",
    "&a ",
    "*a",
    "|\n",
    "!t ",
    "depends_on: ",
    "files: ",
    "../",
    "{name}",
    "{a}",
    "{{a}}",
    "timeout: ",
    "9d",
    "\t",
    "\u{0}",
    "é",
];

proptest! {
    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for origin in ["p.yaml", "p.json", ""] {
            let _result = Plan::parse(&bytes, origin);
            let _config = interpret::parse(&bytes, "config.json");
        }
    }

    #[test]
    fn almost_plans_never_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..30)
    ) {
        let _result = submit(&pieces.concat(), &TestFiles::default(), &[]);
    }

    #[test]
    fn matrix_names_are_unique_and_stable(
        sizes in prop::collection::vec(1..5usize, 1..4),
        mentioned in prop::collection::vec(any::<bool>(), 4),
    ) {
        let axes: Vec<String> = sizes.iter().enumerate().map(|(at, size)| {
            let values: Vec<String> = (0..*size).map(|value| format!("v{value}")).collect();
            format!("x{at}: [{}]", values.join(", "))
        }).collect();
        let name: String =
            (0..sizes.len()).filter(|at| mentioned[*at]).map(|at| format!("-{{x{at}}}")).collect();
        let text =
            format!("tests: [{{name: 'n{name}', cmd: [x], matrix: {{{}}}}}]", axes.join(", "));
        let names = || -> Vec<String> {
            let submission = submit(&text, &TestFiles::default(), &[]).expect("a plan");
            submission.tests.iter().map(|test| test.name.to_string()).collect()
        };
        let first = names();
        prop_assert_eq!(first.len(), sizes.iter().product::<usize>());
        prop_assert_eq!(first.iter().collect::<HashSet<_>>().len(), first.len());
        prop_assert_eq!(names(), first);
    }
}

/// Compares a hostile configuration with what Python reads from the generated script.
#[test]
fn hostile_configurations_stay_data_in_python() {
    let hostile = json!({
        "model_type": "bert",
        "{{7*7}}": "{% include 'x' %}{# c #}",
        "quotes": "\"\"\"'''\\\"; import os; os._exit(9) #",
        "lines": "a\nb\r\n\u{2028}\u{85}\u{0}",
        "wide": "é 😀 \u{fffe} \u{10ffff}",
        "numbers": [0, -1, 1e-12, 1.5e300, u64::MAX, true, null],
        "nested": {"a": {"b": ["c", {"d": "\\"}]}},
    });
    let config = serde_json::to_string(&hostile).expect("json");
    let files = TestFiles::with(&[("m.json", &config)]);
    let text = "models: [{model: {config: m.json}, name: \"n '\\\" {{7*7}}\"}]";
    let submission = submit(text, &files, &[]).expect("a plan");
    let script = std::str::from_utf8(&submission.files[0].bytes).expect("text").to_owned();
    let program = "
import ast, json, sys
tree = ast.parse(sys.stdin.read())
found = {t.id: n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets
         if isinstance(t, ast.Name)}
print(json.dumps({k: ast.literal_eval(found[k]) for k in ('CONFIG', 'TEST_NAME', 'PARAMETERS')}))
";
    let Ok(output) = python3(program, &script) else { return };
    let read: Value = serde_json::from_str(&output).expect("json");
    assert_eq!(read["CONFIG"], hostile);
    assert_eq!(read["TEST_NAME"], "n '\" {{7*7}}/cpu/b2-s131-fp32");
    assert_eq!(read["PARAMETERS"]["batch"], 2);
}

#[test]
fn python_literals_keep_their_value() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts: Vec<String> = (0..200)
        .map(|_| {
            let tree = any::<String>().new_tree(&mut runner).expect("a text");
            proptest::strategy::ValueTree::current(&tree)
        })
        .collect();
    let value = json!(texts);
    let program = "import ast, json, sys; print(json.dumps(ast.literal_eval(sys.stdin.read())))";
    let Ok(output) = python3(program, &python::literal(&value)) else { return };
    assert_eq!(serde_json::from_str::<Value>(&output).expect("json"), value);
}

#[test]
fn every_generated_script_is_python() {
    let all: BTreeSet<&str> = crate::models::catalogue::names().collect();
    let mut scripts = Vec::new();
    for model in all {
        let submission =
            submit(&format!("models: [{model}]"), &TestFiles::default(), &[]).expect(model);
        let text = String::from_utf8(submission.files[0].bytes.to_vec()).expect("text");
        scripts.push(text);
    }
    let input = serde_json::to_string(&scripts).expect("json");
    let program =
        "import ast, json, sys; print(sum(bool(ast.parse(t)) for t in json.load(sys.stdin)))";
    let Ok(output) = python3(program, &input) else { return };
    assert_eq!(output.trim(), scripts.len().to_string());
}

/// Output of a small Python program; an error without Python.
fn python3(program: &str, input: &str) -> std::io::Result<String> {
    let mut child = Command::new("python3")
        .args(["-c", program])
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().expect("piped").write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    assert!(output.status.success());
    Ok(String::from_utf8(output.stdout).expect("text"))
}
