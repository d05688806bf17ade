//! The cache: damaged, full, with weights in use; and the model cache.

use super::*;
use crate::domain::weights::WeightsKey;

fn key(weights: &Weights) -> WeightsKey {
    weights.key().expect("a key")
}

/// The weights of the cache, without those of the model cache of this machine.
async fn own_keys(worker: &WeightSources<StandIn>) -> Vec<WeightsKey> {
    worker.refresh().await;
    let held = worker.held().borrow().keys.clone();
    held.into_iter().filter(|key| key.as_str().starts_with("sha256:")).collect()
}

/// Lets the owner write into a file again, as an attempt of the same user can.
fn damage(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = std::fs::read(file).expect("there");
    change(&mut content);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("set");
    }
    std::fs::write(file, content).expect("written");
}

#[tokio::test]
async fn a_file_that_an_attempt_changed_is_noticed_and_repaired() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let large = content(2 * CHUNK_BYTES);
    let weights = link.store(&[("config.json", b"{}"), ("model.safetensors", &large)]);
    let worker = sources(&link, root.path(), CacheLimit::Unlimited);
    let ready = ensure(&worker, &weights).await.expect("fetched");
    let file = path(&ready).join("model.safetensors");
    assert_eq!(link.requests(), 3);
    damage(&file, |content| content[5] ^= 1);
    let repaired = ensure(&worker, &weights).await.expect("repaired");
    assert!(repaired.took_work && std::fs::read(&file).expect("there") == large);
    assert_eq!(link.requests(), 4, "only the damaged chunk");
    // The same content with another time is read, and then trusted.
    damage(&file, |_| {});
    assert!(ensure(&worker, &weights).await.expect("read").took_work);
    assert!(!ensure(&worker, &weights).await.expect("trusted").took_work);
    assert_eq!(link.requests(), 4);
}

/// Attempts run as the user of the worker, so they can put links into the cache.
#[cfg(unix)]
#[tokio::test]
async fn a_repair_writes_into_the_cache_and_not_where_a_link_leads() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let [root, outside] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let foreign = outside.path().join("foreign");
    std::fs::write(&foreign, "foreign").expect("written");
    let link = StandIn::new();
    let large = content(CHUNK_BYTES + 9);
    let weights = link.store(&[("config.json", b"{}"), ("sub/model.safetensors", &large)]);
    let worker = sources(&link, root.path(), CacheLimit::Unlimited);
    let ready = ensure(&worker, &weights).await.expect("fetched");
    let directory = path(&ready).clone();
    let file = directory.join("sub/model.safetensors");
    let open = |path: &Path| {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("set");
    };
    let plant: [&dyn Fn(); 3] = [
        &|| {
            std::fs::remove_file(&file).expect("removed");
            symlink(&foreign, &file).expect("linked");
        },
        &|| {
            std::fs::remove_file(&file).expect("removed");
            std::fs::hard_link(&foreign, &file).expect("linked");
        },
        &|| {
            std::fs::rename(directory.join("sub"), outside.path().join("sub")).expect("moved");
            symlink(outside.path().join("sub"), directory.join("sub")).expect("linked");
            damage(&outside.path().join("sub/model.safetensors"), |content| content[5] ^= 1);
        },
    ];
    for (case, plant) in plant.into_iter().enumerate() {
        open(&directory);
        open(&directory.join("sub"));
        plant();
        let repaired = ensure(&worker, &weights).await.expect("repaired");
        assert!(std::fs::read(&file).expect("there") == large, "{case}");
        assert!(directory.join("sub").symlink_metadata().expect("there").is_dir(), "{case}");
        assert_eq!(std::fs::read_to_string(&foreign).expect("there"), "foreign", "{case}");
        drop(repaired);
    }
    let moved = std::fs::read(outside.path().join("sub/model.safetensors")).expect("there");
    assert!(moved != large, "nothing was written there");
}

#[tokio::test]
async fn the_cache_removes_what_was_used_longest_ago_but_never_what_is_used() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let model = |byte: u8| link.store(&[("model.safetensors", &vec![byte; 1000])]);
    let [one, two, three] = [1, 2, 3].map(model);
    let patience = Duration::from_millis(100);
    let worker = with_patience(&link, root.path(), CacheLimit::Bytes(2500), patience);
    let used = ensure(&worker, &one).await.expect("fetched");
    let waits = worker.pin(&two).expect("a lease that waits");
    drop(ensure(&worker, &two).await.expect("fetched"));
    let error = ensure(&worker, &three).await.expect_err("no room").to_string();
    let expected = "need 1000 bytes, and the weights cache";
    assert!(error.contains(expected) && error.contains("2.0 KiB in use by tests"), "{error}");
    drop(used);
    ensure(&worker, &three).await.expect("the first has made room");
    drop(waits);
    let keys = own_keys(&worker).await;
    assert!(!keys.contains(&key(&one)) && keys.contains(&key(&two)) && keys.contains(&key(&three)));
    let huge = link.store(&[("model.safetensors", &vec![4; 3000])]);
    assert!(ensure(&worker, &huge).await.is_err());
    assert_eq!(own_keys(&worker).await.len(), 2, "nothing was removed in vain");
}

