//! The settings of each role, merged from all sources. Every default is here, once.

use super::declaration::DEFAULT_COORDINATOR;
use super::locate;
use super::resolve::{Origin, Resolver};
use super::value::{List, ListenAddress, Program, Retention, SizeLimit};
use crate::coordinator::{DEFAULT_LOG_RETENTION, MAX_RUN_BYTES, MAX_WEIGHTS_BYTES, StorageLimits};
use crate::domain::tag::Tag;
use crate::domain::time::Millis;
use crate::text::system_path::Mount;
use crate::worker::weights::limit::{CacheLimit, CacheSettings};
use std::path::PathBuf;

/// How a client or worker reaches the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    pub url: String,
    /// Whether the address comes from anything but the default.
    pub is_named: bool,
    pub token_file: Option<PathBuf>,
    pub token_origin: Origin,
}

impl ClientSettings {
    pub fn resolve(
        coordinator: Option<String>,
        token_file: Option<PathBuf>,
        resolver: &mut Resolver<'_>,
    ) -> Self {
        let section = &resolver.file().sections().client;
        let default = || DEFAULT_COORDINATOR.to_owned();
        let url = resolver.value(coordinator, &section.coordinator, default);
        let is_named = resolver.last_origin() != Origin::Default;
        let token_file = resolver.optional(token_file, &section.token_file);
        Self { url, is_named, token_file, token_origin: resolver.last_origin() }
    }
}

/// Directory of the user's own templates, if there is one.
pub fn templates(given: Option<PathBuf>, resolver: &mut Resolver<'_>) -> Option<PathBuf> {
    resolver.optional(given, &resolver.file().sections().client.templates)
}

/// File with the user's own back-ends, if there is one.
pub fn backends(given: Option<PathBuf>, resolver: &mut Resolver<'_>) -> Option<PathBuf> {
    resolver.optional(given, &resolver.file().sections().client.backends)
}

/// Values of flags and variables about the storage of a coordinator.
#[derive(Debug, Clone, Copy, Default)]
pub struct GivenStorage {
    pub max_run_size: Option<SizeLimit>,
    pub max_data_size: Option<SizeLimit>,
    pub max_weights_size: Option<SizeLimit>,
    pub min_free: Option<SizeLimit>,
    pub log_retention: Option<Retention>,
}

impl GivenStorage {
    fn resolve(self, resolver: &mut Resolver<'_>) -> StorageLimits {
        let section = &resolver.file().sections().storage;
        let run = || SizeLimit(Some(MAX_RUN_BYTES));
        let max_run = resolver.value(self.max_run_size, &section.max_run_size, run);
        let max_data =
            resolver.value(self.max_data_size, &section.max_data_size, || SizeLimit(None));
        let weights = || SizeLimit(Some(MAX_WEIGHTS_BYTES));
        let max_weights = resolver.value(self.max_weights_size, &section.max_weights_size, weights);
        let min_free = resolver.optional(self.min_free, &section.min_free);
        let retention = || Retention(Some(DEFAULT_LOG_RETENTION));
        let log_retention = resolver.value(self.log_retention, &section.log_retention, retention).0;
        StorageLimits {
            log_retention,
            max_run_bytes: max_run.0,
            max_data_bytes: max_data.0,
            max_weights_bytes: max_weights.0,
            // No reserve is a reserve of nothing.
            min_free_bytes: min_free.map(|reserve| reserve.0.unwrap_or(0)),
        }
    }
}

/// How a coordinator serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinatorSettings {
    pub listen: ListenAddress,
    pub token_file: Option<PathBuf>,
    pub data_dir: PathBuf,
    pub storage: StorageLimits,
    /// Run suspects again.
    pub confirm_changes: bool,
}

impl CoordinatorSettings {
    pub fn resolve(
        listen: Option<ListenAddress>,
        token_file: Option<PathBuf>,
        data_dir: Option<PathBuf>,
        storage: GivenStorage,
        confirm_changes: Option<bool>,
        resolver: &mut Resolver<'_>,
    ) -> Self {
        let sections = resolver.file().sections();
        let confirm = &sections.coordinator.confirm_changes;
        let confirm_changes = resolver.value(confirm_changes, confirm, || true);
        let listen = resolver.value(listen, &sections.coordinator.listen, ListenAddress::default);
        let token_file = resolver.optional(token_file, &sections.auth.token_file);
        let default = || locate::data_dir("coordinator");
        let data_dir = resolver.value(data_dir, &sections.storage.data_dir, default);
        let storage = storage.resolve(resolver);
        Self { listen, token_file, data_dir, storage, confirm_changes }
    }
}

