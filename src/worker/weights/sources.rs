//! Provides the weights that a launch names, from any source.
//!
//! Promises: the files are verified, or where they are not (a model cache) the test checks them
//! as it loads them. Nothing replaces weights that are not available. Places of this machine are
//! inspected first, so that nothing is fetched that is there.

use crate::client::{DownloadError, Downloads, Hub};
use crate::domain::causes::with_causes;
use crate::domain::held_weights::{HeldWeights, MAX_HELD_WEIGHTS};
use crate::domain::weights::{Manifest, Weights, WeightsKey};
use crate::gather::digests::Digests;
use crate::gather::{base_model, peek};
use crate::models::weights::{Root, Wanted, belonging};
use crate::sys::caches::{Caches, UserContext, home, in_map};
use crate::worker::link::{LinkError, WeightsLink};
use crate::worker::places::Places;
use crate::worker::variables::Variables;
use crate::worker::weights::error::WeightsError;
use crate::worker::weights::hub::Published;
use crate::worker::weights::layout::Layout;
use crate::worker::weights::limit::CacheSettings;
use crate::worker::weights::model_cache::{self, Snapshot};
use crate::worker::weights::patience::{Limits, Patience};
use crate::worker::weights::plan::FetchPlan;
use crate::worker::weights::progress::Step;
use crate::worker::weights::remote::{self, Explain};
use crate::worker::weights::store::{Fetch, Pin, WeightStore};
use crate::worker::weights::target::Target;
use crate::worker::weights::{address, chunks};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Time after which the list of weights is read again.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);

/// Weights that a test can load.
#[derive(Debug)]
pub struct ReadyWeights {
    /// Directory or file; None if the test draws random weights.
    pub path: Option<PathBuf>,
    /// The word for the source, as reports show it.
    pub source: &'static str,
    /// `sha256:…` or `MODEL@COMMIT`.
    pub identity: Option<String>,
    /// Whether a fetch or another read of all files was necessary.
    pub took_work: bool,
    /// Keeps the files as long as the test runs.
    pub pin: Option<Pin>,
}

/// Everything that is necessary to provide weights. The cache is created with the first weights.
#[derive(Debug)]
pub struct WeightSources<L> {
    link: Arc<L>,
    settings: CacheSettings,
    /// The model hub, or the reason why it is not used.
    hub: Result<Hub, String>,
    limits: Limits,
    places: Option<Places>,
    store: Mutex<Option<Arc<WeightStore>>>,
    downloads: OnceLock<Downloads>,
    held: watch::Sender<Arc<HeldWeights>>,
    refreshed: Mutex<Instant>,
}

impl<L: WeightsLink> WeightSources<L> {
    #[must_use]
    pub fn new(link: Arc<L>, settings: CacheSettings, hub: Result<Hub, String>) -> Self {
        Self {
            link,
            settings,
            hub,
            limits: Limits::default(),
            places: None,
            store: Mutex::default(),
            downloads: OnceLock::new(),
            held: watch::channel(Arc::default()).0,
            refreshed: Mutex::new(Instant::now()),
        }
    }

