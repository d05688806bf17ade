//! A file that another process has open is not moved.

use super::fixture::*;
use crate::store::{Store, StoreError};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Variable with the file that a second process of this test opens.
const HOLD: &str = "DTF_TEST_HOLD_RESULTS";

#[test]
fn a_file_in_use_is_neither_opened_nor_moved() {
    if let Some(file) =
        std::env::vars_os().find_map(|(name, value)| (name == HOLD).then_some(value))
    {
        let opened = Store::open(file.as_ref(), identity()).expect("opens");
        println!("\nheld");
        // Wait for the first process.
        std::io::stdin().lines().next();
        drop(opened);
        return;
    }
    let (place, opened) = with(&history());
    drop(opened);
    let mut holder = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "--nocapture",
            "store::tests::held::a_file_in_use_is_neither_opened_nor_moved",
        ])
        .env(HOLD, &place.file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(holder.stdout.take().expect("piped")).lines();
    let held = lines.by_ref().map_while(Result::ok).any(|line| line == "held");
    let refused =
        [Store::open(&place.file, identity()).err(), Store::open_read_only(&place.file).err()];
    writeln!(holder.stdin.take().expect("piped"), "go on").expect("tells");
    // The second process prints more, and would fail on a closed pipe.
    lines.for_each(drop);
    assert!(held && holder.wait().expect("ends").success());
    for error in refused {
        let error = error.expect("in use");
        assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
        assert!(std::error::Error::source(&error).is_none(), "no number of DuckDB's");
    }
    assert_eq!(open(&place).writer.watermark(), history().len() as u64);
}
