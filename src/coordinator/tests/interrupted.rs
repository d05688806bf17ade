//! A process that is killed, or whose system calls fail, inside an export and a compaction.
//!
//! The process is this program again, under strace. Where strace is not installed or not permitted, the
//! test is skipped and reports it.

use super::compaction::{
    archives, base, compact, copy, read, remove_database, start_compacting, start_kept, wait_until,
    whole,
};
use crate::log;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Variable with the data directory that a second process of this test compacts.
const COMPACT: &str = "DTF_TEST_COMPACT";
const NAME: &str = "coordinator::tests::interrupted::a_fault_inside_a_compaction_loses_nothing";
/// A fault: the system call, the only file with which it fails (empty: every file), the effect, and the
/// number of the call, which strace counts for each thread.
struct Case(&'static str, &'static str, &'static str, u32);

/// The start of a coordinator makes fewer calls of these kinds, so all are inside the compaction.
const CASES: [Case; 7] = [
    // The files of the archive, and its description.
    Case("fsync", "", "signal=KILL", 6),
    Case("fsync", "", "signal=KILL", 12),
    // The name of the archive; with an error, also that of the snapshot.
    Case("rename", "", "signal=KILL", 1),
    Case("rename", "", "error=EIO", 1),
    // Before and after the records are removed.
    Case("fdatasync", log::WITNESS_FILE, "signal=KILL", 1),
    Case("fdatasync", log::WITNESS_FILE, "signal=KILL", 2),
    Case("fdatasync", log::WITNESS_FILE, "error=EIO", 1),
];

/// Compacts the directory in the variable. `None` without it.
async fn compact_named() -> Option<()> {
    let named = std::env::vars_os().find_map(|(name, value)| (name == COMPACT).then_some(value));
    let directory = named?;
    let path = Path::new(&directory);
    let role = start_compacting(path).await;
    wait_until("compacted", async || base(&role).await > 100).await;
    role.end().await;
    Some(())
}

/// Compacts the directory in a process with this fault, which must happen. The process ends in any way.
fn compact_under(path: &Path, Case(call, file, effect, number): &Case) {
    let trace = path.with_extension("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(&trace);
    if !file.is_empty() {
        command.arg("-P").arg(path.join(file));
    }
    let status = command
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:{effect}:when={number}")])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", NAME])
        .env(COMPACT, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("strace starts");
    let text = fs::read_to_string(trace).expect("a trace");
    let happened = text.contains("(INJECTED)") || text.contains("killed by SIGKILL");
    assert!(happened, "{call} {file} {effect} {number}: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_inside_a_compaction_loses_nothing() {
    if compact_named().await.is_some() {
        return;
    }
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success())
    {
        // Not `eprintln`, whose output is shown for failed tests only.
        let text = "skipped: strace cannot be used here, so no compaction was interrupted";
        writeln!(std::io::stderr(), "{text}").expect("written");
        return;
    }
    let (directory, before) = whole().await;
    let stages = tempfile::tempdir().expect("a directory");
    for (stage, case) in CASES.iter().enumerate() {
        let Case(call, file, effect, number) = case;
        let name = format!("{call} {file} {effect} {number}");
        let stage = stages.path().join(stage.to_string());
        copy(directory.path(), &stage);
        compact_under(&stage, case);
        for rebuild in [false, true] {
            if rebuild {
                // The archive and the log have everything.
                compact(&stage).await;
                remove_database(&stage);
            }
            let role = start_kept(&stage).await;
            assert_eq!(read(&role).await, before, "{name}, rebuild: {rebuild}");
            role.end().await;
        }
        let entries = fs::read_dir(archives(&stage)).expect("listed").count();
        assert_eq!(entries, 1, "{name}: an unfinished archive is removed");
        fs::remove_dir_all(&stage).expect("removed");
    }
}
