//! Files by the SHA-256 of their content: `PUT|GET|HEAD /api/v1/blobs/{sha256}`.

use crate::api::schema;
use crate::domain::id::RunId;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Query of an upload.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// The run to whose results the file belongs. Its quota counts the file. Absent for the files of a
    /// submission, which count when a run names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<schema::RunId>)]
    pub run: Option<RunId>,
}
