//! Queries that people write, also hostile ones.

use super::fixture::*;
use crate::store::sql::{Answer, Form, Question, SqlError, answer};
use std::fs;
use std::path::{Path, PathBuf};

struct Site {
    place: Place,
    scratch: tempfile::TempDir,
}

fn site() -> Site {
    let (place, opened) = with(&history());
    drop(opened);
    Site { place, scratch: tempfile::tempdir().expect("a directory") }
}

impl Site {
    fn question(&self, sql: &str, form: Form) -> Question {
        Question {
            database: self.place.file.clone(),
            others: Vec::new(),
            sql: sql.to_owned(),
            form,
            rows: 3,
            memory_bytes: 64_000_000,
            scratch: self.scratch.path().join("spilled"),
            output: self.output(),
        }
    }

    fn output(&self) -> PathBuf {
        self.scratch.path().join("rows")
    }

    fn ask(&self, sql: &str, form: Form) -> Result<(Answer, Vec<u8>), SqlError> {
        let answered = answer(&self.question(sql, form))?;
        Ok((answered, fs::read(self.output()).expect("written")))
    }

    fn text(&self, sql: &str, form: Form) -> String {
        let (_, bytes) = self.ask(sql, form).unwrap_or_else(|error| panic!("{error}: {sql}"));
        String::from_utf8(bytes).expect("text")
    }
}

#[test]
fn rows_have_the_requested_form() {
    let site = site();
    let sql = "SELECT test, name FROM tests WHERE run = 1 ORDER BY test LIMIT 2 -- the first;";
    assert_eq!(site.text(sql, Form::Csv), "test,name\n0,good\n1,flaky\n");
    let cells = r#"{"columns":["test","name"],"rows":[["0","good"],["1","flaky"]]}"#;
    assert_eq!(site.text(sql, Form::Table), cells);
    let json: serde_json::Value = serde_json::from_str(&site.text(sql, Form::Json)).expect("JSON");
    assert_eq!(json[1], serde_json::json!({"test": 1, "name": "flaky"}));
    let (_, parquet) = site.ask(sql, Form::Parquet).expect("answered");
    assert!(parquet.starts_with(b"PAR1"));
    let infinite = "SELECT 'nan'::DOUBLE AS d, '-inf'::FLOAT AS f, 0.5::DOUBLE AS g";
    let json: serde_json::Value =
        serde_json::from_str(&site.text(infinite, Form::Json)).expect("JSON");
    assert_eq!(json[0], serde_json::json!({"d": null, "f": null, "g": 0.5}));
    let nested = "SELECT ['nan'::DOUBLE, 1] AS l, {'a': 'inf'::FLOAT} AS s, 'NaN' AS t";
    let json: serde_json::Value =
        serde_json::from_str(&site.text(nested, Form::Json)).expect("JSON");
    assert_eq!(json[0], serde_json::json!({"l": [null, 1.0], "s": {"a": null}, "t": "NaN"}));
    let error = |sql: &str| site.ask(sql, Form::Csv).expect_err("refused").to_string();
    let pivot = |values: &str| format!("PIVOT test_outcomes ON outcome {values} USING count(*)");
    assert!(error(&pivot("")).starts_with("PIVOT needs the values of its column"));
    assert!(site.text(&pivot("IN ('passed')"), Form::Csv).contains("passed"));
    for other in ["DELETE FROM tests", "SELECT 1; SELECT 2", "SELECT 1)); ATTACH 'x' AS y; --"] {
        let error = error(other);
        assert!(!error.contains("LINE") && !error.contains("))\n"), "{other}: {error}");
    }
    assert_eq!(error("DROP TABLE tests"), "only one SELECT is allowed");
    // Any query that has rows.
    for query in ["WITH t AS (SELECT 7 AS a) FROM t", "VALUES (7)", "SELECT 7 AS \"a \"\"b\""] {
        assert!(site.text(query, Form::Table).contains("\"7\""), "{query}");
    }
    assert!(site.text("DESCRIBE tests", Form::Table).contains("column_name"));
}

#[test]
fn columns_with_the_same_name_are_kept() {
    let site = site();
    let duplicates = site.text("SELECT 1 AS a, 2 AS a", Form::Csv);
    assert!(duplicates.ends_with("\n1,2\n"), "{duplicates}");
}

#[test]
fn rows_beyond_the_maximum_are_left_out_and_reported() {
    let site = site();
    for form in [Form::Table, Form::Csv, Form::Json, Form::Parquet] {
        let ask = |rows: u32| site.ask(&format!("FROM range({rows})"), form).expect("answered").0;
        assert_eq!(ask(3), Answer { rows: 3, is_cut: false }, "{form:?}");
        assert_eq!(ask(4), Answer { rows: 3, is_cut: true }, "{form:?}");
        assert_eq!(ask(0), Answer { rows: 0, is_cut: false }, "{form:?}");
    }
}

