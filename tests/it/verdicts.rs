//! Verdicts from JUnit files, outputs and exit codes of programs.

use crate::support::Home;
use serde_json::Value;

const GOOD: &str = r#"<testsuite name="s" tests="3"><testcase name="a"/><testcase name="b"/>
<testcase name="c"><skipped message="no card"/></testcase></testsuite>"#;

/// The rows of a plan that is run on this machine, with the whole report.
fn run(home: &Home, plan: &str, code: i32) -> Value {
    home.write("plan.yaml", plan);
    home.dtf(&["run", "plan.yaml", "--output", "json"]).expect_code(code).json()
}

/// Outcome, class and message of a test.
fn ended(report: &Value, name: &str) -> String {
    let rows = report["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["name"] == name).expect(name);
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let flaky = if row["flaky"] == true { " flaky" } else { "" };
    format!("{} {}{flaky}: {}", text("outcome"), text("class"), text("message"))
}

/// A plan whose tests copy each file to the path that they specify.
fn junit_plan(files: &[(&str, &str)]) -> String {
    let entry = |(name, more): &(&str, &str)| {
        format!(
            "  - {{name: {name}, cmd: [cp, {name}.xml, report.xml], files: [{name}.xml], {more}}}\n"
        )
    };
    format!("schema: 1\ntests:\n{}", files.iter().map(entry).collect::<String>())
}

#[test]
fn a_junit_file_is_judged_by_its_content() {
    let home = Home::new();
    let cut = GOOD.get(..GOOD.len() - 12).expect("a part");
    for (name, text) in [
        ("good", GOOD),
        ("short", GOOD),
        ("cut", cut),
        ("report", GOOD),
        (
            "suite",
            r#"<testsuites><testsuite name="setup" errors="1" tests="0"><system-err>no card</system-err></testsuite></testsuites>"#,
        ),
        ("none", r#"<testsuites tests="0"/>"#),
        (
            "skipped",
            r#"<testsuite><testcase name="a"><skipped message="no card"/></testcase></testsuite>"#,
        ),
        (
            "flaky",
            r#"<testsuite><testcase name="a"><flakyFailure message="was 1"/></testcase></testsuite>"#,
        ),
    ] {
        home.write(&format!("{name}.xml"), text);
    }
    let named = "junit: report.xml";
    let plan = junit_plan(&[
        ("good", named),
        ("short", "junit: {file: report.xml, cases: 9}"),
        ("cut", named),
        ("suite", named),
        ("none", named),
        ("skipped", named),
        ("flaky", named),
    ]) + "  - {name: stale, cmd: [\"true\"], files: [report.xml], junit: report.xml}\n";
    let report = run(&home, &plan, 100);
    for (name, wanted) in [
        ("good", "passed : 3 cases: 2 passed, 1 skipped"),
        ("short", "error no_result: 9 cases expected, 3 in report.xml"),
        (
            "cut",
            "error no_result: cannot read the JUnit file report.xml: the file is cut off after 3 cases",
        ),
        ("suite", "failed : the suite \"setup\" reports 1 error: no card"),
        ("none", "error no_result: no test case ran"),
        ("skipped", "skipped : nothing ran: the only case was skipped: no card"),
        ("flaky", "passed  flaky: 1 case: 1 passed; 1 passed only at a rerun: a (was 1)"),
        (
            "stale",
            "error no_result: the JUnit file report.xml was not written: it is still the one shipped with the test",
        ),
    ] {
        assert_eq!(ended(&report, name), wanted);
    }
    let cases = &report["totals"]["cases"];
    assert_eq!((&cases["total"], &cases["passed"]), (&8.into(), &5.into()), "{cases}");
    let table = home.dtf(&["report"]).expect_code(0).out;
    assert!(table.contains("8 cases: 5 passed, 3 skipped, 1 flaky; 6 tests"), "{table}");
}

#[test]
fn a_run_in_which_every_case_was_skipped_has_not_passed() {
    let home = Home::new();
    home.write("good.xml", GOOD);
    home.write("skipped.xml", r#"<testsuite><testcase name="a"><skipped/></testcase></testsuite>"#);
    let skipped = ("skipped", "junit: report.xml");
    run(&home, &junit_plan(&[skipped]), 5);
    // Beside others that passed, it does not matter.
    run(&home, &junit_plan(&[skipped, ("good", "junit: report.xml")]), 0);
}

#[test]
fn the_last_error_of_the_output_is_reported() {
    let home = Home::new();
    // As Python 3.11 and later print a group; those before it have none.
    home.write(
        "group.py",
        r#"import sys
for i in range(3):
    sys.stderr.write(f"\r{i}0%|#| ")
print("""  + Exception Group Traceback (most recent call last):
  |   File "group.py", line 3, in <module>
  |     raise ExceptionGroup("all", [KeyError("a"), MemoryError("b")])
  | ExceptionGroup: all (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | KeyError: 'a'
    +---------------- 2 ----------------
    | MemoryError: b
    +------------------------------------""", file=sys.stderr)
sys.exit(1)
"#,
    );
    let plan = "schema: 1\ntests:\n  \
        - {name: rank, cmd: [sh, -c, \"printf '[rank1]: Traceback (most recent call last):\\\\n[rank1]:   \
        File x\\\\n[rank1]: KeyError: k\\\\n[rank1]:[W] left open\\\\n'; exit 1\"]}\n  \
        - {name: killed, cmd: [sh, -c, \"sh -c 'kill -9 $$'; exit $?\"]}\n  \
        - {name: fault, cmd: [sh, -c, \"kill -SEGV $$\"]}\n  \
        - {name: group, script: group.py}\n";
    let report = run(&home, plan, 100);
    assert_eq!(ended(&report, "rank"), "failed : exit code 1; last output: KeyError: k");
    let killed = ended(&report, "killed");
    assert!(killed.starts_with("error crash: exit code 137, as after SIGKILL ("), "{killed}");
    let fault = ended(&report, "fault");
    assert!(fault.starts_with("error crash: ended by SIGSEGV ("), "{fault}");
    let group = ended(&report, "group");
    assert!(group.starts_with("error out_of_memory: "), "{group}");
    let words = "ExceptionGroup: all (2 sub-exceptions): KeyError: 'a'; MemoryError: b";
    assert!(group.ends_with(words), "{group}");
}

/// A script that reports a metric and this result, and exits with `code`.
fn reporting(code: i32, result: &str) -> String {
    format!(
        r#"import json, os, sys
with open(os.environ["DTF_RESULT"], "a", encoding="utf-8") as lines:
    for line in ({{"event": "metric", "name": "m", "values": [1.5]}}, {{"event": "result", **{result}}}):
        lines.write(json.dumps(line) + "\n")
sys.exit({code})
"#
    )
}

#[test]
fn reduced_precision_has_an_outcome_of_its_own_everywhere() {
    let home = Home::new();
    home.write(
        "reduced.py",
        &reporting(
            3,
            r#"{"outcome": "reduced_precision", "message": "rounds like bf16",
                "first_differs": {"module": "model.layers.0", "kind": "Layer\u001b[2J", "values": {"rms": 0.25}}}"#,
        ),
    );
    home.write(
        "passes.py",
        &reporting(
            0,
            r#"{"outcome": "passed", "message": "3 checks passed",
                "would_not_notice": ["scale dropped", "positions\nshifted"]}"#,
        ),
    );
    home.write("interrupted.py", &reporting(1, r#"{"outcome": "reduced_precision"}"#));
    let plan = "schema: 1\ndefaults: {retries: {failed: 1}}\ntests:\n  \
        - {name: reduced, script: reduced.py}\n  \
        - {name: after, cmd: [\"true\"], depends_on: [reduced]}\n  \
        - {name: passes, script: passes.py}\n  \
        - {name: interrupted, script: interrupted.py, retries: {failed: 0}}\n";
    let report = run(&home, plan, 100);
    assert_eq!(report["totals"]["outcomes"]["reduced_precision"], 1, "{report}");
    assert_eq!(ended(&report, "reduced"), "reduced_precision : rounds like bf16");
    assert_eq!(report["rows"][0]["attempts"], 2, "it is tried again like a failed test");
    assert_eq!(report["rows"][0]["first_differs"]["module"], "model.layers.0");
    assert_eq!(report["rows"][0]["would_not_notice"], Value::Null, "it reported none");
    assert!(ended(&report, "after").starts_with("skipped "), "{report}");
    assert_eq!(report["rows"][2]["would_not_notice"][1], "positions\nshifted");
    let contradicts = "error : the script reported reduced precision, but exited with code 1";
    assert_eq!(ended(&report, "interrupted"), contradicts);

    let table = home.dtf(&["report", "--run", "r1", "--exit-code"]).expect_code(100).out;
    assert!(
        table.contains("1 passed, 0 failed, 1 reduced precision, 1 error, 1 skipped"),
        "{table}"
    );
    let line = "\nPassed, but would not notice: positions shifted, scale dropped (1 test)\n";
    assert!(table.contains(line), "{table}");
    let line =
        "reduced precision: rounds like bf16; first differs at model.layers.0 (Layer\\u{1b}[2J)";
    assert!(table.contains(line), "{table}");
    let csv = home.dtf(&["report", "--output", "csv"]).expect_code(0).out;
    assert!(csv.contains(",reduced,reduced_precision,"), "{csv}");
    let why = home.dtf(&["why", "reduced"]).expect_code(0).out;
    assert!(why.contains("done: reduced precision on attempt 2 of 2: rounds like bf16"), "{why}");
    assert!(
        why.contains("\n  first differs at model.layers.0 (Layer\\u{1b}[2J): rms 0.250\n"),
        "{why}"
    );
    let why = home.dtf(&["why", "passes"]).expect_code(0).out;
    assert!(why.contains("\n  would not notice: scale dropped, positions shifted\n"), "{why}");
    let why = home.dtf(&["why", "passes", "--output", "json"]).expect_code(0).json();
    assert_eq!(why["would_not_notice"][0], "scale dropped");
}

#[test]
fn a_byte_order_mark_in_plans_and_settings_is_ignored() {
    let home = Home::new();
    let plan =
        home.write("plan.yaml", "\u{feff}schema: 1\ntests:\n  - {name: a, cmd: [\"true\"]}\n");
    let settings = home.write("settings.yaml", "\u{feff}worker:\n  slots: 1\n");
    let run =
        ["run", plan.to_str().expect("a path"), "--config", settings.to_str().expect("a path")];
    home.dtf(&run).expect_code(0);
    let wide: Vec<u8> = "\u{feff}{\"tests\": [{\"name\": \"a\", \"cmd\": [\"true\"]}]}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(home.path("wide.json"), wide).expect("written");
    home.dtf(&["run", "wide.json"]).expect_code(0);
}

/// Characters that move a cursor, set a title or change the reading direction.
fn has_controls(text: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().any(|c| (c.is_control() && !matches!(c, '\n' | '\r')) || turns(c))
}

#[test]
fn no_command_prints_terminal_controls_of_a_text() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _worker = home.worker(&coordinator, "lab\u{202e}1", &["--slots", "1"]);
    let plan = home.write(
        "plan.yaml",
        "schema: 1\nname: \"run\u{202e}\u{2066}\"\ntests:\n  \
         - {name: \"a\u{202e}b\", cmd: [sh, -c, \"printf '\\\\033]52;c;eA==\\\\007 \\\\302\\\\2332J \\\\342\\\\200\\\\256 end'; exit 3\"], \
         labels: {model: \"m\u{202e}\"}}\n  \
         - {name: \"after\u{200f}\", cmd: [\"true\"], depends_on: [\"a\u{202e}b\"]}\n  \
         - {name: \"never\u{202e}\", cmd: [\"true\"], requires: {tags: [nowhere]}, expire_after: 1s}\n",
    );
    let plan = plan.to_str().expect("a plain path");
    for args in [
        &["submit", plan, "--wait"][..],
        &["report"],
        &["report", "--output", "json"],
        &["report", "--output", "csv"],
        &["report", "--run", "r1"],
        &["why", "r1.t0"],
        &["why", "r1.t1"],
        &["why", "r1.t0", "--output", "json"],
        &["workers"],
        &["workers", "--output", "json"],
        &["workers", "--drain", "lab\u{202e}2"],
        &["status"],
        &["status", "--output", "json"],
        &["submit", "no\u{1b}[2J\u{202e}.yaml"],
        &["why", "\u{1b}]0;x\u{7}"],
        &["logs", "\u{202e}"],
        &["generate", "no\u{202e}model", "--dry-run"],
        &["cancel", "r1"],
        &["workers", "--drain", "lab\u{202e}1"],
    ] {
        let finished = home.at(&coordinator, args);
        assert!(!has_controls(&finished.out), "{args:?}: {:?}", finished.out);
        assert!(!has_controls(&finished.err), "{args:?}: {:?}", finished.err);
    }
    let why = home.at(&coordinator, &["why", "r1.t0"]).expect_code(0).out;
    assert!(
        why.contains("done: failed: exit code 3; last output:") && why.contains("end"),
        "{why}"
    );
}
