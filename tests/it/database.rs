//! `dtf results`: queries, exports, imports and removals over the results of runs, and `dtf diff`.

use crate::support::{Finished, Home, eventually, processes_with};
use std::process::Stdio;

/// Two runs: in the second one, a test fails that passed before, and another test is new and fails.
fn two_runs(home: &Home) {
    let plan = |name: &str, tests: &[(&str, &str)]| {
        let tests: Vec<String> = tests
            .iter()
            .map(|(name, ended)| format!("  - {{name: {name}, cmd: [sh, -c, '{ended}']}}\n"))
            .collect();
        let path = home.write(name, &format!("tests:\n{}", tests.concat()));
        path.to_str().expect("a plain path").to_owned()
    };
    let command = "[ ! -e worse ] || exit 1";
    let ended = format!("cd {}; {command}", home.root.path().display());
    let first = plan("first.yaml", &[("steady", "true"), ("changes", &ended)]);
    home.dtf(&["run", &first, "--data-dir", "own"]).expect_code(0);
    home.write("worse", "");
    let tests = [("steady", "true"), ("changes", &*ended), ("fresh", "false")];
    let second = plan("second.yaml", &tests);
    home.dtf(&["run", &second, "--data-dir", "own"]).expect_code(100);
}

fn results(home: &Home, args: &[&str]) -> Finished {
    home.dtf(&[&["results"], args, &["--data-dir", "own"]].concat())
}

