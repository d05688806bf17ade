//! Templates that users added to the coordinator.
//!
//! `POST /api/v1/templates`, `GET /api/v1/templates`, `GET /api/v1/templates/history`. The text of a
//! template is a blob: `GET /api/v1/blobs/{sha256}`.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Templates to add. All of them are added, or none.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddTemplates {
    pub templates: Vec<NewTemplate>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTemplate {
    /// Path of the template, e.g. `vlm/test.py.j2`.
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
    /// Version of the template at this path. Versions count from 1.
    pub version: u32,
    /// Whether the version is new. If not, it already had this text.
    pub new: bool,
}

/// Templates in the order of their paths. In a history, the newest version is the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateList {
    pub schema: u32,
    pub items: Vec<TemplateView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    pub path: String,
    pub version: u32,
    /// SHA-256 of the text.
    pub sha256: String,
    /// The user who added the version.
    pub user: String,
    #[schema(value_type = u64)]
    pub added_at: Timestamp,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TemplateQuery {
    /// The path of a template. If absent, the history has all templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}
