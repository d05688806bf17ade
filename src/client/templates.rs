//! Requests for the templates that were added to a coordinator.

use crate::api::v1::templates::{AddTemplates, AddedTemplates, TemplateList, TemplateQuery};
use crate::client::error::ClientError;
use crate::client::http::{Client, NO_QUERY, SendOptions};

impl Client {
    /// Lists the latest version of each template.
    pub async fn templates(&self) -> Result<TemplateList, ClientError> {
        self.get("api/v1/templates", &NO_QUERY).await
    }

    /// Lists every version, the newest first.
    pub async fn template_history(
        &self,
        query: &TemplateQuery,
    ) -> Result<TemplateList, ClientError> {
        self.get("api/v1/templates/history", query).await
    }

    /// Adds all of these templates or none. Repeating the call is harmless.
    ///
    /// # Errors
    /// See [`ClientError`]; `Conflict` if another client has added a template in the meantime.
    pub async fn add_templates(
        &self,
        templates: &AddTemplates,
    ) -> Result<AddedTemplates, ClientError> {
        self.post("api/v1/templates", templates, SendOptions::REPEATABLE).await
    }
}
