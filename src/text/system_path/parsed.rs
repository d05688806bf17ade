//! A path as its root and its names, independent of the system.

use super::error::PathError;

/// A path that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed {
    pub root: Root,
    /// Names between separators, including `.` and `..`.
    pub names: Vec<String>,
    /// Whether a separator follows the last name.
    pub trailing: bool,
}

/// The beginning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// The current directory.
    Relative,
    /// A drive of Windows, an upper-case letter.
    Drive(char),
    /// A share in the network.
    Share { server: String, share: String },
    /// The root of a POSIX system, or of a WSL distribution with a name.
    Posix { distribution: Option<String> },
}

impl Parsed {
    pub fn new(root: Root, text: &str, separators: &[char]) -> Self {
        let names: Vec<String> =
            text.split(separators).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let trailing = !names.is_empty() && text.ends_with(separators);
        Self { root, names, trailing }
    }

    /// Refuses `..` that lead above a root at which only one of the systems stops.
    pub fn check_inside(&self, path: &str) -> Result<(), PathError> {
        if matches!(self.root, Root::Relative) {
            return Ok(());
        }
        let mut depth = 0_usize;
        for name in &self.names {
            match name.as_str() {
                "." => {}
                ".." => {
                    depth = depth
                        .checked_sub(1)
                        .ok_or_else(|| PathError::Outside { path: path.to_owned() })?;
                }
                _ => depth += 1,
            }
        }
        Ok(())
    }

    /// The names with a separator, and the trailing one.
    pub fn joined(&self, separator: &str) -> String {
        let mut text = self.names.join(separator);
        if self.trailing {
            text.push_str(separator);
        }
        text
    }
}
