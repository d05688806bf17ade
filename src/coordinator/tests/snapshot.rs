//! Copies of the results database, for queries elsewhere.

use super::harness::{Hand, Running, run_of};
use crate::domain::outcome::Outcome;
use crate::store::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_has_what_was_acknowledged_and_leaves_nothing_behind() {
    let running = Running::start().await;
    let client = running.client.clone();
    let mut hand = Hand::register(&client, 2).await;
    let run = client.submit(&run_of(2), None).await.expect("submitted").run;
    let here = tempfile::tempdir().expect("a directory");
    for ended in 1..=2 {
        let mut leases = Vec::new();
        while leases.is_empty() {
            leases = hand.claim(60_000).await.leases;
        }
        // The other lease of the first claim is reported in the second round.
        let (now, later) = leases.split_at(1);
        hand.report(now, r#"{"message":"fine"}"#).await;
        let file = here.path().join(format!("{ended}.duckdb"));
        client.download_results(&file).await.expect("a copy");
        let row = Store::open_read_only(&file).expect("opens").run(run).expect("read");
        let row = row.expect("the run");
        assert_eq!((row.total, row.done.get(&Outcome::Passed)), (2, Some(&ended)));
        if !later.is_empty() {
            hand.report(later, r#"{"message":"fine"}"#).await;
            let file = here.path().join("both.duckdb");
            client.download_results(&file).await.expect("another copy, after the first one");
            let row = Store::open_read_only(&file).expect("opens").run(run).expect("read");
            assert_eq!(row.expect("the run").done.get(&Outcome::Passed), Some(&2));
            break;
        }
    }
    let (_disk, directory) = running.stop().await;
    let is_copy =
        |entry: &std::path::Path| entry.join("rows").exists() || entry.ends_with("results.duckdb");
    let left = walk(directory.path()).into_iter().filter(|path| is_copy(path));
    assert_eq!(left.count(), 1, "the database itself");
}

/// All paths below a directory.
fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}