    fn store(&self) -> Result<Arc<WeightStore>, WeightsError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*store {
            return Ok(store.clone());
        }
        let opened = WeightStore::open(&self.settings)?.with_limits(self.limits);
        Ok(store.insert(Arc::new(opened)).clone())
    }

    /// The client for hubs and web servers.
    fn downloads(&self) -> Result<&Downloads, WeightsError> {
        if let Some(downloads) = self.downloads.get() {
            return Ok(downloads);
        }
        let made = Downloads::new().map_err(|error| WeightsError::Absent(error.to_string()))?;
        Ok(self.downloads.get_or_init(|| made))
    }

    /// The same with other limits of time.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same for plans with paths of other systems.
    #[must_use]
    pub fn with_places(self, places: Places) -> Self {
        Self { places: Some(places), ..self }
    }

    /// The place of a plan's path on this machine.
    fn place(&self, path: &str) -> Result<PathBuf, WeightsError> {
        let Some(places) = &self.places else { return Ok(PathBuf::from(path)) };
        let local = |reason| WeightsError::Local { path: PathBuf::from(path), reason };
        places.here(path).map_err(local)
    }

    /// Keeps the weights of a lease that waits. None if they are not in the cache of this worker.
    #[must_use]
    pub fn pin(&self, weights: &Weights) -> Option<Pin> {
        let key = weights.key()?;
        // The attempt reports why the cache cannot be used.
        self.store().and_then(|store| store.pin(&key)).ok()
    }

    /// The weights that this worker has, and the room for further ones, as the coordinator knows them.
    #[must_use]
    pub fn held(&self) -> watch::Receiver<Arc<HeldWeights>> {
        self.held.subscribe()
    }

    /// Reads again which weights this worker has, if that is due: other workers may share the
    /// directories.
    pub async fn refresh_if_due(&self) {
        let is_due = self.refreshed.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
            >= REFRESH_INTERVAL;
        if is_due {
            self.refresh().await;
        }
    }

    /// Reads again which weights this worker has.
    pub async fn refresh(&self) {
        *self.refreshed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let settings = self.settings.clone();
        let read = tokio::task::spawn_blocking(move || held_now(&settings)).await;
        let Ok(HeldWeights { capacity_bytes, keys, .. }) = read else { return };
        self.held.send_if_modified(|held| {
            let is_new = held.capacity_bytes != capacity_bytes || held.keys != keys;
            if is_new {
                let revision = held.revision + 1;
                *held = Arc::new(HeldWeights { revision, capacity_bytes, keys });
            }
            is_new
        });
    }

    /// The fetch that [`Self::ensure`] will join or start, for its progress.
    #[must_use]
    pub fn fetch(&self, weights: &Weights) -> Arc<Fetch> {
        let key = weights.key();
        let store = key.as_ref().and_then(|key| Some((self.store().ok()?, key)));
        store.map(|(store, key)| store.fetch(key)).unwrap_or_default()
    }

    /// Provides weights. `variables` are those of the attempt, which decide where the model cache is.
    /// The future may be dropped: what was fetched is kept, and another test continues.
    ///
    /// # Errors
    /// See [`WeightsError`].
    pub async fn ensure(
        &self,
        weights: &Weights,
        variables: &Variables,
        fetch: &Arc<Fetch>,
    ) -> Result<ReadyWeights, WeightsError> {
        match weights {
            Weights::Random {} => Ok(random()),
            Weights::Folder { manifest, path, in_place: true, .. } => {
                self.in_place(weights, manifest, &self.place(path)?, fetch).await
            }
            Weights::Folder { manifest, .. } => {
                let plan = async { Ok(FetchPlan::of_manifest(self.manifest(manifest).await?)) };
                let key = WeightsKey::digest(manifest);
                self.cached(&key, weights.kind(), fetch, plan, &as_reported).await
            }
            Weights::Hub { model, commit, .. } => {
                let found = find_in_model_cache(model, Some(commit), variables)?;
                let absent = match found {
                    Ok(snapshot) => return Ok(of_model_cache(weights, model, snapshot)),
                    Err(reason) => reason,
                };
                let key = WeightsKey::new(format!("{model}@{commit}"));
                let key = key.map_err(|error| WeightsError::Absent(error.to_string()))?;
                let hub = self.hub.as_ref().map_err(|reason| {
                    WeightsError::Absent(format!("{absent}; the hub is not used: {reason}"))
                });
                // Weights that were fetched before need no hub.
                let published = |hub| Published { hub, model, commit };
                let plan = async {
                    let downloads = self.downloads()?;
                    published(hub?).plan(downloads, self.limits).await
                };
                let explain = |file: &str, error: &DownloadError| match &self.hub {
                    Ok(hub) => published(hub).explain(file, error),
                    Err(_) => error.to_string(),
                };
                self.cached(&key, weights.kind(), fetch, plan, &explain).await
            }
            Weights::Cache { model, revision, or_random } => {
                match find_in_model_cache(model, revision.as_deref(), variables)? {
                    Ok(snapshot) => Ok(of_model_cache(weights, model, snapshot)),
                    Err(_) if *or_random => Ok(random()),
                    Err(reason) => Err(WeightsError::Absent(reason)),
                }
            }
            Weights::Path { path } => self.at_path(weights, &self.place(path)?, fetch).await,
            Weights::Url { address, sha256 } => {
                let plan = address::plan(self.downloads()?, address, sha256, self.limits);
                let key = WeightsKey::digest(sha256);
                self.cached(&key, weights.kind(), fetch, plan, &as_reported).await
            }
        }
    }

    /// Takes weights from the cache, after fetching what is missing.
    async fn cached(
        &self,
        key: &WeightsKey,
        source: &'static str,
        fetch: &Arc<Fetch>,
        plan: impl Future<Output = Result<FetchPlan, WeightsError>> + Send,
        explain: Explain<'_>,
    ) -> Result<ReadyWeights, WeightsError> {
        let store = self.store()?;
        let pin = store.pin(key)?;
        let ready = |path, took_work| {
            let (path, identity) = (Some(path), Some(key.as_str().to_owned()));
            ReadyWeights { path, source, identity, took_work, pin: Some(pin) }
        };
        if let Some((path, was_read)) = store.complete(key, fetch).await? {
            return Ok(ready(path, was_read));
        }
        let turn = store.turn(key, fetch).await?;
        if let Some(path) = store.unchanged(key) {
            return Ok(ready(path, true));
        }
        turn.reopen()?;
        let plan = plan.await?;
        let target = turn.target(plan.size_bytes()).await?;
        let files = self.fetch_files(plan, &target, explain).await?;
        let path = turn.finish(files)?;
        self.refresh().await;
        Ok(ready(path, true))
    }

    /// Fetches all files of a plan: path, digest and size of each.
    async fn fetch_files(
        &self,
        plan: FetchPlan,
        target: &Target<'_>,
        explain: Explain<'_>,
    ) -> Result<Vec<(String, String, u64)>, WeightsError> {
        let FetchPlan { chunked, addressed } = plan;
        chunks::fetch(&chunked, target, self.link.as_ref()).await?;
        let digests = if addressed.is_empty() {
            Vec::new()
        } else {
            remote::fetch(&addressed, target, self.downloads()?, explain).await?
        };
        let chunked = chunked.into_iter().map(|file| (file.path, file.sha256, file.size_bytes));
        let addressed = addressed.into_iter().zip(digests);
        let addressed = addressed.map(|(file, sha256)| (file.path, sha256, file.size_bytes));
        Ok(chunked.chain(addressed).collect())
    }

    /// The manifest of a directory, from the coordinator.
    async fn manifest(&self, sha256: &str) -> Result<Manifest, WeightsError> {
        let mut patience = Patience::new(self.limits);
        loop {
            match self.link.weights_manifest(sha256.to_owned()).await {
                Err(LinkError::Away(_)) if patience.wait(0, None).await => {}
                answer => {
                    let key = WeightsKey::digest(sha256).to_string();
                    return answer.map_err(|error| WeightsError::Link { key, error });
                }
            }
        }
    }

    /// Weights at a path of this machine. Their identity is that of a submitted directory with the same
    /// files.
    async fn at_path(
        &self,
        weights: &Weights,
        path: &Path,
        fetch: &Arc<Fetch>,
    ) -> Result<ReadyWeights, WeightsError> {
        let ready = existing(weights, path)?;
        let place = path.to_owned();
        let digests = Digests::memoised(self.settings.digests.clone());
        let fetch = fetch.clone();
        let read = move || {
            manifest_at(&place, &digests, &|done, total| {
                fetch.progress().reached(Step::Checking, done, total);
            })
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string());
        let local = |reason| WeightsError::Local { path: path.to_owned(), reason };
        let manifest = read.flatten().map_err(local)?;
        let identity = Some(WeightsKey::digest(&manifest.digest()).to_string());
        Ok(ReadyWeights { identity, ..ready })
    }

    /// Weights that this worker has at the path of the submission, with the same content.
    async fn in_place(
        &self,
        weights: &Weights,
        manifest: &str,
        path: &Path,
        fetch: &Arc<Fetch>,
    ) -> Result<ReadyWeights, WeightsError> {
        let ready = existing(weights, path)?;
        let listed = self.manifest(manifest).await?;
        let (place, digests) = (path.to_owned(), Digests::memoised(self.settings.digests.clone()));
        let fetch = fetch.clone();
        let compare = move || {
            // A single file is listed with its name.
            let directory = if place.is_file() { place.parent().unwrap_or(&place) } else { &place };
            let base = base_model::elsewhere(directory);
            let root = Root { directory: directory.to_owned(), base };
            digests.differences(root, &listed, &|done, total| {
                fetch.progress().reached(Step::Checking, done, total);
            })
        };
        let compared = tokio::task::spawn_blocking(compare).await;
        let local = |reason: String| WeightsError::Local { path: path.to_owned(), reason };
        let compared = compared.map_err(|error| local(error.to_string()))?;
        let differences = compared.map_err(|error| local(with_causes(&error)))?;
        if differences.is_empty() {
            return Ok(ReadyWeights {
                identity: Some(WeightsKey::digest(manifest).to_string()),
                ..ready
            });
        }
        let (first, more) =
            (differences.first().cloned().unwrap_or_default(), differences.len() - 1);
        let more =
            if more > 0 { format!(", and {more} further differences") } else { String::new() };
        Err(local(format!("they are not those of the submission: {first}{more}; submit again")))
    }
}

