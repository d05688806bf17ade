//! The parameters and the result of a conversion.

use super::mount::Mount;
use super::system::System;

/// How paths are converted.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The form of the path; `None` to recognise it.
    pub from: Option<System>,
    pub to: System,
    /// Directories that have other names on the other system. The first match counts.
    pub mounts: Vec<Mount>,
    /// Directory of the drives in WSL, as `/etc/wsl.conf` sets it.
    pub wsl_root: String,
    /// Name of the WSL distribution, for paths such as `\\wsl.localhost\Ubuntu\home`.
    pub distribution: Option<String>,
}

impl Conversion {
    /// A conversion without mounts, with the default directory of drives in WSL.
    #[must_use]
    pub fn to(to: System) -> Self {
        Self { from: None, to, mounts: Vec::new(), wsl_root: "/mnt".into(), distribution: None }
    }
}

/// A converted path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    pub path: String,
    /// A variable or `~` in the path, which only the system that it comes from can expand. The path is
    /// then unchanged.
    pub variable: Option<String>,
}
