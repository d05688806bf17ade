//! `dtf report`, `dtf diff` and `dtf results` as processes: exit codes, empty and small databases, runs
//! that have not ended, and names that are hostile to the formats.

use crate::support::{Coordinator, Finished, Home, eventually};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// A plan of commands: names, and the commands as JSON.
fn plan(tests: &[(&str, &str)]) -> String {
    let mut text = "schema: 1\nname: results\ntests:\n".to_owned();
    for (name, command) in tests {
        let name = serde_json::to_string(name).expect("JSON");
        text.push_str(&format!("  - {{name: {name}, cmd: {command}}}\n"));
    }
    text
}

const PASS: &str = r#"["true"]"#;
const FAIL: &str = r#"[sh, -c, "echo 'why it fails'; exit 3"]"#;

/// Runs tests on this machine, with results in `data`.
fn run(home: &Home, tests: &[(&str, &str)], code: i32) -> Finished {
    home.write("plan.yaml", &plan(tests));
    stored(home, &["run", "plan.yaml"]).expect_code(code)
}

/// A command about the results in `data`.
fn stored(home: &Home, args: &[&str]) -> Finished {
    home.dtf(&[args, &["--data-dir", "data"]].concat())
}

/// Submits tests to a coordinator without workers.
fn submitted(home: &Home, count: usize) -> (Coordinator, String) {
    let coordinator = home.coordinator("data");
    let names: Vec<String> = (0..count).map(|at| format!("t{at}")).collect();
    let tests: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), PASS)).collect();
    let path = home.write("plan.yaml", &plan(&tests));
    let run = home.submit(&coordinator, &path);
    (coordinator, run)
}

const FORMATS: [&str; 9] =
    ["table", "json", "ndjson", "csv", "markdown", "html", "junit", "ctrf", "bencher"];

#[test]
fn an_empty_database_answers_every_command() {
    let home = Home::new();
    let absent = stored(&home, &["report"]).expect_code(1);
    assert!(absent.err.contains("there are no results in data"), "{}", absent.err);
    home.coordinator("data").stop();
    for format in FORMATS {
        stored(&home, &["report", "--output", format]).expect_code(5);
    }
    for (args, code) in [
        (&["diff", "latest"][..], 5),
        (&["diff", "r1", "r2"], 5),
        (&["results", "accept", "r1", "--reason", "x"], 5),
        (&["results", "accept", "--list"], 0),
        (&["results", "quarantine", "list"], 0),
        (&["results", "quarantine", "remove", "q1"], 5),
        (&["results", "flaky"], 0),
        (&["results", "query", "FROM tests"], 0),
        (&["results", "gc", "--keep", "1d"], 0),
        (&["results", "export", "--parquet", "exported"], 0),
        (&["results", "rebuild"], 0),
    ] {
        stored(&home, args).expect_code(code);
    }
    home.dtf(&["results", "import", "exported", "--name", "other", "--data-dir", "data"])
        .expect_code(0);
    let counted = "SELECT count(*) AS n FROM tests UNION ALL SELECT count(*) FROM other.tests";
    let counted = stored(&home, &["results", "query", counted, "--output", "csv"]).expect_code(0);
    assert_eq!(counted.out.split_whitespace().collect::<Vec<_>>(), ["n", "0", "0"]);
}

#[test]
fn commands_that_change_results_refuse_a_directory_without_any() {
    let home = Home::new();
    std::fs::create_dir(home.path("data")).expect("a directory");
    for args in [&["results", "gc", "--keep", "1d"][..], &["results", "rebuild"]] {
        let refused = stored(&home, args).expect_code(1).err;
        assert!(refused.contains("there are no results in data"), "{refused}");
        assert_eq!(std::fs::read_dir(home.path("data")).expect("listed").count(), 0, "{args:?}");
    }
}

