//! Published suites give the same counts on two workers as with plain pytest, one of them broken on
//! purpose. The rest of the table is run by hand: `scripts/pytest_suites.py`.

use crate::python::environments;
use std::path::Path;
use std::process::Command;

#[test]
fn published_suites_have_the_same_counts_as_with_plain_pytest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let environments = environments();
    let cache = environments.with_file_name("suites");
    let done = Command::new("python3")
        .arg(root.join("scripts/pytest_suites.py"))
        .args(["--dtf", env!("CARGO_BIN_EXE_dtf"), "--cache"])
        .arg(cache)
        .arg("--environments")
        .arg(environments)
        .args(["pluggy-broken", "toolz-inside", "click"])
        .output()
        .expect("python3");
    let printed = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{printed}");
    let broken = printed.lines().find(|line| line.starts_with("pluggy-broken:")).expect("a line");
    assert!(!broken.contains("/0/0/"), "the broken suite has failures: {broken}");
}
