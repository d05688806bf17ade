//! The commands that read the event log of a coordinator that is not running.

use super::hand::Api;
use crate::support::Home;
use std::path::{Path, PathBuf};

const RUNS: u64 = 3;

/// A data directory `data` of a killed coordinator with three runs, each one record.
fn killed(home: &Home) {
    let mut coordinator = home.coordinator("data");
    let api = Api::of(&coordinator);
    for number in 0..RUNS {
        api.submit(&format!("run-{number}"), 1);
    }
    let refused = home.dtf(&["log", "dump", "--data-dir", "data"]).expect_code(1);
    assert!(refused.err.contains("is in use by process"), "{}", refused.err);
    coordinator.kill();
}

#[test]
fn records_are_dumped_as_lines_of_json() {
    let home = Home::new();
    killed(&home);
    let log = std::fs::read(home.path("data/events.redb")).expect("read");
    let dump = |more: &[&str]| {
        let args = [&["log", "dump", "--data-dir", "data"], more].concat();
        let out = home.dtf(&args).expect_code(0).out;
        let lines = out.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<serde_json::Value>>()
    };
    let all = dump(&[]);
    let numbers: Vec<_> = all.iter().map(|line| line["sequence"].as_u64()).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
    assert_eq!(all[1]["facts"][0]["run_submitted"]["run"], "r2");
    assert_eq!(dump(&["--after", "1", "--limit", "1"]), all[1..2]);
    let after = std::fs::read(home.path("data/events.redb")).expect("read");
    assert!(log == after, "a dump does not repair the log");
}

#[test]
fn what_is_readable_of_a_damaged_log_is_exported_and_can_be_started() {
    let home = Home::new();
    killed(&home);
    let path = home.path("data/events.redb");
    let mut log = std::fs::read(&path).expect("read");
    // Every copy of the text of record 3.
    let text = b"\"name\":\"run-2\"";
    let places: Vec<usize> =
        (0..log.len() - text.len()).filter(|at| log[*at..].starts_with(text)).collect();
    assert!(!places.is_empty());
    for at in places {
        log[at + 9] ^= 1;
    }
    std::fs::write(&path, &log).expect("written");
    let export = home.dtf(&["log", "export", "new", "--data-dir", "data"]).expect_code(1);
    assert!(export.err.contains("cannot read record 3"), "{}", export.err);
    assert!(std::fs::read(&path).expect("read") == log, "an export changes nothing");
    let again = home.dtf(&["log", "export", "new", "--data-dir", "data"]).expect_code(1);
    assert!(again.err.contains("exists"), "{}", again.err);
    std::fs::rename(home.path("new"), &path).expect("renamed");
    let accepted = ["--accept-lost-records"];
    let coordinator = home.coordinator_with("data", "127.0.0.1:0", &accepted);
    let status = home.at(&coordinator, &["status", "--output", "json"]).json();
    assert_eq!(status["runs_open"], RUNS - 1);
    coordinator.stop();
    let check = home.dtf(&["coordinator", "--check", "--data-dir", "data", "--output", "json"]);
    assert_eq!(check.expect_code(0).json()["whole"], true);
}

/// The names and contents of all files of a directory.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries =
        std::fs::read_dir(directory).expect("listed").map(|entry| entry.expect("an entry"));
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).expect("read")));
        }
    }
    files.sort();
    files
}

/// Also without a lock file, as in a copy of the parts that a backup needs.
#[test]
fn checks_and_dumps_write_nothing_into_the_directory() {
    let home = Home::new();
    killed(&home);
    for has_lock in [true, false] {
        if !has_lock {
            std::fs::remove_file(home.path("data/dtf.lock")).expect("removed");
        }
        let before = files(&home.path("data"));
        let check = home.dtf(&["coordinator", "--check", "--data-dir", "data", "--output", "json"]);
        assert_eq!(check.expect_code(0).json()["whole"], true);
        home.dtf(&["log", "dump", "--data-dir", "data"]).expect_code(0);
        assert!(files(&home.path("data")) == before, "lock file: {has_lock}");
    }
}