#[test]
fn a_report_keeps_the_mode_and_the_link_of_its_file() {
    let home = Home::new();
    run(&home, &[("one", PASS)], 0);
    let old = home.write("old.json", "old");
    std::fs::set_permissions(&old, Permissions::from_mode(0o640)).expect("set");
    std::os::unix::fs::symlink("old.json", home.path("link.json")).expect("linked");
    let write = ["--write", "json=link.json", "--write", "csv=new.csv", "--write", "html=new.csv"];
    let finished = stored(&home, &[&["report"], &write[..]].concat()).expect_code(1);
    assert!(finished.err.contains("--write names new.csv twice"), "{}", finished.err);
    let mode = |path: &str| std::fs::metadata(home.path(path)).expect("there").permissions().mode();
    assert!(std::fs::read_to_string(&old).expect("read").starts_with('{'));
    assert!(home.path("link.json").is_symlink());
    assert_eq!(mode("old.json") & 0o777, 0o640);
    // Others may read it, unless the umask of the test forbids that.
    let plain = home.write("plain", "");
    assert_eq!(mode("new.csv"), std::fs::metadata(plain).expect("there").permissions().mode());
    let first = std::fs::read_to_string(home.path("new.csv")).expect("read");
    assert!(!first.contains('<') && first.contains(",passed,"), "{first}");
}

#[test]
fn unknown_runs_and_tests_have_one_exit_code() {
    let home = Home::new();
    run(&home, &[("one", PASS)], 0);
    for args in [
        &["report", "--run", "r99"][..],
        &["report", "--run", "r1", "--run", "r99"],
        &["report", "--between", "r1", "r99"],
        &["report", "--open", "--run", "r99"],
        &["diff", "r1", "r99"],
        &["diff", "r99", "r1"],
        &["logs", "r99.t0"],
        &["logs", "r1.t9"],
        &["logs", "no such test"],
        &["why", "r1.t9"],
        &["why", "r99.t0"],
        &["results", "accept", "r99", "--reason", "x"],
        &["results", "accept", "r1.t9", "--reason", "x"],
    ] {
        let finished = stored(&home, args).expect_code(5);
        assert!(finished.err.starts_with("error: "), "{args:?}: {}", finished.err);
    }
    let coordinator = home.coordinator("data");
    for args in [
        &["report", "--run", "r99"][..],
        &["report", "--between", "r99", "r100"],
        &["diff", "r1", "r99"],
        &["logs", "r99.t0"],
        &["why", "r1.t9"],
        &["wait", "r99"],
        &["cancel", "r99"],
        &["results", "accept", "r99.t0", "--reason", "x"],
        &["results", "quarantine", "remove", "q9"],
    ] {
        home.at(&coordinator, args).expect_code(5);
    }
}

/// The token of a person with the user name of the coordinator, whose run is like a confirmation.
const TOKEN: &str = "admin-token-of-a-test-9876543210";

#[test]
fn the_latest_run_is_not_a_confirmation() {
    let home = Home::new();
    let secret = |name: &str, text: &str| {
        let path = home.write(name, text);
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        path.display().to_string()
    };
    let tokens = secret("tokens", &format!("admin dtf {TOKEN}\n"));
    let own = secret("own", TOKEN);
    let coordinator = home.coordinator_with("data", "127.0.0.1:0", &["--token-file", &tokens]);
    let at = |args: &[&str]| home.at(&coordinator, &[args, &["--token-file", &own]].concat());
    for name in ["nightly", "confirm r1", "confirm r1 again"] {
        let text = plan(&[("one", PASS)]).replace("name: results", &format!("name: {name}"));
        let plan = home.write("plan.yaml", &text).display().to_string();
        at(&["submit", &plan]).expect_code(0);
    }
    let latest = at(&["report", "--run", "latest"]).expect_code(0).out;
    assert!(latest.starts_with("run r1, 1 test"), "{latest}");
    let diff = at(&["diff", "latest", "--output", "json"]).json();
    assert_eq!(diff["to"], "r1", "{diff}");
}

/// A suspected change is measured again by a real worker, and its second value confirms it.
#[test]
fn a_suspected_change_is_run_again_and_confirmed() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let _worker = home.worker(&coordinator, "rig", &[]);
    let measure = |value: f64| {
        let metric = serde_json::json!({ "event": "metric", "name": "latency_seconds",
            "unit": "seconds", "better": "lower", "values": [value] });
        home.write("value", &format!("{metric}\n"));
        let test = r#"  - {name: one, cmd: [sh, -c, "cat value >> $DTF_RESULT"], files: [value]}"#;
        let plan = home.write("plan.yaml", &format!("schema: 1\nname: nightly\ntests:\n{test}\n"));
        let run = home.submit(&coordinator, &plan);
        home.finished(&coordinator, &run)
    };
    for value in [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 1.5] {
        assert_eq!(measure(value)["totals"]["outcomes"]["passed"], 1);
    }
    let confirmation = eventually("the confirmation", || {
        let found = home.at(&coordinator, &["report", "--run", "r8", "--output", "json"]);
        let report = (found.code == 0).then(|| found.json())?;
        Some(report)
            .filter(|report| report["totals"]["tests"] == 1 && report["totals"]["pending"] == 0)
    });
    let row = &confirmation["rows"][0];
    assert_eq!((&row["labels"]["confirms"], &row["outcome"]), (&"r7.t0".into(), &"passed".into()));
    let diff = home.at(&coordinator, &["diff", "r7", "r8", "--output", "json"]).json();
    assert_eq!(diff["tests"][0]["metrics"][0]["verdict"], "confirmed", "{diff}");
}