/// The weights of the cache, those of the last use first, and of the model cache.
fn held_now(settings: &CacheSettings) -> HeldWeights {
    // Without a directory there are no weights, and it is created with the first ones.
    let listed = Layout::existing(&settings.directory).map(|layout| layout.stored());
    let mut stored = listed.unwrap_or_else(|| Ok(Vec::new())).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list the cached weights");
        Vec::new()
    });
    let capacity_bytes = settings.capacity(&stored);
    stored.retain(|stored| stored.is_complete);
    stored.sort_by_key(|stored| std::cmp::Reverse(stored.used));
    let own = stored.into_iter().map(|stored| stored.key);
    let keys = own.chain(model_cache::list(&Caches::of_process().models));
    let keys = keys.filter_map(|key| WeightsKey::new(key).ok()).take(MAX_HELD_WEIGHTS).collect();
    HeldWeights { revision: 0, capacity_bytes, keys }
}

/// The words of the server.
fn as_reported(_: &str, error: &DownloadError) -> String {
    error.to_string()
}

/// The manifest of the files at a path that belong to its weights.
fn manifest_at(
    path: &Path,
    digests: &Digests,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Manifest, String> {
    let (root, files) = peek::files_below(path).map_err(|error| error.to_string())?;
    let wanted = Wanted { allow_pickle: true, remote_code: false };
    let read = |name: &str, most: usize| {
        peek::first_bytes(root.place(name).to_str().unwrap_or_default(), most)
    };
    let paths = belonging(&files, wanted, read).map_err(|error| error.message)?;
    digests.manifest(root, &paths, progress).map_err(|error| with_causes(&error))
}

/// Weights at a path of this machine, as they are.
fn existing(weights: &Weights, path: &Path) -> Result<ReadyWeights, WeightsError> {
    let local = |reason: String| WeightsError::Local { path: path.to_owned(), reason };
    path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => local("this worker has nothing at this path".to_owned()),
        _ => local(error.to_string()),
    })?;
    Ok(ReadyWeights { path: Some(path.to_owned()), source: weights.kind(), ..random() })
}

