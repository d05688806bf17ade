//! Sessions of browsers: `POST /api/v1/sessions`.

use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A code with which a browser can log in once, at `/login?code=CODE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionCode {
    pub schema: u32,
    pub code: String,
    /// Time for which the code is valid.
    #[schema(value_type = u64)]
    pub valid_ms: Millis,
}