#[test]
fn one_result_is_reported_compared_and_marked() {
    let home = Home::new();
    // The same case, whose outcome depends on a file.
    let with_code = |code: i32| {
        home.write("code", &code.to_string());
        let test = r#"  - {name: one, cmd: [sh, -c, "exit $(cat code)"], files: [code]}"#;
        home.write("plan.yaml", &format!("schema: 1\nname: results\ntests:\n{test}\n"));
        stored(&home, &["run", "plan.yaml"])
    };
    with_code(0).expect_code(0);
    let first = stored(&home, &["report", "--run", "latest"]).expect_code(0).out;
    assert!(first.starts_with("run r1, 1 test: 1 passed, 0 failed\n"), "{first}");
    let diff = stored(&home, &["diff", "latest", "--exit-code"]).expect_code(0);
    assert!(!diff.out.is_empty());
    with_code(3).expect_code(100);
    let diff = stored(&home, &["diff", "r1", "r2", "--output", "json", "--exit-code"]);
    let diff = diff.expect_code(100).json();
    assert_eq!(diff["tests"][0]["name"], "one", "{diff}");
    for output in ["table", "csv", "markdown"] {
        let text = stored(&home, &["diff", "r1", "r2", "--output", output]).expect_code(0).out;
        assert!(text.contains("one"), "{output}: {text}");
    }
    stored(&home, &["report", "--run", "r2", "--exit-code"]).expect_code(100);
    let period = stored(&home, &["report", "--between", "1d", "2099-01-01"]).expect_code(0).out;
    assert!(period.starts_with("from ") && period.contains(" to "), "{period}");

    let unchanged = ["results", "accept", "r1.t0", "--reason", "intended"];
    let refused = stored(&home, &unchanged).expect_code(2);
    assert!(refused.err.contains("no metric of r1.t0 changed"), "{}", refused.err);
    let add = ["results", "quarantine", "add", "on?", "--reason", "driver"];
    let unknown = stored(&home, &[&add[..], &["--backend", "cdua"]].concat()).expect_code(2);
    assert!(unknown.err.contains("did you mean \"cuda\"?"), "{}", unknown.err);
    let place = ["--worker", "rig7", "--backend", "cuda"];
    let added = stored(&home, &[&add[..], &place].concat()).expect_code(0);
    let expected = "q1: the tests \"on?\" on the worker rig7 on the back-end cuda do not count";
    assert!(added.out.starts_with(expected), "{}", added.out);
    stored(&home, &add).expect_code(0);
    with_code(3).expect_code(0);
    let covered = stored(&home, &["report", "--run", "latest", "--exit-code"]).expect_code(0).out;
    assert!(covered.contains("in quarantine q2"), "{covered}");
    stored(&home, &["results", "quarantine", "remove", "q2"]).expect_code(0);
    let rate = stored(&home, &["results", "flaky", "--output", "json"]).expect_code(0).json();
    assert_eq!(rate["tests"][0]["rate"]["attempts"], 3, "{rate}");
}

#[test]
fn a_run_that_has_not_ended_is_reported() {
    let home = Home::new();
    let (coordinator, run) = submitted(&home, 2);
    for format in FORMATS {
        let args = ["report", "--run", &run, "--output", format];
        assert!(!home.at(&coordinator, &args).expect_code(0).out.is_empty(), "{format}");
    }
    home.at(&coordinator, &["report", "--run", &run, "--exit-code"]).expect_code(8);
    let diff = home.at(&coordinator, &["diff", &run, "--output", "json"]).expect_code(5).json();
    assert_eq!(diff["totals"]["tests"], 0, "no test has ended: {diff}");
    home.at(&coordinator, &["results", "flaky"]).expect_code(0);
    home.at(&coordinator, &["results", "query", "FROM runs", "--output", "json"]).expect_code(0);
    let why = home.at(&coordinator, &["why", &format!("{run}.t0")]).expect_code(0).out;
    assert!(why.contains("none has registered") || why.contains("no worker"), "{why}");
    let logs = home.at(&coordinator, &["logs", &format!("{run}.t0")]);
    assert_ne!(logs.code, 0, "{}", logs.out);
}

