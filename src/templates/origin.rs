//! The text of a template, and where it comes from.

use std::borrow::Cow;
use std::fmt;

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    /// Added to a coordinator; versions of a path count from 1.
    Coordinator {
        version: u32,
        author: String,
    },
    /// A directory of the user's, as they named it.
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

/// One text of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub origin: Origin,
    pub text: Cow<'static, str>,
}
