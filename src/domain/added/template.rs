//! Templates that were added to a coordinator: versions of texts, by path.
//!
//! This module defines the limits. The meaning of a path and of a text is defined in `templates`.

use crate::domain::access::Subject;
use crate::domain::time::Timestamp;

/// Maximum number of paths with a text.
pub const MAX_TEMPLATES: usize = 500;
/// Maximum number of versions of one path.
pub const MAX_VERSIONS: u32 = 10_000;
/// Maximum length of a path, in bytes.
pub const MAX_PATH_BYTES: usize = 128;

/// The latest version of the text at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedTemplate {
    /// Version number, counted from 1.
    pub version: u32,
    /// SHA-256 of the text, under which it is stored, in lower-case hexadecimal.
    pub sha256: Box<str>,
    pub user: Subject,
    pub at: Timestamp,
}
