//! Templates that were added to the coordinator.

use crate::api::v1::templates::{AddTemplates, AddedTemplates, TemplateList, TemplateQuery};
use crate::client::error::ClientError;
use crate::client::http::{Care, Client};

const NOTHING: [(&str, &str); 0] = [];

impl Client {
    /// The latest version of each.
    pub async fn templates(&self) -> Result<TemplateList, ClientError> {
        self.get("api/v1/templates", &NOTHING).await
    }

    /// Every version, the newest first.
    pub async fn template_history(
        &self,
        query: &TemplateQuery,
    ) -> Result<TemplateList, ClientError> {
        self.get("api/v1/templates/history", query).await
    }

    /// Adds texts, all or none. A repeat is harmless.
    ///
    /// # Errors
    /// See [`ClientError`]; `Conflict` when somebody else added some meanwhile.
    pub async fn add_templates(
        &self,
        templates: &AddTemplates,
    ) -> Result<AddedTemplates, ClientError> {
        self.post("api/v1/templates", templates, Care::REPEATABLE).await
    }
}
