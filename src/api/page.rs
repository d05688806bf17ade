//! Lists in pages. A cursor names the last entry of the previous page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Maximum number of entries of one page.
pub const MAX_PAGE: u32 = 10_000;
/// Number of entries of a page if the request does not specify it.
pub const DEFAULT_PAGE: u32 = 100;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub schema: u32,
    pub items: Vec<T>,
    /// The `cursor` of the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Query of a list without filters. The description of each list specifies the form of its cursor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PageQuery {
    /// `next` of the previous page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Maximum number of entries of the page, 1 to [`MAX_PAGE`]; [`DEFAULT_PAGE`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