#[test]
fn files_have_every_test_and_change_nothing_that_is_printed() {
    let home = Home::new();
    let (coordinator, run) = submitted(&home, 1_203);
    let wait = ["wait", &run, "--timeout", "1ms"];
    let printed = home.at(&coordinator, &wait).expect_code(8).out;
    assert!(printed.contains("1000 of 1203 tests shown"), "{printed}");
    let files = ["csv=out/rows.csv", "junit=out/junit.xml", "ndjson=rows", "html=page.html"];
    let files: Vec<&str> = files.iter().flat_map(|file| ["--write", file]).collect();
    let with_files = home.at(&coordinator, &[&wait[..], &files].concat()).expect_code(8);
    assert_eq!(with_files.out, printed);
    let read = |name: &str| std::fs::read_to_string(home.path(name)).expect(name);
    assert_eq!(read("out/rows.csv").lines().count(), 1_204);
    assert_eq!(read("out/junit.xml").matches("<testcase ").count(), 1_203);
    assert_eq!(read("rows").lines().count(), 1_204);
    let json = home.at(&coordinator, &[&wait[..], &["--output", "json"]].concat());
    let json = json.expect_code(8).json();
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(1_203));
    let limited = ["report", "--run", &run, "--limit", "7", "--output", "csv"];
    let limited = home.at(&coordinator, &limited).expect_code(0);
    assert_eq!(limited.out.lines().count(), 8);
    assert!(limited.err.contains("only 7 of 1203 tests are shown"), "{}", limited.err);
}

#[test]
fn a_file_that_cannot_be_written_hides_neither_the_report_nor_a_failure() {
    let home = Home::new();
    home.write("taken", "a file");
    home.write("plan.yaml", &plan(&[("good", PASS)]));
    let files = ["--write", "junit=taken/junit.xml", "--write", "csv=rows.csv"];
    let passed = stored(&home, &[&["run", "plan.yaml"][..], &files].concat()).expect_code(1);
    assert!(passed.err.contains("error: cannot write taken/junit.xml"), "{}", passed.err);
    assert!(passed.out.starts_with("run r1, 1 test: 1 passed"), "{}", passed.out);
    assert!(home.path("rows.csv").exists(), "the other file is written");
    home.write("plan.yaml", &plan(&[("bad", FAIL)]));
    let failed = stored(&home, &[&["run", "plan.yaml"][..], &files].concat()).expect_code(100);
    assert!(failed.err.contains("cannot write taken/junit.xml"), "{}", failed.err);
    let report = ["report", "--run", "r1"];
    stored(&home, &[&report[..], &files].concat()).expect_code(1);
}

#[test]
fn the_parts_of_a_report_are_those_of_the_selected_tests() {
    let home = Home::new();
    run(&home, &[("steady", PASS), ("other", FAIL)], 100);
    run(&home, &[("steady", PASS)], 0);
    // The section of flaky tests is about the run, whatever failed in other runs.
    let of_run =
        stored(&home, &["report", "--run", "r2", "--output", "json"]).expect_code(0).json();
    assert_eq!(of_run["flaky_tests"]["tests"], serde_json::json!([]), "{of_run}");
    let of_first = stored(&home, &["report", "--run", "r1", "--output", "json"]);
    let of_first = of_first.expect_code(0).json();
    assert_eq!(of_first["flaky_tests"]["tests"][0]["name"], "other", "{of_first}");
    // They do not depend on the number of shown rows.
    let few = ["report", "--status", "failed,passed", "--limit", "1", "--output", "json"];
    let few = stored(&home, &few).expect_code(0).json();
    assert_eq!(few["rows"].as_array().map(Vec::len), Some(1));
    let all = ["report", "--status", "failed,passed", "--output", "json"];
    let all = stored(&home, &all).expect_code(0).json();
    assert_eq!(few["changes"]["tests"], all["changes"]["tests"]);
    assert_eq!(few["flaky_tests"]["tests"], all["flaky_tests"]["tests"]);
    // Flags without an effect are refused.
    for flags in
        [&["--since", "7d"][..], &["--model", "x"], &["--limit", "3"], &["--group-by", "model"]]
    {
        let open = [&["report", "--open"][..], flags].concat();
        let refused = stored(&home, &open).expect_code(2);
        assert!(refused.err.contains("--open"), "{}", refused.err);
    }
}

