//! The text of a template, and where it comes from.

use std::borrow::Cow;
use std::fmt;

/// The layer that a text belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    /// Templates that were added to a coordinator. The first version of a path is 1.
    Coordinator {
        version: u32,
        author: String,
    },
    /// A directory of the user, by the path that the user gave.
    Directory(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("dtf"),
            Self::Coordinator { version, author } => {
                write!(f, "the coordinator (version {version} by {author})")
            }
            Self::Directory(path) => f.write_str(path),
        }
    }
}

/// A text of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub origin: Origin,
    pub text: Cow<'static, str>,
}