#[test]
fn what_became_worse_decides_the_exit_code_of_a_comparison() {
    let home = Home::new();
    two_runs(&home);
    let diff =
        |more: &[&str]| home.dtf(&[&["diff", "r1", "r2", "--data-dir", "own"], more].concat());
    let text = diff(&[]).expect_code(0).out;
    for part in ["New failures", "changes", "r1.t1 passed", "fresh", "new test"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The list is cut, and what is not listed counts.
    let cut = diff(&["--limit", "1", "--output", "json", "--exit-code"]).expect_code(100).json();
    assert_eq!(
        (cut["tests"].as_array().map(Vec::len), &cut["totals"]["worse"]),
        (Some(1), &2.into())
    );
    home.dtf(&["diff", "r1", "r1", "--data-dir", "own", "--exit-code"]).expect_code(0);
}

/// The copy that a coordinator sends and the database that `gc` writes are whole.
#[test]
fn results_are_exported_from_a_coordinator_and_after_gc() {
    let home = Home::new();
    two_runs(&home);
    let removed = results(&home, &["gc", "--keep", "1ms"]).expect_code(0).out;
    assert!(removed.starts_with("removed 2 runs"), "{removed}");
    results(&home, &["export", "--parquet", "small"]).expect_code(0);
    let coordinator = home.coordinator("own");
    home.at(&coordinator, &["results", "export", "--parquet", "copied"]).expect_code(0);
    std::fs::create_dir(home.path("other")).expect("a directory");
    for name in ["small", "copied"] {
        let import = ["results", "import", name, "--name", name, "--data-dir", "other"];
        home.dtf(&import).expect_code(0);
    }
}

/// No process of a query stays, however it ends.
#[test]
fn a_query_that_is_killed_leaves_no_process() {
    let home = Home::new();
    two_runs(&home);
    // The temporary directory of the query distinguishes its processes from others.
    let scratch = home.path("scratch");
    std::fs::create_dir(&scratch).expect("a directory");
    let mark = format!("TMPDIR={}", scratch.display());
    let endless = "SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b";
    // It runs longer than the test waits.
    let args = ["results", "query", endless, "--data-dir", "own", "--timeout", "30m"];
    let mut command = home.command(&args);
    command.env("TMPDIR", &scratch).stdout(Stdio::null()).stderr(Stdio::null());
    let mut query = command.spawn().expect("dtf starts");
    eventually("both processes", || (processes_with(&mark).len() == 2).then_some(()));
    query.kill().expect("killed");
    query.wait().expect("ended");
    eventually("the end of both", || processes_with(&mark).is_empty().then_some(()));
}

#[test]
fn a_query_is_stopped_at_its_limits_and_changes_nothing() {
    let home = Home::new();
    two_runs(&home);
    let query = |sql: &str, more: &[&str]| results(&home, &[&["query", sql], more].concat());
    let csv = ["--output", "csv"];
    let counted = |finished: Finished| finished.expect_code(0).out;
    assert_eq!(counted(query("SELECT count(*) AS n FROM tests", &csv)), "n\n5\n");
    let endless = "SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b";
    let stopped = query(endless, &["--timeout", "500ms"]).expect_code(1).err;
    assert!(stopped.contains("stopped after 500 ms"), "{stopped}");
    // Many rows, one large value, and one large list.
    for sql in [
        "SELECT list(a.range) FROM range(1000000000) AS a",
        "SELECT length(repeat('x', 4000000000))",
        "SELECT list_sum(range(2000000000))",
    ] {
        let refused = query(sql, &["--memory", "64MiB"]).expect_code(1).err;
        assert!(refused.contains("--memory"), "{sql}: {refused}");
        assert!(!refused.contains("SET "), "{sql}: {refused}");
    }
    for sql in [
        "DELETE FROM tests",
        "CREATE TABLE t AS SELECT 1",
        "SET threads = 9",
        "",
        "SELEC",
        "SELECT name FROM tests WHERE run = ?",
    ] {
        query(sql, &[]).expect_code(2);
    }
    let failed = query("SELECT name::INTEGER FROM tests", &[]).expect_code(1).err;
    assert!(failed.contains("Conversion Error") && !failed.contains("TEMP"), "{failed}");
    let unknown = query("SELECT nothing FROM tests", &[]).expect_code(2).err;
    assert!(unknown.contains("LINE 1: SELECT nothing FROM tests"), "{unknown}");
    assert_eq!(counted(query("SELECT count(*) AS n FROM tests", &csv)), "n\n5\n");
}

#[test]
fn exported_results_are_imported_under_a_name() {
    let home = Home::new();
    two_runs(&home);
    home.dtf(&["results", "export", "--parquet", "lab", "--data-dir", "own"]).expect_code(0);
    // An import that is refused does not take the name.
    std::fs::create_dir(home.path("damaged")).expect("a directory");
    for entry in std::fs::read_dir(home.path("lab")).expect("listed") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), home.path("damaged").join(entry.file_name())).expect("copied");
    }
    std::fs::write(home.path("damaged/tests.parquet"), "damaged").expect("written");
    results(&home, &["import", "damaged", "--name", "lab"]).expect_code(1);
    let imports = || std::fs::read_dir(home.path("own/imported")).expect("listed").count();
    assert_eq!(imports(), 0, "nothing is left");
    let imported = results(&home, &["import", "lab"]).expect_code(0).err;
    assert!(imported.contains(r#"FROM "lab".runs"#), "{imported}");
    for (name, part) in [("lab", "--replace"), ("LAB", "\"lab\""), ("main", "meaning in SQL")] {
        let refused = results(&home, &["import", "lab", "--name", name]).expect_code(2).err;
        assert!(refused.contains(part), "{name}: {refused}");
    }
    results(&home, &["import", "lab", "--replace"]).expect_code(0);
    assert_eq!(imports(), 1);
    let sql = "SELECT count(*) AS n FROM tests JOIN lab.tests USING (run, test, case_id)";
    let joined = results(&home, &["query", sql, "--output", "csv"]).expect_code(0);
    assert_eq!(joined.out, "n\n5\n");
}

#[test]
fn results_that_are_young_are_kept() {
    let home = Home::new();
    two_runs(&home);
    let kept = results(&home, &["gc", "--keep", "1d"]).expect_code(0).out;
    assert_eq!(kept, "no run is older\n");
    results(&home, &["rebuild"]).expect_code(0);
    let report = home.dtf(&["report", "--data-dir", "own", "--output", "json"]).json();
    assert_eq!(report["totals"]["tests"], 5);
}
