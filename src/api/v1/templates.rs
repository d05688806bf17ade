//! Templates that were added to the coordinator.
//!
//! `POST /api/v1/templates`, `GET /api/v1/templates`, `GET /api/v1/templates/history`. A
//! text itself is a file: `GET /api/v1/blobs/{sha256}`.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Texts to add. All are taken, or none.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddTemplates {
    pub templates: Vec<NewTemplate>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTemplate {
    /// Where it stands, such as `vlm/test.py.j2`.
    #[schema(example = "vlm/test.py.j2")]
    pub path: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedTemplates {
    pub schema: u32,
    pub items: Vec<AddedTemplate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedTemplate {
    pub path: String,
    /// Counts from 1.
    pub version: u32,
    /// False: this is the text that was there already.
    pub new: bool,
}

/// In order of path; a history the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateList {
    pub schema: u32,
    pub items: Vec<TemplateView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    pub path: String,
    pub version: u32,
    /// Of the text.
    pub sha256: String,
    /// Who added it.
    pub user: String,
    #[schema(value_type = u64)]
    pub added_at: Timestamp,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TemplateQuery {
    /// One path; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}
