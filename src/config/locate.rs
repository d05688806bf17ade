//! The default places of files on this platform, and the default name of a worker.

use crate::sys::place::host_name;
use directories::ProjectDirs;
use std::path::PathBuf;

fn directories() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "dtf")
}

/// `config.yaml` in the user's settings directory.
#[must_use]
pub fn settings_file() -> Option<PathBuf> {
    directories().map(|directories| directories.config_dir().join("config.yaml"))
}

/// Directory for data that must be kept, such as `coordinator` or `local`.
#[must_use]
pub fn data_dir(part: &str) -> PathBuf {
    let base = directories().map(|directories| directories.data_dir().to_owned());
    base.unwrap_or_else(|| PathBuf::from(".dtf")).join(part)
}

/// Directory for data that can be made again, such as Python environments.
#[must_use]
pub fn cache_dir(part: &str) -> PathBuf {
    let base = directories().map(|directories| directories.cache_dir().to_owned());
    base.unwrap_or_else(|| PathBuf::from(".dtf/cache")).join(part)
}

/// The host name of this machine, or `worker` when it has none.
#[must_use]
pub fn worker_name() -> String {
    match host_name() {
        name if name.is_empty() => "worker".to_owned(),
        name => name,
    }
}
