//! The operating system of a host.

use super::root::Root;

/// A file of every macOS.
const MACOS_MARK: &str = "/System/Library/CoreServices/SystemVersion.plist";
/// A directory of every Windows.
const WINDOWS_MARK: &str = "/Windows/System32";

/// The operating system of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Linux,
    MacOs,
    Windows,
}

impl System {
    /// The name in a capability.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::MacOs => "macos",
            Self::Windows => "windows",
        }
    }

    pub(super) fn own() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }

    /// The system whose files are in a directory.
    pub(super) fn recorded(root: &Root) -> Self {
        if root.resolve(MACOS_MARK).is_ok() {
            Self::MacOs
        } else if root.resolve(WINDOWS_MARK).is_ok() {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}