/// The model cache of an attempt with these variables.
fn model_cache_of(variables: &Variables) -> PathBuf {
    Caches::of(&UserContext { get: &in_map(variables), home: &home }).models
}

/// A model in the model cache, or the reason why it is not there.
fn find_in_model_cache(
    model: &str,
    revision: Option<&str>,
    variables: &Variables,
) -> Result<Result<Snapshot, String>, WeightsError> {
    let models = model_cache_of(variables);
    let found = model_cache::find(&models, model, revision);
    let found = found.map_err(|error| WeightsError::Local {
        path: models.clone(),
        reason: format!("the model cache cannot be read: {error}"),
    })?;
    Ok(found.ok_or_else(|| {
        let revision = revision.map(|revision| format!(" at {revision}")).unwrap_or_default();
        format!(
            "the model cache {} of this worker does not have all files of {model}{revision}; \
             download the model there, or let the test use the hub (weights: hub)",
            models.display()
        )
    }))
}

fn of_model_cache(weights: &Weights, model: &str, snapshot: Snapshot) -> ReadyWeights {
    ReadyWeights {
        path: Some(snapshot.directory),
        source: weights.kind(),
        identity: Some(format!("{model}@{}", snapshot.commit)),
        took_work: false,
        pin: None,
    }
}

/// Weights that the script draws.
fn random() -> ReadyWeights {
    ReadyWeights { path: None, source: "random", identity: None, took_work: false, pin: None }
}
