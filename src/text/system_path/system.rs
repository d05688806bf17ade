//! The systems whose paths are known.

use std::fmt;

/// The form of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Windows,
    /// Linux or macOS, without drives.
    Posix,
    /// Linux in the Windows Subsystem for Linux, with drives below `/mnt`.
    Wsl,
    /// MSYS2 and Git for Windows, with drives below `/`.
    Msys,
    /// Cygwin, with drives below `/cygdrive`.
    Cygwin,
}

impl System {
    pub const ALL: [Self; 5] = [Self::Windows, Self::Posix, Self::Wsl, Self::Msys, Self::Cygwin];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Posix => "posix",
            Self::Wsl => "wsl",
            Self::Msys => "msys",
            Self::Cygwin => "cygwin",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Windows => "Windows",
            Self::Posix => "POSIX systems",
            Self::Wsl => "WSL",
            Self::Msys => "MSYS2",
            Self::Cygwin => "Cygwin",
        })
    }
}
