//! Where things lie on this platform when nobody says otherwise.

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

/// Directory of data that must last, such as `coordinator` or `local`.
#[must_use]
pub fn data_dir(part: &str) -> PathBuf {
    let base = directories().map(|directories| directories.data_dir().to_owned());
    base.unwrap_or_else(|| PathBuf::from(".dtf")).join(part)
}

/// Directory of what can be made again, such as Python environments.
#[must_use]
pub fn cache_dir(part: &str) -> PathBuf {
    let base = directories().map(|directories| directories.cache_dir().to_owned());
    base.unwrap_or_else(|| PathBuf::from(".dtf/cache")).join(part)
}
