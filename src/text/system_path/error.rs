//! The reasons why a path cannot be converted.

use super::system::System;

/// Maximum length of a path, in bytes.
pub const MAX_PATH_BYTES: usize = 32 * 1024;

/// The reason why a path cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the path is empty")]
    Empty,
    #[error("the path is too long ({0} bytes, maximum {MAX_PATH_BYTES})")]
    PathTooLong(usize),
    #[error("the path contains a NUL character")]
    Nul,
    #[error("{path:?} depends on the current directory of the drive; write an absolute path")]
    DriveRelative { path: String },
    #[error("{path:?} depends on the current drive; write a path with a drive")]
    RootRelative { path: String },
    #[error("{path:?} is a device, not a file")]
    Device { path: String },
    #[error("{path:?} names a volume, which only Windows knows; write a path with a drive")]
    Volume { path: String },
    #[error("{path:?} has no valid drive: a drive is one letter")]
    InvalidDrive { path: String },
    #[error("{path:?} has no server and share")]
    IncompleteShare { path: String },
    #[error(
        "{root} has no equivalent on {to}; name one with --mount '{example}' (of a worker: --mounts)"
    )]
    NoMapping { root: String, to: System, example: String },
    #[error("{root} belongs to a WSL distribution; name it with --distribution")]
    NoDistribution { root: String },
    #[error("the path belongs to the WSL distribution {other:?}, not to {this:?}")]
    OtherDistribution { other: String, this: String },
    #[error("the name {name:?} contains {character:?}, which {to} does not allow in names")]
    InvalidCharacter { name: String, character: char, to: System },
    #[error("{name:?} names an alternate data stream, which only Windows has")]
    AlternateStream { name: String },
    #[error("the name {name:?} is reserved on Windows for a device")]
    Reserved { name: String },
    #[error("the name {name:?} ends with a dot or space, which Windows removes")]
    TrailingDotOrSpace { name: String },
    #[error("the name {name:?} is too long for {to} (maximum 255)")]
    NameTooLong { name: String, to: System },
    #[error(
        "{path:?} is too long for a relative path on Windows (maximum 259); write an absolute one"
    )]
    RelativeTooLong { path: String },
    #[error("{path:?} leads above its root, where the systems differ")]
    Outside { path: String },
    #[error("{path:?} is not a valid file URI: {reason}")]
    Uri { path: String, reason: &'static str },
}