#[tokio::test]
async fn a_fetch_waits_for_room_that_a_test_uses() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let [one, two] = [1, 2].map(|byte| link.store(&[("model.safetensors", &vec![byte; 1000])]));
    let worker = sources(&link, root.path(), CacheLimit::Bytes(1500));
    let used = ensure(&worker, &one).await.expect("fetched");
    let waiting = ensure(&worker, &two);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    drop(used);
    waiting.await.expect("there is room");
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_an_error_of_the_test() {
    let root = tempfile::tempdir().expect("a directory");
    let file = root.path().join("file");
    std::fs::write(&file, "in the way").expect("written");
    let link = StandIn::new();
    let weights = link.store(&[("config.json", b"{}")]);
    let worker = sources(&link, &file, CacheLimit::Unlimited);
    let error = ensure(&worker, &weights).await.expect_err("a file").to_string();
    assert!(error.starts_with("cannot use the weights cache"), "{error}");
    assert!(own_keys(&worker).await.is_empty() && worker.pin(&weights).is_none());
}

#[tokio::test]
async fn the_model_cache_is_used_where_it_is() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let worker = sources(&link, &root.path().join("weights"), CacheLimit::Unlimited);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let snapshot = root.path().join(format!("hub/models--owner--m/snapshots/{commit}"));
    let variables =
        Variables::from([("HF_HUB_CACHE".into(), root.path().join("hub").into_os_string())]);
    let cached = |or_random| Weights::Cache {
        model: "owner/m".into(),
        revision: Some(commit.into()),
        or_random,
    };
    let provide =
        async |weights: Weights| worker.ensure(&weights, &variables, &worker.fetch(&weights)).await;
    let missing = provide(cached(false)).await.expect_err("missing").to_string();
    assert!(missing.contains("does not have all files of owner/m at 0123"), "{missing}");
    let random = provide(cached(true)).await.expect("random");
    assert_eq!((random.source, random.path), ("random", None));
    std::fs::create_dir_all(&snapshot).expect("made");
    std::fs::write(snapshot.join("model.safetensors"), "x").expect("written");
    let ready = provide(cached(false)).await.expect("there");
    let identity = format!("owner/m@{commit}");
    assert_eq!((ready.source, ready.path.as_ref()), ("cache", Some(&snapshot)));
    assert_eq!(ready.identity.as_ref(), Some(&identity));
    let hub = Weights::Hub { model: "owner/m".into(), commit: commit.into(), size_bytes: None };
    let ready = provide(hub).await.expect("nothing is fetched");
    assert_eq!(
        (ready.source, ready.path.as_ref(), ready.identity),
        ("hub", Some(&snapshot), Some(identity))
    );
}

#[tokio::test]
async fn weights_in_place_are_compared_and_nothing_is_fetched() {
    let root = tempfile::tempdir().expect("a directory");
    let link = StandIn::new();
    let worker = sources(&link, &root.path().join("weights"), CacheLimit::Unlimited);
    let place = root.path().join("mine");
    std::fs::create_dir(&place).expect("made");
    std::fs::write(place.join("model.safetensors"), "x").expect("written");
    std::fs::write(place.join("notes.txt"), "not part of the weights").expect("written");
    let Weights::Folder { manifest, size_bytes, .. } = link.store(&[("model.safetensors", b"x")])
    else {
        panic!("not a directory");
    };
    let path = place.display().to_string();
    let weights = Weights::Folder { manifest: manifest.clone(), size_bytes, path, in_place: true };
    let ready = ensure(&worker, &weights).await.expect("equal");
    assert_eq!(
        (ready.path.as_ref(), ready.identity),
        (Some(&place), Some(format!("sha256:{manifest}")))
    );
    std::fs::write(place.join("model.safetensors"), "yy").expect("written");
    let error = ensure(&worker, &weights).await.expect_err("changed").to_string();
    assert!(
        error.contains("not those of the submission: model.safetensors has 2 bytes"),
        "{error}"
    );
    std::fs::remove_dir_all(&place).expect("removed");
    let error = ensure(&worker, &weights).await.expect_err("missing").to_string();
    assert!(error.contains("this worker has nothing at this path"), "{error}");
    assert_eq!(link.requests(), 0);
}
