//! Templates that were added to a coordinator: versions of texts by path.
//!
//! What a path or a text means is not known here; limits are.

use crate::domain::access::Subject;
use crate::domain::time::Timestamp;

/// Most paths that have a text.
pub const MAX_TEMPLATES: usize = 500;
/// Most versions of one path.
pub const MAX_VERSIONS: u32 = 10_000;
/// Longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 128;

/// The latest text of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedTemplate {
    /// Counts from 1.
    pub version: u32,
    /// Digest of the text, by which it is stored; lower-case hexadecimal.
    pub sha256: Box<str>,
    pub user: Subject,
    pub at: Timestamp,
}