/// The data of `dtf run`, and of the commands that read its results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    pub data_dir: PathBuf,
    /// Whether the directory comes from anything but the default.
    pub is_named: bool,
}

impl LocalSettings {
    pub fn resolve(data_dir: Option<PathBuf>, resolver: &mut Resolver<'_>) -> Self {
        let entry = &resolver.file().sections().storage.data_dir;
        let data_dir = resolver.value(data_dir, entry, || locate::data_dir("local"));
        Self { data_dir, is_named: resolver.last_origin() != Origin::Default }
    }
}

/// Values of flags and variables about the machine.
#[derive(Debug, Clone, Default)]
pub struct GivenMachine {
    pub slots: Option<u32>,
    pub tags: Option<List<Tag>>,
    pub allow_remote_code: Option<bool>,
    pub environments_dir: Option<PathBuf>,
    pub weights_dir: Option<PathBuf>,
    pub weights_cache_size: Option<SizeLimit>,
    pub python: Option<Program>,
    pub system_packages: Option<bool>,
    pub torch_backend: Option<String>,
    pub offline: Option<bool>,
    pub pass_env: Option<List<String>>,
    pub mounts: Option<List<Mount>>,
}

/// How this machine runs tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSettings {
    pub slots: Option<u32>,
    /// With [`Tag::remote_code`] if code of models may run here.
    pub tags: Vec<Tag>,
    pub environments_dir: PathBuf,
    pub weights: CacheSettings,
    pub python: Option<PathBuf>,
    pub system_packages: bool,
    pub torch_backend: Option<String>,
    pub offline: bool,
    pub pass_env: Vec<String>,
    /// Directories that other systems name differently.
    pub mounts: Vec<Mount>,
}

impl MachineSettings {
    pub fn resolve(given: GivenMachine, resolver: &mut Resolver<'_>) -> Self {
        let section = &resolver.file().sections().worker;
        let mut tags = resolver.value(given.tags, &section.tags, List::default).0;
        let code =
            resolver.value(given.allow_remote_code, &section.allow_remote_code, bool::default);
        tags.extend(code.then(Tag::remote_code));
        Self {
            slots: resolver.optional(given.slots, &section.slots),
            tags,
            environments_dir: resolver.value(
                given.environments_dir,
                &section.environments_dir,
                || locate::cache_dir("environments"),
            ),
            weights: CacheSettings {
                directory: weights_dir(given.weights_dir, resolver),
                digests: locate::cache_dir("digests"),
                limit: resolver
                    .optional(given.weights_cache_size, &section.weights_cache_size)
                    .map_or(CacheLimit::HalfOfDisk, |limit| CacheLimit::of(limit.0)),
            },
            python: python(given.python, resolver),
            system_packages: resolver.value(
                given.system_packages,
                &section.system_packages,
                bool::default,
            ),
            torch_backend: resolver.optional(given.torch_backend, &section.torch_backend),
            offline: offline(given.offline, resolver),
            pass_env: resolver.value(given.pass_env, &section.pass_env, List::default).0,
            mounts: resolver.value(given.mounts, &section.mounts, List::default).0,
        }
    }
}

/// The directory of fetched weights.
pub fn weights_dir(given: Option<PathBuf>, resolver: &mut Resolver<'_>) -> PathBuf {
    let entry = &resolver.file().sections().worker.weights_dir;
    resolver.value(given, entry, || locate::cache_dir("weights"))
}

/// The interpreter to build environments with, if a certain one is set.
pub fn python(given: Option<Program>, resolver: &mut Resolver<'_>) -> Option<PathBuf> {
    let entry = &resolver.file().sections().worker.python;
    resolver.optional(given, entry).map(|program| program.0)
}

/// Whether nothing may be asked of the package index and the model hub.
pub fn offline(given: Option<bool>, resolver: &mut Resolver<'_>) -> bool {
    resolver.value(given, &resolver.file().sections().worker.offline, bool::default)
}

/// How a worker presents itself, besides its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSettings {
    pub name: String,
    pub work_dir: PathBuf,
    pub idle_timeout: Option<Millis>,
}

impl WorkerSettings {
    pub fn resolve(
        name: Option<String>,
        work_dir: Option<PathBuf>,
        idle_timeout: Option<Millis>,
        resolver: &mut Resolver<'_>,
    ) -> Self {
        let section = &resolver.file().sections().worker;
        let name = resolver.value(name, &section.name, locate::worker_name);
        let work_dir = resolver.value(work_dir, &section.work_dir, || locate::data_dir("worker"));
        let idle_timeout = resolver.optional(idle_timeout, &section.idle_timeout);
        Self { name, work_dir, idle_timeout }
    }
}
