//! Weights travel in chunks: verified, cut, resumed.

use super::*;
use crate::domain::weights::WeightsKey;

const CONFIG: (&str, &[u8]) = ("config.json", b"{}");

#[tokio::test]
async fn files_are_fetched_once_and_are_read_only() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let large = content(2 * CHUNK_BYTES + 77);
    let weights = link.store(&[
        CONFIG,
        ("model.safetensors", &large),
        ("empty.txt", b""),
        ("a/b.json", b"[]"),
    ]);
    let worker = sources(&link, root.path(), CacheLimit::Unlimited);
    let ready = ensure(&worker, &weights).await.expect("fetched");
    assert_eq!(ready.source, "folder");
    assert_eq!(ready.identity.as_deref(), weights.key().as_ref().map(WeightsKey::as_str));
    assert!(ready.took_work);
    let directory = path(&ready);
    for (name, expected) in [
        ("config.json", &b"{}"[..]),
        ("model.safetensors", &large),
        ("empty.txt", b""),
        ("a/b.json", b"[]"),
    ] {
        assert!(std::fs::read(directory.join(name)).expect("there") == expected, "{name}");
        assert!(directory.join(name).metadata().expect("there").permissions().readonly());
    }
    assert_eq!(link.requests(), 5);
    let again = ensure(&worker, &weights).await.expect("there");
    assert_eq!((again.took_work, again.path.as_ref()), (false, Some(directory)));
    // Another worker with the same directory, and this one after a restart.
    let other = sources(&link, root.path(), CacheLimit::Unlimited);
    assert!(!ensure(&other, &weights).await.expect("there").took_work);
    assert_eq!(link.requests(), 5);
}

#[tokio::test]
async fn a_damaged_chunk_is_fetched_again_but_not_for_ever() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let weights = link.store(&[("model.safetensors", &content(CHUNK_BYTES + 9))]);
    let worker = sources(&link, root.path(), CacheLimit::Unlimited);
    link.fail(&[Fault::Flipped, Fault::Long]);
    let ready = ensure(&worker, &weights).await.expect("fetched");
    assert!(
        std::fs::read(path(&ready).join("model.safetensors")).expect("there")
            == content(CHUNK_BYTES + 9)
    );
    assert_eq!(link.requests(), 4);

    let bad = link.store(&[("model.safetensors", b"other weights")]);
    link.always_fail(Some(Fault::Flipped));
    let error = ensure(&worker, &bad).await.expect_err("damaged").to_string();
    assert!(
        error.contains("model.safetensors does not match its digest after 3 downloads"),
        "{error}"
    );
    link.always_fail(None);
    ensure(&worker, &bad).await.expect("fetched in the end");
}

#[tokio::test]
async fn a_cut_download_continues_after_a_restart_of_worker_or_coordinator() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let large = content(6 * CHUNK_BYTES);
    let weights = link.store(&[("model.safetensors", &large)]);
    let worker = sources(&link, root.path(), CacheLimit::Unlimited);
    // The coordinator restarts in between.
    link.fail(&[Fault::Away, Fault::Cut, Fault::Away]);
    link.permits.forget_permits(Semaphore::MAX_PERMITS);
    link.permits.add_permits(6);
    {
        let fetch = worker.fetch(&weights);
        let variables = Variables::new();
        let running = worker.ensure(&weights, &variables, &fetch);
        tokio::pin!(running);
        // Six answers, three of them whole, and then none: the worker is stopped.
        let is_at_rest = || link.requests() == 6 && fetch.progress().done() == 3 * CHUNK_BYTES;
        let rest = async {
            while !is_at_rest() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ready = &mut running => panic!("{ready:?}"),
            () = rest => {}
        }
    }
    drop(worker);
    link.permits.add_permits(100);
    let restarted = sources(&link, root.path(), CacheLimit::Unlimited);
    let ready = ensure(&restarted, &weights).await.expect("fetched");
    assert!(std::fs::read(path(&ready).join("model.safetensors")).expect("there") == large);
    assert_eq!(link.requests(), 6 + 3, "three chunks were kept");
}

#[tokio::test]
async fn a_coordinator_that_stays_away_or_lacks_the_files_is_an_error() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let weights = link.store(&[CONFIG]);
    let patience = Duration::from_millis(100);
    let worker = with_patience(&link, root.path(), CacheLimit::Unlimited, patience);
    link.always_fail(Some(Fault::Away));
    let error = ensure(&worker, &weights).await.expect_err("away").to_string();
    assert!(error.contains("has no new content") && error.contains("restarting"), "{error}");
    link.always_fail(None);
    link.state.lock().expect("a lock").chunks.clear();
    let error = ensure(&worker, &weights).await.expect_err("missing").to_string();
    assert!(error.contains("no such chunk"), "{error}");
    link.state.lock().expect("a lock").manifests.clear();
    let error = ensure(&worker, &weights).await.expect_err("missing").to_string();
    assert!(error.contains("no such manifest"), "{error}");
}

#[tokio::test]
async fn several_tests_and_workers_share_one_download() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let weights = link.store(&[("model.safetensors", &content(3 * CHUNK_BYTES))]);
    let workers = [(), ()].map(|()| sources(&link, root.path(), CacheLimit::Unlimited));
    let tests = workers.iter().flat_map(|worker| [worker, worker, worker]);
    let all = futures::future::join_all(tests.map(|worker| ensure(worker, &weights))).await;
    let paths: std::collections::BTreeSet<_> =
        all.iter().map(|ready| path(ready.as_ref().expect("fetched")).clone()).collect();
    assert_eq!((paths.len(), link.requests()), (1, 3));
}

#[tokio::test]
async fn a_test_that_is_stopped_leaves_the_download_to_the_next() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let weights = link.store(&[("model.safetensors", &content(2 * CHUNK_BYTES))]);
    let worker = sources(&link, root.path(), CacheLimit::Unlimited);
    link.permits.forget_permits(Semaphore::MAX_PERMITS);
    let first = ensure(&worker, &weights);
    let second = ensure(&worker, &weights);
    tokio::pin!(second);
    {
        tokio::pin!(first);
        let neither = async { tokio::join!(&mut first, &mut second) };
        assert!(tokio::time::timeout(Duration::from_millis(50), neither).await.is_err());
    }
    link.permits.add_permits(100);
    second.await.expect("fetched");
}
