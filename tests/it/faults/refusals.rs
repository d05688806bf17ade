//! Starts that are refused because a part of the data directory was lost, replaced or damaged.

use super::hand::{Api, Hand};
use crate::support::{Coordinator, Finished, Home, Process, eventually};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

const LOG: &str = "events.redb";
const WITNESS: &str = "events.witness";
const ACCEPT: &str = "--accept-lost-records";

/// The output of a coordinator that must not start.
fn refused(home: &Home, data: &str) -> Finished {
    let errors = home.path("refused");
    let process = home
        .command(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir", data])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&errors).expect("a file"))
        .spawn();
    let code = Process(Some(process.expect("dtf starts"))).wait();
    let err = std::fs::read_to_string(&errors).expect("read");
    assert!(!err.contains("panicked"), "{err}");
    Finished { code, out: String::new(), err }.expect_code(1)
}

/// A run of one test with its result; returns the id of the run.
fn one_result(home: &Home, coordinator: &Coordinator, name: &str) -> String {
    let api = Api::of(coordinator);
    let run = api.submit(name, 1);
    let mut hand = Hand::register(&api);
    let lease = hand.claim().pop().expect("a lease");
    assert_eq!(hand.report(&lease, &json!({"message": name})).0, 200);
    home.finished(coordinator, &run);
    run
}

fn number(run: &str) -> u32 {
    run.trim_start_matches('r').parse().expect("a number")
}

/// The files of a data directory with their content.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).expect("listed").flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a plain name");
            (name, std::fs::read(entry.path()).expect("read"))
        })
        .filter(|(name, _)| name != "dtf.lock")
        .collect()
}

/// A refusal that has changed no file.
fn refused_unchanged(home: &Home, data: &str) -> Finished {
    let before = files(&home.path(data));
    let refusal = refused(home, data);
    assert!(files(&home.path(data)) == before, "a file was changed: {}", refusal.err);
    assert!(refusal.err.contains("hint: "), "{}", refusal.err);
    refusal
}

/// A stopped data directory `data` with one run, a copy of its log in `backup`, and two more runs
/// after the copy; the last record of the log and of the copy.
fn with_backup(home: &Home) -> (u64, u64) {
    let coordinator = home.coordinator("data");
    one_result(home, &coordinator, "before");
    let older = Api::of(&coordinator).status("log_sequence");
    coordinator.stop();
    std::fs::create_dir(home.path("backup")).expect("made");
    for name in [LOG, WITNESS] {
        let to = home.path("backup").join(name);
        std::fs::copy(home.path("data").join(name), to).expect("copied");
    }
    let coordinator = home.coordinator("data");
    one_result(home, &coordinator, "after");
    one_result(home, &coordinator, "last");
    let newer = Api::of(&coordinator).status("log_sequence");
    coordinator.stop();
    (newer, older)
}

#[test]
fn an_older_log_is_refused_until_the_loss_is_accepted() {
    for restored in [&[LOG][..], &[LOG, WITNESS][..]] {
        let home = Home::new();
        let (newer, older) = with_backup(&home);
        for name in restored {
            let from = home.path("backup").join(name);
            std::fs::copy(from, home.path("data").join(name)).expect("restored");
        }
        for _ in 0..2 {
            let refusal = refused_unchanged(&home, "data");
            for named in [LOG, ACCEPT, &newer.to_string(), &older.to_string()] {
                assert!(refusal.err.contains(named), "{named}: {}", refusal.err);
            }
        }
        let coordinator = home.coordinator_with("data", "127.0.0.1:0", &[ACCEPT]);
        let new = number(&one_result(&home, &coordinator, "new"));
        assert!(new > 3, "r2 and r3 are not used again, r{new} is new");
        coordinator.stop();
        let coordinator = home.coordinator("data");
        assert_eq!(number(&one_result(&home, &coordinator, "newer")), new + 1);
        assert_eq!(home.report(&coordinator, "r1")["rows"][0]["outcome"], "passed");
        coordinator.stop();
    }
}

#[test]
fn a_missing_or_empty_log_is_refused_by_name() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    one_result(&home, &coordinator, "only");
    coordinator.stop();
    let log = home.path("data").join(LOG);
    let kept = std::fs::read(&log).expect("read");
    for content in [None, Some(&b""[..]), Some(&kept[..100]), Some(&[7; 4096][..])] {
        std::fs::remove_file(&log).expect("removed");
        if let Some(content) = content {
            std::fs::write(&log, content).expect("written");
        }
        let refusal = refused_unchanged(&home, "data");
        assert!(refusal.err.contains(LOG), "{}", refusal.err);
        std::fs::write(&log, &kept).expect("written");
    }
    let coordinator = home.coordinator("data");
    assert_eq!(home.report(&coordinator, "r1")["rows"][0]["outcome"], "passed");
}

#[test]
fn a_part_of_another_coordinator_is_refused_by_name() {
    let home = Home::new();
    for data in ["data", "other"] {
        let coordinator = home.coordinator(data);
        one_result(&home, &coordinator, data);
        coordinator.stop();
    }
    for name in [LOG, "results.duckdb", "identity", "blobs/identity"] {
        let own = home.path("data").join(name);
        let kept = std::fs::read(&own).expect("read");
        std::fs::copy(home.path("other").join(name), &own).expect("replaced");
        let refusal = refused_unchanged(&home, "data");
        // The log contradicts all other parts, of which the first is named.
        let named = match name {
            LOG => "the event log",
            "blobs/identity" => "blobs",
            _ => name,
        };
        assert!(refusal.err.contains(named), "{name}: {}", refusal.err);
        std::fs::write(&own, kept).expect("put back");
    }
    home.coordinator("data").stop();
}

#[test]
fn a_header_that_lost_the_last_commit_is_refused() {
    let home = Home::new();
    let mut coordinator = home.coordinator("data");
    one_result(&home, &coordinator, "only");
    let last = Api::of(&coordinator).status("log_sequence");
    coordinator.kill();
    let log = home.path("data").join(LOG);
    let kept = std::fs::read(&log).expect("read");
    let mut lost = 0;
    // The two slots of the header, of which redb uses the newer one that is whole.
    for place in (64..320).step_by(16) {
        let copy = format!("copy-{place}");
        copy_directory(&home.path("data"), &home.path(&copy));
        let mut damaged = kept.clone();
        damaged[place] ^= 4;
        std::fs::write(home.path(&copy).join(LOG), &damaged).expect("written");
        lost += u32::from(is_refused_or_whole(&home, &copy, last));
    }
    assert!(lost > 0, "no bit of the header made a difference");
}

/// Whether a start is refused. Otherwise it must have the last record.
fn is_refused_or_whole(home: &Home, data: &str, last: u64) -> bool {
    let errors = home.path("output");
    let process = home
        .command(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir", data])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&errors).expect("a file"))
        .spawn();
    let mut process = process.expect("dtf starts");
    let output = || std::fs::read_to_string(&errors).expect("read");
    let code = eventually("a start or a refusal", || {
        let ended = process.try_wait().expect("its state").map(|status| status.code());
        ended.or_else(|| output().contains("coordinator on ").then_some(None))
    });
    let _stopped = Process(Some(process));
    let Some(code) = code else {
        let restored = format!("restored from {last} records");
        assert!(output().contains(&restored), "{data}: {}", output());
        return false;
    };
    assert!(code == 1 && output().contains(LOG), "{data}: {}", output());
    true
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("made");
    for entry in std::fs::read_dir(from).expect("listed").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