#[test]
fn hostile_names_break_no_format() {
    let home = Home::new();
    let long = "ä".repeat(256);
    let names = [
        "=cmd|'/c calc'!A1",
        "@SUM(1+1)",
        "<b onload=alert(1)>&amp;\"'</td>",
        "| a | `b` [c](http://d)",
        "../../etc/passwd",
        "a\u{202e}b",
        &long,
    ];
    let tests: Vec<(&str, &str)> = names.iter().map(|name| (*name, FAIL)).collect();
    run(&home, &tests, 100);
    // Names that could command a terminal, and those that are too long, are refused.
    for name in ["a\u{1b}[31mb", &"x".repeat(513)] {
        let refused = {
            home.write("plan.yaml", &plan(&[(name, PASS)]));
            stored(&home, &["run", "plan.yaml"]).expect_code(2)
        };
        assert!(!refused.err.contains('\u{1b}'), "{:?}", refused.err);
    }
    let report = |format: &str| {
        stored(&home, &["report", "--run", "r1", "--output", format]).expect_code(0).out
    };
    let csv = report("csv");
    assert!(csv.contains("'=cmd|") && csv.contains("'@SUM"), "{csv}");
    assert!(!csv.contains("\n=") && !csv.contains(",=") && !csv.contains(",@"), "{csv}");
    for format in ["html", "junit", "markdown"] {
        assert!(!report(format).contains("<b onload"), "{format}");
    }
    for format in ["table", "markdown"] {
        assert!(!report(format).contains('\u{202e}'), "{format}");
    }
    let rows = |text: &str| {
        let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        json["rows"].as_array().map(Vec::len)
    };
    assert_eq!(rows(&report("json")), Some(names.len()));
    assert_eq!(report("ndjson").lines().count(), names.len() + 1);
    let markdown = report("markdown");
    let table: Vec<&str> =
        markdown.lines().filter(|line| line.contains("| dtf why r1.t")).collect();
    assert_eq!(table.len(), names.len(), "{markdown}");
    assert!(table.iter().all(|line| line.matches('|').count() == 5), "{markdown}");
    // The commands about one test find it by its name.
    let logs = stored(&home, &["logs", names[0]]).expect_code(0).out;
    assert!(logs.contains("why it fails"), "{logs}");
    let query = "SELECT name FROM tests ORDER BY test";
    let query = stored(&home, &["results", "query", query, "--output", "json"]).expect_code(0);
    assert!(query.out.contains("=cmd|"), "{}", query.out);
}

#[test]
fn a_document_with_several_mistakes_is_answered_with_all_of_them() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let post = |body: &serde_json::Value| {
        let text = body.to_string();
        crate::bad_input::post(coordinator.address(), "/api/v1/runs", &text)
    };
    let command = serde_json::json!({"run": {"command": ["true"]}});
    let missing = serde_json::json!({"run": {"command": ["true"]},
        "files": [{"path": "a", "sha256": "0".repeat(64)}]});
    let answer = post(&serde_json::json!({"name": "n", "tests": [
        {"name": "a", "launch": {"run": {"command": []}}},
        {"name": "b", "launch": command},
        {"name": "c", "launch": missing},
    ]}));
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    let body: serde_json::Value =
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    let paths: Vec<&str> = body["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| problem["path"].as_str().expect("a path"))
        .collect();
    assert_eq!(paths, ["tests[0]", "tests[2]"], "{body}");
    let answer = post(&serde_json::json!({"name": "n", "tests": [
        {"name": 1, "launch": {}}, {"name": "b", "launch": {}, "priority": 1000},
    ]}));
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("tests[0].name") && answer.contains("tests[1].priority"), "{answer}");
    let status = eventually("an idle coordinator", || {
        let status = home.at(&coordinator, &["status", "--output", "json"]).json();
        (status["runs_open"] == 0).then_some(status)
    });
    assert_eq!(status["tests_waiting"], 0, "nothing was stored");
}
