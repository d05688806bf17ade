//! Lists in pages: a cursor names the last entry that the client has seen.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most entries of one page.
pub const MAX_PAGE: u32 = 10_000;
/// Entries of a page when the client does not say.
pub const DEFAULT_PAGE: u32 = 100;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub schema: u32,
    pub items: Vec<T>,
    /// Pass as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Query of a list without filters. The description of each list says what its cursor is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PageQuery {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries of a page, 1 to [`MAX_PAGE`]; [`DEFAULT_PAGE`] when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