/// Every statement is refused, and none of them has an effect.
#[test]
fn a_query_has_no_access_to_files_settings_extensions_or_other_statements() {
    let site = site();
    let secret = site.scratch.path().join("secret.csv");
    fs::write(&secret, "a\nTOPSECRET\n").expect("written");
    let made = site.scratch.path().join("made");
    let (secret, made_text) = (secret.display(), made.display());
    let hostile = [
        format!("SELECT * FROM read_csv('{secret}')"),
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM read_text('{secret}')"),
        format!("SELECT * FROM read_blob('{secret}')"),
        format!("SELECT * FROM read_json('{secret}')"),
        format!("SELECT * FROM sniff_csv('{secret}')"),
        format!("SELECT * FROM glob('{}/*')", site.scratch.path().display()),
        "SELECT * FROM read_csv('http://127.0.0.1:9/x')".to_owned(),
        "SELECT getenv('HOME')".to_owned(),
        format!("COPY tests TO '{made_text}'"),
        format!("SELECT 1); COPY (SELECT 2) TO '{made_text}'; SELECT (3"),
        format!("SELECT 1) TO '{made_text}'; --"),
        format!("ATTACH '{made_text}' AS other"),
        format!("SELECT 1); ATTACH '{made_text}' AS other; SELECT * FROM (SELECT 1"),
        format!("EXPORT DATABASE '{made_text}'"),
        "INSTALL httpfs".to_owned(),
        "LOAD httpfs".to_owned(),
        "SELECT 1); INSTALL httpfs; SELECT * FROM (SELECT 1".to_owned(),
        "SET enable_external_access = true".to_owned(),
        "SELECT 1); SET enable_external_access = true; SELECT * FROM (SELECT 1".to_owned(),
        "SELECT 1); SET lock_configuration = false; SELECT * FROM (SELECT 1".to_owned(),
        "SELECT 1); SET memory_limit = '100GB'; SELECT * FROM (SELECT 1".to_owned(),
        "SELECT 1); RESET memory_limit; SELECT * FROM (SELECT 1".to_owned(),
        "SELECT 1); PRAGMA threads = 99; SELECT * FROM (SELECT 1".to_owned(),
        "SELECT 1); DELETE FROM tests; SELECT * FROM (SELECT 1".to_owned(),
        "SELECT 1); CREATE TABLE t AS SELECT 1; SELECT * FROM (SELECT 1".to_owned(),
        "PRAGMA database_size".to_owned(),
        "INSERT INTO tests SELECT * FROM tests".to_owned(),
        "DROP TABLE tests".to_owned(),
        "CHECKPOINT".to_owned(),
        String::new(),
        " ; ".to_owned(),
    ];
    let before = fs::read(&site.place.file).expect("read");
    for sql in &hostile {
        for form in [Form::Table, Form::Csv] {
            match site.ask(sql, form) {
                Err(error) => assert!(!error.to_string().contains("TOPSECRET"), "{sql}"),
                Ok((_, rows)) => panic!("{sql}: {}", String::from_utf8_lossy(&rows)),
            }
        }
    }
    assert!(!made.exists());
    assert_eq!(fs::read(&site.place.file).expect("read"), before);
}

#[test]
fn a_query_that_needs_too_much_memory_fails() {
    let site = site();
    let mut question = site.question(
        "SELECT list(a.range) FROM range(100000000) AS a GROUP BY a.range % 2",
        Form::Table,
    );
    question.memory_bytes = 16_000_000;
    let error = answer(&question).expect_err("too much").to_string();
    assert!(error.contains("Out of Memory"), "{error}");
    assert!(!error.contains("SET "), "a query cannot change settings: {error}");
}

#[test]
fn other_databases_are_visible_under_their_names() {
    let (site, other) = (site(), site());
    let mut question = site.question(
        "SELECT count(*) FROM tests JOIN \"lab 2\".tests AS o USING (case_id)",
        Form::Csv,
    );
    question.others = vec![("lab 2".to_owned(), other.place.file.clone())];
    answer(&question).expect("answered");
    let text = fs::read_to_string(site.output()).expect("written");
    assert!(text.lines().nth(1).is_some_and(|count| count != "0"), "{text}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let site = site();
    let mut question = site.question("SELECT 1", Form::Csv);
    question.database = Path::new("/dev/null").join("missing");
    let error = answer(&question).expect_err("missing").to_string();
    assert!(error.contains("/dev/null/missing"), "{error}");
}
